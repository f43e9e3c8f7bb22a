/*
 * test_version.c: the library is the one that the header belongs to.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#include <sley/version.h>

Test(version, of_the_library_is_that_of_the_header)
{
    char expected[64];

    snprintf(expected, sizeof expected, "%d.%d.%d", SLEY_VERSION_MAJOR, SLEY_VERSION_MINOR,
             SLEY_VERSION_PATCH);
    cr_assert_str_eq(sley_version(), expected);
}
