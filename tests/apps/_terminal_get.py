"""_terminal_get.py FETCH URL: "sley-fetch get" on a terminal.

URL is that of _range_server.py: seven files stall in the middle, so what is under way stays on the
screen for as long as the test wants to look; then Ctrl-C is typed.
"""
import re
import sys
import unicodedata

import _terminal
from _terminal import screen

SERVER = sys.argv[2]
STALLED = r"  50 %      0\.1 MiB  (.+)"
FIVE = rb"(  50 %[^\r\n]*\r\n){5} *2/9 "


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def run(directory, names, when, good=2, **how):
    """`good` files that come, and one that stalls for each name."""
    with open("terminal-list", "w", encoding="utf-8") as out:
        for n in range(good):
            out.write(f"{SERVER}/good:0:{directory}/{n}-1000\n")
        for n, name in enumerate(names):
            out.write(f"{SERVER}/stall:1:{directory}/s{n}-200000 {name}\n")
    text, errors, status = _terminal.run(
        ["--no-proxy", "-r", "0", "-o", directory, "-i", "terminal-list"],
        command="get", typed=b"\x03", when=when, **how)
    assert status == 130 and errors == "", (status, errors, text)
    return text.replace("^C", "")


def drawn(text):
    """The lines of each drawing."""
    return [part.split("\r\n") for part in re.split(r"\r\x1b\[K|\r\x1b\[\d+A\x1b\[J", text)]


def test_details():
    text = run("many", [f"file-{n}" for n in range(7)], FIVE)
    assert max(len(lines) for lines in drawn(text)[:-1]) == 6, "more than five and the bar"
    five = [re.fullmatch(STALLED, line) for lines in drawn(text) for line in lines[:5]]
    names = [line.group(1) for line in five if line][-5:]
    assert len(set(names)) == 5 and set(names) < {f"file-{n}" for n in range(7)}, names
    lines = screen(text)
    assert not any(re.fullmatch(STALLED, line) for line in lines), lines
    assert re.match(r" +2/9 ", lines[0]) and lines[1] == "7 unfinished", lines
    assert lines[-1].startswith("2 downloaded, 0 kept, 0 failed, 2000 bytes in "), lines


def test_bar_counts_them():
    """Of 4 files 2 are there and 2 half: that is three quarters."""
    run("parts", ["a", "b"], rb" 2/4 [^\r\n]* 75 % ")


def test_narrow():
    names = ["\u00fc" * 60, "\u8a9e" * 40, *(f"{n}" + "x" * 80 for n in range(5))]
    for columns in (40, 41):
        text = run(f"narrow{columns}", names, FIVE, columns=columns)
        for lines in drawn(text)[:-1]:
            assert max(width(line) for line in lines) < columns, lines


def test_low():
    text = run("low", list("abcdefg"), rb"(  50 %[^\r\n]*\r\n){2} *2/9 ", rows=4)
    assert max(len(lines) for lines in drawn(text)[:-1]) == 3


def test_ascii():
    text = run("ascii", ["\u00fc"], rb"50 %[^\r\n]*\?\?\r\n", LC_ALL="C")
    assert text.isascii(), text


def test_lines_above():
    """What is said while something is under way stands above, and stays."""
    with open("above-list", "w", encoding="utf-8") as out:
        out.write(f"{SERVER}/stall:1:above/1-200000\n{SERVER}/busy:1:above/2-10\n{SERVER}/missing:9:above/3-10\n")
    text, _, status = _terminal.run(
        ["--no-proxy", "-r", "0", "-o", "above", "-i", "above-list"], command="get", typed=b"\x03",
        when=rb"50 %[^\r\n]*1-200000\r\n *2/3 ")
    assert status == 130, (status, text)
    lines = screen(text.replace("^C", ""))
    assert set(lines[:2]) == {"2-10  failed: HTTP 429 Too Many Requests", "3-10  failed: HTTP 404 Not Found"}, lines
    assert re.match(r" +2/3 ", lines[2]) and lines[3] == "1 unfinished", lines


test_details()
test_bar_counts_them()
test_narrow()
test_low()
test_ascii()
test_lines_above()
