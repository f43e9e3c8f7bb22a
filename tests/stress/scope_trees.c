/*
 * scope_trees.c: random trees of scopes, with everything that can end them, at random.
 *
 * Each node of a tree is a task that notes beside the runtime what it does: what it was spawned as,
 * what it has returned, who was cancelled and by what. Each result is a number of its own, so that
 * what a scope tells can be held against these notes:
 *
 *   - no task outlives the scope that it was spawned into, and none is inside above its limit
 *   - each result is told as it was returned, under the index of its spawn, at most once, and
 *     exactly once to an owner that has gone on until there is none left
 *   - the errors that were collected are those of the children and of sley_scope_fail(), each once,
 *     and the first of them is the scope's
 *   - what a scope is closed with follows from its policy and from how its children have ended
 *   - nobody is cancelled without a reason: its own cancel, its scope's, one from further above
 *     that no shield holds off, or a sibling's end where the policy says so. In a scope that is to
 *     run all to the end a sibling's end is no reason
 *   - a cancel is level-triggered, so who was told of one is told again, until it leaves the scope;
 *     and nobody is cancelled under a shield of its own that nobody cancels
 *   - the ambient deadline is the earliest one from here to the next shield, and is back afterwards
 *
 * The reasons are noted before they take effect, so a reason that is found may have come too late
 * to be the true one; that none is found is always a bug.
 */
#include "stress.h"

#include <limits.h>

#include <sley/scope.h>

/* Of the children in a scope some are spawned by others, while these are in it. */
enum { BY_OWNER = 5, BY_OTHERS = 2, CHILDREN = BY_OWNER + BY_OTHERS, DEPTH = 5, ROOTS = 6 };
enum { ERRORS = 64 };

/* What no task returns: in the place of a result that was not gathered. */
#define UNTOUCHED INT_MIN

/* The error that a task makes up. */
#define OWN_ERROR(number) (-1000000 - (number))

/* One task of a tree and the scope that it opens. In the memory of its parent's task. */
struct node {
    struct node *parent;
    int depth;

    /* As a child. */
    _Atomic unsigned begun, ended;
    int result;                /* once it has ended */
    struct sley_task *task;    /* of the owner's own children, until it is told */
    uint64_t index;            /* of the owner's own children; of others once it is told */
    unsigned told;             /* how often its result was; the parent's */
    bool is_born_cancelled;    /* the scope was, and its owner knew it */
    _Atomic bool is_cancelled; /* by its own handle */

    /* As an owner. */
    struct sley_scope scope;
    struct sley_scope_options options;
    struct node *children;
    _Atomic bool open, is_scope_asked;
    _Atomic bool is_scope_cancelled;
    _Atomic unsigned spawned, inside, fails, by_others;
    bool may_be_joined_by_others; /* children spawn into it */
    int64_t deadline;             /* inside */
    int gathered[CHILDREN];
    unsigned gathered_count; /* 0: not yet */
};

static _Atomic unsigned streams, tasks;
static _Atomic int numbers;

/* How often what is checked here has happened at all. */
static _Atomic unsigned told, gathered, errors_seen, lone_failures, audits;

/* --- who has a reason to be cancelled --------------------------------------------------------- */

static bool has_reason(const struct node *node);

/* A child whose end is an error, not what a cancel of its scope has made of it. */
static bool has_failed(const struct node *child)
{
    return child->ended && child->result < 0 &&
           (child->result != SLEY_ECANCELED || child->is_cancelled);
}

static bool has_succeeded(const struct node *child)
{
    return child->ended && child->result >= 0;
}

/* By its policy. */
static bool was_ended_by_child(const struct node *owner)
{
    enum sley_scope_policy policy = owner->options.policy;

    if (policy == SLEY_SCOPE_FIRST_ERROR && owner->fails)
        return true;
    for (int i = 0; i < CHILDREN; i++)
        if ((policy == SLEY_SCOPE_FIRST_ERROR && has_failed(&owner->children[i])) ||
            (policy == SLEY_SCOPE_FIRST_SUCCESS && has_succeeded(&owner->children[i])))
            return true;
    return false;
}

