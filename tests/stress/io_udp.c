/* Datagrams against everything else that can end a wait, at random distances:
 *
 *   cancel    a receiver cancelled while its datagram comes: it has it, or the next one finds it
 *   deadline  the same with deadlines of microseconds, by batches
 *   close     a socket closed under a receiver and a sender
 *   refused   a peer that comes and goes: every wait ends, with data or with the error
 *   many      clients and echo servers on all workers, sockets opened and freed all the time
 *
 * No more datagrams are under way than a socket's queue holds, so none may be lost on the loopback.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io_stress.h"

enum {
    CANCELS = 2000,
    DATAGRAMS = 4000,
    CLOSES = 1000,
    REFUSALS = 500,
    CLIENTS = 8,
    ROUNDS = 40,
    EXCHANGES = 10
};

struct pair {
    struct sley_udp *a, *b;
    struct sley_address at_a, at_b;
};

static void open_pair(struct pair *pair)
{
    must_be(sley_udp_open("127.0.0.1:0", NULL, &pair->a), 0);
    must_be(sley_udp_open("127.0.0.1:0", NULL, &pair->b), 0);
    must_be(sley_udp_local(pair->a, &pair->at_a), 0);
    must_be(sley_udp_local(pair->b, &pair->at_b), 0);
}

static void free_pair(struct pair *pair)
{
    sley_udp_free(pair->a);
    sley_udp_free(pair->b);
}

static void yield_some(uint32_t *random, uint32_t most)
{
    for (uint32_t n = next_random(random) % (most + 1); n > 0; n--)
        must_be(sley_yield(), 0);
}

/* --- cancel ----------------------------------------------------------------------------------- */

static int receive_one(void *arg)
{
    struct pair *pair = arg;
    char byte;

    return sley_udp_receive(pair->b, &byte, 1, NULL);
}

static void cancel_against_event(void)
{
    struct pair pair;
    uint32_t random = 3;
    int first = 0;

    open_pair(&pair);
    for (int i = 0; i < CANCELS; i++) {
        struct sley_task *receiver;
        int result;

        must_be(sley_spawn(receive_one, &pair, NULL, &receiver), 0);
        yield_some(&random, 2);
        must_be(sley_udp_send(pair.a, "x", 1, &pair.at_b), 0);
        yield_some(&random, 1);
        sley_cancel(receiver, "stress");
        must_be(sley_join(receiver, &result), 0);
        must(result == 1 || result == SLEY_ECANCELED);
        first += result == 1;
        if (result != 1)
            must_be(receive_one(&pair), 1);
    }
    free_pair(&pair);
    printf("cancel: %d of %d had received first\n", first, CANCELS);
}

/* --- deadline --------------------------------------------------------------------------------- */

/* One token per datagram under way, so that the queue is never full. */
struct stream {
    struct pair pair;
    struct sley_semaphore room;
};

static int send_numbers(void *arg)
{
    struct stream *stream = arg;
    uint32_t random = 7;

    for (uint32_t i = 0; i < DATAGRAMS;) {
        uint32_t numbers[4], count = 1 + next_random(&random) % 4;
        struct sley_datagram batch[4];
        size_t sent;

        for (uint32_t n = 0; n < count; n++) {
            must_be(sley_semaphore_acquire(&stream->room), 0);
            numbers[n] = i + n;
            batch[n] = (struct sley_datagram){.data = &numbers[n], .size = sizeof(numbers[n])};
        }
        must_be(sley_udp_send_batch(stream->pair.a, batch, count, &sent), 0);
        must(sent == count);
        i += count;
        if (next_random(&random) % 4 == 0)
            must_be(sley_sleep(SLEY_MICROSECONDS(next_random(&random) % 60)), 0);
    }
    return 0;
}

static void deadline_against_event(void)
{
    static struct stream stream = {.room = SLEY_SEMAPHORE_INIT(64)};
    struct sley_task *sender;
    uint32_t random = 99, next = 0;
    int late = 0;

    open_pair(&stream.pair);
    must_be(sley_udp_connect(stream.pair.a, &stream.pair.at_b), 0);
    must_be(sley_spawn(send_numbers, &stream, NULL, &sender), 0);
    while (next < DATAGRAMS) {
        int64_t before =
            sley_deadline_narrow(sley_after(SLEY_NANOSECONDS(next_random(&random) % 80000)));
        uint32_t numbers[3];
        struct sley_datagram in[3];
        int count;

        for (int i = 0; i < 3; i++)
            in[i] = (struct sley_datagram){.data = &numbers[i], .capacity = sizeof(numbers[i])};
        count = sley_udp_receive_batch(stream.pair.b, in, 1 + next_random(&random) % 3);
        sley_deadline_restore(before);
        if (count == SLEY_ETIMEDOUT) {
            late++;
            continue;
        }
        must(count > 0);
        for (int i = 0; i < count; i++) {
            must(in[i].size == sizeof(numbers[i]) && numbers[i] == next);
            next++;
            must_be(sley_semaphore_release(&stream.room), 0);
        }
    }
    must_be(sley_join(sender, NULL), 0);
    free_pair(&stream.pair);
    printf("deadline: %u datagrams, %d receives were late\n", next, late);
}

/* --- close ------------------------------------------------------------------------------------ */

static int receive_on(void *arg)
{
    struct pair *pair = arg;
    char buffer[100];
    int count;

    do
        count = sley_udp_receive(pair->a, buffer, sizeof(buffer), NULL);
    while (count >= 0);
    must_be(count, SLEY_ECLOSED);
    return 0;
}

