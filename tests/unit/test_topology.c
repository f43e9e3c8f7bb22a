#define _GNU_SOURCE
/*
 * test_topology.c: worker count, order of victims, pinning and report, on synthetic machines.
 */
#include "topology.h"

#include <criterion/criterion.h>
#include <hwloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/sley-topology-XXXXXX";

static void clean_environment(void)
{
    static const char *const names[] = {"SLEY_WORKERS",    "HWLOC_SYNTHETIC",  "HWLOC_XMLFILE",
                                        "HWLOC_FSROOT",    "HWLOC_COMPONENTS", "HWLOC_THISSYSTEM",
                                        "HWLOC_CPUID_PATH"};

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        unsetenv(names[i]);
}

TestSuite(topology, .init = clean_environment);

static struct sley_topology *make(const char *synthetic, const struct sley__topology_input *input)
{
    struct sley_topology *t = NULL;

    if (synthetic)
        setenv("HWLOC_SYNTHETIC", synthetic, 1);
    cr_assert_eq(sley__topology_new(input, &t), 0);
    return t;
}

static struct sley_topology *plain(const char *synthetic)
{
    return make(synthetic, &(struct sley__topology_input){0});
}

/* The row of worker `index`, as the text "1 2 3". */
static const char *victims(const struct sley_topology *t, unsigned index)
{
    static char text[4096];
    const unsigned *row = sley_topology_victims(t, index);
    size_t length = 0;

    text[0] = '\0';
    for (unsigned i = 0; i + 1 < sley_topology_workers(t); i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, i ? " %u" : "%u", row[i]);
    return text;
}

static const char *cpus(const struct sley_topology *t)
{
    static char text[4096];
    size_t length = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < sley_topology_workers(t); i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, i ? " %u" : "%u",
                                   sley_topology_cpu(t, i));
    return text;
}

/* Every row holds every other worker once, nearest first. */
static void expect_sound(const struct sley_topology *t)
{
    unsigned workers = sley_topology_workers(t);
    bool *seen = calloc(workers, sizeof(*seen));

    for (unsigned self = 0; self < workers; self++) {
        const unsigned *row = sley_topology_victims(t, self);

        memset(seen, 0, workers * sizeof(*seen));
        seen[self] = true;
        for (unsigned i = 0; i + 1 < workers; i++) {
            cr_assert_lt(row[i], workers);
            cr_assert_not(seen[row[i]], "worker %u visits %u twice", self, row[i]);
            seen[row[i]] = true;
            if (i)
                cr_assert_geq(sley__topology_distance(t, self, row[i]),
                              sley__topology_distance(t, self, row[i - 1]));
        }
    }
    free(seen);
}

/* At each distance, every worker is the first choice of exactly one other. Holds where all groups
 * of a machine are equally large. */
static void expect_fair(const struct sley_topology *t)
{
    unsigned workers = sley_topology_workers(t);
    unsigned *first = calloc((size_t)workers * SLEY__DISTANCES, sizeof(*first));

    for (unsigned self = 0; self < workers; self++) {
        const unsigned *row = sley_topology_victims(t, self);
        int last = -1;

        for (unsigned i = 0; i + 1 < workers; i++) {
            int distance = (int)sley__topology_distance(t, self, row[i]);

            if (distance != last)
                first[(unsigned)distance * workers + row[i]]++;
            last = distance;
        }
    }
    for (unsigned i = 0; i < workers * SLEY__DISTANCES; i++)
        cr_expect_leq(first[i], 1, "worker %u is the first choice of %u others", i % workers,
                      first[i]);
    free(first);
}

/* --- machines --------------------------------------------------------------------------------- */

Test(topology, two_packages_with_everything)
{
    struct sley_topology *t = plain("package:2 numa:2 l3:2 core:4 pu:2");

    cr_expect_eq(t->machine_packages, 2);
    cr_expect_eq(t->machine_nodes, 4);
    cr_expect_eq(t->machine_l3s, 8);
    cr_expect_eq(t->machine_cores, 32);
    cr_expect_eq(t->machine_processors, 64);
    cr_expect_not(t->this_system);
    cr_expect_eq(sley_topology_workers(t), 32);
    for (unsigned i = 0; i < 32; i++)
        cr_expect_eq(sley_topology_cpu(t, i), 2 * i);
    cr_expect_str_eq(victims(t, 0), "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 "
                                    "24 25 26 27 28 29 30 31");
    cr_expect_str_eq(victims(t, 5), "6 7 4 1 2 3 0 13 14 15 8 9 10 11 12 21 22 23 24 25 26 27 28 "
                                    "29 30 31 16 17 18 19 20");
    cr_expect_str_eq(victims(t, 30), "31 28 29 26 27 24 25 22 23 16 17 18 19 20 21 14 15 0 1 2 3 "
                                     "4 5 6 7 8 9 10 11 12 13");
    expect_sound(t);
    expect_fair(t);
    sley_topology_free(t);
}

