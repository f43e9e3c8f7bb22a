/* Datagrams on the loopback: both families, lengths, batches, errors of the network, cancellation,
 * deadlines, closing, groups, descriptors. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sley/sley.h>

#include "api/task_test.h"

struct pair {
    struct sley_udp *a, *b;
    struct sley_address at_a, at_b;
};

static void open_pair(struct pair *pair, const char *local)
{
    assert_ok(sley_udp_open(local, NULL, &pair->a));
    assert_ok(sley_udp_open(local, NULL, &pair->b));
    assert_ok(sley_udp_local(pair->a, &pair->at_a));
    assert_ok(sley_udp_local(pair->b, &pair->at_b));
}

static void free_pair(struct pair *pair)
{
    sley_udp_free(pair->a);
    sley_udp_free(pair->b);
}

static void goes_both_ways(const char *local)
{
    struct pair pair;
    struct sley_address from;
    char buffer[100];

    open_pair(&pair, local);
    assert_ok(sley_udp_send(pair.a, "ping", 4, &pair.at_b));
    cr_assert_eq(sley_udp_receive(pair.b, buffer, sizeof(buffer), &from), 4);
    cr_assert(memcmp(buffer, "ping", 4) == 0);
    cr_assert(sley_address_equal(&from, &pair.at_a));
    assert_ok(sley_udp_connect(pair.b, &from));
    assert_ok(sley_udp_send(pair.b, "pong!", 5, NULL));
    cr_assert_eq(sley_udp_receive(pair.a, buffer, sizeof(buffer), NULL), 5);
    free_pair(&pair);
}

TASK_TEST(udp, v4)
{
    goes_both_ways("127.0.0.1:0");
    return 0;
}

TASK_TEST(udp, v6)
{
    goes_both_ways("[::1]:0");
    return 0;
}

TASK_TEST(udp, a_cut_datagram_says_how_long_it_was)
{
    struct pair pair;
    char buffer[4];

    open_pair(&pair, "127.0.0.1:0");
    assert_ok(sley_udp_send(pair.a, "0123456789", 10, &pair.at_b));
    assert_ok(sley_udp_send(pair.a, "next", 4, &pair.at_b));
    cr_assert_eq(sley_udp_receive(pair.b, buffer, sizeof(buffer), NULL), 10);
    cr_assert(memcmp(buffer, "0123", 4) == 0);
    cr_assert_eq(sley_udp_receive(pair.b, buffer, sizeof(buffer), NULL), 4);
    cr_assert(memcmp(buffer, "next", 4) == 0);
    free_pair(&pair);
    return 0;
}

TASK_TEST(udp, no_bytes_are_a_datagram)
{
    struct pair pair;
    struct sley_address from;
    char byte = 'x';

    open_pair(&pair, "127.0.0.1:0");
    assert_ok(sley_udp_send(pair.a, NULL, 0, &pair.at_b));
    cr_assert_eq(sley_udp_receive(pair.b, &byte, 1, &from), 0);
    cr_assert(sley_address_equal(&from, &pair.at_a));
    /* Nor does a receive without room wait for another one. */
    assert_ok(sley_udp_send(pair.a, "abc", 3, &pair.at_b));
    cr_assert_eq(sley_udp_receive(pair.b, NULL, 0, NULL), 3);
    free_pair(&pair);
    return 0;
}

TASK_TEST(udp, the_longest_datagram)
{
    static char data[65536], back[65536];
    struct pair pair;

    open_pair(&pair, "127.0.0.1:0");
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7);
    assert_ok(sley_udp_send(pair.a, data, 65507, &pair.at_b));
    cr_assert_eq(sley_udp_receive(pair.b, back, sizeof(back), NULL), 65507);
    cr_assert(memcmp(data, back, 65507) == 0);
    assert_code(sley_udp_send(pair.a, data, 65508, &pair.at_b), SLEY_EMSGSIZE);
    free_pair(&pair);
    return 0;
}

struct receiver {
    struct sley_udp *udp;
    char buffer[16];
};

static int receive_one(void *arg)
{
    struct receiver *receiver = arg;

    return sley_udp_receive(receiver->udp, receiver->buffer, sizeof(receiver->buffer), NULL);
}

