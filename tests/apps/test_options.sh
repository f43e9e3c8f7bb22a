#!/usr/bin/env bash
# test_options.sh: the command lines of both programs. What is wrong is said in one line on stderr,
# with status 2 and nothing done.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

refused() # PROGRAM ARGUMENT... -- WHAT IT MUST SAY
{
    local program=$1 arguments=()
    shift
    while [[ $1 != --- ]]; do
        arguments+=("$1")
        shift
    done
    status=0
    "$program" "${arguments[@]}" >out 2>err || status=$?
    ((status == 2)) || fail "'${arguments[*]}' exits with $status"
    [[ ! -s out ]] || fail "'${arguments[*]}' prints"
    (($(wc -l <err) == 1)) || fail "'${arguments[*]}': not one line"
    grep -qF -- "$2" err || fail "'${arguments[*]}': no word of '$2'"
    [[ ! -e flags ]] || fail "'${arguments[*]}' does something"
}

accepted() # ARGUMENT...: --help behind them shows that they were read to the end
{
    "$flagserver" "$@" --help >out 2>err || fail "'$*' is refused"
}

test_fetch()
{
    refused "$fetch" --- "flags"
    refused "$fetch" nonsense --- "unknown command nonsense"
    refused "$fetch" --nonsense --- "unknown option --nonsense"
    refused "$fetch" flags --nonsense --- "unknown option --nonsense"
    refused "$fetch" flags --al --- "unknown option --al"
    refused "$fetch" flags -x --- "unknown option -x"
    refused "$fetch" flags -vx --- "unknown option -x"
    refused "$fetch" flags --verbose=1 --- "--verbose takes no value"
    refused "$fetch" flags --limit --- "--limit needs a value"
    refused "$fetch" flags -l --- "-l needs a value"
    local value
    for value in 0 -1 5x x '' ' 5' +5 0x5 99999999999999999999; do
        refused "$fetch" flags --limit "$value" --- "is not a number from"
        refused "$fetch" flags --max-requests="$value" --- "is not a number from 1 to 1000"
    done
    refused "$fetch" flags -m1001 --- "is not a number from 1 to 1000"
    for value in 0 -1 1e3 inf 100000 1h ''; do
        refused "$fetch" flags --timeout "$value" --- "--timeout"
    done
    for value in remote ftp://127.0.0.1/ 127.0.0.1:8000 http:// http:///flags 'http://a b/' ''; do
        refused "$fetch" flags --server "$value" --- "is not local, delay, error or an http URL"
    done
    for value in BRA 12 B1 é '' ../ B/; do
        refused "$fetch" flags "$value" --- "is no country code"
        refused "$fetch" flags BR "$value" --- "is no country code"
    done
    refused "$fetch" flags -o '' --- "--output needs a value"
    refused "$fetch" get -o '' http://127.0.0.1:1/x --- "--output needs a value"
    refused "$fetch" get -J '' http://127.0.0.1:1/x --- "--journal needs a value"
    refused "$fetch" flags -- --all --- "is no country code"
    refused "$fetch" flags --all --every --- "only one"
    refused "$fetch" flags --all BR --- "only one"
    refused "$fetch" flags BR --every --- "only one"
}

test_flagserver()
{
    local value
    refused "$flagserver" 8000 --- "--port PORT"
    refused "$flagserver" --nonsense --- "unknown option --nonsense"
    refused "$flagserver" --port --- "needs a value"
    for value in -1 65536 x ''; do
        refused "$flagserver" --port "$value" --- "is not a number from 0 to 65535"
        refused "$flagserver" --slow "$value" --- "is not a number from 0 to 65535"
    done
    for value in localhost '' '[::1]' 127.0.0.1:80 256.0.0.1; do
        refused "$flagserver" -a "$value" -p 0 --- "is not a numeric address"
        refused "$flagserver" -p 0 -a "$value" --- "is not a numeric address"
    done
    for value in x -1 1m 90000 . '' 0x1; do
        refused "$flagserver" --port 0 --delay "$value" --- "is not a time"
        refused "$flagserver" --jitter "$value" --port 0 --- "is not a time"
    done
    for value in 1.1 101% -0.1 x '' 0.5x; do
        refused "$flagserver" --error-rate "$value" --- "is not a part of all"
    done
    for value in 200 399 600 nonsense 418, ,418 ''; do
        refused "$flagserver" --errors "$value" --- "is not a number from 400 to 599"
    done
    refused "$flagserver" --errors 400,401,402,403,404,405,406,407,408 --- "more than 8"
    accepted -p 0 -d 500ms -j 0.5s -e 25% --errors 418,503,abort,truncate --seed 7 -a ::1 --slow 1
}

test_words()
{
    local program
    for program in "$fetch" "$flagserver" "$fetch flags"; do
        $program --help >out || fail "$program --help"
        grep -q '^Usage: sley-f' out || fail "$program --help"
        (($(awk '{ print length }' out | sort -n | tail -1) <= 100)) || fail "$program --help is wide"
        $program --version >out || fail "$program --version"
        grep -Eqx 'sley-f[a-z]+ [0-9]+\.[0-9]+\.[0-9]+' out || fail "$program --version"
    done
}

# Whom to ask when nobody listens at the port of --server local, delay or error. In a network of its
# own nobody does.
test_no_flagserver()
{
    local server
    if ! unshare -rn ip link set lo up 2>/dev/null; then
        echo "$name: no network of our own here: --server local was not tried" >&2
        return 0
    fi
    for server in local delay error; do
        status=0
        unshare -rn sh -c "ip link set lo up && exec \"\$@\"" sh "$fetch" flags -s $server BR >out 2>err || status=$?
        expect_status 1
        grep -q 'start sley-flagserver' err || fail "no word of sley-flagserver"
    done
    status=0
    "$fetch" flags -s http://127.0.0.1:1 BR >out 2>err || status=$?
    expect_status 1
    ! grep sley-flagserver err || fail "another server is no sley-flagserver"
}

# Without one of the packages it says which.
test_missing_packages()
{
    local program
    mkdir -p share/iso-codes/json
    for program in "$fetch flags" "$flagserver --port 0"; do
        status=0
        XDG_DATA_DIRS=$PWD/nowhere $program >out 2>err || status=$?
        expect_status 1
        grep -q 'install the package iso-codes' err || fail "does not name iso-codes"
        (($(wc -l <err) == 1)) || fail "not one line"

        cp /usr/share/iso-codes/json/iso_3166-1.json share/iso-codes/json
        status=0
        XDG_DATA_DIRS=$PWD/nowhere:$PWD/share $program >out 2>err || status=$?
        expect_status 1
        grep -q 'install the package famfamfam-flag-gif' err || fail "does not name famfamfam-flag-gif"

        echo '{"3166-1": [' >share/iso-codes/json/iso_3166-1.json
        status=0
        XDG_DATA_DIRS=$PWD/share $program >out 2>err || status=$?
        expect_status 1
        grep -q 'iso_3166-1.json' err || fail "does not name the broken file"
    done
    # Who names a server and codes needs neither.
    use_bad_server good
    XDG_DATA_DIRS=$PWD/nowhere run flags --server "$server" BR
    expect_status 0
}

test_fetch
test_flagserver
test_words
test_no_flagserver
test_missing_packages
