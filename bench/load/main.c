/*
 * main.c: sley-bench-load: keeps a server busy, and says what that costs it.
 *
 *     sley-bench-load ROW PORT PID CPU [--quick] [--size N]
 *     sley-bench-load files | names COUNT           the other way round: see files.c, names.c
 *
 * A server measured by a load that runs inside it, or that was written for it, is measured by its
 * friends. So the load is a program of its own, the same for sley and for every peer: plain epoll
 * in one thread, which checks every byte that comes back. It also reads the meters: CPU time and
 * memory of the process PID, as the kernel has them, around just the part that counts. A server
 * that wants to take part has to listen on 127.0.0.1:PORT and to start this; nothing more, so none
 * can measure itself wrongly.
 *
 * CPU is the processor that the load keeps to, so that it never takes time from a server that keeps
 * to the others; -1: it runs wherever it is put.
 *
 * What it prints is what a peer prints (see bench/peers/README.md): `METRIC VALUE`, `check VALUE`.
 * Exit status: 0 done, 1 a wrong answer or none, 2 the command line is wrong, 3 this machine cannot
 * do it; a line on stderr says why.
 *
 * Rejected: a rate that is given and latencies counted from the planned time. It says more about
 * latency than a load that waits for its answers, but which rate? One that all peers can stand is a
 * quiet day for the fastest. The figure to trust is the server's CPU time per request, and that
 * needs a server that is busy.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/load.h"

static const struct {
    const char *name;
    load_row_fn *run;
} rows[] = {
    {"echo", load_echo},
    {"connections", load_connections},
    {"http_server", load_http_server},
    {"idle_connections", load_idle_connections},
};

enum { ROWS = sizeof rows / sizeof *rows };

static load_row_fn *find(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].run;
    return NULL;
}

/* The number that is all of `text`, from low to high. */
static bool read_number(const char *text, long low, long high, int *out)
{
    char *end;
    long value = strtol(text, &end, 10);

    *out = (int)value;
    return end != text && !*end && value >= low && value <= high;
}

/* As far as it is allowed: the server may have kept itself to other processors before it started
 * us. */
static int keep_to(int cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return 0;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) == 0)
        return 0;
    return load_fail("cannot keep to processor %d", cpu);
}

static int help(void)
{
    fputs("Usage: sley-bench-load ROW PORT PID CPU [--quick] [--size N]\n"
          "       sley-bench-load files | names COUNT\n"
          "\n"
          "What loads the servers that sley-bench measures, on a processor of its own. sley-bench "
          "and\n"
          "./run bench start it; by itself it is of no use.\n",
          stdout);
    return fflush(stdout) == 0 ? 0 : LOAD_FAILED;
}

static int usage(void)
{
    load_say("usage: ROW PORT PID CPU [--quick] [--size N] | files | names COUNT");
    return LOAD_USAGE;
}

/* What follows the four arguments. */
static bool read_options(char **argv, struct load *load)
{
    int size;

    for (; *argv; argv++) {
        if (strcmp(*argv, "--quick") == 0)
            load->quick = true;
        else if (strcmp(*argv, "--size") == 0 && argv[1] && read_number(*++argv, 1, 1000000, &size))
            load->size = (size_t)size;
        else
            return false;
    }
    return true;
}

/* The servers. An exit status. */
static int serve(int argc, char **argv)
{
    int count;

    if (argc == 2 && strcmp(argv[1], "files") == 0)
        return load_serve_files();
    if (argc == 3 && strcmp(argv[1], "names") == 0 && read_number(argv[2], 1, 10000000, &count))
        return load_serve_names(count);
    return usage();
}

int main(int argc, char **argv)
{
    struct load load = {0};
    load_row_fn *run = argc > 1 ? find(argv[1]) : NULL;
    int server, cpu, status;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return help();
    if (!run)
        return serve(argc, argv);
    if (argc < 5 || !read_number(argv[2], 1, 65535, &load.port) ||
        !read_number(argv[3], 1, INT32_MAX, &server) ||
        !read_number(argv[4], -1, CPU_SETSIZE - 1, &cpu))
        return usage();
    if (!read_options(argv + 5, &load))
        return usage();
    load.server = server;
    status = keep_to(cpu);
    if (status == 0)
        status = run(&load);
    return fflush(stdout) == 0 ? status : LOAD_FAILED;
}
