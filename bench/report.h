/*
 * report.h: one row per metric, as JSON or as a line of the aligned table.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

struct report_row {
    const char *bench;
    unsigned workers;
    size_t size; /* that was asked for; 0: none */
    const char *metric;
    const char *unit;
    double median, min, max;
    unsigned runs;
    double others; /* CPUs that other processes used meanwhile; negative: not known */
};

/* Fills median, min and max from `runs` values, which it sorts. */
void report_summarise(struct report_row *row, double *values);

/* The machine record, as comment lines. */
void report_machine(void);

/* The table's header line. */
void report_header(void);

void report_line(const struct report_row *row);
void report_json(const struct report_row *row);

#endif
