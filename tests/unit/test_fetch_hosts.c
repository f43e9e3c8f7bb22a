#include "fetch_hosts.h"

#include <criterion/criterion.h>
#include <sley/sley.h>
#include <stdio.h>
#include <string.h>

enum { FIRST = 64, MOST = 200, ITEMS = 400 };

static struct fetch_hosts hosts;
static struct fetch_item items[ITEMS];
static char urls[ITEMS][48];
static int64_t when;

static void set_up(void)
{
    fetch_hosts_init(&hosts, MOST);
}

static void tear_down(void)
{
    fetch_hosts_close(&hosts);
}

/* Items first .. last - 1 of that host are to be fetched from `start` on. */
static void add(int first, int last, const char *host, int64_t start)
{
    for (int i = first; i < last; i++) {
        snprintf(urls[i], sizeof urls[i], "%s/%d", host, i);
        items[i].url = urls[i];
        cr_assert(fetch_hosts_add(&hosts, &items[i], start));
    }
}

static int take(int64_t now)
{
    struct fetch_item *item = fetch_hosts_take(&hosts, now, &when);

    if (!item)
        return -1;
    item->started = now;
    return (int)(item - items);
}

static int take_all(int64_t now)
{
    int count = 0;

    while (take(now) >= 0)
        count++;
    return count;
}

Test(fetch_hosts, hosts_take_turns, .init = set_up, .fini = tear_down)
{
    add(0, 3, "http://a", 0);
    add(3, 5, "http://b", 0);
    add(5, 6, "http://user:pass@A", 0);
    add(6, 7, "http://a:81", 0);
    cr_expect_eq(fetch_hosts_count(&hosts), 3);
    static const int order[] = {0, 3, 6, 1, 4, 2, 5, -1};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        cr_expect_eq(take(1), order[i], "%zu", i);
    cr_expect_eq(when, SLEY_FOREVER);
}

Test(fetch_hosts, a_limit_doubles_in_a_round, .init = set_up, .fini = tear_down)
{
    add(0, ITEMS, "http://a", 0);
    cr_assert_eq(take_all(1), FIRST);
    for (int i = 0; i < FIRST; i++)
        fetch_hosts_good(&hosts, &items[i]);
    cr_expect_eq(take_all(2), 2 * FIRST);
    for (int i = FIRST; i < 3 * FIRST; i++)
        fetch_hosts_good(&hosts, &items[i]);
    cr_expect_eq(take_all(3), MOST, "and not beyond what is allowed");
}

Test(fetch_hosts, begins_with_what_was_asked_for, .fini = tear_down)
{
    fetch_hosts_init(&hosts, 20);
    add(0, 50, "http://a", 0);
    cr_expect_eq(take_all(1), 20);
}

/* With the answers there are more at once, before anything has ended; the ends add nothing. */
Test(fetch_hosts, answers_count, .init = set_up, .fini = tear_down)
{
    add(0, ITEMS, "http://a", 0);
    cr_assert_eq(take_all(1), FIRST);
    for (int i = 0; i < FIRST; i++)
        fetch_hosts_answer(&hosts, &items[i]);
    cr_expect_eq(take_all(2), FIRST);
    cr_expect_eq(fetch_hosts_limit(&items[0]), 2 * FIRST);
    for (int i = 0; i < FIRST; i++)
        fetch_hosts_other(&hosts, &items[i]);
    cr_expect_eq(fetch_hosts_limit(&items[0]), 2 * FIRST);
    cr_expect_eq(take_all(3), FIRST);
}

