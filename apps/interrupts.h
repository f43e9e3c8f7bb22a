/*
 * interrupts.h: Ctrl-C as a function call.
 *
 * A thread waits for SIGINT, SIGTERM and SIGHUP (unless that is ignored, as nohup does) and calls a
 * function of the program for the first of them; the second ends the process at once. Make it
 * before the runtime, so that the runtime's threads inherit the mask and none of them is disturbed.
 */
#ifndef SLEY_APPS_INTERRUPTS_H
#define SLEY_APPS_INTERRUPTS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/* A value; one per process. */
struct interrupts {
    sigset_t signals; /* what the thread waits for; constant */
    sigset_t before;  /* the mask to be put back; constant */
    pthread_t thread;
    pthread_mutex_t lock; /* over the fields below */
    int arrived;          /* the first signal, or 0 */
    bool stopping;
    void (*call)(void *arg); /* what is to be called for it, or NULL */
    void *arg;
};

/* Blocks the signals in this thread and starts the one that waits for them. 0 or -errno. */
int interrupts_start(struct interrupts *interrupts);
void interrupts_stop(struct interrupts *interrupts);

/* From here on call(arg) is called, once, for the first signal; at once if it has come already.
 * NULL takes it back: afterwards no call is running nor will one come. `call` runs on the waiting
 * thread or in this function, must be quick, and must not call interrupts_*. Any thread. */
void interrupts_handle(struct interrupts *interrupts, void (*call)(void *arg), void *arg);

/* The first signal that came, or 0. Any thread. */
int interrupts_arrived(struct interrupts *interrupts);

#endif
