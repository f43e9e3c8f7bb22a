#!/usr/bin/env bash
# test_primes.sh: sley-primes: the same answers from tasks, threads and processes; all kinds of bad
# input; interrupts, killed processes, outputs that cannot be written; what a terminal shows.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
source "$here/_jobs.sh"
program=${SLEY_PRIMES:-${SLEY_BIN:+$SLEY_BIN/sley-primes}}
: "${program:?set SLEY_PRIMES or SLEY_BIN}"
long=18446744073709551557 # the largest prime of 64 bits: many seconds
places='tasks threads processes'
touch input

# "number P" or "number" per line, sorted.
answers()
{
    sed -nE 's/^ *([0-9]+)  (P| )  +[0-9]+\.[0-9]{6} s$/\1 \2/p' out | sed 's/ *$//' | sort -n
}

test_answers()
{
    local place jobs
    for place in $places; do
        for jobs in 1 2 7; do
            run_job -e $place -j $jobs 0 1 2 3 4 5 6 7 25 49 121 961 999983 1000003 65537 4294967291 \
                4294836225 27182818309 18446744073709551615 4293001441 007
            expect_status 0
            [[ ! -s err ]] || fail "says something on stderr"
            # 4293001441 is the square of the largest prime of 16 bits.
            [[ $(answers | tr '\n' ',') == "0,1,2 P,3 P,4,5 P,6,7 P,7 P,25,49,121,961,65537 P,999983 P,\
1000003 P,4293001441,4294836225,4294967291 P,27182818309 P,18446744073709551615," ]] \
                || fail "$place, $jobs: $(answers | tr '\n' ',')"
            grep -Eqx "21 of 21 checked by $jobs (task|thread|process|tasks|threads|processes), 10 prime, 0 failed, in [0-9.]+ s" out \
                || fail "no total"
            ! grep -q $'[\x1b\r]' out || fail "colours in a file"
        done
    done
}

# One at a time is in order; what is quicker comes first if there are two.
test_order()
{
    run_job -j 1 5 999983 4 314159265359057 3
    [[ $(sed -nE 's/^ *([0-9]+)  .*/\1/p' out | xargs) == "5 999983 4 314159265359057 3" ]] || fail "order"
}

test_input()
{
    local text
    for text in '2 3\n4\t5' '\n\n2\r\n3\r\n4 5\n' ' 2\v3\f4 5 '; do
        printf "$text" >input
        "$program" <input >out || fail "input '$text'"
        [[ $(answers | xargs) == "2 P 3 P 4 5 P" ]] || fail "input '$text'"
    done
    printf '3\n' | "$program" 2 - 4 >out || fail "-"
    [[ $(answers | xargs) == "2 P 3 P 4" ]] || fail "the numbers around -"
    seq 1 2000 | "$program" >out || fail "many numbers"
    (($(grep -c '  P  ' out) == 303)) || fail "there are 303 primes below 2000"
}

test_bad_input()
{
    local word
    for word in '' -5 +5 ' 5' 5x x 1e16 0x10 1.0 1,000 é 18446744073709551616 99999999999999999999 \
        100000000000000000000000000000000000000000000000000000000000 $'5\n6' $'\e[31m'; do
        refused "is not a number from 0 to 18446744073709551615" -- "$word"
        refused "is not a number from 0 to 18446744073709551615" 2 3 -- "$word"
    done
    refused "unknown option -5" -5
    for word in '2\n3\nfour\n5\n' '2\n3\n4five' '1\n2\n\0003\n' '1\n2\n18446744073709551616' '1\n2\n-3'; do
        printf "$word" >input
        refused "line 3: '"
        refused "line 3: '" - 7
    done
    head -c 100000 /dev/urandom | tr -d '0-9 \t-\r' >input
    refused "line 1: '"
    ln -sf /dev/zero input # has no end
    refused "line 1: '?????"
    rm input
    touch input
    refused "there is no number on the standard input"
    printf ' \n\n' >input
    refused "there is no number on the standard input"
    status=0
    "$program" >out 2>err <. || status=$?
    set_seed_aside
    expect_status 1
    grep -q 'cannot read' err || fail "a directory as input"
    status=0
    "$program" >out 2>err <&- || status=$?
    expect_status 1
    grep -q 'cannot read' err || fail "no input at all"
}

test_options()
{
    local value
    refused "--executor: 'cores' is not tasks, threads or processes" --executor cores 5
    refused "is not tasks, threads or processes" -e '' 5
    refused "--executor needs a value" 5 --executor
    for value in 0 -1 257 x '' 99999999999999999999; do
        refused "is not a number from 1 to 256" 5 --jobs "$value"
    done
    refused "unknown option --yaml" --yaml 5
    refused "--json takes no value" --json=1 5
    run_job --help
    expect_status 0
    grep -q '^Usage: sley-primes' out || fail "--help"
    (($(awk '{ print length }' out | sort -n | tail -1) <= 100)) || fail "--help is wide"
    run_job --version
    grep -Eqx 'sley-primes [0-9]+\.[0-9]+\.[0-9]+' out || fail "--version"
}

