# _apps.sh: what the tests of sley-fetch and sley-flagserver have in common. Sourced, not run.
#
# The tests look at results only: the exit status, what was printed, and the files, which are
# compared with the ones that the server reads. Where something must happen "in the middle", they
# wait for a line of output, never for a time.
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY # the servers are here

fetch=${SLEY_FETCH:-${SLEY_BIN:+$SLEY_BIN/sley-fetch}}
flagserver=${SLEY_FLAGSERVER:-${SLEY_BIN:+$SLEY_BIN/sley-flagserver}}
: "${fetch:?set SLEY_FETCH or SLEY_BIN}" "${flagserver:?set SLEY_FLAGSERVER or SLEY_BIN}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
gifs=/usr/share/flags/countries/16x11
originals=$PWD/originals # what expect_whole_flags() compares with
name=$(basename "$0" .sh)
started=()

fail()
{
    echo "$name: $*" >&2
    for file in out err seed; do
        [[ ! -s $file ]] || sed "s/^/  $file: /" $file | tail -20 >&2
    done
    exit 1
}

end_servers()
{
    ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
    wait
}
trap end_servers EXIT

# What the hostile build says of itself is no error; kept for a failure.
set_seed_aside()
{
    sed -n '/^sley: hostile build, /p' err >seed
    sed -i '/^sley: hostile build, /d' err
}

# Runs sley-fetch with the arguments; its output is in `out` and `err`, its status in $status.
run()
{
    status=0
    "$fetch" "$@" >out 2>err || status=$?
    set_seed_aside
}

expect_status() # STATUS
{
    ((status == $1)) || fail "exit status $status instead of $1"
}

# The last line is the summary. Sets downloaded, not_found, failed and bytes.
read_summary() # [FILE]
{
    local line pattern='^([0-9]+) downloaded, ([0-9]+) not found, ([0-9]+) failed, ([0-9]+) bytes in [0-9]+\.[0-9]+ s$'
    line=$(tail -n 1 "${1:-out}")
    [[ $line =~ $pattern ]] || fail "no summary: $line"
    downloaded=${BASH_REMATCH[1]} not_found=${BASH_REMATCH[2]}
    failed=${BASH_REMATCH[3]} bytes=${BASH_REMATCH[4]}
}

expect_counts() # DOWNLOADED NOT_FOUND FAILED
{
    read_summary
    [[ "$downloaded $not_found $failed" == "$1 $2 $3" ]] \
        || fail "counted $downloaded, $not_found, $failed instead of $1, $2, $3"
}

# How many files DIR has; a hidden one, a temporary, is an error.
count_files() # DIR
{
    local entries
    entries=$(find "$1" -mindepth 1 -printf '%y %f\n')
    ! grep -q '^. \.' <<<"$entries" || fail "left behind: $entries"
    ! grep -qv '^f ' <<<"${entries:-f }" || fail "not a file: $entries"
    find "$1" -mindepth 1 | wc -l
}

# Each .gif in DIR is the very file that the server read.
expect_whole_flags() # DIR
{
    local bad
    if [[ ! -e $originals ]]; then
        (cd $gifs && md5sum ??.gif) | awk '{ print $1, toupper(substr($2, 1, 2)) ".gif" }' | sort >"$originals"
    fi
    compgen -G "$1/*.gif" >/dev/null || return 0
    bad=$(cd "$1" && md5sum -- *.gif | awk '{ print $1, $2 }' | sort | comm -23 - "$originals")
    [[ -z $bad ]] || fail "not as the original: $bad"
}

# Starts a server in the background and waits for its first line; sets server (its URL) and pid.
start() # COMMAND...
{
    local ready=ready.$RANDOM
    mkfifo $ready
    "$@" >$ready 2>server.err &
    pid=$!
    started+=($pid)
    exec 9<$ready
    read -r server <&9 || fail "$*: did not start: $(cat server.err)"
    server=${server%% *}
    rm $ready
}

start_flagserver() # OPTION...
{
    start "$flagserver" "$@"
}

# Sets server to the URL of one that does wrong in one way (_bad_server.py tells which there are);
# the first N answers are good. There is one process for all of them, bad_pid.
use_bad_server() # HOW [N]
{
    if [[ -z ${bad_pid-} ]]; then
        start python3 "$here/_bad_server.py"
        bad_pid=$pid bad_base=$server bad_uses=0
    fi
    bad_uses=$((bad_uses + 1))
    server=$bad_base/$1:${2:-0}:$bad_uses/flags
}
