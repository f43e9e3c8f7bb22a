/*
 * interrupts.c: Ctrl-C as a function call.
 *
 * `interrupt` in the options of sley_run() would cancel the main task; but a program that has
 * something to say about how far it came wants to cancel its downloads and not itself. So a task
 * waits for the signals and makes the call. After the first it gives up the set, and the default
 * actions are back; if a second one has been counted by then, it is sent once more, and has its
 * effect.
 *
 * It does not do so at once. Who ends a program often does so twice: timeout(1) signals the child
 * and then the whole group, a shell that is told to end hands the signal on to a job that the
 * terminal has told already. That is one wish and not two, and the second signal would come in the
 * middle of what the first was for: summary, journal, partial files. So what comes within half a
 * second is the first one again. A person who does not want to wait presses the keys later than
 * that, or once more.
 *
 * SIGINT is taken even if it is ignored at the start: shells without job control start background
 * jobs so, and "kill -INT" is still the polite way to end one of them.
 */
#include "interrupts.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sley/scope.h>
#include <sley/time.h>

#define REPEATS SLEY_MILLISECONDS(500) /* after the first one */

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

/* Takes what is the first signal again. False: interrupts_stop(). */
static bool take_repeats(struct interrupts *in)
{
    int number = SLEY_ETIMEDOUT;

    SLEY_WITH_DEADLINE(sley_after(REPEATS))
    {
        do
            number = sley_signals_wait(in->signals);
        while (number > 0);
    }
    while (sley_signals_try(in->signals) > 0) /* when this task came too late to see it */
        continue;
    return number == SLEY_ETIMEDOUT;
}

static bool tell(struct interrupts *in, int number)
{
    if (sley_mutex_lock(&in->lock) != 0)
        return false;
    in->arrived = number;
    if (in->call)
        in->call(in->arg);
    sley_mutex_unlock(&in->lock);
    return true;
}

static int wait_for_signal(void *arg)
{
    struct interrupts *in = arg;
    int number = sley_signals_wait(in->signals);

    if (number > 0 && tell(in, number) && take_repeats(in))
        let_the_next_one_kill(in);
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
