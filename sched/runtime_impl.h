/*
 * runtime_impl.h: what a runtime is made of. Level 4.
 */
#ifndef SLEY_RUNTIME_IMPL_H
#define SLEY_RUNTIME_IMPL_H

#include "topology.h"
#include "worker.h"

#include <sley/runtime.h>

struct sley_runtime {
    struct sley__sched sched;  /* first: found from a worker by container_of */
    struct sley_runtime *next; /* in sley__runtimes; under its lock */
    struct sley_topology *topology;
    char name[16];
    bool pinned;
    bool fault_handler; /* holds a reference to the process's handler */
    /* Held long: create runs under them. So a service's create may ask for the poller or a service
     * of a lower kind, but not the other way round. */
    struct sley__lock poller_lock;
    struct sley__lock service_locks[SLEY__SERVICES];
    struct sley__service *services[SLEY__SERVICES]; /* each: its lock */
    struct sley__lock order_lock;                   /* the two below */
    unsigned service_order[SLEY__SERVICES], service_count;
};

/* Every runtime of the process, for debuggers (sched/sley-gdb.py); nothing in sley reads it. */
extern struct sley_runtime *sley__runtimes;

/* fault.c: the message for a stack overflow. Process-wide, counted: a signal has one handler. */
void sley__fault_acquire(void);
void sley__fault_release(void);

/* The signal stack of a carrier; NULL: no memory, so an overflow there ends without message. On its
 * thread. The stop takes NULL as well. */
struct sley__signal_stack *sley__fault_thread_start(void);
void sley__fault_thread_stop(struct sley__signal_stack *stack);

#endif
