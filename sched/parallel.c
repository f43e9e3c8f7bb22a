/*
 * parallel.c: loops, reductions and lists of calls, on forked calls.
 *
 * A range is halved until a piece is no longer than the grain: the upper half is forked, the lower
 * one goes on here. What idle workers are given is the oldest forked call, so a half, then a
 * quarter; where nobody is idle a split costs a fork and a join.
 *
 * Because a split is that cheap the grain need not be known, only large enough that splitting and
 * calling vanish beside the work of a piece: PIECE. It begins with one index, at the far end of a
 * descent that has forked all the rest already, so nobody waits for the measuring; a piece that was
 * done too soon doubles it, until one has lasted long enough. A task that never gets there has been
 * through all of its range.
 *   Rejected: range / (8 * workers), which is wrong wherever indexes differ in what they cost, and
 * for a range of 100 heavy calls; measuring a first piece before forking (a heavy one keeps all
 * others waiting).
 *
 * Reductions keep the order: each piece adds to a value on the stack of whoever split, and merges
 * go from left to right along the tree.
 *
 * Before a piece calls out, what is forked around it is left in the task (forker.youngest), so that
 * a region that begins in there continues it: loops nest, and the outer one goes on to feed idle
 * workers while the inner one runs.
 */
#include "atomic.h"
#include "platform.h"
#include "task_impl.h"

#include <sley/fork.h>
#include <sley/time.h>

#include <string.h>

#define PIECE     ((int64_t)2000) /* ns; a split and two looks at the clock are some 50 */
#define VALUE_MAX 1024            /* bytes: one per level of splitting is on the stack */

struct loop {
    int (*fn)(size_t begin, size_t end, void *arg); /* or, if NULL: */
    const struct sley_reduction *reduction;
    void *arg;
    const void *empty;    /* what a value begins with */
    atomic(size_t) grain; /* any task of the loop; partner: none, it is a guess */
    atomic(bool) settled; /* no more measuring. Likewise */
    atomic(int) result;   /* the first negative one */
};

struct piece {
    struct loop *loop;
    void *value;
    size_t begin, end;
};

/* --- one piece ------------------------------------------------------------------------------ */

static int call_out(struct piece piece)
{
    struct loop *loop = piece.loop;

    if (loop->fn)
        return loop->fn(piece.begin, piece.end, loop->arg);
    return loop->reduction->add(piece.begin, piece.end, piece.value, loop->arg);
}

/* The same, and learns from how long it takes. */
static int call_out_measured(struct piece piece)
{
    struct loop *loop = piece.loop;
    int64_t begin = sley__clock_now();
    size_t size = piece.end - piece.begin;
    int result = call_out(piece);

    if (sley__clock_now() - begin >= PIECE)
        store_relaxed(&loop->settled, true);
    else if (size >= load_relaxed(&loop->grain) && size <= SIZE_MAX / 2)
        store_relaxed(&loop->grain, 2 * size);
    return result;
}

static void do_piece(struct sley_fork *f, struct piece piece)
{
    struct loop *loop = piece.loop;
    struct sley__forker *forker = container_of(f->forker, struct sley__forker, seen);
    struct sley_fork *before = NULL;
    int none = 0, result;
    bool task = sley_self() != NULL; /* else the forker is nobody's */

    if (load_relaxed(&loop->result))
        return;
    if (task) {
        before = forker->youngest;
        forker->youngest = f;
    }
    result = load_relaxed(&loop->settled) ? call_out(piece) : call_out_measured(piece);
    if (task)
        forker->youngest = before;
    if (unlikely(result < 0))
        cas_acq_rel(&loop->result, &none, result);
}

/* --- splitting ------------------------------------------------------------------------------ */

/* The lower half of the piece; *upper becomes the other one. */
static struct piece split(struct piece piece, struct piece *upper)
{
    size_t middle = piece.begin + (piece.end - piece.begin) / 2;

