/*
 * deque.c: the run queue (sched/deque.h, deque.c): no task is lost, none is got twice, and who gets
 * one sees what was written into it before it was pushed.
 *
 * An owner runs a program of letters over a ring of four, thieves steal; then the rest is drained
 * and every task must have been got exactly once. P pushes a new task, H takes the oldest, T the
 * youngest, R pushes one and takes the oldest. All short programs are tried with every filling,
 * from a ring that has just begun and from one whose slots wrap; so the last element, a full ring,
 * a claim that the owner overtakes at either end, and a ring that is full only of stolen slots are
 * all among them. Longer programs are for random schedules.
 *
 * The payload is plain memory: a push that does not release, or a thief that does not acquire, is a
 * data race.
 */
#include "deque.h"
#include "model.h"

#include <string.h>

enum { ITEMS = 32, FILLINGS = SLEY__DEQUE_SIZE + 1, LETTERS = 4 };

/* What stands for a task. */
struct item {
    unsigned payload;
};

struct program {
    const char *owner; /* NULL: by the variant, all of `length` letters */
    unsigned length;   /* ... of this length */
    unsigned filling;  /* tasks in the ring at the start; FILLINGS: by the variant */
    unsigned base;     /* index of the first slot */
    unsigned steals;   /* how often each thief steals */
};

static struct sley__deque queue;
static struct item items[ITEMS];
static unsigned pushed, got[ITEMS];
static char letters[24];

static const struct program *program(void)
{
    return model_argument();
}

static struct sley_task *as_task(struct item *item)
{
    return (struct sley_task *)(void *)item;
}

static MODEL_GHOST void note_got(const struct item *item)
{
    model_assert(item >= items && item < items + pushed, "not a task: %p", (const void *)item);
    got[item - items]++;
    model_assert(got[item - items] == 1, "task %d was got twice", (int)(item - items));
}

/* Whoever has a task may read and write it. */
static void have(struct sley_task *task)
{
    struct item *item = (struct item *)(void *)task;

    note_got(item);
    model_assert(item->payload == (unsigned)(item - items) + 100, "payload %u", item->payload);
    item->payload = 0;
}

/* Only pushed tasks count, and only the owner pushes. */
static MODEL_GHOST struct item *new_item(void)
{
    model_assert(pushed < ITEMS, "ITEMS is too small");
    return &items[pushed++];
}

static MODEL_GHOST void take_back_item(void)
{
    pushed--;
}

static void push(void)
{
    struct item *item = new_item();

    item->payload = (unsigned)(item - items) + 100;
    if (sley__deque_push(&queue, as_task(item)))
        return;
    take_back_item();
    model_outcome("full");
}

static struct sley_task *rotate(void)
{
    struct item *item = new_item();
    struct sley_task *oldest;

    item->payload = (unsigned)(item - items) + 100;
    if (sley__deque_rotate(&queue, as_task(item), &oldest))
        return oldest;
    take_back_item();
    return NULL;
}

static void step(char letter)
{
    struct sley_task *task = NULL;

    if (letter == 'P')
        push();
    else if (letter == 'R')
        task = rotate();
    else if (letter == 'H')
        task = sley__deque_take(&queue);
    else
        task = sley__deque_take_tail(&queue);
    if (task)
        have(task);
}

static void owner(unsigned thread)
{
    (void)thread;
    for (const char *letter = letters; *letter; letter++)
        step(*letter);
}

static void thief(unsigned thread)
{
    struct sley_task *stolen[SLEY__STEAL_MAX];

    (void)thread;
    for (unsigned i = 0; i < program()->steals; i++) {
        unsigned n = sley__deque_steal(&queue, stolen);

        for (unsigned k = 0; k < n; k++)
            have(stolen[k]);
        if (n)
            model_outcome("stolen");
    }
}

/* --- setting up ----------------------------------------------------------------------------- */

/* The letters of a number, base 4. */
static void spell(unsigned number, unsigned length)
{
    memset(letters, 0, sizeof letters);
    for (unsigned i = 0; i < length; i++, number /= LETTERS)
        letters[i] = "PHTR"[number % LETTERS];
}

static void setup(void)
{
    const struct program *p = program();
    unsigned variant = model_variant(), filling = p->filling;

    if (filling == FILLINGS) {
        filling = variant % FILLINGS;
        variant /= FILLINGS;
    }
    if (p->owner)
        strcpy(letters, p->owner);
    else
        spell(variant, p->length);
    sley__deque_init(&queue);
    pushed = 0;
    memset(got, 0, sizeof got);
    for (unsigned i = 0; i < p->base; i++) {
        push();
        have(sley__deque_take(&queue));
    }
    for (unsigned i = 0; i < filling; i++)
        push();
}

/* A program that the engine chooses, for random schedules. */
static void any_owner(unsigned thread)
{
    (void)thread;
    for (unsigned i = 0; i < 12; i++)
        step("PPPHTR"[model_choose(6)]);
}

static void verify(void)
{
    struct sley_task *task;
    unsigned size = sley__deque_size(&queue, NULL), drained = 0;

    sley__deque_validate(&queue);
    while ((task = sley__deque_take(&queue))) {
        have(task);
        drained++;
    }
    model_assert(drained == size, "%u were left, but the size said %u", drained, size);
    for (unsigned i = 0; i < pushed; i++)
        model_assert(got[i] == 1, "task %u was got %u times (%s)", i, got[i], letters);
}

MODEL(deque_short, .about = "all programs of two letters against a thief", .threads = 2,
      .setup = setup, .body = {owner, thief}, .verify = verify,
      .variants = LETTERS * LETTERS * FILLINGS,
      .argument = &(const struct program){.length = 2, .filling = FILLINGS, .steals = 1},
      .must_see = {"stolen", "full"});
MODEL(deque_wrap, .about = "... in a ring that wraps", .threads = 2, .setup = setup,
      .body = {owner, thief}, .verify = verify, .variants = LETTERS * LETTERS * FILLINGS,
      .argument = &(const struct program){.length = 2, .filling = FILLINGS, .base = 3, .steals = 1},
      .must_see = {"stolen", "full"});
MODEL(deque_twice, .about = "a thief that comes again: adjacent claims", .threads = 2,
      .setup = setup, .body = {owner, thief}, .verify = verify, .variants = LETTERS * LETTERS,
      .argument = &(const struct program){.length = 2, .filling = 4, .steals = 2},
      .must_see = {"stolen"});
MODEL(deque_thieves, .about = "two thieves", .threads = 3, .setup = setup, .body = {owner, thief},
      .verify = verify, .variants = LETTERS * FILLINGS,
      .argument = &(const struct program){.length = 1, .filling = FILLINGS, .steals = 1},
      .must_see = {"stolen", "full"});
MODEL(deque_refill, .about = "pushing into slots that were just stolen", .threads = 2,
      .setup = setup, .body = {owner, thief}, .verify = verify,
      .argument = &(const struct program){.owner = "HPPT", .filling = 4, .base = 1, .steals = 1},
      .must_see = {"stolen", "full"});
MODEL(deque_long, .about = "twelve random letters, two thieves that come three times", .threads = 3,
      .setup = setup, .body = {any_owner, thief}, .verify = verify, .variants = FILLINGS,
      .random_only = true,
      .argument = &(const struct program){.filling = FILLINGS, .owner = "", .steals = 3});
