/*
 * held.c: debug builds know who has which lock, and say so when that cannot be right.
 *
 * Two notes, for two questions. "Do I have it already?" is asked at every lock and must also be
 * answered for foreign threads, so a mutex has a field with its owner. "What do I still have?" is
 * asked at the end of a task, which cannot look at all mutexes of the program, so a task has a
 * short list of what it has taken (and only a count of what did not fit: its last places are then
 * the ones that are not named). Reader-writer locks and limiters have many owners and use the list
 * for both.
 *
 * The list is the task's own: nobody else reads or writes it, so it orders nothing between threads
 * and hides no race from ThreadSanitizer. For the same reason the owner is read and written
 * relaxed: whoever compares it with himself has written that value himself, or it is not his.
 *
 * A mistake ends the process. All of these end in a hang otherwise, and a debug build that prints a
 * line and then hangs has not helped much.
 *   Rejected: one table of all locks that are held. It would need no list and no field, and would
 * order all critical sections of a program with each other.
 */
#include "held.h"

#include "task_impl.h"

#include <errno.h>

/* Who the caller is: the task, or an address that only this thread has, made odd. */
static NOINLINE const void *self(void)
{
    const struct sley_task *task = sley_self();

    return task ? (const void *)task : (const char *)&errno + 1;
}

/* The place of a lock in the caller's list, of NULL a free one; NULL if there is none. */
static struct sley__held *place_of(struct sley_task *task, const void *lock)
{
    for (unsigned i = 0; i < SLEY__HELD_MAX; i++)
        if (task->debug.lock[i].address == lock)
            return &task->debug.lock[i];
    return NULL;
}

static _Noreturn void panic_twice(const void *lock, const char *kind)
{
    const struct sley_task *task = sley_self();

    if (!task)
        sley__panic(__FILE__, __LINE__, "a thread waits for the %s %p, which it has itself", kind,
                    lock);
    sley__panic(__FILE__, __LINE__,
                "task %llu \"%s\", spawned at %s, waits for the %s %p, which it has itself",
                (unsigned long long)sley_task_id(task), sley__task_name(task),
                sley__task_site(task), kind, lock);
}

static _Noreturn void panic_not_held(const void *lock, const char *kind)
{
    const struct sley_task *task = sley_self();

    if (!task)
        sley__panic(__FILE__, __LINE__, "a thread releases the %s %p, which it does not have", kind,
                    lock);
    sley__panic(__FILE__, __LINE__,
                "task %llu \"%s\", spawned at %s, releases the %s %p, which it does not have",
                (unsigned long long)sley_task_id(task), sley__task_name(task),
                sley__task_site(task), kind, lock);
}

void sley__held_must_not(const void *lock, const char *kind)
{
    struct sley_task *task = sley_self();

    if (task && place_of(task, lock))
        panic_twice(lock, kind);
}

void sley__held_add(const void *lock, const char *kind)
{
    struct sley_task *task = sley_self();
    struct sley__held *place;

    if (!task)
        return;
    if ((place = place_of(task, NULL)))
        *place = (struct sley__held){lock, kind};
    else
        task->debug.more_locks++;
}

void sley__held_remove(const void *lock, const char *kind)
{
    struct sley_task *task = sley_self();
    struct sley__held *place;

    if (!task)
        return;
    if ((place = place_of(task, lock)))
        *place = (struct sley__held){0};
    else if (task->debug.more_locks)
        task->debug.more_locks--;
    else
        panic_not_held(lock, kind);
}

void sley__owner_must_not(atomic(const void *) * owner, const void *lock, const char *kind)
{
    if (load_relaxed(owner) == self())
        panic_twice(lock, kind);
}

void sley__owner_set(atomic(const void *) * owner, const void *lock, const char *kind)
{
    store_relaxed(owner, self());
    sley__held_add(lock, kind);
}

void sley__owner_clear(atomic(const void *) * owner, const void *lock, const char *kind)
{
    if (load_relaxed(owner) != self())
        panic_not_held(lock, kind);
    store_relaxed(owner, NULL);
    sley__held_remove(lock, kind);
}
