/*
 * engine.c: one execution of a model.
 *
 * The model's threads are coroutines on one kernel thread, each with a stack, and so are setup,
 * verify and teardown (together: "main"); the driver stands on the process's own stack. A failure
 * anywhere is a switch back to the driver: nothing is unwound, the next execution starts afresh.
 *
 * A thread runs until its next decision point, which stands before every operation that others can
 * notice (atomic operations, futex calls). Plain accesses are none: two that conflict are a race
 * and found by clocks in whatever order they happen, and without a conflict the order is nobody's
 * business. At a decision point the options are: the running thread goes on; another one does,
 * which is a preemption; time jumps to the next deadline, which counts as one. When the running
 * thread cannot go on, the others are free.
 *
 * A thread that yields (cpu_relax) says that it waits for others. It does not run again before
 * another thread has made a step, after its second yield in a row not before another thread has
 * changed something; otherwise two threads that wait for a third could go on for ever before it.
 * It may go on at once at the price of a preemption, once: loops that give up spinning after some
 * rounds do something else then. When all threads that can run yield, the clock goes on by a tick.
 *
 * Code that is run may switch stacks itself, as tasks do: the engine saves the stack pointer
 * wherever it is. Thread-locals (worker.c has one) are the program's: the engine exchanges the
 * program's block of them at each switch, so production code needs no change.
 *
 * Deterministic: an execution depends on nothing but the decisions. What the kernel would answer
 * (time, random numbers, addresses of memory) comes from platform_model.c and heap.c.
 */
#define _GNU_SOURCE 1

#include "engine.h"

#include "api.h"
#include "explore.h"
#include "heap.h"
#include "memory.h"
#include "platform.h"
#include "trace.h"

#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { STACK_SIZE = 256 * 1024, TLS_MAX = 256, MAX_STEPS = 10000 };
static const int64_t TICK = 10000; /* ns */

enum state {
    ABSENT,
    READY,
    BLOCKED,
    ENDED,
};

struct thread {
    enum state state;
    enum block why;
    const void *object;
    int64_t deadline;
    struct step next; /* what it will do first when it goes on */
    bool sleeping;    /* preempted before `next`, and no conflict since: see conflict.h */
    bool relaxing;    /* has yielded, and nobody else has made a step since */
    unsigned relaxes; /* how often since somebody else has changed something */
    void *sp;
    char *stack;
    void *(*fn)(void *);
    void *arg, *condition_arg;
    int error; /* errno */
    char tls[TLS_MAX];
};

void model__switch(void **save, void *load); /* switch_x86_64.S */

static struct thread threads[MODEL_THREADS_MAX + 1]; /* the last: main */
static unsigned thread_count;
static unsigned current; /* CLOCK_MAIN: main */
static bool running, watching;
bool engine_checks_plain;
static void *driver_sp;

static struct subject subject;
static unsigned long steps, max_steps, fingerprint, executions;
static unsigned conditions; /* how many threads wait for one */
static int64_t now;
static uint64_t random_state;
static bool used_fences, failed, redundant;
static bool reducing; /* this execution may be abandoned as redundant */
static char message[1024];

/* The program's thread-locals. */
static char *tls;
static const void *tls_image;
static size_t tls_size, tls_image_size;

unsigned engine_thread(void)
{
    return current;
}

bool engine_running(void)
{
    return running;
}

bool engine_watching(void)
{
    return watching;
}

const char *engine_message(void)
{
    return message;
}

unsigned long engine_steps(void)
{
    return steps;
}

unsigned long engine_executions(void)
{
    return executions;
}

unsigned long engine_fingerprint(void)
{
    return fingerprint;
}

bool engine_used_fences(void)
{
    return used_fences;
}

const struct subject *engine_subject(void)
{
    return &subject;
}

void engine_note_fences(void)
{
    used_fences |= watching;
}

int64_t engine_now(void)
{
    return now;
}

uint64_t engine_random(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    return sley__hash64(random_state);
}

