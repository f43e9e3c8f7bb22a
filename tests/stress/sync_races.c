/*
 * sync_races.c: the one moment in which a wait is both granted and ended, thousands of times.
 *
 * A round has one object, a granter that lets somebody go, a victim whose wait is ended at the same
 * time (by a cancel, by its deadline, or by a close), and a bystander who only waits. All four, the
 * main task included, dawdle for random times, and granter and bystander are now and then foreign
 * threads. Whoever wins, nothing may be lost and nothing doubled: a victim that says 0 has what was
 * granted; of one that says otherwise somebody else can have it, and the bystander must get it (or
 * the watchdog barks).
 */
#include "actors.h"

#include <sched.h>

#include <sley/chan.h>
#include <sley/future.h>
#include <sley/sync.h>

enum who { VICTIM, BYSTANDER, GRANTER };

/* All of one round are called by: */
struct race {
    const char *name;
    void (*prepare)(void);      /* the granter, before anybody waits; may be NULL */
    void (*grant)(void);        /* the granter */
    int (*wait)(enum who who);  /* victim and bystander: the result of the wait, 0 or negative */
    void (*settle)(int victim); /* main, when the victim has ended; may be NULL */
    void (*verify)(int victim); /* main, when all have ended */
    void (*end)(void);          /* main, instead of a cancel; NULL: a cancel or a deadline */
};

static struct stress_random dice; /* main's */
static unsigned granter_dawdles, granter_yields;
static bool by_deadline; /* this round */

/* --- locks ------------------------------------------------------------------------------------ */

static struct sley_mutex mutex;

static void lock_mutex(void)
{
    CHECK(sley_mutex_lock(&mutex) == 0, "lock");
}

static void unlock_mutex(void)
{
    sley_mutex_unlock(&mutex);
}

static int wait_mutex(enum who who)
{
    int error = sley_mutex_lock(&mutex);

    (void)who;
    if (!error)
        sley_mutex_unlock(&mutex);
    return error;
}

/* Takes it again at once, so that who is woken comes in vain, until it is handed over. */
static void hog_mutex(void)
{
    for (int i = 0; i < 2 * SLEY_BARGING_MAX; i++) {
        sley_mutex_unlock(&mutex);
        lock_mutex();
        (void)sley_yield();
    }
    sley_mutex_unlock(&mutex);
}

static void verify_mutex(int victim)
{
    (void)victim;
    CHECK(sley_mutex_try(&mutex), "nobody has it, and it is locked");
    sley_mutex_unlock(&mutex);
}

static struct sley_rwlock rwlock;

static void lock_rwlock(void)
{
    CHECK(sley_rwlock_write(&rwlock) == 0, "lock");
}

static void unlock_rwlock(void)
{
    sley_rwlock_unlock(&rwlock);
}

static int wait_reader_behind_writer(enum who who)
{
    int error = who == VICTIM ? sley_rwlock_write(&rwlock) : sley_rwlock_read(&rwlock);

    if (!error)
        sley_rwlock_unlock(&rwlock);
    return error;
}

static int wait_writer_behind_reader(enum who who)
{
    int error = who == VICTIM ? sley_rwlock_read(&rwlock) : sley_rwlock_write(&rwlock);

    if (!error)
        sley_rwlock_unlock(&rwlock);
    return error;
}

/* A reader that has it keeps it until another one, behind a writer that gives up, is through. */
static struct sley_event went_in;

static void read_rwlock(void)
{
    sley_event_clear(&went_in);
    CHECK(sley_rwlock_read(&rwlock) == 0, "read");
}

static void unlock_later(void)
{
    CHECK(sley_event_wait(&went_in) == 0, "nobody has cancelled the granter");
    sley_rwlock_unlock(&rwlock);
}

static int wait_behind_one_who_gives_up(enum who who)
{
    int error = wait_reader_behind_writer(who);

    if (who == BYSTANDER)
        sley_event_set(&went_in);
    return error;
}

static void verify_rwlock(int victim)
{
    (void)victim;
    CHECK(sley_rwlock_try_write(&rwlock), "nobody has it, and it is locked");
    sley_rwlock_unlock(&rwlock);
}

static struct sley_semaphore semaphore = SLEY_SEMAPHORE_BOUNDED_INIT(1, 1);

static void take_permit(void)
{
    CHECK(sley_semaphore_acquire(&semaphore) == 0, "acquire");
}

