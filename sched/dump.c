/*
 * dump.c: the task dump: every task with its number, name, state, what it waits for, age and where
 * it was spawned.
 *
 * It walks the slabs of tasks, which never go away, while the tasks live on. So each line is read
 * from a task that may end and be reused meanwhile: all that is printed is numbers, pointers to
 * static strings, and a label whose last byte is always zero.
 *   Rejected: stopping the world for a dump; it is wanted most when something does not react.
 */
#include "runtime_impl.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Ages beyond are differences below zero: an hour's worth, in a year's. */
#define AGE_UNBORN (SLEY_SECONDS(3600) >> SLEY__BORN_BITS)

struct dump {
    struct sley__sched *sched;
    int fd;
    int tasks;
    int error;
    int64_t now;
};

static const char *const state_names[] = {
    [SLEY__TASK_FREE] = "free",       [SLEY__TASK_NEW] = "new",
    [SLEY__TASK_RUNNING] = "running", [SLEY__TASK_WAITING] = "waiting",
    [SLEY__TASK_WOKEN] = "ready",     [SLEY__TASK_DONE] = "done",
};

/* Writes all of it, or notes the error. */
static int emit(struct dump *dump, const char *line, size_t length)
{
    while (length) {
        ssize_t n = write(dump->fd, line, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return dump->error = -errno;
        line += n;
        length -= (size_t)n;
    }
    return 0;
}

/* In units of SLEY__BORN_BITS. A task that was spawned after the dump began, or whose worker has
 * not looked at its clock for long, has none. */
static uint32_t age_of(const struct dump *dump, const struct sley_task *task)
{
    uint32_t age = (uint32_t)(dump->now >> SLEY__BORN_BITS) - load_relaxed(&task->born);

    return age < UINT32_MAX - AGE_UNBORN ? age : 0;
}

/* The task's name, or in `label` a copy of its own: that may just be written anew, byte by byte. */
static const char *name_of(const struct sley_task *task, char label[SLEY__LABEL_SIZE])
{
    size_t i;

    if (!load_relaxed(&task->labelled))
        return load_relaxed(&task->site);
    for (i = 0; i < SLEY__LABEL_SIZE - 1; i++)
        label[i] = load_relaxed(&task->label[i]);
    label[i] = '\0';
    return label;
}

/* Why a running task has said that it will block, or NULL. */
static const char *announced_reason(struct sley__sched *sched, const struct sley_task *task)
{
    unsigned i, n = sley__sched_carriers(sched);

    for (i = 0; i < n; i++) {
        struct sley__worker *carrier = sley__sched_carrier(sched, i);

        if (load_acquire(&carrier->announced) == task) /* partner: sley_blocking_begin */
            return load_relaxed(&carrier->reason);
    }
    return NULL;
}

static int dump_task(struct sley_task *task, void *arg)
{
    struct dump *dump = arg;
    enum sley__task_state state = sley__task_state(load_acquire(&task->word));
    const char *what = load_relaxed(&task->what);
    uint32_t age = age_of(dump, task);
    char line[512], label[SLEY__LABEL_SIZE];
    int length;

    /* No site: its first spawn is under way, and seen out of order. */
    if (state == SLEY__TASK_FREE || !load_relaxed(&task->site))
        return 0;
    if (state == SLEY__TASK_RUNNING && sley__context_ready(&task->context))
        state = SLEY__TASK_WOKEN; /* has yielded */
    if (state == SLEY__TASK_RUNNING)
        what = announced_reason(dump->sched, task);
    else if (state != SLEY__TASK_WAITING)
        what = NULL;
    length = snprintf(line, sizeof line, "task %llu \"%s\" %s%s%s, %.2f s old, spawned at %s%s\n",
                      (unsigned long long)load_relaxed(&task->id), name_of(task, label),
                      state_names[state], what ? ": " : "", what ? what : "",
                      (double)((uint64_t)age << SLEY__BORN_BITS) / 1e9, sley__task_site(task),
                      sley__task_is_cancelled(task) ? ", cancelled" : "");
    if (length >= (int)sizeof line) {
        length = (int)sizeof line - 1;
        line[length - 1] = '\n';
    }
    dump->tasks++;
    return emit(dump, line, (size_t)length);
}

static int dump_worker(struct dump *dump, const struct sley_runtime *runtime, unsigned index)
{
    const struct sley__sched *sched = &runtime->sched;
    struct sley__worker *worker = load_acquire(&sched->workers[index].holder);
    struct sley_worker_stats stats;
    bool asleep = load_relaxed(&sched->idle.sleepers[worker->index / 64]) >> worker->index % 64 & 1;
    char line[256];
    int length;

    sley_runtime_stats(runtime, index, &stats);
    length =
        snprintf(line, sizeof line,
                 "worker %u: %s, %u queued, %llu tasks, %llu switches, %llu steals, "
                 "%llu sleeps\n",
                 index, asleep ? "asleep" : "awake",
                 sley__deque_size(&worker->spawned, NULL) + sley__deque_size(&worker->woken, NULL),
                 (unsigned long long)stats.tasks_run, (unsigned long long)stats.switches,
                 (unsigned long long)stats.steals, (unsigned long long)stats.sleeps);
    return emit(dump, line, (size_t)length);
}

int sley_runtime_dump(const struct sley_runtime *runtime, int fd)
{
    struct sley__sched *sched = (struct sley__sched *)(uintptr_t)&runtime->sched;
    struct dump dump = {.sched = sched, .fd = fd, .now = sley__clock_now()};
    unsigned i;

    for (i = 0; i < runtime->sched.worker_count && !dump.error; i++)
        dump_worker(&dump, runtime, i);
    if (!dump.error)
        sley__task_each(&sched->tasks, dump_task, &dump);
    return dump.error ? dump.error : dump.tasks;
}