/* --- switching --- */

static int note_tls(struct dl_phdr_info *info, UNUSED size_t size, UNUSED void *arg)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type != PT_TLS || !info->dlpi_tls_data)
            continue;
        tls = info->dlpi_tls_data;
        tls_size = header->p_memsz;
        tls_image = (const void *)(info->dlpi_addr + header->p_vaddr);
        tls_image_size = header->p_filesz;
    }
    return 1; /* the first one is the program; libraries have their own */
}

static void find_tls(void)
{
    dl_iterate_phdr(note_tls, NULL);
    if (tls_size > TLS_MAX) {
        fprintf(stderr, "model: %zu bytes of thread-locals, more than TLS_MAX\n", tls_size);
        abort();
    }
}

bool engine_is_private(const void *address)
{
    return (size_t)((const char *)address - tls) < tls_size || address == &errno;
}

/* From the running coroutine to another. Returns when somebody switches back. */
static void switch_to(unsigned next)
{
    unsigned before = current;

    if (next == before)
        return;
    memcpy(threads[before].tls, tls, tls_size);
    memcpy(tls, threads[next].tls, tls_size);
    threads[before].error = errno;
    errno = threads[next].error;
    current = next;
    model__switch(&threads[before].sp, threads[next].sp);
}

static _Noreturn void leave(void)
{
    void *nowhere;

    model__switch(&nowhere, driver_sp);
    abort();
}

_Noreturn void engine_fail(const char *format, ...)
{
    va_list args;

    if (!failed) {
        va_start(args, format);
        vsnprintf(message, sizeof message, format, args);
        va_end(args);
    }
    failed = true;
    leave();
}

static const char *place_of(const struct access *access)
{
    return access->where ? access->where : trace_is_on() ? trace_place(access->pc) : "?";
}

_Noreturn void engine_race(uintptr_t address, const struct access *access,
                           const struct access *other)
{
    static const char *const kinds[2][2] = {{"plain read", "plain write"},
                                            {"atomic read", "atomic access"}};

    engine_fail("data race at %p: %s by T%u, %s; nothing orders it after the %s by T%u, %s",
                (void *)address, kinds[access->where != NULL][access->write], access->thread,
                place_of(access), kinds[other->where != NULL][other->write], other->thread,
                place_of(other));
}

/* --- coroutines --- */

static void thread_end(void);

/* The base of every stack. */
static void thread_main(void)
{
    struct thread *me = &threads[current];

    me->fn(me->arg);
    thread_end();
}

static void prepare(struct thread *thread, void *(*fn)(void *), void *arg)
{
    void **top;

    if (!thread->stack) {
        thread->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (thread->stack == MAP_FAILED)
            abort();
    }
    thread->state = READY;
    thread->why = BLOCK_NONE;
    thread->sleeping = thread->relaxing = false;
    thread->relaxes = 0;
    thread->fn = fn;
    thread->arg = arg;
    thread->error = 0;
    memcpy(thread->tls, tls_image, tls_image_size);
    memset(thread->tls + tls_image_size, 0, tls_size - tls_image_size);
    top = (void **)(void *)(thread->stack + STACK_SIZE);
    *--top = NULL; /* so that thread_main has the alignment of a called function */
    *--top = (void *)thread_main;
    for (unsigned i = 0; i < 6; i++)
        *--top = NULL;
    thread->sp = top;
}

static void begin_thread(unsigned number, void *(*fn)(void *), void *arg)
{
    prepare(&threads[number], fn, arg);
    memory_thread_start(number, current);
}

int engine_start(void *(*fn)(void *), void *arg)
{
    if (thread_count == MODEL_THREADS_MAX)
        return -1;
    begin_thread(thread_count++, fn, arg);
    engine_checks_plain = watching && thread_count > 1;
    return (int)thread_count - 1;
}

/* --- scheduling --- */

