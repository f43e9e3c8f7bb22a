/*
 * litmus.c: is the checker itself right? Small programs whose outcomes C11 allows or forbids.
 *
 * Each one is judged both ways: an outcome that is forbidden fails an assertion; one that is
 * allowed stands in .must_see, and an exhausted exploration that has not seen it fails. A test
 * whose point is that the checker reports something (a race, a deadlock) is marked .expect_failure.
 *
 * Outcomes are named by the values read, in the order of the threads and of their reads.
 */
#include "lock.h"
#include "model.h"
#include "platform.h"

#include <stdlib.h>

static atomic(uint32_t) x, y;
static unsigned plain;
static unsigned r[4]; /* what was read; each by one thread only */

static void setup(void)
{
    store_relaxed(&x, 0);
    store_relaxed(&y, 0);
    plain = 0;
    r[0] = r[1] = r[2] = r[3] = 9;
}

/* Names the outcome of two reads. */
static void two(void)
{
    static const char *const names[2][2] = {{"0 0", "0 1"}, {"1 0", "1 1"}};

    model_assert(r[0] < 2 && r[1] < 2, "%u %u", r[0], r[1]);
    model_outcome(names[r[0]][r[1]]);
}

static void not_both_old(void)
{
    two();
    model_assert(r[0] || r[1], "both read the old value");
}

#define ALL_OF_TWO                 \
    {                              \
        "0 0", "0 1", "1 0", "1 1" \
    }

/* --- store buffering ------------------------------------------------------------------------ */

static void sb_0(unsigned thread)
{
    (void)thread;
    store_release(&x, 1);
    r[0] = load_acquire(&y);
}

static void sb_1(unsigned thread)
{
    (void)thread;
    store_release(&y, 1);
    r[1] = load_acquire(&x);
}

MODEL(litmus_sb, .about = "store buffering: each may read the old value", .threads = 2,
      .setup = setup, .body = {sb_0, sb_1}, .verify = two, .must_see = ALL_OF_TWO);

static void sb_fence_0(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, 1);
    fence_seq_cst();
    r[0] = load_relaxed(&y);
}

static void sb_fence_1(unsigned thread)
{
    (void)thread;
    store_relaxed(&y, 1);
    fence_seq_cst();
    r[1] = load_relaxed(&x);
}

MODEL(litmus_sb_fences, .about = "... with seq_cst fences: one must see the other", .threads = 2,
      .setup = setup, .body = {sb_fence_0, sb_fence_1}, .verify = not_both_old,
      .must_see = {"0 1", "1 0", "1 1"});
MODEL(litmus_sb_one_fence, .about = "... with one fence: not enough", .threads = 2, .setup = setup,
      .body = {sb_fence_0, sb_1}, .verify = two, .must_see = ALL_OF_TWO);

static void sb_acq_rel_0(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, 1);
    fence_acq_rel();
    r[0] = load_relaxed(&y);
}

MODEL(litmus_sb_acq_rel, .about = "... with an acquire-release fence: not enough", .threads = 2,
      .setup = setup, .body = {sb_acq_rel_0, sb_fence_1}, .verify = two, .must_see = ALL_OF_TWO);

static void sb_light(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, 1);
    fence_light();
    r[0] = load_relaxed(&y);
}

static void sb_heavy(unsigned thread)
{
    (void)thread;
    store_relaxed(&y, 1);
    fence_heavy();
    r[1] = load_relaxed(&x);
}

static void sb_light_1(unsigned thread)
{
    (void)thread;
    store_relaxed(&y, 1);
    fence_light();
    r[1] = load_relaxed(&x);
}

MODEL(litmus_sb_light_heavy, .about = "... with a light and a heavy fence: enough, both ways",
      .threads = 2, .setup = setup, .body = {sb_light, sb_heavy}, .verify = not_both_old,
      .must_see = {"0 1", "1 0", "1 1"});
MODEL(litmus_sb_light_light, .about = "... with two light fences: not enough", .threads = 2,
      .setup = setup, .body = {sb_light, sb_light_1}, .verify = two,
      .fences = MODEL_FENCES_ASYMMETRIC, .must_see = ALL_OF_TWO);
