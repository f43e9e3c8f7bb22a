/*
 * savefile.h: writing a file so that its name never stands for half of it.
 *
 * At every instant, a kill -9 included, the name is absent, or the old file, or the complete new
 * one. These functions block: from a task call them through sley_to_thread().
 */
#ifndef SLEY_APPS_SAVEFILE_H
#define SLEY_APPS_SAVEFILE_H

#include <stddef.h>

/* Makes the directory `path`, with its parents, if it is not there, and opens it. Returns a
 * descriptor to be closed, or -errno: also -EACCES or -EROFS when no file could be made in it. */
int savefile_directory(const char *path);

/* Saves `size` bytes as `name` in the open directory, replacing a file of that name. 0 or -errno;
 * on failure nothing has changed and nothing is left behind. */
int savefile_write(int directory, const char *name, const void *data, size_t size);

/* The same by the second way, for file systems that have no O_TMPFILE (savefile.c tells). */
int savefile_write_named(int directory, const char *name, const void *data, size_t size);

/* Turns text into a file name: blanks become '_', and so does what a file name must not or should
 * not have: '/', control characters (C0, DEL, C1), a '.' or '-' at its beginning. UTF-8 is kept; a
 * name that is too long is cut between two characters, so that name and `suffix` together fit
 * into `size` bytes with the NUL (at least 16) and into the 255 that file systems take. Returns 0,
 * or -EINVAL when `text` is empty or all blank. */
int savefile_name(const char *text, const char *suffix, char *name, size_t size);

#endif
