/*
 * forked.h: tests that each run in a process of their own which has one thread.
 *
 * For what forks, which Criterion cannot test: it has threads of its own in every test's process.
 * FORKED_TEST(name) { ... } is a test; it fails by EXPECT(), by any other end of its process than a
 * return, by a leak that LeakSanitizer finds at the end, or after 100 s. main() is in here; with
 * arguments it runs the tests of those names only, and stops at the first that fails.
 */
#ifndef FORKED_H
#define FORKED_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "watched.h"

/* EXPECT(condition) or EXPECT(condition, format, ...): ends the test's process if it is not so. */
#define EXPECT(condition, ...)                                                    \
    do {                                                                          \
        if (!(condition)) {                                                       \
            fprintf(stderr, "%s:%d: not so: %s", __FILE__, __LINE__, #condition); \
            fprintf(stderr, "\n" __VA_ARGS__);                                    \
            fputs("\n", stderr);                                                  \
            _exit(1);                                                             \
        }                                                                         \
    } while (0)

struct forked_test {
    const char *name;
    void (*run)(void);
    struct forked_test *next;
};

static struct forked_test *forked_first, **forked_last = &forked_first;

#define FORKED_TEST(test)                                          \
    static void test(void);                                        \
    static struct forked_test test##_entry = {#test, test, NULL};  \
    __attribute__((constructor)) static void test##_register(void) \
    {                                                              \
        *forked_last = &test##_entry;                              \
        forked_last = &test##_entry.next;                          \
    }                                                              \
    static void test(void)

/* 0 if it passes. */
static int forked_run(const struct forked_test *test)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(100);
        test->run();
        exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        perror(test->name);
        return 1;
    }
    if (status == 0)
        return 0;
    fprintf(stderr, "%s: failed, %s %d\n", test->name,
            WIFSIGNALED(status) ? "signal" : "exit status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 1;
}

static bool forked_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(name, argv[i]) == 0)
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    for (struct forked_test *test = forked_first; test; test = test->next)
        if (forked_wanted(test->name, argc, argv) && forked_run(test) != 0)
            return 1;
    return 0;
}

#endif
