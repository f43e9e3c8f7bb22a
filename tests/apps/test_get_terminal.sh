#!/usr/bin/env bash
# test_get_terminal.sh: what sley-fetch get shows on a terminal while it is at work.
source "$(dirname "${BASH_SOURCE[0]}")/_get.sh"
start_range_server
python3 "$here/_terminal_get.py" "$fetch" "$server"
