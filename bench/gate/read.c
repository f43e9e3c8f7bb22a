/*
 * read.c: a read that finds its bytes at the first try, the common case of a busy connection: no
 * park, no epoll. One end of a socket pair is written by a bare system call, the other is a
 * connection of ours; a pair and not TCP, because there the bytes are there when write() returns.
 *
 * Each read asks for no more than there is: a shorter one would say that the next must wait. The
 * yield that the budget of operations makes now and then is part of the cost. The writes are few
 * and large, since each is an event that the I/O thread may or may not come to see.
 */
#include "gate.h"

#include <sys/socket.h>
#include <unistd.h>

#include "io.h"
#include "stream_impl.h"

const char gate_operation[] = "a sley_stream_read() that finds what it asks for";

enum { SIZE = 64, READS = 1000 }; /* per write */

static int pass(struct sley_stream *tcp, int other)
{
    static char bytes[READS * SIZE];
    int i;

    if (write(other, bytes, sizeof(bytes)) != sizeof(bytes))
        return 1;
    for (i = 0; i < READS; i++)
        if (sley_stream_read(tcp, bytes, SIZE) != SIZE)
            return 1;
    return 0;
}

int gate_work(size_t count)
{
    struct sley__io *io;
    struct sley_stream *tcp;
    int ends[2], status = 0;

    if (sley__io_get(&io) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return 1;
    if (sley__stream_adopt(&io->reactor, ends[0], SLEY_STREAM_UNIX, &tcp) != 0)
        return 1;
    for (; count >= READS && status == 0; count -= READS)
        status = pass(tcp, ends[1]);
    sley_stream_free(tcp);
    close(ends[1]);
    return status;
}
