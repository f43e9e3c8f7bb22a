/* Forms with parts, read in pieces of every size. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/error.h>

#include "multipart.h"

struct input {
    const char *data;
    size_t size, used, piece;
};

static int give(void *arg, void *data, size_t size)
{
    struct input *input = arg;

    if (size > input->piece)
        size = input->piece;
    if (size > input->size - input->used)
        size = input->size - input->used;
    memcpy(data, input->data + input->used, size);
    input->used += size;
    return (int)size;
}

#define TYPE       "multipart/form-data; boundary=xyz"
#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

/* The parts as "name=content;" or the error at the end. */
static int read_all(const char *type, const char *body, size_t piece, size_t room, char *out)
{
    struct input input = {body, strlen(body), 0, piece};
    struct sley__multipart multipart;
    int more = sley__multipart_init(&multipart, type, give, &input), got = 0;

    *out = '\0';
    if (more)
        return more;
    while ((more = sley__multipart_next(&multipart)) > 0) {
        out += sprintf(out, "%s=", multipart.name);
        while ((got = sley__multipart_read(&multipart, out, room)) > 0)
            out += got;
        if (got < 0)
            break;
        out += sprintf(out, ";");
    }
    sley__multipart_close(&multipart);
    return got < 0 ? got : more;
}

Test(multipart, parts)
{
    static const struct {
        const char *body, *out;
        int result;
    } cases[] = {
        {"--xyz\r\n" PART("a") "1\r\n--xyz--", "a=1;", 0},
        {"--xyz\r\n" PART("a") "\r\n--xyz\r\n" PART("b") "\r\n\r\n--xyz--\r\nend", "a=;b=\r\n;", 0},
        {"before\r\n--xyz \t\r\nX: y\r\n" PART("a") "1\r\n--xy\r\n--xyz--", "a=1\r\n--xy;", 0},
        {"\r\n--xyz--", "", 0},
        {"--xyz--", "", 0},
        {"", "", SLEY_EPROTO},
        {"nothing", "", SLEY_EPROTO},
        {"--xyz\r\n" PART("a") "1", "a=", SLEY_EPROTO},
        {"--xyz\r\n" PART("a") "1\r\n--xyz", "a=1;", SLEY_EPROTO},
        {"--xyz\r\n" PART("a") "1\r\n--xyz!\r\n", "a=1;", SLEY_EPROTO},
        {"--xyz\r\nContent-Type: x\r\n\r\n1\r\n--xyz--", "", SLEY_EPROTO},
        {"--xyz\r\nContent-Disposition: form-data; na", "", SLEY_EPROTO},
    };
    char out[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t piece = 1; piece < 90; piece++)
            for (size_t room = 1; room < 9; room += 3) {
                int result = read_all(TYPE, cases[i].body, piece, room, out);

                cr_assert_eq(result, cases[i].result, "%s: %d", cases[i].body, result);
                if (!result)
                    cr_assert_str_eq(out, cases[i].out);
            }
}

Test(multipart, names)
{
    static const char body[] =
        "--xyz\r\n"
        "content-disposition: form-data; filename=\"a \\\"b\\\"; name=no\"; name=\"f;o\"\r\n"
        "Content-Type:  text/plain\r\n\r\n1\r\n"
        "--xyz\r\nContent-Disposition: form-data; name=plain\r\n\r\n2\r\n--xyz--";
    struct input input = {body, sizeof(body) - 1, 0, 7};
    struct sley__multipart multipart;

    cr_assert_eq(sley__multipart_init(&multipart, TYPE, give, &input), 0);
    cr_assert_eq(sley__multipart_next(&multipart), 1);
    cr_assert_str_eq(multipart.name, "f;o");
    cr_assert_str_eq(multipart.filename, "a \"b\"; name=no");
    cr_assert_str_eq(multipart.type, "text/plain");
    cr_assert_eq(sley__multipart_next(&multipart), 1, "the content was skipped");
    cr_assert_str_eq(multipart.name, "plain");
    cr_assert_null(multipart.filename);
    cr_assert_null(multipart.type);
    cr_assert_eq(sley__multipart_next(&multipart), 0);
    cr_assert_eq(sley__multipart_next(&multipart), 0);
    sley__multipart_close(&multipart);
}

Test(multipart, types)
{
    char out[256];

    cr_assert_eq(read_all(NULL, "", 1, 1, out), SLEY_EINVAL);
    cr_assert_eq(read_all("text/plain; boundary=xyz", "", 1, 1, out), SLEY_EINVAL);
    cr_assert_eq(read_all("multipart/form-data", "", 1, 1, out), SLEY_EINVAL);
    cr_assert_eq(read_all("multipart/form-data; boundary=", "", 1, 1, out), SLEY_EINVAL);
    cr_assert_eq(read_all("multipart/form-data; boundary="
                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                          "", 1, 1, out),
                 SLEY_EINVAL, "71 bytes");
    cr_assert_eq(read_all("Multipart/Form-Data; x=\"; boundary=no\"; Boundary=\"x z\"", "--x z--",
                          1, 1, out),
                 0);
}

Test(multipart, heads_without_end)
{
    size_t size = 100000;
    char *body = malloc(size), out[256];

    memset(body, 'x', size);
    body[size - 1] = '\0';
    memcpy(body, "--xyz\r\nA: ", 10);
    cr_assert_eq(read_all(TYPE, body, 1000, 10, out), SLEY_EMSGSIZE);
    for (size_t i = 7; i + 8 < size; i += 6)
        memcpy(body + i, "A: b\r\n", 6);
    cr_assert_eq(read_all(TYPE, body, 1000, 10, out), SLEY_EMSGSIZE);
    free(body);
}
