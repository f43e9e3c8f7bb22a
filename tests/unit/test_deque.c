/*
 * test_deque.c: the run queue, one step at a time.
 *
 * What threads do to each other in it is the model's and the stress programs' business. Here the
 * interleavings that matter are played by hand: the thief's only window is its heavy fence, so the
 * test puts the owner's moves there.
 *
 * link: -Wl,--wrap=sley__membarrier
 */
#include "deque.h"

#include "task_impl.h"

#include <criterion/criterion.h>

enum { SIZE = SLEY__DEQUE_SIZE, MAX = SLEY__STEAL_MAX, TASKS = 4 * SIZE + 64 };

static struct sley_task tasks[TASKS];
static struct sley__deque queue;
static struct sley_task *stolen[MAX];

/* What happens in the middle of a steal. */
static void (*in_the_fence)(void);

void __real_sley__membarrier(void);
void __wrap_sley__membarrier(void);

void __wrap_sley__membarrier(void)
{
    void (*act)(void) = in_the_fence;

    in_the_fence = NULL;
    if (act)
        act();
}

static void setup(void)
{
    sley__asymmetric_fences = true; /* so that every heavy fence comes by here */
    sley__deque_init(&queue);
}

TestSuite(deque, .init = setup);

/* The number of a task, -1 for none. */
static int number(const struct sley_task *task)
{
    return task ? (int)(task - tasks) : -1;
}

static void push(int first, int count)
{
    int i;

    for (i = 0; i < count; i++)
        cr_assert(sley__deque_push(&queue, &tasks[first + i]), "push %d", first + i);
}

static int take(void)
{
    return number(sley__deque_take(&queue));
}

static int take_tail(void)
{
    return number(sley__deque_take_tail(&queue));
}

static unsigned steal(void)
{
    return sley__deque_steal(&queue, stolen);
}

/* Moves an empty queue's indexes on, so that a test begins in the middle of the ring. */
static void advance(int steps)
{
    int i;

    for (i = 0; i < steps; i++) {
        push(0, 1);
        cr_assert_eq(take(), 0);
    }
}

static unsigned size(void)
{
    return sley__deque_size(&queue, NULL);
}

/* --- one thread ------------------------------------------------------------------------------ */

Test(deque, is_empty_at_first)
{
    cr_assert_eq(take(), -1);
    cr_assert_eq(take_tail(), -1);
    cr_assert_eq(steal(), 0);
    cr_assert_eq(size(), 0);
    sley__deque_validate(&queue);
}

Test(deque, gives_the_oldest_at_the_head)
{
    push(0, 4);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(take(), i);
    cr_assert_eq(take(), -1);
}

Test(deque, gives_the_youngest_at_the_tail)
{
    push(0, 4);
    for (int i = 3; i >= 0; i--)
        cr_assert_eq(take_tail(), i);
    cr_assert_eq(take_tail(), -1);
}

Test(deque, both_ends_meet_in_the_middle)
{
    push(0, 4);
    cr_assert_eq(take(), 0);
    cr_assert_eq(take_tail(), 3);
    cr_assert_eq(take_tail(), 2);
    cr_assert_eq(take(), 1);
    cr_assert_eq(take(), -1);
    cr_assert_eq(take_tail(), -1);
    sley__deque_validate(&queue);
}

Test(deque, counts_what_is_in_it)
{
    push(0, 3);
    cr_assert_eq(size(), 3);
    take();
    cr_assert_eq(size(), 2);
    take_tail();
    cr_assert_eq(size(), 1);
    take();
    cr_assert_eq(size(), 0);
}

Test(deque, a_stamp_changes_with_the_youngest_task)
{
    uint64_t before, after;

    push(0, 1);
    sley__deque_size(&queue, &before);
    take();
    push(1, 1);
    cr_assert_eq(sley__deque_size(&queue, &after), 1);
    cr_assert_neq(before, after, "another task, the same stamp");
}

