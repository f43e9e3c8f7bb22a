/*
 * moji_web.c: the character finder as a web server.
 *
 * The page is a file of its own, mojifinder.html, which the assembler puts into the program as it
 * is: it stays readable HTML for whoever works on it, and there is no file to be found at run time.
 *
 * A search is some microseconds of computing and no waiting, so the handler simply does it; what
 * there is to be careful about is only that answers can be large (LETTER: ten thousand characters,
 * half a megabyte), so they are built in one buffer that is handed over instead of copied.
 */
#include "moji_web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__asm__(".pushsection .rodata\n"
        ".global moji_page, moji_page_end\n"
        "moji_page: .incbin \"" MOJI_PAGE "\"\n"
        "moji_page_end: .byte 0\n"
        ".popsection\n");
extern const char moji_page[], moji_page_end[];

/* The longest part of an answer that one character has: its name, and this around it. */
#define AROUND sizeof ",\n{\"char\": \"\\u0022\", \"name\": \"\"}"

static int refuse(struct sley_httpd_response *response, int status, const char *why)
{
    sley_httpd_response_status(response, status);
    sley_httpd_response_header(response, "Content-Type", "text/plain; charset=utf-8");
    return sley_httpd_response_body_copy(response, why, strlen(why));
}

/* Appends a string without its NUL. */
static char *add(char *to, const char *text, size_t length)
{
    memcpy(to, text, length);
    return to + length;
}

#define ADD(to, literal) add(to, literal, sizeof(literal) - 1)

/* {"char": "A", "name": "LATIN CAPITAL LETTER A"}. Names are ASCII without quotes, and of the
 * characters that have one only two mean anything in a JSON string. */
static char *add_character(char *to, const struct moji_index *index, uint32_t character)
{
    const char *name = moji_name(index, character);
    uint32_t code = moji_code(index, character);
    char text[5];
    size_t length = moji_utf8(code, text);

    to = ADD(to, "{\"char\": \"");
    if (code == '"' || code == '\\')
        *to++ = '\\';
    to = add(to, text, length);
    to = ADD(to, "\", \"name\": \"");
    to = add(to, name, strlen(name));
    return ADD(to, "\"}");
}

/* The JSON array, to be freed, and its length; NULL: no memory. */
static char *to_json(const struct moji_index *index, const struct moji_found *found, size_t *length)
{
    size_t size = sizeof "[]\n";
    char *json, *end;

    for (size_t i = 0; i < found->count; i++)
        size += AROUND + strlen(moji_name(index, found->characters[i]));
    if (!(json = malloc(size)))
        return NULL;
    end = ADD(json, "[");
    for (size_t i = 0; i < found->count; i++) {
        if (i)
            end = ADD(end, ",\n");
        end = add_character(end, index, found->characters[i]);
    }
    end = ADD(end, "]\n");
    *length = (size_t)(end - json);
    return json;
}

static int answer_search(struct moji_web *web, struct sley_httpd_request *request,
                         struct sley_httpd_response *response)
{
    const char *query = sley_httpd_request_query(request, "q");
    struct moji_found found;
    size_t length = 0;
    char *json;

    if (!query)
        return refuse(response, 400, "What is to be found? /search?q=cat+face, for example.\n");
    if (moji_query_check(query, strlen(query)) != 0)
        return refuse(response, 400,
                      "A query is at most 255 bytes of UTF-8 without control "
                      "characters.\n");
    if (moji_search(web->index, query, &found) != 0)
        return SLEY_ENOMEM;
    json = to_json(web->index, &found, &length);
    moji_log_query(web->log, sley_httpd_request_peer(request), query, found.count);
    moji_found_free(&found);
    if (!json)
        return SLEY_ENOMEM;
    sley_httpd_response_header(response, "Content-Type", "application/json");
    return sley_httpd_response_body_owned(response, json, length, free);
}

static int answer_page(struct sley_httpd_response *response)
{
    sley_httpd_response_header(response, "Content-Type", "text/html; charset=utf-8");
    sley_httpd_response_header(
        response, "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; connect-src 'self'; form-action 'self'");
    return sley_httpd_response_body_static(
        response, moji_page, (size_t)((uintptr_t)moji_page_end - (uintptr_t)moji_page));
}

static int answer(struct sley_httpd_request *request, struct sley_httpd_response *response,
                  void *arg)
{
    const char *path = sley_httpd_request_path(request);
    const char *method = sley_httpd_request_method(request);
    bool is_search = strcmp(path, "/search") == 0;

    if (!is_search && strcmp(path, "/") != 0)
        return refuse(response, 404, "There is / and /search?q=WORDS.\n");
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        sley_httpd_response_header(response, "Allow", "GET, HEAD");
        return refuse(response, 405, "GET it.\n");
    }
    return is_search ? answer_search(arg, request, response) : answer_page(response);
}

int moji_web_start(struct moji_web *web, const struct sley_httpd_options *options,
                   struct sley_httpd **out)
{
    return sley_httpd_start(answer, web, options, out);
}
