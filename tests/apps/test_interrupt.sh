#!/usr/bin/env bash
# test_interrupt.sh: Ctrl-C in the middle: status 130, the counts so far, whole files, nothing else.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

# The server answers the first ten and then nothing, so after ten lines the state is known.
interrupt_after_ten() # SIGNAL STATUS DIR
{
    local n line
    use_bad_server stall 10
    mkfifo pipe
    "$fetch" flags --server "$server" --all -m 30 -o $3 >pipe 2>err &
    pid=$!
    exec 8<pipe
    rm pipe
    for n in {1..13}; do
        read -r line <&8 || fail "ends after $n lines"
        echo "$line"
    done >out
    grep -c '^..  ..\.gif$' out | grep -qx 10 || fail "not ten lines"
    kill -$1 $pid
    cat <&8 >>out
    exec 8<&-
    status=0
    wait $pid || status=$?
    expect_status $2
    expect_counts 10 0 0
    set_seed_aside
    [[ ! -s err ]] || fail "says something on stderr"
    (($(wc -l <out) == 14)) || fail "more lines than flags"
    (($(count_files $3) == 10)) || fail "files"
    ((bytes == $(cat $3/*.gif | wc -c))) || fail "bytes"
}

# The server in the same process is stopped as well; there is no telling how far it has come.
interrupt_own_server() # LINES
{
    local n
    mkfifo pipe
    "$fetch" flags --every -o own$1 >pipe 2>err &
    pid=$!
    exec 8<pipe
    rm pipe
    for ((n = 0; n < $1; n++)); do
        read -r line <&8 || break
        echo "$line"
    done >out
    kill -INT $pid 2>/dev/null || true
    cat <&8 >>out
    exec 8<&-
    status=0
    wait $pid || status=$?
    read_summary
    ((status == 130 && downloaded + not_found < 676 || status == 0 && downloaded + not_found == 676)) \
        || fail "status $status with $downloaded and $not_found"
    ((failed == 0)) || fail "$failed failed"
    (($(count_files own$1) == downloaded)) || fail "files"
    expect_whole_flags own$1
}

interrupt_after_ten INT 130 int
interrupt_after_ten TERM 143 term
interrupt_after_ten HUP 129 hup
for lines in 1 3 4 10 100 400 679; do
    interrupt_own_server $lines
done
