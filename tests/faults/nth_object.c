/*
 * nth_object.c: the n-th call to the system fails, for every n: what tasks coordinate by.
 *
 * The scenarios: scopes, whose children, errors and grace periods need memory; channels, broadcasts
 * and selects over many of them; generators, what is collected from them, locals and what is
 * inherited of them, futures. Whatever n is: each call works or says SLEY_ENOMEM, and what was
 * refused has changed nothing: it can be tried again, and whoever waits for it is not waited for.
 * No crash, no hang, no leak. How it is done is told in failing.h.
 */
#include "failing.h"

#include <sley/broadcast.h>
#include <sley/chan.h>
#include <sley/future.h>
#include <sley/generator.h>
#include <sley/iterator.h>
#include <sley/local.h>
#include <sley/scope.h>

/* True: it worked. */
static bool worked(int error)
{
    CHECK(error == 0 || error == SLEY_ENOMEM, "%s after %s failed", sley_error_name(error),
          atomic_load(&fault.last));
    return error == 0;
}

static void run_armed(sley_task_fn *fn)
{
    struct sley_runtime *runtime = stress_start(2);

    CHECK(stress_run_in(runtime, fn, NULL) == 42, "the scenario");
    stress_stop(runtime);
}

/* --- scenario: scopes ------------------------------------------------------------------------- */

/* More than a slab of tasks and a lot of stacks has room for; a slab is small in the hostile build.
 */
enum { CHILDREN = STRESS_HOSTILE ? 30 : 300, ASKED = CHILDREN, FAILING = 40 };

static int waits_for_good(void *arg)
{
    (void)arg;
    return sley_park("the end of the scope");
}

static int fails_with(void *error)
{
    return (int)(intptr_t)error;
}

static void fill_scope(void)
{
    struct sley_scope scope;
    unsigned spawned = 0;

    CHECK(sley_scope_open(&scope, NULL) == 0, "open");
    for (int i = 0; i < CHILDREN; i++)
        spawned += worked(sley_scope_spawn(&scope, waits_for_good, NULL, NULL, NULL));
    sley_scope_cancel(&scope, "enough");
    SLEY_SHIELD()
    CHECK(sley_scope_gather(&scope, NULL, 0) == spawned, "who was not spawned does not count");
    CHECK(sley_scope_close(&scope) == 0, "a cancel of its own is no error");
}

/* One after the other, so that it is known which came first: the first so many are kept, the others
 * at least counted. */
static void collect_errors(void)
{
    struct sley_scope_options options = {.policy = SLEY_SCOPE_ALL};
    struct sley_scope_error errors[FAILING];
    struct sley_scope scope;
    size_t failed = 0, kept = 0;
    int expected[FAILING];

    CHECK(sley_scope_open(&scope, &options) == 0, "open");
    for (int i = 0; i < FAILING; i++) {
        struct sley_task *task;

        if (!worked(
                sley_scope_spawn(&scope, fails_with, (void *)(intptr_t)(-1000 - i), NULL, &task)))
            continue;
        CHECK(sley_scope_join(&scope, task, &expected[failed]) == 0, "join");
        CHECK(expected[failed++] == -1000 - i, "its result");
    }
    CHECK(sley_scope_errors(&scope, errors, FAILING) == failed, "not all were counted");
    while (kept < failed && errors[kept].error == expected[kept])
        kept++;
    for (size_t i = kept; i < failed; i++)
        CHECK(!errors[i].error && !errors[i].site, "%d is kept behind one that was not",
              errors[i].error);
    CHECK(kept == failed || atomic_load(&fault.failed), "%zu of %zu", kept, failed);
    CHECK(scope.error == (failed ? expected[0] : 0), "the first one");
    CHECK(sley_scope_close(&scope) == (failed ? expected[0] : 0), "the first one");
}

/* Each has a task that lets the grace period pass. One without must be cancelled by hand. */
static void ask_many(void)
{
    static struct sley_scope scopes[ASKED];
    bool asked[ASKED];

    for (int i = 0; i < ASKED; i++) {
        CHECK(sley_scope_open(&scopes[i], NULL) == 0, "open");
        asked[i] = worked(sley_scope_ask(&scopes[i], SLEY_SECONDS(3600), "asked"));
        if (!asked[i]) /* it was as if nobody had asked: no SLEY_EBUSY */
            asked[i] = worked(sley_scope_ask(&scopes[i], SLEY_SECONDS(3600), "asked again"));
    }
    for (int i = ASKED - 1; i >= 0; i--) {
        CHECK(sley_scope_asked() || !asked[i], "it was asked");
        if (asked[i])
            CHECK(sley_scope_ask(&scopes[i], 1, NULL) == SLEY_EBUSY, "it was asked");
        CHECK(sley_scope_close(&scopes[i]) == 0, "close");
    }
    CHECK(!sley_scope_asked(), "nothing is open");
}