static void give_permit(void)
{
    CHECK(sley_semaphore_release(&semaphore) == 0, "a permit too many");
}

static int wait_permit(enum who who)
{
    int error = sley_semaphore_acquire(&semaphore);

    (void)who;
    if (!error)
        give_permit();
    return error;
}

static void verify_permit(int victim)
{
    (void)victim;
    CHECK(sley_semaphore_try(&semaphore), "the permit is lost");
    give_permit();
}

static struct sley_limiter limiter = SLEY_LIMITER_INIT(1);
static struct sley_token granters_token;

static void take_token(void)
{
    CHECK(sley_limiter_acquire(&limiter, &granters_token) == 0, "acquire");
}

static void give_token(void)
{
    CHECK(sley_limiter_release(&limiter, &granters_token) == 0, "release");
}

static int wait_token(enum who who)
{
    int status;

    (void)who;
    SLEY_WITH_LIMITER(&limiter, status)
    CHECK(sley_limiter_taken(&limiter) == 1, "%u", sley_limiter_taken(&limiter));
    return status;
}

static void verify_token(int victim)
{
    (void)victim;
    CHECK(sley_limiter_taken(&limiter) == 0, "%u tokens are out", sley_limiter_taken(&limiter));
}

/* --- condition: one signal for two ------------------------------------------------------------ */

static struct sley_cond cond;
static unsigned tokens; /* the mutex's */

static void forget_tokens(void)
{
    tokens = 0;
}

static void signal_one(void)
{
    lock_mutex();
    tokens++;
    sley_mutex_unlock(&mutex);
    sley_cond_signal(&cond);
}

/* A victim that has had the signal leaves the token, and signals to the other. */
static int wait_signal(enum who who)
{
    int error = sley_mutex_lock(&mutex);

    if (error)
        return error;
    while (!tokens && !error)
        error = sley_cond_wait(&cond, &mutex);
    CHECK(!sley_mutex_try(&mutex), "it is had again, whatever the answer");
    if (!error && who == VICTIM)
        sley_cond_signal(&cond);
    else if (!error)
        tokens--;
    sley_mutex_unlock(&mutex);
    return error;
}

static void verify_signal(int victim)
{
    (void)victim;
    CHECK(tokens == 0, "%u tokens are left", tokens);
}

/* --- what lets all go ------------------------------------------------------------------------- */

static struct sley_event event;

static void clear_event(void)
{
    sley_event_clear(&event);
}

static void flash_event(void)
{
    sley_event_set(&event);
}

static int wait_event(enum who who)
{
    (void)who;
    return sley_event_wait(&event);
}

static void nothing(void)
{
}

static void verify_nothing(int victim)
{
    (void)victim;
}

static struct sley_wait_group group;

static void begin_one(void)
{
    CHECK(sley_wait_group_add(&group, 1) == 0, "add");
}

static void finish_one(void)
{
    CHECK(sley_wait_group_done(&group) == 0, "done");
}

static int wait_group_wait(enum who who)
{
    (void)who;
    return sley_wait_group_wait(&group);
}

static struct sley_barrier barrier = SLEY_BARRIER_INIT(3);
static atomic_uint lasts;

static int come(void)
{
    int result = sley_barrier_wait(&barrier);

    lasts += result == 1;
    return result < 0 ? result : 0;
}

static void come_too(void)
{
    CHECK(come() == 0, "nobody has cancelled the granter");
}

static int wait_barrier(enum who who)
{
    (void)who;
    return come();
}

/* If the victim does not count any more somebody must take its place. */
static void take_place(int victim)
{
    if (victim)
        come_too();
}

static void verify_barrier(int victim)
{
    (void)victim;
    CHECK(lasts == 1, "%u were the last one", lasts);
    lasts = 0;
}

static struct sley_future *future; /* each round its own; freed by the first that has its value */
static atomic_uint future_users;

static void make_future(void)
{
    future = calloc(1, sizeof *future);
    CHECK(future, "no memory");
    future_users = 2;
}

static void complete_future(void)
{
    CHECK(sley_future_complete(future, &tokens), "somebody else did");
}

/* By wait, any, or all; the last one frees it, while the completer may not have returned. */
static int wait_future(enum who who)
{
    struct sley_future *const all[] = {NULL, future};
    void *value = &tokens;
    int result;

    if (who == VICTIM)
        result = sley_future_wait(future, &value);
    else if ((uintptr_t)future / 64 % 2)
        result = sley_future_wait_any(all, 2) == 1 ? 0 : -1;
    else
        result = sley_future_wait_all(all, 2);
    CHECK(value == &tokens, "not the value");
    if (result == 0 && --future_users == 0)
        free(future);
    return result;
}

