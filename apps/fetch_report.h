/*
 * fetch_report.h: results for programs: JSON and CSV; and figures over all of them. Never parks.
 */
#ifndef SLEY_APPS_FETCH_REPORT_H
#define SLEY_APPS_FETCH_REPORT_H

#include "console.h"
#include "fetch_list.h"

enum fetch_format { FETCH_JSON, FETCH_CSV };

/* "done", "kept", "failed"; "unfinished" of one that was not ended. */
const char *fetch_state_name(enum fetch_state state);

/* Adds one file as a JSON object in one line. */
void fetch_report_json(struct text *text, const struct fetch_item *item);

/* Adds all files, as an array of such objects or a table with a line of headings. */
void fetch_report(struct text *text, const struct fetch_list *list, enum fetch_format format);

/* What the downloads of the list took, ns. */
struct fetch_times {
    size_t count;
    int64_t half, ninety, ninety_nine, longest;
};

/* Of those that are FETCH_DONE. Out of memory: a count of 0. */
struct fetch_times fetch_times(const struct fetch_list *list);

#endif
