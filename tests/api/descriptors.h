/*
 * descriptors.h: what a server does when its process has no descriptor left.
 *
 * A full table does not stay full. accept() takes a descriptor before it looks for a connection
 * and gives it back when there is none, and a server that hangs up for want of descriptors lets one
 * go and takes it again: whoever asks for one meanwhile gets it, such as a thread that is started
 * then (its name is set through a file). So the callers' sockets are made before the table is
 * filled, none is closed until the end, no worker is to be relieved (.stall_threshold = -1), and
 * one caller may be served for whom there was no descriptor, by an accept() that was under way.
 */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sley/time.h>

enum { DESCRIPTORS = 512, CALLERS = 5 };

struct shortage {
    int callers[CALLERS], next;
    int fillers[DESCRIPTORS], count;
};

/* From here on there is no descriptor. */
static inline void begin_shortage(struct shortage *shortage)
{
    struct rlimit few;

    shortage->next = shortage->count = 0;
    for (int i = 0; i < CALLERS; i++)
        cr_assert((shortage->callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = DESCRIPTORS;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;)
        shortage->fillers[shortage->count++] = fd;
    cr_assert_eq(errno, EMFILE);
}

/* The next caller connects and says text: is there an answer, or is he hung up on? */
static inline bool is_served(struct shortage *shortage, int port, const char *text)
{
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ssize_t got = -1;
    char byte;
    int fd;

    cr_assert_lt(shortage->next, CALLERS);
    fd = shortage->callers[shortage->next++];
    cr_assert_eq(connect(fd, (struct sockaddr *)&server, sizeof(server)), 0);
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0)
        while ((got = recv(fd, &byte, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
            cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(1)), 0);
    cr_assert(got >= 0 || errno == ECONNRESET || errno == EPIPE, "%s", strerror(errno));
    return got > 0;
}

static inline void end_shortage(struct shortage *shortage)
{
    while (shortage->count > 0)
        close(shortage->fillers[--shortage->count]);
    for (int i = 0; i < CALLERS; i++)
        close(shortage->callers[i]);
}

#endif
