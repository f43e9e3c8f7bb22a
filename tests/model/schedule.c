/*
 * schedule.c: who goes on.
 *
 * A thread runs until its next decision point, which stands before every operation that others can
 * notice (atomic operations, futex calls). Plain accesses are none: two that conflict are a race
 * and found by clocks in whatever order they happen, and without a conflict the order is nobody's
 * business. At a decision point the options are: the running thread goes on; another one does,
 * which is a preemption; time jumps to the next deadline, which counts as one. When the running
 * thread cannot go on, the others are free.
 *
 * A thread that yields (cpu_relax) says that it waits for others. It does not run again before
 * another thread has made a step, after its second yield in a row not before another thread has
 * changed something; otherwise two threads that wait for a third could go on for ever before it.
 * It may go on at once at the price of a preemption, once: loops that give up spinning after some
 * rounds do something else then. When all threads that can run yield, the clock goes on by a tick.
 */
#include "execution.h"

#include "explore.h"
#include "memory.h"
#include "trace.h"

#include <stdlib.h>

static const int64_t TICK = 10000; /* ns */

/* Those whose deadline has come go on. */
static void fire_deadlines(void)
{
    for (unsigned t = 0; t < run.thread_count; t++) {
        struct thread *thread = &run.threads[t];

        if (thread->state == BLOCKED && thread->deadline <= run.now)
            thread->state = READY;
    }
}

static int64_t next_deadline(void)
{
    int64_t first = INT64_MAX;

    for (unsigned t = 0; t < run.thread_count; t++)
        if (run.threads[t].state == BLOCKED)
            first = min_i64(first, run.threads[t].deadline);
    return first;
}

static void check_conditions(void)
{
    if (!run.conditions)
        return;
    for (unsigned t = 0; t < run.thread_count; t++) {
        struct thread *thread = &run.threads[t];
        bool (*condition)(void *) = (bool (*)(void *))thread->object;

        if (thread->state == BLOCKED && thread->why == BLOCK_CONDITION &&
            condition(thread->condition_arg))
            thread->state = READY;
    }
}

/* Who comes after the running thread, in turn, comes first. */
static unsigned in_turn(unsigned i)
{
    return run.current == CLOCK_MAIN ? i : (run.current + 1 + i) % run.thread_count;
}

/* What can be done next without time going on. */
static unsigned list_options(struct way *options)
{
    struct thread *me = &run.threads[run.current];
    bool can = run.current != CLOCK_MAIN && me->state == READY && !me->sleeping,
         wants = can && !me->relaxing;
    bool all_cost = run.subject.model->every_switch_costs;
    unsigned n = 0;

    if (wants)
        options[n++] = (struct way){(uint8_t)run.current, false};
    for (unsigned i = 0; i < run.thread_count; i++) {
        unsigned t = in_turn(i);
        bool costs = wants || (n && all_cost);

        if (t != run.current && run.threads[t].state == READY && !run.threads[t].relaxing &&
            !run.threads[t].sleeping)
            options[n++] = (struct way){(uint8_t)t, costs};
    }
    if (can && !wants && n && me->relaxes < 2)
        options[n++] = (struct way){(uint8_t)run.current, true};
    if (n && !run.subject.model->no_timeouts && next_deadline() != INT64_MAX)
        options[n++] = (struct way){CLOCKS, true};
    return n;
}

/* Those whose next step conflicts with this one. */
static void wake_sleepers(struct step step)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (run.threads[t].sleeping && steps_conflict(step, run.threads[t].next))
            run.threads[t].sleeping = false;
}

void engine_disturb(void)
{
    if (run.watching)
        wake_sleepers((struct step){STEP_ANY, NULL});
}

/* Nobody can go on as it is: time does. False: that would not help either. */
static bool pass_time(void)
{
    int64_t deadline = next_deadline(),
            tick = run.subject.model->tick ? run.subject.model->tick : TICK;
    bool spinning = false;

    for (unsigned t = 0; t < run.thread_count; t++) {
        if (run.threads[t].state != READY)
            continue;
        spinning = true;
        run.threads[t].relaxing = false;
    }
    if (!spinning && deadline == INT64_MAX)
        return false;
    run.now = spinning ? min_i64(run.now + tick, deadline) : deadline;
    fire_deadlines();
    return true;
}

/* Lets another thread run. Returns when somebody switches back. */
static void switch_to(unsigned next)
{
    unsigned before = run.current;

    if (next == before)
        return;
    run.current = next;
    coroutine_switch(&run.threads[before].flow, &run.threads[next].flow);
}

/* The execution ends; main takes over. */
static _Noreturn void finish_threads(void)
{
    for (unsigned t = 0; t < run.thread_count; t++) {
        memory_thread_end(t);
        if (run.threads[t].state == BLOCKED && !run.subject.model->may_block)
            engine_fail("T%u waits for ever (%s)", t, engine_blocked(t));
    }
    run.watching = engine_checks_plain = false;
    switch_to(CLOCK_MAIN);
    abort();
}

static bool anybody_sleeps(void)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (run.threads[t].state == READY && run.threads[t].sleeping)
            return true;
    return false;
}

/* Whoever could go on would only repeat an execution that has been explored. */
static _Noreturn void abandon(void)
{
    run.redundant = true;
    leave();
}

/* The common case: the running thread can, and nobody may come between. */
static bool must_go_on(void)
{
    const struct thread *me = &run.threads[run.current];

    return run.current != CLOCK_MAIN && me->state == READY && !me->relaxing && !me->sleeping &&
           explore_is_spent();
}

