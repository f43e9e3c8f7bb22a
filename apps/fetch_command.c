/*
 * fetch_command.c: the command line of "sley-fetch get".
 *
 * Reads the options and the journal, opens the lists, and starts the runtime with fetch_run() as
 * its main task. Whatever is wrong with the command line is said here, before anything is fetched,
 * with exit status 2; what is wrong with a line of a list, when it is read.
 *
 * Sixteen transfers at once is what keeps a fast line busy with small files from a server that is
 * ten milliseconds away; what one server stands is found out by itself (fetch_hosts.c).
 */
#define _GNU_SOURCE
#include "fetch_command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <sley/sley.h>

#include "fetch_journal.h"
#include "fetch_options.h"
#include "fetch_run.h"
#include "flags_command.h"

#define COMMAND            FETCH_PROGRAM " get"

#define DEFAULT_PARALLEL   16
#define DEFAULT_RETRIES    5
#define DEFAULT_RETRY_WAIT SLEY_SECONDS(1)
#define DEFAULT_RETRY_MOST SLEY_SECONDS(120)
#define DEFAULT_RANGES     4
#define DEFAULT_RANGE_SIZE (32 << 20)

const struct manual fetch_manual = {
    .name = FETCH_COMMAND,
    .summary = "download files",
    .usage = "[OPTION...] [URL...]",
    .about =
        "Downloads files, many at once, from http and https URLs. Each is complete and verified\n"
        "under its name or not there at all; what was interrupted goes on the next time, if the\n"
        "server can do that. Transient errors are tried again. TIME is 2, 0.5s or 500ms.\n"
        "\n"
        "A name is made of the URL unless one was given. URLs that come twice are fetched once;\n"
        "of two that would have the same name the later one is an error. Lists are read while the\n"
        "files come, no further than needed: a line that is wrong is told, and passed over.\n"
        "\n"
        "A password in a URL, http://USER:PASSWORD@HOST/, is sent to its server and shown "
        "nowhere:\n"
        "not in messages, reports, the journal and what is kept of partial files. It is seen by\n"
        "others of this machine while it is in the command line, but not in a list.",
    .table = fetch_options,
    .notes = "Exit status: 0 when all files are there, 1 when some are not, 2 for a wrong command\n"
             "line or list, 130 after Ctrl-C.",
};

/* Returns true to go on, else *status is what to exit with. */
static bool read_arguments(struct fetch_reading *reading, int *status)
{
    char *value;
    int option;

    *status = EXIT_USAGE;
    while ((option = opt_next(&reading->scan, &value)) != OPT_END) {
        if (option == OPTION_HELP || option == OPTION_VERSION) {
            *status = manual_answer(&fetch_manual, option == OPTION_HELP);
            return false;
        }
        if (option == OPT_BAD)
            return false;
        if (option == OPT_ARGUMENT)
            reading->urls[reading->url_count++] = value;
        else if (!fetch_option_take(reading, option, value))
            return false;
    }
    return true;
}

/* --- the list --------------------------------------------------------------------------------- */

static bool cannot_read(const char *path, int error)
{
    opt_error(FETCH_COMMAND, "cannot read %s: %s", path, sley_strerror(error));
    return false;
}

/* The standard input is there once, however often it is named. */
static bool open_inputs(struct fetch_reading *reading)
{
    struct fetch_plan *plan = &reading->plan;
    bool standard = false;

    for (size_t i = 0; i < reading->input_count; i++) {
        const char *path = reading->inputs[i];
        bool again = standard && strcmp(path, "-") == 0;
        int error = again ? 0 : fetch_input_open(&plan->inputs[plan->input_count], path);

        if (error)
            return cannot_read(path, error);
        plan->input_count += again ? 0 : 1;
        standard = standard || strcmp(path, "-") == 0;
    }
    return true;
}

