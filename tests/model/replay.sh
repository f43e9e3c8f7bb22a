#!/usr/bin/env bash
# replay.sh MODEL: a failure that was found, by whatever strategy, is repeated by its choice string,
# and a string that is not one of this program is refused.
set -euo pipefail

model=$1

fail()
{
    echo "replay.sh: $1" >&2
    exit 1
}

# Finds the failure of a model with a planted bug and repeats it.
repeats() # NAME MESSAGE OPTION...
{
    local name=$1 message=$2 found string again status=0
    shift 2
    found=$("$model" --model "$name" --report "$@")
    string=$(sed -n "/^  replay: --replay '\(.*\)'$/{s//\1/p;q}" <<<"$found")
    [[ -n $string ]] || fail "$name $*: no choice string in: $found"
    again=$("$model" --replay "$string") || status=$?
    ((status == 1)) || fail "$name $*: the replay of $string ended with $status"
    [[ $again == *"$message"* ]] || fail "$name $*: the replay says: $again"
}

repeats litmus_futex_early "waits for ever"
repeats litmus_lost_update "not true: x == 3"
repeats litmus_lost_update "not true: x == 3" --unreduced
repeats litmus_lost_update "not true: x == 3" --random 1000
repeats litmus_race_relaxed_load "data race"
repeats litmus_race_relaxed_store "data race" --random 1000
repeats litmus_futex_early "waits for ever" --random 1000 --seed 7
repeats litmus_futex_early "waits for ever" --pct 3 --seed 3

for string in nonsense "litmus_nothing/0/a/2x2//0" "litmus_futex_early/0/a/2x2/zzz/0" \
    "litmus_futex_early/0/a/2x2//0"; do
    status=0
    "$model" --replay "$string" >/dev/null 2>&1 || status=$?
    ((status == 2)) || fail "'$string' was taken: $status"
done
echo "replayed"
