/*
 * crafted_dns.h: a name server that answers as no good one would.
 *
 * It listens on a port of 127.0.0.1, by UDP and TCP, on a thread of its own. What it does with a
 * query is said by the first label of the name:
 *
 *   ok        one A record, 192.0.2.1, or one AAAA record; TTL 60
 *   ttl0      the same, not to be kept
 *   many      30 A records (more than fit in 512 bytes)
 *   alias     a CNAME for ok.test, and its A record
 *   circle    two CNAMEs that point to each other
 *   stranger  the A record of another name, and then the right one
 *   upper     the right answer with the name in capitals
 *   nx, nodata, nxplain (no SOA: not to be kept), servfail, refused, notimp
 *   silent    nothing
 *   late      nothing, until crafted_release()
 *   late4, late6  127.0.0.1 and ::1, the one of that family not before crafted_release()
 *   wrongid   an answer with another number, then the right one
 *   question  an answer to another question, then the right one
 *   empty     a datagram of no bytes, then the right one
 *   short     11 bytes, then the right one
 *   loop      a record whose name points to itself
 *   forward   a record whose name points behind itself
 *   cut       the message ends in the middle of a record
 *   length    a record longer than the message
 *   size      an A record of 3 bytes
 *   count     the header promises more records than there are
 *   long      a name of more than 255 bytes, by pointers
 *   big       a datagram larger than the resolver wants
 *   tc        truncated; the answer comes by TCP
 *   tcclose   truncated; TCP is closed without an answer
 *   tchalf    truncated; half an answer comes by TCP
 *   noedns    FORMERR to a query with EDNS
 */
#ifndef CRAFTED_DNS_H
#define CRAFTED_DNS_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CRAFTED_HELD = 4096 };

struct crafted {
    int udp, tcp, stop[2];
    char address[32]; /* "127.0.0.1:PORT" */
    pthread_t thread;
    int queries; /* seen, atomic */
    int ports;   /* how often a datagram came from another port than the one before; atomic */
    in_port_t port;
    int released; /* atomic */
    struct {
        uint8_t query[300];
        size_t size;
        struct sockaddr_in from;
    } held[CRAFTED_HELD];
    int held_count;
};

#define crafted_check(condition)                                                    \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "crafted_dns.h:%d: %s failed\n", __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

struct crafted_message {
    uint8_t bytes[5000];
    size_t size;
};

static inline void crafted_put(struct crafted_message *m, const void *bytes, size_t size)
{
    crafted_check(m->size + size <= sizeof(m->bytes));
    memcpy(m->bytes + m->size, bytes, size);
    m->size += size;
}

static inline void crafted_put16(struct crafted_message *m, unsigned value)
{
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    crafted_put(m, bytes, 2);
}

static inline bool crafted_is(const uint8_t *query, const char *label)
{
    return query[12] == strlen(label) &&
           strncasecmp((const char *)query + 13, label, strlen(label)) == 0;
}

/* A record of the name at offset `owner`, up to its length. */
static inline void crafted_record(struct crafted_message *m, unsigned owner, unsigned type,
                                  unsigned ttl, unsigned length)
{
    crafted_put16(m, 0xc000 | owner);
    crafted_put16(m, type);
    crafted_put16(m, 1);
    crafted_put16(m, 0);
    crafted_put16(m, ttl);
    crafted_put16(m, length);
    m->bytes[7]++;
}

static inline void crafted_address(struct crafted_message *m, unsigned owner, unsigned type,
                                   unsigned ttl, unsigned last)
{
    static const uint8_t v6[15] = {0x20, 0x01, 0x0d, 0xb8}, v4[3] = {192, 0, 2};
    static const uint8_t own6[15], own4[3] = {127};
    bool own = crafted_is(m->bytes, "late4") || crafted_is(m->bytes, "late6");
    uint8_t byte = (uint8_t)last;

    crafted_record(m, owner, type, ttl, type == 28 ? 16 : 4);
    if (own)
        crafted_put(m, type == 28 ? own6 : own4, type == 28 ? 15 : 3);
    else
        crafted_put(m, type == 28 ? v6 : v4, type == 28 ? 15 : 3);
    crafted_put(m, &byte, 1);
}

