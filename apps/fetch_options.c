/*
 * fetch_options.c: the options of "sley-fetch get": the table, which is also the help, and the
 * values.
 *
 * A value is checked to its last character before anything starts: "--limit-rate 1X" that is taken
 * for one byte a second would be found out by waiting.
 */
#include "fetch_options.h"

#include <stdlib.h>
#include <string.h>

#include "fetch_part.h"

#define MOST_PARALLEL 4096

const struct opt fetch_options[] = {
    [OPTION_INPUT] = {"input", 'i', "FILE",
                      "URLs from this file, or - for the standard input; a line is\n"
                      "URL [NAME] [sha256:HEX], also sha1, md5, sha512; # for a remark"},
    [OPTION_OUTPUT] = {"output", 'o', "DIR", "where the files go (.); made if it is not there"},
    [OPTION_NAME] = {"name", 'O', "NAME", "the name of the file; with one URL only"},
    [OPTION_CHECKSUM] = {"checksum", 'c', "KIND:HEX", "what the file must have; with one URL only"},
    [OPTION_PARALLEL] = {"parallel", 'j', "N", "transfers at once: 1 to 4096 (16)"},
    [OPTION_PER_HOST] = {"per-host", 'p', "N",
                         "of them, from one host (all); fewer if it has enough"},
    [OPTION_RETRIES] = {"retries", 'r', "N", "further attempts at a file, 0 to 1000 (5)"},
    [OPTION_RETRY_WAIT] = {"retry-wait", 0, "TIME",
                           "before the first of them (1s), doubled each time"},
    [OPTION_RETRY_MOST] = {"retry-most", 0, "TIME",
                           "the longest wait (120s); a server that wants more has failed"},
    [OPTION_JOURNAL] = {"journal", 'J', "FILE",
                        "remembers what is complete: the same command goes on where it\n"
                        "was interrupted"},
    [OPTION_UNIQUE] = {"unique", 'u', NULL,
                       "number names that are taken by another URL of the list"},
    [OPTION_SKIP_EXISTING] = {"skip-existing", 'n', NULL, "do not fetch what is there already"},
    [OPTION_SYNC] = {"sync", 0, NULL, "have each file on the disk before its name"},
    [OPTION_HEADER] = {"header", 'H', "LINE", "a further header, 'Name: value'; may be repeated"},
    [OPTION_USER_AGENT] = {"user-agent", 'A', "TEXT", "what to call ourselves (sley/VERSION)"},
    [OPTION_HTTP] = {"http", 0, "VERSION", "any, 1.1 or 2; 2 also without TLS (any)"},
    [OPTION_COMPRESSED] = {"compressed", 0, NULL, "offer compression; nothing is resumed then"},
    [OPTION_MAX_REDIRECTS] = {"max-redirects", 0, "N", "how many to follow, 0 to 100 (10)"},
    [OPTION_RATE] = {"limit-rate", 'l', "SIZE", "bytes in a second, all together: 500K, 2M"},
    [OPTION_RANGES] = {"ranges", 'g', "N", "pieces of a large file at once, 1 to 16 (4)"},
    [OPTION_RANGE_SIZE] = {"range-size", 0, "SIZE", "no piece is smaller than this (32M)"},
    [OPTION_MAX_SIZE] = {"max-size", 0, "SIZE", "no file larger than this: 64K, 2G"},
    [OPTION_CONNECT_TIMEOUT] = {"connect-timeout", 0, "TIME", "for a connection (30s)"},
    [OPTION_IDLE_TIMEOUT] = {"idle-timeout", 0, "TIME", "without a byte (60s); 0: for ever"},
    [OPTION_TIMEOUT] = {"timeout", 't', "TIME", "for an attempt at a file (none)"},
    [OPTION_CA_FILE] = {"ca-file", 0, "FILE", "the authorities to trust, PEM, not the system's"},
    [OPTION_CERTIFICATE] = {"certificate", 0, "FILE", "a client's certificate, PEM"},
    [OPTION_KEY] = {"key", 0, "FILE", "its key; without this option it is in the same file"},
    [OPTION_INSECURE] = {"insecure", 'k', NULL, "accept any certificate"},
    [OPTION_PROXY] = {"proxy", 'x', "URL", "of a proxy, not the environment's"},
    [OPTION_NO_PROXY] = {"no-proxy", 0, NULL, "ignore the proxies of the environment"},
    [OPTION_REPORT] = {"report", 'R', "FILE",
                       "save the results there, as JSON, or CSV if it ends in .csv"},
    [OPTION_REPORT_FORMAT] = {"report-format", 0, "FORMAT", "json or csv, whatever its name is"},
    [OPTION_JSON] = {"json", 0, NULL, "a line of JSON for each file on the standard output"},
    [OPTION_QUIET] = {"quiet", 'q', NULL, "say nothing but errors"},
    [OPTION_VERBOSE] = {"verbose", 'v', NULL, "a line with the details for each file"},
    [OPTION_HELP] = {"help", 'h', NULL, "show this and exit"},
    [OPTION_VERSION] = {"version", 'V', NULL, "show the version and exit"},
    {0},
};

