/*
 * serve.c: a server that answers line by line, one task per connection, and its graceful stop.
 *
 * prints: HELLO
 */
#include <ctype.h>
#include <stdio.h>
#include <sley/sley.h>

static int answer(struct sley_stream *stream, void *unused __attribute__((unused)))
{
    struct sley_reader *reader;
    int status = sley_reader_new(stream, NULL, &reader);
    if (status < 0)
        return status;
    SLEY_FOREACH_STATUS (struct sley_line, line, reader, status) {
        for (size_t i = 0; i < line.size; i++)
            line.text[i] = (char)toupper((unsigned char)line.text[i]);
        line.text[line.size] = '\n'; /* where the NUL is */
        if ((status = sley_stream_write(stream, line.text, line.size + 1, NULL)) < 0)
            break;
    }
    sley_reader_free(reader);
    return status;
}

static int ask(void *listener)
{
    struct sley_stream *stream = NULL;
    char piece[100];
    int size, error = sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &stream);
    if (!error)
        error = sley_stream_write(stream, "hello\n", 6, NULL);
    if (!error)
        error = sley_stream_shutdown(stream); /* that was all: the server's loop ends */
    while (!error && (size = sley_stream_read(stream, piece, sizeof piece)) > 0)
        printf("%.*s", size, piece);
    sley_stream_free(stream);
    sley_listener_close(listener); /* sley_serve() returns when all connections are done */
    return error;
}

static int app(void *unused __attribute__((unused)))
{
    struct sley_listener *listener = NULL;
    struct sley_scope scope;
    int error = sley_tcp_listen("127.0.0.1:0", NULL, &listener);
    SLEY_SCOPE(&scope)
    if (!error && (error = sley_scope_spawn(&scope, ask, listener, NULL, NULL)) == 0)
        error = sley_serve(listener, answer, NULL, NULL);
    sley_listener_free(listener);
    return error ? error : scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
