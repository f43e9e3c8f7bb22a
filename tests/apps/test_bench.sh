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
    [generator]='ns_per_item'
    [spawn]='ns_per_task ns_per_task_flat'
    [skynet]='ms'
    [memory]='bytes_per_task ns_to_create ns_to_wake'
    [timer]='cpu_s late_p99_us'
    [wake]='us_p50 us_p99'
    [datagram]='us_p50 us_p99'
    [idle]='cpu_percent voluntary_switches'
    [fork]='ns_per_fork ratio_to_c'
    [nqueens]='ms ratio_to_c'
    [uts]='ns_per_node ratio_to_c'
    [parallel_for]='ns_per_item_memory ratio_memory ns_per_item_compute ratio_compute'
    [sort]='ms ratio_to_c'
    [scope]='ns_per_child'
    [cancel]='ms'
    [offload]='us_round_trip_thread ns_per_job_thread us_round_trip_process ns_per_job_process'
    [stall]='late_p50_us late_p99_us late_max_us'
    [file]='us_per_file'
    [http_server]='ns_per_request us_cpu_per_request'
    [http_client]='ns_per_file us_cpu_per_file'
    [channel]='ns_per_round_trip ns_per_item'
    [across]='ns_per_round_trip ns_per_item'
    [select]='ns_per_item'
    [mutex]='ns_per_op'
    [semaphore]='ns_per_op'
    [dns]='us_per_name us_cpu_per_name'
    [echo]="us_cpu_64x64 per_s_64x64 us_p50_64x64 us_p99_64x64
            us_cpu_64x4096 per_s_64x4096 us_p50_64x4096 us_p99_64x4096
            us_cpu_1000x64 per_s_1000x64 us_p50_1000x64 us_p99_1000x64
            us_cpu_1000x4096 per_s_1000x4096 us_p50_1000x4096 us_p99_1000x4096"
    [connections]='us_cpu per_s us_p50 us_p99'
    [idle_connections]='bytes_per_connection'
    [nest]='ns_per_level ns_per_level_cancel'
    [waiters]='ns_to_hand ns_to_cancel'
    [limits]='ns_per_swap ns_per_atomic_add ns_per_fence us_futex_wake_p50 us_futex_call_p50
              ns_per_syscall ns_per_page_fault ns_per_stack ns_per_clock us_per_file ns_per_line_trip'
)

# Of those that have a size, the metrics that heed it.
declare -A sized=(
    [switch]=${metrics[switch]}
    [spawn]=${metrics[spawn]}
    [scope]=${metrics[scope]}
    [memory]=${metrics[memory]}
    [timer]=${metrics[timer]}
    [cancel]=${metrics[cancel]}
    [channel]='ns_per_item'
    [mutex]=${metrics[mutex]}
    [semaphore]=${metrics[semaphore]}
    [sort]=${metrics[sort]}
    [connections]=${metrics[connections]}
    [idle_connections]=${metrics[idle_connections]}
    [nest]=${metrics[nest]}
    [waiters]=${metrics[waiters]}
)

fail()
{
    echo "test_bench: $*" >&2
    exit 1
}

# The eight keys, and the size if there is one; all of them and nothing else.
number='-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?'
row='^\{"bench":"([a-z_]+)","workers":([0-9]+),"metric":"([a-z0-9_]+)","unit":"[^"\\]+",'
row+="\"median\":$number,\"min\":$number,\"max\":$number,\"runs\":([0-9]+)(,\"size\":[0-9]+)?\}\$"

check_rows() # BENCH WORKERS RUNS FILE [METRICS]
{
    local name=$1 workers=$2 runs=$3 file=$4 line found=()
    while read -r line; do
        [[ $line =~ $row ]] || fail "$name: not a row: $line"
        [[ ${BASH_REMATCH[1]} == "$name" ]] || fail "row of another bench: $line"
        [[ ${BASH_REMATCH[2]} == "$workers" ]] || fail "$workers workers were asked for: $line"
        found+=("${BASH_REMATCH[3]}")
        [[ $line == *"\"runs\":$runs}" ]] || fail "$runs runs and no size were asked for: $line"
    done <"$file"
    local expected
    read -ra expected -d '' <<<"${5:-${metrics[$name]}}" || true
    if [[ $name == limits && $(nproc) == 1 ]]; then
        unset 'expected[-1]' # needs two processors
    fi
    if [[ $name == across && $(nproc) == 1 ]]; then
        expected=() # so does all of this
    fi
    if [[ $name == http_server ]] && ! command -v wrk >/dev/null; then
        echo "test_bench: http_server skipped, wrk is missing" >&2
        expected=()
    fi
    if [[ $name == dns && ! -x /usr/sbin/knotd ]]; then
        expected=() # needs a name server
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
            "$bench" "$name" --workers $workers --json --runs 1 --warmups 0 --quick >rows 2>errors \
                || fail "$name, $workers workers: exit $?: $(cat errors)"
            check_rows "$name" $workers 1 rows
        done
    done
}

