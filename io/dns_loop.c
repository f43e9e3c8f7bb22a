/*
 * dns_loop.c: queries, on the I/O thread.
 *
 * c-ares does what a resolver must do with the network: it gives each query a number, finds the
 * answer to it, knows when it is late, goes over to TCP for answers that do not fit in a datagram,
 * and does without EDNS where that is not understood. What it does not do well enough is left to
 * this file: which server is asked, how often, and what a failure is called. c-ares asks the next
 * server by itself, but then reports a server that refused, one that failed and none at all alike.
 * So each server has a channel of its own that knows no other and tries once.
 *
 * Which server. All queries begin with the same one, the preferred; a failure takes a query to the
 * next. One that does not answer loses its place. A server that has answered that it cannot or will
 * not tell is not asked again; silence is, `tries` times.
 *
 * A server that is not there says so at once, by ICMP. If the list were begun again at once, too,
 * all tries would be over in less than a millisecond, and a server that is started anew for a tenth
 * of a second would cost all names that are asked for meanwhile. So where none of the servers is
 * there the query rests before the next round: a quarter of the timeout, then a half, then all of
 * it. Always all of it was rejected: where no server will ever be there, two timeouts are long to
 * wait for that. With the tick that timeouts have, so a rest may be a little longer. Each length
 * has its list, in which what comes last is due last.
 *
 * From which port. Whoever forges an answer must guess the query's number and its port; c-ares
 * opens a socket when it has something to send and closes it when all is answered, so on a busy
 * resolver one port would do for ever. So each server has two channels, the lanes: after PORT_USES
 * queries the next ones go by the other lane, as soon as that is empty, and a lane that empties
 * opens another port. (c-ares has an option for it from version 1.20 on.)
 *
 * How many. As many as dns_window.c has learned that the server can take; the others wait in a
 * queue. c-ares' own bound is 65,536, the numbers that a query can have, where it would search for
 * ever.
 *
 * When. A job comes in through the inbox, answers come in from the sockets, and both only ask for
 * the resolver's turn at the end of the round: there the queue moves up, all that c-ares has to
 * send goes out together, and tasks that got an answer are woken in one batch (loop.c).
 *
 * c-ares' functions are never called from its callbacks, which only note what is to be done: it
 * walks its lists while it calls. And never ares_timeout(), which walks through all queries: a
 * timer of ours, while anything is under way or rests, makes it look, by second of expiry, at those
 * that are late.
 *
 * I/O thread only, but for making the channels.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dns_server.h"
#include "platform.h"

enum {
    TICK_MAX = 100, /* ms between looks for what is late */
    TYPE_OPT = 41,
};

#ifdef SLEY_HOSTILE
enum { PORT_USES = 2 };
#else
enum { PORT_USES = 128 }; /* as a port, four batches: opening it costs ten system calls */
#endif

static void turn_soon(struct sley_resolver *resolver)
{
    sley__loop_defer(resolver->loop, &resolver->round);
}

/* Counters that others read. */
static void add32(atomic(uint32_t) * counter, int change)
{
    store_relaxed(counter, load_relaxed(counter) + (uint32_t)change);
}

static void count(atomic(uint64_t) * counter)
{
    store_relaxed(counter, load_relaxed(counter) + 1);
}

/* --- what becomes of a query -------------------------------------------------------------------
 */

static void put_in_queue(struct sley__dns_job *job, bool first)
{
    struct sley_resolver *resolver = job->resolver;

    if (first)
        list_push_front(&resolver->queue, &job->link);
    else
        list_push_back(&resolver->queue, &job->link);
    add32(&resolver->waiting, 1);
    turn_soon(resolver);
}

static void finish(struct sley__dns_job *job, int code, int server)
{
    struct sley__dns_outcome outcome = {.code = code, .server = server};

    sley__dns_finish(job, &outcome);
}

static bool has_answered(int code)
{
    return code == SLEY_ESERVFAIL || code == SLEY_EREFUSED || code == SLEY_EBADANSWER;
}

/* Before the next round; all servers were absent in this one. */
static void rest(struct sley__dns_job *job)
{
    struct sley_resolver *resolver = job->resolver;
    int servers = (int)resolver->config.server_count, rounds, length;

    check(servers > 0);
    rounds = job->attempt / servers;
    length = rounds < SLEY__DNS_RESTS ? rounds - 1 : SLEY__DNS_RESTS - 1;
    job->due = sley__clock_now() +
               (SLEY_MILLISECONDS(resolver->config.timeout_ms) >> (SLEY__DNS_RESTS - 1 - length));
    job->absent = 0;
    list_push_back(&resolver->resting[length], &job->link);
    resolver->rest_count++;
    add32(&resolver->waiting, 1);
}

