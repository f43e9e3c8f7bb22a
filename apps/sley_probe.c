/*
 * sley_probe.c: the program sley-probe: which of these names are there?
 *
 * The classic of asynchronous programs: take the keywords of a language, put a top-level domain
 * behind each, resolve them all at once, and print them in the order in which they answer. What is
 * made of it here can do so with a list of any length, with any name server, and look whether
 * somebody is at home: connect, and ask for a page.
 *
 * Here is the command line; probe_run.c does the work. The file of names is opened before the
 * runtime is there, for to open a pipe waits until somebody writes to it, and Ctrl-C should end
 * that as it ends any program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sley/sley.h>

#include "manual.h"
#include "options.h"
#include "probe.h"
#include "probe_keywords.h"

#define PROGRAM         PROBE_PROGRAM
#define DEFAULT_MAX_LEN 4
#define DEFAULT_TIMEOUT 2 /* seconds */
#define DEFAULT_TRIES   3

enum {
    KEYWORDS,
    MAX_LEN,
    TLD,
    NAMES,
    TYPE,
    SERVER,
    JOBS,
    RATE,
    TIMEOUT,
    TRIES,
    TCP,
    HTTP,
    HTTPS,
    CA_FILE,
    JSON,
    VERBOSE,
    QUIET,
    HELP,
    VERSION
};

static const struct opt table[] = {
    [KEYWORDS] = {"keywords", 'k', "LANGUAGE", "the keywords of c or python, in .dev"},
    [MAX_LEN] = {"max-len", 'm', "N", "of the keywords only those of at most N letters (4)"},
    [TLD] = {"tld", 0, "DOMAIN",
             "put .DOMAIN behind each name; one that ends with a\n"
             "dot is complete"},
    [NAMES] = {"file", 'f', "FILE", "names from a file, one per line; - is the standard input"},
    [TYPE] = {"type", 't', "TYPES",
              "the records to ask for: of A, AAAA, CNAME, MX, NS, PTR,\n"
              "SRV, TXT, with commas between them (A,AAAA)"},
    [SERVER] = {"server", 's', "ADDRESS",
                "a name server of your own, with :PORT if it is not 53;\n"
                "several are asked in turn (those of resolv.conf)"},
    [JOBS] = {"jobs", 'j', "N", "so many names at once, 1 to 20000 (1000)"},
    [RATE] = {"rate", 'r', "N", "begin at most N names per second (no limit)"},
    [TIMEOUT] = {"timeout", 'T', "SECONDS", "for each answer, and each connection (2)"},
    [TRIES] = {"tries", 0, "N", "how often the servers are asked, 1 to 10 (3)"},
    [TCP] = {"tcp", 'p', "PORT", "connect to this port of what is found"},
    [HTTP] = {"http", 'H', NULL,
              "ask what is found for its page \"/\", at the port of --tcp\n"
              "or at 80"},
    [HTTPS] = {"https", 'S', NULL,
               "the same over TLS, at the port of --tcp or at 443; the\n"
               "certificate must be for the name"},
    [CA_FILE] = {"ca-file", 0, "FILE", "the authorities to trust, PEM, not the system's"},
    [JSON] = {"json", 0, NULL, "print a JSON object per line"},
    [VERBOSE] = {"verbose", 'v', NULL, "with the details behind the name"},
    [QUIET] = {"quiet", 'q', NULL, "no summary, no progress"},
    [HELP] = {"help", 'h', NULL, "show this and exit"},
    [VERSION] = {"version", 'V', NULL, "show the version and exit"},
    {0},
};

static const struct manual manual = {
    .name = PROGRAM,
    .summary = "find out which domain names exist, many at once",
    .usage = "[OPTION...] [NAME...]",
    .about =
        "Resolves the names, and prints each as soon as its answer is there: \"+ name\" if it has\n"
        "one of the records, \"  name\" if not. With --tcp, --http or --https the + is for those "
        "that\n"
        "also accept a connection, or answer. Without names they are read from the standard "
        "input,\n"
        "one per line; \"-\" among the names stands for it, and lines that begin with # are "
        "skipped.\n"
        "Names are complete: neither the search list nor /etc/hosts is looked at. An address is\n"
        "connected to, with --tcp, --http or --https; without them it is no name.",
    .table = table,
    .notes =
        "The summary and the progress go to the standard error; with --json the summary is the\n"
        "last line of the output. Colours and a progress bar are for terminals; NO_COLOR turns "
        "the\n"
        "colours off. What went wrong with a name is told by --verbose, --json and the summary:\n"
        "it does not exist (nxdomain), has no such record (nodata), the server could not tell\n"
        "(servfail), would not (refused), did not answer in time (timeout), was not there\n"
        "(noserver) or sent what cannot be read (unreadable).\n"
        "\n"
        "Exit status: 0 when every name was answered for, 1 when some were not or nothing can be\n"
        "written, 2 for a wrong command line, 130 after Ctrl-C.",
};

