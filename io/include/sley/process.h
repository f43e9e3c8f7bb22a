/*
 * sley/process.h: other programs.
 *
 *     static const char *const argv[] = {"sort", "-u", NULL};
 *     struct sley_process_result result;
 *
 *     if (sley_process_run(argv, NULL, text, size, 1 << 20, &result) == 0) {
 *         if (result.status.code == 0)
 *             use(result.output, result.output_size);
 *         sley_process_result_free(&result);
 *     }
 *
 * A process that was spawned is reaped as soon as it ends, whether somebody waits for it or not, so
 * there is never a zombie; and it does not outlive its handle, unless it leaves on its own: freeing
 * the handle, and the end of the runtime, kill it. The caller's deadline and cancellation end every
 * call that waits, and leave the process alone, except where a call says otherwise.
 *
 * A process gets the three standard descriptors and no others, an empty signal mask, and the
 * default action for SIGPIPE. What a program waits for with waitpid(-1), or a SIGCHLD that it
 * ignores, takes the status of our processes away (SLEY_ECHILD); sley itself waits for its own ones
 * only.
 */
#ifndef SLEY_PROCESS_H
#define SLEY_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/error.h>
#include <sley/export.h>
#include <sley/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A process. Owned by whoever spawned it, until sley_process_free(). */
struct sley_process;

enum sley_process_io_kind {
    SLEY_PROCESS_DEFAULT,    /* spawn: as INHERIT; run: as PIPE */
    SLEY_PROCESS_INHERIT,    /* the caller's own */
    SLEY_PROCESS_PIPE,       /* a stream of the handle: sley_process_input() and so on */
    SLEY_PROCESS_NULL,       /* /dev/null */
    SLEY_PROCESS_DESCRIPTOR, /* `descriptor`, which stays the caller's */
    SLEY_PROCESS_OUTPUT      /* of `error` only: the same as `output` */
};

struct sley_process_io {
    enum sley_process_io_kind kind;
    int descriptor;
};

/* Zero in a field means its default. Read during the call only. */
struct sley_process_options {
    struct sley_process_io input, output, error;
    const char *const *environment; /* "NAME=value", ..., NULL. Default: the caller's */
    const char *directory; /* where it starts; a program without its path is then looked for
                              from there. Default: the caller's */
    bool group;            /* a process group of its own: what is sent to the process goes to
                              all of the group, and when it is killed or stopped, what it
                              has left of its group is killed as well */
    bool session;          /* a session of its own, without a terminal; and so a group */
    bool keep_open;        /* it gets descriptors that are not marked close-on-exec, too */
    int64_t grace;         /* sley_process_run() only, when it has to end the process: ns
                              from SIGTERM to SIGKILL. Default: SIGKILL at once */
};

/* Starts a program.
 *   argv     its name and arguments, NULL at the end. A name without a '/' is looked for in PATH
 *   options  NULL for all defaults
 *   out      receives the handle; untouched on failure
 * Returns 0 when the program runs, or
 *   SLEY_ENOENT    there is no such program, or its interpreter is missing
 *   SLEY_EACCES    it may not be executed
 *   SLEY_ENOEXEC   it is no program
 *   SLEY_ENOTDIR   options->directory is not there, is no directory, or may not be entered
 *   SLEY_E2BIG     arguments and environment are too large
 *   SLEY_EINVAL    argv is empty; an option that makes no sense
 *   -EBADF         a descriptor that is none
 *   SLEY_EAGAIN    a limit on processes, or no thread could be started
 *   SLEY_ENOMEM, SLEY_EMFILE, SLEY_ENFILE, SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK
 * and what else the system says of an exec. After an error no process is there. From a task.
 * Parks. Since 0.1. */
SLEY_EXPORT int sley_process_spawn(const char *const *argv,
                                   const struct sley_process_options *options,
                                   struct sley_process **out);

/* Closes its streams, kills it if it still runs (its group, if it has one), and frees the handle;
 * it is reaped later. No other task may be in a call on it or on its streams. NULL is fine. Any
 * thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_process_free(struct sley_process *process);

/* Its number. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT int sley_process_id(const struct sley_process *process);

/* Our ends of its pipes, to be written to, and read from; NULL: it has none. They are the handle's.
 * Any thread. Never park. Since 0.1. */
