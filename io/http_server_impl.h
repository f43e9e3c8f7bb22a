/*
 * http_server_impl.h: what the files of the HTTP server share. http_server.c has the overview.
 */
#ifndef SLEY_HTTP_SERVER_IMPL_H
#define SLEY_HTTP_SERVER_IMPL_H

#include <microhttpd.h>

#include <sley/httpd.h>
#include <sley/runtime.h>

#include "address.h"
#include "io.h"

struct sley_httpd {
    /* Constant after the start. */
    struct sley__loop *loop;
    struct sley_runtime *runtime;
    sley_httpd_handler *handler;
    void *arg;
    struct sley_httpd_options options; /* with the defaults filled in; name is ours */
    uint16_t port;

    /* Written by the I/O thread only, read by anybody; nothing hangs on their order. */
    atomic(uint64_t) requests, rejected, connections, running;

    struct sley__inbox_node free_node; /* pushed once, by the owner */
    struct sley__lock lock;            /* protects the next three */
    bool gone; /* the I/O thread has let go for good; the owner frees the memory */
    bool has_waiter;
    struct sley__waker waiter; /* the owner, in sley_httpd_free */

    /* I/O thread only */
    struct sley__resident resident;
    struct sley__deferred round; /* let the daemon run at the end of this round */
    struct MHD_Daemon *daemon;
    int listener;         /* -1 once it listens no more */
    uv_poll_t poll;       /* on the daemon's epoll set */
    uv_timer_t timer;     /* the daemon's next timeout */
    int handles;          /* the two above that are still open */
    struct list active;   /* requests from their first byte to the last of the answer */
    struct list stoppers; /* struct stopper: tasks in sley_httpd_stop */
    bool stopping;        /* takes no new requests */
    bool closing;         /* will be gone when no handler runs any more */
    bool owned;           /* somebody waits for `gone` and frees it */
};

enum sley__httpd_body {
    SLEY__HTTPD_STATIC,
    SLEY__HTTPD_OWNED, /* release(data) when it has been sent */
};

/* The handler's while it runs, then the I/O thread's. */
struct sley_httpd_response {
    int status;
    enum sley__httpd_body kind;
    void *data;
    size_t size;
    void (*release)(void *data);
    char *headers; /* "name\0value\0" pairs, `headers_size` bytes */
    size_t headers_size;
    bool abort;
    bool truncated;
    size_t truncate_at;
};

enum sley__httpd_state {
    SLEY__HTTPD_READING, /* headers and body come in */
    SLEY__HTTPD_RUNNING, /* the connection is suspended, the handler runs */
    SLEY__HTTPD_ANSWER,  /* the answer is there */
    SLEY__HTTPD_SENDING, /* it was given to the daemon */
};

struct sley_httpd_request {
    struct sley_httpd *server;
    struct MHD_Connection *connection; /* not touched by the I/O thread while the handler runs */
    const char *method, *path;         /* the connection's */
    struct sley__inbox_node done_node; /* pushed by the task as its last act */

    /* I/O thread only */
    struct list link; /* in server->active */
    enum sley__httpd_state state;
    struct sley_task *task; /* while RUNNING: to cancel it */

    /* The I/O thread's while READING, then the handler's. */
    char *body;
    size_t body_size, body_capacity;
    bool too_large;
    char peer[SLEY__ADDRESS_TEXT];

    struct sley_httpd_response response;
    struct MHD_Response *answer; /* made by the task when the handler has returned, or NULL */
};

/* http_server_request.c, I/O thread only: what the daemon calls. */
enum MHD_Result sley__httpd_on_request(void *server, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *upload, size_t *upload_size, void **context);
void sley__httpd_on_completed(void *arg, struct MHD_Connection *connection, void **context,
                              enum MHD_RequestTerminationCode why);
/* The handlers that run are told to hurry. */
void sley__httpd_cancel_all(struct sley_httpd *server);
/* After their tasks have all ended without a word: takes the connections back. */
void sley__httpd_abort_all(struct sley_httpd *server);

/* http_server_response.c: the handler's answer in the daemon's form; NULL: no memory. Releases or
 * hands over what the response holds. From a task or the I/O thread. */
struct MHD_Response *sley__httpd_response_build(struct sley_httpd_response *response);
void sley__httpd_response_clear(struct sley_httpd_response *response);

/* http_server_daemon.c */
struct sley__httpd_opening {
    struct sley__request request;
    struct sley_httpd *server;
};
void sley__httpd_loop_open(struct sley__inbox_node *node); /* of a struct sley__httpd_opening */
void sley__httpd_loop_stop(struct sley__inbox_node *node); /* of a struct sley__request */
void sley__httpd_loop_free(struct sley__inbox_node *node); /* server->free_node */

struct sley__httpd_stopper {
    struct sley__request request;
    struct sley_httpd *server;
    struct list link; /* in server->stoppers */
};

/* I/O thread only: the daemon has something to do; a request is over, or a handler. */
void sley__httpd_turn_soon(struct sley_httpd *server);
void sley__httpd_settle(struct sley_httpd *server);

/* http_server.c: frees the memory of one that is gone, or never was. */
void sley__httpd_destroy(struct sley_httpd *server);

#endif
