/*
 * task_races.c: the moments in which a task's wait for other tasks is both fulfilled and ended.
 *
 * What sync_races.c does for locks and channels, for what tasks and scopes are to each other. A
 * round has a victim, which waits for another task, a permit or its children, or has tasks of its
 * own that wait; an actor, a task or a foreign thread, which lets them go; and the main task, which
 * ends the victim's wait at the same time by a cancel, or has given it a deadline. All dawdle for
 * random times. Whoever wins, a result, a permit or a turn is neither lost nor had twice, and a
 * cancel reaches all that were spawned before, after and while it came, but none under a shield.
 */
#include "actors.h"

#include <sched.h>

#include <sley/park.h>
#include <sley/scope.h>
#include <sley/sync.h>

struct race {
    const char *name;
    sley_task_fn *victim;       /* 0, or with what its wait was ended */
    void (*prepare)(void);      /* main; may be NULL */
    void (*meet)(void);         /* the actor */
    void (*verify)(int result); /* main, when all have ended; may be NULL */
    bool for_good;              /* without an end the victim never does */
};

enum end { NOTHING, CANCEL, DEADLINE };

static const struct race *race;
static struct stress_random dice; /* main's */
static enum end end_by;           /* this round */
static struct sley_task *victim;  /* for the actor, which ends before it is joined */
static struct sley_event go;      /* what the actor sets */
static atomic_bool has_come;      /* the victim, to its wait */
static atomic_bool is_cancelled;  /* the victim; main has done so */
static atomic_uint begun, ended;  /* tasks of the victim */
static _Atomic unsigned streams;

static void set_go(void)
{
    sley_event_set(&go);
}

static int stop_of_round(void)
{
    return end_by == DEADLINE ? SLEY_ETIMEDOUT : SLEY_ECANCELED;
}

static bool is_stop(int result)
{
    return end_by != NOTHING && result == stop_of_round();
}

static void verify_all_ended(int result)
{
    (void)result;
    CHECK(begun == ended, "%u have begun, %u have ended", begun, ended);
}

/* --- a join ----------------------------------------------------------------------------------- */

static struct sley_task *joined; /* until somebody has */

static int returns_at_go(void *result)
{
    CHECK(sley_event_wait(&go) == 0, "nobody has cancelled it");
    return (int)(intptr_t)result;
}

static void spawn_joined(void)
{
    joined = stress_spawn(returns_at_go, (void *)(intptr_t)42);
}

static int joins(void *arg)
{
    int result = -1, error = sley_join(joined, &result);

    (void)arg;
    if (error)
        return error;
    CHECK(result == 42, "joined with %d", result);
    joined = NULL;
    return 0;
}

static void verify_joined(int result)
{
    CHECK(!joined == (result == 0), "%s", sley_strerror(result));
    if (joined)
        CHECK(stress_join(joined) == 42, "its result is lost");
}

/* --- a permit --------------------------------------------------------------------------------- */

static void unpark_victim(void)
{
    sley_unpark(victim);
}

static int parks(void *arg)
{
    int error = sley_park("one permit");

    (void)arg;
    if (error)
        SLEY_SHIELD()
    CHECK(sley_park("the permit that was not taken") == 0, "not shielded");
    SLEY_SHIELD(.deadline = 1)
    CHECK(sley_park("no permit") == SLEY_ETIMEDOUT, "two permits of one unpark");
    return error;
}

/* --- an owner that waits for a child ---------------------------------------------------------- */

static int child_result;

static int tells_its_end(void *arg)
{
    int error = sley_event_wait(&go);

    (void)arg;
    child_result = error ? error : 42;
    return child_result;
}

typedef int await_fn(struct sley_scope *scope, struct sley_task *child, bool again);

/* A scope with one child, for which the owner waits; if it was stopped, once more. */
static int own(await_fn *await)
{
    struct sley_scope_options options = {.policy = SLEY_SCOPE_ALL};
    struct sley_scope scope;
    struct sley_child none;
    struct sley_task *child;
    int error, outcome;

    CHECK(sley_scope_open(&scope, &options) == 0, "open");
    CHECK(sley_scope_spawn(&scope, tells_its_end, NULL, NULL, &child) == 0, "spawn");
    error = await(&scope, child, false);
    SLEY_SHIELD()
    {
        if (error)
            CHECK(await(&scope, child, true) == 0, "not shielded");
        CHECK(sley_scope_next(&scope, &none) == 0, "a result was told twice");
    }
    outcome = sley_scope_close(&scope);
    CHECK(outcome == (child_result == 42 ? 0 : child_result), "%s", sley_strerror(outcome));
    return error;
}

