/*
 * limiter.c: permits with owners.
 *
 * All is under one small lock: the list of tokens that are out, which answers "do you have one
 * already?" by a walk (a limiter has few), and the list of those who wait. A permit that is given
 * back goes to the first waiter at once. Who somebody is: the task, or for a foreign thread the
 * address of its errno, which no two threads that live have in common.
 *
 * Nothing walks over those who wait. That two of them wait to fill one token is seen when the
 * second one's turn comes and the token is out.
 */
#include "waiters.h"

#include "held.h"

#include <errno.h>

#include <sley/task.h>

/* The caller, for comparison only. */
static NOINLINE const void *self(void)
{
    const void *task = sley_self();

    return task ? task : &errno;
}

static struct sley__lock *lock_of(struct sley_limiter *limiter)
{
    return sley__waiters_lock(&limiter->waiters);
}

/* Under the lock. */
static struct sley_token *token_of(const struct sley_limiter *limiter, const void *owner)
{
    struct sley_token *token = limiter->tokens;

    while (token && token->owner != owner)
        token = token->next;
    return token;
}

/* Under the lock. */
static void hand_out(struct sley_limiter *limiter, struct sley_token *token, const void *owner)
{
    token->owner = owner;
    token->limiter = limiter;
    token->previous = NULL;
    token->next = limiter->tokens;
    if (token->next)
        token->next->previous = token;
    limiter->tokens = token;
    limiter->taken++;
}

/* Under the lock. */
static void take_in(struct sley_limiter *limiter, struct sley_token *token)
{
    *(token->previous ? &token->previous->next : &limiter->tokens) = token->next;
    if (token->next)
        token->next->previous = token->previous;
    token->limiter = NULL;
    limiter->taken--;
}

/* A waiter and the token that it waits to fill. */
struct customer {
    struct sley__waiter waiter;
    struct sley_token *token;
    const void *owner;
    bool refused; /* by who takes it out of the list: its token is out */
};

/* Whether the token, whose memory may say anything, is out. Under the lock. */
static bool is_out(const struct sley_limiter *limiter, const struct sley_token *token)
{
    for (const struct sley_token *one = limiter->tokens; one; one = one->next)
        if (one == token)
            return true;
    return false;
}

/* Serves waiters while there is room. Under the lock. */
static void serve(struct sley_limiter *limiter)
{
    while (limiter->waiters.first && limiter->taken < limiter->capacity) {
        struct customer *first = container_of(limiter->waiters.first, struct customer, waiter);

        first->refused = is_out(limiter, first->token);
        if (!first->refused)
            hand_out(limiter, first->token, first->owner);
        sley__waiters_grant_first(&limiter->waiters);
    }
}

static int acquire(struct sley_limiter *limiter, struct sley_token *token)
{
    struct customer customer = {.token = token};
    int error = sley__waiter_begin(&customer.waiter, "limiter");

    if (error)
        return error;
    customer.owner = self();
    sley__lock_acquire(lock_of(limiter));
    if (token_of(limiter, customer.owner) || is_out(limiter, token))
        error = SLEY_EBUSY;
    else if (limiter->taken < limiter->capacity && !limiter->waiters.first)
        hand_out(limiter, token, customer.owner);
    else {
        sley__waiters_append(&limiter->waiters, &customer.waiter);
        error = sley__waiters_wait(&limiter->waiters, &customer.waiter);
        return !error && customer.refused ? SLEY_EBUSY : error;
    }
    sley__lock_release(lock_of(limiter));
    sley__waiter_abandon(&customer.waiter);
    return error;
}

int sley_limiter_acquire(struct sley_limiter *limiter, struct sley_token *token)
{
    int error = acquire(limiter, token);

    if (!error)
        sley__held_add(limiter, "capacity limiter");
    return error;
}

/* Takes a token back if it is this owner's, and serves those who wait. */
static int take_back(struct sley_limiter *limiter, struct sley_token *token, const void *owner)
{
    bool has_it;

    sley__lock_acquire(lock_of(limiter));
    has_it = token && token_of(limiter, owner) == token;
    if (has_it) {
        take_in(limiter, token);
        serve(limiter);
    }
    sley__lock_release(lock_of(limiter));
    if (!has_it)
        return SLEY_EPERM;
    sley__held_remove(limiter, "capacity limiter");
    return 0;
}

int sley_limiter_release(struct sley_limiter *limiter, struct sley_token *token)
{
    return take_back(limiter, token, self());
}

void sley_limiter_leave(struct sley_limiter *limiter, struct sley_token *token)
{
    int error = take_back(limiter, token, token->owner);

    ensure_msg(!error, "a limiter's token is not out at the end of its block");
}

int sley_limiter_resize(struct sley_limiter *limiter, uint32_t capacity)
{
    if (!capacity)
        return SLEY_EINVAL;
    sley__lock_acquire(lock_of(limiter));
    limiter->capacity = capacity;
    serve(limiter);
    sley__lock_release(lock_of(limiter));
    return 0;
}

uint32_t sley_limiter_taken(struct sley_limiter *limiter)
{
    uint32_t taken;

    sley__lock_acquire(lock_of(limiter));
    taken = limiter->taken;
    sley__lock_release(lock_of(limiter));
    return taken;
}
