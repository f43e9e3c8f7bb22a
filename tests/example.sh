#!/usr/bin/env bash
# example.sh PROGRAM PATTERN: runs an example, which must end with 0 and print what PATTERN says.
set -euo pipefail

output=$("$1" </dev/null)
if ! [[ $output =~ $2 ]]; then
    printf 'not what it says of itself: %s\nbut: %s\n' "$2" "$output"
    exit 1
fi
