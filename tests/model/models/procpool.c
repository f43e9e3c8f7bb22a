/*
 * procpool.c: the ring between the program and a child of a process pool (io/procpool_ring.c and
 * io/procpool_take.c): each job runs once or was taken back, its input is there when it runs and
 * its result when it is collected, and neither side sleeps on while the other one waits for it.
 *
 * Shared memory is memory, and the two processes are threads here; the eventfd that children ring
 * is a word to sleep on. The ring has two slots, so that the second round begins at once.
 *
 * In procpool_ring the program gives jobs, takes one back where it still can, uses its slot again,
 * and sleeps when it has looked in vain. In procpool_submit another task of the program gives the
 * job while the collector arms the bell and goes to sleep. In procpool_quit the child is told to
 * quit with a job in the ring.
 */
#include "model.h"
#include "platform.h"

#include "../../../io/procpool_impl.h"

enum { JOBS = 4 };

static struct sley__channel channel;
static struct sley__result_file file;
static struct sley__procchild child;
static struct sley_procpool pool;
static struct sley__lock lock;
static struct sley_job jobs[JOBS];
static unsigned char inputs[JOBS];
static unsigned runs[JOBS], results[JOBS], revoked[JOBS];
static atomic(uint32_t) bell; /* the eventfd */
static unsigned collected;    /* jobs; lock, where there is more than one task */

/* --- what the ring needs of other files ------------------------------------------------------- */

void *sley__file_map(UNUSED int fd, UNUSED uint64_t offset, UNUSED size_t size,
                     UNUSED bool writable)
{
    return &channel;
}

void sley__shared_wait(atomic(uint32_t) * word, uint32_t expected)
{
    sley__futex_wait(word, expected, INT64_MAX);
}

void sley__shared_wake(atomic(uint32_t) * word)
{
    sley__futex_wake(word, 1);
}

/* --- the two sides ---------------------------------------------------------------------------- */

static void setup(void)
{
    for (unsigned i = 0; i < SLEY__SLOTS; i++)
        store_relaxed(&channel.slots[i].word, 0);
    store_relaxed(&channel.sleeping, 0);
    store_relaxed(&channel.bell, 0);
    store_relaxed(&channel.armed, 0);
    store_relaxed(&channel.quit, 0);
    store_relaxed(&bell, 0);
    pool = (struct sley_procpool){0};
    child = (struct sley__procchild){.pool = &pool, .file = &file};
    lock = (struct sley__lock){0};
    for (unsigned i = 0; i < JOBS; i++) {
        inputs[i] = (unsigned char)(10 + i);
        jobs[i] = (struct sley_job){.in = &inputs[i], .in_size = 1};
        runs[i] = results[i] = revoked[i] = 0;
    }
    collected = 0;
    ensure(sley__ring_open(&child) == 0);
    store_relaxed(&channel.armed, 0);
}

static MODEL_GHOST void note(unsigned *count)
{
    (*count)++;
}

static void child_main(UNUSED unsigned thread)
{
    struct sley__ring_end end;
    struct sley__slot *slot;

    sley__ring_end_init(&end, &channel);
    while ((slot = sley__ring_next(&end))) {
        unsigned char job = slot->in[0]; /* plain: the publishing must order it */

        model_assert(job >= 10 && job < 10 + JOBS, "input %u", job);
        note(&runs[job - 10]);
        slot->out[0] = (unsigned char)(job + 100);
        store_relaxed(&slot->value, job);
        store_relaxed(&slot->error, 0);
        store_relaxed(&slot->out_size, 1);
        store_relaxed(&slot->out_offset, 0);
        if (sley__ring_done(&end)) {
            exchange_acq_rel(&bell, 1);
            sley__futex_wake(&bell, 1);
        }
    }
}

