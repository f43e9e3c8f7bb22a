/*
 * limiter.c: Trio's CapacityLimiter and golang.org/x/time/rate. A limiter knows who has its
 * permits: whoever has one gets no second, and nobody gives back another's, which a semaphore would
 * let happen and miscount. A rate limiter lets a burst through at once and the rest at its rate;
 * whose turn would come behind the deadline is told so now.
 *
 * prints: 5 visitors, 2 desks; 5 second desks and 5 thefts refused; 3 calls went at once, 1 too
 * late
 */
#include <stdatomic.h>
#include <stdio.h>
#include <sley/sley.h>

static struct sley_limiter desks = SLEY_LIMITER_INIT(2);
static struct sley_rate_limiter calls = SLEY_RATE_LIMITER_INIT(1.0 / 3600, 3); /* per second */
static struct sley_token teller; /* of the main task's desk */
static atomic_int visits, seconds, thefts;

static int visit(void *unused)
{
    struct sley_token second;
    int status = 0;
    (void)unused;
    SLEY_WITH_LIMITER(&desks, status)
    {
        visits++;
        seconds += sley_limiter_acquire(&desks, &second) == SLEY_EBUSY;
        thefts += sley_limiter_release(&desks, &teller) == SLEY_EPERM;
    }
    return status;
}

static int app(void *unused)
{
    struct sley_scope scope;
    int at_once = 0, late = 0;
    (void)unused;
    if (sley_limiter_acquire(&desks, &teller) != 0)
        return 1;
    SLEY_SCOPE(&scope)
    for (int i = 0; i < 5; i++)
        sley_scope_spawn(&scope, visit, NULL, NULL, NULL);
    sley_limiter_release(&desks, &teller);
    while (sley_rate_limiter_try(&calls))
        at_once++;
    SLEY_WITH_DEADLINE(sley_after(SLEY_SECONDS(60)))
    late += sley_rate_limiter_wait(&calls) == SLEY_ETIMEDOUT; /* at once: it would be an hour */
    printf("%d visitors, 2 desks; %d second desks and %d thefts refused; ", visits, seconds,
           thefts);
    printf("%d calls went at once, %d too late\n", at_once, late);
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
