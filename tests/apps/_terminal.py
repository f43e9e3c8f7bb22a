"""_terminal.py FETCH [URL]: sley-fetch on a terminal.

Runs it on a pseudo-terminal, keeps every byte, and plays them on a small screen: enough of a terminal
to know carriage return, newline, "erase to the end of the line", "so many lines up" and "erase what is
below", which is all that may come.
With a URL, of a server that answers five flags and then nothing, it tests Ctrl-C, typed.
"""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

FETCH = sys.argv[1]
SUMMARY = r"(\d+) downloaded, (\d+) not found, (\d+) failed, \d+ bytes in \d+\.\d\d s"


def screen(text):
    """The lines that are left to see."""
    lines, row, column = [""], 0, 0
    for part in re.split(r"(\r\n|\r|\n|\x1b\[K|\x1b\[\d+A|\x1b\[J)", text):
        if part == "\r":
            column = 0
        elif part in ("\n", "\r\n"):
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part in ("\x1b[K", "\x1b[J"):
            lines[row] = lines[row][:column]
            if part == "\x1b[J":
                del lines[row + 1:]
        elif part.startswith("\x1b["):
            row -= int(part[2:-1])
            assert row >= 0, "above the screen"
        else:
            assert part.isprintable(), f"unknown sequence in {part!r}"
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part):]
            column += len(part)
    assert lines[-1] == "" and row == len(lines) - 1, f"no newline at the end: {lines[-1]!r}"
    return [line.rstrip() for line in lines[:-1]]


def run(arguments, columns=80, typed=None, when=None, command="flags", rows=24, **environment):
    """Returns the bytes shown, the standard error and the exit status. Once `when` has been shown,
    `typed` is typed."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def own_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    child = subprocess.Popen(
        [FETCH, command, *arguments], stdin=slave, stdout=slave, stderr=subprocess.PIPE,
        preexec_fn=own_terminal,
        env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
        if typed and re.search(when, shown):
            os.write(master, typed)
            typed = None
    errors = re.sub("^sley: hostile build, .*\n", "", child.stderr.read().decode(), flags=re.M)
    os.close(master)
    return shown.decode(), errors, child.wait()


def test_bar():
    text, errors, status = run(["--all", "-o", "bar"])
    assert status == 0 and errors == "", (status, errors)
    lines = screen(text)
    count = int(re.fullmatch(SUMMARY, lines[-1]).group(1))
    assert count > 200, lines
    assert len(lines) == 5, lines
    assert re.fullmatch(rf" *{count}/{count} \u2501+ 100 % [A-Z][A-Z]", lines[3]), lines[3]
    steps = [int(n) for n in re.findall(rf"(\d+)/{count} ", text)]
    assert steps[0] == 0 and steps[-1] == count and len(set(steps)) > 5, steps
    assert steps == sorted(steps), "the bar goes back"


def test_widths():
    for columns in (200, 80, 31, 30, 29, 10):
        text, _, status = run(["-o", "width"], columns=columns)
        assert status == 0
        drawn = [line for line in re.split(r"\r|\n", text) if "/20 " in line]
        assert drawn and max(len(line.replace("\x1b[K", "")) for line in drawn) < columns, columns


def test_ascii():
    text, _, status = run(["-o", "ascii"], LC_ALL="C")
    assert status == 0 and text.isascii() and "####" in text, text


def test_dumb():
    text, _, status = run(["-o", "dumb"], TERM="dumb")
    assert status == 0 and "\x1b" not in text, text
    assert len(screen(text)) == 24, text


def test_lines_above():
    """A code that was asked for by name and is not there has its line; --verbose shows all."""
    text, _, status = run(["-o", "above", "BR", "ZZ", "Q"])
    lines = screen(text)
    assert status == 0 and "ZZ  not found" in lines and "BR  BR.gif" not in lines, lines
    assert "QB  not found" not in lines, lines
    assert re.fullmatch(SUMMARY, lines[-1]) and "/28 " in lines[-2], lines
    text, _, status = run(["-o", "above", "-v", "BR", "ZZ"])
    lines = screen(text)
    assert len(lines) == 7 and re.fullmatch(r"BR  BR\.gif, \d+ bytes, [\d.]+ ms", min(lines[3:5])), lines


def test_ctrl_c(url):
    text, errors, status = run(["--server", url, "-o", "typed"], typed=b"\x03", when=rb" 5/20 ")
    assert status == 130 and errors == "", (status, errors)
    lines = screen(text.replace("^C", ""))
    assert re.fullmatch(SUMMARY, lines[-1]).groups() == ("5", "0", "0"), lines
    assert re.match(r" +5/20 ", lines[-2]), lines
    assert len(os.listdir("typed")) == 5, os.listdir("typed")



if __name__ != "__main__":
    pass  # its functions are what is wanted
elif len(sys.argv) > 2:
    test_ctrl_c(sys.argv[2])
else:
    test_bar()
    test_widths()
    test_ascii()
    test_dumb()
    test_lines_above()
