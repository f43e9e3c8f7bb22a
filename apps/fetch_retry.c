/*
 * fetch_retry.c: what is tried again, and when.
 *
 * Two tables say what is worth a second attempt: what passes by itself (a server that is restarted,
 * a connection that breaks) is, what somebody has to mend (404, a certificate, a full disk) is not.
 * Some of it is a sign that there is too much of us; then the host is asked less at once, too
 * (fetch_hosts.c).
 *
 * The wait doubles from one attempt to the next, and half of it is random: a thousand transfers
 * that broke at the same moment must not come back at the same moment. All of it random ("full
 * jitter") spreads better still, but would now and then come back at once to a server that has just
 * died.
 *
 * Retry-After comes in two forms, seconds and a date (RFC 9110, 10.2.3), the date in three (5.6.7).
 */
#define _GNU_SOURCE
#include "fetch_retry.h"

#include <string.h>
#include <time.h>

#include <sley/error.h>
#include <sley/time.h>

#define LONGEST_SECONDS (366 * 86400)

static const struct {
    int status;
    enum fetch_fate fate;
} statuses[] = {
    {200, FETCH_IS_GOOD},   /* OK */
    {203, FETCH_IS_GOOD},   /* the same, changed by a proxy */
    {206, FETCH_IS_GOOD},   /* a part, as it was asked for */
    {408, FETCH_TRY_AGAIN}, /* Request Timeout: a kept connection was too old */
    {425, FETCH_TRY_AGAIN}, /* Too Early */
    {429, FETCH_SLOW_DOWN}, /* Too Many Requests */
    {500, FETCH_TRY_AGAIN}, /* Internal Server Error: mostly passes */
    {502, FETCH_TRY_AGAIN}, /* Bad Gateway: what is behind it is restarted */
    {503, FETCH_SLOW_DOWN}, /* Service Unavailable */
    {504, FETCH_TRY_AGAIN}, /* Gateway Timeout */
};

static const struct {
    int error;
    enum fetch_fate fate;
} errors[] = {
    {SLEY_ENAME, FETCH_TRY_AGAIN}, /* a name server that is silent looks the same */
    {SLEY_ECONNREFUSED, FETCH_SLOW_DOWN},
    {SLEY_ECONNRESET, FETCH_SLOW_DOWN},
    {SLEY_ETIMEDOUT, FETCH_SLOW_DOWN},
    {SLEY_EHOSTUNREACH, FETCH_TRY_AGAIN},
    {SLEY_ENETUNREACH, FETCH_TRY_AGAIN},
    {SLEY_EADDRNOTAVAIL, FETCH_SLOW_DOWN}, /* no port left: connections that just ended hold them */
    {SLEY_EPROTO, FETCH_TRY_AGAIN},        /* closed in the middle */
    {SLEY_EMFILE, FETCH_SLOW_DOWN},
    {SLEY_ENFILE, FETCH_SLOW_DOWN},
};

enum fetch_fate fetch_fate_of_status(int status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].status == status)
            return statuses[i].fate;
    return FETCH_GIVE_UP;
}

enum fetch_fate fetch_fate_of_error(int error)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].error == error)
            return errors[i].fate;
    return FETCH_GIVE_UP;
}

int64_t fetch_backoff(unsigned attempt, int64_t base, int64_t most, uint64_t random)
{
    int64_t wait = base;

    while (attempt-- > 1 && wait < most)
        wait = wait > INT64_MAX / 2 ? most : wait * 2;
    if (wait > most)
        wait = most;
    return wait / 2 + (int64_t)(random % (uint64_t)(wait / 2 + 1));
}

int64_t fetch_http_date(const char *text)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm parts = {0};
        const char *end = strptime(text, forms[i], &parts);
        if (end && !*end) {
            time_t seconds = timegm(&parts);
            return seconds < 0 ? -1 : (int64_t)seconds;
        }
    }
    return -1;
}

static int64_t limited(int64_t seconds)
{
    return SLEY_SECONDS(seconds < 0 ? 0 : seconds > LONGEST_SECONDS ? LONGEST_SECONDS : seconds);
}

int64_t fetch_retry_after(const char *text, int64_t now)
{
    int64_t seconds = 0;

    if (!text || !*text)
        return -1;
    if (strspn(text, "0123456789") == strlen(text)) {
        for (; *text; text++)
            seconds = seconds > LONGEST_SECONDS ? seconds : seconds * 10 + (*text - '0');
        return limited(seconds);
    }
    seconds = fetch_http_date(text);
    return seconds < 0 ? -1 : limited(seconds - now);
}
