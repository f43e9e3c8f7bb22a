import os
import tempfile
import unittest

import fakes
import programs

GOOD = "#!/bin/sh\nprintf 'switch\\nwake\\n'\n"
BUILD = """#!/bin/sh
echo again >>"$1/builds"
printf '%s' "$PROGRAM" >"$1/fake" && chmod +x "$1/fake" && echo compiling && echo fake 1.2
"""


class Peers(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.peers = os.path.join(self.scratch.name, "peers")
        self.out = os.path.join(self.scratch.name, "out")
        self.told = []
        os.environ["PROGRAM"] = GOOD
        self.addCleanup(os.environ.pop, "PROGRAM")

    def make(self, build=BUILD, text="about: a fake\npackages:\nlink: as it comes\n", name="fake"):
        fakes.write_program(os.path.join(self.peers, name, "build"), build)
        with open(os.path.join(self.peers, name, "peer.txt"), "w", encoding="utf-8") as file:
            file.write(text)

    def open(self, name="fake"):
        return programs.open_peer(name, os.path.join(self.peers, name), self.out, False,
                                  self.told.append)

    def builds(self):
        with open(os.path.join(self.out, "fake", "builds"), encoding="utf-8") as file:
            return len(file.readlines())

    def test_found_by_their_description(self):
        self.make()
        os.makedirs(os.path.join(self.peers, "common"))
        self.assertEqual(programs.find_peers(self.peers), ["fake"])
        self.assertEqual(programs.find_peers(self.peers + "/nowhere"), [])

    def test_opened(self):
        self.make()
        peer = self.open()
        self.assertEqual((peer.version, peer.about, peer.link),
                         ("fake 1.2", "a fake", "as it comes"))
        self.assertEqual(set(peer.offers), {"switch", "wake"})
        self.assertEqual(peer.command("wake", 2, True)[1:], ["wake", "--workers", "2", "--quick"])

    def test_built_again_only_when_something_has_changed(self):
        self.make()
        self.open()
        self.assertEqual(self.open().version, "fake 1.2")
        self.assertEqual(self.builds(), 1)
        self.make(build=BUILD + "# changed\n")
        self.open()
        self.assertEqual(self.builds(), 2)
        fakes.write_program(os.path.join(self.peers, "common", "shared.c"), "int x;\n")
        self.open()
        self.assertEqual(self.builds(), 3)
        os.unlink(os.path.join(self.out, "fake", "fake"))
        self.open()
        self.assertEqual(self.builds(), 4)

    def test_missing(self):
        self.make(build="#!/bin/sh\necho 'there is no go' >&2\nexit 3\n")
        with self.assertRaisesRegex(programs.Missing, "^there is no go$"):
            self.open()

    def test_packages(self):
        self.make(text="packages: no-such-package-of-anybody\n")
        if programs.installed_versions(["dpkg"]) is None:
            self.skipTest("no dpkg")
        with self.assertRaisesRegex(programs.Missing, "no-such-package-of-anybody"):
            self.open()

    def test_broken(self):
        for build, about in (("#!/bin/sh\necho no >&2; exit 1\n",
                              "does not build: exit status 1: no"),
                             ("#!/bin/sh\necho fake 1\n", "left no program"),
                             (BUILD.replace("echo compiling && echo fake 1.2", "echo"),
                              "does not print a version"),
                             ("not a script\n", "does not build")):
            self.make(build=build)
            with self.assertRaisesRegex((programs.Broken, OSError), about):
                self.open()

    def test_a_list_that_is_none(self):
        os.environ["PROGRAM"] = "#!/bin/sh\nexit 0\n"
        self.make()
        with self.assertRaisesRegex(programs.Broken, "list"):
            self.open()


if __name__ == "__main__":
    unittest.main()
