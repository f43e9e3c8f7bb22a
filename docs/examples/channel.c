/*
 * channel.c: three tasks square numbers that they receive from one channel, and send them to
 * another. Closing a channel ends its receivers, after the last item.
 *
 * prints: the sum of the squares of 1 to 100 is 338350
 */
#include <stdio.h>
#include <sley/sley.h>

SLEY_CHAN_TYPE(longs, long); /* the compiler refuses to send anything else */

static longs numbers, squares;

static int squarer(void *unused)
{
    long n;
    (void)unused;
    while (longs_recv(numbers, &n) == 0) {
        if (longs_send(squares, n * n) != 0)
            break;
    }
    return 0;
}

static int feeder(void *unused)
{
    (void)unused;
    for (long n = 1; n <= 100; n++)
        if (longs_send(numbers, n) != 0)
            break;
    return longs_close(numbers, 0);
}

static int app(void *unused)
{
    long square, sum = 0;
    (void)unused;
    if (longs_new(&numbers, 10) != 0 || longs_new(&squares, 0) != 0)
        return 1;
    struct sley_task *tasks[4];
    if (sley_spawn(feeder, NULL, NULL, &tasks[0]) != 0)
        return 1;
    for (int i = 1; i < 4; i++)
        if (sley_spawn(squarer, NULL, NULL, &tasks[i]) != 0)
            return 1;
    for (int i = 0; i < 100; i++)
        if (longs_recv(squares, &square) == 0)
            sum += square;
    for (int i = 0; i < 4; i++)
        sley_join(tasks[i], NULL);
    printf("the sum of the squares of 1 to 100 is %ld\n", sum);
    longs_free(numbers);
    longs_free(squares);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
