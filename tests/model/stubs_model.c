/*
 * stubs_model.c: what a whole runtime needs of the outside beside platform.h, for models: a machine
 * with as many processors as workers are asked for, all alike, no handler of faults and no report
 * of stalls. In the place of sched/topology.c, which asks hwloc, of sched/fault.c and stall.c,
 * which take signals, and of sched/lost.c, which writes.
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

int sley__run_interruptible(UNUSED struct sley_runtime *runtime, UNUSED sley_task_fn *fn,
                            UNUSED void *arg, UNUSED const struct sley_options *options,
                            UNUSED const char *site, UNUSED int *result)
{
    return SLEY_ENOSYS; /* no model asks for it */
}

int sley__topology_unpin_thread(UNUSED const struct sley_topology *topology,
                                UNUSED unsigned long thread)
{
    return SLEY_ENOSYS;
}

bool sley__stalls_understood(void)
{
    return true;
}

void sley__stalls_init(UNUSED struct sley_runtime *runtime,
                       UNUSED const struct sley_options *options)
{
}

void sley__stalls_close(UNUSED struct sley_runtime *runtime)
{
}

void sley__stalls_thread_start(UNUSED struct sley__worker *worker)
{
}

bool sley__stalls_fail(UNUSED struct sley_runtime *runtime)
{
    return false;
}

void sley__lost_error(UNUSED struct sley__sched *sched, UNUSED struct sley_task *task)
{
}
