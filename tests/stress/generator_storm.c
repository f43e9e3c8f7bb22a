/*
 * generator_storm.c: many tasks with generators whose bodies wait, go through the run queue, use
 * other generators and are passed on; tasks are cancelled and generators closed at any moment.
 *
 * A generator counts. Whoever asks it checks that the numbers come one after the other, that the
 * body runs as the one who asks, and that each side finds its own stack as it left it. In the end
 * as many bodies have been cleaned up as have begun. In the hostile build the validator looks at
 * all their stacks meanwhile.
 */
#include "stress.h"

#include <sley/chan.h>
#include <sley/generator.h>

enum { TASKS = 12, POOL = 8, DEPTH = 3 };

/* What a body that is at its end yields once more, if it may. */
#define LAST_WORDS UINT64_MAX

static _Atomic uint64_t begun, cleaned, values, refused;
static _Atomic unsigned streams;
static unsigned rounds;
static struct sley_chan *passed_on; /* struct shared *: generators on their way to the next task */

struct counter {
    struct stress_random random;
    unsigned depth; /* of generators inside */
};

/* What a generator yields. */
struct step {
    uint64_t number;
    struct sley_task *by; /* whom the body takes itself for */
};

/* A generator and what must come next of it. */
struct shared {
    struct sley_generator *generator;
    struct counter counter;
    uint64_t next;
};

/* Waits in one of several ways, or not. 0 or the task's cancellation. */
static int dally(struct stress_random *random)
{
    switch (stress_below(random, 8)) {
    case 0:
        return sley_sleep(stress_below(random, 50000));
    case 1:
    case 2:
        return sley_yield();
    case 3:
        sley_unpark(sley_self());
        return sley_park("a permit of its own");
    default:
        stress_dawdle(random, 200);
        return 0;
    }
}

static int count_on(struct sley_generator *self, void *arg);

/* Takes the numbers of a generator inside. 0, or with what it ended. */
static int use_inner(struct counter *counter)
{
    struct counter inner = {stress_random(++streams), counter->depth - 1};
    uint64_t expected = 0;
    unsigned enough = stress_below(&counter->random, 6);
    int status = 0;

    SLEY_FOREACH_FROM (struct step, step, count_on, &inner, status) {
        if (step.number == LAST_WORDS)
            continue;
        CHECK(step.number == expected++, "an inner generator yields %" PRIu64, step.number);
        CHECK(step.by == sley_self(), "an inner body is another task");
        if (expected > enough)
            break;
    }
    return status < 0 && status != SLEY_EOF ? status : 0;
}

/* Puts a pattern on its stack over each yield. */
static int yield_over_pattern(struct sley_generator *self, struct counter *counter, uint64_t number)
{
    struct step step = {number, sley_self()};
    volatile uint64_t pattern[32];
    uint64_t mark = stress_next(&counter->random);
    int error;

    for (unsigned i = 0; i < 32; i++)
        pattern[i] = mark + i;
    error = sley_yield_value(self, &step);
    for (unsigned i = 0; i < 32; i++)
        CHECK(pattern[i] == mark + i, "the body's stack was written to");
    return error;
}

/* The body: 0, 1, 2 ... until it is closed, its task is cancelled, or it has had enough. */
static int count_on(struct sley_generator *self, void *arg)
{
    struct counter *counter = arg;
    unsigned end = 1 + stress_below(&counter->random, 100);
    int error = 0;

    begun++;
    for (uint64_t n = 0; n < end; n++) {
        if ((error = dally(&counter->random)) != 0)
            break;
        if (counter->depth && stress_below(&counter->random, 10) == 0 &&
            (error = use_inner(counter)) != 0)
            break;
        if ((error = yield_over_pattern(self, counter, n)) != 0 && error != SLEY_EAGAIN)
            break;
    }
    dally(&counter->random);
    CHECK(sley_yield_value(self, &(struct step){LAST_WORDS, sley_self()}) < 0 ||
              error != SLEY_ECLOSED,
          "a closed generator yields");
    cleaned++;
    return error ? error : SLEY_EOF;
}

static struct shared *new_shared(void)
{
    struct shared *shared = malloc(sizeof *shared);
    struct sley_generator_options options = {.stack_size = (streams & 3) == 0 ? 16384 : 0};
    int error;

    CHECK(shared, "no memory");
    shared->counter = (struct counter){stress_random(++streams), DEPTH};
    shared->next = 0;
    if (WITH_ASAN || WITH_TSAN || STRESS_HOSTILE)
        options.stack_size = 0;
    error = sley_generator_new(count_on, &shared->counter, sizeof(struct step), &options,
                               &shared->generator);
    CHECK(error == 0, "%s", sley_strerror(error));
    return shared;
}

