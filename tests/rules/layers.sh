#!/usr/bin/env bash
# layers.sh [SOURCE_DIR]: the rules of the house that a compiler does not check. Each violation is a
# line FILE:LINE: rule: what; exit 1 if there was one.
#
# A rule is a function rule_NAME that looks at the tree in the current directory and calls
# violation(). Before the tree is judged, each rule is shown a small tree with one planted sin
# (sin_NAME) and must report it; a rule that finds nothing there is blind, and that is a failure too.
# So a rule cannot rot unseen, and adding one means writing both functions, nothing else.
set -euo pipefail

# --- what stands where ----------------------------------------------------------------------

# Inside sched a file includes its own level or a lower one; level 3 sees of level 2 only the waist:
# wait.h, and family.h for what owns tasks, flow.h for what has a second stack.
# FILE is the name without its suffix: FILE.c, FILE.h and FILE.S stand on one level.
declare -A level
place()
{
    local number=$1 name
    shift
    for name; do level[$name]=$number; done
}
place 0 base atomic model_atomic hostile panic error version watched platform platform_linux list lock signals \
    topology topology_report cgroup trace
place 1 context context_x86_64 context_aarch64 slab stack task_impl task timer_impl timer timer_pool
place 2 buffers halt deque inject idle park poll forkers search worker relief monitor wait family spawn flow poller pthread_watch
place 3 scope sync held waiters mutex semaphore limiter rwlock cond event once rate chan chan_impl select broadcast \
    future generator iterator fork parallel local blocking blocking_impl blocking_threads executor sleep
place 4 validate runtime_impl runtime interrupt dump fault lost stall

# The foreign headers with a single home.
declare -A home=(
    [uv.h]='^(io/|bench/cpu_io/loop\.c|bench/peers/libuv/)'
    [curl/curl.h]='^(io/http_client[a-z_]*\.[ch]$|bench/peers/libcurl/)'
    [microhttpd.h]='^bench/peers/libmicrohttpd/'
    [openssl/ssl.h]='^io/tls[a-z_]*\.[ch]$'
    [openssl/err.h]='^io/tls[a-z_]*\.[ch]$'
    [openssl/x509v3.h]='^io/tls[a-z_]*\.[ch]$'
    [ares.h]='^(io/dns_|bench/peers/c-ares/)'
    [hwloc.h]='^sched/topology\.c$'
    [stdatomic.h]='^sched/atomic\.h$'
)

# What io may quote beside its own headers: the waist with what stands beside it, and the level 0 that
# they are made of.
io_may_quote='^(wait|buffers|base|atomic|lock|list|platform|signals)\.h$'

# --- looking at the tree --------------------------------------------------------------------

violation() # FILE:LINE TEXT
{
    echo "$1: $rule: $2"
}

code_files()
{
    find sched io apps bench -name '*.[chS]' 2>/dev/null | sort
}

# Everything that people read, judged line by line.
text_files()
{
    find . -path ./build -prune -o -path ./.git -prune -o -type f \
        \( -name '*.[chS]' -o -name '*.cpp' -o -name '*.sh' -o -name '*.md' -o -name '*.cmake' \
        -o -name '*.in' -o -name '*.json' -o -name '*.txt' -o -path ./run -o -path ./.ci/run \) \
        -print | sed 's|^\./||' | sort
}

