#!/usr/bin/env bash
# test_load.sh: `./run load` with a few files: that sley-fetch, the bare loop and curl download from
# nginx and sley-flagserver and are measured, and that the files are right after each kind of fault. No
# time is judged.
set -euo pipefail
name=$(basename "$0" .sh)
source=${SLEY_SOURCE_DIR:?}
bin=$(dirname "${SLEY_FETCH:?}")
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

fail()
{
    echo "$name: $*" >&2
    sed 's/^/  /' out err >&2 2>/dev/null || true
    exit 1
}

for program in nginx openssl; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || {
        echo "$name: no $program here: SKIPPED" >&2
        exit 77
    }
done

load()
{
    PYTHONPATH=$source/bench/compare python3 -B -m load --tiny --bin "$bin" --programs-in \
        "$source/bench/downloads" --out load "$@" >out 2>err
}

test_all()
{
    load small big http2 active --programs bare,curl || fail "exit status $?"
    cp load/results.json compared
    load hosts faults --programs none || fail "exit status $?"
    python3 -B - <<'PY' || fail "not what was asked for"
import json

results = json.load(open("compared")) + json.load(open("load/results.json"))
found = {(entry["bench"], entry["peer"]) for entry in results}
wanted = {(row, "sley") for row in ("small", "big", "http2", "hosts", "active")}
wanted |= {(row, "bare") for row in ("small", "big", "active")}
assert wanted <= found, wanted - found
assert ("active", "curl") not in found  # it has no thousand transfers
assert all(entry["median"] > 0 for entry in results if entry["metric"] == "rss_mib")
lost = [entry["median"] for entry in results if (entry["peer"], entry["metric"]) == ("sley", "errors")]
assert lost == [0], lost
broken = json.load(open("load/faults.json"))
assert len(broken) >= 3, broken
for one in broken:
    assert one["times"] > 0 and one["right"] > 0 and not one["problems"], one
    assert not (one["missing"] or one["wrong"] or one["left_behind"]), one
    print(one)
PY
    grep -q 'When something breaks' load/report.html || fail "no word about the faults"
    [[ -z $(find load -maxdepth 1 -name 'work-*') ]] || fail "left behind"
    grep '^note: ' out || true # what could not be tried here
}

test_usage()
{
    local status
    for arguments in nonsense "--programs nobody" "--nonsense" "--timeout x"; do
        status=0
        # shellcheck disable=SC2086
        load $arguments || status=$?
        ((status == 2)) || fail "$arguments: exit status $status"
    done
}

test_usage
test_all
