#!/usr/bin/env bash
# test_get.sh: sley-fetch get: lists, names, duplicates, checksums, reports, what it prints.
source "$(dirname "${BASH_SOURCE[0]}")/_get.sh"
start_range_server

test_arguments()
{
    get -o plain "$server/good:0:a/1-1000.bin" "$server/good:0:a/2-100000.bin" "$server/good:0:a/3-0.bin"
    expect_get 0 3 0 0
    expect_names plain 1-1000.bin 2-100000.bin 3-0.bin
    expect_body plain/1-1000.bin 1 1000
    expect_body plain/2-100000.bin 2 100000
    [[ ! -s plain/3-0.bin ]] || fail "an empty file is not empty"
    grep -qx '1-1000.bin  1000 bytes' out || fail "no line for a file"
    get -o plain -q "$server/good:0:a/1-1000.bin"
    expect_status 0
    [[ ! -s out && ! -s err ]] || fail "--quiet speaks"
    get -o given -O sub/name "$server/good:0:a/1-1000.bin"
    expect_get 0 1 0 0
    expect_body given/sub/name 1 1000
    get -o given -O sub/deep/er "$server/good:0:a/1-100000.bin"
    expect_get 0 1 0 0
    expect_body given/sub/deep/er 1 100000
}

test_lists()
{
    cat >list <<END
# a remark

$server/good:0:b/1-10
$server/good:0:b/2-10 two
  $server/good:0:b/3-10	three sha256:$(sum sha256 3 10)
$server/good:0:b/4-70000 sha1:$(sum sha1 4 70000)
$server/good:0:b/1-10#part
$server/good:0:b/5-10 dir/five MD5:$(sum md5 5 10 | tr a-f A-F)
END
    get -o list-out -i list
    expect_get 0 5 0 0
    expect_names list-out 1-10 two three 4-70000 dir/five
    grep -qx '1 named more than once' out || fail "the duplicate is not told"
    (($(requests /good:0:b/1-10 | wc -l) == 1)) || fail "fetched twice"
    expect_body list-out/dir/five 5 10
    expect_body list-out/4-70000 4 70000
    get -o list-in -i - <list
    expect_get 0 5 0 0
    get -i - </dev/null
    expect_get 0 0 0 0
}

# Nothing is fetched when something is wrong with the command line.
expect_refused() # PATTERN ARGUMENT...
{
    local pattern=$1
    shift
    get -o refused "$@"
    expect_status 2
    grep -Eq -e "$pattern" err || fail "does not say $pattern"
    [[ ! -e refused ]] || fail "has begun all the same"
}

# A line of a list that is wrong costs that line.
expect_wrong_line() # PATTERN DOWNLOADED
{
    get -o wrong -i -
    expect_get 2 $2 0 0
    grep -Eq -e "$1" err || fail "does not say $1"
    grep -qx '1 line refused' out || fail "does not count the line"
}

test_refusals()
{
    local name
    expect_refused 'same name' "$server/good:0:c/1-10" "$server/good:0:d/1-10"
    expect_refused 'which URLs'
    expect_refused 'not an http' ftp://127.0.0.1/x
    expect_refused 'not an http' http:///x
    expect_wrong_line 'line 2: .*two names' 1 <<<"$server/good:0:c/1-10 a"$'\n'"$server/good:0:c/1-10 b"
    expect_wrong_line 'line 2: .*not a checksum' 1 <<<"$server/good:0:c/2-10"$'\n'"$server/y name sha256:12"
    expect_wrong_line 'line 1: .*more than' 0 <<<"$server/x a sha1:0 b"
    expect_refused 'cannot read' -i /no/such/list
    expect_refused 'for one URL' -O x "$server/a" "$server/b"
    for name in ../x /x a/../x a//x . .. a/ x.sley-part "$(printf 'x%.0s' {1..300})"; do
        expect_refused 'the name' -O "$name" "$server/good:0:c/1-10"
    done
    expect_refused "--limit-rate: '1X'" -l 1X "$server/x"
    expect_refused "--header: 'x'" -H x "$server/x"
    expect_refused "--http: '3'" --http 3 "$server/x"
    expect_refused "--report-format: 'xml'" --report-format xml "$server/x"
    echo nonsense >nonsense
    for name in /no/such/file nonsense; do # with http alone, too
        expect_refused "$name: ?(no such file|.*certificate)" --ca-file $name "$server/x"
        expect_refused "certificate $name" --certificate $name "$server/x"
    done
    expect_refused '--key is for' --key nonsense "$server/x"
}

test_names()
{
    get -o names -u "$server/good:0:e/1-10" "$server/good:0:f/1-10" "$server/good:0:g/1-10" \
        "$server/good:0:e/1-10.a%2fb" "$server/good:0:e/1-10.x?q=/../a%00b" "$server/good:0:e/%2e%2e%2f1-10"
    expect_get 0 6 0 0
    expect_names names 1-10 1-10-2 1-10-3 1-10.a_b '1-10.x@q=_.._a_b' _._1-10
}

