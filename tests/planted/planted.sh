#!/usr/bin/env bash
# planted.sh PROGRAM SOURCE TOOL...: shows that a tool reports the bug that is planted in PROGRAM, of
# the right kind and in the right place, and that it says nothing of the same program when it is
# healthy. TOOLs are those that this build has. Lines of the first comment of SOURCE say what is to
# be seen:
#
#    * tool: NAME       who reports it; if the build does not have it the test is skipped (77)
#    * exit: N...       with which exit status the program ends, one of these
#    * says: PATTERN    what a line of its output matches (grep -E); @mark stands for the number of
#                       the line in SOURCE that ends with the comment "planted: mark"
#    * options: A=B...  environment for the run, instead of what the other tests have
set -euo pipefail

program=$1
source=$2
shift 2

directive() # NAME
{
    sed -n "s/^ \* $1: //p" "$source"
}

fail()
{
    echo "planted.sh: $(basename "$source"): $1; the output was:" >&2
    cat "$output" >&2
    exit 1
}

# The pattern with the line numbers put in.
placed() # PATTERN
{
    local pattern=$1 mark line
    while [[ $pattern =~ @([a-z]+) ]]; do
        mark=${BASH_REMATCH[1]}
        line=$(grep -n "/\* planted: $mark \*/$" "$source" | cut -d: -f1)
        [[ -n $line ]] || fail "it has no line that is marked $mark"
        pattern=${pattern//@$mark/$line\\b}
    done
    echo "$pattern"
}

# Where a tool finds no symbolizer it prints frames as (program+0xOFFSET); what is there is appended.
add_places()
{
    local line name
    name=$(basename "$program")
    while IFS= read -r line; do
        echo "$line"
        if [[ $line =~ ^\ *\#[0-9]+.*\($name\+(0x[0-9a-f]+)\) ]]; then
            addr2line -i -p -f -e "$program" "${BASH_REMATCH[1]}" || true
        fi
    done
}

tool=$(directive tool)
if [[ " $* " != *" $tool "* ]]; then
    echo "skipped: the $tool tool is not in this build"
    exit 77
fi
for assignment in $(directive options); do
    export "${assignment?}"
done
output=$(mktemp)
trap 'rm -f "$output"' EXIT
ulimit -c 0

status=0
"$program" healthy >"$output" 2>&1 || status=$?
((status == 0)) || fail "healthy, it ended with $status"

status=0
"$program" >"$output" 2>&1 || status=$?
[[ " $(directive exit) " == *" $status "* ]] || fail "it ended with $status, not $(directive exit)"
add_places <"$output" >"$output.placed"
mv "$output.placed" "$output"
while read -r pattern; do
    pattern=$(placed "$pattern")
    grep -qE -- "$pattern" "$output" || fail "nothing in it matches $pattern"
done < <(directive says)
echo "$tool: reported, as it should be"
