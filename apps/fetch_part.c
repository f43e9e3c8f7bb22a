/*
 * fetch_part.c: a file that is not complete yet.
 *
 * A large file is written under ".NAME.sley-part" and renamed when it is complete and verified, so
 * its name never stands for half of it. Beside it lies ".NAME.sley-info", a few lines of text:
 * which URL, which version of it (an ETag or a date, for If-Range), and how long it is to be. With
 * both a later run asks for the rest only, and can tell when the server has another version by
 * then.
 *
 * The URL is there without a password (fetch_url.c), and the information is for its owner only.
 *
 * What keeps the two together is the order. A part that is empty, or without information, is of no
 * use. So it is emptied, then an information of before is removed, and then the first byte is
 * written; whenever there are bytes and an information, they belong together, whatever instruction
 * the process was killed at. At the end the part is renamed and the information removed, which is
 * of no use alone.
 *
 * The information is another file to be made and removed, which costs as much as one of 200 KiB
 * does altogether. So it is saved when there is enough to be worth it, or when the transfer is
 * given up, whatever there is; a kill -9 before costs that much of a file, and a piece.
 *
 * How much there is says the size of the part: bytes are appended by a write that has returned, so
 * after a kill all of them are good. After a loss of power they may not be; whoever fears that asks
 * for a checksum.
 *
 * A file that is fetched in several pieces at once has one line per piece in the information, and a
 * number in it, of fixed width, that is written over whenever bytes of that piece were: after the
 * bytes, in the same job, so that it never tells of bytes that are not there.
 *
 * Two processes may be told to fetch the same file into the same directory. A part belongs to who
 * has the lock on it (flock, which the kernel takes back after any death); only that one writes,
 * renames or removes it, and the other is told that it is busy. Without it one would rename what
 * the other has just begun. Between the making of a file and its lock somebody may remove it, so
 * afterwards the name is looked at once more.
 *
 * What was rejected: the information at the end of the part, which could not be renamed then; and
 * extended attributes, which many file systems do not have.
 */
#define _GNU_SOURCE
#include "fetch_part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sley/sley.h>

#include "console.h"

#define FIRST_LINE  "sley-fetch part 1"
#define NUMBER      "%020" PRIu64
#define INFO_LIMIT  65536
#define LEAVE_LIMIT SLEY_SECONDS(10)

enum {
    READ_SIZE = 65536,
    READS_PER_JOB = 64,
    NUMBER_SIZE = 20,
    LINE_SIZE = 3 * (NUMBER_SIZE + 1), /* of a segment */
    SEGMENT_UNIT = 65536,
    WORTH_INFO = 256 * 1024, /* bytes of a part */
};

static const struct sley_blocking_options on_files = {.blocking_class = &sley_blocking_files};

static struct fetch_part *make(const struct sley_file *directory, const char *url, const char *name)
{
    struct fetch_part *part = calloc(1, sizeof *part);

    if (!part)
        return NULL;
    part->directory = directory;
    part->url = url;
    part->name = name;
    part->total = FETCH_UNKNOWN;
    part->path = fetch_name_beside(name, FETCH_PART);
    part->info = fetch_name_beside(name, FETCH_INFO);
    if (part->path && part->info)
        return part;
    fetch_part_close(part);
    return NULL;
}

/* Not inlined: its array would be on the stacks of all transfers, all the time. */
__attribute__((noinline)) static bool make_directories(const struct fetch_part *part)
{
    char directory[FETCH_PATH_SIZE];
    const char *slash = strrchr(part->name, '/');

    if (!slash)
        return false;
    snprintf(directory, sizeof directory, "%.*s", (int)(slash - part->name), part->name);
    return sley_path_mkdirs(part->directory, directory, 0777) == 0;
}

/* On a thread that may block: the lock, and whether the name still leads to what is locked. */
static int lock(struct fetch_part *part)
{
    int fd = sley_file_descriptor(part->file);
    struct stat ours, named;

    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return SLEY_EBUSY; /* any other error: a file system without locks */
    if (fstat(fd, &ours) < 0 ||
        fstatat(sley_file_descriptor(part->directory), part->path, &named, 0) < 0)
        return errno == ENOENT ? SLEY_EBUSY : -errno;
    return ours.st_ino == named.st_ino && ours.st_dev == named.st_dev ? 0 : SLEY_EBUSY;
}

