/* The order of addresses, as far as it does not depend on the machine: the loopback can be reached
 * everywhere, what is of no network nowhere. */
#include <criterion/criterion.h>

#include "dns_impl.h"

static struct sley_address address_of(const char *text)
{
    struct sley_address address;

    cr_assert_eq(sley_address_numeric(text, 7, &address), 0, "%s", text);
    return address;
}

static void sorted(const char *const *in, const char *const *out, size_t count)
{
    struct sley_address addresses[8];

    for (size_t i = 0; i < count; i++)
        addresses[i] = address_of(in[i]);
    sley__dns_sort(addresses, count);
    for (size_t i = 0; i < count; i++) {
        struct sley_address expected = address_of(out[i]);
        char text[SLEY_ADDRESS_TEXT];

        cr_assert_eq(sley_address_format(&addresses[i], text, sizeof(text)), 0);
        cr_assert(sley_address_equal(&addresses[i], &expected), "%zu: %s, not %s", i, text, out[i]);
    }
}

Test(dns_sort, what_cannot_be_reached_is_last)
{
    /* A link-local address without its link has no route. */
    static const char *const in[] = {"fe80::1", "127.0.0.2", "127.0.0.1"};
    static const char *const out[] = {"127.0.0.2", "127.0.0.1", "fe80::1"};

    sorted(in, out, 3);
}

Test(dns_sort, equals_stay_as_they_are)
{
    static const char *const in[] = {"127.0.0.3", "127.0.0.1", "127.0.0.2", "127.0.0.3"};

    sorted(in, in, 4);
}

Test(dns_sort, many)
{
    static struct sley_address addresses[1000];

    for (uint16_t i = 0; i < 1000; i++) {
        addresses[i] = address_of(i % 2 ? "127.0.0.1" : "fe80::1");
        addresses[i].port = i;
    }
    sley__dns_sort(addresses, 1000);
    for (uint16_t i = 0; i < 32; i++)
        cr_assert_eq(addresses[i].port, 2 * i + 1); /* the first 64, in order */
    for (uint16_t i = 64; i < 1000; i++)
        cr_assert_eq(addresses[i].port, i);
    sley__dns_sort(addresses, 0);
    sley__dns_sort(addresses, 1);
}
