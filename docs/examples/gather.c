/*
 * gather.c: three waits at once, results in the order of the spawns: asyncio.gather(), Go's
 * errgroup, a Trio nursery. If one fails, the others are cancelled and the scope has its error.
 *
 * prints: 10 20 30; with a failure: SLEY_ECONNREFUSED
 */
#include <stdio.h>
#include <sley/sley.h>

static int fetch(void *arg)
{
    int number = *(int *)arg;
    int error = sley_sleep(SLEY_MILLISECONDS(4 - number)); /* the first one takes longest */
    if (error)
        return error;
    return number == 0 ? SLEY_ECONNREFUSED : 10 * number;
}

static int gather(int numbers[3], int results[3])
{
    struct sley_scope scope;
    SLEY_SCOPE(&scope)
    {
        for (int i = 0; i < 3; i++)
            sley_scope_spawn(&scope, fetch, &numbers[i], NULL, NULL);
        sley_scope_gather(&scope, results, 3);
    }
    return scope.error;
}

static int app(void *unused)
{
    int good[] = {1, 2, 3}, bad[] = {1, 0, 2}, results[3];
    (void)unused;
    if (gather(good, results) == 0)
        printf("%d %d %d; ", results[0], results[1], results[2]);
    printf("with a failure: %s\n", sley_error_name(gather(bad, results)));
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
