/*
 * lost.c: errors that nobody will hear. Level 4.
 *
 * A detached task is safe to forget, but an error of it should not vanish with it: it goes to the
 * program's hook, or else to stderr. There it is one line per spawn site, the first error of it,
 * because a server may lose a thousand a second in the same way; and for sixteen sites, because
 * that needs no memory. As with a panic the line is made in a small buffer and written at once.
 */
#include "runtime_impl.h"

#include <stdio.h>
#include <unistd.h>

/* True the first time that something from this site is reported. Any worker. */
static bool is_first(struct sley_runtime *runtime, const char *site)
{
    bool first = false;

    sley__lock_acquire(&runtime->lost_lock);
    for (size_t i = 0; i < ARRAY_LENGTH(runtime->lost_sites); i++) {
        if (runtime->lost_sites[i] == site)
            break;
        if (!runtime->lost_sites[i]) {
            runtime->lost_sites[i] = site;
            first = true;
            break;
        }
    }
    sley__lock_release(&runtime->lost_lock);
    return first;
}

void sley__lost_error(struct sley__sched *sched, struct sley_task *task)
{
    struct sley_runtime *runtime = container_of(sched, struct sley_runtime, sched);
    const char *name = sley__task_name(task), *site = sley__task_site(task);
    char line[256];
    int length;

    if (runtime->on_lost_error) {
        runtime->on_lost_error(name, site, task->result, runtime->lost_error_arg);
        return;
    }
    if (!is_first(runtime, load_relaxed(&task->site)))
        return;
    length = snprintf(line, sizeof line, "sley: detached task %s (%s) has failed: %s: %s\n", name,
                      site, sley_error_name(task->result), sley_strerror(task->result));
    if (length >= (int)sizeof line)
        length = sizeof line - 1;
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return; /* there is nowhere to say that */
}
