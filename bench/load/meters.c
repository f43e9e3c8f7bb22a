/*
 * meters.c: what the server has used, read from outside.
 *
 * CPU time: the clock of another process is exact to the nanosecond and counts all its threads; the
 * ticks of /proc/PID/stat would be a hundredth of a run. A server with worker processes is one
 * process and its children; we may be a child ourselves.
 *
 * Memory: the proportional set size. Resident memory would charge a server for the pages of a
 * library or an interpreter that many share.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load/load.h"

void load_say(const char *format, ...)
{
    char text[300];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "sley-bench-load: %s\n", text);
}

void load_metric(double value, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(" %.9g\n", value);
}

void load_check(size_t value)
{
    printf("check %zu\n", value);
}

void load_tell_port(int port)
{
    printf("%d\n", port);
    fflush(stdout);
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec time;

    if (clock_gettime(clock, &time) != 0)
        return -1;
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t load_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void load_doze(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

    while (nanosleep(&time, &time) != 0)
        continue;
}

/* Of one process, ns, or -1. */
static int64_t cpu_of(pid_t process)
{
    clockid_t clock;

    return clock_getcpuclockid(process, &clock) == 0 ? read_clock(clock) : -1;
}

int64_t load_server_cpu(const struct load *load)
{
    char path[64];
    long child;
    int64_t sum = cpu_of(load->server);
    FILE *children;

    if (sum < 0) {
        load_say("no CPU time of process %d: %s", (int)load->server, strerror(errno));
        return -1;
    }
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)load->server, (int)load->server);
    children = fopen(path, "r"); /* a kernel without it: then servers of one process only */
    while (children && fscanf(children, "%ld", &child) == 1) {
        int64_t more = child == getpid() ? 0 : cpu_of((pid_t)child);

        sum += more > 0 ? more : 0;
    }
    if (children)
        fclose(children);
    return sum;
}

int64_t load_server_memory(const struct load *load)
{
    char path[64], line[200];
    long long kib = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)load->server);
    file = fopen(path, "r");
    while (file && kib < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, "Pss:", 4) == 0)
            kib = strtoll(line + 4, NULL, 10);
    if (file)
        fclose(file);
    if (kib < 0) {
        load_say("%s does not tell the memory", path);
        return -1;
    }
    return kib * 1024;
}