/* Whoever has the value has the future for himself: the completer has left it. */
static int poll_future(enum who who)
{
    if (who == BYSTANDER)
        return 0;
    while (!sley_future_is_done(future))
        (void)sley_yield();
    CHECK(sley_future_wait(future, NULL) == 0, "it was completed with a value");
    CHECK(__atomic_load_n(&future->waiters.lock, __ATOMIC_RELAXED) == 0, "somebody is at it");
    free(future);
    return 0;
}

static void free_future(int victim)
{
    if (victim)
        free(future);
}

/* --- once: the granter fails now and then ----------------------------------------------------- */

static struct sley_once once;
static unsigned inits, failures; /* the once's */

static int initialise(void *arg)
{
    if (arg && failures++ % 2)
        return SLEY_EIO;
    inits++;
    (void)sley_yield();
    return 0;
}

static void new_once(void)
{
    once = (struct sley_once)SLEY_ONCE_INIT;
    inits = 0;
}

static void do_once(void)
{
    int error = sley_once_do(&once, initialise, &once);

    CHECK(error == 0 || error == SLEY_EIO, "%s", sley_strerror(error));
}

static int wait_once(enum who who)
{
    (void)who;
    return sley_once_do(&once, initialise, NULL);
}

static void verify_once(int victim)
{
    (void)victim;
    CHECK(inits == 1, "%u times", inits);
}

/* --- channels --------------------------------------------------------------------------------- */

static struct sley_chan *chans[2];
static unsigned chosen;                     /* which of them the granter uses */
static atomic_uint put_in[3], taken_out[3]; /* by who has sent it */

static void put(enum who who, int error)
{
    if (!error)
        put_in[who]++;
}

static int take(struct sley_chan *chan)
{
    enum who from = GRANTER;
    int error = sley_chan_recv(chan, &from);

    if (!error)
        taken_out[from]++;
    return error;
}

static void new_chans(size_t capacity)
{
    chosen = stress_below(&dice, 2);
    for (int i = 0; i < 2; i++)
        CHECK(sley_chan_new(sizeof(enum who), capacity, &chans[i]) == 0, "no memory");
    for (int i = 0; i < 3; i++)
        put_in[i] = taken_out[i] = 0;
}

static void new_unbuffered(void)
{
    new_chans(0);
}

static void new_buffered(void)
{
    new_chans(1);
}

static void send_one(void)
{
    enum who who = GRANTER;
    int error = sley_chan_send(chans[chosen], &who);

    CHECK(error == 0, "%s", sley_strerror(error));
    put(GRANTER, error);
}

static int select_recv(void)
{
    enum who from[2] = {GRANTER, GRANTER};
    struct sley_select_case cases[] = {{chans[0], SLEY_SELECT_RECV, &from[0], 0},
                                       {chans[1], SLEY_SELECT_RECV, &from[1], 0}};
    int index = sley_select(cases, 2, SLEY_FOREVER);

    if (index < 0)
        return index;
    if (!cases[index].result)
        taken_out[from[index]]++;
    return cases[index].result;
}

/* Both at once: each select finds two that are ready. */
static void send_two(void)
{
    enum who who = GRANTER;

    for (unsigned i = 0; i < 2; i++) {
        CHECK(sley_chan_try_send(chans[(chosen + i) % 2], &who) == 1, "there was room");
        put(GRANTER, 0);
    }
}

static int wait_recv(enum who who)
{
    (void)who;
    return take(chans[chosen]);
}

static int wait_select_recv(enum who who)
{
    return who == VICTIM ? select_recv() : take(chans[chosen]);
}

static int wait_two_selects(enum who who)
{
    (void)who;
    return select_recv();
}

/* The bystander needs one too. */
static void send_another(int victim)
{
    if (!victim)
        send_one();
}

static void recv_one(void)
{
    CHECK(take(chans[chosen]) == 0, "receive");
}

static int wait_send(enum who who)
{
    int error = sley_chan_send(chans[chosen], &who);

    put(who, error);
    return error;
}

static int wait_select_send(enum who who)
{
    struct sley_select_case cases[] = {{chans[chosen], SLEY_SELECT_SEND, &who, 0},
                                       {NULL, SLEY_SELECT_RECV, NULL, 0}};
    int index = sley_select(cases, 2, SLEY_FOREVER), error = index < 0 ? index : cases[0].result;

    put(who, error);
    return error;
}

