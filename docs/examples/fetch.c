/*
 * fetch.c: pages fetched at once through one client: httpx, aiohttp's ClientSession, Go's
 * http.Client. The tasks share its connections. An answer that says 404 is one, too; an
 * error is that there was none.
 *
 * prints: 200 a, 200 b, 404
 */
#include <stdio.h>
#include <string.h>
#include <sley/sley.h>

static struct sley_http_client *client;
static struct sley_httpd *server; /* in the same program here: see httpd.c */

struct page {
    const char *path;
    char text[20];
};

static int fetch(void *arg)
{
    struct page *page = arg;
    struct sley_http_response *response = NULL;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", sley_httpd_port(server), page->path);
    int error = sley_http_get(client, url, NULL, &response); /* parks */
    if (!error)
        snprintf(page->text, sizeof page->text, "%d %s", sley_http_response_status(response),
                 sley_http_response_body(response));
    sley_http_response_free(response); /* NULL is fine */
    return error;
}

static int serve(struct sley_httpd_request *request, struct sley_httpd_response *response,
                 void *unused __attribute__((unused)))
{
    const char *path = sley_httpd_request_path(request);
    return strcmp(path, "/c") == 0 ? sley_httpd_response_status(response, 404)
                                   : sley_httpd_response_body_copy(response, path + 1, 1);
}

static int app(void *unused __attribute__((unused)))
{
    struct page pages[] = {{.path = "/a"}, {.path = "/b"}, {.path = "/c"}};
    struct sley_http_client_options options = {.no_proxy = true}; /* to our own server */
    struct sley_scope scope;
    int error = sley_httpd_start(serve, NULL, NULL, &server);
    if (!error)
        error = sley_http_client_new(&options, &client);
    SLEY_SCOPE(&scope, .deadline = sley_after(SLEY_SECONDS(60)))
    for (int i = 0; i < 3 && !error; i++)
        error = sley_scope_spawn(&scope, fetch, &pages[i], NULL, NULL);
    sley_http_client_free(client);
    sley_httpd_free(server);
    printf("%s, %s, %s\n", pages[0].text, pages[1].text, pages[2].text);
    return error ? error : scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
