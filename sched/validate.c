/*
 * validate.c: is everything where it should be? The rules are listed in validate.h.
 *
 * Each module checks its own arguments with ensure(), but what goes wrong in a scheduler goes wrong
 * between modules: a task that two queues have, a worker that sleeps beside work, a stack that
 * nobody has any more. None of it crashes at once. So here somebody looks at the whole of it.
 *
 * How: first what holds tasks is walked (queues, free lists), and each task found is marked with
 * where; a task that has a mark already is in two places. Then all tasks there are, are walked, and
 * each one's mark is held against its state and taken off. Numbers are added up on the way and
 * compared at the end.
 *
 * What can be checked when. A worker could check its own queues at any time, but hardly anything of
 * interest is its own: the tasks in them belong to whoever wakes or joins them, and that a task is
 * in *no other* queue is a statement about all workers. So there is one check, of everything, and
 * it wants the world to stand still. The hostile build halts it (halt.h) at every n-th park; a test
 * has a runtime with one worker, which is the one that asks.
 *
 * Foreign threads cannot be halted. So a rule that seems broken is judged only if none of them had
 * a task in hand from the beginning until now: RULE() asks again just before it panics. What is
 * walked stays safe to walk meanwhile, because foreign threads change lists only under locks that
 * are held here while they are walked, and never touch a task that waits for nobody but a worker.
 *
 *   Rejected: an epoch or a place kept in each task by whoever moves it, compared by the next
 * mover. It finds a task in two places only if that is taken out twice, and no lost one at all.
 */
#include "validate.h"

#ifdef SLEY_DEBUG

#include "flow.h"
#include "halt.h"
#include "slab.h"

#include <stdio.h>
#include <stdlib.h>

/* Where a task was found: in sley_task.mark, with a worker's number in the low half. */
enum {
    FOUND_NOWHERE = 0,
    FOUND_FREE = 1 << 16,
    FOUND_SPAWNED = 2 << 16, /* the queue of a worker */
    FOUND_WOKEN = 3 << 16,
    FOUND_INJECT = 4 << 16,
    FOUND_HAND = 5 << 16,
    FOUND_KIND = 0xff << 16,
    FOUND_WORKER = 0xffff,
    IS_CURRENT = 1 << 24,
    IS_JOINING = 1 << 25,
};

/* What is added up on the way. */
struct check {
    struct sley__sched *sched;
    unsigned carriers;                           /* how many; one made meanwhile has nothing */
    uint64_t quiet;                              /* sley__hands_quiet() at the beginning */
    size_t live;                                 /* tasks that have not ended */
    size_t live_of_class[SLEY__STACK_CLASSES];   /* they and flows by stack class: each holds a
                                                    promise */
    size_t entered;                              /* flows that tasks are inside of */
    size_t stacks_of_class[SLEY__STACK_CLASSES]; /* stacks found somewhere */
    unsigned asleep, chosen, searching;          /* workers */
    size_t waiting_work;                         /* tasks in all run queues */
};

/* A rule of the house. Judged only while nobody else moves. */
#define RULE(c, cond, ...) ensure_msg((cond) || disturbed(c), __VA_ARGS__)

#define ID(task)           ((unsigned long long)load_relaxed(&(task)->id))

#ifdef SLEY_HOSTILE
static bool disturbed(const struct check *c)
{
    return !c->quiet || sley__hands_quiet() != c->quiet;
}

static uint64_t begin_quiet(void)
{
    return sley__hands_quiet();
}

static bool is_resting(const struct sley__worker *worker)
{
    return worker->halted.resting;
}

/* Sleeps without being counted by the idle protocol. */
static bool is_apart(const struct sley__worker *worker)
{
    return worker->halted.apart;
}

static struct sley_task *in_hand(const struct sley__worker *worker)
{
    return worker->halted.hand;
}
#else
/* Nobody else is there: the caller says so. */
static bool disturbed(UNUSED const struct check *c)
{
    return false;
}

static uint64_t begin_quiet(void)
{
    return 1;
}

static bool is_resting(const struct sley__worker *worker)
{
    const struct sley__idle *idle = &worker->sched->idle;

    return load_relaxed(&idle->sleepers[worker->index / 64]) >> worker->index % 64 & 1;
}

static bool is_apart(UNUSED const struct sley__worker *worker)
{
    return false;
}

static struct sley_task *in_hand(UNUSED const struct sley__worker *worker)
{
    return NULL;
}
#endif

/* --- where tasks are ------------------------------------------------------------------------ */