static void recv_another(int victim)
{
    if (!victim)
        recv_one();
}

static void free_chans(int victim)
{
    enum who left;

    for (int i = 0; i < 2; i++) {
        while (sley_chan_try_recv(chans[i], &left) == 1)
            taken_out[left]++;
        sley_chan_free(chans[i]);
    }
    for (int i = 0; i < 3; i++)
        CHECK(put_in[i] == taken_out[i], "of %d: %u sent, %u received", i, put_in[i], taken_out[i]);
    (void)victim;
}

/* --- close against send, against receive ------------------------------------------------------ */

static void close_chan(void)
{
    CHECK(sley_chan_close(chans[chosen], SLEY_EPIPE) == 0, "it was closed already");
}

static void recv_until_closed(void)
{
    int error;

    while (!(error = take(chans[chosen])))
        continue;
    CHECK(error == SLEY_EPIPE, "%s", sley_strerror(error));
}

static void send_until_closed(void)
{
    int error;

    do {
        enum who who = GRANTER;

        error = sley_chan_send(chans[chosen], &who);
        put(GRANTER, error);
    } while (!error);
    CHECK(error == SLEY_EPIPE, "%s", sley_strerror(error));
}

/* --- a channel that is freed with the item that has changed hands ----------------------------- */

static void free_chosen(void)
{
    sley_chan_free(chans[chosen]);
    chans[chosen] = NULL;
}

static int recv_and_free(enum who who)
{
    int error = who == VICTIM ? take(chans[chosen]) : 0;

    if (who == VICTIM)
        free_chosen();
    return error;
}

static int select_and_free(enum who who)
{
    int error = who == VICTIM ? select_recv() : 0;

    if (who == VICTIM)
        free_chosen();
    return error;
}

static void take_and_free(void)
{
    recv_one();
    free_chosen();
}

static int send_only_one(enum who who)
{
    return who == VICTIM ? wait_send(who) : 0;
}

static int select_send_only_one(enum who who)
{
    return who == VICTIM ? wait_select_send(who) : 0;
}

static void free_other(int victim)
{
    (void)victim;
    CHECK(!chans[chosen], "it was to be freed");
    sley_chan_free(chans[1 - chosen]);
}

static const struct race races[] = {
    {"mutex", lock_mutex, unlock_mutex, wait_mutex, NULL, verify_mutex, NULL},
    {"mutex, hogged", lock_mutex, hog_mutex, wait_mutex, NULL, verify_mutex, NULL},
    {"reader", lock_rwlock, unlock_rwlock, wait_reader_behind_writer, NULL, verify_rwlock, NULL},
    {"writer", lock_rwlock, unlock_rwlock, wait_writer_behind_reader, NULL, verify_rwlock, NULL},
    {"writer gives up", read_rwlock, unlock_later, wait_behind_one_who_gives_up, NULL,
     verify_rwlock, NULL},
    {"semaphore", take_permit, give_permit, wait_permit, NULL, verify_permit, NULL},
    {"limiter", take_token, give_token, wait_token, NULL, verify_token, NULL},
    {"condition", forget_tokens, signal_one, wait_signal, NULL, verify_signal, NULL},
    {"event", clear_event, flash_event, wait_event, NULL, verify_nothing, NULL},
    {"wait group", begin_one, finish_one, wait_group_wait, NULL, verify_nothing, NULL},
    {"barrier", NULL, come_too, wait_barrier, take_place, verify_barrier, NULL},
    {"future", make_future, complete_future, wait_future, NULL, free_future, NULL},
    {"future, polled", make_future, complete_future, poll_future, NULL, verify_nothing, nothing},
    {"once", new_once, do_once, wait_once, NULL, verify_once, NULL},
    {"receive", new_unbuffered, send_one, wait_recv, send_another, free_chans, NULL},
    {"receive, buffered", new_buffered, send_one, wait_recv, send_another, free_chans, NULL},
    {"select", new_unbuffered, send_one, wait_select_recv, send_another, free_chans, NULL},
    {"selects", new_buffered, send_one, wait_two_selects, send_another, free_chans, NULL},
    {"selects, two ready", new_buffered, send_two, wait_two_selects, NULL, free_chans, NULL},
    {"send", new_unbuffered, recv_one, wait_send, recv_another, free_chans, NULL},
    {"send, buffered", new_buffered, recv_one, wait_send, recv_another, free_chans, NULL},
    {"select send", new_unbuffered, recv_one, wait_select_send, recv_another, free_chans, NULL},
    {"close, send", new_unbuffered, recv_until_closed, wait_send, NULL, free_chans, close_chan},
    {"close, buffered", new_buffered, recv_until_closed, wait_send, NULL, free_chans, close_chan},
    {"close, select", new_buffered, recv_until_closed, wait_select_send, NULL, free_chans,
     close_chan},
    {"close, receive", new_unbuffered, send_until_closed, wait_select_recv, NULL, free_chans,
     close_chan},
    {"free, receive", new_unbuffered, send_one, recv_and_free, NULL, free_other, nothing},
    {"free, select", new_unbuffered, send_one, select_and_free, NULL, free_other, nothing},
    {"free, send", new_unbuffered, take_and_free, send_only_one, NULL, free_other, nothing},
    {"free, select send", new_unbuffered, take_and_free, select_send_only_one, NULL, free_other,
     nothing},
};