static inline void crafted_soa(struct crafted_message *m)
{
    static const uint8_t rest[22] = {0, 0, [21] = 60};

    crafted_record(m, 12, 6, 60, sizeof(rest));
    m->bytes[7]--; /* it goes to the authority section */
    m->bytes[9]++;
    crafted_put(m, rest, sizeof(rest));
}

/* The offset behind the question. */
static inline size_t crafted_question_end(const uint8_t *query, size_t size)
{
    size_t at = 12;

    while (at < size && query[at])
        at += (size_t)1 + query[at];
    return at + 5;
}

/* The header and the question of the answer. */
static inline void crafted_begin(struct crafted_message *m, const uint8_t *query, size_t size,
                                 unsigned code)
{
    size_t end = crafted_question_end(query, size);

    m->size = 0;
    crafted_check(end <= size);
    crafted_put(m, query, end);
    m->bytes[2] = 0x81;
    m->bytes[3] = (uint8_t)(0x80 | code);
    memset(m->bytes + 6, 0, 6);
}

static inline unsigned crafted_type(const uint8_t *query, size_t size)
{
    size_t end = crafted_question_end(query, size);

    return (unsigned)(query[end - 4] << 8 | query[end - 3]);
}

/* The good answer. */
static inline void crafted_good(struct crafted_message *m, const uint8_t *query, size_t size)
{
    unsigned type = crafted_type(query, size);

    crafted_begin(m, query, size, 0);
    if (type == 1 || type == 28)
        crafted_address(m, 12, type, crafted_is(query, "ttl0") ? 0 : 60, 1);
}

static inline void crafted_aliases(struct crafted_message *m, const uint8_t *query, size_t size,
                                   bool circle)
{
    static const uint8_t target[] = "\2ok\4test";
    unsigned to;

    crafted_begin(m, query, size, 0);
    crafted_record(m, 12, 5, 30, sizeof(target));
    to = (unsigned)m->size;
    crafted_put(m, target, sizeof(target));
    if (circle) {
        crafted_record(m, to, 5, 30, 2);
        crafted_put16(m, 0xc00c);
    } else {
        crafted_address(m, to, 1, 60, 1);
    }
}

/* What is not one of the good answers. False: not known. */
static inline bool crafted_bad(struct crafted_message *m, const uint8_t *query, size_t size)
{
    static const uint8_t address[4] = {192, 0, 2, 1};

    crafted_begin(m, query, size, 0);
    if (crafted_is(query, "loop")) {
        crafted_record(m, (unsigned)m->size, 1, 60, 4);
        crafted_put(m, address, 4);
    } else if (crafted_is(query, "forward")) {
        crafted_record(m, (unsigned)m->size + 12, 1, 60, 4);
        crafted_put(m, address, 4);
    } else if (crafted_is(query, "cut")) {
        crafted_record(m, 12, 1, 60, 4);
        m->size -= 5;
    } else if (crafted_is(query, "length")) {
        crafted_record(m, 12, 1, 60, 60000);
        crafted_put(m, address, 4);
    } else if (crafted_is(query, "size")) {
        crafted_record(m, 12, 1, 60, 3);
        crafted_put(m, address, 3);
    } else if (crafted_is(query, "count")) {
        crafted_address(m, 12, 1, 60, 1);
        m->bytes[7] = 200;
    } else if (crafted_is(query, "long")) {
        uint8_t label[64] = {63};
        unsigned here;

        memset(label + 1, 'x', 63);
        crafted_record(m, 12, 99, 60, 257);
        here = (unsigned)m->size;
        for (int i = 0; i < 4; i++)
            crafted_put(m, label, 64);
        crafted_put(m, "", 1);
        crafted_record(m, 12, 5, 60, 2);
        crafted_put16(m, 0xc000 | here);
    } else {
        return false;
    }
    return true;
}

static inline void crafted_send(const struct crafted *server, const struct crafted_message *m,
                                const struct sockaddr_in *to)
{
    (void)sendto(server->udp, m->bytes, m->size, 0, (const struct sockaddr *)to, sizeof(*to));
}

