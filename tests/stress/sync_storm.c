/*
 * sync_storm.c: everything of sync.h under many tasks, foreign threads and cancels at once.
 *
 * Each part has an invariant that breaks when two are let in where one may be, when a wake-up is
 * lost (the watchdog barks), or when a permit is lost or doubled by a cancel that meets a grant.
 */
#include "stress.h"

#include <sley/sync.h>

enum { TASKS = 24, THREADS = 2, PERMITS = 3 };

/* What is run by every task and thread; negative: a cancel or deadline ended it. */
typedef int round_fn(struct stress_random *random);

struct part {
    const char *name;
    round_fn *round;
    unsigned rounds;
};

static unsigned rounds;

/* --- the parts -------------------------------------------------------------------------------- */

static struct sley_mutex mutex;
static uint64_t inside, total; /* plain: the mutex orders them */

static int mutex_round(struct stress_random *random)
{
    int error = 0;

    if (stress_below(random, 4) || !sley_mutex_try(&mutex))
        error = sley_mutex_lock(&mutex);
    if (error)
        return error;
    CHECK(inside++ == 0, "%" PRIu64 " inside", inside);
    total++;
    if (stress_below(random, 8) == 0)
        (void)sley_yield();
    stress_dawdle(random, 50);
    CHECK(--inside == 0, "%" PRIu64 " inside", inside);
    sley_mutex_unlock(&mutex);
    return 0;
}

static struct sley_semaphore semaphore = SLEY_SEMAPHORE_BOUNDED_INIT(PERMITS, PERMITS);
static _Atomic int holders;

static int semaphore_round(struct stress_random *random)
{
    int error = sley_semaphore_acquire(&semaphore);

    if (error)
        return error;
    CHECK(++holders <= PERMITS, "%d hold", holders);
    if (stress_below(random, 4) == 0)
        (void)sley_yield();
    holders--;
    error = sley_semaphore_release(&semaphore);
    CHECK(error == 0, "release: %s", sley_strerror(error));
    return 0;
}

static struct sley_limiter limiter = SLEY_LIMITER_INIT(PERMITS);

static int limiter_round(struct stress_random *random)
{
    struct sley_token token, second;
    int error = sley_limiter_acquire(&limiter, &token);

    if (error)
        return error;
    CHECK(++holders <= PERMITS, "%d hold", holders);
    if (stress_below(random, 4) == 0) {
        error = sley_limiter_acquire(&limiter, &second);
        CHECK(error == SLEY_EBUSY || error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT, "%s",
              sley_strerror(error));
    }
    if (stress_below(random, 4) == 0)
        (void)sley_yield();
    holders--;
    error = sley_limiter_release(&limiter, &token);
    CHECK(error == 0, "release: %s", sley_strerror(error));
    return 0;
}

static struct sley_rwlock rwlock;
static _Atomic int readers;
static uint64_t written[2]; /* plain: always equal under the lock */

static int read_round(struct stress_random *random)
{
    int error = sley_rwlock_read(&rwlock);

    if (error)
        return error;
    readers++;
    CHECK(written[0] == written[1], "half a write was seen");
    if (stress_below(random, 4) == 0)
        (void)sley_yield();
    CHECK(written[0] == written[1], "half a write was seen");
    readers--;
    sley_rwlock_unlock(&rwlock);
    return 0;
}

static int write_round(struct stress_random *random)
{
    int error = sley_rwlock_write(&rwlock);

    if (error)
        return error;
    written[0]++;
    if (stress_below(random, 4) == 0)
        (void)sley_yield();
    CHECK(readers == 0, "%d readers beside a writer", readers);
    written[1]++;
    sley_rwlock_unlock(&rwlock);
    return 0;
}

static int rwlock_round(struct stress_random *random)
{
    return stress_below(random, 5) ? read_round(random) : write_round(random);
}

/* A bounded buffer of numbers: what goes in comes out. Everybody puts one in and takes one out. */
static struct sley_mutex buffer_mutex;
static struct sley_cond not_full, not_empty;
static unsigned buffered;

