/*
 * sley/topology.h: what sley found out about the machine and how it will use it.
 *
 * The number of workers is the number of usable cores: those in the affinity mask, counted by
 * hwloc's cores and processing units, and no more than the CPU quota of the cgroup (v1 or v2, the
 * process's own group and all its ancestors, rounded up, at least 1).
 */
#ifndef SLEY_TOPOLOGY_H
#define SLEY_TOPOLOGY_H

#include <stddef.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Owned by whoever called sley_topology_new(). */
struct sley_topology;

/* Discovers the machine. `workers` 0: SLEY_WORKERS in the environment, else one per usable core.
 * 0, or SLEY_ENOMEM, SLEY_EINVAL (SLEY_WORKERS is not a number from 1 to 1024; or `workers` is
 * above 1024). Any thread. Reads files, so it may block for some milliseconds. Since 0.1. */
SLEY_EXPORT int sley_topology_new(unsigned workers, struct sley_topology **out);
SLEY_EXPORT void sley_topology_free(struct sley_topology *topology);

/* How many workers a runtime would have. */
SLEY_EXPORT unsigned sley_topology_workers(const struct sley_topology *topology);

/* The logical processor (OS index) of worker `index`; workers beyond the usable ones share
 * processors round robin. */
SLEY_EXPORT unsigned sley_topology_cpu(const struct sley_topology *topology, unsigned index);

/* The order in which worker `index` visits its victims: `sley_topology_workers() - 1` indexes,
 * nearest first (SMT sibling, same L3, same NUMA node, same package, rest). Borrowed from the topology. */
SLEY_EXPORT const unsigned *sley_topology_victims(const struct sley_topology *topology,
                                                  unsigned index);

/* Writes a readable report, NUL-terminated, into buffer: the machine, why this many workers (mask,
 * quota, override), each worker's processor and its steal order. Returns the length that the whole
 * report has without the NUL (as snprintf: >= size means it was cut). Any thread. Since 0.1. */
SLEY_EXPORT int sley_topology_report(const struct sley_topology *topology, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif
#endif
