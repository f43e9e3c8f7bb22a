/* Text to address and back. */
#include <criterion/criterion.h>

#include <string.h>

#include "address.h"

static const char *round_trip(const char *text)
{
    static char buffer[SLEY__ADDRESS_TEXT];
    struct sley__address address;

    if (!sley__address_parse(&address, text))
        return "refused";
    cr_assert(sley__address_format(&address, buffer, sizeof(buffer)));
    return buffer;
}

Test(address, parse_and_format)
{
    cr_assert_str_eq(round_trip("127.0.0.1:80"), "127.0.0.1:80");
    cr_assert_str_eq(round_trip("255.255.255.255:65535"), "255.255.255.255:65535");
    cr_assert_str_eq(round_trip(":8000"), "0.0.0.0:8000");
    cr_assert_str_eq(round_trip("[::1]:0"), "[::1]:0");
    cr_assert_str_eq(round_trip("[2001:db8:1:2:3:4:5:6]:443"), "[2001:db8:1:2:3:4:5:6]:443");
    cr_assert_str_eq(round_trip("[::ffff:192.168.100.100]:65535"),
                     "[::ffff:192.168.100.100]:65535");
    cr_assert_str_eq(round_trip("[fe80::1%3]:1"), "[fe80::1%3]:1");
    cr_assert_str_eq(round_trip("[fe80::1%lo]:1"), "[fe80::1%1]:1");
    cr_assert_str_eq(round_trip("1.2.3.4:00080"), "1.2.3.4:80");
}

Test(address, refused)
{
    static const char *const bad[] = {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "1.2.3.4:+1",
                                      "1.2.3.4: 1",
                                      "1.2.3.4:0x10",
                                      "1.2.3.4:000080",
                                      "1.2.3:80",
                                      "1.2.3.4.5:",
                                      "256.1.1.1:1",
                                      "localhost:80",
                                      "::1:80",
                                      "[::1]",
                                      "[::1]80",
                                      "[::1:80",
                                      "::1]:80",
                                      "[]:80",
                                      "[1.2.3.4]:80",
                                      "[:80",
                                      "[::1]]:80",
                                      "[fe80::1%]:1",
                                      "[fe80::1%nosuchif]:1"};
    struct sley__address address;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert(!sley__address_parse(&address, bad[i]), "%s", bad[i]);
}

Test(address, longest_text_fits_and_one_less_does_not)
{
    struct sley__address address;
    char buffer[SLEY__ADDRESS_TEXT];
    size_t length;

    cr_assert(sley__address_numeric(&address, "1111:2222:3333:4444:5555:6666:7777:8888%4294967295",
                                    65535));
    cr_assert(sley__address_format(&address, buffer, sizeof(buffer)));
    length = strlen(buffer);
    cr_assert(sley__address_format(&address, buffer, length + 1));
    cr_assert(!sley__address_format(&address, buffer, length));
    cr_assert(!sley__address_format(&address, buffer, 0));
}

Test(address, port)
{
    struct sley__address address;

    cr_assert(sley__address_numeric(&address, "127.0.0.1", 8000));
    cr_assert_eq(sley__address_port(&address), 8000);
    cr_assert(sley__address_numeric(&address, "::1", 65535));
    cr_assert_eq(sley__address_port(&address), 65535);
}
