/*
 * runtime_impl.h: what a runtime is made of. Level 4.
 */
#ifndef SLEY_RUNTIME_IMPL_H
#define SLEY_RUNTIME_IMPL_H

#include "topology.h"
#include "worker.h"

#include <sley/runtime.h>

struct sley_runtime {
    struct sley__sched sched; /* first: found from a worker by container_of */
    struct sley_topology *topology;
    char name[16];
    bool pinned;
    bool fault_handler;             /* holds a reference to the process's handler */
    struct sley__lock service_lock; /* services, poller creation; long: create runs under it */
    struct sley__service *services[SLEY__SERVICES];
    unsigned service_order[SLEY__SERVICES], service_count;
};

/* fault.c: the message for a stack overflow. Process-wide, counted: a signal has one handler. */
void sley__fault_acquire(void);
void sley__fault_release(void);

/* The signal stack of a carrier. On its thread. */
void sley__fault_thread_start(void);
void sley__fault_thread_stop(void);

#endif
