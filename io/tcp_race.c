/*
 * tcp_race.c: which of the addresses of a name? (Happy Eyeballs, RFC 8305.)
 *
 * Many names have addresses of both families, and many networks have one that does not work: not
 * one that refuses, but one that swallows. To try the addresses in turn costs the kernel's patience
 * for each that is dead, two minutes. So the next attempt begins beside the first one when that has
 * had a quarter of a second, or has failed; the families take turns, so that a dead one costs one
 * delay and not one for each of its addresses; who is connected first wins, and the others are
 * given up.
 *
 * The attempts are the children of a scope whose policy says exactly this: the first success
 * cancels the rest. Two may succeed in the same instant; the one that comes first in the order of
 * preference is taken then, and the other connection is closed.
 *
 * Nor are all addresses waited for: if the name servers have told those of one family and not those
 * of the other, the race begins, and a child more looks the name up to the end (section 3; when one
 * family will do is the resolver's matter). What it finds joins the race, and takes turns as above.
 */
#include "tcp_impl.h"

#include <stdlib.h>

#include <sley/scope.h>
#include <sley/time.h>

#include "resolve.h"

struct attempt {
    struct race *race;
    const struct sley__address *address;
    struct sley_stream *stream; /* NULL: not connected */
};

struct batch {
    struct attempt *attempts;
    size_t count, begun;
};

struct race {
    struct sley__io *io;
    const struct sley__address *from;
    const char *host; /* NULL: all its addresses are known */
    int port;
    struct sley_scope scope;
    struct batch known;
    struct batch rest; /* what the lookup has found: its task's, then the racer's */
    struct sley__address *rest_addresses;
    bool turn_of_rest;
    int64_t due; /* when the next attempt may begin */
    int error;   /* of the attempt that has failed last */
};

/* Families take turns, beginning with that of the first; otherwise the order stays. */
static void alternate(struct sley__address *addresses, size_t count)
{
    for (size_t at = 1; at < count; at++) {
        int family = addresses[at - 1].any.sa_family;
        size_t next = at;

        while (next < count && addresses[next].any.sa_family == family)
            next++;
        if (next == count) /* only this family is left */
            return;
        for (struct sley__address moved = addresses[next]; next >= at; next--)
            addresses[next] = next > at ? addresses[next - 1] : moved;
    }
}

/* A task. */
static int try_one(void *arg)
{
    struct attempt *attempt = arg;
    struct race *race = attempt->race;

    return sley__tcp_connect_to(race->io, attempt->address, race->from, &attempt->stream);
}

/* How many of the addresses could be new, which are put in front: those that the caller may connect
 * from, of the family that is not known. */
static size_t keep_new(const struct race *race, struct sley__address *addresses, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        int family = addresses[i].any.sa_family;

        if (race->from->size && family != race->from->any.sa_family)
            continue;
        if (race->known.count && family == race->known.attempts[0].address->any.sa_family)
            continue;
        addresses[kept++] = addresses[i];
    }
    return kept;
}

static bool make_batch(struct race *race, struct batch *batch,
                       const struct sley__address *addresses, size_t count)
{
    batch->attempts = calloc(count + 1, sizeof(*batch->attempts));
    if (!batch->attempts)
        return false;
    batch->count = count;
    for (size_t i = 0; i < count; i++)
        batch->attempts[i] = (struct attempt){race, &addresses[i], NULL};
    return true;
}

/* A task. Its result is never 0, for it would have won. */
static int look_up_rest(void *arg)
{
    struct race *race = arg;
    size_t count;

    if (sley__resolve(race->io, race->host, race->port, &race->rest_addresses, &count))
        return SLEY_ENAME;
    count = keep_new(race, race->rest_addresses, count);
    return make_batch(race, &race->rest, race->rest_addresses, count) ? SLEY_EAGAIN : SLEY_ENOMEM;
}

static bool has_next(const struct race *race)
{
    return race->known.begun < race->known.count || race->rest.begun < race->rest.count;
}

/* The families take turns. NULL: there is none, now. */
static struct attempt *next_attempt(struct race *race)
{
    bool of_rest = race->rest.begun < race->rest.count &&
                   (race->turn_of_rest || race->known.begun == race->known.count);
    struct batch *batch = of_rest ? &race->rest : &race->known;

    if (batch->begun == batch->count)
        return NULL;
    race->turn_of_rest = !of_rest;
    return &batch->attempts[batch->begun++];
}

/* Waits for a child to end, until `deadline`: 1 if an attempt has succeeded; 0 if one has failed,
 * or the lookup has ended, or the time is over; or why the caller must give up. SLEY_EOF: none is
 * running. */
static int await_one(struct race *race, int64_t deadline)
{
    struct sley_child child;
    int64_t before = sley_deadline_narrow(deadline);
    int status = sley_scope_next(&race->scope, &child);

    sley_deadline_restore(before);
    if (status == SLEY_ETIMEDOUT)
        return sley__wait_check();
    if (status <= 0)
        return status ? status : SLEY_EOF;
    if (child.result == 0)
        return 1;
    if (child.arg != race) {
        race->error = child.result;
        race->due = 0;
    }
    return 0;
}

/* 1: one has succeeded. In the scope. */
static int run(struct race *race, int64_t delay)
{
    static const struct sley_task_options connects = {.name = "connect"}, looks = {.name = "names"};
    int status = 0;

    if (race->host)
        status = sley_scope_spawn(&race->scope, look_up_rest, race, &looks, NULL);
    while (!status) {
        struct attempt *attempt = sley_now() >= race->due ? next_attempt(race) : NULL;

        if (attempt) {
            status = sley_scope_spawn(&race->scope, try_one, attempt, &connects, NULL);
            race->due = sley_after(delay);
        }
        if (!status)
            status = await_one(race, has_next(race) ? race->due : SLEY_FOREVER);
    }
    return status;
}

static int race_them(struct race *race, int64_t delay)
{
    struct sley_scope_options options = {.policy = SLEY_SCOPE_FIRST_SUCCESS};
    int status = sley_scope_open(&race->scope, &options);

    if (status)
        return status;
    status = run(race, delay);
    sley_scope_cancel(&race->scope, "another address has answered");
    (void)sley_scope_close(&race->scope);
    return status;
}

/* Takes the first connection, if none is taken, and closes the others. */
static void take_first(struct batch *batch, struct sley_stream **taken)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (*taken)
            sley_stream_free(batch->attempts[i].stream);
        else
            *taken = batch->attempts[i].stream;
    }
    free(batch->attempts);
}

int sley__tcp_race(struct sley__io *io, const struct sley__tcp_name *name,
                   struct sley__address *addresses, size_t count, const struct sley__address *from,
                   int64_t delay, struct sley_stream **out)
{
    struct race race = {.io = io, .from = from, .error = SLEY_EADDRNOTAVAIL};
    struct sley_stream *taken = NULL;
    int status;

    if (name) {
        race.host = name->host;
        race.port = name->port;
    }
    alternate(addresses, count);
    if (!make_batch(&race, &race.known, addresses, count))
        return SLEY_ENOMEM;
    status = race_them(&race, delay);
    take_first(&race.known, &taken);
    take_first(&race.rest, &taken);
    free(race.rest_addresses);
    if (taken) {
        *out = taken;
        return 0;
    }
    return status == SLEY_EOF ? race.error : status;
}
