/*
 * procpool_impl.h: a pool, as the program sees it.
 *
 * Where the code is: procpool.c makes and ends pools, procpool_job.c is what tasks call,
 * procpool_dispatch.c gives jobs to children and takes them back, procpool_fate.c starts children
 * and deals with their ends, procpool_tasks.c are the two tasks of a pool, procpool_ring.c is a
 * channel from this side, procpool_bytes.c moves what is large, procpool_executor.c is a pool
 * behind the interface of executors.
 *
 * Everything that says "locked" is called with the pool's lock.
 */
#ifndef SLEY_PROCPOOL_IMPL_H
#define SLEY_PROCPOOL_IMPL_H

#include "io.h"
#include "list.h"
#include "lock.h"
#include "procpool_wire.h"

/* 70 years: longer times are as good, and sums of them do not overflow. */
#define SLEY__TIME_MAX (SLEY_FOREVER / 4)

/* The file of a channel. The child's results are in it, so it stays until the last is fetched. */
struct sley__result_file {
    atomic(unsigned) references; /* the child's record, and jobs whose result is in it */
    int fd;
};

enum sley__doom {
    SLEY__SPARED,
    SLEY__DOOM_TIMEOUT,  /* its job has taken too long */
    SLEY__DOOM_CANCEL,   /* its job has been given up */
    SLEY__DOOM_NONSENSE, /* it has broken the protocol */
};

/* A child. All fields: the pool's lock. Freed when it has ended. */
struct sley__procchild {
    struct list link;  /* in pool->children */
    struct list place; /* in one of idle, busy, full, ending */
    struct sley_procpool *pool;
    uint32_t id;
    int pid; /* 0: not known yet */
    struct sley__channel *channel;
    struct sley__result_file *file;

    /* The ring. Positions below `collected` are done with, those up to `published` have a job in
     * jobs[], or NULL if it was taken back. None of it is in shared memory. */
    uint64_t published, collected;
    struct sley_job *jobs[SLEY__SLOTS];
    unsigned load;      /* jobs in the ring that are not over */
    uint64_t given;     /* jobs, and not taken back */
    uint64_t seen;      /* `collected` at the last look of sley__pool_unstick */
    bool stuck;         /* it had not moved: gets nothing ahead until it does */
    int64_t head_begun; /* the first look that saw the oldest begun; 0: none yet. This and the next
                           only if it has a timeout */
    int64_t head_look;  /* when to look next whether it has */
    int64_t idle_since; /* valid in `idle` */

    bool worked;      /* a job of it is over */
    unsigned attempt; /* pool->failed_starts when it was started */

    bool retiring; /* told to quit: gets no more jobs */
    enum sley__doom doom;
    int next_signal; /* to be sent at kill_at, if it is doomed */
    int64_t kill_at; /* SLEY_FOREVER: it has been given to the supervisor */
};

struct sley__job_group {
    struct sley_job *first, *last; /* that are over and not seen yet */
    size_t open;                   /* not seen yet */
    struct sley__waker waiter;     /* task NULL: nobody waits */
};

/* Where a job is. Changed under the lock. */
enum sley__job_state {
    SLEY__JOB_NEW,
    SLEY__JOB_QUEUED, /* in pool->queue */
    SLEY__JOB_GIVEN,  /* in the ring of its child */
    SLEY__JOB_OVER,   /* the caller's again, but for a large result that has to be fetched */
};

struct sley_procpool {
    struct sley__lock lock; /* protects all that is not said to be constant */

    struct sley_procpool_options options; /* constant, without zeroes where they mean a default */
    struct sley_runtime *runtime;         /* constant */
    struct sley__fd *socket;              /* constant; to the supervisor */
    struct sley__fd *bell;                /* constant; the eventfd */
    int inputs;                           /* constant; the input file */
    atomic(uint64_t) next_input;          /* where the next large input goes */

    struct sley_job *first, *last; /* the queue, in the order of submission */
    uint64_t queued;
    uint64_t submitted; /* jobs so far: the order of the next */