static int send_on(void *arg)
{
    static char lots[1000];
    struct pair *pair = arg;
    int error;

    do
        error = sley_udp_send(pair->a, lots, sizeof(lots), &pair->at_b);
    while (error == 0);
    must_be(error, SLEY_ECLOSED);
    return 0;
}

static void close_against_all(void)
{
    uint32_t random = 5;

    for (int i = 0; i < CLOSES; i++) {
        struct pair pair;
        struct sley_task *receiver, *sender;

        open_pair(&pair);
        must_be(sley_spawn(receive_on, &pair, NULL, &receiver), 0);
        must_be(sley_spawn(send_on, &pair, NULL, &sender), 0);
        if (next_random(&random) % 2)
            must_be(sley_udp_send(pair.b, "some", 4, &pair.at_a), 0);
        yield_some(&random, 3);
        sley_udp_close(pair.a);
        must_be(sley_join(receiver, NULL), 0);
        must_be(sley_join(sender, NULL), 0);
        free_pair(&pair);
    }
}

/* --- refused ---------------------------------------------------------------------------------- */

/* A socket of the system's own, which nothing but its close keeps open: one of ours may live on for
 * an instant, while another thread takes its events out of the epoll set. */
static int raw_socket(struct sley_address *local)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0);
    must(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
    must(sley_address_from_sockaddr(&name, size, local) == 0);
    return fd;
}

static int receive_outcome(void *arg)
{
    struct pair *pair = arg;
    char byte;

    return sley_udp_receive(pair->a, &byte, 1, NULL);
}

static void refused_against_wait(void)
{
    uint32_t random = 11;
    int refused = 0;

    for (int i = 0; i < REFUSALS; i++) {
        struct pair pair;
        struct sley_task *receiver;
        bool gone = next_random(&random) % 2;
        struct sley_address at_peer;
        int result, peer = raw_socket(&at_peer);

        open_pair(&pair);
        must_be(sley_udp_connect(pair.a, gone ? &at_peer : &pair.at_b), 0);
        must_be(sley_spawn(receive_outcome, &pair, NULL, &receiver), 0);
        yield_some(&random, 2);
        must(close(peer) == 0);
        must_be(sley_udp_send(pair.a, "x", 1, NULL), 0);
        if (!gone)
            must_be(sley_udp_send(pair.b, "y", 1, &pair.at_a), 0);
        must_be(sley_join(receiver, &result), 0);
        must_be(result, gone ? SLEY_ECONNREFUSED : 1);
        refused += gone;
        free_pair(&pair);
    }
    printf("refused: %d of %d\n", refused, REFUSALS);
}

/* --- many ------------------------------------------------------------------------------------- */

static struct sley_udp *servers[2];
static struct sley_address at_server[2];

static int echo(void *arg)
{
    struct sley_udp *udp = arg;
    char rooms[8][64];
    struct sley_datagram batch[8];
    int count;

    for (;;) {
        size_t sent;

        for (int i = 0; i < 8; i++)
            batch[i] = (struct sley_datagram){.data = rooms[i], .capacity = sizeof(rooms[i])};
        count = sley_udp_receive_batch(udp, batch, 8);
        if (count < 0)
            break;
        must_be(sley_udp_send_batch(udp, batch, (size_t)count, &sent), 0);
    }
    must_be(count, SLEY_ECLOSED);
    return 0;
}

static int exchange(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg;

    for (int round = 0; round < ROUNDS; round++) {
        struct sley_address *server = &at_server[next_random(&random) % 2], from;
        struct sley_udp *udp;

        must_be(sley_udp_open("127.0.0.1:0", NULL, &udp), 0);
        for (int i = 0; i < EXCHANGES; i++) {
            uint32_t out[3] = {next_random(&random), (uint32_t)round, (uint32_t)i}, in[16];

            must_be(sley_udp_send(udp, out, sizeof(out), server), 0);
            must_be(sley_udp_receive(udp, in, sizeof(in), &from), (int)sizeof(out));
            must(memcmp(in, out, sizeof(out)) == 0);
            must(sley_address_equal(&from, server));
        }
        sley_udp_free(udp);
    }
    return 0;
}

static void many(void)
{
    struct sley_task *echoes[2], *clients[CLIENTS];

    for (int i = 0; i < 2; i++) {
        must_be(sley_udp_open(i ? "127.0.0.1:0" : "127.0.0.2:0", NULL, &servers[i]), 0);
        must_be(sley_udp_local(servers[i], &at_server[i]), 0);
        must_be(sley_spawn(echo, servers[i], NULL, &echoes[i]), 0);
    }
    for (uintptr_t i = 0; i < CLIENTS; i++)
        must_be(sley_spawn(exchange, (void *)(i + 1), NULL, &clients[i]), 0);
    for (int i = 0; i < CLIENTS; i++)
        must_be(sley_join(clients[i], NULL), 0);
    for (int i = 0; i < 2; i++) {
        sley_udp_close(servers[i]);
        must_be(sley_join(echoes[i], NULL), 0);
        sley_udp_free(servers[i]);
    }
}

static int run(void *unused __attribute__((unused)))
{
    cancel_against_event();
    deadline_against_event();
    close_against_all();
    refused_against_wait();
    many();
    return 0;
}

int main(void)
{
    return sley_run(run, NULL, NULL) == 0 ? 0 : 1;
}
