/*
 * cancel.c: ending what is under way, and saying why: Trio's cancel_scope.cancel(), Go's
 * context.WithCancelCause(). Being cancelled is a state of the scope and not an event: each call
 * inside that may park says so, until the scope is left.
 *
 * prints: because nobody needs it; twice SLEY_ECANCELED, because the user has left; behind: no
 * error
 */
#include <stdio.h>
#include <sley/sley.h>

static struct sley_event never;

static int work(void *unused)
{
    int first = sley_event_wait(&never);
    int second = sley_sleep(SLEY_MILLISECONDS(1)); /* asking again changes nothing */
    (void)unused;
    if (first == second)
        printf("twice %s, because %s; ", sley_error_name(first), sley_cancel_reason());
    return second;
}

static int app(void *unused)
{
    struct sley_task *task;
    struct sley_scope scope;
    int error;
    (void)unused;
    if (sley_spawn(work, NULL, NULL, &task) != 0)
        return 1;
    sley_cancel(task, "nobody needs it"); /* one task, for good */
    sley_join(task, NULL);
    SLEY_SCOPE(&scope)
    {
        sley_scope_spawn(&scope, work, NULL, NULL, NULL);
        sley_sleep(SLEY_MILLISECONDS(1));
        sley_scope_cancel(&scope, "the user has left");
    }
    error = sley_sleep(SLEY_MILLISECONDS(1)); /* not in the scope any more */
    printf("behind: %s\n", error ? sley_error_name(error) : "no error");
    return error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