static const char *name_of(unsigned mark)
{
    static const char *const names[] = {"nowhere",       "a free list",      "a spawned queue",
                                        "a woken queue", "the shared queue", "a worker's hand"};

    return names[(mark & FOUND_KIND) >> 16];
}

/* `task` was found at `where`. */
static void found(struct check *c, struct sley_task *task, unsigned where)
{
    RULE(c, !(task->mark & FOUND_KIND), "task %llu is in %s (worker %u) and in %s (worker %u)",
         ID(task), name_of(task->mark), task->mark & FOUND_WORKER, name_of(where),
         where & FOUND_WORKER);
    task->mark = (task->mark & ~(uint32_t)(FOUND_KIND | FOUND_WORKER)) | where;
}

/* A free list; how long it is. */
static size_t walk_free(struct check *c, struct sley_task *task)
{
    size_t n = 0;

    for (; task; task = task->next, n++)
        found(c, task, FOUND_FREE);
    return n;
}

static void walk_cache(struct check *c, const struct sley__task_cache *cache, const char *whose)
{
    size_t n = walk_free(c, cache->free);

    RULE(c, n == cache->count, "%s list of free tasks has %zu, its count says %u", whose, n,
         cache->count);
    n = walk_free(c, cache->full);
    RULE(c, n == 0 || n == SLEY__TASK_BATCH, "%s full batch of free tasks has %zu", whose, n);
}

static void walk_pool(struct check *c)
{
    struct sley__task_pool *pool = &c->sched->tasks;
    struct sley_task *batch;

    sley__lock_acquire(&pool->lock);
    for (batch = pool->batches; batch; batch = batch->next_batch) {
        size_t n = walk_free(c, batch);

        RULE(c, n == SLEY__TASK_BATCH, "a batch of free tasks in the pool has %zu", n);
    }
    sley__lock_release(&pool->lock);
}

/* The part of a run queue that is neither taken nor stolen. */
static void walk_deque(struct check *c, struct sley__deque *q, unsigned where)
{
    uint64_t claimed = load_relaxed(&q->claimed), i = load_relaxed(&q->head);
    uint64_t tail = load_relaxed(&q->tail);

    sley__deque_validate(q);
    RULE(c, claimed <= i || q->stolen_from <= i,
         "run queue: from %llu on stolen up to %llu, but head is %llu",
         (unsigned long long)q->stolen_from, (unsigned long long)claimed, (unsigned long long)i);
    for (i = i > claimed ? i : claimed; i < tail; i++) {
        struct sley_task *task = load_relaxed(&q->slot[i & SLEY__DEQUE_MASK]);
        bool started;

        ensure_msg(task, "run queue: nothing in slot %llu", (unsigned long long)i);
        started = task->stack != NULL;
        RULE(c, started == ((where & FOUND_KIND) == FOUND_WOKEN),
             "task %llu, which has %sbegun to run, is in %s", ID(task), started ? "" : "not ",
             name_of(where));
        found(c, task, where);
        c->waiting_work++;
    }
}

/* Under the queue's lock; how many there are. */
static size_t walk_inject_list(struct check *c, const struct sley__inject_list *list, bool started)
{
    struct sley_task *task, *last = NULL;
    size_t n = 0;

    for (task = list->first; task; last = task, task = task->next, n++) {
        RULE(c, started == (task->stack != NULL),
             "task %llu, which has %sbegun to run, is in the wrong list of the shared queue",
             ID(task), started ? "not " : "");
        found(c, task, FOUND_INJECT);
    }
    RULE(c, list->last == last, "the shared queue ends with another task than it says");
    return n;
}

static void walk_inject(struct check *c)
{
    struct sley__inject *q = &c->sched->inject;
    size_t n;

    sley__lock_acquire(&q->lock);
    n = walk_inject_list(c, &q->woken, true) + walk_inject_list(c, &q->spawned, false);
    RULE(c, n == load_relaxed(&q->count), "the shared queue has %zu tasks, its count says %zu", n,
         load_relaxed(&q->count));
    sley__lock_release(&q->lock);
    c->waiting_work += n;
}

