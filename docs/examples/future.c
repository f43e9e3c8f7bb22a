/*
 * future.c: a value that is not there yet: asyncio.Future, a channel of one in Go. Completed once,
 * by any task or thread, here by one that knows nothing of tasks; any number may wait, before and
 * after.
 *
 * prints: both have heard: ready
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sley/sley.h>

static struct sley_future answer = SLEY_FUTURE_INIT;

static void *old_library(void *unused)
{
    (void)unused;
    sley_future_complete(&answer, "ready");
    return NULL;
}

static int listen(void *unused)
{
    void *value;
    int error = sley_future_wait(&answer, &value);
    (void)unused;
    return error ? error : strcmp(value, "ready") == 0;
}

static int app(void *unused)
{
    int heard[2] = {0, 0};
    struct sley_scope scope;
    pthread_t thread;
    (void)unused;
    SLEY_SCOPE(&scope)
    {
        sley_scope_spawn(&scope, listen, NULL, NULL, NULL);
        if (pthread_create(&thread, NULL, old_library, NULL) != 0)
            return 1;
        sley_scope_spawn(&scope, listen, NULL, NULL, NULL);
        sley_scope_gather(&scope, heard, 2);
    }
    pthread_join(thread, NULL);
    if (heard[0] == 1 && heard[1] == 1)
        printf("both have heard: ready\n");
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