Test(topology, one_level_at_a_time)
{
    struct sley_topology *t = plain("package:2 numa:2 l3:2 core:2 pu:2");

    cr_expect_eq(sley__topology_distance(t, 0, 0), SLEY__SAME_PROCESSOR);
    cr_expect_eq(sley__topology_distance(t, 0, 16), SLEY__SAME_CORE);
    cr_expect_eq(sley__topology_distance(t, 0, 1), SLEY__SAME_L3);
    cr_expect_eq(sley__topology_distance(t, 0, 2), SLEY__SAME_NODE);
    cr_expect_eq(sley__topology_distance(t, 0, 4), SLEY__SAME_PACKAGE);
    cr_expect_eq(sley__topology_distance(t, 0, 8), SLEY__FAR);
    cr_expect_eq(sley__topology_distance(t, 0, 32), SLEY__SAME_PROCESSOR);
    sley_topology_free(t);
}

Test(topology, one_l3)
{
    struct sley_topology *t = plain("l3:1 core:4 pu:1");

    cr_expect_str_eq(cpus(t), "0 1 2 3");
    cr_expect_str_eq(victims(t, 0), "1 2 3");
    cr_expect_str_eq(victims(t, 1), "2 3 0");
    cr_expect_str_eq(victims(t, 2), "3 0 1");
    cr_expect_str_eq(victims(t, 3), "0 1 2");
    sley_topology_free(t);
}

Test(topology, nodes_without_l3)
{
    struct sley_topology *t = plain("numa:2 core:2 pu:1");

    cr_expect_eq(t->machine_l3s, 0);
    cr_expect_eq(t->machine_packages, 1);
    cr_expect_str_eq(victims(t, 0), "1 2 3");
    cr_expect_str_eq(victims(t, 1), "0 3 2");
    cr_expect_str_eq(victims(t, 2), "3 0 1");
    cr_expect_str_eq(victims(t, 3), "2 1 0");
    cr_expect_eq(sley__topology_distance(t, 0, 1), SLEY__SAME_NODE);
    cr_expect_eq(sley__topology_distance(t, 0, 2), SLEY__SAME_PACKAGE);
    sley_topology_free(t);
}

Test(topology, one_processor)
{
    struct sley_topology *t = plain("core:1 pu:1");

    cr_expect_eq(sley_topology_workers(t), 1);
    cr_expect_str_eq(victims(t, 0), "");
    cr_expect_not_null(sley_topology_victims(t, 0));
    cr_expect_null(sley_topology_victims(t, 1));
    sley_topology_free(t);
}

Test(topology, processors_without_cores_are_cores)
{
    struct sley_topology *t = plain("pu:4");

    cr_expect_eq(t->machine_cores, 4);
    cr_expect_eq(sley_topology_workers(t), 4);
    sley_topology_free(t);
}

Test(topology, system_numbers_that_are_not_in_order)
{
    struct sley_topology *t =
        make("l3:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)", &(struct sley__topology_input){0});

    cr_expect_str_eq(cpus(t), "0 1 2 3");
    sley_topology_free(t);
    t = make(NULL, &(struct sley__topology_input){.workers = 8});
    cr_expect_str_eq(cpus(t), "0 1 2 3 4 5 6 7");
    cr_expect_str_eq(victims(t, 1), "5 4 0 3 6 7 2");
    sley_topology_free(t);
}

Test(topology, more_workers_than_cores)
{
    struct sley_topology *t =
        make("l3:1 core:4 pu:2", &(struct sley__topology_input){.workers = 10});

    cr_expect_str_eq(cpus(t), "0 2 4 6 1 3 5 7 0 2");
    cr_expect_str_eq(victims(t, 0), "8 4 1 2 3 5 6 7 9");
    cr_expect_str_eq(victims(t, 2), "6 3 4 5 7 8 9 0 1");
    cr_expect_str_eq(victims(t, 6), "2 8 9 0 1 3 4 5 7");
    expect_sound(t);
    sley_topology_free(t);
}

