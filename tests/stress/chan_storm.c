/*
 * chan_storm.c: many senders and receivers, some by select, some cancelled, on a few channels.
 *
 * Each item is a number of its own. What was sent by a call that said so must be received exactly
 * once, by a call that said so or by the one that empties the channels at the end.
 */
#include "stress.h"

#include <sley/chan.h>

enum { CHANNELS = 3, SENDERS = 8, RECEIVERS = 8, THREADS = 2 };

static struct sley_chan *channels[CHANNELS];
static unsigned per_sender;
static _Atomic uint8_t *seen; /* per item */
static _Atomic uint64_t sent, received, next_item;
static _Atomic unsigned streams;

static void receive_one(uint64_t item)
{
    CHECK(seen[item]++ == 0, "item %" PRIu64 " came twice", item);
    received++;
}

/* Sends one item; false when cancelled. */
static bool send_one(struct stress_random *random)
{
    uint64_t item = next_item++;
    int error;

    if (stress_below(random, 3) == 0) {
        struct sley_select_case cases[CHANNELS];
        int index;

        for (int i = 0; i < CHANNELS; i++)
            cases[i] = (struct sley_select_case){channels[i], SLEY_SELECT_SEND, &item, 0};
        index = sley_select(cases, CHANNELS, SLEY_FOREVER);
        error = index < 0 ? index : cases[index].result;
    } else {
        error = sley_chan_send(channels[stress_below(random, CHANNELS)], &item);
    }
    CHECK(error == 0 || error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT, "%s",
          sley_strerror(error));
    if (error == 0)
        sent++;
    return error != SLEY_ECANCELED;
}

/* Receives one; false when cancelled or all is closed. From one channel only with a deadline: a
 * sender may be waiting at another one. */
static bool recv_one(struct stress_random *random, bool from_any)
{
    uint64_t item = UINT64_MAX;
    int error;

    if (from_any) {
        struct sley_select_case cases[CHANNELS];
        int index;

        for (int i = 0; i < CHANNELS; i++)
            cases[i] = (struct sley_select_case){channels[i], SLEY_SELECT_RECV, &item, 0};
        index = sley_select(cases, CHANNELS, SLEY_FOREVER);
        error = index < 0 ? index : cases[index].result;
    } else {
        error = sley_chan_recv(channels[stress_below(random, CHANNELS)], &item);
    }
    CHECK(error == 0 || error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT || error == SLEY_ECLOSED,
          "%s", sley_strerror(error));
    if (error == 0)
        receive_one(item);
    return error == 0 || error == SLEY_ETIMEDOUT;
}

static int sender(void *arg)
{
    struct stress_random random = stress_random(++streams);
    bool goes_on = true;

    (void)arg;
    for (unsigned i = 0; goes_on && i < per_sender; i++) {
        if (stress_below(&random, 16) == 0)
            sley_deadline_narrow(sley_after((int64_t)stress_below(&random, 20000)));
        goes_on = send_one(&random);
        sley_deadline_restore(SLEY_FOREVER);
        stress_alive();
    }
    return 0;
}

static int receiver(void *arg)
{
    struct stress_random random = stress_random(++streams);
    bool goes_on = true;

    (void)arg;
    while (goes_on) {
        bool from_any = !sley_self() || stress_below(&random, 2);

        if (!from_any || stress_below(&random, 16) == 0)
            sley_deadline_narrow(sley_after((int64_t)stress_below(&random, 20000)));
        goes_on = recv_one(&random, from_any);
        sley_deadline_restore(SLEY_FOREVER);
    }
    return 0;
}

static void *sender_thread(void *arg)
{
    sender(arg);
    return NULL;
}

static void *receiver_thread(void *arg)
{
    receiver(arg);
    return NULL;
}

static int storm(void *arg)
{
    struct sley_task *senders[SENDERS], *receivers[RECEIVERS];
    struct stress_random random = stress_random(99);
    pthread_t threads[THREADS];

    (void)arg;
    CHECK(pthread_create(&threads[0], NULL, sender_thread, NULL) == 0, "no thread");
    CHECK(pthread_create(&threads[1], NULL, receiver_thread, NULL) == 0, "no thread");
    for (int i = 0; i < RECEIVERS; i++)
        receivers[i] = stress_spawn(receiver, NULL);
    for (int i = 0; i < SENDERS; i++)
        senders[i] = stress_spawn(sender, NULL);
    for (int i = 0; i < 4; i++) { /* some receivers are left, and some senders */
        sley_sleep((int64_t)stress_below(&random, 200000));
        sley_cancel(receivers[stress_below(&random, RECEIVERS / 2)], NULL);
        sley_cancel(senders[stress_below(&random, SENDERS / 2)], NULL);
    }
    for (int i = 0; i < SENDERS; i++)
        stress_join(senders[i]);
    /* It blocks this worker until it has ended, which needs no task of it: there are receivers on
     * other threads. */
    pthread_join(threads[0], NULL);
    for (int i = 0; i < CHANNELS; i++)
        sley_chan_close(channels[i], 0);
    for (int i = 0; i < RECEIVERS; i++)
        stress_join(receivers[i]);
    pthread_join(threads[1], NULL);
    return 0;
}

static void run_once(unsigned workers, size_t capacity)
{
    uint64_t item;

    next_item = sent = received = 0;
    seen = calloc((SENDERS + THREADS) * (size_t)per_sender, 1);
    CHECK(seen, "no memory");
    for (int i = 0; i < CHANNELS; i++)
        CHECK(sley_chan_new(sizeof item, i == 0 ? 0 : capacity, &channels[i]) == 0, "no channel");
    stress_run(workers, storm, NULL);
    for (int i = 0; i < CHANNELS; i++) {
        while (sley_chan_try_recv(channels[i], &item) == 1)
            receive_one(item);
        sley_chan_free(channels[i]);
    }
    CHECK(sent == received, "%" PRIu64 " sent, %" PRIu64 " received", sent, received);
    free((void *)seen);
}

int main(int argc, char **argv)
{
    static const size_t capacities[] = {0, 1, 64};

    stress_begin(argc, argv);
    per_sender = stress_count(300, 40);
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++)
        for (size_t w = 0; w < STRESS_WORKER_COUNTS; w++)
            run_once(stress_workers[w], capacities[c]);
    return stress_end();
}
