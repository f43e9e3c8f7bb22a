/*
 * bench_file.c: small files, written so that no name ever stands for half of one.
 *
 * 10,000 files of 1,000 bytes under new names in one directory, by 64 tasks at once, as a program
 * does that downloads or that keeps records. Every file goes through a thread, because a disk can
 * only be waited for by blocking; so the question is what the way there and back adds, and whether
 * the second processor makes up for it.
 *
 * The measure is a plain loop in C, one file after the other on one thread, with a temporary name
 * and a rename: `limits` us_per_file, and the peer "pthreads" of this row.
 *
 * In memory (/dev/shm) unless SLEY_BENCH_DIRECTORY says where: what a disk adds, it adds to both.
 * On a disk, give it a directory where nothing was deleted lately; ext4 looks for a fresh inode
 * long after thousands of files were removed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sley/file.h>

#include "bench_file.h"
#include "harness.h"

enum { IN_FLIGHT = 64, SIZE = 1000 };

static size_t count_of(const struct bench_setup *setup)
{
    return setup->quick ? 1000 : 10000;
}

/* --- the directory ---------------------------------------------------------------------------- */

struct place {
    char path[200];
    int fd;
};

static int open_place(struct place *place)
{
    const char *where = getenv("SLEY_BENCH_DIRECTORY");
    if (!where || !*where)
        where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    int length = snprintf(place->path, sizeof place->path, "%s/sley-bench-XXXXXX", where);
    if (length >= (int)sizeof place->path || !mkdtemp(place->path))
        return bench_error("no directory in %s: %s", where, strerror(errno));
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return place->fd < 0 ? bench_error("%s: %s", place->path, strerror(errno)) : 0;
}

/* Removes it with its files, and checks that they were all there and whole. */
static int close_place(struct place *place, size_t count)
{
    size_t whole = 0;
    for (size_t i = 0; i < count; i++) {
        char name[32];
        struct stat status;
        snprintf(name, sizeof name, "%zu", i);
        whole += fstatat(place->fd, name, &status, 0) == 0 && status.st_size == SIZE;
        unlinkat(place->fd, name, 0);
    }
    close(place->fd);
    if (rmdir(place->path) != 0)
        return bench_error("%s: %s", place->path, strerror(errno));
    return whole == count ? 0 : bench_error("%zu of %zu files are there", whole, count);
}

/* --- the plain loop --------------------------------------------------------------------------- */

static int save_plainly(int directory, const char *name, const char *data)
{
    char temporary[48];
    snprintf(temporary, sizeof temporary, ".%s.part", name);
    int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, data, SIZE);
    if (close(fd) != 0 || written != SIZE)
        return -1;
    return renameat(directory, temporary, directory, name);
}

int bench_file_plain(const struct bench_setup *setup, double *values)
{
    size_t count = count_of(setup);
    char data[SIZE] = "";
    struct place place;
    if (open_place(&place) != 0)
        return BENCH_FAILED;
    int64_t begin = sley_now();
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%zu", i);
        if (save_plainly(place.fd, name, data) != 0)
            return bench_error("%s/%s: %s", place.path, name, strerror(errno));
    }
    values[0] = (double)(sley_now() - begin) / (double)count / 1e3;
    return close_place(&place, count);
}

/* --- with tasks ------------------------------------------------------------------------------- */

struct work {
    struct sley_file *directory;
    const char *path;
    size_t next, count; /* files */
    double ns;          /* result: all of it */
};

static int save_some(void *arg)
{
    struct work *work = arg;
    struct sley_file_save_options options = {.at = work->directory};
    char data[SIZE] = "";
    size_t number;
    while ((number = bench_count(&work->next) - 1) < work->count) {
        char name[32];
        snprintf(name, sizeof name, "%zu", number);
        int status = sley_file_save(name, data, SIZE, &options);
        if (status < 0)
            return bench_error("%s/%s: %s", work->path, name, sley_strerror(status));
    }
    return 0;
}

static int save_all(struct work *work)
{
    struct sley_task *tasks[IN_FLIGHT];
    int failed = 0;
    for (int i = 0; i < IN_FLIGHT; i++) {
        int status = sley_spawn(save_some, work, NULL, &tasks[i]);
        if (status < 0)
            return bench_error("%s", sley_strerror(status));
    }
    for (int i = 0; i < IN_FLIGHT; i++) {
        int result = 0, status = sley_join(tasks[i], &result);
        if (status < 0)
            return bench_error("%s", sley_strerror(status));
        if (result)
            failed = result;
    }
    return failed;
}

static int parent(void *arg)
{
    struct work *work = arg;
    struct sley_file_options options = {.flags = SLEY_FILE_DIRECTORY};
    int status = sley_file_open(work->path, &options, &work->directory);
    if (status < 0)
        return bench_error("%s: %s", work->path, sley_strerror(status));
    int64_t begin = sley_now();
    status = save_all(work);
    work->ns = (double)(sley_now() - begin);
    sley_file_close(work->directory);
    return status;
}

static int run_file(const struct bench_setup *setup, double *values)
{
    struct place place;
    if (open_place(&place) != 0)
        return BENCH_FAILED;
    struct work work = {.path = place.path, .count = count_of(setup)};
    int status = bench_on_tasks(setup, parent, &work);
    values[0] = work.ns / (double)work.count / 1e3;
    int closed = close_place(&place, work.count);
    return status ? status : closed;
}

const struct bench bench_file = {
    .name = "file",
    .why = "small files, each complete or not there, by 64 tasks at once: what it costs a program "
           "to keep what it has",
    .cases = {{.run = run_file, .metrics = {{"us_per_file", "us"}}}},
};
