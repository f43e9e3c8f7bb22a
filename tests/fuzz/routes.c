/*
 * routes.c: patterns of the HTTP server's routes, and paths that are looked for among them. The
 * input is lines, each a pattern with or without a method before it; after an empty line a method
 * and a path. The route that is found must be the same whatever order the patterns came in, and its
 * parameters must be pieces of the path.
 *
 * floor: 160
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include "http_server_impl.h"

enum { MOST = 2000, ROUTES = 12 };

static int no_handler(struct sley_httpd_request *request, struct sley_httpd_response *response,
                      void *arg)
{
    (void)request;
    (void)response;
    (void)arg;
    return 0;
}

/* Cuts off the next line. NULL: there is none. */
static char *next_line(char **text)
{
    return *text ? strsep(text, "\n") : NULL;
}

static size_t read_routes(char **text, struct sley_httpd_route *routes)
{
    size_t count = 0;
    char *line;

    while ((line = next_line(text)) && *line) {
        char *path = strchr(line, ' ');

        if (count == ROUTES)
            continue;
        if (path)
            *path++ = '\0';
        routes[count] = (struct sley_httpd_route){.method = path ? line : NULL,
                                                  .path = path ? path : line,
                                                  .handler = no_handler,
                                                  .arg = &routes[count]};
        count++;
    }
    return count;
}

static void check_params(const struct sley_httpd_request *request, size_t size)
{
    const char *text = request->param_text;

    for (int i = 0; i < request->params; i++) {
        const char *value = request->param[i].value;

        must(*request->param[i].name);
        must(value >= text && value < text + 2 * (size + 1));
        must(strlen(value) <= size);
    }
}

/* The status, and in *found the route's place. */
static int look(const struct sley_httpd_route *routes, const char *method, const char *path,
                void **found)
{
    static struct sley_httpd_request request;
    struct sley__httpd_router *router = NULL;
    char allow[64] = "";
    int status, error = sley__httpd_router_new(routes, &router);

    *found = NULL;
    must(!error == (router != NULL));
    if (error)
        return error;
    memset(&request, 0, sizeof(request));
    request.head.method = (char *)(uintptr_t)method;
    request.head.path = (char *)(uintptr_t)path;
    status = sley__httpd_route(router, &request, allow, sizeof(allow));
    must(status == 0 || status == 404 || status == 405 || status == 204);
    must(!*allow == (status == 0 || status == 404) && strlen(allow) < sizeof(allow));
    if (!status) {
        check_params(&request, strlen(path));
        *found = request.route->arg;
    }
    free(request.param_text);
    sley__httpd_router_free(router);
    return status;
}

/* The server has refused before what cannot be decoded. */
static bool can_be_decoded(const char *path)
{
    char copy[MOST + 1];

    strcpy(copy, path);
    return sley__http1_decode(copy, strlen(copy), false) >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sley_httpd_route routes[ROUTES + 1] = {0}, turned[ROUTES + 1] = {0};
    static char text[MOST + 1];
    char *rest = text, *method, *path;
    void *one, *other;
    size_t count;
    int status;

    if (size > MOST || memchr(bytes, '\0', size))
        return 0;
    memcpy(text, bytes, size);
    text[size] = '\0';
    count = read_routes(&rest, routes);
    method = next_line(&rest);
    path = method ? strchr(method, ' ') : NULL;
    if (!path)
        return 0;
    *path++ = '\0';
    if (!can_be_decoded(path))
        return 0;
    for (size_t i = 0; i < count; i++)
        turned[i] = routes[count - 1 - i];
    status = look(routes, method, path, &one);
    must(look(turned, method, path, &other) == status);
    must(one == other);
    return 0;
}
