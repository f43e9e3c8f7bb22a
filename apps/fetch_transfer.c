/*
 * fetch_transfer.c: one attempt at one file.
 *
 * Small files (64 KiB, less with many at once) are received into memory, checked there, and saved
 * by one call, which is one hand-over to a thread; a file of unknown length is taken for small
 * until it turns out not to be. Larger ones go piece by piece to a partial file (fetch_part.c), so
 * a thousand of them at once need no more memory than a thousand buffers.
 *
 * If there is a partial file of an earlier attempt or run, only the rest is asked for
 * (fetch_request.c); if what comes is not that rest, the part is thrown away and the file is asked
 * for anew, in the same attempt. A file that is large enough is cut into segments, fetched at the
 * same time (fetch_ranges.c); whether the server can do that its first answer tells, which then
 * serves for the first segment.
 *
 * A compressed answer is unpacked on arrival, and a range of it would be one of the packed bytes:
 * with --compressed nothing is resumed.
 */
#define _GNU_SOURCE
#include "fetch_transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

#include "fetch_attempt.h"

enum { FIRST_ROOM = 8 * 1024 };

void fetch_came(const struct fetch_attempt *t, uint64_t bytes)
{
    t->setup->came(t->whole, bytes, t->part ? t->part->total : t->length);
}

void fetch_drop_part(struct fetch_attempt *t)
{
    if (!t->part)
        return;
    fetch_part_discard(t->part);
    fetch_part_close(t->part);
    t->part = NULL;
    t->item->maybe_part = false;
}

/* Asks, once more if what is there of the file is of no use. 0: the body is to be received. */
static int ask(struct fetch_attempt *t)
{
    int error = t->part ? fetch_request_range(t, t->part->have, FETCH_UNKNOWN)
                        : fetch_request(t, t->setup->headers);

    if (error)
        return error;
    if (t->part && ((t->out->status == 206 && !fetch_range_fits(t, t->part->have, FETCH_UNKNOWN)) ||
                    t->out->status == 416)) {
        fetch_end_response(t);
        fetch_drop_part(t);
        if ((error = fetch_request(t, t->setup->headers)) != 0)
            return error;
    }
    if (t->part && fetch_fate_of_status(t->out->status) == FETCH_IS_GOOD && t->out->status != 206)
        fetch_drop_part(t); /* another version, or no ranges: all of it comes */
    if (!t->part && t->out->status == 206)
        return fetch_fail(t, FETCH_GIVE_UP, 0, "the server sends a part that was not asked for");
    return fetch_fate_of_status(t->out->status) == FETCH_IS_GOOD ? 0 : fetch_fail_status(t);
}

/* --- small files ------------------------------------------------------------------------------ */

/* Not inlined: its array would be on the stacks of all transfers, all the time. */
__attribute__((noinline)) static bool make_directories(const struct fetch_attempt *t)
{
    char path[FETCH_PATH_SIZE];
    const char *slash = strrchr(t->item->name, '/');

    if (!slash)
        return false;
    snprintf(path, sizeof path, "%.*s", (int)(slash - t->item->name), t->item->name);
    return sley_path_mkdirs(t->setup->directory, path, 0777) == 0;
}

static int wrong_checksum(struct fetch_attempt *t)
{
    t->out->wrong_checksum = true;
    return fetch_fail(t, FETCH_TRY_AGAIN, 0, "the %s checksum is wrong", t->item->digest->kind);
}

static int no_digest(struct fetch_attempt *t)
{
    return fetch_fail(t, FETCH_GIVE_UP, SLEY_ENOSYS, "no %s on this machine",
                      t->item->digest->kind);
}

static int verify_memory(struct fetch_attempt *t)
{
    struct fetch_digesting *digesting;

    if (!t->item->digest)
        return 0;
    digesting = fetch_digest_begin(t->item->digest);
    if (!digesting)
        return no_digest(t);
    fetch_digest_add(digesting, t->bytes, t->size);
    return fetch_digest_end(digesting, t->item->digest) ? 0 : wrong_checksum(t);
}

