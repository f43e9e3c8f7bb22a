/*
 * platform_linux.c: the door to the operating system, for Linux. Level 0.
 *
 * Thin on purpose: each function is one system call and what makes it usable everywhere we run. The
 * simulation replaces this file; whatever is decided here is something it must decide again.
 *
 * What differs between kernels is probed once, in sley__platform_init(), by trying it:
 *  - membarrier(PRIVATE_EXPEDITED), Linux 4.14: without it atomic.h falls back to full fences.
 *  - MADV_GUARD_INSTALL, Linux 6.13: guards that cost no VMA. Without it, mprotect: each guard then
 *    splits its mapping in two, and the process dies at vm.max_map_count (65,530 by default, so
 *    32,753 stacks, measured). So mprotect guards have a budget, below which the rest of the
 *    program still finds mappings; when it is spent, stacks get no guard and stack.c uses canaries.
 *  - process_madvise() on oneself, for any advice, Linux 6.13: one system call for up to 1,024
 *    ranges. It needs a pidfd; the kernel's constant for "this thread" (6.14) is one that survives
 *    a fork, which a descriptor opened at start would not: the child would advise its parent's
 *    memory. Without it, a madvise per range.
 *
 * Threads start with all signals blocked except the faults they cause themselves, so that a signal
 * for the process is handled where the program expects it: on one of its own threads.
 */
#define _GNU_SOURCE 1

#include "hostile.h"
#include "platform.h"

#include <sley/error.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_GUARD_REMOVE
#define MADV_GUARD_REMOVE 103
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PIDFD_SELF_THREAD
#define PIDFD_SELF_THREAD (-10000)
#endif

enum {
    PAGE = 4096,
    VECTOR_MAX = 1024,               /* ranges per system call: UIO_MAXIOV */
    THREAD_STACK = 1024 * 1024,      /* as the largest task: a function may run on either */
    MAPS_DEFAULT = 65530,            /* vm.max_map_count where /proc cannot be read */
    NANOSECONDS = 1000 * 1000 * 1000 /* in a second */
};

/* Facts of the machine, written once by probe() before the first worker; read by everybody. */

atomic(bool) sley__asymmetric_fences;
static bool guard_regions;   /* MADV_GUARD_INSTALL works */
static bool vectored_advice; /* process_madvise on oneself works */

/* How many more guards mprotect may make. Any thread; relaxed, it publishes nothing. */
static atomic(long) protect_budget;

static int membarrier(int command)
{
    return (int)syscall(SYS_membarrier, command, 0, 0);
}

/* Rare side of fence_heavy(). A fork keeps the registration on the kernels we know, but nothing
 * promises it. */
void sley__membarrier(void)
{
    if (likely(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0))
        return;
    membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    ensure(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0);
}

/* --- clock and random --- */

int64_t sley__clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
}

static uint64_t random_base; /* written once, by read_random_base() */

/* SLEY_SEED, if it is a number. */
static void read_random_base(void)
{
    const char *text = getenv("SLEY_SEED");
    char *end;

    if (text && *text) {
        random_base = strtoull(text, &end, 0);
        if (*end == '\0')
            return;
    }
    if (getrandom(&random_base, sizeof random_base, GRND_NONBLOCK) != (ssize_t)sizeof random_base)
        random_base = sley__hash64((uint64_t)sley__clock_now() ^ (uint64_t)getpid());
}

/* Not part of probe(): that has atomics in it, which in a hostile build ask for the seed. */
uint64_t sley__random_base(void)
{
    static pthread_once_t read_once = PTHREAD_ONCE_INIT;

    pthread_once(&read_once, read_random_base);
    return random_base;
}

uint64_t sley__random_seed(void)
{
    static atomic(uint64_t) calls; /* relaxed: it only tells calls apart */
    uint64_t n = fetch_add_relaxed(&calls, 1) + 1;

    return sley__hash64(sley__random_base() + n * UINT64_C(0x9e3779b97f4a7c15));
}

/* --- futex --- */

/* ThreadSanitizer keeps a signal back until its thread calls something that it intercepts, and does
 * not know that a bare system call blocks: a program whose main thread waits here would never see
 * SIGTERM. So a thread that takes signals looks ten times a second (pthread_sigmask is
 * intercepted).
 */
static int64_t watched_deadline(int64_t deadline)
{
    int64_t soon;
    sigset_t blocked;

    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (sigismember(&blocked, SIGTERM))
        return deadline;
    soon = sley__clock_now() + NANOSECONDS / 10;
    return soon < deadline ? soon : deadline;
}

