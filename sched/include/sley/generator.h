/*
 * sley/generator.h: functions that yield one value after the other.
 *
 * A generator is a function with a stack of its own that runs until it yields a value, and goes on
 * from there when the next one is asked for. Written as a plain loop, read as a plain loop:
 *
 *     static int countdown(struct sley_generator *self, void *arg)
 *     {
 *         for (int n = *(int *)arg, error; n > 0; n--)
 *             if ((error = sley_yield_value(self, &n)) < 0)
 *                 return error;
 *         return 0;
 *     }
 *
 *     SLEY_FOREACH_FROM (int, n, countdown, &ten, status)
 *         printf("%d\n", n);
 *
 * It is not a task: its body runs as the task that asks for the next value, with that task's
 * cancellation and deadline, in turn with it, and may wait for whatever a task may wait for. So a
 * step costs two switches of stacks and no trip through a queue. A deadline that the body narrows
 * holds inside of the body only. A mutex that it holds over a yield is held by the task that it was
 * acquired in.
 *
 * A body must come to its end: sley_yield_value() says when it is to (SLEY_ECLOSED), and then
 * whatever stands behind its loop cleans up.
 */
#ifndef SLEY_GENERATOR_H
#define SLEY_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/iterator.h>
#include <sley/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A generator. Made by sley_generator_new(), freed by sley_generator_free(), both while the runtime
 * lives. Used by one task at a time, not always the same. */
struct sley_generator;

/* The body. What it returns is the generator's result; a negative one is an error that its consumer
 * is told. */
typedef int sley_generator_fn(struct sley_generator *self, void *arg);

/* Zero in a field means its default. Copied. */
struct sley_generator_options {
    size_t stack_size; /* bytes, as in struct sley_task_options. Default: that of the runtime */
    size_t send_size;  /* bytes of a value that is sent in. Default: that of an item */
};

/* Makes a generator that will run fn(generator, arg). Nothing of it runs before the first value is
 * asked for.
 *   fn         sley_generator_fn *: the body
 *   arg        handed to it; stays the caller's
 *   item_size  bytes of a value that it yields; 0 for none
 *   options    const struct sley_generator_options *, or NULL for all defaults
 *   out        struct sley_generator **; untouched on failure
 * Returns 0, or
 *   SLEY_ENOMEM   no memory for it or its stack: asking for values needs none any more
 *   SLEY_EINVAL   fn is NULL, or the stack size is above 1 MiB
 *   SLEY_ENOTASK  the caller is not a task
 * From a task. Never parks. Since 0.1. */
