#include "idle_workers.h"

static int ran[TASKS_MAX];

static MODEL_GHOST void note_run(const struct sley_task *task)
{
    ran[task - tasks]++;
}

static void worker_thread(unsigned thread)
{
    struct sley__worker *worker = &workers[thread];
    struct sley_task *task;

    while ((task = sley__worker_find(worker))) {
        model_assert(task->result == (int)(task - tasks) + 7, "%d", task->result);
        note_run(task);
    }
}

static void submit(unsigned thread)
{
    struct sley_task *task = &tasks[thread];

    task->result = (int)thread + 7;
    sley__sched_ready_from_outside(&sched, task, task, 1);
}

static void setup(void)
{
    workers_init(2);
    memset(ran, 0, sizeof ran);
}

static void verify(void)
{
    for (unsigned i = 2; i < model_threads(); i++)
        model_assert(ran[i] == 1, "task %u ran %d times", i, ran[i]);
    model_assert(sched.idle.state == sched.worker_count << 16, "state %x", sched.idle.state);
}

MODEL(idle_find, .about = "x", .threads = 3, .setup = setup,
      .body = {worker_thread, worker_thread, submit}, .verify = verify, .may_block = true)
