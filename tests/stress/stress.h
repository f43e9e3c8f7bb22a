/*
 * stress.h: what the stress programs share: size, seed, randomness, failing, and a watchdog.
 *
 * No program here depends on time. The watchdog only turns a hang into a failure that says what
 * every task was doing: it barks when a program has not called stress_alive() for so long that even
 * a machine with other things to do would have got there.
 *
 *   argv[1] or SLEY_STRESS_SCALE   multiplies how much is done; 1 takes a second or two
 *   SLEY_SEED                      repeats the choices of a run that failed, not its interleaving
 *   SLEY_STRESS_STOP=1             the watchdog stops the process for a debugger before it ends it
 */
#ifndef SLEY_STRESS_H
#define SLEY_STRESS_H

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sley/error.h>
#include <sley/park.h>
#include <sley/runtime.h>
#include <sley/task.h>
#include <sley/time.h>

#include "watched.h"

#ifdef SLEY_HOSTILE
#define STRESS_HOSTILE 1
#else
#define STRESS_HOSTILE 0
#endif

#define STRESS_SLOW         (WITH_TSAN || WITH_ASAN || STRESS_HOSTILE)
#define STRESS_SKIPPED      77
#define STRESS_RUNTIMES_MAX 4

static struct {
    const char *program;
    double scale;
    uint64_t seed;
    atomic_uint_fast64_t signs_of_life;
    pthread_t watchdog;
    pthread_mutex_t lock; /* protects `runtimes`, `watching` and `done` */
    pthread_cond_t changed;
    const struct sley_runtime *runtimes[STRESS_RUNTIMES_MAX]; /* what the watchdog dumps */
    bool watching, done;
} stress = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* --- failing -------------------------------------------------------------------------------- */

#define CHECK(cond, ...)                                         \
    do {                                                         \
        if (!(cond))                                             \
            stress_fail(__FILE__, __LINE__, #cond, __VA_ARGS__); \
    } while (0)

static inline void stress_how_to_repeat(void)
{
    fprintf(stderr, "%s: scale %g; SLEY_SEED=%" PRIu64 " repeats the choices\n", stress.program,
            stress.scale, stress.seed);
}

__attribute__((noreturn, format(printf, 4, 5))) static inline void stress_fail(
    const char *file, int line, const char *what, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "%s:%d: failed: %s: ", file, line, what);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    stress_how_to_repeat();
    if (getenv("SLEY_STRESS_STOP"))
        raise(SIGSTOP);
    _exit(1);
}

/* --- randomness ----------------------------------------------------------------------------- */

/* A generator per task or thread. */
struct stress_random {
    uint64_t state;
};