/* That what is inside of the scope is cancelled. From inside, or by the owner. */
static bool scope_has_reason(const struct node *owner)
{
    return owner->is_scope_cancelled || owner->is_scope_asked || was_ended_by_child(owner) ||
           (!owner->options.shield && has_reason(owner));
}

/* That the task is cancelled outside of its own scope. */
static bool has_reason(const struct node *node)
{
    return node->is_cancelled || (node->parent && scope_has_reason(node->parent));
}

static void check_stop(int error)
{
    CHECK(error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT, "%s", sley_strerror(error));
    if (error == SLEY_ECANCELED)
        CHECK(sley_cancelled() == SLEY_ECANCELED, "the cancel is gone");
}

/* --- what is done in between ------------------------------------------------------------------ */

/* Some calls that may park; then what they have said must still hold. */
static void wait_a_little(struct stress_random *random)
{
    int error = 0;

    switch (stress_below(random, 4)) {
    case 0:
        error = sley_sleep((int64_t)stress_below(random, 30000));
        break;
    case 1:
        SLEY_WITH_DEADLINE(sley_after((int64_t)stress_below(random, 400000)))
        error = sley_park("somebody's cancel"); /* perhaps under a shield of an ancestor */
        CHECK(error != 0, "an unpark from nowhere");
        break;
    default:
        error = sley_yield();
        break;
    }
    if (error)
        check_stop(error);
}

static void clean_up(struct stress_random *random)
{
    SLEY_SHIELD()
    {
        CHECK(sley_cancelled() == 0, "cancelled under a shield");
        CHECK(sley_sleep((int64_t)stress_below(random, 20000)) == 0, "not shielded");
        if (stress_below(random, 2))
            CHECK(sley_yield() == 0, "not shielded");
    }
}

/* Asks the scope to come to an end, which cancels it later. */
static void ask(struct node *owner, struct stress_random *random)
{
    int error;

    owner->is_scope_asked = true;
    error = sley_scope_ask(&owner->scope, (int64_t)stress_below(random, 40000), "asked");
    CHECK(error == 0 || error == SLEY_EBUSY, "ask: %s", sley_strerror(error));
    CHECK(sley_scope_asked(), "nobody inside knows that it was asked");
}

static void cancel_scope(struct node *owner, const char *reason)
{
    owner->is_scope_cancelled = true;
    sley_scope_cancel(&owner->scope, reason);
}

/* Ends something: the own scope, or that of an ancestor. From inside. */
static void end_something(struct node *node, struct stress_random *random)
{
    struct node *which = node;

    while (which->parent && stress_below(random, 2))
        which = which->parent;
    switch (stress_below(random, 4)) {
    case 0:
        which->fails++;
        sley_scope_fail(&which->scope, SLEY_EPROTO);
        break;
    case 1:
        ask(which, random);
        break;
    default:
        cancel_scope(which, "at random");
        break;
    }
}

/* --- spawning --------------------------------------------------------------------------------- */

static int grow(void *arg);

/* The owner, or one of its children. */
static void plant(struct node *owner, struct node *child, struct sley_task **task)
{
    unsigned index;
    int error;

    child->is_born_cancelled = task && sley_cancelled() == SLEY_ECANCELED;
    error = sley_scope_spawn(&owner->scope, grow, child, NULL, task);
    if (error) {
        CHECK(owner->options.limit, "no room in a scope without limit");
        check_stop(error);
        return;
    }
    index = owner->spawned++;
    if (!owner->may_be_joined_by_others)
        child->index = index;
    child->begun = 1;
}

/* A child adds another one to the scope that it is in itself. */
static void plant_beside(struct node *node)
{
    struct node *owner = node->parent;
    unsigned i;

    if (!owner || !owner->may_be_joined_by_others || (i = owner->by_others++) >= BY_OTHERS)
        return;
    plant(owner, &owner->children[BY_OWNER + i], NULL);
}