/* Those whose deadline has come go on. */
static void fire_deadlines(void)
{
    for (unsigned t = 0; t < thread_count; t++) {
        struct thread *thread = &threads[t];

        if (thread->state == BLOCKED && thread->deadline <= now)
            thread->state = READY;
    }
}

static int64_t next_deadline(void)
{
    int64_t first = INT64_MAX;

    for (unsigned t = 0; t < thread_count; t++)
        if (threads[t].state == BLOCKED)
            first = min_i64(first, threads[t].deadline);
    return first;
}

static void check_conditions(void)
{
    if (!conditions)
        return;
    for (unsigned t = 0; t < thread_count; t++) {
        struct thread *thread = &threads[t];
        bool (*condition)(void *) = (bool (*)(void *))thread->object;

        if (thread->state == BLOCKED && thread->why == BLOCK_CONDITION &&
            condition(thread->condition_arg))
            thread->state = READY;
    }
}

/* Who comes after the running thread, in turn, comes first. */
static unsigned in_turn(unsigned i)
{
    return current == CLOCK_MAIN ? i : (current + 1 + i) % thread_count;
}

/* What can be done next without time going on. */
static unsigned list_options(struct way *options)
{
    struct thread *me = &threads[current];
    bool can = current != CLOCK_MAIN && me->state == READY && !me->sleeping,
         wants = can && !me->relaxing;
    bool all_cost = subject.model->every_switch_costs;
    unsigned n = 0;

    if (wants)
        options[n++] = (struct way){(uint8_t)current, false};
    for (unsigned i = 0; i < thread_count; i++) {
        unsigned t = in_turn(i);
        bool costs = wants || (n && all_cost);

        if (t != current && threads[t].state == READY && !threads[t].relaxing &&
            !threads[t].sleeping)
            options[n++] = (struct way){(uint8_t)t, costs};
    }
    if (can && !wants && n && me->relaxes < 2)
        options[n++] = (struct way){(uint8_t)current, true};
    if (n && !subject.model->no_timeouts && next_deadline() != INT64_MAX)
        options[n++] = (struct way){CLOCKS, true};
    return n;
}

/* Those whose next step conflicts with this one. */
static void wake_sleepers(struct step step)
{
    for (unsigned t = 0; t < thread_count; t++)
        if (threads[t].sleeping && steps_conflict(step, threads[t].next))
            threads[t].sleeping = false;
}

void engine_disturb(void)
{
    if (watching)
        wake_sleepers((struct step){STEP_ANY, NULL});
}

/* Nobody can go on as it is: time does. False: that would not help either. */
static bool pass_time(void)
{
    int64_t deadline = next_deadline(), tick = subject.model->tick ? subject.model->tick : TICK;
    bool spinning = false;

    for (unsigned t = 0; t < thread_count; t++) {
        if (threads[t].state != READY)
            continue;
        spinning = true;
        threads[t].relaxing = false;
    }
    if (!spinning && deadline == INT64_MAX)
        return false;
    now = spinning ? min_i64(now + tick, deadline) : deadline;
    fire_deadlines();
    return true;
}

/* Why the execution ends; main takes over. */
static void finish_threads(void)
{
    for (unsigned t = 0; t < thread_count; t++) {
        memory_thread_end(t);
        if (threads[t].state == BLOCKED && !subject.model->may_block)
            engine_fail("T%u waits for ever (%s)", t, engine_blocked(t));
    }
    watching = engine_checks_plain = false;
    switch_to(CLOCK_MAIN);
    abort();
}

static bool anybody_sleeps(void)
{
    for (unsigned t = 0; t < thread_count; t++)
        if (threads[t].state == READY && threads[t].sleeping)
            return true;
    return false;
}

/* Whoever could go on would only repeat an execution that has been explored. */
static _Noreturn void abandon(void)
{
    redundant = true;
    leave();
}

/* The common case: the running thread can, and nobody may come between. */
static bool must_go_on(void)
{
    const struct thread *me = &threads[current];

    return current != CLOCK_MAIN && me->state == READY && !me->relaxing && !me->sleeping &&
           explore_is_spent();
}