static int lock_job(void *part)
{
    return lock(part);
}

/* The same, and it is empty then, without an information, which would be taken for the new one's.
 */
static int empty_job(void *arg)
{
    struct fetch_part *part = arg;
    int error = lock(part);

    if (error)
        return error;
    if (ftruncate(sley_file_descriptor(part->file), 0) < 0)
        return -errno;
    if (unlinkat(sley_file_descriptor(part->directory), part->info, 0) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}

/* Opens it, and makes it ours: as it is, or a new one. */
static int open_file(struct fetch_part *part, bool new)
{
    struct sley_file_options options = {.flags = SLEY_FILE_READ | SLEY_FILE_WRITE |
                                                 (new ? SLEY_FILE_CREATE : 0),
                                        .at = part->directory};
    int status = 0, error = sley_file_open(part->path, &options, &part->file);

    if (error)
        return error;
    error = sley_to_thread_with(new ? empty_job : lock_job, part, &on_files, &status);
    if (error || status) {
        sley_file_close(part->file);
        part->file = NULL;
    }
    return error ? error : status;
}

/* --- what is known ---------------------------------------------------------------------------- */

static int open_info(struct fetch_part *part)
{
    struct sley_file_options options = {.flags = SLEY_FILE_WRITE, .at = part->directory};

    return part->segment_count ? sley_file_open(part->info, &options, &part->info_file) : 0;
}

static int save_info(struct fetch_part *part)
{
    struct sley_file_save_options options = {.at = part->directory, .mode = 0600};
    struct text text = {0};

    text_add(&text, "%s\n%s\n%s\n%" PRIu64 "\n", FIRST_LINE, part->url, part->validator,
             part->total);
    for (unsigned i = 0; i < part->segment_count; i++) {
        const struct fetch_segment *segment = &part->segments[i];
        text_add(&text, NUMBER " " NUMBER " ", segment->first, segment->end);
        part->progress[i] = text.length;
        text_add(&text, NUMBER "\n", segment->have);
    }
    int error =
        text.bytes ? sley_file_save(part->info, text.bytes, text.length, &options) : SLEY_ENOMEM;
    text_free(&text);
    part->has_info = !error;
    return error ? error : open_info(part);
}

static bool parse_number(const char *text, char after, uint64_t *number)
{
    if (strspn(text, "0123456789") != NUMBER_SIZE || text[NUMBER_SIZE] != after)
        return false;
    *number = strtoull(text, NULL, 10);
    return true;
}

/* The lines from `text` on, which stands at `offset` of the information. Together the segments must
 * be the file. */
static bool parse_segments(struct fetch_part *part, const char *text, size_t offset)
{
    uint64_t end = 0;

    for (; *text; text += LINE_SIZE, offset += LINE_SIZE) {
        struct fetch_segment *segment = &part->segments[part->segment_count];
        if (part->segment_count == FETCH_SEGMENTS_MAX ||
            !parse_number(text, ' ', &segment->first) ||
            !parse_number(text + NUMBER_SIZE + 1, ' ', &segment->end) ||
            !parse_number(text + 2 * (NUMBER_SIZE + 1), '\n', &segment->have) ||
            segment->first != end || segment->end <= end ||
            segment->have > segment->end - segment->first)
            return false;
        part->progress[part->segment_count++] = offset + 2 * (NUMBER_SIZE + 1);
        end = segment->end;
    }
    return part->segment_count == 0 || end == part->total;
}

/* Reads the lines; false: they are not about this URL, or of no use. */
static bool parse_info(struct fetch_part *part, char *text)
{
    const char *start = text;
    const char *first = strsep(&text, "\n"), *url = strsep(&text, "\n");
    const char *validator = strsep(&text, "\n"), *total = strsep(&text, "\n");
    char *end;

    if (!text || !validator || !total || strcmp(first, FIRST_LINE) != 0 ||
        strcmp(url, part->url) != 0 || !*validator || strlen(validator) >= FETCH_VALIDATOR_SIZE)
        return false;
    part->total = strtoull(total, &end, 10);
    memcpy(part->validator, validator, strlen(validator) + 1);
    return end > total && !*end && parse_segments(part, text, (size_t)(text - start));
}

/* 1, or 0 if it is of no use. */
static int load_info(struct fetch_part *part)
{
    void *text;
    size_t size;
    int error = sley_file_load(part->directory, part->info, INFO_LIMIT, &text, &size);

    if (error)
        return error == SLEY_ENOENT || error == SLEY_EMSGSIZE ? 0 : error;
    int good = strlen(text) == size && parse_info(part, text);
    free(text);
    if (good && (error = open_info(part)) != 0)
        return error;
    part->has_info = true;
    return good;
}

/* How much of it counts: 1, or 0 if it is of no use. A part that is complete was to get its name
 * when it ended: its last byte is asked for once more, which tells whether this is still the
 * version that the server has. */
static int load_size(struct fetch_part *part)
{
    struct sley_file_stat status;
    int error = sley_file_stat(part->file, &status);

    if (error)
        return error;
    if (status.size == 0 || status.size > part->total)
        return 0;
    for (unsigned i = 0; i < part->segment_count; i++)
        if (part->segments[i].have &&
            part->segments[i].first + part->segments[i].have > status.size)
            return 0;
    part->have = status.size == part->total ? status.size - 1 : status.size;
    return 1;
}

/* 1, or 0 if there is nothing, or nothing of use; then it is removed. */
static int load(struct fetch_part *part)
{
    int good, error = open_file(part, false);

    if (error == SLEY_ENOENT)
        sley_path_unlink(part->directory, part->info); /* of one that a kill has left so */
    if (error)
        return error == SLEY_ENOENT ? 0 : error;
    good = load_info(part);
    if (good == 1)
        good = load_size(part);
    if (good == 0)
        fetch_part_discard(part);
    return good;
}

int fetch_part_load(const struct sley_file *directory, const char *url, const char *name,
                    struct fetch_part **out)
{
    struct fetch_part *part = make(directory, url, name);
    int good;

    *out = NULL;
    if (!part)
        return SLEY_ENOMEM;
    good = load(part);
    if (good == 1)
        *out = part;
    else
        fetch_part_close(part);
    return good < 0 ? good : 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A segment's progress is written into the information, so there it is needed from the beginning.
 */
static int begin(struct fetch_part *part)
{
    int error = open_file(part, true);

    if (error == SLEY_ENOENT && make_directories(part))
        error = open_file(part, true);
    return !error && part->segment_count ? save_info(part) : error;
}

static void cut(struct fetch_part *part, unsigned count)
{
    uint64_t size = (part->total / count + SEGMENT_UNIT - 1) / SEGMENT_UNIT * SEGMENT_UNIT;
    uint64_t end = 0;

    for (unsigned i = 0; i < count && end < part->total; i++) {
        struct fetch_segment *segment = &part->segments[part->segment_count++];
        segment->first = end;
        end = i + 1 < count && part->total - end > size ? end + size : part->total;
        segment->end = end;
    }
}

int fetch_part_new(const struct sley_file *directory, const char *url, const char *name,
                   const char *validator, uint64_t total, unsigned segments,
                   struct fetch_part **out)
{
    struct fetch_part *part = make(directory, url, name);
    int error;

    if (!part)
        return SLEY_ENOMEM;
    part->total = total;
    if (strlen(validator) < sizeof part->validator)
        memcpy(part->validator, validator, strlen(validator) + 1);
    if (segments > 1 && segments <= total && part->validator[0] && total != FETCH_UNKNOWN)
        cut(part, segments < FETCH_SEGMENTS_MAX ? segments : FETCH_SEGMENTS_MAX);
    if ((error = begin(part)) != 0) {
        fetch_part_close(part);
        return error;
    }
    *out = part;
    return 0;
}

int fetch_part_add(struct fetch_part *part, const void *data, size_t size)
{
    size_t written = 0;
    int error = sley_file_write(part->file, data, size, (int64_t)part->have, &written);

    part->have += written;
    if (!error && !part->has_info && part->validator[0] && part->have >= WORTH_INFO)
        error = save_info(part);
    return error;
}

struct add_job {
    struct fetch_part *part;
    unsigned segment;
    const char *data;
    size_t size;
};

static int write_at(int fd, const char *data, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, (off_t)offset);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            data += written;
            size -= (size_t)written;
            offset += (uint64_t)written;
        }
    }
    return 0;
}

