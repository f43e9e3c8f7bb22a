/*
 * procpool_wire.c: sockets, files in memory and futexes between the processes of a pool.
 *
 * Control goes over sockets: rare, small, and with the two things that shared memory cannot do,
 * passing descriptors and telling that the other side is gone. SOCK_SEQPACKET keeps the messages
 * apart and tells the end of the other side by an empty read, whichever way it has ended: that is
 * how a pool notices a kill -9 of the program. PR_SET_PDEATHSIG alone would not do, because it is
 * about the *thread* that forked. Jobs and results go through shared memory (procpool_ring.c).
 *
 * What is too large for a slot goes through sparse files in memory (memfd_create): pwrite() on the
 * one side, a mapping on the other. Each lot of bytes gets a place of its own in a file of an
 * exabyte, behind all earlier ones, and the pages are given back by a hole when they have been
 * read; so there is no arena to divide, to fill up, or to fragment, and what is large costs what
 * copying it costs. Rejected: a memfd for each job, which would have to be passed to a child that
 * is perhaps not yet chosen; and streaming through the ring, piece by piece, with a hand-over each.
 *
 * The files are sealed: nobody can shorten them, so an access to a mapping of ours never raises
 * SIGBUS whatever a child does.
 */
#define _GNU_SOURCE
#include "procpool_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not the private kind, which would find sleepers of the same process only. */
void sley__shared_wait(atomic(uint32_t) * word, uint32_t expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT, expected, NULL, NULL, 0);
}

void sley__shared_wake(atomic(uint32_t) * word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int sley__file_new(const char *name)
{
    int error, fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)SLEY__FILE_SIZE) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    error = -errno;
    close(fd);
    return error;
}

void *sley__file_map(int fd, uint64_t offset, size_t size, bool writable)
{
    void *address =
        mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, (off_t)offset);

    return address == MAP_FAILED ? NULL : address;
}

/* --- messages ------------------------------------------------------------------------------- */

union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(SLEY__MESSAGE_FDS * sizeof(int))];
};

static void attach(struct msghdr *header, union control *control, const int *fds, size_t count)
{
    struct cmsghdr *part;

    memset(control, 0, sizeof(*control));
    header->msg_control = control;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
    part = CMSG_FIRSTHDR(header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(part), fds, count * sizeof(int));
}

int sley__message_send(int socket, const struct sley__message *message, const int *fds,
                       size_t count, bool wait)
{
    struct iovec data = {(void *)(uintptr_t)message, sizeof(*message)};
    struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
    int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);
    union control control;
    ssize_t sent;

    if (count)
        attach(&header, &control, fds, count);
    do
        sent = sendmsg(socket, &header, flags);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 0;
    return errno == ECONNRESET ? SLEY_EPIPE : -errno;
}

/* The descriptors that came along. There may be more than there is room for, since the kernel fills
 * the control data up to its alignment: those are closed. False: there were. */
static bool detach(struct msghdr *header, int *fds, size_t *count)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(header);
    size_t there;

    *count = 0;
    if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        return true;
    there = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < there; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
        if (i < SLEY__MESSAGE_FDS)
            fds[(*count)++] = fd;
        else
            close(fd);
    }
    return there == *count;
}

int sley__message_receive(int socket, struct sley__message *message, int fds[SLEY__MESSAGE_FDS],
                          size_t *count, bool wait)
{
    struct iovec data = {message, sizeof(*message)};
    union control control;
    struct msghdr header = {.msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    ssize_t size;
    bool fits;

    *count = 0;
    do
        size = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == ECONNRESET ? SLEY_EOF : -errno;
    fits = detach(&header, fds, count) && !(header.msg_flags & MSG_TRUNC);
    if (size == sizeof(*message) && fits)
        return 0;
    while (*count)
        close(fds[--*count]);
    return size == 0 ? SLEY_EOF : SLEY_EPROTO;
}

int sley__message_pair(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
}