test_checksums()
{
    get -o sums -c "sha256:$(sum sha256 1 10)" "$server/good:0:h/1-10"
    expect_get 0 1 0 0
    echo old >sums/1-10
    echo old >sums/1-90000
    for size in 10 90000; do
        get -o sums -c "sha256:$(sum sha256 2 10)" "$server/good:0:h/1-$size"
        expect_get 1 0 0 1
        grep -q 'the sha256 checksum is wrong' err || fail "no reason"
        [[ $(cat sums/1-$size) == old ]] || fail "the old file is gone"
        expect_names sums 1-10 1-90000
        (($(requests /good:0:h/1-$size | tail -n +1 | wc -l) <= 3)) || fail "it does not give up"
    done
    get -o sums -c "sha512:$(sum sha512 1 90000)" "$server/good:0:h/1-90000"
    expect_get 0 1 0 0
    expect_body sums/1-90000 1 90000
}

test_reports()
{
    local files=("$server/good:0:i/1-10" "$server/missing:9:i/2-10.a,\"b" "$server/busy:1:i/3-10")
    get -o report -R all.json --json "${files[@]}"
    expect_status 1
    python3 - <<'END' || fail "the reports"
import json
results = {row["file"]: row for row in json.load(open("all.json"))}
lines = {row["file"]: row for row in map(json.loads, open("out"))}
assert results == lines, (results, lines)
assert results["1-10"]["result"] == "done" and results["1-10"]["bytes"] == 10
bad = results['2-10.a,"b']
assert bad["result"] == "failed" and bad["status"] == 404 and bad["error"] == "HTTP 404 Not Found", bad
assert results["3-10"]["attempts"] == 2, results
END
    get -o report -R all.csv "${files[@]}"
    expect_get 1 2 0 1
    python3 - <<'END' || fail "the table"
import csv
rows = list(csv.DictReader(open("all.csv", newline="")))
assert [row["result"] for row in rows] == ["done", "failed", "done"], rows
assert rows[1]["file"] == '2-10.a,"b' and rows[1]["error"] == "HTTP 404 Not Found", rows
END
    get -o report -R all.txt --report-format csv "${files[0]}"
    grep -q '^url,file,' all.txt || fail "--report-format"
    get -o report -R /no/such/report "${files[0]}"
    expect_status 1
    grep -q 'cannot save the report' err || fail "no word about the report"
}

test_options()
{
    get -o options -H 'X-One: 1' -H 'X-Two: 2' -A me/1 "$server/echo:0:j/1-0"
    expect_get 0 1 0 0
    grep -q '^X-One: 1' options/1-0 && grep -q '^X-Two: 2' options/1-0 || fail "the headers"
    grep -q '^User-Agent: me/1' options/1-0 || fail "the user agent"
    get -o options "$server/redirect:0:j/2-10"
    expect_get 0 1 0 0
    expect_body options/2-10 2 10
    get -o options --max-redirects 0 "$server/redirect:0:j/3-10"
    expect_get 1 0 0 1
    get -o options --compressed "$server/packed:0:j/4-100000"
    expect_get 0 1 0 0
    expect_body options/4-100000 4 100000
    get -o options --max-size 1K "$server/good:0:j/5-1024" "$server/good:0:j/6-1025" "$server/chunked:0:j/7-1025"
    expect_get 1 1 0 2
    grep -q 'the file has 1025 bytes, --max-size allows 1024$' err || fail "no word of --max-size"
    grep -q 'the file has more than the 1024 bytes of --max-size$' err || fail "no word of --max-size"
    echo old >options/8-10
    get -o options -n "$server/good:0:j/8-10" "$server/good:0:j/9-10"
    expect_get 0 1 1 0
    [[ $(cat options/8-10) == old ]] || fail "--skip-existing"
    get -o options --sync "$server/good:0:j/8-10" "$server/good:0:j/9-90000"
    expect_get 0 2 0 0
    get -o options -l 1M "$server/good:0:j/10-90000" # 90 ms
    expect_get 0 1 0 0
    get -o options -r 0 --timeout 50ms "$server/stall:1:j/11-90000"
    expect_get 1 0 0 1
    get -o options -r 0 --idle-timeout 50ms "$server/stall:1:j/12-90000"
    expect_get 1 0 0 1
}

# On a terminal: a bar that is never wider than the screen, failures above it, the summary below.
test_terminal()
{
    printf '%s\n' "$server/missing:1:k/1-10" "$server/good:0:k/"{2..40}-10 >list
    python3 - "$fetch" <<'END' || fail "on a terminal"
import fcntl, os, pty, re, struct, subprocess, sys, termios
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
child = subprocess.Popen([sys.argv[1], "get", "--no-proxy", "-i", "list", "-o", "terminal"],
                         stdin=slave, stdout=slave, stderr=subprocess.PIPE,
                         env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"})
os.close(slave)
shown = b""
try:
    while piece := os.read(master, 65536):
        shown += piece
except OSError:
    pass
assert child.wait() == 1, child.returncode
text = shown.decode()
drawn = [part for part in re.split(r"[\r\n]+(?:\x1b\[K)?", text) if "/40 " in part]
assert drawn and max(map(len, drawn)) < 60, drawn
assert " 40/40 " in drawn[-1] and "100 %" in drawn[-1], drawn[-1]
assert text.count("1-10  failed: HTTP 404 Not Found") == 1 and "2-10  10 bytes" not in text, text
assert re.search(r"39 downloaded, 0 kept, 1 failed, .*\r\n$", text), text
END
}

test_arguments
test_lists
test_refusals
test_names
test_checksums
test_reports
test_options
test_terminal
