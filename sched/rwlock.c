/*
 * rwlock.c: many readers or one writer.
 *
 * Everything is under the small lock: the number of readers, the writer, the list. A reader's two
 * counts in one atomic word would save that lock, and be contended by all readers just the same.
 * Order of arrival decides: a reader that finds somebody waiting waits behind, so writers do not
 * starve; a release lets the first waiter in and, if that is a reader, all the readers that follow
 * it directly.
 */
#include "waiters.h"

#include "held.h"

static const char kind_name[] = "reader-writer lock";

enum { READER, WRITER };

static struct sley__lock *lock_of(struct sley_rwlock *rwlock)
{
    return sley__waiters_lock(&rwlock->waiters);
}

/* Whether it may be had by `kind` now, apart from who waits. Under the lock. */
static bool is_free(const struct sley_rwlock *rwlock, unsigned kind)
{
    return !rwlock->writer && (kind == READER || !rwlock->readers);
}

static void have(struct sley_rwlock *rwlock, unsigned kind)
{
    if (kind == READER)
        rwlock->readers++;
    else
        rwlock->writer = 1;
}

/* Lets in who may go in, in order. Under the lock. */
static void let_in(struct sley_rwlock *rwlock)
{
    struct sley__waiter *first;

    while ((first = rwlock->waiters.first) && is_free(rwlock, first->kind)) {
        have(rwlock, first->kind);
        sley__waiters_grant_first(&rwlock->waiters);
    }
}

/* Under the lock. */
static bool try(struct sley_rwlock *rwlock, unsigned kind)
{
    bool got = !rwlock->waiters.first && is_free(rwlock, kind);

    if (got)
        have(rwlock, kind);
    return got;
}

static int wait_for(struct sley_rwlock *rwlock, unsigned kind)
{
    struct sley__waiter waiter;
    int error = sley__waiter_begin(&waiter, kind == READER ? "rwlock read" : "rwlock write");

    if (error)
        return error;
    waiter.kind = kind;
    sley__lock_acquire(lock_of(rwlock));
    if (try(rwlock, kind)) {
        sley__lock_release(lock_of(rwlock));
        sley__waiter_abandon(&waiter);
        return 0;
    }
    sley__waiters_append(&rwlock->waiters, &waiter);
    if (!(error = sley__waiters_wait(&rwlock->waiters, &waiter)))
        return 0;
    /* Readers behind a writer that has given up need not wait for it. */
    sley__lock_acquire(lock_of(rwlock));
    let_in(rwlock);
    sley__lock_release(lock_of(rwlock));
    return error;
}

static int acquire(struct sley_rwlock *rwlock, unsigned kind)
{
    int error;

    sley__held_must_not(rwlock, kind_name);
    error = wait_for(rwlock, kind);
    if (!error)
        sley__held_add(rwlock, kind_name);
    return error;
}

static bool try_acquire(struct sley_rwlock *rwlock, unsigned kind)
{
    bool got;

    sley__lock_acquire(lock_of(rwlock));
    got = try(rwlock, kind);
    sley__lock_release(lock_of(rwlock));
    if (got)
        sley__held_add(rwlock, kind_name);
    return got;
}

int sley_rwlock_read(struct sley_rwlock *rwlock)
{
    return acquire(rwlock, READER);
}

int sley_rwlock_write(struct sley_rwlock *rwlock)
{
    return acquire(rwlock, WRITER);
}

bool sley_rwlock_try_read(struct sley_rwlock *rwlock)
{
    return try_acquire(rwlock, READER);
}

bool sley_rwlock_try_write(struct sley_rwlock *rwlock)
{
    return try_acquire(rwlock, WRITER);
}

void sley_rwlock_unlock(struct sley_rwlock *rwlock)
{
    sley__held_remove(rwlock, kind_name);
    sley__lock_acquire(lock_of(rwlock));
    ensure_msg(rwlock->writer || rwlock->readers, "sley_rwlock_unlock: nobody has it");
    if (rwlock->writer)
        rwlock->writer = 0;
    else
        rwlock->readers--;
    let_in(rwlock);
    sley__lock_release(lock_of(rwlock));
}
