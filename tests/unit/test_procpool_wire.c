/* procpool_wire.c: messages of the wrong size, with too many descriptors, and the end. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "procpool_wire.h"

static int pair[2];

static void open_pair(void)
{
    cr_assert_eq(sley__message_pair(pair), 0);
}

TestSuite(procpool_wire, .init = open_pair);

static int lowest_descriptor(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

/* Sends `size` bytes and as many descriptors, without asking what is allowed. */
static void send_raw(size_t size, size_t descriptors)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control = {0};
    static char bytes[200];
    struct iovec data = {bytes, size};
    struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};

    if (descriptors) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(descriptors * sizeof(int));
        for (size_t i = 0; i < descriptors; i++)
            memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &pair[0], sizeof(int));
    }
    cr_assert_eq(sendmsg(pair[0], &header, 0), (ssize_t)size);
}

/* What becomes of it; no descriptor is left over. */
static int receive(size_t expected)
{
    int before = lowest_descriptor(), fds[SLEY__MESSAGE_FDS], error;
    struct sley__message message;
    size_t count;

    error = sley__message_receive(pair[1], &message, fds, &count, false);
    cr_assert_eq(count, expected);
    while (count)
        close(fds[--count]);
    cr_assert_eq(lowest_descriptor(), before);
    return error;
}

Test(procpool_wire, sizes)
{
    size_t right = sizeof(struct sley__message);

    send_raw(right, 0);
    cr_assert_eq(receive(0), 0);
    send_raw(right - 1, 1);
    cr_assert_eq(receive(0), SLEY_EPROTO);
    send_raw(right + 1, 1);
    cr_assert_eq(receive(0), SLEY_EPROTO);
    cr_assert_eq(receive(0), SLEY_EAGAIN);
}

Test(procpool_wire, descriptors)
{
    size_t right = sizeof(struct sley__message);

    send_raw(right, SLEY__MESSAGE_FDS);
    cr_assert_eq(receive(SLEY__MESSAGE_FDS), 0);
    for (size_t i = SLEY__MESSAGE_FDS + 1; i <= 8; i++) {
        send_raw(right, i);
        cr_assert_eq(receive(0), SLEY_EPROTO);
    }
}

Test(procpool_wire, end)
{
    close(pair[0]);
    cr_assert_eq(receive(0), SLEY_EOF);
}