MODEL(litmus_sb_light_light_symmetric, .about = "... where both are full fences: enough",
      .threads = 2, .setup = setup, .body = {sb_light, sb_light_1}, .verify = not_both_old,
      .fences = MODEL_FENCES_SYMMETRIC, .must_see = {"0 1", "1 0", "1 1"});
MODEL(litmus_sb_only_heavy, .about = "... a heavy fence serves who has none, if asymmetric",
      .threads = 2, .setup = setup, .body = {sb_heavy, sb_0}, .verify = not_both_old,
      .fences = MODEL_FENCES_ASYMMETRIC);

static void sb_rmw_0(unsigned thread)
{
    (void)thread;
    exchange_seq_cst(&x, 1);
    r[0] = load_relaxed(&y);
}

static void sb_rmw_1(unsigned thread)
{
    (void)thread;
    exchange_seq_cst(&y, 1);
    r[1] = load_relaxed(&x);
}

MODEL(litmus_sb_rmw, .about = "... a seq_cst exchange is no fence for what follows", .threads = 2,
      .setup = setup, .body = {sb_rmw_0, sb_rmw_1}, .verify = two, .must_see = ALL_OF_TWO);
MODEL(litmus_sb_rmw_fence, .about = "... not even against a fence", .threads = 2, .setup = setup,
      .body = {sb_rmw_0, sb_fence_1}, .verify = two, .must_see = ALL_OF_TWO);

/* The exchange of x, then one of y; against a store of y, a fence and a load of x. */
static void rmw_rmw_seq_cst(unsigned thread)
{
    (void)thread;
    exchange_seq_cst(&x, 1);
    r[0] = fetch_add_seq_cst(&y, 0);
}

static void rmw_rmw_acq_rel(unsigned thread)
{
    (void)thread;
    exchange_acq_rel(&x, 1);
    r[0] = fetch_add_acq_rel(&y, 0);
}

MODEL(litmus_sb_two_rmw, .about = "two seq_cst exchanges against a fence: enough", .threads = 2,
      .setup = setup, .body = {rmw_rmw_seq_cst, sb_fence_1}, .verify = not_both_old,
      .must_see = {"0 1", "1 0", "1 1"});
MODEL(litmus_sb_two_rmw_acq_rel, .about = "... weakened: not enough", .threads = 2, .setup = setup,
      .body = {rmw_rmw_acq_rel, sb_fence_1}, .verify = two, .must_see = ALL_OF_TWO);

/* --- message passing ------------------------------------------------------------------------ */

static void send_relaxed(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, 1);
    store_relaxed(&y, 1);
}

static void send_release(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, 1);
    store_release(&y, 1);
}

static void send_fence(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, 1);
    fence_release();
    store_relaxed(&y, 1);
}

static void receive_relaxed(unsigned thread)
{
    (void)thread;
    r[0] = load_relaxed(&y);
    r[1] = load_relaxed(&x);
}

static void receive_acquire(unsigned thread)
{
    (void)thread;
    r[0] = load_acquire(&y);
    r[1] = load_relaxed(&x);
}

static void receive_fence(unsigned thread)
{
    (void)thread;
    r[0] = load_relaxed(&y);
    fence_acquire();
    r[1] = load_relaxed(&x);
}

static void message_came(void)
{
    two();
    model_assert(!r[0] || r[1], "flag without message");
}

#define WITHOUT_1_0         \
    {                       \
        "0 0", "0 1", "1 1" \
    }

MODEL(litmus_mp, .about = "message passing by release and acquire", .threads = 2, .setup = setup,
      .body = {send_release, receive_acquire}, .verify = message_came, .must_see = WITHOUT_1_0);
MODEL(litmus_mp_relaxed_store, .about = "... with a relaxed store: may fail", .threads = 2,
      .setup = setup, .body = {send_relaxed, receive_acquire}, .verify = two,
      .must_see = ALL_OF_TWO);
MODEL(litmus_mp_relaxed_load, .about = "... with a relaxed load: may fail", .threads = 2,
      .setup = setup, .body = {send_release, receive_relaxed}, .verify = two,
      .must_see = ALL_OF_TWO);
MODEL(litmus_mp_fences, .about = "... by fences", .threads = 2, .setup = setup,
      .body = {send_fence, receive_fence}, .verify = message_came, .must_see = WITHOUT_1_0);
