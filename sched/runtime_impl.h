/*
 * runtime_impl.h: what a runtime is made of. Level 4.
 */
#ifndef SLEY_RUNTIME_IMPL_H
#define SLEY_RUNTIME_IMPL_H

#include "topology.h"
#include "worker.h"

#include <sley/runtime.h>
#include <sley/stall.h>

#define SLEY__STALL_FRAMES 32

/* What a carrier that was asked says of its task; see stall.c. */
struct sley__stall_answer {
    atomic(uint32_t) state;               /* enum ask; futex. Partner of everything below */
    atomic(struct sley__worker *) worker; /* who is asked. Monitor; a late handler reads it */
    uint64_t switches;                    /* how many it had made. Monitor */
    const char *site;                     /* the rest: the carrier. NULL: it has moved */
    uint64_t id;
    char name[64];
    void *frames[SLEY__STALL_FRAMES];
    int frame_count;
};

/* What is done about stalls. Constant but for what the monitor's thread has. */
struct sley__stalls {
    bool prints, fails; /* SLEY_STALLS, or a debug build */
    bool asks;          /* there is a handler that answers */
    bool holds_handler; /* a reference to it */
    sley_stall_fn *hook;
    void *arg;
    bool asked;    /* the last stall's task has been. The rest: monitor, too */
    unsigned post; /* of the last stall */
    bool pending;  /* the answer to one is still to come, from this post: */
    unsigned pending_post;
    int64_t duration, patience; /* of that stall; until when the answer is waited for */
    unsigned misses;            /* questions without an answer */
    const char *sites[256];     /* reported */
    unsigned site_count;
    struct sley__stall_answer answer;
};

struct sley_runtime {
    struct sley__sched sched;  /* first: found from a worker by container_of */
    struct sley_runtime *next; /* in sley__runtimes; under its lock */
    struct sley_topology *topology;
    char name[16];
    bool pinned;
    sley_lost_error_fn *on_lost_error; /* constant, with its argument */
    void *lost_error_arg;
    struct sley__lock lost_lock;
    const char *lost_sites[16]; /* reported by default; more sites are not. lost_lock */
    bool fault_handler;         /* holds a reference to the process's handler */
    /* Held long: create runs under them. So a service's create may ask for the poller or a service
     * of a lower kind, but not the other way round. */
    struct sley__lock poller_lock;
    struct sley__lock service_locks[SLEY__SERVICES];
    atomic(struct sley__service *) services[SLEY__SERVICES]; /* each once, with its lock; release */
    struct sley__lock order_lock;                            /* the two below */
    unsigned service_order[SLEY__SERVICES], service_count;
    struct sley__stalls stalls;
};

/* Every runtime of the process, for debuggers (sched/sley-gdb.py); nothing in sley reads it. */
extern struct sley_runtime *sley__runtimes;

/* lost.c: a detached task has ended with an error. The scheduler's hook. */
void sley__lost_error(struct sley__sched *sched, struct sley_task *task);

/* interrupt.c: spawns the main task and waits for it, as sley_run() does, and cancels it when a
 * signal of options->interrupt or options->terminate comes. 0 and its *result, or why it was not
 * spawned. The thread that has called sley_run(). */
int sley__run_interruptible(struct sley_runtime *runtime, sley_task_fn *fn, void *arg,
                            const struct sley_options *options, const char *site, int *result);

/* fault.c: the message for a stack overflow. Process-wide, counted: a signal has one handler. */
void sley__fault_acquire(void);
void sley__fault_release(void);

/* The signal stack of a carrier; NULL: no memory, so an overflow there ends without message. On its
 * thread. The stop takes NULL as well. */
struct sley__signal_stack *sley__fault_thread_start(void);
void sley__fault_thread_stop(struct sley__signal_stack *stack);

/* stall.c: whether SLEY_STALLS in the environment is unset, or one of the words it knows. */
bool sley__stalls_understood(void);

/* stall.c: before the threads start, and after they have ended. */
void sley__stalls_init(struct sley_runtime *runtime, const struct sley_options *options);
void sley__stalls_close(struct sley_runtime *runtime);

/* On each carrier's thread, after its signal stack. */
void sley__stalls_thread_start(struct sley__worker *worker);

/* True if SLEY_STALLS=fail and there was one; then it has been said. When all tasks have ended. */
bool sley__stalls_fail(struct sley_runtime *runtime);

#endif
