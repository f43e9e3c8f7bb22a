/*
 * report.c: how figures are shown.
 *
 * Two forms of the same rows. The table is for eyes: the machine above it, because a figure
 * without its machine says nothing; median beside minimum and maximum; and how many CPUs other
 * processes used meanwhile, because on a busy machine that explains the difference between them.
 * The JSON is for programs: one object per line with exactly the same eight keys in every line, so
 * that lines of many runs can be put into one file and compared, and a ninth, the size, where one
 * was asked for; nothing else is on stdout then.
 *
 * Digits: three to four that mean something. More would claim what no run on a shared machine
 * can hold.
 */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>

#include <sley/version.h>

#include "machine.h"

static int compare_values(const void *a, const void *b)
{
    const double *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

void report_summarise(struct report_row *row, double *values)
{
    unsigned runs = row->runs;
    qsort(values, runs, sizeof *values, compare_values);
    row->min = values[0];
    row->max = values[runs - 1];
    row->median = (values[(runs - 1) / 2] + values[runs / 2]) / 2;
}

void report_machine(void)
{
    struct machine_record machine;
    machine_describe(&machine);
    printf("# sley      %s, %s build\n", sley_version(), machine.build);
    printf("# cpu       %s, %u processors, %u usable\n", machine.cpu, machine.online,
           machine.usable);
    printf("# kernel    %s\n", machine.kernel);
    printf("# virtual   %s\n", machine.virtualised);
    printf("# compiler  %s\n", machine.compiler);
}

void report_header(void)
{
    printf("%-12s %7s  %-20s %-8s %10s %10s %10s %5s %7s\n", "bench", "workers", "metric", "unit",
           "median", "min", "max", "runs", "others");
}

static void print_value(double value)
{
    int decimals = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3;
    printf(" %10.*f", decimals, value);
}

void report_line(const struct report_row *row)
{
    char name[48];
    snprintf(name, sizeof name, row->size ? "%s/%zu" : "%s", row->bench, row->size);
    printf("%-12s %7u  %-20s %-8s", name, row->workers, row->metric, row->unit);
    print_value(row->median);
    print_value(row->min);
    print_value(row->max);
    printf(" %5u", row->runs);
    if (row->others < 0)
        printf(" %7s\n", "?");
    else
        printf(" %7.2f\n", row->others);
    fflush(stdout);
}

void report_json(const struct report_row *row)
{
    printf("{\"bench\":\"%s\",\"workers\":%u,\"metric\":\"%s\",\"unit\":\"%s\","
           "\"median\":%.9g,\"min\":%.9g,\"max\":%.9g,\"runs\":%u",
           row->bench, row->workers, row->metric, row->unit, row->median, row->min, row->max,
           row->runs);
    if (row->size)
        printf(",\"size\":%zu", row->size);
    printf("}\n");
    fflush(stdout);
}
