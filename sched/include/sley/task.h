/*
 * sley/task.h: tasks.
 *
 * A task is a function that runs concurrently with the others on a stack of its own, cheap enough
 * to have a million of. It is written as plain sequential code: a call that must wait parks the
 * task and lets its worker run another.
 *
 * A task may run on another kernel thread after any call that may park. So do not hold a pthread
 * mutex, and do not keep the address of a thread-local variable (errno included), across one.
 */
#ifndef SLEY_TASK_H
#define SLEY_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A handle to a task. Owned by whoever spawned it, until sley_join() or sley_detach() takes it;
 * each handle must meet exactly one of the two. */
struct sley_task;

/* What a task runs; its return value is the task's result. */
typedef int sley_task_fn(void *arg);

/* Zero in a field means its default. Copied by the spawn. */
struct sley_task_options {
    const char *name;    /* for dumps and messages; copied, at most 39 bytes, control characters
                            become '?'. Default: the function's name as written */
    size_t stack_size;   /* bytes, rounded up to 16 KiB, 64 KiB, 256 KiB or 1 MiB. Default: that of
                            the runtime, 64 KiB */
    int64_t deadline;    /* absolute, ns: the earlier of this and the spawner's own becomes the
                            task's ambient deadline. Default: the spawner's */
    bool inherit_locals; /* the task begins with the spawner's values of its locals, as local.h
                            says. Default: with none */
};

#define SLEY__STRING(x)  #x
#define SLEY__STRING2(x) SLEY__STRING(x)
/* "name\0file:line": where a task was spawned, as one literal. */
#define SLEY__SITE(name) name "\0" __FILE__ ":" SLEY__STRING2(__LINE__)

/* Spawns a task that runs fn(arg) on the workers of the caller's runtime.
 *   fn       what to run
 *   arg      handed to it; stays the caller's
 *   options  const struct sley_task_options *, or NULL for all defaults
 *   out      struct sley_task **: receives the handle, to be joined or detached; NULL spawns the
 *            task detached. A detached task is safe to forget: the runtime owns it and cancels it
 *            at shutdown. Untouched on failure
 * Returns 0, or
 *   SLEY_ENOMEM     no memory for the task
 *   SLEY_EINVAL     fn is NULL, or the stack size is above 1 MiB
 *   SLEY_ESHUTDOWN  the runtime is shutting down and takes no new tasks
 *   SLEY_ENOTASK    the caller is not a task: see sley_runtime_spawn()
 *   others          what a copy function of an inherited local has returned
 * From a task. Never parks; the new task runs later, on any worker. Since 0.1. */
#define sley_spawn(fn, arg, options, out) \
    sley_spawn_at((fn), (arg), (options), (out), SLEY__SITE(#fn))
SLEY_EXPORT int sley_spawn_at(sley_task_fn *fn, void *arg, const struct sley_task_options *options,
                              struct sley_task **out, const char *site);

/* Waits until `task` has ended, stores its return value in *result (unless result is NULL) and
 * gives the handle up.
 *   0               joined
 *   SLEY_ECANCELED, SLEY_ETIMEDOUT
 *                   the *caller* was cancelled or its deadline passed: the handle is still valid
 *                   and must still be joined or detached
 *   SLEY_EDEADLK    a task cannot join itself
 *   SLEY_EINVAL     task is NULL
 *   SLEY_EBUSY      another task joins it already
 *   SLEY_EPERM      it is a scope's: see sley_scope_join()
 * From a task (parks) or a foreign thread (blocks it). Since 0.1. */
SLEY_EXPORT int sley_join(struct sley_task *task, int *result);

/* Gives the handle up without waiting: the task goes on, its result is dropped. NULL is fine.
 * Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_detach(struct sley_task *task);

/* Cancels `task`: every call of its that may park, the one it is in now included, returns
 * SLEY_ECANCELED from here on; so its cleanup code comes to an end as well. What it has already
 * done is not undone, and a call that completed its work reports that, not the cancellation.
 * `reason` is a string that lives as long as the task, or NULL. The first reason stays. Cancelling
 * an ended task does nothing. Any thread, with a handle that is still owned. Never parks.
 * Since 0.1. */
SLEY_EXPORT void sley_cancel(struct sley_task *task, const char *reason);

/* 0 while the calling task may go on, SLEY_ECANCELED once it is cancelled, SLEY_ETIMEDOUT once its
 * deadline has passed (cancel wins): for loops that compute without waiting. From a task; elsewhere
 * 0. Never parks. Since 0.1. */
SLEY_EXPORT int sley_cancelled(void);

/* Why the calling task was cancelled, or NULL. From a task. Never parks. Since 0.1. */
SLEY_EXPORT const char *sley_cancel_reason(void);

/* Moves the calling task's ambient deadline closer: to `deadline` (absolute, ns) if that is earlier
 * than the current one. Every call that may park returns SLEY_ETIMEDOUT once it has passed. Returns
 * the deadline that was in force, for sley_deadline_restore(). In the body of a generator it is the
 * generator's own that is moved and returned, and it holds inside only.
 * From a task; elsewhere SLEY_FOREVER and no effect. Never parks. Since 0.1. */
SLEY_EXPORT int64_t sley_deadline_narrow(int64_t deadline);

/* Ends what sley_deadline_narrow() began: puts the deadline back that it returned. Since 0.1. */
SLEY_EXPORT void sley_deadline_restore(int64_t previous);

/* The calling task's ambient deadline, or SLEY_FOREVER. Since 0.1. */
SLEY_EXPORT int64_t sley_deadline(void);

/* Lets the other ready tasks of this worker run. 0, or SLEY_ECANCELED / SLEY_ETIMEDOUT as every
 * call that may park; the yield has happened all the same. On a foreign thread 0. Since 0.1. */
SLEY_EXPORT int sley_yield(void);

/* The calling task, or NULL on a foreign thread. Not a handle to be joined. Since 0.1. */
SLEY_EXPORT struct sley_task *sley_self(void);

/* The task's name (valid as long as the task) and its number, unique in its runtime, from 1.
 * Any thread, while the handle is owned or from the task itself. Since 0.1. */
SLEY_EXPORT const char *sley_task_name(const struct sley_task *task);
SLEY_EXPORT uint64_t sley_task_id(const struct sley_task *task);

#ifdef __cplusplus
}
#endif
#endif
