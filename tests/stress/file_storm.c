/*
 * file_storm.c: many tasks save, load, append, list and rename in one directory at once, and are
 * cancelled at any point of it.
 *
 * Each file says of itself whether it is whole: it is one number, repeated. A task's own file shows
 * what its last call has done: after a success it is the new one, after a cancel the old one,
 * because a call that is cancelled has not happened. Records that were appended are counted. In the
 * end nothing is in the directory but what belongs there, and no descriptor is lost.
 */
#define _GNU_SOURCE
#include "stress.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <sley/file.h>
#include <sley/scope.h>

enum { SHARED = 4, NUMBERS_MAX = 600, RECORD = 32 };

static char base[64];
static struct sley_file *at, *log_file;
static atomic_uint appended, canceled, saved;

static void check(int error)
{
    CHECK(error >= 0 || error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT, "%s",
          sley_strerror(error));
}

/* --- files that tell ------------------------------------------------------------------------- */

static size_t fill(uint64_t *numbers, uint64_t number, struct stress_random *random)
{
    size_t count = 1 + stress_below(random, NUMBERS_MAX);

    for (size_t i = 0; i < count; i++)
        numbers[i] = number;
    return count * sizeof *numbers;
}

/* The number that the file has; it must be there. */
static int load(const char *name, uint64_t *number)
{
    void *data;
    size_t size;
    const uint64_t *numbers;
    int error = sley_file_load(at, name, NUMBERS_MAX * sizeof *numbers, &data, &size);

    if (error)
        return error;
    numbers = data;
    CHECK(size >= sizeof *numbers && size % sizeof *numbers == 0, "%s has %zu bytes", name, size);
    for (size_t i = 1; i < size / sizeof *numbers; i++)
        CHECK(numbers[i] == numbers[0], "%s is half of a file", name);
    *number = numbers[0];
    free(data);
    return 0;
}

static int save(const char *name, uint64_t number, struct stress_random *random)
{
    struct sley_file_save_options options = {.at = at};
    uint64_t *numbers = malloc(NUMBERS_MAX * sizeof *numbers);
    int error;

    CHECK(numbers, "no memory");
    error = sley_file_save(name, numbers, fill(numbers, number, random), &options);
    free(numbers); /* the call is over, whatever it says */
    return error;
}

/* --- what a task does ------------------------------------------------------------------------- */

struct writer {
    uint64_t stream;
    char name[32];
    uint64_t last; /* what its own file has; 0: it is not there */
    int error;     /* of the last call */
};

static int save_own(struct writer *w, struct stress_random *random)
{
    uint64_t number = stress_next(random) | 1;

    w->error = save(w->name, number, random);
    if (!w->error) {
        w->last = number;
        atomic_fetch_add(&saved, 1);
    }
    return w->error;
}

static int share(struct stress_random *random)
{
    char name[32];
    uint64_t number;
    int error;

    snprintf(name, sizeof name, "shared-%u", stress_below(random, SHARED));
    if (stress_below(random, 2))
        return save(name, stress_next(random), random);
    error = load(name, &number);
    return error == SLEY_ENOENT ? 0 : error;
}

static int append(struct stress_random *random)
{
    char record[RECORD];
    size_t count;
    int error;

    memset(record, 'a' + (int)stress_below(random, 26), sizeof record);
    error = sley_file_append(log_file, record, sizeof record, &count);
    CHECK(count == (error ? 0 : sizeof record), "%zu bytes and %d", count, error);
    if (!error)
        atomic_fetch_add(&appended, 1);
    return error;
}

static int list(void)
{
    struct sley_directory *directory;
    int status, error = sley_directory_open(at, ".", &directory);

    if (error)
        return error;
    SLEY_FOREACH_STATUS (struct sley_directory_entry, entry, directory, status)
        CHECK(entry.name[0], "an entry without a name");
    sley_directory_close(directory);
    return status;
}

static int open_and_read(struct writer *w)
{
    struct sley_file_options options = {.at = at};
    struct sley_file *file;
    uint64_t number = 0;
    int error = sley_file_open(w->name, &options, &file);

    if (error == SLEY_ENOENT) {
        CHECK(!w->last, "%s is gone", w->name);
        return 0;
    }
    if (error)
        return error;
    error = sley_file_read(file, &number, sizeof number, 0, NULL);
    CHECK(error || number == w->last, "%s has another number", w->name);
    CHECK(sley_file_close(file) == 0, "close");
    return error;
}

