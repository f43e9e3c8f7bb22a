/*
 * broadcast.c: three readers who all receive every price, through a broadcast of one type: the
 * compiler refuses to send anything else. The sender waits for the slowest of them.
 *
 * prints: each of 3 readers has seen 100 prices, the last was 99
 */
#include <stdio.h>
#include <sley/sley.h>

struct price {
    int number;
    double amount;
};

SLEY_BROADCAST_TYPE(ticker, struct price);

struct reader {
    ticker_subscription from;
    struct price last;
    int seen;
};

static int read_all(void *arg)
{
    struct reader *self = arg;
    SLEY_FOREACH (struct price, price, self->from.subscription) { /* up to the close */
        self->last = price;
        self->seen++;
    }
    ticker_unsubscribe(self->from);
    return 0;
}

static int app(void *unused)
{
    struct reader readers[3] = {0};
    struct sley_task *tasks[3];
    ticker prices;
    (void)unused;
    if (ticker_new(&prices, 8, SLEY_BROADCAST_WAIT) != 0)
        return 1;
    for (int i = 0; i < 3; i++)
        if (ticker_subscribe(prices, &readers[i].from) != 0 ||
            sley_spawn(read_all, &readers[i], NULL, &tasks[i]) != 0)
            return 1;
    for (int i = 0; i < 100; i++)
        if (ticker_send(prices, (struct price){.number = i, .amount = i / 100.0}) != 0)
            return 1;
    ticker_close(prices, 0);
    for (int i = 0; i < 3; i++)
        sley_join(tasks[i], NULL);
    ticker_free(prices);
    for (int i = 1; i < 3; i++)
        if (readers[i].seen != readers[0].seen || readers[i].last.number != readers[0].last.number)
            return 1;
    printf("each of 3 readers has seen %d prices, the last was %d\n", readers[0].seen,
           readers[0].last.number);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
