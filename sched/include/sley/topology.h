/*
 * sley/topology.h: what sley found out about the machine and how it will use it.
 *
 * A runtime makes itself such a topology when it starts; a program needs one only to show it or to
 * plan by it.
 *
 * The number of workers is the number of usable cores: those with a processor in the affinity mask,
 * but no more than the processors' worth of time in the CPU quota of the cgroup (v1 or v2, the
 * process's own group and all its ancestors, rounded up, at least 1). It is cores that count, not
 * hardware threads: two busy workers on one core slow each other down, and the second one is there
 * for the asking (SLEY_WORKERS). Workers up to the number of cores get a core each; beyond that
 * they get the cores' second hardware threads, then the third; beyond the usable processors they
 * share processors round robin.
 *
 * The environment variables HWLOC_SYNTHETIC and HWLOC_XMLFILE describe another machine, to see what
 * sley would do there. Affinity, quota and pinning belong to this one and are then left out, unless
 * HWLOC_THISSYSTEM=1 says that it is this one.
 */
#ifndef SLEY_TOPOLOGY_H
#define SLEY_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most workers that a runtime can have. */
#define SLEY_WORKERS_MAX 1024

/* Owned by whoever called sley_topology_new(). Never changes: any number of threads may read it. */
struct sley_topology;

/* Discovers the machine, as the calling thread may use it.
 *   workers  how many workers to plan for, at most SLEY_WORKERS_MAX; 0: SLEY_WORKERS in the
 *            environment, else one per usable core
 *   out      gets the topology, which sley_topology_free() gives back; untouched on failure
 * Returns 0, or
 *   SLEY_EINVAL  `workers` is above SLEY_WORKERS_MAX; or it is 0 and SLEY_WORKERS is set but is not
 *                a plain decimal number from 1 to SLEY_WORKERS_MAX; or hwloc cannot make sense of
 *                what its environment variables say
 *   SLEY_ENOMEM
 * Any thread. Reads files, so it may block for some milliseconds. Since 0.1. */
SLEY_EXPORT int sley_topology_new(unsigned workers, struct sley_topology **out);

/* NULL is fine. Any thread. Since 0.1. */
SLEY_EXPORT void sley_topology_free(struct sley_topology *topology);

/* How many workers a runtime would have, 1 to SLEY_WORKERS_MAX. Any thread. Since 0.1. */
SLEY_EXPORT unsigned sley_topology_workers(const struct sley_topology *topology);

/* The logical processor (the system's number for it) of worker `index`. Any thread. Since 0.1. */
SLEY_EXPORT unsigned sley_topology_cpu(const struct sley_topology *topology, unsigned index);

/* The order in which worker `index` visits its victims: sley_topology_workers() - 1 indexes,
 * nearest first: on the same processor, SMT sibling, same L3 cache, same NUMA node, same package,
 * rest. Among equals each worker begins at another one. Borrowed from the topology; NULL when there
 * is no worker `index`. Any thread. Since 0.1. */
SLEY_EXPORT const unsigned *sley_topology_victims(const struct sley_topology *topology,
                                                  unsigned index);

/* True if the workers of a runtime will be bound to these processors: not if the topology is of
 * another machine, nor where a CPU quota limits them, which the kernel lets them use up on any
 * processor. Any thread. Since 0.1. */
SLEY_EXPORT bool sley_topology_pinned(const struct sley_topology *topology);

/* How far two workers are from each other, in the words of the report: "same processor",
 * "SMT sibling", "same L3", "same NUMA node", "same package", "rest". A literal; NULL when there is
 * no such worker. Any thread. Since 0.1. */
SLEY_EXPORT const char *sley_topology_distance(const struct sley_topology *topology, unsigned a,
                                               unsigned b);

/* Writes a readable report into `buffer`, at most `size` bytes with the NUL that ends it (size 0
 * writes nothing, buffer may be NULL then): the machine, why this many workers (affinity, quota and
 * the file it stands in, override), whether they are pinned, each worker's processor and its order
 * of victims. Returns the length of the whole report without the NUL: the report was cut if that
 * is >= size. Any thread. Since 0.1. */
SLEY_EXPORT int sley_topology_report(const struct sley_topology *topology, char *buffer,
                                     size_t size);

#ifdef __cplusplus
}
#endif
#endif
