/*
 * http_server_request.c: what the handler asks of a request. The contracts are in <sley/httpd.h>.
 *
 * Everything is borrowed: the method, the headers and mostly the path are pieces of the input
 * buffer, where the parser has left them. What must be decoded is copied first, and only if
 * somebody asks: the query, the fields of a form. Looking something up walks a short list, which
 * for what requests have is faster than any table.
 */
#define _GNU_SOURCE
#include "http_server_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PAIRS_MAX = 1000 }; /* arguments or fields; what is behind them is dropped */

static int decode_path(struct sley_httpd_request *request)
{
    size_t size;

    request->path = request->head.path;
    if (!strchr(request->path, '%'))
        return 0;
    size = strlen(request->path);
    request->own_path = strdup(request->path);
    if (!request->own_path)
        return 503;
    request->path = request->own_path;
    return sley__http1_decode(request->own_path, size, false) < 0 ? 400 : 0;
}

/* A NUL can be no part of a text. As in the path it is refused: nobody sends one but to see what
 * comes of it, and to hand on "cat%00" as the word would be to misunderstand even that. */
static bool query_is_hostile(const char *query)
{
    return query && strstr(query, "%00");
}

int sley__httpd_request_begin(struct sley_httpd_request *request)
{
    return query_is_hostile(request->head.query) ? 400 : decode_path(request);
}

static void pairs_free(struct sley__httpd_pairs *pairs)
{
    free(pairs->list);
    free(pairs->text);
}

void sley__httpd_request_end(struct sley_httpd_request *request)
{
    sley__httpd_response_clear(&request->response);
    sley__httpd_form_free(request->form);
    pairs_free(&request->query);
    pairs_free(&request->fields);
    free(request->param_text);
    free(request->own_path);
    free(request->own_body);
    free(request->old_input);
}

const char *sley_httpd_request_method(const struct sley_httpd_request *request)
{
    return request->head.method;
}

const char *sley_httpd_request_path(const struct sley_httpd_request *request)
{
    return request->path;
}

bool sley_httpd_request_header_at(const struct sley_httpd_request *request, size_t index,
                                  const char **name, const char **value)
{
    if (index >= request->head.count)
        return false;
    *name = request->head.headers[index].name;
    *value = request->head.headers[index].value;
    return true;
}

const char *sley_httpd_request_header(const struct sley_httpd_request *request, const char *name)
{
    for (unsigned i = 0; i < request->head.count; i++)
        if (strcasecmp(request->head.headers[i].name, name) == 0)
            return request->head.headers[i].value;
    return NULL;
}

const char *sley_httpd_request_param(const struct sley_httpd_request *request, const char *name)
{
    for (int i = 0; i < request->params; i++)
        if (strcmp(request->param[i].name, name) == 0)
            return request->param[i].value;
    return NULL;
}

const void *sley_httpd_request_body(const struct sley_httpd_request *request, size_t *size)
{
    *size = request->body_size;
    return request->body ? request->body : "";
}

const char *sley_httpd_request_peer(const struct sley_httpd_request *request)
{
    struct sley__httpd_connection *connection = request->connection;

    sley__httpd_name_peer(connection);
    return connection->peer;
}

/* --- pairs: NAME=VALUE&NAME=VALUE ------------------------------------------------------------- */

static size_t pairs_in(const char *text)
{
    size_t count = *text != '\0';

    for (; *text; text++)
        count += *text == '&';
    return count < PAIRS_MAX ? count : PAIRS_MAX;
}

/* What cannot be decoded stays as it is. */
static void decode(char *text)
{
    if (!strchr(text, '%') || sley__http1_decode(text, strlen(text), true) < 0)
        for (; *text; text++)
            *text = *text == '+' ? ' ' : *text;
}

static void split(struct sley__httpd_pairs *pairs, size_t room)
{
    char *next = pairs->text;

    while (next && pairs->count < room) {
        char *name = strsep(&next, "&"), *value = name;

        if (!*name)
            continue;
        strsep(&value, "=");
        decode(name);
        if (value)
            decode(value);
        pairs->list[pairs->count++] = (struct sley__httpd_pair){name, value ? value : ""};
    }
}

/* Without memory there are none. */
static void parse_pairs(struct sley__httpd_pairs *pairs, const char *text, size_t size)
{
    if (pairs->parsed)
        return;
    pairs->parsed = true;
    if (!text || !size)
        return;
    pairs->text = malloc(size + 1);
    if (!pairs->text)
        return;
    memcpy(pairs->text, text, size);
    pairs->text[size] = '\0';
    pairs->list = calloc(pairs_in(pairs->text) + 1, sizeof(*pairs->list));
    if (pairs->list)
        split(pairs, pairs_in(pairs->text));
}

static const char *find_pair(const struct sley__httpd_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->list[i].name, name) == 0)
            return pairs->list[i].value;
    return NULL;
}

static bool pair_at(const struct sley__httpd_pairs *pairs, size_t index, const char **name,
                    const char **value)
{
    if (index >= pairs->count)
        return false;
    *name = pairs->list[index].name;
    *value = pairs->list[index].value;
    return true;
}

static const struct sley__httpd_pairs *query_of(const struct sley_httpd_request *request)
{
    struct sley_httpd_request *own = (struct sley_httpd_request *)(uintptr_t)request;
    const char *query = request->head.query;

    parse_pairs(&own->query, query, query ? strlen(query) : 0);
    return &own->query;
}

static const struct sley__httpd_pairs *fields_of(const struct sley_httpd_request *request)
{
    struct sley_httpd_request *own = (struct sley_httpd_request *)(uintptr_t)request;
    const char *type = sley_httpd_request_header(request, "Content-Type");
    static const char form[] = "application/x-www-form-urlencoded";
    bool is_form = type && strncasecmp(type, form, sizeof(form) - 1) == 0;

    parse_pairs(&own->fields, is_form ? request->body : NULL, request->body_size);
    return &own->fields;
}

const char *sley_httpd_request_query(const struct sley_httpd_request *request, const char *name)
{
    return find_pair(query_of(request), name);
}

bool sley_httpd_request_query_at(const struct sley_httpd_request *request, size_t index,
                                 const char **name, const char **value)
{
    return pair_at(query_of(request), index, name, value);
}

const char *sley_httpd_request_field(const struct sley_httpd_request *request, const char *name)
{
    return find_pair(fields_of(request), name);
}

bool sley_httpd_request_field_at(const struct sley_httpd_request *request, size_t index,
                                 const char **name, const char **value)
{
    return pair_at(fields_of(request), index, name, value);
}