/* Those that are due by `now` go back to the queue. */
static void wake_rested(struct sley_resolver *resolver, int64_t now)
{
    for (int i = 0; i < SLEY__DNS_RESTS; i++)
        while (!list_empty(&resolver->resting[i]) &&
               container_of(resolver->resting[i].next, struct sley__dns_job, link)->due <= now) {
            list_push_back(&resolver->queue, list_pop_front(&resolver->resting[i]));
            resolver->rest_count--;
        }
}

/* This server was no help. `lost`: the network has said so, and not it. */
static void fail(struct sley__dns_job *job, int code, bool lost)
{
    struct sley_resolver *resolver = job->resolver;
    int servers = (int)resolver->config.server_count;
    bool silent = code == SLEY_ENOANSWER || code == SLEY_ENOSERVER;

    if (silent && job->server == resolver->preferred)
        resolver->preferred = (job->server + 1) % servers;
    job->absent = lost ? job->absent + 1 : 0;
    job->attempt++;
    if ((!silent && !has_answered(code)) ||
        job->attempt >= (silent ? servers * resolver->config.tries : servers)) {
        finish(job, code, job->server);
        return;
    }
    if (job->absent == servers)
        rest(job);
    else
        put_in_queue(job, true);
}

/* The server has answered something. */
static void take_answer(struct sley__dns_job *job, const uint8_t *bytes, size_t size)
{
    struct sley__dns_server *server = &job->resolver->servers[job->server * SLEY__DNS_LANES];
    struct sley__dns_name name;
    enum sley_dns_type type = sley__dns_job_question(job, &name);
    struct sley__dns_parsed parsed;
    struct sley__dns_outcome outcome;

    sley__dns_window_answered(&job->resolver->window, sley__clock_now() - job->sent_at);
    sley__dns_parse(bytes, size, &name, type, &parsed);
    if (parsed.form_error && !job->plain) {
        for (int i = 0; i < SLEY__DNS_LANES; i++)
            server[i].plain = true;
        put_in_queue(job, true);
        return;
    }
    if (has_answered(parsed.code)) {
        fail(job, parsed.code, false);
        return;
    }
    outcome = (struct sley__dns_outcome){parsed.code, job->server, parsed.ttl, parsed.answer};
    sley__dns_finish(job, &outcome);
}

/* Why c-ares has given up. */
static int code_of(const struct sley__dns_server *server, int status, bool lost)
{
    if (status == ARES_ENOMEM)
        return SLEY_ENOMEM;
    if (server->open_error)
        return server->open_error;
    return lost && server->lost == ECONNREFUSED ? SLEY_ENOSERVER : SLEY_ENOANSWER;
}

/* From inside c-ares. */
static void on_answer(void *data, int status, int timeouts UNUSED, unsigned char *bytes, int size)
{
    struct sley__dns_job *job = data;
    struct sley_resolver *resolver = job->resolver;
    const struct sley__dns_server *server = &resolver->servers[job->lane];
    bool lost = status != ARES_ETIMEOUT && server->lost;

    add32(&resolver->in_flight, -1);
    turn_soon(resolver);
    if (resolver->closing) {
        finish(job, SLEY_ECLOSED, -1);
    } else if (status == ARES_SUCCESS) {
        take_answer(job, bytes, (size_t)size);
    } else {
        if (status == ARES_ETIMEOUT) {
            count(&resolver->timeouts);
            sley__dns_window_lost(&resolver->window, sley__clock_now(),
                                  SLEY_MILLISECONDS(resolver->config.timeout_ms));
        }
        fail(job, code_of(server, status, lost), lost);
    }
}

/* --- sending -----------------------------------------------------------------------------------
 */

/* A number that nobody can guess, from the kernel, many at a time. */
static uint16_t query_number(struct sley_resolver *resolver)
{
    uint16_t number;

    if (!resolver->random_left) {
        ssize_t got = getrandom(resolver->random, sizeof(resolver->random), 0);

        ensure_msg(got == (ssize_t)sizeof(resolver->random), "getrandom: %zd", got);
        resolver->random_left = sizeof(resolver->random);
    }
    resolver->random_left -= sizeof(number);
    memcpy(&number, resolver->random + resolver->random_left, sizeof(number));
    return number;
}

static uint8_t *put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

