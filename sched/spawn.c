/*
 * spawn.c: the beginning and the end of tasks.
 *
 * A spawn takes a task from the worker's free list, fills two cache lines and pushes it on the
 * worker's queue; an end settles the join word and puts the memory back. Neither takes a lock,
 * makes a system call or touches a stack in the common case.
 *
 * A task gets its stack only when it runs beside a parked one, long after its spawn has succeeded.
 * So that this cannot fail then, each spawn takes a promise of address space from the pool, in lots
 * of SLEY__STACK_LOT per worker; a live task holds one promise, and there are never more stacks in
 * use than tasks and workers. Running out of memory is an error of the spawn, where it can be
 * handled.
 */
#include "worker.h"

#include "family.h"

/* --- promises of stacks ---------------------------------------------------------------------- */

/* Owner. */
static NOINLINE int take_lot(struct sley__worker *worker)
{
    int error =
        sley__stack_reserve(&worker->sched->stacks, worker->sched->stack_class, SLEY__STACK_LOT);

    if (!error)
        worker->stack_credit = SLEY__STACK_LOT;
    return error;
}

/* Owner. */
static NOINLINE void return_lot(struct sley__worker *worker)
{
    worker->stack_credit -= 2 * SLEY__STACK_LOT;
    sley__stack_unreserve(&worker->sched->stacks, worker->sched->stack_class, 2 * SLEY__STACK_LOT);
}

/* `worker` is NULL on foreign threads. */
static inline int promise_stack(struct sley__sched *sched, struct sley__worker *worker, int class)
{
    int error;

    if (unlikely(!worker || class != sched->stack_class))
        return sley__stack_reserve(&sched->stacks, class, 1);
    if (unlikely(!worker->stack_credit) && (error = take_lot(worker)))
        return error;
    worker->stack_credit--;
    return 0;
}

static inline void return_stack(struct sley__sched *sched, struct sley__worker *worker, int class)
{
    if (unlikely(!worker || class != sched->stack_class)) {
        sley__stack_unreserve(&sched->stacks, class, 1);
        return;
    }
    if (unlikely(++worker->stack_credit > 4 * SLEY__STACK_LOT))
        return_lot(worker);
}

int sley__worker_promise_stack(struct sley__sched *sched, struct sley__worker *worker, int class)
{
    return promise_stack(sched, worker, class);
}

void sley__worker_return_stack(struct sley__sched *sched, struct sley__worker *worker, int class)
{
    return_stack(sched, worker, class);
}

/* --- spawn ---------------------------------------------------------------------------------- */

/* Any thread; `worker` NULL: foreign. */
static inline struct sley_task *alloc_task(struct sley__sched *sched, struct sley__worker *worker)
{
    struct sley_task *task;

    if (likely(worker != NULL))
        return sley__task_alloc(&sched->tasks, &worker->tasks);
    sley__lock_acquire(&sched->foreign_lock);
    task = sley__task_alloc(&sched->tasks, &sched->foreign_tasks);
    sley__lock_release(&sched->foreign_lock);
    return task;
}

static inline void free_task(struct sley__sched *sched, struct sley__worker *worker,
                             struct sley_task *task)
{
    if (likely(worker != NULL)) {
        sley__task_free(&sched->tasks, &worker->tasks, task);
        return;
    }
    sley__lock_acquire(&sched->foreign_lock);
    sley__task_free(&sched->tasks, &sched->foreign_tasks, task);
    sley__lock_release(&sched->foreign_lock);
}

static inline void number_task(struct sley__sched *sched, struct sley__worker *worker,
                               struct sley_task *task)
{
    if (likely(worker != NULL)) {
        store_relaxed(&task->id, worker->next_id);
        worker->next_id += worker->id_step;
        store_relaxed(&task->born, (uint32_t)(worker->now >> SLEY__BORN_BITS));
        task->worker = worker;
        sley__count(worker->counters.spawned, 1);
        return;
    }
    sley__lock_acquire(&sched->foreign_lock);
    store_relaxed(&task->id, sched->foreign_id);
    sched->foreign_id += sley__sched_id_step(sched);
    sley__lock_release(&sched->foreign_lock);
    store_relaxed(&task->born, (uint32_t)(sley__clock_now() >> SLEY__BORN_BITS));
    task->worker = &sched->workers[0];
    fetch_add_acq_rel(&sched->foreign_spawned, 1);
}

