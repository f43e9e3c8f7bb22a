/*
 * process_spawn.c: starting a program.
 *
 * posix_spawn() does what has to be done between a fork and an exec, in a child that borrows our
 * memory, so it costs the same for a large program as for a small one, and an exec that fails is
 * told by its return value. It stands still until the program has been found and loaded, perhaps
 * from a disk, so it runs on a thread of a class of its own: a hundred slow starts do not keep a
 * file from being read. Rejected: our own clone() with the steps of a child in C: a child in the
 * parent's memory may not touch a lock, run a handler or return from a frame, and sanitizers know
 * nothing of it. It would give resource limits that hold from the first instruction; prlimit(1)
 * before the program does the same. A fork server (the pool of processes has one): it cannot pass
 * on what the program has opened since.
 *
 * Errors are told apart by who causes them. That the directory cannot be entered is found out
 * before, because the answer of posix_spawn() says only that something is missing.
 *
 * Each end of a pipe and each descriptor that is handed on is first moved above 2, so that setting
 * up one of the three standard descriptors never overwrites what another one is made of. All are
 * close-on-exec; besides, the child closes everything above 2 unless it is asked not to.
 */
#define _GNU_SOURCE
#include "process_impl.h"
#include "stream_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sley/blocking.h>

static const struct sley_blocking_class spawning = {.name = "spawn", .threads_max = 8};

int sley__pidfd_open(int pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);

    return fd < 0 ? -errno : (int)fd;
}

/* --- in the child's place; on a thread that may block ----------------------------------------- */

/* The directory that it is to start in, open; -1: none is asked for. SLEY_ENOTDIR if it cannot be
 * entered. */
static int open_directory(const char *path, int *fd)
{
    int directory;

    *fd = -1;
    if (!path)
        return 0;
    directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : SLEY_ENOTDIR;
    if (faccessat(directory, ".", X_OK, AT_EACCESS) < 0) {
        close(directory);
        return SLEY_ENOTDIR;
    }
    *fd = directory;
    return 0;
}

/* 0 or a positive errno, as the functions that it calls. */
static int add_actions(posix_spawn_file_actions_t *actions, const struct sley__process_start *start,
                       int directory)
{
    const struct sley_process_options *options = start->options;
    int error = 0;

    for (int i = 0; i < 3 && !error; i++)
        if (start->ends[i] >= 0)
            error = posix_spawn_file_actions_adddup2(actions, start->ends[i], i);
    if (!error && options->error.kind == SLEY_PROCESS_OUTPUT)
        error = posix_spawn_file_actions_adddup2(actions, 1, 2);
    if (!error && directory >= 0)
        error = posix_spawn_file_actions_addfchdir_np(actions, directory);
    if (!error && !options->keep_open)
        error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    return error;
}

/* Our threads have all signals blocked, and programs like ours ignore SIGPIPE: neither is for
 * others. */
static int set_attributes(posix_spawnattr_t *attributes, const struct sley_process_options *options)
{
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t mask, defaults;

    sigemptyset(&mask);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    if (options->session)
        flags |= POSIX_SPAWN_SETSID;
    else if (options->group)
        flags |= POSIX_SPAWN_SETPGROUP; /* to 0: its own number */
    posix_spawnattr_setsigmask(attributes, &mask);
    posix_spawnattr_setsigdefault(attributes, &defaults);
    return posix_spawnattr_setflags(attributes, flags);
}

/* 0 and the pid, or a negative error. */
static int spawn_in(struct sley__process_start *start, int directory)
{
    const char *const *environment = start->options->environment;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return SLEY_ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return SLEY_ENOMEM;
    }
    if (!(error = add_actions(&actions, start, directory)) &&
        !(error = set_attributes(&attributes, start->options)))
        error = posix_spawnp(&start->pid, start->argv[0], &actions, &attributes,
                             (char *const *)(uintptr_t)start->argv,
                             environment ? (char *const *)(uintptr_t)environment : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error == ENOTDIR ? SLEY_ENOENT : -error; /* of the program's path */
}

int sley__process_start(struct sley__process_start *start)
{
    int directory, error = open_directory(start->options->directory, &directory);

    if (error)
        return error;
    if (!(error = spawn_in(start, directory)))
        start->pidfd = sley__pidfd_open(start->pid); /* negative: SIGCHLD will do */
    if (directory >= 0)
        close(directory);
    return error;
}

