/*
 * procpool_bytes.c: inputs and results on their way between the caller's memory and a child's.
 *
 * Small ones are copied into and out of the slot of the ring. Large ones go through sparse files in
 * memory (procpool_wire.c): an input is written to the pool's input file before the job is queued,
 * so that whichever child gets it can map it; a result is in the file of the child's channel, and
 * is read by the task that waits for it when it has been woken. Both with system calls that copy:
 * the program never maps what a child can write beyond the channel, so it needs no care there. Then
 * a hole is made where the bytes were, and the memory is free again.
 *
 * Copying a gigabyte takes a third of a second, too long for a worker with other tasks: above a
 * megabyte it is done on a blocking thread. A caller that is cancelled meanwhile copies the rest
 * itself, because the result is there and is its own.
 */
#define _GNU_SOURCE
#include "procpool_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/blocking.h>

enum { MEGABYTE = 1 << 20 };

/* --- copying -------------------------------------------------------------------------------- */

struct copy {
    int fd;
    bool write;
    char *bytes;
    size_t size;
    uint64_t offset;
};

/* 0 or SLEY_E*. Any thread. */
static int copy_all(void *arg)
{
    struct copy *copy = arg;
    size_t done = 0;

    while (done < copy->size) {
        char *bytes = copy->bytes + done;
        size_t size = copy->size - done;
        off_t offset = (off_t)(copy->offset + done);
        ssize_t moved = copy->write ? pwrite(copy->fd, bytes, size, offset)
                                    : pread(copy->fd, bytes, size, offset);

        if (moved > 0)
            done += (size_t)moved;
        else if (moved == 0 || errno != EINTR)
            return moved == 0 || errno == ENOSPC ? SLEY_ENOMEM : -errno;
    }
    return 0;
}

/* From a task. May park if it is much. */
static int move(struct copy *copy)
{
    int result;

    if (copy->size >= MEGABYTE && sley_to_thread(copy_all, copy, &result) == 0)
        return result;
    return copy_all(copy);
}

/* The bytes there are read, and their memory is free again. */
static void punch(int fd, uint64_t offset, uint64_t size)
{
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                  (off_t)round_up(size, SLEY__FILE_PAGE)) < 0)
        return; /* it is free when the file is closed */
}

/* --- inputs --------------------------------------------------------------------------------- */

int sley__input_put(struct sley_procpool *pool, struct sley_job *job)
{
    struct copy copy = {pool->inputs, true, (char *)(uintptr_t)job->in, job->in_size, 0};
    int error;

    job->private_.in_offset = 0;
    if (job->in_size <= SLEY__INLINE)
        return 0;
    copy.offset = fetch_add_relaxed(&pool->next_input, round_up(job->in_size, SLEY__FILE_PAGE));
    job->private_.in_offset = copy.offset;
    error = move(&copy);
    if (error)
        sley__input_drop(pool, job);
    return error;
}

void sley__input_drop(struct sley_procpool *pool, struct sley_job *job)
{
    if (job->private_.in_offset)
        punch(pool->inputs, job->private_.in_offset, job->in_size);
    job->private_.in_offset = 0;
}

/* --- results -------------------------------------------------------------------------------- */

/* Where `size` bytes of result are wanted; NULL: nowhere, or job->error says why not. */
static void *destination(struct sley_job *job, size_t size)
{
    if (job->allocate) {
        job->out = size ? malloc(size) : NULL;
        if (size && !job->out)
            job->error = SLEY_ENOMEM;
    } else if (job->out && size > job->out_capacity) {
        job->error = SLEY_EMSGSIZE;
        return NULL;
    }
    return job->out;
}

void sley__result_copy(struct sley_job *job, const unsigned char *bytes, size_t size)
{
    void *to = destination(job, size);

    if (to && size)
        memcpy(to, bytes, size);
}

/* The caller must have the job's error looked at afterwards. */
static void fetch(struct sley_job *job, struct sley__result_file *file)
{
    struct copy copy = {file->fd, false, NULL, job->out_size, job->private_.out_offset};

    if (!job->error)
        copy.bytes = destination(job, job->out_size);
    if (copy.bytes)
        job->error = move(&copy);
    if (job->error && job->allocate) {
        free(job->out);
        job->out = NULL;
    }
    punch(file->fd, job->private_.out_offset, job->out_size);
}

void sley__result_fetch(struct sley_job *job)
{
    struct sley__result_file *file = job->private_.file;

    if (!file)
        return;
    job->private_.file = NULL;
    fetch(job, file);
    sley__result_file_release(file);
}

struct sley__result_file *sley__result_file_new(int *error)
{
    struct sley__result_file *file = malloc(sizeof(*file));
    int fd;

    *error = SLEY_ENOMEM;
    if (!file)
        return NULL;
    fd = sley__file_new("sley-channel");
    if (fd < 0) {
        *error = fd;
        free(file);
        return NULL;
    }
    file->fd = fd;
    store_relaxed(&file->references, 1);
    return file;
}

void sley__result_file_release(struct sley__result_file *file)
{
    if (fetch_sub_acq_rel(&file->references, 1) > 1)
        return;
    close(file->fd);
    free(file);
}
