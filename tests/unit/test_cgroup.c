#define _GNU_SOURCE
/*
 * test_cgroup.c: the CPU quota, on fake /proc and cgroup trees in a temporary directory.
 */
#include "cgroup.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sley/error.h>

static char root[] = "/tmp/sley-cgroup-XXXXXX";

static void make_root(void)
{
    cr_assert_not_null(mkdtemp(root));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_root(void)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(cgroup, .init = make_root, .fini = remove_root);

/* Writes root/path, making the directories on the way. */
static void PRINTF(2, 3) put(const char *path, const char *format, ...)
{
    char full[8192];
    va_list arguments;
    FILE *file;

    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    file = fopen(full, "we");
    cr_assert_not_null(file, "%s", full);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fclose(file);
}

#define MOUNT_V2 "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_V1 "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"

static void put_v2(const char *group, const char *limit)
{
    char path[4096];

    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
    put(path, "%s\n", limit);
}

static void put_v1(const char *group, const char *quota, const char *period)
{
    char path[4096];

    snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", group);
    put(path, "%s\n", quota);
    snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us", group);
    put(path, "%s\n", period);
}

static void own_group(const char *lines)
{
    put("/proc/self/cgroup", "%s", lines);
}

static void mounts(const char *lines)
{
    put("/proc/self/mountinfo", "%s%s%s", "22 27 0:21 / /proc rw,relatime - proc proc rw\n", lines,
        "23 27 0:22 / /sys rw,relatime - sysfs sysfs rw\n");
}

/* What the tree says: so many processors, from this file. */
static void expect(unsigned cpus, const char *path)
{
    struct sley__cgroup_quota quota = {.cpus = 77};

    cr_assert_eq(sley__cgroup_quota(root, &quota), 0);
    cr_expect_eq(quota.cpus, cpus, "%u instead of %u", quota.cpus, cpus);
    if (path)
        cr_expect_str_eq(quota.path, path);
    else
        cr_expect_null(quota.path, "%s", quota.path);
    sley__cgroup_quota_close(&quota);
    cr_expect_eq(quota.cpus, 0);
    cr_expect_null(quota.path);
}

static void expect_none(void)
{
    expect(0, NULL);
}

/* --- version 2 -------------------------------------------------------------------------------- */

static void simple_v2(const char *limit)
{
    own_group("0::/app\n");
    mounts(MOUNT_V2);
    put_v2("/app", limit);
}

Test(cgroup, v2_own_group)
{
    struct sley__cgroup_quota quota;

    simple_v2("250000 50000");
    cr_assert_eq(sley__cgroup_quota(root, &quota), 0);
    cr_expect_eq(quota.cpus, 5);
    cr_expect_eq(quota.quota_us, 250000);
    cr_expect_eq(quota.period_us, 50000);
    cr_expect_str_eq(quota.path, "/sys/fs/cgroup/app/cpu.max");
    sley__cgroup_quota_close(&quota);
}

Test(cgroup, v2_rounds_up_and_is_at_least_one)
{
    static const struct {
        const char *limit;
        unsigned cpus;
    } cases[] = {
        {"100000 100000", 1}, {"100001 100000", 2}, {"199999 100000", 2}, {"200000 100000", 2},
        {"1000 100000", 1},   {"1 1000000", 1},     {"300000", 3},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        simple_v2(cases[i].limit);
        expect(cases[i].cpus, "/sys/fs/cgroup/app/cpu.max");
    }
}

Test(cgroup, v2_odd_contents_are_no_limit)
{
    static const char *const odd[] = {
        "max 100000",
        "max",
        "",
        " ",
        "0 100000",
        "100000 0",
        "-1 100000",
        "100000 ",
        "100000 -5",
        "200000 100000 1",
        "200000x 100000",
        "100000 max",
        "garbage",
        "200000  100",
        "+200000 100000",
        "99999999999999999999 100000",
        "\t1 1",
        "1.5 1",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        simple_v2(odd[i]);
        expect_none();
    }
}

Test(cgroup, v2_huge_quota_does_not_wrap)
{
    simple_v2("4294967297 1");
    expect(UINT32_MAX, "/sys/fs/cgroup/app/cpu.max");
    simple_v2("9223372036854775807 1");
    expect(UINT32_MAX, "/sys/fs/cgroup/app/cpu.max");
}

Test(cgroup, v2_strictest_ancestor_wins)
{
    own_group("0::/pods/pod7/app\n");
    mounts(MOUNT_V2);
    put_v2("/pods/pod7/app", "400000 100000");
    put_v2("/pods/pod7", "150000 100000");
    put_v2("/pods", "1600000 100000");
    expect(2, "/sys/fs/cgroup/pods/pod7/cpu.max");
}

Test(cgroup, v2_own_group_stricter_than_ancestors)
{
    own_group("0::/pods/pod7/app\n");
    mounts(MOUNT_V2);
    put_v2("/pods/pod7/app", "300000 100000");
    put_v2("/pods/pod7", "max 100000");
    put_v2("/pods", "400000 100000");
    expect(3, "/sys/fs/cgroup/pods/pod7/app/cpu.max");
}

Test(cgroup, strictness_is_the_ratio_not_the_quota)
{
    own_group("0::/a/b\n");
    mounts(MOUNT_V2);
    put_v2("/a/b", "50000 10000");
    put_v2("/a", "200000 100000");
    expect(2, "/sys/fs/cgroup/a/cpu.max");
}

Test(cgroup, v2_siblings_do_not_count)
{
    own_group("0::/pods/app\n");
    mounts(MOUNT_V2);
    put_v2("/pods/app2", "100000 100000");
    put_v2("/pods/ap", "100000 100000");
    put_v2("/pods/app/inner", "100000 100000");
    expect_none();
}

Test(cgroup, v2_group_without_a_file_of_its_own)
{
    own_group("0::/slice/gone (deleted)\n");
    mounts(MOUNT_V2);
    put_v2("/slice", "100000 100000");
    expect(1, "/sys/fs/cgroup/slice/cpu.max");
}

/* --- version 1 and hybrid --------------------------------------------------------------------- */

Test(cgroup, v1_own_group)
{
    own_group("5:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n");
    mounts(MOUNT_V1);
    put_v1("/docker/abc", "250000", "100000");
    put_v1("/docker", "-1", "100000");
    put_v1("", "-1", "100000");
    expect(3, "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us");
}

Test(cgroup, v1_ancestor)
{
    own_group("5:cpuacct,cpu:/docker/abc\n");
    mounts(MOUNT_V1);
    put_v1("/docker/abc", "-1", "100000");
    put_v1("/docker", "90000", "100000");
    expect(1, "/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us");
}

Test(cgroup, v1_odd_contents_are_no_limit)
{
    static const struct {
        const char *quota, *period;
    } odd[] = {{"-1", "100000"}, {"0", "100000"}, {"50000", "0"}, {"", "100000"},
               {"50000", ""},    {"x", "100000"}, {"1 1", "1"},   {"50000", "max"}};

    own_group("5:cpu:/app\n");
    mounts(MOUNT_V1);
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        put_v1("/app", odd[i].quota, odd[i].period);
        expect_none();
    }
}