/* All that broke together count once; then it grows by one in a round. */
Test(fetch_hosts, is_halved_once, .init = set_up, .fini = tear_down)
{
    add(0, ITEMS, "http://a", 0);
    cr_assert_eq(take_all(10), 64);
    cr_expect(fetch_hosts_bad(&hosts, &items[0], 20), "the first is to blame");
    for (int i = 1; i < 64; i++)
        cr_expect_not(fetch_hosts_bad(&hosts, &items[i], 20), "and nobody else");
    cr_expect_eq(fetch_hosts_limit(&items[0]), 32);
    cr_assert_eq(take_all(30), 32);
    for (int i = 64; i < 96; i++)
        fetch_hosts_good(&hosts, &items[i]);
    cr_expect_eq(fetch_hosts_limit(&items[0]), 32, "less than one more: the divisor grows too");
    cr_assert_eq(take_all(40), 32);
    for (int i = 96; i < 128; i++)
        fetch_hosts_good(&hosts, &items[i]);
    cr_expect_eq(fetch_hosts_limit(&items[0]), 33);
    cr_assert_eq(take_all(50), 33);
    cr_expect(fetch_hosts_bad(&hosts, &items[128], 60));
    cr_expect_eq(fetch_hosts_limit(&items[0]), 16);
}

Test(fetch_hosts, is_never_halved_to_nothing, .init = set_up, .fini = tear_down)
{
    add(0, 50, "http://a", 0);
    for (int64_t now = 1; now < 40; now += 2) {
        int taken = take(now);
        if (taken >= 0)
            fetch_hosts_bad(&hosts, &items[taken], now + 1);
    }
    cr_expect_eq(fetch_hosts_limit(&items[0]), 1);
    cr_expect_eq(take_all(100), 1);
}

Test(fetch_hosts, times, .init = set_up, .fini = tear_down)
{
    add(0, 1, "http://a", 300);
    add(1, 2, "http://a", 100);
    add(2, 3, "http://b", 200);
    cr_expect_eq(take(50), -1);
    cr_expect_eq(when, 100);
    cr_expect_eq(take(99), -1);
    cr_expect_eq(take(100), 1);
    cr_expect_eq(take(100), -1);
    cr_expect_eq(when, 200);
    cr_expect_eq(take(1000), 2);
    cr_expect_eq(take(1000), 0);
    cr_expect_eq(take(1000), -1);
    cr_expect_eq(when, SLEY_FOREVER);
}

/* Nothing of a host in a pause is started, not even what has no time of its own. */
Test(fetch_hosts, pauses, .init = set_up, .fini = tear_down)
{
    add(0, 3, "http://a", 0);
    add(3, 4, "http://b", 0);
    cr_assert_eq(take(10), 0);
    fetch_hosts_bad(&hosts, &items[0], 10);
    cr_assert(fetch_hosts_pause(&hosts, &items[0], 100));
    cr_assert(fetch_hosts_pause(&hosts, &items[0], 50), "a shorter one does not count");
    cr_assert(fetch_hosts_add(&hosts, &items[0], 60));
    cr_expect_eq(take(20), 3);
    cr_expect_eq(take(20), -1);
    cr_expect_eq(take(70), -1);
    cr_expect_eq(when, 100);
    cr_assert(fetch_hosts_pause(&hosts, &items[0], 150), "a longer one does");
    cr_expect_eq(take(110), -1);
    cr_expect_eq(when, 150);
    cr_expect_eq(take(150), 1);
    cr_expect_eq(take(150), 2);
    cr_expect_eq(take(150), 0);
}

/* Any order of times comes out sorted. */
Test(fetch_hosts, heap, .init = set_up, .fini = tear_down)
{
    unsigned x = 1;

    for (int i = 0; i < ITEMS; i++) {
        char host[32];
        x = x * 1103515245 + 12345;
        snprintf(host, sizeof host, "http://h%d", i);
        add(i, i + 1, host, 1 + (int64_t)(x >> 8) % 1000);
        items[i].size = 1 + (x >> 8) % 1000;
    }
    int count = 0;
    for (int64_t now = 1; now <= 1000; now++)
        for (int taken; (taken = take(now)) >= 0; count++)
            cr_assert_eq(items[taken].size, (uint64_t)now);
    cr_expect_eq(count, ITEMS);
    cr_expect_eq(when, SLEY_FOREVER);
}
