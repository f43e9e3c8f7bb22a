/*
 * as_completed.c: results as they come: asyncio.as_completed(), Curio's TaskGroup, a Go channel of
 * results. Five cooks were called in one order and are ready in another: each waits for the next.
 *
 * prints: 1 2 3 4 5
 */
#include <stdio.h>
#include <sley/sley.h>

static struct sley_event ready[6];

static int cook(void *arg)
{
    int number = *(int *)arg;
    int error = number > 1 ? sley_event_wait(&ready[number - 1]) : 0;
    if (error == 0)
        sley_event_set(&ready[number]);
    return error ? error : number;
}

static int app(void *unused)
{
    int numbers[] = {5, 4, 3, 2, 1};
    struct sley_scope scope;
    struct sley_child child;
    const char *space = "";
    (void)unused;
    SLEY_SCOPE(&scope, .deadline = sley_after(SLEY_SECONDS(60)))
    {
        for (int i = 0; i < 5; i++)
            sley_scope_spawn(&scope, cook, &numbers[i], NULL, NULL);
        while (sley_scope_next(&scope, &child) == 1) {
            printf("%s%d", space, child.result);
            space = " ";
        }
    }
    printf("\n");
    return scope.error;
}

int main(void)
{
    /* One worker, so that who was ready first has also ended first. */
    return sley_run(app, NULL, &(struct sley_options){.workers = 1}) != 0;
}
