/*
 * to_thread.c: a function that blocks its kernel thread: asyncio.to_thread(), Trio's
 * to_thread.run_sync(); in Go any call. It runs on a thread of its own kind, and only the caller
 * waits: the other task goes on, on the only worker that there is.
 *
 * prints: the library has said 42; meanwhile the ticker ran
 */
#include <stdio.h>
#include <unistd.h>
#include <sley/sley.h>

static int bell[2]; /* a pipe */

/* Knows nothing of tasks, and blocks until the ticker has rung. */
static int ask_library(void *arg)
{
    int *answer = arg;
    char byte;
    if (read(bell[0], &byte, 1) != 1)
        return SLEY_EIO;
    *answer = 42;
    return 0;
}

static int tick(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10; i++)
        sley_sleep(SLEY_MILLISECONDS(1));
    return write(bell[1], "", 1) == 1 ? 0 : SLEY_EIO;
}

static int app(void *unused)
{
    struct sley_scope scope;
    int answer = 0, error = SLEY_EIO, result = SLEY_EIO;
    (void)unused;
    SLEY_SCOPE(&scope)
    {
        sley_scope_spawn(&scope, tick, NULL, NULL, NULL);
        error = sley_to_thread(ask_library, &answer, &result);
    }
    if (error == 0 && result == 0 && scope.error == 0)
        printf("the library has said %d; meanwhile the ticker ran\n", answer);
    return error;
}

int main(void)
{
    if (pipe(bell) != 0)
        return 1;
    return sley_run(app, NULL, &(struct sley_options){.workers = 1}) != 0;
}
