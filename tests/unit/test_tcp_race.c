/* The race of a name's addresses: the dead, the refusing and the living, in all orders. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sley/sley.h>

#include "tcp_impl.h"

#define TASK_TEST(name)                                     \
    static int name##_body(void *unused);                   \
    Test(tcp_race, name)                                    \
    {                                                       \
        cr_assert_eq(sley_run(name##_body, NULL, NULL), 0); \
    }                                                       \
    static int name##_body(void *unused __attribute__((unused)))

#define assert_code(expression, code)                                                      \
    do {                                                                                   \
        int code_ = (expression);                                                          \
        cr_assert_eq(code_, (code), "%s: %s, not %s", #expression, sley_error_name(code_), \
                     sley_error_name(code));                                               \
    } while (0)
#define assert_ok(expression) assert_code(expression, 0)

static const struct sley__address anywhere;

/* One address of each sort, all on this machine: a listener, a port that refuses, and one whose
 * queue is full, so that connecting to it hangs. */
static struct {
    struct sley_listener *listener;
    struct sley__address alive, refusing, dead;
    int fds[8];
} site;

static struct sley__address local(const char *host, int port)
{
    struct sley__address address;

    cr_assert(sley__address_numeric(&address, host, port));
    return address;
}

static int fill_a_queue(void)
{
    struct sley__address address = local("127.0.0.1", 0);
    socklen_t size = address.size;

    site.fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(site.fds[0], &address.any, size) == 0 && listen(site.fds[0], 0) == 0 &&
              getsockname(site.fds[0], &address.any, &size) == 0);
    for (int i = 1; i < 8; i++) {
        site.fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(site.fds[i], &address.any, size);
    }
    return sley__address_port(&address);
}

static void open_site(void)
{
    struct sley_listener *gone;

    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &site.listener));
    site.alive = local("127.0.0.1", sley_listener_port(site.listener));
    assert_ok(sley_tcp_listen("127.0.0.1:0", NULL, &gone));
    site.refusing = local("127.0.0.1", sley_listener_port(gone));
    sley_listener_free(gone);
    site.dead = local("127.0.0.1", fill_a_queue());
}

static void close_site(void)
{
    sley_listener_free(site.listener);
    for (int i = 0; i < 8; i++)
        close(site.fds[i]);
}

/* a: alive, r: refusing, d: dead. */
static int race(const char *who, int64_t delay, struct sley_stream **out)
{
    struct sley__address addresses[8];
    struct sley__io *io;
    size_t count = strlen(who);

    for (size_t i = 0; i < count; i++)
        addresses[i] = who[i] == 'a' ? site.alive : who[i] == 'r' ? site.refusing : site.dead;
    assert_ok(sley__io_get(&io));
    return sley__tcp_race(io, NULL, addresses, count, &anywhere, delay, out);
}

static int lowest_descriptor(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

/* The winner is connected; everything else is closed again. */
static void won(const char *who, int64_t delay)
{
    struct sley_stream *stream = NULL;
    int before = lowest_descriptor();

    assert_ok(race(who, delay, &stream));
    cr_assert_not_null(stream);
    assert_ok(sley_stream_write(stream, "x", 1, NULL));
    sley_stream_free(stream);
    cr_assert_eq(lowest_descriptor(), before, "%s: a descriptor leaks", who);
}

TASK_TEST(one_that_lives_wins)
{
    open_site();
    won("aa", SLEY_SECONDS(100));
    won("ra", SLEY_SECONDS(100)); /* a refusal is not waited for */
    won("rrra", SLEY_SECONDS(100));
    won("da", SLEY_MILLISECONDS(5));
    won("ddrda", SLEY_MILLISECONDS(5));
    won("adddd", SLEY_SECONDS(100));
    close_site();
    return 0;
}

TASK_TEST(none_lives)
{
    struct sley_stream *stream = NULL;
    int before;

    open_site();
    before = lowest_descriptor();
    assert_code(race("rr", SLEY_SECONDS(100), &stream), SLEY_ECONNREFUSED);
    assert_code(race("rrrrr", 1, &stream), SLEY_ECONNREFUSED);
    cr_assert_null(stream);
    cr_assert_eq(lowest_descriptor(), before);
    close_site();
    return 0;
}

TASK_TEST(late)
{
    struct sley_stream *stream = NULL;
    int64_t before;

    open_site();
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(20)));
    assert_code(race("ddr", SLEY_MILLISECONDS(1), &stream), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(20)));
    assert_code(race("da", SLEY_SECONDS(100), &stream), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    cr_assert_null(stream);
    close_site();
    return 0;
}

static int race_the_dead(void *arg)
{
    return race("ddd", SLEY_MILLISECONDS(2), arg);
}

TASK_TEST(cancelled)
{
    struct sley_stream *stream = NULL;

    open_site();
    for (int pause = 0; pause < 4; pause++) {
        struct sley_task *task;
        int result;

        assert_ok(sley_spawn(race_the_dead, &stream, NULL, &task));
        if (pause)
            assert_ok(sley_sleep(SLEY_MILLISECONDS(pause * 2)));
        sley_cancel(task, "test");
        assert_ok(sley_join(task, &result));
        assert_code(result, SLEY_ECANCELED);
    }
    cr_assert_null(stream);
    close_site();
    return 0;
}

/* The families take turns; each keeps its own order. */
TASK_TEST(order)
{
    static const char *const hosts[] = {"::1", "::2", "::3", "127.0.0.1", "127.0.0.2"};
    static const char *const expected[] = {"[::1]:7", "127.0.0.1:7", "[::2]:7", "127.0.0.2:7",
                                           "[::3]:7"};
    struct sley__address addresses[5];
    struct sley_stream *stream = NULL;
    struct sley__io *io;
    char text[SLEY__ADDRESS_TEXT];
    int64_t before;

    for (int i = 0; i < 5; i++)
        addresses[i] = local(hosts[i], 7);
    assert_ok(sley__io_get(&io));
    before = sley_deadline_narrow(sley_now()); /* nothing is tried, only put in order */
    assert_code(sley__tcp_race(io, NULL, addresses, 5, &anywhere, SLEY_SECONDS(1), &stream),
                SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    for (int i = 0; i < 5; i++) {
        cr_assert(sley__address_format(&addresses[i], text, sizeof(text)));
        cr_assert_str_eq(text, expected[i]);
    }
    return 0;
}
