#!/usr/bin/env bash
# test_bench.sh: every bench of sley-bench runs, checks its own result, and says what it must.
#
# No figure is judged here, only that there is one: a test must not depend on how busy the machine
# is. What can break is the frame: a bench that `list` forgets, a metric that is renamed, a line
# that is not the JSON that programs rely on, a bad command line that is not refused.
#
# Builds that check everything take minutes for a hundred thousand tasks, and the stress tests do that
# there; so in those only the benches run that are about something else than many tasks.
set -euo pipefail

bench=${SLEY_BENCH:?}

# Which metrics each bench has, in order; `list` must name just these benches.
declare -A metrics=(
    [switch]='ns_per_switch'
    [spawn]='ns_per_task ns_per_task_flat'
    [skynet]='ms'
    [memory]='bytes_per_task ns_to_create ns_to_wake'
    [timer]='cpu_s late_p99_us'
    [wake]='us_p50 us_p99'
    [idle]='cpu_percent voluntary_switches'
    [limits]='ns_per_swap ns_per_atomic_add ns_per_fence us_futex_wake_p50 us_futex_call_p50
              ns_per_syscall ns_per_page_fault ns_per_stack ns_per_clock ns_per_line_trip'
)

fail()
{
    echo "test_bench: $*" >&2
    exit 1
}

# The eight keys, all of them and nothing else.
number='-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?'
row='^\{"bench":"([a-z]+)","workers":([0-9]+),"metric":"([a-z0-9_]+)","unit":"[^"\\]+",'
row+="\"median\":$number,\"min\":$number,\"max\":$number,\"runs\":([0-9]+)\}\$"

check_rows() # BENCH WORKERS RUNS FILE
{
    local name=$1 workers=$2 runs=$3 file=$4 line found=()
    while read -r line; do
        [[ $line =~ $row ]] || fail "$name: not a row: $line"
        [[ ${BASH_REMATCH[1]} == "$name" ]] || fail "row of another bench: $line"
        [[ ${BASH_REMATCH[2]} == "$workers" ]] || fail "$workers workers were asked for: $line"
        found+=("${BASH_REMATCH[3]}")
        [[ $line == *"\"runs\":$runs}" ]] || fail "$runs runs were asked for: $line"
    done <"$file"
    local expected
    read -ra expected -d '' <<<"${metrics[$name]}" || true
    if [[ $name == limits && $(nproc) == 1 ]]; then
        unset 'expected[-1]' # needs two processors
    fi
    [[ "${found[*]}" == "${expected[*]}" ]] || fail "$name: has '${found[*]}', not '${expected[*]}'"
}

test_list()
{
    local listed
    listed=$("$bench" list | cut -d' ' -f1 | sort | xargs)
    [[ $listed == "$(printf '%s\n' "${!metrics[@]}" | sort | xargs)" ]] || fail "list: $listed"
    "$bench" list | while read -r name why; do
        ((${#why} > 60)) || fail "list does not say why anyone should care about $name"
    done
}

test_rows()
{
    local name workers names=("${!metrics[@]}")
    [[ $("$bench" machine) != *', checked build'* ]] || names=(switch wake idle limits)
    for name in "${names[@]}"; do
        for workers in 1 2; do
            "$bench" "$name" --workers $workers --json --runs 1 --quick >rows 2>errors \
                || fail "$name, $workers workers: exit $?: $(cat errors)"
            check_rows "$name" $workers 1 rows
        done
    done
}

test_runs_and_defaults()
{
    "$bench" --json wake --quick >rows || fail "wake by default: exit $?"
    check_rows wake "$(sed -n '1s/.*"workers":\([0-9]*\).*/\1/p' rows)" 3 rows
    "$bench" --json switch --quick --runs 2 --warmups 0 >rows || fail "switch: exit $?"
    check_rows switch 1 2 rows
}

test_table()
{
    "$bench" switch wake --quick --runs 1 >table || fail "a table: exit $?"
    grep -q '^# cpu ' table || fail "the table does not say on which machine"
    (($(grep -c '^bench ' table) == 1)) || fail "one header for all benches"
    grep -Eq '^switch +1 +ns_per_switch ' table || fail "no line of switch"
    grep -Eq '^wake +[0-9]+ +us_p50 ' table || fail "no line of wake"
}

refused() # ARG...: exit 2, one line on stderr, nothing on stdout
{
    local status=0
    "$bench" "$@" >out 2>errors || status=$?
    ((status == 2)) || fail "'$*' exits with $status"
    [[ ! -s out ]] || fail "'$*' prints: $(cat out)"
    (($(wc -l <errors) == 1)) || fail "'$*' says: $(cat errors)"
}

test_bad_input()
{
    refused
    refused --json
    refused nonsense
    refused switch nonsense
    refused switch --nonsense
    refused switch --workers
    refused switch --workers 0
    refused switch --workers 1025
    refused switch --workers -1
    refused switch --workers 2x
    refused switch --runs 0
    refused switch --runs 99999999999999999999
    refused list switch
    refused --version switch
}

test_words()
{
    [[ $("$bench" --version) =~ ^sley-bench\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "--version"
    "$bench" --help | grep -q '^Usage: ' || fail "--help"
    "$bench" machine | grep -q '^# kernel ' || fail "machine"
}

test_list
test_words
test_bad_input
test_runs_and_defaults
test_table
test_rows
