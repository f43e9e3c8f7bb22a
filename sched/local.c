/*
 * local.c: values that belong to a task. Level 3.
 *
 * A key in use has a number, its id: a place below SLEY_LOCALS_MAX, and above it a count of all
 * numbers ever given. A task's values stand in an array by place, each beside the id that it was
 * set under. So a get is a look at one slot; and a value that was set under a key which has been
 * closed since, its place taken by another, has an id that nobody asks for any more: it is gone
 * without having been touched. Numbers never come back (there are 2^54).
 *
 * The array is made by the first set and found through the task (wait.h). A task without values
 * pays a test of one flag at its end and nothing else; the flag is in a line that the end touches
 * anyway, the pointer is not.
 *
 * Keys are the process's, as are the functions that use them: a library's static key works in all
 * runtimes and needs no call before the first task. A table says which id has a place now and what
 * to call for it. It is read without a lock when a task ends: the id before and after the function.
 * A key that comes into a place writes its id last, and one that leaves takes it away first; so an
 * id that is seen twice means that what was read in between was its own.
 *
 * Destructors run on the task, last set first, because what was set later may lean on what was
 * there before. Each set takes a stamp from a count per task; a round takes the values whose stamp
 * is not above the count at its start. To look for the largest stamp each time is quadratic, with
 * very few values. Rejected: the order of the keys (what POSIX systems do and none promises); a
 * list through the slots (which needs a second one for what destructors set).
 *
 *   Also rejected: the interface of pthread keys (a key must be made before it is used, so every
 *   library needs a once); thread-locals for foreign threads (a thread has pthread keys, and we
 *   would have to catch its end).
 */
#include "atomic.h"
#include "lock.h"
#include "wait.h"

#include <sley/local.h>

#include <stdlib.h>

typedef void destructor_fn(void *value);
typedef int copy_fn(void *value, void **out);

/* --- keys ----------------------------------------------------------------------------------- */

/* A key as the ends of tasks see it. Written under keys_lock, read without it: see above. */
struct place {
    atomic(uint64_t) id; /* 0: free */
    atomic(destructor_fn *) destructor;
    atomic(copy_fn *) copy;
};

static struct place places[SLEY_LOCALS_MAX];
static struct sley__lock keys_lock;
static uint64_t keys_ever; /* keys_lock */

static inline atomic(uint64_t) * id_of(const struct sley_local *local)
{
    return (atomic(uint64_t) *)(uintptr_t)&local->id;
}

static inline size_t place_of(uint64_t id)
{
    return (size_t)(id % SLEY_LOCALS_MAX);
}

/* A free place, or SLEY_LOCALS_MAX. Under the lock. */
static size_t find_place(void)
{
    size_t i = 0;

    while (i < SLEY_LOCALS_MAX && load_relaxed(&places[i].id))
        i++;
    return i;
}

/* The key's id, which it gets if it has none. 0 or SLEY_EAGAIN. Any thread. */
static int use_key(struct sley_local *local, uint64_t *id)
{
    size_t i;

    sley__lock_acquire(&keys_lock);
    *id = load_relaxed(id_of(local)); /* another task may have come first */
    if (!*id && (i = find_place()) < SLEY_LOCALS_MAX) {
        *id = ++keys_ever * SLEY_LOCALS_MAX + i;
        store_release(&places[i].destructor, local->destructor); /* partner: in look_up */
        store_release(&places[i].copy, local->copy);
        store_release(&places[i].id, *id);
        store_release(id_of(local), *id); /* partner: acquire in sley_local_set */
    }
    sley__lock_release(&keys_lock);
    return *id ? 0 : SLEY_EAGAIN;
}

void sley_local_close(struct sley_local *local)
{
    uint64_t id;

    if (!local)
        return;
    sley__lock_acquire(&keys_lock);
    if ((id = load_relaxed(id_of(local)))) {
        store_relaxed(&places[place_of(id)].id, 0);
        store_relaxed(id_of(local), 0);
    }
    sley__lock_release(&keys_lock);
}

/* The functions of the key with this id; false: it has been closed. If one of the two loads in the
 * middle sees what a later key has stored, it acquires also the end of the earlier, and the last
 * load does not see `id` any more. Any thread. */
static bool look_up(uint64_t id, destructor_fn **destructor, copy_fn **copy)
{
    struct place *place = &places[place_of(id)];

    if (load_acquire(&place->id) != id) /* partner: release in use_key */
        return false;
    *destructor = load_acquire(&place->destructor);
    *copy = load_acquire(&place->copy);
    return load_relaxed(&place->id) == id;
}

/* --- values --------------------------------------------------------------------------------- */

/* The values of a task. The task only, or its spawner before it is queued. */
struct slot {
    uint64_t id; /* what it was set under; 0: never */
    void *value;
    uint64_t stamp; /* of the set that made it more than NULL */
};

struct values {
    struct sley__locals base;
    uint64_t stamps; /* given so far */
    size_t count;
    struct slot slots[];
};

