#!/usr/bin/env bash
# test_probe.sh: sley-probe against a name server whose answers are known: what is said of each kind
# of answer, names from everywhere, connections and requests, bad input, interrupts, outputs that
# cannot be written, what a terminal shows.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
source "$here/_jobs.sh"
program=${SLEY_PROBE:-${SLEY_BIN:+$SLEY_BIN/sley-probe}}
: "${program:?set SLEY_PROBE or SLEY_BIN}"
touch input

# A name server of our own; its log of queries is in the file `queries`.
start python3 "$here/_dns_server.py" queries
dns=$server

# Runs it with that server. What it says on stderr is the summary, or nothing with -q.
probe()
{
    run_job -s "$dns" "$@"
}

sorted()
{
    sort out | tr '\n' ',' | sed 's/,$//'
}

test_statuses()
{
    : >queries
    probe ok.test four.test six.test nodata.test nx.test
    expect_status 0
    [[ $(sorted) == "  nodata.test,  nx.test,+ four.test,+ ok.test,+ six.test" ]] || fail "$(sorted)"
    [[ $(cat err) =~ ^5\ names\ in\ [0-9.]+\ s:\ 3\ found,\ 1\ does\ not\ exist,\ 1\ exists\ without\ such\ data$ ]] \
        || fail "the summary: $(cat err)"
    # What is found need not be asked for twice, and what does not exist has nothing else.
    [[ $(sort queries | xargs) == "A four.test A nodata.test A nx.test A ok.test A six.test AAAA nodata.test AAAA six.test" ]] \
        || fail "queries: $(sort queries | xargs)"
    local name
    for name in servfail refused garbled; do
        probe $name.test ok.test
        expect_status 1
        [[ $(sorted) == "  $name.test,+ ok.test" ]] || fail "$(sorted)"
    done
    probe -q --timeout 20ms --tries 2 silent.test
    expect_status 1
    [[ $(sorted) == "  silent.test" ]] || fail "$(sorted)"
    [[ ! -s err ]] || fail "-q is not quiet"
    probe -v --timeout 50ms --tries 1 silent.test
    expect_status 1
    grep -Eqx '  silent\.test  no answer in time; [0-9.]+ ms' out || fail "-v: $(cat out)"
    probe -v --timeout 100ms --tries 10 once.test
    expect_status 0
    grep -q '^+ once\.test  A 127\.0\.0\.1; AAAA ::1; ' out || fail "the second try: $(cat out)"
}

# With two places the others go one after the other through the second one, and the answer to the
# first comes when the last is asked for.
test_order()
{
    probe -q --timeout 60 -j 2 slow.a ok.a nx.a go.a
    expect_status 0
    [[ $(head -n 2 out) == $'+ ok.a\n  nx.a' ]] || fail "not in the order of the answers: $(cat out)"
    [[ $(tail -n 2 out | sort) == $'  go.a\n+ slow.a' ]] || fail "the first: $(cat out)"
    probe -q -j 1 ok.b ok.a nx.a
    [[ $(cat out) == $'+ ok.b\n+ ok.a\n  nx.a' ]] || fail "one at a time: $(cat out)"
}

