/*
 * httpd.c: an HTTP server with two routes, of which one takes a name out of the path and a number
 * out of the query: the routes of aiohttp and FastAPI, Go's ServeMux. Each connection is a task, so
 * a handler may wait for what it likes. What no route fits is answered with 404.
 *
 * prints: 200 welcome; 200 Ada is 36; 200 Alan is a secret; 404
 */
#include <stdio.h>
#include <sley/sley.h>

static int welcome(struct sley_httpd_request *request __attribute__((unused)),
                   struct sley_httpd_response *response, void *unused __attribute__((unused)))
{
    return sley_httpd_response_body_static(response, "welcome", 7);
}

static int tell(struct sley_httpd_request *request, struct sley_httpd_response *response,
                void *unused __attribute__((unused)))
{
    const char *name = sley_httpd_request_param(request, "name"); /* decoded; so is this: */
    const char *age = sley_httpd_request_query(request, "age");   /* NULL: it is not there */
    char text[100];
    int size = snprintf(text, sizeof text, "%.40s is %.40s", name, age ? age : "a secret");
    return sley_httpd_response_body_copy(response, text, (size_t)size);
}

static const struct sley_httpd_route routes[] = {
    {.method = "GET", .path = "/", .handler = welcome},
    {.method = "GET", .path = "/people/{name}", .handler = tell},
    {.handler = NULL}, /* the end */
};

static struct sley_httpd *server;
static struct sley_http_client *client;

static int get(const char *path)
{
    struct sley_http_response *response = NULL;
    char url[100];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", sley_httpd_port(server), path);
    int error = sley_http_get(client, url, NULL, &response);
    if (!error)
        printf("%d %s; ", sley_http_response_status(response), sley_http_response_body(response));
    sley_http_response_free(response);
    return error;
}

static int app(void *unused __attribute__((unused)))
{
    const char *paths[] = {"/", "/people/Ada?age=36", "/people/Alan", "/animals/Flipper"};
    struct sley_httpd_options options = {.routes = routes}; /* on a free port of 127.0.0.1 */
    int error = sley_httpd_start(NULL, NULL, &options, &server);
    if (!error)
        error = sley_http_client_new(&(struct sley_http_client_options){.no_proxy = true}, &client);
    for (int i = 0; i < 4 && !error; i++)
        error = get(paths[i]);
    sley_http_client_free(client);
    sley_httpd_free(server);
    return error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