/* Writes the query; its size. */
static size_t make_query(const struct sley__dns_job *job, uint16_t number, uint8_t *packet)
{
    struct sley__dns_name name;
    enum sley_dns_type type = sley__dns_job_question(job, &name);
    uint8_t *at = put16(packet, number);

    at = put16(at, 0x0100); /* recursion desired */
    at = put16(at, 1);
    at = put16(at, 0);
    at = put16(at, 0);
    at = put16(at, job->plain ? 0 : 1);
    memcpy(at, name.wire, name.size);
    at = put16(at + name.size, (unsigned)type);
    at = put16(at, 1);
    if (!job->plain) {
        *at++ = 0;
        at = put16(at, TYPE_OPT);
        at = put16(at, SLEY__DNS_UDP_MAX);
        memset(at, 0, 6); /* no extended code, version 0, no flags, no data */
        at += 6;
    }
    return (size_t)(at - packet);
}

/* The lane to a server for the next query. */
static int lane_to(struct sley_resolver *resolver, int server)
{
    struct sley__dns_server *lanes = &resolver->servers[server * SLEY__DNS_LANES];
    uint8_t *used = &resolver->lanes[server];
    uint8_t other = (uint8_t)((*used + 1) % SLEY__DNS_LANES);

    if (lanes[*used].sent >= PORT_USES && !lanes[other].udp)
        *used = other;
    return server * SLEY__DNS_LANES + *used;
}

static void send_query(struct sley__dns_job *job)
{
    struct sley_resolver *resolver = job->resolver;
    uint8_t packet[SLEY__DNS_QUERY_MAX];
    struct sley__dns_server *server;
    size_t size;

    if (!job->attempt)
        job->first = resolver->preferred;
    job->server = (job->first + job->attempt) % (int)resolver->config.server_count;
    job->lane = lane_to(resolver, job->server);
    server = &resolver->servers[job->lane];
    job->plain = server->plain;
    server->open_error = 0;
    size = make_query(job, query_number(resolver), packet);
    add32(&resolver->in_flight, 1);
    count(&resolver->queries);
    job->sent_at = sley__clock_now();
    ares_send(server->channel, packet, (int)size, on_answer, job);
}

