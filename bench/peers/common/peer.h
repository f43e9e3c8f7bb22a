/*
 * peer.h: what the peers in C and C++ have in common.
 *
 * A peer is a program that does the work of sley-bench's rows with another system, once per
 * process:
 *
 *     PEER ROW --workers N [--quick]
 *     PEER list
 *
 * It prints a line `METRIC VALUE` per figure, named and in units as in sley-bench, and `check
 * VALUE`: what the work came to, so that the caller can tell that it was done. Exit status: 0 done,
 * 1 the work failed or its result was wrong, 2 the command line is wrong, 3 the row is not offered;
 * one line on stderr says why.
 *
 * A peer is a table of rows and a function for each. The command line, the sizes, the clocks, the
 * thread that wakes and the output are here, so that all do the same work and none can get it wrong
 * on its own.
 */
#ifndef PEERS_COMMON_PEER_H
#define PEERS_COMMON_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define PEER_NORETURN [[noreturn]]
extern "C" {
#else
#define PEER_NORETURN _Noreturn
#endif

/* What a row is told. The sizes are those of bench/bench_*.c. */
struct peer_setup {
    unsigned workers; /* > 0 */
    bool quick;
    size_t yields;                      /* switch: per task; two tasks per worker */
    size_t parked;                      /* memory: tasks */
    size_t sleeps;                      /* timer: tasks */
    size_t leaves;                      /* skynet */
    size_t samples;                     /* wake */
    size_t rounds, items;               /* channel: round trips; through the buffer */
    size_t across_rounds, across_items; /* across: likewise */
    size_t choices;                     /* select: items of each producer */
    size_t locks;                       /* mutex: per task */
    size_t permits;                     /* semaphore: acquired per task */
    size_t scopes;                      /* scope: of PEER_SCOPE_CHILDREN each */
    size_t values;                      /* generator: of each; one per worker */
    size_t files;                       /* file: by PEER_WRITERS at once */
};

enum { PEER_SKYNET_CHILDREN = 10, PEER_SCOPE_CHILDREN = 10 };
enum { PEER_BUFFER = 128, PEER_PRODUCERS = 4, PEER_TASKS = 8, PEER_PERMITS = 4 };
enum { PEER_WRITERS = 64, PEER_FILE_SIZE = 1000 };

/* Does the row's work and prints it by peer_metric() and peer_check(). */
typedef void peer_row_fn(const struct peer_setup *setup);

struct peer_row {
    const char *name; /* NULL ends the table */
    peer_row_fn *run; /* NULL: not offered, */
    const char *why;  /* and this is why */
};

/* The program. To be returned from main(). */
int peer_main(int argc, char **argv, const char *name, const struct peer_row *rows);

void peer_metric(const char *name, double value);
void peer_check(int64_t value);

/* One line on stderr and the end of the process: with 1, the work failed; with 3, the row cannot be
 * done here. */
PEER_NORETURN void peer_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
PEER_NORETURN void peer_decline(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Spawns `batch` empty tasks that each result in 1, joins them and adds up their results; this
 * `batches` times, one after another. Stores the sum of all and returns the ns per task. */
typedef double peer_spawn_fn(const struct peer_setup *setup, size_t batches, size_t batch,
                             int64_t *sum);

/* The row `spawn`: both of its shapes, each in a process of its own as in sley-bench, so that
 * neither finds what the other has left. To be called before there is any second thread. */
void peer_run_spawn(const struct peer_setup *setup, peer_spawn_fn *fn);

/* The figures of the row `fork`: fib(n), forked, after the plain function of the same compiler. */
void peer_fork_metrics(long n, int64_t plain_ns, int64_t ns);

/* Monotonic clock, CPU time of the process, in ns. Any thread. */
int64_t peer_now(void);
int64_t peer_cpu(void);

/* Bytes of resident memory and page tables of this process. */
int64_t peer_memory(void);

/* For a row that needs more memory than ours does: has the machine find that much, by touching and
 * returning it. Ends with 3 where there is not so much. */
void peer_find_memory(size_t bytes);

/* Zeroed, and every page has been written. Never NULL. */
void *peer_alloc(size_t count, size_t size);

/* Sorts the samples, and returns the smallest that at least `percent` of them do not exceed. */
int64_t peer_percentile(int64_t *samples, size_t count, unsigned percent);

/* How long each of setup->sleeps tasks sleeps, in ns: the same for every peer and every run. To be
 * freed. */
int64_t *peer_sleep_times(const struct peer_setup *setup);

/* The row `timer`'s figures. late[i]: how long after its deadline sleep i was over, in ns; none may
 * be negative. `cpu`: what all took, in ns. Sorts. */
void peer_report_sleeps(const struct peer_setup *setup, int64_t *late, int64_t cpu);

/* The row `file`: a new directory for it, opened; and the end of it: its files "0", "1" and so on
 * are counted, if they are whole, and removed. Returns the count. */
int peer_open_directory(void);
int64_t peer_close_directory(const struct peer_setup *setup, int directory);

/* The processor with the given index among those that the process may use, counted around. */
unsigned peer_cpu_number(unsigned index);

/* The calling thread and those that it starts run on the first `count` such processors only, or on
 * that one only. */
void peer_confine(unsigned count);
void peer_pin(unsigned cpu);

/* The row `wake`: a thread that knows nothing of the system under test, on a processor of its own,
 * waits until the sleeper has slept for a millisecond, stamps the clock and calls wake(arg); the
 * sleeper stamps it when it runs again. One rig per process.
 *
 * Sleeper, setup->samples times: peer_wake_sleeping(); sleep until woken; peer_wake_woken(). */
void peer_wake_start(const struct peer_setup *setup, void (*wake)(void *arg), void *arg);
void peer_wake_sleeping(void);
void peer_wake_woken(void);

/* Waits for the waker and prints the row. */
void peer_wake_finish(void);

/* The row `datagram`: the same, and the waker sends a byte over loopback to the socket that is
 * returned, of which nothing is set. Instead of peer_wake_start(). */
int peer_wake_start_datagrams(const struct peer_setup *setup);

/* Takes the datagram that has come. */
void peer_wake_take_datagram(int socket);

#ifdef __cplusplus
}
#endif

#endif
