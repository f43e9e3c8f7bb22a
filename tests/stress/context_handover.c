/*
 * context_handover.c: flows that wander between kernel threads, without the scheduler around them.
 *
 * Each flow does what a yielding task does: it puts itself into the shared queue *before* it has
 * left its stack, and switches straight to the next flow. So another thread may take it while it is
 * still being saved, and has to wait for `saved`. What a flow writes before is checked after, with
 * plain accesses: ThreadSanitizer sees a race there if the switch does not hand over, and any build
 * sees a flow that runs twice at once. Flows end and their stacks are used again, thousands of
 * times, so that the tools' book-keeping of short-lived flows is exercised too.
 */
#include "stress.h"

#include "context.h"
#include "lock.h"
#include "platform.h"

enum { THREADS = 3, FLOWS = 12, STACK = 64 * 1024, ROUNDS_MAX = 20 };

struct flow {
    struct sley__context context;
    struct sley__fiber fiber;
    struct thread *thread; /* who runs it. Written by whoever resumes it */
    struct flow *next;     /* in the queue */
    char *stack;
    unsigned lives;   /* left, this one included */
    uint64_t steps;   /* plain on purpose */
    bool running;     /* likewise */
    uint64_t written; /* likewise: by the flow until it has left its stack, read by its resumer */
};

/* A kernel thread; its own stack is a context too. */
struct thread {
    struct sley__context context;
    struct sley__fiber fiber;
    struct flow *ended;   /* what it has just left for good */
    struct flow *handoff; /* what its own stack is to resume */
    uint64_t index;
    pthread_t handle;
};

static struct flow flows[FLOWS];
static struct thread threads[THREADS];
static struct sley__lock lock;
static struct flow *first, *last; /* the queue, protected by lock */
static unsigned unfinished;       /* likewise */

static void push(struct flow *flow)
{
    flow->next = NULL;
    sley__lock_acquire(&lock);
    if (first)
        last->next = flow;
    else
        first = flow;
    last = flow;
    sley__lock_release(&lock);
}

/* The next flow, perhaps not saved yet; NULL: the queue is empty. */
static struct flow *pop(bool *all_done)
{
    struct flow *flow;

    sley__lock_acquire(&lock);
    flow = first;
    if (flow)
        first = flow->next;
    *all_done = !unfinished;
    sley__lock_release(&lock);
    return flow;
}

static void resume(struct thread *thread, struct sley__context *from, struct sley__fiber *fiber,
                   struct flow *flow)
{
    while (!sley__context_ready(&flow->context))
        sley__thread_yield();
    CHECK(flow->written == flow->steps, "resumed before it had left");
    flow->thread = thread;
    sley__context_switch(from, fiber, &flow->context, &flow->fiber, false);
}

static void yield(struct flow *self)
{
    struct thread *thread = self->thread;
    struct flow *next;
    bool all_done;

    CHECK(self->running, "resumed twice");
    self->running = false;
    push(self); /* from here on others may want to resume it */
    next = pop(&all_done);
    self->written = self->steps;
    if (next == self) {
        self->running = true;
        return;
    }
    /* Not straight to one that is not saved: its thread may be about to switch to us, and each
     * would wait for the other. The thread's own stack waits. */
    if (next && sley__context_ready(&next->context)) {
        resume(thread, &self->context, &self->fiber, next);
    } else {
        thread->handoff = next;
        sley__context_switch(&self->context, &self->fiber, &thread->context, &thread->fiber, false);
    }
    CHECK(!self->running, "two threads run one flow");
    self->running = true;
}

static void live(struct flow *self)
{
    struct stress_random random = stress_random((uint64_t)(self - flows) + self->lives * 1000);
    unsigned rounds = stress_below(&random, ROUNDS_MAX);

    self->running = true;
    for (unsigned i = 0; i < rounds; i++) {
        volatile uint64_t mark = stress_next(&random);
        uint64_t copy = mark;

        self->steps++;
        yield(self);
        CHECK(mark == copy, "the stack has changed");
        stress_alive();
    }
    self->running = false;
}

static void entry(void *arg)
{
    struct flow *self = arg;
    struct thread *thread;

    sley__context_entered(&self->fiber);
    live(self);
    thread = self->thread;
    thread->ended = self;
    sley__context_switch(&self->context, &self->fiber, &thread->context, &thread->fiber, true);
    abort();
}

static void start(struct flow *flow)
{
    sley__context_init(&flow->context, flow->stack + STACK, entry, flow);
    push(flow);
}

/* On the thread's own stack, after a flow has left for good. */
static void bury(struct thread *thread)
{
    struct flow *flow = thread->ended;

    thread->ended = NULL;
    if (!flow)
        return;
    if (--flow->lives > 0) {
        start(flow);
        return;
    }
    sley__lock_acquire(&lock);
    unfinished--;
    sley__lock_release(&lock);
}

static void *drive(void *arg)
{
    struct thread *thread = arg;
    bool all_done = false;

    sley__fiber_adopt_thread(&thread->fiber);
    while (!all_done) {
        struct flow *flow = thread->handoff;

        thread->handoff = NULL;
        if (!flow)
            flow = pop(&all_done);
        if (flow) {
            resume(thread, &thread->context, &thread->fiber, flow);
            bury(thread);
        } else {
            sley__thread_yield();
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    stress_begin(argc, argv);
    unfinished = FLOWS;
    for (int i = 0; i < FLOWS; i++) {
        flows[i].lives = stress_count(3000, 300);
        flows[i].stack = aligned_alloc(4096, STACK);
        CHECK(flows[i].stack, "no memory");
        sley__fiber_create(&flows[i].fiber, flows[i].stack, STACK);
        start(&flows[i]);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i].handle, NULL, drive, &threads[i]) == 0, "no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i].handle, NULL);
    for (int i = 0; i < FLOWS; i++) {
        CHECK(flows[i].steps > 0, "flow %d never ran", i);
        sley__fiber_destroy(&flows[i].fiber);
        free(flows[i].stack);
    }
    return stress_end();
}
