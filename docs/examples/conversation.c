/*
 * conversation.c: asend() and athrow(): a generator that is spoken to. What is sent comes out of
 * the body's yield, and so does an error that is thrown in: the body handles it and goes on, or
 * returns it and has ended.
 *
 * prints: averages: 10 15 30; afresh: 7; the end: SLEY_EIO
 */
#include <stdio.h>
#include <sley/sley.h>

SLEY_GENERATOR_TYPES(averages, double, int); /* yields double, is sent int */

#define AFRESH SLEY_EAGAIN /* any negative code: what it means is between the two */

static int average(struct averages *self, void *unused)
{
    double sum = 0;
    int count = 0, number, got;
    (void)unused;
    do {
        got = averages_yield_receive(self, count ? sum / count : 0, &number);
        if (got == 1) { /* a number was sent */
            sum += number;
            count++;
        } else if (got == AFRESH) {
            sum = count = 0;
        }
    } while (got >= 0 || got == AFRESH);
    return got;
}

static int app(void *unused)
{
    const int numbers[] = {10, 20, 60};
    struct averages *all;
    double now;
    (void)unused;
    if (SLEY_GENERATOR_NEW(averages, average, NULL, NULL, &all) != 0)
        return 1;
    averages_next(all, NULL); /* up to its first yield: before that nobody listens */
    printf("averages:");
    for (int i = 0; i < 3; i++)
        if (averages_send(all, numbers[i], &now) == 1)
            printf(" %g", now);
    averages_throw(all, AFRESH, NULL);
    if (averages_send(all, 7, &now) == 1)
        printf("; afresh: %g", now);
    printf("; the end: %s\n", sley_error_name(averages_throw(all, SLEY_EIO, NULL)));
    averages_free(all);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
