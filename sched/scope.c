/*
 * scope.c: scopes, that is families (family.h) with a policy and results.
 *
 * Everything about a scope's children is under the one lock of its family: a spawn takes it to
 * count the child, an end to say how it went. That is simple, and it is what a child costs more
 * than a plain task: two read-modify-writes, and on several workers the way of the lock's line
 * between them (docs/performance.md has the figures, and what could be done).
 *
 * A child that has ended moves from the list of children to the list of those done, where its
 * result waits; its own memory is the record, so keeping results allocates nothing. Only the owner
 * waits for children, so one waker is enough. Whoever ends as the last one may see the scope vanish
 * with the lock it has just released: the wake is sent under the lock, and the owner passes through
 * the lock before it goes on (waiters.h). An end that has to cancel the others pins the family over
 * that.
 *
 *   Rejected: children that push themselves on a lock-free list, which the owner collects (a scope
 * whose owner computes would keep all of its dead, and a limit needs to know of each end at once);
 * records of their own for results (an allocation per child); closing a scope by cancelling what is
 * left, always (a server's handlers are to be waited for; so only a scope that is left early does
 * it). Sources: Trio's nurseries; Curio's TaskGroup for iterating in the order of completion.
 */
#include "family.h"
#include "waiters.h"

#include <stdlib.h>

/* Marks a child's index when it is in the list of those done. */
#define ENDED      ((uint64_t)1 << 63)
#define ERRORS_MAX 64 /* kept by a scope that discards */

/* What the owner waits for. */
enum { NOTHING, ANY_END, THAT_END, ALL_ENDS, ALL_ENDS_SHIELDED, QUIET };

static inline struct sley_scope *scope_of(struct sley__family *family)
{
    return container_of(family, struct sley_scope, family);
}

static inline struct list *done_of(struct sley_scope *scope)
{
    return (struct list *)(void *)&scope->done;
}

static inline struct list *children_of(struct sley_scope *scope)
{
    return sley__family_children(&scope->family);
}

static inline void lock(struct sley_scope *scope)
{
    sley__lock_acquire(sley__family_lock(&scope->family));
}

static inline void unlock(struct sley_scope *scope)
{
    sley__lock_release(sley__family_lock(&scope->family));
}

static inline atomic(uint32_t) * asked_of(struct sley_scope *scope)
{
    return (atomic(uint32_t) *)&scope->asked;
}

/* --- the owner waits ------------------------------------------------------------------------ */

/* Whether nobody touches the scope any more but its owner, and the keeper; if that has ended
 * already, whoever is left instead will be waited for once it is out of the way. Under the lock. */
static bool is_quiet(struct sley_scope *scope)
{
    return scope->family.live <= (scope->keeper ? 1 : 0);
}

/* Whether what the owner waits for is there. Under the lock. */
static bool is_there(struct sley_scope *scope, int waits)
{
    switch (waits) {
    case QUIET:
        return is_quiet(scope);
    case THAT_END:
        return scope->wanted->index & ENDED;
    case ANY_END:
        return !list_empty(done_of(scope)) || list_empty(children_of(scope));
    default:
        return list_empty(children_of(scope));
    }
}

static NOINLINE void tell_owner_if_there(struct sley_scope *scope)
{
    if (!is_there(scope, scope->waits))
        return;
    scope->waits = NOTHING;
    sley__wake((struct sley__waker){scope->family.owner, scope->ticket}, 0);
}

/* Something has ended. Under the lock. */
static inline void tell_owner(struct sley_scope *scope)
{
    if (scope->waits == NOTHING || (scope->waits == QUIET && likely(!is_quiet(scope))))
        return;
    tell_owner_if_there(scope);
}

static bool is_shielded(int waits)
{
    return waits == QUIET || waits == ALL_ENDS_SHIELDED;
}

/* The lock is held, here and when it returns, and what `waits` says is not there. The owner. */
static int wait_once(struct sley_scope *scope, int waits)
{
    struct sley__waker waker;
    int error = 0;

    unlock(scope);
    if (is_shielded(waits))
        sley__wait_begin_shielded(&waker, "children");
    else
        error = sley__wait_begin(&waker, "children");
    lock(scope);
    if (error)
        return error;
    if (is_there(scope, waits)) {
        unlock(scope);
        sley__wait_abandon(NULL);
        lock(scope);
        return 0;
    }
    scope->waits = waits;
    scope->ticket = waker.ticket;
    unlock(scope);
    error = is_shielded(waits) ? sley__wait_park_shielded() : sley__wait_park(SLEY_FOREVER);
    lock(scope);
    scope->waits = NOTHING;
    return error;
}

/* Like wait_once() until it is there: 0, or an error and the lock is not held. What is there
 * already is told to who is cancelled as well: the winner of a race is known after it has cancelled
 * the rest, the owner included. The owner. */
