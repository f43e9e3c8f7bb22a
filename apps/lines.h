/*
 * lines.h: files with a thing per line: blanks around it, remarks that begin with '#', and empty
 * lines say nothing.
 */
#ifndef SLEY_APPS_LINES_H
#define SLEY_APPS_LINES_H

#include <stdbool.h>
#include <stddef.h>

bool lines_blank(char c);

/* Whether the line has a thing. */
bool lines_say(const char *line, size_t size);

/* How many lines have one, from where the descriptor stands; it is left there. -1: not known, for
 * it is not a regular file or cannot be read. Blocks: any thread. */
long lines_count(int fd);

#endif
