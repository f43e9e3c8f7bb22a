/*
 * process.c: processes that were spawned, until they are reaped. The contract is in
 * <sley/process.h>.
 *
 * Somebody has to reap a process when it ends, or it stays as a zombie; and that cannot be left to
 * whoever waits for it, because perhaps nobody does. So the I/O thread watches each one from its
 * start, takes its status the moment it ends, and sets an event, which is what tasks wait for. The
 * handle's owner and the loop have a reference each; a handle that is freed early leaves the loop
 * to finish.
 *
 * What the loop watches is a pidfd (Linux 5.3), which is readable when the process has ended: one
 * event for one process, nothing to search for, no signal handler in the program. Where the kernel
 * gives none (an older one, a sandbox, no descriptor left) a SIGCHLD says that some process has
 * ended, and each that is watched so asks for itself, by its own number. Through signals.c and not
 * through libuv's own watcher of signals, so that a program's handler is put back afterwards.
 *   Rejected: the pidfd in the epoll set of the sockets, without the loop: an event there can wake
 *   a task and do nothing by itself. libuv's uv_spawn(): it starts on the loop's thread, which then
 *   stands still for the time of a fork and an exec, and reaps by SIGCHLD.
 *
 * A number belongs to a process until it is reaped. So reaping and sending signals exclude each
 * other by a lock, and no signal ever hits a stranger. What is left of a group is killed between
 * the end of its first process and the reaping of it, while the number still holds the group's.
 *
 * The end of the runtime kills what is still there and waits for it, on the loop's thread: a kill
 * -9 does not take long.
 */
#define _GNU_SOURCE
#include "process_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/scope.h>

/* Any thread. */
static void release(struct sley_process *process)
{
    /* Acquire and release: whoever frees it sees what the other has done. Partner: itself. */
    if (fetch_sub_acq_rel(&process->references, 1) == 1)
        free(process);
}

/* --- the end of a process; I/O thread only ---------------------------------------------------- */

static int64_t nanoseconds(struct timeval time)
{
    return time.tv_sec * INT64_C(1000000000) + time.tv_usec * INT64_C(1000);
}

static void note_status(struct sley_process *process, int status, const struct rusage *usage)
{
    process->status = (struct sley_process_status){
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .dumped = WIFSIGNALED(status) && WCOREDUMP(status),
        .user = nanoseconds(usage->ru_utime),
        .system = nanoseconds(usage->ru_stime),
        .memory_peak = (int64_t)usage->ru_maxrss * 1024,
    };
}

/* Whether it has ended, without taking its status. *lost: somebody else has, and the number may be
 * a stranger's by now. */
static bool has_ended(const struct sley_process *process, int options, bool *lost)
{
    siginfo_t info = {0};
    int result;

    do
        result = waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOWAIT | options);
    while (result < 0 && errno == EINTR);
    *lost = result < 0;
    return *lost || info.si_pid != 0;
}

/* Takes the status if it has ended. `options`: WNOHANG, or 0 to wait. */
static bool reap(struct sley_process *process, int options)
{
    struct rusage usage = {0};
    int status = 0, pid = -1;
    bool lost;

    if (!has_ended(process, options, &lost))
        return false;
    sley__lock_acquire(&process->lock);
    if (!lost) {
        if (process->group && process->doomed)
            kill(-process->pid, SIGKILL);
        do
            pid = wait4(process->pid, &status, WNOHANG, &usage);
        while (pid < 0 && errno == EINTR);
    }
    process->reaped = true;
    sley__lock_release(&process->lock);
    if (pid == process->pid)
        note_status(process, status, &usage);
    else
        process->lost = SLEY_ECHILD;
    return true;
}

static void on_closed(uv_handle_t *handle)
{
    struct sley_process *process = handle->data;

    if (process->pidfd >= 0)
        close(process->pidfd);
    release(process);
}

/* The loop has nothing more to do with it. */
static void finish(struct sley_process *process)
{
    if (process->pidfd < 0)
        sley__signals_unwatch(&process->watch);
    sley__loop_leave(&process->resident);
    sley_event_set(&process->ended);
    uv_close(&process->handle, on_closed);
}

static void on_pidfd(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    struct sley_process *process = poll->data;

    if (reap(process, WNOHANG))
        finish(process);
}

static void on_child(uv_async_t *child)
{
    struct sley_process *process = child->data;

    if (reap(process, WNOHANG))
        finish(process);
}

/* In a signal handler. */
static void ring(struct sley__signal_watch *watch)
{
    uv_async_send(&container_of(watch, struct sley_process, watch)->child);
}

