/*
 * sley/signal.h: signals of the system, as something to wait for.
 *
 *     struct sley_signals *signals;
 *
 *     sley_signals_open((const int[]){SIGHUP, SIGUSR1}, 2, &signals);
 *     SLEY_FOREACH (int, number, signals)
 *         if (number == SIGHUP)
 *             reload();
 *
 * From its opening on every arrival of these signals is counted, whether somebody waits or not, and
 * handed out once: none is lost between opening and waiting, or between two waits. (What arrives
 * twice before the kernel has delivered it once is one arrival to the kernel.) Each opened set is
 * told of every arrival, so parts of a program that know nothing of each other, and several
 * runtimes, can wait for the same signal.
 *
 * While a signal is in an opened set, a handler of sley stands in the place of what the program had
 * for it, its default action included; that is put back when the last set with it is closed. The
 * kernel delivers signals on threads of the program's own, at least one of which must not have them
 * blocked, as is normal: sley's threads have all blocked. Children inherit nothing of it.
 *
 * To have Ctrl-C end a program in order, nothing of this is needed: see `interrupt` of
 * struct sley_options.
 */
#ifndef SLEY_SIGNAL_H
#define SLEY_SIGNAL_H

#include <stddef.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/iterator.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A set of signals that are watched. Owned by whoever opened it, until sley_signals_close(), which
 * must come before its runtime ends. */
struct sley_signals;

/* Begins to watch the signals.
 *   numbers  `count` numbers, SIGHUP and the like; twice the same is fine. Copied
 *   out      receives the set; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL   none; or one that is no signal, cannot be caught (SIGKILL, SIGSTOP), or is a
 *                 fault of the program (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS),
 *                 or SIGURG, by which the runtime asks a stalled task where it is
 *   SLEY_EAGAIN   the I/O thread could not be started
 *   SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_signals_open(const int *numbers, size_t count, struct sley_signals **out);

/* Waits for the next arrival, and takes it; several tasks may wait, each arrival goes to one of
 * them. When signals of several numbers have arrived they take turns; the order of arrivals is not
 * known. Returns the number, or SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK; then nothing was
 * taken. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_signals_wait(struct sley_signals *signals);

/* Takes an arrival if there is one: its number, or 0. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_signals_try(struct sley_signals *signals);

/* Ends the watching and frees the set; arrivals that nobody has taken are dropped. No other task
 * may be in a call on it or make one later. NULL is fine. Any thread, not in a signal handler.
 * Never parks. Since 0.1. */
SLEY_EXPORT void sley_signals_close(struct sley_signals *signals);

/* The arrivals as an iterator of int, for SLEY_FOREACH: sley_signals_iterator(), in
 * <sley/iterator.h>. It ends with an error only. */

#ifdef __cplusplus
}
#endif
#endif
