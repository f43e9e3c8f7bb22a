/*
 * sley/blocking.h: running what blocks off the workers.
 *
 * A function that blocks its kernel thread (a file system call, a library that knows nothing of
 * tasks) would freeze every task of its worker. sley_to_thread() runs it on a pool of threads of
 * the runtime, grown on demand, while the calling task is parked.
 */
#ifndef SLEY_BLOCKING_H
#define SLEY_BLOCKING_H

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs fn(arg) on a thread of the runtime's blocking pool and waits for it; its return value goes
 * to *result (unless result is NULL). The pool has at most 64 threads, started when all others are
 * busy and ended after 10 s without work; more calls than threads wait in order of arrival.
 * Returns 0 when fn has run, or
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT  the caller was cancelled, or late, before fn was started; fn
 *                   did not and will not run. Once started, fn is waited for: its arg stays valid
 *   SLEY_EAGAIN     no thread could be started and none exists
 *   SLEY_ENOTASK    not on a task
 * From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_to_thread(int (*fn)(void *arg), void *arg, int *result);

#ifdef __cplusplus
}
#endif
#endif