static int wait_for(struct sley_scope *scope, int waits)
{
    struct sley_task *self = sley_self();
    int error;

    if (unlikely(!self))
        return SLEY_ENOTASK;
    if (unlikely(self != scope->family.owner))
        return SLEY_EPERM;
    lock(scope);
    while (!is_there(scope, waits))
        if ((error = wait_once(scope, waits)) && !is_there(scope, waits)) {
            unlock(scope);
            return error;
        }
    return 0;
}

/* --- errors and the policy ------------------------------------------------------------------ */

/* Keeps an error, if there is memory. Under the lock. */
static void keep_error(struct sley_scope *scope, int error, uint64_t index, const char *site)
{
    size_t kept = scope->errors_kept;

    scope->error_count++;
    if (kept + 1 != scope->error_count || (scope->discard && kept == ERRORS_MAX))
        return;                     /* without holes: the first so many */
    if ((kept & (kept - 1)) == 0) { /* the room is a power of two */
        void *more = realloc(scope->errors, (kept ? 2 * kept : 1) * sizeof *scope->errors);

        if (!more)
            return;
        scope->errors = more;
    }
    scope->errors[scope->errors_kept++] = (struct sley_scope_error){error, index, site};
}

/* Takes note of an error; true if the rest is to be cancelled. Under the lock. */
static NOINLINE bool judge_error(struct sley_scope *scope, int result, uint64_t index,
                                 const char *site)
{
    if (result == SLEY_ECANCELED && sley__family_is_cancelled(&scope->family)) {
        scope->absorbed = true;
        return false;
    }
    keep_error(scope, result, index, site);
    if (!scope->error)
        scope->error = result;
    if (result == SLEY_ETIMEDOUT && scope->family.deadline <= sley_now())
        return false; /* the others are late as well, and shall hear that */
    return scope->policy == SLEY_SCOPE_FIRST_ERROR;
}

/* Takes note of a child's result; likewise. Under the lock. */
static inline bool judge(struct sley_scope *scope, const struct sley_task *child)
{
    if (unlikely(child->result < 0))
        return judge_error(scope, child->result, child->index, load_relaxed(&child->site));
    scope->succeeded = true;
    return scope->policy == SLEY_SCOPE_FIRST_SUCCESS;
}

/* Cancels the rest; the caller has pinned the family. */
static void cancel_rest(struct sley_scope *scope)
{
    sley__family_cancel(&scope->family, scope->policy == SLEY_SCOPE_FIRST_ERROR
                                            ? "another task of the scope has failed"
                                            : "another task of the scope has succeeded");
    sley__family_unpin(&scope->family);
}

/* --- children end --------------------------------------------------------------------------- */

/* A turn is free: to the first who waits for one, or back to the count. Under the lock. */
static void give_turn(struct sley_scope *scope)
{
    if (!sley__waiters_grant_first(&scope->room))
        scope->running--;
}

/* The family's callback, when a child has ended: true if its memory is not needed. The child's
 * worker. */
static bool child_ended(struct sley__family *family, struct sley_task *child)
{
    struct sley_scope *scope = scope_of(family);
    bool cancel, discard = scope->discard;

    lock(scope);
    cancel = judge(scope, child) && !sley__family_is_cancelled(family);
    list_remove(&child->sibling);
    if (!discard) {
        child->index |= ENDED;
        list_push_back(done_of(scope), &child->sibling);
    }
    if (cancel)
        family->live++;
    family->live--;
    if (unlikely(scope->limit))
        give_turn(scope);
    tell_owner(scope);
    unlock(scope); /* from here on the scope may be gone, unless it is pinned */
    if (cancel)
        cancel_rest(scope);
    return discard;
}

/* The family's callback, when somebody has let go of it. Under the lock. */
static void unpinned(struct sley__family *family)
{
    tell_owner(scope_of(family));
}

/* --- open and close ------------------------------------------------------------------------- */

static void fill(struct sley_scope *scope, const struct sley_scope_options *options)
{
    *scope = (struct sley_scope){.policy = options->policy,
                                 .discard = options->discard,
                                 .limit = options->limit,
                                 .outer_deadline = sley_deadline_narrow(SLEY_FOREVER),
                                 .family = {.ended = child_ended, .unpinned = unpinned}};
    list_init(done_of(scope));
    if (options->shield)
        scope->outer_bound = sley__wait_bound(SLEY_FOREVER);
    scope->family.deadline = options->shield ? SLEY_FOREVER : sley_deadline();
    if (options->deadline)
        scope->family.deadline = min_i64(scope->family.deadline, options->deadline);
}

