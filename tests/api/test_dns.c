/* Names and records, against a server that answers as no good one would, and files of our own. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sley/sley.h>

#include "api/task_test.h"
#include "crafted_dns.h"

static struct crafted server;

/* A resolver of the crafted server alone. */
static struct sley_resolver *resolver_with(struct sley_resolver_options options)
{
    struct sley_resolver *resolver;

    if (!options.servers)
        options.servers = server.address;
    if (!options.hosts)
        options.hosts = "";
    assert_ok(sley_resolver_new(&options, &resolver));
    return resolver;
}

static struct sley_resolver *plain_resolver(void)
{
    return resolver_with((struct sley_resolver_options){0});
}

static int ask(struct sley_resolver *resolver, const char *name, enum sley_dns_type type,
               const struct sley_dns_answer **answer)
{
    struct sley_lookup_options options = {.resolver = resolver};

    return sley_dns_query(name, type, &options, answer);
}

/* The code of a lookup of one A record, and the last byte of the address, if there is one. */
static int last_byte(struct sley_resolver *resolver, const char *name)
{
    const struct sley_dns_answer *answer;
    int code = ask(resolver, name, SLEY_DNS_A, &answer);

    if (code)
        return code;
    code = answer->records[0].u.a[3];
    cr_assert_eq(answer->records[0].u.a[0], 192);
    sley_dns_answer_free(answer);
    return code;
}

static struct sley_resolver_stats stats_of(struct sley_resolver *resolver)
{
    struct sley_resolver_stats stats;

    assert_ok(sley_resolver_stats(resolver, &stats));
    return stats;
}

/* With the server. */
#define DNS_TEST(name)             \
    static void name##_body(void); \
    TASK_TEST(dns, name)           \
    {                              \
        crafted_start(&server);    \
        name##_body();             \
        crafted_stop(&server);     \
        return 0;                  \
    }                              \
    static void name##_body(void)

/* --- answers ---------------------------------------------------------------------------------- */

DNS_TEST(an_address)
{
    struct sley_resolver *resolver = plain_resolver();
    const struct sley_dns_answer *answer;

    assert_ok(ask(resolver, "OK.Test", SLEY_DNS_A, &answer));
    cr_assert_eq(answer->count, 1);
    cr_assert_str_eq(answer->name, "ok.test");
    cr_assert_eq(answer->records[0].type, SLEY_DNS_A);
    cr_assert_eq(answer->records[0].ttl, 60);
    cr_assert(answer->expires > sley_now() + SLEY_SECONDS(50));
    sley_dns_answer_free(answer);
    sley_resolver_free(resolver);
}

DNS_TEST(good_answers_of_all_kinds)
{
    static const char *const names[] = {
        "ok.test",    "alias.test", "stranger.test", "upper.test",  "wrongid.test", "question.test",
        "empty.test", "short.test", "tc.test",       "noedns.test", "big.test",     "ok.test."};
    struct sley_resolver *resolver = plain_resolver();

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        int last = last_byte(resolver, names[i]);

        cr_assert_eq(last, 1, "%s: %d", names[i], last);
    }
    cr_assert_eq(stats_of(resolver).timeouts, 0);
    sley_resolver_free(resolver);
}

DNS_TEST(an_alias_says_whose_records_they_are)
{
    struct sley_resolver *resolver = plain_resolver();
    const struct sley_dns_answer *answer;

    assert_ok(ask(resolver, "alias.test", SLEY_DNS_A, &answer));
    cr_assert_str_eq(answer->name, "ok.test");
    sley_dns_answer_free(answer);
    assert_ok(ask(resolver, "alias.test", SLEY_DNS_CNAME, &answer));
    cr_assert_str_eq(answer->name, "alias.test");
    cr_assert_str_eq(answer->records[0].u.name, "ok.test");
    sley_dns_answer_free(answer);
    sley_resolver_free(resolver);
}

DNS_TEST(more_than_a_plain_datagram_holds)
{
    struct sley_resolver *resolver = plain_resolver();
    const struct sley_dns_answer *answer;

    assert_ok(ask(resolver, "many.test", SLEY_DNS_A, &answer));
    cr_assert_eq(answer->count, 30);
    for (int i = 0; i < 30; i++)
        cr_assert_eq(answer->records[i].u.a[3], i + 1);
    sley_dns_answer_free(answer);
    sley_resolver_free(resolver);
}

/* --- failures ----------------------------------------------------------------------------------
 */

