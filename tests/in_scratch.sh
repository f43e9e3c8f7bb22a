#!/usr/bin/env bash
# in_scratch.sh SCRIPT [ARG...]: runs a test script in an empty directory that goes away with it.
set -euo pipefail

scratch=$(mktemp -d)
trap 'chmod -R u+rwX "$scratch" && rm -rf "$scratch"' EXIT
cd "$scratch"
bash "$@" </dev/null
