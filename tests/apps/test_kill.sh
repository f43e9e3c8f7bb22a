#!/usr/bin/env bash
# test_kill.sh: kill -9 in the middle, again and again: every file that is there is whole.
#
# The program is killed after its n-th line, for many n, and at each of its first system calls that
# write or name a file, where strace is there to do it.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

expect_nothing_partial() # DIR
{
    local left
    expect_whole_flags "$1"
    left=$(find "$1" -mindepth 1 ! -name '??.gif' ! -name '.sley-*.part')
    [[ -z $left ]] || fail "strange names: $left"
}

kill_after_lines() # N DIR OPTION...
{
    local lines=$1 directory=$2 killed
    shift 2
    mkfifo pipe
    "$fetch" flags -o $directory "$@" >pipe 2>err &
    killed=$!
    exec 8<pipe
    rm pipe
    while ((lines-- > 0)) && read -r _ <&8; do :; done
    kill -9 $killed 2>/dev/null || true # it may have come to its end
    wait $killed 2>/dev/null || true
    exec 8<&-
    [[ ! -d $directory ]] || expect_nothing_partial $directory
}

test_by_lines()
{
    local n
    mkdir lines
    for n in {0..9} 13 20 30 45 70 100 150 200 239; do
        kill_after_lines $n lines --all -m $((n % 7 * 50 + 1))
    done
    # Whatever is left does not trouble the next run.
    run flags --all -o lines
    expect_status 0
    read_summary
    (($(find lines -name '??.gif' | wc -l) == downloaded)) || fail "files"
    expect_nothing_partial lines
    [[ -z $(find lines -name '.sley-*.part') ]] || fail "not swept away"
}

# Only who is alone in the directory knows whose they are.
test_sweep()
{
    mkdir swept
    touch swept/.sley-0123.part swept/.sley-other
    flock -s swept "$fetch" flags BR -o swept >out 2>err || fail "exit status $? beside another"
    [[ -e swept/.sley-0123.part ]] || fail "what may be another's was taken away"
    run flags FR -o swept
    expect_status 0
    [[ ! -e swept/.sley-0123.part && -e swept/.sley-other ]] || fail "swept the wrong one"
}

# Runs sley-fetch and kills it at the n-th system call of a kind, whatever it was to do.
killing() # CALL N ARGUMENT...
{
    local call=$1 n=$2
    shift 2
    strace -f -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n "$fetch" "$@" \
        >out 2>err
}

# New files and, in the second round, files that are replaced.
test_by_calls()
{
    local n call round hit=0
    for call in write linkat renameat unlinkat; do
        for n in 1 3 9; do
            rm -rf calls
            for round in new old; do
                [[ $round == new ]] || "$fetch" flags -o calls >/dev/null
                { killing $call $n flags -o calls; } 2>/dev/null && continue
                hit=$((hit + 1))
                [[ ! -d calls ]] || expect_nothing_partial calls
            done
        done
    done
    ((hit > 5)) || fail "only $hit kills have hit"
}

test_by_lines
test_sweep
status=0
{ killing write 1 --version; } 2>/dev/null || status=$?
if ((status == 137)); then
    test_by_calls
else
    echo "$name: no strace that can kill here: not killed at each system call"
fi
