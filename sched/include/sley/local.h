/*
 * sley/local.h: values that belong to a task.
 *
 * What thread-local variables and pthread keys are to a thread: a local is a key, under which each
 * task has a value of its own. A user name or a request number that every function of a task wants
 * to know, without being a parameter of all of them. Do not use thread-locals for that: a task goes
 * on with another kernel thread after any call that may park.
 *
 *     static struct sley_local request = SLEY_LOCAL_INIT(free, NULL);
 *
 *     sley_local_set(&request, strdup("41"));    freed when the task ends
 *     puts(sley_local_get(&request));            anywhere in the same task
 *
 * A new task has no values. One that is spawned with `.inherit_locals` gets those of its spawner as
 * they are then (context variables): what either of them sets later, the other does not see.
 *
 * Threads that are not tasks have no locals, the threads of the blocking pool included: there a get
 * finds NULL and a set is refused.
 */
#ifndef SLEY_LOCAL_H
#define SLEY_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A key. A value type: initialise it with SLEY_LOCAL_INIT, or zeroed for neither destructor nor
 * copy. It belongs to the process, not to a runtime; must not be moved; and needs no end if it is
 * static. Set the first two fields before the first use and never again. */
struct sley_local {
    /* Called on the task with each value that is not NULL when the task ends. NULL: nothing is done
     * with them. */
    void (*destructor)(void *value);

    /* For tasks that inherit: stores in *out what the new task gets in place of `value`, which is
     * not NULL, and returns 0; or a negative SLEY_E*, with which the spawn fails. On the spawning
     * task; must not park, set locals or spawn. NULL: the new task gets the same pointer if there
     * is no destructor, and nothing if there is one, because two tasks would destroy one value. */
    int (*copy)(void *value, void **out);

    uint64_t id; /* private; 0: not in use yet */
};

#define SLEY_LOCAL_INIT(destructor, copy) \
    {                                     \
        (destructor), (copy), 0           \
    }

/* How many locals may be in use in a process at once. */
#define SLEY_LOCALS_MAX 1024

/* How often values that destructors have set are destroyed in their turn (POSIX: at least 4). */
#define SLEY_LOCAL_ROUNDS 4

/* Makes `value` the calling task's. The one before is the caller's again: no destructor is called
 * for it. NULL is as if it had never been set.
 *
 * When the task ends, after its function has returned and while it is still a task like any other,
 * the value that was set last is destroyed first. A destructor finds NULL under its own key. What
 * destructors set is destroyed in the same order after all of those before, up to
 * SLEY_LOCAL_ROUNDS rounds in all; then it is dropped.
 *
 * Returns 0, or, and nothing has changed,
 *   SLEY_ENOTASK   not on a task
 *   SLEY_ENOMEM    no memory
 *   SLEY_EAGAIN    SLEY_LOCALS_MAX others are in use
 *   SLEY_EINVAL    local is NULL
 * From a task. Never parks. Since 0.1. */
SLEY_EXPORT int sley_local_set(struct sley_local *local, void *value);

/* The calling task's value; NULL if it has none, and off a task. Any thread. Never parks; some
 * thirty instructions. Since 0.1. */
SLEY_EXPORT void *sley_local_get(const struct sley_local *local);

/* Ends the use of a key, before its memory or the code of its functions goes away: values that
 * tasks still have under it are forgotten, without a destructor. Those that end at this moment may
 * still call it. Afterwards the key is as new, and no task has a value under it. Any thread. Never
 * parks. Since 0.1. */
SLEY_EXPORT void sley_local_close(struct sley_local *local);

#ifdef __cplusplus
}
#endif
#endif