/* Cancels one child, which is nothing to the others, but for its end. */
static void cancel_one(struct node *owner, struct stress_random *random)
{
    struct node *child = &owner->children[stress_below(random, BY_OWNER)];

    if (!child->begun || child->told || owner->options.discard)
        return;
    child->is_cancelled = true;
    sley_cancel(child->task, "this one alone");
}

/* --- what is told ----------------------------------------------------------------------------- */

/* The child has been told; its handle is gone. */
static void note_told(struct node *owner, struct node *child)
{
    CHECK(child->told++ == 0, "a result was told twice");
    CHECK(child->ended == 1, "told of a child that has not ended");
    CHECK(child->index < CHILDREN, "index %" PRIu64, child->index);
    for (int i = 0; i < CHILDREN; i++)
        CHECK(!owner->children[i].told || &owner->children[i] == child ||
                  owner->children[i].index != child->index,
              "two have the index %" PRIu64, child->index);
    if (child->index < owner->gathered_count)
        CHECK(owner->gathered[child->index] == child->result, "%d was gathered, %d is told",
              owner->gathered[child->index], child->result);
    told++;
}

static void hear(struct node *owner, const struct sley_child *heard)
{
    struct node *child = heard->arg;

    CHECK(child >= owner->children && child < owner->children + CHILDREN, "somebody else's child");
    CHECK(heard->result == child->result, "%d is told, %d was returned", heard->result,
          child->result);
    if (owner->may_be_joined_by_others)
        child->index = heard->index;
    CHECK(heard->index == child->index, "index %" PRIu64 ", not %" PRIu64, heard->index,
          child->index);
    note_told(owner, child);
}

/* Goes on until there is none left, or the call fails: what it has said. */
static int hear_all(struct node *owner)
{
    struct sley_child child;
    int status;

    while ((status = sley_scope_next(&owner->scope, &child)) == 1)
        hear(owner, &child);
    if (status == 0)
        for (int i = 0; i < CHILDREN; i++)
            CHECK(owner->children[i].told == owner->children[i].begun, "a result was not told");
    return status;
}

static void hear_one(struct node *owner, struct node *child)
{
    int result, error;

    /* Whom others have joined is known by the index alone, which only next() tells. */
    if (!child->begun || child->told || owner->may_be_joined_by_others)
        return;
    if ((error = sley_scope_join(&owner->scope, child->task, &result))) {
        check_stop(error);
        return;
    }
    CHECK(result == child->result, "%d is told, %d was returned", result, child->result);
    note_told(owner, child);
}

/* The first `count` results; 0 or an error. */
static int gather(struct node *owner, unsigned count)
{
    int64_t spawned;

    for (int i = 0; i < CHILDREN; i++)
        owner->gathered[i] = UNTOUCHED;
    spawned = sley_scope_gather(&owner->scope, owner->gathered, count);
    if (spawned < 0)
        return (int)spawned;
    CHECK(spawned == owner->spawned, "%" PRId64 " of %u", spawned, owner->spawned);
    owner->gathered_count = count;
    for (unsigned i = count; i < CHILDREN; i++)
        CHECK(owner->gathered[i] == UNTOUCHED, "written behind the end");
    for (int i = 0; i < CHILDREN; i++) {
        struct node *child = &owner->children[i];

        CHECK(child->ended == child->begun, "gathered too early");
        if (child->begun && child->index < count &&
            (child->told || !owner->may_be_joined_by_others))
            CHECK(owner->gathered[child->index] == (child->told ? UNTOUCHED : child->result),
                  "result %" PRIu64 " is %d", child->index, owner->gathered[child->index]);
    }
    gathered++;
    return 0;
}

/* --- errors ----------------------------------------------------------------------------------- */