/* --- a round ---------------------------------------------------------------------------------- */

static const struct race *race;
static struct sley_event prepared;
static atomic_uint coming;      /* of victim and bystander, to their waits */
static bool all_come, end_late; /* this round: granter, and main, let both come first */

static void let_come(void)
{
    while (coming < 2) {
        (void)sley_yield(); /* to the other tasks of this worker, and to the threads of this core */
        sched_yield();
    }
}

static int granter(void *arg)
{
    unsigned dawdles = granter_dawdles, yields = granter_yields;

    (void)arg;
    if (race->prepare)
        race->prepare();
    sley_event_set(&prepared);
    if (all_come)
        let_come();
    for (unsigned i = 0; i < yields; i++)
        (void)sley_yield();
    for (unsigned i = 0; i < dawdles; i++)
        __asm__ volatile("" ::: "memory");
    race->grant();
    return 0;
}

static int victim(void *deadline)
{
    coming++;
    if (by_deadline)
        sley_deadline_narrow(sley_after((intptr_t)deadline));
    return race->wait(VICTIM);
}

static int bystander(void *arg)
{
    (void)arg;
    coming++;
    return race->wait(BYSTANDER);
}

static bool bystander_may_fail(int error)
{
    return error == 0 || (race->end && error == SLEY_EPIPE);
}

static void play_round(void)
{
    struct sley_task *ended;
    struct actor grants, stands_by;
    int result, other;

    granter_dawdles = stress_below(&dice, 4000);
    granter_yields = stress_below(&dice, 6);
    by_deadline = !race->end && stress_below(&dice, 3) == 0;
    all_come = stress_below(&dice, 2);
    end_late = stress_below(&dice, 2);
    coming = 0;
    prepared = (struct sley_event)SLEY_EVENT_INIT;
    actor_start(&grants, granter, &dice);
    CHECK(sley_event_wait(&prepared) == 0, "prepared");
    ended = stress_spawn(victim, (void *)(intptr_t)stress_below(&dice, 30000));
    actor_start(&stands_by, bystander, &dice);
    if (end_late)
        let_come();
    actors_give_time(&dice);
    if (race->end)
        race->end();
    else if (!by_deadline)
        sley_cancel(ended, "race");
    result = stress_join(ended);
    CHECK(bystander_may_fail(result) || result == (by_deadline ? SLEY_ETIMEDOUT : SLEY_ECANCELED),
          "%s: %s", race->name, sley_strerror(result));
    if (race->settle)
        race->settle(result);
    if (grants.task) /* a thread last: what it waits for has been done by then */
        actor_end(&grants);
    other = actor_end(&stands_by);
    if (!grants.task)
        actor_end(&grants);
    CHECK(bystander_may_fail(other), "%s: %s", race->name, sley_strerror(other));
    race->verify(result);
    stress_alive();
}

static int play(void *rounds)
{
    int64_t since = sley_now();

    for (unsigned i = 0; actors_go_on(i, (unsigned)(uintptr_t)rounds, since); i++)
        play_round();
    return 0;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    dice = stress_random(5);
    for (size_t r = 0; r < sizeof races / sizeof races[0]; r++) {
        race = &races[r];
        for (size_t w = 0; w < STRESS_WORKER_COUNTS; w++)
            stress_run(stress_workers[w], play, (void *)(uintptr_t)stress_count(400, 30));
    }
    return stress_end();
}
