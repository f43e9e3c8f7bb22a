#define _GNU_SOURCE
/*
 * cgroup.c: how much processor time the control groups leave this process.
 *
 * A container that may use two of 64 processors usually sees all 64 in its affinity mask; what
 * holds it back is a bandwidth quota, so many microseconds in each period. 64 workers there would
 * use the quota up in the first few milliseconds of each period and then stand still, all of them,
 * until the next one. So the number of workers must know the quota.
 *
 * The way to it: /proc/self/cgroup names the group of the process in each hierarchy;
 * /proc/self/mountinfo says where each hierarchy is mounted, and which of its groups the mount
 * shows as its top. Below the mount lie the directories of the group and its ancestors, each
 * with its quota in a file: cpu.max in version 2, cpu.cfs_quota_us and cpu.cfs_period_us in
 * version 1. A quota binds everything below it, so the strictest one between the group and the top
 * counts; a limit on a pod or on a systemd slice is as real as one on the group itself.
 *
 * Three things make it less simple than it sounds:
 *  - In a container the mount's top is seldom the hierarchy's top. A path is looked for below the
 *    mount only after the mount's own root was taken off its front. In a cgroup namespace both are
 *    relative to the namespace's root, and what lies above it is spelled "/..": a mount whose root
 *    is "/../.." is an ancestor of ours, though the names on the way down are hidden; then the
 *    mount point itself is the only file to ask.
 *  - A system may run version 1 and version 2 side by side (hybrid), and may mount one hierarchy
 *    more than once. We do not choose: every mount that shows our group is asked, and the minimum
 *    taken. Asking a file twice costs 20 us and cannot make the answer wrong.
 *  - mountinfo escapes blanks in paths (\040), /proc/self/cgroup does not.
 *
 * Nothing here fails but for memory. A file that is missing or holds something odd means no limit:
 * too many workers are slow, a runtime that refuses to start because of a strange container is
 * worse. Rejected: guessing /sys/fs/cgroup (wrong in half of all containers), and libcg (a
 * dependency for two files). The quota is read once, when a runtime starts; if it is changed later
 * the number of workers is not.
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/error.h>

/* What cpu.max means when it names no period; the kernel's default for both versions. */
#define DEFAULT_PERIOD_US 100000

/* Room after a directory for the longest name appended to it. */
#define NAME_ROOM sizeof("/cpu.cfs_period_us")

enum version { V1, V2 };

struct search {
    const char *root;               /* prefix of all paths */
    char *group[2];                 /* own group, by enum version; NULL: in no such hierarchy */
    struct sley__cgroup_quota best; /* strictest so far */
};

/* --- one group's files ------------------------------------------------------------------------ */

/* Reads a file of a few bytes as a string. Any thread. */
static bool read_small(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length;

    if (fd < 0)
        return false;
    length = read(fd, text, size - 1);
    close(fd);
    if (length <= 0)
        return false;
    text[length] = '\0';
    return true;
}

/* Takes a positive decimal number off the front of *text. "max", "-1", 0, and numbers that do not
 * fit are all refused, which their reader takes as no limit. Any thread. */
static bool take_number(const char **text, int64_t *number)
{
    const char *digit = *text;
    int64_t value = 0;

    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *digit - '0', &value))
            return false;
    }
    *text = digit;
    *number = value;
    return value > 0;
}

static bool at_end(const char *text)
{
    return !strcmp(text, "") || !strcmp(text, "\n");
}

/* A file that holds one number. `path` has room for a name after `length`. Any thread. */
static bool read_number(char *path, size_t length, const char *name, int64_t *number)
{
    char text[64];
    const char *rest = text;

    strcpy(path + length, name);
    return read_small(path, text, sizeof(text)) && take_number(&rest, number) && at_end(rest);
}

/* The limit of the version 1 group in the directory `path`; leaves the quota's file in `path`. */
static bool read_v1(char *path, size_t length, int64_t *quota, int64_t *period)
{
    return read_number(path, length, "/cpu.cfs_period_us", period) &&
           read_number(path, length, "/cpu.cfs_quota_us", quota);
}

/* The same of a version 2 group: "200000 100000", or "max 100000". */
static bool read_v2(char *path, size_t length, int64_t *quota, int64_t *period)
{
    char text[64];
    const char *rest = text;

    strcpy(path + length, "/cpu.max");
    if (!read_small(path, text, sizeof(text)) || !take_number(&rest, quota))
        return false;
    *period = DEFAULT_PERIOD_US;
    if (*rest == ' ') {
        rest++;
        return take_number(&rest, period) && at_end(rest);
    }
    return at_end(rest);
}

/* Keeps the limit if it is stricter than the best so far. 0 or SLEY_ENOMEM. */
static int keep(struct search *search, const char *path, int64_t quota, int64_t period)
{
    struct sley__cgroup_quota *best = &search->best;
    int64_t cpus = quota / period + (quota % period != 0);
    char *copy;

    if (best->path &&
        (double)quota / (double)period >= (double)best->quota_us / (double)best->period_us)
        return 0;
    copy = strdup(path + strlen(search->root));
    if (!copy)
        return SLEY_ENOMEM;
    free(best->path);
    *best = (struct sley__cgroup_quota){
        .cpus = cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX,
        .quota_us = quota,
        .period_us = period,
        .path = copy,
    };
    return 0;
}

/* --- from the group up to the mount point ----------------------------------------------------- */