/* The runtime ends, and the handle was not freed, or is just dying. */
static void on_loop_end(struct sley__resident *resident)
{
    struct sley_process *process = container_of(resident, struct sley_process, resident);

    sley__lock_acquire(&process->lock);
    process->doomed = true;
    kill(process->group ? -process->pid : process->pid, SIGKILL);
    sley__lock_release(&process->lock);
    ensure(reap(process, 0));
    finish(process);
}

static bool watch_pidfd(struct sley_process *process)
{
    if (process->pidfd < 0)
        return false;
    if (uv_poll_init(&process->loop->uv, &process->poll, process->pidfd) == 0) {
        ensure(uv_poll_start(&process->poll, UV_READABLE, on_pidfd) == 0);
        return true;
    }
    close(process->pidfd);
    process->pidfd = -1;
    return false;
}

static void watch_signal(struct sley_process *process)
{
    ensure(uv_async_init(&process->loop->uv, &process->child, on_child) == 0);
    process->watch.mask = sley__signal_bit(SIGCHLD);
    process->watch.ring = ring;
    sley__signals_watch(&process->watch);
    uv_async_send(&process->child); /* it may have ended before */
}

static void begin(struct sley__inbox_node *node)
{
    struct sley_process *process = container_of(node, struct sley_process, begin);

    if (!watch_pidfd(process))
        watch_signal(process);
    process->handle.data = process;
    process->resident.close = on_loop_end;
    sley__loop_enter(process->loop, &process->resident);
}

void sley__process_watch(struct sley_process *process)
{
    process->begin.run = begin;
    sley__loop_submit(process->loop, &process->begin);
}

/* --- for the owner ---------------------------------------------------------------------------- */

int sley_process_id(const struct sley_process *process)
{
    return process->pid;
}

struct sley_stream *sley_process_input(const struct sley_process *process)
{
    return process->input;
}

struct sley_stream *sley_process_output(const struct sley_process *process)
{
    return process->output;
}

struct sley_stream *sley_process_error(const struct sley_process *process)
{
    return process->error;
}

void sley_process_close_input(struct sley_process *process)
{
    sley_stream_free(process->input);
    process->input = NULL;
}

/* With the lock. */
static NOINLINE int send_signal(struct sley_process *process, int number)
{
    if (process->reaped)
        return SLEY_ESRCH;
    return kill(process->group ? -process->pid : process->pid, number) < 0 ? -errno : 0;
}

int sley_process_kill(struct sley_process *process, int number)
{
    int error;

    if (number <= 0 || number > SLEY__SIGNAL_MAX)
        return SLEY_EINVAL;
    sley__lock_acquire(&process->lock);
    if (number == SIGKILL)
        process->doomed = true;
    error = send_signal(process, number);
    sley__lock_release(&process->lock);
    return error;
}

void sley_process_free(struct sley_process *process)
{
    if (!process)
        return;
    sley_stream_free(process->input);
    sley_stream_free(process->output);
    sley_stream_free(process->error);
    sley_process_kill(process, SIGKILL); /* SLEY_ESRCH: it has ended by itself */
    release(process);
}

int sley_process_wait(struct sley_process *process, struct sley_process_status *status)
{
    int error = sley_event_wait(&process->ended);

    if (error)
        return error;
    if (status && !process->lost)
        *status = process->status;
    return process->lost;
}

/* Marks it, so that its group goes with it even if it obeys. */
static void doom(struct sley_process *process)
{
    sley__lock_acquire(&process->lock);
    process->doomed = true;
    sley__lock_release(&process->lock);
}

/* Whatever happens to the caller; SLEY_ETIMEDOUT at `deadline` only. */
static int wait_shielded(struct sley_process *process, int64_t deadline,
                         struct sley_process_status *status)
{
    struct sley_scope_options options = {.shield = true, .deadline = deadline};
    struct sley_scope scope;
    int error = sley_scope_open(&scope, &options);

    if (error)
        return error;
    error = sley_process_wait(process, status);
    sley_scope_close(&scope);
    return error;
}

int sley_process_stop(struct sley_process *process, int64_t grace,
                      struct sley_process_status *status)
{
    int error = SLEY_ETIMEDOUT;

    doom(process);
    if (grace > 0 && sley_process_kill(process, SIGTERM) == 0)
        error = wait_shielded(process, sley_after(grace), status);
    if (error != SLEY_ETIMEDOUT)
        return error;
    sley_process_kill(process, SIGKILL);
    return wait_shielded(process, SLEY_FOREVER, status);
}