/* What a worker has that stands still. */
static void walk_worker(struct check *c, struct sley__worker *worker)
{
    unsigned index = worker->index;

    walk_deque(c, &worker->spawned, FOUND_SPAWNED | index);
    walk_deque(c, &worker->woken, FOUND_WOKEN | index);
    walk_cache(c, &worker->tasks, "a worker's");
    RULE(c, !worker->handoff, "worker %u halted with a task for its next loop", index);
    if (in_hand(worker))
        found(c, in_hand(worker), FOUND_HAND | index);
    if (!worker->current)
        return;
    RULE(c, worker->current->worker == worker && worker->current->stack == worker->stack,
         "task %llu runs on worker %u but has another worker or stack", ID(worker->current), index);
    RULE(c, !(worker->current->mark & IS_CURRENT), "task %llu runs on two workers, one of them %u",
         ID(worker->current), index);
    worker->current->mark |= IS_CURRENT;
}

/* --- timers --------------------------------------------------------------------------------- */

static void check_timer(struct check *c, const struct sley__wheel *wheel,
                        const struct sley__timer *timer)
{
    uint64_t word = load_relaxed(&timer->task->word);
    enum sley__task_state state = sley__task_state(word);

    RULE(c, timer->wheel == wheel, "a timer is in another wheel than it says");
    RULE(c, timer->tick >= wheel->now, "a timer for tick %lld is left at tick %lld",
         (long long)timer->tick, (long long)wheel->now);
    RULE(c, load_relaxed(&wheel->next) >> SLEY__WHEEL_TICK_BITS <= timer->tick,
         "the next timer is at %lld ns, but one is due at tick %lld",
         (long long)load_relaxed(&wheel->next), (long long)timer->tick);
    RULE(c,
         (state == SLEY__TASK_WAITING || state == SLEY__TASK_WOKEN) &&
             sley__task_ticket(word) == timer->ticket,
         "a timer is armed for wait %llu of task %llu, which is in state %d of wait %llu",
         (unsigned long long)timer->ticket, ID(timer->task), (int)state,
         (unsigned long long)sley__task_ticket(word));
}

/* Under the wheel's lock. How many timers are in the slot. */
static size_t walk_slot(struct check *c, struct sley__wheel *wheel, unsigned slot)
{
    size_t n = 0;

    if (!(wheel->used[slot / 64] >> slot % 64 & 1))
        return 0; /* its list is not even initialised */
    list_for_each (link, &wheel->slot[slot]) {
        check_timer(c, wheel, container_of(link, struct sley__timer, link));
        n++;
    }
    return n;
}

static void walk_wheel(struct check *c, struct sley__wheel *wheel)
{
    size_t n = 0;

    sley__lock_acquire(&wheel->lock);
    for (unsigned slot = 0; slot < ARRAY_LENGTH(wheel->slot); slot++)
        n += walk_slot(c, wheel, slot);
    RULE(c, n == wheel->count, "a wheel has %zu timers, its count says %zu", n, wheel->count);
    sley__lock_release(&wheel->lock);
}

/* --- every task ----------------------------------------------------------------------------- */

/* A task of this scheduler, to look into. Another runtime's may vanish any moment. */
static bool is_ours(const struct check *c, const struct sley_task *task)
{
    const struct sley__task_slab *slab = load_acquire(&c->sched->tasks.slabs);

    for (; slab; slab = slab->older)
        if (task >= slab->tasks && task < slab->tasks + slab->count)
            return true;
    return false;
}

static void check_joiner(struct check *c, struct sley_task *task)
{
    uintptr_t join = load_acquire(&task->join);
    struct sley_task *joiner = (struct sley_task *)join;
    enum sley__task_state state;

    RULE(c, join != SLEY__JOIN_DONE && join != SLEY__JOIN_ENDING,
         "task %llu lives, and its join word says %zu", ID(task), (size_t)join);
    if (!join || join == SLEY__JOIN_DETACHED || (join & SLEY__JOIN_FOREIGN) || !is_ours(c, joiner))
        return;
    state = sley__task_state(load_relaxed(&joiner->word));
    RULE(c, state == SLEY__TASK_WAITING || state == SLEY__TASK_WOKEN,
         "task %llu joins task %llu, but does not wait: state %d", ID(joiner), ID(task),
         (int)state);
    RULE(c, !(joiner->mark & IS_JOINING), "task %llu joins two tasks, one of them %llu", ID(joiner),
         ID(task));
    joiner->mark |= IS_JOINING;
}

static void count_stack(struct check *c, const struct sley__stack *stack)
{
    if (stack && stack->class < SLEY__STACK_CLASSES)
        c->stacks_of_class[stack->class]++;
}

/* The flows that a task is inside of, from the innermost outwards: it stands on the stack of the
 * first, and who has entered one stands on that of the next. Returns the task's own stack. */
