/*
 * relief.h: carriers that stand in for those whose task does not return. Level 2.
 *
 * A worker's post (its seat in the idle protocol, its timers, its core) is held by one carrier at a
 * time. A carrier whose task computes or blocks for long loses it to a spare carrier. It keeps its
 * own queues and caches, so that its task may call the runtime as before: what it spawns or wakes
 * goes to its queues, and the others steal it from there. When the carrier comes to look for work,
 * or to the look that every 61st turn takes, it finds that it has no post: its tasks go to the
 * shared queue and it becomes a spare one itself.
 *
 *                 take_post                arrives                  give
 *      HELD  ---> ASKED  --->  LOST  --------------->  SPARE  ------------->  HELD
 *        ^---------'                                     '--->  LEAVING (the thread ends)
 *          refused or withdrawn
 *
 * The duel. A carrier that looks for work is counted by the idle protocol as running, searching or
 * asleep, and only it knows as which. So a post changes hands only while its carrier is in a task,
 * where it counts as running and so will the one that stands in for it.
 *
 *   Taking a post (under the lock):              Looking for work (the carrier):
 *     T1 standing HELD -> ASKED                    L1 finds + 1: odd
 *     T2 fence_heavy                               L2 fence_light
 *     T3 finds is not what it was: withdraw,       L3 standing is HELD: go on, it stays so
 *        ASKED -> HELD                             L4 ASKED -> HELD: refused; or it is LOST:
 *     T4 ASKED -> LOST                                hand the tasks over, become a spare
 *                                                  L5 when work was found: finds + 1: even
 *
 * T1/T3 and L1/L3 are a Dekker duel: if T3 does not see the look, L3 sees the ASKED (or LOST). T3
 * and T4 against L4 is decided by the compare-and-swap. So between L1 and L5 the carrier has its
 * post or has noticed that it has not, and only carriers with a post sleep, search or are counted.
 * `finds` counts and is not a flag, so that T3 notices also a look that has come and gone.
 *
 * Why no wake-up is lost: the number of posts does not change, and each has a carrier that is
 * running, searching or asleep as idle.h wants it. A carrier without a post is for idle.h a foreign
 * thread: it pushes and then notifies (S1-S5), and whoever looks for the last time (W3) looks at
 * the queues of all carriers. What is left in its queues when it finds out goes to the shared
 * queue, and is notified too. Timers are the post's: a task that sets one while its carrier has no
 * post wakes the holder, which may sleep past it. If T1 was not to be seen yet, the timer was set
 * before T2, and the new holder, which begins awake, sees it. A spare one sleeps on its own word
 * and is nobody's to choose.
 *
 * What the fast paths pay: nothing. A yield, a park, a spawn or a wake looks at nothing that it did
 * not look at before; a park with a deadline looks at `standing`.
 *   Rejected: giving the queues and the whole struct to the new carrier. Then every call of a task
 * into the runtime has to enter (a store, and a look whether the worker is still there) and to
 * leave (a store): 4 of the 112 instructions of a switch, at forty places, one forgotten of which
 * is a race that shows once a month. Also rejected: taking the post while the carrier is in the
 * runtime (nobody but it knows how far it is).
 */
#ifndef SLEY_RELIEF_H
#define SLEY_RELIEF_H

#include "atomic.h"
#include "lock.h"

struct sley__sched;
struct sley__worker;

/* Spare carriers that can be. */
#define SLEY__RELIEF_MAX 256

enum sley__standing {
    SLEY__POST_HELD, /* has a post. 0: how a worker begins */
    SLEY__POST_ASKED,
    SLEY__POST_LOST,    /* has none, and is in a task */
    SLEY__POST_SPARE,   /* has none, and sleeps (or is about to begin or to sleep) */
    SLEY__POST_LEAVING, /* its thread ends, or has ended */
};

struct sley__relief {
    ALIGN_LINE struct sley__lock lock; /* protects all below but the atomics */
    struct sley__worker *spare;        /* through next_spare, youngest first */
    unsigned limit;                    /* spare carriers at most. Constant */
    atomic(unsigned) extra;            /* made; release. Partner: sley__sched_carriers */
    atomic(uint64_t) failed;           /* posts that nobody could be found for */
    struct sley__worker *extras[SLEY__RELIEF_MAX]; /* each written before `extra` counts it */
};

/* What a carrier that loses its post is charged with. */
enum sley__charge {
    SLEY__CHARGE_NONE,
    SLEY__CHARGE_KEPT_EVENTS, /* perhaps: who stands in finds out. See `trial` */
    SLEY__CHARGE_STALL,       /* others waited: it is counted and asked */
};

/* Whether events waited for one that has lost its post. In the word above the verdict stands which
 * of its losses it is for: whoever stands in may come so late that it has lost another one. */
enum sley__trial {
    SLEY__TRIAL_NONE, /* that was not the question */
    SLEY__TRIAL_OPEN, /* whoever stands in has not looked yet */
    SLEY__TRIAL_ACQUITTED,
    SLEY__TRIAL_GUILTY, /* the first look has made a task ready */
    SLEY__TRIAL_MASK = 3,
};

/* Gives the post of `worker`, whose `finds` and switches were these when it was looked at, to a
 * spare carrier. False: the worker has moved since, or there is no carrier to be had. Monitor. */
MUST_USE bool sley__relief_take(struct sley__worker *worker, uint32_t finds, uint64_t switches,
                                enum sley__charge charge);

/* Counts a stall of one that has lost its post before that was sure, and asks it as if it had just
 * lost it. Monitor. */
void sley__relief_count_stall(struct sley__worker *worker, uint64_t switches);

/* The same for the caller's own worker, whose task is going to block. Owner, from a task. */
void sley__relief_step_down(struct sley__worker *worker);

/* The carrier looks for work and `standing` is not HELD. True: it has a post, perhaps after a long
 * sleep. False: its thread is to end. Owner, in sley__worker_find. */
MUST_USE bool sley__relief_arrive(struct sley__worker *worker);

/* A timer of the post has been set by a carrier that may have lost it. Owner. */
void sley__relief_tell_holder(struct sley__worker *worker);

/* The first thing that a carrier does which was started as a spare one; returns likewise. Owner. */
MUST_USE bool sley__relief_begin(struct sley__worker *worker);

/* Ends spare carriers; those that come later end by themselves. `stopping` is set. */
void sley__relief_stop(struct sley__sched *sched);

/* Gives the memory of spare carriers back; their threads have been joined. */
void sley__relief_close(struct sley__sched *sched);

#endif