/* Copies what the options say. */
static void apply_options(struct sley_task *task, const struct sley_task_options *options)
{
    size_t i;

    if (options->deadline)
        task->deadline = min_i64(task->deadline, options->deadline);
    if (!options->name)
        return;
    for (i = 0; i < SLEY__LABEL_SIZE - 1 && options->name[i]; i++) {
        unsigned char c = (unsigned char)options->name[i];

        /* It is printed in dumps, which a name must not be able to forge. */
        store_relaxed(&task->label[i], c < ' ' || c == 0x7f ? '?' : options->name[i]);
    }
    store_relaxed(&task->label[i], '\0');
    store_relaxed(&task->labelled, true);
}

/* A task as it is before its first run, not yet in a queue; without a deadline. */
static inline void fill_task(struct sley_task *task, sley_task_fn *fn, void *arg, const char *site,
                             int class)
{
    task->stack = NULL;
    task->deadline = SLEY_FOREVER;
    store_relaxed(&task->join, 0);
    task->fn = fn;
    task->arg = arg;
    task->stack_class = (uint8_t) class;
    store_relaxed(&task->cancelled, 0);
    store_relaxed(&task->permit, 0);
    store_relaxed(&task->reason, NULL);
    store_relaxed(&task->labelled, false);
    store_relaxed(&task->site, site);
}

/* The runtime is closing: the task that was filled, counted and promised a stack never was. */
static NOINLINE int refuse(struct sley__sched *sched, struct sley__worker *worker,
                           struct sley_task *task)
{
    int class = task->stack_class;

    task->locals = NULL; /* the spawner drops them */
    task->has_locals = false;
    free_task(sched, worker, task);
    return_stack(sched, worker, class);
    if (worker)
        store_release(&worker->counters.finished, load_relaxed(&worker->counters.finished) + 1);
    else
        fetch_add_acq_rel(&sched->foreign_spawned, (uint64_t)-1);
    sley__sched_check_drained(sched);
    return SLEY_ESHUTDOWN;
}

/* Makes a filled task a new one, unless the runtime is closing: then it is gone, SLEY_ESHUTDOWN. */
static ALWAYS_INLINE int admit(struct sley__sched *sched, struct sley__worker *worker,
                               struct sley_task *task)
{
    SLEY_PROBE1(task_spawn, task);
    sley__task_set_state(task, SLEY__TASK_NEW);
    fence_light(); /* partner: fence_heavy between `closing` and sley__sched_cancel_all */
    if (unlikely(!worker))
        fence_seq_cst(); /* against a worker that sees `closing` before that fence */
    return unlikely(load_relaxed(&sched->closing)) ? refuse(sched, worker, task) : 0;
}

/* Puts a filled task in a queue, its handle in *out before. SLEY_ESHUTDOWN if the runtime is
 * closing. */
static ALWAYS_INLINE int submit(struct sley__sched *sched, struct sley__worker *worker,
                                struct sley_task *task, struct sley_task **out)
{
    int error = admit(sched, worker, task);

    if (unlikely(error))
        return error;
    if (out)
        *out = task;
    if (likely(worker != NULL)) {
        sley__worker_push_spawned(worker, task);
        sley__sched_notify(sched, worker->index);
        return 0;
    }
    sley__sched_ready_from_outside(sched, task, task, 1);
    return 0;
}

/* A filled task with everything that the options say, or an error. `worker`: the caller's, with a
 * current task; or NULL on a foreign thread. */
static int make_task(struct sley__sched *sched, struct sley__worker *worker, sley_task_fn *fn,
                     void *arg, const struct sley_task_options *options, int64_t deadline,
                     const char *site, struct sley_task **out)
{
    int class = sched->stack_class, error;
    struct sley_task *task;

    if (unlikely(!fn))
        return SLEY_EINVAL;
    if (unlikely(options && options->stack_size) &&
        (class = sley__stack_class(options->stack_size)) < 0)
        return SLEY_EINVAL;
    if ((error = promise_stack(sched, worker, class)))
        return error;
    if (unlikely(!(task = alloc_task(sched, worker)))) {
        return_stack(sched, worker, class);
        return SLEY_ENOMEM;
    }
    fill_task(task, fn, arg, site, class);
    task->deadline = deadline;
    number_task(sched, worker, task);
    if (unlikely(options != NULL))
        apply_options(task, options);
    *out = task;
    return 0;
}

static inline void give_locals(struct sley_task *task, struct sley__locals *locals)
{
    if (likely(!locals))
        return;
    task->locals = locals;
    task->has_locals = true;
}

