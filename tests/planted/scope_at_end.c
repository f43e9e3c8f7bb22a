/*
 * scope_at_end.c: a task returns without closing the scope that it has opened. Its child would go
 * on with a scope that lies on a stack which is somebody else's by now. The runtime says so, in all
 * builds.
 *
 * tool: sley
 * exit: 134
 * says: task [0-9]* "forgets", spawned at .*scope_at_end\.c:@spawn, has ended inside of a scope
 */
#include "planted.h"

#include <sley/scope.h>

static int child(void *arg)
{
    (void)arg;
    return sley_sleep(SLEY_MILLISECONDS(1));
}

static int forgets(void *arg)
{
    struct sley_scope scope;

    (void)arg;
    must(sley_scope_open(&scope, NULL) == 0, "open");
    must(sley_scope_spawn(&scope, child, NULL, NULL, NULL) == 0, "spawn");
    if (healthy)
        return sley_scope_close(&scope);
    return 0;
}

static int run(void *arg)
{
    struct sley_task *task;

    (void)arg;
    must(sley_spawn(forgets, NULL, NULL, &task) == 0, "spawn"); /* planted: spawn */
    joined(task);
    return 0;
}

int main(int argc, char **argv)
{
    return run_planted(argc, argv, 2, run);
}
