/*
 * http_server_impl.h: what the files of the HTTP server share. http_server.c has the overview.
 */
#ifndef SLEY_HTTP_SERVER_IMPL_H
#define SLEY_HTTP_SERVER_IMPL_H

#include <sley/httpd.h>
#include <sley/listener.h>
#include <sley/stream.h>

#include "address.h"
#include "atomic.h"
#include "http1.h"
#include "list.h"
#include "lock.h"
#include "wait.h"

struct sley__httpd_router;
struct sley__httpd_form;

/* --- the server ------------------------------------------------------------------------------- */

struct sley_httpd {
    /* Constant after the start. */
    struct sley_runtime *runtime;
    sley_httpd_handler *handler; /* NULL: the routes are all there is */
    void *arg;
    struct sley_httpd_options options; /* with the defaults filled in; name is ours */
    bool own_tls;                      /* so is tls */
    struct sley__httpd_router *router; /* or NULL */
    struct sley_listener *listener;
    uint16_t port;

    struct sley__lock lock;  /* protects what follows */
    struct list connections; /* struct sley__httpd_connection */
    struct list waiters;     /* struct sley__httpd_waiter: for the last task to end */
    unsigned tasks;          /* connections, and the one that accepts */
    unsigned open;           /* connections */
    bool stopping;
    bool full; /* the accepting task waits for a connection to end */
    struct sley__waker acceptor;
    struct sley_task *accepting; /* its handle, while it runs */
    uint64_t requests, rejected; /* of connections that have ended */
    struct list unfreed;         /* in the runtime's list of servers, under that list's lock */
};

struct sley__httpd_waiter {
    struct list link;
    struct sley__waker waker;
};

/* http_server.c, from a connection's task. From here on nobody else knows of it, so that its stream
 * may be freed. */
struct sley__httpd_connection;
void sley__httpd_unlist(struct sley__httpd_connection *connection);
/* Its last touch of the server, which may then be gone. Frees the connection. */
void sley__httpd_leave(struct sley__httpd_connection *connection);

/* http_server_options.c: copies the options into the server, with the defaults. 0, SLEY_EINVAL,
 * SLEY_ENOMEM, SLEY_ETLS, ...; in any case they are to be dropped. From a task. May park. */
MUST_USE int sley__httpd_options_take(struct sley_httpd *server,
                                      const struct sley_httpd_options *options);
void sley__httpd_options_drop(struct sley_httpd *server);

/* --- a connection ----------------------------------------------------------------------------- */

/* Its task changes the first two, whoever stops the server makes it LAST. */
enum sley__httpd_turn {
    SLEY__HTTPD_BUSY, /* with a request */
    SLEY__HTTPD_IDLE, /* between two: may be closed at any moment */
    SLEY__HTTPD_LAST, /* no request after this one */
};

enum { SLEY__HTTPD_DATE = 37 };

struct sley__httpd_connection {
    struct sley_httpd *server;
    struct sley_stream *stream;
    struct list link;       /* under the server's lock */
    struct sley_task *task; /* its handle, likewise */
    atomic(uint32_t) turn;  /* acq_rel: what one side did before it changed it */

    /* Written by the task, read by whoever wants the counters. */
    atomic(uint64_t) requests, rejected;
    atomic(bool) running;

    /* The task's. */
    char peer[SLEY__ADDRESS_TEXT]; /* empty: nobody has asked yet */
    int64_t date_of;               /* the second that `date`, a header line, says */
    char date[SLEY__HTTPD_DATE];

    /* The task's: bytes that came and are not used, from start to end. */
    char *input;
    size_t start, end, capacity;
};

/* http_server_connection.c: the task's function. */
int sley__httpd_serve(void *arg);

/* Fills in connection->peer. */
void sley__httpd_name_peer(struct sley__httpd_connection *connection);

/* Reads what comes into `data`: bytes, SLEY_EOF, SLEY_ETIMEDOUT at `until`, ... Parks. */
MUST_USE int sley__httpd_receive(struct sley__httpd_connection *connection, void *data, size_t size,
                                 int64_t until);
/* The same behind what is in `input`, which has room. */
MUST_USE int sley__httpd_fill(struct sley__httpd_connection *connection, int64_t until);
/* What an answer has sent and waited for that, over all of its pieces. */
struct sley__httpd_pace {
    uint64_t sent;  /* bytes on the wire */
    int64_t waited; /* ns in writes */
};

/* Sends it all, as long as the client takes it fast enough. 0 or an error; *pace counts on. Parks.
 */
MUST_USE int sley__httpd_send(struct sley__httpd_connection *connection, const struct iovec *parts,
                              int count, struct sley__httpd_pace *pace);
/* When a transfer is too slow that began at `begun` and has moved `bytes`. */
int64_t sley__httpd_limit(const struct sley_httpd *server, int64_t begun, uint64_t bytes);

