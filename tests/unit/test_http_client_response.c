/* The header lines of an answer, turned into pairs where they stand. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "http_client_impl.h"

static struct sley_http_response response;

/* Splits these lines, in a buffer without a byte too many: AddressSanitizer sees what is behind. */
static void split_bytes(const char *lines, size_t size)
{
    char *data = malloc(size + 1);

    cr_assert_not_null(data);
    memcpy(data, lines, size);
    data[size] = '\0';
    free(response.headers.data);
    response = (struct sley_http_response){.pulled = true, .headers = {data, size, size + 1}};
    sley__http_split_headers(&response);
}

static void split(const char *lines)
{
    split_bytes(lines, strlen(lines));
}

/* "name=value|" of each. */
static const char *pairs(void)
{
    static char text[1000];
    const char *name, *value;
    size_t count = 0;

    for (*text = '\0'; sley_http_response_header_at(&response, count, &name, &value); count++) {
        strcat(strcat(text, name), "=");
        strcat(strcat(text, value), "|");
    }
    cr_assert_eq(count, response.header_count);
    return text;
}

#define assert_pairs(lines, expected)        \
    do {                                     \
        split(lines);                        \
        cr_assert_str_eq(pairs(), expected); \
    } while (0)

Test(http_client_response, lines_become_pairs)
{
    assert_pairs("", "");
    assert_pairs("HTTP/1.1 200 OK\r\n\r\n", "");
    assert_pairs("HTTP/1.1 200 OK\r\nA: b\r\nContent-Type:\t text/plain \t\r\n\r\n",
                 "A=b|Content-Type=text/plain|");
    assert_pairs("A: b\nC: d\n", "A=b|C=d|");
    assert_pairs("A : b:c\r\n", "A=b:c|");
    assert_pairs("A:\r\nB: \r\n:\r\n:c\r\n", "A=|B=|=|=c|");
}

Test(http_client_response, what_is_no_header_is_dropped)
{
    static const char nul[] = "A: b\r\nC: d\0: e\r\n\0F: g\r\nH\0: i\r\n \0\r\nJ: k\r\n";

    assert_pairs("nothing\r\nA: b\r\nnor this\r\nHTTP/1.1 404: x\r\n", "A=b|");
    split_bytes(nul, sizeof(nul) - 1);
    cr_assert_str_eq(pairs(), "A=b|J=k|");
}

Test(http_client_response, lines_that_are_continued)
{
    assert_pairs("A: b\r\n c\r\n\t d \r\nE: f\r\n", "A=b c d|E=f|");
    assert_pairs("A:\r\n b\r\n", "A= b|");
    assert_pairs("A: b\r\n \r\nC: d", "A=b |C=d|");
    /* Of nothing. */
    assert_pairs(" A: b\r\nC: d\r\n", "A=b|C=d|");
    assert_pairs("HTTP/1.1 200 OK\r\n x\r\nC: d\r\n", "C=d|");
}

/* The last line need not end: each of its two NULs has its place all the same. */
Test(http_client_response, cut_at_every_byte)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nA: b\r\nC:d\r\n e\r\n:\r\nF: g";
    size_t most = 0;

    for (size_t size = 0; size < sizeof(whole); size++) {
        split_bytes(whole, size);
        (void)pairs();
        cr_assert_geq(response.header_count, most);
        most = response.header_count;
    }
    cr_assert_str_eq(pairs(), "A=b|C=d e|=|F=g|");
}

Test(http_client_response, looking_one_up)
{
    split("Set-Cookie: a\r\nset-cookie: b\r\nb: Set-Cookie\r\n");
    cr_assert_str_eq(sley_http_response_header(&response, "SET-COOKIE"), "a");
    cr_assert_str_eq(sley_http_response_header(&response, "B"), "Set-Cookie");
    cr_assert_null(sley_http_response_header(&response, "a"));
    cr_assert_null(sley_http_response_header(&response, ""));
    cr_assert_null(sley_http_response_type(&response));
}
