/*
 * started.c: Trio's nursery.start(): a child that says when it is ready, and for what, by a future
 * that it completes. One that fails before must fail the future, too: nobody does so for it. (In a
 * scope that the first error cancels, as here, the wait would end at least, by SLEY_ECANCELED.)
 *
 * prints: a service: ready at port 80; a broken one: SLEY_EIO, and so ends the scope: SLEY_EIO
 */
#include <stdbool.h>
#include <stdio.h>
#include <sley/sley.h>

struct service {
    bool broken;
    struct sley_future ready;
};

static int serve(void *arg)
{
    struct service *self = arg;
    if (self->broken) {
        sley_future_fail(&self->ready, SLEY_EIO);
        return SLEY_EIO;
    }
    sley_future_complete(&self->ready, "port 80");
    return sley_sleep(SLEY_SECONDS(3600)); /* serves, until it is cancelled */
}

static int use(struct service *service)
{
    struct sley_scope scope;
    void *where;
    SLEY_SCOPE(&scope)
    {
        int error = sley_scope_spawn(&scope, serve, service, NULL, NULL);
        if (!error)
            error = sley_future_wait(&service->ready, &where);
        if (!error)
            printf("ready at %s", (char *)where);
        else
            printf("%s", sley_error_name(error));
        sley_scope_cancel(&scope, "enough of it");
    }
    return scope.error;
}

static int app(void *unused __attribute__((unused)))
{
    struct service good = {.broken = false}, bad = {.broken = true};
    printf("a service: ");
    if (use(&good) != 0)
        return 1;
    printf("; a broken one: ");
    printf(", and so ends the scope: %s\n", sley_error_name(use(&bad)));
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