/* Something that is not the answer comes first. */
static inline void crafted_first(const struct crafted *server, const uint8_t *query, size_t size,
                                 const struct sockaddr_in *to)
{
    struct crafted_message m;

    crafted_good(&m, query, size);
    if (crafted_is(query, "wrongid"))
        m.bytes[0] ^= 0xff;
    else if (crafted_is(query, "question"))
        m.bytes[13] ^= 1;
    else if (crafted_is(query, "empty"))
        m.size = 0;
    else if (crafted_is(query, "short"))
        m.size = 11;
    else
        return;
    if (m.size > 11)
        m.bytes[m.size - 1] = 99; /* to be seen if it is believed */
    crafted_send(server, &m, to);
}

/* The answer, or what there is instead. False: none. */
static inline bool crafted_answer(struct crafted_message *m, const uint8_t *query, size_t size,
                                  bool tcp)
{
    static const struct {
        const char *label;
        unsigned code;
    } codes[] = {{"nx", 3}, {"nxplain", 3}, {"servfail", 2}, {"refused", 5}, {"notimp", 4}};

    if (crafted_is(query, "silent"))
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        if (!crafted_is(query, codes[i].label))
            continue;
        crafted_begin(m, query, size, codes[i].code);
        if (crafted_is(query, "nx"))
            crafted_soa(m);
        return true;
    }
    if (crafted_bad(m, query, size))
        return true;
    crafted_good(m, query, size);
    if (crafted_is(query, "nodata")) {
        crafted_begin(m, query, size, 0);
        crafted_soa(m);
    } else if (crafted_is(query, "many")) {
        for (unsigned i = 2; i <= 30; i++)
            crafted_address(m, 12, crafted_type(query, size), 60, i);
    } else if (crafted_is(query, "alias") || crafted_is(query, "circle")) {
        crafted_aliases(m, query, size, crafted_is(query, "circle"));
    } else if (crafted_is(query, "stranger")) {
        crafted_begin(m, query, size, 0);
        crafted_address(m, 12 + 9, 1, 60, 66); /* of "test" */
        crafted_address(m, 12, 1, 60, 1);
    } else if (crafted_is(query, "upper")) {
        m->bytes[13] = 'U';
        m->bytes[14] = 'P';
    } else if (crafted_is(query, "big") && !tcp) {
        static const uint8_t filler[1400];

        crafted_record(m, 12, 16, 60, sizeof(filler));
        crafted_put(m, filler, sizeof(filler));
    } else if (query[12] >= 2 && strncasecmp((const char *)query + 13, "tc", 2) == 0 && !tcp) {
        crafted_begin(m, query, size, 0);
        m->bytes[2] |= 2;
    } else if (crafted_is(query, "noedns") && query[11]) {
        crafted_begin(m, query, size, 1);
    }
    return true;
}

static inline void crafted_respond(struct crafted *server, const uint8_t *query, size_t size,
                                   const struct sockaddr_in *from)
{
    struct crafted_message m;

    crafted_first(server, query, size, from);
    if (crafted_answer(&m, query, size, false))
        crafted_send(server, &m, from);
}

static inline bool crafted_is_late(const uint8_t *query, size_t size)
{
    unsigned type = crafted_type(query, size);

    return crafted_is(query, "late") || (crafted_is(query, "late4") && type == 1) ||
           (crafted_is(query, "late6") && type == 28);
}

static inline void crafted_datagram(struct crafted *server)
{
    uint8_t query[300];
    struct sockaddr_in from;
    socklen_t length = sizeof(from);
    ssize_t size =
        recvfrom(server->udp, query, sizeof(query), 0, (struct sockaddr *)&from, &length);

    if (size < 17)
        return;
    __atomic_fetch_add(&server->ports, from.sin_port != server->port, __ATOMIC_SEQ_CST);
    server->port = from.sin_port;
    __atomic_fetch_add(&server->queries, 1, __ATOMIC_SEQ_CST);
    if (crafted_is_late(query, (size_t)size) &&
        !__atomic_load_n(&server->released, __ATOMIC_SEQ_CST)) {
        crafted_check(server->held_count < CRAFTED_HELD);
        memcpy(server->held[server->held_count].query, query, (size_t)size);
        server->held[server->held_count].size = (size_t)size;
        server->held[server->held_count++].from = from;
        return;
    }
    crafted_respond(server, query, (size_t)size, &from);
}

