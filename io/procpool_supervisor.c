/*
 * procpool_supervisor.c: the process that forks, kills and reaps the children of one pool.
 *
 * Why a process for it, if the zygote could fork and the program kill: whoever forks is the parent,
 * and only the parent learns how a process has ended, and knows that a pid is still the process it
 * meant. So the program says "child 7" and never sees a pid that may be another's by now. And the
 * parent must be a process with one thread, because children ask the kernel to be killed when the
 * *thread* that forked them ends (PR_SET_PDEATHSIG).
 *
 * No child outlives the program:
 *  - the program ends, in whatever way: the socket ends, and the supervisor kills all and goes;
 *  - the supervisor is killed: the kernel kills its children, and the program reads the end of its
 *    socket and fails what was running;
 *  - a child that is forked just then looks once more, after it has asked the kernel, whether its
 *    parent is still there.
 * Each child is the leader of a process group, and it is the group that gets the signal, so what a
 * job has started itself ends with it (unless it has left the group, or the supervisor was the one
 * that was killed).
 */
#define _GNU_SOURCE
#include "procpool_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Twice as many as can be alive, as the program may know of an end before we do. */
enum { CHILDREN = 2 * SLEY_PROCPOOL_MAX };

struct supervisor {
    const struct sley__nest *nest;
    int signals; /* signalfd of SIGCHLD */
    struct {
        pid_t pid; /* 0: free */
        uint32_t id;
    } children[CHILDREN];
};

static void tell(struct supervisor *supervisor, enum sley__message_kind kind, uint32_t id,
                 int value)
{
    struct sley__message message = {.kind = kind, .id = id, .value = value};

    if (sley__message_send(supervisor->nest->socket, &message, NULL, 0, true))
        return; /* the program is gone, as the next receive will say */
}

/* --- in a new child ------------------------------------------------------------------------- */

/* What cannot be limited so, because we are allowed less ourselves, stays as it is. */
static void limit(const struct sley__limits *limits)
{
    struct rlimit space = {limits->address_space, limits->address_space};
    struct rlimit files = {limits->open_files, limits->open_files};

    if (limits->address_space)
        setrlimit(RLIMIT_AS, &space);
    if (limits->open_files)
        setrlimit(RLIMIT_NOFILE, &files);
}

/* When memory runs out a child goes before the program. Everybody may raise this of himself. */
static void volunteer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, "500", 3) < 0) {
        close(fd);
        return;
    }
    close(fd);
}

_Noreturn static void begin_child(struct supervisor *supervisor, int file)
{
    const struct sley__nest *nest = supervisor->nest;

    prctl(PR_SET_NAME, "sley-job");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)nest->parent)
        _exit(1);
    setpgid(0, 0);
    close(nest->socket);
    close(supervisor->signals);
    volunteer();
    limit(&nest->limits);
    sigprocmask(SIG_SETMASK, &nest->mask, NULL);
    sley__child_main(nest, file);
}

/* --- children ------------------------------------------------------------------------------- */

/* The index of a child, or of a free place (id 0); -1. Ids begin with 1. */
static int find(const struct supervisor *supervisor, uint32_t id)
{
    for (int i = 0; i < CHILDREN; i++)
        if (supervisor->children[i].pid ? supervisor->children[i].id == id : id == 0)
            return i;
    return -1;
}

/* The index of a child; -1. */
static int find_pid(const struct supervisor *supervisor, pid_t pid)
{
    for (int i = 0; i < CHILDREN; i++)
        if (supervisor->children[i].pid == pid)
            return i;
    return -1;
}

static void start(struct supervisor *supervisor, uint32_t id, int file)
{
    int place = find(supervisor, 0);
    pid_t pid = -1;

    errno = EAGAIN;
    if (place >= 0)
        pid = fork();
    if (pid == 0)
        begin_child(supervisor, file);
    if (pid < 0) {
        tell(supervisor, SLEY__MESSAGE_FAILED, id, -errno);
        return;
    }
    setpgid(pid, pid); /* the child does it, too: whoever comes first */
    supervisor->children[place].pid = pid;
    supervisor->children[place].id = id;
    tell(supervisor, SLEY__MESSAGE_PID, id, pid);
}

static void send_signal(pid_t pid, int number)
{
    if (kill(-pid, number) < 0)
        kill(pid, number);
}

/* Only a child that has not been reaped is in the table, so its pid is its own. */
static void signal_child(struct supervisor *supervisor, uint32_t id, int number)
{
    int place = id ? find(supervisor, id) : -1;

    if (place < 0)
        return;
    send_signal(supervisor->children[place].pid, number);
    tell(supervisor, SLEY__MESSAGE_KILLED, id, number);
}

/* The group first: until its leader is reaped nobody else can get the pid, nor a group of that
 * number; after that, if nothing is left in the group, the signal would be a stranger's. */
static void note_end(struct supervisor *supervisor, pid_t pid)
{
    int place = find_pid(supervisor, pid), status;

    if (place >= 0)
        kill(-pid, SIGKILL); /* what it has left behind */
    if (waitpid(pid, &status, 0) < 0 || place < 0)
        return;
    supervisor->children[place].pid = 0;
    tell(supervisor, SLEY__MESSAGE_ENDED, supervisor->children[place].id, status);
}

/* One that has ended and is not reaped yet, and is not by this; 0: there is none. */
static pid_t next_ended(void)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? 0 : info.si_pid;
}

static void reap(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    pid_t pid;

    if (read(supervisor->signals, &info, sizeof(info)) < 0 && errno != EAGAIN && errno != EINTR)
        return;
    while ((pid = next_ended()) > 0)
        note_end(supervisor, pid);
}

_Noreturn static void finish(struct supervisor *supervisor)
{
    for (int i = 0; i < CHILDREN; i++)
        if (supervisor->children[i].pid)
            send_signal(supervisor->children[i].pid, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
    _exit(0); /* and now the program reads the end of the socket: all are gone */
}

/* --- the loop ------------------------------------------------------------------------------- */

static void obey(struct supervisor *supervisor)
{
    struct sley__message message;
    int fds[SLEY__MESSAGE_FDS], error;
    size_t count;

    error = sley__message_receive(supervisor->nest->socket, &message, fds, &count, true);
    if (error == SLEY_EOF)
        finish(supervisor);
    if (error)
        return;
    if (message.kind == SLEY__MESSAGE_START && count == 1)
        start(supervisor, message.id, fds[0]);
    else if (message.kind == SLEY__MESSAGE_START)
        tell(supervisor, SLEY__MESSAGE_FAILED, message.id, SLEY_EMFILE);
    else if (message.kind == SLEY__MESSAGE_KILL)
        signal_child(supervisor, message.id, message.value);
    while (count)
        close(fds[--count]);
}

_Noreturn void sley__supervisor_main(const struct sley__nest *given)
{
    static struct supervisor supervisor; /* of this process; a child's copy is of no use to it */
    struct sley__nest nest = *given;
    struct pollfd polled[2];
    sigset_t child;

    prctl(PR_SET_NAME, "sley-pool");
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD); /* blocked, as all are */
    nest.parent = getpid();
    supervisor.nest = &nest;
    supervisor.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor.signals < 0)
        _exit(1);
    polled[0] = (struct pollfd){.fd = nest.socket, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = supervisor.signals, .events = POLLIN};
    for (;;) {
        if (poll(polled, 2, -1) < 0)
            continue;
        if (polled[1].revents)
            reap(&supervisor);
        if (polled[0].revents)
            obey(&supervisor);
    }
}