/* On a thread that may block: the bytes, then the word that they are there. */
static int add_to(void *arg)
{
    const struct add_job *job = arg;
    struct fetch_part *part = job->part;
    struct fetch_segment *segment = &part->segments[job->segment];
    char number[NUMBER_SIZE + 1];
    int error = write_at(sley_file_descriptor(part->file), job->data, job->size,
                         segment->first + segment->have);

    if (error)
        return error;
    segment->have += job->size;
    snprintf(number, sizeof number, NUMBER, segment->have);
    return write_at(sley_file_descriptor(part->info_file), number, NUMBER_SIZE,
                    part->progress[job->segment]);
}

int fetch_part_add_to(struct fetch_part *part, unsigned segment, const void *data, size_t size)
{
    struct add_job job = {part, segment, data, size};
    int status = 0, error = sley_to_thread_with(add_to, &job, &on_files, &status);

    return error ? error : status;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* A piece of the reading, so that a cancel need not wait for all of it. */
struct verify_job {
    int fd;
    int64_t offset;
    struct fetch_digesting *digesting;
    char *buffer;
};

/* On a thread that may block. 1: there is more, 0: this was the end, or -errno. */
static int verify_some(void *arg)
{
    struct verify_job *job = arg;

    for (int i = 0; i < READS_PER_JOB; i++) {
        ssize_t size = pread(job->fd, job->buffer, READ_SIZE, job->offset);
        if (size < 0 && errno != EINTR)
            return -errno;
        if (size == 0)
            return 0;
        if (size > 0 && !fetch_digest_add(job->digesting, job->buffer, (size_t)size))
            return SLEY_ENOMEM;
        job->offset += size > 0 ? size : 0;
    }
    return 1;
}

int fetch_part_verify(struct fetch_part *part, const struct fetch_digest *digest)
{
    struct verify_job job = {
        .fd = sley_file_descriptor(part->file),
        .digesting = fetch_digest_begin(digest),
        .buffer = malloc(READ_SIZE),
    };
    int more = 1, error = job.digesting && job.buffer ? 0 : SLEY_ENOSYS;

    while (!error && more == 1)
        error = sley_to_thread_with(verify_some, &job, &on_files, &more);
    free(job.buffer);
    if (error || more < 0) {
        if (job.digesting)
            fetch_digest_drop(job.digesting);
        return error ? error : more;
    }
    return fetch_digest_end(job.digesting, digest);
}

int fetch_part_finish(struct fetch_part *part, bool sync)
{
    int error = sync ? sley_file_sync(part->file) : 0;

    if (error)
        return error;
    error = sley_path_rename(part->directory, part->path, part->name);
    if (!error && part->has_info)
        sley_path_unlink(part->directory, part->info); /* alone it does no harm */
    return error;
}

bool fetch_part_keep(struct fetch_part *part)
{
    int error = 0;

    if (part->has_info)
        return true;
    if (!part->validator[0] || !part->have)
        return false;
    SLEY_SHIELD(.deadline = sley_after(LEAVE_LIMIT))
    error = save_info(part);
    return !error;
}

void fetch_part_discard(struct fetch_part *part)
{
    SLEY_SHIELD(.deadline = sley_after(LEAVE_LIMIT))
    {
        sley_path_unlink(part->directory, part->path);
        sley_path_unlink(part->directory, part->info);
    }
}

void fetch_part_close(struct fetch_part *part)
{
    if (!part)
        return;
    sley_file_close(part->file);
    sley_file_close(part->info_file);
    free(part->path);
    free(part->info);
    free(part);
}