static int save_memory(struct fetch_attempt *t)
{
    struct sley_file_save_options options = {.at = t->setup->directory, .sync = t->setup->sync};
    struct sley_http_piece nothing;
    int error = verify_memory(t);

    if (error)
        return error;
    error = sley_file_save(t->item->name, t->bytes, t->size, &options);
    if (error == SLEY_ENOENT && make_directories(t))
        error = sley_file_save(t->item->name, t->bytes, t->size, &options);
    if (error)
        return fetch_fail_disk(t, error);
    t->out->size = t->size;
    if (t->borrowed) /* a response that is not taken to its end costs the connection */
        (void)sley_http_next(t->response, &nothing);
    return 0;
}

static bool append(struct fetch_attempt *t, const struct sley_http_piece *piece)
{
    size_t needed = t->size + piece->size;
    size_t room = t->room                      ? t->room * 2
                  : t->length != FETCH_UNKNOWN ? (size_t)t->length
                                               : FIRST_ROOM;

    if (!t->bytes || needed > t->room) {
        char *bytes = realloc(t->bytes, room > needed ? room : needed);
        if (!bytes)
            return false;
        t->bytes = bytes;
        t->room = room > needed ? room : needed;
    }
    memcpy(t->bytes + t->size, piece->data, piece->size);
    t->size = needed;
    return true;
}

/* It is saved out of the response's buffer, which stays as it is until more is asked for. */
static void borrow(struct fetch_attempt *t, const struct sley_http_piece *piece)
{
    t->bytes = (char *)(uintptr_t)piece->data;
    t->size = piece->size;
    t->borrowed = true;
}

/* Receives what is small, or a piece more. 1: that was all, 0: there is more. */
static int receive_memory(struct fetch_attempt *t)
{
    struct sley_http_piece piece;
    int more, error;

    while (t->size <= t->setup->small) {
        more = sley_http_next(t->response, &piece);
        if (more == 0)
            return 1;
        if (more < 0)
            return fetch_fail_body(t, more);
        if (!t->bytes && piece.size == t->length)
            borrow(t, &piece);
        else if (!append(t, &piece))
            return fetch_fail(t, FETCH_GIVE_UP, SLEY_ENOMEM, "%s", sley_strerror(SLEY_ENOMEM));
        if (!t->borrowed)
            fetch_came(t, piece.size);
        if ((error = fetch_rate_wait(t->setup->rate, piece.size)) != 0)
            return fetch_fail_network(t, error, NULL);
        if (t->borrowed)
            return 1;
    }
    return 0;
}

/* --- large files ------------------------------------------------------------------------------ */

static int start_part(struct fetch_attempt *t)
{
    const char *validator = t->setup->compressed ? "" : fetch_validator(t->response);
    int error = fetch_part_new(t->setup->directory, t->item->shown, t->item->name, validator,
                               t->length, fetch_segments(t), &t->part);

    if (error)
        return fetch_fail_disk(t, error);
    t->item->maybe_part = true;
    if (t->size > 0 && (error = fetch_part_add(t->part, t->bytes, t->size)) != 0)
        return fetch_fail_disk(t, error);
    free(t->bytes);
    t->bytes = NULL;
    t->size = t->room = 0;
    return 0;
}

static int stream(struct fetch_attempt *t)
{
    struct sley_http_piece piece;
    int more, error;

    while ((more = sley_http_next(t->response, &piece)) == 1) {
        error = fetch_part_add(t->part, piece.data, piece.size);
        if (error)
            return fetch_fail_disk(t, error);
        fetch_came(t, piece.size);
        error = fetch_rate_wait(t->setup->rate, piece.size);
        if (error)
            return fetch_fail_network(t, error, NULL);
    }
    if (more < 0)
        return fetch_fail_body(t, more);
    if (t->part->total != FETCH_UNKNOWN && t->part->have != t->part->total)
        return fetch_fail(t, FETCH_TRY_AGAIN, 0, "%" PRIu64 " bytes came instead of %" PRIu64,
                          t->part->have, t->part->total);
    return 0;
}

