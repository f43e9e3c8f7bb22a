/*
 * http_client_impl.h: what the files of the HTTP client share. http_client.c has the overview.
 */
#ifndef SLEY_HTTP_CLIENT_IMPL_H
#define SLEY_HTTP_CLIENT_IMPL_H

#include <curl/curl.h>

#include <sley/http.h>

#include "io.h"

/* --- http_client_sockets.c: the descriptors of libcurl --------------------------------------- */

struct sley__http_socket;

/* I/O thread only. */
struct sley__http_sockets {
    int set;                         /* an epoll descriptor; -1 before open */
    struct sley__http_socket *table; /* by descriptor */
    int size;
    int *changed; /* descriptors whose interest changed in this round */
    int changed_count;
};

MUST_USE int sley__http_sockets_open(struct sley__http_sockets *sockets);
void sley__http_sockets_close(struct sley__http_sockets *sockets);

/* A descriptor that curl opened through us: whatever was known of its number is forgotten. */
MUST_USE bool sley__http_sockets_add(struct sley__http_sockets *sockets, int fd);
/* It is about to be closed. */
void sley__http_sockets_remove(struct sley__http_sockets *sockets, int fd);
/* curl wants these CURL_POLL_* of it; false: no memory. */
MUST_USE bool sley__http_sockets_want(struct sley__http_sockets *sockets, int fd, int what);
/* Tells the kernel what has changed, at the end of a round. */
void sley__http_sockets_sync(struct sley__http_sockets *sockets);

struct sley__http_event {
    int fd;
    int bits; /* CURL_CSELECT_* */
};
/* Events that curl wants to hear of, at most `limit` (at most 128). *more: there may be others. */
int sley__http_sockets_events(struct sley__http_sockets *sockets, struct sley__http_event *events,
                              bool *more);

/* --- the client ------------------------------------------------------------------------------ */

struct sley_http_client {
    atomic(uint32_t) refs; /* the owner, the loop, each response that is in use */
    struct sley__loop *loop;
    struct sley_http_client_options options; /* constant; user_agent is ours */

    struct sley__lock lock; /* protects the next two */
    struct sley_http_response *idle;
    unsigned idle_count;

    struct sley__inbox_node close_node; /* pushed once, by the owner */

    /* I/O thread only */
    struct sley__resident resident;
    struct sley__deferred round; /* what is to do at the end of this round */
    CURLM *multi;
    struct sley__http_sockets sockets;
    uv_poll_t poll;        /* on the set of `sockets` */
    uv_timer_t timer;      /* curl's */
    uv_timer_t idle_timer; /* the earliest idle timeout that may be due */
    uint64_t idle_due;     /* when it fires, loop ms; UINT64_MAX: not armed */
    int handles;           /* the three above that are still open */
    bool kick;             /* curl's timer is due now */
    bool closing;
    struct list active; /* responses in the multi handle, by `active` */
    struct list dirty;  /* responses with something to tell their task, by `dirty` */
};

struct sley__http_buffer {
    char *data;
    size_t size, capacity;
};

/* How a transfer ended, beside curl's word for it. */
enum sley__http_end {
    SLEY__HTTP_BY_CURL,
    SLEY__HTTP_TOO_LARGE,
    SLEY__HTTP_HEADER_TOO_LARGE,
    SLEY__HTTP_NO_MEMORY,
    SLEY__HTTP_IDLE,
    SLEY__HTTP_SHUT_DOWN,
};

/* A transfer, and once it is complete the response. Two own it while it runs, its task and the
 * loop; recycled by whoever is last. */
struct sley_http_response {
    struct sley_http_client *client;
    struct sley_http_response *next_idle; /* under the client's lock */
    atomic(uint32_t) refs;
    CURL *easy; /* the task's before the submit and after the end, else the loop's */

    /* Set by the task before the submit, constant then. */
    sley_http_sink *sink;
    void *sink_arg;
    size_t max_body;
    int64_t connect_timeout, idle_timeout, timeout;
    struct curl_slist *headers_out;
    struct sley__inbox_node submit_node, cancel_node, resume_node;

    /* Protected by the lock; `done` and the buffer are the task's alone once it has seen `done`.
     * Without a sink the loop fills the buffer without the lock, because the task does not look. */
    struct sley__lock lock;
    struct sley__waker waker; /* valid while `waiting` */
    bool waiting, done;
    bool paused;   /* the loop holds curl up: the buffer is full */
    bool resuming; /* resume_node is in the inbox */
    struct sley__http_buffer body;

    /* I/O thread only */
    struct list active_link, dirty_link;
    bool active;         /* in the multi handle */
    bool started;        /* the request is on its way; read by the task after the end */
    uint64_t last_heard; /* loop ms */
    curl_off_t uploaded; /* at the last look */

    /* Written by the loop before `done`, read by the task after it. */
    enum sley__http_end end;
    CURLcode code;
    uint64_t bytes;
    struct sley__http_buffer headers; /* raw lines; then "name\0value\0" pairs */
    size_t header_count;
    int status;
    char curl_error[CURL_ERROR_SIZE];
};

/* http_client.c: any thread */
void sley__http_client_unref(struct sley_http_client *client);
void sley__http_response_unref(struct sley_http_response *response);

/* http_client_receive.c: room for `more` bytes and a NUL; false: no memory. */
MUST_USE bool sley__http_buffer_reserve(struct sley__http_buffer *buffer, size_t more);
MUST_USE bool sley__http_buffer_add(struct sley__http_buffer *buffer, const void *data,
                                    size_t size);

/* http_client_setup.c: from a task */
MUST_USE int sley__http_easy_new(struct sley_http_client *client, CURL **out);
MUST_USE int sley__http_set_up(struct sley_http_response *response, const char *url,
                               const struct sley_http_options *options);

/* http_client_receive.c: what curl calls with data. I/O thread only. */
size_t sley__http_on_header(char *data, size_t one, size_t size, void *arg);
size_t sley__http_on_body(char *data, size_t one, size_t size, void *arg);
int sley__http_on_request(void *response, char *peer_ip, char *own_ip, int peer_port, int own_port);
curl_socket_t sley__http_on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
int sley__http_on_close(void *arg, curl_socket_t fd);

/* http_client_loop.c */
void sley__http_loop_open(struct sley__inbox_node *node); /* of a struct sley__http_opening */
void sley__http_loop_close(struct sley__inbox_node *node);
void sley__http_loop_submit(struct sley__inbox_node *node);
void sley__http_loop_cancel(struct sley__inbox_node *node);
void sley__http_loop_resume(struct sley__inbox_node *node);
/* It has something to tell its task at the end of this round. I/O thread only. */
void sley__http_loop_tell(struct sley_http_response *response);
/* The request has been sent: its idle time counts from now on. I/O thread only. */
void sley__http_loop_started(struct sley_http_response *response);

struct sley__http_opening {
    struct sley__request request;
    struct sley_http_client *client;
};

/* http_client_error.c: the outcome of a transfer that is done: 0 or a negative SLEY_E*, and the
 * sentence for it in `text` (SLEY_HTTP_ERROR_SIZE bytes, or NULL). From a task. */
MUST_USE int sley__http_outcome(struct sley_http_response *response, char *text);

/* http_client_response.c: turns the raw headers into pairs, fetches the status. From a task. */
void sley__http_response_complete(struct sley_http_response *response);

#endif
