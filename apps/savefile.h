/*
 * savefile.h: where files are saved, and under which names.
 */
#ifndef SLEY_APPS_SAVEFILE_H
#define SLEY_APPS_SAVEFILE_H

#include <stddef.h>

#include <sley/blocking.h>
#include <sley/file.h>

/* Makes the directory `path`, with its parents, if it is not there, and opens it, to be closed by
 * the caller. What a kill has left in it of a file that was being saved is removed, unless somebody
 * else who called this has it open. 0, or the errors of sley_file_open(): also SLEY_EACCES or
 * SLEY_EROFS when no file could be made in it. From a task. Parks. */
int savefile_directory(const char *path, struct sley_file **out);

/* Turns text into a file name: blanks become '_', and so does what a file name must not or should
 * not have: '/', control characters (C0, DEL, C1), a '.' or '-' at its beginning. UTF-8 is kept; a
 * name that is too long is cut between two characters, so that name and `suffix` together fit
 * into `size` bytes with the NUL (at least 16) and into the 255 that file systems take. Returns 0,
 * or -EINVAL when `text` is empty or all blank. */
int savefile_name(const char *text, const char *suffix, char *name, size_t size);

#endif
