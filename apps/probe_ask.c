/*
 * probe_ask.c: one name, from the first question to the last answer.
 *
 * A task that reads like a person at a keyboard: ask for each type, connect, say GET. That
 * thousands do so at once is nothing that this file knows of.
 *
 * A name that does not exist has no record of any type, so nothing more is asked about it; neither
 * is more asked when no server has answered, for the next question would wait as long for nothing.
 * And a type is only asked for if somebody wants to see it: in the plain list the first record
 * decides.
 *
 * An address among the names is no name, and no name server is asked about it; but it is where to
 * connect to, if that is asked for.
 *
 * The connection goes to the addresses that our own servers have told, in their order, until one
 * answers. Therefore the request is made to a numeric address, with the name in its header, and
 * redirects are not followed: they are an answer. Over TLS (probe_https.c) the first one that can
 * be connected to is the one: a certificate that is wrong is no reason to look elsewhere, and it is
 * what somebody wants to know.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

#include "probe.h"

struct probe_result *probe_result_new(const struct prober *prober, const char *name)
{
    size_t size = strlen(name) + 1;
    struct probe_result *result = calloc(1, sizeof *result + size);

    if (!result)
        return NULL;
    memcpy(result->name, name, size);
    result->prober = prober;
    result->status = PROBE_NXDOMAIN;
    result->https.why = result->https_why;
    return result;
}

void probe_result_free(struct probe_result *result)
{
    for (size_t i = 0; i < result->answer_count; i++)
        sley_dns_answer_free(result->answers[i].records);
    free(result);
}

/* --- names ------------------------------------------------------------------------------------ */

static enum probe_status status_of(int code)
{
    switch (code) {
    case 0:
        return PROBE_FOUND;
    case SLEY_ENXDOMAIN:
        return PROBE_NXDOMAIN;
    case SLEY_ENODATA:
        return PROBE_NODATA;
    case SLEY_ESERVFAIL:
        return PROBE_SERVFAIL;
    case SLEY_EREFUSED:
        return PROBE_REFUSED;
    case SLEY_ENOANSWER:
        return PROBE_TIMEOUT;
    case SLEY_ENOSERVER:
        return PROBE_NOSERVER;
    case SLEY_EBADANSWER:
        return PROBE_UNREADABLE;
    case SLEY_EINVAL:
        return PROBE_BAD_NAME;
    default:
        return PROBE_ERROR;
    }
}

/* Of the types of a name the one that decides: a record that is there, else what went wrong first,
 * else that the name exists. */
static int rank(enum probe_status status)
{
    return status == PROBE_FOUND      ? 0
           : status == PROBE_NODATA   ? 2
           : status == PROBE_NXDOMAIN ? 3
                                      : 1;
}

/* The name system knows no characters but bytes; who writes others means another name. */
static bool is_ascii(const char *name)
{
    while (*name && !(*name & 0x80))
        name++;
    return !*name;
}

/* Asks for one type. */
static int ask_type(struct probe_result *result, enum sley_dns_type type)
{
    const struct probe_options *options = result->prober->options;
    struct probe_answer *answer = &result->answers[result->answer_count];
    struct sley_dns_error error = {0};
    struct sley_lookup_options lookup = {
        .resolver = result->prober->resolver,
        .error = options->verbose || options->json ? &error : NULL,
    };

    int code = sley_dns_query(result->name, type, &lookup, &answer->records);
    if (code == SLEY_ECANCELED)
        return code;
    answer->type = type;
    answer->status = status_of(code);
    if (result->answer_count++ > 0 && rank(answer->status) >= rank(result->status))
        return 0;
    result->status = answer->status;
    snprintf(result->why, sizeof result->why, "%s", rank(answer->status) == 1 ? error.text : "");
    return 0;
}

/* Whether nothing more has to be asked. */
static bool is_known(const struct probe_result *result, bool brief)
{
    enum probe_status last = result->answers[result->answer_count - 1].status;

    return last == PROBE_NXDOMAIN || last == PROBE_TIMEOUT || last == PROBE_NOSERVER ||
           last == PROBE_BAD_NAME || (brief && last == PROBE_FOUND);
}

static bool has_contacts(const struct probe_options *options)
{
    return options->port || options->http || options->https;
}

static int ask_types(struct probe_result *result)
{
    const struct probe_options *options = result->prober->options;
    bool brief = !options->verbose && !options->json && !has_contacts(options);

    for (size_t i = 0; i < options->type_count; i++) {
        int code = ask_type(result, options->types[i]);

        if (code)
            return code;
        if (is_known(result, brief))
            break;
    }
    return 0;
}

/* True: it was an address, and there is nothing to be asked. */
static bool take_numeric(struct probe_result *result)
{
    struct sley_address address;

    if (sley_address_numeric(result->name, 0, &address) != 0)
        return false;
    if (has_contacts(result->prober->options) && !address.scope) {
        result->numeric = address;
        result->status = PROBE_FOUND;
    } else {
        result->status = PROBE_BAD_NAME;
        snprintf(result->why, sizeof result->why, "an address, not a name");
    }
    return true;
}

static int ask_name(struct probe_result *result)
{
    if (take_numeric(result))
        return 0;
    if (is_ascii(result->name))
        return ask_types(result);
    result->status = PROBE_BAD_NAME;
    snprintf(result->why, sizeof result->why,
             "it has characters beyond ASCII: to be written as xn--...");
    return 0;
}

