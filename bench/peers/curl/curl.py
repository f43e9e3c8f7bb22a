#!/usr/bin/python3
"""The row `http_client` by the program curl: `curl --parallel --parallel-max 64`.

The files go to /dev/null, and curl tells of each how large it was. The start of the program, of
which there is one per run, is counted: it is a thousandth of it.
"""
import resource
import subprocess
import sys
import time

import load


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    _, workers, quick = load.parse("curl", ["http_client"], sys.argv[1:])
    if workers != 1:
        print("curl: the program has one thread", file=sys.stderr)
        return load.DECLINED
    count = 2000 if quick else 20000
    server, port = load.start_files()
    begin, before = time.monotonic(), cpu()
    done = subprocess.run(
        ["curl", "-q", "--silent", "--show-error", "--fail", "--noproxy", "*", "--parallel",
         "--parallel-max", "64", "--output", "/dev/null", "--write-out", "%{size_download}\n",
         f"http://127.0.0.1:{port}/[1-{count}]"], stdout=subprocess.PIPE, text=True, check=False)
    wall, used = time.monotonic() - begin, cpu() - before
    server.stdin.close()
    server.wait()
    if done.returncode != 0:
        return 1
    print(f"ns_per_file {wall * 1e9 / count:.9g}")
    print(f"us_cpu_per_file {used * 1e6 / count:.9g}")
    print(f"check {done.stdout.split().count('5000')}")
    return 0


sys.exit(main())
