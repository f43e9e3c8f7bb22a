#!/usr/bin/env bash
# build.sh SRC OUT [FLAG...]: builds the model checker from the source tree SRC (may be a copy with
# a change in it) as OUT/model. FLAGs go to the compiler. What has not changed is not compiled again.
#
# What of sched/ is compiled stands in sources.txt; models are the files in models/, litmus.c and
# programs.c.
# CMakeLists.txt builds the same with the same flags; this script is for the mutants, which need a
# build of a changed tree within seconds.
set -euo pipefail

src=$1
out=$2
shift 2
here=$src/tests/model
cc=${CC:-gcc}

includes=(-I"$here" -I"$src/sched" -I"$src/sched/include" -I"$src/io/include")
common=(-std=gnu17 -g -Wall -Wextra -fno-omit-frame-pointer "-fmacro-prefix-map=$src/=" -DSLEY_MODEL
    -DSLEY__DEQUE_SIZE=4 "${includes[@]}" "$@")
engine=(-O2)
mapfile -t checked <"$here/checked_flags.txt"

# A header that changed rebuilds everything: there are few files.
mapfile -t headers < <(ls -t "$here"/*.h "$src"/{sched,io}/*.h "$src"/{sched,io}/include/sley/*.h)
newest_header=${headers[0]}
stamp=$out/flags
mkdir -p "$out"
if [[ "$(cat "$stamp" 2>/dev/null)" != "$cc ${common[*]} ${checked[*]}" ]]; then
    rm -f "$out"/*.o
    echo "$cc ${common[*]} ${checked[*]}" >"$stamp"
fi

objects=()
jobs=()
compile() # FILE FLAG...
{
    local file=$1 object
    shift
    object=$out/$(echo "${file#"$src"/}" | tr / _).o
    objects+=("$object")
    [[ $object -nt $file && $object -nt $newest_header ]] && return
    "$cc" "${common[@]}" "$@" -c -o "$object" "$file" &
    jobs+=($!)
    if ((${#jobs[@]} % 4 == 0)); then wait "${jobs[-4]}"; fi
}

for file in "$here"/*.[cS]; do
    [[ $file == */litmus.c || $file == */programs.c ]] || compile "$file" "${engine[@]}"
done
while read -r file; do
    [[ -z $file || $file == \#* ]] || compile "$src/sched/$file" "${checked[@]}"
done <"$here/sources.txt"
for file in "$here"/litmus.c "$here"/programs.c "$here"/models/*.c; do
    compile "$file" "${checked[@]}"
done
for job in "${jobs[@]}"; do
    wait "$job"
done
"$cc" -no-pie -o "$out/model" "${objects[@]}"
