/*
 * sley/iterator.h: one way to go through whatever gives one item after the other.
 *
 * An iterator is a value of three words: a function that fetches the next item, what it fetches
 * from, and the size of an item. Generators, channels and scopes have one, programs make their
 * own, and map, filter and take make a new one of another. Everything is lazy: nothing is fetched
 * before it is asked for, nothing is allocated per item. An iterator owns nothing and needs no end;
 * what it goes through must outlive it.
 *
 *     SLEY_FOREACH (int, n, SLEY_TAKE(SLEY_FILTER(numbers, is_even, NULL), 10))
 *         printf("%d\n", n);
 */
#ifndef SLEY_ITERATOR_H
#define SLEY_ITERATOR_H

#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sley_chan;
struct sley_directory;
struct sley_generator;
struct sley_listener;
struct sley_reader;
struct sley_scope;
struct sley_signals;
struct sley_subscription;

/* A value; copy it freely. */
struct sley_iterator {
    /* Stores the next item in *item. 1: done; 0: there is none any more; or a negative SLEY_E*. */
    int (*next)(void *self, void *item);
    void *self;
    size_t item_size; /* bytes */
};

/* Fetches the next item into *item, which has `size` bytes: 1; 0 at the end; a negative error,
 * which is SLEY_EINVAL if the items are of another size. May park if the source does. Since 0.1. */
static inline int sley_iterator_next(const struct sley_iterator *iterator, void *item, size_t size)
{
    return iterator->item_size == size ? iterator->next(iterator->self, item) : SLEY_EINVAL;
}

/* The values that a generator yields, up to its end. Not for use by two tasks at once. Never parks.
 * Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_generator_iterator(struct sley_generator *generator);

/* The items that are received from a channel, up to its close. One that was closed with a reason
 * ends with that instead. Never parks. Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_chan_iterator(struct sley_chan *chan);

/* The items that a subscriber of a broadcast receives, up to its close, as with a channel. What it
 * has lost because it was too slow is passed over: sley_broadcast_recv() tells how much. Never
 * parks. Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_subscription_iterator(struct sley_subscription *subscription);

/* The children of a scope, struct sley_child, in the order in which they end: sley_scope_next().
 * The owner of the scope. Never parks. Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_scope_iterator(struct sley_scope *scope);

/* The entries of a directory, struct sley_directory_entry: sley_directory_next() of <sley/file.h>.
 * One task at a time. Never parks. Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_directory_iterator(struct sley_directory *directory);

/* The arrivals of signals, int: sley_signals_wait() of <sley/signal.h>. Never parks. Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_signals_iterator(struct sley_signals *signals);

/* The lines of a stream, struct sley_line of <sley/buffered.h>, up to its end: sley_reader_line().
 * Never parks. Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_reader_iterator(struct sley_reader *reader);

/* The connections that come in, struct sley_stream *, each the caller's to be freed, up to the
 * close of the listener. Lacking descriptors or memory it rests for 10 ms and goes on. Never parks.
 * Since 0.1. */
SLEY_EXPORT struct sley_iterator sley_listener_iterator(struct sley_listener *listener);

/* The iterator of `source`, which is a struct sley_generator *, a struct sley_chan *, a struct
 * sley_scope *, a struct sley_directory *, a struct sley_reader *, a struct sley_listener *, a
 * struct sley_signals *, a struct sley_subscription * or a struct sley_iterator already. The
 * compiler refuses anything else. What else can be gone through joins by a line here. */
#ifndef __cplusplus
static inline struct sley_iterator sley__iterator_itself(struct sley_iterator iterator)
{
    return iterator;
}
#define sley_iterate(source)                                     \
    _Generic((source), struct sley_iterator                      \
             : sley__iterator_itself, struct sley_generator *    \
             : sley_generator_iterator, struct sley_chan *       \
             : sley_chan_iterator, struct sley_scope *           \
             : sley_scope_iterator, struct sley_directory *      \
             : sley_directory_iterator, struct sley_reader *     \
             : sley_reader_iterator, struct sley_listener *      \
             : sley_listener_iterator, struct sley_signals *     \
             : sley_signals_iterator, struct sley_subscription * \
             : sley_subscription_iterator)(source)
#endif

/* --- loops ------------------------------------------------------------------------------------ */

/* A loop over `source`, for which see sley_iterate(); in each round the variable `var` of the type
 * is the next item:
 *
 *     SLEY_FOREACH (struct line, line, lines)
 *         print(&line);
 *
 * break, continue, return and goto do what they do in any loop: the loop owns nothing. It ends with
 * the source, or with an error: the caller's cancellation, which the next call that may park
 * reports as well, or one of the source's own. Who wants to tell them apart uses
 * SLEY_FOREACH_STATUS, whose `status`, an int that is declared before, is 1 in the loop and after a
 * break, 0 after the end, else the error. Since 0.1. */
