/*
 * stubs_model.c: what a whole runtime needs of the outside beside platform.h, for models: a machine
 * with as many processors as workers are asked for, all alike, and no handler of faults. In the
 * place of sched/topology.c, which asks hwloc, and sched/fault.c, which takes signals.
 */
#include "runtime_impl.h"

#include <sley/error.h>

enum { WORKERS_MAX = 6 };

static struct sley_topology machines[WORKERS_MAX + 1]; /* by number of workers */

int sley_topology_new(unsigned workers, struct sley_topology **out)
{
    if (workers == 0 || workers > WORKERS_MAX)
        return SLEY_EINVAL;
    machines[workers].workers = workers;
    *out = &machines[workers];
    return 0;
}

void sley_topology_free(UNUSED struct sley_topology *topology)
{
}

unsigned sley_topology_workers(const struct sley_topology *topology)
{
    return topology->workers;
}

unsigned sley_topology_cpu(UNUSED const struct sley_topology *topology, unsigned index)
{
    return index;
}

/* Each worker begins with the one after it. The list does not depend on how many there are, except
 * for where it wraps. */
const unsigned *sley_topology_victims(const struct sley_topology *topology, unsigned index)
{
    static unsigned victims[WORKERS_MAX + 1][WORKERS_MAX][WORKERS_MAX];
    unsigned *row = victims[topology->workers][index];

    for (unsigned i = 0; i + 1 < topology->workers; i++)
        row[i] = (index + 1 + i) % topology->workers;
    return row;
}

int sley__topology_pin(UNUSED const struct sley_topology *topology, UNUSED unsigned index)
{
    return SLEY_ENOSYS;
}

int sley__topology_unpin(UNUSED const struct sley_topology *topology)
{
    return SLEY_ENOSYS;
}

void sley__fault_acquire(void)
{
}

void sley__fault_release(void)
{
}

struct sley__signal_stack *sley__fault_thread_start(void)
{
    return NULL;
}

void sley__fault_thread_stop(UNUSED struct sley__signal_stack *stack)
{
}