Test(topology, fewer_workers_than_cores)
{
    struct sley_topology *t =
        make("package:2 core:4 pu:1", &(struct sley__topology_input){.workers = 3});

    cr_expect_str_eq(cpus(t), "0 1 2");
    cr_expect_str_eq(victims(t, 1), "2 0");
    sley_topology_free(t);
}

Test(topology, every_shape_is_sound)
{
    static const char *const shapes[] = {
        "package:3 numa:2 l3:1 core:5 pu:1",
        "package:2 l3:4 core:3 pu:4",
        "numa:8 core:1 pu:1",
        "package:4 core:1 pu:8",
        "l3:7 core:3 pu:1",
    };
    static const unsigned workers[] = {0, 1, 2, 3, 7, 33, 64, 100};

    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(workers); j++) {
            struct sley_topology *t =
                make(shapes[i], &(struct sley__topology_input){.workers = workers[j]});

            expect_sound(t);
            if (!workers[j])
                expect_fair(t);
            sley_topology_free(t);
        }
    }
}

Test(topology, the_largest)
{
    struct sley_topology *t = plain("package:8 l3:4 core:64 pu:1");

    cr_expect_eq(t->cores, 2048);
    cr_expect_eq(sley_topology_workers(t), SLEY_WORKERS_MAX);
    expect_sound(t);
    sley_topology_free(t);
    t = make("core:2 pu:1", &(struct sley__topology_input){.workers = SLEY_WORKERS_MAX});
    expect_sound(t);
    cr_expect_eq(sley_topology_cpu(t, 1023), 1);
    sley_topology_free(t);
}

Test(topology, from_xml)
{
    char path[] = "/tmp/sley-topology-XXXXXX";
    int fd = mkstemp(path);
    struct sley_topology *t;
    hwloc_topology_t tree;

    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(hwloc_topology_init(&tree), 0);
    cr_assert_eq(hwloc_topology_set_synthetic(tree, "package:2 numa:2 l3:1 core:2 pu:2"), 0);
    cr_assert_eq(hwloc_topology_load(tree), 0);
    cr_assert_eq(hwloc_topology_export_xml(tree, path, 0), 0);
    hwloc_topology_destroy(tree);
    setenv("HWLOC_XMLFILE", path, 1);
    t = plain(NULL);
    unlink(path);
    cr_expect_not(t->this_system);
    cr_expect_eq(t->machine_nodes, 4);
    cr_expect_str_eq(cpus(t), "0 2 4 6 8 10 12 14");
    cr_expect_str_eq(victims(t, 2), "3 0 1 6 7 4 5");
    expect_sound(t);
    expect_fair(t);
    sley_topology_free(t);
}

/* --- SLEY_WORKERS and the option -------------------------------------------------------------- */

Test(topology, workers_from_the_environment)
{
    static const struct {
        const char *text;
        unsigned workers;
    } good[] = {{"1", 1}, {"7", 7}, {"1024", 1024}, {"010", 10}, {"0000000000000000000003", 3}};

    for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
        struct sley_topology *t;

        setenv("SLEY_WORKERS", good[i].text, 1);
        t = plain("core:4 pu:1");
        cr_expect_eq(sley_topology_workers(t), good[i].workers, "\"%s\"", good[i].text);
        cr_expect_eq(t->reason, SLEY__BY_ENVIRONMENT);
        sley_topology_free(t);
    }
}

Test(topology, bad_workers_in_the_environment)
{
    static const char *const bad[] = {
        "",    "0",   "00",  "-1",   "+1",         "1025", " 1",  "1 ",
        "1\n", "0x4", "4.0", "four", "4294967297", "1e2",  "4,8", "99999999999999999999999999"};
    struct sley_topology *const untouched = (void *)&bad, *t = untouched;

    setenv("HWLOC_SYNTHETIC", "core:4 pu:1", 1);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        setenv("SLEY_WORKERS", bad[i], 1);
        cr_expect_eq(sley_topology_new(0, &t), SLEY_EINVAL, "\"%s\"", bad[i]);
        cr_expect_eq(t, untouched);
    }
}

Test(topology, option_before_environment)
{
    struct sley_topology *t;

    setenv("SLEY_WORKERS", "nonsense", 1);
    t = make("core:4 pu:1", &(struct sley__topology_input){.workers = 2});
    cr_expect_eq(sley_topology_workers(t), 2);
    cr_expect_eq(t->reason, SLEY__BY_OPTION);
    sley_topology_free(t);
    cr_expect_eq(sley_topology_new(SLEY_WORKERS_MAX + 1, &t), SLEY_EINVAL);
}