static inline uint64_t stress_hash(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static inline struct stress_random stress_random(uint64_t stream)
{
    return (struct stress_random){stress_hash(stress.seed + stream * UINT64_C(0x9e3779b97f4a7c15))};
}

static inline uint64_t stress_next(struct stress_random *random)
{
    return stress_hash(random->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 .. below - 1. */
static inline unsigned stress_below(struct stress_random *random, unsigned below)
{
    return (unsigned)(stress_next(random) % below);
}

/* Burns up to `max` turns of a loop, so that what follows meets others at any point of theirs. */
static inline void stress_dawdle(struct stress_random *random, unsigned max)
{
    for (unsigned i = stress_below(random, max + 1); i > 0; i--)
        __asm__ volatile("" ::: "memory");
}

/* --- the watchdog --------------------------------------------------------------------------- */

/* Seconds without a sign of life. */
static inline int stress_patience(void)
{
    return STRESS_SLOW ? 180 : 60;
}

static inline void stress_bark(void)
{
    fprintf(stderr, "%s: no sign of life for %d s; its tasks:\n", stress.program,
            stress_patience());
    for (int i = 0; i < STRESS_RUNTIMES_MAX; i++)
        if (stress.runtimes[i])
            sley_runtime_dump(stress.runtimes[i], STDERR_FILENO);
    stress_how_to_repeat();
    if (getenv("SLEY_STRESS_STOP"))
        raise(SIGSTOP);
    _exit(1);
}

static inline void *stress_watch(void *arg)
{
    uint64_t seen = 0;
    int quiet = 0;

    (void)arg;
    pthread_mutex_lock(&stress.lock);
    stress.watching = true;
    pthread_cond_signal(&stress.changed);
    while (!stress.done) {
        struct timespec until;
        uint64_t now = atomic_load(&stress.signs_of_life);

        quiet = now == seen ? quiet + 1 : 0;
        seen = now;
        if (quiet > stress_patience())
            stress_bark();
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&stress.changed, &stress.lock, &until);
    }
    pthread_mutex_unlock(&stress.lock);
    return NULL;
}

static inline void stress_alive(void)
{
    atomic_fetch_add_explicit(&stress.signs_of_life, 1, memory_order_relaxed);
}

/* --- beginning and end ---------------------------------------------------------------------- */

static inline uint64_t stress_choose_seed(void)
{
    const char *text = getenv("SLEY_SEED");
    struct timespec now;

    if (text && *text)
        return strtoull(text, NULL, 0);
    clock_gettime(CLOCK_REALTIME, &now);
    return stress_hash((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec +
                       (uint64_t)getpid()) %
           1000000000u;
}

/* Returns when it watches: AddressSanitizer allocates on a thread's way to its function, and a fork
 * in that instant has a child whose allocator is locked for ever. */
static inline void stress_start_watchdog(void)
{
    CHECK(pthread_create(&stress.watchdog, NULL, stress_watch, NULL) == 0, "no watchdog");
    pthread_mutex_lock(&stress.lock);
    while (!stress.watching)
        pthread_cond_wait(&stress.changed, &stress.lock);
    pthread_mutex_unlock(&stress.lock);
}

static inline void stress_begin(int argc, char **argv)
{
    const char *scale = argc > 1 ? argv[1] : getenv("SLEY_STRESS_SCALE");
    const char *slash = strrchr(argv[0], '/');

    stress.program = slash ? slash + 1 : argv[0];
    stress.scale = scale ? strtod(scale, NULL) : 1;
    if (!(stress.scale > 0)) {
        fprintf(stderr, "%s: the scale must be a number above 0\n", stress.program);
        exit(2);
    }
    stress.seed = stress_choose_seed();
    stress_start_watchdog();
}

/* Returns main's result. */
static inline int stress_end(void)
{
    pthread_mutex_lock(&stress.lock);
    stress.done = true;
    pthread_cond_signal(&stress.changed);
    pthread_mutex_unlock(&stress.lock);
    pthread_join(stress.watchdog, NULL);
    return 0;
}

/* How many of something: `normal` in a plain build, fewer where a tool slows everything down. */
static inline unsigned stress_count(unsigned normal, unsigned slow)
{
    double n = (STRESS_SLOW ? slow : normal) * stress.scale;

    return n < 1 ? 1 : (unsigned)n;
}

/* --- runtimes that the watchdog knows ------------------------------------------------------- */

static inline struct sley_runtime *stress_start(unsigned workers)
{
    struct sley_options options = {.workers = workers};
    struct sley_runtime *runtime;
    int i, error = sley_runtime_new(&options, &runtime);

    CHECK(error == 0, "%s", sley_strerror(error));
    pthread_mutex_lock(&stress.lock);
    for (i = 0; i < STRESS_RUNTIMES_MAX && stress.runtimes[i]; i++)
        ;
    if (i < STRESS_RUNTIMES_MAX)
        stress.runtimes[i] = runtime;
    pthread_mutex_unlock(&stress.lock);
    return runtime;
}

/* It stays listed while it closes, because a hang there is what one wants to see dumped. */
static inline void stress_stop(struct sley_runtime *runtime)
{
    sley_runtime_free(runtime);
    pthread_mutex_lock(&stress.lock);
    for (int i = 0; i < STRESS_RUNTIMES_MAX; i++)
        if (stress.runtimes[i] == runtime)
            stress.runtimes[i] = NULL;
    pthread_mutex_unlock(&stress.lock);
    stress_alive();
}

/* Runs fn(arg) as a task of `runtime` and returns its result, from a foreign thread. */
static inline int stress_run_in(struct sley_runtime *runtime, sley_task_fn *fn, void *arg)
{
    struct sley_task *task;
    int result, error = sley_runtime_spawn(runtime, fn, arg, NULL, &task);

    CHECK(error == 0, "spawn: %s", sley_strerror(error));
    error = sley_join(task, &result);
    CHECK(error == 0, "join: %s", sley_strerror(error));
    return result;
}

static inline int stress_run(unsigned workers, sley_task_fn *fn, void *arg)
{
    struct sley_runtime *runtime = stress_start(workers);
    int result = stress_run_in(runtime, fn, arg);

    stress_stop(runtime);
    return result;
}

static inline struct sley_task *stress_spawn(sley_task_fn *fn, void *arg)
{
    struct sley_task *task;
    int error = sley_spawn(fn, arg, NULL, &task);

    CHECK(error == 0, "spawn: %s", sley_strerror(error));
    return task;
}

static inline int stress_join(struct sley_task *task)
{
    int result, error = sley_join(task, &result);

    CHECK(error == 0, "join: %s", sley_strerror(error));
    return result;
}

/* The worker counts that each program goes through: as the environment says (SLEY_WORKERS, or the
 * machine), then one, two, three, eight. */
static const unsigned stress_workers[] = {0, 1, 2, 3, 8};
#define STRESS_WORKER_COUNTS (sizeof stress_workers / sizeof stress_workers[0])

#endif
