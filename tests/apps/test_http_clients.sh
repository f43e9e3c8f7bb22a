#!/usr/bin/env bash
# test_http_clients.sh: the HTTP server under other people's clients: curl with several URLs on one
# connection, h2load and wrk with many connections, pipelined and not. Every answer must be there and
# right. Each part is skipped, and says so, where its program is missing.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

has()
{
    command -v "$1" >/dev/null && return
    echo "$name: skipped: $1 is missing" >&2
    return 1
}

test_curl()
{
    local cc urls=()
    for cc in br ci de fr it jp; do
        urls+=(-o "$cc" "${server}$cc/$cc.gif")
    done
    curl -sS --fail -v "${urls[@]}" 2>log || fail "curl: $(tail -3 log)"
    for cc in br ci de fr it jp; do
        cmp $cc $gifs/$cc.gif || fail "curl: the flag of $cc"
    done
    (($(grep -c 'Re-using existing connection' log) == 5)) || fail "curl: connections are not kept"
    curl -sS --fail --http1.0 "${server}br/br.gif" -o old || fail "curl with HTTP/1.0"
    cmp old $gifs/br.gif || fail "the flag with HTTP/1.0"
    [[ $(curl -sS -o body -w '%{http_code}' --path-as-is "${server}../../etc/passwd") == 404 ]] \
        || fail "a path that leads out"
}

test_h2load() # REQUESTS IN FLIGHT PER CONNECTION
{
    h2load --h1 -n 3000 -c 30 -m "$1" -t 1 "${server}br/br.gif" >load || fail "h2load: exit $?"
    grep -q '^requests: 3000 total, 3000 started, 3000 done, 3000 succeeded' load \
        || fail "h2load -m $1: $(grep '^requests' load)"
    grep -q '^status codes: 3000 2xx' load || fail "h2load -m $1: $(grep '^status' load)"
}

test_wrk()
{
    wrk -t1 -c50 -d1s "${server}br/br.gif" >load || fail "wrk: exit $?"
    ! grep -E 'Socket errors|Non-2xx' load || fail "wrk: $(cat load)"
    grep -q '^Requests/sec' load || fail "wrk: $(cat load)"
}

command -v curl h2load wrk >/dev/null || {
    echo "$name: skipped: curl, h2load and wrk are missing" >&2
    exit 77
}
start_flagserver --port 0
! has curl || test_curl
! has h2load || { test_h2load 1 && test_h2load 8; }
! has wrk || test_wrk
