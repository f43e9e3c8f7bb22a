/*
 * dns_cache.c: questions, who waits for them, and their answers.
 *
 * One table of questions, by name and type. An entry is either pending, then tasks wait for it and
 * the I/O thread works on it, or it has its outcome, then whoever asks has it without leaving its
 * worker. So the table is the cache and the place where identical questions meet in one: the second
 * one finds the entry of the first. What has an outcome is in a list by last use, whose end is
 * evicted; what is pending cannot be.
 *
 * c-ares cannot take a query back, and a task that is cancelled must not wait for it: so the entry
 * outlives the waiter. The waiter takes itself out of the entry's list and leaves; the answer comes
 * to an entry without waiters, and is kept like any other. An entry that loses its last waiter
 * before its query was sent is dropped when its turn comes.
 *
 * Everything is under the resolver's lock, for some dozens of instructions; the records of waiters
 * are on their stacks, and whoever has been woken passes through the lock before it leaves.
 * Outcomes are given out under the lock too: who is taken out of the list has its outcome, whatever
 * cancel comes in the same instant. An answer is constant and counted, so giving it out is one
 * increment.
 *
 * A call for both families of addresses may be hasty: it is woken by the first answer, too, and
 * leaves the other question pending, as a cancelled one would, if that takes too long.
 *
 * The hash is keyed with a random number, because names may come from strangers: with a known
 * function they could choose names that all fall into one bucket.
 */
#include "dns_impl.h"

#include <stdlib.h>
#include <string.h>

#include <sley/time.h>

#include "platform.h"

#define HASH_NONFATAL_OOM          1
#define uthash_nonfatal_oom(entry) ((void)(entry)) /* its hh.tbl is NULL then */
#include <uthash.h>

struct sley__dns_entry {
    UT_hash_handle hh;
    struct list waiters; /* struct sley__dns_wait */
    struct list recent;  /* in the resolver's, while it has an outcome */
    int64_t expires;
    struct sley__dns_answer *answer;
    int code, server;
    bool pending;
    struct sley__dns_job job;
    uint16_t key_size;
    uint8_t key[]; /* the name, and the type in two bytes */
};

enum { KEY_MAX = 257 };

#define PATIENCE SLEY_MILLISECONDS(50) /* RFC 8305, section 8 */

static struct sley__dns_entry *entry_of(const struct sley__dns_job *job)
{
    return container_of(job, struct sley__dns_entry, job);
}

static size_t make_key(uint8_t *key, const struct sley__dns_name *name, enum sley_dns_type type)
{
    memcpy(key, name->wire, name->size);
    key[name->size] = (uint8_t)((unsigned)type >> 8);
    key[name->size + 1] = (uint8_t)type;
    return name->size + 2;
}

static unsigned hash_key(uint64_t seed, const uint8_t *key, size_t size)
{
    uint64_t hash = seed + size, word;

    for (; size >= sizeof(word); key += sizeof(word), size -= sizeof(word)) {
        memcpy(&word, key, sizeof(word));
        hash = sley__hash64(hash ^ word);
    }
    word = 0;
    memcpy(&word, key, size);
    return (unsigned)sley__hash64(hash ^ word);
}

enum sley_dns_type sley__dns_job_question(const struct sley__dns_job *job,
                                          struct sley__dns_name *name)
{
    const struct sley__dns_entry *entry = entry_of(job);

    name->size = entry->key_size - (size_t)2;
    memcpy(name->wire, entry->key, name->size);
    return (enum sley_dns_type)(entry->key[name->size] << 8 | entry->key[name->size + 1]);
}

/* --- entries, with the lock held ---------------------------------------------------------------
 */

static void drop_entry(struct sley_resolver *resolver, struct sley__dns_entry *entry)
{
    HASH_DEL(resolver->table, entry);
    sley__dns_answer_unref(entry->answer);
    free(entry);
}

/* One that has an answer. */
static void remove_kept(struct sley_resolver *resolver, struct sley__dns_entry *entry)
{
    list_remove(&entry->recent);
    resolver->kept--;
    drop_entry(resolver, entry);
}

static void remove_entry(struct sley_resolver *resolver, struct sley__dns_entry *entry)
{
    if (entry->pending)
        drop_entry(resolver, entry);
    else
        remove_kept(resolver, entry);
}

static void evict(struct sley_resolver *resolver)
{
    while (resolver->kept > resolver->config.cache)
        remove_kept(resolver, container_of(resolver->recent.prev, struct sley__dns_entry, recent));
}