test_json()
{
    probe --json --timeout 20ms --tries 2 silent.test
    expect_status 1
    mv out silent
    probe --json -t A,mx,TXT,a,NS,SRV,CNAME,PTR,AAAA ok.test four.test odd.test nx.test \
        nodata.test servfail.test refused.test garbled.test 'no name' $'\xc3\xbc.test'
    expect_status 1
    [[ ! -s err ]] || fail "says something on stderr"
    python3 - <<'PY' || fail "JSON: $(cat out)"
import json
*lines, total = [json.loads(line) for line in open("out")]
got = {line["name"]: line for line in lines}
assert {name.split(".")[0]: line["status"] for name, line in got.items()} == {
    "ok": "found", "four": "found", "odd": "found", "nx": "nxdomain", "nodata": "nodata",
    "servfail": "servfail", "refused": "refused", "garbled": "unreadable",
    "no name": "badname", r"\195\188": "badname"}, got
assert [(r["type"], r["ttl"], r["value"]) for r in got["ok.test"]["records"]] == [
    ("A", 60, "127.0.0.1"), ("MX", 60, "10 mail.test"), ("TXT", 60, "hello world"), ("NS", 60, "ns.test"),
    ("SRV", 60, "1 2 5060 sip.test"), ("CNAME", 60, "target.test"), ("PTR", 60, "pointer.test"),
    ("AAAA", 60, "::1")], got["ok.test"]
assert [r["value"] for r in got["odd.test"]["records"]] == [
    r'1 a\027[31m"\\b.test', r'\027[2J"\\\195\169\010'], got["odd.test"]
assert got["four.test"]["types"] == {"A": "found", **dict.fromkeys(
    ["MX", "TXT", "NS", "SRV", "CNAME", "PTR", "AAAA"], "nodata")}, got["four.test"]
assert got["nx.test"]["types"] == {"A": "nxdomain"}
assert "refused" in got["refused.test"]["error"] and "error" not in got["nx.test"]
assert all(line["ms"] >= 0 for line in lines) and total.pop("seconds") > 0
total.pop("lost")
assert total.pop("queries") >= 20
assert total == {"names": 10, "found": 3, "nxdomain": 1, "nodata": 1, "servfail": 1, "refused": 1, "timeout": 0,
                 "noserver": 0, "unreadable": 1, "badname": 2, "error": 0}, total
silent, total = [json.loads(line) for line in open("silent")]
assert silent["status"] == "timeout" and silent["types"] == {"A": "timeout"} and not silent["records"], silent
assert total["timeout"] == 1 and total["queries"] == total["lost"] == 2, total
PY
    probe -v -q odd.test -t MX,TXT
    ! grep -q '[^ -~]' out || fail "unprintable"
    grep -qF '+ odd.test  MX 1 a\027[31m"\\b.test; TXT "\027[2J\"\\\195\169\010"; ' out || fail "-v: $(cat out)"
}

test_keywords()
{
    : >queries
    probe -q --keywords python
    [[ $(grep -c '^  [a-z]*\.dev$' out) == 18 && $(wc -l <out) == 18 ]] || fail "python: $(sorted)"
    grep -qx 'A elif.dev' queries || fail "elif"
    probe -q --keywords c --max-len 2 --tld .test
    [[ $(sorted) == "  do.test,  if.test" ]] || fail "c: $(sorted)"
    probe -q -k c -m 63 ok. four
    (($(wc -l <out) == 44)) || fail "all of C: $(wc -l <out)"
    grep -qxF '+ ok.' out && grep -qxF '+ four.dev' out || fail "names beside the keywords"
}

test_names()
{
    printf '# a comment\n\n  ok.a \t\r\nnx.b\n \n#\nfour.c' >names
    for way in "-f names" "--file=names" "-" "" "-f -"; do
        status=0
        "$program" -q -s "$dns" $way <names >out 2>err || status=$?
        set_seed_aside
        expect_status 0
        [[ $(sorted) == "  nx.b,+ four.c,+ ok.a" && ! -s err ]] || fail "'$way': $(sorted)"
    done
    cat names | "$program" -q -s "$dns" ok.first - ok.last -f names >out 2>err || fail "all at once"
    (($(wc -l <out) == 8)) || fail "all at once: $(sorted)"
    "$program" -q -s "$dns" -f <(echo ok.pipe) >out || fail "a pipe"
    [[ $(cat out) == "+ ok.pipe" ]] || fail "a pipe"
    # What is no name costs one line, whatever it is.
    {
        printf 'ok.a\n'
        head -c 5000 /dev/zero | tr '\0' x
        printf '\nb\0c.test\n.\n..\na..b\n%s.test\nok.z' "$(printf 'x%.0s' {1..64})"
    } >names
    probe -q -f names
    expect_status 1
    (($(wc -l <out) == 8)) || fail "bad names: $(sorted)"
    [[ $(grep '^+' out | sort | xargs) == "+ ok.a + ok.z" ]] || fail "bad names: $(sorted)"
    grep -Eqx '  x{64}\.\.\.' out || fail "the long one"
    head -c 200000 /dev/urandom >names
    probe -q -f names
    expect_status 1
    ! grep -q '[^ -~]' out || fail "unprintable"
    : >names
    probe -f names
    expect_status 0
    [[ ! -s out && $(cat err) == "0 names in "* ]] || fail "no names"
}

