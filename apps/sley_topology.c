/*
 * sley_topology.c: the program sley-topology.
 *
 * Answers what people ask who see other numbers than they expected: what has hwloc found here, how
 * many workers does a runtime get and why, on which processors, and who steals from whom. It starts
 * no runtime; what it shows is what sley_run() would do if it were called in its place, with the
 * same environment, affinity mask and cgroup.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sley/sley.h>

#include "manual.h"
#include "options.h"

#define PROGRAM "sley-topology"

enum { WORKERS, MACHINE, JSON, HELP, VERSION };

static const struct opt table[] = {
    [WORKERS] = {"workers", 'w', "N", "as if a program had asked for N workers (1 to 1024)"},
    [MACHINE] = {"machine", 'm', "TEXT",
                 "another machine, as hwloc describes one:\n"
                 "\"package:2 l3:4 core:8 pu:2\" has 128 processors"},
    [JSON] = {"json", 0, NULL, "print a JSON object"},
    [HELP] = {"help", 'h', NULL, "show this and exit"},
    [VERSION] = {"version", 'V', NULL, "show the version and exit"},
    {0},
};

struct setup {
    unsigned workers; /* 0: as the environment and the machine say */
    const char *machine;
    bool json;
};

static const struct manual manual = {
    .name = PROGRAM,
    .summary = "show the machine as sley sees it",
    .usage = "[OPTION...]",
    .about =
        "Shows the usable cores, how many workers a program would have and why, where they are\n"
        "pinned, and the order in which each steals.",
    .table = table,
    .notes =
        "SLEY_WORKERS, the affinity mask (taskset), the CPU quota of the cgroup and hwloc's own\n"
        "variables count as they would for a program. Exit status: 0, 1 when the machine cannot\n"
        "be read, 2 for a wrong command line.",
};

/* Returns true to go on, else *status is what to exit with. */
static bool read_command_line(int argc, char **argv, struct setup *setup, int *status)
{
    struct opt_scan scan = {.program = PROGRAM, .table = table, .argc = argc - 1, .argv = argv + 1};
    char *value;
    long number;
    int option;

    *status = EXIT_USAGE;
    while ((option = opt_next(&scan, &value)) != OPT_END) {
        switch (option) {
        case WORKERS:
            if (!opt_integer(&scan, "workers", value, 1, SLEY_WORKERS_MAX, &number))
                return false;
            setup->workers = (unsigned)number;
            break;
        case MACHINE:
            setup->machine = value;
            break;
        case JSON:
            setup->json = true;
            break;
        case HELP:
        case VERSION:
            *status = manual_answer(&manual, option == HELP);
            return false;
        case OPT_ARGUMENT:
            opt_error(PROGRAM, "it takes no arguments: '%s'", value);
            return false;
        default:
            return false;
        }
    }
    return true;
}

/* Room for all of the report, or NULL. */
static char *report_of(const struct sley_topology *topology)
{
    int length = sley_topology_report(topology, NULL, 0);
    char *report = malloc((size_t)length + 1);

    if (report)
        sley_topology_report(topology, report, (size_t)length + 1);
    return report;
}

/* {"worker": 3, "distance": "same L3"} for each victim, nearest first. */
static json_t *victims_of(const struct sley_topology *topology, unsigned worker)
{
    const unsigned *victims = sley_topology_victims(topology, worker);
    json_t *array = json_array();

    for (unsigned i = 0; i + 1 < sley_topology_workers(topology); i++)
        json_array_append_new(array,
                              json_pack("{s:i, s:s}", "worker", (int)victims[i], "distance",
                                        sley_topology_distance(topology, worker, victims[i])));
    return array;
}

/* The first four lines of the report are of the machine: "KEY: TEXT". */
static void add_lines(json_t *object, char *report)
{
    char *rest = NULL;

    for (char *line = strtok_r(report, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *colon = strstr(line, ": ");

        if (!colon || strncmp(line, "worker ", 7) == 0)
            return;
        *colon = '\0';
        json_object_set_new(object, line, json_string(colon + 2));
    }
}

/* {"machine": ..., "pinned": true, "steals": [{"worker": 0, "cpu": 0, "victims": [...]}, ...]} */
static char *json_of(const struct sley_topology *topology, char *report)
{
    json_t *object = json_object(), *steals = json_array();
    char *text;

    add_lines(object, report);
    json_object_set_new(object, "pinned", json_boolean(sley_topology_pinned(topology)));
    for (unsigned i = 0; i < sley_topology_workers(topology); i++)
        json_array_append_new(steals, json_pack("{s:i, s:i, s:o}", "worker", (int)i, "cpu",
                                                (int)sley_topology_cpu(topology, i), "victims",
                                                victims_of(topology, i)));
    json_object_set_new(object, "steals", steals);
    text = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    return text;
}

/* hwloc passes over a description that it cannot read, and shows this machine instead. */
static bool is_other_machine(const char *report)
{
    return strstr(report, "not this system") != NULL;
}

/* Prints it in the form that was asked for: all of it, or says why not. */
static int show(const struct setup *setup, const struct sley_topology *topology, char *report)
{
    char *json = NULL;
    bool printed;

    if (setup->machine && !is_other_machine(report))
        return opt_error(PROGRAM,
                         "--machine: hwloc cannot read '%s'; such as \"package:2 core:4 pu:2\"",
                         setup->machine);
    if (setup->json)
        json = json_of(topology, report);
    printed = setup->json ? json && puts(json) >= 0 : fputs(report, stdout) >= 0;
    free(json);
    if (printed && fflush(stdout) == 0)
        return EXIT_DONE;
    fprintf(stderr, "%s: cannot write the report\n", PROGRAM);
    return EXIT_SOME_FAILED;
}

int main(int argc, char **argv)
{
    struct setup setup = {0};
    struct sley_topology *topology;
    char *report;
    int status, error;

    if (manual_generate(&manual, argc, argv, &status) ||
        !read_command_line(argc, argv, &setup, &status))
        return status;
    if (setup.machine) {
        setenv("HWLOC_SYNTHETIC", setup.machine, 1);
        unsetenv("HWLOC_THISSYSTEM");
    }
    if ((error = sley_topology_new(setup.workers, &topology))) {
        opt_start_error(PROGRAM, error);
        return EXIT_SOME_FAILED;
    }
    report = report_of(topology);
    status = report ? show(&setup, topology, report) : EXIT_SOME_FAILED;
    if (!report)
        opt_start_error(PROGRAM, SLEY_ENOMEM);
    free(report);
    sley_topology_free(topology);
    return status;
}