void sley__dns_forget(struct sley_resolver *resolver)
{
    struct list *link;

    while ((link = list_pop_front(&resolver->recent))) {
        resolver->kept--;
        drop_entry(resolver, container_of(link, struct sley__dns_entry, recent));
    }
}

static struct sley__dns_entry *add_entry(struct sley_resolver *resolver, const uint8_t *key,
                                         size_t size, unsigned hash)
{
    struct sley__dns_entry *entry = malloc(sizeof(*entry) + size);

    if (!entry)
        return NULL;
    *entry = (struct sley__dns_entry){.key_size = (uint16_t)size};
    memcpy(entry->key, key, size);
    list_init(&entry->waiters);
    list_init(&entry->recent);
    entry->job.resolver = resolver;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, resolver->table, entry->key, entry->key_size, hash, entry);
    if (!entry->hh.tbl) {
        free(entry);
        return NULL;
    }
    return entry;
}

/* Makes it the I/O thread's, which is a user of the resolver until it has an outcome. The caller
 * submits its node. With the lock held. */
static void make_pending(struct sley_resolver *resolver, struct sley__dns_entry *entry)
{
    if (list_linked(&entry->recent)) {
        list_remove(&entry->recent);
        resolver->kept--;
    }
    sley__dns_answer_unref(entry->answer);
    entry->answer = NULL;
    entry->pending = true;
    resolver->users++;
    entry->job = (struct sley__dns_job){.node.run = sley__dns_loop_start, .resolver = resolver};
    list_init(&entry->job.link);
}

static void give_outcome(struct sley__dns_wait *wait, const struct sley__dns_entry *entry)
{
    if (!entry->code && wait->call->hasty) {
        wait->call->answered = true;
        wait->call->enough |= wait->type == SLEY_DNS_AAAA;
    }
    wait->code = entry->code;
    wait->server = entry->server;
    wait->answer = entry->answer;
    if (entry->answer)
        sley__dns_answer_ref(entry->answer);
}

/* --- asking ------------------------------------------------------------------------------------
 */

/* Answers it from the cache, or makes it wait for an entry; *fresh receives one that has to be
 * submitted. False: no memory. With the lock held. */
static bool ask_one(struct sley_resolver *resolver, struct sley__dns_wait *wait, int64_t now,
                    struct sley__dns_entry **fresh)
{
    uint8_t key[KEY_MAX];
    size_t size = make_key(key, wait->name, wait->type);
    unsigned hash = hash_key(resolver->hash_seed, key, size);
    struct sley__dns_entry *entry;

    *fresh = NULL;
    HASH_FIND_BYHASHVALUE(hh, resolver->table, key, size, hash, entry);
    if (entry && !entry->pending && now < entry->expires) {
        resolver->stats.hits++;
        list_remove(&entry->recent);
        list_push_front(&resolver->recent, &entry->recent);
        give_outcome(wait, entry);
        return true;
    }
    if (!entry && !(entry = add_entry(resolver, key, size, hash)))
        return false;
    if (entry->pending) {
        resolver->stats.joined++;
    } else {
        make_pending(resolver, entry);
        *fresh = entry;
    }
    list_push_back(&entry->waiters, &wait->link);
    wait->call->pending++;
    return true;
}

static bool is_over(const struct sley__dns_call *call)
{
    return !call->pending || call->enough;
}

/* Takes the call back out, if it still waits. 0 if it has all outcomes, or enough of them. With the
 * lock held. */
static int withdraw(struct sley__dns_wait *waits, int count, int error)
{
    bool over = is_over(waits->call) && error != SLEY_ENOMEM;

    for (int i = 0; i < count && over; i++) {
        waits[i].left = list_linked(&waits[i].link);
        list_remove(&waits[i].link);
    }
    if (over)
        return 0;
    for (int i = 0; i < count; i++) {
        list_remove(&waits[i].link);
        sley__dns_answer_unref(waits[i].answer);
        waits[i].answer = NULL;
    }
    return error;
}

/* Parks until the call is over, in a wait that has begun. With one family there from the beginning
 * it is not patient. 0, or an error of a call that has been taken out. */
