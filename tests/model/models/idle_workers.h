/*
 * idle_workers.h: for models: a scheduler whose workers search, sleep and are woken as the real
 * ones do, but run their tasks as calls. No context is switched and no thread is started by it, so
 * a model of two or three workers is small enough to be explored.
 *
 * The model's own threads drive the workers: workers_run(i) is the loop of a carrier around the
 * real sley__worker_find (search.c), which looks, announces, looks again, sleeps and wakes by the
 * production source. What is left out is what the workers do between two searches.
 */
#ifndef SLEY_MODEL_IDLE_WORKERS_H
#define SLEY_MODEL_IDLE_WORKERS_H

#include "model.h"
#include "worker.h"

#include <string.h>

enum { WORKERS_MAX = 3, TASKS_MAX = 16 };

static struct sley__sched sched;
static struct sley__worker workers[WORKERS_MAX];

/* What stands for a task: its payload is plain, so whoever gets it has to be ordered after whoever
 * made it ready. */
static struct sley_task tasks[TASKS_MAX];
static int errno_of[WORKERS_MAX]; /* the carriers' */

/* All but the pools, which nobody asks. */
static void workers_init(unsigned count)
{
    static const unsigned victims[WORKERS_MAX + 1][WORKERS_MAX][WORKERS_MAX] = {
        [2] = {{1}, {0}}, [3] = {{1, 2}, {2, 0}, {0, 1}}};

    memset(&sched, 0, sizeof sched);
    for (unsigned i = 0; i < count; i++)
        memset(&workers[i], 0, offsetof(struct sley__worker, wheel));
    memset(tasks, 0, sizeof tasks);
    sched.workers = workers;
    sched.worker_count = count;
    sley__idle_init(&sched.idle, count);
    sley__inject_init(&sched.inject);
    for (unsigned i = 0; i < count; i++) {
        struct sley__worker *worker = &workers[i];

        worker->sched = &sched;
        worker->index = i;
        worker->ticks_left = SLEY__POLL_INTERVAL;
        worker->lifo_left = SLEY__LIFO_BUDGET;
        worker->woken_left = SLEY__WOKEN_BUDGET;
        worker->victims = victims[count][i];
        worker->errno_location = &errno_of[i];
        worker->now = sley__clock_now();
        sley__deque_init(&worker->spawned);
        sley__deque_init(&worker->woken);
        worker->wheel.next = SLEY_FOREVER;
        worker->post = i;
        worker->holder = worker;
        worker->timers = &worker->wheel;
        sley__parker_init(&worker->parker);
    }
    for (unsigned i = 0; i < TASKS_MAX; i++)
        tasks[i].worker = &workers[0];
}

#endif
