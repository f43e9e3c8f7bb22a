/* Many connections, each with a task at either end that sends pieces of random length back and
 * forth and checks every byte. A wake-up that is lost anywhere stops it (the test's timeout). */
#include "io_stress.h"

enum { CONNECTIONS = 200, ROUNDS = 100, PIECE = 3000 };

static int serve(void *arg)
{
    struct sley_stream *tcp = arg;
    char buffer[PIECE];
    int count;

    while ((count = sley_stream_read(tcp, buffer, sizeof(buffer))) > 0)
        must_be(sley_stream_write(tcp, buffer, (size_t)count, NULL), 0);
    must(count == SLEY_EOF || count == SLEY_ECANCELED); /* the runtime may end first */
    sley_stream_free(tcp);
    return 0;
}

static int accept_all(void *arg)
{
    struct sley_listener *listener = arg;
    struct sley_stream *tcp;
    int error;

    while ((error = sley_listener_accept(listener, &tcp)) == 0)
        must_be(sley_spawn(serve, tcp, NULL, NULL), 0);
    must_be(error, SLEY_ECLOSED);
    return 0;
}

static int ask(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg;
    struct sley_stream *tcp;
    char out[PIECE], in[PIECE];

    must_be(sley_tcp_connect("127.0.0.1", (int)(random & 0xffff), NULL, &tcp), 0);
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = 1 + next_random(&random) % PIECE, done = 0;

        for (size_t i = 0; i < size; i++)
            out[i] = (char)next_random(&random);
        must_be(sley_stream_write(tcp, out, size, NULL), 0);
        while (done < size) {
            int count = sley_stream_read(tcp, in + done, size - done);

            must(count > 0);
            done += (size_t)count;
        }
        must(memcmp(in, out, size) == 0);
    }
    sley_stream_free(tcp);
    return 0;
}

static int run(void *unused __attribute__((unused)))
{
    struct sley_listener *listener;
    struct sley_task *server, *clients[CONNECTIONS];

    must_be(sley_tcp_listen("127.0.0.1:0", NULL, &listener), 0);
    must_be(sley_spawn(accept_all, listener, NULL, &server), 0);
    for (uintptr_t i = 0; i < CONNECTIONS; i++)
        must_be(sley_spawn(ask, (void *)((i + 1) << 16 | (uintptr_t)sley_listener_port(listener)),
                           NULL, &clients[i]),
                0);
    for (int i = 0; i < CONNECTIONS; i++)
        must_be(sley_join(clients[i], NULL), 0);
    sley_listener_close(listener);
    must_be(sley_join(server, NULL), 0);
    sley_listener_free(listener);
    return 0;
}

int main(void)
{
    return sley_run(run, NULL, NULL) == 0 ? 0 : 1;
}
