#!/usr/bin/env bash
# check.sh [OUTDIR [PEER...]]: are the peers right? Builds those whose system is installed (default:
# all, to build/peers/out) and runs every row that they offer once, with --quick, with one and with
# two workers. What they print must be what `./run bench` would take, by its own table and its own
# judgement (bench/compare/verdict.py), so that no second list of checks can be right where that one is
# not; how fast they are is not looked at. Exit 1 when one is wrong; what is missing or declined is said
# and passed over.
set -euo pipefail

peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
compare=$peers/../compare
out=${1:-$peers/../../build/peers/out}
shift || true
failures=0

wrong() # TEXT
{
    echo "  WRONG: $*"
    failures=$((failures + 1))
}

run_row() # PEER ROW WORKERS
{
    local printed status=0 problem
    printed=$(timeout 900 "$out/$1" "$2" --workers "$3" --quick 2>"$errors") || status=$?
    if ((status == 3)) && [[ $(wc -l <"$errors") == 1 ]]; then
        echo "  $2 with $3: declined: $(cat "$errors")"
    elif ((status != 0)); then
        wrong "$2 with $3: exit status $status: $(tail -n 3 "$errors")"
    elif ! problem=$(python3 -B "$compare/verdict.py" "$2" "$3" <<<"$printed" 2>&1); then
        wrong "$2 with $3: $problem: '$(tr '\n' ' ' <<<"$printed")'"
    else
        echo "  $2 with $3: $(tr '\n' ' ' <<<"$printed")"
    fi
}

expect_status() # STATUS COMMAND...
{
    local expected=$1 status=0
    shift
    "$@" >/dev/null 2>"$errors" || status=$?
    ((status == expected)) || wrong "'$*' exits with $status, not $expected"
    [[ -s $errors ]] || wrong "'$*' does not say why"
}

check_peer() # PEER
{
    local version offered row workers status=0
    version=$("$peers/$1/build" "$out" 2>"$errors") || status=$?
    if ((status == 3)); then
        echo "$1: not here: $(cat "$errors")"
        return
    fi
    echo "$1: $version"
    ((status == 0)) || { wrong "does not build: $(tail -n 3 "$errors")"; return; }
    [[ $(wc -l <<<"$version") == 1 && -n $version ]] || wrong "the version is not one line"
    for row in about packages link; do
        grep -q "^$row: ." "$peers/$1/peer.txt" || wrong "peer.txt has no $row"
    done
    expect_status 3 "$out/$1" no-such-row --workers 1
    expect_status 2 "$out/$1" switch
    expect_status 2 "$out/$1" switch --workers 1 --slow
    offered=$("$out/$1" list) && [[ -n $offered ]] || wrong "lists no rows"
    for row in $offered; do
        for workers in 1 2; do
            run_row "$1" "$row" "$workers"
        done
    done
}

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
mkdir -p "$out"
if (($# == 0)); then
    for build in "$peers"/*/build; do
        set -- "$@" "$(basename "$(dirname "$build")")"
    done
fi
for peer; do
    check_peer "$peer"
done
((failures == 0)) && echo "all peers that are here are right" || echo "$failures wrong"
((failures == 0))