static int returns_at_once(void *arg)
{
    (void)arg;
    return sley_yield();
}

/* A spawn that fails gives its turn back. */
static void take_turns(void)
{
    struct sley_scope_options options = {.limit = 3};
    struct sley_task_options of_task = {.stack_size = (size_t)1 << 20};
    struct sley_scope scope;

    CHECK(sley_scope_open(&scope, &options) == 0, "open");
    for (int i = 0; i < 30; i++)
        worked(sley_scope_spawn(&scope, returns_at_once, NULL, i % 2 ? &of_task : NULL, NULL));
    CHECK(sley_scope_close(&scope) == 0, "close");
    CHECK(scope.running == 0, "%zu turns are lost", scope.running);
}

static int have_scopes(void *arg)
{
    (void)arg;
    arm();
    fill_scope();
    collect_errors();
    ask_many();
    take_turns();
    disarm();
    return 42;
}

static void scopes(void)
{
    run_armed(have_scopes);
}

/* --- scenario: channels ----------------------------------------------------------------------- */

enum { CHANS = 24, SUBSCRIBERS = 5 };

static int sends_one(void *chan)
{
    int seven = 7;

    return sley_chan_send((struct sley_chan *)chan, &seven);
}

/* One receive from each, in the order in which they are ready: needs no memory. */
static void select_all(struct sley_chan **chans, unsigned left)
{
    struct sley_select_case cases[SLEY_SELECT_MAX] = {{NULL, SLEY_SELECT_RECV, NULL, 0}};
    int items[CHANS];

    for (int i = 0; i < CHANS; i++)
        cases[i] = (struct sley_select_case){chans[i], SLEY_SELECT_RECV, &items[i], 0};
    for (; left > 0; left--) {
        int i = sley_select(cases, SLEY_SELECT_MAX, SLEY_FOREVER);

        CHECK(i >= 0 && cases[i].result == 0 && items[i] == 7, "select");
        cases[i].chan = NULL;
    }
}

static void select_many(void)
{
    struct sley_chan *chans[CHANS] = {NULL}; /* NULL: never ready */
    struct sley_scope scope;
    unsigned sends = 0;

    CHECK(sley_scope_open(&scope, NULL) == 0, "open");
    for (int i = 0; i < CHANS; i++)
        if (worked(sley_chan_new(sizeof(int), i % 3 ? 8 : 0, &chans[i])))
            sends += worked(sley_scope_spawn(&scope, sends_one, chans[i], NULL, NULL));
    select_all(chans, sends);
    CHECK(sley_scope_close(&scope) == 0, "the senders");
    for (int i = 0; i < CHANS; i++)
        sley_chan_free(chans[i]);
}

static void broadcast(void)
{
    struct sley_subscription *subscribers[SUBSCRIBERS] = {NULL};
    struct sley_broadcast *all;
    int item = 3;

    if (!worked(sley_broadcast_new(sizeof item, 4, SLEY_BROADCAST_WAIT, &all)))
        return;
    for (int i = 0; i < SUBSCRIBERS; i++)
        worked(sley_broadcast_subscribe(all, &subscribers[i]));
    for (int round = 0; round < 6; round++) {
        CHECK(sley_broadcast_send(all, &round) == 0, "send: who is not there is not waited for");
        for (int i = 0; i < SUBSCRIBERS; i++)
            if (subscribers[i])
                CHECK(sley_broadcast_recv(subscribers[i], &item, NULL) == 0 && item == round,
                      "receive");
    }
    for (int i = 0; i < SUBSCRIBERS; i++)
        sley_broadcast_unsubscribe(subscribers[i]);
    sley_broadcast_free(all);
}

static void collect_from_chan(void)
{
    struct sley_chan *chan;
    int *items = NULL;
    size_t count = 0;

    if (!worked(sley_chan_new(sizeof(int), 100, &chan)))
        return;
    for (int i = 0; i < 100; i++)
        CHECK(sley_chan_try_send(chan, &i) == 1, "there is room");
    sley_chan_close(chan, 0);
    if (worked(sley_collect_new(sley_chan_iterator(chan), (void **)&items, &count)))
        CHECK(count == 100 && items[99] == 99, "%zu items", count);
    else
        CHECK(!items && !count, "touched");
    free(items);
    sley_chan_free(chan);
}

