/*
 * headers.c: what sley-fetch reads in the headers of an answer: Content-Range, Retry-After and
 * dates. The first byte chooses. What was understood and written anew must be understood the same,
 * and within the limits that the rest relies on.
 *
 * link: sley_apps
 * floor: 50
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <inttypes.h>
#include <time.h>

#include "fetch_part.h"
#include "fetch_retry.h"
#include "fetch_transfer.h"

enum { MOST = 200 };

#define YEAR_AND_A_DAY SLEY_SECONDS(366 * 86400)

static void fuzz_range(const char *text)
{
    uint64_t range[3], again[3];
    char written[100];

    if (!fetch_content_range(text, &range[0], &range[1], &range[2]))
        return;
    must(range[0] <= range[1] && range[1] < range[2]);
    if (range[2] == FETCH_UNKNOWN)
        snprintf(written, sizeof written, "bytes %" PRIu64 "-%" PRIu64 "/*", range[0], range[1]);
    else
        snprintf(written, sizeof written, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range[0],
                 range[1], range[2]);
    must(fetch_content_range(written, &again[0], &again[1], &again[2]));
    must(memcmp(range, again, sizeof range) == 0);
}

static void fuzz_date(const char *text)
{
    int64_t when = fetch_http_date(text);
    time_t seconds = (time_t)when;
    struct tm parts;
    char written[100];

    must(when >= -1);
    if (when < 0)
        return;
    must(gmtime_r(&seconds, &parts));
    must(strftime(written, sizeof written, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
    must(fetch_http_date(written) == when);
}

static void fuzz_retry_after(const char *text)
{
    int64_t early = fetch_retry_after(text, 0), late = fetch_retry_after(text, 1000000000);
    bool is_number = *text && strspn(text, "0123456789") == strlen(text);

    must(early >= -1 && early <= YEAR_AND_A_DAY);
    must(late <= early && (late < 0) == (early < 0)); /* of a date less is left, later */
    must(!is_number || (early >= 0 && late == early));
    if (is_number && strlen(text) < 8)
        must(early == SLEY_SECONDS(strtoll(text, NULL, 10)) || early == YEAR_AND_A_DAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, size};
    unsigned what = next_byte(&input);
    char text[MOST + 1];

    if (input.size > MOST)
        return 0;
    memcpy(text, input.data, input.size);
    text[input.size] = '\0';
    if (what % 3 == 0)
        fuzz_range(text);
    else if (what % 3 == 1)
        fuzz_date(text);
    else
        fuzz_retry_after(text);
    return 0;
}
