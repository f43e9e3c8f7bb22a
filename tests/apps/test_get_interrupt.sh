#!/usr/bin/env bash
# test_get_interrupt.sh: sley-fetch get is interrupted, killed, and goes on: the journal, partial
# files, and what stands under a final name meanwhile.
source "$(dirname "${BASH_SOURCE[0]}")/_get.sh"
start_range_server

# Runs get in the background, reads N lines of its output, and sends a signal, or several (INT,TERM).
interrupt_after() # LINES SIGNAL[,SIGNAL] ARGUMENT...
{
    local lines=$1 signal=$2 line sent
    shift 2
    mkfifo pipe
    "$fetch" get --no-proxy --retry-wait 1ms "$@" >pipe 2>err &
    pid=$!
    exec 8<pipe
    rm pipe
    for ((; lines > 0; lines--)); do
        read -r line <&8 || fail "it ended early"
        echo "$line"
    done >out
    wait_for_part
    # All of them at once, and nothing of the program runs in between.
    kill -STOP $pid
    for sent in ${signal//,/ }; do
        kill -$sent $pid
    done
    kill -CONT $pid 2>/dev/null || true # killed
    cat <&8 >>out
    exec 8<&-
    status=0
    wait $pid 2>/dev/null || status=$?
    set_seed_aside
}

# The transfer that stalls has received half of its file, and remembers so if that is much.
wait_for_part()
{
    until [[ $(stat -c %s dir/.9-$size.sley-part 2>/dev/null) == $((size / 2)) ]] \
        && [[ $size -lt 500000 || -e dir/.9-$size.sley-info ]]; do
        kill -0 $pid || fail "it ended early"
        sleep 0.01
    done
}

make_list() # DIRECTORY
{
    for n in {1..8}; do
        echo "$server/good:0:$1/$n-$((n * 1000))"
    done
    echo "$server/stall:1:$1/9-$size"
}

expect_all_bodies()
{
    for n in {1..8}; do
        expect_body dir/$n-$((n * 1000)) $n $((n * 1000))
    done
    expect_body dir/9-$size 9 $size
}

test_signal() # SIGNAL STATUS SIZE
{
    local size=$3
    rm -rf dir
    make_list "$1" >list
    interrupt_after 8 $1 -o dir -i list -J journal.$1
    expect_status $2
    if [[ $1 != KILL ]]; then
        grep -qx '1 unfinished' out || fail "it does not say what is left"
        expect_get $2 8 0 0
        [[ ! -s err ]] || fail "says something on stderr"
    fi
    [[ ! -e dir/9-$size ]] || fail "half a file under the final name"
    # A torn line, as a kill leaves it.
    printf 'done\t1000\t%s' "$server/good:0:$1/1-1000" >>journal.$1
    get -o dir -i list -J journal.$1
    expect_get 0 1 8 0
    requests /stall:1:$1/9-$size | tail -1 | grep -qx "bytes=$((size / 2))- \"old\"" || fail "not resumed"
    (($(requests /good:0:$1/1-1000 | wc -l) == 1)) || fail "fetched again"
    expect_all_bodies
    expect_names dir {1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8}000 9-$size
    # What is not there any more, or of another size, is fetched again.
    rm dir/1-1000
    echo >>dir/2-2000
    get -o dir -i list -J journal.$1
    expect_get 0 2 7 0
    expect_all_bodies
    get -o dir -i list -J journal.$1
    expect_get 0 0 9 0
}

# timeout(1) signals the child and then its group: that is one wish, and the shutdown is completed.
test_twice()
{
    local size=1000000
    rm -rf dir
    make_list twice >list
    interrupt_after 8 INT,TERM,HUP -o dir -i list -J journal.twice
    ((status == 130 || status == 143 || status == 129)) || fail "exit status $status"
    expect_get $status 8 0 0
    grep -c '^done' journal.twice | grep -qx 8 || fail "the journal"
    [[ -s dir/.9-$size.sley-info ]] || fail "nothing is known of the part"
}

test_journal_errors()
{
    get -o dir -J /no/such/journal "$server/good:0:x/1-10"
    expect_status 1
    grep -q 'cannot open the journal' err || fail "no word about the journal"
}

expect_nothing_partial() # DIR SIZE
{
    local file
    for file in "$1"/*; do
        [[ -e $file ]] || continue
        [[ $(head -c 3 "$file") == old ]] || expect_body "$file" "$(basename "$file" -$2)" $2
    done
}

kill_at() # CALL N RANGES URL...
{
    local call=$1 n=$2 ranges=$3
    shift 3
    strace -f -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n \
        "$fetch" get --no-proxy -g $ranges --range-size 20K -o kills "$@" >out 2>err
}

# kill -9 at system calls that write, name or remove: with new files, with old ones there, and with
# what the kills before have left. In the end everything comes.
test_kills()
{
    local call n hit=0 size ranges
    for size in 200000 600000 3000; do
        ((ranges = size == 600000 ? 1 : 3))
        for call in write pwrite64 linkat renameat unlinkat; do
            for n in 1 3; do
                { kill_at $call $n $ranges "$server/good:0:k/"{1,2,3}-$size; } 2>/dev/null && continue
                hit=$((hit + 1))
                [[ ! -d kills ]] || expect_nothing_partial kills $size
                [[ ! -e kills/1-$size ]] || echo old >kills/1-$size
            done
        done
        get -o kills "$server/good:0:k/"{1,2,3}-$size
        expect_get 0 3 0 0
        find kills -name '.*.sley-part' -o -name '.*.sley-info' >left
        [[ ! -s left ]] || fail "partial files are left: $(<left)"
        expect_nothing_partial kills $size
        rm -r kills
    done
    ((hit > 8)) || fail "only $hit kills have hit"
}

test_signal INT 130 100000
test_signal TERM 143 100000
test_signal KILL 137 1000000
test_twice
test_journal_errors
if strace -f -qq -o /dev/null true 2>/dev/null; then
    test_kills
else
    echo "$name: no strace that can kill here: not killed at each system call"
fi
