/*
 * cgroup.h: the CPU quota that the process's control groups leave it. Level 0.
 */
#ifndef SLEY_CGROUP_H
#define SLEY_CGROUP_H

#include "base.h"

/* A value. Filled by sley__cgroup_quota(), given back with sley__cgroup_quota_close(); {0} is "no
 * limit" and needs no close. */
struct sley__cgroup_quota {
    unsigned cpus;     /* processors' worth of time, rounded up, at least 1; 0: no limit */
    int64_t quota_us;  /* microseconds of processor time ... */
    int64_t period_us; /* ... in each period of so many */
    char *path;        /* the file that said so; owned. NULL: no limit */
};

/* Finds the strictest quota among the calling process's own group and all the ancestors that can be
 * seen, in every version 1 and version 2 hierarchy that has the cpu controller.
 *   root  prefix of every path that is read: "" for the real system, a directory for tests
 * What is missing, unreadable or makes no sense is no limit. 0 with *out filled, or SLEY_ENOMEM
 * with *out untouched. Any thread. Reads files. */
MUST_USE int sley__cgroup_quota(const char *root, struct sley__cgroup_quota *out);

void sley__cgroup_quota_close(struct sley__cgroup_quota *quota);

#endif
