/* The events of one descriptor against everything else that can end a wait, at random distances:
 *
 *   deadline  a reader whose every read has a deadline of a few microseconds, against a writer that
 *             sends one byte at a time: no byte may be lost or doubled, whoever wins
 *   close     a connection closed under a reader and a writer
 *   reset     a connection that the peer breaks under a reader and a writer, of which the kernel
 *             tells one: the other may not take it for the end
 *   cancel    a reader cancelled while its data comes
 *   recycle   connections opened and freed all the time, so that stale events meet new owners
 */
#include <stdatomic.h>

#include "io_stress.h"

enum { BYTES = 4000, CLOSES = 1000, RESETS = 1000, CANCELS = 2000, RECYCLERS = 8, RECYCLES = 150 };

struct pair {
    struct sley_stream *a, *b;
};

static struct sley_listener *listener;

static void open_pair(struct pair *pair)
{
    must_be(sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &pair->a), 0);
    must_be(sley_listener_accept(listener, &pair->b), 0);
}

static void free_pair(struct pair *pair)
{
    sley_stream_free(pair->a);
    sley_stream_free(pair->b);
}

/* --- deadline --------------------------------------------------------------------------------- */

static int send_bytes(void *arg)
{
    struct pair *pair = arg;
    uint32_t random = 7;

    for (int i = 0; i < BYTES; i++) {
        char byte = (char)(i * 13);

        must_be(sley_stream_write(pair->a, &byte, 1, NULL), 0);
        if (next_random(&random) % 4 == 0)
            must_be(sley_sleep(SLEY_MICROSECONDS(next_random(&random) % 60)), 0);
    }
    return 0;
}

static void deadline_against_event(void)
{
    struct pair pair;
    struct sley_task *writer;
    uint32_t random = 99;
    int got = 0, late = 0;

    open_pair(&pair);
    must_be(sley_spawn(send_bytes, &pair, NULL, &writer), 0);
    while (got < BYTES) {
        int64_t before =
            sley_deadline_narrow(sley_after(SLEY_NANOSECONDS(next_random(&random) % 80000)));
        char buffer[3];
        int count = sley_stream_read(pair.b, buffer, 1 + next_random(&random) % 3);

        sley_deadline_restore(before);
        if (count == SLEY_ETIMEDOUT) {
            late++;
            continue;
        }
        must(count > 0);
        for (int i = 0; i < count; i++, got++)
            must(buffer[i] == (char)(got * 13));
    }
    must_be(sley_join(writer, NULL), 0);
    free_pair(&pair);
    printf("deadline: %d bytes, %d reads were late\n", got, late);
}

/* --- close ------------------------------------------------------------------------------------ */

static int read_on(void *arg)
{
    struct pair *pair = arg;
    char buffer[100];
    int count;

    do
        count = sley_stream_read(pair->a, buffer, sizeof(buffer));
    while (count > 0);
    must_be(count, SLEY_ECLOSED);
    return 0;
}

static int write_on(void *arg)
{
    static char lots[1 << 20];
    struct pair *pair = arg;
    int error;

    do
        error = sley_stream_write(pair->a, lots, sizeof(lots), NULL);
    while (error == 0);
    must_be(error, SLEY_ECLOSED);
    return 0;
}

static void close_against_all(void)
{
    uint32_t random = 5;

    for (int i = 0; i < CLOSES; i++) {
        struct pair pair;
        struct sley_task *reader, *writer;

        open_pair(&pair);
        must_be(sley_spawn(read_on, &pair, NULL, &reader), 0);
        must_be(sley_spawn(write_on, &pair, NULL, &writer), 0);
        if (next_random(&random) % 2)
            must_be(sley_stream_write(pair.b, "some", 4, NULL), 0);
        for (uint32_t n = next_random(&random) % 4; n > 0; n--)
            must_be(sley_yield(), 0);
        if (next_random(&random) % 8 == 0)
            must_be(sley_sleep(SLEY_MICROSECONDS(100)), 0);
        sley_stream_close(pair.a);
        must_be(sley_join(reader, NULL), 0);
        must_be(sley_join(writer, NULL), 0);
        free_pair(&pair);
    }
}

/* --- reset ------------------------------------------------------------------------------------ */

static atomic_int told_to_readers;

static int read_until_broken(void *arg)
{
    struct pair *pair = arg;
    char buffer[100];
    int count;

    do
        count = sley_stream_read(pair->a, buffer, sizeof(buffer));
    while (count > 0);
    must_be(count, SLEY_ECONNRESET);
    must_be(sley_stream_read(pair->a, buffer, sizeof(buffer)), SLEY_ECONNRESET);
    return 0;
}

static int write_until_broken(void *arg)
{
    struct pair *pair = arg;
    int error;

    do
        error = sley_stream_write(pair->a, "x", 1, NULL);
    while (error == 0);
    must(error == SLEY_EPIPE || error == SLEY_ECONNRESET);
    told_to_readers += error == SLEY_EPIPE;
    return 0;
}

