/*
 * task_impl.h: what a task is, its two state machines, and where task memory comes from. Level 1.
 *
 * Two words of a task are shared, each with its own small protocol; nobody else touches them.
 *
 * The wait word: ticket << 8 | flags | state. The ticket counts the task's waits and survives the
 * reuse of the memory, so that a waker kept too long can never hit a later wait (64 - 8 bits at one
 * wait per nanosecond last two years of nothing but waiting).
 *
 *     FREE -> NEW -> RUNNING -> WAITING -> WOKEN -> RUNNING ... -> DONE -> FREE
 *
 * Only WAITING -> WOKEN (any thread, wake) and WAITING -> RUNNING (the task itself, abandon) can
 * race, so these two are compare-and-swaps; every other transition is a plain store by the one
 * thread that has the task. A RUNNING task with a saved context is one that has yielded.
 *
 * The join word: how the end of a task meets its handle.
 *
 *     0           runs, the handle is with its owner
 *     joiner      a parked task waits in join, or with bit 0 set a foreign thread's futex
 *     DETACHED    nobody will join: the end frees the task
 *     ENDING      for an instant: the end holds the joiner to read which wait of its it is to end
 *     DONE        ended, `result` is valid: the join or the detach frees the task
 *
 * Task memory is type-stable: slabs are unmapped only with the runtime. That is what makes wakers
 * safe without reference counts, and what lets a dump or a debugger walk all tasks.
 *   Rejected: tasks on the top of their own stack (one cache line less, but a task that has not
 *   run has no stack, and a million waiting spawns would need a million pages); reference counts
 *   (two read-modify-writes per wait).
 */
#ifndef SLEY_TASK_IMPL_H
#define SLEY_TASK_IMPL_H

#include "atomic.h"
#include "context.h"
#include "list.h"
#include "lock.h"

/* The inlined code of fork.h, here, goes through atomic.h. */
#define SLEY__FORK_LOAD(p) load_relaxed((atomic(unsigned char) *)(p))
#include <sley/fork.h>
#include <sley/task.h>

struct sley__family;
struct sley__flow;
struct sley__locals;
struct sley__stack;
struct sley__worker;

enum sley__task_state {
    SLEY__TASK_FREE,    /* in a free list */
    SLEY__TASK_NEW,     /* spawned, queued, has no stack */
    SLEY__TASK_RUNNING, /* on a worker, or yielded (then context.saved is set) */
    SLEY__TASK_WAITING, /* has begun a wait; parked or about to */
    SLEY__TASK_WOKEN,   /* the wait has ended; queued */
    SLEY__TASK_DONE,    /* has returned; its handle has not been given up */
    SLEY__TASK_STATE_MASK = 7,
};

/* Flags beside the state, valid while WAITING. */
#define SLEY__WAIT_UNPARKABLE 8u  /* sley_unpark ends this wait */
#define SLEY__WAIT_SHIELDED   16u /* sley_cancel does not */
#define SLEY__TICKET_SHIFT    8

#define SLEY__JOIN_DONE       ((uintptr_t)2)
#define SLEY__JOIN_DETACHED   ((uintptr_t)4)
#define SLEY__JOIN_ENDING     ((uintptr_t)6)
#define SLEY__JOIN_FOREIGN    ((uintptr_t)1) /* tag: the rest is a futex word's address */

/* Names longer than this less one are cut: they are for messages. */
#define SLEY__LABEL_SIZE 40

/* Whether a task is cancelled where it is now, and why beside its own scopes: it was itself, or the
 * scope was whose child it is. */
#define SLEY__CANCELLED     1u
#define SLEY__CANCEL_OWN    2u
#define SLEY__CANCEL_PARENT 4u

/* Ages are kept in 8.4 ms, in 32 bits: a year. They are for dumps. */
#define SLEY__BORN_BITS 23

#ifdef SLEY_DEBUG
/* How many of the locks that a task has are known by address; more are counted. */
#define SLEY__HELD_MAX 4

/* What debug builds note in each task. All of it: the task itself only. */
struct sley__task_debug {
    struct sley__held {
        const void *address; /* NULL: a free place */
        const char *kind;
    } lock[SLEY__HELD_MAX]; /* held.c */
    unsigned more_locks;
    unsigned pthread_mutexes;  /* how many it has; pthread_watch.c */
    const void *pthread_mutex; /* the one that it took when it had none */
    const void *pthread_site;  /* where: the return address of that call */
};
#endif

/* Why a task is to look up at its next fork or join. */
enum sley__attention {
    SLEY__ATTENTION_NONE,
    SLEY__ATTENTION_OWED, /* it has had no more calls to hand out than it has handed out. Itself */
    SLEY__ATTENTION_ASKED /* somebody is idle, or the task is cancelled. Anybody */
};