static bool wrong(const char *option, const char *value, const char *what)
{
    opt_error(FETCH_COMMAND, "--%s: '%s' is not %s", option, value, what);
    return false;
}

static bool take_unsigned(const struct fetch_reading *reading, int option, const char *value,
                          long min, long max, unsigned *out)
{
    long number;

    if (!opt_integer(&reading->scan, fetch_options[option].name, value, min, max, &number))
        return false;
    *out = (unsigned)number;
    return true;
}

/* Bytes, with K, M, G or T for powers of 1024. */
static bool take_size(int option, const char *value, uint64_t *out)
{
    static const char units[] = "KMGT";
    size_t digits = strspn(value, "0123456789");
    const char *unit = value + digits, *at = *unit ? strchr(units, *unit & ~0x20) : NULL;
    unsigned shift = at ? 10 * (unsigned)(at - units + 1) : 0;

    if (digits == 0 || digits > 18 || (*unit && (!at || unit[1])))
        return wrong(fetch_options[option].name, value, "a size such as 4096, 500K or 2G");
    uint64_t number = strtoull(value, NULL, 10);
    if (number == 0 || number > (uint64_t)INT64_MAX >> shift)
        return wrong(fetch_options[option].name, value, "a size that can be");
    *out = number << shift;
    return true;
}

/* A time of 0 is none, for those options where the library says so with a negative one. */
static bool take_time(const struct fetch_reading *reading, int option, const char *value, bool none,
                      int64_t *out)
{
    if (!opt_duration(&reading->scan, fetch_options[option].name, value, out))
        return false;
    if (*out == 0 && none)
        *out = -1;
    if (*out != 0 || option == OPTION_RETRY_WAIT)
        return true;
    opt_error(FETCH_COMMAND, "--%s: nothing is done in no time", fetch_options[option].name);
    return false;
}

static bool take_header(struct fetch_reading *reading, const char *value)
{
    const char *colon = strchr(value, ':');

    if (!colon || colon == value || strpbrk(value, "\r\n"))
        return wrong("header", value, "a header, 'Name: value'");
    reading->plan.headers[reading->plan.header_count++] = value;
    return true;
}

static bool take_version(struct fetch_reading *reading, const char *value)
{
    static const char *const names[] = {"any", "1.1", "2"};
    static const enum sley_http_version versions[] = {SLEY_HTTP_ANY, SLEY_HTTP_1_1,
                                                      SLEY_HTTP_2_PRIOR};

    for (int i = 0; i < 3; i++)
        if (strcmp(value, names[i]) == 0) {
            reading->plan.client.version = versions[i];
            return true;
        }
    return wrong("http", value, "any, 1.1 or 2");
}

