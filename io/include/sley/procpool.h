/*
 * sley/procpool.h: running functions in other processes.
 *
 * For work that may crash, leak, never end, or eat all memory: each job runs in one of a few child
 * processes, and the worst that it can do is to fail alone. The children are forks of this program
 * as it was at sley_procpool_prepare(), so a job is an ordinary function of it; what it gets and
 * gives are bytes (no pointers: what they point to is not there). A variable that the program has
 * changed since then has its old value in a child, and what a job changes is seen by nobody.
 *
 *     static int square(const void *in, size_t in_size, struct sley_job_result *result)
 *     {
 *         long n = *(const long *)in;
 *         n *= n;
 *         return sley_job_write(result, &n, sizeof(n));
 *     }
 *
 *     sley_procpool_new(NULL, &pool);
 *     error = sley_procpool_call(pool, square, &n, sizeof(n), &n, sizeof(n), NULL, NULL);
 *
 *     int main(void)
 *     {
 *         return sley_run(app, NULL, &(struct sley_options){.prepare = sley_procpool_prepare});
 *     }
 *
 * An empty job costs a few microseconds while a child is busy or has just been, and two wake-ups of
 * a process otherwise.
 */
#ifndef SLEY_PROCPOOL_H
#define SLEY_PROCPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/executor.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- before anything else --------------------------------------------------------------------- */

/* Forks the process that all children of all pools will come from. It must happen while the program
 * has one thread: a fork takes only the calling thread along, and the locks of the others stay
 * locked for ever in the copy. So either first in main(), or as the `prepare` of the options of
 * sley_run(), which calls it before it starts threads. Calling it again does nothing.
 *   0            done, or done before
 *   SLEY_ELATE   there are other threads already
 *   SLEY_EAGAIN, SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE
 *                no process, memory or descriptor
 * The process sleeps until this one ends, whichever way, and is no child of it that a wait() could
 * find. It has copies of the descriptors that are open now. Buffered output is flushed, lest a
 * child that calls exit() writes it again. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_procpool_prepare(void);

/* --- pools ------------------------------------------------------------------------------------ */

/* Owned by the task that made it; may be used by every task of its runtime at once. */
struct sley_procpool;

/* Zero in a field means its default. Copied by the call. */
struct sley_procpool_options {
    unsigned min;            /* children that are there even without work. Default 0 */
    unsigned max;            /* most children at a time, at most SLEY_PROCPOOL_MAX. Default: the
                                runtime's workers, or min if that is more */
    int64_t idle_timeout;    /* ns after which a child without work ends, above min. Default 10 s */
    int64_t timeout;         /* ns a job may take, from its start; what passes before, until a child
                                is there and awake, is not counted. It is never killed earlier, and
                                at most about an eighth later. A job can say otherwise. Default: no
                                limit */
    int64_t grace;           /* ns between SIGTERM and SIGKILL for a child that must end. Default
                                500 ms */
    uint64_t jobs_per_child; /* a child is replaced after so many jobs. Default: no limit */
    uint64_t address_space;  /* bytes of address space of a child (RLIMIT_AS). Default: as it is */
    unsigned cpu_seconds;    /* processor time a job may take (RLIMIT_CPU), to the second; a child
                                that exceeds it gets SIGXCPU and dies, unless the job catches or
                                ignores that: `timeout` is for such ones. Default: as it is. All
                                three: what may not be set stays as it is */
    unsigned open_files;     /* descriptors of a child (RLIMIT_NOFILE). Default: as it is */
    size_t result_max;       /* bytes of a result. Default 1 GiB */
};

#define SLEY_PROCPOOL_MAX 256

/* Starts a pool. NULL options are all defaults.
 *   0            *out is the pool
 *   SLEY_ELATE   sley_procpool_prepare() was not called before the runtime was started
 *   SLEY_EINVAL  min > max, max > SLEY_PROCPOOL_MAX, or a negative time
 *   SLEY_ECRASHED  somebody has killed the process that prepare made
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK, SLEY_ESHUTDOWN
 *   SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_EAGAIN
 * From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_procpool_new(const struct sley_procpool_options *options,
                                  struct sley_procpool **out);

/* Ends a pool: jobs that are not over end with SLEY_ECLOSED, the children are killed, and when it
 * returns they are gone (except while the runtime shuts down: then soon). Nobody may be in a call
 * on the pool. NULL is fine. From a task of the pool's runtime, before that runtime ends. Parks,
 * without regard to cancel and deadline. Since 0.1. */
