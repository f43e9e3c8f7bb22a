/*
 * sley/scope.h: structured concurrency. A scope owns the tasks that are spawned into it: it ends
 * only when they have, whatever way is taken out of it, and what goes wrong in one of them is known
 * to the others and to whoever opened it.
 *
 *     struct sley_scope scope;
 *     SLEY_SCOPE(&scope, .deadline = sley_after(SLEY_SECONDS(10))) {
 *         for (i = 0; i < n; i++)
 *             sley_scope_spawn(&scope, probe, &domain[i], NULL, NULL);
 *         while (sley_scope_next(&scope, &child) == 1)     in the order in which they finish
 *             print(child.arg, child.result);
 *     }
 *     return scope.error;
 *
 * A scope is a value, mostly on the stack of the task that opens it, its owner. Scopes of one task
 * are closed in the reverse order. Spawning, cancelling, asking and failing may be done by any task
 * that is inside (the owner, its children, theirs); the calls that wait for children are the
 * owner's.
 *
 * Cancellation goes down: cancelling a scope cancels what its owner does inside of it, its
 * children, the scopes they have open, and so on, except what is under a shield. It is
 * level-triggered: as long as a task is in a cancelled scope, every call of it that may park
 * returns SLEY_ECANCELED; once it has left the scope, it is not cancelled any more. Work that was
 * done is reported as done. A deadline works the same way with SLEY_ETIMEDOUT; the earliest one
 * counts, and a cancel counts more.
 */
#ifndef SLEY_SCOPE_H
#define SLEY_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/sync.h>
#include <sley/task.h>
#include <sley/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a scope does when a child ends. A child's negative result is its error; SLEY_ECANCELED is
 * none in a scope that is cancelled. */
enum sley_scope_policy {
    SLEY_SCOPE_FIRST_ERROR,   /* the first error cancels the rest */
    SLEY_SCOPE_ALL,           /* all run to their end */
    SLEY_SCOPE_FIRST_SUCCESS, /* the first result that is no error cancels the rest; errors count
                                 only if there was no such one */
};

/* What cancels the rest cancels the owner's waiting inside as well, but what has ended by then is
 * still told: by sley_scope_next() at once, and by all calls after a sley_scope_wait(). */

/* Zero in a field means its default. Copied. */
struct sley_scope_options {
    int unused; /* so that SLEY_SCOPE(&scope) is well-formed */
    enum sley_scope_policy policy;
    int64_t deadline; /* absolute, ns: for the owner inside the scope, and for the children.
                         Default: the ambient one alone */
    size_t limit;     /* at most so many children at once: a spawn waits for its turn. Default:
                         any number */
    bool shield;      /* neither a cancel nor a deadline from outside reaches into the scope */
    bool discard;     /* results are not kept, so there is nothing to iterate or gather: for a scope
                         that stays open while thousands come and go */
};

/* --- opaque: what cancels the children -------------------------------------------------------- */

struct sley__links {
    struct sley__links *next, *previous;
};

struct sley__family {
    uint32_t lock;
    bool cancelled, shield, effective;
    const char *reason;
    struct sley_task *owner;
    struct sley__family *outer, *inner, *next_visited;
    struct sley__links children;
    size_t live;      /* children that have not ended, and cancels that are busy with it */
    uint64_t spawned; /* children, ever */
    int64_t deadline;
    bool (*ended)(struct sley__family *family, struct sley_task *child);
    void (*unpinned)(struct sley__family *family);
};

/* ---------------------------------------------------------------------------------------------- */

/* A scope. Only `error` is for the reader; the rest is opaque. */
struct sley_scope {
    struct sley__family family;
    int error; /* the first error so far, 0 if none; final once the scope is closed */
    enum sley_scope_policy policy;
    bool discard, succeeded, absorbed;
    uint32_t asked;
    size_t limit, running; /* children that have not ended, and turns that were given away */
    struct sley__waiters room;
    struct sley__links done; /* children whose results wait to be taken, in the order of ends */
    int64_t outer_deadline, outer_bound;
    int waits; /* what for, while the owner does */
    uint64_t ticket;
    struct sley_task *wanted; /* by sley_scope_join() */
    struct sley_task *keeper; /* waits for the end of the grace period */
    int64_t grace;
    const char *grace_reason;
    struct sley_scope_error *errors;
    size_t error_count, errors_kept;
};