/* Whether a child with that index, if that is known, has returned it. */
static bool is_error_of_child(const struct node *owner, const struct sley_scope_error *error)
{
    for (int i = 0; i < CHILDREN; i++) {
        const struct node *child = &owner->children[i];
        bool known = child->told || (child->begun && !owner->may_be_joined_by_others);

        if (child->ended && child->result == error->error &&
            (!known || child->index == error->index))
            return true;
    }
    return false;
}

static void check_error(const struct node *owner, const struct sley_scope_error *error)
{
    if (error->index == UINT64_MAX) {
        CHECK(error->error == SLEY_EPROTO && !error->site && owner->fails, "nobody failed it");
        return;
    }
    CHECK(is_error_of_child(owner, error), "%d is no error of child %" PRIu64, error->error,
          error->index);
    CHECK(strcmp(error->site, "grow") == 0, "spawned at %s", error->site);
    errors_seen++;
}

/* Each child has one error at most. The owner, while the scope is open. */
static size_t check_errors(struct node *owner, struct sley_scope_error *errors)
{
    size_t count = sley_scope_errors(&owner->scope, errors, ERRORS);

    for (size_t i = 0; i < count && i < ERRORS; i++) {
        check_error(owner, &errors[i]);
        for (size_t k = 0; k < i && errors[i].index != UINT64_MAX; k++)
            CHECK(errors[i].index != errors[k].index, "two errors of one child");
    }
    return count;
}

/* All children have ended, so it is known how many errors there are; of those who were cancelled
 * not all are. */
static void check_all_errors(struct node *owner)
{
    struct sley_scope_error errors[ERRORS];
    size_t count = check_errors(owner, errors), certain = owner->fails, cancelled = 0;

    for (int i = 0; i < CHILDREN; i++) {
        int result = owner->children[i].result;

        cancelled += owner->children[i].ended && result == SLEY_ECANCELED;
        certain += owner->children[i].ended && result < 0 && result != SLEY_ECANCELED;
    }
    CHECK(count >= certain && count <= certain + cancelled, "%zu errors, not %zu to %zu", count,
          certain, certain + cancelled);
    CHECK(owner->scope.error == (count ? errors[0].error : 0), "%d is not the first one",
          owner->scope.error);
}

/* --- the life of a scope ---------------------------------------------------------------------- */

/* Takes results in one way or another, or leaves them. */
static void harvest(struct node *node, struct stress_random *random)
{
    int error = 0;

    switch (stress_below(random, 4)) {
    case 0:
        error = hear_all(node);
        break;
    case 1:
        hear_one(node, &node->children[stress_below(random, BY_OWNER)]);
        if (stress_below(random, 2))
            error = hear_all(node);
        break;
    case 2:
        error = gather(node, stress_below(random, CHILDREN + 1));
        break;
    default:
        break;
    }
    if (error)
        check_stop(error);
}

/* Waits for all whatever happens, and looks at all that there is. */
static void audit(struct node *node)
{
    SLEY_SHIELD()
    {
        CHECK(gather(node, CHILDREN) == 0, "not shielded");
        check_all_errors(node);
        CHECK(hear_all(node) == 0, "not shielded");
    }
    audits++;
}

static void check_discards(struct node *node)
{
    struct sley_scope_error errors[ERRORS];
    struct sley_child child;

    CHECK(sley_scope_next(&node->scope, &child) == SLEY_EINVAL, "it kept a result");
    CHECK(sley_scope_gather(&node->scope, NULL, 0) == SLEY_EINVAL, "it kept results");
    check_errors(node, errors);
}

/* The life inside of an open scope. */
static void live(struct node *node, struct stress_random *random)
{
    for (int i = 0; i < BY_OWNER && node->depth > 0; i++)
        if (stress_below(random, 4))
            plant(node, &node->children[i], &node->children[i].task);
    if (stress_below(random, 3) == 0)
        wait_a_little(random);
    if (stress_below(random, 16) == 0)
        end_something(node, random);
    if (stress_below(random, 8) == 0)
        cancel_one(node, random);
    if (stress_below(random, 4) == 0)
        clean_up(random);
    if (node->options.discard)
        check_discards(node);
    else
        harvest(node, random);
    if (!node->options.discard && stress_below(random, 2))
        audit(node);
}