DNS_TEST(each_failure_has_its_code)
{
    static const struct {
        const char *name;
        int code;
    } cases[] = {
        {"nx.test", SLEY_ENXDOMAIN},       {"nodata.test", SLEY_ENODATA},
        {"servfail.test", SLEY_ESERVFAIL}, {"notimp.test", SLEY_ESERVFAIL},
        {"refused.test", SLEY_EREFUSED},   {"silent.test", SLEY_ENOANSWER},
        {"circle.test", SLEY_EBADANSWER},  {"loop.test", SLEY_ENODATA},
        {"forward.test", SLEY_ENODATA},    {"cut.test", SLEY_EBADANSWER},
        {"length.test", SLEY_EBADANSWER},  {"size.test", SLEY_EBADANSWER},
        {"count.test", SLEY_EBADANSWER},   {"long.test", SLEY_EBADANSWER},
        {"tcclose.test", SLEY_ENOANSWER},  {"tchalf.test", SLEY_ENOANSWER},
    };
    struct sley_resolver *resolver = resolver_with(
        (struct sley_resolver_options){.timeout = SLEY_MILLISECONDS(300), .tries = 1});

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int code = last_byte(resolver, cases[i].name);

        cr_assert_eq(code, cases[i].code, "%s: %s", cases[i].name, sley_error_name(code));
    }
    sley_resolver_free(resolver);
}

DNS_TEST(a_failure_names_server_and_name)
{
    struct sley_resolver *resolver = plain_resolver();
    const struct sley_dns_answer *answer;
    struct sley_dns_error error = {0};
    struct sley_lookup_options options = {.resolver = resolver, .error = &error};
    char expected[200];

    assert_code(sley_dns_query("refused.test", SLEY_DNS_A, &options, &answer), SLEY_EREFUSED);
    cr_assert_eq(error.code, SLEY_EREFUSED);
    snprintf(expected, sizeof(expected), "refused.test: %s (name server %s)",
             sley_strerror(SLEY_EREFUSED), server.address);
    cr_assert_str_eq(error.text, expected);
    sley_resolver_free(resolver);
}

DNS_TEST(silence_is_tried_again_and_refusal_is_not)
{
    struct sley_resolver *resolver =
        resolver_with((struct sley_resolver_options){.timeout = SLEY_MILLISECONDS(20), .tries = 4});

    assert_code(last_byte(resolver, "silent.test"), SLEY_ENOANSWER);
    cr_assert_eq(crafted_queries(&server), 4);
    cr_assert_eq(stats_of(resolver).timeouts, 4);
    sley_resolver_free(resolver);
    resolver = resolver_with((struct sley_resolver_options){.timeout = SLEY_SECONDS(50)});
    assert_code(last_byte(resolver, "refused.test"), SLEY_EREFUSED);
    cr_assert_eq(crafted_queries(&server), 5);
    sley_resolver_free(resolver);
}

/* A port on which nobody listens: the system says so at once. The socket is the system's own, for
 * one of ours may live on for an instant, while another thread takes its events out of the set. */
static void nobody(char *text, size_t size)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&name, length), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    snprintf(text, size, "127.0.0.1:%d", ntohs(name.sin_port));
    close(fd);
}

DNS_TEST(no_server_is_found_out_at_once)
{
    char servers[SLEY_ADDRESS_TEXT];
    struct sley_resolver *resolver;

    nobody(servers, sizeof(servers));
    resolver = resolver_with((struct sley_resolver_options){
        .servers = servers, .timeout = SLEY_SECONDS(500), .tries = 1});
    assert_code(last_byte(resolver, "ok.test"), SLEY_ENOSERVER);
    cr_assert_eq(stats_of(resolver).queries, 1);
    cr_assert_eq(stats_of(resolver).timeouts, 0);
    sley_resolver_free(resolver);
    /* All tries are made, and no more. */
    resolver = resolver_with((struct sley_resolver_options){
        .servers = servers, .timeout = SLEY_MILLISECONDS(2), .tries = 6});
    assert_code(last_byte(resolver, "ok.test"), SLEY_ENOSERVER);
    cr_assert_eq(stats_of(resolver).queries, 6);
    cr_assert_eq(stats_of(resolver).timeouts, 0);
    sley_resolver_free(resolver);
}

/* No socket can even be connected to it, without leave to broadcast. */
DNS_TEST(a_server_without_a_way_to_it)
{
    struct sley_resolver *resolver = resolver_with((struct sley_resolver_options){
        .servers = "255.255.255.255", .timeout = SLEY_MILLISECONDS(2), .tries = 2});

    assert_code(last_byte(resolver, "ok.test"), SLEY_ENOANSWER);
    cr_assert_eq(stats_of(resolver).queries, 2);
    cr_assert_eq(stats_of(resolver).timeouts, 0);
    sley_resolver_free(resolver);
}

