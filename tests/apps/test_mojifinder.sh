#!/usr/bin/env bash
# test_mojifinder.sh: the character finder, as its users use it: on the command line, by curl, by a
# plain TCP client and, where there is Chromium, in a browser.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
moji=${SLEY_MOJIFINDER:-${SLEY_BIN:+$SLEY_BIN/sley-mojifinder}}
: "${moji:?set SLEY_MOJIFINDER or SLEY_BIN}"

refused() # STATUS WHAT IT MUST SAY, ARGUMENT...
{
    local expected=$1 text=$2
    shift 2
    status=0
    "$moji" "$@" >out 2>err || status=$?
    expect_status "$expected"
    [[ ! -s out ]] || fail "'$*' prints"
    set_seed_aside
    (($(wc -l <err) == 1)) || fail "'$*': not one line"
    grep -qF -- "$text" err || fail "'$*': no word of '$text'"
}

test_command_line()
{
    "$moji" find registered sign >out || fail "find"
    [[ $(head -n 1 out) == $'U+00AE\t\xc2\xae\tREGISTERED SIGN' ]] || fail "find registered sign"
    status=0
    "$moji" find no-such-words >out || status=$?
    expect_status 1
    [[ ! -s out ]] || fail "it finds what is not there"
    refused 2 "tcp, web or find"
    refused 2 "'ftp'" ftp
    refused 2 "what is to be found" find
    refused 2 "control characters" find $'a\x1bb'
    refused 2 "255" find "$(printf 'a%.0s' {1..256})"
    refused 2 "Words go behind find" web cat
    refused 2 "--port" web --port 65536
    refused 2 "--idle" tcp --idle 0
    for command in web tcp; do
        refused 2 "'localhost' is not a numeric address" $command -a localhost
    done
    refused 1 "cannot listen" web --address 192.0.2.1
    status=0
    "$moji" find digit >/dev/full 2>err || status=$?
    expect_status 1
}

status_of() # URL CURL-ARGUMENT...
{
    curl -s -o body -w '%{http_code}' "$@"
}

test_web()
{
    start "$moji" web --port 0
    [[ $(status_of "${server}search?q=cat+face") == 200 ]] || fail "search"
    python3 - <<'PY' || fail "the answer"
import json
cats = json.load(open("body"))
assert all(set(c) == {"char", "name"} for c in cats), cats
assert {"char": "\N{SMILING CAT FACE WITH OPEN MOUTH}", "name": "SMILING CAT FACE WITH OPEN MOUTH"} in cats
assert [c["char"] for c in cats] == sorted(c["char"] for c in cats)
assert all("CAT" in c["name"].split() and "FACE" in c["name"].split() for c in cats)
PY
    status_of "${server}search?q=mark+quotation" >/dev/null
    python3 -c 'import json; assert any(c["char"] == "\"" for c in json.load(open("body")))' || fail "quotes"
    [[ $(status_of "${server}search?q=") == 200 && $(cat body) == "[]" ]] || fail "nothing asked"
    [[ $(status_of "${server}search?q=zzzz") == 200 && $(cat body) == "[]" ]] || fail "nothing found"
    [[ $(status_of "${server}search") == 400 ]] || fail "no query"
    [[ $(status_of "${server}search?q=%1b") == 400 ]] || fail "a control character"
    [[ $(status_of "${server}search?q=%ff") == 400 ]] || fail "not UTF-8"
    [[ $(status_of "${server}search?q=$(printf 'a%.0s' {1..256})") == 400 ]] || fail "a long query"
    [[ $(status_of "${server}nothing") == 404 ]] || fail "404"
    [[ $(status_of -X DELETE "$server") == 405 ]] || fail "405"
    [[ $(status_of "$server") == 200 ]] || fail "the page"
    cmp -s body "$SLEY_SOURCE_DIR/apps/mojifinder.html" || fail "another page"
    test_browser
    kill -INT $pid
    wait $pid || fail "it does not stop cleanly"
}

# The page searches as one types; Chromium shows what it has made of the page.
test_browser()
{
    command -v chromium >/dev/null || {
        echo "$name: no Chromium: the page was not tried in a browser" >&2
        return 0
    }
    chromium --headless --no-sandbox --disable-gpu --virtual-time-budget=5000 --user-data-dir="$PWD/profile" \
        --dump-dom "${server}?q=cat+face" >dom 2>/dev/null || fail "Chromium"
    grep -q '<td class="name">SMILING CAT FACE WITH OPEN MOUTH</td>' dom || fail "the page found no cat"
    grep -qE 'role="status"[^>]*>[0-9]+ found<' dom || fail "the page does not count"
}

# A session over plain TCP: sends what is in the first file, writes what comes to `session`.
talk() # FILE
{
    python3 - "$address" "$port" "$1" <<'PY'
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(open(sys.argv[3], "rb").read())
s.shutdown(socket.SHUT_WR)
with open("session", "wb") as out:
    while data := s.recv(65536):
        out.write(data)
PY
}

start_tcp() # OPTION...
{
    local ready=ready.$RANDOM word
    mkfifo $ready
    "$moji" tcp --port 0 "$@" >$ready 2>server.err &
    pid=$!
    started+=($pid)
    exec 9<$ready
    read -r word address port <&9 || fail "tcp: did not start: $(cat server.err)"
    rm $ready
    [[ $word == telnet ]] || fail "tcp: '$word'"
}

test_tcp()
{
    local dashes
    dashes=$(printf '\xe2\x94\x80%.0s' {1..66})
    start_tcp
    printf 'registered sign\r\n\r\nzzzz\n' >talk
    talk talk
    {
        printf '?> U+00AE\t\xc2\xae\tREGISTERED SIGN\r\n'
        printf '%s 1 found\r\n?> ?> %s 0 found\r\n?> ' "$dashes" "$dashes"
    } >expected
    grep -c $'\tREGISTERED SIGN\r$' session >/dev/null || fail "the session"
    printf 'double-struck capital c\r\n' >talk
    talk talk
    [[ $(head -c 3 session) == '?> ' ]] || fail "no prompt"
    grep -q $'^?> U+2102\t\xe2\x84\x82\tDOUBLE-STRUCK CAPITAL C\r$' session || fail "C"
    grep -q "^$dashes 1 found"$'\r$' session || fail "the status line"
    for end in '\x03' '\xff\xfe\n' 'a\x00b\n' '\x1b[A\n'; do
        printf "$end"'cat\n' >talk
        talk talk
        [[ $(cat session) == '?> ' ]] || fail "'$end' does not end it"
    done
    printf 'x%.0s' {1..300} >talk
    talk talk
    grep -q '255' session || fail "a line that is too long is not told"
    kill -INT $pid
    wait $pid || fail "tcp does not stop cleanly"
}

# Who asks and does not read loses the place, and somebody else has it.
test_tcp_deaf()
{
    start_tcp --idle 200ms --max-connections 2
    python3 - "$address" "$port" <<'PY' || fail "clients that do not read hold their places"
import socket, sys
where = (sys.argv[1], int(sys.argv[2]))
deaf = []
for _ in range(2):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(where)
    s.sendall(b"letter\n" * 400)
    deaf.append(s)
s = socket.create_connection(where, timeout=60)
assert s.recv(3) == b"?> "
PY
    kill -INT $pid
    wait $pid || fail "tcp does not stop cleanly"
}

test_command_line
test_web
test_tcp
test_tcp_deaf