/* --- connections ------------------------------------------------------------------------------ */

/* An attempt at one address; what it returns goes to contact->error. */
typedef int attempt_fn(const struct probe_result *result, const struct sley_address *address,
                       struct probe_contact *contact);

int probe_connect(const struct sley_address *address, struct sley_stream **out)
{
    char host[INET6_ADDRSTRLEN];

    if (!inet_ntop(address->family == 6 ? AF_INET6 : AF_INET, address->bytes, host, sizeof host))
        return SLEY_EINVAL;
    return sley_tcp_connect(host, address->port, NULL, out);
}

static int connect_to(const struct probe_result *result, const struct sley_address *address,
                      struct probe_contact *contact)
{
    struct sley_stream *stream;
    int code = SLEY_ETIMEDOUT;

    (void)contact;
    SLEY_WITH_DEADLINE(sley_after(result->prober->options->timeout))
    {
        code = probe_connect(address, &stream);
    }
    if (!code)
        sley_stream_free(stream);
    return code;
}

void probe_host(const struct probe_result *result, int port, int default_port, char *out,
                size_t size)
{
    bool brackets = result->numeric.family == 6;
    char colon[16] = "";

    if (port != default_port)
        snprintf(colon, sizeof colon, ":%d", port);
    snprintf(out, size, "Host: %s%s%s%s", brackets ? "[" : "", result->name, brackets ? "]" : "",
             colon);
}

/* The status is all that is wanted: the body is not waited for. */
static int request_from(const struct probe_result *result, const struct sley_address *address,
                        struct probe_contact *contact)
{
    char host[PROBE_NAME + 32], url[SLEY_ADDRESS_TEXT + 16], at[SLEY_ADDRESS_TEXT];
    const char *headers[] = {host, "Connection: close", NULL};
    struct sley_http_options options = {
        .headers = headers,
        .max_redirects = -1,
        .timeout = result->prober->options->timeout,
    };
    struct sley_http_response *response;

    if (sley_address_format(address, at, sizeof at) != 0)
        return SLEY_EINVAL;
    snprintf(url, sizeof url, "http://%s/", at);
    probe_host(result, address->port, 80, host, sizeof host);
    int code = sley_http_open(result->prober->http, url, &options, &response);
    if (code)
        return code;
    contact->status = sley_http_response_status(response);
    sley_http_response_free(response);
    return 0;
}

static struct sley_address address_of(const struct sley_dns_record *record)
{
    struct sley_address address = {0};

    if (record->type == SLEY_DNS_AAAA) {
        address.family = 6;
        memcpy(address.bytes, record->u.aaaa, 16);
    } else {
        address.family = 4;
        memcpy(address.bytes, record->u.a, 4);
    }
    return address;
}

/* Tries an address. True: it has succeeded or has said why not, or the task is cancelled. */
static bool try_address(const struct probe_result *result, struct sley_address address, int port,
                        attempt_fn *attempt, struct probe_contact *contact)
{
    address.port = (uint16_t)port;
    contact->tried = true;
    contact->error = attempt(result, &address, contact);
    return !contact->error || contact->error == SLEY_ECANCELED || contact->reached;
}

/* The same of those of an answer, one after the other. */
static bool try_records(const struct probe_result *result, const struct sley_dns_answer *answer,
                        int port, attempt_fn *attempt, struct probe_contact *contact)
{
    for (size_t i = 0; i < answer->count; i++)
        if (try_address(result, address_of(&answer->records[i]), port, attempt, contact))
            return true;
    return false;
}

/* 0, also if it has failed; or SLEY_ECANCELED. */
static int try_addresses(const struct probe_result *result, int port, attempt_fn *attempt,
                         struct probe_contact *contact)
{
    int64_t begin = sley_now();

    if (result->numeric.family)
        (void)try_address(result, result->numeric, port, attempt, contact);
    for (size_t i = 0; i < result->answer_count; i++) {
        const struct probe_answer *answer = &result->answers[i];
        bool addresses = answer->type == SLEY_DNS_A || answer->type == SLEY_DNS_AAAA;

        if (addresses && answer->records &&
            try_records(result, answer->records, port, attempt, contact))
            break;
    }
    contact->took = sley_now() - begin;
    return contact->error == SLEY_ECANCELED ? SLEY_ECANCELED : 0;
}

static int try_contacts(struct probe_result *result)
{
    const struct probe_options *options = result->prober->options;
    int code = 0;

    if (options->port)
        code = try_addresses(result, options->port, connect_to, &result->tcp);
    if (!code && options->http && !result->tcp.error)
        code =
            try_addresses(result, options->port ? options->port : 80, request_from, &result->http);
    if (!code && options->https && !result->tcp.error)
        code =
            try_addresses(result, options->port ? options->port : 443, probe_https, &result->https);
    return code;
}

static bool is_fine(const struct probe_contact *contact)
{
    return contact->tried && !contact->error;
}

int probe_ask(struct probe_result *result)
{
    const struct probe_options *options = result->prober->options;
    int64_t begin = sley_now();
    int code = ask_name(result);

    if (!code && result->status == PROBE_FOUND)
        code = try_contacts(result);
    result->took = sley_now() - begin;
    result->passed = result->status == PROBE_FOUND && (!options->port || is_fine(&result->tcp)) &&
                     (!options->http || is_fine(&result->http)) &&
                     (!options->https || is_fine(&result->https));
    return code;
}