/* Lets the others run until they wait. */
static void let_run(void)
{
    for (int i = 0; i < 5; i++)
        assert_ok(sley_yield());
}

ONE_WORKER_TEST(udp, a_receive_waits)
{
    struct pair pair;
    struct receiver receiver;
    struct sley_task *task;

    open_pair(&pair, "127.0.0.1:0");
    receiver.udp = pair.b;
    task = spawned(receive_one, &receiver);
    let_run();
    assert_ok(sley_udp_send(pair.a, "now", 3, &pair.at_b));
    cr_assert_eq(joined(task), 3);
    free_pair(&pair);
    return 0;
}

ONE_WORKER_TEST(udp, a_second_receiver_is_told)
{
    struct pair pair;
    struct receiver receiver;
    struct sley_task *task;
    char byte;

    open_pair(&pair, "127.0.0.1:0");
    receiver.udp = pair.b;
    task = spawned(receive_one, &receiver);
    let_run();
    assert_code(sley_udp_receive(pair.b, &byte, 1, NULL), SLEY_EBUSY);
    sley_udp_close(pair.b);
    assert_code(joined(task), SLEY_ECLOSED);
    free_pair(&pair);
    return 0;
}

ONE_WORKER_TEST(udp, cancel_and_deadline)
{
    struct pair pair;
    struct receiver receiver;
    struct sley_task *task;
    int64_t before;
    char byte;

    open_pair(&pair, "127.0.0.1:0");
    receiver.udp = pair.b;
    task = spawned(receive_one, &receiver);
    let_run();
    sley_cancel(task, "test");
    assert_code(joined(task), SLEY_ECANCELED);
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));
    assert_code(sley_udp_receive(pair.b, &byte, 1, NULL), SLEY_ETIMEDOUT);
    assert_code(sley_udp_send(pair.b, &byte, 1, &pair.at_a), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    /* The socket is as good as before. */
    assert_ok(sley_udp_send(pair.a, "x", 1, &pair.at_b));
    cr_assert_eq(sley_udp_receive(pair.b, &byte, 1, NULL), 1);
    free_pair(&pair);
    return 0;
}

TASK_TEST(udp, after_a_close)
{
    struct pair pair;
    struct sley_datagram one = {.data = &pair, .capacity = 1};
    struct sley_address address;
    char byte = 0;

    open_pair(&pair, "127.0.0.1:0");
    assert_ok(sley_udp_send(pair.a, "x", 1, &pair.at_b));
    sley_udp_close(pair.b);
    sley_udp_close(pair.b);
    assert_code(sley_udp_receive(pair.b, &byte, 1, NULL), SLEY_ECLOSED);
    assert_code(sley_udp_receive_batch(pair.b, &one, 1), SLEY_ECLOSED);
    assert_code(sley_udp_send(pair.b, &byte, 1, &pair.at_a), SLEY_ECLOSED);
    assert_code(sley_udp_connect(pair.b, &pair.at_a), SLEY_ECLOSED);
    assert_code(sley_udp_local(pair.b, &address), SLEY_ECLOSED);
    assert_code(sley_udp_join_group(pair.b, &pair.at_a, NULL), SLEY_ECLOSED);
    assert_code(sley_udp_multicast(pair.b, NULL, 1, true), SLEY_ECLOSED);
    free_pair(&pair);
    sley_udp_close(NULL);
    sley_udp_free(NULL);
    return 0;
}

/* A socket of the system's own, which nothing but its close keeps open: one of ours may live on for
 * an instant, while another thread takes its events out of the epoll set. */
static int raw_socket(struct sley_address *local)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
    cr_assert(sley_address_from_sockaddr(&name, size, local) == 0);
    return fd;
}

/* An address of this machine on which nobody listens. */
static struct sley_address nobody(void)
{
    struct sley_address address;

    close(raw_socket(&address));
    return address;
}