DNS_TEST(the_next_server_is_asked)
{
    char servers[2 * SLEY_ADDRESS_TEXT];
    static struct crafted good;
    struct sley_resolver *resolver;

    nobody(servers, sizeof(servers));
    strcat(servers, ", ");
    strcat(servers, server.address);
    resolver = resolver_with((struct sley_resolver_options){.servers = servers});
    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    /* It has lost its place: the next query goes to the other one first. */
    cr_assert_eq(stats_of(resolver).queries, 2);
    cr_assert_eq(last_byte(resolver, "upper.test"), 1);
    cr_assert_eq(stats_of(resolver).queries, 3);
    sley_resolver_free(resolver);

    /* One that refuses is no reason to believe that the other does; it keeps its place. */
    crafted_start(&good);
    snprintf(servers, sizeof(servers), "%s %s", server.address, good.address);
    resolver = resolver_with((struct sley_resolver_options){.servers = servers});
    assert_code(last_byte(resolver, "refused.test"), SLEY_EREFUSED);
    cr_assert_eq(stats_of(resolver).queries, 2);
    cr_assert_eq(crafted_queries(&good), 1);
    sley_resolver_free(resolver);
    crafted_stop(&good);
}

/* Another server is there: there is nothing to wait for. */
DNS_TEST(one_of_two_is_not_there)
{
    char servers[2 * SLEY_ADDRESS_TEXT] = "", none[SLEY_ADDRESS_TEXT];
    struct sley_resolver *resolver;

    nobody(none, sizeof(none));
    snprintf(servers, sizeof(servers), "%s, %s", server.address, none);
    resolver = resolver_with(
        (struct sley_resolver_options){.servers = servers, .timeout = SLEY_SECONDS(500)});
    assert_code(last_byte(resolver, "servfail.test"), SLEY_ESERVFAIL);
    cr_assert_eq(stats_of(resolver).timeouts, 0);
    sley_resolver_free(resolver);
}

DNS_TEST(without_descriptors)
{
    struct sley_resolver *resolver = plain_resolver();
    struct rlimit limit, none;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3; /* none is free; with fewer the server's poll() would fail */
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_code(last_byte(resolver, "ok.test"), SLEY_EMFILE);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    sley_resolver_free(resolver);
}

/* --- the cache ---------------------------------------------------------------------------------
 */

DNS_TEST(answers_are_kept)
{
    struct sley_resolver *resolver = plain_resolver();
    static const char *const kept[] = {"ok.test", "nx.test", "nodata.test"};
    static const char *const lost[] = {"ttl0.test", "nxplain.test", "servfail.test"};

    for (int i = 0; i < 3; i++) {
        int before = crafted_queries(&server), code = last_byte(resolver, kept[i]);

        cr_assert_eq(last_byte(resolver, kept[i]), code);
        cr_assert_eq(crafted_queries(&server), before + 1, "%s", kept[i]);
    }
    for (int i = 0; i < 3; i++) {
        int before = crafted_queries(&server), code = last_byte(resolver, lost[i]);

        cr_assert_eq(last_byte(resolver, lost[i]), code);
        cr_assert_eq(crafted_queries(&server), before + 2, "%s", lost[i]);
    }
    cr_assert_eq(stats_of(resolver).cached, 3);
    cr_assert_eq(stats_of(resolver).hits, 3);
    sley_resolver_flush(resolver);
    cr_assert_eq(stats_of(resolver).cached, 0);
    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    cr_assert_eq(stats_of(resolver).hits, 3);
    sley_resolver_free(resolver);
}

DNS_TEST(what_has_not_been_used_for_longest_is_forgotten)
{
    struct sley_resolver *resolver = resolver_with((struct sley_resolver_options){.cache = 2});
    int queries;

    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    cr_assert_eq(last_byte(resolver, "upper.test"), 1);
    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    cr_assert_eq(last_byte(resolver, "alias.test"), 1);
    cr_assert_eq(stats_of(resolver).cached, 2);
    queries = crafted_queries(&server);
    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    cr_assert_eq(crafted_queries(&server), queries);
    cr_assert_eq(last_byte(resolver, "upper.test"), 1);
    cr_assert_eq(crafted_queries(&server), queries + 1);
    sley_resolver_free(resolver);

    resolver = resolver_with((struct sley_resolver_options){.cache = SLEY_DNS_NO_CACHE});
    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    cr_assert_eq(stats_of(resolver).hits, 0);
    sley_resolver_free(resolver);
}