    struct list children; /* all, by `link` */
    unsigned count;       /* of them */
    unsigned staying;     /* of them neither doomed nor retiring */
    unsigned in_rings;    /* jobs that children have */
    /* By `place`. Idle: nothing to do, the last used first. Busy: at least one job and room for
     * more. Full: no room. Ending: doomed or retiring. */
    struct list idle, busy, full, ending;
    uint32_t next_id;

    /* Back-off. */
    unsigned crashes;       /* of children that worked, in a row, with nothing completed between */
    unsigned failed_starts; /* in a row, with no job begun between */
    int64_t respawn_at;     /* no child is started before; 0: at once */

    int closed;               /* SLEY_E*: takes no more jobs */
    bool collector_armed;     /* children are to ring: rings that get a job are armed */
    bool collector_asleep;    /* it waits for the bell */
    int64_t collector_until;  /* or, at most, until then; while it arms: what it knows of yet */
    unsigned tasks;           /* collector and listener, while they run */
    struct sley__waker freer; /* waits for `tasks` to be 0; task NULL: nobody */

    struct sley__wake_batch batch; /* begun by lock, flushed by unlock */
    struct sley_procpool_stats stats;
};

/* --- procpool.c ------------------------------------------------------------------------------- */

/* The lock, and the wakes that are collected while it is held. Any task. */
void sley__pool_lock(struct sley_procpool *pool);
void sley__pool_unlock(struct sley_procpool *pool);

/* The collector must look at the children at `deadline`: wakes it if it sleeps for longer. Not by
 * the bell, whose count is the children's to fill. Locked. */
void sley__pool_hurry(struct sley_procpool *pool, int64_t deadline);

/* Empties the bell's eventfd: > 0 if it was rung. Never blocks, though the children share its flags
 * and may have cleared O_NONBLOCK. Without the lock. */
NOINLINE int sley__bell_read(int fd, uint64_t *count);

/* Gives everything back. Its tasks have ended. Any thread. */
void sley__pool_dispose(struct sley_procpool *pool);

/* --- procpool_job.c --------------------------------------------------------------------------- */

/* As sley_procpool_run(), but what runs is `work` (job->fn is NULL). */
MUST_USE int sley__pool_run_work(struct sley_procpool *pool, sley_work_fn *work,
                                 struct sley_job *job);

/* --- procpool_ring.c: locked ------------------------------------------------------------------ */

/* Maps a new channel; its file is child->file->fd. 0 or SLEY_E*. */
MUST_USE int sley__ring_open(struct sley__procchild *child);
void sley__ring_close(struct sley__procchild *child);

/* Whether there is room for a job; puts one in, and wakes the child if it sleeps. */
bool sley__ring_has_room(const struct sley__procchild *child);
void sley__ring_publish(struct sley__procchild *child, struct sley_job *job);

/* What has become of the oldest job. */
enum sley__ring_news {
    SLEY__RING_EMPTY,    /* there is none */
    SLEY__RING_WAITS,    /* not begun */
    SLEY__RING_RUNS,     /* begun */
    SLEY__RING_RESULT,   /* *result has what the child says, checked for what can be checked */
    SLEY__RING_NONSENSE, /* the child has broken the protocol */
};
struct sley__ring_result {
    int value, error;
    uint64_t size, offset;
    const unsigned char *bytes; /* if offset is 0: `size` bytes in the slot, until it is advanced */
};
MUST_USE enum sley__ring_news sley__ring_look(struct sley__procchild *child,
                                              struct sley__ring_result *result);

/* The oldest job; NULL if none. Done with it. */
struct sley_job *sley__ring_head(struct sley__procchild *child);
void sley__ring_advance(struct sley__procchild *child);

/* Takes a job back that the child has not begun. False: it has, or says nonsense. */
MUST_USE bool sley__ring_revoke(struct sley__procchild *child, uint64_t position);

/* Takes it out of our books without asking the child. */
void sley__ring_forget(struct sley__procchild *child, uint64_t position);

/* Asks for a ring of the bell at the next result. The look must follow. */
void sley__ring_arm(struct sley__procchild *child);

