/* Names asked for by many tasks at once, against everything that can end a wait:
 *
 *   storm     questions, many of them the same, with cancels and deadlines at random distances, the
 *             cache being flushed all the time, and as many under way as wait: each task has its
 *             answer, or left
 *   freed     resolvers freed with tasks waiting
 *   hostile   bad answers of all kinds, in any order, with several servers
 *
 * A datagram may be lost if the machine is busy; it is sent again after a time that is short here.
 */
#define _GNU_SOURCE
#include "crafted_dns.h"
#include "io_stress.h"

enum { ASKERS = 200, QUESTIONS = 20, NAMES = 300, ROUNDS = 60, WAITERS = 40 };

static struct crafted server, other;
static struct sley_resolver *resolver;
static char both[80];

static struct sley_resolver *new_resolver(const char *servers, int in_flight, size_t cache,
                                          int tries)
{
    struct sley_resolver_options options = {.servers = servers,
                                            .hosts = "",
                                            .in_flight = in_flight,
                                            .cache = cache,
                                            .timeout = SLEY_MILLISECONDS(200),
                                            .tries = tries};
    struct sley_resolver *new;

    must_be(sley_resolver_new(&options, &new), 0);
    return new;
}

static int ask(struct sley_resolver *from, const char *name)
{
    struct sley_lookup_options options = {.resolver = from};
    const struct sley_dns_answer *answer;
    int code = sley_dns_query(name, SLEY_DNS_A, &options, &answer);

    if (code)
        return code;
    must(answer->count == 1 && answer->records[0].u.a[3] == 1);
    sley_dns_answer_free(answer);
    return 0;
}

/* --- storm ------------------------------------------------------------------------------------ */

static int ask_much(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg;

    for (int i = 0; i < QUESTIONS; i++) {
        int64_t before = SLEY_FOREVER;
        bool hurry = next_random(&random) % 3 == 0;
        char name[40];
        int code;

        snprintf(name, sizeof(name), "ok.n%u.test", next_random(&random) % NAMES);
        if (hurry)
            before =
                sley_deadline_narrow(sley_after(SLEY_MICROSECONDS(next_random(&random) % 3000)));
        code = ask(resolver, name);
        if (hurry)
            sley_deadline_restore(before);
        if (code == SLEY_ECANCELED)
            return code;
        must(code == 0 || (hurry && code == SLEY_ETIMEDOUT));
    }
    return 0;
}

static void storm(int in_flight, size_t cache)
{
    struct sley_task *tasks[ASKERS];
    struct sley_resolver_stats stats;
    uint32_t random = 17;
    int left = 0;

    resolver = new_resolver(server.address, in_flight, cache, 10);
    for (uintptr_t i = 0; i < ASKERS; i++)
        must_be(sley_spawn(ask_much, (void *)(i * 77 + 1), NULL, &tasks[i]), 0);
    for (int i = 0; i < ASKERS; i++) {
        int result;

        if (next_random(&random) % 4 == 0) {
            must_be(sley_sleep(SLEY_MICROSECONDS(next_random(&random) % 500)), 0);
            sley_cancel(tasks[i], "stress");
        }
        if (next_random(&random) % 8 == 0)
            sley_resolver_flush(resolver);
        must_be(sley_join(tasks[i], &result), 0);
        must(result == 0 || result == SLEY_ECANCELED);
        left += result != 0;
    }
    must_be(sley_resolver_stats(resolver, &stats), 0);
    printf("storm: %d of %d cancelled; %llu queries, %llu joined, %llu hits, %llu dropped\n", left,
           ASKERS, (unsigned long long)stats.queries, (unsigned long long)stats.joined,
           (unsigned long long)stats.hits, (unsigned long long)stats.dropped);
    sley_resolver_free(resolver);
}

/* --- freed ------------------------------------------------------------------------------------ */

struct waiter {
    struct sley_resolver *resolver;
    char name[40];
};