MODEL(litmus_mp_release_fence, .about = "... by a release store and an acquire fence", .threads = 2,
      .setup = setup, .body = {send_release, receive_fence}, .verify = message_came,
      .must_see = WITHOUT_1_0);
MODEL(litmus_mp_no_fence, .about = "... a release fence alone: may fail", .threads = 2,
      .setup = setup, .body = {send_fence, receive_relaxed}, .verify = two, .must_see = ALL_OF_TWO);

/* Three threads: what was acquired is handed on. */
static void relay(unsigned thread)
{
    (void)thread;
    r[2] = load_acquire(&x);
    store_release(&y, 1);
}

static void send_x(unsigned thread)
{
    (void)thread;
    plain = 1;
    store_release(&x, 1);
}

static void receive_plain(unsigned thread)
{
    (void)thread;
    r[0] = load_acquire(&y);
    if (r[0] && r[2])
        r[1] = plain;
}

static void relayed(void)
{
    model_assert(r[1] == 9 || r[1] == 1, "%u", r[1]);
    model_outcome(r[1] == 1 ? "came" : "did not come");
}

MODEL(litmus_mp_three, .about = "acquired and handed on: still ordered", .threads = 3,
      .setup = setup, .body = {send_x, relay, receive_plain}, .verify = relayed,
      .must_see = {"came", "did not come"});

/* --- release sequences ---------------------------------------------------------------------- */

static void publish(unsigned thread)
{
    (void)thread;
    plain = 1;
    store_release(&x, 1);
}

static void add_relaxed(unsigned thread)
{
    (void)thread;
    fetch_add_relaxed(&x, 2);
}

static void read_if_3(unsigned thread)
{
    (void)thread;
    if (load_acquire(&x) == 3)
        r[0] = plain;
}

static void sequence_seen(void)
{
    model_assert(r[0] == 9 || r[0] == 1, "%u", r[0]);
    model_outcome(r[0] == 1 ? "read" : "not read");
}

MODEL(litmus_release_sequence, .about = "a relaxed RMW hands on what a release store published",
      .threads = 3, .setup = setup, .body = {publish, add_relaxed, read_if_3},
      .verify = sequence_seen, .must_see = {"read", "not read"});

static void publish_then_relaxed(unsigned thread)
{
    (void)thread;
    plain = 1;
    store_release(&x, 1);
    store_relaxed(&x, 3);
}

MODEL(litmus_release_sequence_broken, .about = "... a relaxed store does not", .threads = 2,
      .setup = setup, .body = {publish_then_relaxed, read_if_3}, .expect_failure = "data race");

/* --- coherence ------------------------------------------------------------------------------ */

static void write_1_2(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, 1);
    store_relaxed(&x, 2);
}

static void read_twice(unsigned thread)
{
    (void)thread;
    r[0] = load_relaxed(&x);
    r[1] = load_relaxed(&x);
}

static void never_back(void)
{
    model_assert(r[0] <= r[1], "first %u, then %u", r[0], r[1]);
    if (r[0] == 0 && r[1] == 2)
        model_outcome("0 2");
    if (r[0] == 1 && r[1] == 1)
        model_outcome("1 1");
    if (r[0] == 0 && r[1] == 0)
        model_outcome("0 0");
}

MODEL(litmus_corr, .about = "two reads of one word never go back", .threads = 2, .setup = setup,
      .body = {write_1_2, read_twice}, .verify = never_back, .must_see = {"0 0", "0 2", "1 1"});

static void read_own(unsigned thread)
{
    store_relaxed(&x, thread + 1);
    r[thread] = load_relaxed(&x);
}

static void own_or_later(void)
{
    model_assert(r[0] == 1 || r[0] == 2, "%u", r[0]);
    model_assert(r[1] == 1 || r[1] == 2, "%u", r[1]);
    model_assert(r[0] != 2 || r[1] != 1, "each read the other's later");
    model_outcome(r[0] == r[1] ? "same" : "own");
}

MODEL(litmus_cowr, .about = "a read after an own write is not older", .threads = 2, .setup = setup,
      .body = {read_own}, .verify = own_or_later, .must_see = {"same", "own"});