static bool take_format(struct fetch_reading *reading, const char *value)
{
    if (strcmp(value, "json") != 0 && strcmp(value, "csv") != 0)
        return wrong("report-format", value, "json or csv");
    /* The analyser takes the test of a pointer into *reading for one of `reading`.
     * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    reading->plan.format = strcmp(value, "csv") == 0 ? FETCH_CSV : FETCH_JSON;
    reading->format_given = true;
    return true;
}

/* Options whose value is a text that is taken as it is. NULL: it is none of them. */
static const char **text_of(struct fetch_reading *reading, int option)
{
    struct fetch_plan *plan = &reading->plan;

    switch (option) {
    case OPTION_OUTPUT:
        return &plan->directory;
    case OPTION_NAME:
        return &reading->name;
    case OPTION_CHECKSUM:
        return &reading->checksum;
    case OPTION_JOURNAL:
        return &plan->journal;
    case OPTION_USER_AGENT:
        return &plan->client.user_agent;
    case OPTION_CA_FILE:
        return &plan->client.ca_file;
    case OPTION_CERTIFICATE:
        return &plan->client.certificate;
    case OPTION_KEY:
        return &plan->client.certificate_key;
    case OPTION_PROXY:
        return &plan->client.proxy;
    case OPTION_REPORT:
        return &plan->report;
    default:
        return NULL;
    }
}

/* Options without a value. NULL: it is none of them. */
static bool *flag_of(struct fetch_reading *reading, int option)
{
    struct fetch_plan *plan = &reading->plan;

    switch (option) {
    case OPTION_UNIQUE:
        return &plan->list.unique;
    case OPTION_SKIP_EXISTING:
        return &plan->skip_existing;
    case OPTION_SYNC:
        return &plan->sync;
    case OPTION_COMPRESSED:
        return &plan->compressed;
    case OPTION_INSECURE:
        return &plan->client.insecure;
    case OPTION_NO_PROXY:
        return &plan->client.no_proxy;
    case OPTION_JSON:
        return &plan->json;
    case OPTION_QUIET:
        return &plan->quiet;
    case OPTION_VERBOSE:
        return &plan->verbose;
    default:
        return NULL;
    }
}

static bool take_redirects(struct fetch_reading *reading, const char *value)
{
    unsigned number;

    if (!take_unsigned(reading, OPTION_MAX_REDIRECTS, value, 0, 100, &number))
        return false;
    reading->plan.max_redirects = number ? (int)number : -1;
    return true;
}

static bool take_value(struct fetch_reading *reading, int option, char *value)
{
    struct fetch_plan *plan = &reading->plan;

    switch (option) {
    case OPTION_INPUT:
        reading->inputs[reading->input_count++] = value;
        return true;
    case OPTION_PARALLEL:
        return take_unsigned(reading, option, value, 1, MOST_PARALLEL, &plan->parallel);
    case OPTION_PER_HOST:
        return take_unsigned(reading, option, value, 1, MOST_PARALLEL, &plan->per_host);
    case OPTION_RETRIES:
        return take_unsigned(reading, option, value, 0, 1000, &plan->retries);
    case OPTION_RETRY_WAIT:
        return take_time(reading, option, value, false, &plan->retry_wait);
    case OPTION_RETRY_MOST:
        return take_time(reading, option, value, false, &plan->retry_most);
    case OPTION_HEADER:
        return take_header(reading, value);
    case OPTION_HTTP:
        return take_version(reading, value);
    case OPTION_MAX_REDIRECTS:
        return take_redirects(reading, value);
    case OPTION_RATE:
        return take_size(option, value, &plan->rate);
    case OPTION_RANGES:
        return take_unsigned(reading, option, value, 1, FETCH_SEGMENTS_MAX, &plan->ranges);
    case OPTION_RANGE_SIZE:
        return take_size(option, value, &plan->range_min);
    case OPTION_MAX_SIZE:
        return take_size(option, value, &plan->max_size);
    case OPTION_CONNECT_TIMEOUT:
        return take_time(reading, option, value, false, &plan->connect_timeout);
    case OPTION_IDLE_TIMEOUT:
        return take_time(reading, option, value, true, &plan->idle_timeout);
    case OPTION_TIMEOUT:
        return take_time(reading, option, value, false, &plan->timeout);
    default:
        return take_format(reading, value);
    }
}

bool fetch_option_take(struct fetch_reading *reading, int option, char *value)
{
    const char **text = text_of(reading, option);
    bool *flag = flag_of(reading, option);

    if (text && !*value && option != OPTION_USER_AGENT && option != OPTION_PROXY) {
        opt_error(FETCH_COMMAND, "--%s needs a value: %s", fetch_options[option].name,
                  fetch_options[option].value);
        return false;
    }
    if (text)
        *text = value;
    else if (flag)
        *flag = true;
    else
        return take_value(reading, option, value);
    return true;
}
