/* Requests as they come over the wire: what is read, what is refused, wherever it is cut. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http1.h"

static struct sley__http1_head head;
static char text[70000];

/* Finds the end with all bytes at once and with one at a time, then parses. */
static int parse(const char *request)
{
    struct sley__http1_scan once = {0}, slowly = {0};
    size_t size = strlen(request);
    long end = sley__http1_find_end(&once, request, size), found = 0;

    for (size_t i = 1; i <= size && !found; i++)
        found = sley__http1_find_end(&slowly, request, i);
    cr_assert_eq(end, found);
    if (end <= 0)
        return end ? (int)-end : -1;
    memcpy(text, request, size + 1);
    return sley__http1_parse(text, (size_t)end, &head);
}

#define HOST "Host: a\r\n"

Test(http1, whole_request)
{
    cr_assert_eq(parse("GET /a/b?c=d&e HTTP/1.1\r\nHost: x:80\r\nX-Y:\t  a b \t\r\nE:\r\n\r\n"), 0);
    cr_assert_str_eq(head.method, "GET");
    cr_assert_str_eq(head.path, "/a/b");
    cr_assert_str_eq(head.query, "c=d&e");
    cr_assert_str_eq(head.host, "x:80");
    cr_assert_eq(head.count, 3);
    cr_assert_str_eq(head.headers[1].name, "X-Y");
    cr_assert_str_eq(head.headers[1].value, "a b");
    cr_assert_str_eq(head.headers[2].value, "");
    cr_assert(head.keep_alive && !head.chunked && !head.has_length && !head.expects);
    cr_assert_eq(head.minor, 1);
}

Test(http1, forms_of_targets)
{
    cr_assert_eq(parse("GET http://h/p?q HTTP/1.1\r\n" HOST "\r\n"), 0);
    cr_assert_str_eq(head.path, "/p");
    cr_assert_str_eq(head.query, "q");
    cr_assert_eq(parse("GET HTTPS://h HTTP/1.1\r\n" HOST "\r\n"), 0);
    cr_assert_str_eq(head.path, "/");
    cr_assert_null(head.query);
    cr_assert_eq(parse("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 0);
    cr_assert_str_eq(head.path, "*");
    cr_assert_eq(parse("GET * HTTP/1.1\r\n" HOST "\r\n"), 400);
    cr_assert_eq(parse("CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n"), 501);
    cr_assert_eq(parse("GET a HTTP/1.1\r\n" HOST "\r\n"), 400);
    cr_assert_eq(parse("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"), 0);
}

/* The authority ends where the path or the query begins, and is what counts as the host. */
Test(http1, targets_with_an_authority)
{
    static const struct {
        const char *target, *host, *path, *query;
    } cases[] = {
        {"http://h/p", "h", "/p", NULL},
        {"http://h:80/p/q?r", "h:80", "/p/q", "r"},
        {"http://h?x=/admin", "h", "/", "x=/admin"},
        {"http://h?x=1", "h", "/", "x=1"},
        {"http://h?", "h", "/", ""},
        {"http://h", "h", "/", NULL},
        {"HTTP://[::1]:8/?a", "[::1]:8", "/", "a"},
        {"https://a.name.longer.than.the.header/", "a.name.longer.than.the.header", "/", NULL},
    };
    static const char *const bad[] = {"http:///admin", "http://",     "http://?x",
                                      "https:///",     "http://a@h/", "http://a,b/"};
    char request[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nA: b\r\nhOST: z\r\n\r\n",
                 cases[i].target);
        cr_assert_eq(parse(request), 0, "%s", cases[i].target);
        cr_assert_str_eq(head.host, cases[i].host);
        cr_assert_str_eq(head.headers[1].value, cases[i].host);
        cr_assert_str_eq(head.path, cases[i].path);
        cr_assert_eq(!head.query, !cases[i].query);
        if (head.query)
            cr_assert_str_eq(head.query, cases[i].query);
        sley__http1_restore(&head);
        cr_assert_str_eq(head.target, cases[i].target);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST "\r\n", bad[i]);
        cr_assert_eq(parse(request), 400, "%s", bad[i]);
    }
    cr_assert_eq(parse("GET http://h/ HTTP/1.1\r\nA: b\r\n\r\n"), 400, "the header must be there");
    cr_assert_eq(parse("GET http://h/ HTTP/1.0\r\n\r\n"), 0);
    cr_assert_str_eq(head.host, "h");
}