static const struct sley__stack *check_chain(struct check *c, const struct sley_task *task)
{
    const struct sley__stack *stands_on = task->stack;

    for (struct sley__flow *flow = task->flow; flow; flow = flow->outside) {
        RULE(c, load_relaxed(&flow->busy) && flow->task == task,
             "task %llu is inside of a flow that is not its own", ID(task));
        RULE(c, stands_on && flow->stack == stands_on,
             "task %llu does not stand on the stack of the flow that it is inside of", ID(task));
        RULE(c, load_relaxed(&flow->outer.saved) && !load_relaxed(&flow->inner.saved),
             "task %llu is inside of a flow whose contexts say otherwise", ID(task));
        count_stack(c, stands_on);
        stands_on = flow->below;
        c->entered++;
    }
    return stands_on;
}

/* A task that has begun and not ended. */
static void check_flow(struct check *c, struct sley_task *task, bool current)
{
    bool saved = sley__context_ready(&task->context);

    const struct sley__stack *own = check_chain(c, task);

    RULE(c, own && own->class == task->stack_class,
         "task %llu has a stack of another class than %u, or none", ID(task), task->stack_class);
    RULE(c, saved != current, "the flow of task %llu is %ssaved although it %s", ID(task),
         saved ? "" : "not ", current ? "runs" : "does not run");
    count_stack(c, own);
}

/* Whether a task in `state` may be where it was found. */
static bool fits(enum sley__task_state state, unsigned mark)
{
    bool current = mark & IS_CURRENT;
    unsigned kind = mark & FOUND_KIND;
    bool queued = kind >= FOUND_SPAWNED && kind <= FOUND_HAND;

    switch (state) {
    case SLEY__TASK_FREE:
        return kind == FOUND_FREE && !current;
    case SLEY__TASK_NEW:
        return queued && !current;
    case SLEY__TASK_RUNNING:
        return current != queued && kind != FOUND_FREE; /* queued: it has yielded */
    case SLEY__TASK_WAITING:
        return kind == FOUND_NOWHERE; /* current: about to park */
    case SLEY__TASK_WOKEN:
        return queued; /* current: it was woken before it has parked */
    case SLEY__TASK_DONE:
        return kind == FOUND_NOWHERE && !current;
    default:
        return false;
    }
}

static void check_task(struct check *c, struct sley_task *task)
{
    enum sley__task_state state = sley__task_state(load_acquire(&task->word));
    unsigned mark = task->mark;

    RULE(c, fits(state, mark), "task %llu in state %d is in %s (worker %u)%s", ID(task), (int)state,
         name_of(mark), mark & FOUND_WORKER, mark & IS_CURRENT ? " and runs" : "");
    if (state == SLEY__TASK_FREE)
        return;
    if (state == SLEY__TASK_DONE) {
        RULE(c,
             load_acquire(&task->join) == (task->in_family ? SLEY__JOIN_DETACHED : SLEY__JOIN_DONE),
             "task %llu has ended, and its join word says %zu", ID(task),
             (size_t)load_acquire(&task->join));
        return;
    }
    c->live++;
    c->live_of_class[task->stack_class % SLEY__STACK_CLASSES]++;
    if (state == SLEY__TASK_NEW)
        RULE(c, !task->stack, "task %llu has not begun, and has a stack", ID(task));
    else
        check_flow(c, task, mark & IS_CURRENT);
    check_joiner(c, task);
}

/* Slots of the newest slab that no cache has been given yet are in no list. */
static void check_tasks(struct check *c)
{
    struct sley__task_pool *pool = &c->sched->tasks;
    struct sley__task_slab *newest, *slab;
    size_t carved;

    sley__lock_acquire(&pool->lock);
    newest = load_relaxed(&pool->slabs);
    carved = pool->carved;
    sley__lock_release(&pool->lock);
    for (slab = newest; slab; slab = slab->older)
        for (size_t i = 0; i < (slab == newest ? carved : slab->count); i++)
            check_task(c, &slab->tasks[i]);
    for (slab = newest; slab; slab = slab->older)
        for (size_t i = 0; i < slab->count; i++)
            slab->tasks[i].mark = 0;
}

/* Flows that nobody is inside of: the others have been seen with their tasks. */
static void check_flow_apart(struct check *c, const struct sley__flow *flow)
{
    RULE(c, !load_relaxed(&flow->ended) || !flow->stack, "a flow that has ended has a stack");
    if (load_relaxed(&flow->ended))
        return;
    c->live_of_class[flow->class % SLEY__STACK_CLASSES]++;
    if (!flow->stack)
        return;
    RULE(c, flow->stack->class == flow->class, "a flow has a stack of another class than %u",
         flow->class);
    if (load_relaxed(&flow->busy)) {
        c->entered--;
        return;
    }
    RULE(c, load_relaxed(&flow->inner.saved), "nobody is inside of a flow, and it is not saved");
    count_stack(c, flow->stack);
}