SLEY_EXPORT struct sley_stream *sley_process_input(const struct sley_process *process);
SLEY_EXPORT struct sley_stream *sley_process_output(const struct sley_process *process);
SLEY_EXPORT struct sley_stream *sley_process_error(const struct sley_process *process);

/* Closes our end of its input, so that it reads the end of it; sley_process_input() is NULL from
 * then on. No other task may be in a call on that stream. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_process_close_input(struct sley_process *process);

/* How a process has ended, and what it took. */
struct sley_process_status {
    int code;             /* what it returned, 0 to 255; -1: a signal has ended it */
    int signal;           /* that has ended it; 0: none */
    bool dumped;          /* it left a core file */
    int64_t user, system; /* ns of CPU time, with those of its children that it waited for */
    int64_t memory_peak;  /* bytes */
};

/* Waits until it has ended; any number of tasks, any number of times.
 *   status  receives how; may be NULL
 * Returns 0, SLEY_ECANCELED, SLEY_ETIMEDOUT, or SLEY_ECHILD: it has ended, and somebody else has
 * taken the status. From a task. May park. Since 0.1. */
SLEY_EXPORT int sley_process_wait(struct sley_process *process, struct sley_process_status *status);

/* Sends it a signal (with `group`: to all of its group). 0; SLEY_ESRCH: it has ended; SLEY_EINVAL:
 * no such signal; SLEY_EPERM: it has become somebody else's. Never hits a process that has got the
 * number since, as long as nobody else takes the status of our processes. Any thread. Never parks.
 * Since 0.1. */
SLEY_EXPORT int sley_process_kill(struct sley_process *process, int number);

/* Ends it: SIGTERM, and SIGKILL if it has not ended `grace` ns later (0: SIGKILL at once), and
 * waits for the end, whatever happens to the caller meanwhile. 0 or SLEY_ECHILD. From a task. May
 * park. Since 0.1. */
SLEY_EXPORT int sley_process_stop(struct sley_process *process, int64_t grace,
                                  struct sley_process_status *status);

/* --- conversations ---------------------------------------------------------------------------- */

/* What a process has said. */
struct sley_process_result {
    struct sley_process_status status;
    char *output, *error; /* with a NUL behind; NULL where there was no pipe. From malloc() */
    size_t output_size, error_size; /* bytes, without that NUL */
};

/* Frees what is in it, not the struct. Any thread. Never parks. Since 0.1. */
SLEY_EXPORT void sley_process_result_free(struct sley_process_result *result);

/* Feeds its input, closes it, collects output and error to their ends, and waits for the end of the
 * process: all at once, so that none of it can block the other. That the process does not read its
 * input is no error.
 *   input, size  what it is to read; NULL and 0 for nothing
 *   limit        bytes, of each of output and error
 *   result       filled in; untouched on failure
 * Returns 0, or
 *   SLEY_EMSGSIZE  it has said more than `limit`
 *   SLEY_EINVAL    there is input, and no pipe for it
 *   SLEY_ESHUTDOWN the runtime ends: it takes no new tasks, of which this needs some
 *   SLEY_ENOMEM, SLEY_ECHILD, SLEY_ECANCELED, SLEY_ETIMEDOUT, SLEY_ENOTASK, or what a stream
 *                  reports. The process is left as it is, and what it has said is lost
 * From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_process_communicate(struct sley_process *process, const void *input,
                                         size_t size, size_t limit,
                                         struct sley_process_result *result);

/* Spawns, communicates, and frees. If the conversation fails (the caller is cancelled or late, the
 * output is larger than the limit), the process is ended as by sley_process_stop() with
 * options->grace, before the call returns. Errors of both calls. From a task. Parks. Since 0.1. */
SLEY_EXPORT int sley_process_run(const char *const *argv,
                                 const struct sley_process_options *options, const void *input,
                                 size_t size, size_t limit, struct sley_process_result *result);

#ifdef __cplusplus
}
#endif
#endif
