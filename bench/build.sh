# shellcheck shell=bash
# build.sh: what the build scripts of all programs that sley is compared with have in common, peers
# and downloaders. Sourced by their common/build.sh.
#
# Each is called as `build OUTDIR`, leaves the program as OUTDIR/NAME, where NAME is that of its
# directory, prints the version of what is measured as the only line on stdout, and exits with 3 and
# a line on stderr when something is missing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$here")
: "${1:?usage: build OUTDIR}"
mkdir -p "$1"
out=$(cd "$1" && pwd)

missing() # TEXT
{
    echo "$name: $*" >&2
    exit 3
}

need_command() # COMMAND
{
    command -v "$1" >/dev/null || missing "there is no $1"
}