/* Every kind of spawn but a child's. `worker` as above. */
static NOINLINE int spawn(struct sley__sched *sched, struct sley__worker *worker, sley_task_fn *fn,
                          void *arg, const struct sley_task_options *options,
                          struct sley__locals *locals, struct sley_task **out, const char *site)
{
    /* The spawner may be a task of another runtime. */
    int64_t deadline =
        likely(worker && worker->current) ? worker->current->deadline : sley_deadline();
    struct sley_task *task;
    int error = make_task(sched, worker, fn, arg, options, deadline, site, &task);

    if (error)
        return error;
    if (!out)
        store_relaxed(&task->join, SLEY__JOIN_DETACHED);
    give_locals(task, locals);
    return submit(sched, worker, task, out);
}

/* The locals of a task that is to be spawned with these options, in *out. What locals call is the
 * program's and may do anything: so it is done before the spawn has begun, or when it has failed.
 * From the spawner. */
static NOINLINE int inherit_locals(struct sley__locals **out)
{
    struct sley__locals *own = sley__wait_locals();

    return own ? own->functions->inherit(own, out) : 0;
}

/* The spawn with `inherit_locals`. */
static NOINLINE int spawn_inheriting(struct sley__sched *sched, sley_task_fn *fn, void *arg,
                                     const struct sley_task_options *options,
                                     struct sley_task **out, const char *site)
{
    struct sley__locals *locals = NULL;
    struct sley__worker *worker;
    int error = inherit_locals(&locals);

    if (error)
        return error;
    worker = sley__worker_current();
    if (worker && worker->sched != sched)
        worker = NULL;
    sley__hands_enter();
    error = spawn(sched, worker, fn, arg, options, locals, out, site);
    sley__hands_leave();
    if (error && locals)
        locals->functions->drop(locals);
    return error;
}

/* Whether a spawn is the common one, from a task and without options, which is written out once
 * more: half of what a task costs is its beginning, and what the other kinds need would cost this
 * one a third more. */
static ALWAYS_INLINE bool is_common(struct sley__worker *worker, sley_task_fn *fn,
                                    const struct sley_task_options *options)
{
    return likely(!options && fn && worker->stack_credit && worker->tasks.free);
}

static ALWAYS_INLINE struct sley_task *make_common(struct sley__worker *worker, sley_task_fn *fn,
                                                   void *arg, const char *site, int64_t deadline)
{
    struct sley__sched *sched = worker->sched;
    struct sley_task *task;

    worker->stack_credit--;
    task = sley__task_alloc(&sched->tasks, &worker->tasks);
    fill_task(task, fn, arg, site, sched->stack_class);
    task->deadline = deadline;
    number_task(sched, worker, task);
    return task;
}

int sley_spawn_at(sley_task_fn *fn, void *arg, const struct sley_task_options *options,
                  struct sley_task **out, const char *site)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *task;

    if (unlikely(!worker || !worker->current))
        return SLEY_ENOTASK;
    if (unlikely(options && options->inherit_locals))
        return spawn_inheriting(worker->sched, fn, arg, options, out, site);
    if (!is_common(worker, fn, options))
        return spawn(worker->sched, worker, fn, arg, options, NULL, out, site);
    task = make_common(worker, fn, arg, site, worker->current->deadline);
    if (!out)
        store_relaxed(&task->join, SLEY__JOIN_DETACHED);
    return submit(worker->sched, worker, task, out);
}

/* Into the list of its parent's children; not yet in a queue, so nobody ends it meanwhile. */
static inline void enlist(struct sley__family *family, struct sley_task *task)
{
    task->parent = family;
    task->in_family = true;
    sley__lock_acquire(sley__family_lock(family));
    task->index = family->spawned++;
    family->live++;
    list_push_back(sley__family_children(family), &task->sibling);
    if (unlikely(sley__family_is_cancelled(family))) {
        sley__lock_acquire(&task->family_lock);
        store_relaxed(&task->cancelled,
                      load_relaxed(&task->cancelled) | (SLEY__CANCEL_PARENT | SLEY__CANCELLED));
        sley__lock_release(&task->family_lock);
    }
    sley__lock_release(sley__family_lock(family));
}

/* A new child; `locals` are its own if it comes into being. The owner of `worker`, with a current
 * task. */
static int spawn_child(struct sley__worker *worker, struct sley__family *family, sley_task_fn *fn,
                       void *arg, const struct sley_task_options *options,
                       struct sley__locals *locals, struct sley_task **out, const char *site)
{
    struct sley__sched *sched = worker->sched;
    struct sley_task *task;
    int error;

