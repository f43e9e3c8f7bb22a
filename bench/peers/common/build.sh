# shellcheck shell=bash
# build.sh: what the build scripts of the peers have in common. Sourced, not run.
source "$(dirname "${BASH_SOURCE[0]}")/../../build.sh"
peers=$(dirname "$here")
peer=$name

need_header() # COMPILER HEADER
{
    need_command "$1"
    echo "#include <$2>" | "$1" -E -xc++ - >/dev/null 2>&1 || missing "there is no <$2>"
}

# The peer of sources in C or C++ with what all of them share; flags may follow a file's name.
# OUTDIR gets nothing but the program.
compile() # COMPILER SOURCE FLAG...
{
    local compiler=$1 source=$2 objects shared
    shift 2
    objects=$(mktemp -d)
    trap 'rm -rf "$objects"' RETURN
    for shared in peer server wake; do
        gcc -std=gnu17 -O2 -pthread -Wall -Wextra -I"$peers/.." -c -o "$objects/$shared.o" \
            "$peers/common/$shared.c"
    done
    "$compiler" -O3 -DNDEBUG -pthread -Wall -Wextra -I"$peers/.." -o "$out/$peer" "$here/$source" \
        "$objects"/{peer,server,wake}.o "$@"
}

# The program that keeps servers busy, beside the peer: for the rows in which it is one.
compile_load()
{
    need_command gcc
    gcc -std=gnu17 -O2 -Wall -Wextra -I"$peers/.." -o "$out/sley-bench-load" "$peers"/../load/*.c \
        "$peers/../dns_rig.c"
}

gcc_version()
{
    gcc -dumpfullversion
}
