/*
 * idle_quiet.c: an idle runtime does nothing at all.
 *
 * After some work the runtime has parked tasks, one that sleeps for hours, and nothing to do. From
 * then on none of its threads may be on a processor even once: for two seconds neither the number
 * of voluntary context switches of any thread grows (a periodic wake-up) nor the time that it has
 * run (a spin). These are counts: that the machine is busy does not change them.
 *
 * How long the runtime takes to settle is not this test's business, so it first waits until the
 * counts have stood still for a moment and every thread is asleep: one that only waits for a
 * processor of a busy machine stands still too.
 */
#include "stress.h"

#include <dirent.h>

enum { WORKERS = 3, THREADS_MAX = 128, PARKED = 100 };

struct thread_count {
    int id;
    unsigned long long switches; /* voluntary */
    unsigned long long run;      /* ns on a processor; 0 where the kernel does not say */
    char state;                  /* S: asleep */
    char name[32];
};

struct counts {
    struct thread_count thread[THREADS_MAX];
    int n;
};

/* --- what the kernel knows ------------------------------------------------------------------ */

static void read_status(struct thread_count *count)
{
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/status", count->id);
    if (!(file = fopen(path, "re")))
        return; /* it has ended */
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "Name: %31s", count->name);
        sscanf(line, "State: %c", &count->state);
        sscanf(line, "voluntary_ctxt_switches: %llu", &count->switches);
    }
    fclose(file);
}

static void read_run_time(struct thread_count *count)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", count->id);
    if (!(file = fopen(path, "re")))
        return;
    if (fscanf(file, "%llu", &count->run) != 1)
        count->run = 0;
    fclose(file);
}

/* Of all threads of the runtime: their names begin with its name. */
static void read_counts(struct counts *counts)
{
    DIR *directory = opendir("/proc/self/task");
    struct dirent *entry;

    CHECK(directory, "/proc/self/task");
    counts->n = 0;
    while ((entry = readdir(directory)) && counts->n < THREADS_MAX) {
        struct thread_count *count = &counts->thread[counts->n];

        *count = (struct thread_count){.id = atoi(entry->d_name)};
        if (count->id <= 0)
            continue;
        read_status(count);
        read_run_time(count);
        if (strncmp(count->name, "sley", 4) == 0)
            counts->n++;
    }
    closedir(directory);
}

/* The first thread that has run between the two, as it was before and after; false: none has.
 * Threads that have ended do not count. */
static bool find_change(const struct counts *before, const struct counts *after,
                        struct thread_count changed[2])
{
    for (int i = 0; i < after->n; i++)
        for (int k = 0; k < before->n; k++) {
            changed[0] = before->thread[k];
            changed[1] = after->thread[i];
            if (changed[0].id == changed[1].id &&
                (changed[0].switches != changed[1].switches || changed[0].run != changed[1].run))
                return true;
        }
    return false;
}

/* --- something to be idle after ------------------------------------------------------------- */

static int parked(void *arg)
{
    (void)arg;
    return sley_park("for ever");
}

static int sleeps(void *arg)
{
    (void)arg;
    return sley_sleep(SLEY_SECONDS(7200));
}

static int busy(void *arg)
{
    for (int i = 0; i < 200; i++)
        sley_yield();
    return sley_sleep(SLEY_MICROSECONDS((uintptr_t)arg % 1000));
}

static int work_a_little(void *arg)
{
    struct sley_task *tasks[100];

    (void)arg;
    for (int i = 0; i < PARKED; i++)
        CHECK(sley_spawn(parked, NULL, NULL, NULL) == 0, "spawn");
    CHECK(sley_spawn(sleeps, NULL, NULL, NULL) == 0, "spawn");
    for (uintptr_t i = 0; i < 100; i++)
        tasks[i] = stress_spawn(busy, (void *)(i * 37));
    for (int i = 0; i < 100; i++)
        stress_join(tasks[i]);
    return 0;
}

static bool all_asleep(const struct counts *counts)
{
    for (int i = 0; i < counts->n; i++)
        if (counts->thread[i].state != 'S')
            return false;
    return true;
}

static void sleep_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

int main(int argc, char **argv)
{
    struct sley_runtime *runtime;
    struct thread_count changed[2];
    bool has_run;
    static struct counts before, after;

    stress_begin(argc, argv);
    runtime = stress_start(WORKERS);
    CHECK(stress_run_in(runtime, work_a_little, NULL) == 0, "work");
    read_counts(&after);
    do { /* the watchdog ends this if it never settles */
        before = after;
        sleep_ms(200);
        read_counts(&after);
    } while (find_change(&before, &after, changed) || !all_asleep(&after));
    CHECK(after.n >= WORKERS, "found %d threads of the runtime", after.n);
    before = after;
    sleep_ms(2000);
    read_counts(&after);
    has_run = find_change(&before, &after, changed);
    if (has_run)
        sley_runtime_dump(runtime, STDERR_FILENO);
    CHECK(!has_run, "thread %d (%s) has run %llu ns, with %llu switches, and had nothing to do",
          changed[1].id, changed[1].name, changed[1].run - changed[0].run,
          changed[1].switches - changed[0].switches);
    stress_stop(runtime);
    return stress_end();
}
