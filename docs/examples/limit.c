/*
 * limit.c: a hundred jobs, at most four at once: a semaphore around create_task(), errgroup's
 * SetLimit(), Trio's CapacityLimiter. The spawn itself waits, so that jobs which have no turn cost
 * nothing; whoever reads a list of a million lines reads no further than it gets on.
 *
 * prints: 100 jobs, never more than 4 at once
 */
#include <stdatomic.h>
#include <stdio.h>
#include <sley/sley.h>

static atomic_int now, most, all;

static int job(void *unused)
{
    int n = atomic_fetch_add(&now, 1) + 1, seen = atomic_load(&most);
    int error;
    (void)unused;
    while (n > seen && !atomic_compare_exchange_weak(&most, &seen, n))
        ;
    error = sley_sleep(SLEY_MILLISECONDS(1));
    atomic_fetch_sub(&now, 1);
    atomic_fetch_add(&all, 1);
    return error;
}

static int app(void *unused)
{
    struct sley_scope scope;
    (void)unused;
    SLEY_SCOPE(&scope, .limit = 4, .discard = true)
    for (int i = 0; i < 100; i++)
        sley_scope_spawn(&scope, job, NULL, NULL, NULL);
    if (scope.error == 0 && atomic_load(&most) <= 4)
        printf("%d jobs, never more than 4 at once\n", atomic_load(&all));
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