/* What the scope was closed with, against how its children have ended. */
static void check_closed(struct node *node, int error)
{
    bool success = false, failure = node->fails, stopped = false, alone = false, is_one = false;

    for (int i = 0; i < CHILDREN; i++) {
        struct node *child = &node->children[i];

        CHECK(child->begun == child->ended, "a child outlives its scope");
        if (!child->begun)
            continue;
        success |= child->result >= 0;
        failure |= child->result < 0 && child->result != SLEY_ECANCELED;
        stopped |= child->result == SLEY_ECANCELED;
        alone |= child->result == SLEY_ECANCELED && child->is_cancelled;
        is_one |= child->result == error;
    }
    if (node->options.policy == SLEY_SCOPE_FIRST_SUCCESS && success)
        CHECK(error == 0, "%d, though one has succeeded", error);
    else if (error == 0)
        CHECK(!failure && (!stopped || node->is_scope_cancelled || node->is_scope_asked),
              "an error was lost");
    else if (error == SLEY_ECANCELED)
        CHECK(stopped && (alone || (!node->options.shield && has_reason(node))), "by whom?");
    else
        CHECK(is_one || (error == SLEY_EPROTO && node->fails), "%d is nobody's error", error);
}

/* Whether the rest was cancelled if, and only if, there was a reason to. */
static void check_policy(struct node *node)
{
    bool cancelled = node->scope.family.effective, must = node->is_scope_cancelled;

    for (int i = 0; i < CHILDREN; i++) {
        struct node *child = &node->children[i];

        must |= node->options.policy == SLEY_SCOPE_FIRST_SUCCESS && has_succeeded(child);
        /* Of one that is late the others are to hear themselves. */
        must |= node->options.policy == SLEY_SCOPE_FIRST_ERROR && has_failed(child) &&
                child->result != SLEY_ETIMEDOUT;
        lone_failures += has_failed(child) && !cancelled;
    }
    must |= node->options.policy == SLEY_SCOPE_FIRST_ERROR && node->fails;
    CHECK(!cancelled || scope_has_reason(node), "the rest was cancelled without a reason");
    CHECK(cancelled || !must, "the rest was not cancelled");
}

static struct sley_scope_options random_options(struct stress_random *random)
{
    struct sley_scope_options options = {.policy = (enum sley_scope_policy)stress_below(random, 3)};

    if (stress_below(random, 6) == 0)
        options.deadline = sley_after((int64_t)stress_below(random, 200000));
    if (stress_below(random, 6) == 0)
        options.limit = 1 + stress_below(random, 3);
    if (stress_below(random, 8) == 0)
        options.shield = true;
    if (stress_below(random, 8) == 0)
        options.discard = true;
    return options;
}

static void open_scope(struct node *node, struct stress_random *random)
{
    node->options = random_options(random);
    node->may_be_joined_by_others = !node->options.limit && stress_below(random, 4) == 0;
    node->children = calloc(CHILDREN, sizeof *node->children);
    CHECK(node->children, "no memory");
    for (int i = 0; i < CHILDREN; i++)
        node->children[i] = (struct node){
            .parent = node, .depth = i < BY_OWNER ? node->depth - 1 : 0, .index = UINT64_MAX};
    node->deadline = node->options.shield ? SLEY_FOREVER : sley_deadline();
    if (node->options.deadline && node->options.deadline < node->deadline)
        node->deadline = node->options.deadline;
    CHECK(sley_scope_open(&node->scope, &node->options) == 0, "no scope");
    CHECK(sley_deadline() == node->deadline, "not the earliest deadline");
    node->open = true;
}

