/*
 * probe_names.h: the names that are to be probed, one after the other.
 */
#ifndef SLEY_APPS_PROBE_NAMES_H
#define SLEY_APPS_PROBE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <sley/buffered.h>
#include <sley/stream.h>

/* What the longest name needs, with its NUL: as text of the name system, with something to spare,
 * so that what is too long can be seen to be. */
enum { PROBE_NAME = 1100 };

/* What is said in `error` when something is wrong: one line. */
enum { PROBE_NAMES_ERROR = 200 };

/* Where they come from: the keywords, then the words, then the file. Fill in the first part, zero
 * the rest; close with probe_names_close(). For one task. */
struct probe_names {
    const char *const *keywords; /* up to a NULL; or NULL */
    size_t keyword_max;          /* only those of at most so many letters */
    const char *tld;             /* what is put behind each name, without a dot in front; or NULL */
    char *const *words;          /* names; "-" is the standard input */
    size_t word_count;
    const char *file; /* a name per line; "-" is the standard input; or NULL */
    int fd;           /* of any other file, open for reading; closed by probe_names_close() */

    size_t next_word;
    bool file_done;
    struct sley_stream *stream; /* being read, or NULL */
    struct sley_reader *reader;
    const char *reading; /* its name, for errors */
    char name[PROBE_NAME];
};

/* The next name, in names->name: as it is, whatever it is. 1; 0 at the end; SLEY_E* if it could not
 * be read, and the reason in `error`. Of lines the blanks around and those that begin with # are
 * skipped. From a task. May park: a cancel ends that. */
int probe_names_next(struct probe_names *names, char error[PROBE_NAMES_ERROR]);

/* How many names there are, if that is known: nothing but keywords, words and regular files, not
 * yet begun. Else 0. Blocks, if briefly: any thread. */
size_t probe_names_count(const struct probe_names *names);

/* Closes what is open. From a task or not. */
void probe_names_close(struct probe_names *names);

#endif
