/*
 * gaps_batch.c: a batch of wakes (wait.c) for tasks of two runtimes, as the I/O thread of one may
 * send it: each task goes to its own.
 */
#include "model.h"
#include "worker.h"

#include <string.h>

static struct sley__sched scheds[2];
static struct sley__worker workers[2];
static struct sley_task tasks[3];
static struct sley__waker wakers[3];

static void setup(void)
{
    for (unsigned i = 0; i < 2; i++) {
        memset(&workers[i], 0, offsetof(struct sley__worker, wheel));
        scheds[i] = (struct sley__sched){.workers = &workers[i], .worker_count = 1};
        workers[i].sched = &scheds[i];
        sley__idle_init(&scheds[i].idle, 1);
        sley__inject_init(&scheds[i].inject);
    }
    memset(tasks, 0, sizeof tasks);
    for (unsigned i = 0; i < 3; i++) {
        tasks[i].worker = &workers[i == 1];
        wakers[i] = (struct sley__waker){&tasks[i], sley__task_begin_wait(&tasks[i], 0)};
    }
}

static void wake(unsigned thread)
{
    struct sley__wake_batch batch;

    (void)thread;
    sley__wake_batch_begin(&batch);
    for (unsigned i = 0; i < 3; i++)
        model_assert(sley__wake_batch_add(&batch, wakers[i], 0), "nobody else wakes it");
    sley__wake_batch_flush(&batch);
}

static void verify(void)
{
    model_assert(sley__inject_size(&scheds[0].inject) == 2, "of the first runtime");
    model_assert(sley__inject_size(&scheds[1].inject) == 1, "of the second one");
}

MODEL(gaps_batch, .about = "a batch for two runtimes", .threads = 1, .setup = setup, .body = {wake},
      .verify = verify);
