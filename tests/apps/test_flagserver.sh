#!/usr/bin/env bash
# test_flagserver.sh: what sley-flagserver answers, as another client sees it.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

# Prints "STATUS TYPE", the body goes to `body`. Nothing between us and the socket makes the path
# tidy.
ask() # URL [METHOD]
{
    local host=${1#http://} path status type='' line
    path=/${host#*/}
    host=${host%%/*}
    exec 8<>"/dev/tcp/${host%:*}/${host#*:}"
    printf '%s %s HTTP/1.0\r\n\r\n' "${2:-GET}" "$path" >&8
    read -r _ status _ <&8
    while read -r line <&8 && [[ $line != $'\r' ]]; do
        line=${line%$'\r'}
        [[ ${line,,} != content-type:* ]] || type=${line#*: }
    done
    cat <&8 >body
    exec 8<&-
    echo "$status $type"
}

expect_answer() # URL STATUS TYPE
{
    local answer
    answer=$(ask "$1")
    [[ $answer == "$2 $3"* ]] || fail "$1: $answer"
}

test_answers()
{
    local path
    start_flagserver --port 0
    [[ $server =~ ^http://127\.0\.0\.1:[0-9]+/flags/$ ]] || fail "says it serves $server"
    expect_answer ${server}br/br.gif 200 image/gif
    cmp body $gifs/br.gif || fail "the flag"
    expect_answer ${server}ci/metadata.json 200 application/json
    python3 -c 'import json; assert json.load(open("body")) == {"country": "Côte d'"'"'Ivoire", "cc": "CI"}' \
        || fail "metadata: $(cat body)"
    expect_answer ${server}aq/metadata.json 200 application/json # Antarctica, which has no flag
    for path in aq/aq.gif zz/zz.gif zz/metadata.json br/cn.gif BR/BR.gif br/BR.gif br/br.png br/br.gif/ \
        br/ br '' ../flags/br/br.gif br/../br/br.gif br/br.gifx brr/br.gif; do
        expect_answer "$server$path" 404 text/html
    done
    expect_answer "${server%flags/}" 404 text/html
    grep -q '<h1>404 Not Found</h1>' body || fail "the page"
    expect_answer "${server}br/br.gif?x=y" 200 image/gif
    [[ $(ask ${server}br/br.gif HEAD) == "200 image/gif"* && ! -s body ]] || fail "HEAD"
    [[ $(ask ${server}br/br.gif POST) == 405* ]] || fail "POST"
}

# Each has its own behaviour; what precedes the first port holds for all.
test_several()
{
    local url urls=()
    start_flagserver --error-rate 1 --port 0 --errors 503 --port 0 --error-rate 0 --plain 0
    urls=("$server")
    for i in 1 2; do
        read -r url _ <&9
        urls+=("$url")
    done
    expect_answer ${urls[0]}br/br.gif 503 text/html
    expect_answer ${urls[1]}br/br.gif 200 image/gif
    expect_answer ${urls[2]}br/br.gif 418 text/html
    grep -q "<h1>418 I'm a teapot</h1>" body || fail "the page"
}

# Nothing is measured but that it is not less than was asked for.
test_delay()
{
    local before
    start_flagserver --port 0 --delay 300ms
    before=$(date +%s%N)
    expect_answer ${server}br/br.gif 200 image/gif
    (($(date +%s%N) - before >= 300000000)) || fail "answers too early"
}

# With the same seed the same number fails, whatever the order; about a quarter.
test_error_rate()
{
    local first=
    for seed in 5 5 6; do
        start_flagserver --port 0 --error-rate 25% --seed $seed
        run flags --server "$server" --every -m 50 -o rate
        expect_status 1
        read_summary
        ((downloaded + not_found + failed == 676)) || fail "the counts do not add up"
        ((failed > 676 / 8 && failed < 676 / 2)) || fail "$failed of 676 is no quarter"
        (($(count_files rate) == downloaded)) || fail "files"
        expect_whole_flags rate
        grep -qx "sley-fetch: $failed failed: HTTP 418 I'm a teapot" err || fail "the reason"
        rm -r rate
        [[ $seed != 5 || -z $first || $failed == "$first" ]] || fail "seed 5: $first, then $failed"
        first=$failed
    done
}

test_broken_answers()
{
    local fault
    for fault in abort truncate; do
        start_flagserver --port 0 --error-rate 0.5 --errors $fault
        run flags --server "$server" --all -m 20 -o $fault
        expect_status 1
        read_summary
        ((failed > 20)) || fail "$fault: $failed have failed"
        (($(count_files $fault) == downloaded)) || fail "$fault: files"
        expect_whole_flags $fault
    done
    # The last ones broke off after different numbers of bytes, and are one reason all the same.
    (($(grep -c 'the server closed after' err) == 1)) || fail "more than one reason"
    grep -Eqx 'sley-fetch: [0-9]+ failed: the server closed after [0-9]+ of [0-9]+ bytes, and the like' err \
        || fail "the reason"
}

test_port_taken()
{
    local port
    start_flagserver --port 0
    port=${server#*1:} port=${port%%/*}
    status=0
    "$flagserver" --port 0 --port $port >out 2>err || status=$?
    set_seed_aside
    expect_status 1
    (($(wc -l <err) == 1)) || fail "not one line"
    grep -q "cannot listen on 127.0.0.1, port $port: address already in use" err || fail "the reason"
    status=0
    "$flagserver" --address 192.0.2.1 --port 0 >out 2>err || status=$?
    set_seed_aside
    expect_status 1
    grep -q 'cannot listen on 192.0.2.1' err || fail "the address"
}

# Ctrl-C: what has been asked is still answered, then it ends well, whoever is still connected.
test_stop()
{
    local signal
    for signal in INT TERM; do
        start_flagserver --port 0 --delay 200ms
        exec 8<>/dev/tcp/127.0.0.1/$(sed 's|.*:\([0-9]*\)/.*|\1|' <<<"$server")
        exec 7<>/dev/tcp/127.0.0.1/$(sed 's|.*:\([0-9]*\)/.*|\1|' <<<"$server") # says nothing
        printf 'GET /flags/br/br.gif HTTP/1.0\r\n\r\n' >&8
        run flags --server "$server" FR # so the first request has been taken, too
        expect_status 0
        kill -$signal $pid
        status=0
        wait $pid || status=$?
        expect_status 0
        cat <&8 >answer
        exec 8<&- 7<&-
        head -n 1 answer | grep -q ' 200 ' || fail "the request was dropped: $(head -c 99 answer)"
        read -r line <&9 # Press Ctrl-C
        read -r line <&9
        [[ $line == "2 requests, 0 of them failed on purpose" ]] || fail "last words: $line"
    done
}

# One is told as one.
test_plural()
{
    local line
    start_flagserver --port 0
    curl -s -o answer "${server}br/br.gif"
    kill -INT $pid
    wait $pid || fail "status"
    read -r line <&9 # Press Ctrl-C
    read -r line <&9
    [[ $line == "1 request, 0 of them failed on purpose" ]] || fail "last words: $line"
}

# Two signals, for a server with a request that takes an hour. The second one is sent until it is
# taken for another one than the first.
stop_twice()
{
    start_flagserver --port 0 --delay 3600
    exec 8<>/dev/tcp/127.0.0.1/$(sed 's|.*:\([0-9]*\)/.*|\1|' <<<"$server")
    printf 'GET /flags/br/br.gif HTTP/1.0\r\n\r\n' >&8
    kill -INT $pid
    while kill -TERM $pid 2>/dev/null; do
        sleep 0.1
    done
    status=0
    { wait $pid; } 2>/dev/null || status=$?
    exec 8<&-
}

# The second signal does not wait for the request. If the first one was faster than the request,
# there was nothing to wait for: then it was a good end, and once more.
test_stop_at_once()
{
    status=0
    while ((status == 0)); do
        stop_twice
    done
    expect_status 143
}

test_answers
test_several
test_delay
test_error_rate
test_broken_answers
test_port_taken
test_stop
test_plural
test_stop_at_once
