/*
 * engine.c: one execution of a model.
 *
 * The model's threads are coroutines on one kernel thread, each with a stack, and so are setup,
 * verify and teardown (together: "main"); the driver stands on the process's own stack. A failure
 * anywhere is a switch back to the driver: nothing is unwound, the next execution starts afresh.
 *
 * Deterministic: an execution depends on nothing but the decisions. What the kernel would answer
 * (time, random numbers, addresses of memory) comes from platform_model.c and heap.c.
 */
#include "execution.h"

#include "api.h"
#include "explore.h"
#include "heap.h"
#include "lock.h"
#include "memory.h"
#include "platform.h"
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_STEPS = 10000 };

struct run run;
bool engine_checks_plain;

static struct coroutine driver; /* whoever called engine_run() */
static bool running;
static unsigned long executions;

unsigned engine_thread(void)
{
    return run.current;
}

bool engine_running(void)
{
    return running;
}

bool engine_watching(void)
{
    return run.watching;
}

const char *engine_message(void)
{
    return run.message;
}

unsigned long engine_steps(void)
{
    return run.steps;
}

unsigned long engine_executions(void)
{
    return executions;
}

unsigned long engine_fingerprint(void)
{
    return run.fingerprint;
}

bool engine_used_fences(void)
{
    return run.used_fences;
}

const struct subject *engine_subject(void)
{
    return &run.subject;
}

void engine_note_fences(void)
{
    run.used_fences |= run.watching;
}

int64_t engine_now(void)
{
    return run.now;
}

uint64_t engine_random(void)
{
    run.random_state += UINT64_C(0x9e3779b97f4a7c15);
    return sley__hash64(run.random_state);
}

_Noreturn void leave(void)
{
    struct coroutine nowhere;

    coroutine_switch(&nowhere, &driver);
    abort();
}

_Noreturn void engine_fail(const char *format, ...)
{
    va_list args;

    if (!run.failed) {
        va_start(args, format);
        vsnprintf(run.message, sizeof run.message, format, args);
        va_end(args);
    }
    run.failed = true;
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

/* --- threads --- */

void begin_thread(unsigned number, void *(*fn)(void *), void *arg)
{
    struct thread *thread = &run.threads[number];

    *thread = (struct thread){.state = READY, .flow = thread->flow};
    coroutine_prepare(&thread->flow, fn, arg, thread_end);
    memory_thread_start(number, run.current);
}

int engine_start(void *(*fn)(void *), void *arg)
{
    if (run.thread_count == MODEL_THREADS_MAX)
        return -1;
    begin_thread(run.thread_count++, fn, arg);
    engine_checks_plain = run.watching && run.thread_count > 1;
    return (int)run.thread_count - 1;
}

/* --- one execution --- */

static void *run_body(void *arg)
{
    unsigned thread = (unsigned)(uintptr_t)arg, i = thread;

    while (!run.subject.model->body[i])
        i--;
    run.subject.model->body[i](thread);
    return NULL;
}

/* Lets the threads run to their end. Main. */
static void run_threads(void)
{
    run.watching = true;
    engine_checks_plain = run.thread_count > 1;
    for (unsigned t = 0; t < run.thread_count; t++)
        run.threads[t].relaxing = false;
    schedule();
}

/* The coroutine of main. */
static void *run_main(UNUSED void *arg)
{
    const struct model *model = run.subject.model;

    /* Their numbers are theirs, also if setup starts threads. */
    run.thread_count = model->threads;
    for (unsigned t = 0; t < model->threads; t++)
        run.threads[t].state = ABSENT;
    /* Of an execution that was cut off somebody may have stayed in there. */
    for (unsigned i = 0; i < SLEY__LOCK_TABLE; i++)
        sley__lock_sleepers[i] = 0;
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
    run.subject.model->teardown();
    return NULL;
}

static void run_coroutine(void *(*fn)(void *))
{
    struct coroutine *of_main = &run.threads[CLOCK_MAIN].flow;

    coroutine_prepare(of_main, fn, NULL, leave);
    run.current = CLOCK_MAIN;
    running = true;
    coroutine_switch(&driver, of_main);
    running = false;
}

enum verdict engine_run(const struct subject *of)
{
    enum verdict verdict;

    run.subject = *of;
    run.thread_count = run.conditions = 0;
    run.watching = engine_checks_plain = false;
    executions++;
    run.steps = run.random_state = 0;
    run.max_steps = run.subject.model->max_steps ? run.subject.model->max_steps : MAX_STEPS;
    run.fingerprint = 0xcbf29ce484222325;
    run.now = MODEL_EPOCH;
    run.used_fences = run.failed = run.redundant = false;
    run.reducing = explore_reduces() && !run.subject.model->exact_order && !run.subject.model->step;
    run.message[0] = '\0';
    api_reset();
    memory_reset();
    heap_reset();
    run_coroutine(run_main);
    verdict = run.failed ? VERDICT_FAILED : run.redundant ? VERDICT_REDUNDANT : VERDICT_PASSED;
    run.watching = engine_checks_plain = false;
    if (run.subject.model->teardown)
        run_coroutine(run_teardown);
    return verdict;
}