TASK_TEST(udp, refused_is_told_once_to_a_connected_socket)
{
    struct pair pair;
    struct sley_address nowhere = nobody();
    struct sley_datagram batch[2] = {{.data = "x", .size = 1}, {.data = "y", .size = 1}};
    size_t sent = 9;
    char byte;

    open_pair(&pair, "127.0.0.1:0");
    assert_ok(sley_udp_connect(pair.a, &nowhere));
    assert_ok(sley_udp_send(pair.a, "x", 1, NULL));
    assert_code(sley_udp_receive(pair.a, &byte, 1, NULL), SLEY_ECONNREFUSED);
    assert_ok(sley_udp_send(pair.a, "x", 1, NULL));
    assert_code(sley_udp_send(pair.a, "x", 1, NULL), SLEY_ECONNREFUSED);
    assert_ok(sley_udp_send(pair.a, "x", 1, NULL));
    assert_code(sley_udp_send_batch(pair.a, batch, 2, &sent), SLEY_ECONNREFUSED);
    cr_assert_eq(sent, 0);
    /* Another peer, and it is as good as new. */
    assert_ok(sley_udp_connect(pair.a, &pair.at_b));
    assert_ok(sley_udp_send(pair.a, "x", 1, NULL));
    cr_assert_eq(sley_udp_receive(pair.b, &byte, 1, NULL), 1);
    /* One that is not connected is not told. */
    assert_ok(sley_udp_send(pair.b, "x", 1, &nowhere));
    assert_ok(sley_udp_send(pair.b, "x", 1, &nowhere));
    free_pair(&pair);
    return 0;
}

ONE_WORKER_TEST(udp, refused_wakes_a_receiver_that_waits)
{
    struct sley_address nowhere = nobody();
    struct receiver receiver;
    struct sley_task *task;

    assert_ok(sley_udp_open("127.0.0.1:0", NULL, &receiver.udp));
    assert_ok(sley_udp_connect(receiver.udp, &nowhere));
    task = spawned(receive_one, &receiver);
    let_run();
    assert_ok(sley_udp_send(receiver.udp, "x", 1, NULL));
    assert_code(joined(task), SLEY_ECONNREFUSED);
    sley_udp_free(receiver.udp);
    return 0;
}

/* recvmmsg puts an error back that it meets behind some datagrams, and no event comes for it. */
TASK_TEST(udp, an_error_behind_datagrams_is_told_by_the_next_call)
{
    struct sley_address at_peer, local;
    struct sockaddr_in name;
    struct sley_udp *udp;
    char bytes[4];
    struct sley_datagram in[4];
    int peer = raw_socket(&at_peer);

    assert_ok(sley_udp_open("127.0.0.1:0", NULL, &udp));
    assert_ok(sley_udp_local(udp, &local));
    assert_ok(sley_udp_connect(udp, &at_peer));
    cr_assert_eq(sley_address_sockaddr(&local, &name, sizeof(name)), sizeof(name));
    for (int i = 0; i < 2; i++)
        cr_assert_eq(sendto(peer, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)), 1);
    close(peer);
    assert_ok(sley_udp_send(udp, "z", 1, NULL));
    for (int i = 0; i < 4; i++)
        in[i] = (struct sley_datagram){.data = &bytes[i], .capacity = 1};
    /* Linux tells a pending error before the queue, or behind it: both in some version. */
    for (int refused = 0, got = 0; !refused || got < 2;) {
        int result = sley_udp_receive_batch(udp, in, 4);

        if (result == SLEY_ECONNREFUSED) {
            refused++;
            cr_assert_eq(refused, 1);
        } else {
            cr_assert_gt(result, 0, "%s", sley_error_name(result));
            got += result;
        }
    }
    sley_udp_free(udp);
    return 0;
}

struct burst {
    struct sley_udp *udp;
    struct sley_datagram *datagrams;
    size_t count;
};

static int send_burst(void *arg)
{
    struct burst *burst = arg;
    size_t sent;
    int error = sley_udp_send_batch(burst->udp, burst->datagrams, burst->count, &sent);

    cr_assert_eq(sent, burst->count);
    return error;
}