# A name is probed when it comes, not when the list is complete.
test_stream()
{
    mkfifo pipe list
    "$program" -q -s "$dns" <list >pipe 2>err &
    pid=$!
    exec 8>list 9<pipe
    rm pipe list
    local name line
    for name in ok.1 nx.2 ok.3; do
        echo $name >&8
        read -r line <&9 || fail "nothing comes of $name"
        [[ $line == *$name ]] || fail "'$line' instead of $name"
    done
    exec 8>&-
    wait $pid || fail "status"
    exec 9<&-
}

# A server for --tcp and --http. Each of its answers is a 418.
start_web()
{
    [[ -z ${web-} ]] || return 0
    start python3 -u -c '
import http.server
class Teapot(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.headers["Host"]
        self.send_response(418 if name.startswith("ok.test:") and self.path == "/" else 500)
        self.end_headers()
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer.request_queue_size = 1000
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Teapot)
print(server.server_port)
server.serve_forever()'
    web=$server
}

test_contacts()
{
    start_web
    probe -q --tcp $web ok.test nx.test servfail.test
    [[ $(sorted) == "  nx.test,  servfail.test,+ ok.test" ]] || fail "--tcp: $(sorted)"
    probe -v --tcp $web --http ok.test nx.test
    expect_status 0
    grep -Eq "^\+ ok\.test  A 127\.0\.0\.1; AAAA ::1; port $web open; HTTP 418 I'm a teapot; [0-9.]+ ms\$" out \
        || fail "--http: $(cat out)"
    grep -q '; 1 connected; 1 answered HTTP$' err || fail "summary: $(cat err)"
    # The second address answers.
    probe -q --tcp $web two.test
    [[ $(cat out) == "+ two.test" ]] || fail "the second address: $(cat out)"
    # ::1 does not.
    probe -v --tcp $web six.test
    expect_status 0
    grep -q "^  six\.test  AAAA ::1; port $web connection refused; " out || fail "refused: $(cat out)"
    probe --json --http --tcp $web ok.test six.test four.test
    python3 - $web <<'PY' || fail "JSON: $(cat out)"
import json
*lines, total = [json.loads(line) for line in open("out")]
got = {line["name"]: line for line in lines}
assert got["ok.test"]["http"]["status"] == 418 and "error" not in got["ok.test"]["tcp"], got
assert got["four.test"]["http"]["status"] == 500, got
assert got["six.test"]["tcp"]["error"] == "connection refused" and "http" not in got["six.test"], got
assert total["connected"] == 2 and total["answered"] == 2, total
PY
    refused "need addresses" -t MX --tcp 80 ok.test
    refused "need addresses" -t TXT --http ok.test
}

# An address is one to connect to, and nothing to be asked about.
test_addresses()
{
    start_web
    : >queries
    probe -v --tcp $web --http 127.0.0.1 ::1
    expect_status 0
    grep -Eq "^\+ 127\.0\.0\.1  port $web open; HTTP 500 .*; [0-9.]+ ms\$" out || fail "127.0.0.1: $(cat out)"
    grep -Eq "^  ::1  port $web connection refused; [0-9.]+ ms\$" out || fail "::1: $(cat out)"
    grep -q ': 2 found; 1 connected; 1 answered HTTP$' err || fail "summary: $(cat err)"
    probe -v 127.0.0.1 ::1
    expect_status 1
    [[ $(grep -Ec '^  (127\.0\.0\.1|::1)  an address, not a name; ' out) == 2 ]] || fail "not names: $(cat out)"
    probe --json 127.0.0.1
    grep -q '"status": "badname", "error": "an address, not a name"' out || fail "JSON: $(cat out)"
    [[ ! -s queries ]] || fail "it asks about addresses: $(cat queries)"
}

