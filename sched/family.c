/*
 * family.c: cancelling. The tree, its locks and the reasons are in family.h.
 *
 * The duel of a cancel with a task that begins a wait is told in wait.c: mark, heavy fence, look at
 * the wait word. Between marking and interrupting a task may have left what was cancelled, so both
 * happen under its lock, and the second looks at the mark again.
 */
#include "family.h"

#include "worker.h"

_Static_assert(sizeof(struct sley__lock) == sizeof(uint32_t), "see sley__family_lock");
_Static_assert(sizeof(struct list) == sizeof(struct sley__links), "see sley__family_children");

/* The families that one cancel has marked, in the order in which it found them; all pinned. */
struct visit {
    struct sley__family *first, *last;
};

/* --- marking -------------------------------------------------------------------------------- */

static void pin(struct sley__family *family, struct visit *visit)
{
    family->live++;
    family->next_visited = NULL;
    *(visit->last ? &visit->last->next_visited : &visit->first) = family;
    visit->last = family;
}

/* The family turns cancelled for its children. Under the owner's lock. */
static void turn(struct sley__family *family, const char *reason, struct visit *visit)
{
    sley__lock_acquire(sley__family_lock(family));
    family->effective = true;
    if (!family->reason)
        family->reason = reason;
    pin(family, visit);
    sley__lock_release(sley__family_lock(family));
}

/* Why the task is cancelled beside its own families. Its lock. */
static unsigned why(struct sley_task *task)
{
    return load_relaxed(&task->cancelled) & (SLEY__CANCEL_OWN | SLEY__CANCEL_PARENT);
}

/* Whether it is, where it is now. Its lock. */
static void set_cancelled(struct sley_task *task, bool cancelled)
{
    store_relaxed(&task->cancelled, (uint8_t)(why(task) | (cancelled ? SLEY__CANCELLED : 0)));
    if (cancelled)
        sley__forker_alert(&task->forker); /* partner: look() in fork.c */
}

static struct sley__family *outermost(struct sley_task *task)
{
    struct sley__family *family = task->family;

    while (family && family->outer)
        family = family->outer;
    return family;
}

/* Works out anew what of the task's chain is cancelled, and the task itself. `reason` is what it
 * inherits. Under its lock. */
static void update(struct sley_task *task, const char *reason, struct visit *visit)
{
    struct sley__family *family;
    bool cancelled = why(task) != 0;

    for (family = outermost(task); family; family = family->inner) {
        cancelled = family->cancelled || (cancelled && !family->shield);
        if (cancelled && !family->effective)
            turn(family, reason, visit);
        if (cancelled)
            reason = family->reason;
    }
    set_cancelled(task, cancelled); /* before the fence of whoever cancels */
}

/* Adds a cause to why the task is cancelled. Any thread. */
static void mark(struct sley_task *task, unsigned cause, const char *reason, struct visit *visit)
{
    sley__lock_acquire(&task->family_lock);
    if (cause == SLEY__CANCEL_OWN && !load_relaxed(&task->reason))
        store_relaxed(&task->reason, reason);
    store_relaxed(&task->cancelled, load_relaxed(&task->cancelled) | (uint8_t)cause);
    update(task, reason, visit);
    sley__lock_release(&task->family_lock);
}

/* Marks the children of all families of the visit, which grows meanwhile. */
static void mark_down(struct visit *visit)
{
    for (struct sley__family *family = visit->first; family; family = family->next_visited) {
        sley__lock_acquire(sley__family_lock(family));
        list_for_each (link, sley__family_children(family))
            mark(container_of(link, struct sley_task, sibling), SLEY__CANCEL_PARENT, family->reason,
                 visit);
        sley__lock_release(sley__family_lock(family));
    }
}

/* --- interrupting --------------------------------------------------------------------------- */

/* Ends the wait that a cancelled task is in, if any. After a fence_heavy. Any thread. */
static void interrupt(struct sley_task *task)
{
    uint64_t word;

    sley__lock_acquire(&task->family_lock);
    if (sley__task_is_cancelled(task)) {
        sley__hands_enter();
        word = load_acquire(&task->word);
        if (sley__task_wake(task, sley__task_ticket(word), 0, SLEY__WAIT_SHIELDED) ==
            SLEY__WAKE_QUEUE) {
            task->wake_result = SLEY_ECANCELED;
            sley__sched_ready(task, false);
        }
        sley__hands_leave();
    }
    sley__lock_release(&task->family_lock);
}

/* The last of a visit to a family; it may be gone when this returns. */
static void unpin(struct sley__family *family)
{
    struct sley__lock *lock = sley__family_lock(family);

    sley__lock_acquire(lock);
    list_for_each (link, sley__family_children(family))
        interrupt(container_of(link, struct sley_task, sibling));
    family->live--;
    family->unpinned(family);
    sley__lock_release(lock);
}