/* Decides who goes on and lets it. Returns when the running thread does. */
static void schedule(void)
{
    struct way options[MODEL_THREADS_MAX + 2];

    for (;;) {
        unsigned n, chosen;

        check_conditions();
        if (must_go_on())
            return;
        while ((n = list_options(options)) == 0) {
            if (anybody_sleeps())
                abandon();
            if (!pass_time())
                finish_threads();
        }
        chosen = n == 1 ? 0 : explore_schedule(options, n);
        if (options[chosen].thread != CLOCKS) {
            if (options[chosen].costs && !options[0].costs && options[0].thread == current)
                threads[current].sleeping = reducing;
            switch_to(options[chosen].thread);
            return;
        }
        now = next_deadline();
        wake_sleepers((struct step){STEP_ANY, NULL});
        trace_note(current, "(time goes on to the next deadline)");
        fire_deadlines();
    }
}

void engine_point(const char *where, enum step_kind kind, const void *address)
{
    if (!watching)
        return;
    threads[current].next = (struct step){kind, address};
    if (++steps > max_steps)
        engine_fail("no end after %lu steps; last: %s", max_steps, where);
    schedule();
}

void engine_stepped(const char *where, const void *address, size_t size, uint64_t value,
                    bool changed_something)
{
    if (!watching)
        return;
    fingerprint = (fingerprint ^ value ^ current) * 0x100000001b3 + (uintptr_t)where % 4096;
    trace_step(current, where, address, size, value);
    now += subject.model->step;
    if (reducing)
        wake_sleepers(threads[current].next);
    for (unsigned t = 0; t < thread_count; t++) {
        if (t == current)
            continue;
        if (changed_something)
            threads[t].relaxes = 0;
        if (threads[t].relaxes < 2)
            threads[t].relaxing = false;
    }
}

static void thread_end(void)
{
    if (current == CLOCK_MAIN)
        leave();
    trace_note(current, "(ends)");
    threads[current].state = ENDED;
    threads[current].next = (struct step){STEP_ANY, NULL};
    engine_stepped("end", NULL, 0, 0, true);
    for (unsigned n = engine_blocked_on(BLOCK_JOIN, &threads[current]); n-- > 0;)
        engine_release(BLOCK_JOIN, &threads[current], 0);
    schedule();
    abort();
}

void engine_block(enum block why, const void *object, int64_t deadline)
{
    struct thread *me = &threads[current];

    if (!watching)
        engine_fail("main would wait for ever: setup, verify and teardown must not block");
    me->state = BLOCKED;
    me->why = why;
    me->object = object;
    me->deadline = deadline;
    schedule();
    me->why = BLOCK_NONE;
}

static bool blocked_on(const struct thread *thread, enum block why, const void *object)
{
    return thread->state == BLOCKED && thread->why == why && thread->object == object;
}

unsigned engine_blocked_on(enum block why, const void *object)
{
    unsigned n = 0;

    for (unsigned t = 0; t < thread_count; t++)
        n += blocked_on(&threads[t], why, object);
    return n;
}

void engine_release(enum block why, const void *object, unsigned n)
{
    for (unsigned t = 0; t < thread_count; t++)
        if (blocked_on(&threads[t], why, object) && n-- == 0) {
            threads[t].state = READY;
            return;
        }
}

void engine_join(unsigned thread)
{
    engine_point("join", STEP_ANY, NULL);
    if (threads[thread].state != ENDED)
        engine_block(BLOCK_JOIN, &threads[thread], INT64_MAX);
    memory_thread_join(current, thread);
    engine_stepped("join", NULL, 0, thread, false);
}

void engine_yield(const char *where)
{
    struct thread *me = &threads[current];

    if (!watching)
        return;
    memory_relax(current);
    trace_step(current, where, NULL, 0, 0);
    me->relaxing = true;
    me->relaxes++;
    engine_disturb();
    engine_point(where, STEP_ANY, NULL);
    me->relaxing = false;
}

