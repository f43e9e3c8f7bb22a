#!/usr/bin/env bash
# test_get_retry.sh: sley-fetch get with servers that fail: what is tried again, and resumed.
source "$(dirname "${BASH_SOURCE[0]}")/_get.sh"
start_range_server

# The file comes after N failures of that kind.
test_transient()
{
    local how
    for how in busy late error reset cut; do
        get -o $how "$server/$how:3:a/1-1000" "$server/$how:2:a/2-200000"
        expect_get 0 2 0 0
        expect_body $how/1-1000 1 1000
        expect_body $how/2-200000 2 200000
        expect_names $how 1-1000 2-200000
        # Of a kept connection that breaks libcurl makes an attempt of its own.
        grep -Eq "^$([[ $how == reset ]] && echo '[1-5]' || echo 5) further attempts?," out \
            || fail "$how: attempts are not counted"
        get -o $how-not -r 2 "$server/$how:3:b/1-1000"
        expect_get 1 0 0 1
        (($(requests /$how:3:b/1-1000 | wc -l) == 3)) || fail "$how: not 3 attempts"
        expect_names $how-not
    done
}

# One is told as one.
test_plural()
{
    get -o plural "$server/error:1:a/1-10"
    expect_get 0 1 0 0
    grep -qx '1 further attempt, 0 resumed' out || fail "one attempt"
}

# Whoever waits for a host that is down learns it when that begins, once, and why it is unfinished
# after an interrupt.
test_down()
{
    local line
    mkfifo pipe
    "$fetch" get --no-proxy --retry-wait 1000 --retry-most 1000 -o down http://127.0.0.1:1/{x,y} >out 2>pipe &
    pid=$!
    exec 8<pipe
    rm pipe
    while read -r line <&8 && [[ $line == "sley: hostile build, "* ]]; do
        :
    done
    [[ $line == "sley-fetch: http://127.0.0.1:1: "*refused*"; again in "* ]] || fail "says $line"
    kill -INT $pid
    cat <&8 >err
    exec 8<&-
    status=0
    wait $pid || status=$?
    expect_get 130 0 0 0
    set_seed_aside
    grep -qx '2 unfinished' out || fail "it does not say how many"
    grep -Eq '^sley-fetch: [12] unfinished: .*refused$' err || fail "it does not say why"
    (($(grep -c 'again in' err) == 0)) || fail "the host is told again"
    get -o down -q -r 1 http://127.0.0.1:1/x
    ! grep 'again in' err || fail "--quiet speaks"
}

test_permanent()
{
    get -o missing "$server/missing:9:a/1-10"
    expect_get 1 0 0 1
    (($(requests /missing:9:a/1-10 | wc -l) == 1)) || fail "404 is tried again"
    get -o never "$server/never:9:a/1-10"
    expect_get 1 0 0 1
    (($(requests /never:9:a/1-10 | wc -l) == 1)) || fail "it does not wait for a day, but asks again"
    grep -q 'HTTP 429 .*; the server wants a pause of 86400 s, --retry-most allows 0.02 s$' err \
        || fail "no word of the pause"
}

# What was there of it is asked for with these words: RANGE IF-RANGE.
expect_second_request() # PATH PATTERN
{
    requests "$1" | sed -n 2p | grep -Eqx -e "$2" || fail "$1: second request: $(requests "$1" | tail -1)"
}

