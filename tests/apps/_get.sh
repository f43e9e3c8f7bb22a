# _get.sh: what the tests of "sley-fetch get" have in common. Sourced, not run.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

# Sets server to the URL of _range_server.py.
start_range_server()
{
    start python3 "$here/_range_server.py"
}

# The file that the server makes of SEED and SIZE.
body() # SEED SIZE
{
    curl -sS "$server/good:0:original/$1-$2"
}

expect_body() # FILE SEED SIZE
{
    body "$2" "$3" | cmp - "$1" || fail "$1 is not as the original"
}

# Runs "sley-fetch get" with waits that no test has to wait for.
get() # ARGUMENT...
{
    run get --no-proxy --retry-wait 1ms --retry-most 20ms "$@"
}

# The last line is the summary.
expect_get() # STATUS DOWNLOADED KEPT FAILED
{
    local line pattern='^([0-9]+) downloaded, ([0-9]+) kept, ([0-9]+) failed, [0-9]+ bytes in [0-9.]+ s, [0-9]+ KiB/s$'
    expect_status "$1"
    line=$(tail -n 1 out)
    [[ $line =~ $pattern ]] || fail "no summary: $line"
    [[ "${BASH_REMATCH[1]} ${BASH_REMATCH[2]} ${BASH_REMATCH[3]}" == "$2 $3 $4" ]] \
        || fail "$line, instead of $2, $3, $4"
}

# DIR has these names and no others, hidden ones included.
expect_names() # DIR NAME...
{
    local directory=$1 names
    shift
    names=$(find "$directory" -mindepth 1 ! -type d -printf '%P\n' | sort)
    [[ $names == "$( (($# == 0)) || printf '%s\n' "$@" | sort)" ]] || fail "in $directory: $names"
}

# The requests for that path so far: a line "RANGE IF-RANGE" for each.
requests() # PATH
{
    curl -sS "$server/log" | awk -v path="$1" '$1 == path { print $2, $3 }'
}

sum() # KIND SEED SIZE
{
    body "$2" "$3" | "${1}sum" | cut -d ' ' -f 1
}