/* More than a system call takes, and more than the receiver's queue holds: so in portions. */
TASK_TEST(udp, batches)
{
    enum { COUNT = 1000, PORTION = 100, ROOM = 8 };
    static struct sley_datagram out[COUNT], in[64];
    static char data[COUNT][ROOM], room[64][ROOM];
    struct pair pair;
    int got = 0;

    open_pair(&pair, "127.0.0.1:0");
    for (int i = 0; i < COUNT; i++) {
        int length = snprintf(data[i], ROOM, "%d", i);

        out[i] = (struct sley_datagram){.data = data[i], .size = (size_t)length, .peer = pair.at_b};
    }
    for (int from = 0; from < COUNT; from += PORTION) {
        struct burst burst = {pair.a, out + from, PORTION};
        struct sley_task *sender = spawned(send_burst, &burst);

        while (got < from + PORTION) {
            int count;

            for (int i = 0; i < 64; i++)
                in[i] = (struct sley_datagram){.data = room[i], .capacity = ROOM};
            count = sley_udp_receive_batch(pair.b, in, 64);
            cr_assert(count > 0 && count <= SLEY_UDP_BATCH, "%s", sley_error_name(count));
            for (int i = 0; i < count; i++, got++) {
                cr_assert_eq(in[i].size, out[got].size);
                cr_assert(memcmp(room[i], data[got], in[i].size) == 0);
                cr_assert(sley_address_equal(&in[i].peer, &pair.at_a));
            }
        }
        assert_ok(joined(sender));
    }
    free_pair(&pair);
    return 0;
}

TASK_TEST(udp, a_batch_beyond_the_receivers_queue_is_sent_and_partly_lost)
{
    enum { COUNT = 2000 };
    static struct sley_datagram out[COUNT], in[SLEY_UDP_BATCH];
    static char data[1000], room[SLEY_UDP_BATCH][1000];
    struct sley_udp_options small = {.receive_buffer = 4096};
    struct sley_udp *a, *b;
    struct sley_address at_b;
    size_t sent;
    int count, got = 0;

    assert_ok(sley_udp_open("127.0.0.1:0", NULL, &a));
    assert_ok(sley_udp_open("127.0.0.1:0", &small, &b));
    assert_ok(sley_udp_local(b, &at_b));
    for (int i = 0; i < COUNT; i++)
        out[i] = (struct sley_datagram){.data = data, .size = sizeof(data), .peer = at_b};
    for (int i = 0; i < SLEY_UDP_BATCH; i++)
        in[i] = (struct sley_datagram){.data = room[i], .capacity = sizeof(room[i])};
    assert_ok(sley_udp_send_batch(a, out, COUNT, &sent));
    cr_assert_eq(sent, COUNT);
    got = sley_udp_receive_batch(b, in, SLEY_UDP_BATCH);
    sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(20)));
    while ((count = sley_udp_receive_batch(b, in, SLEY_UDP_BATCH)) > 0)
        got += count;
    assert_code(count, SLEY_ETIMEDOUT);
    cr_assert(got > 0 && got < COUNT);
    sley_udp_free(a);
    sley_udp_free(b);
    return 0;
}

TASK_TEST(udp, the_error_of_a_batch_belongs_to_the_first_that_was_not_sent)
{
    static char data[65536];
    struct pair pair;
    struct sley_datagram out[3];
    struct sley_address other;
    size_t sent = 9;
    char room[2][4];
    struct sley_datagram in[2] = {{.data = room[0], .capacity = 2},
                                  {.data = room[1], .capacity = 4}};

    open_pair(&pair, "127.0.0.1:0");
    for (int i = 0; i < 3; i++)
        out[i] = (struct sley_datagram){.data = data, .size = 3, .peer = pair.at_b};
    out[1].size = sizeof(data);
    assert_code(sley_udp_send_batch(pair.a, out, 3, &sent), SLEY_EMSGSIZE);
    cr_assert_eq(sent, 1);
    assert_code(sley_udp_send_batch(pair.a, out + sent, 2, &sent), SLEY_EMSGSIZE);
    cr_assert_eq(sent, 0);
    assert_ok(sley_udp_send_batch(pair.a, out + 2, 1, NULL));
    cr_assert_eq(sley_udp_receive_batch(pair.b, in, 2), 2);
    cr_assert_eq(in[0].size, 3); /* cut: more than its capacity */
    cr_assert_eq(in[1].size, 3);

    assert_ok(sley_address_parse("[::1]:9", &other));
    out[1] = (struct sley_datagram){.data = data, .size = 1, .peer = other};
    assert_code(sley_udp_send_batch(pair.a, out, 3, &sent), SLEY_EINVAL);
    cr_assert_eq(sent, 1);
    assert_ok(sley_udp_send_batch(pair.a, out, 0, &sent));
    cr_assert_eq(sent, 0);
    cr_assert_eq(sley_udp_receive_batch(pair.b, in, 0), 0);
    free_pair(&pair);
    return 0;
}

