#define _GNU_SOURCE
/*
 * topology.c: which processors there are, how many workers that makes, and who steals from whom.
 *
 * hwloc tells the machine apart (packages, NUMA nodes, L3 caches, cores, hardware threads); the
 * affinity mask says which of its processors this thread may use, cpusets included; cgroup.c says
 * for how much of the time. Out of the three comes a small table of usable processors, and hwloc's
 * own tree is dropped again before anyone sees the result.
 *
 * One worker per core, not per hardware thread. A worker keeps its core busy or sleeps, and two
 * busy hardware threads share one core's execution units and its L1: the second adds some
 * throughput where caches are missed a lot, and takes it from the latency of the first (how much of
 * each we have not measured: that needs a machine with SMT). Whoever wants it asks for more workers
 * than cores, and the table is ordered for that: first the first usable thread of every core, then
 * the second ones, then round robin from the start. Where the affinity mask leaves half a core, the
 * half counts as a core. Where hwloc knows no cores each processor is one.
 *
 * Victims. A steal costs what it takes to move the task's stack and data, so nearer victims come
 * first. Among equally near ones, all thieves starting at the same victim would fight for its
 * queue. So each begins elsewhere: the candidates are taken in ring order from the thief's own
 * index on, and turned by the thief's rank among those that are nearer to it. In a machine of
 * groups of four, the second worker of a group begins with the second of the next group: every
 * worker is somebody's first choice. Random starts (Go, Tokio) are fair too, but the order would
 * have to be shuffled at each steal and could not be shown in the report.
 *
 * Pinning. Workers are pinned, because the order of victims means something only then, and because
 * a worker's caches are worth more than the kernel's balancing when there is one worker per core.
 * Not so when a CPU quota is what limits their number: all the containers on a host see the same
 * cores, each would pin its few workers to the first of them, and the others would stand idle.
 * Neither when the topology is not of this system.
 *
 * Cost. 0.9-1.4 ms on two cores, once per runtime start (2.5 ms the first time in a process), of
 * which the cgroup files take 0.1-0.2 ms; with hwloc's defaults its part alone is 1.9-2.7 ms. Kept
 * off: I/O devices (hwloc's default), all caches but L3, distances, memory attributes, kinds of
 * cores, and above all hwloc's x86 back end: it binds the calling thread to each processor in turn
 * to ask it for its CPUID, which is slow and not ours to do to a caller's thread. Doubt: sysfs is
 * read per processor, so a machine with hundreds will take tens of ms.
 *
 * Groups must be kept although we do not look at them: they are what hwloc hangs NUMA nodes below a
 * package on, and without them all nodes seem local to all processors.
 *
 * What is asked of the kernel about processors is asked here and in cgroup.c; a test or a
 * simulation gives its own facts in struct sley__topology_input.
 */
#include "topology.h"

#include <errno.h>
#include <hwloc.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* sched_getaffinity refuses sets smaller than the kernel's, whose size cannot be asked for. The
 * largest kernel can be built for 8,192 processors; the limit only ends a loop that a broken
 * system call filter would make endless. */
#define MASK_BITS_FIRST 1024
#define MASK_BITS_LAST  (1u << 20)

#define NONE            UINT_MAX

/* --- the machine ------------------------------------------------------------------------------ */

/* Tells hwloc what we need of the machine. 0 or -1 with errno. */
static int set_filters(hwloc_topology_t tree)
{
    static const hwloc_obj_type_t wanted[] = {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_CORE};

    if (hwloc_topology_set_all_types_filter(tree, HWLOC_TYPE_FILTER_KEEP_NONE) ||
        hwloc_topology_set_type_filter(tree, HWLOC_OBJ_GROUP, HWLOC_TYPE_FILTER_KEEP_STRUCTURE))
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        if (hwloc_topology_set_type_filter(tree, wanted[i], HWLOC_TYPE_FILTER_KEEP_ALL))
            return -1;
    }
    /* The whole machine, for the report: what of it is ours, the affinity mask says. */
    return hwloc_topology_set_flags(
        tree, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED | HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
                  HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                  HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS);
}

/* hwloc's tree of the machine. The real one cannot be refused: hwloc then knows at least the number
 * of processors. So what is not memory is the fault of its environment variables. */
static int load(hwloc_topology_t *out)
{
    hwloc_topology_t tree;

    if (hwloc_topology_init(&tree))
        return SLEY_ENOMEM;
    if (set_filters(tree) || hwloc_topology_load(tree)) {
        int error = errno == ENOMEM ? SLEY_ENOMEM : SLEY_EINVAL;

        hwloc_topology_destroy(tree);
        return error;
    }
    *out = tree;
    return 0;
}

