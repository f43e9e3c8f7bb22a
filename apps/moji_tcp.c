/*
 * moji_tcp.c: the character finder for people with telnet or nc.
 *
 * A session is a task that reads like the dialogue it has: prompt, read, answer. It is held up by
 * its client where that does not read, with at most a buffer of answers in memory, and no longer
 * than by one that says nothing: each wait for the client has the same deadline, for its line and
 * for room for an answer. Otherwise a few clients that do not read would hold all places for good.
 *
 * When the server stops, a session that answers may finish, and sees that it was asked to end
 * before it prompts again. One that waits for its client's next line would wait as long as the
 * client likes: it is cancelled after the grace period, which is short, since an answer is.
 */
#include "moji_tcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

#define PROMPT "?> "
#define DASHES 66

struct moji_tcp {
    struct moji_tcp_options options;
    struct sley_listener *listener;
    struct sley_task *task;
};

/* What a session works with. */
struct session {
    const struct moji_tcp *server;
    struct sley_reader *reader;
    struct sley_writer *writer;
    char peer[SLEY_STREAM_NAME_SIZE];
};

/* Until when the client may keep us waiting: for its next line, or for room for what it is sent. */
static int64_t patience(const struct session *session)
{
    return sley_after(session->server->options.idle);
}

static int write_character(struct session *session, uint32_t character)
{
    const struct moji_index *index = session->server->options.index;
    uint32_t code = moji_code(index, character);
    int error = SLEY_ETIMEDOUT;
    char text[5];

    moji_utf8(code, text);
    SLEY_WITH_DEADLINE(patience(session))
    {
        error = sley_writer_printf(session->writer, "U+%04X\t%s\t%s\r\n", code, text,
                                   moji_name(index, character));
        if (!error)
            error = sley_writer_drain(session->writer);
    }
    return error;
}

static int write_found(struct session *session, const struct moji_found *found)
{
    int error = 0;

    for (size_t i = 0; !error && i < found->count; i++)
        error = write_character(session, found->characters[i]);
    return error;
}

static int write_status(struct session *session, size_t count)
{
    char dashes[3 * DASHES + 1];
    int error = SLEY_ETIMEDOUT;

    for (size_t i = 0; i < DASHES; i++)
        memcpy(dashes + 3 * i, "\xe2\x94\x80", 4);
    SLEY_WITH_DEADLINE(patience(session))
    {
        error = sley_writer_printf(session->writer, "%s %zu found\r\n", dashes, count);
    }
    return error;
}

/* What the client is to read before it can say something. */
static int say(struct session *session, const char *text)
{
    int error = SLEY_ETIMEDOUT;

    SLEY_WITH_DEADLINE(patience(session))
    {
        error = sley_writer_write(session->writer, text, strlen(text), NULL);
        if (!error)
            error = sley_writer_flush(session->writer);
    }
    return error;
}

static int answer(struct session *session, const char *query)
{
    const struct moji_tcp_options *options = &session->server->options;
    struct moji_found found;
    int error;

    if (!query[strspn(query, " -")])
        return 0;
    if (moji_search(options->index, query, &found) != 0)
        return SLEY_ENOMEM;
    moji_log_query(options->log, session->peer, query, found.count);
    error = write_found(session, &found);
    if (!error)
        error = write_status(session, found.count);
    moji_found_free(&found);
    return error;
}

/* The next line within the idle time; as sley_reader_line(). */
static int read_line(struct session *session, char **line, size_t *size)
{
    int result = SLEY_ETIMEDOUT;

    SLEY_WITH_DEADLINE(patience(session))
    {
        result = sley_reader_line(session->reader, line, size);
    }
    return result;
}

static int converse(struct session *session)
{
    char *line;
    size_t size;
    int error;

    while (!sley_scope_asked()) {
        if ((error = say(session, PROMPT)))
            return error;
        error = read_line(session, &line, &size);
        if (error == SLEY_ETOOLONG)
            return say(session, "A query is at most 255 bytes.\r\n");
        if (error < 0)
            return error;
        if (moji_query_check(line, size) != 0)
            return 0;
        if ((error = answer(session, line)))
            return error;
    }
    return 0;
}

/* Says goodbye: what was written is there before the end of it. A close with something unread would
 * be a reset, which takes from the peer what it has not read either; so a while is spent on
 * reading what still comes. */
static void part(struct sley_stream *stream)
{
    char rest[4096];
    int rounds = 16;

    if (sley_stream_shutdown(stream) != 0)
        return;
    SLEY_WITH_DEADLINE(sley_after(SLEY_SECONDS(1)))
    {
        while (rounds-- > 0 && sley_stream_read(stream, rest, sizeof rest) > 0)
            continue;
    }
}

/* A connection's task. */
static int serve_session(struct sley_stream *stream, void *arg)
{
    struct session session = {.server = arg};
    int error;

    if (sley_stream_peer(stream, session.peer, sizeof session.peer) != 0)
        return 0; /* gone already */
    error = sley_reader_new(stream, &(struct sley_reader_options){.limit = MOJI_QUERY_MAX},
                            &session.reader);
    if (!error)
        error = sley_writer_new(stream, NULL, &session.writer);
    if (!error)
        error = converse(&session);
    sley_writer_free(session.writer);
    sley_reader_free(session.reader);
    if (!error)
        part(stream);
    return error;
}

/* The server's task. */
static int serve(void *arg)
{
    struct moji_tcp *server = arg;

    return sley_serve(server->listener, serve_session, server,
                      &(struct sley_serve_options){.max_connections = server->options.connections,
                                                   .grace = server->options.grace,
                                                   .name = "telnet"});
}

static int listen_at(struct moji_tcp *server)
{
    const struct moji_tcp_options *options = &server->options;
    bool v6 = strchr(options->address, ':') != NULL;
    char address[96];

    snprintf(address, sizeof address, "%s%s%s:%d", v6 ? "[" : "", options->address, v6 ? "]" : "",
             options->port);
    return sley_tcp_listen(address, NULL, &server->listener);
}

int moji_tcp_start(const struct moji_tcp_options *options, struct moji_tcp **out)
{
    struct moji_tcp *server = calloc(1, sizeof *server);
    int error;

    if (!server)
        return SLEY_ENOMEM;
    server->options = *options;
    error = listen_at(server);
    if (!error)
        error = sley_spawn(serve, server, NULL, &server->task);
    if (error) {
        sley_listener_free(server->listener);
        free(server);
        return error;
    }
    *out = server;
    return 0;
}

int moji_tcp_port(const struct moji_tcp *server)
{
    return sley_listener_port(server->listener);
}

void moji_tcp_stop(struct moji_tcp *server)
{
    sley_listener_close(server->listener);
    SLEY_SHIELD()
    {
        sley_join(server->task, NULL);
    }
    sley_listener_free(server->listener);
    free(server);
}