static int have_channels(void *arg)
{
    (void)arg;
    arm();
    select_many();
    broadcast();
    collect_from_chan();
    disarm();
    return 42;
}

static void channels(void)
{
    run_armed(have_channels);
}

/* --- scenario: values ------------------------------------------------------------------------- */

enum { LOCALS = 12, FUTURES = SLEY_FUTURES_MAX };

static int copy_text(void *value, void **out)
{
    *out = strdup(value);
    return *out ? 0 : SLEY_ENOMEM;
}

static struct sley_local locals[LOCALS];

static int has_inherited(void *arg)
{
    (void)arg;
    for (int i = 0; i < LOCALS; i++) {
        const char *text = sley_local_get(&locals[i]);

        CHECK(!text || strtol(text, NULL, 10) == i, "local %d is %s", i, text);
    }
    return 0;
}

static void set_locals(void)
{
    for (int i = 0; i < LOCALS; i++) {
        char text[16], *value;

        snprintf(text, sizeof text, "%d", i);
        if ((value = strdup(text)) && !worked(sley_local_set(&locals[i], value)))
            free(value);
    }
}

/* Copies go to the children, or back when there is no child. */
static int inherit(void *arg)
{
    static const size_t sizes[] = {0, 16384, 262144, 1048576};
    struct sley_task_options options = {.inherit_locals = true};
    struct sley_scope scope;
    struct sley_task *task;

    (void)arg;
    set_locals();
    CHECK(sley_scope_open(&scope, NULL) == 0, "open");
    for (int i = 0; i < 4; i++) {
        options.stack_size = sizes[i]; /* the first of its class */
        worked(sley_scope_spawn(&scope, has_inherited, NULL, &options, NULL));
    }
    if (worked(sley_spawn(has_inherited, NULL, &options, &task)))
        stress_join(task);
    return sley_scope_close(&scope);
}

static int count_to(struct sley_generator *self, void *end)
{
    int error = 0;

    for (int n = 0; !error && n < *(int *)end; n++)
        error = sley_yield_value(self, &n);
    return error;
}

static int is_even(const void *item, void *arg)
{
    (void)arg;
    return *(const int *)item % 2 == 0;
}

static void collect_from_generator(void)
{
    struct sley_generator *numbers;
    int *items = NULL, end = 50;
    size_t count = 0;

    if (!worked(sley_generator_new(count_to, &end, sizeof(int), NULL, &numbers)))
        return;
    if (worked(sley_collect_new(SLEY_FILTER(numbers, is_even, NULL), (void **)&items, &count)))
        CHECK(count == 25 && items[24] == 48, "%zu items", count);
    free(items);
    sley_generator_free(numbers);
}

static int completes(void *future)
{
    (void)sley_yield();
    CHECK(sley_future_complete((struct sley_future *)future, future), "somebody else did");
    return 0;
}

/* Waiting for many at once needs no memory; what nobody is going to complete is left out. */
static void await_futures(void)
{
    struct sley_future futures[FUTURES], *awaited[FUTURES] = {NULL};
    struct sley_scope scope;
    int spawned = 0;

    CHECK(sley_scope_open(&scope, NULL) == 0, "open");
    for (int i = 0; i < FUTURES; i++) {
        futures[i] = (struct sley_future)SLEY_FUTURE_INIT;
        if (worked(sley_scope_spawn(&scope, completes, &futures[i], NULL, NULL)))
            awaited[spawned++] = &futures[i];
    }
    if (spawned)
        CHECK(sley_future_wait_any(awaited, (size_t)spawned) >= 0, "any");
    CHECK(sley_future_wait_all(awaited, (size_t)spawned) == 0, "all");
    CHECK(sley_scope_close(&scope) == 0, "close");
}

static int have_values(void *arg)
{
    struct sley_task *task;

    (void)arg;
    for (int i = 0; i < LOCALS; i++)
        locals[i] = (struct sley_local)SLEY_LOCAL_INIT(free, copy_text);
    arm();
    if (worked(sley_spawn(inherit, NULL, NULL, &task)))
        CHECK(stress_join(task) == 0, "the heirs");
    collect_from_generator();
    await_futures();
    disarm();
    return 42;
}

static void values(void)
{
    run_armed(have_values);
}

static const struct scenario scenarios[] = {
    {"scopes", scopes}, {"channels", channels}, {"values", values}};

int main(int argc, char **argv)
{
    return fail_all(argc, argv, scenarios, sizeof scenarios / sizeof scenarios[0]);
}