Test(deque, refuses_when_full_and_keeps_what_it_has)
{
    push(0, SIZE);
    cr_assert(!sley__deque_push(&queue, &tasks[SIZE]));
    cr_assert_eq(size(), SIZE);
    sley__deque_validate(&queue);
    cr_assert_eq(take(), 0);
    push(SIZE, 1);
    cr_assert(!sley__deque_push(&queue, &tasks[SIZE + 1]));
    for (int i = 1; i <= SIZE; i++)
        cr_assert_eq(take(), i);
    cr_assert_eq(take(), -1);
}

Test(deque, a_full_one_takes_again_after_a_take_at_the_tail)
{
    push(0, SIZE);
    cr_assert_eq(take_tail(), SIZE - 1);
    push(SIZE, 1);
    cr_assert_eq(take_tail(), SIZE);
}

Test(deque, indexes_wrap_around_the_ring)
{
    int next_in = 0, next_out = 0;

    for (int round = 0; round < 7; round++) {
        while (next_in - next_out < SIZE)
            push(next_in++ % TASKS, 1);
        for (int i = 0; i < SIZE - 1; i++)
            cr_assert_eq(take(), next_out++ % TASKS);
        sley__deque_validate(&queue);
    }
}

Test(deque, works_far_beyond_32_bits)
{
    uint64_t far = ((uint64_t)1 << 32) - 2;

    store_relaxed(&queue.head, far);
    store_relaxed(&queue.tail, far);
    store_relaxed(&queue.claimed, far);
    push(0, 4);
    cr_assert_eq(size(), 4);
    cr_assert_eq(steal(), 2);
    cr_assert_eq(number(stolen[1]), 1);
    cr_assert_eq(take(), 2);
    cr_assert_eq(take_tail(), 3);
    cr_assert_eq(take(), -1);
}

/* --- stealing -------------------------------------------------------------------------------- */

Test(deque, a_thief_takes_the_older_half_rounded_up)
{
    for (int n = 1; n <= (SIZE < 10 ? SIZE : 10); n++) {
        sley__deque_init(&queue);
        push(0, n);
        cr_assert_eq(steal(), (unsigned)(n + 1) / 2, "of %d", n);
        for (int i = 0; i < (n + 1) / 2; i++)
            cr_assert_eq(number(stolen[i]), i);
        cr_assert_eq(size(), (unsigned)(n / 2));
        for (int i = (n + 1) / 2; i < n; i++)
            cr_assert_eq(take(), i);
        cr_assert_eq(take(), -1);
    }
}

Test(deque, a_thief_never_takes_more_than_it_has_room_for)
{
    push(0, SIZE);
    cr_assert_eq(steal(), MAX);
    for (int i = 0; i < MAX; i++)
        cr_assert_eq(number(stolen[i]), i);
    cr_assert_eq(size(), SIZE - MAX);
    cr_assert_eq(take(), MAX);
}

Test(deque, a_thief_that_finds_another_at_it_leaves)
{
    push(0, 4);
    sley__lock_acquire(&queue.steal);
    cr_assert_eq(steal(), 0);
    sley__lock_release(&queue.steal);
    cr_assert_eq(steal(), 2);
}

Test(deque, thieves_come_again_before_the_owner_has_noticed)
{
    push(0, 4);
    cr_assert_eq(steal(), 2);
    cr_assert_eq(steal(), 1);
    cr_assert_eq(number(stolen[0]), 2);
    cr_assert_eq(steal(), 1);
    cr_assert_eq(number(stolen[0]), 3);
    cr_assert_eq(steal(), 0);
    cr_assert_eq(size(), 0);
    cr_assert_eq(take(), -1);
    sley__deque_validate(&queue);
    push(4, 1);
    cr_assert_eq(take(), 4);
}

Test(deque, the_tail_of_a_queue_that_was_stolen_whole_is_empty)
{
    push(0, 2);
    cr_assert_eq(steal(), 1);
    cr_assert_eq(steal(), 1);
    cr_assert_eq(take_tail(), -1);
    sley__deque_validate(&queue);
    cr_assert_eq(take(), -1);
    push(2, 2);
    cr_assert_eq(take_tail(), 3);
    cr_assert_eq(take(), 2);
    cr_assert_eq(take_tail(), -1);
}