static inline struct values *values_of(struct sley__locals *locals)
{
    return container_of(locals, struct values, base); /* NULL stays NULL: it is the first member */
}

static inline struct values *own_values(void)
{
    return values_of(sley__wait_locals());
}

static void end_values(void);
static void drop_values(struct sley__locals *locals);
static int inherit_values(struct sley__locals *locals, struct sley__locals **out);

static const struct sley__locals_functions functions = {
    .end = end_values, .drop = drop_values, .inherit = inherit_values};

/* `values` (NULL: none) with room for a place; NULL: no memory, and nothing has changed. */
static struct values *grow(struct values *values, size_t place)
{
    size_t before = values ? values->count : 0, count = before ? before : 4, i;

    while (count <= place)
        count *= 2;
    values = realloc(values, sizeof *values + count * sizeof values->slots[0]);
    if (!values)
        return NULL;
    if (!before) {
        values->base.functions = &functions;
        values->stamps = 0;
    }
    for (i = before; i < count; i++)
        values->slots[i] = (struct slot){0};
    values->count = count;
    return values;
}

/* Into a slot that exists. */
static void put(struct values *values, uint64_t id, void *value)
{
    struct slot *slot = &values->slots[place_of(id)];

    if (slot->id != id || !slot->value)
        slot->stamp = ++values->stamps;
    slot->id = id;
    slot->value = value;
}

int sley_local_set(struct sley_local *local, void *value)
{
    struct values *values;
    uint64_t id;
    int error;

    if (!local)
        return SLEY_EINVAL;
    if (!sley_self())
        return SLEY_ENOTASK;
    id = load_acquire(id_of(local)); /* partner: release in use_key */
    if (!id && !value)
        return 0; /* as it is */
    if (unlikely(!id) && (error = use_key(local, &id)))
        return error;
    values = own_values();
    if (unlikely(!values || place_of(id) >= values->count)) {
        if (!value)
            return 0;
        if (!(values = grow(values, place_of(id))))
            return SLEY_ENOMEM;
        sley__wait_set_locals(&values->base);
    }
    put(values, id, value);
    return 0;
}

void *sley_local_get(const struct sley_local *local)
{
    struct values *values = own_values();
    uint64_t id = load_relaxed(id_of(local)); /* who has set a value has seen its id */
    const struct slot *slot;

    if (!values || place_of(id) >= values->count)
        return NULL;
    slot = &values->slots[place_of(id)];
    return likely(slot->id == id) ? slot->value : NULL;
}

/* --- the end -------------------------------------------------------------------------------- */

/* Takes out the value set last of those not later than `limit` and destroys it. False: there is
 * none. `values` may have moved afterwards, because the destructor may set others. */
static bool destroy_last(struct values *values, uint64_t limit)
{
    destructor_fn *destructor;
    struct slot *last = NULL;
    copy_fn *copy;
    void *value;
    size_t i;

    for (i = 0; i < values->count; i++) {
        struct slot *slot = &values->slots[i];

        if (slot->value && slot->stamp <= limit && (!last || slot->stamp > last->stamp))
            last = slot;
    }
    if (!last)
        return false;
    value = last->value;
    last->value = NULL;
    if (look_up(last->id, &destructor, &copy) && destructor)
        destructor(value);
    return true;
}

/* On the task, after its function. */
static void end_values(void)
{
    unsigned round;

    for (round = 0; round < SLEY_LOCAL_ROUNDS; round++) {
        uint64_t limit = own_values()->stamps;

        while (destroy_last(own_values(), limit))
            continue;
        if (own_values()->stamps == limit)
            break; /* no destructor has set anything */
    }
    free(own_values());
    sley__wait_set_locals(NULL);
}

/* Of a task that was never spawned. On whoever wanted to. */
static void drop_values(struct sley__locals *locals)
{
    struct values *values = values_of(locals);

    while (destroy_last(values, values->stamps))
        continue;
    free(values);
}

/* --- inheritance ---------------------------------------------------------------------------- */

/* What a new task gets for the value in `slot`; NULL: nothing. 0 or the copy's error. */
static int copy_value(const struct slot *slot, void **out)
{
    destructor_fn *destructor;
    copy_fn *copy;
    int error = 0;

    *out = NULL;
    if (!slot->value || !look_up(slot->id, &destructor, &copy))
        return 0;
    if (copy)
        error = copy(slot->value, out);
    else if (!destructor)
        *out = slot->value;
    if (error)
        *out = NULL;
    return error < 0 ? error : 0;
}

/* On the spawner. The copies keep their order: stamps are copied as well. */
static int inherit_values(struct sley__locals *locals, struct sley__locals **out)
{
    struct values *from = values_of(locals), *values = grow(NULL, from->count - 1);
    size_t i;
    int error;

    if (!values)
        return SLEY_ENOMEM;
    values->stamps = from->stamps;
    for (i = 0; i < from->count; i++) {
        values->slots[i] = from->slots[i];
        if ((error = copy_value(&from->slots[i], &values->slots[i].value))) {
            drop_values(&values->base);
            return error;
        }
    }
    *out = &values->base;
    return 0;
}
