/*
 * libmicrohttpd.c: GNU libmicrohttpd as its manual has it where speed matters: an epoll set in a
 * thread of its own, a pool of them for more than one worker, and one response that was made before
 * and is queued for every request.
 *
 * The handler is called twice for a request: when its head is there, and when all of it is. It may
 * only answer the second time.
 */
#include <microhttpd.h>
#include <unistd.h>

#include "peers/common/server.h"

static struct MHD_Response *response;

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *data_size, void **request)
{
    static int begun;

    (void)arg, (void)url, (void)method, (void)version, (void)data, (void)data_size;
    if (*request != &begun) {
        *request = &begun;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

static void serve(const struct peer_setup *setup, int listener)
{
    static char body[] = "Hello, world!";
    struct MHD_Daemon *daemon;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listener, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, 4096, NULL},
        {setup->workers > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (int)setup->workers,
         NULL},
        {MHD_OPTION_END, 0, NULL},
    };

    response = MHD_create_response_from_buffer(sizeof body - 1, body, MHD_RESPMEM_PERSISTENT);
    if (!response || MHD_add_response_header(response, "Content-Type", "text/plain") != MHD_YES)
        peer_fail("no response");
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, 0, NULL, NULL, answer,
                              NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!daemon)
        peer_fail("no daemon");
    for (;;)
        pause();
}

static void run(const struct peer_setup *setup)
{
    peer_run_server(setup, "http_server", serve);
}

static const struct peer_row rows[] = {{"http_server", run, NULL}, {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "libmicrohttpd", rows);
}