static int buffer_move(bool put)
{
    struct sley_cond *mine = put ? &not_full : &not_empty, *theirs = put ? &not_empty : &not_full;
    int error = sley_mutex_lock(&buffer_mutex);

    if (error)
        return error;
    while (!error && buffered == (put ? 2 * TASKS : 0))
        error = sley_cond_wait(mine, &buffer_mutex);
    if (!error)
        buffered += put ? 1 : (unsigned)-1;
    sley_mutex_unlock(&buffer_mutex);
    if (!error)
        sley_cond_signal(theirs);
    return error;
}

static int cond_round(struct stress_random *random)
{
    int error;

    (void)random;
    /* A deadline stays passed: the second half of a pair is done without one. */
    error = buffer_move(true);
    sley_deadline_restore(SLEY_FOREVER);
    return error ? error : buffer_move(false);
}

/* Set for an instant only: whoever waits must be let go all the same. */
static struct sley_event event;

static int event_round(struct stress_random *random)
{
    if (stress_below(random, 3))
        return sley_event_wait(&event);
    sley_event_set(&event);
    sley_event_clear(&event);
    return 0;
}

/* A million turns per second. How many there were is counted from time to time anew: what has begun
 * since then has had its turn since then. */
enum { BURST = 4, SPANS = 4096 };
static struct sley_rate_limiter rate = SLEY_RATE_LIMITER_INIT(1000000, BURST);
static _Atomic int64_t span_began[SPANS];
static _Atomic uint64_t span_turns[SPANS];
static _Atomic unsigned span;

/* The first one when nobody else is there, the others by the helper alone. */
static void begin_span(unsigned next)
{
    if (next == SPANS)
        return;
    span_turns[next] = 0;
    span_began[next] = sley_now();
    span = next;
}

/* So many turns were had since `began`. */
static void check_rate(int64_t began, uint64_t turns)
{
    uint64_t most = BURST + 1 + (uint64_t)((sley_now() - began) / rate.interval);

    CHECK(turns <= most, "%" PRIu64 " turns in the time of %" PRIu64, turns, most);
}

static int rate_round(struct stress_random *random)
{
    unsigned now = span, turns = 0;
    int64_t began = sley_now();
    int error = 0;

    if (stress_below(random, 3))
        turns = !(error = sley_rate_limiter_wait(&rate));
    else
        for (unsigned i = stress_below(random, 2 * BURST); i > 0; i--)
            turns += sley_rate_limiter_try(&rate);
    check_rate(began, turns);
    check_rate(span_began[now], span_turns[now] += turns);
    return error;
}

/* One turn per hour: whoever waits is cancelled, and gives his turn back with others behind him or
 * none. Then it is as if nobody had come. */
static struct sley_rate_limiter slow = SLEY_RATE_LIMITER_INIT(1.0 / 3600, 1);

static int wait_an_hour(void *arg)
{
    struct stress_random random = stress_random((uintptr_t)arg);

    stress_dawdle(&random, 2000);
    CHECK(!sley_rate_limiter_try(&slow), "a turn too early");
    return sley_rate_limiter_wait(&slow);
}

static void give_turns_back(struct stress_random *random)
{
    struct sley_task *tasks[TASKS];
    int64_t next;

    (void)sley_rate_limiter_try(&slow); /* the first time */
    next = slow.next;
    for (unsigned i = 0; i < TASKS; i++)
        tasks[i] = stress_spawn(wait_an_hour, (void *)(uintptr_t)stress_next(random));
    for (unsigned i = 0, first = stress_below(random, TASKS); i < TASKS; i++) {
        if (stress_below(random, 4) == 0)
            (void)sley_yield();
        sley_cancel(tasks[(first + i * 7) % TASKS], "after the hour");
    }
    for (unsigned i = 0; i < TASKS; i++)
        CHECK(stress_join(tasks[i]) == SLEY_ECANCELED, "nobody had a turn");
    CHECK(slow.next == next && !slow.waiting && !slow.kept,
          "%" PRId64 " turns are lost, %u wait, the time is kept: %d",
          (slow.next - next) / slow.interval, slow.waiting, slow.kept);
}

static const struct part parts[] = {
    {"mutex", mutex_round, 400},     {"semaphore", semaphore_round, 300},
    {"limiter", limiter_round, 200}, {"rwlock", rwlock_round, 300},
    {"cond", cond_round, 150},       {"event", event_round, 100},
    {"rate", rate_round, 200},
};

/* --- everybody -------------------------------------------------------------------------------- */

