/*
 * errors.c: all run to their end, whatever happens to the others, and each error is told with the
 * child that it is from: asyncio.gather(return_exceptions=True), Trio's exception groups.
 *
 * prints: 2 errors; job 1: SLEY_ECONNREFUSED; job 3: SLEY_ENOENT
 */
#include <stdio.h>
#include <sley/sley.h>

static int job(void *arg)
{
    static const int results[] = {0, SLEY_ECONNREFUSED, 0, SLEY_ENOENT};
    int number = *(int *)arg;
    int error = sley_sleep(SLEY_MILLISECONDS(number));
    return error ? error : results[number];
}

static int app(void *unused)
{
    int numbers[] = {0, 1, 2, 3};
    struct sley_scope_error errors[4];
    struct sley_scope scope;
    int by_job[4] = {0};
    size_t count = 0;
    (void)unused;
    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_ALL)
    {
        for (int i = 0; i < 4; i++)
            sley_scope_spawn(&scope, job, &numbers[i], NULL, NULL);
        sley_scope_wait(&scope);
        count = sley_scope_errors(&scope, errors, 4);
    }
    for (size_t i = 0; i < count; i++) /* in the order in which they came */
        by_job[errors[i].index] = errors[i].error;
    printf("%zu errors", count);
    for (int i = 0; i < 4; i++)
        if (by_job[i])
            printf("; job %d: %s", i, sley_error_name(by_job[i]));
    printf("\n");
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
