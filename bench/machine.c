/*
 * machine.c: what the benches ask of Linux.
 *
 * Everything that a bench needs from the system and that the library does not offer stands here,
 * so that a bench file reads as what it measures and a port to another system is one file.
 *
 * Where figures come from:
 *   memory     VmRSS and VmPTE of /proc/self/status. Page tables belong to the bill: a million
 *              stacks that are spread over the address space cost memory there too.
 *   CPU time   clocks of the process, not ticks: they count nanoseconds. Children count once they
 *              have been waited for, which is how the harness learns what its runs have used.
 *   others     the busy columns of /proc/stat, time stolen by the hypervisor included, less our
 *              own. In ticks of 10 ms: good for seconds, not for a run of 50 ms.
 *   virtual    the processor's "hypervisor" flag. Other architectures have no such flag; there we
 *              say that we do not know instead of guessing.
 *
 * A pinned thread and a bare futex are here because `wake` is read against them: both sides must be
 * on the same processors and sleep for the same time.
 */
#define _GNU_SOURCE
#include "machine.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Newer than some headers. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef PIDFD_SELF_THREAD
#define PIDFD_SELF_THREAD (-10000)
#endif

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

#if defined(SLEY_DEBUG) || defined(SLEY_TOOLS) || defined(SLEY_HOSTILE)
#define BUILD "checked"
#else
#define BUILD "release"
#endif

/* Finds a line "key ... : value" and copies its value, without the newline. */
static int find_line(const char *path, const char *key, char *value, size_t size)
{
    char line[4096];
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key)) != 0)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(value, size, "%s", colon);
        fclose(file);
        return 0;
    }
    fclose(file);
    return -1;
}

static const char *detect_hypervisor(void)
{
    char flags[4096];
    if (find_line("/proc/cpuinfo", "flags", flags, sizeof flags) != 0)
        return "unknown";
    return strstr(flags, " hypervisor") ? "yes" : "no";
}

unsigned machine_usable(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (unsigned)count : 1;
}

void machine_describe(struct machine_record *record)
{
    struct utsname system;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    record->online = online > 0 ? (unsigned)online : 0;
    record->usable = machine_usable();
    record->compiler = COMPILER;
    record->build = BUILD;
    if (find_line("/proc/cpuinfo", "model name", record->cpu, sizeof record->cpu) != 0)
        snprintf(record->cpu, sizeof record->cpu, "unknown");
    snprintf(record->virtualised, sizeof record->virtualised, "%s", detect_hypervisor());
    snprintf(record->kernel, sizeof record->kernel, "unknown");
    if (uname(&system) == 0)
        snprintf(record->kernel, sizeof record->kernel, "%s %s %s", system.sysname, system.release,
                 system.machine);
}

unsigned machine_other_cpu(unsigned cpu)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return cpu;
    for (unsigned step = 1; step < CPU_SETSIZE; step++) {
        unsigned candidate = (cpu + step) % CPU_SETSIZE;
        if (CPU_ISSET(candidate, &set))
            return candidate;
    }
    return cpu;
}

int machine_pin(unsigned cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

int machine_confine(unsigned count, int *spare)
{
    cpu_set_t usable, set;
    *spare = -1;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof usable, &usable) != 0)
        return -errno;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET((size_t)cpu, &usable))
            continue;
        if (count == 0) {
            *spare = cpu;
            break;
        }
        CPU_SET((size_t)cpu, &set);
        count--;
    }
    return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : -errno;
}

static int64_t status_kib(const char *key)
{
    char value[64];
    long long kib;
    if (find_line("/proc/self/status", key, value, sizeof value) != 0)
        return -1;
    return sscanf(value, "%lld", &kib) == 1 ? (int64_t)kib : -1;
}

int64_t machine_memory(void)
{
    int64_t resident = status_kib("VmRSS"), tables = status_kib("VmPTE");
    return resident < 0 || tables < 0 ? -1 : (resident + tables) * 1024;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return -1;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t timeval_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

int64_t machine_cpu_own(void)
{
    struct rusage children;
    int64_t own = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    if (own < 0 || getrusage(RUSAGE_CHILDREN, &children) != 0)
        return -1;
    return own + timeval_ns(children.ru_utime) + timeval_ns(children.ru_stime);
}

int64_t machine_cpu_thread(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t machine_cpu_all(void)
{
    unsigned long long user, nice, system, idle, wait, irq, soft, steal;
    long ticks = sysconf(_SC_CLK_TCK);
    FILE *file = fopen("/proc/stat", "r");
    if (!file)
        return -1;
    int found = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                       &idle, &wait, &irq, &soft, &steal);
    fclose(file);
    if (found != 8 || ticks <= 0)
        return -1;
    return (int64_t)(user + nice + system + irq + soft + steal) * (1000000000 / ticks);
}

static int64_t switches(int who)
{
    struct rusage usage;
    return getrusage(who, &usage) == 0 ? usage.ru_nvcsw : -1;
}

int64_t machine_switches_own(void)
{
    return switches(RUSAGE_SELF);
}

int64_t machine_switches_thread(void)
{
    return switches(RUSAGE_THREAD);
}

void machine_futex_wait(uint32_t *word, uint32_t expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void machine_futex_wake(uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void machine_null_call(void)
{
    syscall(SYS_getppid);
}

void *machine_map(size_t bytes, bool huge)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* Refused where there are no huge pages: as good. */
    madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return memory;
}

void machine_unmap(void *memory, size_t bytes)
{
    munmap(memory, bytes);
}

int machine_guard(void *memory, size_t count, size_t stride, size_t size)
{
    struct iovec guards[64];
    if (count == 0 || count > 64)
        return -EINVAL;
    for (size_t i = 0; i < count; i++)
        guards[i] = (struct iovec){(char *)memory + i * stride, size};
    if (process_madvise(PIDFD_SELF_THREAD, guards, count, MADV_GUARD_INSTALL, 0) ==
        (ssize_t)(count * size))
        return 0;
    for (size_t i = 0; i < count; i++)
        if (madvise(guards[i].iov_base, size, MADV_GUARD_INSTALL) != 0)
            return -errno;
    return 0;
}