#define sley_generator_new(fn, arg, item_size, options, out) \
    sley_generator_new_at((fn), (arg), (item_size), (options), NULL, (out), SLEY__SITE(#fn))
SLEY_EXPORT int sley_generator_new_at(sley_generator_fn *fn, void *arg, size_t item_size,
                                      const struct sley_generator_options *options,
                                      void (*typed)(void), struct sley_generator **out,
                                      const char *site);

/* Closes it, as sley_generator_close(), and frees it. NULL is fine. The body must not be running,
 * and if it has begun and not ended the caller must be a task of the runtime: anything else is a
 * bug, and panics. May park if the body does. Since 0.1. */
SLEY_EXPORT void sley_generator_free(struct sley_generator *generator);

/* --- for who consumes ------------------------------------------------------------------------- */

/* Runs the body until it yields, and stores the value in *item (which may be NULL).
 *   1               a value
 *   0               the body has returned, now or before: there are no more
 *   < 0             what the body has returned, now or before, if that was negative; or
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *                   the caller is cancelled or late: the body was not entered
 *   SLEY_EBUSY      the body is running: in another task, or it is the caller
 *   SLEY_EINVAL     it belongs to another runtime
 *   SLEY_ENOTASK    the caller is not a task
 * sley_generator_result() tells an error of the body from the others: has it ended? From a task.
 * Parks if the body does. Since 0.1. */
SLEY_EXPORT int sley_generator_next(struct sley_generator *generator, void *item);

/* The same, with a copy of *value for the body, which gets it from sley_yield_receive(). A body
 * that has not yielded yet has nowhere to receive: SLEY_EINVAL; so is a NULL for a value that has
 * a size. Since 0.1. */
SLEY_EXPORT int sley_generator_send(struct sley_generator *generator, const void *value,
                                    void *item);

/* The same, but the body's yield returns `error`, a negative code (else SLEY_EINVAL). A body that
 * has not begun never does: the generator ends with the error. SLEY_ECLOSED is what
 * sley_generator_close() throws. Since 0.1. */
SLEY_EXPORT int sley_generator_throw(struct sley_generator *generator, int error, void *item);

/* Ends it: the body's yield, and every further one, returns SLEY_ECLOSED; returns when the body has
 * ended. A body that has not begun never does. Runs also in a task that is cancelled or late, whose
 * body must expect that its own calls say so.
 *   0     ended, now or before
 *   < 0   ended, and this is what the body has returned, if it was something else than
 *         SLEY_ECLOSED; or
 *   SLEY_EBUSY, SLEY_EINVAL, SLEY_ENOTASK
 *         not ended; as sley_generator_next(). A body that has not begun, or has ended, may be
 *         closed from any thread
 * May park if the body does. Since 0.1. */
SLEY_EXPORT int sley_generator_close(struct sley_generator *generator);

/* 1 and in *result (unless it is NULL) what the body has returned, if it has; 0 before. One that
 * was ended before it had begun has SLEY_ECLOSED, or what was thrown. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT int sley_generator_result(const struct sley_generator *generator, int *result);

/* --- for the body ----------------------------------------------------------------------------- */

/* Hands a copy of *item to whoever asks for it, and returns when the next value is asked for: maybe
 * by another task, on another kernel thread.
 *   0             go on
 *   SLEY_ECLOSED  clean up and return; so does every further yield, at once
 *   < 0           the error that was thrown in: handle it and go on, or return it
 *   SLEY_EINVAL   the caller is not the body of `self`, or is that inside of the body of another
 *   SLEY_EPERM    the body has a scope open, which may not be left while its children go on; a
 *                 deadline that was narrowed may: it stays inside
 * In the body and what it calls. Since 0.1. */
SLEY_EXPORT int sley_yield_value(struct sley_generator *self, const void *item);

/* The same; 1 if a value was sent in, which is in *received then (unless that is NULL). Since 0.1.
 */
SLEY_EXPORT int sley_yield_receive(struct sley_generator *self, const void *item, void *received);

/* --- scoped ----------------------------------------------------------------------------------- */

static inline void sley__generator_cleanup(struct sley_generator **generator)
{
    sley_generator_free(*generator);
}

/* Declares a pointer to a generator that is freed on every way out of its block:
 *
 *     SLEY_GENERATOR_SCOPED(numbers) = NULL;
 *     error = sley_generator_new(count, NULL, sizeof(int), NULL, &numbers);
 */
#define SLEY_GENERATOR_SCOPED(name) \
    struct sley_generator *name __attribute__((cleanup(sley__generator_cleanup)))

static inline struct sley_generator *sley__generator_made(sley_generator_fn *fn, void *arg,
                                                          size_t item_size, int *status,
                                                          const char *site)
{
    struct sley_generator *made = NULL;

    *status = sley_generator_new_at(fn, arg, item_size, NULL, NULL, &made, site);
    return made;
}

/* A loop over the values of a generator that is made for it and freed on every way out of it, be it
 * break, return or goto. `status`, an int that is declared before: 1 in the loop and after a break,
 * 0 after the end, else the error: of the body, or there was no generator. Since 0.1. */
#define SLEY_FOREACH_FROM(type, var, fn, arg, status)                                     \
    for (struct sley_generator * sley__from_##var                                         \
             __attribute__((cleanup(sley__generator_cleanup))) =                          \
             sley__generator_made((fn), (arg), sizeof(type), &(status), SLEY__SITE(#fn)), \
             *sley__once_##var = sley__from_##var;                                        \
         sley__once_##var; sley__once_##var = NULL)                                       \
        for (type var; ((status) = sley_generator_next(sley__from_##var, &var)) > 0;)

/* --- typed ------------------------------------------------------------------------------------ */

/* Declares `struct name`, a generator of values of the type, and the calls above for it, which take
 * and give values of that type and refuse others when they are compiled. At run time it is a
 * generator, and each call is inline.
 *
 *     SLEY_GENERATOR_TYPE(ints, int)
 *
 *     static int count(struct ints *self, void *arg) { ... ints_yield(self, 1) ... }
 *     struct ints *numbers;
 *     ints_new(count, NULL, NULL, &numbers);
 *     SLEY_FOREACH_IN (ints, n, numbers) ...
 *
 * SLEY_GENERATOR_TYPES has another type for values that are sent in. Since 0.1. */
#define SLEY_GENERATOR_TYPE(name, type) SLEY_GENERATOR_TYPES(name, type, type)

#define SLEY_GENERATOR_TYPES(name, type, sent_type)                                               \
    struct name;                                                                                  \
    typedef type name##_item;                                                                     \
    typedef int name##_fn(struct name *self, void *arg);                                          \
    SLEY__UNUSED struct sley_generator *name##_untyped(struct name *generator)                    \
    {                                                                                             \
        return (struct sley_generator *)generator;                                                \
    }                                                                                             \
    SLEY__UNUSED int name##__run(struct sley_generator *self, void *arg)                          \
    {                                                                                             \
        return ((name##_fn *)sley_generator_typed_body(self))((struct name *)self, arg);          \
    }                                                                                             \
    SLEY__UNUSED int name##_new_at(name##_fn *fn, void *arg,                                      \
                                   const struct sley_generator_options *options,                  \
                                   struct name **out, const char *site)                           \
    {                                                                                             \
        struct sley_generator_options sized = {0, 0};                                             \
        struct sley_generator *made = 0;                                                          \
        int error;                                                                                \
        if (!fn)                                                                                  \
            return SLEY_EINVAL;                                                                   \
        if (options)                                                                              \
            sized = *options;                                                                     \
        sized.send_size = sizeof(sent_type);                                                      \
        error = sley_generator_new_at(name##__run, arg, sizeof(type), &sized, (void (*)(void))fn, \
                                      &made, site);                                               \
        if (!error)                                                                               \
            *out = (struct name *)made;                                                           \
        return error;                                                                             \
    }                                                                                             \
    SLEY__UNUSED void name##_free(struct name *generator)                                         \
    {                                                                                             \
        sley_generator_free(name##_untyped(generator));                                           \
    }                                                                                             \
    SLEY__UNUSED int name##_next(struct name *generator, type *item)                              \
    {                                                                                             \
        return sley_generator_next(name##_untyped(generator), item);                              \
    }                                                                                             \
    SLEY__UNUSED int name##_send(struct name *generator, sent_type value, type *item)             \
    {                                                                                             \
        return sley_generator_send(name##_untyped(generator), &value, item);                      \
    }                                                                                             \
    SLEY__UNUSED int name##_throw(struct name *generator, int error, type *item)                  \
    {                                                                                             \
        return sley_generator_throw(name##_untyped(generator), error, item);                      \
    }                                                                                             \
    SLEY__UNUSED int name##_close(struct name *generator)                                         \
    {                                                                                             \
        return sley_generator_close(name##_untyped(generator));                                   \
    }                                                                                             \
    SLEY__UNUSED int name##_yield(struct name *self, type item)                                   \
    {                                                                                             \
        return sley_yield_value(name##_untyped(self), &item);                                     \
    }                                                                                             \
    SLEY__UNUSED int name##_yield_receive(struct name *self, type item, sent_type *received)      \
    {                                                                                             \
        return sley_yield_receive(name##_untyped(self), &item, received);                         \
    }                                                                                             \
    SLEY__UNUSED struct sley_iterator name##_iterate(struct name *generator)                      \
    {                                                                                             \
        return sley_generator_iterator(name##_untyped(generator));                                \
    }                                                                                             \
    struct name

/* The typed body of a typed generator. */
SLEY_EXPORT void (*sley_generator_typed_body(const struct sley_generator *generator))(void);

/* NAME_new(fn, arg, options, &generator) with the site of the call, as sley_generator_new(). */
#define SLEY_GENERATOR_NEW(name, fn, arg, options, out) \
    name##_new_at((fn), (arg), (options), (out), SLEY__SITE(#fn))

/* SLEY_FOREACH over a typed generator: its name_item and name_iterate() say what the variable is.
 */
#define SLEY_FOREACH_IN(name, var, source) SLEY_FOREACH (name##_item, var, name##_iterate(source))

#ifdef __cplusplus
}
#endif
#endif
