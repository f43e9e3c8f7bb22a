/*
 * interrupts.c: Ctrl-C as a function call.
 *
 * A signal handler may do next to nothing, and it runs on whatever thread the kernel picks, perhaps
 * on a task's small stack. So there is no handler: the signals are blocked everywhere, and one
 * thread takes them with sigwait() and then does in plain code what is to be done, sley_cancel()
 * for example, which any thread may call.
 *
 * SIGINT is taken even if it is ignored at the start: shells without job control start background
 * jobs so, and "kill -INT" is still the polite way to end one of them.
 *
 * The thread is stopped by a signal to itself; `stopping` tells it from a real one.
 */
#include "interrupts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The second signal: the default action, at once. */
static void die(struct interrupts *in, int signal_number)
{
    signal(signal_number, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &in->signals, NULL);
    raise(signal_number);
    _exit(128 + signal_number);
}

static void *wait_for_signals(void *arg)
{
    struct interrupts *in = arg;
    int number;
    bool stopping = false;

    while (!stopping && sigwait(&in->signals, &number) == 0) {
        pthread_mutex_lock(&in->lock);
        stopping = in->stopping;
        if (!stopping && in->arrived)
            die(in, number);
        if (!stopping)
            in->arrived = number;
        if (!stopping && in->call)
            in->call(in->arg);
        pthread_mutex_unlock(&in->lock);
    }
    return NULL;
}

int interrupts_start(struct interrupts *in)
{
    struct sigaction hangup;

    memset(in, 0, sizeof *in);
    sigemptyset(&in->signals);
    sigaddset(&in->signals, SIGINT);
    sigaddset(&in->signals, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(&in->signals, SIGHUP);
    pthread_mutex_init(&in->lock, NULL);
    pthread_sigmask(SIG_BLOCK, &in->signals, &in->before);
    int error = pthread_create(&in->thread, NULL, wait_for_signals, in);
    if (error)
        pthread_sigmask(SIG_SETMASK, &in->before, NULL);
    return -error;
}

void interrupts_stop(struct interrupts *in)
{
    pthread_mutex_lock(&in->lock);
    in->stopping = true;
    pthread_mutex_unlock(&in->lock);
    pthread_kill(in->thread, SIGINT);
    pthread_join(in->thread, NULL);
    pthread_sigmask(SIG_SETMASK, &in->before, NULL);
    pthread_mutex_destroy(&in->lock);
}

void interrupts_handle(struct interrupts *in, void (*call)(void *arg), void *arg)
{
    pthread_mutex_lock(&in->lock);
    in->call = call;
    in->arg = arg;
    if (call && in->arrived)
        call(arg);
    pthread_mutex_unlock(&in->lock);
}

int interrupts_arrived(struct interrupts *in)
{
    pthread_mutex_lock(&in->lock);
    int arrived = in->arrived;
    pthread_mutex_unlock(&in->lock);
    return arrived;
}
