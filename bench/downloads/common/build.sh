# shellcheck shell=bash
# build.sh: what the build scripts of the downloaders have in common. Sourced, not run.
#
# The program, or the script around it, is called as
#
#     NAME list                            the rows that it takes part in
#     NAME fetch ROW LISTS PARALLEL CA     download what LISTS says into the working directory
#
# LISTS/tsv has a line "URL<TAB>NAME" for each file; LISTS/urls, LISTS/curl and LISTS/aria2 say the same
# in the words of those programs. PARALLEL is how many transfers at once, CA the authority to trust in
# the rows with TLS, a file. A transfer that fails for a passing reason is tried again up to five times,
# after a second. Exit status 0: all files are there; another one: not all.
source "$(dirname "${BASH_SOURCE[0]}")/../../build.sh"

# The script or program of that name beside the build script becomes the program.
take() # FILE
{
    install -m 755 "$here/$1" "$out/$name"
}