/* --- affinity --------------------------------------------------------------------------------- */

static struct sley_topology *masked(const char *synthetic, const char *mask)
{
    return make(synthetic, &(struct sley__topology_input){.mask = mask});
}

Test(topology, mask_leaves_some_cores)
{
    struct sley_topology *t = masked("package:2 l3:1 core:4 pu:2", "2-5,12,13");

    cr_expect_eq(t->machine_cores, 8);
    cr_expect_eq(t->cores, 3);
    cr_expect_eq(t->count, 6);
    cr_expect_str_eq(t->mask, "2-5,12-13");
    cr_expect_str_eq(cpus(t), "2 4 12");
    cr_expect_str_eq(victims(t, 0), "1 2");
    cr_expect_str_eq(victims(t, 1), "0 2");
    cr_expect_str_eq(victims(t, 2), "0 1");
    sley_topology_free(t);
}

Test(topology, mask_leaves_half_a_core)
{
    struct sley_topology *t = masked("l3:1 core:3 pu:2", "1-3");

    cr_expect_str_eq(cpus(t), "1 2");
    sley_topology_free(t);
    t = make(NULL, &(struct sley__topology_input){.mask = "1-3", .workers = 4});
    cr_expect_str_eq(cpus(t), "1 2 3 1");
    cr_expect_str_eq(victims(t, 2), "1 0 3");
    sley_topology_free(t);
    t = masked(NULL, "0,1");
    cr_expect_str_eq(cpus(t), "0");
    sley_topology_free(t);
}

Test(topology, mask_of_another_machine_is_ignored)
{
    struct sley_topology *t = masked("core:2 pu:1", "8-9");

    cr_expect_str_eq(cpus(t), "0 1");
    cr_expect_not(t->pins);
    sley_topology_free(t);
}

Test(topology, mask_that_reaches_further_than_the_machine)
{
    struct sley_topology *t = masked("core:4 pu:1", "1-4095");

    cr_expect_str_eq(cpus(t), "1 2 3");
    cr_expect_str_eq(t->mask, "1-3");
    sley_topology_free(t);
}

Test(topology, mask_that_is_no_list)
{
    struct sley_topology *t = NULL;

    setenv("HWLOC_SYNTHETIC", "core:4 pu:1", 1);
    cr_expect_eq(sley__topology_new(&(struct sley__topology_input){.mask = "a-b"}, &t),
                 SLEY_EINVAL);
    cr_expect_null(t);
}

/* The first processor that this process may use. */
static unsigned first_cpu(void)
{
    cpu_set_t set;
    unsigned cpu = 0;

    cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    return cpu;
}

static void restrict_to(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    cr_assert_eq(sched_setaffinity(0, sizeof(set), &set), 0);
}

Test(topology, real_affinity)
{
    struct sley_topology *t;
    unsigned cpu = first_cpu();
    char list[16];

    restrict_to(cpu);
    t = make(NULL, &(struct sley__topology_input){.root = "/nonexistent"});
    cr_expect(t->this_system);
    cr_expect_eq(sley_topology_workers(t), 1);
    cr_expect_eq(t->reason, SLEY__BY_CORES);
    cr_expect_eq(sley_topology_cpu(t, 0), cpu);
    snprintf(list, sizeof(list), "%u", cpu);
    cr_expect_str_eq(t->mask, list);
    sley_topology_free(t);
}

Test(topology, affinity_counts_for_a_machine_said_to_be_this_one)
{
    struct sley_topology *t;

    if (first_cpu() != 0)
        cr_skip_test("processor 0 is not ours");
    restrict_to(0);
    setenv("HWLOC_THISSYSTEM", "1", 1);
    t = plain("core:4 pu:2");
    cr_expect_str_eq(cpus(t), "0");
    cr_expect(t->pins);
    sley_topology_free(t);
    unsetenv("HWLOC_THISSYSTEM");
    t = plain("core:4 pu:2");
    cr_expect_str_eq(cpus(t), "0 2 4 6");
    cr_expect_not(t->pins);
    sley_topology_free(t);
}

/* --- pinning ---------------------------------------------------------------------------------- */

Test(topology, discovery_leaves_the_caller_where_it_is)
{
    cpu_set_t before, after;

    cr_assert_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    sley_topology_free(plain(NULL));
    cr_assert_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    cr_expect(CPU_EQUAL(&before, &after));
}