/* How many objects of a type; `none` where hwloc knows nothing of such. */
static unsigned count_objects(hwloc_topology_t tree, hwloc_obj_type_t type, unsigned none)
{
    int count = hwloc_get_nbobjs_by_type(tree, type);

    return count > 0 ? (unsigned)count : none;
}

static void count_machine(struct sley_topology *t, hwloc_topology_t tree)
{
    t->machine_processors = count_objects(tree, HWLOC_OBJ_PU, 0);
    t->machine_cores = count_objects(tree, HWLOC_OBJ_CORE, t->machine_processors);
    t->machine_l3s = count_objects(tree, HWLOC_OBJ_L3CACHE, 0);
    t->machine_nodes = count_objects(tree, HWLOC_OBJ_NUMANODE, 1);
    t->machine_packages = count_objects(tree, HWLOC_OBJ_PACKAGE, 1);
    t->this_system = hwloc_topology_is_thissystem(tree);
}

/* --- the mask --------------------------------------------------------------------------------- */

/* Keeps the calling thread's affinity in t. A system that does not tell leaves it NULL. 0 or
 * SLEY_ENOMEM. */
static int read_affinity(struct sley_topology *t)
{
    for (unsigned bits = MASK_BITS_FIRST; bits <= MASK_BITS_LAST; bits *= 2) {
        size_t size = CPU_ALLOC_SIZE(bits);
        cpu_set_t *set = CPU_ALLOC(bits);

        if (!set)
            return SLEY_ENOMEM;
        if (!sched_getaffinity(0, size, set)) {
            t->affinity = set;
            t->affinity_size = size;
            return 0;
        }
        CPU_FREE(set);
        if (errno != EINVAL)
            return 0;
    }
    return 0;
}

/* Leaves in `usable` only the processors of the thread's affinity. */
static void apply_affinity(const struct sley_topology *t, hwloc_bitmap_t usable)
{
    const cpu_set_t *set = t->affinity;

    for (int cpu = hwloc_bitmap_first(usable); cpu >= 0; cpu = hwloc_bitmap_next(usable, cpu)) {
        if (!CPU_ISSET_S((size_t)cpu, t->affinity_size, set))
            hwloc_bitmap_clr(usable, (unsigned)cpu);
    }
}

/* Leaves in `usable` only the processors of a list such as "0-3,8". 0 or a negative SLEY_E*. */
static int apply_list(const char *list, hwloc_bitmap_t usable)
{
    hwloc_bitmap_t mask = hwloc_bitmap_alloc();
    int error = 0;

    if (!mask)
        return SLEY_ENOMEM;
    if (hwloc_bitmap_list_sscanf(mask, list))
        error = SLEY_EINVAL;
    else if (hwloc_bitmap_and(usable, usable, mask))
        error = SLEY_ENOMEM;
    hwloc_bitmap_free(mask);
    return error;
}

/* Reduces `usable`, all of the machine at first, to what the thread may use. If nothing would be
 * left, hwloc and the kernel speak of different machines: then all stays, and nothing is pinned. */
static int apply_mask(struct sley_topology *t, const struct sley__topology_input *input,
                      hwloc_topology_t tree, hwloc_bitmap_t usable)
{
    int error = 0;

    if (input->mask) {
        error = apply_list(input->mask, usable);
    } else if (t->this_system) {
        error = read_affinity(t);
        if (!error && t->affinity)
            apply_affinity(t, usable);
    }
    if (error)
        return error;
    t->pins = t->affinity && !hwloc_bitmap_iszero(usable);
    if (hwloc_bitmap_iszero(usable) &&
        hwloc_bitmap_copy(usable, hwloc_topology_get_topology_cpuset(tree)))
        return SLEY_ENOMEM;
    return hwloc_bitmap_list_asprintf(&t->mask, usable) < 0 ? SLEY_ENOMEM : 0;
}

/* --- the usable processors -------------------------------------------------------------------- */

static unsigned ancestor_index(hwloc_topology_t tree, hwloc_obj_t object, hwloc_obj_type_t type)
{
    hwloc_obj_t ancestor = hwloc_get_ancestor_obj_by_type(tree, type, object);

    return ancestor ? ancestor->logical_index : NONE;
}

/* Writes down one processor after another. Processors of one core, and of one set of NUMA nodes,
 * come one after the other in hwloc's logical order. */
