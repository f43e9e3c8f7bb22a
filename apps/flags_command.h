/*
 * flags_command.h: the command "sley-fetch flags".
 */
#ifndef SLEY_APPS_FLAGS_COMMAND_H
#define SLEY_APPS_FLAGS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "countries.h"
#include "flags_plan.h"
#include "interrupts.h"
#include "manual.h"

#define FETCH_PROGRAM "sley-fetch"

/* All that the command line says, and what it takes to do it. */
struct flags_run {
    struct flags_plan plan;
    const char *base; /* the server's URL, "http://127.0.0.1:8000/flags"; NULL: our own */
    bool no_proxy;    /* it is on this machine */
    char *directory;  /* where the files go */
    bool named;
    bool verbose;
    unsigned max_requests;
    int64_t timeout;             /* ns for one request */
    struct countries *countries; /* NULL unless they are needed */
    struct interrupts interrupts;
};

extern const struct manual flags_manual;

/* Runs a struct flags_run: a main task for sley_run(). Returns an exit status. (flags_run.c) */
int flags_run(void *options);

/* Reads the arguments after "flags" and runs it all. Returns the exit status. (flags_command.c) */
int flags_command(int argc, char **argv);

#endif
