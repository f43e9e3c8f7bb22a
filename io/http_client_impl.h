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

/* --- http_client_buffer.c: memory for bytes --------------------------------------------------- */

struct sley__http_buffer {
    char *data;
    size_t size, capacity;
};

/* What curl reads from a connection at once, at most. With its default of 16 KiB a large body costs
 * six times the system calls; the memory is allocated per transfer, and touched as far as bytes
 * come. */
enum { SLEY__HTTP_READ_SIZE = 120 * 1024 };

/* What one of so many transfers reads at once, and how much may be held for its task; bytes. */
size_t sley__http_read_size(uint64_t crowd);
size_t sley__http_held_size(uint64_t crowd);

#ifdef SLEY_HOSTILE
enum { SLEY__HTTP_SHELF = 2 };
#else
enum { SLEY__HTTP_SHELF = 64 };
#endif

/* Empty buffers of a client that nobody uses now. */
struct sley__http_shelf {
    struct sley__lock lock; /* over the rest; any thread; under it nothing else is locked */
    unsigned count;
    size_t bytes;
    struct sley__http_buffer buffers[SLEY__HTTP_SHELF];
};

/* Room for `more` bytes and a NUL; false: no memory. */
MUST_USE bool sley__http_buffer_reserve(struct sley__http_buffer *buffer, size_t more);
MUST_USE bool sley__http_buffer_add(struct sley__http_buffer *buffer, const void *data,
                                    size_t size);

/* Takes an empty one, if the next has not more than `most` bytes, for a buffer that has no memory;
 * gives the memory back, whatever is in it. Any thread. */
void sley__http_buffer_borrow(struct sley_http_client *client, struct sley__http_buffer *buffer,
                              size_t most);
void sley__http_buffer_return(struct sley_http_client *client, struct sley__http_buffer *buffer);
void sley__http_shelf_clear(struct sley__http_shelf *shelf);

/* --- the client ------------------------------------------------------------------------------ */

struct sley_http_client {
    atomic(uint32_t) refs; /* the owner, the loop, each response that is in use */
    struct sley__io *io;
    struct sley__loop *loop;                 /* io's */
    struct sley_http_client_options options; /* constant; the strings are ours */
    CURLSH *share;                           /* the cookies; NULL without; constant */
    struct sley__lock share_lock;            /* over every use of them; any thread */

    struct sley__lock lock; /* protects the next two */
    struct sley_http_response *idle;
    unsigned idle_count;

    struct sley__http_shelf shelf;

    atomic(uint64_t) crowd; /* transfers; counted by their tasks, given back by the I/O thread */

    /* Counters. Written by the I/O thread only, read by anybody; nothing hangs on their order. */
    struct {
        atomic(uint64_t) transfers, failed, active, connections, open, reused, received, sent;
    } stats;

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
    int socket_error;      /* errno of the last socket() if it failed: curl does not keep it */
    bool closing;
    struct list active; /* responses in the multi handle, by `active` */
    struct list dirty;  /* responses with something to tell their task, by `dirty` */
    struct list full;   /* responses that curl is to hold up, by `full` */
};

/* How a transfer ended, beside curl's word for it. */
enum sley__http_end {
    SLEY__HTTP_BY_CURL,
    SLEY__HTTP_TOO_LARGE,
    SLEY__HTTP_HEADER_TOO_LARGE,
    SLEY__HTTP_NO_MEMORY,
    SLEY__HTTP_IDLE,
    SLEY__HTTP_SHUT_DOWN,
    SLEY__HTTP_NO_REWIND,
    SLEY__HTTP_NAME, /* nobody has resolved the host's name yet: goes on when the task has */
};

/* The body of a request on its way from a source, which runs in the task, to curl. */
struct sley__http_upload {
    /* Set by the task before the submit, constant then. */
    sley_http_source *source; /* NULL: no source */
    sley_http_rewind *rewind;
    void *arg;
    uint64_t size; /* of all; 0: not known */

    /* The task's. */
    struct sley__http_buffer next; /* what the source fills */
    uint64_t given;

