/*
 * trace.h: static probes. Level 0.
 *
 * Each is one nop in the code and a note beside it that perf, bpftrace and SystemTap find
 * (`bpftrace -l 'usdt:./program:sley:*'`); off, that is all they cost, so they are in every build.
 * Without <sys/sdt.h> (Debian: systemtap-sdt-dev) there are none.
 *
 *     task_spawn(task)            before it is queued
 *     task_start(task, worker)    its function is about to be called
 *     task_park(task)             it leaves its worker, for a wait or a yield
 *     task_resume(task, worker)   it goes on
 *     task_end(task, result)
 *     steal(worker, count)        tasks taken from another worker's queue
 *     sleep(worker), wake(worker) the kernel thread sleeps, is awake again
 */
#ifndef SLEY_TRACE_H
#define SLEY_TRACE_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define SLEY_PROBE1(name, a)    DTRACE_PROBE1(sley, name, a)
#define SLEY_PROBE2(name, a, b) DTRACE_PROBE2(sley, name, a, b)
#endif
#endif

#ifndef SLEY_PROBE1
#define SLEY_PROBE1(name, a)    ((void)0)
#define SLEY_PROBE2(name, a, b) ((void)0)
#endif

#endif
