/*
 * halt.h: making the scheduler stand still to look at it. Level 2, does something in the hostile
 * build only.
 *
 * To say that every task is in exactly one place one needs a moment in which none is on its way
 * from one to the next. A worker that wants to look asks the others to halt; each does so at its
 * next safe point, where it holds no task but the one that runs on it (and perhaps one that it
 * waits for to leave its stack). A worker that sleeps has halted already, and may not wake up
 * before the halt is over.
 *
 * Two kinds of threads cannot be halted. A worker whose task computes, or blocks, reaches no safe
 * point; perhaps it even waits for something that a halted one was to do. So a halt is not waited
 * for long: if it does not come about, it is called off. And foreign threads (the I/O thread, the
 * blocking pool, another runtime's workers) have no safe points. They say instead when they have
 * tasks in hand: what has been seen while somebody had, does not count.
 *
 * In other builds each function is empty, and nothing of it is left.
 */
#ifndef SLEY_HALT_H
#define SLEY_HALT_H

#include "atomic.h"
#include "lock.h"

struct sley_task;
struct sley__sched;
struct sley__worker;

#ifdef SLEY_HOSTILE

/* Of a scheduler. */
struct sley__halt {
    struct sley__lock lock;
    atomic(uint32_t) asked; /* futex. Written under lock; read without at safe points */
    unsigned halted;        /* workers that have. lock */
    /* What a worker calls at every n-th park; level 4 puts it there before the workers start. */
    void (*look)(struct sley__worker *worker);
    unsigned interval;        /* n; constant */
    bool exactly;             /* n is what the user wants, however many tasks there are; constant */
    atomic(uint64_t) looked;  /* how often it came about and counted. Workers, relaxed */
    atomic(uint64_t) in_vain; /* how often not. Workers, relaxed */
};

/* Of a worker. */
struct sley__halted {
    bool apart;             /* resting, and without a post: see relief.h. halt.lock */
    bool resting;           /* asleep, or just woken and waiting for the end of a halt. halt.lock */
    struct sley_task *hand; /* while halted: what it has taken out of a queue. halt.lock */
    unsigned parks_left;    /* before the next look. Owner */
};

/* A safe point. Owner. */
void sley__worker_safe_point(struct sley__worker *worker);

/* One for the worker of this thread, in a loop that waits for a task which it has taken out of a
 * queue. */
void sley__await_point(struct sley_task *hand);

/* The same where a task parks; at every n-th, this worker looks. Owner. */
void sley__worker_park_point(struct sley__worker *worker);

/* Around a sleep. Owner. */
void sley__worker_rest(struct sley__worker *worker);
void sley__worker_rise(struct sley__worker *worker);

/* The same for a carrier without a post (relief.h), or without a thread: also by others, before
 * that starts. The second does nothing for one that does not rest. */
void sley__worker_rest_apart(struct sley__worker *worker);
void sley__worker_rise_apart(struct sley__worker *worker);

/* Around everything that a thread which may be foreign does with tasks that are in no queue: from
 * before it takes them to after it has told the idle workers. Any thread. */
void sley__hands_enter(void);
void sley__hands_leave(void);

/* A number that changes whenever somebody enters, or 0 if somebody is in there just now. */
uint64_t sley__hands_quiet(void);

/* Halts all other workers: true, and sley__sched_go_on must follow. False: not all of them came, or
 * somebody else was first. Owner, at a safe point of its own. */
MUST_USE bool sley__sched_halt(struct sley__worker *worker);
void sley__sched_go_on(struct sley__sched *sched);

#else

static inline void sley__worker_safe_point(UNUSED struct sley__worker *worker)
{
}

static inline void sley__await_point(UNUSED struct sley_task *hand)
{
}

static inline void sley__worker_park_point(UNUSED struct sley__worker *worker)
{
}

static inline void sley__worker_rest(UNUSED struct sley__worker *worker)
{
}

static inline void sley__worker_rise(UNUSED struct sley__worker *worker)
{
}

static inline void sley__worker_rest_apart(UNUSED struct sley__worker *worker)
{
}

static inline void sley__worker_rise_apart(UNUSED struct sley__worker *worker)
{
}

static inline void sley__hands_enter(void)
{
}

static inline void sley__hands_leave(void)
{
}

#endif
#endif
