/* Names and answers of the name system: what can be read, and what must not be. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "dns_parse.h"

static struct sley__dns_name name_of(const char *text)
{
    struct sley__dns_name name;
    bool complete;

    cr_assert(sley__dns_name_read(&name, text, &complete), "%s", text);
    return name;
}

/* --- names -------------------------------------------------------------------------------------
 */

Test(dns_name, text_and_back)
{
    static const struct {
        const char *in, *out;
        bool complete;
    } cases[] = {
        {"example.org", "example.org", false},
        {"Example.ORG.", "example.org", true},
        {".", ".", true},
        {"a", "a", false},
        {"a\\.b.c", "a\\.b.c", false},
        {"a\\.", "a\\.", false},
        {"a\\..", "a\\.", true},
        {"\\065b", "ab", false},
        {"\\000\\255", "\\000\\255", false},
        {"a\\\\b", "a\\\\b", false},
        {"_x._tcp", "_x._tcp", false},
        {"\xc3\xa4", "\\195\\164", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct sley__dns_name name, again;
        char text[SLEY_DNS_NAME_TEXT];
        bool complete;

        cr_assert(sley__dns_name_read(&name, cases[i].in, &complete), "%s", cases[i].in);
        cr_assert_eq(complete, cases[i].complete, "%s", cases[i].in);
        cr_assert_eq(sley__dns_name_write(&name, text), strlen(cases[i].out));
        cr_assert_str_eq(text, cases[i].out);
        cr_assert_eq(sley__dns_name_write(&name, NULL), strlen(text));
        again = name_of(text);
        cr_assert_eq(sley__dns_name_compare(&name, &again), 0);
    }
}

Test(dns_name, the_longest_text)
{
    struct sley__dns_name name = {.size = 0};
    char text[SLEY_DNS_NAME_TEXT + 1];

    for (int i = 0; i < 4; i++) {
        size_t length = i < 3 ? 63 : 61;

        name.wire[name.size++] = (uint8_t)length;
        memset(name.wire + name.size, 1, length);
        name.size += length;
    }
    name.wire[name.size++] = 0;
    cr_assert_eq(name.size, 255);
    cr_assert(sley__dns_name_write(&name, text) < SLEY_DNS_NAME_TEXT);
    name = name_of(text);
    cr_assert_eq(name.size, 255);
}

Test(dns_name, what_is_no_name)
{
    static const char *const bad[] = {
        "",
        "..",
        ".a",
        "a..b",
        "a\\",
        "a\\1",
        "\\12x",
        "\\256",
        "a b",
        "a\n",
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"};
    struct sley__dns_name name;
    bool complete;

    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        cr_assert(!sley__dns_name_read(&name, bad[i], &complete), "%s", bad[i]);
}

Test(dns_name, joined)
{
    struct sley__dns_name name = name_of("www"), suffix = name_of("example.org"), whole;

    cr_assert(sley__dns_name_join(&name, &suffix));
    whole = name_of("www.example.org");
    cr_assert_eq(sley__dns_name_compare(&name, &whole), 0);
    cr_assert_eq(sley__dns_name_dots(&name), 2);
    cr_assert_eq(sley__dns_name_dots(&suffix), 1);
    for (int i = 0; i < 19; i++)
        cr_assert(sley__dns_name_join(&name, &suffix));
    cr_assert(!sley__dns_name_join(&name, &suffix)); /* 245 + 12 - 1 */
}

Test(dns_name, pointers)
{
    static const uint8_t message[] = {
        1,    'a', 0,        /* 0: a */
        1,    'B', 0xc0, 0,  /* 3: B.a */
        0xc0, 3,             /* 7: B.a */
        0xc0, 9,             /* 9: itself */
        0xc0, 13,  0xc0, 11, /* 11: each other */
        1,    'c', 0xc0, 15, /* 15: c.c.c... */
        0xc0, 21,  0,        /* 19: forwards */
        63,                  /* 22: beyond the end */
    };
    static const size_t bad[] = {9, 11, 13, 15, 19, 22, 23, 100};
    struct sley__dns_name name, expected = name_of("b.a");
    char text[SLEY_DNS_NAME_TEXT];

    for (size_t at = 3; at <= 7; at += 4) {
        cr_assert(sley__dns_name_expand(message, sizeof(message), at, &name));
        sley__dns_name_write(&name, text);
        cr_assert_str_eq(text, "B.a");
        cr_assert(sley__dns_name_equal(message, sizeof(message), at, &expected));
    }
    cr_assert_eq(sley__dns_name_skip(message, sizeof(message), 3), 7);
    cr_assert_eq(sley__dns_name_skip(message, sizeof(message), 0), 3);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        cr_assert(!sley__dns_name_expand(message, sizeof(message), bad[i], &name), "%zu", bad[i]);
        cr_assert(!sley__dns_name_equal(message, sizeof(message), bad[i], &expected));
    }
    cr_assert_eq(sley__dns_name_skip(message, sizeof(message), 22), 0);
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* An MX answer with two records, an alias before them and the name by pointers. */
static const uint8_t mail[] = {
    0x12, 0x34, 0x81, 0x80, 0,   1,   0,   3, 0, 0,  0, 0,                   /* header */
    1,    'm',  4,    't',  'e', 's', 't', 0, 0, 15, 0, 1,                   /* 12: m.test MX */
    0xc0, 12,   0,    5,    0,   1,   0,   0, 0, 50, 0, 4, 1, 'n', 0xc0, 14, /* 24: is n.test (36)
                                                                              */
    0xc0, 36,   0,    15,   0,   1,   0,   0, 0, 90, 0, 7, 0, 10,  2,    'm', 'x', 0xc0,
    14,                                                                          /* 40 */
    0xc0, 36,   0,    15,   0,   1,   0,   0, 0, 40, 0, 5, 1, 0,   0xc0, 54,  0, /* 59, one byte too
                                                                                    long */
};

enum { MAIL_SIZE = sizeof(mail) - 1 };

static void read_mail(uint8_t *message, size_t size, struct sley__dns_parsed *parsed)
{
    struct sley__dns_name name = name_of("m.test");

    sley__dns_parse(message, size, &name, SLEY_DNS_MX, parsed);
}

/* The message with the last record's length right. */
static void good_mail(uint8_t message[sizeof(mail)])
{
    memcpy(message, mail, sizeof(mail));
    message[70] = 4;
}

Test(dns_parse, records_behind_an_alias)
{
    uint8_t message[sizeof(mail)];
    struct sley__dns_parsed parsed;

    good_mail(message);
    read_mail(message, MAIL_SIZE, &parsed);
    cr_assert_eq(parsed.code, 0, "%d", parsed.code);
    cr_assert_eq(parsed.ttl, 40);
    cr_assert_eq(parsed.answer->shown.count, 2);
    cr_assert_str_eq(parsed.answer->shown.name, "n.test");
    cr_assert_eq(parsed.answer->records[0].u.mx.preference, 10);
    cr_assert_str_eq(parsed.answer->records[0].u.mx.exchange, "mx.test");
    cr_assert_eq(parsed.answer->records[0].ttl, 90);
    cr_assert_eq(parsed.answer->records[1].u.mx.preference, 256);
    cr_assert_str_eq(parsed.answer->records[1].u.mx.exchange, "mx.test");
    sley__dns_answer_unref(parsed.answer);
}

Test(dns_parse, every_shorter_message_is_malformed)
{
    struct sley__dns_parsed parsed;

    for (size_t size = 0; size < MAIL_SIZE; size++) {
        uint8_t whole[sizeof(mail)], *message = malloc(size ? size : 1);

        good_mail(whole);
        memcpy(message, whole, size);
        read_mail(message, size, &parsed); /* on the heap, so that a read beyond is seen */
        cr_assert_eq(parsed.code, SLEY_EBADANSWER, "%zu: %d", size, parsed.code);
        cr_assert_null(parsed.answer);
        free(message);
    }
}

/* Every byte changed to some others: any outcome, but one. */
Test(dns_parse, every_byte_changed)
{
    for (size_t at = 0; at < MAIL_SIZE; at++) {
        for (int value = 0; value < 256; value += 5) {
            uint8_t message[sizeof(mail)];
            struct sley__dns_parsed parsed;

            good_mail(message);
            message[at] = (uint8_t)value;
            read_mail(message, MAIL_SIZE, &parsed);
            cr_assert_eq(parsed.code == 0, parsed.answer != NULL);
            sley__dns_answer_unref(parsed.answer);
        }
    }
}

Test(dns_parse, answers_to_others)
{
    uint8_t message[sizeof(mail)];
    struct sley__dns_name other = name_of("x.test"), name = name_of("m.test");
    struct sley__dns_parsed parsed;

    good_mail(message);
    sley__dns_parse(message, MAIL_SIZE, &other, SLEY_DNS_MX, &parsed);
    cr_assert_eq(parsed.code, SLEY_EBADANSWER);
    sley__dns_parse(message, MAIL_SIZE, &name, SLEY_DNS_A, &parsed);
    cr_assert_eq(parsed.code, SLEY_EBADANSWER);
    message[2] &= 0x7f; /* a question */
    sley__dns_parse(message, MAIL_SIZE, &name, SLEY_DNS_MX, &parsed);
    cr_assert_eq(parsed.code, SLEY_EBADANSWER);
}

Test(dns_parse, codes)
{
    static const struct {
        uint8_t status;
        int code;
    } cases[] = {{1, SLEY_ESERVFAIL}, {2, SLEY_ESERVFAIL}, {3, SLEY_ENXDOMAIN},
                 {4, SLEY_ESERVFAIL}, {5, SLEY_EREFUSED},  {15, SLEY_ESERVFAIL}};

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        uint8_t message[sizeof(mail)];
        struct sley__dns_parsed parsed;

        good_mail(message);
        message[3] = (uint8_t)(0x80 | cases[i].status);
        read_mail(message, MAIL_SIZE, &parsed);
        cr_assert_eq(parsed.code, cases[i].code);
        cr_assert_eq(parsed.form_error, cases[i].status == 1);
        cr_assert_eq(parsed.ttl, 0);
    }
}

Test(dns_parse, how_long_nothing_is_kept)
{
    static const uint8_t soa[] = {
        0,    1,   0x81, 0x83, 0,   1,   0,   0, 0, 1,  0, 0, /* NXDOMAIN with one authority */
        1,    'm', 4,    't',  'e', 's', 't', 0, 0, 15, 0, 1, /* m.test MX */
        0xc0, 14,  0,    6,    0,   1,   0,   0, 1, 0,  0, 22, 0, 0, /* SOA, 256 s */
        0,    0,   0,    1,    0,   0,   0,   2, 0, 0,  0, 3,  0, 0, 0, 4, 0, 0, 0, 99,
    };
    uint8_t message[sizeof(soa)];
    struct sley__dns_parsed parsed;

    memcpy(message, soa, sizeof(soa));
    read_mail(message, sizeof(soa), &parsed);
    cr_assert_eq(parsed.code, SLEY_ENXDOMAIN);
    cr_assert_eq(parsed.ttl, 99);
    message[sizeof(soa) - 3] = 1; /* the record itself is good for less */
    read_mail(message, sizeof(soa), &parsed);
    cr_assert_eq(parsed.ttl, 256);
    message[30] = 0x80; /* no time that makes sense */
    read_mail(message, sizeof(soa), &parsed);
    cr_assert_eq(parsed.ttl, 0);
    message[3] = 0x80;
    read_mail(message, sizeof(soa), &parsed);
    cr_assert_eq(parsed.code, SLEY_ENODATA);
}

Test(dns_parse, text_with_anything_in_it)
{
    static const uint8_t text[] = {
        0,  1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1,   't', 0,   0, 16, 0,   1,   0xc0,
        12, 0, 16,   0,    1, 0, 0, 0, 9, 0, 8, 3, 'a', 0,   'b', 0, 2,  'c', 'd',
    };
    uint8_t message[sizeof(text)];
    struct sley__dns_name name = name_of("t");
    struct sley__dns_parsed parsed;

    memcpy(message, text, sizeof(text));
    sley__dns_parse(message, sizeof(text), &name, SLEY_DNS_TXT, &parsed);
    cr_assert_eq(parsed.code, 0);
    cr_assert_eq(parsed.answer->records[0].u.txt.size, 5);
    cr_assert(memcmp(parsed.answer->records[0].u.txt.data, "a\0bcd", 6) == 0);
    sley__dns_answer_unref(parsed.answer);
    message[36] = 3; /* the last string reaches beyond the record */
    sley__dns_parse(message, sizeof(text), &name, SLEY_DNS_TXT, &parsed);
    cr_assert_eq(parsed.code, SLEY_EBADANSWER);
}