# Once per tree: every code file without comments and without the insides of strings, at
# $cache/FILE, line numbers kept; and in $cache/includes each #include as FILE LINE KIND NAME, KIND
# being < or ".
prepare()
{
    local files
    files=$(code_files)
    [[ -n $files ]] || return 0
    xargs -n1 dirname <<<"$files" | sort -u | sed "s|^|$cache/|" | xargs mkdir -p
    # shellcheck disable=SC2086
    awk -v cache="$cache" '
    FNR == 1 { comment = 0; if (target) close(target); target = cache "/" FILENAME }
    {
        out = ""; quote = ""; directive = $0 ~ /^[ \t]*#/
        for (i = 1; i <= length($0); i++) {
            c = substr($0, i, 1); two = substr($0, i, 2)
            if (comment) {
                if (two == "*/") { comment = 0; i++ }
            } else if (quote != "") {
                if (c == "\\") i++
                else if (c == quote) { quote = ""; out = out c }
            } else if (two == "/*") { comment = 1; i++ }
            else if (two == "//") break
            else {
                if (!directive && (c == "\"" || c == "\047")) quote = c
                out = out c
            }
        }
        print out > target
        if (match(out, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]+/)) {
            name = substr(out, 1, RLENGTH); sub(/^[^<"]*/, "", name)
            print FILENAME, FNR, substr(name, 1, 1), substr(name, 2) > (cache "/includes")
        }
    }' $files
}

includes()
{
    [[ ! -e $cache/includes ]] || cat "$cache/includes"
}

code_of()
{
    cat "$cache/$1"
}

grep_code() # PATTERN FILE...: FILE:LINE of each match in code
{
    local pattern=$1
    shift
    (($# == 0)) || (cd "$cache" && { grep -nE "$pattern" -- "$@" /dev/null || true; } | cut -d: -f1,2)
}

grep_text() # PATTERN: FILE:LINE of each match anywhere in what people read
{
    text_files | { xargs grep -nIE "$1" -- /dev/null || true; } | cut -d: -f1,2
}

stem()
{
    local name=${1##*/}
    echo "${name%.*}"
}

# --- the rules ------------------------------------------------------------------------------

rule_placed()
{
    local file
    for file in $(find sched -maxdepth 1 -name '*.[chS]'); do
        [[ -v level[$(stem "$file")] ]] \
            || violation "$file:1" "stands on no level; place it in tests/rules/layers.sh"
    done
}
sin_placed() { echo 'int x;' >sched/attic.c; }

rule_levels()
{
    local file line kind name from to
    includes | while read -r file line kind name; do
        [[ $file == sched/*/* || $file != sched/* || $kind == '<' ]] && continue
        from=${level[$(stem "$file")]:-9}
        to=${level[$(stem "$name")]:-}
        if [[ -z $to ]]; then
            violation "$file:$line" "includes \"$name\", which is not of sched"
        elif ((to > from)); then
            violation "$file:$line" "level $from includes \"$name\" of level $to"
        fi
    done
}
sin_levels() { echo '#include "worker.h"' >sched/stack.c; }

rule_waist()
{
    local file line kind name
    includes | while read -r file line kind name; do
        [[ $file == sched/* && $kind == '"' ]] || continue
        [[ ${level[$(stem "$file")]:-} == 3 && ${level[$(stem "$name")]:-} == 2 ]] || continue
        [[ $name =~ ^(wait|family|flow)\.h$ ]] || violation "$file:$line" "level 3 sees of level 2 only the waist, not \"$name\""
    done
}
sin_waist() { echo '#include "idle.h"' >sched/sleep.c; }

rule_io_quotes()
{
    local file line kind name
    includes | while read -r file line kind name; do
        [[ $file == io/* && $kind == '"' ]] || continue
        [[ -e io/$name || $name =~ $io_may_quote ]] \
            || violation "$file:$line" "io sees of sched only its public headers and the waist, not \"$name\""
    done
}
sin_io_quotes() { echo '#include "worker.h"' >io/loop.c; }

rule_sched_below_io()
{
    local file line kind name
    includes | while read -r file line kind name; do
        [[ $file == sched/* && $file != sched/include/sley/sley.h && $name == sley/* ]] || continue
        [[ ! -e io/include/$name ]] || violation "$file:$line" "sched includes <$name> of io"
    done
}
sin_sched_below_io() { touch io/include/sley/tcp.h; echo '#include <sley/tcp.h>' >sched/spawn.c; }

rule_programs()
{
    local file line kind name directory
    includes | while read -r file line kind name; do
        [[ $file == apps/* || $file == bench/* ]] || continue
        directory=${file%%/*}
        [[ $kind == '<' || -e $directory/$name ]] && continue
        # The regression gate counts internal paths too, as unit tests look at internal headers.
        [[ $file == bench/gate/* && (-e bench/gate/$name || -e sched/$name || -e io/$name) ]] \
            || violation "$file:$line" "$directory sees only <sley/...>, not \"$name\""
    done
}
sin_programs() { echo '#include "wait.h"' >apps/sley_fetch.c; }

rule_public_headers()
{
    local file line kind name
    includes | while read -r file line kind name; do
        [[ $file == */include/sley/* && $kind == '"' ]] || continue
        violation "$file:$line" "a public header quotes \"$name\""
    done
}
sin_public_headers() { echo '#include "base.h"' >sched/include/sley/task.h; }

rule_single_home()
{
    local file line kind name
    includes | while read -r file line kind name; do
        [[ -v home[$name] ]] || continue
        [[ $file =~ ${home[$name]} ]] || violation "$file:$line" "<$name> does not belong here"
    done
}
sin_single_home() { echo '#include <hwloc.h>' >sched/runtime.c; }

rule_no_included_source()
{
    local file line kind name
    includes | while read -r file line kind name; do
        [[ $name != *.c ]] || violation "$file:$line" "includes the source file \"$name\""
    done
}
sin_no_included_source() { echo '#include "dump.c"' >sched/runtime.c; }

rule_thread_locals()
{
    local place files
    files=$(code_files | grep -v '^sched/worker\.c$' || true)
    # shellcheck disable=SC2086
    for place in $(grep_code '\<(_Thread_local|__thread|thread_local)\>' $files); do
        violation "$place" "thread-locals live in worker.c only: their address is stale after a park"
    done
}
sin_thread_locals() { echo 'static __thread int x;' >io/loop.c; }

# The brace style puts a function's braces, and nothing else, in the first column.
rule_no_ifdef_in_function()
{
    local file
    for file in $(code_files); do
        code_of "$file" | awk '
            /^{/ { inside = 1 }
            /^}/ { inside = 0 }
            inside && /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)/ { print NR }' \
            | while read -r line; do
                violation "$file:$line" "a conditional inside a function: make it two files or a helper"
            done
    done
}
sin_no_ifdef_in_function() { printf 'int f(void)\n{\n#ifdef X\n    g();\n#endif\n}\n' >sched/task.c; }

rule_short_files()
{
    local file lines
    for file in $(code_files); do
        lines=$(wc -l <"$file")
        ((lines <= 800)) || violation "$file:801" "$lines lines; 800 is the wall"
    done
}
sin_short_files() { printf '\n%.0s' {1..900} >sched/worker.c; }

# The words are spelled apart so that this file does not accuse itself.
rule_no_leftovers()
{
    local place
    for place in $(grep_text '\<(TO''DO|FIX''ME|X''XX)\>'); do
        violation "$place" "unfinished business"
    done
}
sin_no_leftovers() { echo '/* TO''DO */' >io/tcp.c; }

rule_no_machine_paths()
{
    local place
    for place in $(grep_text '(^|[^A-Za-z0-9_.$}/-])/(wo''rk|ho''me|ro''ot|Us''ers)/[A-Za-z0-9]'); do
        violation "$place" "a path of one machine"
    done
}
sin_no_machine_paths() { echo 'int x; /* see "/ho''me/me/x" */' >io/tcp.c; }

# The processes of a process pool are not the program, and may end themselves.
rule_no_printing()
{
    local place files
    files=$(code_files | grep -E '^(sched|io)/' | grep -vE '^sched/(panic|hostile)\.c$' \
        | grep -vE '^io/procpool_(child|supervisor|zygote)\.c$' || true)
    # shellcheck disable=SC2086
    for place in $(grep_code '\<(printf|fprintf|vfprintf|puts|putchar|perror|exit|_exit|quick_exit)[ ]?\(' $files); do
        violation "$place" "the library neither prints nor exits"
    done
}
sin_no_printing() { printf 'int f(void)\n{\n    exit(1);\n}\n' >sched/task.c; }

# --- judging --------------------------------------------------------------------------------

rules()
{
    declare -F | sed -n 's/^declare -f rule_//p'
}

# What the rule has to say of the tree in the current directory.
judge()
{
    local cache
    cache=$(mktemp -d)
    prepare
    "rule_$rule"
    rm -rf "$cache"
}

shows_its_sin()
{
    local tree found
    tree=$(mktemp -d)
    mkdir -p "$tree"/{sched,io}/include/sley "$tree"/{apps,bench}
    found=$(cd "$tree" && "sin_$rule" && judge)
    rm -rf "$tree"
    [[ $found == *": $rule: "* ]]
}

main()
{
    local bad=0 found rule cache
    cd "${1:-.}"
    cache=$(mktemp -d)
    prepare
    for rule in $(rules); do
        shows_its_sin || { echo "layers.sh:1: $rule: blind, it does not see its planted sin"; bad=1; }
        found=$("rule_$rule")
        [[ -z $found ]] || { echo "$found"; bad=1; }
    done
    rm -rf "$cache"
    ((bad == 0)) && echo "$(rules | wc -l) rules, no violation"
    return $bad
}

main "$@"