TASK_TEST(udp, bad_arguments)
{
    struct sley_udp_options negative = {.receive_buffer = -1};
    struct sley_address v6;
    struct sley_udp *udp = NULL, *same;
    struct sley_address local;
    char text[SLEY_ADDRESS_TEXT];

    assert_code(sley_udp_open(NULL, NULL, &udp), SLEY_EINVAL);
    assert_code(sley_udp_open("localhost:1", NULL, &udp), SLEY_EINVAL);
    assert_code(sley_udp_open("127.0.0.1", NULL, &udp), SLEY_EINVAL);
    assert_code(sley_udp_open("127.0.0.1:0", &negative, &udp), SLEY_EINVAL);
    assert_code(sley_udp_open("192.0.2.1:0", NULL, &udp), SLEY_EADDRNOTAVAIL);
    cr_assert_null(udp);
    assert_ok(sley_udp_open("127.0.0.1:0", NULL, &udp));
    assert_ok(sley_udp_local(udp, &local));
    assert_ok(sley_address_format(&local, text, sizeof(text)));
    assert_code(sley_udp_open(text, NULL, &same), SLEY_EADDRINUSE);
    assert_code(sley_udp_send(udp, "x", 1, NULL), SLEY_EINVAL);
    assert_ok(sley_address_parse("[::1]:9", &v6));
    assert_code(sley_udp_send(udp, "x", 1, &v6), SLEY_EINVAL);
    assert_code(sley_udp_connect(udp, &v6), SLEY_EINVAL);
    assert_code(sley_udp_peer(udp, &v6), SLEY_ENOTCONN);
    assert_code(sley_udp_join_group(udp, &local, NULL), SLEY_EINVAL);
    assert_code(sley_udp_multicast(udp, "no such one", 1, true), SLEY_ENODEV);
    assert_code(sley_udp_multicast(udp, NULL, 256, true), SLEY_EINVAL);
    sley_udp_free(udp);
    return 0;
}

TASK_TEST(udp, options)
{
    struct sley_udp_options shared = {.reuseport = true, .broadcast = true};
    struct sley_udp *a, *b, *plain;
    struct sley_address broadcast, local;
    char text[SLEY_ADDRESS_TEXT];

    assert_ok(sley_udp_open("127.0.0.1:0", &shared, &a));
    assert_ok(sley_udp_local(a, &local));
    assert_ok(sley_address_format(&local, text, sizeof(text)));
    assert_ok(sley_udp_open(text, &shared, &b));
    assert_ok(sley_udp_open(":0", NULL, &plain));
    assert_ok(sley_address_parse("127.255.255.255:9", &broadcast));
    assert_ok(sley_udp_send(a, "x", 1, &broadcast));
    assert_code(sley_udp_send(plain, "x", 1, &broadcast), SLEY_EACCES);
    sley_udp_free(a);
    sley_udp_free(b);
    sley_udp_free(plain);
    return 0;
}

