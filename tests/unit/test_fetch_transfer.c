#include "fetch_transfer.h"

#include <criterion/criterion.h>
#include <sley/sley.h>

#include "fetch_digest.h"
#include "fetch_part.h"
#include "fetch_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(fetch_transfer, content_range)
{
    static const char *const bad[] = {
        "",
        "bytes",
        "bytes 0-1",
        "bytes */10",
        "bytes 2-1/10",
        "bytes 0-10/10",
        "items 0-1/2",
        "bytes 0-1/x",
        "bytes 0-1/2 ",
        "bytes -1/10",
        "bytes 0-/10",
        "bytes 0-1/9999999999999999999999",
    };
    uint64_t first, last, total;

    cr_expect(fetch_content_range("bytes 5-9/10", &first, &last, &total));
    cr_expect(first == 5 && last == 9 && total == 10);
    cr_expect(fetch_content_range("Bytes 0-0/*", &first, &last, &total));
    cr_expect(first == 0 && last == 0 && total == FETCH_UNKNOWN);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(fetch_content_range(bad[i], &first, &last, &total), "%s", bad[i]);
}

/* So many bytes at so many a second take so long, whoever receives them. */
Test(fetch_transfer, rate)
{
    struct fetch_rate rate;

    fetch_rate_init(&rate, 1000);
    cr_expect_eq(fetch_rate_reserve(&rate, 500, SLEY_SECONDS(10)), SLEY_MILLISECONDS(10500));
    cr_expect_eq(fetch_rate_reserve(&rate, 500, SLEY_SECONDS(10)), SLEY_SECONDS(11));
    cr_expect_eq(fetch_rate_reserve(&rate, 1, SLEY_SECONDS(20)), SLEY_MILLISECONDS(20001),
                 "time that nobody used is lost");
    fetch_rate_close(&rate);
}

Test(fetch_transfer, digests)
{
    /* Of "abc": RFC 1321, FIPS 180. */
    static const char *const sums[] = {
        "md5:900150983cd24fb0d6963f7d28e17f72",
        "SHA1:A9993E364706816ABA3E25717850C26C9CD0D89D",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ("sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
    };

    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        struct fetch_digest digest;
        cr_assert(fetch_digest_parse(sums[i], &digest));
        for (int right = 0; right < 2; right++) {
            struct fetch_digesting *digesting = fetch_digest_begin(&digest);
            cr_assert_not_null(digesting);
            cr_expect(fetch_digest_add(digesting, "a", 1));
            cr_expect(fetch_digest_add(digesting, right ? "bc" : "bd", 2));
            cr_expect_eq(fetch_digest_end(digesting, &digest), right == 1, "%s", sums[i]);
        }
    }
}

/* Among 1 .. 1000 the median is the 500th. */
Test(fetch_transfer, percentiles)
{
    struct fetch_list list = {0};
    char url[] = "http://h/0000";

    for (size_t i = 0; i < 1001; i++) {
        snprintf(url + sizeof url - 5, 5, "%04zu", i);
        cr_assert(fetch_list_add(&list, url, NULL, NULL));
        fetch_list_at(&list, i)->state = i < 1000 ? FETCH_DONE : FETCH_FAILED;
        fetch_list_at(&list, i)->took = (int64_t)((i * 7) % 1000) + 1;
    }
    struct fetch_times times = fetch_times(&list);
    cr_expect_eq(times.count, 1000);
    cr_expect(times.half == 500 && times.ninety == 900 && times.ninety_nine == 990 &&
              times.longest == 1000);
    size_t all = list.count;
    list.count = 1;
    times = fetch_times(&list);
    cr_expect(times.half == 1 && times.ninety_nine == 1 && times.longest == 1);
    list.count = 0;
    cr_expect_eq(fetch_times(&list).count, 0);
    list.count = all;
    fetch_list_free(&list);
}