SLEY_EXPORT void sley_procpool_free(struct sley_procpool *pool);

struct sley_procpool_stats {
    unsigned children;  /* there are now, or are being started */
    unsigned idle;      /* of them without a job */
    uint64_t queued;    /* jobs that no child has been given */
    uint64_t completed; /* jobs that have returned */
    uint64_t failed;    /* jobs that have ended otherwise */
    uint64_t started;   /* children started in all */
    uint64_t crashed;   /* children that died without being told to */
};

/* Any task of the runtime. Never parks. Since 0.1. */
SLEY_EXPORT void sley_procpool_stats(struct sley_procpool *pool, struct sley_procpool_stats *stats);

/* --- in the child ----------------------------------------------------------------------------- */

/* What a job gives back. Exists in the child, during the job. */
struct sley_job_result;

/* A job: gets the `in_size` bytes at `in` (aligned to 64 bytes, not to be changed, gone when it
 * returns), writes its result, and returns an int, which becomes the job's `value`. It runs in a
 * process with one thread, outside of any runtime, and may do what a program may do. */
typedef int sley_job_fn(const void *in, size_t in_size, struct sley_job_result *result);

/* Makes the result `size` bytes long, and returns where they are, aligned to 64 bytes, to be
 * written; what was there before stays, the rest is undefined. The place of an earlier call is not
 * valid any more. NULL: no memory, and the result is as it was. In a job. Since 0.1. */
SLEY_EXPORT void *sley_job_reserve(struct sley_job_result *result, size_t size);

/* Appends `size` bytes to the result. 0 or SLEY_ENOMEM. In a job. Since 0.1. */
SLEY_EXPORT int sley_job_write(struct sley_job_result *result, const void *data, size_t size);

/* --- jobs ------------------------------------------------------------------------------------- */

/* A job and what became of it. Memory of the caller, who fills in the first part, zeroes the rest
 * (a designated initialiser does), and keeps it where it is until the job is over. */
struct sley_job {
    sley_job_fn *fn;     /* a function of the program itself, or of a library loaded at prepare */
    const void *in;      /* the input, not touched after the job is over */
    size_t in_size;      /* its bytes; at most 64 GiB */
    void *out;           /* where the result goes; NULL: it is dropped, unless `allocate` */
    size_t out_capacity; /* bytes there */
    bool allocate;       /* instead: put the result into memory from malloc(), `out`, to be freed by
                            the caller; NULL if it has no bytes */
    int64_t timeout;     /* ns the job may take from its start, as above. 0: the pool's */
    void *user;          /* the caller's own */

    /* Valid when the job is over. */
    int error;       /* 0: fn has returned. Else
                          SLEY_ECRASHED   the child died during the job: see below
                          SLEY_ETIMEDOUT  it took longer than its timeout, and was killed
                          SLEY_EPROTO     the child wrote nonsense to where it reports, and
                                          was killed
                          SLEY_EMSGSIZE   fn has returned, but its result has out_size bytes
                                          and there is room for fewer; nothing is copied
                          SLEY_ENOMEM     no memory for the input or result
                          SLEY_EAGAIN     no child could be started, or each that was has died
                                          at once, eight times in a row; also SLEY_ENOMEM,
                                          SLEY_EMFILE and SLEY_ENFILE, if it was for these
                          SLEY_ECLOSED, SLEY_ESHUTDOWN  the pool, or runtime, has ended */
    int value;       /* what fn returned, if it has */
    size_t out_size; /* bytes of the result */
    int signal;      /* that killed the child, after SLEY_ECRASHED or SLEY_ETIMEDOUT; or 0 */
    const char *signal_name; /* "SIGSEGV", static storage; NULL: none */
    int exit_status;         /* of a child that has exited instead, after SLEY_ECRASHED */
    int pid;                 /* of the child; after success perhaps 0, if not known yet */

    struct sley__job {
        struct sley_job *next, *previous;
        struct sley__job_group *group;
        struct sley_task *waiter;
        uint64_t ticket;
        struct sley__procchild *child;
        struct sley__result_file *file;
        sley_work_fn *work;
        uint64_t order, position, in_offset, out_offset;
        uint32_t state;
    } private_;
};