/* A command line while it is read. */
struct reading {
    struct opt_scan scan;
    struct probe_options *options;
    bool max_len;
    char **words;
};

/* --- values ----------------------------------------------------------------------------------- */

static bool take_language(struct reading *reading, const char *value)
{
    reading->options->names.keywords = probe_keywords(value);
    if (reading->options->names.keywords)
        return true;
    opt_error(PROGRAM, "--keywords: '%s' is not c or python", value);
    return false;
}

static bool take_tld(struct reading *reading, const char *value)
{
    const char *tld = value + (value[0] == '.');

    reading->options->names.tld = tld;
    if (*tld && !strpbrk(tld, " \t\r\n") && strlen(tld) < 255)
        return true;
    opt_error(PROGRAM, "--tld: '%s' is not a domain", value);
    return false;
}

static bool add_type(struct probe_options *options, const char *word, size_t length)
{
    enum sley_dns_type type = probe_type(word, length);

    if (!type) {
        opt_error(PROGRAM, "--type: '%.*s' is not A, AAAA, CNAME, MX, NS, PTR, SRV or TXT",
                  (int)length, word);
        return false;
    }
    for (size_t i = 0; i < options->type_count; i++)
        if (options->types[i] == type)
            return true;
    options->types[options->type_count++] = type;
    return true;
}

static bool take_types(struct reading *reading, const char *value)
{
    size_t length;

    for (;; value += length + 1) {
        length = strcspn(value, ",");
        if (!add_type(reading->options, value, length))
            return false;
        if (!value[length])
            return true;
    }
}

/* The addresses are judged by the resolver. */
static bool take_server(struct reading *reading, const char *value)
{
    struct probe_options *options = reading->options;
    char *servers;

    if (!value[strspn(value, ", \t")]) {
        opt_error(PROGRAM, "--server: '%s' is not an address, such as 127.0.0.1:53", value);
        return false;
    }
    if (asprintf(&servers, "%s%s%s", options->servers ? options->servers : "",
                 options->servers ? ", " : "", value) < 0)
        return false;
    free(options->servers);
    options->servers = servers;
    return true;
}

static bool take_timeout(struct reading *reading, const char *value)
{
    if (!opt_duration(&reading->scan, "timeout", value, &reading->options->timeout))
        return false;
    if (reading->options->timeout >= SLEY_MILLISECONDS(1))
        return true;
    opt_error(PROGRAM, "--timeout: a millisecond is the shortest");
    return false;
}

static bool take_file(struct reading *reading, const char *value)
{
    if (reading->options->names.file) {
        opt_error(PROGRAM, "--file can only be given once");
        return false;
    }
    reading->options->names.file = value;
    return true;
}

static bool take_number(struct reading *reading, int option, const char *value)
{
    static const long most[] = {
        [MAX_LEN] = 63, [JOBS] = 20000, [RATE] = 1000000, [TRIES] = 10, [TCP] = 65535};
    struct probe_options *options = reading->options;
    long number;

    if (!opt_integer(&reading->scan, table[option].name, value, 1, most[option], &number))
        return false;
    if (option == MAX_LEN) {
        options->names.keyword_max = (size_t)number;
        reading->max_len = true;
    } else if (option == JOBS) {
        options->jobs = (unsigned)number;
    } else if (option == RATE) {
        options->rate = (unsigned)number;
    } else if (option == TRIES) {
        options->tries = (int)number;
    } else {
        options->port = (int)number;
    }
    return true;
}

/* --- the command line ------------------------------------------------------------------------- */

static bool take_flag(struct probe_options *options, int option)
{
    bool *flag = option == HTTP      ? &options->http
                 : option == HTTPS   ? &options->https
                 : option == JSON    ? &options->json
                 : option == VERBOSE ? &options->verbose
                                     : &options->quiet;

    return *flag = true;
}

