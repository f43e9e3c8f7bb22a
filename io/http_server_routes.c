/*
 * http_server_routes.c: from a method and a path to a handler.
 *
 * The patterns are a tree with one node per segment, made when the server starts. Below a node a
 * segment is looked for among the literal ones first, then a parameter takes it, then a rest; if
 * that leads nowhere the next of them is tried, so that the most exact pattern wins whatever order
 * they were given in. A path is at most as deep as the deepest pattern, and so is the recursion.
 *
 * A path is split before it is decoded, so that an encoded slash is part of a segment and not the
 * end of it. A node that fits but has not the method is remembered: if nothing else fits the answer
 * is 405, and names those that there are.
 */
#define _GNU_SOURCE
#include "http_server_impl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEEP = 64 }; /* segments of a pattern, at most */

struct endpoint {
    struct endpoint *next;
    struct sley_httpd_route route; /* method and path are ours */
    int params;
    char *names[SLEY__HTTPD_PARAMS];
};

struct node {
    char *segment; /* of a literal one */
    struct node *next;
    struct node *literals, *param;
    struct endpoint *endpoints, *rest; /* rest: of patterns that end in {name...} here */
};

struct sley__httpd_router {
    struct node root;
};

/* --- making it -------------------------------------------------------------------------------- */

static void endpoints_free(struct endpoint *endpoint)
{
    while (endpoint) {
        struct endpoint *next = endpoint->next;

        free((char *)(uintptr_t)endpoint->route.method);
        for (int i = 0; i < endpoint->params; i++)
            free(endpoint->names[i]);
        free(endpoint);
        endpoint = next;
    }
}

static void node_clear(struct node *node);

static void node_free(struct node *node)
{
    if (!node)
        return;
    node_clear(node);
    free(node);
}

static void node_clear(struct node *node)
{
    struct node *child = node->literals, *next;

    for (; child; child = next) {
        next = child->next;
        node_free(child);
    }
    node_free(node->param);
    endpoints_free(node->endpoints);
    endpoints_free(node->rest);
    free(node->segment);
}

void sley__httpd_router_free(struct sley__httpd_router *router)
{
    if (!router)
        return;
    node_clear(&router->root);
    free(router);
}

static struct node *literal(const struct node *node, const char *segment, size_t size)
{
    struct node *child = node->literals;

    while (child && (strlen(child->segment) != size || memcmp(child->segment, segment, size) != 0))
        child = child->next;
    return child;
}

static struct node *add_literal(struct node *node, const char *segment, size_t size)
{
    struct node *child = literal(node, segment, size);

    if (child)
        return child;
    child = calloc(1, sizeof(*child));
    if (!child)
        return NULL;
    child->segment = strndup(segment, size);
    if (!child->segment) {
        free(child);
        return NULL;
    }
    child->next = node->literals;
    node->literals = child;
    return child;
}

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            return false;
    return size > 0;
}

/* A name between braces, at the end with dots: 0 or an error. */
static int add_name(struct endpoint *endpoint, const char *segment, size_t size, bool *rest)
{
    size_t name = size > 2 ? size - 2 : 0;

    *rest = name > 3 && memcmp(segment + size - 4, "...", 3) == 0;
    name -= *rest ? 3 : 0;
    if (segment[size - 1] != '}' || endpoint->params == SLEY__HTTPD_PARAMS ||
        !is_name(segment + 1, name))
        return SLEY_EINVAL;
    endpoint->names[endpoint->params] = strndup(segment + 1, name);
    return endpoint->names[endpoint->params++] ? 0 : SLEY_ENOMEM;
}

/* One segment of a pattern: the node it leads to; *rest: it ends here. */
static int add_segment(struct node **node, struct endpoint *endpoint, const char *segment,
                       size_t size, bool *rest)
{
    int error;

    *rest = false;
    if (size && *segment == '{') {
        error = add_name(endpoint, segment, size, rest);
        if (error || *rest)
            return error;
        if (!(*node)->param)
            (*node)->param = calloc(1, sizeof(struct node));
        *node = (*node)->param;
    } else {
        if (memchr(segment, '{', size) || memchr(segment, '}', size))
            return SLEY_EINVAL;
        *node = add_literal(*node, segment, size);
    }
    return *node ? 0 : SLEY_ENOMEM;
}

static bool same_method(const char *one, const char *other)
{
    return one == other || (one && other && strcmp(one, other) == 0);
}

static int attach(struct endpoint **list, struct endpoint *endpoint)
{
    for (struct endpoint *other = *list; other; other = other->next)
        if (same_method(other->route.method, endpoint->route.method))
            return SLEY_EINVAL;
    endpoint->next = *list;
    *list = endpoint;
    return 0;
}

static int walk_pattern(struct node *node, struct endpoint *endpoint)
{
    const char *segment = endpoint->route.path;
    bool rest = false;
    int depth = 0;

    if (!segment || *segment != '/')
        return SLEY_EINVAL;
    while (*segment == '/' && !rest) {
        size_t size = strcspn(++segment, "/");
        int error = add_segment(&node, endpoint, segment, size, &rest);

        if (error)
            return error;
        segment += size;
        if (++depth > DEEP || (rest && *segment))
            return SLEY_EINVAL;
    }
    return attach(rest ? &node->rest : &node->endpoints, endpoint);
}