int sley_scope_open(struct sley_scope *scope, const struct sley_scope_options *options)
{
    static const struct sley_scope_options defaults;

    if (!options)
        options = &defaults;
    if (!sley_self()) {
        *scope = (struct sley_scope){.error = SLEY_ENOTASK};
        return SLEY_ENOTASK;
    }
    fill(scope, options);
    sley_deadline_restore(scope->family.deadline);
    sley__family_open(&scope->family, options->shield);
    return 0;
}

/* All results that nobody has taken. The owner, nobody else is left. */
static void drop_results(struct sley_scope *scope)
{
    struct sley_task *first = NULL;
    struct list *link;

    while ((link = list_pop_front(done_of(scope)))) {
        struct sley_task *child = container_of(link, struct sley_task, sibling);

        child->next = first;
        first = child;
    }
    sley__family_bury(first);
}

/* Returns when nobody else touches the scope. The owner. */
static void await_quiet(struct sley_scope *scope)
{
    struct sley_task *keeper;

    wait_for(scope, QUIET);
    keeper = scope->keeper;
    scope->keeper = NULL; /* from now on it counts */
    unlock(scope);
    if (!keeper)
        return;
    sley_cancel(keeper, "the scope has ended");
    sley_detach(keeper);
    wait_for(scope, QUIET);
    unlock(scope);
}

int sley_scope_close(struct sley_scope *scope)
{
    if (!scope->family.owner)
        return SLEY_ENOTASK; /* it was never open */
    if (sley_self() != scope->family.owner)
        return SLEY_EPERM;
    await_quiet(scope);
    sley__family_close(&scope->family);
    if (scope->family.shield)
        sley__wait_bound(scope->outer_bound);
    sley_deadline_restore(scope->outer_deadline);
    await_quiet(scope); /* a cancel from outside that had begun before */
    drop_results(scope);
    free(scope->errors);
    scope->errors = NULL;
    scope->errors_kept = 0;
    if (scope->policy == SLEY_SCOPE_FIRST_SUCCESS && scope->succeeded)
        scope->error = 0;
    else if (!scope->error && scope->absorbed && !scope->family.cancelled)
        scope->error = SLEY_ECANCELED;
    return scope->error;
}

/* --- spawn ---------------------------------------------------------------------------------- */

/* Takes a turn that is free. Under the lock. */
static bool take_turn(struct sley_scope *scope)
{
    bool is_free = scope->running < scope->limit;

    scope->running += is_free;
    return is_free;
}

/* Waits in the queue for a turn; one that is there needs no wait, so it is also for who is
 * cancelled. Any task inside. */
static NOINLINE int await_turn(struct sley_scope *scope)
{
    struct sley__waiter waiter;
    bool taken;
    int error;

    lock(scope);
    taken = take_turn(scope);
    unlock(scope);
    if (taken)
        return 0;
    if ((error = sley__waiter_begin(&waiter, "room in a scope")))
        return error;
    lock(scope);
    if (take_turn(scope)) {
        unlock(scope);
        sley__waiter_abandon(&waiter);
        return 0;
    }
    sley__waiters_append(&scope->room, &waiter);
    unlock(scope);
    error = sley__waiter_park(&waiter);
    lock(scope);
    if (waiter.queued)
        sley__waiters_remove(&scope->room, &waiter);
    unlock(scope);
    return waiter.granted ? 0 : error;
}

/* A spawn that needs a turn. Any task inside. */
static NOINLINE int spawn_in_turn(struct sley_scope *scope, sley_task_fn *fn, void *arg,
                                  const struct sley_task_options *options, struct sley_task **out,
                                  const char *site)
{
    int error = sley_self() ? await_turn(scope) : SLEY_ENOTASK;

    if (error)
        return error;
    error = sley__family_spawn(&scope->family, fn, arg, options, out, site);
    if (error) {
        lock(scope);
        give_turn(scope);
        unlock(scope);
    }
    return error;
}

int sley_scope_spawn_at(struct sley_scope *scope, sley_task_fn *fn, void *arg,
                        const struct sley_task_options *options, struct sley_task **out,
                        const char *site)
{
    return unlikely(scope->limit) ? spawn_in_turn(scope, fn, arg, options, out, site)
                                  : sley__family_spawn(&scope->family, fn, arg, options, out, site);
}

/* --- results -------------------------------------------------------------------------------- */

/* Takes an ended child out; its memory must still be given back. Under the lock. */
static void take(struct sley_task *child, struct sley_child *out)
{
    list_remove(&child->sibling);
    *out = (struct sley_child){child->arg, child->result, child->index & ~ENDED};
    child->next = NULL;
}

