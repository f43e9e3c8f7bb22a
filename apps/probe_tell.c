/*
 * probe_tell.c: what came of a name, as a line.
 *
 * Three forms: "+ name" or "  name", the list that the program is for; the same with the details
 * behind it; and a JSON object. Whatever a file or a server has put into a name is shown as the
 * name system's own files write it, with \DDD for what cannot be printed: nothing foreign steers a
 * terminal, JSON is always well-formed, and what is shown can be asked for again.
 *
 * The plain line is made of copies only: with 100,000 names per second there are ten microseconds
 * for everything, and printf() would take one of them.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sley/sley.h>

#include "http_status.h"
#include "probe.h"

static const struct {
    const char *word; /* in JSON */
    const char *one;  /* in a line */
    const char *many; /* in the summary */
} statuses[PROBE_STATUSES] = {
    [PROBE_FOUND] = {"found", "found", "found"},
    [PROBE_NXDOMAIN] = {"nxdomain", "does not exist", "do not exist"},
    [PROBE_NODATA] = {"nodata", "exists without such data", "exist without such data"},
    [PROBE_SERVFAIL] = {"servfail", "SERVFAIL", "SERVFAIL"},
    [PROBE_REFUSED] = {"refused", "refused", "refused"},
    [PROBE_TIMEOUT] = {"timeout", "no answer in time", "not answered in time"},
    [PROBE_NOSERVER] = {"noserver", "no name server there (connection refused)",
                        "without a name server (connection refused)"},
    [PROBE_UNREADABLE] = {"unreadable", "unreadable answer", "answered unreadably"},
    [PROBE_BAD_NAME] = {"badname", "not a name", "not names"},
    [PROBE_ERROR] = {"error", "error", "not asked for, by an error here"},
};

static const struct {
    const char *name;
    enum sley_dns_type type;
} types[] = {
    {"A", SLEY_DNS_A},         {"AAAA", SLEY_DNS_AAAA}, {"NS", SLEY_DNS_NS},
    {"CNAME", SLEY_DNS_CNAME}, {"PTR", SLEY_DNS_PTR},   {"MX", SLEY_DNS_MX},
    {"TXT", SLEY_DNS_TXT},     {"SRV", SLEY_DNS_SRV},
};

enum sley_dns_type probe_type(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == length && strncasecmp(types[i].name, name, length) == 0)
            return types[i].type;
    return 0;
}

const char *probe_type_name(enum sley_dns_type type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return types[i].name;
    return "?";
}

/* --- counting --------------------------------------------------------------------------------- */

void probe_count(struct probe_tally *tally, const struct probe_result *result)
{
    tally->names++;
    tally->status[result->status]++;
    tally->connected += result->tcp.tried && !result->tcp.error;
    tally->answered += result->http.tried && !result->http.error;
    tally->answered_https += result->https.tried && !result->https.error;
}

bool probe_has_failures(const struct probe_tally *tally)
{
    size_t answers =
        tally->status[PROBE_FOUND] + tally->status[PROBE_NXDOMAIN] + tally->status[PROBE_NODATA];

    return tally->names > answers;
}

/* --- texts ------------------------------------------------------------------------------------ */

static void put(struct text *text, const char *string)
{
    text_put(text, string, strlen(string));
}

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c < 0x7f && c != '\\' && c != '"';
}

/* How to show bytes: as a name, in which a backslash is an escape already; and in JSON, where it
 * has to be doubled. */
enum form { AS_NAME = 1, IN_JSON = 2 };

static void put_odd(struct text *text, unsigned char c, unsigned form)
{
    const char *backslash = form & IN_JSON ? "\\\\" : "\\";

    if (c == '"') {
        put(text, form & AS_NAME && !(form & IN_JSON) ? "\"" : "\\\"");
    } else if (c == '\\') {
        put(text, backslash);
        put(text, form & AS_NAME ? "" : backslash);
    } else {
        text_add(text, "%s%03u", backslash, c);
    }
}

