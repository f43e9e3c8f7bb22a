/*
 * turns.c: giving way: asyncio.sleep(0), Go's runtime.Gosched(), Trio's checkpoint(). A yield lets
 * the other ready tasks of the worker run, and is a place where a cancel is seen.
 *
 * prints: the other one has had its turn
 */
#include <stdio.h>
#include <sley/sley.h>

static bool had_its_turn;

static int other(void *unused)
{
    (void)unused;
    had_its_turn = true;
    return 0;
}

static int poll_for_it(void *unused)
{
    int error = 0;
    (void)unused;
    while (!had_its_turn && error == 0)
        error = sley_yield(); /* without it this would be for ever */
    return error;
}

static int app(void *unused)
{
    struct sley_scope scope;
    (void)unused;
    SLEY_SCOPE(&scope)
    {
        sley_scope_spawn(&scope, poll_for_it, NULL, NULL, NULL);
        sley_scope_spawn(&scope, other, NULL, NULL, NULL);
    }
    if (had_its_turn)
        printf("the other one has had its turn\n");
    return scope.error;
}

int main(void)
{
    /* One worker, which both must share. */
    return sley_run(app, NULL, &(struct sley_options){.workers = 1}) != 0;
}