static int await_next(struct sley_scope *scope, struct sley_task *child, bool again)
{
    struct sley_child heard;
    int status = sley_scope_next(scope, &heard);

    (void)child, (void)again;
    if (status < 0)
        return status;
    CHECK(status == 1 && heard.result == child_result && heard.index == 0, "%d, %d", status,
          heard.result);
    return 0;
}

static int await_join(struct sley_scope *scope, struct sley_task *child, bool again)
{
    int result, error = sley_scope_join(scope, child, &result);

    (void)again;
    if (!error)
        CHECK(result == child_result, "%d", result);
    return error;
}

/* What was gathered may still be taken. */
static int await_gather(struct sley_scope *scope, struct sley_task *child, bool again)
{
    int result = 0, status = (int)sley_scope_gather(scope, &result, 1);

    if (status < 0)
        return status;
    CHECK(status == 1 && result == child_result, "%d, %d", status, result);
    SLEY_SHIELD()
    CHECK(await_next(scope, child, again) == 0, "not shielded");
    return 0;
}

static int owns_and_asks_next(void *arg)
{
    (void)arg;
    return own(await_next);
}

static int owns_and_joins(void *arg)
{
    (void)arg;
    return own(await_join);
}

static int owns_and_gathers(void *arg)
{
    (void)arg;
    return own(await_gather);
}

/* --- a turn in a scope with a limit ----------------------------------------------------------- */

static int leaf(void *arg)
{
    (void)arg;
    ended++;
    return 0;
}

/* Has a turn until go. */
static int holds(void *arg)
{
    (void)arg;
    SLEY_SHIELD()
    CHECK(sley_event_wait(&go) == 0, "not shielded");
    return 0;
}

/* Has the other one, and waits for a third, which it must get. */
static int stands_by(void *scope)
{
    SLEY_SHIELD()
    CHECK(sley_scope_spawn((struct sley_scope *)scope, leaf, NULL, NULL, NULL) == 0, "no turn");
    begun++;
    return 0;
}

static int waits_for_turn(void *arg)
{
    struct sley_scope_options options = {.policy = SLEY_SCOPE_ALL, .limit = 2};
    struct sley_scope scope;
    int error;

    (void)arg;
    CHECK(sley_scope_open(&scope, &options) == 0, "open");
    SLEY_SHIELD()
    {
        CHECK(sley_scope_spawn(&scope, holds, NULL, NULL, NULL) == 0, "there was a turn");
        CHECK(sley_scope_spawn(&scope, stands_by, &scope, NULL, NULL) == 0, "there was a turn");
    }
    error = sley_scope_spawn(&scope, leaf, NULL, NULL, NULL);
    begun += !error;
    CHECK(sley_scope_close(&scope) == 0, "a child has failed");
    CHECK(scope.running == 0, "%zu turns are lost", scope.running);
    return error;
}

/* --- shields ---------------------------------------------------------------------------------- */

static int waits_under_shield(void *arg)
{
    bool late, cancelled;
    int error;

    (void)arg;
    SLEY_SHIELD()
    CHECK(sley_event_wait(&go) == 0, "not shielded");
    cancelled = is_cancelled;
    late = sley_now() >= sley_deadline();
    error = sley_yield();
    CHECK(!cancelled || error == SLEY_ECANCELED, "it was cancelled: %s", sley_strerror(error));
    CHECK(!late || error == SLEY_ETIMEDOUT, "it was late: %s", sley_strerror(error));
    return error;
}

/* A wait that a stale cancel would end. */
static void wait_shielded(struct stress_random *random)
{
    SLEY_SHIELD()
    {
        CHECK(sley_cancelled() == 0, "not shielded");
        if (stress_below(random, 4) == 0)
            CHECK(sley_sleep((int64_t)stress_below(random, 3000)) == 0, "not shielded");
        sley_unpark(sley_self());
        CHECK(sley_park("its own permit") == 0, "not shielded");
        CHECK(sley_yield() == 0, "not shielded");
    }
}

/* In and out of shields while it is cancelled. */
static int opens_shields(void *arg)
{
    struct stress_random random = stress_random(++streams);
    int stopped = 0;

    (void)arg;
    for (int i = 0; i < 12; i++) {
        int error;

        wait_shielded(&random);
        error = sley_yield();
        CHECK(!stopped || error == stopped, "first %s, then %s", sley_strerror(stopped),
              sley_strerror(error));
        stopped = error;
    }
    return stopped;
}

/* --- all that is below ------------------------------------------------------------------------ */

