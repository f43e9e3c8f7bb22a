/*
 * consumer.c: a stranger's first C program. Built outside the tree, against what was installed,
 * once by CMake and once by pkg-config, shared and static.
 */
#include <stdio.h>
#include <string.h>

#include <sley/sley.h>

#define TASKS 100

static int twice(void *arg)
{
    int error = sley_yield();

    return error < 0 ? error : 2 * *(int *)arg;
}

static int sum_of_tasks(void *arg)
{
    struct sley_task *tasks[TASKS];
    int numbers[TASKS];
    int sum = 0;

    (void)arg;
    for (int i = 0; i < TASKS; i++) {
        numbers[i] = i;
        if (sley_spawn(twice, &numbers[i], NULL, &tasks[i]) < 0)
            return -1;
    }
    for (int i = 0; i < TASKS; i++) {
        int result;

        if (sley_join(tasks[i], &result) < 0)
            return -1;
        sum += result;
    }
    return sum;
}

int main(void)
{
    char expected[32];
    int sum = sley_run(sum_of_tasks, NULL, NULL);

    snprintf(expected, sizeof expected, "%d.%d.%d", SLEY_VERSION_MAJOR, SLEY_VERSION_MINOR,
             SLEY_VERSION_PATCH);
    if (strcmp(sley_version(), expected) != 0) {
        fprintf(stderr, "headers of %s, library of %s\n", expected, sley_version());
        return 1;
    }
    if (sum != TASKS * (TASKS - 1)) {
        fprintf(stderr, "the tasks computed %d: %s\n", sum, sum < 0 ? sley_strerror(sum) : "wrong");
        return 1;
    }
    return 0;
}
