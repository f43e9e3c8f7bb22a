/*
 * fetch_retry.h: what is tried again, and when. Any thread; none of these parks.
 */
#ifndef SLEY_APPS_FETCH_RETRY_H
#define SLEY_APPS_FETCH_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* What is to be done about an answer or an error. */
enum fetch_fate {
    FETCH_IS_GOOD,
    FETCH_TRY_AGAIN,
    FETCH_SLOW_DOWN, /* try again, and ask less of this host at once */
    FETCH_GIVE_UP,
};

/* By the status of an answer (100 .. 999) / by the error (negative) of a transfer. */
enum fetch_fate fetch_fate_of_status(int status);
enum fetch_fate fetch_fate_of_error(int error);

/* How long to wait before attempt number `attempt` (from 1: after the first failure), ns: half of
 * base * 2^(attempt-1), at most `most`, and a random part of the other half. */
int64_t fetch_backoff(unsigned attempt, int64_t base, int64_t most, uint64_t random);

/* A time of HTTP, in each of its three forms, in seconds since 1970; -1: it is none. */
int64_t fetch_http_date(const char *text);

/* What "Retry-After: text" asks for, ns from now: seconds, or a date compared with `now` (seconds
 * since 1970). At most a year; -1: there is none (NULL) or it cannot be read. */
int64_t fetch_retry_after(const char *text, int64_t now);

#endif
