/*
 * wait_lab.h: tasks for models, without most of the scheduler. See wait_lab.c.
 *
 * A model gives scripts, one for each of one or two workers. The first few of them are tasks: what
 * they call parks, is woken and resumed, perhaps on the other worker, by the production source. The
 * others run on their worker outside of tasks, as a drain of events does. The bodies of the model
 * are foreign threads, as always.
 *
 * All models of the lab say .may_block, because its workers wait for work for ever; so lab_verify()
 * must be called and finds who waits in vain.
 */
#ifndef SLEY_MODEL_WAIT_LAB_H
#define SLEY_MODEL_WAIT_LAB_H

#include "model.h"
#include "worker.h"

enum { LAB_WORKERS = 2, LAB_TASKS = 4 };

extern struct sley__sched lab_sched;
extern struct sley__worker lab_workers[LAB_WORKERS];

/* Task i is at first on worker i; those beyond the workers are for models that spawn or finish. */
extern struct sley_task lab_tasks[LAB_TASKS];

typedef void lab_script(void);

/* From setup(). The first `tasks` of the scripts are tasks. */
void lab_setup(unsigned tasks, unsigned workers, lab_script *const script[]);

/* The workers also steal from each other's queue of woken tasks. From setup(), after lab_setup().
 */
void lab_let_steal(void);

/* Task i, beyond the workers, has run before and stands in the queue of worker 0; it goes on with
 * `script`. From setup(), after lab_setup(). */
void lab_queue(unsigned i, lab_script *script);

/* A script runs task i itself, on its own stack, so that one may be resumed too. Likewise. */
void lab_runs(unsigned i);

/* Makes the tasks from `first` on what the runtime's pool has: an end gives them back there, and
 * sley__task_each walks them, all others are spawned from it on any worker. From setup(), after
 * lab_setup(). */
void lab_pool(unsigned first, unsigned count);

/* From verify(): every script and every body has come to its end, every queue is empty. */
void lab_verify(void);

/* How often `task` stands in the free lists. From verify(). */
unsigned lab_times_free(const struct sley_task *task);

/* A wait published by one thread for others: release and acquire, as an object's lock would. */
struct lab_mail {
    struct sley__waker waker;
    atomic(uint32_t) there; /* 1; 2: nothing will come */
};

void lab_post(struct lab_mail *mail, struct sley__waker waker);
void lab_post_nothing(struct lab_mail *mail);

/* Waits until something was posted. False: nothing will come. */
bool lab_await(struct lab_mail *mail, struct sley__waker *waker);

#endif