static void free_shared(struct shared *shared)
{
    sley_generator_free(shared->generator);
    free(shared);
}

/* Asks for one value, or throws, or sends. False: there are no more, for this task at least. */
static bool ask(struct shared *shared, struct stress_random *random)
{
    struct step step = {0, NULL};
    int status;

    switch (stress_below(random, 16)) {
    case 0:
        status = sley_generator_throw(shared->generator, SLEY_EAGAIN, &step);
        break;
    case 1:
        status = sley_generator_send(shared->generator, &step, &step);
        if (status == SLEY_EINVAL) /* it has not begun */
            return true;
        break;
    default:
        status = sley_generator_next(shared->generator, &step);
    }
    if (status != 1) {
        CHECK(status < 0, "a body that never returns 0 did");
        return false;
    }
    values++;
    if (step.number == LAST_WORDS)
        return true;
    CHECK(step.by == sley_self(), "the body is another task");
    CHECK(step.number == shared->next, "%" PRIu64 " comes after %" PRIu64, step.number,
          shared->next);
    shared->next++;
    return true;
}

/* Takes generators from the others, uses them for a while and passes them on, or makes an end. */
static int consumer(void *arg)
{
    struct stress_random random = stress_random(++streams);
    struct shared *shared;

    (void)arg;
    for (unsigned i = 0; i < rounds; i++) {
        bool goes_on = true;

        stress_alive();
        if (sley_chan_try_recv(passed_on, &shared) != 1)
            shared = new_shared();
        for (unsigned n = stress_below(&random, 12); goes_on && n > 0; n--) {
            goes_on = ask(shared, &random);
            if (stress_below(&random, 6) == 0)
                dally(&random);
        }
        if (!goes_on || stress_below(&random, 8) == 0 || sley_cancelled() ||
            sley_chan_try_send(passed_on, &shared) != 1)
            free_shared(shared);
        if (sley_cancelled())
            return 0;
    }
    return 0;
}

/* --- everybody asks one at once ----------------------------------------------------------------
 */

struct crowd {
    struct sley_generator *generator;
    struct counter counter;
    _Atomic uint64_t next;
    _Atomic bool over;
};

static int push_in(void *arg)
{
    struct crowd *crowd = arg;
    struct stress_random random = stress_random(++streams);
    struct step step;

    while (!crowd->over) {
        int status = sley_generator_next(crowd->generator, &step);

        if (status == SLEY_EBUSY) {
            refused++;
            sley_yield();
        } else if (status == 1) {
            CHECK(step.by == sley_self(), "another's value");
            if (step.number != LAST_WORDS)
                crowd->next++;
        } else {
            crowd->over = true;
        }
        if (stress_below(&random, 4) == 0)
            sley_yield();
        stress_alive();
    }
    return 0;
}

static void crowd_around_one(void)
{
    struct crowd crowd = {.counter = {stress_random(++streams), 1}};
    struct sley_task *tasks[4];

    CHECK(sley_generator_new(count_on, &crowd.counter, sizeof(struct step), NULL,
                             &crowd.generator) == 0,
          "no generator");
    for (int i = 0; i < 4; i++)
        tasks[i] = stress_spawn(push_in, &crowd);
    for (int i = 0; i < 4; i++)
        stress_join(tasks[i]);
    CHECK(crowd.next >= 1 && crowd.next <= 100, "%" PRIu64 " values", (uint64_t)crowd.next);
    sley_generator_free(crowd.generator);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static int storm(void *arg)
{
    struct stress_random random = stress_random(++streams);
    struct sley_task *tasks[TASKS];
    struct shared *shared;

    (void)arg;
    CHECK(sley_chan_new(sizeof(struct shared *), POOL, &passed_on) == 0, "no channel");
    for (int i = 0; i < TASKS; i++)
        tasks[i] = stress_spawn(consumer, NULL);
    for (int i = 0; i < TASKS; i++) {
        if (stress_below(&random, 2))
            sley_sleep(stress_below(&random, 500000));
        if (stress_below(&random, 3) == 0)
            sley_cancel(tasks[i], "the storm");
    }
    crowd_around_one();
    for (int i = 0; i < TASKS; i++)
        stress_join(tasks[i]);
    while (sley_chan_try_recv(passed_on, &shared) == 1)
        free_shared(shared);
    sley_chan_free(passed_on);
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    rounds = stress_count(400, 40);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++) {
        CHECK(stress_run(stress_workers[i], storm, NULL) == 0, "the storm failed");
        CHECK(begun == cleaned, "%" PRIu64 " bodies have begun, %" PRIu64 " have ended",
              (uint64_t)begun, (uint64_t)cleaned);
    }
    CHECK(values > 0, "nothing was yielded");
    return stress_end();
}
