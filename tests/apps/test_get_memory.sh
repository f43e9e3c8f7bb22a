#!/usr/bin/env bash
# test_get_memory.sh: sley-fetch get with a thousand slow transfers under way at once takes no more
# than 48 MiB of memory at its peak: the floor that was set for it. The server says that they were.
#
# Slow is what little has come of: what is in memory are transfers, with their connections, tasks and
# files, not bytes that wait to be written. So the files are small, and half of each is there before
# any is complete. (What waits to be written comes on top when a fast server sends all at once.)
source "$(dirname "${BASH_SOURCE[0]}")/_get.sh"
readonly transfers=1000 size=4096 most_kib=$((48 * 1024))

skip() # WHY
{
    echo "$name: $*: SKIPPED" >&2
    exit 77
}

[[ -n ${SLEY_RELEASE-} ]] || skip "not a release build: memory is not what it will be"
(($(ulimit -Hn) == -1 || $(ulimit -Hn) >= 2 * transfers + 100)) || skip "only $(ulimit -Hn) open files"

# Runs the command; the last line is what the kernel says of its memory, in KiB.
peak_of() # COMMAND...
{
    python3 -c '
import os, sys
child = os.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))' "$@"
}

start python3 "$here/_slow_server.py" $transfers $size
for ((n = 0; n < transfers; n++)); do
    echo "$server/$n"
done >list
status=0
peak_of "$fetch" get --no-proxy -o dir -i list -j $transfers -p $transfers >told 2>err || status=$?
kib=$(tail -n 1 told)
head -n -1 told >out
expect_get 0 $transfers 0 0
(($(curl -sS "$server/most") == transfers)) || fail "$(curl -sS "$server/most") at once: this shows nothing"
for n in 0 $((transfers - 1)); do
    [[ $(stat -c %s dir/$n) == "$size" && $(head -c ${#n} <(tail -c +2 dir/$n)) == "$n" ]] || fail "file $n"
done
echo "$name: $kib KiB"
((kib <= most_kib)) || fail "$kib KiB at the peak, more than $most_kib"
