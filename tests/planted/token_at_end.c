/*
 * token_at_end.c: a task ends with a token of a capacity limiter, which lies on its stack. Debug
 * builds of the runtime say so; in others one fewer may come in for good, and the limiter's list
 * goes through memory that is somebody else's.
 *
 * tool: debug
 * exit: 134
 * says: task [0-9]* "customer", spawned at .*token_at_end\.c:@spawn, has ended and still has the
 * says: still has the capacity limiter 0x
 */
#include "planted.h"

#include <sley/sync.h>

static struct sley_limiter limiter = SLEY_LIMITER_INIT(2);

static int customer(void *arg)
{
    struct sley_token token;

    (void)arg;
    must(sley_limiter_acquire(&limiter, &token) == 0, "acquire");
    if (healthy)
        must(sley_limiter_release(&limiter, &token) == 0, "release");
    return 0;
}

static int run(void *arg)
{
    struct sley_task *task;

    (void)arg;
    must(sley_spawn(customer, NULL, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
