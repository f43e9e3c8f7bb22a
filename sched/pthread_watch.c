/*
 * pthread_watch.c: debug builds count the pthread mutexes that each task has, so that a park with
 * one of them is a message and not a deadlock.
 *
 * A pthread mutex belongs to a kernel thread, a task does not. A task that parks with one goes on,
 * perhaps, on another thread, which may not unlock it; and meanwhile the tasks that the first
 * thread runs wait for it, on the very thread that would have to be free for the owner to go on.
 * One such line in a program stops all workers, now and then, under load.
 *
 * So the debug build of the library has its own pthread_mutex_lock and the like, which count and
 * call the C library's (the next definition after ours, dlsym RTLD_NEXT). The loader gives each
 * object the first definition in the order of linking, and the C library comes last, so the
 * program, other libraries and the C++ standard library (std::mutex) all come by here; linked
 * statically the definition is in the program itself, which is first of all. Nothing has to be
 * compiled anew, and a program that is linked to the release build has none of it. What is not
 * seen: locks that the C library takes itself (stdio, malloc, mtx_lock), which it gives back before
 * it returns, except for flockfile and mtx_lock; pthread_rwlock_t and spin locks; and sanitizer
 * builds, whose runtimes define these functions themselves. pthread_cond_wait has the mutex again
 * when it returns, so nothing changes with it. Rejected: a header that renames the functions (it
 * sees only what was compiled with it, and std::mutex is not), LD_PRELOAD (somebody has to think of
 * it), the owner field inside pthread_mutex_t (one would have to know where the mutexes are).
 */
#define _GNU_SOURCE 1 /* RTLD_NEXT */

#include "worker.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

/* No pauses here: they are for the scheduler's own atomics, and these run in every thread. */
#undef SLEY__ATOMIC_POINT
#define SLEY__ATOMIC_POINT() ((void)0)

#define EXPORT               __attribute__((visibility("default")))

typedef int plain_fn(pthread_mutex_t *mutex);
typedef int timed_fn(pthread_mutex_t *mutex, const struct timespec *abstime);
typedef int clock_fn(pthread_mutex_t *mutex, clockid_t clockid, const struct timespec *abstime);

/* The C library's function of that name, looked up once. Any thread, also before main. */
static void *next_of(atomic(void *) * known, const char *name)
{
    void *function = load_relaxed(known);

    if (unlikely(!function)) {
        function = dlsym(RTLD_NEXT, name);
        ensure_msg(function, "there is no %s", name);
        store_relaxed(known, function); /* everybody finds the same */
    }
    return function;
}

/* The task that runs on this thread, or NULL. */
static struct sley_task *running(void)
{
    struct sley__worker *worker = sley__worker_current();

    return worker ? worker->current : NULL;
}

/* The caller has the mutex if `error` says so. */
static int locked(pthread_mutex_t *mutex, int error, const void *site)
{
    struct sley_task *task = running();

    if (!task || (error && error != EOWNERDEAD))
        return error;
    if (!task->debug.pthread_mutexes++) {
        task->debug.pthread_mutex = mutex;
        task->debug.pthread_site = site;
    }
    return error;
}

EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static atomic(void *) known;
    plain_fn *lock = (plain_fn *)next_of(&known, "pthread_mutex_lock");

    return locked(mutex, lock(mutex), __builtin_return_address(0));
}

EXPORT int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    static atomic(void *) known;
    plain_fn *lock = (plain_fn *)next_of(&known, "pthread_mutex_trylock");

    return locked(mutex, lock(mutex), __builtin_return_address(0));
}

EXPORT int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *abstime)
{
    static atomic(void *) known;
    timed_fn *lock = (timed_fn *)next_of(&known, "pthread_mutex_timedlock");

    return locked(mutex, lock(mutex, abstime), __builtin_return_address(0));
}

EXPORT int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clockid,
                                   const struct timespec *abstime)
{
    static atomic(void *) known;
    clock_fn *lock = (clock_fn *)next_of(&known, "pthread_mutex_clocklock");

    return locked(mutex, lock(mutex, clockid, abstime), __builtin_return_address(0));
}

EXPORT int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    static atomic(void *) known;
    plain_fn *unlock = (plain_fn *)next_of(&known, "pthread_mutex_unlock");
    struct sley_task *task = running();
    int error = unlock(mutex);

    if (!error && task && task->debug.pthread_mutexes)
        task->debug.pthread_mutexes--;
    return error;
}
