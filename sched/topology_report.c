/*
 * topology_report.c: the topology in words.
 *
 * For the person who asks why there are so few workers, or why so many: so the report names each of
 * the causes in the order in which they work (the machine, the affinity mask, the quota and
 * the very file it stands in, an override) and then what came of them. On the usual two-core
 * machine:
 *
 *     machine: 1 package, 1 NUMA node, 1 L3 cache, 2 cores, 2 processors
 *     usable: 2 cores, 2 processors: 0-1
 *     quota: none
 *     workers: 2, one per usable core
 *     pinning: each worker to its processor below
 *     worker 0: cpu 0, steals from same L3: 1
 *     worker 1: cpu 1, steals from same L3: 0
 *
 * Rows of victims are written as runs (4-7,0-3), or a report of 1,024 workers would be five
 * megabytes of numbers. Nothing is allocated: the text goes straight into the caller's buffer, and
 * is counted on where that ends, which gives the manners of snprintf for the whole.
 */
#include "topology.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
    char *buffer;
    size_t size, length; /* length may pass size: what has been cut is still counted */
};

static void PRINTF(2, 3) add(struct text *text, const char *format, ...)
{
    size_t used = text->length < text->size ? text->length : text->size;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text->size > used ? text->buffer + used : NULL, text->size - used, format,
                       arguments);
    va_end(arguments);
    ensure_msg(length >= 0, "vsnprintf of \"%s\" says %d", format, length);
    text->length += (size_t)length;
}

static void add_count(struct text *text, unsigned count, const char *noun, const char *after)
{
    add(text, "%u %s%s%s", count, noun, count == 1 ? "" : "s", after);
}

static void add_machine(struct text *text, const struct sley_topology *t)
{
    add(text, "machine: ");
    add_count(text, t->machine_packages, "package", ", ");
    add_count(text, t->machine_nodes, "NUMA node", ", ");
    add_count(text, t->machine_l3s, "L3 cache", ", ");
    add_count(text, t->machine_cores, "core", ", ");
    add_count(text, t->machine_processors, "processor", "");
    add(text, "%s\n", t->this_system ? "" : " (not this system: HWLOC_* in the environment)");
    add(text, "usable: ");
    add_count(text, t->cores, "core", ", ");
    add_count(text, t->count, "processor", ": ");
    add(text, "%s\n", t->mask);
}

static void add_quota(struct text *text, const struct sley__cgroup_quota *quota)
{
    if (!quota->cpus) {
        add(text, "quota: none\n");
        return;
    }
    add(text, "quota: ");
    add_count(text, quota->cpus, "processor", ", ");
    add(text, "%" PRId64 " us in %" PRId64 " us by %s\n", quota->quota_us, quota->period_us,
        quota->path);
}

static void add_workers(struct text *text, const struct sley_topology *t)
{
    static const char *const reasons[] = {
        [SLEY__BY_OPTION] = "as the program asked",
        [SLEY__BY_ENVIRONMENT] = "as SLEY_WORKERS says",
        [SLEY__BY_QUOTA] = "because of the quota",
        [SLEY__BY_CORES] = "one per usable core",
    };

    add(text, "workers: %u, %s%s\n", t->workers, reasons[t->reason],
        t->workers > t->count ? ", more than processors" : "");
    if (t->pins)
        add(text, "pinning: each worker to its processor below\n");
    else if (t->reason == SLEY__BY_QUOTA && t->this_system)
        add(text, "pinning: none, the quota may be used on any processor\n");
    else
        add(text, "pinning: none\n");
}

static const char *const distance_names[SLEY__DISTANCES] = {
    [SLEY__SAME_PROCESSOR] = "same processor",
    [SLEY__SAME_CORE] = "SMT sibling",
    [SLEY__SAME_L3] = "same L3",
    [SLEY__SAME_NODE] = "same NUMA node",
    [SLEY__SAME_PACKAGE] = "same package",
    [SLEY__FAR] = "rest",
};

/* Adds victims from row[from] on as long as they are equally far: "4-7,0-3". Returns where the next
 * distance begins. */
static unsigned add_run(struct text *text, const struct sley_topology *t, unsigned self,
                        unsigned from)
{
    const unsigned *row = sley_topology_victims(t, self);
    enum sley__distance distance = sley__topology_distance(t, self, row[from]);
    unsigned i = from;

    add(text, "%s: ", distance_names[distance]);
    while (i < t->workers - 1 && sley__topology_distance(t, self, row[i]) == distance) {
        unsigned first = i++;

        while (i < t->workers - 1 && row[i] == row[i - 1] + 1 &&
               sley__topology_distance(t, self, row[i]) == distance)
            i++;
        add(text, "%s%u", first == from ? "" : ",", row[first]);
        if (i - first > 1)
            add(text, "-%u", row[i - 1]);
    }
    return i;
}

static void add_worker(struct text *text, const struct sley_topology *t, unsigned self)
{
    add(text, "worker %u: cpu %u", self, sley_topology_cpu(t, self));
    for (unsigned i = 0; i < t->workers - 1;) {
        add(text, i ? "; " : ", steals from ");
        i = add_run(text, t, self, i);
    }
    add(text, "\n");
}

int sley_topology_report(const struct sley_topology *t, char *buffer, size_t size)
{
    struct text text = {.buffer = buffer, .size = size};

    add_machine(&text, t);
    add_quota(&text, &t->quota);
    add_workers(&text, t);
    for (unsigned i = 0; i < t->workers; i++)
        add_worker(&text, t, i);
    ensure_msg(text.length <= INT_MAX, "a report of %zu bytes", text.length);
    return (int)text.length;
}

bool sley_topology_pinned(const struct sley_topology *topology)
{
    return topology->pins;
}

const char *sley_topology_distance(const struct sley_topology *topology, unsigned a, unsigned b)
{
    if (a >= topology->workers || b >= topology->workers)
        return NULL;
    return distance_names[sley__topology_distance(topology, a, b)];
}