    /* Protected by the response's lock. */
    struct sley__http_buffer ready; /* what curl takes, from `taken` on */
    size_t taken;
    bool wanted; /* `ready` is used up */
    bool held;   /* the loop holds curl up until there is more */
    bool ended;  /* nothing follows `ready` */
    bool again;  /* curl begins anew: the source must, too */
    bool used;   /* curl has taken something since the beginning */
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
    bool pulled;  /* from sley_http_open(): the body is taken by calls */
    bool bounded; /* there is a sink or it is pulled: the buffer is */
    bool expect;  /* with "Expect: 100-continue" */
    size_t max_body, max_line;
    int64_t connect_timeout, idle_timeout, timeout;
    struct curl_slist *headers_out;
    bool post;                /* the method is POST */
    bool chunks;              /* the first of headers_out announces a body in chunks */
    struct curl_slist *names; /* addresses of hosts, as curl reads them */
    int redirects;            /* that may still be followed */
    /* Of the host that the redirects have led to: */
    bool host_handed_in, proxy_handed_in; /* its addresses are, or its proxy's, in `names` */
    bool curl_resolves;                   /* there is a name that we cannot resolve */
    int64_t connect_left;                 /* of connect_timeout, after what lookups have taken */
    struct sley__inbox_node submit_node, cancel_node, resume_node;
    struct sley__http_upload upload;

    /* The task's. */
    int64_t begun, named;           /* when; what resolving took */
    int redirected;                 /* before it was begun anew */
    bool settled;                   /* it has seen `done` */
    bool headed;                    /* pulled: it has seen `headers_there`, the headers are pairs */
    int outcome;                    /* of a settled one: 0 or the error, whose sentence is `text` */
    bool drained;                   /* pulled: all of the body is in `taken` */
    struct sley__http_buffer taken; /* pulled: the body's bytes that the task has */
    size_t taken_used;              /* and how many it has handed out */
    char text[SLEY_HTTP_ERROR_SIZE];

    /* Protected by the lock; `done` and the buffer are the task's alone once it has seen `done`.
     * Without a bound the loop fills the buffer without the lock, because the task does not look.
     */
    struct sley__lock lock;
    struct sley__waker waker; /* valid while `waiting` */
    bool waiting, done;
    bool headers_there; /* pulled: status, url and headers are not written any more */
    bool paused;        /* the loop holds curl up, or is about to: the buffer is full */
    bool resuming;      /* resume_node is in the inbox */
    struct sley__http_buffer body;

    /* I/O thread only */
    struct list active_link, dirty_link, full_link;
    bool active;         /* in the multi handle */
    size_t read_size;    /* what curl reads at once */
    bool started;        /* the request is on its way; read by the task after the end */
    uint64_t last_heard; /* loop ms */
    curl_off_t uploaded; /* at the last look */

    /* Written by the loop before `done`, read by the task after it. */
    enum sley__http_end end;
    CURLcode code;
    bool headers_whole; /* the last answer's: their end has come */
    int socket_error;   /* of its connection, if no socket could be had for that; 0 */
    uint64_t bytes;
    struct sley__http_buffer headers; /* raw lines; then "name\0value\0" pairs */
    size_t header_count;
    int status;
    char *url; /* pulled: the one that answers; allocated */
    char curl_error[CURL_ERROR_SIZE];
};

/* How many transfers there are: those that run, and those that are on their way to the I/O thread,
 * so that the first of a crowd know of it. They come and go meanwhile. */
static inline uint64_t sley__http_crowd(const struct sley_http_client *client)
{
    return load_relaxed(&client->crowd);
}

/* http_client_buffer.c: whether they are so many that each is to have as little as possible. */
bool sley__http_is_crowd(const struct sley_http_client *client);

/* http_client.c: any thread */
void sley__http_client_unref(struct sley_http_client *client);
void sley__http_response_unref(struct sley_http_response *response);

/* http_client.c: sends what the source gives and waits for what it is to see: the end, or with a
 * bounded buffer bytes in it, or the headers of one that is pulled. 0, or what the task's wait or
 * its source failed with. From the task. Parks. */
MUST_USE int sley__http_await(struct sley_http_response *response);
/* Takes what has arrived, in exchange for the empty buffer `spare`. True if that is all there will
 * ever be. A transfer that was held up by a full buffer goes on, in a crowd not before the next
 * await. From the task. */
