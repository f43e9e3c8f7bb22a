/*
 * echo.c: the rows `echo`, `connections` and `idle_connections`: what was sent must come back.
 *
 * A connection sends a message, waits until all of it has come back, and sends the next one. Each
 * message is a piece of one random text, from another place than the one before, so that a byte
 * that is lost, doubled, or somebody else's is seen; and one byte more is always asked for than is
 * due, so that surplus is seen too.
 *
 * Connections are opened in small batches that speak before the next batch comes: no server's queue
 * of connections overflows, and each server has done for each connection whatever it does first
 * before anything is counted.
 *
 * `echo`: four shapes, one after another on the same server: 64 and 1,000 connections, 64 and 4,096
 * bytes. A fixed number of messages in all, given to whichever connection is ready for one, so no
 * connection is left to itself at the end.
 *
 * `connections`: one shape of it, 64 bytes, on as many connections as one asks for.
 *
 * `idle_connections`: 10,000 that have spoken once and now wait. A server that keeps a buffer for
 * each, or whatever it may need one day, shows it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/load.h"

enum { BATCH = 128, EVENTS = 256, SIZE_MAX_SENT = 4096, STEP = 7, PLACES = 256 };
enum { PATIENCE = 10000 }; /* ms without any answer, after which there will be none */

struct connection {
    int fd;
    unsigned place; /* of its message in the text */
    size_t got;     /* bytes of it that have come back */
    int64_t sent_at;
};

struct work {
    const struct load *load;
    bool plain; /* the shape is not in the figures' names */
    int set;
    size_t count, size; /* connections; bytes of a message */
    struct connection *connections;
    size_t asked, answered, total; /* messages of the present exchange */
    int64_t *late;                 /* of each of them, ns; or NULL */
};

static unsigned char text[SIZE_MAX_SENT + PLACES];

/* splitmix64: the same text every time. */
static void write_text(void)
{
    uint64_t state = 1;

    for (size_t i = 0; i < sizeof text; i++) {
        uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        text[i] = (unsigned char)(z >> 56);
    }
}

static int ask(struct work *work, struct connection *connection)
{
    connection->place = (connection->place + STEP) % PLACES;
    connection->got = 0;
    connection->sent_at = load_now();
    work->asked++;
    if (send(connection->fd, text + connection->place, work->size, MSG_NOSIGNAL) ==
        (ssize_t)work->size)
        return 0;
    return load_fail("a message of %zu bytes does not go out: %s", work->size, strerror(errno));
}

static int finish(struct work *work, struct connection *connection)
{
    if (work->late)
        work->late[work->answered] = load_now() - connection->sent_at;
    work->answered++;
    return work->asked < work->total ? ask(work, connection) : 0;
}

/* Some of an answer. */
static int hear(struct work *work, struct connection *connection)
{
    unsigned char buffer[SIZE_MAX_SENT + 1];
    size_t due = work->size - connection->got;
    ssize_t got = recv(connection->fd, buffer, due + 1, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0)
        return load_fail("the server has hung up: %s", got ? strerror(errno) : "end of stream");
    if ((size_t)got > due)
        return load_fail("more comes back than was sent");
    if (memcmp(buffer, text + connection->place + connection->got, (size_t)got) != 0)
        return load_fail("what comes back is not what was sent");
    connection->got += (size_t)got;
    return connection->got == work->size ? finish(work, connection) : 0;
}

/* `total` messages on `count` connections from `first` on; all have come back when it returns. */
static int exchange(struct work *work, size_t first, size_t count, size_t total)
{
    struct epoll_event events[EVENTS];
    int error = 0;

    work->asked = work->answered = 0;
    work->total = total;
    for (size_t i = 0; !error && i < count && i < total; i++)
        error = ask(work, &work->connections[first + i]);
    while (!error && work->answered < total) {
        int ready = epoll_wait(work->set, events, EVENTS, PATIENCE);

        if (ready == 0 || (ready < 0 && errno != EINTR))
            return load_fail("%zu of %zu messages have not come back", total - work->answered,
                             total);
        for (int i = 0; !error && i < ready; i++)
            error = hear(work, &work->connections[events[i].data.u64]);
    }
    return error;
}

static int open_connection(struct work *work, size_t index)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((unsigned short)work->load->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = index};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return load_fail("connection %zu: %s", index, strerror(errno));
    work->connections[index].fd = fd;
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(work->set, EPOLL_CTL_ADD, fd, &event) != 0)
        return load_fail("connection %zu: %s", index, strerror(errno));
    return 0;
}

/* Connections up to number `end`, from those there are. Each has spoken once when it returns. */
static int open_until(struct work *work, size_t end)
{
    int error = 0;

    while (!error && work->count < end) {
        size_t first = work->count;

        for (; !error && work->count < end && work->count < first + BATCH; work->count++)
            error = open_connection(work, work->count);
        if (!error)
            error = exchange(work, first, work->count - first, work->count - first);
    }
    return error;
}