static const struct part *part;
static _Atomic unsigned streams, running;

static int play(bool may_be_late)
{
    struct stress_random random = stress_random(++streams);
    unsigned done = 0;

    for (unsigned i = 0; i < rounds; i++) {
        int64_t before = SLEY_FOREVER;
        int error;

        if (may_be_late && stress_below(&random, 16) == 0)
            before = sley_deadline_narrow(sley_after((int64_t)stress_below(&random, 30000)));
        error = part->round(&random);
        if (before != SLEY_FOREVER || may_be_late)
            sley_deadline_restore(SLEY_FOREVER);
        CHECK(error == 0 || error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT, "%s",
              sley_strerror(error));
        if (error == SLEY_ECANCELED)
            break;
        done += error == 0;
    }
    running--;
    stress_alive();
    return (int)done;
}

static int task(void *arg)
{
    (void)arg;
    return play(true);
}

static void *thread(void *arg)
{
    (void)arg;
    play(false);
    return NULL;
}

/* Sets the event until everybody has ended, and takes and gives what the condition needs. */
static int helper(void *arg)
{
    (void)arg;
    while (running > 0) {
        sley_event_set(&event);
        sley_event_clear(&event);
        begin_span(span + 1);
        sley_mutex_lock(&buffer_mutex);
        if (buffered > TASKS)
            buffered = TASKS;
        else
            buffered++;
        sley_mutex_unlock(&buffer_mutex);
        sley_cond_broadcast(&not_empty);
        sley_cond_broadcast(&not_full);
        CHECK(sley_sleep(SLEY_MICROSECONDS(200)) == 0, "the helper was cancelled");
    }
    return 0;
}

static int storm(void *arg)
{
    struct sley_task *tasks[TASKS], *help;
    struct stress_random random = stress_random(77);

    (void)arg;
    for (unsigned i = 0; i < TASKS; i++)
        tasks[i] = stress_spawn(task, NULL);
    help = stress_spawn(helper, NULL);
    for (unsigned i = 0; i < TASKS / 4; i++) {
        sley_sleep((int64_t)stress_below(&random, 200000));
        sley_cancel(tasks[stress_below(&random, TASKS)], "storm");
    }
    if (part->round == rate_round)
        for (unsigned i = 0; i < rounds / 4; i++)
            give_turns_back(&random);
    for (unsigned i = 0; i < TASKS; i++)
        stress_join(tasks[i]);
    stress_join(help);
    return 0;
}

/* All that was taken has been given back. */
static void check_quiet(void)
{
    CHECK(sley_mutex_try(&mutex), "somebody has the mutex");
    sley_mutex_unlock(&mutex);
    for (int i = 0; i < PERMITS; i++)
        CHECK(sley_semaphore_try(&semaphore), "permit %d is lost", i);
    CHECK(!sley_semaphore_try(&semaphore), "a permit too many");
    for (int i = 0; i < PERMITS; i++)
        CHECK(sley_semaphore_release(&semaphore) == 0, "permit %d", i);
    CHECK(sley_semaphore_release(&semaphore) == SLEY_EINVAL, "above the bound");
    CHECK(sley_limiter_taken(&limiter) == 0, "%u tokens are out", sley_limiter_taken(&limiter));
    CHECK(sley_rwlock_try_write(&rwlock), "somebody has the rwlock");
    sley_rwlock_unlock(&rwlock);
    CHECK(written[0] == written[1], "half a write");
    CHECK(!rate.waiting && !rate.kept, "%u wait, the time is kept: %d", rate.waiting, rate.kept);
    CHECK(rate.next <= sley_now() + BURST * rate.interval, "turns were had that nobody had");
}

static void run_part(unsigned workers)
{
    struct sley_runtime *runtime = stress_start(workers);
    pthread_t threads[THREADS];

    running = TASKS + THREADS;
    buffered = TASKS;
    begin_span(0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, thread, NULL) == 0, "no thread");
    stress_run_in(runtime, storm, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    stress_stop(runtime);
    check_quiet();
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        part = &parts[p];
        rounds = stress_count(part->rounds, part->rounds / 10 + 1);
        for (size_t w = 0; w < STRESS_WORKER_COUNTS; w++)
            run_part(stress_workers[w]);
    }
    return stress_end();
}
