/*
 * stack_pool.c: workers' caches, one pool, every move at once: acquire, release, hand a stack to
 * another thread that releases it, trim, look up. Each stack in use is signed at both ends of its
 * usable part, so one that is handed out twice, or loses its pages while in use, is noticed.
 */
#include "stress.h"

#include "lock.h"
#include "platform.h"
#include "stack.h"

enum { THREADS = 4, HELD = 600, MAILBOX = 64 };

static struct sley__stack_pool pool;
static unsigned rounds;

/* Stacks on their way from a thread to any other. */
static struct sley__lock lock;
static struct sley__stack *mailbox[MAILBOX]; /* protected by lock */

struct worker {
    struct sley__stack_cache cache;
    struct sley__stack *held[HELD];
    struct stress_random random;
    pthread_t handle;
};

static uint64_t *top_word(const struct sley__stack *stack)
{
    return (uint64_t *)stack->top - 1;
}

static uint64_t *low_word(const struct sley__stack *stack)
{
    return (uint64_t *)(void *)stack->low;
}

static void sign(struct sley__stack *stack, bool deep)
{
    *top_word(stack) = (uintptr_t)stack;
    if (deep)
        *low_word(stack) = (uintptr_t)stack;
}

static void check_and_erase(struct sley__stack *stack)
{
    CHECK(*top_word(stack) == (uintptr_t)stack, "%p: another was here", (void *)stack);
    CHECK(*low_word(stack) == 0 || *low_word(stack) == (uintptr_t)stack,
          "%p: the low end is %" PRIx64, (void *)stack, *low_word(stack));
    CHECK(sley__stack_of_address(&pool, top_word(stack)) == stack, "%p: not found", (void *)stack);
    CHECK(sley__stack_of_guard(&pool, stack->low - 1) == stack, "%p: no guard", (void *)stack);
    sley__stack_check(stack);
    *top_word(stack) = *low_word(stack) = 0;
}

static int random_class(struct stress_random *random)
{
    return stress_below(random, 16) ? SLEY__STACK_64K
                                    : (int)stress_below(random, SLEY__STACK_CLASSES);
}

static void take(struct worker *worker, unsigned i)
{
    int class = random_class(&worker->random);
    struct sley__stack *stack = sley__stack_acquire(&pool, &worker->cache, class);

    CHECK(stack, "a promise was not kept");
    CHECK(stack->class == class, "wanted class %d, got %d", class, stack->class);
    CHECK(*top_word(stack) != (uintptr_t)stack, "%p: handed out twice", (void *)stack);
    sign(stack, stress_below(&worker->random, 64) == 0);
    worker->held[i] = stack;
}

static void give(struct worker *worker, unsigned i)
{
    check_and_erase(worker->held[i]);
    sley__stack_release(&pool, &worker->cache, worker->held[i]);
    worker->held[i] = NULL;
}

/* Leaves a stack with whoever comes next, and takes what another has left. */
static void swap_by_mail(struct worker *worker, unsigned i)
{
    unsigned box = stress_below(&worker->random, MAILBOX);
    struct sley__stack *found;

    sley__lock_acquire(&lock);
    found = mailbox[box];
    mailbox[box] = worker->held[i];
    sley__lock_release(&lock);
    worker->held[i] = found;
}

static void *work(void *arg)
{
    struct worker *worker = arg;

    for (unsigned r = 0; r < rounds; r++) {
        unsigned i = stress_below(&worker->random, HELD);

        if (stress_below(&worker->random, 8) == 0)
            swap_by_mail(worker, i);
        else if (worker->held[i])
            give(worker, i);
        else
            take(worker, i);
        if (stress_below(&worker->random, 1024) == 0)
            sley__stack_trim(&pool);
        stress_alive();
    }
    for (unsigned i = 0; i < HELD; i++)
        if (worker->held[i])
            give(worker, i);
    return NULL;
}

static void reserve_all(void)
{
    for (int class = 0; class < SLEY__STACK_CLASSES; class ++)
        CHECK(sley__stack_reserve(&pool, class, THREADS * HELD + MAILBOX) == 0, "no memory");
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS];

    stress_begin(argc, argv);
    rounds = stress_count(400000, 40000);
    sley__platform_init();
    sley__stack_pool_init(&pool);
    reserve_all();
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i].random = stress_random(i);
        CHECK(pthread_create(&workers[i].handle, NULL, work, &workers[i]) == 0, "no thread");
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].handle, NULL);
    while (sley__stack_trim(&pool))
        stress_alive();
    sley__stack_pool_close(&pool);
    return stress_end();
}
