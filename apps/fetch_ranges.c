/*
 * fetch_ranges.c: a large file in several pieces at the same time.
 *
 * One connection over a long way is as fast as its window allows, and some servers give each
 * connection its share; several are faster. The file is cut into segments, one task each, in a
 * scope: the first that fails cancels the others, what they have is kept, and the next attempt goes
 * on with each where it is.
 *
 * The answer that told how long the file is serves for the first segment and is broken off at its
 * end: to ask once more for the beginning would cost a round trip, and a HEAD before would cost one
 * for every file. Only a file with a strong ETag is cut, from a server that says that it has
 * ranges. Each answer must be 206 and of that ETag; if one is not, the file has changed in between,
 * and everything begins anew.
 *
 * For the limits (-j, per host) a file is one transfer, however many segments it has.
 */
#include "fetch_attempt.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sley/sley.h>

/* A segment while it is fetched; its task's until the scope is closed. */
struct segment {
    struct fetch_attempt attempt;
    struct fetch_outcome outcome;
    unsigned index;
    int error; /* 0, FETCH_STALE or negative */
};

unsigned fetch_segments(const struct fetch_attempt *t)
{
    const char *accepts = sley_http_response_header(t->response, "Accept-Ranges");
    uint64_t count = t->length / t->setup->range_min;

    if (t->length == FETCH_UNKNOWN || !accepts || strcasecmp(accepts, "bytes") != 0 || count < 2 ||
        fetch_validator(t->response)[0] != '"')
        return 1;
    return count < t->setup->ranges ? (unsigned)count : t->setup->ranges;
}

/* Asks for what the segment lacks. */
static int ask(struct segment *s, const struct fetch_segment *range)
{
    struct fetch_attempt *t = &s->attempt;
    uint64_t first = range->first + range->have, last = range->end - 1;
    int error = fetch_request_range(t, first, last);

    if (error)
        return error;
    if (t->out->status == 206)
        return fetch_range_fits(t, first, last) ? 0 : FETCH_STALE;
    if (t->out->status == 416 || fetch_fate_of_status(t->out->status) == FETCH_IS_GOOD)
        return FETCH_STALE;
    return fetch_fail_status(t);
}

static int receive(struct segment *s, const struct fetch_segment *range)
{
    struct fetch_attempt *t = &s->attempt;
    uint64_t size = range->end - range->first;
    struct sley_http_piece piece;
    int more = 1, error;

    fetch_came(t, range->have); /* of an earlier attempt */
    while (range->have < size && (more = sley_http_next(t->response, &piece)) == 1) {
        uint64_t left = size - range->have;
        size_t used = piece.size < left ? piece.size : (size_t)left;
        if ((error = fetch_part_add_to(t->part, s->index, piece.data, used)) != 0)
            return fetch_fail_disk(t, error);
        fetch_came(t, used);
        if ((error = fetch_rate_wait(t->setup->rate, used)) != 0)
            return fetch_fail_network(t, error, NULL);
    }
    if (more < 0)
        return fetch_fail_body(t, more);
    return range->have == size ? 0 : fetch_fail(t, FETCH_TRY_AGAIN, 0, "the range ended too early");
}

/* The task of a segment. */
static int fetch_segment(void *arg)
{
    struct segment *s = arg;
    const struct fetch_segment *range = &s->attempt.part->segments[s->index];

    if (range->have < range->end - range->first) {
        s->error = s->attempt.response ? 0 : ask(s, range);
        if (!s->error)
            s->error = receive(s, range);
    }
    fetch_end_response(&s->attempt);
    return s->error == FETCH_STALE ? SLEY_EPROTO : s->error;
}

static void set_up(struct segment *s, struct fetch_attempt *t, unsigned index)
{
    s->index = index;
    s->outcome = (struct fetch_outcome){.state = FETCH_DONE, .retry_after = -1};
    s->attempt = (struct fetch_attempt){
        .setup = t->setup, .item = t->item, .out = &s->outcome, .whole = t->whole, .part = t->part};
    if (index == 0) {
        s->attempt.response = t->response;
        t->response = NULL;
    }
}

/* What the whole comes to: a version that is no more counts before everything else, then what has
 * failed by itself, then what was cancelled. */
static int judge(struct fetch_attempt *t, struct segment *segments, unsigned count)
{
    struct segment *first = NULL;

    for (unsigned i = 0; i < count; i++) {
        struct segment *s = &segments[i];
        if (s->error == FETCH_STALE)
            return FETCH_STALE;
        if (s->error && (!first || first->outcome.error == SLEY_ECANCELED))
            first = s;
    }
    if (!first)
        return 0;
    *t->out = (struct fetch_outcome){
        .state = FETCH_FAILED,
        .fate = first->outcome.fate,
        .error = first->outcome.error,
        .status = first->outcome.status,
        .retry_after = first->outcome.retry_after,
        .resumed = t->out->resumed,
        .reason = first->outcome.reason,
    };
    first->outcome.reason = NULL;
    return first->error;
}

int fetch_ranges(struct fetch_attempt *t)
{
    unsigned count = t->part->segment_count;
    struct segment *segments = calloc(count, sizeof *segments);
    struct sley_scope scope;
    int error = 0, result;

    if (!segments)
        return fetch_fail(t, FETCH_GIVE_UP, SLEY_ENOMEM, "%s", sley_strerror(SLEY_ENOMEM));
    SLEY_SCOPE(&scope, .policy = SLEY_SCOPE_FIRST_ERROR, .discard = true)
    {
        for (unsigned i = 0; i < count && !error; i++) {
            set_up(&segments[i], t, i);
            error = sley_scope_spawn(&scope, fetch_segment, &segments[i], NULL, NULL);
            if (error) {
                fetch_end_response(&segments[i].attempt);
                sley_scope_fail(&scope, error);
            }
        }
    }
    result = error ? fetch_fail_network(t, error, NULL) : judge(t, segments, count);
    for (unsigned i = 0; i < count; i++)
        free(segments[i].outcome.reason);
    free(segments);
    if (!result) {
        t->part->have = t->part->total;
        t->out->status = 206;
    }
    return result;
}