static void put_bytes(struct text *text, const char *bytes, size_t size, unsigned form)
{
    size_t done = 0;

    for (size_t i = 0; i < size; i++)
        if (!is_plain((unsigned char)bytes[i])) {
            text_put(text, bytes + done, i - done);
            put_odd(text, (unsigned char)bytes[i], form);
            done = i + 1;
        }
    text_put(text, bytes + done, size - done);
}

static void put_name(struct text *text, const char *name, unsigned form)
{
    put_bytes(text, name, strlen(name), form | AS_NAME);
}

/* What a record says, as files of the name system write it. */
static void put_value(struct text *text, const struct sley_dns_record *record, unsigned form)
{
    char address[INET6_ADDRSTRLEN] = "";

    switch (record->type) {
    case SLEY_DNS_A:
        put(text, inet_ntop(AF_INET, record->u.a, address, sizeof address) ? address : "");
        break;
    case SLEY_DNS_AAAA:
        put(text, inet_ntop(AF_INET6, record->u.aaaa, address, sizeof address) ? address : "");
        break;
    case SLEY_DNS_MX:
        text_add(text, "%u ", record->u.mx.preference);
        put_name(text, record->u.mx.exchange, form);
        break;
    case SLEY_DNS_SRV:
        text_add(text, "%u %u %u ", record->u.srv.priority, record->u.srv.weight,
                 record->u.srv.port);
        put_name(text, record->u.srv.target, form);
        break;
    case SLEY_DNS_TXT:
        put_bytes(text, record->u.txt.data, record->u.txt.size, form);
        break;
    default:
        put_name(text, record->u.name, form);
    }
}

/* --- the list --------------------------------------------------------------------------------- */

static void put_records(struct text *text, const struct sley_dns_answer *answer)
{
    for (size_t i = 0; answer && i < answer->count; i++) {
        const struct sley_dns_record *record = &answer->records[i];
        const char *quote = record->type == SLEY_DNS_TXT ? "\"" : "";

        text_add(text, "%s %s", probe_type_name(record->type), quote);
        put_value(text, record, 0);
        put(text, quote);
        put(text, "; ");
    }
}

static const char *reason(const struct probe_contact *contact)
{
    if (contact->why && contact->why[0])
        return contact->why;
    return contact->error == SLEY_ETIMEDOUT ? "no answer in time" : sley_strerror(contact->error);
}

/* A request that was made. */
static void put_request(struct text *text, const char *what, const struct probe_contact *contact)
{
    if (contact->tried && contact->error)
        text_add(text, "%s: %s; ", what, reason(contact));
    else if (contact->tried)
        text_add(text, "%s %d %s; ", what, contact->status, http_status_text(contact->status));
}

static void put_contacts(struct text *text, const struct probe_result *result)
{
    if (result->tcp.tried)
        text_add(text, "port %d %s; ", result->prober->options->port,
                 result->tcp.error ? reason(&result->tcp) : "open");
    put_request(text, "HTTP", &result->http);
    put_request(text, "HTTPS", &result->https);
}

/* What stands behind the name. */
static void put_details(struct text *text, const struct probe_result *result)
{
    put(text, "  ");
    for (size_t i = 0; i < result->answer_count; i++)
        put_records(text, result->answers[i].records);
    if (result->status != PROBE_FOUND)
        text_add(text, "%s; ",
                 result->status == PROBE_BAD_NAME && result->why[0] ? result->why
                                                                    : statuses[result->status].one);
    put_contacts(text, result);
    text_add(text, "%.1f ms", (double)result->took / 1e6);
}