static void on_tick(uv_timer_t *handle)
{
    struct sley_resolver *resolver = handle->data;

    for (size_t i = 0; i < resolver->lane_count; i++)
        ares_process_fd(resolver->servers[i].channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    wake_rested(resolver, sley__clock_now());
    turn_soon(resolver);
}

static void set_timer(struct sley_resolver *resolver)
{
    uint64_t tick = (uint64_t)resolver->config.timeout_ms / 8 + 1;

    if (!load_relaxed(&resolver->in_flight) && !resolver->rest_count)
        uv_timer_stop(&resolver->timer);
    else if (!uv_is_active((uv_handle_t *)&resolver->timer))
        uv_timer_start(&resolver->timer, on_tick, tick < TICK_MAX ? tick : TICK_MAX,
                       tick < TICK_MAX ? tick : TICK_MAX);
}

/* The resolver's turn, at the end of the round. */
static void take_turn(struct sley__deferred *deferred)
{
    struct sley_resolver *resolver = container_of(deferred, struct sley_resolver, round);

    if (resolver->closing)
        return;
    while (!list_empty(&resolver->queue) &&
           load_relaxed(&resolver->in_flight) < load_relaxed(&resolver->window.size)) {
        struct sley__dns_job *job =
            container_of(list_pop_front(&resolver->queue), struct sley__dns_job, link);

        add32(&resolver->waiting, -1);
        if (sley__dns_drop(job))
            count(&resolver->dropped);
        else
            send_query(job);
    }
    for (size_t i = 0; i < resolver->lane_count; i++)
        sley__dns_sockets_flush(&resolver->servers[i]);
    set_timer(resolver);
}

void sley__dns_loop_start(struct sley__inbox_node *node)
{
    struct sley__dns_job *job = container_of(node, struct sley__dns_job, node);

    if (job->resolver->closing)
        finish(job, SLEY_ECLOSED, -1);
    else
        put_in_queue(job, false);
}

/* --- start and end -----------------------------------------------------------------------------
 */

static pthread_once_t ares_once = PTHREAD_ONCE_INIT;
static int ares_started;

/* c-ares' own state is the process's, not a runtime's; it is never given back, since the program
 * may use c-ares for itself. */
static void start_ares(void)
{
    ares_started = ares_library_init(ARES_LIB_INIT_ALL);
}

/* Everything is given, so that c-ares reads no file. */
static int make_channel(struct sley__dns_server *server)
{
    char lookups[] = "b";
    struct ares_options options = {
        .flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH,
        .timeout = server->resolver->config.timeout_ms,
        .tries = 1,
        .ndots = 1,
        .lookups = lookups,
        .ednspsz = SLEY__DNS_UDP_MAX,
        .sock_state_cb = sley__dns_sockets_state,
        .sock_state_cb_data = server,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
               ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB | ARES_OPT_SERVERS |
               ARES_OPT_DOMAINS | ARES_OPT_SORTLIST;
    struct ares_addr_port_node node = {.udp_port = server->address.port,
                                       .tcp_port = server->address.port};
    bool v6 = server->address.family == 6;

    node.family = v6 ? AF_INET6 : AF_INET;
    memcpy(&node.addr, server->address.bytes, v6 ? 16 : 4);
    if (ares_init_options(&server->channel, &options, mask) != ARES_SUCCESS) {
        server->channel = NULL;
        return SLEY_ENOMEM;
    }
    if (ares_set_servers_ports(server->channel, &node) != ARES_SUCCESS)
        return SLEY_ENOMEM;
    return sley__dns_sockets_make(server);
}

int sley__dns_servers_make(struct sley_resolver *resolver)
{
    const struct sley__dns_config *config = &resolver->config;

    pthread_once(&ares_once, start_ares);
    if (ares_started != ARES_SUCCESS)
        return SLEY_ENOMEM;
    sley__dns_window_set_up(&resolver->window, (uint32_t)config->in_flight);
    resolver->lane_count = config->server_count * SLEY__DNS_LANES;
    resolver->servers = calloc(resolver->lane_count, sizeof(*resolver->servers));
    resolver->lanes = calloc(config->server_count, sizeof(*resolver->lanes));
    if (!resolver->servers || !resolver->lanes)
        return SLEY_ENOMEM;
    for (size_t i = 0; i < resolver->lane_count; i++) {
        struct sley__dns_server *server = &resolver->servers[i];
        int error;

        server->resolver = resolver;
        server->address = config->servers[i / SLEY__DNS_LANES];
        error = make_channel(server);
        if (error) {
            sley__dns_servers_close(resolver);
            return error;
        }
    }
    return 0;
}

void sley__dns_servers_close(struct sley_resolver *resolver)
{
    for (size_t i = 0; resolver->servers && i < resolver->lane_count; i++) {
        struct sley__dns_server *server = &resolver->servers[i];

        if (server->channel)
            ares_destroy(server->channel);
        sley__dns_sockets_close(server);
        server->channel = NULL;
    }
}

void sley__dns_handle_closed(struct sley_resolver *resolver)
{
    if (--resolver->handles)
        return;
    sley__lock_acquire(&resolver->lock);
    resolver->gone = true;
    resolver->users++;
    sley__dns_leave(resolver);
}

static void on_timer_closed(uv_handle_t *handle)
{
    sley__dns_handle_closed(handle->data);
}

/* Ends everything that is under way or waits, and then the handles. A runtime that ends comes here
 * with resolvers that nobody has freed; they end with it. */
static void close_resolver(struct sley__resident *resident)
{
    struct sley_resolver *resolver = container_of(resident, struct sley_resolver, resident);
    struct list *link;

    if (resolver->closing)
        return;
    resolver->closing = true;
    sley__lock_acquire(&resolver->lock);
    resolver->closed = true;
    sley__dns_forget(resolver);
    sley__lock_release(&resolver->lock);
    sley__loop_leave(resident);
    sley__dns_servers_close(resolver);
    wake_rested(resolver, INT64_MAX);
    while ((link = list_pop_front(&resolver->queue)))
        finish(container_of(link, struct sley__dns_job, link), SLEY_ECLOSED, -1);
    list_remove(&resolver->round.link);
    uv_close((uv_handle_t *)&resolver->timer, on_timer_closed);
}

void sley__dns_loop_open(struct sley__inbox_node *node)
{
    struct sley_resolver *resolver = container_of(node, struct sley_resolver, open_node);

    uv_timer_init(&resolver->loop->uv, &resolver->timer);
    resolver->timer.data = resolver;
    resolver->handles = 1;
    resolver->round.run = take_turn;
    resolver->resident.close = close_resolver;
    sley__loop_enter(resolver->loop, &resolver->resident);
}

void sley__dns_loop_close(struct sley__inbox_node *node)
{
    close_resolver(&container_of(node, struct sley_resolver, close_node)->resident);
}