Test(deque, the_tail_beyond_a_claim_is_the_owners)
{
    push(0, 4);
    cr_assert_eq(steal(), 2);
    cr_assert_eq(take_tail(), 3);
    cr_assert_eq(take_tail(), 2);
    cr_assert_eq(take_tail(), -1);
    cr_assert_eq(take(), -1);
}

Test(deque, a_ring_full_of_stolen_tasks_has_room)
{
    push(0, SIZE);
    cr_assert_eq(steal(), MAX);
    push(SIZE, MAX);
    cr_assert(!sley__deque_push(&queue, &tasks[0]));
    sley__deque_validate(&queue);
    for (int i = MAX; i < SIZE + MAX; i++)
        cr_assert_eq(take(), i);
    cr_assert_eq(take(), -1);
}

Test(deque, a_full_ring_whose_claim_was_noticed_is_full)
{
    advance(3);
    push(0, SIZE);
    cr_assert_eq(steal(), MAX);
    cr_assert_eq(take(), MAX); /* notices */
    push(SIZE, MAX + 1);
    cr_assert(!sley__deque_push(&queue, &tasks[0]));
    cr_assert_eq(size(), SIZE);
}

Test(deque, steals_over_the_end_of_the_ring)
{
    advance(SIZE - 1);
    push(10, 4);
    cr_assert_eq(steal(), 2);
    cr_assert_eq(number(stolen[0]), 10);
    cr_assert_eq(number(stolen[1]), 11);
    cr_assert_eq(take(), 12);
    cr_assert_eq(take_tail(), 13);
}

/* --- the duel -------------------------------------------------------------------------------- */

/* What the owner does in the thief's window. The takes before it saw the claim are played by moving
 * its indexes; then perhaps one that it has announced before it saw the claim, and which it
 * decides when it gets the lock. */
enum last_move { SEES_NOTHING, SEES_AT_HEAD, SEES_AT_TAIL };

static struct moves {
    int head_takes, tail_takes;
    enum last_move last;
    uint64_t announced;
    bool waits;
} moves;

static int owners[TASKS]; /* how often the owner has got a task */
static int thiefs[TASKS];

static void move_owner(void)
{
    uint64_t head, tail;

    while (moves.head_takes-- > 0) {
        head = load_relaxed(&queue.head);
        store_relaxed(&queue.head, head + 1);
        owners[number(load_relaxed(&queue.slot[head & SLEY__DEQUE_MASK]))]++;
    }
    while (moves.tail_takes-- > 0) {
        tail = load_relaxed(&queue.tail) - 1;
        store_relaxed(&queue.tail, tail);
        owners[number(load_relaxed(&queue.slot[tail & SLEY__DEQUE_MASK]))]++;
    }
    head = load_relaxed(&queue.head);
    tail = load_relaxed(&queue.tail);
    moves.waits = false;
    if (moves.last == SEES_NOTHING || head == tail)
        return;
    moves.announced = moves.last == SEES_AT_HEAD ? head : tail - 1;
    if (moves.last == SEES_AT_HEAD)
        store_relaxed(&queue.head, head + 1);
    else
        store_relaxed(&queue.tail, tail - 1);
    moves.waits = load_relaxed(&queue.claimed) > moves.announced;
    if (!moves.waits)
        owners[number(load_relaxed(&queue.slot[moves.announced & SLEY__DEQUE_MASK]))]++;
}

static void owner_gets(struct sley_task *task)
{
    if (task)
        owners[number(task)]++;
}

static void thief_comes(void)
{
    unsigned n = steal(), i;

    for (i = 0; i < n; i++)
        thiefs[number(stolen[i])]++;
}

/* After the steal the owner gets the lock. */
static void settle(void)
{
    if (!moves.waits)
        return;
    owner_gets(moves.last == SEES_AT_HEAD
                   ? sley__deque_take_contended(&queue, moves.announced)
                   : sley__deque_take_tail_contended(&queue, moves.announced));
}

