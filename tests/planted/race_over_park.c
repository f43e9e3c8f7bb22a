/*
 * race_over_park.c: a task is unparked and reads what the other one writes only afterwards.
 *
 * The unpark orders what came before it with what the woken task does; what comes after it is a
 * race. A tool that took all that happens on one kernel thread for ordered, or every park for a
 * barrier, would not see it: the reader has moved to another worker in between.
 *
 * tool: thread
 * exit: 66
 * says: WARNING: ThreadSanitizer: data race
 * says: sender.* .*race_over_park\.c:@write
 * says: receiver.* .*race_over_park\.c:@read
 */
#include "planted.h"

#include <stdatomic.h>

/* Each by itself: the tool remembers four accesses for each eight bytes, and forgets one for the
 * fifth. Not static: the compiler must not take the letter for a bool. */
_Alignas(64) int letter;
static _Alignas(64) int received;
static _Alignas(64) atomic_bool has_read;

static int receiver(void *arg)
{
    (void)arg;
    must(sley_park("a letter") == 0, "park");
    received = letter; /* planted: read */
    atomic_store_explicit(&has_read, true, memory_order_relaxed);
    return 0;
}

static int sender(void *arg)
{
    struct sley_task *task = spawned(receiver, NULL);

    (void)arg;
    if (healthy)
        letter = 1;
    sley_unpark(task);
    /* Without leaving this worker, so that the other one has to take the task. */
    while (!atomic_load_explicit(&has_read, memory_order_relaxed))
        ;
    if (!healthy)
        letter = 1; /* planted: write */
    joined(task);
    return received != healthy;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, sender);
}