bool engine_spurious(void)
{
    return subject.model->spurious && explore_choose(2, true);
}

void engine_wait_until(bool (*condition)(void *arg), void *arg)
{
    struct thread *me = &threads[current];

    engine_point("model_wait_until", STEP_ANY, NULL);
    if (!condition(arg)) {
        me->condition_arg = arg;
        conditions++;
        engine_block(BLOCK_CONDITION, (const void *)condition, INT64_MAX);
        conditions--;
    }
    memory_relax(current);
    engine_stepped("model_wait_until", NULL, 0, 0, false);
}

void engine_advance_clock(int64_t ns)
{
    engine_point("model_clock_advance", STEP_ANY, NULL);
    now += ns;
    fire_deadlines();
    engine_stepped("model_clock_advance", NULL, 0, (uint64_t)ns, true);
}

const char *engine_blocked(unsigned thread)
{
    static const char *const names[] = {
        [BLOCK_NONE] = "something",
        [BLOCK_FUTEX] = "futex",
        [BLOCK_JOIN] = "join",
        [BLOCK_CONDITION] = "model_wait_until",
    };

    return threads[thread].state == BLOCKED ? names[threads[thread].why] : NULL;
}

bool engine_can_run(unsigned thread)
{
    return threads[thread].state == READY;
}

unsigned engine_threads(void)
{
    return thread_count;
}

/* --- one execution --- */

static void *run_body(void *arg)
{
    unsigned thread = (unsigned)(uintptr_t)arg, i = thread;

    while (!subject.model->body[i])
        i--;
    subject.model->body[i](thread);
    return NULL;
}

/* Lets the threads run to their end. Main. */
static void run_threads(void)
{
    watching = true;
    engine_checks_plain = thread_count > 1;
    for (unsigned t = 0; t < thread_count; t++)
        threads[t].relaxing = false;
    schedule();
}

/* The coroutine of main. */
static void *run_main(UNUSED void *arg)
{
    const struct model *model = subject.model;

    /* Their numbers are theirs, also if setup starts threads. */
    thread_count = model->threads;
    for (unsigned t = 0; t < model->threads; t++)
        threads[t].state = ABSENT;
    if (model->setup)
        model->setup();
    for (unsigned t = 0; t < model->threads; t++)
        begin_thread(t, run_body, (void *)(uintptr_t)t);
    run_threads();
    if (model->verify)
        model->verify();
    return NULL;
}

static void *run_teardown(UNUSED void *arg)
{
    subject.model->teardown();
    return NULL;
}

static void run_coroutine(void *(*fn)(void *))
{
    prepare(&threads[CLOCK_MAIN], fn, NULL);
    current = CLOCK_MAIN;
    memcpy(tls, threads[CLOCK_MAIN].tls, tls_size);
    running = true;
    model__switch(&driver_sp, threads[CLOCK_MAIN].sp);
    running = false;
}

enum verdict engine_run(const struct subject *of)
{
    enum verdict verdict;

    if (!tls_image)
        find_tls();
    subject = *of;
    thread_count = 0;
    conditions = 0;
    watching = engine_checks_plain = false;
    steps = 0;
    executions++;
    max_steps = subject.model->max_steps ? subject.model->max_steps : MAX_STEPS;
    fingerprint = 0xcbf29ce484222325;
    now = MODEL_EPOCH;
    random_state = 0;
    used_fences = failed = redundant = false;
    reducing = explore_reduces() && !subject.model->exact_order && !subject.model->step;
    message[0] = '\0';
    api_reset();
    memory_reset();
    heap_reset();
    run_coroutine(run_main);
    verdict = failed ? VERDICT_FAILED : redundant ? VERDICT_REDUNDANT : VERDICT_PASSED;
    watching = engine_checks_plain = false;
    if (subject.model->teardown)
        run_coroutine(run_teardown);
    return verdict;
}
