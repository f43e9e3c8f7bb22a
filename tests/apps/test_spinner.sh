#!/usr/bin/env bash
# test_spinner.sh: sley-spinner: it turns while its job waits and while it computes, wherever it does.
#
# That it is smooth is not judged here, where other tests keep the machine busy, but that it turns at
# all: with a job that computes for ever, frames are drawn until the test has seen enough of them. A
# runtime that the job freezes would draw one and no more.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
source "$here/_jobs.sh"
program=${SLEY_SPINNER:-${SLEY_BIN:+$SLEY_BIN/sley-spinner}}
: "${program:?set SLEY_SPINNER or SLEY_BIN}"
jobs=('-j wait' '-j compute' '-j compute -e tasks' '-j compute -e threads' '-j compute -e processes')
touch input

test_answers()
{
    local job
    for job in "${jobs[@]}"; do
        run_job $job -s 20ms
        expect_status 0
        [[ ! -s err ]] || fail "says something on stderr"
        grep -qx 'Answer: 42' out || fail "$job: no answer"
        grep -Eqx '[0-9]+ frames?, the latest [0-9]+\.[0-9] ms late' out || fail "$job: no count"
        (($(wc -l <out) == 2)) || fail "$job: a spinner in a file"
        run_job $job -s 0
        grep -qx 'Answer: 42' out || fail "$job: no answer at once"
    done
}

# With one worker, too: the job must not have it for itself. Ctrl-C ends the endless job.
test_turns()
{
    PROGRAM=$program python3 - <<'PY' || fail "does not turn"
import os, pty, re, signal, subprocess, termios, fcntl

def run(arguments, workers, frames=12):
    master, slave = pty.openpty()

    def own_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    child = subprocess.Popen(
        [os.environ["PROGRAM"], "-s", "86400", *arguments.split()], stdin=slave, stdout=slave,
        stderr=subprocess.PIPE, preexec_fn=own_terminal,
        env={**os.environ, "TERM": "xterm", "SLEY_WORKERS": str(workers)})
    os.close(slave)
    shown, typed = b"", False
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if not typed and shown.count(b"thinking!") >= frames:
            os.write(master, b"\x03")
            typed = True
    text = shown.decode().replace("^C", "")
    errors = re.sub("^sley: hostile build, .*\n", "", child.stderr.read().decode(), flags=re.M)
    assert child.wait() == 130 and errors == "", (arguments, child.returncode, errors)
    turns = re.findall(r"\r(.) thinking!", text)
    assert "".join(turns) == ("|/-\\" * len(turns))[:len(turns)], text
    assert re.search(r"\r\x1b\[K\d+ frames, the latest \d+\.\d ms late\r\n$", text), text
    assert "Answer" not in text, text

for arguments in ("-j wait", "-j compute", "-j compute -e tasks", "-j compute -e processes"):
    for workers in (1, 2):
        run(arguments, workers)
PY
    expect_nobody_left
}

# Whether $pid is the program (and no more this shell) and has handlers for SIGHUP, SIGINT and
# SIGTERM. Before, SIGINT is ignored: it is a background job of a shell without job control.
takes_signals()
{
    local status caught
    status=$(cat /proc/$pid/status)
    caught=$(sed -n 's/^SigCgt:\t//p' <<<"$status")
    [[ $status == Name:*sley-spinner* ]] && (((16#${caught:-0} & 0x4003) == 0x4003))
}

test_signals()
{
    local job signal
    for job in "${jobs[@]}"; do
        for signal in INT:130 TERM:143 HUP:129; do
            "$program" $job -s 86400 >out 2>err </dev/null &
            pid=$!
            until takes_signals; do
                sleep 0.02
            done
            kill -${signal%:*} $pid
            status=0
            wait $pid || status=$?
            set_seed_aside
            expect_status ${signal#*:}
            [[ ! -s err ]] || fail "$job, $signal: says something on stderr"
            expect_nobody_left
        done
    done
}

test_bad_input()
{
    local value
    for value in '' x -1 1e3 inf 0x1 86401 100000 1m; do
        refused "is not a time" --seconds "$value"
    done
    for value in '' Wait computes 3; do
        refused "is not wait or compute" --job "$value"
        refused "is not tasks, threads or processes" --job compute --executor "$value"
    done
    refused "--executor is for --job compute" --executor tasks
    refused "--executor is for --job compute" --job compute --executor tasks --job wait
    refused "it takes no arguments" 5
    refused "--seconds needs a value" --seconds
    refused "unknown option --yaml" --yaml
    run_job --help
    expect_status 0
    grep -q '^Usage: sley-spinner' out || fail "--help"
    (($(awk '{ print length }' out | sort -n | tail -1) <= 100)) || fail "--help is wide"
    run_job --version
    grep -Eqx 'sley-spinner [0-9]+\.[0-9]+\.[0-9]+' out || fail "--version"
}

test_unwritable()
{
    local job
    for job in "${jobs[@]}"; do
        status=0
        "$program" $job -s 10ms >/dev/full 2>err || status=$?
        set_seed_aside
        expect_status 1
        grep -q 'cannot write: ' err || fail "$job: full"
        (($(wc -l <err) == 1)) || fail "$job: not one line"
        status=0
        "$program" $job -s 10ms >&- 2>err || status=$?
        expect_status 1
        grep -q 'cannot write: ' err || fail "$job: closed"
    done
}

for test in answers turns signals bad_input unwritable; do
    test_$test
    [[ -z ${SLEY_TEST_VERBOSE-} ]] || echo "$test: $SECONDS s"
done
