/*
 * local_storm.c: thousands of tasks set, replace, inherit and leave values under many keys, while
 * other keys come and go in the places between them, and the runtime ends with some of it left.
 *
 * A value says whose it is: under which key it was set, and by which task. Whoever gets one looks
 * whether it may be his. At the end each value that was made must have been destroyed, once.
 */
#include "stress.h"

#include <sley/local.h>

enum { KEYS = 6, LIVE = 0x600d, DEAD = 0xdead };

struct value {
    struct value *next; /* in `values`, for good */
    int state;          /* LIVE, DEAD */
    unsigned key;
    uint64_t owner;
};

static struct value *_Atomic values;
static atomic_uint made, destroyed, inherited, done;

static void destroy(void *arg);
static int copy(void *arg, void **out);

#define KEY SLEY_LOCAL_INIT(destroy, copy)
static struct sley_local keys[KEYS] = {KEY, KEY, KEY, KEY, KEY, KEY};

static struct value *make(unsigned key, uint64_t owner)
{
    struct value *value = malloc(sizeof *value);

    CHECK(value, "no memory");
    *value = (struct value){.state = LIVE, .key = key, .owner = owner};
    value->next = atomic_load(&values);
    while (!atomic_compare_exchange_weak(&values, &value->next, value))
        continue;
    atomic_fetch_add(&made, 1);
    return value;
}

static void check_value(const struct value *value, unsigned key)
{
    CHECK(value->state == LIVE, "a value that was destroyed");
    CHECK(value->key == key, "a value of key %u under key %u", value->key, key);
    CHECK(value->owner == sley_task_id(sley_self()), "the value of task %" PRIu64, value->owner);
}

static void destroy(void *arg)
{
    struct value *value = arg;

    CHECK(value->state == LIVE, "destroyed twice");
    CHECK(!value->owner || value->owner == sley_task_id(sley_self()),
          "destroyed by another task than %" PRIu64, value->owner);
    value->state = DEAD;
    atomic_fetch_add(&destroyed, 1);
    if (value->owner % 8 == 0)
        sley_yield();
}

/* The heir has no number yet: it takes the copies over when it runs. */
static int copy(void *arg, void **out)
{
    struct value *from = arg;

    check_value(from, from->key);
    if (from->owner % 16 == 3 && from->key == 2)
        return SLEY_EBUSY;
    *out = make(from->key, 0);
    atomic_fetch_add(&inherited, 1);
    return 0;
}

static void take_over(void)
{
    for (unsigned i = 0; i < KEYS; i++) {
        struct value *value = sley_local_get(&keys[i]);

        if (!value)
            continue;
        CHECK(value->owner == 0 && value->state == LIVE && value->key == i, "a strange legacy");
        value->owner = sley_task_id(sley_self());
    }
}

static void replace(unsigned key, struct value *value)
{
    struct value *before = sley_local_get(&keys[key]);

    CHECK(sley_local_set(&keys[key], value) == 0, "set");
    if (before)
        destroy(before);
}

/* A key of this task's own that comes and goes, in whatever place is free; if a thousand others are
 * at the same point, none is. */
static void use_own_key(struct stress_random *random, uint64_t self)
{
    struct sley_local key = KEY;
    struct value *value = make(KEYS, self);
    int error;

    CHECK(!sley_local_get(&key), "a new key has a value");
    error = sley_local_set(&key, value);
    CHECK(error == 0 || error == SLEY_EAGAIN, "set: %s", sley_strerror(error));
    if (error) {
        CHECK(!sley_local_get(&key), "a value that was refused is there");
        destroy(value);
        return;
    }
    if (stress_below(random, 2))
        sley_yield();
    CHECK(sley_local_get(&key) == value, "not what was set");
    sley_local_close(&key);
    CHECK(!sley_local_get(&key), "a closed key has a value");
    destroy(value);
}

static int member(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    uint64_t self = sley_task_id(sley_self());
    struct sley_task_options options = {.inherit_locals = true};
    unsigned depth = (unsigned)((uintptr_t)arg & 3);
    int error = 0;

    take_over();
    for (unsigned i = 0; i < 12; i++) {
        unsigned key = stress_below(&random, KEYS);
        struct value *value = sley_local_get(&keys[key]);

        if (value)
            check_value(value, key);
        replace(key, stress_below(&random, 5) ? make(key, self) : NULL);
        if (stress_below(&random, 3) == 0)
            use_own_key(&random, self);
        if (depth && stress_below(&random, 4) == 0) {
            uint64_t stream = (stress_next(&random) & ~(uint64_t)3) | (depth - 1);

            error = sley_spawn(member, (void *)(uintptr_t)stream, &options, NULL);
            CHECK(!error || error == SLEY_EBUSY || error == SLEY_ESHUTDOWN, "%s",
                  sley_strerror(error));
        }
        if (stress_below(&random, 3) == 0)
            sley_yield();
    }
    atomic_fetch_add(&done, 1);
    stress_alive();
    return stress_below(&random, 4) ? 0 : sley_park("the end");
}

static int found(void *arg)
{
    unsigned n = stress_count(600, 80);

    for (unsigned i = 0; i < n; i++) {
        uint64_t stream = (stress_hash((uint64_t)(uintptr_t)arg * 1000 + i) & ~(uint64_t)3) | 3;

        CHECK(sley_spawn(member, (void *)(uintptr_t)stream, NULL, NULL) == 0, "spawn");
        if (i % 32 == 0)
            sley_yield();
    }
    while (atomic_load(&done) < n / 2)
        sley_yield();
    return 0;
}

static void sweep(void)
{
    struct value *value, *next;

    for (value = atomic_load(&values); value; value = next) {
        next = value->next;
        CHECK(value->state == DEAD, "a value under key %u was forgotten", value->key);
        free(value);
    }
    CHECK(made == destroyed, "%u made, %u destroyed", made, destroyed);
    atomic_store(&values, NULL);
    atomic_store(&done, 0);
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++) {
        stress_run(stress_workers[i], found, (void *)(uintptr_t)(i + 1));
        sweep();
    }
    CHECK(inherited, "nobody has inherited");
    return stress_end();
}
