/*
 * procpool_zygote.c: the process that all children come from.
 *
 * A fork takes one thread along, and of the others only what they had locked. So a program with
 * threads must not fork children that go on as itself: malloc's lock may be held by nobody, for
 * ever. A fresh program could be started by exec, as most pools do, but then a function pointer
 * means nothing there. So one copy is forked while there is one thread, the zygote (Android's
 * word). It does nothing but wait, and when a pool is made it forks a supervisor for it; children
 * are forks of that. All are copies of the program at an early, quiet moment, small, and with all
 * functions at the same addresses.
 *
 * A supervisor per pool, and not one zygote for all, so that each has one socket to look at, pools
 * know nothing of each other, and killing one does not hurt the next.
 *
 * Forked twice: a direct child would turn up in a wait() of the program that has nothing to do with
 * us, or keep its loop "until there are no more children" from ending. The price is that nobody
 * reaps the zygote but init, which is what init is for.
 *
 * It ends when its socket does. The program has the only other end, which is closed on exec; a
 * plain fork of the program that lives on without exec would keep the zygote alive, asleep.
 *
 * Signals: all are blocked, because Ctrl-C is meant for the program, which ends the rest by ending.
 * Children get back the mask that the program had.
 *
 * The one state outside of a runtime: the zygote belongs to the process, as its functions do.
 */
#define _GNU_SOURCE
#include "lock.h"
#include "procpool_wire.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sley__lock zygote_lock;
static int zygote_socket = -1; /* zygote_lock; to the zygote, for good */

#define OWN_THREADS (1 + WITH_TSAN) /* ThreadSanitizer has one, which a fork starts anew */

/* Each thread is a directory, and each directory a link to the one above. */
static bool threads_run(void)
{
    struct stat tasks;

    return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 2 + OWN_THREADS;
}

/* --- in the zygote -------------------------------------------------------------------------- */

/* Forks the supervisor of a pool. If that fails the program reads the end of its socket. */
static void start_supervisor(int socket, const struct sley__message *message, const int *fds,
                             const sigset_t *mask)
{
    struct sley__nest nest = {.socket = fds[0],
                              .eventfd = fds[1],
                              .inputs = fds[2],
                              .mask = *mask,
                              .limits = message->limits};

    if (fork() == 0) {
        close(socket);
        sley__supervisor_main(&nest);
    }
}

_Noreturn static void zygote_main(int socket, const sigset_t *mask)
{
    struct sley__message message;
    int fds[SLEY__MESSAGE_FDS];
    size_t count;
    int error;

    prctl(PR_SET_NAME, "sley-zygote");
    signal(SIGCHLD, SIG_IGN); /* nobody asks how a supervisor has ended */
    while ((error = sley__message_receive(socket, &message, fds, &count, true)) != SLEY_EOF) {
        if (error)
            continue;
        if (message.kind == SLEY__MESSAGE_POOL && count == SLEY__MESSAGE_FDS)
            start_supervisor(socket, &message, fds, mask);
        while (count)
            close(fds[--count]);
    }
    _exit(0);
}

/* --- in the program ------------------------------------------------------------------------- */

/* In between: forks the zygote and ends, with an errno. */
_Noreturn static void leave_zygote(int pair[2], const sigset_t *mask)
{
    pid_t pid = fork();

    if (pid != 0)
        _exit(pid < 0 ? errno : 0);
    close(pair[0]);
    zygote_socket = -1; /* a copy makes no pools, unless it prepares for them itself */
    store_relaxed(&zygote_lock.word, 0); /* which it has inherited as held */
    zygote_main(pair[1], mask);
}

/* 0 or a negative SLEY_E*. The program has one thread. */
static int fork_twice(int pair[2])
{
    sigset_t all, mask;
    int status = 0, error;
    pid_t pid;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid = fork();
    error = pid < 0 ? -errno : 0;
    if (pid == 0)
        leave_zygote(pair, &mask);
    if (pid > 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue; /* ECHILD: the program ignores SIGCHLD */
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return error ? error : -WEXITSTATUS(status);
}

/* With the lock held. */
static int start_zygote(void)
{
    int pair[2], error;

    if (threads_run())
        return SLEY_ELATE;
    if ((error = sley__message_pair(pair)))
        return error;
    fflush(NULL);
    error = fork_twice(pair);
    close(pair[1]);
    if (error)
        close(pair[0]);
    else
        zygote_socket = pair[0];
    return error;
}

int sley_procpool_prepare(void)
{
    int error = 0;

    sley__lock_acquire(&zygote_lock);
    if (zygote_socket < 0)
        error = start_zygote();
    sley__lock_release(&zygote_lock);
    return error;
}

int sley__zygote_send(const struct sley__message *message, const int *fds, size_t count)
{
    int error, socket;

    sley__lock_acquire(&zygote_lock);
    socket = zygote_socket;
    sley__lock_release(&zygote_lock);
    if (socket < 0)
        return SLEY_ELATE;
    error = sley__message_send(socket, message, fds, count, true);
    return error == SLEY_EPIPE ? SLEY_ECRASHED : error;
}