DNS_TEST(an_answer_is_kept_no_longer_than_the_limit)
{
    struct sley_resolver *resolver = resolver_with((struct sley_resolver_options){
        .ttl_max = SLEY_MILLISECONDS(1), .ttl_max_missing = SLEY_MILLISECONDS(1)});

    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    assert_code(last_byte(resolver, "nx.test"), SLEY_ENXDOMAIN);
    assert_ok(sley_sleep(SLEY_MILLISECONDS(5)));
    cr_assert_eq(last_byte(resolver, "ok.test"), 1);
    assert_code(last_byte(resolver, "nx.test"), SLEY_ENXDOMAIN);
    cr_assert_eq(crafted_queries(&server), 4);
    sley_resolver_free(resolver);
}

DNS_TEST(an_answer_outlives_its_place_in_the_cache)
{
    struct sley_resolver *resolver = plain_resolver();
    const struct sley_dns_answer *answer;

    assert_ok(ask(resolver, "ok.test", SLEY_DNS_A, &answer));
    sley_resolver_flush(resolver);
    sley_resolver_free(resolver);
    cr_assert_eq(answer->records[0].u.a[3], 1);
    sley_dns_answer_free(answer);
    sley_dns_answer_free(NULL);
    sley_resolver_free(NULL);
}

/* --- waiting -----------------------------------------------------------------------------------
 */

struct asker {
    struct sley_resolver *resolver;
    char name[40];
};

static int ask_it(void *arg)
{
    struct asker *asker = arg;

    return last_byte(asker->resolver, asker->name);
}

/* Until the server has seen so many queries. */
static void wait_for_queries(int count)
{
    while (crafted_queries(&server) < count)
        assert_ok(sley_sleep(SLEY_MICROSECONDS(200)));
}

DNS_TEST(the_same_question_is_asked_once)
{
    enum { ASKERS = 100 };
    struct asker asker = {plain_resolver(), "late.test"};
    struct sley_task *tasks[ASKERS];

    for (int i = 0; i < ASKERS; i++)
        tasks[i] = spawned(ask_it, &asker);
    while (stats_of(asker.resolver).joined < ASKERS - 1)
        assert_ok(sley_yield());
    wait_for_queries(1);
    crafted_release(&server);
    for (int i = 0; i < ASKERS; i++)
        cr_assert_eq(joined(tasks[i]), 1);
    cr_assert_eq(crafted_queries(&server), 1);
    sley_resolver_free(asker.resolver);
}

DNS_TEST(a_cancelled_task_leaves_and_the_answer_is_kept)
{
    struct asker asker = {plain_resolver(), "late.test"};
    struct sley_task *leaver = spawned(ask_it, &asker), *stayer;

    wait_for_queries(1);
    stayer = spawned(ask_it, &asker);
    while (stats_of(asker.resolver).joined < 1)
        assert_ok(sley_yield());
    sley_cancel(leaver, "test");
    assert_code(joined(leaver), SLEY_ECANCELED);
    crafted_release(&server);
    cr_assert_eq(joined(stayer), 1);
    cr_assert_eq(last_byte(asker.resolver, "late.test"), 1);
    cr_assert_eq(crafted_queries(&server), 1);
    sley_resolver_free(asker.resolver);
}

DNS_TEST(a_deadline_ends_the_wait)
{
    struct asker asker = {plain_resolver(), "late.test"};
    int64_t before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(2)));

    assert_code(ask_it(&asker), SLEY_ETIMEDOUT);
    assert_code(ask_it(&asker), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    crafted_release(&server);
    cr_assert_eq(ask_it(&asker), 1);
    sley_resolver_free(asker.resolver);
}

/* Until the server's place was found empty, and so many questions rest. */
static void wait_for_rest(struct sley_resolver *resolver, size_t count)
{
    for (struct sley_resolver_stats stats = stats_of(resolver);
         stats.queries < count || stats.in_flight || stats.waiting < count;
         stats = stats_of(resolver))
        assert_ok(sley_sleep(SLEY_MICROSECONDS(200)));
}

/* It is only there when all have been refused once. */
DNS_TEST(a_server_that_comes_back)
{
    enum { ASKERS = 300 }; /* more than the window holds */
    static struct asker askers[ASKERS];
    struct sley_resolver *resolver =
        resolver_with((struct sley_resolver_options){.timeout = SLEY_SECONDS(4), .tries = 10});
    struct sley_task *tasks[ASKERS];

    crafted_leave(&server);
    for (int i = 0; i < ASKERS; i++) {
        askers[i].resolver = resolver;
        snprintf(askers[i].name, sizeof(askers[i].name), "ok.n%d.test", i);
        tasks[i] = spawned(ask_it, &askers[i]);
    }
    wait_for_rest(resolver, ASKERS);
    cr_assert_eq(crafted_queries(&server), 0);
    crafted_return(&server);
    for (int i = 0; i < ASKERS; i++)
        cr_assert_eq(joined(tasks[i]), 1);
    cr_assert_eq(crafted_queries(&server), ASKERS);
    cr_assert_eq(stats_of(resolver).waiting, 0);
    sley_resolver_free(resolver);
}

