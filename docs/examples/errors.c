/*
 * errors.c: all run to their end, whatever happens to the others, and each error is told with the
 * child that it is from: asyncio.gather(return_exceptions=True), Trio's exception groups.
 *
 * prints: 1: SLEY_ECONNREFUSED, 3: SLEY_ENOENT; the first: SLEY_ECONNREFUSED
 */
#include <stdio.h>
#include <sley/sley.h>

static int job(void *arg)
{
    static const int results[] = {0, SLEY_ECONNREFUSED, 0, SLEY_ENOENT};
    int number = *(int *)arg;
    int error = sley_sleep(SLEY_MILLISECONDS(number)); /* the errors come in this order */
    return error ? error : results[number];
}

static int app(void *unused)
{
    int numbers[] = {0, 1, 2, 3};
    struct sley_scope_error errors[4];
    struct sley_scope scope;
    size_t count = 0;
    (void)unused;
    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_ALL)
    {
        for (int i = 0; i < 4; i++)
            sley_scope_spawn(&scope, job, &numbers[i], NULL, NULL);
        sley_scope_gather(&scope, NULL, 0); /* waits for all of them */
        count = sley_scope_errors(&scope, errors, 4);
    }
    for (size_t i = 0; i < count; i++)
        printf("%s%d: %s", i ? ", " : "", (int)errors[i].index, sley_error_name(errors[i].error));
    printf("; the first: %s\n", sley_error_name(scope.error));
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, &(struct sley_options){.workers = 1}) != 0;
}
