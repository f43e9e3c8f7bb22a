/*
 * _echo.c: both ends of many TCP connections that carry known bytes, for test_netns.sh.
 *
 *   _echo serve ADDRESS           echoes what comes, prints the port when it is there
 *   _echo talk ADDRESS COUNT SIZE opens COUNT connections and sends SIZE bytes through each while
 *                                 it reads them back
 *
 * The talker prints "N whole, M broken": broken is a connection that ended with an error that a
 * line can cause. Bytes that are not those that were sent, a byte too many, an end too early
 * without an error, or another error: status 1, and a line that says so.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

static const char *address;
static size_t size;
static atomic_int whole, broken, wrong;

/* --- the server ------------------------------------------------------------------------------- */

static int echo(struct sley_stream *stream, void *unused __attribute__((unused)))
{
    char bytes[4096];
    int got, error = 0;

    while (!error && (got = sley_stream_read(stream, bytes, sizeof bytes)) > 0)
        error = sley_stream_write(stream, bytes, (size_t)got, NULL);
    return 0;
}

static int serve(void *unused __attribute__((unused)))
{
    struct sley_listener *listener;
    char name[80];

    snprintf(name, sizeof name, "%s:0", address);
    int error = sley_tcp_listen(name, NULL, &listener);
    if (error) {
        fprintf(stderr, "listen: %s\n", sley_strerror(error));
        return 1;
    }
    printf("%d\n", sley_listener_port(listener));
    fflush(stdout);
    sley_serve(listener, echo, NULL, NULL);
    sley_listener_free(listener);
    return 0;
}

/* --- the talker ------------------------------------------------------------------------------- */

struct talk {
    struct sley_stream *stream;
    unsigned number;
};

/* The byte at a place of a connection: another sequence for each. */
static unsigned char byte_at(unsigned number, size_t place)
{
    uint64_t x = (place / 8 + 1) * 0x9e3779b97f4a7c15u + number;

    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    return (unsigned char)(x >> (8 * (place % 8)));
}

static int send_all(void *arg)
{
    struct talk *talk = arg;
    unsigned char bytes[1000];
    int error = 0;

    for (size_t sent = 0; sent < size && !error;) {
        size_t count = size - sent < sizeof bytes ? size - sent : sizeof bytes;

        for (size_t i = 0; i < count; i++)
            bytes[i] = byte_at(talk->number, sent + i);
        error = sley_stream_write(talk->stream, bytes, count, NULL);
        sent += count;
    }
    return error ? error : sley_stream_shutdown(talk->stream);
}

/* 0, an error of the stream, or SLEY_EPROTO if the bytes are others, or fewer, or more. */
static int receive_all(struct talk *talk)
{
    unsigned char bytes[3000];
    size_t received = 0;

    for (;;) {
        int got = sley_stream_read(talk->stream, bytes, sizeof bytes);

        if (got == SLEY_EOF)
            return received == size ? 0 : SLEY_EPROTO;
        if (got < 0)
            return got;
        for (int i = 0; i < got; i++, received++)
            if (received >= size || bytes[i] != byte_at(talk->number, received))
                return SLEY_EPROTO;
    }
}

static int talk_on(struct talk *talk)
{
    struct sley_task *sender;
    int sent, error = sley_spawn(send_all, talk, NULL, &sender);

    if (error)
        return error;
    error = receive_all(talk);
    if (error)
        sley_stream_close(talk->stream); /* the sender may wait for a peer that has gone */
    sley_join(sender, &sent);
    return error ? error : sent;
}

static int port;

static int talk(void *arg)
{
    struct talk talk = {.number = (unsigned)(uintptr_t)arg};
    int error = sley_tcp_connect(address, port, NULL, &talk.stream);

    if (!error) {
        error = talk_on(&talk);
        sley_stream_free(talk.stream);
    }
    if (!error) {
        whole++;
    } else if (error == SLEY_ECONNRESET || error == SLEY_EPIPE || error == SLEY_ETIMEDOUT) {
        broken++;
    } else {
        printf("connection %u: %s\n", talk.number, sley_strerror(error));
        wrong++;
    }
    return 0;
}

static int talk_all(void *arg)
{
    unsigned count = *(unsigned *)arg;
    struct sley_scope scope;

    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_ALL)
    {
        for (unsigned i = 0; i < count; i++)
            if (sley_scope_spawn(&scope, talk, (void *)(uintptr_t)i, NULL, NULL) != 0)
                wrong++;
    }
    printf("%d whole, %d broken\n", whole, broken);
    return wrong != 0;
}

int main(int argc, char **argv)
{
    static char host[80];

    if (argc > 2)
        snprintf(host, sizeof host, "%s", argv[2]);
    address = host;
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return sley_run(serve, NULL, NULL);
    if (argc != 5 || strcmp(argv[1], "talk") != 0 || !strrchr(host, ':'))
        return 2;
    unsigned count = (unsigned)atoi(argv[3]);
    size = (size_t)atol(argv[4]);
    port = atoi(strrchr(host, ':') + 1);
    *strrchr(host, ':') = '\0';
    return sley_run(talk_all, &count, NULL);
}
