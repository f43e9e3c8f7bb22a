/*
 * race.c: two tasks on two workers write the same variable, and nothing orders them.
 *
 * The flag by which the second one knows that it is last is relaxed: it tells the time, but orders
 * nothing. Healthy, it releases and acquires.
 *
 * tool: thread
 * exit: 66
 * says: WARNING: ThreadSanitizer: data race
 * says: second_writer.* .*race\.c:@second
 * says: first_writer.* .*race\.c:@first
 */
#include "planted.h"

#include <stdatomic.h>

/* Each by itself: the tool remembers four accesses for each eight bytes, and forgets one for the
 * fifth. Not static: the compiler must take somebody for reading it. */
_Alignas(64) int shared;
static _Alignas(64) atomic_bool first_is_done;

static int first_writer(void *arg)
{
    (void)arg;
    shared = 1; /* planted: first */
    atomic_store_explicit(&first_is_done, true,
                          healthy ? memory_order_release : memory_order_relaxed);
    return 0;
}

/* Does not park, so the other task runs on the other worker. */
static int second_writer(void *arg)
{
    struct sley_task *other = spawned(first_writer, NULL);

    (void)arg;
    while (!atomic_load_explicit(&first_is_done,
                                 healthy ? memory_order_acquire : memory_order_relaxed))
        ;
    shared = 2; /* planted: second */
    joined(other);
    return shared != 2;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, second_writer);
}
