#!/usr/bin/env bash
# test_bad_servers.sh: servers that refuse, reset, stall, send garbage or half a body. Each flag that
# is hit counts as failed, has no file, and the reason is told once; the others come.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

# All of the 20 fail for one reason, in one line.
expect_all_failed() # REASON, a pattern
{
    expect_status 1
    expect_counts 0 0 20
    (($(wc -l <err) == 1)) || fail "not one line"
    grep -Eqx "sley-fetch: 20 failed: .*($1).*" err || fail "the reason is not '$1'"
    (($(grep -c '  failed$' out) == 20)) || fail "the flags have no line each"
    (($(count_files $2) == 0)) || fail "files"
}

test_all_fail()
{
    local how reason
    while read -r how reason; do
        use_bad_server $how
        run flags --server "$server" -o $how
        expect_all_failed "$reason" $how
    done <<'END'
reset   [Rr]eset|broke|closed|[Ee]mpty
close   [Cc]losed|without|[Ee]mpty|broke
cut     middle|before|broke|closed|complete|remaining
garbage HTTP
empty   empty
html    not a GIF
begun   only the beginning of a GIF
huge    large|limit|than
loop    redirect
status  HTTP 503 Service Unavailable
END
}

# The last one: it ends the server.
test_refused()
{
    use_bad_server close
    kill $bad_pid
    wait $bad_pid || true
    run flags --server "$server" -o refused
    expect_all_failed '[Rr]efused|connect' refused
}

test_stall()
{
    local how
    for how in stall stall-body; do
        use_bad_server $how
        run flags --server "$server" -o $how --timeout 200ms -m 20
        expect_all_failed 'time|Time|after|deadline' $how
    done
}

# The first ten answers are good, whoever gets them.
test_some_fail()
{
    local how
    for how in reset cut garbage empty status; do
        use_bad_server $how 10
        run flags --server "$server" -o some-$how --verbose
        expect_status 1
        expect_counts 10 0 10
        (($(count_files some-$how) == 10)) || fail "files"
        (($(grep -c '^..  failed: .*, [0-9.]* ms$' out) == 10)) || fail "no details"
        (($(find some-$how -type f ! -size 263c | wc -l) == 0)) || fail "a file is short"
        for code in $(sed -n 's/^\(..\)  failed: .*/\1/p' out); do
            [[ ! -e some-$how/$code.gif ]] || fail "$code has failed and is there"
        done
    done
}

# A server whose metadata are always these.
use_metadata() # TEXT
{
    printf '%s' "$1" >metadata
    use_bad_server good metadata
}

# A stranger's names: they must not leave the directory, nor meet.
test_names()
{
    local metadata files
    while read -r metadata files; do
        use_metadata "$metadata"
        run flags --server "$server" --named -o names BR
        expect_status 0
        [[ $(ls -A names) == "$files" ]] || fail "$metadata gives $(ls -A names | cat -v)"
        rm -r names
    done <<'END'
{"country":"../../evil"} _._.._evil.gif
{"country":"..\u002f..\u002fevil"} _._.._evil.gif
{"country":"/etc/passwd"} _etc_passwd.gif
{"country":".hidden"} _hidden.gif
{"country":"-rf"} _rf.gif
{"country":"a\nb\tc\u001b[2Jd\u007f\u0085"} a_b_c_[2Jd__.gif
{"country":"Côte\u0020d\u0027Or"} Côte_d'Or.gif
END
    for metadata in '' '{}' '[]' 'null' '"BR"' '{"country":null}' '{"country":""}' '{"country":"  "}' \
        '{"country":7}' '{"country":"a\u0000b"}' $'{"country":"\xff\xfe"}' '{"country":"Bra' \
        "$(printf '[%.0s' {1..20000})"; do
        use_metadata "$metadata"
        run flags --server "$server" --named -o names BR
        expect_status 1
        expect_counts 0 0 1
        grep -q 'metadata.json' err || fail "'$metadata': the reason"
        (($(count_files names) == 0)) || fail "'$metadata': a file"
    done
    use_metadata '{"country":"Same"}'
    run flags --server "$server" --named -o names BR FR DE
    expect_status 1
    expect_counts 1 0 2
    (($(count_files names) == 1)) || fail "files of the same name"
    grep -q 'has the same name, Same.gif' err || fail "the reason"

    use_metadata "{\"country\":\"$(printf 'ü%.0s' {1..300})\"}"
    run flags --server "$server" --named -o long BR
    expect_status 0
    ls long | grep -qx 'ü*\.gif' || fail "a long name is cut within a character"
}

test_many_reasons()
{
    start_flagserver --port 0 --error-rate 1 --errors 400,401,402,403,405,406,407,408
    run flags --server "$server" -o many
    expect_counts 0 0 20
    (($(wc -l <err) == 8)) || fail "not a line for each reason"
}

test_all_fail
test_stall
test_some_fail
test_names
test_many_reasons
test_refused
