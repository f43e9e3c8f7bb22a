#!/usr/bin/env bash
# install_test.sh PART BUILD_DIR: is the installed library whole? The first part, `prefix`, installs
# into a scratch prefix; the others look at it as a stranger would, from outside the tree.
#
#   prefix    cmake --install
#   exports   libsley.so exports sley_ functions and nothing else, under the right soname; in a
#             debug build also the pthread_mutex_ functions that it watches
#   headers   each public header compiles alone, as C17 and as C++17, without <stdatomic.h>
#   cmake     find_package(sley), shared and static, C and C++
#   pkgconfig pkg-config sley, shared and static, C and C++
#   programs  the installed programs start and find the installed library
set -euo pipefail

part=$1
build=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$build/tests/install/out
prefix=$work/prefix
cc=${CC:-cc}
cxx=${CXX:-c++}

fail()
{
    echo "install test, $part: $*" >&2
    exit 1
}

libdir()
{
    dirname "$(find "$prefix" -name libsley.so -print -quit)"
}

fresh_directory()
{
    rm -rf "$1"
    mkdir -p "$1"
}

test_prefix()
{
    fresh_directory "$work"
    cmake --install "$build" --prefix "$prefix"
    local file
    for file in libsley.so libsley.a sley.pc sleyConfig.cmake sley.h; do
        [[ -n $(find "$prefix" -name "$file") ]] || fail "$file was not installed"
    done
}

test_exports()
{
    local library symbols foreign soname major public='^sley_[a-z0-9]'
    library=$(libdir)/libsley.so
    symbols=$(nm -D --defined-only "$library" | awk '{ print $NF }')
    [[ $symbols == *sley_version* ]] || fail "sley_version is not exported"
    if grep -q '^SLEY_DEBUG:BOOL=ON' "$build/CMakeCache.txt"; then
        public="$public|^pthread_mutex_[a-z]*lock\$"
    fi
    foreign=$(grep -vE "$public" <<<"$symbols" || true)
    [[ -z $foreign ]] || fail "exported but not public:" $foreign
    major=$(sed -n 's/.*SLEY_VERSION_MAJOR \([0-9]*\)/\1/p' "$prefix/include/sley/version.h")
    soname=$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    [[ $soname == "libsley.so.$major" ]] || fail "soname is $soname"
}

test_headers()
{
    local header includer
    fresh_directory "$work/headers"
    for header in "$prefix"/include/sley/*.h; do
        includer=$work/headers/include_$(basename "$header" .h)
        printf '#include <sley/%s>\nextern int nothing;\n' "$(basename "$header")" \
            | tee "$includer.c" >"$includer.cpp"
        "$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" \
            "$includer.c" || fail "$header is not C17 on its own"
        "$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" \
            "$includer.cpp" || fail "$header is not C++17 on its own"
        [[ $("$cc" -std=c17 -M -I"$prefix/include" "$includer.c") != *stdatomic.h* ]] \
            || fail "$header includes <stdatomic.h>"
    done
    return 0
}

test_cmake()
{
    local tree=$work/cmake program
    fresh_directory "$tree"
    cp "$here/project/CMakeLists.txt" "$here"/consumer.* "$tree"
    cmake -S "$tree" -B "$tree/build" -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx"
    cmake --build "$tree/build"
    for program in c_sley cxx_sley c_sley_static cxx_sley_static; do
        echo "running $program"
        "$tree/build/$program" || fail "$program exited with $?"
    done
}

build_by_pkgconfig()
{
    local compiler=$1 source=$2 program=$3 flags
    shift 3
    flags=$(pkg-config "$@" --cflags --libs sley)
    # Word splitting is what pkg-config's output is made for.
    # shellcheck disable=SC2086
    "$compiler" -o "$program" "$source" $flags
}

test_pkgconfig()
{
    local tree=$work/pkgconfig
    fresh_directory "$tree"
    export PKG_CONFIG_PATH=$(libdir)/pkgconfig
    build_by_pkgconfig "$cc" "$here/consumer.c" "$tree/c_shared"
    build_by_pkgconfig "$cxx" "$here/consumer.cpp" "$tree/cxx_shared"
    [[ $(readelf -d "$tree/c_shared") == *NEEDED*libsley.so* ]] || fail "not linked to libsley.so"
    LD_LIBRARY_PATH=$(libdir) "$tree/c_shared" || fail "c_shared exited with $?"
    LD_LIBRARY_PATH=$(libdir) "$tree/cxx_shared" || fail "cxx_shared exited with $?"

    # Without the shared library in the way, -lsley finds the archive.
    cp -r "$prefix" "$tree/static"
    find "$tree/static" -name 'libsley.so*' -delete
    export PKG_CONFIG_PATH=${PKG_CONFIG_PATH/$prefix/$tree/static}
    build_by_pkgconfig "$cc" "$here/consumer.c" "$tree/c_static" --static
    [[ $(readelf -d "$tree/c_static") != *NEEDED*libsley.so* ]] || fail "linked to libsley.so"
    "$tree/c_static" || fail "c_static exited with $?"
}

test_programs()
{
    local program
    for program in sley-fetch sley-flagserver; do
        [[ -x $prefix/bin/$program ]] || fail "$program was not installed"
        "$prefix/bin/$program" --help >/dev/null || fail "$program --help exited with $?"
    done
    [[ -x $prefix/bin/sley-bench ]] || fail "sley-bench was not installed"
}

"test_$part"