/* Takes the results that are there. With the lock, where there is one. */
static void collect(void)
{
    struct sley__ring_result result;
    enum sley__ring_news news;

    while ((news = sley__ring_look(&child, &result)) == SLEY__RING_RESULT) {
        unsigned job = (unsigned)(sley__ring_head(&child) - jobs);

        model_assert(result.size == 1 && result.value == (int)job + 10, "value %d", result.value);
        model_assert(result.bytes[0] == job + 110, "result %u", result.bytes[0]);
        note(&results[job]);
        sley__ring_advance(&child);
        collected++;
    }
    model_assert(news != SLEY__RING_NONSENSE, "nonsense");
}

static void sleep_for_bell(void)
{
    while (!exchange_acq_rel(&bell, 0))
        sley__futex_wait(&bell, 0, INT64_MAX);
}

/* Until so many are collected. */
static void collect_all(unsigned count)
{
    for (;;) {
        collect();
        if (collected >= count)
            return;
        sley__ring_arm(&child);
        collect();
        if (collected >= count)
            return;
        sleep_for_bell();
    }
}

static void verify(void)
{
    for (unsigned i = 0; i < JOBS; i++) {
        model_assert(runs[i] == results[i], "job %u ran %u times, %u results", i, runs[i],
                     results[i]);
        model_assert(results[i] + revoked[i] <= 1, "job %u: %u results, %u times taken back", i,
                     results[i], revoked[i]);
    }
}

/* --- procpool_ring ------------------------------------------------------------------------------
 */

static void program(UNUSED unsigned thread)
{
    sley__ring_publish(&child, &jobs[0]);
    sley__ring_publish(&child, &jobs[1]);
    if (sley__ring_revoke(&child, 1))
        note(&revoked[1]);
    collect_all(revoked[1] ? 1 : 2);
    sley__ring_publish(&child, &jobs[2]);
    if (model_variant() == 1)
        sley__ring_publish(&child, &jobs[3]);
    collect_all((revoked[1] ? 2 : 3) + model_variant());
    sley__ring_quit(&child);
}

static void verify_ring(void)
{
    verify();
    model_assert(results[0] == 1 && results[2] == 1, "lost");
    model_assert(results[1] + revoked[1] == 1, "lost or done twice");
    model_assert(results[3] == model_variant(), "lost");
    model_outcome(revoked[1] ? "revoked" : "too late");
}

MODEL(procpool_ring, .about = "jobs given, taken back, collected; slots used again", .threads = 2,
      .setup = setup, .body = {program, child_main}, .verify = verify_ring, .variants = 2,
      .must_see = {"revoked", "too late"})

/* --- procpool_submit ----------------------------------------------------------------------------
 */

/* The collector of the pool: procpool_tasks.c, without what it does for time limits. */
static void collector(UNUSED unsigned thread)
{
    for (bool over = false; !over;) {
        sley__lock_acquire(&lock);
        pool.collector_armed = true;
        if (child.load)
            sley__ring_arm(&child);
        collect();
        over = collected == 1;
        sley__lock_release(&lock);
        if (!over)
            sleep_for_bell();
    }
    sley__ring_quit(&child);
}

static void submitter(UNUSED unsigned thread)
{
    sley__lock_acquire(&lock);
    sley__ring_publish(&child, &jobs[0]);
    sley__lock_release(&lock);
}

static void verify_submit(void)
{
    verify();
    model_assert(results[0] == 1, "lost");
}

MODEL(procpool_submit, .about = "a job is given while the collector goes to sleep", .threads = 3,
      .setup = setup, .body = {collector, child_main, submitter}, .verify = verify_submit)

/* --- procpool_quit ------------------------------------------------------------------------------
 */

static void quitter(UNUSED unsigned thread)
{
    sley__ring_publish(&child, &jobs[0]);
    if (model_variant() == 1)
        sley__ring_wake(&child);
    sley__ring_quit(&child);
}

static void verify_quit(void)
{
    collect();
    verify();
    model_assert(results[0] == 1, "the child has left a job");
}

MODEL(procpool_quit, .about = "a child is told to quit with a job in its ring", .threads = 2,
      .setup = setup, .body = {quitter, child_main}, .verify = verify_quit, .variants = 2)
