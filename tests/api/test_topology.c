/*
 * test_topology.c: sley/topology.h as a program sees it.
 */
#include <sley/topology.h>

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void clean_environment(void)
{
    unsetenv("SLEY_WORKERS");
    unsetenv("HWLOC_SYNTHETIC");
    unsetenv("HWLOC_XMLFILE");
    unsetenv("HWLOC_THISSYSTEM");
}

TestSuite(topology, .init = clean_environment);

static struct sley_topology *make(unsigned workers)
{
    struct sley_topology *t = NULL;

    cr_assert_eq(sley_topology_new(workers, &t), 0);
    cr_assert_not_null(t);
    return t;
}

Test(topology, of_this_machine)
{
    struct sley_topology *t = make(0);
    unsigned workers = sley_topology_workers(t);

    cr_assert_geq(workers, 1);
    cr_assert_leq(workers, SLEY_WORKERS_MAX);
    for (unsigned i = 0; i < workers; i++) {
        const unsigned *victims = sley_topology_victims(t, i);
        bool seen[SLEY_WORKERS_MAX] = {false};

        for (unsigned j = 0; j < i; j++)
            cr_expect_neq(sley_topology_cpu(t, i), sley_topology_cpu(t, j));
        for (unsigned j = 0; j < workers - 1; j++) {
            cr_assert_lt(victims[j], workers);
            cr_expect_neq(victims[j], i);
            cr_expect_not(seen[victims[j]]);
            seen[victims[j]] = true;
        }
    }
    cr_expect_null(sley_topology_victims(t, workers));
    sley_topology_free(t);
}

Test(topology, free_of_nothing)
{
    sley_topology_free(NULL);
}

Test(topology, several_at_once)
{
    struct sley_topology *a = make(3), *b = make(5);

    cr_expect_eq(sley_topology_workers(a), 3);
    cr_expect_eq(sley_topology_workers(b), 5);
    sley_topology_free(a);
    cr_expect_eq(sley_topology_workers(b), 5);
    sley_topology_free(b);
}

Test(topology, the_number_of_workers)
{
    struct sley_topology *t;

    setenv("SLEY_WORKERS", "6", 1);
    t = make(0);
    cr_expect_eq(sley_topology_workers(t), 6);
    sley_topology_free(t);
    t = make(2);
    cr_expect_eq(sley_topology_workers(t), 2);
    sley_topology_free(t);
}

Test(topology, a_wrong_number_of_workers)
{
    struct sley_topology *t = NULL;

    cr_expect_eq(sley_topology_new(SLEY_WORKERS_MAX + 1, &t), SLEY_EINVAL);
    setenv("SLEY_WORKERS", "many", 1);
    cr_expect_eq(sley_topology_new(0, &t), SLEY_EINVAL);
    cr_expect_null(t);
}

Test(topology, of_another_machine)
{
    struct sley_topology *t;

    setenv("HWLOC_SYNTHETIC", "package:2 l3:1 core:2 pu:2", 1);
    t = make(0);
    cr_expect_eq(sley_topology_workers(t), 4);
    cr_expect_eq(sley_topology_cpu(t, 3), 6);
    cr_expect_eq(sley_topology_victims(t, 3)[0], 2);
    cr_expect_eq(sley_topology_victims(t, 3)[1], 1);
    cr_expect_eq(sley_topology_victims(t, 3)[2], 0);
    cr_expect_str_eq(sley_topology_distance(t, 3, 2), "same L3");
    cr_expect_str_eq(sley_topology_distance(t, 3, 0), "same NUMA node");
    cr_expect_null(sley_topology_distance(t, 3, 4));
    cr_expect_not(sley_topology_pinned(t));
    sley_topology_free(t);
}

Test(topology, report_is_cut_like_snprintf)
{
    struct sley_topology *t = make(3);
    int length = sley_topology_report(t, NULL, 0);
    size_t size = (size_t)length + 1;
    char *whole = malloc(size), *part = malloc(size + 1);

    cr_assert_gt(length, 0);
    cr_assert_eq(sley_topology_report(t, whole, size), length);
    cr_expect_eq(strlen(whole), (size_t)length);
    cr_expect_not_null(strstr(whole, "workers: 3, as the program asked"), "%s", whole);
    for (size_t cut = 1; cut <= size; cut++) {
        memset(part, '#', size + 1);
        cr_assert_eq(sley_topology_report(t, part, cut), length);
        cr_assert_eq(strlen(part), cut - 1);
        cr_assert_eq(strncmp(part, whole, cut - 1), 0);
        cr_assert_eq(part[cut], '#', "wrote past the end");
    }
    free(whole);
    free(part);
    sley_topology_free(t);
}