/* --- independent reads ---------------------------------------------------------------------- */

static void write_x(unsigned thread)
{
    (void)thread;
    store_release(&x, 1);
}

static void write_y(unsigned thread)
{
    (void)thread;
    store_release(&y, 1);
}

static void read_x_y(unsigned thread)
{
    (void)thread;
    r[0] = load_acquire(&x);
    r[1] = load_acquire(&y);
}

static void read_y_x(unsigned thread)
{
    (void)thread;
    r[2] = load_acquire(&y);
    r[3] = load_acquire(&x);
}

static void read_x_y_fence(unsigned thread)
{
    (void)thread;
    r[0] = load_relaxed(&x);
    fence_seq_cst();
    r[1] = load_relaxed(&y);
}

static void read_y_x_fence(unsigned thread)
{
    (void)thread;
    r[2] = load_relaxed(&y);
    fence_seq_cst();
    r[3] = load_relaxed(&x);
}

static bool disagree(void)
{
    return r[0] && !r[1] && r[2] && !r[3];
}

static void may_disagree(void)
{
    model_outcome(disagree() ? "disagree" : "agree");
}

static void must_agree(void)
{
    model_assert(!disagree(), "two readers saw two writes in opposite orders");
    model_outcome("agree");
}

MODEL(litmus_iriw, .about = "readers may disagree on the order of independent writes", .threads = 4,
      .setup = setup, .body = {write_x, write_y, read_x_y, read_y_x}, .verify = may_disagree,
      .must_see = {"agree", "disagree"});
MODEL(litmus_iriw_fences, .about = "... not with seq_cst fences between the reads", .threads = 4,
      .setup = setup, .body = {write_x, write_y, read_x_y_fence, read_y_x_fence},
      .verify = must_agree, .must_see = {"agree"});

/* --- what is not modelled: shown, so that nobody relies on it -------------------------------- */

static void lb_0(unsigned thread)
{
    (void)thread;
    r[0] = load_relaxed(&y);
    store_relaxed(&x, 1);
}

static void lb_1(unsigned thread)
{
    (void)thread;
    r[1] = load_relaxed(&x);
    store_relaxed(&y, 1);
}

static void not_both_new(void)
{
    two();
    model_assert(!r[0] || !r[1], "a load read from the future");
}

MODEL(litmus_lb, .about = "load buffering: C11 allows 1 1, the checker never shows it",
      .threads = 2, .setup = setup, .body = {lb_0, lb_1}, .verify = not_both_new,
      .must_see = {"0 0", "0 1", "1 0"});

static void write_x1_y2(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, 1);
    store_relaxed(&y, 2);
}

static void write_y1_x2(unsigned thread)
{
    (void)thread;
    store_relaxed(&y, 1);
    store_relaxed(&x, 2);
}

static void in_some_order(void)
{
    model_assert(x != 1 || y != 1, "each was first and last");
    model_outcome(x == y ? "2 2" : "1 2");
}

MODEL(litmus_2_2w, .about = "2+2W: C11 allows 1 1 at the end, the checker never shows it",
      .threads = 2, .setup = setup, .body = {write_x1_y2, write_y1_x2}, .verify = in_some_order,
      .must_see = {"2 2", "1 2"});

/* --- atomicity ------------------------------------------------------------------------------ */

static void add_twice(unsigned thread)
{
    (void)thread;
    fetch_add_relaxed(&x, 1);
    fetch_add_relaxed(&x, 1);
}

static void sum_is_4(void)
{
    model_assert(x == 4, "%u", x);
}

MODEL(litmus_rmw, .about = "read-modify-writes are not lost, however relaxed", .threads = 2,
      .setup = setup, .body = {add_twice}, .verify = sum_is_4);

static void add_by_hand(unsigned thread)
{
    (void)thread;
    store_relaxed(&x, load_relaxed(&x) + 1);
}

static void sum_is_1_or_2(void)
{
    model_assert(x == 1 || x == 2, "%u", x);
    model_outcome(x == 1 ? "lost" : "kept");
}

MODEL(litmus_no_rmw, .about = "a load and a store may lose one", .threads = 2, .setup = setup,
      .body = {add_by_hand}, .verify = sum_is_1_or_2, .must_see = {"lost", "kept"});