Test(topology, pin_and_unpin)
{
    struct sley_topology *t = make(NULL, &(struct sley__topology_input){.root = "/nonexistent"});
    cpu_set_t before, set;

    cr_assert_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    cr_assert(t->pins);
    for (unsigned i = 0; i < sley_topology_workers(t); i++) {
        cr_assert_eq(sley__topology_pin(t, i), 0);
        cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
        cr_expect_eq(CPU_COUNT(&set), 1);
        cr_expect(CPU_ISSET(sley_topology_cpu(t, i), &set));
    }
    cr_assert_eq(sley__topology_unpin(t), 0);
    cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    cr_expect(CPU_EQUAL(&before, &set));
    sley_topology_free(t);
}

Test(topology, pin_to_a_processor_that_is_not_there)
{
    struct sley_topology *t;

    setenv("HWLOC_THISSYSTEM", "1", 1);
    t = plain("core:4 pu:1");
    t->processors[0].cpu = 1u << 19;
    cr_expect_eq(sley__topology_pin(t, 0), SLEY_EINVAL);
    sley_topology_free(t);
}

Test(topology, never_pins_to_another_machine)
{
    struct sley_topology *t = plain("core:2 pu:1");
    cpu_set_t before, after;

    cr_assert_eq(sched_getaffinity(0, sizeof(before), &before), 0);
    cr_expect_eq(sley__topology_pin(t, 0), SLEY_ENOSYS);
    cr_expect_eq(sley__topology_unpin(t), SLEY_ENOSYS);
    cr_assert_eq(sched_getaffinity(0, sizeof(after), &after), 0);
    cr_expect(CPU_EQUAL(&before, &after));
    sley_topology_free(t);
}

/* --- quota ------------------------------------------------------------------------------------ */

static void put(const char *directory, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s%s", root, directory);
    mkdir(path, 0700);
    if (!name)
        return;
    snprintf(path, sizeof(path), "%s%s%s", root, directory, name);
    file = fopen(path, "we");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

static void make_tree(void)
{
    clean_environment();
    cr_assert_not_null(mkdtemp(root));
    put("/proc", NULL, NULL);
    put("/proc/self", "/cgroup", "0::/app\n");
    put("/proc/self", "/mountinfo", "31 23 0:28 / /cg rw - cgroup2 cgroup2 rw\n");
    put("/cg", NULL, NULL);
    put("/cg/app", NULL, NULL);
}

static void remove_tree(void)
{
    static const char *const parts[] = {
        "/cg/app/cpu.max",      "/cg/app",    "/cg",   "/proc/self/cgroup",
        "/proc/self/mountinfo", "/proc/self", "/proc", ""};
    char path[256];

    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        snprintf(path, sizeof(path), "%s%s", root, parts[i]);
        remove(path);
    }
}

TestSuite(topology_quota, .init = make_tree, .fini = remove_tree);

static struct sley_topology *limited(const char *synthetic, const char *limit, unsigned workers)
{
    put("/cg/app", "/cpu.max", limit);
    return make(synthetic, &(struct sley__topology_input){.root = root, .workers = workers});
}

Test(topology_quota, fewer_than_cores)
{
    struct sley_topology *t = limited("l3:1 core:4 pu:2", "150000 100000\n", 0);

    cr_expect_eq(sley_topology_workers(t), 2);
    cr_expect_eq(t->reason, SLEY__BY_QUOTA);
    sley_topology_free(t);
}

Test(topology_quota, as_many_as_cores_or_more)
{
    struct sley_topology *t = limited("core:4 pu:2", "400000 100000\n", 0);

    cr_expect_eq(sley_topology_workers(t), 4);
    cr_expect_eq(t->reason, SLEY__BY_CORES);
    sley_topology_free(t);
    t = limited(NULL, "6400000 100000\n", 0);
    cr_expect_eq(sley_topology_workers(t), 4);
    sley_topology_free(t);
}

Test(topology_quota, overridden)
{
    struct sley_topology *t = limited("core:4 pu:1", "100000 100000\n", 3);

    cr_expect_eq(sley_topology_workers(t), 3);
    sley_topology_free(t);
    setenv("SLEY_WORKERS", "4", 1);
    t = limited(NULL, "100000 100000\n", 0);
    cr_expect_eq(sley_topology_workers(t), 4);
    sley_topology_free(t);
}

