#!/usr/bin/env bash
# test_compare.sh: what compares sley with its peers (bench/compare) and what judges the instruction
# counts (bench/gate), with made-up programs and figures: statistics, parsing, rounds, time limits,
# failures, the page, an interruption; and whether every row that a peer of bench/peers offers has a
# check. No figure of a real program is judged.
set -euo pipefail

source=${SLEY_SOURCE_DIR:?}
: "${SLEY_BENCH:?}"

run() # DIRECTORY: its test_*.py
{
    python3 -B -m unittest discover --start-directory "$1" || {
        echo "test_compare: failures in $1" >&2
        exit 1
    }
}

run "$source/bench/compare/tests"
run "$source/bench/gate"
