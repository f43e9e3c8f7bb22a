/*
 * race.c: several ways to an answer, the first good one counts: asyncio.wait(FIRST_COMPLETED), a
 * Trio nursery that is cancelled by the winner. The losers are cancelled, and have ended when the
 * scope has.
 *
 * prints: mirror 2 was first
 */
#include <stdio.h>
#include <sley/sley.h>

static int ask_mirror(void *arg)
{
    int number = *(int *)arg;
    int error = sley_sleep(number == 2 ? SLEY_MILLISECONDS(1) : SLEY_SECONDS(3600));
    return error ? error : number;
}

static int refuse(void *unused)
{
    (void)unused;
    return SLEY_ECONNREFUSED; /* an error does not end the race */
}

static int app(void *unused)
{
    int mirrors[] = {1, 2, 3}, winner = -1;
    struct sley_scope scope;
    struct sley_child child;
    (void)unused;
    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_FIRST_SUCCESS)
    {
        sley_scope_spawn(&scope, refuse, NULL, NULL, NULL);
        for (int i = 0; i < 3; i++)
            sley_scope_spawn(&scope, ask_mirror, &mirrors[i], NULL, NULL);
        while (winner < 0 && sley_scope_next(&scope, &child) == 1) /* as they end */
            winner = child.result;
    }
    if (scope.error == 0)
        printf("mirror %d was first\n", winner);
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
