#!/usr/bin/env bash
# test_flags.sh: sley-fetch flags with the server in its own process: which flags, which files, and
# what is printed.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

test_default()
{
    run flags
    expect_status 0
    expect_counts 20 0 0
    [[ ! -s err ]] || fail "says something on stderr"
    (($(count_files flags) == 20)) || fail "not 20 files"
    expect_whole_flags flags
    ((bytes == $(cat flags/*.gif | wc -c))) || fail "$bytes bytes is not the sum of the files"
    [[ -e flags/BR.gif && -e flags/CD.gif && -e flags/VN.gif ]] || fail "which 20?"
}

# Three lines before, one line for each flag in whatever order, the summary, and nothing else.
test_shape()
{
    run flags -o shape BR FR zz
    expect_status 0
    expect_counts 2 1 0
    (($(wc -l <out) == 7)) || fail "not 7 lines"
    sed -n 1p out | grep -Eqx 'Server: http://127\.0\.0\.1:[0-9]+/flags \(in this process\)' \
        || fail "first line"
    sed -n 2p out | grep -qx 'Searching for 3 flags: from BR to ZZ' || fail "second line"
    sed -n 3p out | grep -qx '3 concurrent connections will be used.' || fail "third line"
    [[ $(sed -n 4,6p out | sort) == $'BR  BR.gif\nFR  FR.gif\nZZ  not found' ]] || fail "the flags"
    (($(LC_ALL=C tr -d '\n' <out | LC_ALL=C grep -c '[[:cntrl:]]') == 0)) || fail "control characters"
}

test_all()
{
    local expected
    expected=$(python3 - "$gifs" <<'END'
import json, os, sys
countries = json.load(open("/usr/share/iso-codes/json/iso_3166-1.json"))["3166-1"]
print(sum(os.path.exists(f"{sys.argv[1]}/{c['alpha_2'].lower()}.gif") for c in countries))
END
)
    run flags --all --output all
    expect_status 0
    expect_counts "$expected" 0 0
    (($(count_files all) == expected)) || fail "files"
    expect_whole_flags all

    run flags -m 1000 --every -o every
    expect_status 0
    expect_counts "$expected" $((676 - expected)) 0
    grep -qx 'Searching for 676 flags: from AA to ZZ' out || fail "announcement"
    grep -qx '676 concurrent connections will be used.' out || fail "connections"
    diff -r all every >/dev/null || fail "--all and --every get different files"
}

test_limit_and_letters()
{
    run flags --limit 3 -o limit
    expect_status 0
    expect_counts 3 0 0
    [[ $(ls limit | xargs) == "BD.gif BR.gif CD.gif" ]] || fail "not the first three"

    run flags --every -l100 -o letters
    grep -qx 'Searching for 100 flags: from AA to DV' out || fail "announcement"
    run flags b -o letter
    expect_status 0
    grep -qx 'Searching for 26 flags: from BA to BZ' out || fail "B is not BA to BZ"
    run flags br BR Br -o doubles
    expect_counts 1 0 0
    grep -qx 'Searching for 1 flag: BR' out || fail "doubles"
    grep -qx '1 concurrent connection will be used.' out || fail "connection"
}

test_named()
{
    run flags --named -o named CI TW VI TR BO AX US XX
    expect_status 0
    expect_counts 7 1 0
    (($(count_files named) == 7)) || fail "files"
    cmp named/Bolivia.gif $gifs/bo.gif || fail "the common name"
    cmp named/United_States.gif $gifs/us.gif || fail "blanks"
    cmp "named/Côte_d'Ivoire.gif" $gifs/ci.gif || fail "UTF-8 and apostrophe"
    cmp named/Åland_Islands.gif $gifs/ax.gif || fail "UTF-8 at the beginning"
    cmp named/Virgin_Islands,_U.S..gif $gifs/vi.gif || fail "full stops"
    grep -qx "CI  Côte_d'Ivoire.gif" out || fail "the line"

    run flags --named --all -o all-named
    expect_status 0
    read_summary
    (($(count_files all-named) == downloaded)) || fail "two flags under one name"
}

test_again()
{
    run flags -o again BR
    echo old >again/FR.gif
    run flags -o again BR FR
    expect_status 0
    expect_counts 2 0 0
    (($(count_files again) == 2)) || fail "files"
    expect_whole_flags again
    run flags -o deep/er/dir/ BR
    expect_status 0
    (($(count_files deep/er/dir) == 1)) || fail "parents are not made"
}

test_verbose()
{
    run flags -v -o verbose BR ZZ
    expect_status 0
    grep -Eqx 'BR  BR.gif, [0-9]+ bytes, [0-9.]+ ms' out || fail "BR"
    grep -Eqx 'ZZ  not found: HTTP 404 Not Found, [0-9.]+ ms' out || fail "ZZ"
}

# Who reads the output goes away: the files come all the same, and the status tells.
test_closed_output()
{
    local statuses
    set +e
    "$fetch" flags --all -o closed 2>err | head -n 1 >out
    statuses=("${PIPESTATUS[@]}")
    set -e
    (($(count_files closed) > 200)) || fail "the work did not go on"
    # The reader may have been slow enough to take everything.
    ((statuses[0] == 0)) || { ((statuses[0] == 1)) && grep -q 'cannot write to the standard output' err; } \
        || fail "status ${statuses[0]}"
    status=0
    "$fetch" flags BR -o closed >/dev/full 2>err || status=$?
    expect_status 1
    (($(grep -c 'cannot write to the standard output' err) == 1)) || fail "a full output"
}

test_one_worker()
{
    SLEY_WORKERS=1 run flags --all --named -o one
    expect_status 0
    read_summary
    (($(count_files one) == downloaded)) || fail "files"
}

test_default
test_shape
test_all
test_limit_and_letters
test_named
test_again
test_verbose
test_closed_output
test_one_worker
