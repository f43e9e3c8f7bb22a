/*
 * shutdown_load.c: a runtime is freed while its tasks are in the middle of everything.
 *
 * Some hundred times: start a runtime, fill it with tasks that park, sleep for hours, join each
 * other, block in threads, yield without end and spawn more of their kind, and free it at a random
 * moment. Every task that was spawned must have run and ended before sley_runtime_free() returns:
 * so its cleanup has run, and what it has allocated is free again (AddressSanitizer's leak check
 * sees what is not). After the cancellation every waiting call must say so, again and again.
 */
#include "stress.h"

#include <sley/blocking.h>

enum work { PARKS, SLEEPS, YIELDS, BLOCKS, JOINS, BREEDS, RETURNS, WORKS };

static atomic_uint_fast64_t spawned, ended;

/* A task's own memory, to be freed by its cleanup. */
struct own {
    enum work kind;
    uint64_t stream;
};

static int task_main(void *arg);

static int spawn_one(enum work kind, uint64_t stream, struct sley_task **out)
{
    struct own *own = malloc(sizeof *own);
    int error;

    CHECK(own, "no memory");
    *own = (struct own){kind, stream};
    atomic_fetch_add(&spawned, 1);
    error = sley_spawn(task_main, own, NULL, out);
    if (error) {
        CHECK(error == SLEY_ESHUTDOWN, "spawn: %s", sley_strerror(error));
        atomic_fetch_sub(&spawned, 1);
        free(own);
    }
    return error;
}

static int block(void *arg)
{
    struct timespec time = {.tv_nsec = (long)(((struct own *)arg)->stream % 200000)};

    nanosleep(&time, NULL);
    return 3;
}

static int join_child(struct stress_random *random)
{
    enum work kind = stress_below(random, 4) ? RETURNS : stress_below(random, WORKS);
    struct sley_task *child;
    int error = spawn_one(kind, stress_next(random), &child);

    if (error)
        return error;
    error = sley_join(child, NULL);
    if (error)
        sley_detach(child);
    return error;
}

static int breed(struct stress_random *random)
{
    int error = 0;

    for (unsigned i = 0; !error; i++) {
        error = spawn_one(RETURNS, stress_next(random), NULL);
        if (!error && (i > 64 || stress_below(random, 8) == 0))
            error = sley_yield();
    }
    return error;
}

static int work(struct own *own, struct stress_random *random)
{
    int result = 0, from_thread = 0;

    switch (own->kind) {
    case PARKS:
        return sley_park("the end of the world");
    case SLEEPS:
        return sley_sleep(SLEY_SECONDS(3600 + stress_below(random, 3600)));
    case YIELDS:
        while (!result)
            result = sley_yield();
        return result;
    case BLOCKS:
        while (!(result = sley_to_thread(block, own, &from_thread)))
            CHECK(from_thread == 3, "the thread's function returned %d", from_thread);
        return result;
    case JOINS:
        while (!result)
            result = join_child(random);
        return result;
    case BREEDS:
        return breed(random);
    case RETURNS:
    case WORKS:
        break;
    }
    return SLEY_ECANCELED;
}

static int task_main(void *arg)
{
    struct own *own = arg;
    struct stress_random random = stress_random(own->stream);
    int kind = (int)own->kind, result = work(own, &random);

    CHECK(result == SLEY_ECANCELED || result == SLEY_ESHUTDOWN, "kind %d: %s", kind,
          sley_strerror(result));
    if (kind != RETURNS) /* it came back because of the shutdown: so will everything else */
        CHECK(sley_park("again") == SLEY_ECANCELED && sley_sleep(1) == SLEY_ECANCELED &&
                  sley_yield() == SLEY_ECANCELED && sley_cancel_reason(),
              "kind %d waits although it is cancelled", kind);
    free(own);
    atomic_fetch_add(&ended, 1);
    return 0;
}

/* Spawns a few tasks of every kind, from outside and as a task. */
static int sow(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    unsigned n = 1 + stress_below(&random, stress_count(400, 60));

    for (unsigned i = 0; i < n; i++) {
        enum work kind = stress_below(&random, WORKS);

        if ((kind == BREEDS || kind == YIELDS) && i % 64)
            kind = PARKS; /* few of those that never rest */
        if (spawn_one(kind, stress_next(&random), NULL))
            break;
    }
    return 0;
}

static void one_round(unsigned round)
{
    struct stress_random random = stress_random(round);
    unsigned workers = stress_below(&random, 5), sowers = 1 + stress_below(&random, 4);
    struct sley_runtime *runtime = stress_start(workers);

    atomic_store(&spawned, 0);
    atomic_store(&ended, 0);
    for (unsigned i = 0; i < sowers; i++)
        CHECK(sley_runtime_spawn(runtime, sow, (void *)(uintptr_t)stress_next(&random), NULL,
                                 NULL) == 0,
              "spawn");
    switch (stress_below(&random, 4)) {
    case 0:
        break;
    case 1:
        sley_sleep(SLEY_MICROSECONDS(stress_below(&random, 5000)));
        break;
    default:
        stress_dawdle(&random, 500000);
    }
    stress_stop(runtime);
    CHECK(atomic_load(&ended) == atomic_load(&spawned),
          "round %u: %" PRIu64 " spawned, %" PRIu64 " ended", round, (uint64_t)spawned,
          (uint64_t)ended);
}

int main(int argc, char **argv)
{
    unsigned rounds;

    stress_begin(argc, argv);
    rounds = stress_count(300, 40);
    for (unsigned round = 0; round < rounds; round++)
        one_round(round);
    return stress_end();
}
