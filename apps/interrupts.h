/*
 * interrupts.h: Ctrl-C as a function call.
 *
 * A task waits for SIGINT, SIGTERM and SIGHUP (unless that is ignored, as nohup does) and calls a
 * function of the program for the first of them; the second ends the process at once, if it comes
 * half a second after the first or later.
 */
#ifndef SLEY_APPS_INTERRUPTS_H
#define SLEY_APPS_INTERRUPTS_H

#include <sley/signal.h>
#include <sley/sync.h>
#include <sley/task.h>

/* A value; one per process. */
struct interrupts {
    struct sley_signals *signals; /* the task's, while it waits */
    struct sley_task *task;
    struct sley_mutex lock;  /* over the fields below */
    int arrived;             /* the first signal, or 0 */
    void (*call)(void *arg); /* what is to be called for it, or NULL */
    void *arg;
};

/* Starts the task that waits. 0 or SLEY_E*. From a task, as all of these. */
int interrupts_start(struct interrupts *interrupts);
void interrupts_stop(struct interrupts *interrupts);

/* From here on call(arg) is called, once, for the first signal; at once if it has come already.
 * NULL takes it back: afterwards no call is running nor will one come. `call` must not park and
 * must not call interrupts_*. */
void interrupts_handle(struct interrupts *interrupts, void (*call)(void *arg), void *arg);

/* The first signal that came, or 0. */
int interrupts_arrived(struct interrupts *interrupts);

#endif