Test(cgroup, v1_quota_without_period)
{
    own_group("5:cpu:/app\n");
    mounts(MOUNT_V1);
    put("/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us", "100000\n");
    expect_none();
}

Test(cgroup, v1_only_the_cpu_controller_counts)
{
    own_group("7:cpuset:/set\n6:cpu:/app\n5:cpuacct:/acct\n4:cpuset:/set\n2:memory:/mem\n");
    mounts("30 31 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n" MOUNT_V1);
    put_v1("/set", "100000", "100000");
    put_v1("/acct", "100000", "100000");
    put_v1("/mem", "100000", "100000");
    put("/sys/fs/cgroup/cpuset/app/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpuset/app/cpu.cfs_period_us", "100000\n");
    expect_none();
    put_v1("/app", "600000", "100000");
    expect(6, "/sys/fs/cgroup/cpu/app/cpu.cfs_quota_us");
}

Test(cgroup, hybrid_takes_the_minimum_of_both)
{
    own_group("5:cpu,cpuacct:/one\n0::/two\n");
    mounts("40 31 0:40 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" MOUNT_V1);
    put_v1("/one", "300000", "100000");
    expect(3, "/sys/fs/cgroup/cpu/one/cpu.cfs_quota_us");
    put("/sys/fs/cgroup/unified/two/cpu.max", "200000 100000\n");
    expect(2, "/sys/fs/cgroup/unified/two/cpu.max");
    put_v1("/one", "100000", "100000");
    expect(1, "/sys/fs/cgroup/cpu/one/cpu.cfs_quota_us");
}

/* --- mounts, roots, namespaces ---------------------------------------------------------------- */

