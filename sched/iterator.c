/*
 * iterator.c: what can be made of an iterator: another one, or an array.
 *
 * map, filter and take are the counterpart of comprehensions. Each is a small record that its user
 * provides, the function that fetches through it, and nothing else: a chain of them is a chain of
 * calls on the caller's stack, and an item goes from its source into the memory of whoever asked
 * for it, through each function once. Only map needs a place for an item meanwhile; it takes it
 * from its frame, as large as the source's items are.
 *   Rejected: making them of generators, as Python does: two more switches for each stage and item,
 *   and a stack, where a call does. Records from malloc: they would need an owner and an end, and
 *   then an iterator could not be left lying in the middle of a loop.
 */
#include "chan_impl.h"

#include <sley/iterator.h>
#include <sley/scope.h>

#include <stdlib.h>

static int fetch(const struct sley_iterator *source, void *item)
{
    return source->next(source->self, item);
}

/* --- channels ------------------------------------------------------------------------------- */

/* What is received: a plain close is the end. */
static int next_of_chan(void *self, void *item)
{
    int error = sley_chan_recv(self, item);

    if (!error)
        return 1;
    return error == SLEY_ECLOSED ? 0 : error;
}

struct sley_iterator sley_chan_iterator(struct sley_chan *chan)
{
    return (struct sley_iterator){next_of_chan, chan, chan->item_size};
}

/* --- scopes --------------------------------------------------------------------------------- */

static int next_of_scope(void *self, void *item)
{
    return sley_scope_next(self, item);
}

struct sley_iterator sley_scope_iterator(struct sley_scope *scope)
{
    return (struct sley_iterator){next_of_scope, scope, sizeof(struct sley_child)};
}

/* --- map, filter, take ---------------------------------------------------------------------- */

static int next_of_map(void *self, void *item)
{
    struct sley_map *map = self;
    max_align_t in[map->source.item_size / sizeof(max_align_t) + 1];
    int status = fetch(&map->source, in);

    if (status <= 0)
        return status;
    status = map->fn(in, item, map->arg);
    return status < 0 ? status : 1;
}

struct sley_iterator sley_map(struct sley_map *map, struct sley_iterator source, size_t item_size,
                              sley_map_fn *fn, void *arg)
{
    *map = (struct sley_map){source, fn, arg};
    return (struct sley_iterator){next_of_map, map, item_size};
}

static int next_of_filter(void *self, void *item)
{
    struct sley_filter *filter = self;
    int status;

    do {
        if ((status = fetch(&filter->source, item)) <= 0)
            return status;
        status = filter->fn(item, filter->arg);
    } while (!status);
    return status < 0 ? status : 1;
}

struct sley_iterator sley_filter(struct sley_filter *filter, struct sley_iterator source,
                                 sley_filter_fn *fn, void *arg)
{
    *filter = (struct sley_filter){source, fn, arg};
    return (struct sley_iterator){next_of_filter, filter, source.item_size};
}

static int next_of_take(void *self, void *item)
{
    struct sley_take *take = self;
    int status;

    if (!take->left)
        return 0;
    if ((status = fetch(&take->source, item)) > 0)
        take->left--;
    return status;
}

struct sley_iterator sley_take(struct sley_take *take, struct sley_iterator source, uint64_t count)
{
    *take = (struct sley_take){source, count};
    return (struct sley_iterator){next_of_take, take, source.item_size};
}

/* --- collect -------------------------------------------------------------------------------- */

int sley_collect(struct sley_iterator source, void *items, size_t room, size_t *count)
{
    size_t n = 0;
    int status = 1;

    while (n < room && (status = fetch(&source, (char *)items + n * source.item_size)) > 0)
        n++;
    *count = n;
    return status;
}

/* Twice the room, or NULL; then the old is still there. */
static void *grow(void *items, size_t item_size, size_t *room)
{
    size_t wanted = *room ? *room * 2 : 16, bytes;
    void *grown;

    if (__builtin_mul_overflow(wanted, item_size ? item_size : 1, &bytes) || bytes > PTRDIFF_MAX)
        return NULL;
    if ((grown = realloc(items, bytes)))
        *room = wanted;
    return grown;
}

int sley_collect_new(struct sley_iterator source, void **items, size_t *count)
{
    char *array = NULL, *grown;
    size_t room = 0, n = 0, more;
    int status;

    do {
        if (!(grown = grow(array, source.item_size, &room))) {
            free(array);
            return SLEY_ENOMEM;
        }
        array = grown;
        status = sley_collect(source, array + n * source.item_size, room - n, &more);
        n += more;
    } while (status > 0);
    if (status < 0) {
        free(array);
        return status;
    }
    *items = array;
    *count = n;
    return 0;
}
