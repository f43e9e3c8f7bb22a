/* Servers that are stopped in every way (closed, cancelled, out of grace) while clients come, talk
 * by lines, break off in the middle with an end or a reset, and go. Nothing may be left: neither a
 * task that waits nor a descriptor. */
#include "io_stress.h"

#include <unistd.h>

enum { ROUNDS = 60, CLIENTS = 12, TALKS = 6 };

struct site {
    struct sley_listener *listener;
    char address[32];
    bool over_unix;
    int port;
    int64_t grace;
    size_t limit;
};

static int handle(struct sley_stream *stream, void *unused __attribute__((unused)))
{
    struct sley_reader_options narrow = {.limit = 40, .buffer = 7};
    struct sley_reader *reader;
    struct sley_writer *writer;
    int status;

    must_be(sley_reader_new(stream, &narrow, &reader), 0);
    must_be(sley_writer_new(stream, NULL, &writer), 0);
    SLEY_FOREACH_STATUS (struct sley_line, line, reader, status) {
        if ((status = sley_writer_printf(writer, "%s!\n", line.text)) < 0)
            break;
        if (!sley_reader_buffered(reader) && (status = sley_writer_flush(writer)) < 0)
            break;
    }
    sley_reader_free(reader);
    sley_writer_free(writer);
    return status;
}

static int serve(void *arg)
{
    struct site *site = arg;
    struct sley_serve_options options = {.grace = site->grace, .max_connections = site->limit};

    return sley_serve(site->listener, handle, NULL, &options);
}

static int dial(struct site *site, struct sley_stream **stream)
{
    if (site->over_unix)
        return sley_unix_connect(site->address, stream);
    return sley_tcp_connect("127.0.0.1", site->port, NULL, stream);
}

/* One question and its answer: 0, or the connection is over. */
static int ask(struct sley_stream *stream, struct sley_reader *reader, uint32_t *random)
{
    char text[64], *line;
    size_t size;
    int length = snprintf(text, sizeof(text), "%u\n", next_random(random) % 100000);
    int error = sley_stream_write(stream, text, (size_t)length, NULL);

    if (!error)
        error = sley_reader_line(reader, &line, &size);
    if (!error) {
        must(size == (size_t)length && line[size - 1] == '!');
        must(memcmp(line, text, size - 1) == 0);
    }
    return error;
}

static int visit(void *arg)
{
    struct site *site = arg;
    uint32_t random = (uint32_t)(uintptr_t)&arg ^ (uint32_t)sley_now() ^ 1;
    struct sley_stream *stream;
    struct sley_reader *reader;

    if (dial(site, &stream) != 0)
        return 0; /* the server was faster */
    must_be(sley_reader_new(stream, NULL, &reader), 0);
    for (uint32_t n = next_random(&random) % TALKS; n > 0; n--)
        if (ask(stream, reader, &random) < 0)
            break;
    switch (next_random(&random) % 4) {
    case 0:
        (void)sley_stream_write(stream, "half a li", 9, NULL);
        break;
    case 1:
        (void)sley_stream_write(stream, "a line that is longer than the server likes it\n", 47,
                                NULL);
        break;
    case 2:
        (void)sley_stream_reset_on_close(stream);
        break;
    default:
        (void)sley_stream_shutdown(stream);
    }
    sley_reader_free(reader);
    sley_stream_free(stream);
    return 0;
}

static void one_round(uint32_t *random)
{
    struct site site = {.over_unix = next_random(random) % 2,
                        .limit = next_random(random) % 3 ? 0 : 3};
    struct sley_task *server, *clients[CLIENTS];
    int result;
    bool cancel = next_random(random) % 3 == 0;

    site.grace = next_random(random) % 2 ? SLEY_SECONDS(10) : -1;
    snprintf(site.address, sizeof(site.address), "@sley-serve-%d", (int)getpid());
    if (site.over_unix)
        must_be(sley_unix_listen(site.address, NULL, &site.listener), 0);
    else
        must_be(sley_tcp_listen("127.0.0.1:0", NULL, &site.listener), 0);
    site.port = sley_listener_port(site.listener);
    must_be(sley_spawn(serve, &site, NULL, &server), 0);
    for (int i = 0; i < CLIENTS; i++)
        must_be(sley_spawn(visit, &site, NULL, &clients[i]), 0);
    for (uint32_t n = next_random(random) % 6; n > 0; n--)
        must_be(sley_sleep(SLEY_MICROSECONDS(next_random(random) % 400)), 0);
    if (cancel)
        sley_cancel(server, "stress");
    else
        sley_listener_close(site.listener);
    must_be(sley_join(server, &result), 0);
    must(result == 0 || (cancel && result == SLEY_ECANCELED));
    sley_listener_free(site.listener);
    for (int i = 0; i < CLIENTS; i++)
        must_be(sley_join(clients[i], NULL), 0);
}

static int run(void *unused __attribute__((unused)))
{
    uint32_t random = 77;
    struct sley_stream *ends[2];
    int first;

    must_be(sley_unix_pair(ends), 0); /* starts the I/O thread */
    sley_stream_free(ends[0]);
    sley_stream_free(ends[1]);
    first = dup(0);
    close(first);
    for (int i = 0; i < ROUNDS; i++)
        one_round(&random);
    must_be(dup(0), first); /* the lowest that is free: nothing below it has leaked */
    close(first);
    return 0;
}

int main(void)
{
    return sley_run(run, NULL, NULL) == 0 ? 0 : 1;
}