    *upper = piece;
    upper->begin = middle;
    piece.end = middle;
    return piece;
}

static inline bool is_small(struct piece piece)
{
    return piece.end - piece.begin <= load_relaxed(&piece.loop->grain);
}

static int run(struct sley_fork *f, struct piece piece);
SLEY_FORKABLE(int, run, struct piece)

/* A piece of a loop. */
static int run(struct sley_fork *f, struct piece piece)
{
    struct piece upper;

    if (is_small(piece)) {
        do_piece(f, piece);
        return 0;
    }
    piece = split(piece, &upper);
    SLEY_FORK(run, other, f, upper);
    run(f, piece);
    return SLEY_JOIN(run, other, f);
}

static int reduce(struct sley_fork *f, struct piece piece);
SLEY_FORKABLE(int, reduce, struct piece)

/* Two halves, the upper one into a value of its own. */
static NOINLINE int reduce_halves(struct sley_fork *f, struct piece piece)
{
    struct loop *loop = piece.loop;
    size_t size = loop->reduction->size;
    max_align_t value[(size + sizeof(max_align_t) - 1) / sizeof(max_align_t)];
    struct piece upper;

    memcpy(value, loop->empty, size);
    piece = split(piece, &upper);
    upper.value = value;
    SLEY_FORK(reduce, other, f, upper);
    reduce(f, piece);
    SLEY_JOIN(reduce, other, f);
    loop->reduction->merge(piece.value, value, loop->arg);
    return 0;
}

static int reduce(struct sley_fork *f, struct piece piece)
{
    if (!is_small(piece))
        return reduce_halves(f, piece);
    do_piece(f, piece);
    return 0;
}

/* --- the calls ------------------------------------------------------------------------------ */

static void set_grain(struct loop *loop, size_t grain)
{
    store_relaxed(&loop->grain, grain ? grain : 1);
    store_relaxed(&loop->settled, grain != 0);
}

int sley_parallel_for(size_t begin, size_t end, size_t grain,
                      int (*fn)(size_t begin, size_t end, void *arg), void *arg)
{
    struct loop loop = {.fn = fn, .arg = arg};
    int status = 0;

    if (!fn)
        return SLEY_EINVAL;
    if (begin >= end)
        return 0;
    set_grain(&loop, grain);
    SLEY_FORKS(f)
    {
        run(f, (struct piece){.loop = &loop, .begin = begin, .end = end});
        status = sley_forks_status(f);
    }
    return load_relaxed(&loop.result) ? load_relaxed(&loop.result) : status;
}

int sley_parallel_reduce(size_t begin, size_t end, size_t grain,
                         const struct sley_reduction *reduction, void *value, void *arg)
{
    max_align_t empty[VALUE_MAX / sizeof(max_align_t)];
    struct loop loop = {.reduction = reduction, .arg = arg, .empty = empty};
    int status = 0;

    if (!reduction || !reduction->add || !reduction->merge || !value || reduction->size == 0 ||
        reduction->size > VALUE_MAX)
        return SLEY_EINVAL;
    if (begin >= end)
        return 0;
    memcpy(empty, value, reduction->size);
    set_grain(&loop, grain);
    SLEY_FORKS(f)
    {
        reduce(f, (struct piece){.loop = &loop, .value = value, .begin = begin, .end = end});
        status = sley_forks_status(f);
    }
    return load_relaxed(&loop.result) ? load_relaxed(&loop.result) : status;
}

static int run_calls(size_t begin, size_t end, void *arg)
{
    const struct sley_call *calls = arg;
    int result = 0;

    for (; begin < end && result >= 0; begin++)
        result = calls[begin].fn ? calls[begin].fn(calls[begin].arg) : SLEY_EINVAL;
    return result;
}

int sley_parallel_invoke_all(const struct sley_call *calls, size_t count)
{
    if (!calls && count)
        return SLEY_EINVAL;
    return sley_parallel_for(0, count, 1, run_calls, (void *)(uintptr_t)calls);
}