/* Runs fn on `in` in a child and waits for it: its result goes to `out`, the number of its bytes to
 * *out_size and what fn returned to *value (both may be NULL).
 * Returns 0, an error of the job as in struct sley_job, or
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *                the caller was cancelled, or late: the job is not run, or is killed
 *   SLEY_ENOTASK, SLEY_EINVAL (fn is NULL, in is NULL and in_size is not 0, in_size or timeout is
 *                out of range)
 * From a task of the pool's runtime. Parks. Since 0.1. */
SLEY_EXPORT int sley_procpool_call(struct sley_procpool *pool, sley_job_fn *fn, const void *in,
                                   size_t in_size, void *out, size_t out_capacity, size_t *out_size,
                                   int *value);

/* The same with all that a job can say. Returns as sley_procpool_call. Since 0.1. */
SLEY_EXPORT int sley_procpool_run(struct sley_procpool *pool, struct sley_job *job);

/* Queues a job and goes on (a large input is copied before). After 0 the job must meet one
 * sley_procpool_wait() that returns 0, or sley_procpool_cancel(). Other returns: it was not queued.
 *   SLEY_EINVAL  as above
 *   SLEY_ENOMEM  no memory for a large input
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK, SLEY_ECLOSED, SLEY_ESHUTDOWN
 *   SLEY_ECRASHED  somebody has killed the process that looks after the pool's children
 * From a task of the pool's runtime. Parks only for an input of a megabyte or more. Since 0.1. */
SLEY_EXPORT int sley_procpool_submit(struct sley_procpool *pool, struct sley_job *job);

/* Waits until a submitted job is over. 0: it is, and job->error says how. SLEY_ECANCELED,
 * SLEY_ETIMEDOUT: the caller was cancelled, or late, and the job goes on. SLEY_EBUSY: another task
 * waits for it. SLEY_EINVAL: it was not submitted. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_procpool_wait(struct sley_procpool *pool, struct sley_job *job);

/* Gives a submitted job up: one that has not begun will not, one that runs is killed with its
 * child. Its memory is the caller's again. True: it was over before, with all its results there;
 * false: it has none. Nobody may wait for it. From a task. Never parks. Since 0.1. */
SLEY_EXPORT bool sley_procpool_cancel(struct sley_procpool *pool, struct sley_job *job);

/* Runs `count` jobs and calls each(job, arg) in the calling task for each of them as it ends, in
 * the order of ending; the call may park, and may free what belongs to its job. If it returns other
 * than 0, the jobs that are not over yet are given up and that is returned. So are they when the
 * caller is cancelled, or late: SLEY_ECANCELED, SLEY_ETIMEDOUT. A job that was given up has the
 * error SLEY_ECANCELED; one that could not be queued has ended with the error of that. 0: all are
 * over and were seen. From a task. Parks. Since 0.1. */
typedef int sley_job_done_fn(struct sley_job *job, void *arg);
SLEY_EXPORT int sley_procpool_map(struct sley_procpool *pool, struct sley_job *jobs, size_t count,
                                  sley_job_done_fn *each, void *arg);

/* --- processes as an executor ----------------------------------------------------------------- */

/* Processes as a place to run work in, see executor.h: those of a pool with all defaults that each
 * runtime makes when it is first used, and ends with itself. Only sley_procpool_prepare() must have
 * been called. The work runs on a copy of its data, which is copied back when it has returned;
 * after an error the data is as it was, or, after SLEY_EPROTO and SLEY_ENOMEM only, undefined. A
 * caller that is cancelled, or late, does not wait for work that has begun: it is killed. Errors
 * beside those of executor.h are those of sley_procpool_new() and of struct sley_job. Since 0.1. */
SLEY_EXPORT extern const struct sley_executor sley_executor_processes;

/* The processes of a pool of your own, with its limits and timeouts; the pool must outlive it:
 * struct sley_executor e = SLEY_EXECUTOR_PROCESSES(pool). */
#define SLEY_EXECUTOR_PROCESSES(pool)         \
    {                                         \
        sley_executor_call_in_process, (pool) \
    }
SLEY_EXPORT int sley_executor_call_in_process(const struct sley_executor *executor,
                                              sley_work_fn *fn, void *data, size_t size,
                                              int *result);

#ifdef __cplusplus
}
#endif
#endif
