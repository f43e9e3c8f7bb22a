/*
 * The gate: never more inside than there are places, nobody is forgotten, in the order of arrival,
 * and a cancelled task neither keeps a place nor leaves a hole in the queue.
 */
#include "gate.h"

#include <criterion/criterion.h>
#include <sley/sley.h>

enum { TASKS = 300 };

struct crowd {
    struct gate gate;
    unsigned places;
    unsigned inside, entered, most; /* by __atomic builtins */
    struct sley_task *tasks[TASKS];
};

static int pass(void *arg)
{
    struct crowd *crowd = arg;
    int error = gate_enter(&crowd->gate);

    if (error)
        return error;
    unsigned inside = __atomic_add_fetch(&crowd->inside, 1, __ATOMIC_SEQ_CST);
    unsigned most = __atomic_load_n(&crowd->most, __ATOMIC_SEQ_CST);
    while (inside > most && !__atomic_compare_exchange_n(&crowd->most, &most, inside, false,
                                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    __atomic_add_fetch(&crowd->entered, 1, __ATOMIC_SEQ_CST);
    sley_yield();
    sley_sleep(SLEY_MICROSECONDS(50));
    __atomic_sub_fetch(&crowd->inside, 1, __ATOMIC_SEQ_CST);
    gate_leave(&crowd->gate);
    return 0;
}

static int crowd_main(void *arg)
{
    struct crowd *crowd = arg;

    gate_init(&crowd->gate, crowd->places);
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(sley_spawn(pass, crowd, NULL, &crowd->tasks[i]), 0);
    for (int i = 0; i < TASKS; i++) {
        int result = -1;
        cr_assert_eq(sley_join(crowd->tasks[i], &result), 0);
        cr_assert_eq(result, 0);
    }
    cr_expect_eq(crowd->gate.free, crowd->places);
    cr_expect_null(crowd->gate.first);
    gate_close(&crowd->gate);
    return 0;
}

Test(gate, never_too_many)
{
    static const unsigned places[] = {1, 2, 7, TASKS, 1000};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct crowd crowd = {.places = places[i]};
        cr_assert_eq(sley_run(crowd_main, &crowd, NULL), 0);
        cr_expect_eq(crowd.entered, TASKS);
        cr_expect_leq(crowd.most, places[i]);
    }
}

struct line {
    struct gate gate;
    struct sley_task *tasks[5];
    int order[5], passed;
};

struct stander {
    struct line *line;
    int number;
};

static int stand(void *arg)
{
    struct stander *stander = arg;
    int error = gate_enter(&stander->line->gate);

    if (error)
        return error;
    stander->line->order[stander->line->passed++] = stander->number;
    gate_leave(&stander->line->gate);
    return 0;
}

static unsigned waiting(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    unsigned count = gate->waiting;
    pthread_mutex_unlock(&gate->lock);
    return count;
}

/* Each is spawned when the one before stands in the queue. */
static int line_main(void *arg)
{
    struct line *line = arg;
    struct stander standers[5];

    gate_init(&line->gate, 1);
    cr_assert_eq(gate_enter(&line->gate), 0);
    for (int i = 0; i < 5; i++) {
        standers[i] = (struct stander){line, i};
        cr_assert_eq(sley_spawn(stand, &standers[i], NULL, &line->tasks[i]), 0);
        while (waiting(&line->gate) != (unsigned)i + 1)
            sley_yield();
    }
    sley_cancel(line->tasks[2], "not this one");
    sley_cancel(line->tasks[4], "nor the last");
    int result;
    sley_join(line->tasks[2], &result);
    cr_expect_eq(result, SLEY_ECANCELED);
    sley_join(line->tasks[4], &result);
    cr_expect_eq(result, SLEY_ECANCELED);
    gate_leave(&line->gate);
    for (int i = 0; i < 5; i++)
        if (i != 2 && i != 4)
            sley_join(line->tasks[i], NULL);
    cr_expect_eq(line->gate.free, 1);
    gate_close(&line->gate);
    return 0;
}

Test(gate, in_order_without_the_cancelled)
{
    struct line line = {.passed = 0};

    cr_assert_eq(sley_run(line_main, &line, NULL), 0);
    cr_assert_eq(line.passed, 3);
    cr_expect(line.order[0] == 0 && line.order[1] == 1 && line.order[2] == 3);
}

/* Everybody is cancelled while places are handed over: whoever is told "inside" leaves again. */
static int cancel_main(void *arg)
{
    struct crowd *crowd = arg;
    unsigned refused = 0;

    gate_init(&crowd->gate, crowd->places);
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(sley_spawn(pass, crowd, NULL, &crowd->tasks[i]), 0);
    sley_yield();
    for (int i = 0; i < TASKS; i++)
        sley_cancel(crowd->tasks[i], "all of you");
    for (int i = 0; i < TASKS; i++) {
        int result = 1;
        sley_join(crowd->tasks[i], &result);
        refused += result == SLEY_ECANCELED;
        cr_expect(result == 0 || result == SLEY_ECANCELED);
    }
    cr_expect_eq(crowd->entered + refused, TASKS);
    cr_expect_eq(crowd->gate.free, crowd->places);
    cr_expect_null(crowd->gate.first);
    gate_close(&crowd->gate);
    return 0;
}

Test(gate, cancel_against_hand_over)
{
    for (int i = 0; i < 50; i++) {
        struct crowd crowd = {.places = 3};
        cr_assert_eq(sley_run(cancel_main, &crowd, NULL), 0);
    }
}