/* What a task needs to have calls of its own handed out; see fork.c and forkers.c. Zero in a task
 * that is free. */
struct sley__forker {
    struct sley_forker seen; /* by the inlined code of fork.h. Its attention: any thread,
                                atomically; partner: exchange in look() of fork.c */
    bool skipped;            /* a call was not begun, because of a cancel. The task itself */
    atomic(uint8_t) claim;   /* of a task that is to run a forked call: who runs it. See fork.c */
    unsigned owed;           /* calls to hand out while the attention is OWED. The task itself */
    uint32_t regions;        /* that the task is in. Likewise */
    struct sley_fork *youngest; /* what a region that begins now continues. Likewise */
};

static inline atomic(uint8_t) * sley__forker_attention(struct sley__forker *forker)
{
    return (atomic(uint8_t) *)&forker->seen.attention;
}

/* Makes the task look up at its next fork or join, if there is one. Any thread, even when the task
 * has ended. Release: why. An exchange and not a store, so that it does not hide what somebody else
 * has raised the flag for just before: who acquires this one acquires that one too. */
static inline void sley__forker_alert(struct sley__forker *forker)
{
    /* Partner: look() in fork.c. */
    exchange_acq_rel(sley__forker_attention(forker), (uint8_t)SLEY__ATTENTION_ASKED);
}

struct sley_task {
    /* What a wake, a queue and a resume touch: one cache line. */
    ALIGN_LINE atomic(uint64_t) word; /* the wait word */
    struct sley__context context;     /* saved flow; see context.h for its hand-over */
    struct sley__stack *stack;        /* it stands on; NULL before it has begun. Who has the task */
    struct sley__worker *worker;      /* runs on. Written by the resumer, before the switch */
    struct sley_task *next;           /* in an injection queue, batch or free list: its owner */
    int wake_result;        /* by the winner of the wait word, before it queues the task */
    int saved_errno;        /* over a park. The task itself */
    int64_t deadline;       /* ambient, absolute ns. The task itself */
    atomic(uintptr_t) join; /* the join word */

    /* What a start and an end touch: another. */
    sley_task_fn *fn;
    union {
        void *arg;
        struct sley_task *next_batch; /* while FREE and the first of a batch in the pool */
    };
    int result;                  /* written before join becomes DONE */
    atomic(uint32_t) born;       /* units of SLEY__BORN_BITS. The spawner; the dump reads */
    uint8_t stack_class;         /* enum sley__stack_class */
    atomic(bool) labelled;       /* has a name of its own. The spawner; the dump reads */
    atomic(uint8_t) cancelled;   /* SLEY__CANCEL*; changed under family_lock, but for a cancel of
                                    all that comes upon memory being reused. Partner of the looks
                                    at it: the fence pair of wait.c and family.c */
    atomic(uint8_t) permit;      /* of sley_park. Any thread */
    bool in_family;              /* it is somebody's child; false while FREE. The spawner, before
                                    the first run */
    bool has_locals;             /* `locals` is not NULL. As that; false while FREE */
    atomic(const char *) what;   /* while WAITING: what for. The task itself; the dump reads */
    atomic(const char *) reason; /* of the cancellation. Any thread, first one stays */
    atomic(const char *) site;   /* literal "name\0file:line". The spawner; the dump reads */
    atomic(uint64_t) id;         /* likewise */

    /* Cold. */
    atomic(char) label[SLEY__LABEL_SIZE]; /* own name, cut. Last byte always 0 */
#ifdef SLEY_DEBUG
    uint32_t mark; /* of validate.c; 0 outside of it */
    struct sley__task_debug debug;
#endif

    struct sley__flow *flow; /* innermost one that it is inside of, or NULL. The task itself */

    /* Families, see family.h; a plain spawn touches none of it. The lock is taken by whoever
     * cancels, also when the memory has just changed hands, so its word is never reset. */
    struct sley__lock family_lock;
    struct sley__family *family; /* the innermost it has open, NULL at its end. family_lock */
    struct sley__family *parent; /* if in_family: whose child it is. Constant while it lives */
    struct list sibling;         /* likewise. The parent's lock */
    uint64_t index;              /* likewise: how many children were spawned before. Constant */
    struct sley__locals *locals; /* NULL: none, as while FREE. The spawner, then the task itself */

    struct sley__forker forker; /* forked calls. A plain spawn does not touch it */
};

#ifndef SLEY_DEBUG
_Static_assert(sizeof(struct sley_task) <= 4 * SLEY_CACHE_LINE, "a parked task's budget");
#endif

static inline uint64_t sley__task_ticket(uint64_t word)
{
    return word >> SLEY__TICKET_SHIFT;
}