#define SLEY_FOREACH(type, var, ...)                                        \
    for (struct sley_iterator sley__from_##var = sley_iterate(__VA_ARGS__), \
                              *sley__once_##var = &sley__from_##var;        \
         sley__once_##var; sley__once_##var = NULL)                         \
        for (type var; sley_iterator_next(&sley__from_##var, &var, sizeof var) > 0;)

#define SLEY_FOREACH_STATUS(type, var, source, status)                 \
    for (struct sley_iterator sley__from_##var = sley_iterate(source), \
                              *sley__once_##var = &sley__from_##var;   \
         sley__once_##var; sley__once_##var = NULL)                    \
        for (type var; ((status) = sley_iterator_next(&sley__from_##var, &var, sizeof var)) > 0;)

/* --- map, filter, take ------------------------------------------------------------------------ */

/* Each makes an iterator out of another. The first argument is memory for it that lives as long as
 * the result is used; the macros below take it from the enclosing block. What the functions get
 * besides an item is `arg`. They may park. From anywhere. Never park themselves. Since 0.1. */

/* Makes *out of *in: 0, or a negative error with which the iteration ends. */
typedef int sley_map_fn(const void *in, void *out, void *arg);

/* Whether *item is to be kept: > 0 yes, 0 no, or a negative error with which the iteration ends. */
typedef int sley_filter_fn(const void *item, void *arg);

struct sley_map {
    struct sley_iterator source;
    sley_map_fn *fn;
    void *arg;
};

struct sley_filter {
    struct sley_iterator source;
    sley_filter_fn *fn;
    void *arg;
};

struct sley_take {
    struct sley_iterator source;
    uint64_t left;
};

/* What fn makes of each item of the source; `item_size` bytes each. The source's items are put on
 * the stack meanwhile. */
SLEY_EXPORT struct sley_iterator sley_map(struct sley_map *map, struct sley_iterator source,
                                          size_t item_size, sley_map_fn *fn, void *arg);

/* The items of the source that fn keeps. */
SLEY_EXPORT struct sley_iterator sley_filter(struct sley_filter *filter,
                                             struct sley_iterator source, sley_filter_fn *fn,
                                             void *arg);

/* The first `count` items of the source. The one after the last is not fetched. */
SLEY_EXPORT struct sley_iterator sley_take(struct sley_take *take, struct sley_iterator source,
                                           uint64_t count);

/* The same as expressions. `type`: what fn makes. */
#define SLEY_MAP(source, type, fn, arg) \
    sley_map(&(struct sley_map){0}, sley_iterate(source), sizeof(type), (fn), (arg))
#define SLEY_FILTER(source, fn, arg) \
    sley_filter(&(struct sley_filter){0}, sley_iterate(source), (fn), (arg))
#define SLEY_TAKE(source, count) sley_take(&(struct sley_take){0}, sley_iterate(source), (count))

/* --- collect ---------------------------------------------------------------------------------- */

/* Stores up to `room` items of the source in the array `items`, and in *count how many there are,
 * whatever is returned:
 *   0    these are all
 *   1    the array is full; the source may have more
 *   < 0  the error with which the source ended
 * May park if the source does. Since 0.1. */
SLEY_EXPORT int sley_collect(struct sley_iterator source, void *items, size_t room, size_t *count);

/* Collects all items of the source in an array from malloc() that grows, to be freed by the caller.
 * 0 and *items, *count; SLEY_ENOMEM or the error with which the source ended: then what was fetched
 * is lost, *items and *count are untouched. May park if the source does. Since 0.1. */
SLEY_EXPORT int sley_collect_new(struct sley_iterator source, void **items, size_t *count);

#ifdef __cplusplus
}

/* What _Generic is there. */
static inline struct sley_iterator sley_iterate(struct sley_iterator iterator)
{
    return iterator;
}
static inline struct sley_iterator sley_iterate(struct sley_generator *generator)
{
    return sley_generator_iterator(generator);
}
static inline struct sley_iterator sley_iterate(struct sley_chan *chan)
{
    return sley_chan_iterator(chan);
}
static inline struct sley_iterator sley_iterate(struct sley_scope *scope)
{
    return sley_scope_iterator(scope);
}
static inline struct sley_iterator sley_iterate(struct sley_directory *directory)
{
    return sley_directory_iterator(directory);
}
static inline struct sley_iterator sley_iterate(struct sley_reader *reader)
{
    return sley_reader_iterator(reader);
}
static inline struct sley_iterator sley_iterate(struct sley_listener *listener)
{
    return sley_listener_iterator(listener);
}
static inline struct sley_iterator sley_iterate(struct sley_signals *signals)
{
    return sley_signals_iterator(signals);
}
static inline struct sley_iterator sley_iterate(struct sley_subscription *subscription)
{
    return sley_subscription_iterator(subscription);
}
#endif
#endif