    if (is_common(worker, fn, options))
        task = make_common(worker, fn, arg, site, family->deadline);
    else if ((error = make_task(sched, worker, fn, arg, options, family->deadline, site, &task)))
        return error;
    if ((error = admit(sched, worker, task)))
        return error;
    store_relaxed(&task->join, SLEY__JOIN_DETACHED); /* nobody can join it but the parent */
    give_locals(task, locals);
    enlist(family, task);
    if (out)
        *out = task;
    sley__worker_push_spawned(worker, task);
    sley__sched_notify(sched, worker->index);
    return 0;
}

int sley__family_spawn(struct sley__family *family, sley_task_fn *fn, void *arg,
                       const struct sley_task_options *options, struct sley_task **out,
                       const char *site)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley__locals *locals = NULL;
    int error;

    if (unlikely(!worker || !worker->current))
        return SLEY_ENOTASK;
    if (unlikely(options && options->inherit_locals)) {
        if ((error = inherit_locals(&locals)))
            return error;
        worker = sley__worker_current(); /* copying the locals may have parked */
    }
    error = spawn_child(worker, family, fn, arg, options, locals, out, site);
    if (unlikely(error) && locals)
        locals->functions->drop(locals);
    return error;
}

int sley__sched_spawn(struct sley__sched *sched, sley_task_fn *fn, void *arg,
                      const struct sley_task_options *options, struct sley_task **out,
                      const char *site)
{
    struct sley__worker *worker = sley__worker_current();
    int error;

    if (options && options->inherit_locals)
        return spawn_inheriting(sched, fn, arg, options, out, site);
    if (worker && worker->sched != sched)
        worker = NULL;
    sley__hands_enter();
    error = spawn(sched, worker, fn, arg, options, NULL, out, site);
    sley__hands_leave();
    return error;
}

/* --- the end -------------------------------------------------------------------------------- */

/* Nobody will join for the task's result, which is an error. */
static NOINLINE void lose_error(struct sley__sched *sched, struct sley_task *task)
{
    if (task->result != SLEY_ECANCELED && sched->on_lost_error)
        sched->on_lost_error(sched, task);
}

/* The end of a child, whose join word says that it is detached: its parent keeps it, or it is free.
 * Owner. */
static inline void tell_parent(struct sley__worker *worker, struct sley_task *task)
{
    if (!task->parent->ended(task->parent, task))
        return; /* it is the parent's now, and may be gone */
    task->in_family = false;
    sley__task_free(&worker->sched->tasks, &worker->tasks, task);
}

/* Tells whoever is to know of another task's end; it may be gone afterwards. Owner. */
static inline void tell_end(struct sley__worker *worker, struct sley_task *task)
{
    struct sley__sched *sched = worker->sched;
    struct sley__finish finish;

    switch (sley__task_finish(task, &finish)) {
    case SLEY__FINISH_NOTHING:
        break;
    case SLEY__FINISH_FREE:
        if (unlikely(task->result < 0))
            lose_error(sched, task);
        sley__task_free(&sched->tasks, &worker->tasks, task);
        break;
    case SLEY__FINISH_WAKE_TASK:
        finish.joiner->wake_result = 0;
        sley__sched_ready(finish.joiner, true);
        break;
    case SLEY__FINISH_WAKE_FOREIGN:
        store_release(finish.foreign,
                      1); /* the joiner may return at once; a late wake is harmless */
        sley__futex_wake(finish.foreign, 1);
        break;
    }
}

void sley__worker_finish(struct sley__worker *worker, struct sley_task *task, int result)
{
    struct sley__sched *sched = worker->sched;
    int class = task->stack_class;

    check(!task->has_locals);
    task->result = result;
    sley__task_set_state(task, SLEY__TASK_DONE);
    sley__hands_enter(); /* the joiner may be another runtime's */
    if (task->in_family)
        tell_parent(worker, task);
    else
        tell_end(worker, task);
    sley__hands_leave();
    return_stack(sched, worker, class);
    /* Release: what the task did. Partner: acquire in sley__sched_live. */
    store_release(&worker->counters.finished, load_relaxed(&worker->counters.finished) + 1);
    fence_light(); /* partner: fence_heavy between `closing` and the look at `finished` */
    if (unlikely(load_relaxed(&sched->closing)))
        sley__sched_check_drained(sched);
}

void sley__family_bury(struct sley_task *first)
{
    struct sley__worker *worker = sley__worker_current();

    for (struct sley_task *task = first, *next; task; task = next) {
        struct sley__sched *sched = task->worker->sched;

        next = task->next;
        task->in_family = false;
        free_task(sched, worker && worker->sched == sched ? worker : NULL, task);
    }
}

void sley__sched_free_task(struct sley__sched *sched, struct sley_task *task)
{
    struct sley__worker *worker = sley__worker_current();

    free_task(sched, worker && worker->sched == sched ? worker : NULL, task);
}