/* Whether the owner can have made these takes without a look at an older claim, at which it would
 * have had to wait for the lock. */
static bool possible(const struct moves *plan)
{
    bool noticed = load_relaxed(&queue.head) >= load_relaxed(&queue.claimed);

    return (noticed || !plan->head_takes) && plan->head_takes + plan->tail_takes <= (int)size();
}

static void play(int count, int early_thefts, int taken, int late_thefts, struct moves plan)
{
    struct sley_task *task;
    bool at_tail = false;
    int i;

    for (i = 0; i < count; i++)
        owners[i] = thiefs[i] = 0;
    sley__deque_init(&queue);
    push(0, count);
    for (i = 0; i < early_thefts; i++)
        thief_comes();
    for (i = 0; i < taken; i++)
        owner_gets(sley__deque_take(&queue));
    for (i = 0; i < late_thefts; i++)
        thief_comes();
    if (!possible(&plan))
        return;
    moves = plan;
    in_the_fence = move_owner;
    thief_comes();
    if (in_the_fence)
        in_the_fence = NULL; /* it found nothing and did not come to the fence */
    else
        settle();
    sley__deque_validate(&queue);
    push(count, 1);
    owners[count] = thiefs[count] = 0;
    thief_comes();
    while ((task = at_tail ? sley__deque_take_tail(&queue) : sley__deque_take(&queue))) {
        owner_gets(task);
        at_tail = !at_tail;
    }
    cr_assert_eq(take(), -1);
    cr_assert_eq(take_tail(), -1);
    for (i = 0; i <= count; i++)
        cr_assert_eq(owners[i] + thiefs[i], 1,
                     "task %d of %d had %d times: %d thefts, %d taken, %d thefts, in the fence %d "
                     "at the head, %d at the tail, then %d",
                     i, count, owners[i] + thiefs[i], early_thefts, taken, late_thefts,
                     plan.head_takes, plan.tail_takes, (int)plan.last);
}

Test(deque, every_task_is_had_once_whatever_the_owner_does_in_the_thiefs_window)
{
    int most = SIZE - 1 < 7 ? SIZE - 1 : 7;
    struct moves plan = {0};

    for (int count = 1; count <= most; count++)
        for (int early = 0; early <= 2; early++)
            for (int taken = 0; taken <= 2; taken++)
                for (int late = 0; late <= 2; late++)
                    for (int variant = 0; variant < 5 * 5 * 3; variant++) {
                        plan.head_takes = variant % 5;
                        plan.tail_takes = variant / 5 % 5;
                        plan.last = (enum last_move)(variant / 25);
                        play(count, early, taken, late, plan);
                    }
}

/* The same by name, for the two moves that the protocol turns on. */
Test(deque, owner_and_thief_that_see_each_other_at_the_head_agree)
{
    push(0, 4);
    moves = (struct moves){.last = SEES_AT_HEAD};
    in_the_fence = move_owner;
    cr_assert_eq(steal(), 1, "the thief leaves the announced task alone");
    cr_assert_eq(number(stolen[0]), 1);
    cr_assert(moves.waits);
    cr_assert_eq(number(sley__deque_take_contended(&queue, moves.announced)), 0);
    cr_assert_eq(take(), 2);
    cr_assert_eq(take(), 3);
    cr_assert_eq(take(), -1);
}

Test(deque, owner_and_thief_that_see_each_other_at_the_tail_agree)
{
    push(0, 1);
    moves = (struct moves){.last = SEES_AT_TAIL};
    in_the_fence = move_owner;
    cr_assert_eq(steal(), 0, "the thief sets its claim back");
    cr_assert(moves.waits);
    cr_assert_eq(number(sley__deque_take_tail_contended(&queue, moves.announced)), 0);
    cr_assert_eq(take(), -1);
    push(1, 1);
    cr_assert_eq(steal(), 1);
    cr_assert_eq(number(stolen[0]), 1);
}
