/*
 * console.h: writing to the standard output and error of a program whose tasks must not block.
 */
#ifndef SLEY_APPS_CONSOLE_H
#define SLEY_APPS_CONSOLE_H

#include <stddef.h>

/* First thing in main(): descriptors 0 to 2 that are closed are taken by something that can be
 * neither read nor written, lest the next thing that is opened becomes the standard output. */
void console_take_places(void);

/* Text that grows. {0} is empty; free with text_free(). Out of memory: what does not fit is lost,
 * nothing else happens; no caller would do better. */
struct text {
    char *bytes;
    size_t length;
    size_t size;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_put(struct text *text, const char *bytes, size_t length);
void text_free(struct text *text);

/* Writes all of it to the descriptor, off the workers, and empties it. 0 or -errno. On a foreign
 * thread it simply writes. Otherwise from a task. Parks. */
int console_write(int fd, struct text *text);

#endif