static int waits_for_good(void *arg)
{
    int error;

    (void)arg;
    begun++;
    error = sley_park("for good");
    CHECK(error < 0, "an unpark from nowhere");
    CHECK(error != SLEY_ECANCELED || sley_cancel_reason(), "no reason was given");
    ended++;
    return error;
}

static void spawn_in(struct sley_scope *scope, sley_task_fn *fn, void *arg)
{
    CHECK(sley_scope_spawn(scope, fn, arg, NULL, NULL) == 0, "spawn");
}

/* Two of whom each has two of its own, and so on. */
static int has_two(void *depth)
{
    uintptr_t below = (uintptr_t)depth;
    struct sley_scope scope;

    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_ALL)
    for (int i = 0; i < 2; i++)
        spawn_in(&scope, below ? has_two : waits_for_good, (void *)(below - (below > 0)));
    return scope.error;
}

static int has_grandchildren(void *arg)
{
    (void)arg;
    return has_two((void *)2);
}

/* Two that cancel the same task. */
static void cancel_too(void)
{
    if (end_by == CANCEL)
        sley_cancel(victim, "the other one");
}

static struct sley_scope *chained;

/* Each spawns the next one into the scope that it is in itself. */
static int is_in_chain(void *left)
{
    uintptr_t others = (uintptr_t)left;

    if (others)
        spawn_in(chained, is_in_chain, (void *)(others - 1));
    return waits_for_good(NULL);
}

static int has_chain(void *arg)
{
    struct sley_scope scope;

    (void)arg;
    chained = &scope;
    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_ALL)
    spawn_in(&scope, is_in_chain, (void *)6);
    return scope.error;
}

/* A scope that is left by its owner while children end and the owner is cancelled. */
static int leaves_early(void *arg)
{
    struct sley_scope scope;

    (void)arg;
    SLEY_SCOPE(&scope)
    {
        spawn_in(&scope, waits_for_good, NULL);
        spawn_in(&scope, tells_its_end, NULL);
        (void)sley_yield();
        break;
    }
    return sley_cancelled();
}

/* --- policies --------------------------------------------------------------------------------- */

static int ends_at_go(void *result)
{
    int error = sley_event_wait(&go);

    return error ? error : (int)(intptr_t)result;
}

/* Two that end at the same time and one that has to be ended. What the scope is closed with; all
 * results, and how many errors there were, in *errors. */
static int play_policy(enum sley_scope_policy policy, int one, int other, int results[3],
                       size_t *errors, struct sley_scope_error *first)
{
    struct sley_scope_options options = {.policy = policy};
    struct sley_scope scope;

    CHECK(sley_scope_open(&scope, &options) == 0, "open");
    spawn_in(&scope, ends_at_go, (void *)(intptr_t)one);
    spawn_in(&scope, ends_at_go, (void *)(intptr_t)other);
    spawn_in(&scope, waits_for_good, NULL);
    SLEY_SHIELD()
    CHECK(sley_scope_gather(&scope, results, 3) == 3, "not shielded");
    *errors = sley_scope_errors(&scope, first, 1);
    return sley_scope_close(&scope);
}

static int has_two_that_fail(void *arg)
{
    struct sley_scope_error first;
    size_t errors;
    int results[3], error;

    (void)arg;
    error = play_policy(SLEY_SCOPE_FIRST_ERROR, SLEY_EIO, SLEY_EPIPE, results, &errors, &first);
    if (errors)
        CHECK(error == first.error && first.error == results[first.index], "%d is not the first",
              error);
    else
        CHECK(error == SLEY_ECANCELED && results[0] == error && results[1] == error, "%d", error);
    return sley_cancelled();
}

static int has_one_that_succeeds(void *arg)
{
    struct sley_scope_error first;
    size_t errors;
    int results[3], error;

    (void)arg;
    error = play_policy(SLEY_SCOPE_FIRST_SUCCESS, 7, SLEY_EIO, results, &errors, &first);
    if (results[0] == 7)
        CHECK(error == 0, "%d, though one has succeeded", error);
    else if (errors)
        CHECK(error == first.error && first.error == results[first.index], "%d is not the first",
              error);
    else
        CHECK(error == SLEY_ECANCELED, "%d", error);
    return sley_cancelled();
}

/* --- a scope that is asked -------------------------------------------------------------------- */

static int stops_when_asked(void *arg)
{
    int error = 0;

    (void)arg;
    while (!error && !sley_scope_asked())
        error = sley_yield();
    return error;
}

