/*
 * panic.c: the end of a process whose scheduler found itself broken. Level 0.
 *
 * ensure() stays on in release builds (base.h says why), so this function must work in the worst
 * places: under a scheduler lock, on the last bytes of a 16 KiB stack, in a signal handler, with
 * the heap in ruins. So it takes no lock, allocates nothing, and does not touch stdio: it formats
 * into a small buffer on the stack and gives it to the kernel with one write(2), so that lines of
 * two threads that panic at once do not mix. A message that does not fit is cut, never dropped.
 *
 * Then abort(): a core dump of the moment is worth more than any message. Not exit(): its handlers
 * would run on a broken runtime.
 */
#define _GNU_SOURCE 1

#include "hostile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MESSAGE_MAX = 512 };

/* How many of the `wanted` bytes fit into `space`, of which the last is a NUL. */
static size_t fitted(int wanted, size_t space)
{
    if (wanted < 0)
        return 0;
    return (size_t)wanted < space ? (size_t)wanted : space - 1;
}

/* If nobody listens there is nothing to be done; the core dump is still written. */
static void ignore(UNUSED ssize_t written)
{
}

_Noreturn void sley__panic(const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    size_t length;

    length = fitted(snprintf(message, sizeof message, "sley: %s:%d: ", file, line), sizeof message);
    va_start(args, format);
    length += fitted(vsnprintf(message + length, sizeof message - length, format, args),
                     sizeof message - length);
    va_end(args);
    message[length++] = '\n'; /* over the NUL: there is room for exactly one */
    ignore(write(STDERR_FILENO, message, length));
    sley__hostile_say_seed();
    abort();
}
