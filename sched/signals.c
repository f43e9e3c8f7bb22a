/*
 * signals.c: one handler per process for everybody who wants to know of a signal. Level 0.
 *
 * The kernel interrupts a thread of its choice, in the middle of anything, and what may be done
 * there is next to nothing. So the handler counts the arrival in the record of each watcher and
 * rings (a write to an eventfd, a futex wake); the rest is done where it is safe. Counted, an
 * arrival is not lost, however long nobody looks. (Two of the same number that come before the
 * kernel has delivered the first are one to the kernel, and so to us.)
 *
 * Handlers take no lock, because they may have interrupted its holder. They walk the list while it
 * changes: a watcher is published by its link, and one that was taken out stays valid until no
 * handler is under way that may have seen it (`visitors`): a store and a look on each side, in
 * opposite orders.
 *
 * What is told to nobody, because the watchers that were meant are `once` ones that have had their
 * signal, has the effect that it had before us: the old action is put back and the signal raised
 * again, still inside the handler. So the second Ctrl-C ends a program whose runtime hangs.
 *
 *   Rejected: signalfd(), for which every thread of the process must have the signal blocked, also
 *   those that are none of our business; and a child would inherit that. libuv's watchers, which
 *   put the default action back instead of what was there, lose arrivals when their pipe is full,
 *   and live in io, whereas the runtime itself wants to know of SIGINT. A thread in sigwait(), for
 *   the same reason as signalfd().
 *
 * Our own threads have all signals blocked (platform_linux.c), so the handler runs on the program's
 * threads, never on a task's stack. It is state of the process, like the fault handler (fault.c).
 */
#define _GNU_SOURCE 1

#include "signals.h"
#include "lock.h"
#include "platform.h"

#include <errno.h>
#include <signal.h>

/* Youngest first. Written under the lock, with release; handlers read it. */
static atomic(struct sley__signal_watch *) watches;
static atomic(uint32_t) visitors; /* handlers under way */

static struct sley__lock watches_lock; /* protects the next two, and changes of the list */
static unsigned watchers_of[SLEY__SIGNAL_MAX + 1];
static struct sigaction before[SLEY__SIGNAL_MAX + 1]; /* written before our handler is installed */

/* Handlers have put the old action back. Partner: exchange in install. */
static atomic(uint32_t) put_back[SLEY__SIGNAL_MAX + 1];

bool sley__signal_valid(int number)
{
    switch (number) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGSYS:
    case SIGURG: /* the runtime's own: stall.c */
        return false;
    default:
        /* Below SIGRTMIN the C library keeps two for itself. */
        return (number > 0 && number < 32) || (number >= SIGRTMIN && number <= SIGRTMAX);
    }
}

/* --- the handler ------------------------------------------------------------------------------ */

/* Tells one watcher. True: it was meant. */
static bool tell(struct sley__signal_watch *watch, int number)
{
    /* Release: publishes the count to whoever is rung. Partner: acquire in sley__signal_take. */
    if (watch->once && fetch_add_acq_rel(&watch->counts[0], 1) > 0)
        return false;
    fetch_add_acq_rel(&watch->counts[number], 1);
    watch->ring(watch);
    return true;
}

/* What would have happened without us, or, if that was nothing and somebody had his signal
 * already, what the system does by itself. It happens when the handler returns. */
static void act_as_before(int number, bool late)
{
    struct sigaction action = before[number];

    if (late && action.sa_handler == SIG_IGN)
        action = (struct sigaction){.sa_handler = SIG_DFL};
    store_release(&put_back[number], 1);
    sigaction(number, &action, NULL);
    raise(number);
}

static void handler(int number)
{
    int saved = errno;
    bool told = false, late = false;
    struct sley__signal_watch *watch;

    fetch_add_seq_cst(&visitors, 1);
    fence_seq_cst(); /* before the list is read. Partner: the fence in sley__signals_unwatch */
    for (watch = load_acquire(&watches); watch; watch = load_acquire(&watch->next))
        if (watch->mask & sley__signal_bit(number)) {
            if (tell(watch, number))
                told = true;
            else
                late = true;
        }
    if (!told)
        act_as_before(number, late);
    fetch_sub_acq_rel(&visitors, 1); /* release: done with all of it. Partner: acquire below */
    errno = saved;
}

/* Until no handler is under way that began before. */
static void await_visitors(void)
{
    while (load_acquire(&visitors)) /* partner: release in the handler */
        sley__thread_yield();
}

/* --- installing it ---------------------------------------------------------------------------- */

/* Under the lock, the watcher in the list, and no handler under way that has not seen it. */
static void install(int number)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK};
    bool first = watchers_of[number]++ == 0;

    /* What was put back is what was there before, or instead of it. */
    if (!exchange_acq_rel(&put_back[number], 0) && !first)
        return;
    sigfillset(&action.sa_mask);
    if (first)
        sigaction(number, NULL, &before[number]);
    sigaction(number, &action, NULL);
}

/* Under the lock. What somebody else has installed over us stays. */
static void uninstall(int number)
{
    struct sigaction now;

    if (--watchers_of[number])
        return;
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler == handler)
        sigaction(number, &before[number], NULL);
}

void sley__signals_watch(struct sley__signal_watch *watch)
{
    sley__lock_acquire(&watches_lock);
    store_relaxed(&watch->next, load_relaxed(&watches));
    store_release(&watches, watch); /* partner: acquire in the handler */
    fence_seq_cst();                /* after the list was changed. Partner: the fence there */
    await_visitors();               /* who has not seen it may look at `before`, or put it back */
    for (int number = 1; number <= SLEY__SIGNAL_MAX; number++)
        if (watch->mask & sley__signal_bit(number))
            install(number);
    sley__lock_release(&watches_lock);
}

static void unlink_watch(struct sley__signal_watch *watch)
{
    atomic(struct sley__signal_watch *) *link = &watches;

    while (load_relaxed(link) != watch)
        link = &load_relaxed(link)->next;
    store_release(link, load_relaxed(&watch->next)); /* partner: acquire in the handler */
}

void sley__signals_unwatch(struct sley__signal_watch *watch)
{
    sley__lock_acquire(&watches_lock);
    for (int number = 1; number <= SLEY__SIGNAL_MAX; number++)
        if (watch->mask & sley__signal_bit(number))
            uninstall(number);
    unlink_watch(watch);
    sley__lock_release(&watches_lock);
    fence_seq_cst(); /* after the list was changed. Partner: the fence in the handler */
    await_visitors();
}

bool sley__signal_take(struct sley__signal_watch *watch, int number)
{
    uint32_t count = load_acquire(&watch->counts[number]); /* partner: release in tell */

    while (count > 0)
        if (cas_acq_rel(&watch->counts[number], &count, count - 1))
            return true;
    return false;
}
