/*
 * dump_storm.c: the task dump and the statistics are read while everything changes.
 *
 * The dump walks tasks that begin, end and are used again under its eyes, so what it prints may be
 * old, but never broken: each line is one of the two forms, complete, with a name and a place that
 * tasks of this program have. Several dump at once, from kernel threads and from a task.
 */
#include "stress.h"

#include <errno.h>

enum { DUMPERS = 2 };

static atomic_bool done;

/* --- something to look at ------------------------------------------------------------------- */

static int leaf(void *arg)
{
    (void)arg;
    sley_yield();
    return 0;
}

static int branch(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    struct sley_task *tasks[8];

    for (int i = 0; i < 8; i++) {
        struct sley_task_options options = {.name =
                                                stress_below(&random, 2) ? "a named leaf" : NULL};

        CHECK(sley_spawn(leaf, NULL, &options, &tasks[i]) == 0, "spawn");
    }
    if (stress_below(&random, 2))
        sley_cancel(tasks[stress_below(&random, 8)], "for the dump");
    if (stress_below(&random, 4) == 0)
        sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 200)));
    for (int i = 0; i < 8; i++)
        CHECK(stress_join(tasks[i]) == 0, "a leaf failed");
    return 0;
}

/* --- looking -------------------------------------------------------------------------------- */

/* Whether it has a name that tasks here have. */
static bool is_known(const char *line)
{
    static const char *const names[] = {"\"leaf\"", "\"a named leaf\"", "\"branch\"", "\"forest\""};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(line, names[i]))
            return true;
    return false;
}

static void check_line(const char *line)
{
    const char *age = strstr(line, ", ");
    unsigned long long number;
    double seconds;

    if (strncmp(line, "worker ", 7) == 0)
        return;
    CHECK(sscanf(line, "task %llu ", &number) == 1, "a line of the dump: %s", line);
    CHECK(is_known(line), "an unknown name: %s", line);
    CHECK(strstr(line, "dump_storm.c:"), "an unknown place: %s", line);
    CHECK(age && sscanf(age, ", %lf s old", &seconds) == 1, "no age: %s", line);
    CHECK(seconds >= 0 && seconds < 1e4, "a strange age: %s", line);
}

static void dump(const struct sley_runtime *runtime, FILE *file, char *line)
{
    struct sley_worker_stats stats;
    int result, n = 0;

    rewind(file);
    CHECK(ftruncate(fileno(file), 0) == 0, "truncate: %s", strerror(errno));
    result = sley_runtime_dump(runtime, fileno(file));
    CHECK(result >= 0, "dump: %s", sley_strerror(result));
    rewind(file);
    while (fgets(line, 1024, file)) {
        check_line(line);
        n += line[0] == 't';
    }
    CHECK(n == result, "%d tasks in %d lines", result, n);
    for (unsigned i = 0; i < sley_runtime_workers(runtime); i++)
        CHECK(sley_runtime_stats(runtime, i, &stats) == 0, "stats");
    CHECK(sley_runtime_stats(runtime, sley_runtime_workers(runtime), &stats) == SLEY_EINVAL,
          "no such worker");
}

static void *keep_dumping(void *arg)
{
    FILE *file = tmpfile();
    char line[1024];

    CHECK(file, "tmpfile: %s", strerror(errno));
    while (!atomic_load(&done)) {
        dump(arg, file, line);
        stress_alive();
    }
    fclose(file);
    return NULL;
}

static int forest(void *arg)
{
    unsigned rounds = stress_count(1000, 100);
    FILE *file = tmpfile();
    char line[1024];

    (void)arg;
    CHECK(file, "tmpfile: %s", strerror(errno));
    for (unsigned i = 0; i < rounds; i++) {
        struct sley_task *tasks[4];

        for (uintptr_t k = 0; k < 4; k++)
            CHECK(sley_spawn(branch, (void *)(i * 4 + k), NULL, &tasks[k]) == 0, "spawn");
        if (i % 64 == 0)
            dump(sley_runtime_current(), file, line);
        for (int k = 0; k < 4; k++)
            CHECK(stress_join(tasks[k]) == 0, "a branch failed");
    }
    fclose(file);
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++) {
        struct sley_runtime *runtime = stress_start(stress_workers[i]);
        pthread_t threads[DUMPERS];
        struct sley_task *task;
        int result;

        atomic_store(&done, false);
        for (int k = 0; k < DUMPERS; k++)
            CHECK(pthread_create(&threads[k], NULL, keep_dumping, runtime) == 0, "thread");
        CHECK(sley_runtime_spawn(runtime, forest, NULL, NULL, &task) == 0, "spawn");
        CHECK(sley_join(task, &result) == 0 && result == 0, "the forest failed");
        atomic_store(&done, true);
        for (int k = 0; k < DUMPERS; k++)
            pthread_join(threads[k], NULL);
        stress_stop(runtime);
    }
    return stress_end();
}
