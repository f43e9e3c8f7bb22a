/*
 * load.h: the parts of sley-bench-load, which keeps servers busy and says what that costs them. See
 * main.c.
 */
#ifndef BENCH_LOAD_LOAD_H
#define BENCH_LOAD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What it is told. */
struct load {
    int port;     /* of the server, on 127.0.0.1 */
    pid_t server; /* whose costs are counted */
    bool quick;
    size_t size; /* how many connections, in the rows that leave it open; 0: as many as always */
};

enum { LOAD_FAILED = 1, LOAD_USAGE = 2, LOAD_DECLINED = 3 };

/* A row: does the work, prints its figures and its check. 0, or an exit status after load_fail().
 */
typedef int load_row_fn(const struct load *load);
load_row_fn load_echo, load_connections, load_idle_connections, load_http_server;

/* Servers for clients that are measured: print their port, and serve until the input ends, which is
 * when the client's process does. An exit status. */
int load_serve_files(void);
int load_serve_names(int count);

/* Prints it, at once. */
void load_tell_port(int port);

/* One line on stderr. The second is LOAD_FAILED, to be returned. */
__attribute__((format(printf, 1, 2))) void load_say(const char *format, ...);
#define load_fail(...) (load_say(__VA_ARGS__), LOAD_FAILED)

void load_metric(double value, const char *format, ...) __attribute__((format(printf, 2, 3)));
void load_check(size_t value);

/* The monotonic clock, ns. */
int64_t load_now(void);

void load_doze(int64_t ns);

/* CPU time of the server and of its children but us, in ns; -1 after load_say(). */
int64_t load_server_cpu(const struct load *load);

/* Bytes of memory of the server, shared pages divided among those who share them; -1 after
 * load_say(). */
int64_t load_server_memory(const struct load *load);

#endif