static inline bool crafted_read_all(int fd, void *bytes, size_t size)
{
    return recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

/* One connection, to its end. */
static inline void crafted_stream(struct crafted *server)
{
    int fd = accept(server->tcp, NULL, NULL);
    uint8_t length[2], query[300];
    struct crafted_message m;

    while (fd >= 0 && crafted_read_all(fd, length, 2)) {
        size_t size = (size_t)(length[0] << 8 | length[1]);

        if (size > sizeof(query) || !crafted_read_all(fd, query, size))
            break;
        __atomic_fetch_add(&server->queries, 1, __ATOMIC_SEQ_CST);
        if (crafted_is(query, "tcclose") || !crafted_answer(&m, query, size, true))
            break;
        length[0] = (uint8_t)(m.size >> 8);
        length[1] = (uint8_t)m.size;
        (void)send(fd, length, 2, MSG_NOSIGNAL);
        if (crafted_is(query, "tchalf")) {
            (void)send(fd, m.bytes, m.size / 2, MSG_NOSIGNAL);
            break;
        }
        (void)send(fd, m.bytes, m.size, MSG_NOSIGNAL);
    }
    if (fd >= 0)
        close(fd);
}

static inline void *crafted_main(void *arg)
{
    struct crafted *server = arg;
    struct pollfd polls[3] = {
        {server->udp, POLLIN, 0}, {server->tcp, POLLIN, 0}, {server->stop[0], POLLIN, 0}};

    for (;;) {
        char what;

        crafted_check(poll(polls, 3, -1) > 0);
        if (polls[0].revents)
            crafted_datagram(server);
        if (polls[1].revents)
            crafted_stream(server);
        if (!polls[2].revents)
            continue;
        crafted_check(read(server->stop[0], &what, 1) == 1);
        if (what == 's')
            return NULL;
        for (int i = 0; i < server->held_count; i++)
            crafted_respond(server, server->held[i].query, server->held[i].size,
                            &server->held[i].from);
        server->held_count = 0;
    }
}

static inline void crafted_start(struct crafted *server)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int room = 1 << 20;

    memset(server, 0, sizeof(*server));
    for (;;) { /* until both kinds have the same port */
        server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        crafted_check(server->udp >= 0 && server->tcp >= 0);
        name.sin_port = 0;
        crafted_check(bind(server->tcp, (struct sockaddr *)&name, size) == 0);
        crafted_check(getsockname(server->tcp, (struct sockaddr *)&name, &size) == 0);
        if (bind(server->udp, (struct sockaddr *)&name, size) == 0)
            break;
        close(server->udp);
        close(server->tcp);
    }
    (void)setsockopt(server->udp, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    crafted_check(listen(server->tcp, 64) == 0);
    snprintf(server->address, sizeof(server->address), "127.0.0.1:%d", ntohs(name.sin_port));
    crafted_check(pipe(server->stop) == 0);
    crafted_check(pthread_create(&server->thread, NULL, crafted_main, server) == 0);
}

/* As if nobody listened at the port: a connected socket keeps it, and takes nothing but what its
 * peer sends, so the system refuses all others. And as if the server had come back. */
static inline void crafted_leave(struct crafted *server)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    peer.sin_port = htons(9); /* discard */
    crafted_check(connect(server->udp, (struct sockaddr *)&peer, sizeof(peer)) == 0);
}

static inline void crafted_return(struct crafted *server)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    crafted_check(connect(server->udp, &none, sizeof(none)) == 0);
}

static inline int crafted_queries(struct crafted *server)
{
    return __atomic_load_n(&server->queries, __ATOMIC_SEQ_CST);
}

/* Answers what was held back, and from now on at once. */
static inline void crafted_release(struct crafted *server)
{
    __atomic_store_n(&server->released, 1, __ATOMIC_SEQ_CST);
    crafted_check(write(server->stop[1], "r", 1) == 1);
}

static inline void crafted_stop(struct crafted *server)
{
    crafted_check(write(server->stop[1], "s", 1) == 1);
    crafted_check(pthread_join(server->thread, NULL) == 0);
    close(server->udp);
    close(server->tcp);
    close(server->stop[0]);
    close(server->stop[1]);
}

#endif
