#!/usr/bin/env bash
# test_netns.sh: streams, downloads and names over a bad line: two network namespaces, and between
# them packets that get lost, overtake each other, come twice, and resets. In spite of that everything
# ends with the right result; where a reset cannot be made good, with a clear error and nothing
# half-done. The choices of the line come from a seed: SLEY_SEED repeats them, not their order in
# time.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
probe=${SLEY_PROBE:-${SLEY_BIN:+$SLEY_BIN/sley-probe}}
echo=${SLEY_ECHO:-${SLEY_BIN:+$SLEY_BIN/_echo}}
: "${probe:?set SLEY_PROBE or SLEY_BIN}" "${echo:?set SLEY_ECHO or SLEY_BIN}"
seed=${SLEY_SEED:-$RANDOM}
a=sley-a-$$ b=sley-b-$$

skip()
{
    echo "$name: skipped: $*" >&2
    exit 77
}

end_all()
{
    local space pid
    for space in $a $b; do
        for pid in $(ip netns pids $space 2>/dev/null); do
            kill $pid 2>/dev/null || true
        done
    done
    end_servers
    ip netns del $a 2>/dev/null || true
    ip netns del $b 2>/dev/null || true
}

command -v ip >/dev/null || skip "no ip(8) here"
[[ -c /dev/net/tun ]] || skip "no /dev/net/tun here"
ip netns add $a 2>err || skip "no network namespaces: $(head -1 err)"
trap end_all EXIT
ip netns add $b 2>err && ip netns exec $a true 2>err || skip "no network namespaces: $(head -1 err)"
python3 - <<'PY' 2>err || skip "no tun devices: $(tail -1 err)"
import fcntl, os, struct
fcntl.ioctl(os.open("/dev/net/tun", os.O_RDWR), 0x400454CA, struct.pack("16sH22x", b"sleytun%d", 0x1001))
PY

# The line from now on.
use_line() # OPTION...
{
    if [[ -n ${line_pid-} ]]; then
        kill $line_pid
        wait $line_pid || true
    fi
    seed=$((seed + 1))
    start python3 "$here/_bad_network.py" $a $b --seed $seed "$@"
    line_pid=$pid
}

in_a()
{
    ip netns exec $a "$@"
}

start_in_b() # COMMAND...
{
    start ip netns exec $b "$@"
}

told()
{
    fail "seed $seed: $*"
}

# 40 connections of 20 kB; none of them breaks on its own.
test_streams()
{
    local port
    start_in_b "$echo" serve 10.77.0.2
    port=$server
    in_a "$echo" talk 10.77.0.2:$port 40 20000 >out 2>err || told "streams: wrong"
    [[ $(cat out) == "40 whole, 0 broken" ]] || told "streams: $(cat out)"
    use_line --delay 1 --jitter 1 --loss 1 --reset 2
    in_a "$echo" talk 10.77.0.2:$port 40 20000 >out 2>err || told "streams with resets: wrong"
    [[ $(cat out) =~ ^([0-9]+)\ whole,\ ([0-9]+)\ broken$ ]] || told "streams with resets: $(cat out)"
    ((BASH_REMATCH[1] + BASH_REMATCH[2] == 40 && BASH_REMATCH[2] > 0)) || told "streams with resets: $(cat out)"
    use_line "${bad[@]}"
    in_a "$echo" talk 10.77.0.2:$port 5 100 >out 2>err || told "the server is not well after resets"
    [[ $(cat out) == "5 whole, 0 broken" ]] || told "after resets: $(cat out)"
}

test_downloads()
{
    start_in_b "$flagserver" --address 10.77.0.2 --port 0
    local url=$server
    in_a "$fetch" flags --server "$url" --all -m 20 -o whole >out 2>err || told "a download failed"
    read_summary
    ((failed == 0 && not_found == 0 && downloaded > 200)) || told "downloads"
    (($(count_files whole) == downloaded)) || told "files"
    expect_whole_flags whole
    # Resets: what could not be had is told, and is not there.
    use_line --delay 1 --jitter 1 --loss 1 --reset 10
    status=0
    in_a "$fetch" flags --server "$url" --all -m 20 -o broken >out 2>err || status=$?
    read_summary
    ((downloaded + failed > 200 && failed > 0 && status == 1)) || told "downloads with resets: status $status"
    (($(count_files broken) == downloaded)) || told "files with resets"
    expect_whole_flags broken
    use_line "${bad[@]}"
}

# Nine tries for each name, each with twice the time of the one before: with 3 percent lost each way,
# one name of 10^11 is not answered for.
test_names()
{
    local i
    start_in_b python3 "$here/_dns_server.py" queries 10.77.0.2
    for i in {1..500}; do
        echo ok.$i
        echo nx.$i
    done >names
    in_a "$probe" -s "$server" --timeout 100ms --tries 9 -j 100 -f names >out 2>err || told "names: status $?"
    for i in {1..500}; do
        echo "+ ok.$i"
        echo "  nx.$i"
    done | sort >expected
    sort out | cmp -s - expected || told "names: $(sort out | diff - expected | head -5)"
    (($(wc -l <queries) > 1000)) || told "nothing was lost"
}

bad=(--delay 1 --jitter 3 --loss 3 --double 2)
use_line "${bad[@]}"
for test in streams downloads names; do
    test_$test
    [[ -z ${SLEY_TEST_VERBOSE-} ]] || echo "$test: $SECONDS s"
done