/* Opens a scope in the calling task, as the innermost one. It must be closed, by the same task.
 *   options  NULL for all defaults
 * 0, or SLEY_ENOTASK. Works in a cancelled task as well. From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_scope_open(struct sley_scope *scope, const struct sley_scope_options *options);

/* Waits until all children have ended, without regard to cancel and deadline (these reach the
 * children, and end them), frees what was kept, and leaves the scope. Returns scope->error:
 *   0               no child failed
 *   SLEY_ECANCELED  none failed, but some were ended by a cancel that came from outside
 *   else            the first error, by policy; or what sley_scope_fail() was given
 * The owner; the scope must be its innermost one. May park. Since 0.1. */
SLEY_EXPORT int sley_scope_close(struct sley_scope *scope);

/* Spawns fn(arg) as a child of the scope.
 *   options  const struct sley_task_options *, or NULL; the ambient deadline is the scope's
 *   out      struct sley_task **, may be NULL: the child's handle, to be cancelled, unparked or
 *            waited for by sley_scope_join() until its result has been taken or the scope is
 *            closed; of a scope that discards results only until the child has ended. It is the
 *            scope's: neither sley_join() nor sley_detach() take it
 * Returns 0, the errors of sley_spawn(), or, if it has to wait for its turn,
 * SLEY_ECANCELED / SLEY_ETIMEDOUT: nothing was spawned. A child of a cancelled scope runs,
 * cancelled from the beginning. From a task inside the scope. Parks only if there is a limit and it
 * is reached. Since 0.1. */