bool sley__http_take(struct sley_http_response *response, struct sley__http_buffer *spare);
/* Breaks the transfer off and leaves it, with the task's half of it. */
void sley__http_abandon(struct sley_http_response *response);
/* After it has been seen to be done: the outcome, and its sentence in response->text. */
int sley__http_settle(struct sley_http_response *response);

/* http_client_new.c: frees it. Any thread. */
void sley__http_client_destroy(struct sley_http_client *client);

/* http_client_setup.c: from a task */
MUST_USE int sley__http_easy_new(struct sley_http_response *response,
                                 struct sley_http_client *client);
MUST_USE int sley__http_set_up(struct sley_http_response *response, const char *url,
                               const struct sley_http_options *options);
MUST_USE int sley__http_set_method(CURL *easy, const char *method, const void *body,
                                   uint64_t body_size, bool source);
/* Whole milliseconds, rounded up. */
long sley__http_milliseconds(int64_t duration);

/* http_client_names.c */
int sley__http_on_resolve(void *resolver, void *reserved, void *arg); /* I/O thread */
/* Resolves the name at which the transfer has stopped and sets it up to go on from there. 0 or a
 * negative SLEY_E*, with the sentence in response->text. From the task. Parks. */
MUST_USE int sley__http_resolve(struct sley_http_response *response);

/* http_client_proxy.c: a URL in its parts. Value; parts_free. */
struct sley__http_parts {
    char *scheme, *host; /* the host of an IPv6 address in brackets */
    int port;
};
void sley__http_parts_free(struct sley__http_parts *parts);
/* False: it is no URL, or no memory; then there is nothing to free. Any thread. */
MUST_USE bool sley__http_parts_of(const char *url, struct sley__http_parts *parts);
/* Those of the proxy for URLs of that scheme, as the client and the environment have it, whatever
 * the environment's exceptions. False: there is none. Any thread. */
MUST_USE bool sley__http_proxy_for(const struct sley_http_client *client, const char *scheme,
                                   struct sley__http_parts *parts);

/* http_client_upload.c */
bool sley__http_upload_waits(const struct sley_http_response *response);  /* under the lock */
MUST_USE int sley__http_upload_feed(struct sley_http_response *response); /* the task; parks */
/* Before it is begun anew: 0 or SLEY_EPROTO. The task. */
MUST_USE int sley__http_upload_restart(struct sley_http_response *response);
void sley__http_upload_clear(struct sley__http_upload *upload);
size_t sley__http_on_read(char *data, size_t one, size_t room, void *arg); /* I/O thread */
int sley__http_on_seek(void *arg, curl_off_t offset, int origin);          /* I/O thread */

/* Has the loop look at `paused` and `held` again. Under the lock; true: the caller must submit the
 * resume_node, with a reference, when it has released it. */
MUST_USE bool sley__http_resume(struct sley_http_response *response);
void sley__http_submit_resume(struct sley_http_response *response);

/* http_client_receive.c: what curl calls with data. I/O thread only. */
size_t sley__http_on_header(char *data, size_t one, size_t size, void *arg);
size_t sley__http_on_body(char *data, size_t one, size_t size, void *arg);
int sley__http_on_request(void *arg, char *peer_ip, char *own_ip, int peer_port, int own_port);
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

/* http_client_idle.c, I/O thread only: the request has been sent: its idle time counts from now on;
 * it has ended; the timer. */
void sley__http_idle_begin(struct sley_http_response *response);
void sley__http_idle_timer(uv_timer_t *handle);

/* http_client_loop.c: hands the response to its task. I/O thread only. */
void sley__http_loop_end(struct sley_http_response *response, enum sley__http_end why,
                         CURLcode code);

struct sley__http_opening {
    struct sley__request request;
    struct sley_http_client *client;
};

/* http_client_error.c: the outcome of a transfer that is done: 0 or a negative SLEY_E*, and the
 * sentence for it in `text` (SLEY_HTTP_ERROR_SIZE bytes). From a task. */
MUST_USE int sley__http_outcome(struct sley_http_response *response, char *text);

/* http_client_response.c: turns the raw headers into pairs. From a task. */
void sley__http_split_headers(struct sley_http_response *response);

/* Counters have one writer, the I/O thread. */
static inline void sley__http_count(atomic(uint64_t) * counter, int64_t change)
{
    store_relaxed(counter, load_relaxed(counter) + (uint64_t)change);
}

#endif