static void tell_list(struct text *text, bool verbose, bool colour,
                      const struct probe_result *result)
{
    if (!result->passed)
        put(text, "  ");
    else
        put(text, colour ? "\033[32m+\033[0m " : "+ ");
    put_name(text, result->name, 0);
    if (verbose)
        put_details(text, result);
    put(text, "\n");
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_records(struct text *text, const struct probe_result *result)
{
    const char *before = "";

    put(text, ", \"records\": [");
    for (size_t i = 0; i < result->answer_count; i++) {
        const struct sley_dns_answer *answer = result->answers[i].records;

        for (size_t j = 0; answer && j < answer->count; j++) {
            const struct sley_dns_record *record = &answer->records[j];

            text_add(text, "%s{\"type\": \"%s\", \"ttl\": %" PRIu32 ", \"value\": \"", before,
                     probe_type_name(record->type), record->ttl);
            put_value(text, record, IN_JSON);
            put(text, "\"}");
            before = ", ";
        }
    }
    put(text, "]");
}

/* What came of each type. */
static void json_types(struct text *text, const struct probe_result *result)
{
    put(text, ", \"types\": {");
    for (size_t i = 0; i < result->answer_count; i++)
        text_add(text, "%s\"%s\": \"%s\"", i ? ", " : "", probe_type_name(result->answers[i].type),
                 statuses[result->answers[i].status].word);
    put(text, "}");
}

static void json_contact(struct text *text, const char *name, const struct probe_contact *contact,
                         bool has_status)
{
    if (!contact->tried)
        return;
    text_add(text, ", \"%s\": {", name);
    if (contact->error) {
        put(text, "\"error\": \"");
        put_name(text, reason(contact), IN_JSON);
        put(text, "\", ");
    } else if (has_status) {
        text_add(text, "\"status\": %d, ", contact->status);
    }
    text_add(text, "\"ms\": %.3f}", (double)contact->took / 1e6);
}

static void tell_json(struct text *text, const struct probe_result *result)
{
    put(text, "{\"name\": \"");
    put_name(text, result->name, IN_JSON);
    text_add(text, "\", \"status\": \"%s\"", statuses[result->status].word);
    if (result->why[0]) {
        put(text, ", \"error\": \"");
        put_name(text, result->why, IN_JSON);
        put(text, "\"");
    }
    json_records(text, result);
    json_types(text, result);
    json_contact(text, "tcp", &result->tcp, false);
    json_contact(text, "http", &result->http, true);
    json_contact(text, "https", &result->https, true);
    text_add(text, ", \"ms\": %.3f}\n", (double)result->took / 1e6);
}

void probe_tell(struct text *text, const struct probe_options *options, bool colour,
                const struct probe_result *result)
{
    if (options->json)
        tell_json(text, result);
    else
        tell_list(text, options->verbose, colour, result);
}

/* --- the summary ------------------------------------------------------------------------------ */

static void total_json(struct text *text, const struct probe_options *options,
                       const struct probe_tally *tally, const struct sley_resolver_stats *stats,
                       double seconds)
{
    text_add(text, "{\"names\": %zu", tally->names);
    for (int i = 0; i < PROBE_STATUSES; i++)
        text_add(text, ", \"%s\": %zu", statuses[i].word, tally->status[i]);
    if (options->port)
        text_add(text, ", \"connected\": %zu", tally->connected);
    if (options->http)
        text_add(text, ", \"answered\": %zu", tally->answered);
    if (options->https)
        text_add(text, ", \"answered_https\": %zu", tally->answered_https);
    text_add(text, ", \"queries\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"seconds\": %.6f}\n",
             stats->queries, stats->timeouts, seconds);
}

void probe_tell_total(struct text *text, const struct probe_options *options,
                      const struct probe_tally *tally, const struct sley_resolver_stats *stats,
                      int64_t took)
{
    double seconds = (double)took / 1e9;

    if (options->json) {
        total_json(text, options, tally, stats, seconds);
        return;
    }
    text_add(text, "%zu name%s in %.2f s: %zu found", tally->names, tally->names == 1 ? "" : "s",
             seconds, tally->status[PROBE_FOUND]);
    for (int i = PROBE_FOUND + 1; i < PROBE_STATUSES; i++)
        if (tally->status[i])
            text_add(text, ", %zu %s", tally->status[i],
                     tally->status[i] == 1 ? statuses[i].one : statuses[i].many);
    if (options->port)
        text_add(text, "; %zu connected", tally->connected);
    if (options->http)
        text_add(text, "; %zu answered HTTP", tally->answered);
    if (options->https)
        text_add(text, "; %zu answered HTTPS", tally->answered_https);
    put(text, "\n");
}