/* Groups on the loopback interface, which carries them once it is named. */
static void group_test(const char *any, const char *group_text)
{
    struct sley_udp *sender, *receiver;
    struct sley_address group, local;
    char buffer[8];
    int64_t before;
    int error;

    assert_ok(sley_udp_open(any, NULL, &receiver));
    assert_ok(sley_udp_open(any, NULL, &sender));
    assert_ok(sley_udp_local(receiver, &local));
    assert_ok(sley_address_numeric(group_text, local.port, &group));
    assert_ok(sley_udp_join_group(receiver, &group, "lo"));
    assert_code(sley_udp_join_group(receiver, &group, "lo"), SLEY_EADDRINUSE);
    assert_code(sley_udp_join_group(receiver, &group, "no such one"), SLEY_ENODEV);
    assert_ok(sley_udp_multicast(sender, "lo", 1, true));
    error = sley_udp_send(sender, "all", 3, &group);
    if (error == SLEY_ENETUNREACH) { /* a machine whose loopback has no route for groups */
        sley_udp_free(sender);
        sley_udp_free(receiver);
        cr_skip("no route to %s", group_text);
    }
    assert_ok(error);
    cr_assert_eq(sley_udp_receive(receiver, buffer, sizeof(buffer), NULL), 3);
    assert_ok(sley_udp_leave_group(receiver, &group, "lo"));
    assert_code(sley_udp_leave_group(receiver, &group, "lo"), SLEY_EADDRNOTAVAIL);
    assert_ok(sley_udp_send(sender, "all", 3, &group));
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(20)));
    assert_code(sley_udp_receive(receiver, buffer, sizeof(buffer), NULL), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    sley_udp_free(sender);
    sley_udp_free(receiver);
}

TASK_TEST(udp, groups_v4)
{
    group_test(":0", "239.255.77.7");
    return 0;
}

TASK_TEST(udp, groups_v6)
{
    group_test("[::]:0", "ff01::7777");
    return 0;
}

TASK_TEST(udp, without_descriptors)
{
    struct rlimit limit, none;
    struct sley_udp *udp, *more;

    assert_ok(sley_udp_open("127.0.0.1:0", NULL, &udp)); /* the I/O thread is there now */
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_code(sley_udp_open("127.0.0.1:0", NULL, &more), SLEY_EMFILE);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_ok(sley_udp_open("127.0.0.1:0", NULL, &more));
    sley_udp_free(udp);
    sley_udp_free(more);
    return 0;
}

Test(udp, off_a_task)
{
    struct sley_udp *udp;

    assert_code(sley_udp_open("127.0.0.1:0", NULL, &udp), SLEY_ENOTASK);
}

/* --- addresses -------------------------------------------------------------------------------- */

Test(address_value, text_and_back)
{
    static const char *const texts[] = {"127.0.0.1:53", "[::1]:0", "[fe80::1%1]:65535"};
    char buffer[SLEY_ADDRESS_TEXT];

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct sley_address address, again;

        assert_ok(sley_address_parse(texts[i], &address));
        assert_ok(sley_address_format(&address, buffer, sizeof(buffer)));
        cr_assert_str_eq(buffer, texts[i]);
        assert_ok(sley_address_parse(buffer, &again));
        cr_assert(sley_address_equal(&address, &again));
        assert_code(sley_address_format(&address, buffer, strlen(texts[i])), SLEY_EMSGSIZE);
    }
}

Test(address_value, what_is_none)
{
    struct sley_address address = {0}, v4, v6;
    char buffer[SLEY_ADDRESS_TEXT];

    cr_assert_eq(sley_address_sockaddr(&address, buffer, sizeof(buffer)), 0);
    assert_code(sley_address_from_sockaddr(buffer, 1, &v4), SLEY_EINVAL);
    cr_assert(!sley_address_equal(&address, &address));
    assert_code(sley_address_format(&address, buffer, sizeof(buffer)), SLEY_EINVAL);
    assert_code(sley_address_parse(NULL, &address), SLEY_EINVAL);
    assert_code(sley_address_parse("host:1", &address), SLEY_EINVAL);
    assert_code(sley_address_numeric("127.0.0.1", 65536, &address), SLEY_EINVAL);
    assert_code(sley_address_numeric("127.0.0.1", -1, &address), SLEY_EINVAL);
    assert_code(sley_address_numeric(NULL, 1, &address), SLEY_EINVAL);
    assert_ok(sley_address_numeric("127.0.0.1", 65535, &v4));
    assert_ok(sley_address_numeric("::1", 7, &v6));
    cr_assert_eq(v4.port, 65535);
    cr_assert_eq(v6.port, 7);
    cr_assert(!sley_address_equal(&v4, &v6));
}