# An authority, and certificates for ok.test and others.
make_certificates()
{
    local which
    for which in ca good expired self; do
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $which.key
    done
    openssl req -x509 -new -key ca.key -subj "/CN=test authority" -days 30 -out ca.pem
    openssl req -x509 -new -key self.key -subj /CN=ok.self -days 30 -out self.pem -addext subjectAltName=DNS:ok.self
    for which in good expired; do
        openssl req -new -key $which.key -subj /CN=$which -out $which.csr
        echo "subjectAltName=DNS:ok.test,DNS:ok.early,DNS:ok.strange,DNS:ok.short,DNS:ok.expired" >extensions
        openssl x509 -req -in $which.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions \
            -days "$([[ $which == good ]] && echo 30 || echo -1)" -out $which.pem
    done
}

# A server for --https: what it shows and says depends on the name.
start_secure_web()
{
    start python3 -u -c '
import socket, ssl, threading
def context(name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(name + ".pem", name + ".key")
    return context
contexts = {"ok.expired": context("expired"), "ok.self": context("self")}
default = context("good")
def choose(tls, name, context):
    tls.name = name
    tls.context = contexts.get(name, default)
default.sni_callback = choose
answers = {"ok.early": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
           "ok.strange": b"220 mail.test ESMTP\r\n", "ok.short": b"HTTP/1.1 2"}
def serve(plain):
    try:
        with default.wrap_socket(plain, server_side=True) as tls:
            asked = tls.recv(10000).decode()
            right = asked.startswith("GET / HTTP/1.1\r\nHost: %s:%d\r\n" % (tls.name, port))
            tls.sendall(answers.get(tls.name, b"HTTP/1.1 %d x\r\n\r\n" % (418 if right else 500)))
            tls.unwrap()
    except OSError:
        pass
listener = socket.create_server(("127.0.0.1", 0), backlog=100)
port = listener.getsockname()[1]
print(port)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()'
    secure=$server
}

# Each care has its words.
test_https()
{
    local which
    if ! command -v openssl >/dev/null; then
        echo "there is no openssl: --https is not tested" >&2
        return 0
    fi
    make_certificates >certificates.log 2>&1 || fail "certificates: $(cat certificates.log)"
    start_web
    start_secure_web
    probe -v --https --tcp $secure --ca-file ca.pem ok.test ok.early ok.other ok.expired ok.self ok.strange ok.short
    expect_status 0
    grep -Eq "^\+ ok\.test  .*; port $secure open; HTTPS 418 I'm a teapot; [0-9.]+ ms\$" out || fail "--https: $(cat out)"
    grep -q '^+ ok\.early .*; HTTPS 200 ' out || fail "an interim answer: $(cat out)"
    grep -Eq '^  ok\.other .*; HTTPS: the peer.s certificate was refused: host ?name mismatch; ' out || fail "other: $(cat out)"
    grep -q '^  ok\.expired .*; HTTPS: the peer.s certificate was refused: certificate has expired; ' out || fail "expired: $(cat out)"
    grep -Eq '^  ok\.self .*; HTTPS: the peer.s certificate was refused: self.signed certificate; ' out || fail "self: $(cat out)"
    for which in strange short; do
        grep -q "^  ok\.$which .*; HTTPS: the peer broke the protocol; " out || fail "$which: $(cat out)"
    done
    grep -q '; 7 connected; 2 answered HTTPS$' err || fail "summary: $(cat err)"
    # Of an authority that nobody knows; and no TLS at all.
    probe --json --https --tcp $secure ok.test
    mv out unknown
    probe --json --https --tcp $web ok.test six.test
    python3 - <<'PY' || fail "JSON: $(cat unknown out)"
import json
line, total = [json.loads(line) for line in open("unknown")]
assert "certificate was refused" in line["https"]["error"] and "status" not in line["https"], line
assert "error" not in line["tcp"] and total["answered_https"] == 0 and total["connected"] == 1, (line, total)
*lines, total = [json.loads(line) for line in open("out")]
got = {line["name"]: line for line in lines}
assert "TLS handshake failed" in got["ok.test"]["https"]["error"], got
assert "https" not in got["six.test"], got
PY
    refused "--ca-file is for --https" --ca-file ca.pem ok.test
    refused "either --http or --https" --tcp 80 --http --https ok.test
    refused "need addresses" -t TXT --https ok.test
    probe --https --ca-file /no/such/file ok.test
    expect_status 1
    grep -q '^sley-probe: .*no such file' err || fail "no authorities: $(cat err)"
}

# More names than there may be open files at once.
test_open_files()
{
    start_web
    local i
    for i in {1..300}; do
        echo ok.$i
    done >names
    (
        ulimit -n 130
        probe -j 300 --tcp $web -f names
        expect_status 0
        grep -q '33 at once are as many as open files allow' err || fail "-j: $(cat err)"
        (($(grep -c '^+' out) == 300)) || fail "not all: $(grep -v '^+' out | head -3)"
        probe --tcp $web -f names
        expect_status 0
        (($(wc -l <err) == 1)) || fail "says something"
    )
}

test_rate()
{
    local i before
    for i in {1..20}; do
        echo ok.$i
    done >names
    before=$(date +%s%N)
    probe -q --rate 100 -f names
    (($(date +%s%N) - before > 170000000)) || fail "faster than the rate"
    (($(wc -l <out) == 20)) || fail "names"
}

test_servers()
{
    local none
    # The first one is not there; the second one is asked instead.
    none=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    run_job -q -s 127.0.0.1:$none -s "$dns" ok.test
    expect_status 0
    run_job -q -s "127.0.0.1:$none, $dns" ok.test
    expect_status 0
    run_job -q --timeout 100ms --tries 1 -s 127.0.0.1:$none ok.test
    expect_status 1
    # Asked as often as one that is silent, but called by another name.
    run_job -v --timeout 20ms --tries 2 -s 127.0.0.1:$none ok.test
    expect_status 1
    grep -Eqx '  ok\.test  no name server there \(connection refused\); [0-9.]+ ms' out || fail "-v: $(cat out)"
    grep -q ' 0 found, 1 no name server there (connection refused)$' err || fail "the summary: $(cat err)"
    run_job --json --timeout 20ms --tries 4 -s 127.0.0.1:$none ok.test
    expect_status 1
    python3 - $none <<'PY' || fail "JSON: $(cat out)"
import json, sys
name, total = [json.loads(line) for line in open("out")]
assert name["status"] == "noserver" and name["types"] == {"A": "noserver"}, name
assert name["error"] == "ok.test: no name server there: connection refused (name server 127.0.0.1:%s)" % sys.argv[1], name
assert total["noserver"] == 1 and total["timeout"] == total["lost"] == 0 and total["queries"] == 4, total
PY
    touch input
    for none in '' x 127.0.0.1: 127.0.0.1:0x 1.2.3.4:99999 , '[::1' example.org; do
        refused "is not an address" -s "$none" ok.test
    done
}

test_bad_input()
{
    local value
    refused "--keywords: 'java' is not c or python" --keywords java
    refused "--max-len is for --keywords" -m 3 ok.test
    refused "unknown option --yaml" --yaml ok.test
    refused "--json takes no value" --json=1 ok.test
    refused "needs a value" ok.test --tcp
    for value in '' . 'a b' "$(printf 'x%.0s' {1..255})"; do
        refused "--tld" --tld "$value" ok
    done
    for value in '' , A, A,,MX ANY 'A MX' AAAAA; do
        refused "--type" -t "$value" ok.test
    done
    for value in 0 -1 x '' 99999999999999999999; do
        refused "is not a number from 1 to 20000" -j "$value" ok.test
        refused "is not a number from 1 to 65535" --tcp "$value" ok.test
        refused "is not a number from 1 to 1000000" --rate "$value" ok.test
        refused "is not a number from 1 to 10" --tries "$value" ok.test
        refused "is not a number from 1 to 63" -k c -m "$value"
    done
    for value in 0 0.0001 -1 1h x ''; do
        refused "--timeout" -T "$value" ok.test
    done
    refused "only be given once" -f names -f names
    probe -f /no/such/file
    expect_status 1
    grep -qx 'sley-probe: cannot read the names from /no/such/file: no such file or directory' err || fail "no file"
    probe -f .
    expect_status 1
    grep -q 'cannot read the names from \.: ' err || fail "a directory: $(cat err)"
    status=0
    "$program" -s "$dns" ok.test - >out 2>err <&- || status=$?
    set_seed_aside
    expect_status 1
    grep -q 'cannot read the names from the standard input: ' err || fail "no input: $(cat err)"
    run_job --version
    grep -Eqx 'sley-probe [0-9]+\.[0-9]+\.[0-9]+' out || fail "--version"
    run_job --help
    (($(awk '{ print length }' out | sort -n | tail -1) <= 100)) || fail "--help is wide"
}

# The names that are known are told, those that wait are given up, in the probes and in the reading.
interrupt() # SIGNAL STATUS LAST
{
    mkfifo pipe list
    "$program" -s "$dns" --timeout 60 <list >pipe 2>err &
    pid=$!
    exec 8>list 9<pipe
    rm pipe list
    local line n
    printf 'silent.1\nok.1\nnx.1\nsilent.2\n' >&8
    [[ $3 == open ]] || exec 8>&-
    for n in 1 2; do
        IFS= read -r line <&9 || fail "ends"
        echo "$line"
    done >out
    while ! grep -qx 'A silent.2' queries; do
        sleep 0.01
    done
    kill -$1 $pid
    cat <&9 >>out
    status=0
    wait $pid || status=$?
    exec 9<&-
    [[ $3 != open ]] || exec 8>&-
    set_seed_aside
    expect_status $2
    [[ $(sorted) == "  nx.1,+ ok.1" ]] || fail "$1: $(sorted)"
    [[ $(cat err) == "2 names in "*"s: 1 found, 1 does not exist" ]] || fail "$1: $(cat err)"
    : >queries
}

test_interrupt()
{
    : >queries
    interrupt INT 130 open
    interrupt TERM 143 closed
    interrupt HUP 129 open
}

test_unwritable()
{
    status=0
    "$program" -s "$dns" ok.test >/dev/full 2>err || status=$?
    set_seed_aside
    expect_status 1
    grep -q 'cannot write: ' err || fail "full: $(cat err)"
    status=0
    "$program" -q -s "$dns" ok.test >&- 2>err || status=$?
    set_seed_aside
    expect_status 1
    grep -q 'cannot write: ' err || fail "closed: $(cat err)"
    # The reader goes: so does the program, though its list has no end.
    status=0
    yes ok.test 2>/dev/null | { "$program" -q -s "$dns" 2>err; echo $? >rc; } | head -n 3 >out || true
    set_seed_aside
    [[ $(cat rc) == 1 && $(wc -l <out) == 3 ]] || fail "a pipe without a reader"
    grep -q 'cannot write: ' err || fail "pipe: $(cat err)"
}

test_terminal()
{
    PROGRAM=$program DNS=$dns python3 - <<'PY' || fail "terminal"
import os, pty, re, subprocess

def run(*arguments, both=True, **environment):
    """What is shown on the terminal, and what came by a pipe: the output, unless `both`."""
    master, slave = pty.openpty()
    base = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    child = subprocess.Popen([os.environ["PROGRAM"], "-s", os.environ["DNS"], *arguments], stdin=slave,
                             stdout=slave if both else subprocess.PIPE, stderr=slave,
                             env={**base, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    data = child.stdout.read().decode() if child.stdout else ""
    assert child.wait() == 0, shown
    return shown.decode(), data

GREEN = "\x1b[32m+\x1b[0m ok.test"
text, _ = run("ok.test", "nx.test")
assert text.count(GREEN) == 1 and "2/2 " in text and "100 %" in text and "2 names in" in text, text
text, _ = run("ok.test", NO_COLOR="1")
assert "\x1b[3" not in text and "+ ok.test" in text and "1/1 " in text, text
text, _ = run("ok.test", NO_COLOR="")
assert GREEN in text, text
text, _ = run("ok.test", TERM="dumb")
assert "\x1b" not in text and "1/1" not in text, text
text, _ = run("-q", "ok.test")
assert "1/1" not in text and "names" not in text and GREEN in text, text
text, data = run("ok.test", "nx.test", both=False)
assert sorted(data.splitlines()) == ["  nx.test", "+ ok.test"] and "2/2 " in text, (text, data)
text, data = run("--json", "-k", "c", both=False)
assert data.count("\n") == 15 and "14/14 " in text and "\x1b" not in data, (text, data)
PY
}

for test in statuses order json keywords names stream contacts addresses https open_files rate servers bad_input interrupt unwritable terminal; do
    test_$test
    [[ -z ${SLEY_TEST_VERBOSE-} ]] || echo "$test: $SECONDS s"
done
