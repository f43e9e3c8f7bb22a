#!/usr/bin/env bash
# run.sh BUILD_DIR [SECONDS]: every fuzz target for a while (default 10 s each), from the inputs in
# seeds/NAME, if there are any, and a corpus that is kept in BUILD_DIR. An input that fails is kept there too, and the line says where:
#
#     BUILD_DIR/bin/fuzz_NAME THE_FILE      runs it once more
#
# A fuzzer that does not reach the code finds nothing in it and says nothing: each target's source
# has a line " * floor: N", and it fails if fewer places than that were covered.
set -euo pipefail
build=$1 seconds=${2:-10}
here=$(dirname "${BASH_SOURCE[0]}")
status=0

for source in "$here"/*.c; do
    name=$(basename "$source" .c)
    floor=$(sed -n 's/^ \* floor: \([0-9]*\)$/\1/p' "$source")
    corpus=$build/fuzz/$name
    mkdir -p "$corpus"
    seeds=()
    [[ ! -d $here/seeds/$name ]] || seeds=("$here/seeds/$name")
    log=$build/fuzz/$name.log
    if ! "$build/bin/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -timeout=20 \
        -rss_limit_mb=2048 -artifact_prefix="$build/fuzz/$name-" "$corpus" "${seeds[@]}" >"$log" 2>&1 </dev/null; then
        tail -n 40 "$log"
        echo "fuzz $name: failed"
        status=1
        continue
    fi
    covered=$(grep -oP ' cov: \K\d+' "$log" | tail -n 1)
    runs=$(grep -oP '^Done \K\d+' "$log")
    echo "fuzz $name: $runs runs, $covered places (floor ${floor:-none})"
    if [[ -z $floor ]] || ((${covered:-0} < floor)); then
        echo "fuzz $name: covers too little"
        status=1
    fi
done
exit $status