static void none_lost(void)
{
    model_assert(x == 3, "%u", x);
}

MODEL(litmus_lost_update, .about = "... which takes a preemption, and is reported", .threads = 3,
      .setup = setup, .body = {add_by_hand}, .verify = none_lost, .stale = MODEL_NONE,
      .expect_failure = "not true: x == 3");

static void elect(unsigned thread)
{
    uint32_t nobody = 0;

    r[thread] = cas_acq_rel(&x, &nobody, thread + 1);
    model_assert(r[thread] || nobody, "failed without a reason");
}

static void one_elected(void)
{
    model_assert(r[0] + r[1] + r[2] == 1, "%u elected", r[0] + r[1] + r[2]);
    model_outcome(r[0] ? "0" : r[1] ? "1" : "2");
}

MODEL(litmus_cas, .about = "one compare-and-swap of three wins", .threads = 3, .setup = setup,
      .body = {elect}, .verify = one_elected, .must_see = {"0", "1", "2"});

/* --- plain memory --------------------------------------------------------------------------- */

static void count_plain(unsigned thread)
{
    (void)thread;
    plain++;
}

MODEL(litmus_race, .about = "two unordered plain accesses are reported", .threads = 2,
      .setup = setup, .body = {count_plain}, .expect_failure = "data race");

static void wait_and_read(unsigned thread)
{
    (void)thread;
    while (!load_acquire(&x))
        cpu_relax();
    r[0] = plain;
}

static void wait_relaxed_and_read(unsigned thread)
{
    (void)thread;
    while (!load_relaxed(&x))
        cpu_relax();
    r[0] = plain;
}

static void published(void)
{
    model_assert(r[0] == 1, "%u", r[0]);
}

MODEL(litmus_published, .about = "properly published plain data is not", .threads = 2,
      .setup = setup, .body = {publish, wait_and_read}, .verify = published);
MODEL(litmus_race_relaxed_load, .about = "... read after a relaxed load is", .threads = 2,
      .setup = setup, .body = {publish, wait_relaxed_and_read}, .expect_failure = "data race");

static void publish_relaxed(unsigned thread)
{
    (void)thread;
    plain = 1;
    store_relaxed(&x, 1);
}

MODEL(litmus_race_relaxed_store, .about = "... written before a relaxed store is", .threads = 2,
      .setup = setup, .body = {publish_relaxed, wait_and_read}, .expect_failure = "data race");

static void publish_by_fence(unsigned thread)
{
    (void)thread;
    plain = 1;
    fence_seq_cst();
    store_relaxed(&x, 1);
}

MODEL(litmus_race_fence, .about = "... by a fence is: the rule of atomic.h, stricter than C11",
      .threads = 2, .setup = setup, .body = {publish_by_fence, wait_and_read},
      .expect_failure = "data race");

static uint8_t neighbours[8];

static void write_own_byte(unsigned thread)
{
    neighbours[thread]++;
    neighbours[thread]++;
}

static void write_all_bytes(unsigned thread)
{
    (void)thread;
    *(uint64_t *)(void *)neighbours = 0;
}

MODEL(litmus_neighbours, .about = "bytes side by side do not race", .threads = 3, .setup = setup,
      .body = {write_own_byte});
MODEL(litmus_race_overlap, .about = "a wide access and a narrow one do", .threads = 2,
      .setup = setup, .body = {write_own_byte, write_all_bytes}, .expect_failure = "data race");

static void plain_on_atomic(unsigned thread)
{
    if (thread)
        x = 1;
    else
        r[0] = load_acquire(&x);
}

MODEL(litmus_race_atomic, .about = "a plain write to a shared word is reported", .threads = 2,
      .setup = setup, .body = {plain_on_atomic}, .expect_failure = "data race");

/* --- waiting -------------------------------------------------------------------------------- */

static struct sley__lock lock;

static void setup_lock(void)
{
    setup();
    lock = (struct sley__lock){0};
}

static void count_locked(unsigned thread)
{
    (void)thread;
    sley__lock_acquire(&lock);
    plain++;
    sley__lock_release(&lock);
}

static void counted(void)
{
    model_assert(plain == 2, "%u", plain);
}