DNS_TEST(what_rests_can_be_cancelled_and_freed)
{
    struct asker asker = {
        resolver_with((struct sley_resolver_options){.timeout = SLEY_SECONDS(500)}), "ok.test"};
    struct sley_task *leaver, *stayer;

    crafted_leave(&server);
    leaver = spawned(ask_it, &asker);
    wait_for_rest(asker.resolver, 1);
    stayer = spawned(ask_it, &asker);
    while (stats_of(asker.resolver).joined < 1)
        assert_ok(sley_yield());
    sley_cancel(leaver, "test");
    assert_code(joined(leaver), SLEY_ECANCELED);
    sley_resolver_free(asker.resolver);
    assert_code(joined(stayer), SLEY_ECLOSED);
}

DNS_TEST(no_more_than_allowed_are_under_way)
{
    enum { ASKERS = 20, ALLOWED = 5 };
    static struct asker askers[ASKERS];
    struct sley_resolver *resolver =
        resolver_with((struct sley_resolver_options){.in_flight = ALLOWED});
    struct sley_task *tasks[ASKERS];
    struct sley_resolver_stats stats;

    for (int i = 0; i < ASKERS; i++) {
        askers[i].resolver = resolver;
        snprintf(askers[i].name, sizeof(askers[i].name), "late.n%d.test", i);
        tasks[i] = spawned(ask_it, &askers[i]);
    }
    for (stats = stats_of(resolver);
         stats.in_flight < ALLOWED || stats.waiting + stats.in_flight < ASKERS;
         stats = stats_of(resolver))
        assert_ok(sley_yield());
    cr_assert_eq(stats.in_flight, ALLOWED);
    cr_assert_eq(stats.window, ALLOWED);
    wait_for_queries(ALLOWED);
    /* Those that wait for nothing any more are not sent. */
    for (int i = 10; i < ASKERS; i++) {
        sley_cancel(tasks[i], "test");
        joined(tasks[i]);
    }
    crafted_release(&server);
    for (int i = 0; i < 10; i++)
        joined(tasks[i]);
    for (stats = stats_of(resolver); stats.waiting + stats.in_flight; stats = stats_of(resolver))
        assert_ok(sley_yield());
    cr_assert_eq(stats.queries + stats.dropped, ASKERS);
    cr_assert(crafted_queries(&server) < ASKERS);
    sley_resolver_free(resolver);
}

/* One query that is never answered keeps its socket open, and no more than that. */
DNS_TEST(a_busy_resolver_changes_its_port)
{
    enum { MANY = 200 }; /* more than go from one port */
    struct asker asker = {
        resolver_with((struct sley_resolver_options){.timeout = SLEY_SECONDS(100)}), "late.test"};
    struct sley_task *task = spawned(ask_it, &asker);

    wait_for_queries(1);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(last_byte(asker.resolver, "ttl0.test"), 1);
    cr_assert_eq(crafted_queries(&server), MANY + 1);
    cr_assert_gt(__atomic_load_n(&server.ports, __ATOMIC_SEQ_CST), 10);
    crafted_release(&server);
    cr_assert_eq(joined(task), 1);
    sley_resolver_free(asker.resolver);
}

DNS_TEST(a_resolver_is_freed_with_queries_under_way_and_waiting)
{
    enum { ASKERS = 50 };
    static struct asker askers[ASKERS];
    struct sley_resolver *resolver = resolver_with((struct sley_resolver_options){.in_flight = 9});
    struct sley_task *tasks[ASKERS];

    for (int i = 0; i < ASKERS; i++) {
        askers[i].resolver = resolver;
        snprintf(askers[i].name, sizeof(askers[i].name), "late.n%d.test", i / 2);
        tasks[i] = spawned(ask_it, &askers[i]);
    }
    while (stats_of(resolver).joined < ASKERS / 2)
        assert_ok(sley_yield());
    wait_for_queries(9);
    sley_resolver_free(resolver);
    for (int i = 0; i < ASKERS; i++)
        assert_code(joined(tasks[i]), SLEY_ECLOSED);
}

