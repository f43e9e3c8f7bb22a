/*
 * failing.h: the n-th call to the system fails, for every n: what the programs that do so share.
 *
 * A program has scenarios. Each runs again and again, each time in a process of its own, with one
 * more call allowed before one fails: malloc, mmap, madvise, pthread_create and so on, whatever
 * comes as the n-th. Until a run in which no call is left to fail. Then the same with every call
 * failing from the n-th on.
 *
 * The process that fails n calls is a fork of one that has never had a runtime, so that what
 * happens once per process happens in each. It counts what is mapped and what is unmapped; malloc's
 * leaks are found by LeakSanitizer where there is one. Hangs end in SIGALRM.
 *
 * The linker sends the calls here (CMakeLists.txt), so one file of a program includes this.
 */
#ifndef SLEY_FAILING_H
#define SLEY_FAILING_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "stress/stress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* --- failing on purpose --------------------------------------------------------------------- */

static struct {
    atomic_bool armed;
    atomic_ulong calls; /* so far, while armed */
    unsigned long nth;  /* this one fails; 0: none */
    bool and_later;     /* and all after it */
    atomic_ulong failed;
    const char *_Atomic last; /* the call that failed last */
    atomic_long mapped;       /* bytes */
} fault;

static inline bool fails(const char *name)
{
    unsigned long n;

    if (!atomic_load(&fault.armed))
        return false;
    n = atomic_fetch_add(&fault.calls, 1) + 1;
    if (n != fault.nth && !(fault.and_later && n > fault.nth))
        return false;
    atomic_fetch_add(&fault.failed, 1);
    atomic_store(&fault.last, name);
    return true;
}

/* A wrapper that sets errno. */
#define WRAP(type, name, parameters, arguments, failure, error) \
    type __real_##name parameters;                              \
    type __wrap_##name parameters;                              \
    type __wrap_##name parameters                               \
    {                                                           \
        if (!fails(#name))                                      \
            return __real_##name arguments;                     \
        errno = error;                                          \
        return failure;                                         \
    }

/* A wrapper that returns its error. */
#define WRAP_RETURNS(name, parameters, arguments, error)       \
    int __real_##name parameters;                              \
    int __wrap_##name parameters;                              \
    int __wrap_##name parameters                               \
    {                                                          \
        return fails(#name) ? error : __real_##name arguments; \
    }

WRAP(void *, malloc, (size_t size), (size), NULL, ENOMEM)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL, ENOMEM)
WRAP(void *, realloc, (void *memory, size_t size), (memory, size), NULL, ENOMEM)
WRAP(void *, aligned_alloc, (size_t align, size_t size), (align, size), NULL, ENOMEM)
WRAP(char *, strdup, (const char *text), (text), NULL, ENOMEM)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, ENOMEM)
WRAP(int, open, (const char *path, int flags), (path, flags), -1, EMFILE)
WRAP(int, mprotect, (void *address, size_t size, int protection), (address, size, protection), -1,
     ENOMEM)
WRAP(int, madvise, (void *address, size_t size, int advice), (address, size, advice), -1, ENOMEM)
WRAP(ssize_t, process_madvise,
     (int pid, const struct iovec *ranges, size_t n, int advice, unsigned flags),
     (pid, ranges, n, advice, flags), -1, EPERM)
WRAP(int, sched_setaffinity, (pid_t pid, size_t size, const cpu_set_t *set), (pid, size, set), -1,
     EPERM)
WRAP(int, sched_getaffinity, (pid_t pid, size_t size, cpu_set_t *set), (pid, size, set), -1, EPERM)
WRAP(int, hwloc_topology_init, (void *topology), (topology), -1, ENOMEM)
WRAP(int, hwloc_topology_load, (void *topology), (topology), -1, ENOMEM)
WRAP(void *, hwloc_bitmap_alloc, (void), (), NULL, ENOMEM)
WRAP(void *, hwloc_bitmap_dup, (const void *bitmap), (bitmap), NULL, ENOMEM)
WRAP_RETURNS(pthread_attr_init, (pthread_attr_t * attr), (attr), ENOMEM)
WRAP_RETURNS(pthread_create,
             (pthread_t * thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg),
             (thread, attr, fn, arg), EAGAIN)

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *result = MAP_FAILED;

    errno = ENOMEM;
    if (!fails("mmap"))
        result = __real_mmap(address, size, protection, flags, fd, offset);
    if (result != MAP_FAILED)
        atomic_fetch_add(&fault.mapped, (long)size);
    return result;
}