uint64_t sley__sched_live(struct sley__sched *sched)
{
    uint64_t finished = 0, spawned = 0;
    unsigned i, n;

    /* All ends first, then all beginnings: if the sums are equal, then between the two passes
     * nobody was alive. A carrier that is made meanwhile is missed in the first pass only: whoever
     * has seen the end of a task that was spawned there, sees the carrier. */
    n = sley__sched_carriers(sched);
    for (i = 0; i < n; i++)
        finished += load_acquire(&sley__sched_carrier(sched, i)->counters.finished);
    n = sley__sched_carriers(sched);
    for (i = 0; i < n; i++)
        spawned += load_acquire(&sley__sched_carrier(sched, i)->counters.spawned);
    return spawned + load_acquire(&sched->foreign_spawned) - finished;
}

void sley__sched_check_drained(struct sley__sched *sched)
{
    fence_seq_cst(); /* of two last tasks on two workers, one sees both ends */
    if (!load_acquire(&sched->closing) || sley__sched_live(sched))
        return;
    store_release(&sched->drained, 1);
    sley__futex_wake(&sched->drained, 1);
}

void sley__sched_end_tasks(struct sley__sched *sched)
{
    store_release(&sched->closing, 1);
    fence_heavy(); /* partner: fence_light in submit and in sley__worker_finish */
    sley__sched_cancel_all(sched, "the runtime is shutting down");
    sley__sched_check_drained(sched);
    while (!load_acquire(&sched->drained)) /* partner: sley__sched_check_drained */
        sley__futex_wait(&sched->drained, 0, SLEY_FOREVER);
}

/* --- join and detach ------------------------------------------------------------------------ */

/* Takes the result of an ended task and frees it. `worker`: the caller's, or NULL. */
static inline int take_result(struct sley__worker *worker, struct sley_task *task, int *result)
{
    struct sley__sched *sched = task->worker->sched;

    if (result)
        *result = task->result;
    free_task(sched, likely(worker && worker->sched == sched) ? worker : NULL, task);
    return 0;
}

/* A foreign thread sleeps until the end. */
static NOINLINE int join_foreign(struct sley_task *task, int *result)
{
    atomic(uint32_t) ended = 0;

    switch (sley__task_join_foreign(task, &ended)) {
    case SLEY__JOIN_BUSY:
        return task->in_family ? SLEY_EPERM : SLEY_EBUSY;
    case SLEY__JOIN_WAIT:
        while (!load_acquire(&ended)) /* partner: release in sley__worker_finish */
            sley__futex_wait(&ended, 0, SLEY_FOREVER);
        break;
    case SLEY__JOIN_TAKE:
        break;
    }
    return take_result(sley__worker_current(), task, result);
}

/* The running task `self` parks until the end. */
static NOINLINE int join_task(struct sley_task *self, struct sley_task *task, int *result)
{
    struct sley__waker waker;
    int error = sley__wait_begin(&waker, "join");

    if (error)
        return error;
    switch (sley__task_join_task(task, self)) {
    case SLEY__JOIN_BUSY:
        sley__wait_abandon(NULL);
        return task->in_family ? SLEY_EPERM : SLEY_EBUSY;
    case SLEY__JOIN_TAKE:
        sley__wait_abandon(NULL);
        break;
    case SLEY__JOIN_WAIT:
        error = sley__wait_park(SLEY_FOREVER);
        if (error && sley__task_join_retract(task, self) == SLEY__JOIN_WAIT)
            return error;
        break;
    }
    return take_result(sley__worker_current(), task, result);
}

int sley_join(struct sley_task *task, int *result)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley_task *self = worker ? worker->current : NULL;

    if (!task)
        return SLEY_EINVAL;
    if (task == self)
        return SLEY_EDEADLK;
    if (load_acquire(&task->join) == SLEY__JOIN_DONE) /* partner: sley__task_finish */
        return take_result(worker, task, result);
    return self ? join_task(self, task, result) : join_foreign(task, result);
}

void sley_detach(struct sley_task *task)
{
    if (!task || task->in_family || !sley__task_detach(task))
        return;
    if (task->result < 0)
        lose_error(task->worker->sched, task);
    sley__sched_free_task(task->worker->sched, task);
}

struct sley_task *sley_self(void)
{
    struct sley__worker *worker = sley__worker_current();

    return worker ? worker->current : NULL;
}

const char *sley_task_name(const struct sley_task *task)
{
    return sley__task_name(task);
}

uint64_t sley_task_id(const struct sley_task *task)
{
    return load_relaxed(&task->id);
}