#define sley_scope_spawn(scope, fn, arg, options, out) \
    sley_scope_spawn_at((scope), (fn), (arg), (options), (out), SLEY__SITE(#fn))
SLEY_EXPORT int sley_scope_spawn_at(struct sley_scope *scope, sley_task_fn *fn, void *arg,
                                    const struct sley_task_options *options, struct sley_task **out,
                                    const char *site);

/* A child that has ended. */
struct sley_child {
    void *arg;      /* what it was spawned with */
    int result;     /* what it has returned */
    uint64_t index; /* how many children were spawned before it */
};

/* Waits for the next child to end, and takes its result: each is told once, in the order in which
 * they end.
 *   1               *child is one
 *   0               there is none left
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *                   none is there to be taken, and the caller is cancelled or late; children that
 *                   there are go on
 *   SLEY_EINVAL     the scope discards results
 *   SLEY_EPERM      the caller is not the owner
 *   SLEY_ENOTASK
 * The owner. May park. Since 0.1. */
SLEY_EXPORT int sley_scope_next(struct sley_scope *scope, struct sley_child *child);

/* Waits until that child has ended, and takes its result (NULL: drops it). 0 and the errors of
 * sley_scope_next(). The handle is not valid any more afterwards. The owner. May park. Since 0.1.
 */
SLEY_EXPORT int sley_scope_join(struct sley_scope *scope, struct sley_task *child, int *result);

/* Waits until all children have ended and writes the results that have not been taken to
 * results[index], for the first `count` children in the order of their spawns. Returns how many
 * children there were; errors as sley_scope_next(). The results stay to be taken. The owner. May
 * park. Since 0.1. */
SLEY_EXPORT int64_t sley_scope_gather(struct sley_scope *scope, int *results, size_t count);

/* Waits until all children have ended, without regard to cancel and deadline (these reach the
 * children, and end them); the scope stays open, and results and errors can be read. The way to all
 * of them where the first one cancels the rest. Returns what scope->error is now, or SLEY_EPERM,
 * SLEY_ENOTASK. The owner. May park. Since 0.1. */
SLEY_EXPORT int sley_scope_wait(struct sley_scope *scope);

/* Cancels everything inside the scope; what sley_cancel_reason() will say there.
 *   reason  a string that outlives the scope, or NULL. The first one stays
 * From the return of the first call on every child is cancelled; another call at the same time may
 * return before the first has reached them all.
 * Any thread, while the scope is known to be open. Never parks. Since 0.1. */
SLEY_EXPORT void sley_scope_cancel(struct sley_scope *scope, const char *reason);

/* Asks first: from now on sley_scope_asked() is true inside, and what is still running after
 * `grace` ns is cancelled with `reason`. 0, or the errors of sley_spawn(); SLEY_EBUSY: asked
 * before. From a task inside the scope. Never parks. Since 0.1. */
SLEY_EXPORT int sley_scope_ask(struct sley_scope *scope, int64_t grace, const char *reason);

/* True if the calling task is in a scope, or in one that is in one, that was asked to come to an
 * end: for loops that can stop between two pieces of work. From a task. Never parks. Since 0.1. */
SLEY_EXPORT bool sley_scope_asked(void);

/* Counts `error` (negative) as if a child had failed with it. Any task inside. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_scope_fail(struct sley_scope *scope, int error);

/* One of the errors of a scope. */
struct sley_scope_error {
    int error;
    uint64_t index;   /* of the child; UINT64_MAX: by sley_scope_fail() */
    const char *site; /* where it was spawned: "name\0file:line"; NULL likewise */
};

/* All errors so far, in the order in which they came, not only the first: copies up to `max` of
 * them and returns how many there were. A scope that discards keeps the first 64 of them; any keeps
 * fewer if there is no memory. In the place of one that was not kept is one that is all zero, and
 * the first is in scope->error in any case. The owner, before the close. Never parks. Since 0.1. */
SLEY_EXPORT size_t sley_scope_errors(struct sley_scope *scope, struct sley_scope_error *errors,
                                     size_t max);

/* --- blocks ----------------------------------------------------------------------------------- */

/* A block that is a scope: opened before it, closed after it. Whoever leaves it by break, return or
 * goto cancels the children, and the leaving waits until they have ended. The options are
 * designated initialisers of struct sley_scope_options. Without a task the block is skipped and the
 * scope's error is SLEY_ENOTASK. C only; in C++ use the functions. */
#define SLEY_SCOPE(scope, ...) SLEY__SCOPE(SLEY__NAME(sley__open), scope, .unused = 0, __VA_ARGS__)
#define SLEY__SCOPE(open, scope, ...)                                               \
    for (struct sley_scope * open __attribute__((cleanup(sley__scope_leave))) =     \
             sley__scope_enter((scope), &(struct sley_scope_options){__VA_ARGS__}); \
         open; open = sley__scope_end(open))

/* A block that neither a cancel nor a deadline from outside reaches into: for cleanup that must
 * wait for something. It should have a deadline of its own: SLEY_SHIELD(.deadline = ...). C only.
 */
#define SLEY_SHIELD(...) \
    SLEY__SHIELD(SLEY__NAME(sley__shield), SLEY__NAME(sley__open), .shield = true, __VA_ARGS__)
#define SLEY__SHIELD(scope, open, ...)                                             \
    for (struct sley_scope scope,                                                  \
         *open __attribute__((cleanup(sley__scope_leave))) =                       \
             sley__scope_enter(&scope, &(struct sley_scope_options){__VA_ARGS__}); \
         open; open = sley__scope_end(open))

/* A block with an ambient deadline (absolute, ns), if that is earlier than the one in force. In a
 * foreign thread the block runs, and nothing bounds what it waits for. */
#define SLEY_WITH_DEADLINE(deadline) SLEY__WITH_DEADLINE(SLEY__NAME(sley__before), (deadline))
#define SLEY__WITH_DEADLINE(before, deadline)                                                     \
    for (struct sley__deadline_block before                                                       \
         __attribute__((cleanup(sley__deadline_leave))) = {sley_deadline_narrow(deadline), true}; \
         before.inside; before.inside = false)

struct sley__deadline_block {
    int64_t before;
    bool inside;
};

static inline struct sley_scope *sley__scope_enter(struct sley_scope *scope,
                                                   const struct sley_scope_options *options)
{
    return sley_scope_open(scope, options) == 0 ? scope : NULL;
}

static inline struct sley_scope *sley__scope_end(struct sley_scope *scope)
{
    sley_scope_close(scope);
    return NULL;
}

static inline void sley__scope_leave(struct sley_scope **scope)
{
    if (!*scope)
        return;
    sley_scope_cancel(*scope, "the scope was left early");
    sley_scope_close(*scope);
}

static inline void sley__deadline_leave(struct sley__deadline_block *block)
{
    sley_deadline_restore(block->before);
}

#ifdef __cplusplus
}
#endif
#endif