static void reset_against_all(void)
{
    uint32_t random = 11;

    for (int i = 0; i < RESETS; i++) {
        struct pair pair;
        struct sley_task *reader, *writer;

        open_pair(&pair);
        must_be(sley_spawn(read_until_broken, &pair, NULL, &reader), 0);
        must_be(sley_spawn(write_until_broken, &pair, NULL, &writer), 0);
        if (next_random(&random) % 2)
            must_be(sley_stream_write(pair.b, "some", 4, NULL), 0);
        for (uint32_t n = next_random(&random) % 4; n > 0; n--)
            must_be(sley_yield(), 0);
        must_be(sley_stream_reset_on_close(pair.b), 0);
        sley_stream_free(pair.b);
        must_be(sley_join(reader, NULL), 0);
        must_be(sley_join(writer, NULL), 0);
        sley_stream_free(pair.a);
    }
    printf("reset: %d of %d were told to the reader first\n", told_to_readers, RESETS);
}

/* --- cancel ----------------------------------------------------------------------------------- */

static int read_one(void *arg)
{
    struct pair *pair = arg;
    char byte;

    return sley_stream_read(pair->b, &byte, 1);
}

static void cancel_against_event(void)
{
    struct pair pair;
    uint32_t random = 3;
    int read = 0;
    char rest[CANCELS];

    open_pair(&pair);
    for (int i = 0; i < CANCELS; i++) {
        struct sley_task *reader;
        int result;

        must_be(sley_spawn(read_one, &pair, NULL, &reader), 0);
        for (uint32_t n = next_random(&random) % 3; n > 0; n--)
            must_be(sley_yield(), 0);
        must_be(sley_stream_write(pair.a, "x", 1, NULL), 0);
        if (next_random(&random) % 2)
            must_be(sley_yield(), 0);
        sley_cancel(reader, "stress");
        must_be(sley_join(reader, &result), 0);
        must(result == 1 || result == SLEY_ECANCELED);
        read += result == 1;
    }
    /* What the cancelled ones did not read is still there. */
    must_be(sley_stream_shutdown(pair.a), 0);
    for (int count, left = CANCELS - read; left > 0; left -= count)
        must((count = sley_stream_read(pair.b, rest, (size_t)left)) > 0);
    must_be(sley_stream_read(pair.b, rest, 1), SLEY_EOF);
    free_pair(&pair);
    printf("cancel: %d of %d had read first\n", read, CANCELS);
}

/* --- recycle ---------------------------------------------------------------------------------- */

static int serve_some(void *arg)
{
    struct sley_stream *tcp = arg;
    char buffer[16];

    while (sley_stream_read(tcp, buffer, sizeof(buffer)) > 0)
        if (sley_stream_write(tcp, "pong", 4, NULL))
            break;
    sley_stream_free(tcp);
    return 0;
}

static int accept_some(void *unused __attribute__((unused)))
{
    struct sley_stream *tcp;
    int error;

    while ((error = sley_listener_accept(listener, &tcp)) == 0)
        must_be(sley_spawn(serve_some, tcp, NULL, NULL), 0);
    must_be(error, SLEY_ECLOSED);
    return 0;
}

static int open_and_drop(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg;

    for (int i = 0; i < RECYCLES; i++) {
        struct sley_stream *tcp;
        char buffer[4];
        int done = 0;

        must_be(sley_tcp_connect("127.0.0.1", sley_listener_port(listener), NULL, &tcp), 0);
        must_be(sley_stream_write(tcp, "ping", 4, NULL), 0);
        if (next_random(&random) % 3 == 0)
            must_be(sley_stream_reset_on_close(tcp), 0);
        while (next_random(&random) % 2 && done < 4) {
            int count = sley_stream_read(tcp, buffer, (size_t)(4 - done));

            must(count > 0);
            must(memcmp(buffer, &"pong"[done], (size_t)count) == 0);
            done += count;
        }
        sley_stream_free(tcp);
    }
    return 0;
}

static void recycle(void)
{
    struct sley_task *server, *tasks[RECYCLERS];

    must_be(sley_spawn(accept_some, NULL, NULL, &server), 0);
    for (uintptr_t i = 0; i < RECYCLERS; i++)
        must_be(sley_spawn(open_and_drop, (void *)(i + 1), NULL, &tasks[i]), 0);
    for (int i = 0; i < RECYCLERS; i++)
        must_be(sley_join(tasks[i], NULL), 0);
    sley_listener_close(listener);
    must_be(sley_join(server, NULL), 0);
}

static int run(void *unused __attribute__((unused)))
{
    must_be(sley_tcp_listen("127.0.0.1:0", NULL, &listener), 0);
    deadline_against_event();
    close_against_all();
    reset_against_all();
    cancel_against_event();
    recycle();
    sley_listener_free(listener);
    return 0;
}

int main(void)
{
    return sley_run(run, NULL, NULL) == 0 ? 0 : 1;
}