test_json()
{
    run_job --json --executor threads --jobs 3 2 9 18446744073709551615 999983
    expect_status 0
    python3 - <<'PY' || fail "JSON"
import json
*lines, total = [json.loads(line) for line in open("out")]
assert sorted((l["number"], l["prime"]) for l in lines) == [
    (2, True), (9, False), (999983, True), (18446744073709551615, False)], lines
assert all(set(l) == {"number", "prime", "seconds"} and 0 <= l["seconds"] < 100 for l in lines)
assert total.pop("seconds") > 0
assert total == {"numbers": 4, "checked": 4, "primes": 2, "failed": 0, "executor": "threads", "jobs": 3}
PY
}

# Starts it with two quick numbers and two that take long, and waits for the quick ones.
start_long() # ARGUMENT...
{
    mkfifo pipe
    "$program" -j 2 "$@" 2 4 $long $long >pipe 2>err </dev/null &
    pid=$!
    exec 8<pipe
    rm pipe
    head -c 76 <&8 >out # two lines
}

finish_long()
{
    cat <&8 >>out
    exec 8<&-
    status=0
    wait $pid || status=$?
    set_seed_aside
}

test_interrupt()
{
    local place signal
    for place in $places; do
        for signal in INT:130 TERM:143 HUP:129; do
            start_long -e $place
            kill -${signal%:*} $pid
            finish_long
            expect_status ${signal#*:}
            [[ ! -s err ]] || fail "$place, $signal: says something on stderr"
            [[ $(answers | xargs) == "2 P 4" ]] || fail "$place, $signal: $(answers | xargs)"
            grep -q '^2 of 4 checked by 2 ' out || fail "$place, $signal: no total"
            expect_nobody_left
        done
    done
}

# Who is killed is one number.
test_killed_job()
{
    local job
    start_long -e processes
    job=$(processes sley-job | tail -1)
    kill -9 "$job"
    kill -0 $pid || fail "the program went with it"
    while ! grep -q '  ?  the process running the job crashed$' out; do
        read -r line <&8 || fail "ends without a word of it"
        echo "$line" >>out
    done
    kill -INT $pid
    finish_long
    expect_status 130
    grep -q '^2 of 4 checked by 2 processes, 1 prime, 1 failed' out || fail "total"
    expect_nobody_left
    # All other numbers are checked, and the exit status says that one was not.
    mkfifo pipe
    "$program" -j 1 --json $long 2 3 4 >pipe 2>err </dev/null &
    pid=$!
    exec 8<pipe
    rm pipe
    while job=$(processes sley-job) && [[ -z $job ]]; do
        sleep 0.05
    done
    kill -9 $job
    true >out
    finish_long
    expect_status 1
    [[ $(grep -c '"prime":' out) == 3 ]] || fail "the others"
    grep -q "{\"number\": $long, \"error\": \"the process running the job crashed\"}" out || fail "JSON of it"
    expect_nobody_left
}

# kill -9 of the program leaves nobody.
test_killed_program()
{
    start_long -e processes
    kill -9 $pid
    finish_long 2>/dev/null
    expect_status 137
    expect_nobody_left
}

test_unwritable()
{
    local place
    for place in $places; do
        status=0
        "$program" -e $place 2 3 4 >/dev/full 2>err || status=$?
        set_seed_aside
        expect_status 1
        grep -q 'cannot write: ' err || fail "$place: full"
        (($(wc -l <err) == 1)) || fail "$place, full: not one line"
        status=0
        "$program" -e $place 2 3 4 >&- 2>err || status=$?
        expect_status 1
        grep -q 'cannot write: ' err || fail "$place: closed"
        # The reader has gone: so does the program, in the middle of what takes long.
        mkfifo pipe gate
        {
            read -r _ <gate
            exec "$program" -e $place -j 2 2 $long $long
        } >pipe 2>err </dev/null &
        pid=$!
        exec 8<pipe
        exec 8<&-
        echo >gate
        rm pipe gate
        status=0
        wait $pid || status=$?
        expect_status 1
        grep -q 'cannot write: ' err || fail "$place: a pipe without a reader"
        expect_nobody_left
    done
}

test_terminal()
{
    PROGRAM=$program python3 - <<'PY' || fail "terminal"
import os, pty, re, subprocess

def run(*arguments, **environment):
    master, slave = pty.openpty()
    base = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    child = subprocess.Popen([os.environ["PROGRAM"], *arguments], stdin=slave, stdout=slave,
                             stderr=subprocess.PIPE,
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
    assert child.wait() == 0, child.stderr.read()
    return shown.decode()

GREEN = "\x1b[32mP\x1b[0m"
text = run("2", "4")
assert text.count(GREEN) == 1 and "2/2 " in text and "100 %" in text, text
text = run("2", "4", NO_COLOR="1")
assert "\x1b[3" not in text and "2/2 " in text, text
text = run("2", "4", NO_COLOR="")
assert GREEN in text, text
text = run("2", "4", TERM="dumb")
assert "\x1b" not in text and "2/2" not in text, text
text = run("--json", "2", "4")
assert "\x1b" not in text and text.count("{") == 3, text
text = run("-j", "2") # the examples
assert len(re.findall(r"^.* s\r$", re.sub("\r\x1b\\[K|\r[^\n]*\x1b\\[K", "", text), re.M)) == 21, text
PY
}

for test in answers order input bad_input options json interrupt killed_job killed_program unwritable terminal; do
    test_$test
    [[ -z ${SLEY_TEST_VERBOSE-} ]] || echo "$test: $SECONDS s"
done