static int add_route(struct sley__httpd_router *router, const struct sley_httpd_route *route)
{
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
    int error = 0;

    if (!endpoint)
        return SLEY_ENOMEM;
    endpoint->route = *route;
    endpoint->route.method = NULL;
    if (route->method && !sley__http1_is_token(route->method, strlen(route->method)))
        error = SLEY_EINVAL;
    if (!error && route->method && !(endpoint->route.method = strdup(route->method)))
        error = SLEY_ENOMEM;
    if (!error)
        error = walk_pattern(&router->root, endpoint);
    endpoint->route.path = NULL; /* the caller's */
    if (error)
        endpoints_free(endpoint);
    return error;
}

int sley__httpd_router_new(const struct sley_httpd_route *routes, struct sley__httpd_router **out)
{
    struct sley__httpd_router *router = calloc(1, sizeof(*router));
    int error = router ? 0 : SLEY_ENOMEM;

    for (; !error && routes->handler; routes++)
        error = add_route(router, routes);
    if (error)
        sley__httpd_router_free(router);
    else
        *out = router;
    return error;
}

/* --- looking ---------------------------------------------------------------------------------- */

struct search {
    const char *method;
    struct sley_httpd_request *request;
    const char *segments[DEEP + 1]; /* decoded, each NUL-terminated */
    const char *rests[DEEP + 1];    /* from there to the end of the path, encoded */
    int count;
    const char *values[SLEY__HTTPD_PARAMS];
    char *allow; /* methods of what fits but for them */
    size_t allow_size;
};

static void allow(struct search *search, const char *method)
{
    size_t used = strlen(search->allow), size = strlen(method);

    if (strstr(search->allow, method) || used + size + 3 > search->allow_size)
        return;
    strcat(search->allow, used ? ", " : "");
    strcat(search->allow, method);
}

static const struct endpoint *with_method(struct search *search, const struct endpoint *endpoint)
{
    const struct endpoint *any = NULL, *get = NULL;

    for (; endpoint; endpoint = endpoint->next) {
        const char *method = endpoint->route.method;

        if (method && strcmp(method, search->method) == 0)
            return endpoint;
        if (!method)
            any = endpoint;
        else if (strcmp(method, "GET") == 0)
            get = endpoint;
        if (method)
            allow(search, method);
    }
    if (get)
        allow(search, "HEAD");
    return get && strcmp(search->method, "HEAD") == 0 ? get : any;
}

static const struct endpoint *find(struct search *search, const struct node *node, int at,
                                   int values)
{
    const struct endpoint *found = NULL;
    const struct node *child;

    if (at == search->count)
        return with_method(search, node->endpoints);
    child = literal(node, search->segments[at], strlen(search->segments[at]));
    if (child)
        found = find(search, child, at + 1, values);
    if (!found && node->param && *search->segments[at]) {
        search->values[values] = search->segments[at];
        found = find(search, node->param, at + 1, values + 1);
    }
    if (!found && node->rest) {
        found = with_method(search, node->rest);
        if (found)
            search->values[values] = search->rests[at];
    }
    return found;
}

/* A piece of a path; the whole of it could be decoded. */
static void decode(char *text)
{
    ensure(sley__http1_decode(text, strlen(text), false) >= 0);
}

/* Splits and decodes a copy; a second one, behind it, is for a rest. What is deeper than any
 * pattern stays in one piece: only a rest can take it. */
static int split_path(struct search *search, const char *path)
{
    size_t size = strlen(path);
    char *text = malloc(2 * (size + 1)), *next = text, *segment;

    if (!text)
        return 503;
    search->request->param_text = text;
    memcpy(text, path, size + 1);
    memcpy(text + size + 1, path, size + 1);
    strsep(&next, "/");
    while (next && search->count < DEEP + 1) {
        search->rests[search->count] = next + size + 1;
        segment = strsep(&next, "/");
        decode(segment);
        search->segments[search->count++] = segment;
    }
    return 0;
}

static void take_params(struct search *search, const struct endpoint *endpoint)
{
    struct sley_httpd_request *request = search->request;

    request->route = &endpoint->route;
    request->params = endpoint->params;
    for (int i = 0; i < endpoint->params; i++) {
        char *value = (char *)(uintptr_t)search->values[i];

        request->param[i] = (struct sley__httpd_pair){endpoint->names[i], value};
    }
    for (int i = 0; i < search->count && endpoint->params; i++) {
        char *last = (char *)(uintptr_t)search->values[endpoint->params - 1];

        if (last == search->rests[i])
            decode(last);
    }
}

int sley__httpd_route(const struct sley__httpd_router *router, struct sley_httpd_request *request,
                      char *methods, size_t size)
{
    struct search search = {
        .method = request->head.method, .request = request, .allow = methods, .allow_size = size};
    const char *path = request->head.path;
    const struct endpoint *found;
    int status = split_path(&search, path);

    if (status)
        return status;
    found = find(&search, &router->root, 0, 0);
    if (found) {
        *methods = '\0';
        take_params(&search, found);
        return 0;
    }
    if (!*methods)
        return 404;
    return strcmp(search.method, "OPTIONS") == 0 ? 204 : 405;
}
