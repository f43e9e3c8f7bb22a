#!/usr/bin/env bash
# test_debugger.sh: sched/sley-gdb.py finds the tasks of a running program and the stack of a parked
# one. Skipped where gdb is missing, may not attach, or the build has no debug information.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

skip()
{
    echo "$name: skipped: $*"
    exit 77
}

command -v gdb >/dev/null || skip "gdb is not installed"

in_gdb() # COMMAND...: in a gdb that has attached to the flag server
{
    local arguments=()
    for command; do
        arguments+=(-ex "$command")
    done
    gdb -batch -nx -p "$server" -ex "source $SLEY_SOURCE_DIR/sched/sley-gdb.py" \
        "${arguments[@]}" >gdb.out 2>gdb.err </dev/null || true
    ! grep -q 'ptrace: Operation not permitted' gdb.err || skip "gdb may not attach here"
}

"$flagserver" --plain 0 >out 2>err &
server=$!
started+=("$server")
until grep -q ':[0-9]' out; do
    kill -0 "$server" 2>/dev/null || fail "the server has ended"
    sleep 0.05
done

in_gdb "ptype struct sley_runtime"
grep -q 'struct sley__sched sched' gdb.out || skip "built without debug information"

in_gdb sley-tasks
task=$(sed -n '/^\([0-9]*\) ".*waiting: .*spawned at .*/{s//\1/p;q}' gdb.out)
[[ -n $task ]] || fail "no parked task in: $(cat gdb.out gdb.err)"

in_gdb "sley-backtrace $task"
grep -q 'sley__wait_park' gdb.out || fail "no park in the stack: $(cat gdb.out gdb.err)"
grep -q 'run_loop' gdb.out || fail "the stack does not reach its base: $(cat gdb.out gdb.err)"

in_gdb "sley-backtrace 999999999"
grep -q 'there is no task 999999999' gdb.err || fail "an unknown task: $(cat gdb.out gdb.err)"