DNS_TEST(a_runtime_ends_with_queries_under_way)
{
    struct asker asker = {resolver_with((struct sley_resolver_options){.servers = NULL}),
                          "late.test"};
    struct sley_task *task = spawned(ask_it, &asker);

    wait_for_queries(1);
    sley_cancel(task, "test");
    assert_code(joined(task), SLEY_ECANCELED);
    /* Nobody frees it: it ends with the runtime. */
}

DNS_TEST(a_cancel_at_every_point)
{
    static struct asker asker;

    crafted_release(&server);
    asker.resolver = plain_resolver();
    for (int i = 0; i < 300; i++) {
        struct sley_task *task;
        int result;

        snprintf(asker.name, sizeof(asker.name), "ok.n%d.test", i);
        task = spawned(ask_it, &asker);
        for (int n = 0; n < i % 50; n++)
            assert_ok(sley_yield());
        sley_cancel(task, "test");
        result = joined(task);
        cr_assert(result == 1 || result == SLEY_ECANCELED, "%s", sley_error_name(result));
    }
    sley_resolver_free(asker.resolver);
}

/* --- hosts -------------------------------------------------------------------------------------
 */

static int lookup(struct sley_resolver *resolver, const char *host, int family,
                  struct sley_addrs **addrs)
{
    struct sley_lookup_options options = {.resolver = resolver, .family = family};

    return sley_getaddrinfo(host, 80, &options, addrs);
}

/* The addresses as text, in one line; or the name of the error. */
static const char *resolved(struct sley_resolver *resolver, const char *host, int family)
{
    static char line[1000];
    struct sley_addrs *addrs;
    int error = lookup(resolver, host, family, &addrs);

    if (error)
        return sley_error_name(error);
    *line = '\0';
    for (size_t i = 0; i < addrs->count; i++) {
        char text[SLEY_ADDRESS_TEXT];

        assert_ok(sley_address_format(&addrs->at[i], text, sizeof(text)));
        snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i ? " " : "", text);
    }
    sley_addrs_free(addrs);
    return line;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    cr_assert(fputs(text, file) >= 0);
    cr_assert_eq(fclose(file), 0);
}

DNS_TEST(numeric_hosts_ask_nobody)
{
    struct sley_resolver *resolver = plain_resolver();

    cr_assert_str_eq(resolved(resolver, "127.0.0.1", 0), "127.0.0.1:80");
    cr_assert_str_eq(resolved(resolver, "::1", 0), "[::1]:80");
    cr_assert_str_eq(resolved(resolver, "[::1]", 6), "[::1]:80");
    cr_assert_str_eq(resolved(resolver, "::1", 4), "SLEY_ENODATA");
    cr_assert_eq(crafted_queries(&server), 0);
    sley_resolver_free(resolver);
}

DNS_TEST(both_families_are_asked_for)
{
    struct sley_resolver *resolver = plain_resolver();
    const char *both = resolved(resolver, "ok.test", 0);

    cr_assert(strstr(both, "192.0.2.1:80"), "%s", both);
    cr_assert(strstr(both, "[2001:db8::1]:80"), "%s", both);
    cr_assert_str_eq(resolved(resolver, "ok.test", 4), "192.0.2.1:80");
    cr_assert_str_eq(resolved(resolver, "ok.test", 6), "[2001:db8::1]:80");
    cr_assert_eq(crafted_queries(&server), 2);
    cr_assert_str_eq(resolved(resolver, "nx.test", 0), "SLEY_ENXDOMAIN");
    cr_assert_str_eq(resolved(resolver, "nodata.test", 0), "SLEY_ENODATA");
    cr_assert_str_eq(resolved(resolver, "servfail.test", 0), "SLEY_ESERVFAIL");
    sley_resolver_free(resolver);
}

DNS_TEST(localhost_is_the_loopback)
{
    struct sley_resolver *resolver = plain_resolver();

    cr_assert_str_eq(resolved(resolver, "localhost", 4), "127.0.0.1:80");
    cr_assert_str_eq(resolved(resolver, "a.LOCALHOST.", 6), "[::1]:80");
    cr_assert_eq(crafted_queries(&server), 0);
    cr_assert_str_eq(resolved(resolver, "ok.notlocalhost", 4), "192.0.2.1:80");
    cr_assert_eq(crafted_queries(&server), 1);
    sley_resolver_free(resolver);
}