static void have_scope(struct node *node, struct stress_random *random)
{
    int error;

    open_scope(node, random);
    live(node, random);
    if (stress_below(random, 12) == 0)
        cancel_scope(node, "left early");
    error = sley_scope_close(&node->scope);
    node->open = false;
    CHECK(error <= 0 && error == node->scope.error, "closed with %d", error);
    check_closed(node, error);
    check_policy(node);
    free(node->children);
    memset(&node->scope, 0xee, sizeof node->scope); /* nobody is at it any more */
}

/* --- the tasks -------------------------------------------------------------------------------- */

static void come_in(struct node *node)
{
    struct node *parent = node->parent;

    tasks++;
    if (!parent)
        return;
    CHECK(parent->open, "the parent's scope is closed");
    CHECK(++parent->inside <= parent->options.limit || !parent->options.limit,
          "more than %zu inside", parent->options.limit);
    CHECK(sley_deadline() == parent->deadline, "not the deadline of the scope");
}

static int choose_result(struct node *node, struct stress_random *random)
{
    int error = sley_cancelled(), number = ++numbers;

    CHECK(!node->is_born_cancelled || error == SLEY_ECANCELED, "born cancelled, now %d", error);
    if (error == SLEY_ECANCELED)
        CHECK(has_reason(node), "cancelled without a reason");
    else if (error)
        CHECK(error == SLEY_ETIMEDOUT && sley_deadline() <= sley_now(), "%d", error);
    if (stress_below(random, 12) == 0)
        return OWN_ERROR(number);
    return error ? error : number;
}

static int grow(void *arg)
{
    struct node *node = arg;
    struct stress_random random = stress_random(++streams);
    int64_t deadline = sley_deadline();

    come_in(node);
    if (node->depth == 0 || stress_below(&random, 4) == 0)
        wait_a_little(&random);
    else
        have_scope(node, &random);
    if (stress_below(&random, 3) == 0)
        plant_beside(node);
    if (stress_below(&random, 4) == 0)
        clean_up(&random);
    CHECK(!node->parent || node->parent->open, "the parent's scope is closed");
    CHECK(sley_deadline() == deadline, "the deadline is not what it was");
    node->result = choose_result(node, &random);
    if (node->parent)
        node->parent->inside--;
    CHECK(node->ended++ == 0, "ended twice");
    stress_alive();
    return node->result;
}

/* Half of the trees are cut down. */
static int forest(void *arg)
{
    struct stress_random random = stress_random(++streams);
    struct node *roots = calloc(ROOTS, sizeof *roots);
    struct sley_task *handles[ROOTS];

    (void)arg;
    CHECK(roots, "no memory");
    for (int i = 0; i < ROOTS; i++) {
        roots[i].depth = DEPTH;
        handles[i] = stress_spawn(grow, &roots[i]);
    }
    for (int i = 0; i < ROOTS / 2; i++) {
        sley_sleep((int64_t)stress_below(&random, 1000000));
        roots[i].is_cancelled = true;
        sley_cancel(handles[i], "the forest is cut");
    }
    for (int i = 0; i < ROOTS; i++) {
        int result = stress_join(handles[i]);

        CHECK(roots[i].ended == 1 && result == roots[i].result, "a root ended with %d", result);
    }
    free(roots);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned rounds;

    stress_begin(argc, argv);
    rounds = stress_count(30, 3);
    for (unsigned i = 0; i < rounds; i++)
        for (size_t w = 0; w < STRESS_WORKER_COUNTS; w++)
            stress_run(stress_workers[w], forest, NULL);
    printf("%u tasks, %u told, %u gathered, %u audits, %u errors, %u of them alone\n",
           (unsigned)tasks, (unsigned)told, (unsigned)gathered, (unsigned)audits,
           (unsigned)errors_seen, (unsigned)lone_failures);
    CHECK(told && gathered && audits && errors_seen && lone_failures, "too little has happened");
    return stress_end();
}
