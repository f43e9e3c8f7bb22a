#!/usr/bin/env bash
# test_probe_knot.sh: sley-probe against a real name server with a generated zone: of 10,000 names
# each is told once, with the address that it has, and those that do not exist as not existing.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
source "$here/_jobs.sh"
program=${SLEY_PROBE:-${SLEY_BIN:+$SLEY_BIN/sley-probe}}
: "${program:?set SLEY_PROBE or SLEY_BIN}"
knotd=/usr/sbin/knotd
count=10000

[[ -x $knotd ]] || {
    echo "$name: skipped: no Knot DNS here ($knotd)" >&2
    exit 77
}

# Even names exist, with an address made of their number; every hundredth of them is an alias, too.
write_zone()
{
    awk -v count=$count 'BEGIN {
        print "$ORIGIN probe.test.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1"
        for (i = 0; i < count; i += 2) {
            printf "n%d A 10.%d.%d.%d\n", i, i / 65536, i / 256 % 256, i % 256
            if (i % 100 == 0) {
                printf "n%d MX 10 mail%d\n", i, i
                printf "alias%d CNAME n%d\n", i, i
            }
        }
    }' >probe.test.zone
}

start_knot()
{
    local try
    for try in {1..5}; do # the port may be taken in between
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        cat >knot.conf <<EOF
server:
    listen: 127.0.0.1@$port
    rundir: $PWD
    udp-workers: 1
    tcp-workers: 1
database:
    storage: $PWD
zone:
  - domain: probe.test
    storage: $PWD
    file: probe.test.zone
EOF
        "$knotd" -c knot.conf >knot.log 2>&1 &
        pid=$!
        started+=($pid)
        while kill -0 $pid 2>/dev/null; do
            "$program" -q -s 127.0.0.1:$port --timeout 50ms --tries 1 n0.probe.test >out 2>err || true
            [[ $(cat out) != "+ n0.probe.test" ]] || return 0
        done
    done
    fail "Knot does not start: $(cat knot.log)"
}

# The list and the details of all names, and nothing else.
test_all_names()
{
    local jobs
    awk -v count=$count 'BEGIN { for (i = 0; i < count; i++) print "n" i ".probe.test" }' >names
    awk -v count=$count 'BEGIN { for (i = 0; i < count; i++) print (i % 2 ? "  " : "+ ") "n" i ".probe.test" }' | sort >expected
    for jobs in 1 64 1000; do
        status=0
        head -n $((jobs == 1 ? 100 : count)) names | "$program" -s 127.0.0.1:$port -j $jobs -t A >out 2>err || status=$?
        set_seed_aside
        expect_status 0
        sort out >got
        if ((jobs > 1)); then
            cmp -s got expected || fail "-j $jobs: $(diff got expected | head -5)"
            grep -q "^$count names in .*: $((count / 2)) found, $((count / 2)) do not exist\$" err || fail "-j $jobs: $(cat err)"
        else
            (($(grep -c '^+ ' out) == 50 && $(wc -l <out) == 100)) || fail "one at a time"
        fi
    done
}

test_addresses()
{
    run_job -s 127.0.0.1:$port --json -t A,MX -f names
    expect_status 0
    python3 - $count <<'PY' || fail "JSON"
import json, sys
count = int(sys.argv[1])
*lines, total = [json.loads(line) for line in open("out")]
names = {int(line["name"][1:].split(".")[0]): line for line in lines}
assert len(lines) == len(names) == total["names"] == count and total["found"] == total["nxdomain"] == count // 2
for i, line in names.items():
    values = [record["value"] for record in line["records"]]
    if i % 2:
        assert line["status"] == "nxdomain" and not values, line
    else:
        mail = [f"10 mail{i}.probe.test"] if i % 100 == 0 else []
        assert values == [f"10.{i // 65536}.{i // 256 % 256}.{i % 256}"] + mail, line
PY
    run_job -q -v -s 127.0.0.1:$port -t CNAME,A alias200.probe.test n300.probe.test elsewhere.test
    expect_status 1
    grep -q '^+ alias200\.probe\.test  CNAME n200\.probe\.test; A 10\.0\.0\.200; ' out || fail "alias: $(cat out)"
    grep -q '^  elsewhere\.test  refused; ' out || fail "a foreign name: $(cat out)"
}

write_zone
start_knot
test_all_names
test_addresses