/* Wakes the child whether it seems to sleep or not. */
void sley__ring_wake(struct sley__procchild *child);

/* Tells the child to end when it has nothing left. */
void sley__ring_quit(struct sley__procchild *child);

/* --- procpool_dispatch.c: locked -------------------------------------------------------------- */

void sley__queue_push(struct sley_procpool *pool, struct sley_job *job);
/* Back to where it was in the queue. `after`: one of the queue, perhaps not far before; or NULL. */
void sley__queue_put_back(struct sley_procpool *pool, struct sley_job *job, struct sley_job *after);
void sley__queue_remove(struct sley_procpool *pool, struct sley_job *job);

/* The job is over, without a result if error is not 0. Wakes who waits for it. */
void sley__job_over(struct sley_procpool *pool, struct sley_job *job, int error);

/* Sees to the timeout of its oldest job: looks whether it has begun, ends the child if it has had
 * its time. When to do so again; SLEY_FOREVER: there is none, or it may take any time. */
int64_t sley__child_watch(struct sley__procchild *child, int64_t now);

/* Puts the child in the list that it belongs to now. */
void sley__child_place(struct sley__procchild *child);

/* Takes the results out of a ring; how many. */
unsigned sley__child_collect(struct sley__procchild *child);

/* Takes back all that the child has not begun, and puts it where it was in the queue. */
void sley__child_recall(struct sley__procchild *child);

/* Gives queued jobs to children, and starts children for them. */
void sley__pool_dispatch(struct sley_procpool *pool);

/* Takes jobs back from those who have several, for those who have none. */
void sley__pool_rebalance(struct sley_procpool *pool);

/* Takes back what waits behind a job that has not ended since the last call. */
void sley__pool_unstick(struct sley_procpool *pool);

/* Ends the child of a running job, unless the job is over in this very moment: true then. */
bool sley__child_stop_job(struct sley__procchild *child, struct sley_job *job,
                          enum sley__doom doom);

/* --- procpool_fate.c: locked ------------------------------------------------------------------ */

/* Starts a child. NULL: it cannot be, and the back-off knows. */
struct sley__procchild *sley__child_start(struct sley_procpool *pool);
bool sley__pool_may_start(struct sley_procpool *pool);

/* Starts what is missing to the minimum. */
void sley__pool_maintain(struct sley_procpool *pool);

/* From now on it is to be killed. */
void sley__child_doom(struct sley__procchild *child, enum sley__doom doom);
void sley__child_retire(struct sley__procchild *child);

/* What the supervisor reports. `status` as of wait(), or < 0: it was never there. */
void sley__child_started(struct sley_procpool *pool, uint32_t id, int pid);
void sley__child_killed(struct sley_procpool *pool, uint32_t id, int number);
void sley__child_ended(struct sley_procpool *pool, uint32_t id, int status);

/* The supervisor is gone or the pool ends: nothing is left, and all jobs end with `error`. */
void sley__pool_abort(struct sley_procpool *pool, int error);

/* Does what is due; when the next is. */
int64_t sley__pool_tick(struct sley_procpool *pool);

/* --- procpool_tasks.c ------------------------------------------------------------------------- */

/* Starts the two tasks. 0 or SLEY_E*: none runs. From a task. */
MUST_USE int sley__pool_tasks_start(struct sley_procpool *pool);

/* --- procpool_bytes.c: without the lock; from a task ------------------------------------------ */

/* Puts a large input where children find it; gives it back. */
MUST_USE int sley__input_put(struct sley_procpool *pool, struct sley_job *job);
void sley__input_drop(struct sley_procpool *pool, struct sley_job *job);

/* Brings the result of a job that is over to where its caller wants it. May set its error. */
void sley__result_fetch(struct sley_job *job);

/* The two for a result in a slot. Locked; and the check before either. */
void sley__result_copy(struct sley_job *job, const unsigned char *bytes, size_t size);

struct sley__result_file *sley__result_file_new(int *error);
void sley__result_file_release(struct sley__result_file *file);

#endif