DNS_TEST(the_file_of_hosts)
{
    char path[] = "/tmp/sley_hosts_XXXXXX", name[100];
    struct sley_lookup_options options = {0};
    struct sley_resolver *resolver;
    struct sley_address address;

    close(mkstemp(path));
    write_file(path, "# nothing\n10.0.0.1 one.test One # ok.test\n\n10.0.0.2\tone.test\r\n"
                     "fd00::1 one.test\nbad line\n10.0.0.3 two..test three\n10.0.0.4 four");
    resolver = resolver_with((struct sley_resolver_options){.hosts = path});
    cr_assert_str_eq(resolved(resolver, "one.test", 4), "10.0.0.1:80 10.0.0.2:80");
    cr_assert_str_eq(resolved(resolver, "ONE", 0), "10.0.0.1:80");
    cr_assert_str_eq(resolved(resolver, "one", 6), "SLEY_ENODATA");
    cr_assert_str_eq(resolved(resolver, "three", 0), "10.0.0.3:80");
    cr_assert_str_eq(resolved(resolver, "four", 0), "10.0.0.4:80");
    cr_assert_eq(crafted_queries(&server), 0);

    options.resolver = resolver;
    assert_ok(sley_address_numeric("fd00::1", 7, &address));
    assert_ok(sley_getnameinfo(&address, &options, name, sizeof(name)));
    cr_assert_str_eq(name, "one.test");
    assert_code(sley_getnameinfo(&address, &options, name, 8), SLEY_EMSGSIZE);

    /* A change is seen, if only after a while. */
    write_file(path, "10.0.0.9 one.test and so on, to have another length\n");
    while (strcmp(resolved(resolver, "one.test", 4), "10.0.0.9:80") != 0)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(50)));
    unlink(path);
    while (strcmp(resolved(resolver, "nx.one.test", 0), "SLEY_ENXDOMAIN") != 0 ||
           strcmp(resolved(resolver, "one.test", 4), "10.0.0.9:80") == 0)
        assert_ok(sley_sleep(SLEY_MILLISECONDS(50)));
    sley_resolver_free(resolver);
}

DNS_TEST(the_search_list)
{
    struct sley_resolver *resolver =
        resolver_with((struct sley_resolver_options){.search = "a.test, b.test", .ndots = 2});
    struct sley_lookup_options options = {.resolver = resolver, .family = 4, .no_search = true};
    struct sley_addrs *addrs;
    int queries;

    cr_assert_str_eq(resolved(resolver, "ok", 4), "192.0.2.1:80");
    cr_assert_eq(crafted_queries(&server), 1); /* ok.a.test */
    /* In vain: a, b, itself. */
    queries = crafted_queries(&server);
    cr_assert_str_eq(resolved(resolver, "nx.x", 4), "SLEY_ENXDOMAIN");
    cr_assert_eq(crafted_queries(&server), queries + 3);
    /* With dots enough, or at the end: itself first, or alone. */
    queries = crafted_queries(&server);
    cr_assert_str_eq(resolved(resolver, "ok.x.y", 4), "192.0.2.1:80");
    cr_assert_str_eq(resolved(resolver, "nx.", 4), "SLEY_ENXDOMAIN");
    cr_assert_eq(crafted_queries(&server), queries + 2);
    assert_code(sley_getaddrinfo("nx.z", 80, &options, &addrs), SLEY_ENXDOMAIN);
    cr_assert_eq(crafted_queries(&server), queries + 3);
    /* Trouble ends the search. */
    cr_assert_str_eq(resolved(resolver, "servfail", 4), "SLEY_ESERVFAIL");
    cr_assert_eq(crafted_queries(&server), queries + 4);
    sley_resolver_free(resolver);
}

DNS_TEST(the_systems_file)
{
    char path[] = "/tmp/sley_resolv_XXXXXX", text[300];
    struct sley_resolver *resolver;
    int queries;

    close(mkstemp(path));
    snprintf(text, sizeof(text),
             "# comment\nnameserver not.numeric\nnameserver %s\nsearch x.test y.test\n"
             "domain d.test ; comment\noptions ndots:3 timeout:1 attempts:2 rotate\nunknown\n",
             server.address);
    write_file(path, text);
    assert_ok(sley_resolver_new(&(struct sley_resolver_options){.resolv_conf = path, .hosts = ""},
                                &resolver));
    cr_assert_str_eq(resolved(resolver, "ok.a.b", 4), "192.0.2.1:80");
    cr_assert_eq(crafted_queries(&server), 1); /* ok.a.b.d.test */
    queries = crafted_queries(&server);
    cr_assert_str_eq(resolved(resolver, "nx.a.b.c", 4), "SLEY_ENXDOMAIN");
    cr_assert_eq(crafted_queries(&server), queries + 2);
    sley_resolver_free(resolver);
    unlink(path);
}

