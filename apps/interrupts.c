/*
 * interrupts.c: Ctrl-C as a function call.
 *
 * `interrupt` in the options of sley_run() would cancel the main task; but a program that has
 * something to say about how far it came wants to cancel its downloads and not itself. So a task
 * waits for the signals and makes the call. After the first it gives up the set, and the default
 * actions are back; if a second one has been counted by then, it is sent once more, and has its
 * effect.
 *
 * SIGINT is taken even if it is ignored at the start: shells without job control start background
 * jobs so, and "kill -INT" is still the polite way to end one of them.
 */
#include "interrupts.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sley/scope.h>

enum { NUMBERS = 3 };

static const int numbers[NUMBERS] = {SIGINT, SIGTERM, SIGHUP};

/* How many of the numbers are meant. */
static size_t count_numbers(void)
{
    struct sigaction hangup;

    return sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN ? NUMBERS - 1
                                                                                 : NUMBERS;
}

/* From now on a signal ends the process. The default action comes first: a signal is either counted
 * before the look, or has its effect. */
static void let_the_next_one_kill(struct interrupts *in)
{
    int second;

    for (size_t i = 0, count = count_numbers(); i < count; i++)
        signal(numbers[i], SIG_DFL);
    second = sley_signals_try(in->signals);
    sley_signals_close(in->signals);
    in->signals = NULL;
    if (second > 0)
        kill(getpid(), second);
}

static int wait_for_signal(void *arg)
{
    struct interrupts *in = arg;
    int number = sley_signals_wait(in->signals);

    if (number < 0)
        return 0; /* interrupts_stop() */
    let_the_next_one_kill(in);
    if (sley_mutex_lock(&in->lock) != 0)
        return 0;
    in->arrived = number;
    if (in->call)
        in->call(in->arg);
    sley_mutex_unlock(&in->lock);
    return 0;
}

int interrupts_start(struct interrupts *in)
{
    memset(in, 0, sizeof *in);
    int error = sley_signals_open(numbers, count_numbers(), &in->signals);
    if (!error && (error = sley_spawn(wait_for_signal, in, NULL, &in->task)) != 0)
        sley_signals_close(in->signals);
    return error;
}

void interrupts_stop(struct interrupts *in)
{
    sley_cancel(in->task, NULL);
    sley_join(in->task, NULL);
    sley_signals_close(in->signals);
}

/* Also in a task that was cancelled by that very call: what it does not take back might be made
 * when nobody is there any more. The lock is held for a moment only. */
void interrupts_handle(struct interrupts *in, void (*call)(void *arg), void *arg)
{
    SLEY_SHIELD()
    {
        if (sley_mutex_lock(&in->lock) != 0)
            continue;
        in->call = call;
        in->arg = arg;
        if (call && in->arrived)
            call(arg);
        sley_mutex_unlock(&in->lock);
    }
}

int interrupts_arrived(struct interrupts *in)
{
    int arrived = 0;

    if (sley_mutex_lock(&in->lock) == 0) {
        arrived = in->arrived;
        sley_mutex_unlock(&in->lock);
    }
    return arrived;
}
