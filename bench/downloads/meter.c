/*
 * meter.c: runs a command and says how much memory it had at most.
 *
 *     sley-load-meter FILE COMMAND [ARGUMENT...]
 *
 * FILE gets one number, the peak of the resident memory in KiB: that of the largest process among
 * the command and those that it has waited for. The exit status is the command's; one that was
 * killed by a signal kills this one in the same way.
 *
 * A program of its own because of how Linux counts: a process that is started by fork() and exec()
 * begins with the peak of the process that has forked. A Python that starts downloaders would give
 * each of them its own twenty megabytes; this one gives them one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "sley-load-meter: %s: %s\n", what, strerror(errno));
    return 127;
}

static int write_peak(const char *path, long kib)
{
    FILE *file = fopen(path, "we");
    int good = file && fprintf(file, "%ld\n", kib) > 0;

    return (file && fclose(file) != 0) || !good ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct rusage used;
    int status;

    if (argc < 3) {
        fputs("usage: sley-load-meter FILE COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    pid_t child = fork();
    if (child < 0)
        return fail("fork");
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(fail(argv[2]));
    }
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR)
            return fail("wait4");
    if (write_peak(argv[1], used.ru_maxrss) != 0)
        return fail(argv[1]);
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }
    return WEXITSTATUS(status);
}
