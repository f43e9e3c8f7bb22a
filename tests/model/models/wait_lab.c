/*
 * wait_lab.c: tasks for models, without most of the scheduler.
 *
 * What is to be explored is the waist: a task that begins a wait, publishes it, leaves its stack,
 * and the others who end that wait meanwhile. All of it is the production source, down to the
 * switch. What is left out is what a worker does when nobody is ready, searching, spinning, going
 * to sleep: it has models of its own (idle.c), and here its hundred atomic operations per sleep
 * would be multiplied with those of the wait. In its place each worker has a loop that waits, as
 * the engine's business, until its queue or the shared one is not empty, and resumes what it finds
 * as worker.c's to_ready() does.
 *
 * The workers are started by the production code (that is how a thread comes to be a worker), from
 * setup(), and run their scripts in the hook where carriers pin themselves to their cores. A script
 * that is a task so stands on its carrier's own stack, and the loop of its worker on another one:
 * nothing in the switch minds.
 */
#include "wait_lab.h"

#include <string.h>

enum { STACK_WORDS = 4096 };

struct sley__sched lab_sched;
struct sley__worker lab_workers[LAB_WORKERS];
struct sley_task lab_tasks[LAB_TASKS];

static struct sley__stack stacks[LAB_TASKS];
static _Alignas(16) uint64_t loop_stacks[LAB_WORKERS][STACK_WORDS];
static _Alignas(16) uint64_t task_stacks[LAB_TASKS][STACK_WORDS];
static struct sley__task_slab slab;
static lab_script *scripts[LAB_TASKS];
static bool is_task[LAB_TASKS], may_resume[LAB_TASKS];
static bool ended[LAB_TASKS]; /* ghost */
static bool thieves;

static MODEL_GHOST bool has_ready(const struct sley__deque *queue)
{
    return queue->tail > queue->head && queue->tail > queue->claimed;
}

/* Whether a worker would find something, as of now. */
static MODEL_GHOST bool has_work(void *arg)
{
    struct sley__worker *worker = arg;

    return has_ready(&worker->woken) || lab_sched.inject.count ||
           (thieves && has_ready(&lab_workers[!worker->index].woken));
}

/* One task out of the worker's queue, the shared one or the other's; NULL: somebody was faster. */
static struct sley_task *take(struct sley__worker *worker)
{
    struct sley_task *task, *stolen[SLEY__STEAL_MAX];
    size_t n;

    if ((task = sley__deque_take(&worker->woken)))
        return task;
    if ((task = sley__inject_take(&lab_sched.inject, 1, &n)) || !thieves)
        return task;
    n = sley__deque_steal(&lab_workers[!worker->index].woken, stolen);
    ensure(n <= 1); /* there are no more tasks in these models */
    return n ? stolen[0] : NULL;
}

static MODEL_GHOST void check_resumed(const struct sley_task *task)
{
    unsigned i = (unsigned)(task - lab_tasks);

    model_assert(i < LAB_TASKS && may_resume[i] && !ended[i], "task %u was queued, but has ended",
                 i);
}

/* As to_ready() and to_parked() of worker.c. The owner, in its loop. */
static void resume(struct sley__worker *worker, struct sley__context *from, struct sley_task *task)
{
    check_resumed(task);
    while (!sley__context_ready(&task->context))
        cpu_relax();
    worker->lifo = false;
    worker->woken_left = 0; /* so that a park looks at each queue once */
    task->worker = worker;
    worker->current = task;
    worker->stack = task->stack;
    sley__context_switch(from, NULL, &task->context, NULL, false);
}

/* `from`: where the loop is saved while a task runs. */
static _Noreturn void serve(struct sley__worker *worker, struct sley__context *from)
{
    for (;;) {
        struct sley_task *task = worker->handoff;

        worker->handoff = NULL;
        if (!task) {
            model_wait_until(has_work, worker);
            task = take(worker);
        }
        if (task)
            resume(worker, from, task);
    }
}

static void serve_apart(void *arg)
{
    struct sley__worker *worker = arg;

    serve(worker, &worker->base);
}

static MODEL_GHOST void note_end(const struct sley_task *task)
{
    ended[task - lab_tasks] = true;
}

static _Noreturn void run_task(void *arg)
{
    struct sley_task *task = arg;
    struct sley__worker *worker;

    scripts[task - lab_tasks]();
    worker = task->worker; /* perhaps another one than before, whose loop is suspended in `base` */
    worker->current = NULL;
    worker->stack = NULL;
    note_end(task);
    serve(worker, &worker->nowhere);
}

/* In the place of what carriers do before they begin to work; never returns. */
static void run_script(struct sley__worker *worker)
{
    if (worker->current)
        run_task(worker->current);
    scripts[worker->index]();
    serve(worker, &worker->base);
}

/* --- setting up ----------------------------------------------------------------------------- */

static void put_task_on(struct sley__worker *worker, unsigned i)
{
    struct sley_task *task = &lab_tasks[i];

    task->worker = worker;
    task->stack = worker->stack = &stacks[i];
    worker->current = task;
    is_task[i] = may_resume[i] = true;
    sley__task_set_state(task, SLEY__TASK_RUNNING);
    sley__context_init(&worker->base, loop_stacks[worker->index] + STACK_WORDS, serve_apart,
                       worker);
}