static int write_some(void *arg)
{
    struct writer *w = arg;
    struct stress_random random = stress_random(w->stream);
    int error = 0;

    for (unsigned i = 0; i < 8 && error >= 0; i++) {
        switch (stress_below(&random, 6)) {
        case 0:
        case 1:
            error = save_own(w, &random);
            break;
        case 2:
            error = share(&random);
            break;
        case 3:
            error = append(&random);
            break;
        case 4:
            error = open_and_read(w);
            break;
        default:
            error = stress_below(&random, 4) ? 0 : list();
        }
        check(error);
    }
    if (error)
        atomic_fetch_add(&canceled, 1);
    stress_alive();
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* What is in the own file is what the last call that succeeded has put there. */
static void check_own(struct writer *w)
{
    uint64_t number = 0;
    int error = load(w->name, &number);

    CHECK(error == (w->last ? 0 : SLEY_ENOENT), "%s: %s", w->name, sley_strerror(error));
    CHECK(number == w->last, "%s has another number than was saved; the last call said %s", w->name,
          sley_strerror(w->error));
    if (!error)
        check(sley_path_unlink(at, w->name));
}

static void run_writers(struct writer *writers, unsigned n, struct stress_random *random)
{
    struct sley_task **tasks = calloc(n, sizeof(struct sley_task *));

    CHECK(tasks, "no memory");
    for (unsigned i = 0; i < n; i++) {
        struct sley_task_options options = {0};

        writers[i] = (struct writer){.stream = stress_next(random)};
        snprintf(writers[i].name, sizeof writers[i].name, "own-%u", i);
        if (stress_below(random, 6) == 0)
            options.deadline = sley_after(SLEY_MICROSECONDS(stress_below(random, 5000)));
        CHECK(sley_spawn(write_some, &writers[i], &options, &tasks[i]) == 0, "spawn");
    }
    for (unsigned i = 0; i < n; i++) {
        if (stress_below(random, 4) == 0) {
            for (unsigned yields = stress_below(random, 50); yields; yields--)
                sley_yield();
            sley_cancel(tasks[stress_below(random, n - i) + i], "fired");
        }
        stress_join(tasks[i]);
    }
    free(tasks);
}

static void check_log(void)
{
    char record[RECORD];
    unsigned records = 0;
    int error;

    while (!(error = sley_file_read(log_file, record, RECORD, (int64_t)records * RECORD, NULL))) {
        for (int i = 1; i < RECORD; i++)
            CHECK(record[i] == record[0], "record %u is torn", records);
        records++;
    }
    CHECK(error == SLEY_EOF, "%s", sley_strerror(error));
    CHECK(records == atomic_load(&appended), "%u records, %u were appended", records,
          atomic_load(&appended));
}

static int count_entries(void)
{
    struct sley_directory *directory;
    int count = 0;

    CHECK(sley_directory_open(at, ".", &directory) == 0, "open");
    SLEY_FOREACH (struct sley_directory_entry, entry, directory) {
        CHECK(strncmp(entry.name, ".sley", 5) != 0, "%s was left", entry.name);
        count++;
    }
    sley_directory_close(directory);
    return count;
}

static int storm(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    struct sley_file_options directory = {.flags = SLEY_FILE_DIRECTORY},
                             log = {.flags = SLEY_FILE_APPEND | SLEY_FILE_READ | SLEY_FILE_CREATE |
                                             SLEY_FILE_TRUNCATE};
    unsigned n = stress_count(200, 40);
    struct writer *writers = calloc(n, sizeof *writers);

    CHECK(writers, "no memory");
    check(sley_file_open(base, &directory, &at));
    log.at = at;
    check(sley_file_open("log", &log, &log_file));
    atomic_store(&appended, 0);
    run_writers(writers, n, &random);
    for (unsigned i = 0; i < n; i++)
        check_own(&writers[i]);
    check_log();
    CHECK(count_entries() <= SHARED + 1, "%d entries", count_entries());
    check(sley_file_close(log_file));
    check(sley_file_close(at));
    free(writers);
    return 0;
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    CHECK(directory, "no /proc");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    const char *memory = "/dev/shm";
    char command[100];
    struct stat status;
    int descriptors;

    stress_begin(argc, argv);
    /* In memory where there is such a file system: what is tested is the calls and not the disk. */
    snprintf(base, sizeof base, "%s/sley-storm-XXXXXX",
             stat(memory, &status) == 0 && access(memory, W_OK) == 0 ? memory : "/tmp");
    CHECK(mkdtemp(base), "no directory");
    descriptors = count_descriptors();
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++) {
        stress_run(stress_workers[i], storm, (void *)(uintptr_t)(i + 1));
        CHECK(count_descriptors() == descriptors, "descriptors are lost");
    }
    CHECK(saved && canceled, "%u saved, %u cancelled", saved, canceled);
    snprintf(command, sizeof command, "rm -r %s", base);
    CHECK(system(command) == 0, "cannot remove %s", base);
    return stress_end();
}
