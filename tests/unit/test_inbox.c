/* Order and the empty -> non-empty signal; then several producers against one consumer. */
#include <criterion/criterion.h>

#include <pthread.h>

#include "inbox.h"

Test(inbox, first_in_first_out)
{
    struct sley__inbox inbox = {0};
    struct sley__inbox_node nodes[3], *node;

    cr_assert_null(sley__inbox_take(&inbox));
    cr_assert(sley__inbox_push(&inbox, &nodes[0]));
    cr_assert(!sley__inbox_push(&inbox, &nodes[1]));
    cr_assert(!sley__inbox_push(&inbox, &nodes[2]));
    node = sley__inbox_take(&inbox);
    for (int i = 0; i < 3; i++, node = node->next)
        cr_assert_eq(node, &nodes[i]);
    cr_assert_null(node);
    cr_assert(sley__inbox_push(&inbox, &nodes[1]));
    cr_assert_eq(sley__inbox_take(&inbox), &nodes[1]);
}

enum { PRODUCERS = 4, EACH = 20000 };

struct item {
    struct sley__inbox_node node;
    int producer, number;
};

static struct sley__inbox shared;
static atomic(int) signals;

static void *produce(void *arg)
{
    struct item *items = arg;

    for (int i = 0; i < EACH; i++)
        if (sley__inbox_push(&shared, &items[i].node))
            fetch_add_relaxed(&signals, 1);
    return NULL;
}

Test(inbox, producers_keep_their_order)
{
    static struct item items[PRODUCERS][EACH];
    pthread_t threads[PRODUCERS];
    int next[PRODUCERS] = {0}, total = 0, takes = 0;

    for (int p = 0; p < PRODUCERS; p++) {
        for (int i = 0; i < EACH; i++) {
            items[p][i].producer = p;
            items[p][i].number = i;
        }
        cr_assert_eq(pthread_create(&threads[p], NULL, produce, items[p]), 0);
    }
    while (total < PRODUCERS * EACH) {
        struct sley__inbox_node *node = sley__inbox_take(&shared);

        takes += node != NULL;
        for (; node; node = node->next, total++) {
            struct item *item = container_of(node, struct item, node);

            cr_assert_eq(item->number, next[item->producer]++);
        }
    }
    for (int p = 0; p < PRODUCERS; p++)
        pthread_join(threads[p], NULL);
    /* One signal for each time that there was something to take. */
    cr_assert_eq(load_relaxed(&signals), takes);
}
