/*
 * blocking_leave.c: callers of several classes are cancelled, or late, at every point of their
 * calls, some of which they may leave to themselves; and the runtime ends in the middle of it.
 *
 * A job is allocated and has one owner at a time. Whoever gets it last frees it: the caller after a
 * call that has returned 0, `discard` otherwise. AddressSanitizer finds one that is used after
 * that, the count one that was forgotten. No class runs more at once than it may. Threads that are
 * no tasks call meanwhile.
 */
#include "stress.h"

#include <sley/blocking.h>

enum { CLASSES = 3, CALLS = 6, THREADS = 2 };

static const struct sley_blocking_class classes[CLASSES] = {
    {.name = "narrow", .threads_max = 2, .queue_max = 4, .idle_ns = SLEY_MICROSECONDS(200)},
    {.name = "wide", .threads_max = 16},
    {.name = "single", .threads_max = 1, .queue_max = 1, .idle_ns = 1},
};

static const unsigned limits[CLASSES] = {2, 16, 1};

static atomic_uint running[CLASSES], live, ran, discarded, refused, left;

struct job {
    uint64_t stream;
    unsigned class;
    atomic_uint runs;
};

static struct job *new_job(struct stress_random *random)
{
    struct job *job = malloc(sizeof *job);

    CHECK(job, "no memory");
    job->stream = stress_next(random);
    job->class = stress_below(random, CLASSES);
    atomic_init(&job->runs, 0);
    atomic_fetch_add(&live, 1);
    return job;
}

static void free_job(struct job *job)
{
    free(job);
    atomic_fetch_sub(&live, 1);
}

static int run_job(void *arg)
{
    struct job *job = arg;
    struct stress_random random = stress_random(job->stream);
    struct timespec time = {.tv_nsec = stress_below(&random, 50000)};
    unsigned now = atomic_fetch_add(&running[job->class], 1) + 1;

    CHECK(now <= limits[job->class], "%u of class %u run at once", now, job->class);
    CHECK(atomic_fetch_add(&job->runs, 1) == 0, "it runs twice");
    if (stress_below(&random, 8) == 0)
        nanosleep(&time, NULL);
    else
        stress_dawdle(&random, 500);
    atomic_fetch_sub(&running[job->class], 1);
    atomic_fetch_add(&ran, 1);
    return (int)(job->stream & 0xffff);
}

static void discard_job(void *arg, int result)
{
    struct job *job = arg;

    CHECK(atomic_load(&job->runs) ? result == (int)(job->stream & 0xffff) : result < 0,
          "discarded with %d after %u runs", result, atomic_load(&job->runs));
    if (atomic_load(&job->runs))
        atomic_fetch_add(&left, 1);
    atomic_fetch_add(&discarded, 1);
    free_job(job);
}

/* One call. Its error. */
static int call(struct stress_random *random, struct sley_runtime *runtime)
{
    struct job *job = new_job(random);
    struct sley_blocking_options options = {
        .blocking_class = &classes[job->class],
        .discard = stress_below(random, 3) ? discard_job : NULL,
        .runtime = runtime,
        .refuse = stress_below(random, 8) == 0,
    };
    uint64_t stream = job->stream;
    int result = -1, error = sley_to_thread_with(run_job, job, &options, &result);

    if (!error)
        CHECK(result == (int)(stream & 0xffff) && atomic_load(&job->runs) == 1, "result %d",
              result);
    if (error && !options.discard)
        CHECK(atomic_load(&job->runs) == 0, "it has run: %s", sley_strerror(error));
    if (!error || !options.discard)
        free_job(job);
    if (error == SLEY_EBUSY && options.refuse) {
        atomic_fetch_add(&refused, 1);
        return 0;
    }
    return error;
}

static int caller(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    int error = 0;

    for (unsigned i = 0; i < CALLS && !error; i++) {
        error = call(&random, NULL);
        if (stress_below(&random, 4) == 0)
            sley_yield();
    }
    CHECK(!error || error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT, "%s", sley_strerror(error));
    stress_alive();
    return 0;
}

struct guest {
    pthread_t thread;
    struct sley_runtime *runtime;
    uint64_t stream;
};

static void *guest_main(void *arg)
{
    struct guest *guest = arg;
    struct stress_random random = stress_random(guest->stream);
    unsigned n = stress_count(200, 30);

    for (unsigned i = 0; i < n; i++)
        CHECK(call(&random, guest->runtime) == 0, "a thread was cancelled");
    return NULL;
}

/* Spawns callers and ends some; the rest are there when the runtime ends. */
static int office(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    unsigned n = stress_count(300, 60);
    struct guest guests[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        guests[i] =
            (struct guest){.runtime = sley_runtime_current(), .stream = stress_next(&random)};
        CHECK(pthread_create(&guests[i].thread, NULL, guest_main, &guests[i]) == 0, "no thread");
    }
    for (unsigned i = 0; i < n; i++) {
        struct sley_task_options options = {0};
        struct sley_task *task;

        if (stress_below(&random, 4) == 0)
            options.deadline = sley_after(SLEY_MICROSECONDS(stress_below(&random, 2000)));
        CHECK(sley_spawn(caller, (void *)(uintptr_t)stress_next(&random), &options, &task) == 0,
              "spawn");
        if (stress_below(&random, 3) == 0) {
            for (unsigned yields = stress_below(&random, 4); yields; yields--)
                sley_yield();
            if (stress_below(&random, 4) == 0)
                sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 200)));
            sley_cancel(task, "fired");
        }
        if (stress_below(&random, 2))
            stress_join(task);
        else
            sley_detach(task);
    }
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_join(guests[i].thread, NULL) == 0, "join"); /* blocks this worker */
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (unsigned round = 0; round < 4; round++)
        for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++) {
            uint64_t stream = round * 100 + i + 1;

            stress_run(stress_workers[i], office, (void *)(uintptr_t)stream);
            CHECK(atomic_load(&live) == 0, "%u jobs were forgotten", atomic_load(&live));
        }
    CHECK(ran && discarded, "%u ran, %u were discarded", ran, discarded);
    if (getenv("SLEY_STRESS_TALK"))
        printf("%u ran, %u discarded, %u left, %u refused\n", ran, discarded, left, refused);
    return stress_end();
}