MODEL(litmus_lock, .about = "a lock orders", .threads = 2, .setup = setup_lock,
      .body = {count_locked}, .verify = counted);

static void sleep_while_0(unsigned thread)
{
    (void)thread;
    while (!load_acquire(&x))
        sley__futex_wait(&x, 0, INT64_MAX);
    r[0] = plain;
}

static void wake_it(unsigned thread)
{
    (void)thread;
    plain = 1;
    store_release(&x, 1);
    sley__futex_wake(&x, 1);
}

static void forget_to_wake(unsigned thread)
{
    (void)thread;
    plain = 1;
    store_release(&x, 1);
}

static void wake_too_early(unsigned thread)
{
    (void)thread;
    plain = 1;
    sley__futex_wake(&x, 1);
    store_release(&x, 1);
}

MODEL(litmus_futex, .about = "store, then wake: nobody sleeps for ever", .threads = 2,
      .setup = setup, .body = {sleep_while_0, wake_it}, .verify = published);
MODEL(litmus_futex_forgotten, .about = "without the wake: reported", .threads = 2, .setup = setup,
      .body = {sleep_while_0, forget_to_wake}, .expect_failure = "waits for ever");
MODEL(litmus_futex_early, .about = "wake, then store: reported", .threads = 2, .setup = setup,
      .body = {sleep_while_0, wake_too_early}, .expect_failure = "waits for ever");

static void sleep_with_deadline(unsigned thread)
{
    (void)thread;
    sley__futex_wait(&x, 0, sley__clock_now() + 1000);
    r[0] = sley__clock_now() >= MODEL_EPOCH + 1000;
    model_outcome(r[0] ? "late" : "woken");
}

MODEL(litmus_deadline, .about = "a deadline comes, early or when nobody else can go on",
      .threads = 2, .setup = setup, .body = {sleep_with_deadline, wake_it},
      .must_see = {"late", "woken"});

static struct sley__thread started;

static void *child(void *arg)
{
    *(unsigned *)arg = 1;
    return NULL;
}

static void start_and_join(unsigned thread)
{
    (void)thread;
    sley__thread_start(&started, "child", child, &plain);
    sley__thread_join(&started);
    r[0] = plain;
}

MODEL(litmus_threads, .about = "start and join order", .threads = 1, .setup = setup,
      .body = {start_and_join}, .verify = published);

static void choose(unsigned thread)
{
    static const char *const names[] = {"0", "1", "2"};

    (void)thread;
    model_outcome(names[model_choose(3)]);
}

MODEL(litmus_choose, .about = "every choice is tried", .threads = 1, .body = {choose},
      .must_see = {"0", "1", "2"});

/* --- faults --------------------------------------------------------------------------------- */

static void wild(unsigned thread)
{
    (void)thread;
    r[0] = *(volatile unsigned *)8;
}

MODEL(litmus_fault, .about = "a wild pointer is a failure like any other", .threads = 1,
      .body = {wild}, .expect_failure = "Segmentation fault");

static unsigned *block;

static void allocate(void)
{
    block = malloc(sizeof *block);
}

static void use_after_free(unsigned thread)
{
    (void)thread;
    free(block);
    *block = 1;
}

static void free_twice(unsigned thread)
{
    (void)thread;
    free(block);
    free(block);
}

MODEL(litmus_use_after_free, .about = "memory that was given back is not used", .threads = 1,
      .setup = allocate, .body = {use_after_free}, .expect_failure = "given back");
MODEL(litmus_free_twice, .about = "... nor given back again", .threads = 1, .setup = allocate,
      .body = {free_twice}, .expect_failure = "twice");

static void spin_for_ever(unsigned thread)
{
    (void)thread;
    while (!load_relaxed(&x))
        cpu_relax();
}

MODEL(litmus_livelock, .about = "waiting for what nobody will do, awake", .threads = 2,
      .setup = setup, .body = {spin_for_ever}, .expect_failure = "no end after");

static void compute_for_ever(unsigned thread)
{
    (void)thread;
    for (;;)
        __asm__ volatile("");
}

MODEL(litmus_endless, .about = "a loop that never comes by the engine", .threads = 1,
      .body = {compute_for_ever}, .expect_failure = "for ever");
