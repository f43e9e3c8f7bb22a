#!/usr/bin/env bash
# run.sh SOURCE_DIR BUILD_DIR: builds tests/aarch64/switch.c with the context switch for aarch64 and
# runs it: natively on such a machine, else cross-compiled, static, under qemu-aarch64. Exit code 77,
# and a line that says what is missing, where neither can be done.
set -euo pipefail

source_dir=$1
build_dir=$2
binary=$build_dir/aarch64_switch
compiler=aarch64-linux-gnu-gcc
runner=(qemu-aarch64)

skip()
{
    echo "SKIPPED: the aarch64 switch is NOT tested: $1" >&2
    exit 77
}

if [[ $(uname -m) == aarch64 ]]; then
    compiler=${CC:-cc}
    runner=()
fi
command -v "$compiler" >/dev/null \
    || skip "no $compiler; install gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
if ((${#runner[@]})); then
    command -v "${runner[0]}" >/dev/null || skip "no ${runner[0]}; install qemu-user"
fi

mkdir -p "$build_dir"
for level in -O0 -O2; do
    "$compiler" -std=gnu17 "$level" -g -static -Wall -Wextra -Wconversion -Werror \
        -fstack-clash-protection -fasynchronous-unwind-tables \
        -I"$source_dir/sched" -I"$source_dir/sched/include" \
        "$source_dir/tests/aarch64/switch.c" "$source_dir/sched/context.c" \
        "$source_dir/sched/context_aarch64.S" "$source_dir/sched/panic.c" \
        -o "$binary" -lpthread
    "${runner[@]}" "$binary"
done
