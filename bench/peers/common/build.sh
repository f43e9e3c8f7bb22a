# shellcheck shell=bash
# build.sh: what the build scripts of the peers have in common. Sourced, not run.
#
# Each is called as `build OUTDIR`, leaves the program as OUTDIR/<peer>, prints the version of what
# is measured as the only line on stdout, and exits with 3 and a line on stderr when something is
# missing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
peers=$(dirname "$here")
peer=$(basename "$here")
: "${1:?usage: build OUTDIR}"
mkdir -p "$1"
out=$(cd "$1" && pwd)

missing() # TEXT
{
    echo "$peer: $*" >&2
    exit 3
}

need_command() # COMMAND
{
    command -v "$1" >/dev/null || missing "there is no $1"
}

need_header() # COMPILER HEADER
{
    need_command "$1"
    echo "#include <$2>" | "$1" -E -xc++ - >/dev/null 2>&1 || missing "there is no <$2>"
}

# The peer of sources in C or C++ with what all of them share; flags may follow a file's name.
# OUTDIR gets nothing but the program.
compile() # COMPILER SOURCE FLAG...
{
    local compiler=$1 source=$2 objects
    shift 2
    objects=$(mktemp -d)
    trap 'rm -rf "$objects"' RETURN
    gcc -std=gnu17 -O2 -pthread -Wall -Wextra -I"$peers/.." -c -o "$objects/peer.o" \
        "$peers/common/peer.c"
    gcc -std=gnu17 -O2 -pthread -Wall -Wextra -I"$peers/.." -c -o "$objects/wake.o" \
        "$peers/common/wake.c"
    "$compiler" -O3 -DNDEBUG -pthread -Wall -Wextra -I"$peers/.." -o "$out/$peer" "$here/$source" \
        "$objects/peer.o" "$objects/wake.o" "$@"
}

gcc_version()
{
    gcc -dumpfullversion
}
