/*
 * Ten tasks sleep for different times, all at once, and are joined in order.
 *
 * prints: slept 4.5 s, all at once
 */
#include <stdio.h>

#include <sley/sley.h>

static int nap(void *arg)
{
    int tenths = *(int *)arg;

    sley_sleep(SLEY_MILLISECONDS(100 * tenths)); /* parks: the worker runs other tasks */
    return tenths;
}

static int app(void *arg)
{
    struct sley_task *tasks[10];
    int tenths[10], slept, sum = 0;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        tenths[i] = i;
        if (sley_spawn(nap, &tenths[i], NULL, &tasks[i]) != 0)
            return 1;
    }
    for (int i = 0; i < 10; i++) {
        sley_join(tasks[i], &slept);
        sum += slept;
    }
    printf("slept %d.%d s, all at once\n", sum / 10, sum % 10);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
