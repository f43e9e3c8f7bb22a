/*
 * fetch_hosts.c: which file comes next.
 *
 * A list of a hundred thousand URLs may name one host or a thousand. One queue for all would stop
 * at the first host that is slow or wants a pause, with the others idle behind it. So each host has
 * a queue, and the hosts that have something to start and room for it stand in a ring: whoever asks
 * gets an item of the first, which goes to the end.
 *
 * How much a host stands nobody knows beforehand, so it is found out as TCP finds out what a
 * network stands (RFC 5681): a limit per host grows by one with each good answer, that is, it
 * doubles in a round; after the first sign of too much it is halved, and grows by one a round only.
 * An answer is good when its headers are: what is known then need not wait for the end of a body
 * that takes an hour. Sixty transfers that break together are one sign and not sixty: only those
 * count that were begun after the last halving; nor are the others to blame, so that it costs them
 * none of their attempts. A host that has said how long to wait (Retry-After) is left alone until
 * then, all of it, whichever of its files it was said for.
 *
 * The limit begins with what was asked for, up to 64. A browser begins with six, and so did this
 * once with eight; but who says -j 64 knows the server, means it, and has many files of which the
 * first are large: they kept the others waiting until one of them was complete. Beyond, a server
 * shows first that it stands 64.
 *
 * What waits for a time, an item after a failure or a host in a pause, is in one binary heap.
 *
 *   Rejected: a limit by measured latency (needs an undisturbed baseline, which a downloader that
 *   begins with a full load never sees). A task per file that waits for its host's semaphore: a
 *   hundred thousand stacks for tasks that do nothing yet.
 */
#define _GNU_SOURCE
#include "fetch_hosts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define uthash_nonfatal_oom(host) ((host)->lost = true)
#define HASH_NONFATAL_OOM         1
#include <uthash.h>

#include <sley/time.h>

#define FIRST_LIMIT 64.0 /* halved six times it is one */

enum { KEY_SIZE = 300 };

struct fetch_host {
    UT_hash_handle hh;
    struct fetch_item *first, **last; /* waiting, ready to start */
    struct fetch_host *next;          /* in the ring */
    bool in_ring, lost, failed;
    unsigned active;
    double limit, threshold; /* grows by one per answer below it, by one per round above */
    int64_t cut;             /* when it was halved last, ns */
    int64_t pause;           /* nothing is started before */
    char key[];
};

/* Something that waits for a time: an item, or a host's end of a pause. */
struct fetch_timer {
    int64_t when;
    struct fetch_item *item; /* or NULL */
    struct fetch_host *host;
};

void fetch_hosts_init(struct fetch_hosts *hosts, unsigned most)
{
    *hosts = (struct fetch_hosts){.most = most};
    hosts->last = &hosts->first;
}

void fetch_hosts_close(struct fetch_hosts *hosts)
{
    struct fetch_host *host = hosts->table, *next;

    HASH_CLEAR(hh, hosts->table); /* frees the table, not what is in it */
    for (; host; host = next) {
        next = host->hh.next;
        free(host);
    }
    free(hosts->timers);
}

/* --- the heap --------------------------------------------------------------------------------- */

static bool push_timer(struct fetch_hosts *hosts, struct fetch_timer timer)
{
    if (hosts->timer_count == hosts->timer_room) {
        size_t room = hosts->timer_room ? hosts->timer_room * 2 : 64;
        struct fetch_timer *timers = realloc(hosts->timers, room * sizeof *timers);
        if (!timers)
            return false;
        hosts->timers = timers;
        hosts->timer_room = room;
    }
    size_t at = hosts->timer_count++;
    for (; at > 0 && hosts->timers[(at - 1) / 2].when > timer.when; at = (at - 1) / 2)
        hosts->timers[at] = hosts->timers[(at - 1) / 2];
    hosts->timers[at] = timer;
    return true;
}

static struct fetch_timer pop_timer(struct fetch_hosts *hosts)
{
    struct fetch_timer *timers = hosts->timers, top = timers[0];
    struct fetch_timer moved = timers[--hosts->timer_count];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < hosts->timer_count) {
        if (child + 1 < hosts->timer_count && timers[child + 1].when < timers[child].when)
            child++;
        if (timers[child].when >= moved.when)
            break;
        timers[at] = timers[child];
        at = child;
    }
    timers[at] = moved;
    return top;
}

/* --- the ring --------------------------------------------------------------------------------- */

static bool has_room(const struct fetch_host *host)
{
    return host->active < (unsigned)host->limit;
}

/* Into the ring, if it belongs there. A host in a pause comes back by its timer. */
static void enter(struct fetch_hosts *hosts, struct fetch_host *host)
{
    if (host->in_ring || !host->first || !has_room(host) || host->pause)
        return;
    host->in_ring = true;
    host->next = NULL;
    *hosts->last = host;
    hosts->last = &host->next;
}

static struct fetch_host *leave(struct fetch_hosts *hosts)
{
    struct fetch_host *host = hosts->first;

    hosts->first = host->next;
    if (!hosts->first)
        hosts->last = &hosts->first;
    host->in_ring = false;
    return host;
}

