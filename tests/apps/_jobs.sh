# _jobs.sh: what the tests of the programs that compute have in common. Sourced, not run.

# Runs the program in $program; its output is in `out` and `err`, its status in $status.
run_job() # ARGUMENT...
{
    status=0
    "$program" "$@" >out 2>err </dev/null || status=$?
    set_seed_aside
}

# Status 2, one line on stderr that says `what`, nothing on stdout. Standard input: the file `input`.
refused() # WHAT ARGUMENT...
{
    local what=$1
    shift
    status=0
    "$program" "$@" >out 2>err <input || status=$?
    set_seed_aside
    ((status == 2)) || fail "'$*' exits with $status"
    [[ ! -s out ]] || fail "'$*' prints"
    (($(wc -l <err) == 1)) || fail "'$*': not one line"
    ! grep -q '[^ -~]' err || fail "'$*': unprintable"
    grep -qF -- "$what" err || fail "'$*': no word of '$what'"
}

# The processes of the program that were started in this directory, and have this name if one is said.
processes() # [NAME]
{
    local exe
    for exe in $(find /proc/[0-9]* -maxdepth 1 -name exe -lname "$(readlink -f "$program")" 2>/dev/null); do
        [[ $(readlink "${exe%exe}cwd") == "$PWD" ]] || continue
        [[ -z ${1-} || $(cat "${exe%exe}comm") == "$1" ]] || continue
        exe=${exe#/proc/}
        echo "${exe%/exe}"
    done 2>/dev/null
}

# Nothing of it is left, or soon will not be. The test's own timeout is the limit.
expect_nobody_left()
{
    while [[ -n $(processes) ]]; do
        sleep 0.05
    done
}
