/*
 * bench_dns.c: many names looked up at once, as a crawler or a mail server does.
 *
 * A thousand tasks look up a hundred thousand different names, each task one after another, against
 * a real server on this machine; half of the names exist. Nothing is in a cache and no two
 * questions are the same. Each answer is compared with what the zone says, so a wrong or a lost one
 * is an error; one that has to be asked for twice shows as time.
 *
 * Two figures: the time per name, and the CPU time of this process per name. The server shares the
 * machine, so the second one is what a client costs, and the first one says whether it waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/dns.h>

#include "dns_rig.h"
#include "harness.h"
#include "machine.h"

enum { TASKS = 1000 };

struct work {
    struct sley_resolver *resolver;
    size_t names;
    int port;
    double ns, cpu_ns; /* results */
};

struct asker {
    const struct work *work;
    size_t first; /* then every TASKS-th */
};

/* Whether the outcome is what the zone says. */
static bool look_up(const struct work *work, size_t n)
{
    struct sley_lookup_options options = {.resolver = work->resolver};
    const struct sley_dns_answer *answer;
    unsigned char expected[4];
    char name[DNS_RIG_NAME];
    bool exists = dns_rig_question(n, name, expected), right;
    int status = sley_dns_query(name, SLEY_DNS_A, &options, &answer);
    if (status)
        return !exists && status == SLEY_ENXDOMAIN;
    right = exists && answer->count == 1 && memcmp(answer->records[0].u.a, expected, 4) == 0;
    sley_dns_answer_free(answer);
    return right;
}

static int ask(void *arg)
{
    const struct asker *asker = arg;
    for (size_t n = asker->first; n < asker->work->names; n += TASKS)
        if (!look_up(asker->work, n))
            return bench_error("question %zu has a wrong answer", n);
    return 0;
}

static int ask_all(struct work *work, struct asker *askers, struct sley_task **tasks)
{
    int failed = 0;
    for (size_t i = 0; i < TASKS; i++) {
        askers[i] = (struct asker){work, i};
        int status = sley_spawn(ask, &askers[i], NULL, &tasks[i]);
        if (status)
            return bench_error("%s", sley_strerror(status));
    }
    for (size_t i = 0; i < TASKS; i++) {
        int result = 0, status = sley_join(tasks[i], &result);
        if (status || result)
            failed = BENCH_FAILED;
    }
    return failed;
}

static int parent(void *arg)
{
    struct work *work = arg;
    char servers[40];
    struct sley_resolver_options options = {.servers = servers, .hosts = "", .in_flight = TASKS};
    struct asker *askers = bench_alloc(TASKS, sizeof *askers);
    struct sley_task **tasks = bench_alloc(TASKS, sizeof(struct sley_task *));
    snprintf(servers, sizeof servers, "127.0.0.1:%d", work->port);
    int status = sley_resolver_new(&options, &work->resolver);
    if (status)
        return bench_error("%s", sley_strerror(status));
    int64_t begin = sley_now(), cpu = machine_cpu_own();
    status = ask_all(work, askers, tasks);
    work->ns = (double)(sley_now() - begin);
    work->cpu_ns = (double)(machine_cpu_own() - cpu);
    sley_resolver_free(work->resolver);
    free(tasks);
    free(askers);
    return status;
}

static int run(const struct bench_setup *setup, double *values)
{
    struct work work = {.names = setup->quick ? 10000 : 100000};
    work.port = dns_rig_start(work.names);
    if (work.port == 0) {
        bench_error("there is no Knot here (package knot)");
        return BENCH_SKIPPED;
    }
    if (work.port < 0)
        return bench_error("the name server could not be started");
    int status = bench_on_tasks(setup, parent, &work);
    dns_rig_stop();
    values[0] = work.ns / (double)work.names / 1e3;
    values[1] = work.cpu_ns / (double)work.names / 1e3;
    return status;
}

const struct bench bench_dns = {
    .name = "dns",
    .why = "a hundred thousand names looked up by a thousand tasks at a server on this machine, "
           "half of them in vain: the resolver's cost for a name, in time and in CPU time",
    .cases = {{.run = run, .metrics = {{"us_per_name", "us"}, {"us_cpu_per_name", "us"}}}},
};
