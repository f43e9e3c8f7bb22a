/*
 * version.c: the version of the library that is really linked.
 *
 * The numbers stand once, in version.h, where a user's compiler sees them; the build reads them
 * from there for the soname, sley.pc and the CMake package. Compiled in here they become a fact of
 * the binary, so that a program can tell that the header it was built with and the library that
 * the loader found do not belong together.
 *   Rejected: a generated header (configure_file). It would be one more include directory, and the
 *   source tree could not be read or compiled without having been configured first.
 *
 * Level 0. Any thread.
 */
#include <sley/version.h>

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

const char *sley_version(void)
{
    return TEXT(SLEY_VERSION_MAJOR) "." TEXT(SLEY_VERSION_MINOR) "." TEXT(SLEY_VERSION_PATCH);
}
