/*
 * inject.c: the shared queue (sched/inject.h, inject.c): no task is lost, none is got twice, each
 * list is first in, first out, and the count that is read without the lock is a hint to trust.
 *
 * Threads run programs of letters: S and W push one spawned or woken task, D two spawned ones as a
 * chain, V two woken ones; 1 takes one task, 2 up to two, F one as in builds that force migration;
 * o takes one at the time 0 as who has other work, O when those who were there then starve.
 * In the end the rest is drained and every task must have been got exactly once. Order is checked
 * for each who takes and each who pushes, list by list: of one producer's tasks in one list nobody
 * gets an older one after a younger one, whatever others take between. The payload is plain: the
 * lock must order it.
 *
 * The count: who has seen (acquire) that a push has returned, and is the only one to take, finds
 * that task; it never looks at a zero. That it also finds it on the way to sleep, where nothing but
 * fences orders it, is for idle_search.c.
 *
 * Tried on changed sources, and caught: the lock without acquire or without release; a look at the
 * lists before it is taken; the count stored after it is given back, in all three; the count not
 * reduced by what the second list gave, or that list giving more than was asked for; the end of a
 * chain not marked, in push and in take; `last` left behind, or lost, when the last task goes; a
 * chain prepended; a list overwritten by the second; the lists exchanged; take_one not counting
 * what it took; take_foreign unlinking
 * without the task before, or choosing the wrong one. Equivalent: take without its look at the
 * count (it saves the lock); the acquire half of the lock's release.
 */
#include "inject.h"
#include "model.h"
#include "task_impl.h"

#include <string.h>

enum { THREADS_MAX = 4, LISTS = 2, OF_EACH = 6, MAIN = THREADS_MAX };

static struct sley__inject queue;
/* By who pushes, list and age. */
static struct sley_task tasks[THREADS_MAX][LISTS][OF_EACH];
static unsigned pushed[THREADS_MAX][LISTS], got[THREADS_MAX][LISTS][OF_EACH];
static int youngest[THREADS_MAX + 1][THREADS_MAX][LISTS]; /* that was got, by who got it */
static atomic(uint32_t) told;                             /* pushes that have returned */

/* Stands for a stack, which says that a task has run. */
static char a_stack;

struct plan {
    const char *letters[THREADS_MAX];
    unsigned spawned, woken; /* pushed before, by thread 0 */
};

static const struct plan *plan(void)
{
    return model_argument();
}

/* --- ghosts --------------------------------------------------------------------------------- */

static MODEL_GHOST struct sley_task *new_task(unsigned thread, bool woken)
{
    unsigned age = pushed[thread][woken]++;

    model_assert(age < OF_EACH, "OF_EACH is too small");
    return &tasks[thread][woken][age];
}

static MODEL_GHOST void note_got(unsigned thread, const struct sley_task *task)
{
    ptrdiff_t index = task - &tasks[0][0][0];
    unsigned age = (unsigned)(index % OF_EACH), list = (unsigned)(index / OF_EACH % LISTS);
    unsigned owner = (unsigned)(index / OF_EACH / LISTS);

    model_assert(owner < THREADS_MAX && age < pushed[owner][list], "not a task: %p",
                 (const void *)task);
    model_assert(got[owner][list][age]++ == 0, "task %u of T%u was got twice", age, owner);
    model_assert(youngest[thread][owner][list] < (int)age, "T%u's task %u after its task %d", owner,
                 age, youngest[thread][owner][list]);
    youngest[thread][owner][list] = (int)age;
}

/* What is left is younger than what anybody has got. */
static MODEL_GHOST void expect_younger(void)
{
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = 0; i < THREADS_MAX * LISTS; i++)
            if (youngest[MAIN][i / LISTS][i % LISTS] < youngest[t][i / LISTS][i % LISTS])
                youngest[MAIN][i / LISTS][i % LISTS] = youngest[t][i / LISTS][i % LISTS];
}

static MODEL_GHOST unsigned got_by_anybody(void)
{
    unsigned n = 0;

    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned list = 0; list < LISTS; list++)
            for (unsigned age = 0; age < OF_EACH; age++)
                n += got[t][list][age];
    return n;
}

/* --- threads -------------------------------------------------------------------------------- */

static struct sley_task *make(unsigned thread, bool woken)
{
    struct sley_task *task = new_task(thread, woken);

    task->stack = woken ? (struct sley__stack *)(void *)&a_stack : NULL;
    task->result = 100;
    task->next = &tasks[0][0][0]; /* not yet, and no end of a chain */
    return task;
}

static void push(unsigned thread, bool woken, size_t count)
{
    struct sley_task *first = make(thread, woken), *last = first;

    if (count == 2) {
        last = make(thread, woken);
        first->next = last;
    }
    sley__inject_push(&queue, first, last, count);
    fetch_add_release(&told, (uint32_t)count);
}

static void have(unsigned thread, struct sley_task *task)
{
    note_got(thread, task);
    model_assert(task->result == 100, "payload %d", task->result);
    task->result = 0;
}

static size_t take(unsigned thread, size_t max)
{
    size_t count, n = 0;
    struct sley_task *task = sley__inject_take(&queue, max, &count);

    for (; task; task = task->next, n++)
        have(thread, task);
    model_assert(n == count, "%zu in the chain, but %zu counted", n, count);
    if (n)
        model_outcome("taken");
    return n;
}

static void take_one(unsigned thread, int64_t now)
{
    bool starving;
    struct sley_task *task = sley__inject_take_one(&queue, now, &starving);

    if (task)
        have(thread, task);
    if (starving)
        model_outcome("starving");
}