/* --- a request -------------------------------------------------------------------------------- */

enum { SLEY__HTTPD_PARAMS = 16, SLEY__HTTPD_INLINE = 512 };

/* A growing text on the stack of the task, and on the heap when it is large. */
struct sley__httpd_text {
    char *data; /* `small`, or allocated */
    size_t size, capacity;
    char small[SLEY__HTTPD_INLINE];
};

/* "name" and "value" NUL-terminated. */
struct sley__httpd_pair {
    const char *name, *value;
};

struct sley__httpd_pairs {
    struct sley__httpd_pair *list;
    size_t count;
    char *text; /* that they point into, or NULL */
    bool parsed;
};

struct sley_httpd_response {
    struct sley_httpd_request *request;
    int status;
    void *data;
    size_t size;
    void (*release)(void *data);     /* NULL: the body is borrowed */
    struct sley__httpd_text headers; /* as lines */
    bool dated;                      /* the handler has set a Date */
    bool abort, truncated;
    size_t truncate_at;

    bool started;           /* the head is sent, the handler writes the body itself */
    bool chunked, bodyless; /* a HEAD, 204 or 304: nothing may be sent */
    bool has_length;
    uint64_t length, written; /* announced, if has_length; and given to the writer */
    struct sley__httpd_pace pace;
    int error; /* of the writer: if the head is sent, the connection is good for nothing more */
};

/* On the stack of the connection's task. */
struct sley_httpd_request {
    struct sley__httpd_connection *connection;
    struct sley__http1_head head;
    int64_t begun;                        /* when its head was complete */
    char *path;                           /* decoded */
    char *own_path;                       /* the same, if it is allocated */
    const struct sley_httpd_route *route; /* or NULL */
    char *param_text;                     /* what the values of `param` point into, or NULL */
    int params;
    struct sley__httpd_pair param[SLEY__HTTPD_PARAMS];

    struct sley__httpd_pairs query, fields;
    struct sley__httpd_form *form;

    /* Its body. */
    struct sley__http1_chunks chunks;
    uint64_t left;     /* of a body with a length */
    uint64_t received; /* of the body, so far */
    uint64_t max_body;
    int64_t waited; /* ns, for its bytes */
    bool over;      /* all of it was received */
    bool continued; /* the client need not be told to go on */
    bool refused;   /* it sends more than it may */
    bool streamed;  /* the handler reads it */
    const char *body;
    char *own_body;  /* the same, if it is allocated */
    char *old_input; /* the input that the head stands in, if the connection has a new one */
    size_t body_size;

    struct sley_httpd_response response;
};

/* http_server_body.c */
void sley__httpd_body_begin(struct sley_httpd_request *request);
/* All of it into memory: 0, or the status to answer with, or a negative error: the client is gone.
 */
MUST_USE int sley__httpd_body_load(struct sley_httpd_request *request);
/* Reads and drops what the handler has left, if it is not much; false: too much. */
MUST_USE bool sley__httpd_body_drain(struct sley_httpd_request *request);
/* The next bytes of it: how many, 0 at the end, SLEY_EMSGSIZE, SLEY_EPROTO, ... */
MUST_USE int sley__httpd_body_read(struct sley_httpd_request *request, void *data, size_t size);

/* http_server_request.c */
MUST_USE int sley__httpd_request_begin(struct sley_httpd_request *request); /* 0 or a status */
void sley__httpd_request_end(struct sley_httpd_request *request);

/* http_server_response.c */
void sley__httpd_response_init(struct sley_httpd_request *request);
void sley__httpd_response_clear(struct sley_httpd_response *response);
/* Makes it a 500, whatever it was to be. Nothing of it is sent yet. */
void sley__httpd_response_fail(struct sley_httpd_response *response);
/* Sends the answer: 0 or an error, after which the connection is of no more use. */
MUST_USE int sley__httpd_response_finish(struct sley_httpd_response *response);
MUST_USE bool sley__httpd_text_add(struct sley__httpd_text *text, const void *data, size_t size);
void sley__httpd_text_clear(struct sley__httpd_text *text);
bool sley__httpd_closes(const struct sley_httpd_request *request);

/* http_server_routes.c */
MUST_USE int sley__httpd_router_new(const struct sley_httpd_route *routes,
                                    struct sley__httpd_router **out);
void sley__httpd_router_free(struct sley__httpd_router *router);
/* Finds the route: 0, or 404; or 405 and 204 with the methods that there are in `allow`. */
MUST_USE int sley__httpd_route(const struct sley__httpd_router *router,
                               struct sley_httpd_request *request, char *allow, size_t size);

/* http_server_form.c */
void sley__httpd_form_free(struct sley__httpd_form *form);

#endif