static int finish_part(struct fetch_attempt *t)
{
    int error, same = t->item->digest ? fetch_part_verify(t->part, t->item->digest) : 1;

    if (same == SLEY_ENOSYS)
        return no_digest(t);
    if (same < 0)
        return fetch_fail_disk(t, same);
    if (same == 0) {
        fetch_drop_part(t); /* whatever it is, going on with it is of no use */
        return wrong_checksum(t);
    }
    t->out->size = t->part->have;
    error = fetch_part_finish(t->part, t->setup->sync);
    if (error)
        return fetch_fail_disk(t, error);
    t->item->maybe_part = false;
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int receive(struct fetch_attempt *t)
{
    uint64_t max = t->setup->max_size;
    int all = 0, error;

    t->length = fetch_length(t);
    uint64_t whole = t->part && t->length != FETCH_UNKNOWN ? t->part->have + t->length : t->length;
    if (max && whole != FETCH_UNKNOWN && whole > max)
        return fetch_fail(t, FETCH_GIVE_UP, SLEY_EMSGSIZE,
                          "the file has %" PRIu64 " bytes, --max-size allows %" PRIu64, whole, max);
    if (!t->part && (t->length == FETCH_UNKNOWN || t->length <= t->setup->small))
        all = receive_memory(t);
    if (all != 0)
        return all < 0 ? all : save_memory(t);
    fetch_came(t, t->part && !t->part->segment_count ? t->part->have : 0);
    if (!t->part && (error = start_part(t)) != 0)
        return error;
    error = t->part->segment_count ? fetch_ranges(t) : stream(t);
    if (error == FETCH_STALE) {
        fetch_drop_part(t);
        return fetch_fail(t, FETCH_TRY_AGAIN, 0, "the file has changed meanwhile");
    }
    return error ? error : finish_part(t);
}

/* The segments that are there of it go on; true: that was all. Else they are of another version,
 * and have been dropped. */
static bool go_on_with_segments(struct fetch_attempt *t, int *error)
{
    t->out->resumed = true;
    *error = fetch_ranges(t);
    if (*error != FETCH_STALE) {
        if (!*error)
            *error = finish_part(t);
        return true;
    }
    t->out->resumed = false;
    fetch_drop_part(t);
    return false;
}

static bool is_there(const struct fetch_attempt *t)
{
    struct sley_file_stat status;

    if (sley_path_stat(t->setup->directory, t->item->name, true, &status) != 0)
        return false;
    t->out->size = status.size;
    return true;
}

static int run(struct fetch_attempt *t)
{
    int error = 0;

    if (t->setup->skip_existing && is_there(t)) {
        t->out->state = FETCH_KEPT;
        return 0;
    }
    if (t->item->maybe_part) {
        error = fetch_part_load(t->setup->directory, t->item->shown, t->item->name, &t->part);
        if (error)
            return fetch_fail_disk(t, error);
        if (t->setup->compressed)
            fetch_drop_part(t);
        if (t->part && t->part->segment_count && go_on_with_segments(t, &error))
            return error;
    }
    error = ask(t);
    t->out->resumed = !error && t->part;
    return error ? error : receive(t);
}

void fetch_transfer(const struct fetch_setup *setup, struct fetch_item *item,
                    struct fetch_outcome *outcome)
{
    struct fetch_attempt t = {.setup = setup, .item = item, .out = outcome, .whole = outcome};

    *outcome = (struct fetch_outcome){.state = FETCH_DONE, .retry_after = -1};
    int error = run(&t);
    fetch_end_response(&t);
    if (error && t.part && !fetch_part_keep(t.part))
        fetch_drop_part(&t);
    fetch_part_close(t.part);
    if (!t.borrowed)
        free(t.bytes);
}