static bool take_option(struct reading *reading, int option, char *value)
{
    switch (option) {
    case KEYWORDS:
        return take_language(reading, value);
    case TLD:
        return take_tld(reading, value);
    case NAMES:
        return take_file(reading, value);
    case CA_FILE:
        reading->options->ca_file = value;
        return true;
    case TYPE:
        return take_types(reading, value);
    case SERVER:
        return take_server(reading, value);
    case TIMEOUT:
        return take_timeout(reading, value);
    case MAX_LEN:
    case JOBS:
    case RATE:
    case TRIES:
    case TCP:
        return take_number(reading, option, value);
    default:
        return take_flag(reading->options, option);
    }
}

static bool has_addresses(const struct probe_options *options)
{
    for (size_t i = 0; i < options->type_count; i++)
        if (options->types[i] == SLEY_DNS_A || options->types[i] == SLEY_DNS_AAAA)
            return true;
    return false;
}

/* What no option can tell alone; and the defaults that depend on others. */
static bool complete(struct reading *reading)
{
    struct probe_options *options = reading->options;
    struct probe_names *names = &options->names;

    if (!options->type_count) {
        options->types[options->type_count++] = SLEY_DNS_A;
        options->types[options->type_count++] = SLEY_DNS_AAAA;
    }
    if (!has_addresses(options) && (options->port || options->http || options->https)) {
        opt_error(PROGRAM, "--tcp, --http and --https need addresses: --type with A or AAAA");
        return false;
    }
    if (options->port && options->http && options->https) {
        opt_error(PROGRAM, "--tcp: one port has either --http or --https");
        return false;
    }
    if (options->ca_file && !options->https) {
        opt_error(PROGRAM, "--ca-file is for --https");
        return false;
    }
    if (reading->max_len && !names->keywords) {
        opt_error(PROGRAM, "--max-len is for --keywords");
        return false;
    }
    if (names->keywords && !names->tld)
        names->tld = "dev";
    if (!names->keywords && !names->word_count && !names->file) {
        if (isatty(STDIN_FILENO)) {
            opt_error(PROGRAM, "which names? --keywords python, for example");
            return false;
        }
        names->file = "-";
    }
    return true;
}

/* Returns true to go on, else *status is what to exit with. */
static bool read_command_line(struct reading *reading, int *status)
{
    struct probe_names *names = &reading->options->names;
    char *value;
    int option;

    *status = EXIT_USAGE;
    while ((option = opt_next(&reading->scan, &value)) != OPT_END) {
        if (option == HELP || option == VERSION) {
            *status = manual_answer(&manual, option == HELP);
            return false;
        }
        if (option == OPT_BAD)
            return false;
        if (option == OPT_ARGUMENT)
            reading->words[names->word_count++] = value;
        else if (!take_option(reading, option, value))
            return false;
    }
    names->words = reading->words;
    return complete(reading);
}

static bool open_names(struct probe_names *names)
{
    if (!names->file || strcmp(names->file, "-") == 0)
        return true;
    names->fd = open(names->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (names->fd >= 0)
        return true;
    fprintf(stderr, "%s: cannot read the names from %s: %s\n", PROGRAM, names->file,
            sley_strerror(-errno));
    return false;
}

static int run_tasks(struct probe_options *options)
{
    int status = sley_run(probe_run, options, NULL);

    if (status < 0)
        opt_start_error(PROGRAM, status);
    return status < 0 ? EXIT_SOME_FAILED : status;
}

int main(int argc, char **argv)
{
    static struct probe_options options = {
        .names = {.keyword_max = DEFAULT_MAX_LEN, .fd = -1},
        .timeout = SLEY_SECONDS(DEFAULT_TIMEOUT),
        .tries = DEFAULT_TRIES,
    };
    struct reading reading = {
        .scan = {.program = PROGRAM, .table = table, .argc = argc - 1, .argv = argv + 1},
        .options = &options,
    };
    int status = EXIT_SOME_FAILED;

    console_take_places();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (manual_generate(&manual, argc, argv, &status))
        return status;
    reading.words = calloc((size_t)argc + 1, sizeof(char *));
    if (reading.words && read_command_line(&reading, &status))
        status = open_names(&options.names) ? run_tasks(&options) : EXIT_SOME_FAILED;
    free(options.servers);
    free(reading.words);
    return status;
}