void sley__futex_wait(atomic(uint32_t) * word, uint32_t expected, int64_t deadline)
{
    struct timespec until, *timeout = NULL;
    int saved_errno = errno; /* a changed word and a timeout are no errors of the caller's */

    if (WITH_TSAN)
        deadline = watched_deadline(deadline);
    if (deadline != INT64_MAX) {
        if (deadline < 0)
            deadline = 0;
        until.tv_sec = (time_t)(deadline / NANOSECONDS);
        until.tv_nsec = (long)(deadline % NANOSECONDS);
        timeout = &until;
    }
    /* WAIT_BITSET is the one whose timeout is absolute; on CLOCK_MONOTONIC unless told otherwise.
     */
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, timeout, NULL,
            FUTEX_BITSET_MATCH_ANY);
    errno = saved_errno;
}

int sley__futex_wake(atomic(uint32_t) * word, int count)
{
    long woken = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);

    return woken > 0 ? (int)woken : 0;
}

void sley__thread_yield(void)
{
    sched_yield();
}

/* --- threads --- */

/* Blocks every signal on this thread except those it raises itself by a fault; what it replaces
 * goes to *old. The thread about to be started inherits it. */
static void block_signals(sigset_t *old)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t blocked;

    sigfillset(&blocked);
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++)
        sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, old);
}