static void expect_in_report(const struct sley_topology *t, const char *part)
{
    char text[65536];

    sley_topology_report(t, text, sizeof(text));
    cr_expect_not_null(strstr(text, part), "%s", text);
}

Test(topology_quota, limits_do_not_pin)
{
    struct sley_topology *t;

    setenv("HWLOC_THISSYSTEM", "1", 1);
    t = limited("core:1024 pu:1", "max 100000\n", 0);
    if (t->count == 1)
        cr_skip_test("one usable processor: no quota is below it");
    cr_expect(t->pins);
    expect_in_report(t, "\npinning: each worker to its processor below\n");
    sley_topology_free(t);
    t = limited("core:1024 pu:1", "10000 100000\n", 0);
    cr_expect_eq(t->reason, SLEY__BY_QUOTA);
    cr_expect_not(t->pins);
    cr_expect_eq(sley__topology_pin(t, 0), SLEY_ENOSYS);
    expect_in_report(t, "\npinning: none, the quota may be used on any processor\n");
    sley_topology_free(t);
    t = limited("core:1024 pu:1", "10000 100000\n", 2);
    cr_expect(t->pins);
    sley_topology_free(t);
}

/* --- report ----------------------------------------------------------------------------------- */

static void expect_report(const struct sley_topology *t, const char *expected)
{
    char text[4096];
    int length = sley_topology_report(t, text, sizeof(text));

    cr_expect_str_eq(text, expected, "%s", text);
    cr_expect_eq((size_t)length, strlen(expected));
}

Test(topology, report)
{
    struct sley_topology *t = masked("package:2 numa:2 l3:2 core:2 pu:1", "1-8");

    expect_report(
        t, "machine: 2 packages, 4 NUMA nodes, 8 L3 caches, 16 cores, 16 processors (not this "
           "system: HWLOC_* in the environment)\n"
           "usable: 8 cores, 8 processors: 1-8\n"
           "quota: none\n"
           "workers: 8, one per usable core\n"
           "pinning: none\n"
           "worker 0: cpu 1, steals from same NUMA node: 1-2; same package: 3-6; rest: 7\n"
           "worker 1: cpu 2, steals from same L3: 2; same NUMA node: 0; same package: 4-6,3; "
           "rest: 7\n"
           "worker 2: cpu 3, steals from same L3: 1; same NUMA node: 0; same package: 5-6,3-4; "
           "rest: 7\n"
           "worker 3: cpu 4, steals from same L3: 4; same NUMA node: 5-6; same package: 0-2; "
           "rest: 7\n"
           "worker 4: cpu 5, steals from same L3: 3; same NUMA node: 6,5; same package: 1-2,0; "
           "rest: 7\n"
           "worker 5: cpu 6, steals from same L3: 6; same NUMA node: 3-4; same package: 2,0-1; "
           "rest: 7\n"
           "worker 6: cpu 7, steals from same L3: 5; same NUMA node: 4,3; same package: 0-2; "
           "rest: 7\n"
           "worker 7: cpu 8, steals from rest: 0-6\n");
    sley_topology_free(t);
}

Test(topology, report_of_siblings_and_an_override)
{
    struct sley_topology *t = make("core:1 pu:2", &(struct sley__topology_input){.workers = 3});

    expect_report(t, "machine: 1 package, 1 NUMA node, 0 L3 caches, 1 core, 2 processors (not this "
                     "system: HWLOC_* in the environment)\n"
                     "usable: 1 core, 2 processors: 0-1\n"
                     "quota: none\n"
                     "workers: 3, as the program asked, more than processors\n"
                     "pinning: none\n"
                     "worker 0: cpu 0, steals from same processor: 2; SMT sibling: 1\n"
                     "worker 1: cpu 1, steals from SMT sibling: 2,0\n"
                     "worker 2: cpu 0, steals from same processor: 0; SMT sibling: 1\n");
    sley_topology_free(t);
}

Test(topology_quota, report)
{
    struct sley_topology *t = limited("l3:1 core:4 pu:1", "50000 100000\n", 0);

    expect_report(t, "machine: 1 package, 1 NUMA node, 1 L3 cache, 4 cores, 4 processors (not this "
                     "system: HWLOC_* in the environment)\n"
                     "usable: 4 cores, 4 processors: 0-3\n"
                     "quota: 1 processor, 50000 us in 100000 us by /cg/app/cpu.max\n"
                     "workers: 1, because of the quota\n"
                     "pinning: none\n"
                     "worker 0: cpu 0\n");
    sley_topology_free(t);
}
