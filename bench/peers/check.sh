#!/usr/bin/env bash
# check.sh [OUTDIR [PEER...]]: are the peers right? Builds those whose system is installed (default:
# all, to build/peers/out) and runs every row that they offer once, with --quick, with one and with
# two workers. What they print must be the agreed figures and the agreed check; how fast they are is
# not looked at. Exit 1 when one is wrong; what is missing or declined is said and passed over.
set -euo pipefail

peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$peers/../../build/peers/out}
shift || true
failures=0

# The figures of each row, and what check must come to with --quick ($workers known).
declare -A figures=(
    [switch]="ns_per_switch"
    [spawn]="ns_per_task ns_per_task_flat"
    [skynet]="ms"
    [memory]="bytes_per_task ns_to_create ns_to_wake"
    [timer]="cpu_s late_p99_us"
    [wake]="us_p50 us_p99"
)
declare -A check=(
    [switch]='2 * workers * 500000'
    [spawn]='100 * 1000 + 100000'
    [skynet]='499999500000'
    [memory]='20000'
    [timer]='20000'
    [wake]='100'
)

wrong() # TEXT
{
    echo "  WRONG: $*"
    failures=$((failures + 1))
}

# What the program printed, as "figure figure check=VALUE"; numbers must be finite and not negative.
digest()
{
    awk '
        NF != 2 || $2 !~ /^[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/ { print "garbage:" $0; next }
        $1 == "check" { check = "check=" $2; next }
        { printf "%s ", $1 }
        END { print check }'
}

run_row() # PEER ROW WORKERS
{
    local workers=$3 printed status=0 expected
    printed=$(timeout 900 "$out/$1" "$2" --workers "$workers" --quick 2>"$errors") || status=$?
    if ((status == 3)) && [[ $(wc -l <"$errors") == 1 ]]; then
        echo "  $2 with $workers: declined: $(cat "$errors")"
        return
    fi
    expected="${figures[$2]-unknown} check=$((${check[$2]-0}))"
    if ((status != 0)); then
        wrong "$2 with $workers: exit status $status: $(tail -n 3 "$errors")"
    elif [[ $(digest <<<"$printed") != "$expected" ]]; then
        wrong "$2 with $workers: printed '$(tr '\n' ' ' <<<"$printed")', expected $expected"
    else
        echo "  $2 with $workers: $(tr '\n' ' ' <<<"$printed")"
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
    local version row workers status=0
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
    for row in $("$out/$1" list); do
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