static int start_with(const pthread_attr_t *attr, pthread_t *handle, void *(*fn)(void *), void *arg)
{
    sigset_t old;
    int error;

    block_signals(&old);
    error = pthread_create(handle, attr, fn, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

int sley__thread_start(struct sley__thread *thread, const char *name, void *(*fn)(void *),
                       void *arg)
{
    char kept[16] = "";
    pthread_attr_t attr;
    pthread_t handle;
    int error;

    if (sley__hostile_fails("a thread"))
        return SLEY_EAGAIN;
    error = pthread_attr_init(&attr);
    if (error)
        return -error;
    error = pthread_attr_setstacksize(&attr, THREAD_STACK);
    ensure(error == 0);
    error = start_with(&attr, &handle, fn, arg);
    pthread_attr_destroy(&attr);
    if (error)
        return -error;
    strncpy(kept, name, sizeof kept - 1);
    pthread_setname_np(handle, kept); /* fails only if the thread has ended already */
    thread->handle = handle;
    return 0;
}

void sley__thread_join(struct sley__thread *thread)
{
    int error = pthread_join(thread->handle, NULL);

    ensure_msg(error == 0, "pthread_join: %s", sley_strerror(-error));
}

int sley__thread_number(void)
{
    return (int)syscall(SYS_gettid);
}

/* The clock of a thread that may be gone has no name in the C library: pthread_getcpuclockid wants
 * one that is alive. The kernel's own: the complement of the number, and 6, "of a thread, as the
 * scheduler counts". */
int64_t sley__thread_busy(int number)
{
    clockid_t clock = (clockid_t)(~(unsigned)number << 3 | 6);
    struct timespec time;

    if (clock_gettime(clock, &time) < 0)
        return -1;
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

bool sley__thread_signal(int number, int signal_number)
{
    return syscall(SYS_tgkill, getpid(), number, signal_number) == 0;
}

/* "NUMBER (NAME) STATE ...", where a name may have parentheses, too. */
bool sley__thread_blocks(int number)
{
    char path[64], text[128];
    const char *name_end;
    ssize_t size;
    int file;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", number);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0)
        return false;
    text[size] = '\0';
    name_end = strrchr(text, ')');
    return name_end && name_end[1] == ' ' && name_end[2] != 'R';
}

/* --- memory --- */

/* Gives back what lies in [from, to). */
static void trim(char *from, char *to)
{
    if (from < to)
        munmap(from, (size_t)(to - from));
}

void *sley__map(size_t size, size_t align, bool huge)
{
    int saved_errno = errno; /* a wait maps memory for its timer, and a failure there is no error */
    size_t reserved = size + align - PAGE;
    char *raw, *start = NULL;

    if (reserved < size || sley__hostile_fails("a mapping"))
        return NULL;
    raw = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
               -1, 0);
    if (raw != MAP_FAILED) {
        start = raw + (round_up((size_t)raw, align) - (size_t)raw);
        trim(raw, start);
        trim(start + size, raw + reserved);
        madvise(start, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* or a kernel without any */
    }
    errno = saved_errno;
    return start;
}

void sley__unmap(void *address, size_t size)
{
    int error = munmap(address, size);

    ensure_msg(error == 0, "munmap(%p, %zu) failed", address, size);
}

/* A range is the kernel's iovec under another name, so a vector of them is handed over as it is:
 * a copy would cost the caller, which may be a task on its last KiB of touched stack, a page. */
_Static_assert(sizeof(struct sley__range) == sizeof(struct iovec), "ranges are iovecs");
_Static_assert(offsetof(struct sley__range, address) == offsetof(struct iovec, iov_base), "");
_Static_assert(offsetof(struct sley__range, size) == offsetof(struct iovec, iov_len), "");

/* True if the kernel took the advice for every range. */
static bool advise_vector(const struct sley__range *ranges, size_t count, int advice)
{
    size_t wanted = 0;

    for (size_t i = 0; i < count; i++)
        wanted += ranges[i].size;
    return process_madvise(PIDFD_SELF_THREAD, (const void *)ranges, count, advice, 0) ==
           (ssize_t)wanted;
}

/* Gives the advice for each range on its own. 0 or the first negative error. */
static int advise_each(const struct sley__range *ranges, size_t count, int advice)
{
    for (size_t i = 0; i < count; i++)
        if (madvise(ranges[i].address, ranges[i].size, advice) != 0)
            return -errno;
    return 0;
}

/* Gives the advice for all ranges, in few system calls where the kernel can; a vectored call that
 * does not finish is repeated range by range, which does no harm and tells the error. */
static int advise(const struct sley__range *ranges, size_t count, int advice)
{
    size_t n;
    int error = 0;

    for (; count && !error; ranges += n, count -= n) {
        n = count < VECTOR_MAX ? count : VECTOR_MAX;
        if (!vectored_advice || !advise_vector(ranges, n, advice))
            error = advise_each(ranges, n, advice);
    }
    return error;
}

/* Takes `count` guards from the budget of mprotect, or none. Any thread. */
static bool take_protect_budget(size_t count)
{
    long left = load_relaxed(&protect_budget);

    do {
        if (left < (long)count)
            return false;
    } while (!cas_acquire(&protect_budget, &left, left - (long)count));
    return true;
}

void sley__guard_forget(size_t count)
{
    fetch_add_relaxed(&protect_budget, (long)count);
}

/* The kernel may run out of mappings before the budget does, if the program has many of its own:
 * then the budget was too high, and no more guards are tried. */
static int guard_by_protect(const struct sley__range *ranges, size_t count)
{
    size_t done = 0;

    if (!take_protect_budget(count))
        return SLEY__GUARD_NONE;
    while (done < count && mprotect(ranges[done].address, ranges[done].size, PROT_NONE) == 0)
        done++;
    if (done == count)
        return SLEY__GUARD_PROTECT;
    while (done-- > 0)
        mprotect(ranges[done].address, ranges[done].size, PROT_READ | PROT_WRITE);
    store_relaxed(&protect_budget, 0);
    return SLEY__GUARD_NONE;
}

enum sley__guard_kind sley__guard_support(void)
{
    sley__platform_init();
    if (guard_regions)
        return SLEY__GUARD_REGION;
    return load_relaxed(&protect_budget) > 0 ? SLEY__GUARD_PROTECT : SLEY__GUARD_NONE;
}

int sley__guard_install(const struct sley__range *ranges, size_t count)
{
    int error = guard_regions ? advise(ranges, count, MADV_GUARD_INSTALL) : -EINVAL;

    if (!error)
        return SLEY__GUARD_REGION;
    if (guard_regions)
        advise(ranges, count, MADV_GUARD_REMOVE);
    /* EINVAL: an old kernel, or the program has called mlockall(). */
    return error == -EINVAL ? guard_by_protect(ranges, count) : error;
}

void sley__discard(const struct sley__range *ranges, size_t count)
{
    advise(ranges, count, MADV_DONTNEED); /* refused where the program has called mlockall() */
}

void sley__populate(const struct sley__range *ranges, size_t count)
{
    advise(ranges, count, MADV_POPULATE_WRITE); /* a hint: the fault will do it where this cannot */
}

/* --- probing, once --- */

/* Half of the mappings the kernel allows, less 2,500 guards' worth for the rest of the program: at
 * the default limit 30,265 guards. */
static long read_protect_budget(void)
{
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    long maps = MAPS_DEFAULT;

    if (file) {
        if (fscanf(file, "%ld", &maps) != 1)
            maps = MAPS_DEFAULT;
        fclose(file);
    }
    return maps / 2 > 5000 ? maps / 2 - 2500 : maps / 4;
}

static void probe_guards(void)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return;
    vectored_advice = advise_vector(&(struct sley__range){page, PAGE}, 1, MADV_POPULATE_WRITE);
    guard_regions = madvise(page, PAGE, MADV_GUARD_INSTALL) == 0;
    munmap(page, PAGE);
}

static void probe(void)
{
    store_release(&sley__asymmetric_fences,
                  membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0);
    probe_guards();
    store_relaxed(&protect_budget, read_protect_budget());
}

static pthread_once_t probed = PTHREAD_ONCE_INIT;

void sley__platform_init(void)
{
    pthread_once(&probed, probe);
}