Test(cgroup, v1_container_whose_mount_begins_at_its_own_group)
{
    own_group("5:cpu:/docker/abc\n");
    mounts("32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
    put_v1("", "200000", "100000");
    expect(2, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
}

Test(cgroup, mount_that_begins_at_an_ancestor)
{
    own_group("0::/docker/abc/inner\n");
    mounts("31 23 0:28 /docker /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put_v2("/abc/inner", "max 100000");
    put_v2("/abc", "200000 100000");
    put_v2("/docker/abc", "100000 100000");
    expect(2, "/sys/fs/cgroup/abc/cpu.max");
}

Test(cgroup, mount_of_somebody_elses_group)
{
    own_group("0::/docker/abcd\n");
    mounts("31 23 0:28 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put_v2("", "100000 100000");
    put_v2("d", "100000 100000");
    expect_none();
}

Test(cgroup, namespace_root)
{
    own_group("0::/\n");
    mounts(MOUNT_V2);
    put_v2("", "200000 100000");
    expect(2, "/sys/fs/cgroup/cpu.max");
}

Test(cgroup, namespace_with_the_mount_of_an_ancestor)
{
    own_group("0::/own\n");
    mounts("31 23 0:28 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put_v2("", "300000 100000");
    put_v2("/own", "100000 100000");
    expect(3, "/sys/fs/cgroup/cpu.max");
}

Test(cgroup, namespace_with_a_mount_beside_us)
{
    own_group("0::/own\n");
    mounts("31 23 0:28 /../other /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put_v2("", "100000 100000");
    put_v2("/own", "100000 100000");
    expect_none();
}

Test(cgroup, group_outside_of_the_namespace)
{
    own_group("0::/../moved\n");
    mounts(MOUNT_V2);
    put_v2("", "100000 100000");
    put("/sys/fs/moved/cpu.max", "100000 100000\n");
    expect_none();
    mounts("31 23 0:28 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put_v2("", "max 100000");
    put_v2("/moved", "400000 100000");
    expect(4, "/sys/fs/cgroup/moved/cpu.max");
}

Test(cgroup, group_whose_name_begins_with_dots)
{
    own_group("0::/..app\n");
    mounts(MOUNT_V2);
    put_v2("/..app", "200000 100000");
    expect(2, "/sys/fs/cgroup/..app/cpu.max");
}

Test(cgroup, hierarchy_mounted_twice)
{
    own_group("0::/a/b\n");
    mounts("30 23 0:28 /a/b /mnt/inner rw - cgroup2 cgroup2 rw\n" MOUNT_V2);
    put("/mnt/inner/cpu.max", "500000 100000\n");
    put_v2("/a/b", "500000 100000");
    put_v2("/a", "400000 100000");
    expect(4, "/sys/fs/cgroup/a/cpu.max");
}

Test(cgroup, escaped_paths)
{
    own_group("0::/my group\\x/with:colon\n");
    mounts("31 23 0:28 /my\\040group\\134x /mnt/c\\040g\\011t rw - cgroup2 none rw\n");
    put("/mnt/c g\tt/with:colon/cpu.max", "200000 100000\n");
    expect(2, "/mnt/c g\tt/with:colon/cpu.max");
}

Test(cgroup, optional_fields_and_empty_source)
{
    own_group("0::/\n");
    mounts("31 23 0:28 / /mnt/cg rw shared:4 master:1 propagate_from:2 - cgroup2  rw\n");
    put("/mnt/cg/cpu.max", "200000 100000\n");
    expect(2, "/mnt/cg/cpu.max");
}

Test(cgroup, mount_at_the_root_directory)
{
    own_group("0::/app\n");
    mounts("31 23 0:28 / / rw - cgroup2 cgroup2 rw\n");
    put("/app/cpu.max", "200000 100000\n");
    expect(2, "//app/cpu.max");
}

/* --- what is missing or broken ---------------------------------------------------------------- */

Test(cgroup, nothing_there)
{
    expect_none();
}

Test(cgroup, no_mountinfo)
{
    own_group("0::/app\n");
    put_v2("/app", "100000 100000");
    expect_none();
}

Test(cgroup, not_mounted)
{
    own_group("0::/app\n5:cpu:/app\n");
    mounts("");
    put_v2("/app", "100000 100000");
    expect_none();
}

Test(cgroup, broken_lines_are_skipped)
{
    own_group("\n:\n0\n0:\n0::\n0::app\n::/x\nnonsense\n0::/app\n");
    mounts("\n - \n - cgroup2\n31 - cgroup2 cgroup2 rw\n31 23 0:28 - cgroup2 c rw\n"
           "31 23 0:28 / - cgroup2 c rw\n1 2 3 / /m rw - cgroup\n1 2 3 / /m rw - cgroup c\n"
           "1 2 3  /m rw - cgroup2 c rw\n1 2 3 /  rw - cgroup2 c rw\n" MOUNT_V2);
    put_v2("/app", "200000 100000");
    expect(2, "/sys/fs/cgroup/app/cpu.max");
}

Test(cgroup, a_limit_that_is_a_directory)
{
    own_group("0::/app\n");
    mounts(MOUNT_V2);
    put_v2("/app/cpu.max/x", "100000 100000");
    expect_none();
}

Test(cgroup, paths_too_long_to_open)
{
    char group[6000];

    memset(group, 'x', sizeof(group));
    for (size_t i = 0; i < sizeof(group); i += 200)
        group[i] = '/';
    group[sizeof(group) - 1] = '\0';
    put("/proc/self/cgroup", "0::%s\n", group);
    mounts(MOUNT_V2);
    put_v2("", "100000 100000");
    expect_none();
}

Test(cgroup, the_real_system_answers)
{
    struct sley__cgroup_quota quota;

    cr_assert_eq(sley__cgroup_quota("", &quota), 0);
    cr_expect_eq(quota.cpus == 0, quota.path == NULL);
    sley__cgroup_quota_close(&quota);
}