Test(http1, lines_that_are_refused)
{
    static const char *const lines[] = {
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /",
        "GET",
        "G@T / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.10",
        "GET / HTTX/1.1",
        "GET /\tHTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /\x01 HTTP/1.1",
    };
    char request[256];

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        snprintf(request, sizeof(request), "%s\r\n" HOST "\r\n", lines[i]);
        cr_assert_eq(parse(request), 400, "%s: %d", lines[i], parse(request));
    }
    cr_assert_eq(parse("GET / HTTP/2.0\r\n" HOST "\r\n"), 505);
    cr_assert_eq(parse("GET / HTTP/0.9\r\n" HOST "\r\n"), 505);
}

Test(http1, ends_of_lines)
{
    cr_assert_eq(parse("GET / HTTP/1.1\n"), 400);
    cr_assert_eq(parse("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400);
    cr_assert_eq(parse("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400);
    cr_assert_eq(parse("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"), 400);
    cr_assert_eq(parse("GET / HTTP/1.1\r\nHost: a\r\n\r"), -1);
    cr_assert_eq(parse("GET / HTTP/1.1\r\nHost: a\r\n"), -1);
}

Test(http1, headers_that_are_refused)
{
    static const char *const headers[] = {
        "A : b",
        " A: b",
        "A: b\r\n folded",
        "A\x01: b",
        "A: \x01",
        "A: \x7f",
        ": b",
        "no colon",
        "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length: 1x",
        "Content-Length: ",
        "Content-Length: 1, 1",
        "Content-Length: 99999999999999999999",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Host: b",
        "A: b\r\nHost: a, b",
    };
    char request[512];

    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        snprintf(request, sizeof(request), "GET / HTTP/1.1\r\n" HOST "%s\r\n\r\n", headers[i]);
        cr_assert_eq(parse(request), 400, "%s: %d", headers[i], parse(request));
    }
    cr_assert_eq(parse("GET / HTTP/1.1\r\nA: b\r\n\r\n"), 400, "without a host");
    cr_assert_eq(parse("GET / HTTP/1.0\r\nA: b\r\n\r\n"), 0);
    cr_assert_eq(parse("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    cr_assert_eq(parse("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
    cr_assert_eq(parse("GET / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n"), 417);
}

Test(http1, a_nul_anywhere)
{
    static const char request[] = "GET /a HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
    size_t size = sizeof(request) - 1;

    for (size_t i = 0; i < size - 4; i++) {
        struct sley__http1_scan scan = {0};
        long end;

        memcpy(text, request, size);
        text[i] = '\0';
        end = sley__http1_find_end(&scan, text, size);
        cr_assert(end == -400 || sley__http1_parse(text, size, &head) == 400, "at %zu", i);
    }
}

Test(http1, connections)
{
    static const struct {
        const char *version, *value;
        bool keep;
    } cases[] = {
        {"1.1", "x", true},
        {"1.1", "close", false},
        {"1.1", "x , Close", false},
        {"1.1", "keep-alive", true},
        {"1.0", "x", false},
        {"1.0", "Keep-Alive", true},
        {"1.0", "keep-alive, close", false},
        {"1.1", "closed", true},
    };
    char request[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(request, sizeof(request), "GET / HTTP/%s\r\n" HOST "Connection: %s\r\n\r\n",
                 cases[i].version, cases[i].value);
        cr_assert_eq(parse(request), 0);
        cr_assert_eq(head.keep_alive, cases[i].keep, "%s %s", cases[i].version, cases[i].value);
    }
}

Test(http1, many_headers)
{
    size_t size = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" HOST);

    for (int i = 0; i < SLEY__HTTP1_HEADERS - 1; i++)
        size += (size_t)sprintf(text + size, "A%d: b\r\n", i);
    strcpy(text + size, "\r\n");
    cr_assert_eq(sley__http1_parse(text, size + 2, &head), 0);
    cr_assert_eq(head.count, SLEY__HTTP1_HEADERS);
    memcpy(text, "GET / HTTP/1.1", 14);
    size = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < SLEY__HTTP1_HEADERS; i++)
        size += (size_t)sprintf(text + size, "A%d: b\r\n", i);
    strcpy(text + size, "\r\n");
    cr_assert_eq(sley__http1_parse(text, size + 2, &head), 431);
}

Test(http1, decoding)
{
    static const struct {
        const char *text, *decoded;
        bool form;
    } cases[] = {
        {"", "", false},      {"abc", "abc", false},       {"a+b", "a+b", false},
        {"a+b", "a b", true}, {"%41%2f%2F", "A//", false}, {"%c3%a4", "\xc3\xa4", true},
        {"%", NULL, false},   {"a%4", NULL, false},        {"%4g", NULL, false},
        {"%00", NULL, false}, {"ok%", NULL, true},         {"%25%32", "%2", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char copy[64];
        long size;

        strcpy(copy, cases[i].text);
        size = sley__http1_decode(copy, strlen(copy), cases[i].form);
        if (!cases[i].decoded) {
            cr_assert_eq(size, -1);
            cr_assert_str_eq(copy, cases[i].text, "left as it was");
        } else {
            cr_assert_str_eq(copy, cases[i].decoded);
            cr_assert_eq(size, (long)strlen(copy));
        }
    }
}

/* What a body in chunks is, read in pieces of `piece` bytes with `room` for the result. */
static long unchunk(const char *body, size_t piece, size_t room, char *out, size_t *taken)
{
    struct sley__http1_chunks chunks = {0};
    size_t size = strlen(body), at = 0, stored = 0;

    while (at < size && !chunks.done) {
        size_t used, give = size - at < piece ? size - at : piece;
        long got = sley__http1_unchunk(&chunks, body + at, give, &used, out + stored, room);

        if (got < 0)
            return got;
        at += used;
        stored += (size_t)got;
    }
    out[stored] = '\0';
    *taken = at;
    return chunks.done ? (long)stored : -1;
}

Test(http1, chunks)
{
    static const struct {
        const char *body, *out;
        long result;
    } cases[] = {
        {"0\r\n\r\n", "", 0},
        {"5\r\nhello\r\n0\r\n\r\nrest", "hello", 5},
        {"5;a=\"b\"\r\nhello\r\n6 \r\n world\r\n000\r\nX: y\r\nZ: \r\n\r\n", "hello world", 11},
        {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 10},
        {"5 \t ; a=b\r\nhello\r\n0\t\r\n\r\n", "hello", 5},
        {"5 6\r\nhello\r\n0\r\n\r\n", NULL, -400},
        {"5\t=6\r\nhello\r\n0\r\n\r\n", NULL, -400},
        {"5\nhello\r\n0\r\n\r\n", NULL, -400},
        {"5 \nhello\r\n0\r\n\r\n", NULL, -400},
        {"5\r\nhello0\r\n\r\n", NULL, -400},
        {"5\r\nhello\n0\r\n\r\n", NULL, -400},
        {"\r\n", NULL, -400},
        {"x\r\n", NULL, -400},
        {"-1\r\n", NULL, -400},
        {"0x5\r\nhello\r\n0\r\n\r\n", NULL, -400},
        {"1234567890123456\r\n", NULL, -400},
        {"5;\x01\r\nhello\r\n0\r\n\r\n", NULL, -400},
        {"0\r\n folded\r\n\r\n", NULL, -400},
        {"0\r\nX: y\r\n\rz", NULL, -400},
        {"5\r\nhel", NULL, -1},
    };
    char out[64];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t piece = 1; piece < 40; piece++)
            for (size_t room = 1; room < 14; room += 4) {
                size_t taken = 0;
                long result = unchunk(cases[i].body, piece, room, out, &taken);

                cr_assert_eq(result, cases[i].result, "%s: %ld", cases[i].body, result);
                if (cases[i].out)
                    cr_assert_str_eq(out, cases[i].out);
            }
}

Test(http1, chunks_of_nothing_but_overhead)
{
    struct sley__http1_chunks chunks = {0};
    size_t used;

    memset(text, 'x', sizeof(text));
    memcpy(text, "5;", 2);
    cr_assert_eq(sley__http1_unchunk(&chunks, text, sizeof(text), &used, text, sizeof(text)), -400);
    chunks = (struct sley__http1_chunks){0};
    memset(text, ' ', sizeof(text));
    text[0] = '5';
    cr_assert_eq(sley__http1_unchunk(&chunks, text, sizeof(text), &used, text, sizeof(text)), -400);
    chunks = (struct sley__http1_chunks){0};
    memset(text, 'x', sizeof(text));
    memcpy(text, "0\r\n", 3);
    cr_assert_eq(sley__http1_unchunk(&chunks, text, sizeof(text), &used, text, sizeof(text)), -400);
}
