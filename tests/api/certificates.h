/*
 * certificates.h: an authority and certificates for the tests of a program (certificates.sh), in a
 * directory that is made before all of them and removed after the last one: making them takes
 * longer than most of the tests. So nobody changes them.
 *
 * CERTIFICATES, defined before this is included, says which are needed; else it is all of them. The
 * directory bears the number of the process that runs the tests, which is the parent of each.
 */
#ifndef CERTIFICATES_H
#define CERTIFICATES_H

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CERTIFICATES
#define CERTIFICATES ""
#endif

static char directory[64];

static inline void name_directory(pid_t runner)
{
    snprintf(directory, sizeof(directory), "/tmp/sley-tls-%d", (int)runner);
}

static inline bool have_openssl(void)
{
    return system("command -v openssl >/dev/null") == 0;
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    char command[400];

    (void)tests;
    name_directory(getpid());
    snprintf(command, sizeof(command),
             "rm -rf %s && mkdir -m 700 %s && cd %s && bash %s/api/certificates.sh " CERTIFICATES,
             directory, directory, directory, SLEY_TEST_DIR);
    if (!have_openssl() || system(command) == 0)
        return;
    snprintf(command, sizeof(command), "cat %s/certificates.log >&2; rm -rf %s", directory,
             directory);
    if (system(command) != 0)
        fprintf(stderr, "no certificates, and nobody knows why\n");
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    char command[100];

    (void)stats;
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    if (system(command) != 0)
        fprintf(stderr, "left behind: %s\n", directory);
}

/* Before each test: skips it, loudly, where there is no openssl. */
static inline void find_certificates(void)
{
    struct stat status;

    if (!have_openssl())
        cr_skip_test("there is no openssl to make certificates with");
    name_directory(getppid());
    cr_assert_eq(stat(directory, &status), 0, "%s", directory);
}

/* A path in the directory; good until the eighth call from here. */
static inline const char *file(const char *name)
{
    static char paths[8][128];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}

#endif