static void interrupt_down(struct visit *visit)
{
    struct sley__family *family = visit->first, *next;

    for (; family; family = next) {
        next = family->next_visited;
        unpin(family);
    }
}

/* Everything below is marked and interrupted; `task` is where it began and outlives the visit. */
static void finish_visit(struct visit *visit, struct sley_task *task)
{
    mark_down(visit);
    fence_heavy(); /* partner: fence_light in cancelled_meanwhile of worker.c */
    interrupt(task);
    interrupt_down(visit);
}

/* --- what is called ------------------------------------------------------------------------- */

void sley_cancel(struct sley_task *task, const char *reason)
{
    struct visit visit = {NULL, NULL};

    if (load_relaxed(&task->cancelled) & SLEY__CANCEL_OWN)
        return; /* whoever has come before does the rest */
    mark(task, SLEY__CANCEL_OWN, reason, &visit);
    finish_visit(&visit, task);
}

void sley__family_cancel(struct sley__family *family, const char *reason)
{
    struct sley_task *owner = family->owner;
    struct visit visit = {NULL, NULL};

    sley__lock_acquire(&owner->family_lock);
    if (family->cancelled) {
        sley__lock_release(&owner->family_lock);
        return;
    }
    family->cancelled = true;
    update(owner, reason, &visit);
    sley__lock_release(&owner->family_lock);
    finish_visit(&visit, owner); /* whom the pinned family keeps */
}

/* A lone task's part of the runtime's end: its families' children are visited too, as tasks. */
static int mark_each(struct sley_task *task, void *reason)
{
    enum sley__task_state state = sley__task_state(load_acquire(&task->word));
    struct visit visit = {NULL, NULL};

    if (state == SLEY__TASK_FREE || state == SLEY__TASK_DONE)
        return 0;
    mark(task, SLEY__CANCEL_OWN, reason, &visit);
    interrupt_down(&visit);
    return 0;
}

static int interrupt_each(struct sley_task *task, UNUSED void *arg)
{
    if (sley__task_is_cancelled(task))
        interrupt(task);
    return 0;
}

void sley__sched_cancel_all(struct sley__sched *sched, const char *reason)
{
    sley__task_each(&sched->tasks, mark_each, (void *)(uintptr_t)reason);
    fence_heavy(); /* partner: fence_light in cancelled_meanwhile of worker.c */
    sley__task_each(&sched->tasks, interrupt_each, NULL);
}

void sley__family_pin(struct sley__family *family)
{
    sley__lock_acquire(sley__family_lock(family));
    family->live++;
    sley__lock_release(sley__family_lock(family));
}

void sley__family_unpin(struct sley__family *family)
{
    sley__lock_acquire(sley__family_lock(family));
    family->live--;
    family->unpinned(family);
    sley__lock_release(sley__family_lock(family));
}

/* --- families ------------------------------------------------------------------------------- */

/* Why the task is cancelled, from the innermost family outwards. Its own lock. */
static const char *reason_of(struct sley_task *task)
{
    if (task->family)
        return task->family->reason;
    if (load_relaxed(&task->cancelled) & SLEY__CANCEL_OWN)
        return load_relaxed(&task->reason);
    return task->parent->reason;
}

void sley__family_open(struct sley__family *family, bool shield)
{
    struct sley_task *task = sley_self();

    list_init(sley__family_children(family));
    family->owner = task;
    family->shield = shield;
    sley__lock_acquire(&task->family_lock);
    if (!shield && sley__task_is_cancelled(task))
        family->reason = reason_of(task);
    family->outer = task->family;
    if (family->outer)
        family->outer->inner = family;
    task->family = family;
    family->effective = !shield && sley__task_is_cancelled(task);
    set_cancelled(task, family->effective);
    sley__lock_release(&task->family_lock);
}

void sley__family_close(struct sley__family *family)
{
    struct sley_task *task = family->owner;
    struct sley__family *outer = family->outer;

    ensure_msg(task && task == sley_self() && task->family == family,
               "a scope must be closed by the task that opened it, the innermost first");
    sley__lock_acquire(&task->family_lock);
    task->family = outer;
    if (outer)
        outer->inner = NULL;
    set_cancelled(task, outer ? outer->effective : why(task) != 0);
    sley__lock_release(&task->family_lock);
}

const char *sley_cancel_reason(void)
{
    struct sley_task *task = sley_self();
    const char *reason = NULL;

    if (!task || !sley__task_is_cancelled(task))
        return NULL;
    sley__lock_acquire(&task->family_lock);
    if (sley__task_is_cancelled(task))
        reason = reason_of(task);
    sley__lock_release(&task->family_lock);
    return reason;
}
