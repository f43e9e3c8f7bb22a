#!/usr/bin/env bash
# test_terminal.sh: what a terminal shows; the work is done in Python, which has terminals.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
python3 "$here/_terminal.py" "$fetch"
use_bad_server stall 5
python3 "$here/_terminal.py" "$fetch" "$server"
