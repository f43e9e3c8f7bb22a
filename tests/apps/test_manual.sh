#!/usr/bin/env bash
# test_manual.sh: what the programs say of themselves: --help, manual pages, completions. Each option
# is in all of them, and a shell that loads a completion completes.
source "$(dirname "${BASH_SOURCE[0]}")/_apps.sh"
programs=("$fetch" "$flagserver" "${SLEY_TOPOLOGY:-$SLEY_BIN/sley-topology}"
    "${SLEY_MOJIFINDER:-$SLEY_BIN/sley-mojifinder}" "${SLEY_PRIMES:-$SLEY_BIN/sley-primes}"
    "${SLEY_PROBE:-$SLEY_BIN/sley-probe}" "${SLEY_SPINNER:-$SLEY_BIN/sley-spinner}")

# The long options of a help text, without their dashes.
options_of() # FILE
{
    grep -oE '^ +(-., )?--[a-z-]+' "$1" | sed 's/.*--//' | sort -u
}

test_program() # PROGRAM [COMMAND]
{
    local program=$1 name option
    shift
    name=$(basename "$program")
    "$program" "$@" --help >out 2>err || fail "$name $* --help"
    [[ ! -s err ]] || fail "$name --help speaks on stderr"
    grep -q '^Usage: ' out || fail "$name --help: no usage"
    ! grep -E '^ +(-[a-zA-Z], )?--[a-z0-9-]+ [A-Z:]{2,}[a-z]' out || fail "$name --help: a value and its help run together"
    for kind in man bash zsh fish; do
        "$program" --generate $kind $kind.out || fail "$name --generate $kind"
    done
    for option in $(options_of out); do
        grep -qF -- "\\-\\-${option//-/\\-}" man.out || fail "$name: --$option is not in the manual page"
        grep -qF -- "--$option" bash.out || fail "$name: --$option is not completed by bash"
        grep -qF -- "--$option" zsh.out || fail "$name: --$option is not completed by zsh"
        grep -qE -- " -l $option( |\$)" fish.out || fail "$name: --$option is not completed by fish"
    done
    bash -n bash.out || fail "$name: bash does not read its completion"
    if command -v groff >/dev/null; then
        groff -man -ww -z man.out 2>err || fail "$name: groff"
        [[ ! -s err ]] || fail "$name: groff warns"
    fi
    [[ $("$program" --version) =~ ^"$name "[0-9]+\.[0-9]+ ]] || fail "$name --version"
}

# What bash would offer for the words, the last of which is being typed.
complete_words() # WORD...
{
    local COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=() name
    name=$(basename "$1")
    "_${name//-/_}"
    printf '%s\n' "${COMPREPLY[@]}"
}

for program in "${programs[@]}"; do
    test_program "$program"
done
test_program "$fetch" flags
test_program "$fetch" get

"$fetch" --generate bash bash.out
source ./bash.out
[[ $(complete_words sley-fetch fl) == flags ]] || fail "sley-fetch fl"
[[ $(complete_words sley-fetch get --limit) == --limit-rate ]] || fail "sley-fetch get --limit"
[[ $(complete_words sley-fetch flags --max) == --max-requests ]] || fail "sley-fetch flags --max"
touch a-file
[[ $(complete_words sley-fetch flags -o a-f) == a-file ]] || fail "sley-fetch flags -o a-f"
[[ -z $(complete_words sley-fetch flags --limit a-f) ]] || fail "sley-fetch flags --limit"
[[ $(complete_words sley-fetch --ver) == --version ]] || fail "sley-fetch --ver"

run --generate poem file
expect_status 2
run --generate man /no/such/directory/file
expect_status 1
grep -q 'cannot write /no/such/directory/file' err || fail "it does not say which file"
status=0
"$fetch" --help >/dev/full 2>err || status=$?
expect_status 1
