/*
 * probe_https.c: a page asked for over TLS.
 *
 * The connection goes to an address that our own servers have told, and the handshake must be for
 * the name: it is in the greeting (SNI) and in the certificate. A URL for the library's client has
 * one of the two only, so the request is made here, on a stream: it is one line and a half, and of
 * the answer no more is wanted than its first line. Everything together has the time of one
 * connection.
 *
 * Why it failed is a sentence of the library's, because that is what this option is for: a
 * certificate that has expired, one for another name, one of an authority that nobody knows, and a
 * server that speaks something else are four different cares.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <sley/sley.h>

#include "probe.h"

enum {
    LINE_MAX_SIZE = 4096,
    INTERIM_MAX = 10, /* answers that are not the last one (100, 103) */
};

/* The status in "HTTP/1.1 200 OK"; false if it is something else. */
static bool parse_status(const char *line, size_t size, int *status)
{
    const unsigned char *digit = (const unsigned char *)line + 9;

    if (size < 12 || memcmp(line, "HTTP/1.", 7) != 0 || line[8] != ' ' ||
        (size > 12 && line[12] != ' '))
        return false;
    if (!isdigit(digit[0]) || !isdigit(digit[1]) || !isdigit(digit[2]))
        return false;
    *status = (digit[0] - '0') * 100 + (digit[1] - '0') * 10 + digit[2] - '0';
    return *status >= 100;
}

/* A whole line: 0; SLEY_EPROTO if there is none, or one that is endless. */
static int next_line(struct sley_reader *reader, char **line, size_t *size)
{
    int code = sley_reader_line(reader, line, size);

    return code == 1 || code == SLEY_EOF || code == SLEY_ETOOLONG ? SLEY_EPROTO : code;
}

static int read_status(struct sley_reader *reader, int *status)
{
    size_t size;
    char *line;

    for (int i = 0; i < INTERIM_MAX; i++) {
        int code = next_line(reader, &line, &size);

        if (code)
            return code;
        if (!parse_status(line, size, status))
            return SLEY_EPROTO;
        if (*status >= 200)
            return 0;
        while (!code && size) /* the head of one that is not the last */
            code = next_line(reader, &line, &size);
        if (code)
            return code;
    }
    return SLEY_EPROTO;
}

static int ask_page(const struct probe_result *result, struct sley_stream *tls, int port,
                    int *status)
{
    struct sley_reader_options limits = {.limit = LINE_MAX_SIZE};
    struct sley_reader *reader;
    char request[PROBE_NAME + 200], host[PROBE_NAME + 32];

    probe_host(result, port, 443, host, sizeof host);
    int length = snprintf(request, sizeof request,
                          "GET / HTTP/1.1\r\n%s\r\nUser-Agent: %s/%s\r\nAccept: */*\r\n"
                          "Connection: close\r\n\r\n",
                          host, PROBE_PROGRAM, sley_version());
    int code = sley_stream_write(tls, request, (size_t)length, NULL);
    if (!code)
        code = sley_reader_new(tls, &limits, &reader);
    if (code)
        return code;
    code = read_status(reader, status);
    sley_reader_free(reader);
    return code;
}

/* The name as certificates have it: without the dot at its end. */
static void host_of(const struct probe_result *result, char host[PROBE_NAME + 1])
{
    size_t length = strlen(result->name);

    if (length && result->name[length - 1] == '.')
        length--;
    snprintf(host, PROBE_NAME + 1, "%.*s", (int)length, result->name);
}

static int greet_and_ask(const struct probe_result *result, const struct sley_address *address,
                         struct probe_contact *contact)
{
    struct sley_stream *tcp, *tls;
    char host[PROBE_NAME + 1];
    int code = probe_connect(address, &tcp);

    if (code)
        return code;
    contact->reached = true;
    host_of(result, host);
    code = sley_tls_connect(result->prober->tls, tcp, host, contact->why, &tls);
    if (code) {
        if (code != SLEY_ETLS) /* it has a word of its own */
            contact->why[0] = '\0';
        sley_stream_free(tcp);
        return code;
    }
    contact->why[0] = '\0';
    code = ask_page(result, tls, address->port, &contact->status);
    sley_stream_free(tls);
    return code;
}

int probe_https(const struct probe_result *result, const struct sley_address *address,
                struct probe_contact *contact)
{
    int code = SLEY_ETIMEDOUT;

    SLEY_WITH_DEADLINE(sley_after(result->prober->options->timeout))
    {
        code = greet_and_ask(result, address, contact);
    }
    return code;
}
