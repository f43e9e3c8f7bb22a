/*
 * topology.h: the machine as workers see it. Level 0.
 *
 * A topology is made once, by one thread, and never changes after that: everything but
 * sley__topology_new() is for any thread.
 */
#ifndef SLEY_TOPOLOGY_INTERNAL_H
#define SLEY_TOPOLOGY_INTERNAL_H

#include "base.h"
#include "cgroup.h"

#include <sley/topology.h>

/* How far one worker's processor is from another's: the first that applies. */
enum sley__distance {
    SLEY__SAME_PROCESSOR, /* more workers than processors: they share one */
    SLEY__SAME_CORE,      /* another hardware thread of the core */
    SLEY__SAME_L3,
    SLEY__SAME_NODE,
    SLEY__SAME_PACKAGE,
    SLEY__FAR,
    SLEY__DISTANCES,
};

/* A usable processor. All but `cpu` are only ever compared with those of other processors. */
struct sley__processor {
    unsigned cpu;     /* the system's number */
    unsigned thread;  /* which of its core's usable hardware threads, from 0 */
    unsigned core;    /* logical index of the core */
    unsigned l3;      /* of the L3 cache; UINT_MAX: has none */
    unsigned node;    /* number of the set of NUMA nodes that are local to it */
    unsigned package; /* logical index of the package; UINT_MAX: none is known, so there is one */
};

/* What decided the number of workers. */
enum sley__topology_reason {
    SLEY__BY_OPTION,
    SLEY__BY_ENVIRONMENT,
    SLEY__BY_QUOTA,
    SLEY__BY_CORES,
};

struct sley_topology {
    /* the machine */
    unsigned machine_packages, machine_nodes, machine_l3s, machine_cores, machine_processors;
    bool this_system; /* false: a synthetic or imported one */

    /* what this thread may use of it */
    unsigned cores;                     /* with at least one usable processor */
    unsigned count;                     /* usable processors */
    struct sley__processor *processors; /* in the order in which workers get them; owned */
    char *mask;                         /* the usable ones as a list, "0-3,8"; owned */
    void *affinity;                     /* cpu_set_t of the thread that asked; owned, or NULL */
    size_t affinity_size;               /* its size in bytes */
    struct sley__cgroup_quota quota;

    /* what follows */
    unsigned workers;
    enum sley__topology_reason reason;
    bool pins;         /* whether sley__topology_pin() does anything */
    unsigned *victims; /* `workers` rows of workers - 1 indexes; owned */
};

/* Where the facts come from. {0} is this machine as sley_topology_new() sees it; tests put other
 * facts in the place of the real ones, which then count even if the topology is not of this system.
 * Borrowed for the call. */
struct sley__topology_input {
    unsigned workers; /* as in sley_topology_new() */
    const char *mask; /* the affinity mask as a list, "0-3,8"; NULL: the calling thread's */
    const char *root; /* prefix of the cgroup files' paths; NULL: the real ones */
};

/* As sley_topology_new(), from the given facts; SLEY_EINVAL also for a mask that is no list. */
MUST_USE int sley__topology_new(const struct sley__topology_input *input,
                                struct sley_topology **out);

enum sley__distance sley__topology_distance(const struct sley_topology *topology, unsigned a,
                                            unsigned b);

/* Binds the calling thread to the processor of worker `index`. Not to be able to is no reason to
 * stop: the worker then runs wherever the kernel puts it. 0, or
 *   SLEY_ENOSYS              this topology does not pin: it is not of this system, or it is the CPU
 *                            quota that limits the workers (see the essay in topology.c)
 *   SLEY_EINVAL, SLEY_EPERM  the kernel refused: the processor has gone offline or out of the
 *                            cpuset since, or a filter forbids the call
 *   SLEY_ENOMEM */
int sley__topology_pin(const struct sley_topology *topology, unsigned index);

/* Gives the calling thread the affinity back that the thread had which made the topology. For
 * threads that a pinned worker has started and that are no workers: they would inherit its single
 * processor. Returns as sley__topology_pin. */
int sley__topology_unpin(const struct sley_topology *topology);

/* The same for another thread of this process (its pthread_t), which has not been joined. */
int sley__topology_unpin_thread(const struct sley_topology *topology, unsigned long thread);

#endif
