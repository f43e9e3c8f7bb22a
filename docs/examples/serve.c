/*
 * serve.c: a server that answers line by line, one task per connection, and its graceful stop: the
 * last client says so.
 *
 * prints: olleh
 */
#include <stdio.h>
#include <string.h>

#include <sley/sley.h>

static struct sley_listener *listener;

/* Each line turned around; "stop" closes the listener, and sley_serve() returns when all are done.
 */
static int answer(struct sley_stream *stream, void *unused __attribute__((unused)))
{
    struct sley_reader *reader;
    struct sley_writer *writer;
    int status = sley_reader_new(stream, NULL, &reader);

    if (status < 0)
        return status;
    status = sley_writer_new(stream, NULL, &writer);
    if (status < 0) {
        sley_reader_free(reader);
        return status;
    }
    SLEY_FOREACH_STATUS (struct sley_line, line, reader, status) {
        if (strcmp(line.text, "stop") == 0)
            sley_listener_close(listener);
        for (size_t i = line.size; i > 0; i--)
            sley_writer_write(writer, &line.text[i - 1], 1, NULL);
        sley_writer_write(writer, "\n", 1, NULL);
        status = sley_writer_flush(writer);
        if (status < 0)
            break;
    }
    sley_writer_free(writer);
    sley_reader_free(reader);
    return status;
}

static int ask(void *unused __attribute__((unused)))
{
    struct sley_stream *stream;
    char reply[6];
    int error = sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &stream);

    if (error)
        return error;
    error = sley_stream_write(stream, "hello\nstop\n", 11, NULL);
    for (int got = 0; !error && got < 6;) {
        int count = sley_stream_read(stream, reply + got, sizeof(reply) - (size_t)got);

        got += count > 0 ? count : 0;
        error = count < 0 ? count : 0;
    }
    if (!error)
        printf("%.5s\n", reply);
    sley_stream_free(stream);
    return error;
}

static int app(void *unused __attribute__((unused)))
{
    struct sley_serve_options options = {.max_connections = 100, .grace = SLEY_SECONDS(5)};
    struct sley_task *client;
    int result, error = sley_tcp_listen("127.0.0.1:0", NULL, &listener);

    if (error)
        return error;
    error = sley_spawn(ask, NULL, NULL, &client);
    if (!error) {
        error = sley_serve(listener, answer, NULL, &options);
        sley_join(client, &result);
        error = error ? error : result;
    }
    sley_listener_free(listener);
    return error;
}

int main(void)
{
    int error = sley_run(app, NULL, NULL);

    if (error)
        fprintf(stderr, "%s\n", sley_strerror(error));
    return error != 0;
}
