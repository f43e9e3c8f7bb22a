/*
 * broadcast_storm.c: many senders, and subscribers that come, go, dawdle and are cancelled.
 *
 * Items are numbered by their sender. A subscriber that waits for nobody loses nothing: of each
 * sender it sees consecutive numbers. One that may lose sees rising numbers, and what it has
 * received and lost adds up to what was sent meanwhile. Foreign threads send and receive too.
 */
#include "stress.h"

#include <sley/broadcast.h>

enum { SENDERS = 4, SUBSCRIBERS = 6 }; /* every second one comes and goes */

struct item {
    uint32_t sender, number;
};

static struct sley_broadcast *radio;
static bool drops;
static unsigned per_sender;
static _Atomic unsigned streams, sending;

/* What one subscription has seen. */
struct log {
    struct sley_subscription *from;
    int64_t last[SENDERS + 1];
    uint64_t received, lost;
};

static void look(struct log *log, struct item item, uint64_t lost)
{
    CHECK(item.sender <= SENDERS, "sender %u", item.sender);
    CHECK(drops || !lost, "%" PRIu64 " lost", lost);
    if (!drops && log->last[item.sender] >= 0)
        CHECK(item.number == log->last[item.sender] + 1, "%u after %" PRId64, item.number,
              log->last[item.sender]);
    CHECK((int64_t)item.number > log->last[item.sender], "%u after %" PRId64, item.number,
          log->last[item.sender]);
    log->last[item.sender] = item.number;
    log->received++;
    log->lost += lost;
}

static void subscribe(struct log *log)
{
    *log = (struct log){.from = NULL};
    for (int i = 0; i <= SENDERS; i++)
        log->last[i] = -1;
    CHECK(sley_broadcast_subscribe(radio, &log->from) == 0, "no memory");
}

static void send_all(uint32_t sender)
{
    struct stress_random random = stress_random(++streams);

    for (uint32_t i = 0; i < per_sender;) {
        struct item item = {sender, i};
        int error;

        if (sley_self() && stress_below(&random, 16) == 0)
            sley_deadline_narrow(sley_after((int64_t)stress_below(&random, 20000)));
        error = sley_broadcast_send(radio, &item);
        sley_deadline_restore(SLEY_FOREVER);
        CHECK(error == 0 || error == SLEY_ETIMEDOUT, "%s", sley_strerror(error));
        i += error == 0; /* else it was not sent */
        stress_alive();
    }
    if (--sending == 0)
        sley_broadcast_close(radio, SLEY_EPERM);
}

static int sender(void *number)
{
    send_all((uint32_t)(uintptr_t)number);
    return 0;
}

static void *sender_thread(void *number)
{
    send_all((uint32_t)(uintptr_t)number);
    return NULL;
}

/* Receives until it is closed, or it is cancelled, or wants no more. The last result. */
static int listen_some(struct log *log, struct stress_random *random, unsigned patience)
{
    int error = 0;

    while (patience-- && error != SLEY_EPERM && error != SLEY_ECANCELED) {
        struct item item;
        uint64_t lost = 0;

        if (sley_self() && stress_below(random, 8) == 0)
            sley_deadline_narrow(sley_after((int64_t)stress_below(random, 20000)));
        error = sley_broadcast_recv(log->from, &item, &lost);
        sley_deadline_restore(SLEY_FOREVER);
        CHECK(error == 0 || error == SLEY_ETIMEDOUT || error == SLEY_ECANCELED ||
                  error == SLEY_EPERM,
              "%s", sley_strerror(error));
        if (error == 0)
            look(log, item, lost);
        stress_dawdle(random, 50);
        stress_alive();
    }
    return error;
}

static void check_sum(const struct log *log)
{
    struct sley_broadcast_stats stats;

    sley_broadcast_stats(radio, &stats);
    CHECK(log->received + log->lost == stats.sent, "%" PRIu64 " and %" PRIu64 " of %" PRIu64,
          log->received, log->lost, stats.sent);
}

/* From the beginning to the end. */
static int faithful(void *arg)
{
    struct stress_random random = stress_random(++streams);
    struct log *log = arg;
    int end = listen_some(log, &random, UINT32_MAX);

    if (end == SLEY_EPERM)
        check_sum(log);
    sley_broadcast_unsubscribe(log->from);
    return 0;
}

static void *faithful_thread(void *arg)
{
    faithful(arg);
    return NULL;
}

/* Comes and goes. */
static int fickle(void *arg)
{
    struct stress_random random = stress_random(++streams);
    int end = 0;

    (void)arg;
    while (end != SLEY_EPERM && end != SLEY_ECANCELED) {
        struct log log;

        subscribe(&log);
        end = listen_some(&log, &random, 1 + stress_below(&random, 20));
        sley_broadcast_unsubscribe(log.from);
        sley_yield();
    }
    return 0;
}

static int storm(void *arg)
{
    struct sley_task *senders[SENDERS], *subscribers[SUBSCRIBERS];
    struct stress_random random = stress_random(++streams);
    struct log *logs = arg;
    int i;

    for (i = 0; i < SUBSCRIBERS; i++)
        subscribers[i] = stress_spawn(i % 2 ? fickle : faithful, &logs[i]);
    for (i = 0; i < SENDERS; i++)
        senders[i] = stress_spawn(sender, (void *)(uintptr_t)i);
    for (i = 0; i < 3; i++) { /* the first of each kind goes on to the end */
        sley_sleep((int64_t)stress_below(&random, 200000));
        sley_cancel(subscribers[2 + stress_below(&random, SUBSCRIBERS - 2)], NULL);
    }
    for (i = 0; i < SENDERS; i++)
        stress_join(senders[i]);
    for (i = 0; i < SUBSCRIBERS; i++)
        stress_join(subscribers[i]);
    return 0;
}

static void run_once(unsigned workers, size_t capacity, enum sley_broadcast_slow slow)
{
    struct log logs[SUBSCRIBERS + 1]; /* of the faithful tasks, and the thread's */
    pthread_t threads[2];
    void *number = (void *)(uintptr_t)SENDERS;

    drops = slow == SLEY_BROADCAST_DROP;
    sending = SENDERS + 1;
    CHECK(sley_broadcast_new(sizeof(struct item), capacity, slow, &radio) == 0, "no broadcast");
    for (int i = 0; i <= SUBSCRIBERS; i += 2)
        subscribe(&logs[i]);
    CHECK(pthread_create(&threads[0], NULL, faithful_thread, &logs[SUBSCRIBERS]) == 0, "no thread");
    CHECK(pthread_create(&threads[1], NULL, sender_thread, number) == 0, "no thread");
    stress_run(workers, storm, logs);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    sley_broadcast_free(radio);
}

int main(int argc, char **argv)
{
    static const size_t capacities[] = {1, 3, 64};

    stress_begin(argc, argv);
    per_sender = stress_count(300, 40);
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++)
        for (size_t w = 0; w < STRESS_WORKER_COUNTS; w++) {
            run_once(stress_workers[w], capacities[c], SLEY_BROADCAST_WAIT);
            run_once(stress_workers[w], capacities[c], SLEY_BROADCAST_DROP);
        }
    return stress_end();
}