static int run_start(void *arg)
{
    return sley__process_start(arg);
}

/* --- descriptors; on the calling task --------------------------------------------------------- */

/* Moves a descriptor of ours above 2; -errno, and then it is closed. */
static int lift(int fd)
{
    int lifted;

    if (fd > 2)
        return fd;
    lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (lifted < 0)
        lifted = -errno;
    close(fd);
    return lifted;
}

/* A pipe: the child's end, and ours, which is non-blocking. 0 or -errno. */
static NOINLINE int make_pipe(bool child_reads, int *child, int *ours)
{
    int ends[2], flags;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *child = lift(ends[child_reads ? 0 : 1]);
    *ours = ends[child_reads ? 1 : 0];
    flags = fcntl(*ours, F_GETFL);
    if (*child >= 0 && fcntl(*ours, F_SETFL, flags | O_NONBLOCK) == 0)
        return 0;
    flags = *child < 0 ? *child : -errno;
    close(*ours);
    if (*child >= 0)
        close(*child);
    *child = -1;
    return flags;
}

static NOINLINE int open_null(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : lift(fd);
}

static NOINLINE int duplicate(int descriptor)
{
    int fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);

    return fd < 0 ? -errno : fd;
}

static NOINLINE void close_ends(const int ends[3])
{
    for (int i = 0; i < 3; i++)
        if (ends[i] >= 0)
            close(ends[i]);
}

static int open_pipe(bool child_reads, int *child, struct sley_stream **stream)
{
    int ours, error = make_pipe(child_reads, child, &ours);

    return error ? error : sley__stream_open(ours, SLEY_STREAM_PIPE, stream);
}

/* Makes what one of the standard descriptors is to be: *end, and *stream if it is a pipe. */
static int open_end(const struct sley_process_io *io, int which, int *end,
                    struct sley_stream **stream)
{
    switch (io->kind) {
    case SLEY_PROCESS_DEFAULT:
    case SLEY_PROCESS_INHERIT:
        return 0;
    case SLEY_PROCESS_PIPE:
        return open_pipe(which == 0, end, stream);
    case SLEY_PROCESS_NULL:
        *end = open_null();
        break;
    case SLEY_PROCESS_DESCRIPTOR:
        *end = duplicate(io->descriptor);
        break;
    case SLEY_PROCESS_OUTPUT:
        return which == 2 ? 0 : SLEY_EINVAL;
    default:
        return SLEY_EINVAL;
    }
    return *end < 0 ? *end : 0;
}

static int open_ends(struct sley_process *process, struct sley__process_start *start)
{
    const struct sley_process_options *options = start->options;
    int error = open_end(&options->input, 0, &start->ends[0], &process->input);

    if (!error)
        error = open_end(&options->output, 1, &start->ends[1], &process->output);
    if (!error)
        error = open_end(&options->error, 2, &start->ends[2], &process->error);
    return error;
}

static int start_process(struct sley_process *process, struct sley__process_start *start)
{
    static const struct sley_blocking_options on_thread = {.blocking_class = &spawning};
    int result = 0, error = open_ends(process, start);

    if (!error)
        error = sley_to_thread_with(run_start, start, &on_thread, &result);
    close_ends(start->ends);
    return error ? error : result;
}

static void free_unborn(struct sley_process *process)
{
    sley_stream_free(process->input);
    sley_stream_free(process->output);
    sley_stream_free(process->error);
    free(process);
}

int sley_process_spawn(const char *const *argv, const struct sley_process_options *options,
                       struct sley_process **out)
{
    static const struct sley_process_options defaults;
    struct sley__process_start start = {argv, options ? options : &defaults, {-1, -1, -1}, 0, -1};
    struct sley_process *process;
    struct sley__io *io;
    int error = sley__wait_check();

    if (!error && (!argv || !argv[0]))
        error = SLEY_EINVAL;
    if (!error)
        error = sley__io_get(&io);
    if (error)
        return error;
    if (!(process = calloc(1, sizeof *process)))
        return SLEY_ENOMEM;
    if ((error = start_process(process, &start))) {
        free_unborn(process);
        return error;
    }
    store_relaxed(&process->references, 2);
    process->loop = &io->loop;
    process->pid = start.pid;
    process->pidfd = start.pidfd;
    process->group = start.options->group || start.options->session;
    sley__process_watch(process);
    *out = process;
    return 0;
}