static void step(unsigned thread, char letter)
{
    struct sley_task *task;

    switch (letter) {
    case 'S':
    case 'D':
        push(thread, false, letter == 'D' ? 2 : 1);
        break;
    case 'W':
    case 'V':
        push(thread, true, letter == 'V' ? 2 : 1);
        break;
    case '1':
    case '2':
        take(thread, (size_t)(letter - '0'));
        break;
    case 'o':
    case 'O':
        take_one(thread, letter == 'O' ? SLEY__INJECT_STARVING : 0);
        break;
    default:
        /* Looks for one that has not run on worker 0, as those of thread 0 have. */
        if ((task = sley__inject_take_foreign(&queue, tasks[0][0][0].worker)))
            have(thread, task);
    }
}

static void actor(unsigned thread)
{
    for (const char *letter = plan()->letters[thread]; *letter; letter++)
        step(thread, *letter);
}

/* The only one who takes. */
static void trusts_the_count(unsigned thread)
{
    for (unsigned i = 0; i < 2; i++) {
        uint32_t there = load_acquire(&told);

        if (there <= got_by_anybody())
            continue;
        model_assert(sley__inject_size(&queue) > 0, "%u were pushed", there);
        model_assert(take(thread, 1) == 1, "%u were pushed", there);
        model_outcome("trusted");
    }
}

/* --- setting up ----------------------------------------------------------------------------- */

/* Variant 1: it is the spawned tasks' turn. */
static void setup(void)
{
    static char places[2]; /* stand for workers */

    memset(tasks, 0, sizeof tasks);
    memset(pushed, 0, sizeof pushed);
    memset(got, 0, sizeof got);
    memset(youngest, -1, sizeof youngest);
    told = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned i = 0; i < LISTS * OF_EACH; i++)
            tasks[t][i / OF_EACH][i % OF_EACH].worker = (struct sley__worker *)(void *)&places[!!t];
    sley__inject_init(&queue);
    queue.woken_left = model_variant() ? 0 : SLEY__INJECT_WOKEN_BUDGET;
    for (unsigned i = 0; i < plan()->spawned; i++)
        push(0, false, 1);
    for (unsigned i = 0; i < plan()->woken; i++)
        push(0, true, 1);
}

static unsigned pushed_by_all(void)
{
    unsigned n = 0;

    for (unsigned t = 0; t < THREADS_MAX; t++)
        n += pushed[t][0] + pushed[t][1];
    return n;
}

static const struct sley__worker *home(void)
{
    return tasks[0][0][0].worker;
}

/* Whether the list holds a task that has run elsewhere. All are of the list's kind. */
static bool holds_foreign(const struct sley__inject_list *list, bool woken)
{
    bool found = false;

    for (const struct sley_task *task = list->first; task; task = task->next) {
        model_assert(!!task->stack == woken, "a task is in the wrong list");
        found |= task->worker != home();
    }
    return found;
}

/* Of a queue that nobody changes, a foreign task is taken if the list whose turn it is has one. */
static size_t take_foreign(void)
{
    bool woken = holds_foreign(&queue.woken, true), spawned = holds_foreign(&queue.spawned, false);
    struct sley_task *task = sley__inject_take_foreign(&queue, home());

    if (!task)
        return 0;
    model_assert(task->worker != home() || !(task->stack ? woken : spawned),
                 "a foreign task waits");
    have(MAIN, task);
    return 1;
}

static void verify(void)
{
    size_t left = sley__inject_size(&queue), drained, n;

    expect_younger();
    drained = take_foreign();
    while ((n = take(MAIN, 1)))
        drained += n;
    model_assert(drained == left, "%zu were left, but the count said %zu", drained, left);
    model_assert(got_by_anybody() == pushed_by_all(), "%u of %u", got_by_anybody(),
                 pushed_by_all());
    model_assert(!queue.woken.first && !queue.woken.last && !queue.spawned.first &&
                     !queue.spawned.last,
                 "an end is left");
}

#define INJECT(id, actors, text, plan_, ...)                                                       \
    MODEL(id, .about = text, .threads = actors, .setup = setup, .body = {actor}, .verify = verify, \
          .must_see = {"taken"}, .variants = 2, .argument = &(const struct plan)plan_,             \
          __VA_ARGS__)
#define PLAN(...)   \
    {               \
        __VA_ARGS__ \
    }

INJECT(inject_push_take, 3, "two push, one takes", PLAN(.letters = {"SW", "V", "2"}))
INJECT(inject_take_take, 3, "one pushes, two take",
       PLAN(.letters = {"D", "2", "2"}, .spawned = 1, .woken = 1))
INJECT(inject_foreign, 3, "two push, one takes what has run elsewhere",
       PLAN(.letters = {"S", "D", "FF"}, .spawned = 1))
INJECT(inject_foreign_tail, 3, "the last of a list is taken out, another is appended",
       PLAN(.letters = {"W", "2", "F"}, .woken = 1, .spawned = 1))
INJECT(inject_four, 4, "two push, two take, random schedules",
       PLAN(.letters = {"DW", "WS", "212", "12F"}), .random_only = true)
MODEL(inject_count, .about = "who knows of a push finds it", .threads = 3, .setup = setup,
      .body = {actor, actor, trusts_the_count}, .verify = verify, .must_see = {"trusted"},
      .argument = &(const struct plan){.letters = {"S", "W"}})
MODEL(inject_starved, .about = "one takes those who starve, another what it gets, one pushes",
      .threads = 3, .setup = setup, .body = {actor}, .verify = verify,
      .must_see = {"taken", "starving"}, .variants = 2,
      .argument = &(const struct plan){.letters = {"V", "oO", "1"}, .spawned = 2, .woken = 1})
