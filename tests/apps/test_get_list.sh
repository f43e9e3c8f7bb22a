#!/usr/bin/env bash
# test_get_list.sh: sley-fetch get: a list is read while its files come: from the first line on, no
# further than needed, and what was read is not lost, whatever becomes of the rest.
source "$(dirname "${BASH_SOURCE[0]}")/_get.sh"
start_range_server

# Starts get with a FIFO as its list, descriptor 8, and its output in descriptor 9.
start_get() # ARGUMENT...
{
    mkfifo pipe list
    "$fetch" get --no-proxy --retry-wait 1ms -i list "$@" >pipe 2>err &
    pid=$!
    exec 9<pipe 8<>list
    rm pipe
}

# What it has printed and its status, once it has ended: by a signal, if one is given, with the list
# still open; else with the list.
end_get() # [SIGNAL]
{
    [[ -z ${1-} ]] || kill -$1 $pid
    [[ -n ${1-} ]] || exec 8>&-
    cat <&9 >>out
    exec 8>&- 9<&-
    rm list
    status=0
    wait $pid || status=$?
    set_seed_aside
}

expect_line() # TEXT
{
    local line
    read -r line <&9 || fail "ends before $1"
    echo "$line" >>out
    [[ $line == "$1" ]] || fail "'$line' instead of '$1'"
}

# The first file is there before the second line is written.
test_first_comes_first()
{
    local n
    : >out
    start_get -o first -J journal
    for n in 1 2 3; do
        echo "$server/good:0:a/$n-1000" >&8
        expect_line "$n-1000  1000 bytes"
        expect_body first/$n-1000 $n 1000
        # What was fetched by an earlier line is known.
        echo "$server/good:0:a/$n-1000#again" >&8
    done
    echo "$server/good:0:a/1-1000 other" >&8
    echo "$server/good:0:a/1-1000 md5:$(sum md5 1 1000)" >&8
    echo "$server/good:0:b/2-1000" >&8
    printf %s "$server/good:0:a/4-1000" >&8 # without an end
    end_get
    expect_get 2 4 0 0
    grep -qx '3 named more than once' out || fail "duplicates"
    grep -qx '3 lines refused' out || fail "refused lines"
    grep -qx 'sley-fetch: list, line 7: .* has two names, 1-1000 and other' err || fail "two names"
    grep -qx 'sley-fetch: list, line 8: the checksum of .* comes after it was begun' err || fail "checksum"
    grep -qx 'sley-fetch: list, line 9: .* have the same name, 2-1000' err || fail "same name"
    expect_names first {1,2,3,4}-1000
    expect_body first/4-1000 4 1000
    start_get -o first -J journal # and it goes on with the journal
    for n in 1 2 5; do
        echo "$server/good:0:a/$n-1000" >&8
    done
    : >out
    expect_line "5-1000  1000 bytes"
    end_get
    expect_get 0 1 2 0
}

# An interrupt while the list is open: all that was read is told of.
test_interrupt()
{
    : >out
    start_get -o open -R report.json
    echo "$server/good:0:c/1-1000" >&8
    expect_line "1-1000  1000 bytes"
    end_get INT
    expect_get 130 1 0 0
    grep -qx 'the list was not read to its end' out || fail "it does not say that there is more"
    ! grep -q unfinished out || fail "nothing is unfinished"
    rm -f out
    : >out
    # Half a line is none.
    start_get -o open -j 1 -R report.json
    printf '%s\n' "$server/stall:9:c/2-1000" "$server/good:0:c/3-1000" "$server/good:0:c/" >&8
    printf %s "$server/good:0:c/4-1000" >&8
    until [[ -n $(requests /stall:9:c/2-1000) ]]; do
        sleep 0.01
    done
    end_get TERM
    expect_get 143 0 0 0
    grep -qx '3 unfinished' out || fail "not all that was read"
    [[ $(grep -o '"result":"[a-z]*"' report.json | sort | uniq -c | xargs) == '3 result:unfinished' ]] \
        || fail "the report: $(cat report.json)"
}