test_resume()
{
    local how
    # 100000 bytes, 50000 of which came.
    for how in cut liar other; do
        get -o resume "$server/$how:1:c/$how-100000"
        expect_get 0 1 0 0
        expect_body resume/$how-100000 $how 100000
        expect_second_request /$how:1:c/$how-100000 'bytes=50000- "old"'
    done
    get -o resume "$server/dated:1:c/dated-100000"
    expect_get 0 1 0 0
    expect_second_request /dated:1:c/dated-100000 'bytes=50000- Sat,'
    grep -q ' 1 resumed$' out || fail "it is not told"
    for how in bare weak; do # nothing to tell the version by
        get -o resume "$server/$how:1:c/$how-100000"
        expect_get 0 1 0 0
        expect_body resume/$how-100000 $how 100000
        expect_second_request /$how:1:c/$how-100000 '- -'
    done
    get -o resume "$server/deaf:1:c/deaf-100000" "$server/chunked:1:c/chunked-200000"
    expect_get 0 2 0 0
    expect_body resume/deaf-100000 deaf 100000
    expect_body resume/chunked-200000 chunked 200000
    get -o resume "$server/change:1:c/change-100000"
    expect_get 0 1 0 0
    expect_body resume/change-100000 changex 100000
    expect_names resume {cut,liar,other,dated,bare,weak,deaf,change}-100000 chunked-200000
}

# What one run has left the next one resumes.
test_resume_in_next_run()
{
    get -o next -r 0 "$server/cut:1:d/1-100000" "$server/bare:1:d/2-100000" "$server/cut:1:d/3-100000"
    expect_get 1 0 0 3
    expect_names next .{1,3}-100000.sley-{part,info}
    head -c 30000 next/.3-100000.sley-part >shorter && mv shorter next/.3-100000.sley-part
    get -o next "$server/cut:1:d/1-100000" "$server/bare:1:d/2-100000" "$server/cut:1:d/3-100000"
    expect_get 0 3 0 0
    expect_names next {1,2,3}-100000
    expect_second_request /cut:1:d/1-100000 'bytes=50000- "old"'
    expect_second_request /cut:1:d/3-100000 'bytes=30000- "old"'
    expect_body next/1-100000 1 100000
    expect_body next/3-100000 3 100000
    # One that is complete, and damaged ones.
    get -o next -r 0 "$server/cut:1:e/4-100000" "$server/cut:1:e/5-100000" "$server/cut:1:e/6-100000"
    expect_get 1 0 0 3
    body 4 100000 >next/.4-100000.sley-part
    echo garbage >next/.5-100000.sley-info
    head -c 200000 /dev/zero >next/.6-100000.sley-part
    get -o next "$server/cut:1:e/4-100000" "$server/cut:1:e/5-100000" "$server/cut:1:e/6-100000"
    expect_get 0 3 0 0
    expect_second_request /cut:1:e/4-100000 'bytes=99999- "old"'
    expect_second_request /cut:1:e/5-100000 '- -'
    expect_second_request /cut:1:e/6-100000 '- -'
    expect_names next {1,2,3,4,5,6}-100000
    for n in 4 5 6; do
        expect_body next/$n-100000 $n 100000
    done
}