static int wait_for_it(void *arg)
{
    struct waiter *waiter = arg;
    int code = ask(waiter->resolver, waiter->name);

    must(code == 0 || code == SLEY_ECLOSED || code == SLEY_ECANCELED);
    return 0;
}

static void freed(void)
{
    static struct waiter waiters[WAITERS];
    uint32_t random = 5;

    for (int round = 0; round < ROUNDS; round++) {
        struct sley_resolver *one = new_resolver(both, 8, 0, 10);
        struct sley_task *tasks[WAITERS];
        struct sley_resolver_stats stats;

        for (int i = 0; i < WAITERS; i++) {
            waiters[i].resolver = one;
            snprintf(waiters[i].name, sizeof(waiters[i].name), "%s.n%u.test",
                     next_random(&random) % 2 ? "ok" : "silent", next_random(&random) % 30);
            must_be(sley_spawn(wait_for_it, &waiters[i], NULL, &tasks[i]), 0);
        }
        /* All have begun: what has not been answered or joined is under way or waits. */
        do {
            must_be(sley_yield(), 0);
            must_be(sley_resolver_stats(one, &stats), 0);
        } while (stats.hits + stats.joined + stats.cached + stats.in_flight + stats.waiting <
                 WAITERS);
        for (uint32_t n = next_random(&random) % 20; n > 0; n--)
            must_be(sley_yield(), 0);
        sley_cancel(tasks[0], "stress");
        sley_resolver_free(one);
        for (int i = 0; i < WAITERS; i++)
            must_be(sley_join(tasks[i], NULL), 0);
    }
}

/* --- hostile ---------------------------------------------------------------------------------- */

static int ask_badly(void *arg)
{
    static const char *const kinds[] = {
        "ok",     "alias",   "circle",   "nx",    "servfail", "refused", "loop",   "forward",
        "cut",    "length",  "size",     "count", "long",     "tcclose", "tchalf", "tc",
        "noedns", "wrongid", "question", "empty", "short",    "big"};
    enum { KINDS = sizeof(kinds) / sizeof(*kinds) };
    uint32_t random = (uint32_t)(uintptr_t)arg;

    for (int i = 0; i < QUESTIONS; i++) {
        const char *kind = kinds[next_random(&random) % KINDS];
        struct sley_lookup_options options = {.resolver = resolver, .family = 4};
        struct sley_addrs *addrs;
        char name[40];
        int code;

        snprintf(name, sizeof(name), "%s.n%u.test.", kind, next_random(&random) % NAMES);
        code = sley_getaddrinfo(name, 80, &options, &addrs);
        if (code) {
            must(code == SLEY_ENXDOMAIN || code == SLEY_ENODATA || code == SLEY_ESERVFAIL ||
                 code == SLEY_EREFUSED || code == SLEY_ENOANSWER || code == SLEY_EBADANSWER);
            /* Two tries of a fifth of a second may both be late on a busy machine. */
            must(code == SLEY_ENOANSWER || (strcmp(kind, "ok") != 0 && strcmp(kind, "alias") != 0));
        } else {
            sley_addrs_free(addrs);
        }
    }
    return 0;
}

static void hostile(void)
{
    struct sley_task *tasks[WAITERS];

    resolver = new_resolver(both, 100, 50, 2);
    for (uintptr_t i = 0; i < WAITERS; i++)
        must_be(sley_spawn(ask_badly, (void *)(i * 31 + 3), NULL, &tasks[i]), 0);
    for (int i = 0; i < WAITERS; i++)
        must_be(sley_join(tasks[i], NULL), 0);
    sley_resolver_free(resolver);
}

static int run(void *unused __attribute__((unused)))
{
    crafted_start(&server);
    crafted_start(&other);
    snprintf(both, sizeof(both), "%s %s", server.address, other.address);
    storm(100, 200);
    storm(5, 20);
    freed();
    hostile();
    crafted_stop(&server);
    crafted_stop(&other);
    return 0;
}

int main(void)
{
    return sley_run(run, NULL, NULL) == 0 ? 0 : 1;
}