/* Decides who goes on and lets it. Returns when the running thread does. */
void schedule(void)
{
    struct way options[MODEL_THREADS_MAX + 2];

    for (;;) {
        unsigned n, chosen;

        check_conditions();
        if (must_go_on())
            return;
        while ((n = list_options(options)) == 0) {
            if (anybody_sleeps())
                abandon();
            if (!pass_time())
                finish_threads();
        }
        chosen = n == 1 ? 0 : explore_schedule(options, n);
        if (options[chosen].thread != CLOCKS) {
            if (options[chosen].costs && !options[0].costs && options[0].thread == run.current)
                run.threads[run.current].sleeping = run.reducing;
            switch_to(options[chosen].thread);
            return;
        }
        run.now = next_deadline();
        wake_sleepers((struct step){STEP_ANY, NULL});
        trace_note(run.current, "(time goes on to the next deadline)");
        fire_deadlines();
    }
}

void engine_point(const char *where, enum step_kind kind, const void *address)
{
    if (!run.watching)
        return;
    run.threads[run.current].next = (struct step){kind, address};
    if (++run.steps > run.max_steps)
        engine_fail("no end after %lu steps; last: %s", run.max_steps, where);
    schedule();
}

void engine_stepped(const char *where, const void *address, size_t size, uint64_t value,
                    bool changed_something)
{
    if (!run.watching)
        return;
    run.fingerprint =
        (run.fingerprint ^ value ^ run.current) * 0x100000001b3 + (uintptr_t)where % 4096;
    trace_step(run.current, where, address, size, value);
    run.now += run.subject.model->step;
    if (run.reducing)
        wake_sleepers(run.threads[run.current].next);
    for (unsigned t = 0; t < run.thread_count; t++) {
        if (t == run.current)
            continue;
        if (changed_something)
            run.threads[t].relaxes = 0;
        if (run.threads[t].relaxes < 2)
            run.threads[t].relaxing = false;
    }
}

_Noreturn void thread_end(void)
{
    trace_note(run.current, "(ends)");
    run.threads[run.current].state = ENDED;
    run.threads[run.current].next = (struct step){STEP_ANY, NULL};
    engine_stepped("end", NULL, 0, 0, true);
    for (unsigned n = engine_blocked_on(BLOCK_JOIN, &run.threads[run.current]); n-- > 0;)
        engine_release(BLOCK_JOIN, &run.threads[run.current], 0);
    schedule();
    abort();
}

void engine_block(enum block why, const void *object, int64_t deadline)
{
    struct thread *me = &run.threads[run.current];

    if (!run.watching)
        engine_fail("main would wait for ever: setup, verify and teardown must not block");
    me->state = BLOCKED;
    me->why = why;
    me->object = object;
    me->deadline = deadline;
    schedule();
    me->why = BLOCK_NONE;
}

static bool blocked_on(const struct thread *thread, enum block why, const void *object)
{
    return thread->state == BLOCKED && thread->why == why && thread->object == object;
}

unsigned engine_blocked_on(enum block why, const void *object)
{
    unsigned n = 0;

    for (unsigned t = 0; t < run.thread_count; t++)
        n += blocked_on(&run.threads[t], why, object);
    return n;
}

void engine_release(enum block why, const void *object, unsigned n)
{
    for (unsigned t = 0; t < run.thread_count; t++)
        if (blocked_on(&run.threads[t], why, object) && n-- == 0) {
            run.threads[t].state = READY;
            return;
        }
}

void engine_join(unsigned thread)
{
    engine_point("join", STEP_ANY, NULL);
    if (run.threads[thread].state != ENDED)
        engine_block(BLOCK_JOIN, &run.threads[thread], INT64_MAX);
    memory_thread_join(run.current, thread);
    engine_stepped("join", NULL, 0, thread, false);
}

void engine_yield(const char *where)
{
    struct thread *me = &run.threads[run.current];

    if (!run.watching)
        return;
    memory_relax(run.current);
    trace_step(run.current, where, NULL, 0, 0);
    me->relaxing = true;
    me->relaxes++;
    engine_disturb();
    engine_point(where, STEP_ANY, NULL);
    me->relaxing = false;
}

bool engine_spurious(void)
{
    return run.subject.model->spurious && explore_choose(2, true);
}

void engine_wait_until(bool (*condition)(void *arg), void *arg)
{
    struct thread *me = &run.threads[run.current];

    engine_point("model_wait_until", STEP_ANY, NULL);
    if (!condition(arg)) {
        me->condition_arg = arg;
        run.conditions++;
        engine_block(BLOCK_CONDITION, (const void *)condition, INT64_MAX);
        run.conditions--;
    }
    memory_relax(run.current);
    engine_stepped("model_wait_until", NULL, 0, 0, false);
}

void engine_advance_clock(int64_t ns)
{
    engine_point("model_clock_advance", STEP_ANY, NULL);
    run.now += ns;
    fire_deadlines();
    engine_stepped("model_clock_advance", NULL, 0, (uint64_t)ns, true);
}

const char *engine_blocked(unsigned thread)
{
    static const char *const names[] = {
        [BLOCK_NONE] = "something",
        [BLOCK_FUTEX] = "futex",
        [BLOCK_JOIN] = "join",
        [BLOCK_CONDITION] = "model_wait_until",
    };

    return run.threads[thread].state == BLOCKED ? names[run.threads[thread].why] : NULL;
}

bool engine_can_run(unsigned thread)
{
    return run.threads[thread].state == READY;
}

unsigned engine_threads(void)
{
    return run.thread_count;
}