# A password is for the server: nothing that is written has it, and the next run goes on without it.
test_password()
{
    local url=${server/:\/\//:\/\/me:secret@}
    get -o secret -r 0 -J secret.journal -R secret.json --json "$url/good:0:p/1-1000" "$url/cut:1:p/2-300000" \
        "$url/missing:9:p/3-10"
    expect_status 1
    [[ -s secret/.2-300000.sley-info && -s secret.journal ]] || fail "nothing was left"
    ! grep -r secret@ . || fail "the password is written"
    [[ $(stat -c %a secret.journal) == 600 ]] || fail "the journal is for everybody"
    [[ $(stat -c %a secret/.2-300000.sley-info) == 600 ]] || fail "the information is for everybody"
    url=${url/secret/another}
    get -o secret -J secret.journal -R secret.csv -v "$url/good:0:p/1-1000" "$url/cut:1:p/2-300000"
    expect_get 0 1 1 0
    expect_second_request /cut:1:p/2-300000 'bytes=150000- "old"'
    ! grep -r another@ . || fail "the password is written"
    get -o secret -O echo "$url/echo:0:p/4-10"
    grep -q "^Authorization: Basic $(printf me:another | base64)" secret/echo || fail "it is not sent"
}

# A part that somebody else is writing is left alone; one without a version loses what was known of
# an earlier one.
test_others()
{
    get -o others -r 0 "$server/cut:1:g/1-100000"
    expect_get 1 0 0 1
    exec 7>>others/.1-100000.sley-part
    flock -n 7 || fail "the lock outlived its process"
    get -o others "$server/cut:1:g/1-100000"
    expect_get 1 0 0 1
    grep -q 'in use' err || fail "it does not say why"
    [[ $(stat -c %s others/.1-100000.sley-part) == 50000 ]] || fail "the other's part is changed"
    exec 7>&-
    get -o others "$server/cut:1:g/1-100000"
    expect_get 0 1 0 0
    expect_names others 1-100000
    get -o others -r 0 "$server/cut:1:g/2-100000"
    sed -i 's,/cut:1:g/,/bare:1:g/,' others/.2-100000.sley-info
    : >others/.2-100000.sley-part
    get -o others -r 0 "$server/bare:1:g/2-100000"
    expect_get 1 0 0 1
    expect_names others 1-100000
}

# Large files come in pieces at the same time, of one version; what is there of each is kept.
test_ranges()
{
    local asked
    get -o ranges -g 4 --range-size 40K "$server/good:0:h/1-200000" "$server/good:0:h/2-70000"
    expect_get 0 2 0 0
    expect_body ranges/1-200000 1 200000
    expect_body ranges/2-70000 2 70000
    asked=$(requests /good:0:h/1-200000 | sort | tr '\n' ';')
    [[ $asked == '- -;bytes=131072-196607 "old";bytes=196608-199999 "old";bytes=65536-131071 "old";' ]] \
        || fail "asked for $asked"
    (($(requests /good:0:h/2-70000 | wc -l) == 1)) || fail "a small one is cut"
    get -o ranges -g 4 --range-size 40K -c "sha256:$(sum sha256 3 200000)" "$server/cut:3:h/3-200000"
    expect_get 0 1 0 0
    expect_body ranges/3-200000 3 200000
    # Interrupted, and gone on with: nothing is fetched twice.
    get -o ranges -r 0 -g 2 --range-size 40K "$server/cut:1:h/4-200000"
    expect_get 1 0 0 1
    expect_names ranges 1-200000 2-70000 3-200000 .4-200000.sley-{part,info}
    get -o ranges -r 0 -g 2 --range-size 40K "$server/cut:1:h/4-200000"
    expect_get 0 1 0 0
    expect_body ranges/4-200000 4 200000
    (($(requests /cut:1:h/4-200000 | tail -n +2 | grep -c '^-') == 0)) || fail "from the beginning again"
    # A version that is no more.
    get -o ranges -g 4 --range-size 40K "$server/swap:2:h/5-200000"
    expect_get 0 1 0 0
    expect_body ranges/5-200000 5x 200000
    get -o ranges -r 0 -g 2 --range-size 40K "$server/cut:1:h/6-200000"
    expect_get 1 0 0 1
    sed -i 's/"old"/"older"/' ranges/.6-200000.sley-info
    get -o ranges "$server/cut:1:h/6-200000"
    expect_get 0 1 0 0
    expect_body ranges/6-200000 6 200000
    expect_names ranges {1,3,4,5,6}-200000 2-70000
}

# More at once than the host stands: all come in the end, and it costs none of them its attempts that
# others were in the way.
test_crowd()
{
    local n
    for n in {1..60}; do
        echo "$server/crowd:3:f/$n-2000"
    done >list
    get -o crowd -i list -j 60 -r 20
    expect_get 0 60 0 0
    for n in 1 30 60; do
        expect_body crowd/$n-2000 $n 2000
    done
}

test_transient
test_plural
test_down
test_permanent
test_resume
test_resume_in_next_run
test_password
test_others
test_ranges
test_crowd
