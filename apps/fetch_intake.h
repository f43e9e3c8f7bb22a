/*
 * fetch_intake.h: from the lines to the items that are to be fetched. The main task's.
 */
#ifndef SLEY_APPS_FETCH_INTAKE_H
#define SLEY_APPS_FETCH_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "fetch_feed.h"
#include "fetch_list.h"
#include "fetch_run.h"
#include "fetch_tell.h"

/* A value; from fetch_intake_init() to fetch_intake_close(). */
struct fetch_intake {
    struct fetch_plan *plan;
    struct fetch_tell *tell;
    struct fetch_feed feed;
    size_t taken;   /* items of the list */
    bool counted;   /* how many lines there are is known */
    size_t to_come; /* of them, that were not read yet */
};

/* From a task, which is the one to make the other calls. */
void fetch_intake_init(struct fetch_intake *intake, struct fetch_plan *plan,
                       struct fetch_tell *tell);
void fetch_intake_close(struct fetch_intake *intake);

/* Starts the task that reads, in the scope. 0 or SLEY_E*. */
int fetch_intake_start(struct fetch_intake *intake, struct sley_scope *scope);

/* The next item that is to be fetched; those that the journal tells to be complete are not among
 * them. NULL: none now; the task is unparked when there may be one. */
struct fetch_item *fetch_intake_next(struct fetch_intake *intake);

/* Whether it would be of use to have more than `waiting` items that wait for their turn or time;
 * `idle`: there is a transfer to be had that none of them can be. */
bool fetch_intake_wants(size_t waiting, bool idle);

/* Whether there will be none any more. */
bool fetch_intake_ended(const struct fetch_intake *intake);

/* How many items there are beside the `open` ones, as far as is known, for the bar. */
void fetch_intake_tell(const struct fetch_intake *intake, size_t open);

#endif