/* Room for `most` connections; the limit on open files is raised if it may be. */
static int open_work(struct work *work, size_t most)
{
    struct rlimit limit;

    write_text();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < most + 64) {
        limit.rlim_cur = limit.rlim_max;
        if (limit.rlim_max < most + 64 || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            load_say("a process may not have %zu connections here", most);
            return LOAD_DECLINED;
        }
    }
    work->set = epoll_create1(EPOLL_CLOEXEC);
    if (work->set < 0)
        return load_fail("no epoll set: %s", strerror(errno));
    work->connections = calloc(most, sizeof *work->connections);
    if (!work->connections)
        return load_fail("no memory");
    for (size_t i = 0; i < most; i++)
        work->connections[i] = (struct connection){.fd = -1, .place = (unsigned)i % PLACES};
    return 0;
}

static void close_work(struct work *work)
{
    for (size_t i = 0; i < work->count; i++)
        close(work->connections[i].fd);
    free(work->connections);
    close(work->set);
}

static int compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void report_count(const struct work *work, int64_t wall, int64_t cpu, size_t half,
                         size_t most)
{
    load_metric((double)cpu / (double)work->total / 1e3, "us_cpu");
    load_metric((double)work->total / ((double)wall / 1e9), "per_s");
    load_metric((double)work->late[half] / 1e3, "us_p50");
    load_metric((double)work->late[most] / 1e3, "us_p99");
}

static void report(const struct work *work, int64_t wall, int64_t cpu)
{
    double total = (double)work->total;
    size_t half = (work->total - 1) / 2, most = work->total * 99 / 100;

    qsort(work->late, work->total, sizeof *work->late, compare);
    if (work->plain) {
        report_count(work, wall, cpu, half, most);
        return;
    }
    load_metric((double)cpu / total / 1e3, "us_cpu_%zux%zu", work->count, work->size);
    load_metric(total / ((double)wall / 1e9), "per_s_%zux%zu", work->count, work->size);
    load_metric((double)work->late[half] / 1e3, "us_p50_%zux%zu", work->count, work->size);
    load_metric((double)work->late[most] / 1e3, "us_p99_%zux%zu", work->count, work->size);
}

/* The messages that count, after some that do not. */
static int measure(struct work *work, size_t total)
{
    int64_t begun, wall, cpu, used;
    int error = exchange(work, 0, work->count, total / 10);

    work->late = calloc(total, sizeof *work->late);
    if (!work->late)
        return load_fail("no memory");
    memset(work->late, 1, total * sizeof *work->late); /* its pages are there before it starts */
    cpu = load_server_cpu(work->load);
    begun = load_now();
    if (!error)
        error = exchange(work, 0, work->count, total);
    wall = load_now() - begun;
    used = load_server_cpu(work->load);
    if (!error && (cpu < 0 || used < 0))
        error = LOAD_FAILED;
    if (!error)
        report(work, wall, used - cpu);
    free(work->late);
    return error;
}

static int run_shape(struct work *work, size_t count, size_t total)
{
    int error = open_work(work, count);

    if (error)
        return error;
    error = open_until(work, count);
    if (!error)
        error = measure(work, total);
    close_work(work);
    return error;
}

int load_echo(const struct load *load)
{
    static const struct {
        size_t count, size;
    } shapes[] = {{64, 64}, {64, 4096}, {1000, 64}, {1000, 4096}};
    size_t total = load->quick ? 5000 : 200000, shape = 0;
    int error = 0;

    for (; !error && shape < sizeof shapes / sizeof *shapes; shape++) {
        struct work work = {.load = load, .size = shapes[shape].size};

        error = run_shape(&work, shapes[shape].count, total);
    }
    if (!error)
        load_check(total * shape);
    return error;
}

int load_connections(const struct load *load)
{
    struct work work = {.load = load, .size = 64, .plain = true};
    size_t count = load->size ? load->size : 1000, total = load->quick ? 5000 : 200000;
    int error;

    if (total < 4 * count) /* each speaks, also with many */
        total = 4 * count;
    error = run_shape(&work, count, total);
    if (!error)
        load_check(total);
    return error;
}

int load_idle_connections(const struct load *load)
{
    struct work work = {.load = load, .size = 64};
    size_t count = load->size ? load->size : load->quick ? 1000 : 10000;
    int64_t before, after = 0;
    int error = open_work(&work, count + 1);

    if (error)
        return error;
    error = open_until(&work, 1); /* what the server makes once is there */
    before = load_server_memory(load);
    if (!error && before >= 0)
        error = open_until(&work, count + 1);
    load_doze(20000000); /* the last ones, back from their answers */
    if (!error)
        after = load_server_memory(load);
    if (!error && (before < 0 || after < 0))
        error = LOAD_FAILED;
    if (!error) {
        load_metric(after > before ? (double)(after - before) / (double)count : 0,
                    "bytes_per_connection");
        load_check(work.count - 1);
    }
    close_work(&work);
    return error;
}