static void describe(hwloc_topology_t tree, hwloc_obj_t pu, hwloc_obj_t before,
                     const struct sley__processor *last, struct sley__processor *p)
{
    unsigned core = ancestor_index(tree, pu, HWLOC_OBJ_CORE);

    *p = (struct sley__processor){
        .cpu = pu->os_index,
        .core = core == NONE ? pu->logical_index : core,
        .l3 = ancestor_index(tree, pu, HWLOC_OBJ_L3CACHE),
        .package = ancestor_index(tree, pu, HWLOC_OBJ_PACKAGE),
    };
    if (!last)
        return;
    p->thread = p->core == last->core ? last->thread + 1 : 0;
    p->node = last->node + !hwloc_bitmap_isequal(pu->nodeset, before->nodeset);
}

/* Sorts the processors into the order in which workers get them: by thread, then as they are. */
static void order_processors(const struct sley__processor *found, struct sley_topology *t)
{
    unsigned filled = 0;

    for (unsigned thread = 0; filled < t->count; thread++) {
        for (unsigned i = 0; i < t->count; i++) {
            if (found[i].thread == thread)
                t->processors[filled++] = found[i];
        }
        if (thread == 0)
            t->cores = filled;
    }
}

/* Fills the table of usable processors. 0 or SLEY_ENOMEM. */
static int collect(struct sley_topology *t, hwloc_topology_t tree, hwloc_const_bitmap_t usable)
{
    hwloc_obj_t pu = NULL, before = NULL;
    struct sley__processor *found = calloc(t->machine_processors, sizeof(*found));

    t->processors = calloc(t->machine_processors, sizeof(*t->processors));
    if (!found || !t->processors) {
        free(found);
        return SLEY_ENOMEM;
    }
    while ((pu = hwloc_get_next_obj_by_type(tree, HWLOC_OBJ_PU, pu))) {
        if (!hwloc_bitmap_isset(usable, pu->os_index))
            continue;
        describe(tree, pu, before, t->count ? &found[t->count - 1] : NULL, &found[t->count]);
        t->count++;
        before = pu;
    }
    ensure_msg(t->count, "no usable processor among %u", t->machine_processors);
    order_processors(found, t);
    free(found);
    return 0;
}

/* Everything that needs hwloc. 0 or a negative SLEY_E*. */
static int discover(struct sley_topology *t, const struct sley__topology_input *input)
{
    hwloc_topology_t tree;
    hwloc_bitmap_t usable;
    int error = load(&tree);

    if (error)
        return error;
    count_machine(t, tree);
    usable = hwloc_bitmap_dup(hwloc_topology_get_topology_cpuset(tree));
    error = usable ? apply_mask(t, input, tree, usable) : SLEY_ENOMEM;
    if (!error)
        error = collect(t, tree, usable);
    hwloc_bitmap_free(usable);
    hwloc_topology_destroy(tree);
    return error;
}

/* --- how many workers ------------------------------------------------------------------------- */

/* A plain decimal number from 1 to SLEY_WORKERS_MAX and nothing else, or SLEY_EINVAL. */
static int parse_workers(const char *text)
{
    int value = 0;

    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return SLEY_EINVAL;
        value = value * 10 + (*text - '0');
        if (value > SLEY_WORKERS_MAX)
            return SLEY_EINVAL;
    }
    return value ? value : SLEY_EINVAL;
}

/* Sets t->workers and why. 0 or SLEY_EINVAL. */
static int decide(struct sley_topology *t, unsigned option)
{
    const char *environment = option ? NULL : getenv("SLEY_WORKERS");
    int parsed = environment ? parse_workers(environment) : 0;

    if (option > SLEY_WORKERS_MAX || parsed < 0)
        return SLEY_EINVAL;
    if (option) {
        t->reason = SLEY__BY_OPTION;
        t->workers = option;
    } else if (parsed) {
        t->reason = SLEY__BY_ENVIRONMENT;
        t->workers = (unsigned)parsed;
    } else if (t->quota.cpus && t->quota.cpus < t->cores) {
        t->reason = SLEY__BY_QUOTA;
        t->workers = t->quota.cpus;
    } else {
        t->reason = SLEY__BY_CORES;
        t->workers = t->cores;
    }
    if (t->workers > SLEY_WORKERS_MAX)
        t->workers = SLEY_WORKERS_MAX;
    if (t->reason == SLEY__BY_QUOTA)
        t->pins = false;
    return 0;
}

/* --- who steals from whom --------------------------------------------------------------------- */

static const struct sley__processor *processor_of(const struct sley_topology *t, unsigned worker)
{
    return &t->processors[worker % t->count];
}

enum sley__distance sley__topology_distance(const struct sley_topology *t, unsigned a, unsigned b)
{
    const struct sley__processor *p = processor_of(t, a), *q = processor_of(t, b);