# Two transfers that do not end: the list is read as far as is of use, not to its end. Whoever writes
# it is held up. Until then all that was read is unfinished.
test_no_further()
{
    local n
    : >out
    start_get -o endless -j 2
    python3 -c '
import os, select, sys
server, lines = sys.argv[1], 0
os.set_blocking(8, False)
def put(text):
    while text:
        select.select([], [8], [])
        text = text[os.write(8, text):]
put(f"{server}/stall:9:d/1-1000\n{server}/stall:9:d/2-1000\n".encode())
rest = "".join(f"{server}/good:0:d/{n}-1000\n" for n in range(3, 100000)).encode()
print("writing", flush=True)
full = 0
while rest and full < 200: # held up, again and again
    try:
        rest = rest[os.write(8, rest[:4096]):]
        full = 0
    except BlockingIOError:
        full += 1
        select.select([], [8], [], 0.001)
sys.exit(0 if rest else 1)' "$server" >writing || fail "all of the list was read"
    for n in 1 2; do
        [[ -n $(requests /stall:9:d/$n-1000) ]] || fail "$n has not begun"
    done
    end_get INT
    expect_get 130 0 0 0
    local unfinished
    unfinished=$(sed -n 's/ unfinished$//p' out)
    ((unfinished > 2 && unfinished < 10000)) || fail "$unfinished were read"
    grep -qx 'the list was not read to its end' out || fail "it does not say that there is more"
}

# A host that wants a pause does not keep one behind it in the list from its turn.
test_reads_on()
{
    local n
    : >out
    start_get -o on -j 1 -r 1 --retry-most 86400
    for n in {1..1200}; do
        echo "$server/never:1:e/$n-1"
    done >&8
    echo "${server/127.0.0.1/localhost}/good:0:e/x-7" >&8
    expect_line "x-7  7 bytes"
    end_get INT
    expect_get 130 1 0 0
    grep -qx '1200 unfinished' out || fail "not all that was read"
}

# Several lists, one after the other, whoever opens which first.
test_several()
{
    : >out
    mkfifo one two
    "$fetch" get --no-proxy -o several -i one -i two -i - -i - "$server/good:0:f/1-10" >out 2>err \
        < <(echo "$server/good:0:f/2-10") &
    pid=$!
    {
        for n in {100..2500}; do
            echo "$server/good:0:f/$n-10 same-$((n % 2))" # mostly wrong, and more than a pipe holds
        done
    } >one
    echo "$server/good:0:f/3-10" >two
    status=0
    wait $pid || status=$?
    set_seed_aside
    expect_get 2 5 0 0
    grep -qx '2399 lines refused' out || fail "refused lines"
    (($(grep -c 'line' err) == 11)) && grep -q ': and 2389 other lines that are wrong$' err || fail "too much is said"
    expect_names several 1-10 2-10 3-10 same-0 same-1
    rm one two
    get -o several -i <(true) -i <(echo "$server/good:0:f/6-10") -i /dev/null
    expect_get 0 1 0 0
}

test_bad_lines()
{
    {
        echo "$server/good:0:g/1-10"
        head -c 20000 /dev/zero | tr '\0' x
        printf '\n%s\0\n' "$server/good:0:g/2-10"
        head -c 50000 /dev/zero | tr '\0' ' '
        printf '\n#%s\n%s' "$(printf '%20000s' '')" "$server/good:0:g/3-10"
    } >list
    get -o bad -i list
    expect_get 2 2 0 0
    grep -q 'list, line 2: the line is too long' err || fail "too long"
    grep -q 'list, line 3: the line has a NUL' err || fail "a NUL"
    expect_names bad 1-10 3-10
    status=0
    "$fetch" get --no-proxy -o bad -i - "$server/good:0:g/4-10" <&- >out 2>err || status=$?
    set_seed_aside
    expect_get 2 1 0 0
    grep -q 'cannot read standard input: ' err || fail "no input"
    get -o bad -i .
    expect_status 2
    grep -q 'cannot read \.: ' err || fail "a directory"
}

test_first_comes_first
test_interrupt
test_no_further
test_reads_on
test_several
test_bad_lines