static void init_task(struct sley_task *task)
{
    *task = (struct sley_task){.deadline = SLEY_FOREVER};
    store_relaxed(&task->word, 0);
    store_relaxed(&task->join, 0);
    store_relaxed(&task->cancelled, 0);
    store_relaxed(&task->permit, 0);
    store_relaxed(&task->reason, NULL);
    store_relaxed(&task->context.saved, NULL);
    task->worker = &lab_workers[0];
}

static void init_worker(unsigned index)
{
    struct sley__worker *worker = &lab_workers[index];
    static const unsigned victims[LAB_WORKERS] = {1, 0};

    /* The wheel is large, and the models that need one make it. */
    memset(worker, 0, offsetof(struct sley__worker, wheel));
    worker->sched = &lab_sched;
    worker->index = index;
    worker->ticks_left = 1000000;
    worker->budget = 1000;
    worker->post = index;
    worker->timers = &worker->wheel;
    worker->next_id = index + 1;
    worker->id_step = LAB_WORKERS + 2;
    worker->stack_credit = 2;
    worker->victims = &victims[index];
    sley__deque_init(&worker->spawned);
    sley__deque_init(&worker->woken);
    sley__parker_init(&worker->parker);
}

void lab_setup(unsigned tasks, unsigned workers, lab_script *const script[])
{
    lab_sched = (struct sley__sched){
        .workers = lab_workers,
        .worker_count = workers,
        .thread_name = "lab",
        .on_carrier_start = run_script,
        .foreign_id = workers + 1,
    };
    sley__idle_init(&lab_sched.idle, workers);
    sley__inject_init(&lab_sched.inject);
    sley__task_pool_init(&lab_sched.tasks);
    thieves = false;
    memset(is_task, 0, sizeof is_task);
    memset(may_resume, 0, sizeof may_resume);
    memset(ended, 0, sizeof ended);
    memset(stacks, 0, sizeof stacks);
    for (unsigned i = 0; i < LAB_TASKS; i++)
        init_task(&lab_tasks[i]);
    for (unsigned i = 0; i < workers; i++) {
        scripts[i] = script[i];
        init_worker(i);
        if (i < tasks)
            put_task_on(&lab_workers[i], i);
    }
    ensure(sley__sched_start(&lab_sched) == 0);
}

void lab_let_steal(void)
{
    thieves = true;
}

void lab_queue(unsigned i, lab_script *script)
{
    struct sley_task *task = &lab_tasks[i];

    scripts[i] = script;
    is_task[i] = may_resume[i] = true;
    task->stack = &stacks[i];
    sley__task_set_state(task, SLEY__TASK_RUNNING);
    sley__context_init(&task->context, task_stacks[i] + STACK_WORDS, run_task, task);
    ensure(sley__deque_push(&lab_workers[0].woken, task));
}

void lab_runs(unsigned i)
{
    may_resume[i] = true;
}

void lab_pool(unsigned first, unsigned count)
{
    slab = (struct sley__task_slab){.count = count, .tasks = &lab_tasks[first]};
    store_release(&lab_sched.tasks.slabs, &slab);
    lab_sched.tasks.carved = count;
}

/* --- judging -------------------------------------------------------------------------------- */

void lab_verify(void)
{
    unsigned workers = lab_sched.worker_count, blocked = 0;

    for (unsigned i = 0; i < LAB_TASKS; i++)
        model_assert(ended[i] == is_task[i],
                     "task %u is never resumed, or never woken; its word is %#llx", i,
                     (unsigned long long)lab_tasks[i].word);
    for (unsigned i = 0; i < model_threads(); i++)
        blocked += model_blocked(i) != NULL;
    model_assert(blocked == workers, "a foreign thread waits for ever");
    for (unsigned i = 0; i < workers; i++)
        model_assert(!has_work(&lab_workers[i]), "a task was queued twice");
    model_assert(lab_sched.visitors == 0, "a visitor has not left");
}

static unsigned times_in(const struct sley_task *list, const struct sley_task *task)
{
    unsigned n = 0, length = 0;

    for (; list; list = list->next) {
        n += list == task;
        model_assert(++length < 100, "a free list is a ring");
    }
    return n;
}

unsigned lab_times_free(const struct sley_task *task)
{
    unsigned n = times_in(lab_sched.foreign_tasks.free, task);

    for (unsigned i = 0; i < lab_sched.worker_count; i++)
        n += times_in(lab_workers[i].tasks.free, task);
    return n;
}

/* --- mail ----------------------------------------------------------------------------------- */

void lab_post(struct lab_mail *mail, struct sley__waker waker)
{
    mail->waker = waker;
    store_release(&mail->there, 1);
}

void lab_post_nothing(struct lab_mail *mail)
{
    store_release(&mail->there, 2);
}

static MODEL_GHOST bool has_mail(void *arg)
{
    return ((struct lab_mail *)arg)->there != 0;
}

bool lab_await(struct lab_mail *mail, struct sley__waker *waker)
{
    uint32_t there;

    model_wait_until(has_mail, mail);
    while (!(there = load_acquire(&mail->there)))
        model_yield();
    if (there == 1)
        *waker = mail->waker;
    return there == 1;
}
