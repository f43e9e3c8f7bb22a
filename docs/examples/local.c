/*
 * local.c: a value that belongs to a task. Every function of a request knows whose request it is
 * without having been told, and the helpers of a request inherit it.
 *
 * prints: ada: .*ada: a helper.*bob: .*bob: a helper
 */
#include <stdio.h>
#include <sley/sley.h>

static struct sley_local user; /* zeroed: neither destroyed nor copied, heirs get the pointer */

static void say(const char *text)
{
    printf("%s: %s; ", (const char *)sley_local_get(&user), text);
}

static int helper(void *unused)
{
    (void)unused;
    say("a helper");
    return 0;
}

static int request(void *name)
{
    struct sley_task_options options = {.inherit_locals = true};
    struct sley_task *task;
    if (sley_local_set(&user, name) != 0)
        return 1;
    say("a request");
    if (sley_spawn(helper, NULL, &options, &task) != 0)
        return 1;
    return sley_join(task, NULL);
}

static int app(void *unused)
{
    static char ada[] = "ada", bob[] = "bob";
    char *names[] = {ada, bob};
    (void)unused;
    for (int i = 0; i < 2; i++) {
        struct sley_task *task;
        if (sley_spawn(request, names[i], NULL, &task) != 0)
            return 1;
        sley_join(task, NULL);
    }
    printf("\n");
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