    if (p == q)
        return SLEY__SAME_PROCESSOR;
    if (p->core == q->core)
        return SLEY__SAME_CORE;
    if (p->l3 == q->l3 && p->l3 != NONE)
        return SLEY__SAME_L3;
    if (p->node == q->node)
        return SLEY__SAME_NODE;
    return p->package == q->package ? SLEY__SAME_PACKAGE : SLEY__FAR;
}

/* Fills the row of worker `self`: sorted by distance, each distance in ring order from self on and
 * turned by self's rank among the nearer ones (see the essay). */
static void order_victims(const struct sley_topology *t, unsigned self, unsigned *row)
{
    unsigned count[SLEY__DISTANCES] = {0}, below[SLEY__DISTANCES] = {0};
    unsigned seen[SLEY__DISTANCES] = {0}, start[SLEY__DISTANCES], turn[SLEY__DISTANCES];
    unsigned before = 0, rank = 0;

    for (unsigned i = 0; i < t->workers; i++) {
        enum sley__distance d = sley__topology_distance(t, self, i);

        count[d] += i != self;
        below[d] += i < self;
    }
    for (int d = 0; d < SLEY__DISTANCES; d++) {
        start[d] = before;
        turn[d] = count[d] ? rank % count[d] : 0;
        before += count[d];
        rank += below[d];
    }
    for (unsigned step = 1; step < t->workers; step++) {
        unsigned victim = (self + step) % t->workers;
        enum sley__distance d = sley__topology_distance(t, self, victim);

        row[start[d] + (seen[d]++ + count[d] - turn[d]) % count[d]] = victim;
    }
}

/* 0 or SLEY_ENOMEM. */
static int order_all_victims(struct sley_topology *t)
{
    size_t row = t->workers - 1;

    t->victims = calloc(t->workers * row + 1, sizeof(*t->victims));
    if (!t->victims)
        return SLEY_ENOMEM;
    for (unsigned i = 0; i < t->workers; i++)
        order_victims(t, i, t->victims + i * row);
    return 0;
}

/* --- making and using ------------------------------------------------------------------------- */

int sley__topology_new(const struct sley__topology_input *input, struct sley_topology **out)
{
    struct sley_topology *t = calloc(1, sizeof(*t));
    int error;

    if (!t)
        return SLEY_ENOMEM;
    error = discover(t, input);
    if (!error && (input->root || t->this_system))
        error = sley__cgroup_quota(input->root ? input->root : "", &t->quota);
    if (!error)
        error = decide(t, input->workers);
    if (!error)
        error = order_all_victims(t);
    if (error) {
        sley_topology_free(t);
        return error;
    }
    *out = t;
    return 0;
}

int sley_topology_new(unsigned workers, struct sley_topology **out)
{
    return sley__topology_new(&(struct sley__topology_input){.workers = workers}, out);
}

void sley_topology_free(struct sley_topology *t)
{
    if (!t)
        return;
    sley__cgroup_quota_close(&t->quota);
    CPU_FREE(t->affinity);
    free(t->mask);
    free(t->processors);
    free(t->victims);
    free(t);
}

unsigned sley_topology_workers(const struct sley_topology *t)
{
    return t->workers;
}

unsigned sley_topology_cpu(const struct sley_topology *t, unsigned index)
{
    return processor_of(t, index)->cpu;
}

const unsigned *sley_topology_victims(const struct sley_topology *t, unsigned index)
{
    return index < t->workers ? t->victims + (size_t)index * (t->workers - 1) : NULL;
}

int sley__topology_pin(const struct sley_topology *t, unsigned index)
{
    unsigned cpu = sley_topology_cpu(t, index);
    size_t size = CPU_ALLOC_SIZE(cpu + 1);
    cpu_set_t *set;
    int error;

    if (!t->pins)
        return SLEY_ENOSYS;
    set = CPU_ALLOC(cpu + 1);
    if (!set)
        return SLEY_ENOMEM;
    CPU_ZERO_S(size, set);
    CPU_SET_S(cpu, size, set);
    error = sched_setaffinity(0, size, set) ? -errno : 0;
    CPU_FREE(set);
    return error;
}

int sley__topology_unpin_thread(const struct sley_topology *t, unsigned long thread)
{
    if (!t->pins)
        return SLEY_ENOSYS;
    return -pthread_setaffinity_np((pthread_t)thread, t->affinity_size, t->affinity);
}

int sley__topology_unpin(const struct sley_topology *t)
{
    if (!t->pins)
        return SLEY_ENOSYS;
    return sched_setaffinity(0, t->affinity_size, t->affinity) ? -errno : 0;
}
