#!/usr/bin/env bash
# test_get_proxy.sh: sley-fetch get through a proxy: whose, when, with a password, and not at all.
source "$(dirname "${BASH_SOURCE[0]}")/_get.sh"
start_range_server
files=$server port=${server##*:}
start python3 "$here/_proxy.py"
proxy=$server
start python3 "$here/_proxy.py" user:pass
guarded=$server
server=$files

proxied() # PROXY PATTERN
{
    curl -sS "$1/log" | grep -Ec -e "$2" || true
}

# Only the proxy can reach a name that does not exist.
test_option()
{
    local n
    for n in {1..30}; do
        echo "http://nowhere.invalid:$port/good:0:a/$n-$((n * 3000))"
    done >list
    run get -x "$proxy" -o option -i list
    expect_get 0 30 0 0
    for n in 1 15 30; do
        expect_body option/$n-$((n * 3000)) $n $((n * 3000))
    done
    (($(proxied "$proxy" '^GET http://nowhere\.invalid:') == 30)) || fail "not through the proxy"
    run get -x "$proxy" -g 4 --range-size 40K -o option "http://nowhere.invalid:$port/good:0:b/1-200000"
    expect_get 0 1 0 0
    expect_body option/1-200000 1 200000
    (($(requests /good:0:b/1-200000 | wc -l) == 4)) || fail "not in pieces"
}

# The environment's, unless the command line says otherwise.
test_environment()
{
    local url=$files/good:0:c/1-1000
    http_proxy=$proxy run get -o environment "$url"
    expect_get 0 1 0 0
    (($(proxied "$proxy" "^GET $url$") == 1)) || fail "the environment's proxy is not used"
    http_proxy=$proxy run get --no-proxy -o environment "$url"
    expect_get 0 1 0 0
    http_proxy=$proxy no_proxy=127.0.0.1 run get -o environment "$url"
    expect_get 0 1 0 0
    (($(proxied "$proxy" "^GET $url$") == 1)) || fail "a proxy is used that was not to be"
    http_proxy=http://127.0.0.1:1 run get -x "$proxy" -o environment "$url"
    expect_get 0 1 0 0
    (($(proxied "$proxy" "^GET $url$") == 2)) || fail "not the proxy of the command line"
}

test_password()
{
    local url=http://nowhere.invalid:$port/good:0:d/1-1000
    run get -x "$guarded" -r 0 -o password "$url"
    expect_get 1 0 0 1
    grep -q 407 err || fail "the reason is not the proxy"
    run get -x "http://user:pass@${guarded#http://}" -o password "$url"
    expect_get 0 1 0 0
    expect_body password/1-1000 1 1000
}

test_dead()
{
    run get -x http://127.0.0.1:1 -r 1 --retry-wait 1ms -o dead "$files/good:0:e/1-1000"
    expect_get 1 0 0 1
    grep -q 'refused' err || fail "it does not say why"
    expect_names dead
}

# By a proxy of another kind. With "h" it is told the name, without it an address, which sley looks up
# itself: names below localhost are known to nobody else.
test_socks()
{
    start python3 "$here/_socks.py" "$PWD/socks.log"
    local socks=$server url
    server=$files
    url=http://nowhere.invalid:$port/good:0:f/1-200000
    run get -x "socks5h://$socks" -o socks "$url"
    expect_get 0 1 0 0
    expect_body socks/1-200000 1 200000
    grep -qx "nowhere.invalid $port" socks.log || fail "the name is not left to the proxy"
    url=http://files.localhost:$port/good:0:f/2-3000
    http_proxy=socks5://proxy.localhost:${socks##*:} run get -o socks "$url"
    expect_get 0 1 0 0
    expect_body socks/2-3000 2 3000
    tail -n 1 socks.log >last
    grep -Eqx "(127.0.0.1|::1) $port" last || fail "the name is not looked up here: $(cat last)"
    run get -x "socks5h://$socks" -r 0 -o socks http://nowhere.invalid:1/good:0:f/3-10
    expect_get 1 0 0 1
}

test_option
test_environment
test_socks
test_password
test_dead