static void check_flows(struct check *c)
{
    sley__lock_acquire(&c->sched->flows_lock);
    for (const struct sley__flow *flow = c->sched->flows; flow; flow = flow->next)
        check_flow_apart(c, flow);
    sley__lock_release(&c->sched->flows_lock);
    RULE(c, !c->entered, "tasks and flows do not agree on who is inside of whom: %zd more",
         (ssize_t)c->entered);
}

static void check_live(struct check *c)
{
    uint64_t counted = sley__sched_live(c->sched);

    RULE(c, counted == c->live, "%zu tasks live, the workers have counted %llu", c->live,
         (unsigned long long)counted);
}

/* --- sleep ---------------------------------------------------------------------------------- */

static void check_sleep_of(struct check *c, struct sley__worker *worker)
{
    const struct sley__idle *idle = &c->sched->idle;
    bool bit = load_relaxed(&idle->sleepers[worker->index / 64]) >> worker->index % 64 & 1;
    bool resting = is_resting(worker);
    unsigned queued =
        sley__deque_size(&worker->spawned, NULL) + sley__deque_size(&worker->woken, NULL);

    RULE(c, !(bit || resting) || !queued, "worker %u sleeps, with %u tasks in its queues",
         worker->index, queued);
    RULE(c, !bit || resting, "worker %u is awake, and its bit says that it sleeps", worker->index);
    c->asleep += bit;
    c->chosen += resting && !bit && !is_apart(worker);
    c->searching += !resting && worker->searching;
}

static void check_sleep(struct check *c)
{
    uint32_t state = load_relaxed(&c->sched->idle.state);
    unsigned bits = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(c->sched->idle.sleepers); i++)
        bits += (unsigned)__builtin_popcountll(load_relaxed(&c->sched->idle.sleepers[i]));
    RULE(c, bits == c->asleep && bits == sley__idle_sleeping(state),
         "%u bits of sleepers, %u workers asleep, the count says %u", bits, c->asleep,
         sley__idle_sleeping(state));
    RULE(c, sley__idle_searching(state) == c->searching + c->chosen,
         "%u workers search and %u were woken to, the count says %u", c->searching, c->chosen,
         sley__idle_searching(state));
    RULE(c, !c->waiting_work || !bits || sley__idle_searching(state),
         "%zu tasks wait, %u workers sleep, and nobody searches", c->waiting_work, bits);
}

/* --- stacks --------------------------------------------------------------------------------- */

static size_t count_stacks(const struct sley__stack *stack)
{
    size_t n = 0;

    for (; stack; stack = stack->next)
        n++;
    return n;
}

/* A worker's cache, and the stack that its loop stands on. A loop that is about to leave its stack
 * for a task in its hand has given it back already: then it is on top of the cache. */
static void check_own_stacks(struct check *c, const struct sley__worker *worker)
{
    const struct sley__stack *own = worker->current ? NULL : worker->stack;

    for (int i = 0; i < SLEY__STACK_CLASSES; i++) {
        size_t n = count_stacks(worker->stacks.free[i]);

        RULE(c, n == load_relaxed(&worker->stacks.count[i]),
             "worker %u has %zu stacks of class %d in its cache, its count says %u", worker->index,
             n, i, load_relaxed(&worker->stacks.count[i]));
        c->stacks_of_class[i] += n;
        if (own && own->class == i && own != worker->stacks.free[i])
            c->stacks_of_class[i]++;
    }
}

/* Under the pool's lock. */
static void check_shared_stacks(struct check *c, int class)
{
    const struct sley__stack_level *level = &c->sched->stacks.levels[class];
    const struct sley__stack *bundle;
    size_t total = 0;

    for (bundle = level->shared; bundle; bundle = bundle->bundle) {
        size_t n = count_stacks(bundle);

        RULE(c, n == bundle->bundled, "a bundle of stacks has %zu, its count says %u", n,
             bundle->bundled);
        total += n;
    }
    RULE(c, total == level->shared_count, "the shared list has %zu stacks, its count says %zu",
         total, level->shared_count);
    c->stacks_of_class[class] += total;
}

