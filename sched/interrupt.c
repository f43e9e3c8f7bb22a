/*
 * interrupt.c: Ctrl-C cancels the main task of sley_run(). Level 4.
 *
 * The thread that has called sley_run() has nothing to do but to wait, so it is the one that hears
 * of the signal: the handler (signals.c) wakes it by a futex, and it cancels the task in plain
 * code. No thread is started for it, and it works when the runtime is busy or stuck. The main task
 * wakes the same futex when its function has returned.
 *
 * The first signal cancels; a second one, of either number, has its old effect, at once and in the
 * handler: a program that does not come to its end can be ended as any other.
 */
#define _GNU_SOURCE 1

#include "runtime_impl.h"
#include "signals.h"

#include <signal.h>

/* On the stack of sley_run()'s caller, which outlives the task. */
struct run {
    struct sley__signal_watch watch;
    atomic(uint32_t) bell; /* futex: rung by the handler and at the end */
    atomic(bool) ended;    /* the function has returned. Partner: acquire in await_end */
    sley_task_fn *fn;
    void *arg;
};

/* In the handler too. */
static void ring(struct sley__signal_watch *watch)
{
    struct run *run = container_of(watch, struct run, watch);

    fetch_add_acq_rel(&run->bell, 1); /* partner: acquire in await_end */
    sley__futex_wake(&run->bell, 1);
}

static int main_task(void *arg)
{
    struct run *run = arg;
    int result = run->fn(run->arg);

    store_release(&run->ended, true);
    ring(&run->watch);
    return result;
}

/* Waits until the function has returned; cancels it when a signal comes. */
static void await_end(struct run *run, struct sley_task *task)
{
    while (!load_acquire(&run->ended)) {
        uint32_t seen = load_acquire(&run->bell);

        if (sley__signal_take(&run->watch, SIGINT))
            sley_cancel(task, "SIGINT");
        else if (sley__signal_take(&run->watch, SIGTERM))
            sley_cancel(task, "SIGTERM");
        else if (!load_acquire(&run->ended))
            sley__futex_wait(&run->bell, seen, SLEY_FOREVER);
    }
}

/* Lets this thread take the signals, whatever it had blocked. */
static void unblock(uint64_t mask, sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    if (mask & sley__signal_bit(SIGINT))
        sigaddset(&set, SIGINT);
    if (mask & sley__signal_bit(SIGTERM))
        sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_UNBLOCK, &set, before);
}

int sley__run_interruptible(struct sley_runtime *runtime, sley_task_fn *fn, void *arg,
                            const struct sley_options *options, const char *site, int *result)
{
    struct run run = {.fn = fn, .arg = arg, .watch = {.once = true, .ring = ring}};
    struct sley_task *task;
    sigset_t before;
    int error;

    if (options->interrupt)
        run.watch.mask |= sley__signal_bit(SIGINT);
    if (options->terminate)
        run.watch.mask |= sley__signal_bit(SIGTERM);
    sley__signals_watch(&run.watch);
    unblock(run.watch.mask, &before);
    error = sley_runtime_spawn_at(runtime, main_task, &run, NULL, &task, site);
    if (!error) {
        await_end(&run, task);
        error = sley_join(task, result);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sley__signals_unwatch(&run.watch);
    return error;
}