/* Asks the group `below` the mount point and each of its ancestors. 0 or SLEY_ENOMEM. */
static int climb(struct search *search, enum version version, const char *mount, const char *below)
{
    char path[PATH_MAX + NAME_ROOM];
    size_t top = strlen(search->root) + strlen(mount);
    size_t length = top + strlen(below);
    int64_t quota, period;
    int error;

    if (length >= PATH_MAX)
        return 0;
    snprintf(path, PATH_MAX, "%s%s%s", search->root, mount, below);
    for (;;) {
        if (version == V1 ? read_v1(path, length, &quota, &period)
                          : read_v2(path, length, &quota, &period)) {
            error = keep(search, path, quota, period);
            if (error)
                return error;
        }
        if (length <= top)
            return 0;
        do
            length--;
        while (length > top && path[length] != '/');
    }
}

/* How many ".." a path begins with, and what follows them. */
static unsigned leading_ups(const char **path)
{
    unsigned ups = 0;

    while (!strncmp(*path, "/..", 3) && ((*path)[3] == '/' || (*path)[3] == '\0')) {
        *path += 3;
        ups++;
    }
    return ups;
}

/* Where `group` lies below a mount whose top is the group `top`: "/a/b", "" when it is the top
 * itself or hidden below it, NULL when the mount does not show it. */
static const char *below_top(const char *group, const char *top)
{
    unsigned group_ups = leading_ups(&group), top_ups = leading_ups(&top);
    size_t length = strlen(top);

    if (!strcmp(top, "/"))
        length = 0;
    if (top_ups > group_ups)
        return length == 0 ? "" : NULL;
    if (top_ups < group_ups || strncmp(group, top, length) != 0)
        return NULL;
    group += length;
    if (!strcmp(group, "/"))
        return "";
    return *group == '/' || *group == '\0' ? group : NULL;
}

/* --- the two files of /proc ------------------------------------------------------------------- */

/* Calls each(search, line) for the lines of root/name until one fails. 0, its error, or
 * SLEY_ENOMEM. A file that cannot be opened has no lines. */
static int for_each_line(struct search *search, const char *name,
                         int (*each)(struct search *search, char *line))
{
    char *path, *line = NULL;
    size_t room = 0;
    ssize_t length;
    FILE *file;
    int error;

    if (asprintf(&path, "%s%s", search->root, name) < 0)
        return SLEY_ENOMEM;
    file = fopen(path, "re");
    error = !file && errno == ENOMEM ? SLEY_ENOMEM : 0;
    free(path);
    if (!file)
        return error;
    while (!error && (length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        error = each(search, line);
    }
    if (!error && !feof(file) && errno == ENOMEM)
        error = SLEY_ENOMEM;
    free(line);
    fclose(file);
    return error;
}

/* Whether `word` is one of the comma-separated words of `list`. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word), next;

    for (; *list; list += next + (list[next] == ',')) {
        next = strcspn(list, ",");
        if (next == length && !strncmp(list, word, length))
            return true;
    }
    return false;
}

/* A line of /proc/self/cgroup: "4:cpu,cpuacct:/path" in version 1, "0::/path" in version 2. The
 * path may hold further colons. */
static int note_group(struct search *search, char *line)
{
    const char *id = strsep(&line, ":"), *controllers = strsep(&line, ":");
    enum version version = V1;

    if (!controllers || !line || *line != '/')
        return 0;
    if (!strcmp(id, "0") && !*controllers)
        version = V2;
    else if (!has_word(controllers, "cpu"))
        return 0;
    free(search->group[version]);
    search->group[version] = strdup(line);
    return search->group[version] ? 0 : SLEY_ENOMEM;
}

/* Undoes mountinfo's escapes, a backslash and three octal digits, in place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* A line of /proc/self/mountinfo (proc_pid_mountinfo(5)):
 *     36 35 98:0 /root /mount/point rw,relatime shared:1 - cgroup2 source rw,options
 * with any number of fields before the lone dash. */
static int ask_mount(struct search *search, char *line)
{
    char *after = strstr(line, " - "), *top, *mount;
    const char *type, *options, *below;
    enum version version;

    if (!after)
        return 0;
    *after = '\0';
    after += 3;
    type = strsep(&after, " ");
    strsep(&after, " ");
    options = after;
    if (!strcmp(type, "cgroup2"))
        version = V2;
    else if (!strcmp(type, "cgroup") && options && has_word(options, "cpu"))
        version = V1;
    else
        return 0;
    for (int field = 0; field < 3; field++)
        strsep(&line, " ");
    top = strsep(&line, " ");
    mount = strsep(&line, " ");
    if (!mount || !search->group[version])
        return 0;
    unescape(top);
    unescape(mount);
    below = below_top(search->group[version], top);
    /* `below` is a part of search's group or "": nothing is allocated.
     * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    return below ? climb(search, version, mount, below) : 0;
}

int sley__cgroup_quota(const char *root, struct sley__cgroup_quota *out)
{
    struct search search = {.root = root};
    int error = for_each_line(&search, "/proc/self/cgroup", note_group);

    if (!error)
        error = for_each_line(&search, "/proc/self/mountinfo", ask_mount);
    free(search.group[V1]);
    free(search.group[V2]);
    if (error) {
        sley__cgroup_quota_close(&search.best);
        return error;
    }
    *out = search.best;
    return 0;
}

void sley__cgroup_quota_close(struct sley__cgroup_quota *quota)
{
    free(quota->path);
    *quota = (struct sley__cgroup_quota){0};
}