/* The grace period ends while the scope does. */
static int asks(void *arg)
{
    struct stress_random random = stress_random(++streams);
    struct sley_scope scope;
    int error;

    (void)arg;
    CHECK(sley_scope_open(&scope, NULL) == 0, "open");
    spawn_in(&scope, stops_when_asked, NULL);
    if (stress_below(&random, 2))
        spawn_in(&scope, waits_for_good, NULL);
    else
        spawn_in(&scope, ends_at_go, NULL);
    error = sley_scope_ask(&scope, (int64_t)stress_below(&random, 20000), "asked");
    CHECK(error == 0, "ask: %s", sley_strerror(error));
    error = sley_scope_close(&scope);
    CHECK(error == 0 || is_stop(error), "%s", sley_strerror(error));
    return sley_cancelled();
}

static const struct race races[] = {
    {"join", joins, spawn_joined, set_go, verify_joined, false},
    {"park", parks, NULL, unpark_victim, NULL, false},
    {"next", owns_and_asks_next, NULL, set_go, NULL, false},
    {"join a child", owns_and_joins, NULL, set_go, NULL, false},
    {"gather", owns_and_gathers, NULL, set_go, NULL, false},
    {"turn", waits_for_turn, NULL, set_go, verify_all_ended, false},
    {"shield", waits_under_shield, NULL, set_go, NULL, false},
    {"shields", opens_shields, NULL, set_go, NULL, false},
    {"grandchildren", has_grandchildren, NULL, cancel_too, verify_all_ended, true},
    {"chain", has_chain, NULL, cancel_too, verify_all_ended, true},
    {"left early", leaves_early, NULL, set_go, verify_all_ended, false},
    {"first error", has_two_that_fail, NULL, set_go, verify_all_ended, false},
    {"first success", has_one_that_succeeds, NULL, set_go, verify_all_ended, false},
    {"ask", asks, NULL, set_go, verify_all_ended, false},
};

/* --- a round ---------------------------------------------------------------------------------- */

static unsigned actor_dawdles, actor_yields;
static bool actor_waits; /* this round: until the victim has come */

static void let_come(void)
{
    while (!has_come) {
        (void)sley_yield(); /* to the other tasks of this worker, and to the threads of this core */
        sched_yield();
    }
}

static int actor(void *arg)
{
    (void)arg;
    if (actor_waits)
        let_come();
    for (unsigned i = 0; i < actor_yields; i++)
        (void)sley_yield();
    for (unsigned i = 0; i < actor_dawdles; i++)
        __asm__ volatile("" ::: "memory");
    race->meet();
    return 0;
}

static int be_victim(void *deadline)
{
    has_come = true;
    if (end_by == DEADLINE)
        sley_deadline_narrow(sley_after((intptr_t)deadline));
    return race->victim(NULL);
}

static void begin_round(void)
{
    static const enum end ends[] = {CANCEL, CANCEL, CANCEL, CANCEL, DEADLINE, DEADLINE, NOTHING};

    end_by = ends[stress_below(&dice, race->for_good ? 6 : 7)];
    actor_dawdles = stress_below(&dice, 4000);
    actor_yields = stress_below(&dice, 6);
    actor_waits = stress_below(&dice, 2);
    has_come = is_cancelled = false;
    begun = ended = 0;
    go = (struct sley_event)SLEY_EVENT_INIT;
    if (race->prepare)
        race->prepare();
}

static void play_round(void)
{
    struct actor acts;
    int result;

    begin_round();
    victim = stress_spawn(be_victim, (void *)(intptr_t)stress_below(&dice, 30000));
    actor_start(&acts, actor, &dice);
    if (stress_below(&dice, 2))
        let_come();
    actors_give_time(&dice);
    if (end_by == CANCEL) {
        sley_cancel(victim, "race");
        is_cancelled = true;
    }
    let_come(); /* what a thread waits for */
    actor_end(&acts);
    result = stress_join(victim);
    CHECK(is_stop(result) || (result == 0 && !race->for_good), "%s: %s", race->name,
          sley_strerror(result));
    if (race->verify)
        race->verify(result);
    stress_alive();
}

static int play(void *rounds)
{
    int64_t since = sley_now();

    for (unsigned i = 0; actors_go_on(i, (unsigned)(uintptr_t)rounds, since); i++)
        play_round();
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    dice = stress_random(5);
    for (size_t r = 0; r < sizeof races / sizeof races[0]; r++) {
        race = &races[r];
        for (size_t w = 0; w < STRESS_WORKER_COUNTS; w++)
            stress_run(stress_workers[w], play, (void *)(uintptr_t)stress_count(400, 40));
    }
    return stress_end();
}
