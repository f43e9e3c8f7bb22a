#include "fetch_retry.h"

#include <criterion/criterion.h>
#include <sley/sley.h>

Test(fetch_retry, statuses)
{
    cr_expect_eq(fetch_fate_of_status(200), FETCH_IS_GOOD);
    cr_expect_eq(fetch_fate_of_status(206), FETCH_IS_GOOD);
    cr_expect_eq(fetch_fate_of_status(500), FETCH_TRY_AGAIN);
    cr_expect_eq(fetch_fate_of_status(429), FETCH_SLOW_DOWN);
    cr_expect_eq(fetch_fate_of_status(503), FETCH_SLOW_DOWN);
    for (int status = 400; status < 408; status++)
        cr_expect_eq(fetch_fate_of_status(status), FETCH_GIVE_UP, "%d", status);
    cr_expect_eq(fetch_fate_of_status(204), FETCH_GIVE_UP);
    cr_expect_eq(fetch_fate_of_status(302), FETCH_GIVE_UP);
}

Test(fetch_retry, errors)
{
    cr_expect_eq(fetch_fate_of_error(SLEY_ECONNRESET), FETCH_SLOW_DOWN);
    cr_expect_eq(fetch_fate_of_error(SLEY_EPROTO), FETCH_TRY_AGAIN);
    cr_expect_eq(fetch_fate_of_error(SLEY_ETLS), FETCH_GIVE_UP);
    cr_expect_eq(fetch_fate_of_error(SLEY_ECANCELED), FETCH_GIVE_UP);
    cr_expect_eq(fetch_fate_of_error(SLEY_ENOSPC), FETCH_GIVE_UP);
    cr_expect_eq(fetch_fate_of_error(SLEY_EMSGSIZE), FETCH_GIVE_UP);
}

Test(fetch_retry, backoff)
{
    int64_t base = 1000, most = 10000;

    cr_expect_eq(fetch_backoff(1, base, most, 0), 500);
    cr_expect_eq(fetch_backoff(1, base, most, 500), 1000);
    cr_expect_eq(fetch_backoff(1, base, most, 501), 500);
    cr_expect_eq(fetch_backoff(3, base, most, 0), 2000);
    cr_expect_eq(fetch_backoff(5, base, most, 0), 5000);
    cr_expect_eq(fetch_backoff(1000, base, most, 5000), 10000);
    cr_expect_eq(fetch_backoff(1000, INT64_MAX / 3, INT64_MAX, 0), INT64_MAX / 2);
    cr_expect_eq(fetch_backoff(9, 0, most, 12345), 0);
    for (uint64_t random = 0; random < 5000; random++) {
        int64_t wait = fetch_backoff(2, base, most, random * 0x9E3779B97F4A7C15);
        cr_assert(wait >= 1000 && wait <= 2000, "%ld", (long)wait);
    }
}

Test(fetch_retry, dates)
{
    int64_t then = 784111777; /* the example of RFC 9110, in its three forms */

    cr_expect_eq(fetch_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), then);
    cr_expect_eq(fetch_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), then);
    cr_expect_eq(fetch_http_date("Sun Nov  6 08:49:37 1994"), then);
    cr_expect_eq(fetch_http_date("Sun, 06 Nov 1994 08:49:37 GMT+1"), -1);
    cr_expect_eq(fetch_http_date("yesterday"), -1);
    cr_expect_eq(fetch_http_date(""), -1);
}

Test(fetch_retry, retry_after)
{
    cr_expect_eq(fetch_retry_after(NULL, 0), -1);
    cr_expect_eq(fetch_retry_after("", 0), -1);
    cr_expect_eq(fetch_retry_after("soon", 0), -1);
    cr_expect_eq(fetch_retry_after("-1", 0), -1);
    cr_expect_eq(fetch_retry_after("1.5", 0), -1);
    cr_expect_eq(fetch_retry_after("0", 0), 0);
    cr_expect_eq(fetch_retry_after("120", 0), SLEY_SECONDS(120));
    cr_expect_eq(fetch_retry_after("99999999999999999999999", 0), SLEY_SECONDS(366 * 86400));
    cr_expect_eq(fetch_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 7),
                 SLEY_SECONDS(7));
    cr_expect_eq(fetch_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 7), 0);
}