static void queue(struct fetch_hosts *hosts, struct fetch_item *item)
{
    struct fetch_host *host = item->host;

    item->next = NULL;
    *host->last = item;
    host->last = &item->next;
    enter(hosts, host);
}

/* --- hosts ------------------------------------------------------------------------------------ */

/* "http://name:80" in small letters; what stands before an '@' is not the host. */
static size_t key_of(const char *url, char key[KEY_SIZE])
{
    const char *host = strstr(url, "://") + 3;
    size_t scheme = (size_t)(host - url), length = strcspn(host, "/?#"), used = 0;
    const char *at = memrchr(host, '@', length);

    if (at) {
        length -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    for (size_t i = 0; i < scheme; i++)
        key[used++] = (char)tolower((unsigned char)url[i]);
    for (size_t i = 0; i < length && used < KEY_SIZE; i++)
        key[used++] = (char)tolower((unsigned char)host[i]);
    return used;
}

static struct fetch_host *new_host(struct fetch_hosts *hosts, const char *key, size_t length)
{
    struct fetch_host *host = calloc(1, sizeof *host + length + 1);

    if (!host)
        return NULL;
    memcpy(host->key, key, length);
    host->last = &host->first;
    host->limit = FIRST_LIMIT < hosts->most ? FIRST_LIMIT : hosts->most;
    host->threshold = hosts->most;
    HASH_ADD_KEYPTR(hh, hosts->table, host->key, length, host);
    if (!host->lost)
        return host;
    free(host);
    return NULL;
}

static struct fetch_host *host_of(struct fetch_hosts *hosts, const char *url)
{
    char key[KEY_SIZE];
    size_t length = key_of(url, key);
    struct fetch_host *host;

    HASH_FIND(hh, hosts->table, key, length, host);
    return host ? host : new_host(hosts, key, length);
}

bool fetch_hosts_add(struct fetch_hosts *hosts, struct fetch_item *item, int64_t when)
{
    if (!item->host && !(item->host = host_of(hosts, item->url)))
        return false;
    if (when)
        return push_timer(hosts, (struct fetch_timer){when, item, item->host});
    queue(hosts, item);
    return true;
}

/* What has waited for this moment. */
static void expire(struct fetch_hosts *hosts, int64_t now)
{
    while (hosts->timer_count && hosts->timers[0].when <= now) {
        struct fetch_timer timer = pop_timer(hosts);
        if (timer.item) {
            queue(hosts, timer.item);
        } else if (timer.host->pause <= now) { /* else it was prolonged, with another timer */
            timer.host->pause = 0;
            enter(hosts, timer.host);
        }
    }
}

struct fetch_item *fetch_hosts_take(struct fetch_hosts *hosts, int64_t now, int64_t *when)
{
    expire(hosts, now);
    while (hosts->first) {
        struct fetch_host *host = leave(hosts);
        struct fetch_item *item = host->first;
        if (!item || !has_room(host) || host->pause) /* since it entered */
            continue;
        host->first = item->next;
        if (!host->first)
            host->last = &host->first;
        host->active++;
        enter(hosts, host);
        return item;
    }
    *when = hosts->timer_count ? hosts->timers[0].when : SLEY_FOREVER;
    return NULL;
}

void fetch_hosts_other(struct fetch_hosts *hosts, const struct fetch_item *item)
{
    item->host->active--;
    enter(hosts, item->host);
}

void fetch_hosts_answer(struct fetch_hosts *hosts, const struct fetch_item *item)
{
    struct fetch_host *host = item->host;

    host->limit += host->limit < host->threshold ? 1 : 1 / host->limit;
    if (host->limit > hosts->most)
        host->limit = hosts->most;
    enter(hosts, host);
}

void fetch_hosts_good(struct fetch_hosts *hosts, const struct fetch_item *item)
{
    fetch_hosts_answer(hosts, item);
    fetch_hosts_other(hosts, item);
}

bool fetch_hosts_bad(struct fetch_hosts *hosts, const struct fetch_item *item, int64_t now)
{
    struct fetch_host *host = item->host;
    bool news = item->started >= host->cut;

    if (news) {
        host->limit = host->limit / 2 > 1 ? host->limit / 2 : 1;
        host->threshold = host->limit;
        host->cut = now;
    }
    fetch_hosts_other(hosts, item);
    return news;
}

bool fetch_hosts_pause(struct fetch_hosts *hosts, const struct fetch_item *item, int64_t when)
{
    struct fetch_host *host = item->host;

    if (when <= host->pause)
        return true;
    if (!push_timer(hosts, (struct fetch_timer){when, NULL, host}))
        return false;
    host->pause = when;
    return true;
}

const char *fetch_hosts_name(const struct fetch_item *item)
{
    return item->host->key;
}

bool fetch_hosts_first_failure(const struct fetch_item *item)
{
    bool first = !item->host->failed;

    item->host->failed = true;
    return first;
}

unsigned fetch_hosts_limit(const struct fetch_item *item)
{
    return (unsigned)item->host->limit;
}

size_t fetch_hosts_count(const struct fetch_hosts *hosts)
{
    return HASH_COUNT(hosts->table);
}
