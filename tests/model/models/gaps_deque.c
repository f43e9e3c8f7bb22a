/*
 * gaps_deque.c: a claim that is given back (sched/deque.c, claim). A thief claims by what it has
 * read, and then finds that the owner has been at the other end meanwhile; the owner has seen the
 * claim, and waits for the lock to hear what has become of it.
 *
 * The programs of the owner are single ones, longer than those of deque.c: P pushes, H takes the
 * oldest, T the youngest, D the youngest until there is none: then the ring must be empty, since
 * what a thief does not get is the owner's. In gaps_deque_returned and gaps_deque_overfull the
 * thief looks at a tail that the owner has lowered, and the owner raises it again before the claim
 * is given back.
 */
#include "deque.h"
#include "model.h"

#include <string.h>

enum { ITEMS = 32 };

struct program {
    const char *owner;
    unsigned filling, steals;
};

static struct sley__deque queue;
static uint64_t items[ITEMS];
static unsigned pushed, got[ITEMS];

static const struct program *program(void)
{
    return model_argument();
}

static MODEL_GHOST void note_got(const struct sley_task *task)
{
    ptrdiff_t i = (const uint64_t *)(const void *)task - items;

    model_assert(i >= 0 && i < (ptrdiff_t)pushed, "not a task: %p", (const void *)task);
    model_assert(got[i]++ == 0, "task %d was got twice", (int)i);
}

static MODEL_GHOST struct sley_task *new_item(void)
{
    model_assert(pushed < ITEMS, "ITEMS is too small");
    return (struct sley_task *)(void *)&items[pushed++];
}

static MODEL_GHOST void take_back_item(void)
{
    pushed--;
    model_outcome("full");
}

static void push(void)
{
    if (!sley__deque_push(&queue, new_item()))
        take_back_item();
}

static bool take(struct sley_task *task)
{
    if (task)
        note_got(task);
    return task != NULL;
}

static void drain(void)
{
    while (take(sley__deque_take_tail(&queue)))
        continue;
    model_assert(sley__deque_size(&queue, NULL) == 0, "the owner was not given what is there");
}

static void owner(unsigned thread)
{
    (void)thread;
    for (const char *letter = program()->owner; *letter; letter++) {
        if (*letter == 'P')
            push();
        else if (*letter == 'D')
            drain();
        else
            take(*letter == 'H' ? sley__deque_take(&queue) : sley__deque_take_tail(&queue));
    }
}

static void thief(unsigned thread)
{
    struct sley_task *stolen[SLEY__STEAL_MAX];

    (void)thread;
    for (unsigned i = 0; i < program()->steals; i++) {
        unsigned n = sley__deque_steal(&queue, stolen);

        for (unsigned k = 0; k < n; k++)
            note_got(stolen[k]);
    }
}

static void setup(void)
{
    sley__deque_init(&queue);
    pushed = 0;
    memset(got, 0, sizeof got);
    for (unsigned i = 0; i < program()->filling; i++)
        push();
}

static void verify(void)
{
    sley__deque_validate(&queue);
    while (take(sley__deque_take(&queue)))
        continue;
    for (unsigned i = 0; i < pushed; i++)
        model_assert(got[i] == 1, "task %u was got %u times", i, got[i]);
}

#define GAP(id, text, ...)                                                                      \
    MODEL(gaps_deque_##id, .about = text, .threads = 2, .setup = setup, .body = {owner, thief}, \
          .verify = verify, .argument = &(const struct program){__VA_ARGS__})

GAP(drained, "an owner that takes all from the end leaves nothing", "D", .filling = 2, .steals = 1);
GAP(below, "the owner goes below an older claim", "TTT", .filling = 4, .steals = 2);
GAP(returned, "the owner takes a slot whose claim is given back", "TPH", .filling = 1, .steals = 1);
GAP(overfull, "a ring that is full although it looked as if some were stolen", "TTTTPPPPP",
    .filling = 4, .steals = 1);
