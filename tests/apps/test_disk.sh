#!/usr/bin/env bash
# test_disk.sh: directories that cannot be written, and disks that are full.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"

test_no_directory()
{
    local directory
    touch file
    mkdir sealed
    chmod 500 sealed
    for directory in file file/under /proc/nowhere /sys/nowhere "$(printf 'x%.0s' {1..300})" sealed sealed/under; do
        [[ $directory != sealed* || $(id -u) != 0 ]] || continue # root may write anywhere
        run flags -o "$directory"
        expect_status 1
        expect_counts 0 0 20
        (($(wc -l <err) == 1)) || fail "not one line"
        grep -qF "sley-fetch: cannot save files in $directory: " err || fail "the line"
        [[ $directory != */under && $directory != /sys/nowhere ]] || ! grep -q 'no such file' err \
            || fail "it says that the directory is missing, and not why it cannot be made"
    done
    [[ ! -s file && $(ls sealed | wc -l) == 0 ]] || fail "something was written"
}

# What stands where a file is to go, and cannot be replaced, is that file's failure alone.
test_directory_in_the_way()
{
    mkdir -p way/BR.gif
    run flags -o way BR FR
    expect_status 1
    expect_counts 1 0 1
    [[ -d way/BR.gif && $(ls -A way | xargs) == "BR.gif FR.gif" ]] || fail "files"
    expect_status 1
    grep -q '^sley-fetch: 1 failed: cannot save the file: ' err || fail "the reason"
    cmp way/FR.gif $gifs/fr.gif || fail "FR"
}

# A limit on the size of files: the kernel's signal for it must not end the program. The outputs
# must be no files, or they would be limited, too. (ThreadSanitizer writes a file when it starts, and
# ends there; the unit test of savefile.c has the same case.)
test_file_limit()
{
    if ! { (ulimit -f 0 && exec "$fetch" --version) | grep -q '^sley-fetch'; } 2>/dev/null; then
        echo "$name: this build does not even start with a limit on files: not tried"
        return
    fi
    { { (ulimit -f 0 && exec "$fetch" flags -o limited; echo "status $?" >&2) 2>&1 1>&3 3>&- \
        | cat >err; } 3>&1 | cat >out; } || true
    expect_counts 0 0 20
    grep -qix 'sley-fetch: 20 failed: cannot save the file: file too large' err || fail "the reason"
    (($(count_files limited) == 0)) || fail "files"
}

# Inside a mount namespace of its own; the memory file system has room for some of the flags only.
on_small_disk()
{
    mkdir -p small
    mount -t tmpfs -o size=40k,mode=755 sley-test small
    echo precious >small/BR.gif
    run flags -o small --all
    expect_status 1
    read_summary
    ((downloaded > 0 && failed > 200)) || fail "$downloaded have found room, $failed have not"
    grep -Eiqx 'sley-fetch: [0-9]+ failed: cannot save the file: no space left on the device' err || fail "the reason"
    if grep -qx 'BR  failed' out; then
        [[ $(cat small/BR.gif) == precious ]] || fail "the old file is lost"
        rm small/BR.gif
    fi
    (($(count_files small) == downloaded)) || fail "files"
    expect_whole_flags small

    mount -o remount,ro small
    run flags -o small
    expect_status 1
    expect_counts 0 0 20
    (($(wc -l <err) == 1)) || fail "not one line"
    grep -qi 'cannot save files in small: read-only file system' err || fail "read-only"
}

if [[ ${1-} == --on-small-disk ]]; then
    on_small_disk
    exit
fi
test_no_directory
test_directory_in_the_way
test_file_limit
if unshare -m true 2>/dev/null; then
    unshare -m bash "${BASH_SOURCE[0]}" --on-small-disk
elif unshare -rm true 2>/dev/null; then
    unshare -rm bash "${BASH_SOURCE[0]}" --on-small-disk
else
    echo "$name: no mount namespaces here: not tried with a full and a read-only disk"
fi
