/*
 * overflow.c: a task whose recursion does not end. The runtime itself says so, in every build.
 *
 * tool: sley
 * options: ASAN_OPTIONS=handle_segv=0:use_sigaltstack=0 TSAN_OPTIONS=handle_segv=0
 * exit: 139
 * says: sley: stack overflow in task [0-9]* "endless", spawned at .*overflow\.c:@spawn
 */
#include "planted.h"

static volatile unsigned depth_limit = 10;

static unsigned recurse(unsigned depth)
{
    volatile char frame[100];

    frame[depth % sizeof frame] = 1;
    if (depth >= depth_limit)
        return depth;
    return recurse(depth + 1) + (unsigned char)frame[depth % sizeof frame] - 1;
}

static int endless(void *arg)
{
    (void)arg;
    return (int)recurse(0);
}

static int run(void *arg)
{
    struct sley_task *task;

    (void)arg;
    if (!healthy)
        depth_limit = 1u << 30;
    must(sley_spawn(endless, NULL, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 1, run);
}
