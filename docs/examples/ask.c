/*
 * ask.c: a soft cancel: first a request, which a task may answer between two pieces of work, and
 * after a grace period the cancel: a `done` channel and then Kill in Go, `docker stop`.
 *
 * prints: polite: done after its piece of work; stubborn: SLEY_ECANCELED, the grace period is over
 */
#include <stdio.h>
#include <sley/sley.h>

static int polite(void *unused)
{
    int error = 0;
    (void)unused;
    while (error == 0 && !sley_scope_asked())
        error = sley_sleep(SLEY_MILLISECONDS(1)); /* a piece of work */
    return error;
}

static int stubborn(void *unused)
{
    int error = sley_sleep(SLEY_SECONDS(3600));
    (void)unused;
    printf("stubborn: %s, %s\n", sley_error_name(error), sley_cancel_reason());
    return error;
}

static int app(void *unused)
{
    struct sley_task *child;
    struct sley_scope scope;
    int result;
    (void)unused;
    SLEY_SCOPE(&scope)
    {
        sley_scope_spawn(&scope, stubborn, NULL, NULL, NULL);
        sley_scope_spawn(&scope, polite, NULL, NULL, &child);
        sley_scope_ask(&scope, SLEY_SECONDS(1), "the grace period is over");
        if (sley_scope_join(&scope, child, &result) == 0 && result == 0)
            printf("polite: done after its piece of work; ");
    }
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
