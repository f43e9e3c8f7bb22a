/* Every transition of the readiness word, one thread. The races are the model checker's. */
#include <criterion/criterion.h>

#include "readiness.h"

static struct sley__readiness r;
static struct sley__waker woken;
static const struct sley__waker alice = {(struct sley_task *)0x1000, 11};
static const struct sley__waker bob = {(struct sley_task *)0x2000, 22};

static void open_r(void)
{
    sley__readiness_open(&r);
    woken = (struct sley__waker){0};
}

TestSuite(readiness, .init = open_r);

static uint64_t wait_as(struct sley__waker waker)
{
    uint64_t armed = 0;

    cr_assert_eq(sley__readiness_publish(&r, sley__readiness_look(&r), waker, &armed),
                 SLEY__PUBLISHED);
    cr_assert_eq(sley__readiness_look(&r), armed);
    return armed;
}

Test(readiness, ready_at_first)
{
    uint64_t seen = sley__readiness_look(&r);

    cr_assert(!sley__readiness_empty(seen));
    cr_assert(!sley__readiness_closed(seen));
}

Test(readiness, zeroed_one_is_empty_until_opened)
{
    struct sley__readiness zero = {0};

    cr_assert(sley__readiness_empty(sley__readiness_look(&zero)));
    sley__readiness_open(&zero);
    cr_assert(!sley__readiness_empty(sley__readiness_look(&zero)));
}

Test(readiness, short_read_clears)
{
    sley__readiness_clear(&r, sley__readiness_look(&r));
    cr_assert(sley__readiness_empty(sley__readiness_look(&r)));
    cr_assert(!sley__readiness_event(&r, false, &woken));
    cr_assert(!sley__readiness_empty(sley__readiness_look(&r)));
}

Test(readiness, event_after_the_look_survives_the_clear)
{
    uint64_t seen = sley__readiness_look(&r);

    cr_assert(!sley__readiness_event(&r, false, &woken));
    sley__readiness_clear(&r, seen);
    cr_assert(!sley__readiness_empty(sley__readiness_look(&r)));
}

Test(readiness, hangup_is_never_cleared)
{
    cr_assert(!sley__readiness_event(&r, true, &woken));
    sley__readiness_clear(&r, sley__readiness_look(&r));
    cr_assert(!sley__readiness_empty(sley__readiness_look(&r)));
    cr_assert(!sley__readiness_event(&r, false, &woken));
    sley__readiness_clear(&r, sley__readiness_look(&r));
    cr_assert(!sley__readiness_empty(sley__readiness_look(&r)));
    sley__readiness_open(&r); /* for the next descriptor */
    sley__readiness_clear(&r, sley__readiness_look(&r));
    cr_assert(sley__readiness_empty(sley__readiness_look(&r)));
}

Test(readiness, event_hands_out_the_waiter_once)
{
    wait_as(alice);
    cr_assert(sley__readiness_event(&r, false, &woken));
    cr_assert_eq(woken.task, alice.task);
    cr_assert_eq(woken.ticket, alice.ticket);
    cr_assert(!sley__readiness_event(&r, false, &woken));
    cr_assert(!sley__readiness_empty(sley__readiness_look(&r)));
    wait_as(bob);
    cr_assert(sley__readiness_event(&r, false, &woken));
    cr_assert_eq(woken.task, bob.task);
}

Test(readiness, event_between_look_and_publish)
{
    uint64_t seen = sley__readiness_look(&r), armed;

    cr_assert(!sley__readiness_event(&r, false, &woken));
    cr_assert_eq(sley__readiness_publish(&r, seen, alice, &armed), SLEY__PUBLISH_RETRY);
    cr_assert(!sley__readiness_event(&r, false, &woken));
}

Test(readiness, second_waiter_is_turned_away)
{
    uint64_t armed, seen = sley__readiness_look(&r);

    wait_as(alice);
    cr_assert_eq(sley__readiness_publish(&r, seen, bob, &armed), SLEY__PUBLISH_BUSY);
    cr_assert_eq(sley__readiness_publish(&r, sley__readiness_look(&r), bob, &armed),
                 SLEY__PUBLISH_BUSY);
    cr_assert(sley__readiness_event(&r, false, &woken));
    cr_assert_eq(woken.task, alice.task);
}

Test(readiness, withdraw)
{
    uint64_t armed = wait_as(alice);

    sley__readiness_withdraw(&r, armed);
    cr_assert(sley__readiness_empty(sley__readiness_look(&r)));
    cr_assert(!sley__readiness_event(&r, false, &woken));
    cr_assert(!sley__readiness_empty(sley__readiness_look(&r)));
}

Test(readiness, withdraw_after_the_event_keeps_the_event)
{
    uint64_t armed = wait_as(alice);

    cr_assert(sley__readiness_event(&r, false, &woken));
    sley__readiness_withdraw(&r, armed);
    cr_assert(!sley__readiness_empty(sley__readiness_look(&r)));
}

Test(readiness, late_withdraw_leaves_the_next_waiter)
{
    uint64_t armed = wait_as(alice);

    cr_assert(sley__readiness_event(&r, false, &woken));
    wait_as(bob);
    sley__readiness_withdraw(&r, armed);
    cr_assert(sley__readiness_event(&r, false, &woken));
    cr_assert_eq(woken.task, bob.task);
}

Test(readiness, close_hands_out_the_waiter_and_stays)
{
    uint64_t armed = wait_as(alice);

    cr_assert(sley__readiness_close(&r, &woken));
    cr_assert_eq(woken.ticket, alice.ticket);
    sley__readiness_withdraw(&r, armed);
    cr_assert(sley__readiness_closed(sley__readiness_look(&r)));
    cr_assert(!sley__readiness_close(&r, &woken));
    cr_assert(!sley__readiness_event(&r, true, &woken));
    cr_assert(sley__readiness_closed(sley__readiness_look(&r)));
    cr_assert_eq(sley__readiness_publish(&r, sley__readiness_look(&r), bob, &armed),
                 SLEY__PUBLISH_CLOSED);
}

Test(readiness, close_between_look_and_publish)
{
    uint64_t seen = sley__readiness_look(&r), armed;

    cr_assert(!sley__readiness_close(&r, &woken));
    cr_assert_eq(sley__readiness_publish(&r, seen, alice, &armed), SLEY__PUBLISH_CLOSED);
    sley__readiness_clear(&r, seen);
    cr_assert(sley__readiness_closed(sley__readiness_look(&r)));
}

/* A look of the last life of the record is worth nothing in this one. */
Test(readiness, reopened)
{
    uint64_t old = sley__readiness_look(&r), armed;

    cr_assert(!sley__readiness_close(&r, &woken));
    sley__readiness_open(&r);
    cr_assert(!sley__readiness_closed(sley__readiness_look(&r)));
    sley__readiness_clear(&r, old);
    cr_assert(!sley__readiness_empty(sley__readiness_look(&r)));
    cr_assert_eq(sley__readiness_publish(&r, old, alice, &armed), SLEY__PUBLISH_RETRY);
}
