/*
 * process_impl.h: a process that was spawned. process.c has the idea.
 */
#ifndef SLEY_PROCESS_IMPL_H
#define SLEY_PROCESS_IMPL_H

#include <sley/process.h>
#include <sley/sync.h>

#include "io.h"
#include "signals.h"

struct sley_process {
    atomic(uint32_t) references; /* the handle's owner, and the loop until it is reaped */

    /* Constant once it runs. */
    struct sley__loop *loop;
    int pid, pidfd; /* pidfd -1: the kernel has none to give, SIGCHLD tells */
    bool group;

    /* The owner's. */
    struct sley_stream *input, *output, *error;

    struct sley__lock lock; /* protects the next two, and every kill */
    bool reaped;            /* from here on the number may be somebody else's */
    bool doomed;            /* what is left of its group is to die with it */

    /* The I/O thread, before `ended` is set; whoever has waited for that reads them. */
    int lost; /* SLEY_ECHILD: the status is not known */
    struct sley_process_status status;
    struct sley_event ended;

    /* I/O thread only */
    struct sley__inbox_node begin;
    struct sley__resident resident;
    union {
        uv_handle_t handle;
        uv_poll_t poll;   /* pidfd */
        uv_async_t child; /* rung for every SIGCHLD */
    };
    struct sley__signal_watch watch; /* in the second case */
};

/* What the child is given: on a thread that may block. */
struct sley__process_start {
    const char *const *argv;
    const struct sley_process_options *options;
    int ends[3]; /* what becomes its 0, 1 and 2, all above those; -1: the caller's own */
    int pid, pidfd;
};

/* Starts it: 0 and pid, pidfd, or an error and no process. The ends stay the caller's. On a thread
 * that may block. */
MUST_USE int sley__process_start(struct sley__process_start *start);

/* pidfd_open(2), or -errno. */
MUST_USE int sley__pidfd_open(int pid);

/* From now on the loop watches it, and has a reference. From a task. Never parks. */
void sley__process_watch(struct sley_process *process);

#endif