static inline enum sley__task_state sley__task_state(uint64_t word)
{
    return (enum sley__task_state)(word & SLEY__TASK_STATE_MASK);
}

/* The look of the task itself, after its announcement of a wait; of others after their fence. */
static inline bool sley__task_is_cancelled(struct sley_task *task)
{
    return load_relaxed(&task->cancelled) & SLEY__CANCELLED;
}

/* Plain transitions: only the thread that has the task, never while it is WAITING. */
static inline void sley__task_set_state(struct sley_task *task, enum sley__task_state state)
{
    uint64_t word = load_relaxed(&task->word);

    check(sley__task_state(word) != SLEY__TASK_WAITING);
    store_relaxed(&task->word, (word & ~(uint64_t)0xff) | (uint64_t)state);
}

/* RUNNING -> WAITING with a new ticket, which is returned. The task itself. Release: whoever wins
 * the word sees what the task did before. */
static inline uint64_t sley__task_begin_wait(struct sley_task *task, unsigned flags)
{
    uint64_t ticket = sley__task_ticket(load_relaxed(&task->word)) + 1;

    store_release(&task->word, ticket << SLEY__TICKET_SHIFT | flags | SLEY__TASK_WAITING);
    return ticket;
}

/* What the caller of a wake owes. */
enum sley__wake_duty {
    SLEY__WAKE_NOTHING, /* somebody else ended this wait, or it is long over */
    SLEY__WAKE_QUEUE,   /* this call did: set wake_result and put the task in a queue */
};

/* WAITING -> WOKEN for this ticket. `needs`: flags that must be set, `forbids`: that must not be.
 * Any thread. */
MUST_USE static inline enum sley__wake_duty sley__task_wake(struct sley_task *task, uint64_t ticket,
                                                            unsigned needs, unsigned forbids)
{
    uint64_t word = load_relaxed(&task->word);

    if (sley__task_ticket(word) != ticket || sley__task_state(word) != SLEY__TASK_WAITING)
        return SLEY__WAKE_NOTHING;
    if ((word & needs) != needs || (word & forbids))
        return SLEY__WAKE_NOTHING;
    /* Flags and state of one ticket change together only once, so no loop: whoever comes first has
     * it. acq_rel: acquire what the task published at begin, release what we did before the wake.
     */
    if (!cas_acq_rel(&task->word, &word, ticket << SLEY__TICKET_SHIFT | SLEY__TASK_WOKEN))
        return SLEY__WAKE_NOTHING;
    return SLEY__WAKE_QUEUE;
}

/* WAITING -> RUNNING by the task itself. False: a wake has won, the task is (or will be) queued. */
MUST_USE static inline bool sley__task_abandon(struct sley_task *task)
{
    uint64_t word = load_relaxed(&task->word);

    if (sley__task_state(word) != SLEY__TASK_WAITING)
        return false;
    return cas_acq_rel(&task->word, &word, (word & ~(uint64_t)0xff) | (uint64_t)SLEY__TASK_RUNNING);
}

/* --- the join word -------------------------------------------------------------------------- */

/* What the end of a task owes. */
enum sley__finish_duty {
    SLEY__FINISH_NOTHING,      /* the handle's owner frees it */
    SLEY__FINISH_FREE,         /* detached: free it now */
    SLEY__FINISH_WAKE_TASK,    /* the wait of *joiner is ended: set its wake_result and queue it */
    SLEY__FINISH_WAKE_FOREIGN, /* set and wake the futex *foreign */
};

struct sley__finish {
    struct sley_task *joiner;
    atomic(uint32_t) * foreign;
};

/* sley__task_finish() when somebody joins already, or nobody ever will. */
MUST_USE enum sley__finish_duty sley__task_finish_told(struct sley_task *task, uintptr_t seen,
                                                       struct sley__finish *out);

/* Publishes `result` (already stored in the task) and says whom to tell. After any answer but FREE
 * the task may be gone. The worker that ran it. */
MUST_USE static inline enum sley__finish_duty sley__task_finish(struct sley_task *task,
                                                                struct sley__finish *out)
{
    uintptr_t seen = load_acquire(&task->join); /* partner: release in join_as */

    /* Release: the result. Partner: acquire in join, retract, detach. */
    if (likely(!seen) && likely(cas_acq_rel(&task->join, &seen, SLEY__JOIN_DONE)))
        return SLEY__FINISH_NOTHING;
    return sley__task_finish_told(task, seen, out);
}

/* What somebody who wants to join is told. */
enum sley__join_duty {
    SLEY__JOIN_TAKE, /* it has ended: take the result and free it */
    SLEY__JOIN_WAIT, /* registered: wait */
    SLEY__JOIN_BUSY, /* another one joins already, or it is detached */
};