static int await(struct sley_resolver *resolver, struct sley__dns_wait *waits, int count,
                 bool patient)
{
    struct sley__dns_call *call = waits->call;
    bool again;
    int error;

    do {
        int64_t until = patient ? SLEY_FOREVER : sley_after(PATIENCE);

        error = sley__wait_park(until);
        sley__lock_acquire(&resolver->lock);
        if (error == SLEY_ETIMEDOUT && !patient && !(error = sley__wait_check()))
            call->enough = true;
        again = !error && !is_over(call);
        if (again)
            error = sley__wait_begin(&call->waker, "name lookup");
        if (error || !again)
            error = withdraw(waits, count, error);
        sley__lock_release(&resolver->lock);
        patient = false;
    } while (again && !error);
    return error;
}

int sley__dns_ask(struct sley_resolver *resolver, struct sley__dns_wait *waits, int count,
                  bool hasty)
{
    struct sley__dns_entry *fresh[2];
    struct sley__dns_call call = {.hasty = hasty};
    int asked = 0, error = sley__wait_check();
    bool parks, patient;
    int64_t now;

    ensure(count <= (int)ARRAY_LENGTH(fresh));
    if (error)
        return error;
    for (int i = 0; i < count; i++) {
        list_init(&waits[i].link);
        waits[i].call = &call;
        waits[i].answer = NULL;
        waits[i].left = false;
    }
    now = sley_now();
    sley__lock_acquire(&resolver->lock);
    if (resolver->closed) {
        sley__lock_release(&resolver->lock);
        return SLEY_ECLOSED;
    }
    while (asked < count && ask_one(resolver, &waits[asked], now, &fresh[asked]))
        asked++;
    error = asked < count ? SLEY_ENOMEM : 0;
    parks = !error && !is_over(&call);
    if (parks)
        error = sley__wait_begin(&call.waker, "name lookup");
    parks = parks && !error; /* a wait that has begun is parked for, even if it is over */
    if (!parks)
        error = withdraw(waits, count, error);
    patient = !call.answered;
    sley__lock_release(&resolver->lock);

    /* Also of a call that has failed: others may wait for them by now. */
    for (int i = 0; i < asked; i++)
        if (fresh[i])
            sley__loop_submit(resolver->loop, &fresh[i]->job.node);
    return parks ? await(resolver, waits, count, patient) : error;
}

/* --- answering ---------------------------------------------------------------------------------
 */

/* When it has to be asked again; 0: it is not kept. */
static int64_t expiry(const struct sley_resolver *resolver, const struct sley__dns_outcome *outcome)
{
    bool missing = outcome->code != 0;
    int64_t most = missing ? resolver->config.ttl_max_missing : resolver->config.ttl_max;
    int64_t ttl = outcome->ttl < most / SLEY_SECONDS(1) ? SLEY_SECONDS(outcome->ttl) : most;

    if (outcome->code && outcome->code != SLEY_ENXDOMAIN && outcome->code != SLEY_ENODATA)
        return 0;
    return outcome->ttl > 0 ? sley_now() + ttl : 0;
}

static void give_all(struct sley_resolver *resolver, struct sley__dns_entry *entry)
{
    struct list *link;

    while ((link = list_pop_front(&entry->waiters))) {
        struct sley__dns_wait *wait = container_of(link, struct sley__dns_wait, link);

        give_outcome(wait, entry);
        wait->call->pending--;
        if (is_over(wait->call) || wait->call->answered)
            sley__loop_wake(resolver->loop, wait->call->waker, 0);
    }
}

void sley__dns_finish(struct sley__dns_job *job, const struct sley__dns_outcome *outcome)
{
    struct sley__dns_entry *entry = entry_of(job);
    struct sley_resolver *resolver = job->resolver;
    int64_t expires = expiry(resolver, outcome);

    if (outcome->answer)
        outcome->answer->shown.expires = expires;
    sley__lock_acquire(&resolver->lock);
    entry->code = outcome->code;
    entry->server = outcome->server;
    entry->answer = outcome->answer;
    entry->expires = expires;
    give_all(resolver, entry);
    if (!expires || resolver->closed) {
        remove_entry(resolver, entry);
    } else {
        entry->pending = false;
        list_push_front(&resolver->recent, &entry->recent);
        resolver->kept++;
        evict(resolver);
    }
    sley__dns_leave(resolver);
}

bool sley__dns_drop(struct sley__dns_job *job)
{
    struct sley__dns_entry *entry = entry_of(job);
    struct sley_resolver *resolver = job->resolver;
    bool dropped;

    sley__lock_acquire(&resolver->lock);
    dropped = list_empty(&entry->waiters);
    if (dropped) {
        remove_entry(resolver, entry);
        sley__dns_leave(resolver);
    } else {
        sley__lock_release(&resolver->lock);
    }
    return dropped;
}