int sley_scope_next(struct sley_scope *scope, struct sley_child *child)
{
    struct sley_task *task;
    int error;

    if (unlikely(scope->discard))
        return SLEY_EINVAL;
    if ((error = wait_for(scope, ANY_END)))
        return error;
    if (list_empty(
            done_of(scope))) { /* that, a loop of a cancelled task must not take for success */
        unlock(scope);
        return sley__wait_check();
    }
    task = container_of(done_of(scope)->next, struct sley_task, sibling);
    take(task, child);
    unlock(scope);
    sley__family_bury(task);
    return 1;
}

int sley_scope_join(struct sley_scope *scope, struct sley_task *child, int *result)
{
    struct sley_child taken;
    int error;

    if (unlikely(scope->discard || !child || child->parent != &scope->family))
        return SLEY_EINVAL;
    if (unlikely(sley_self() != scope->family.owner))
        return SLEY_EPERM;
    scope->wanted = child;
    if ((error = wait_for(scope, THAT_END)))
        return error;
    take(child, &taken);
    unlock(scope);
    sley__family_bury(child);
    if (result)
        *result = taken.result;
    return 0;
}

int64_t sley_scope_gather(struct sley_scope *scope, int *results, size_t count)
{
    int64_t spawned;
    int error;

    if (unlikely(scope->discard))
        return SLEY_EINVAL;
    if ((error = wait_for(scope, ALL_ENDS)))
        return error;
    list_for_each (link, done_of(scope)) {
        struct sley_task *child = container_of(link, struct sley_task, sibling);
        uint64_t index = child->index & ~ENDED;

        if (index < count)
            results[index] = child->result;
    }
    spawned = (int64_t)scope->family.spawned;
    unlock(scope);
    return spawned;
}

int sley_scope_wait(struct sley_scope *scope)
{
    int error = wait_for(scope, ALL_ENDS_SHIELDED);

    if (error)
        return error;
    error = scope->error;
    unlock(scope);
    return error;
}

size_t sley_scope_errors(struct sley_scope *scope, struct sley_scope_error *errors, size_t max)
{
    size_t count;

    lock(scope);
    count = scope->error_count;
    for (size_t i = 0; i < count && i < max; i++)
        errors[i] = i < scope->errors_kept ? scope->errors[i] : (struct sley_scope_error){0};
    unlock(scope);
    return count;
}

/* --- ending it ------------------------------------------------------------------------------ */

void sley_scope_cancel(struct sley_scope *scope, const char *reason)
{
    sley__family_pin(&scope->family);
    sley__family_cancel(&scope->family, reason);
    sley__family_unpin(&scope->family);
}

void sley_scope_fail(struct sley_scope *scope, int error)
{
    bool cancel;

    lock(scope);
    cancel = error < 0 && judge_error(scope, error, UINT64_MAX, NULL);
    if (cancel)
        scope->family.live++;
    unlock(scope);
    if (cancel)
        cancel_rest(scope);
}

/* The keeper: lets the grace period pass. Its pin keeps the scope. */
static int keep_grace(void *arg)
{
    struct sley_scope *scope = arg;

    sley_deadline_restore(SLEY_FOREVER); /* whoever asked may have had one */
    if (sley_sleep(scope->grace) == 0)
        sley__family_cancel(&scope->family, scope->grace_reason);
    sley__family_unpin(&scope->family);
    return 0;
}

/* Makes the caller the one who asks. */
static bool ask_first(struct sley_scope *scope)
{
    uint32_t no = 0;

    /* Release: what was done before; partner: acquire in sley_scope_asked. */
    return cas_acq_rel(asked_of(scope), &no, 1);
}

int sley_scope_ask(struct sley_scope *scope, int64_t grace, const char *reason)
{
    static const struct sley_task_options options = {.name = "grace period of a scope"};
    struct sley_task *keeper;
    int error;

    if (!ask_first(scope))
        return SLEY_EBUSY;
    lock(scope);
    scope->grace = grace;
    scope->grace_reason = reason;
    scope->family.live++;
    error = sley_spawn(keep_grace, scope, &options, &keeper);
    if (error) {
        scope->family.live--;
        store_release(asked_of(scope), 0); /* nobody has asked, and nobody will cancel it */
    } else {
        scope->keeper = keeper;
    }
    tell_owner(scope);
    unlock(scope);
    return error;
}

/* The family that is around `family`: of the same task, or the one it is a child of. */
static struct sley__family *around(const struct sley__family *family)
{
    if (family->outer)
        return family->outer;
    return family->owner->in_family ? family->owner->parent : NULL;
}

bool sley_scope_asked(void)
{
    struct sley_task *self = sley_self();
    struct sley__family *family;

    if (!self)
        return false;
    family = self->family ? self->family : self->in_family ? self->parent : NULL;
    for (; family; family = around(family)) /* all are open for as long as we are inside */
        if (load_acquire(asked_of(scope_of(family))))
            return true;
    return false;
}