# What each row is asked for is what it says, and only what heeds a size is measured with one.
test_sizes()
{
    local name size names=("${!sized[@]}") found
    found=$("$bench" --help | sed '1,/^Rows that have a size/d' | awk '{ print $1 }' | sort | xargs)
    [[ $found == "$(printf '%s\n' "${!sized[@]}" | sort | xargs)" ]] || fail "have a size: $found"
    [[ $("$bench" machine) != *', checked build'* ]] || names=(switch)
    for name in "${names[@]}"; do
        for size in 50; do
            "$bench" "$name" --size $size --workers 2 --json --runs 1 --warmups 0 --quick \
                >rows 2>errors || fail "$name, size $size: exit $?: $(cat errors)"
            (($(grep -c ",\"size\":$size}\$" rows) == $(wc -l <rows))) || fail "size: $(cat rows)"
            sed -i "s/,\"size\":$size}/}/" rows
            check_rows "$name" 2 1 rows "${sized[$name]}"
        done
    done
    "$bench" switch --size 10 --runs 1 --warmups 0 --quick >table || fail "a size in a table"
    grep -Eq '^switch/10 +1 +ns_per_switch ' table || fail "the table does not say the size"
}

test_runs_and_defaults()
{
    "$bench" --json wake --quick >rows || fail "wake by default: exit $?"
    check_rows wake "$(sed -n '1s/.*"workers":\([0-9]*\).*/\1/p' rows)" 3 rows
    "$bench" --json switch --quick --runs 2 --warmups 0 >rows || fail "switch: exit $?"
    check_rows switch 1 2 rows
}

# Each design checks itself: that no request was answered too early and no client was idle. Like most
# rows not in builds that check everything.
test_cpu_io()
{
    local mix designs='tasks tasks+threads tasks+processes loop threads processes'
    [[ $("$bench" machine) != *', checked build'* ]] || return 0
    for mix in '0 500' '200 300' '200 0'; do
        read -r cpu io <<<"$mix"
        "$bench" cpu-io --cpu-us "$cpu" --io-us "$io" --requests 300 --concurrency 30 --workers 2 --json \
            >rows 2>errors || fail "cpu-io with $mix: $(cat errors)"
        [[ $(sed 's/.*"design": "\([^"]*\)".*/\1/' rows | xargs) == "$designs" ]] \
            || fail "cpu-io with $mix: $(cat rows)"
    done
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
    refused switch --size
    refused switch --size 0
    refused switch --size 1
    refused switch --size 1000001
    refused switch --size 10x
    refused wake --size 10
    refused switch --size 10 wake
    refused nest --size 4294967297
    refused switch --runs 0
    refused switch --runs 99999999999999999999
    refused list switch
    refused switch --runs=
    refused switch --runsx=3
    refused --version switch
}

test_words()
{
    [[ $("$bench" --version) =~ ^sley-bench\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "--version"
    [[ $("$bench" --help) == 'Usage: '* ]] || fail "--help"
    grep -q '^# kernel ' <<<"$("$bench" machine)" || fail "machine"
}

# Whoever collects figures on a full disk must not believe that there are any.
test_full_output()
{
    local arguments status said
    for arguments in list machine --help --version 'switch --quick --runs 1 --warmups 0' \
        'switch --quick --runs=1 --warmups=0 --json'; do
        status=0
        # shellcheck disable=SC2086
        said=$("$bench" $arguments 2>&1 >/dev/full) || status=$?
        ((status == 1)) || fail "$arguments to a full output: status $status"
        [[ $said == *'cannot write to the standard output: No space left on device' ]] || fail "$arguments: $said"
    done
}

test_list
test_words
test_full_output
test_bad_input
test_runs_and_defaults
test_table
test_cpu_io
test_sizes
test_rows