/* Registers a task that has begun a wait, or a futex, to be told of the end. A task that is told to
 * wait begins no other wait before it has been woken for this one or has retracted. */
MUST_USE enum sley__join_duty sley__task_join_task(struct sley_task *task,
                                                   struct sley_task *joiner);
MUST_USE enum sley__join_duty sley__task_join_foreign(struct sley_task *task,
                                                      atomic(uint32_t) * futex);

/* The joiner gives up. TAKE: too late, the task has ended. WAIT: it is unregistered. */
MUST_USE enum sley__join_duty sley__task_join_retract(struct sley_task *task,
                                                      struct sley_task *joiner);

/* True if the handle's owner must free the task because it has ended; else its end will. */
MUST_USE bool sley__task_detach(struct sley_task *task);

/* --- memory --------------------------------------------------------------------------------- */

/* Tasks of a worker that are free: a list to take from and give to, and a whole batch that waits
 * to be the next list or to go to the pool. Owner worker only. */
struct sley__task_cache {
    struct sley_task *free; /* through next */
    unsigned count;         /* in `free` */
    struct sley_task *full; /* SLEY__TASK_BATCH of them, or NULL */
};

struct sley__task_slab {
    struct sley__task_slab *older; /* immutable once published */
    size_t size;                   /* bytes mapped */
    size_t count;                  /* tasks in it */
    struct sley_task *tasks;
};

/* One per runtime. */
struct sley__task_pool {
    struct sley__lock lock;
    struct sley_task *batches;              /* protected by lock; whole ones, through next_batch */
    size_t carved;                          /* tasks of the newest slab handed out; lock */
    size_t mapped;                          /* bytes of all slabs; lock */
    atomic(struct sley__task_slab *) slabs; /* newest first; published with release for walkers */
};

void sley__task_pool_init(struct sley__task_pool *pool);
void sley__task_pool_close(struct sley__task_pool *pool);

/* A list into a cache whose list is empty. False: no memory. Owner worker of the cache. */
MUST_USE bool sley__task_refill(struct sley__task_pool *pool, struct sley__task_cache *cache);

/* The list has grown to a batch: it becomes the full one, which goes to the pool if there is one
 * already. Owner worker of the cache. */
void sley__task_spill(struct sley__task_pool *pool, struct sley__task_cache *cache);

#define SLEY__TASK_BATCH 64

/* A free task, its wait word still that of its last life; NULL: no memory. */
static inline struct sley_task *sley__task_alloc(struct sley__task_pool *pool,
                                                 struct sley__task_cache *cache)
{
    struct sley_task *task;

    if (unlikely(!cache->free) && !sley__task_refill(pool, cache))
        return NULL;
    task = cache->free;
    cache->free = task->next;
    cache->count--;
    return task;
}

static inline void sley__task_free(struct sley__task_pool *pool, struct sley__task_cache *cache,
                                   struct sley_task *task)
{
    sley__task_set_state(task, SLEY__TASK_FREE);
    task->next = cache->free;
    cache->free = task;
    if (unlikely(++cache->count == SLEY__TASK_BATCH))
        sley__task_spill(pool, cache);
}

/* The task's name, for messages: its label, or the function's name. Any thread. */
const char *sley__task_name(const struct sley_task *task);

/* "file:line" of its spawn. Any thread, for a task that has been spawned once. */
const char *sley__task_site(const struct sley_task *task);

/* Its function has returned out of a scope that is open: what is left of that lies where its stack
 * was, and its children would write there. */
void sley__task_panic_scope(const struct sley_task *task) __attribute__((noreturn, cold));

#ifdef SLEY_DEBUG
/* Before the running task parks or yields: panics if it has a pthread mutex, which belongs to the
 * kernel thread that it is about to leave. The task itself. */
void sley__task_panic_pthread(const struct sley_task *task) __attribute__((noreturn, cold));

static inline void sley__task_may_leave(const struct sley_task *task)
{
    if (unlikely(task->debug.pthread_mutexes))
        sley__task_panic_pthread(task);
}

/* Its function has returned: panics if it still has a lock of either kind. The task itself. */
void sley__task_check_end(const struct sley_task *task);
#else
static inline void sley__task_may_leave(UNUSED const struct sley_task *task)
{
}

static inline void sley__task_check_end(UNUSED const struct sley_task *task)
{
}
#endif

/* Calls visit for every task that has ever been handed out, until it returns non-zero; that value.
 * Any thread; tasks live, end and are reused meanwhile. */
int sley__task_each(struct sley__task_pool *pool, int (*visit)(struct sley_task *task, void *arg),
                    void *arg);

#endif