/* Putting back what was there before cannot fail. */
int __real_sigaltstack(const stack_t *stack, stack_t *before);
int __wrap_sigaltstack(const stack_t *stack, stack_t *before);
int __wrap_sigaltstack(const stack_t *stack, stack_t *before)
{
    if (before && fails("sigaltstack")) {
        errno = ENOMEM;
        return -1;
    }
    return __real_sigaltstack(stack, before);
}

int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size)
{
    atomic_fetch_sub(&fault.mapped, (long)size);
    return __real_munmap(address, size);
}

static inline void arm(void)
{
    atomic_store(&fault.armed, true);
}

static inline void disarm(void)
{
    atomic_store(&fault.armed, false);
}

static inline bool is_shortage(int error)
{
    return error == SLEY_ENOMEM || error == SLEY_EAGAIN;
}

#define ALLOW(error)                                                                    \
    CHECK(!(error) || is_shortage(error), "%s after %s failed", sley_error_name(error), \
          atomic_load(&fault.last))

/* --- a process for each n --------------------------------------------------------------------- */

enum { WENT_WELL = 0, FAILED = 1, NOTHING_LEFT = 2 };

struct scenario {
    const char *name;
    void (*run)(void);
};

static inline unsigned count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    unsigned n = 0;

    CHECK(directory, "/proc/self/task");
    for (struct dirent *entry; (entry = readdir(directory));)
        n += entry->d_name[0] != '.';
    closedir(directory);
    return n;
}

static inline int run_one(void (*scenario)(void), unsigned long nth, bool and_later)
{
    unsigned before = count_threads();
    long mapped = atomic_load(&fault.mapped);

    alarm((unsigned)stress_patience());
    fault.nth = nth;
    fault.and_later = and_later;
    scenario();
    CHECK(atomic_load(&fault.mapped) == mapped, "%ld bytes stay mapped",
          atomic_load(&fault.mapped) - mapped);
    while (count_threads() != before) /* a joined thread may take a moment to leave /proc */
        usleep(1000);
    return atomic_load(&fault.failed) ? WENT_WELL : NOTHING_LEFT;
}

static inline void report(const char *name, unsigned long nth, bool and_later, int status)
{
    fprintf(stderr, "%s, call %lu%s: ", name, nth, and_later ? " and later" : "");
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s\n",
                WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    else
        fprintf(stderr, "exit status %d\n", WEXITSTATUS(status));
}

/* False when no call is left to fail. */
static inline bool try_one(const struct scenario *scenario, unsigned long nth, bool and_later)
{
    int status;
    pid_t pid = fork();

    CHECK(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0)
        exit(run_one(scenario->run, nth, and_later));
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    if (!WIFEXITED(status) ||
        (WEXITSTATUS(status) != WENT_WELL && WEXITSTATUS(status) != NOTHING_LEFT)) {
        report(scenario->name, nth, and_later, status);
        exit(1);
    }
    return WEXITSTATUS(status) == WENT_WELL;
}

/* main: all scenarios; the first argument is the only n to try, for a debugger. */
static inline int fail_all(int argc, char **argv, const struct scenario *scenarios, size_t count)
{
    unsigned only = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    const char *slash = strrchr(argv[0], '/');

    stress.program = slash ? slash + 1 : argv[0];
    stress.scale = 1;
    for (size_t i = 0; i < count; i++)
        for (int later = 0; later < 2; later++) {
            unsigned long nth = only ? only : 1;

            while (try_one(&scenarios[i], nth, later) && !only)
                nth++;
            printf("%s: %lu calls%s\n", scenarios[i].name, nth - 1, later ? ", and later" : "");
            fflush(stdout);
        }
    return 0;
}

#endif