/* Under the pool's lock: stacks that exist, against those that were found. */
static void check_slabs(struct check *c, int class)
{
    const struct sley__stack_slab *slab = load_relaxed(&c->sched->stacks.slabs);
    const struct sley__stack_level *level = &c->sched->stacks.levels[class];
    size_t capacity = 0, cut = 0;

    for (; slab; slab = slab->next) {
        if (slab->class != class)
            continue;
        capacity += slab->count;
        cut += load_relaxed(&slab->cut) - slab->bare_count;
    }
    RULE(c, capacity == level->capacity, "slabs for %zu stacks of class %d, the count says %zu",
         capacity, class, level->capacity);
    RULE(c, cut == c->stacks_of_class[class], "%zu stacks of class %d exist, %zu were found", cut,
         class, c->stacks_of_class[class]);
}

/* Each live task and flow holds a promise, and each worker those that it has not given away. */
static void check_promises(struct check *c, int class)
{
    size_t promised = c->sched->stacks.levels[class].promised, held = c->live_of_class[class];

    for (unsigned i = 0; i < c->carriers && class == c->sched->stack_class; i++)
        held += sley__sched_carrier(c->sched, i)->stack_credit;
    RULE(c, promised == held, "%zu stacks of class %d are promised, %zu promises are held",
         promised, class, held);
}

static void check_stacks(struct check *c)
{
    for (unsigned i = 0; i < c->carriers; i++)
        check_own_stacks(c, sley__sched_carrier(c->sched, i));
    sley__lock_acquire(&c->sched->stacks.lock);
    for (int class = 0; class < SLEY__STACK_CLASSES; class ++) {
        check_shared_stacks(c, class);
        check_slabs(c, class);
        check_promises(c, class);
    }
    sley__lock_release(&c->sched->stacks.lock);
}

/* --- all of it ------------------------------------------------------------------------------ */

static void validate(struct check *c)
{
    struct sley__sched *sched = c->sched;

    c->quiet = begin_quiet();
    c->carriers = sley__sched_carriers(sched);
    sley__lock_acquire(&sched->foreign_lock); /* free lists and stacks of foreign threads, too */
    walk_cache(c, &sched->foreign_tasks, "the foreign threads'");
    walk_pool(c);
    walk_inject(c);
    for (unsigned i = 0; i < c->carriers; i++) {
        walk_worker(c, sley__sched_carrier(sched, i));
        check_sleep_of(c, sley__sched_carrier(sched, i));
    }
    for (unsigned i = 0; i < sched->worker_count; i++)
        walk_wheel(c, &sched->workers[i].wheel);
    check_tasks(c);
    check_flows(c);
    check_live(c);
    check_sleep(c);
    check_stacks(c);
    sley__lock_release(&sched->foreign_lock);
}

void sley__validate(struct sley__sched *sched)
{
    struct check c = {.sched = sched};

    validate(&c);
}

#endif

/* --- at every n-th park --------------------------------------------------------------------- */

#ifdef SLEY_HOSTILE

bool sley__validate_halted(struct sley__worker *worker)
{
    struct sley__halt *halt = &worker->sched->halt;
    struct check c = {.sched = worker->sched};
    bool counts = false;

    if (sley__sched_halt(worker)) {
        validate(&c);
        counts = !disturbed(&c);
        sley__sched_go_on(worker->sched);
    }
    fetch_add_relaxed(counts ? &halt->looked : &halt->in_vain, 1);
    return counts;
}

static size_t task_slots(struct sley__sched *sched)
{
    const struct sley__task_slab *slab = load_acquire(&sched->tasks.slabs);
    size_t n = 0;

    for (; slab; slab = slab->older)
        n += slab->count;
    return n;
}

/* With many tasks seldom, so that a park costs the look at a few tasks. */
static void look(struct sley__worker *worker)
{
    size_t some = task_slots(worker->sched) / 4, n = worker->sched->halt.interval;

    sley__validate_halted(worker);
    worker->halted.parks_left = (unsigned)(worker->sched->halt.exactly || n > some ? n : some);
}

void sley__validate_install(struct sley__sched *sched)
{
    const char *text = getenv("SLEY_VALIDATE");

    sched->halt.look = look;
    sched->halt.exactly = text != NULL;
    sched->halt.interval =
        text ? (unsigned)strtoul(text, NULL, 10) : 200 + (unsigned)(sley__random_seed() % 800);
    for (unsigned i = 0; i < sched->worker_count; i++)
        sched->workers[i].halted.parks_left = sched->halt.interval;
}

#endif