DNS_TEST(reverse)
{
    struct sley_resolver *resolver = plain_resolver();
    struct sley_lookup_options options = {.resolver = resolver};
    struct sley_dns_error error;
    struct sley_address address;
    char name[SLEY_DNS_NAME_TEXT];

    options.error = &error;
    assert_ok(sley_address_numeric("1.2.3.4", 0, &address));
    assert_code(sley_getnameinfo(&address, &options, name, sizeof(name)), SLEY_ENODATA);
    cr_assert_eq(strncmp(error.text, "4.3.2.1.in-addr.arpa: ", 22), 0, "%s", error.text);
    assert_ok(sley_address_numeric("2001:db8::1", 0, &address));
    assert_code(sley_getnameinfo(&address, &options, name, sizeof(name)), SLEY_ENODATA);
    cr_assert_eq(strncmp(error.text,
                         "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0."
                         "2.ip6.arpa: ",
                         74),
                 0, "%s", error.text);
    address.family = 0;
    assert_code(sley_getnameinfo(&address, &options, name, sizeof(name)), SLEY_EINVAL);
    sley_resolver_free(resolver);
}

/* --- arguments ---------------------------------------------------------------------------------
 */

DNS_TEST(bad_options)
{
    static const struct sley_resolver_options bad[] = {
        {.servers = "localhost"},
        {.servers = "127.0.0.1:0"},
        {.servers = ":53"},
        {.servers = "127.0.0.1:x"},
        {.servers = " , "},
        {.search = "a..b"},
        {.ndots = -1},
        {.ndots = 16},
        {.tries = -1},
        {.tries = 11},
        {.timeout = 1},
        {.timeout = -1},
        {.in_flight = 20001},
        {.in_flight = -1},
        {.ttl_max = -1},
        {.ttl_max_missing = -1},
    };
    struct sley_resolver *resolver = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        cr_assert_eq(sley_resolver_new(&bad[i], &resolver), SLEY_EINVAL, "%zu", i);
    cr_assert_null(resolver);
}

DNS_TEST(bad_arguments)
{
    struct sley_resolver *resolver = plain_resolver();
    static const char *const names[] = {"", "a..b", ".a", "a b", "a\\", "a\\12", "a\\256", "a\tb"};
    const struct sley_dns_answer *answer = NULL;
    struct sley_addrs *addrs = NULL;
    char label[80] = "", whole[300] = "";

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_code(ask(resolver, names[i], SLEY_DNS_A, &answer), SLEY_EINVAL);
        assert_code(lookup(resolver, names[i], 0, &addrs), SLEY_EINVAL);
    }
    assert_code(ask(resolver, NULL, SLEY_DNS_A, &answer), SLEY_EINVAL);
    assert_code(ask(resolver, "ok.test", (enum sley_dns_type)255, &answer), SLEY_EINVAL);
    assert_code(lookup(resolver, "ok.test", 5, &addrs), SLEY_EINVAL);
    assert_code(lookup(resolver, NULL, 0, &addrs), SLEY_EINVAL);
    memset(label, 'a', 63);
    cr_assert_eq(snprintf(whole, sizeof(whole), "%s.%s.%s.%.61s", label, label, label, label), 253);
    assert_code(ask(resolver, whole, SLEY_DNS_MX, &answer), SLEY_ENODATA);
    strcat(whole, "a");
    assert_code(ask(resolver, whole, SLEY_DNS_MX, &answer), SLEY_EINVAL);
    strcat(label, "a");
    assert_code(ask(resolver, label, SLEY_DNS_MX, &answer), SLEY_EINVAL);
    cr_assert_null(answer);
    cr_assert_null(addrs);
    sley_resolver_free(resolver);
}

DNS_TEST(the_runtimes_own_resolver)
{
    struct sley_resolver_stats stats;
    struct sley_addrs *addrs;

    assert_ok(sley_getaddrinfo("localhost", 1, NULL, &addrs));
    cr_assert(addrs->count >= 1);
    sley_addrs_free(addrs);
    assert_ok(sley_resolver_stats(NULL, &stats));
    sley_addrs_free(NULL);
}

Test(dns, off_a_task)
{
    struct sley_resolver *resolver;
    struct sley_addrs *addrs;
    const struct sley_dns_answer *answer;

    assert_code(sley_resolver_new(NULL, &resolver), SLEY_ENOTASK);
    assert_code(sley_getaddrinfo("localhost", 1, NULL, &addrs), SLEY_ENOTASK);
    assert_code(sley_dns_query("localhost", SLEY_DNS_A, NULL, &answer), SLEY_ENOTASK);
}
