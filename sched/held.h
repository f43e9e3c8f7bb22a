/*
 * held.h: which locks a task has. Level 3; debug builds only, in others nothing is left of it.
 *
 * A lock that is taken twice by one task never comes free, and one that a task takes with it to its
 * end does not either; both show as a hang elsewhere, much later. So each task notes what it has
 * (task_impl.h), and the locks tell it here. See held.c.
 */
#ifndef SLEY_HELD_H
#define SLEY_HELD_H

#include "atomic.h"

#ifdef SLEY_DEBUG

/* The caller is about to wait for `lock`, or to take it. Panics if it has it: it would wait for
 * itself. `kind`: "mutex", static storage. Any thread; of foreign ones nothing is known. */
void sley__held_must_not(const void *lock, const char *kind);

/* The caller has it now, and has it no more. The latter panics if it did not have it. */
void sley__held_add(const void *lock, const char *kind);
void sley__held_remove(const void *lock, const char *kind);

/* The same three for a lock with a field that says who has it, which serves foreign threads too. */
void sley__owner_must_not(atomic(const void *) * owner, const void *lock, const char *kind);
void sley__owner_set(atomic(const void *) * owner, const void *lock, const char *kind);
void sley__owner_clear(atomic(const void *) * owner, const void *lock, const char *kind);

#else

static inline void sley__held_must_not(UNUSED const void *lock, UNUSED const char *kind)
{
}

static inline void sley__held_add(UNUSED const void *lock, UNUSED const char *kind)
{
}

static inline void sley__held_remove(UNUSED const void *lock, UNUSED const char *kind)
{
}

static inline void sley__owner_must_not(UNUSED atomic(const void *) * owner,
                                        UNUSED const void *lock, UNUSED const char *kind)
{
}

static inline void sley__owner_set(UNUSED atomic(const void *) * owner, UNUSED const void *lock,
                                   UNUSED const char *kind)
{
}

static inline void sley__owner_clear(UNUSED atomic(const void *) * owner, UNUSED const void *lock,
                                     UNUSED const char *kind)
{
}

#endif
#endif
