/* The I/O thread: order of submissions, rounds, requests that are finished, abandoned, both. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include <sley/runtime.h>

#include "io.h"

#define TASK_TEST(name)                                     \
    static int name##_body(void *unused);                   \
    Test(loop, name)                                        \
    {                                                       \
        cr_assert_eq(sley_run(name##_body, NULL, NULL), 0); \
    }                                                       \
    static int name##_body(void *unused UNUSED)

static struct sley__io *get_io(void)
{
    struct sley__io *io = NULL, *again = NULL;

    cr_assert_eq(sley__io_get(&io), 0);
    cr_assert_eq(sley__io_get(&again), 0);
    cr_assert_eq(io, again);
    return io;
}

static struct {
    struct sley__inbox_node nodes[100];
    int order[100], count;
    unsigned long thread;
    struct sley__deferred deferred;
    struct sley__loop *loop;
    int rounds;
    atomic(bool) over;
} seen;

static void note(struct sley__inbox_node *node)
{
    if (!seen.count)
        seen.thread = (unsigned long)pthread_self();
    cr_assert_eq(seen.thread, (unsigned long)pthread_self());
    seen.order[seen.count++] = (int)(node - seen.nodes);
    if (seen.count == 100)
        store_release(&seen.over, true);
}

static void await_over(void)
{
    while (!load_acquire(&seen.over))
        cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(1)), 0);
}

TASK_TEST(submissions_run_in_order_on_one_thread)
{
    struct sley__io *io = get_io();

    for (int i = 0; i < 100; i++) {
        seen.nodes[i].run = note;
        sley__loop_submit(&io->loop, &seen.nodes[i]);
        if (i % 7 == 0)
            cr_assert_eq(sley_yield(), 0);
    }
    await_over();
    for (int i = 0; i < 100; i++)
        cr_assert_eq(seen.order[i], i);
    cr_assert_eq(seen.thread, io->loop.thread);
    return 0;
}

static void end_of_round(struct sley__deferred *deferred UNUSED)
{
    if (++seen.rounds == 3)
        store_release(&seen.over, true);
    else
        sley__loop_defer(seen.loop, &seen.deferred); /* once more in this round */
}

static void defer_thrice(struct sley__inbox_node *node UNUSED)
{
    seen.deferred.run = end_of_round;
    list_init(&seen.deferred.link);
    for (int i = 0; i < 3; i++)
        sley__loop_defer(seen.loop, &seen.deferred);
    cr_assert_eq(seen.rounds, 0);
}

TASK_TEST(deferred_work_runs_once_at_the_end_of_the_round)
{
    seen.loop = &get_io()->loop;
    seen.nodes[0].run = defer_thrice;
    sley__loop_submit(seen.loop, &seen.nodes[0]);
    await_over();
    cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(5)), 0);
    cr_assert_eq(seen.rounds, 3);
    return 0;
}

/* --- requests --------------------------------------------------------------------------------- */

static atomic(int) released, started;
static struct sley__request *kept; /* the I/O thread's */

static void release(struct sley__request *request)
{
    fetch_add_relaxed(&released, 1);
    free(request);
}

static void finish_now(struct sley__inbox_node *node)
{
    sley__request_finish(container_of(node, struct sley__request, node), 42);
}

static void keep(struct sley__inbox_node *node)
{
    kept = container_of(node, struct sley__request, node);
    fetch_add_acq_rel(&started, 1);
}

static void finish_kept(struct sley__inbox_node *node UNUSED)
{
    sley__request_finish(kept, 43);
}

static struct sley__request *request_new(void (*run)(struct sley__inbox_node *))
{
    struct sley__request *request = calloc(1, sizeof(*request));

    request->node.run = run;
    request->release = release;
    return request;
}

TASK_TEST(request_that_is_finished)
{
    struct sley__io *io = get_io();

    for (int i = 0; i < 1000; i++) {
        struct sley__request *request = request_new(finish_now);
        int result = 0;

        cr_assert(sley__request_call(&io->loop, request, "test", &result));
        cr_assert_eq(result, 42);
        free(request);
    }
    cr_assert_eq(load_relaxed(&released), 0);
    return 0;
}

TASK_TEST(request_that_is_left)
{
    struct sley__io *io = get_io();
    struct sley__inbox_node node = {.run = finish_kept};
    int64_t before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(20)));
    int result = 0;

    cr_assert(!sley__request_call(&io->loop, request_new(keep), "test", &result));
    cr_assert_eq(result, SLEY_ETIMEDOUT);
    /* Too late to begin another: it never reaches the loop. */
    cr_assert(!sley__request_call(&io->loop, request_new(keep), "test", &result));
    cr_assert_eq(result, SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    cr_assert_eq(load_acquire(&started), 1);
    cr_assert_eq(load_relaxed(&released), 1);
    sley__loop_submit(&io->loop, &node);
    while (load_relaxed(&released) < 2)
        cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(1)), 0);
    return 0;
}

static int call_and_count(void *arg)
{
    struct sley__io *io = arg;
    struct sley__request *request = request_new(finish_now);
    int result = 0;

    if (sley__request_call(&io->loop, request, "test", &result)) {
        cr_assert_eq(result, 42);
        release(request);
    } else {
        cr_assert_eq(result, SLEY_ECANCELED);
    }
    return 0;
}

/* Cancel and completion race: every request is freed exactly once, by one side or the other. */
TASK_TEST(cancel_against_completion)
{
    struct sley__io *io = get_io();

    for (int i = 0; i < 2000; i++) {
        struct sley_task *task;

        cr_assert_eq(sley_spawn(call_and_count, io, NULL, &task), 0);
        for (int pause = i % 5; pause > 0; pause--)
            cr_assert_eq(sley_yield(), 0);
        sley_cancel(task, NULL);
        cr_assert_eq(sley_join(task, NULL), 0);
    }
    while (load_relaxed(&released) < 2000)
        cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(1)), 0);
    cr_assert_eq(load_relaxed(&released), 2000);
    return 0;
}
