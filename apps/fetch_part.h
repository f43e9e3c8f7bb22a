/*
 * fetch_part.h: a file that is not complete yet, and what is known of it, beside its name.
 *
 * All calls: from a task; they park, and return 0 or a negative SLEY_E* of <sley/file.h>;
 * SLEY_EBUSY: another process is fetching it.
 */
#ifndef SLEY_APPS_FETCH_PART_H
#define SLEY_APPS_FETCH_PART_H

#include <stdbool.h>
#include <stdint.h>

#include <sley/file.h>

#include "fetch_digest.h"
#include "fetch_name.h"

#define FETCH_UNKNOWN UINT64_MAX

enum { FETCH_VALIDATOR_SIZE = 256, FETCH_SEGMENTS_MAX = 16 };

/* A piece of a file that is fetched by itself: the bytes from `first` up to, without it, `end`. */
struct fetch_segment {
    uint64_t first, end;
    uint64_t have; /* from `first` on; its own task's while it is fetched */
};

/* Owned by the transfer that made it, until fetch_part_close(). */
struct fetch_part {
    const struct sley_file *directory;
    const char *url, *name; /* the item's; the URL as it may be shown */
    struct sley_file *file; /* open, or NULL */
    uint64_t have;          /* bytes from the beginning on that are there */
    uint64_t total;         /* of the complete file, or FETCH_UNKNOWN */
    unsigned segment_count; /* 0: it is written from the beginning to the end */
    struct fetch_segment segments[FETCH_SEGMENTS_MAX];
    bool has_info;                        /* on the disk */
    struct sley_file *info_file;          /* open if there are segments */
    size_t progress[FETCH_SEGMENTS_MAX];  /* where in it stands how much they have */
    char validator[FETCH_VALIDATOR_SIZE]; /* for If-Range; "": it cannot be resumed */
    char *path;                           /* of the bytes */
    char *info;                           /* of what is known of them */
};

/* What an earlier run has left of that URL under that name, ready to go on with: *out is NULL if it
 * has left nothing that is of use; then it is removed. */
int fetch_part_load(const struct sley_file *directory, const char *url, const char *name,
                    struct fetch_part **out);

/* A new, empty one. With a validator, what is known is saved as soon as there is enough to go on
 * with. With `segments` above 1, a validator and a total, it is cut into so many pieces of about
 * the same size. */
int fetch_part_new(const struct sley_file *directory, const char *url, const char *name,
                   const char *validator, uint64_t total, unsigned segments,
                   struct fetch_part **out);

/* Adds bytes at the end of what is there. */
int fetch_part_add(struct fetch_part *part, const void *data, size_t size);

/* Adds bytes at the end of what is there of a segment; not more than it still lacks. Several tasks
 * may do so, each with a segment of its own. */
int fetch_part_add_to(struct fetch_part *part, unsigned segment, const void *data, size_t size);

/* Whether all of it has that checksum: 1 or 0; reads it from the beginning. */
int fetch_part_verify(struct fetch_part *part, const struct fetch_digest *digest);

/* Gives the complete file its name, at one instant. `sync`: it is on the disk before. */
int fetch_part_finish(struct fetch_part *part, bool sync);

/* Sees to it that a transfer that is given up can be gone on with; false: it cannot, for there is
 * nothing of it, no validator, or no room for what is known. Also in a task that was cancelled. */
bool fetch_part_keep(struct fetch_part *part);

/* Removes it from the disk, also in a task that was cancelled. */
void fetch_part_discard(struct fetch_part *part);

/* Closes and frees it; what is on the disk stays. NULL is fine. */
void fetch_part_close(struct fetch_part *part);

#endif
