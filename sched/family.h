/*
 * family.h: who is whose child, and what cancels them. Level 2; what scopes stand on.
 *
 * A family is a set of child tasks that a task, their owner, has opened; a scope (scope.c) is a
 * family with a policy. A task's own open families are a chain, from the outermost, whose parent is
 * the family that the task itself is a child of, to the innermost, which it is in now. So all tasks
 * and families are one tree, and every lock in it is taken from the root towards the leaves:
 *
 *     a family's lock      its list of children, who are in it; whether it is cancelled for them
 *     a task's family_lock its chain of open families, why it is cancelled
 *
 * A cancel runs down the tree. What it finds uncancelled it marks; each family turns cancelled once
 * in its life, so it is in the work list of one cancel only, through a link of its own. Nothing
 * recurses, a tree may be a million deep. A family in the list is pinned, which its owner's close
 * waits for. When all are marked there is one heavy fence for all of them, and then each child is
 * taken out of its wait, under its lock: a task that opens a shield needs the same lock, so what
 * it waits for inside of the shield is not what an older cancel interrupts.
 *
 * Whether a task is cancelled is worked out when something changes (a cancel, a scope that is
 * opened or left) and kept in one byte of the task, so that the calls that look at it look at that
 * byte. Families inherit: cancelled is who was cancelled, or has no shield and is in what is.
 *
 *   Rejected: working it out at each call by walking up the chain (a read per open scope per call,
 *   of memory that others write); one lock for a whole tree (spawns into two scopes of a server
 *   would share it); walking all tasks of the runtime per cancel (a server cancels all the time).
 *   Sources: Trio's cancel scopes for the semantics.
 */
#ifndef SLEY_FAMILY_H
#define SLEY_FAMILY_H

#include "task_impl.h"

#include <sley/scope.h>

static inline struct sley__lock *sley__family_lock(struct sley__family *family)
{
    return (struct sley__lock *)(void *)&family->lock;
}

/* Tasks of `family` that have not ended. Under its lock. */
static inline struct list *sley__family_children(struct sley__family *family)
{
    return (struct list *)(void *)&family->children;
}

/* Whether the family is cancelled for its children. Under its lock. */
static inline bool sley__family_is_cancelled(const struct sley__family *family)
{
    return family->effective;
}

/* Makes `family` the innermost one of the current task; all but `ended`, `unpinned` and `deadline`
 * is zero. */
void sley__family_open(struct sley__family *family, bool shield);

/* The current task leaves it; it must be its innermost one. Afterwards no cancel begins with it,
 * but one may still have it pinned: it is free to go when `live` is 0. */
void sley__family_close(struct sley__family *family);

/* Keeps it from being left, and ends that; the last touch of a family by whoever keeps it. Any
 * thread while it is open. */
void sley__family_pin(struct sley__family *family);
void sley__family_unpin(struct sley__family *family);

/* Cancels it: `reason` is static or outlives it, and may be NULL. Any thread while it is open. */
void sley__family_cancel(struct sley__family *family, const char *reason);

/* Spawns a child of `family`, whose ambient deadline is the earlier one of the family's and that in
 * the options. Errors as sley_spawn(). From a task while it is open. */
int sley__family_spawn(struct sley__family *family, sley_task_fn *fn, void *arg,
                       const struct sley_task_options *options, struct sley_task **out,
                       const char *site);

/* Frees ended children: a chain through next. Any thread. */
void sley__family_bury(struct sley_task *first);

#endif