static bool read_urls(struct fetch_reading *reading)
{
    struct fetch_plan *plan = &reading->plan;

    if ((reading->name || reading->checksum) &&
        (reading->url_count != 1 || reading->input_count > 0)) {
        opt_error(FETCH_COMMAND,
                  "--%s is for one URL; lists have names and checksums in their lines",
                  reading->name ? "name" : "checksum");
        return false;
    }
    fetch_list_find_parts(&plan->list, plan->directory);
    for (size_t i = 0; i < reading->url_count; i++)
        if (!fetch_list_add(&plan->list, reading->urls[i], reading->name, reading->checksum)) {
            opt_error(FETCH_COMMAND, "%s", plan->list.error);
            return false;
        }
    if (plan->list.count > 0 || reading->input_count > 0)
        return open_inputs(reading);
    opt_error(FETCH_COMMAND, "which URLs? as arguments, or --input FILE");
    return false;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t length = strlen(path), size = strlen(suffix);

    return length >= size && strcasecmp(path + length - size, suffix) == 0;
}

/* What the options leave open, and what was left by earlier runs. */
static bool prepare(struct fetch_reading *reading)
{
    struct fetch_plan *plan = &reading->plan;

    if (plan->client.certificate_key && !plan->client.certificate) {
        opt_error(FETCH_COMMAND, "--key is for --certificate");
        return false;
    }
    if (!plan->per_host)
        plan->per_host = plan->parallel;
    if (plan->report && !reading->format_given && has_suffix(plan->report, ".csv"))
        plan->format = FETCH_CSV;
    if (plan->journal) {
        int error = fetch_journal_read(&plan->kept, plan->journal, plan->directory);
        if (error) {
            opt_error(FETCH_COMMAND, "cannot read the journal %s: %s", plan->journal,
                      sley_strerror(error));
            return false;
        }
    }
    return true;
}

/* A transfer has a connection and a file, and a shell allows for 1,024 descriptors. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Returns an exit status. */
static int run_tasks(struct fetch_plan *plan)
{
    int status;

    allow_descriptors();
    status = sley_run(fetch_run, plan, NULL);
    if (status < 0)
        opt_start_error(FETCH_PROGRAM, status);
    return status < 0 ? EXIT_SOME_FAILED : status;
}

int fetch_command(int argc, char **argv)
{
    struct fetch_reading reading = {
        .scan = {.program = FETCH_COMMAND, .table = fetch_options, .argc = argc, .argv = argv},
        .plan = {.program = FETCH_PROGRAM,
                 .directory = ".",
                 .parallel = DEFAULT_PARALLEL,
                 .retries = DEFAULT_RETRIES,
                 .retry_wait = DEFAULT_RETRY_WAIT,
                 .retry_most = DEFAULT_RETRY_MOST,
                 .ranges = DEFAULT_RANGES,
                 .range_min = DEFAULT_RANGE_SIZE},
        .urls = calloc((size_t)argc + 1, sizeof(char *)),
        .inputs = calloc((size_t)argc + 1, sizeof(char *)),
    };
    int status = EXIT_SOME_FAILED;

    reading.plan.headers = calloc((size_t)argc + 1, sizeof(char *));
    reading.plan.inputs = calloc((size_t)argc + 1, sizeof *reading.plan.inputs);
    if (reading.urls && reading.inputs && reading.plan.headers && reading.plan.inputs &&
        read_arguments(&reading, &status)) {
        status = EXIT_USAGE;
        if (read_urls(&reading) && prepare(&reading))
            status = run_tasks(&reading.plan);
    }
    for (size_t i = 0; i < reading.plan.input_count; i++)
        fetch_input_close(&reading.plan.inputs[i]);
    fetch_journal_forget(&reading.plan.kept);
    fetch_list_free(&reading.plan.list);
    free(reading.plan.inputs);
    free(reading.plan.headers);
    free(reading.inputs);
    free(reading.urls);
    return status;
}
