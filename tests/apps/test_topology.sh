#!/usr/bin/env bash
# test_topology.sh: sley-topology, on machines of every shape, as text and as JSON.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
topology=${SLEY_TOPOLOGY:-${SLEY_BIN:+$SLEY_BIN/sley-topology}}
: "${topology:?set SLEY_TOPOLOGY or SLEY_BIN}"
unset SLEY_WORKERS HWLOC_SYNTHETIC HWLOC_XMLFILE HWLOC_THISSYSTEM

show() # ARGUMENT...
{
    status=0
    "$topology" "$@" >out 2>err || status=$?
}

refused() # STATUS WHAT IT MUST SAY, ARGUMENT...
{
    local expected=$1 text=$2
    shift 2
    show "$@"
    expect_status "$expected"
    [[ ! -s out ]] || fail "'$*' prints"
    (($(wc -l <err) == 1)) || fail "'$*': not one line"
    grep -qF -- "$text" err || fail "'$*': no word of '$text'"
}

# This machine: as many workers as lines of workers, each with a processor of its own.
show
expect_status 0
(($(grep -c '^worker ' out) == $(sed -n 's/^workers: \([0-9]*\),.*/\1/p' out))) || fail "lines of workers"

# Another one: the nearest victims first.
show --machine "package:2 l3:2 core:2 pu:2"
expect_status 0
grep -q '^worker 3: cpu 6, steals from same L3: 2; same NUMA node: ' out || fail "worker 3"
grep -q '^workers: 8, one per usable core$' out || fail "workers"

# The same in JSON: each worker steals from all others once.
show --json -w 5 -m "package:2 l3:2 core:2 pu:2"
expect_status 0
python3 - <<'PY' || fail "JSON"
import json
data = json.load(open("out"))
assert data["workers"].startswith("5, as the program asked"), data["workers"]
assert data["pinned"] is False
assert [s["worker"] for s in data["steals"]] == [0, 1, 2, 3, 4]
for steal in data["steals"]:
    victims = [v["worker"] for v in steal["victims"]]
    assert sorted(victims + [steal["worker"]]) == [0, 1, 2, 3, 4], victims
assert data["steals"][0]["victims"][0] == {"worker": 1, "distance": "same L3"}
PY

SLEY_WORKERS=3 show
grep -q '^workers: 3, as SLEY_WORKERS says' out || fail "SLEY_WORKERS"
taskset -c 0 true 2>/dev/null && {
    taskset -c 0 "$topology" >out
    grep -q '^workers: 1, ' out || fail "affinity"
}

refused 2 "--machine" --machine "a box"
refused 2 "--workers" --workers 0
refused 2 "--workers" --workers 1025
refused 2 "no arguments" me
refused 2 "unknown option" --yaml
SLEY_WORKERS=many refused 1 "SLEY_WORKERS"
status=0
"$topology" >/dev/full 2>err || status=$?
expect_status 1
grep -q "cannot write" err || fail "a full disk is not told"
