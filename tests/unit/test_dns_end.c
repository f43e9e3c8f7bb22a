/* Calls that are inside a resolver while it is freed. Each is brought to the place where nothing
 * but its own count keeps the resolver; AddressSanitizer sees the rest. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include <sley/sley.h>

#include "dns_impl.h"
#include "platform.h"

enum { FILE_THREADS = 32 }; /* as many as the class "files" has */

static struct sley_resolver *resolver;
static atomic(uint32_t) open_gate, occupied;
static int result;

static int wait_at_gate(void *arg)
{
    (void)arg;
    fetch_add_acq_rel(&occupied, 1);
    while (!load_acquire(&open_gate))
        sley__futex_wait(&open_gate, 0, SLEY_FOREVER);
    return 0;
}

static int occupy(void *arg)
{
    (void)arg;
    struct sley_blocking_options files = {.blocking_class = &sley_blocking_files};

    return sley_to_thread_with(wait_at_gate, NULL, &files, NULL);
}

static int look_up(void *arg)
{
    struct sley_dns_error error;
    struct sley_lookup_options options = {.resolver = resolver, .error = &error};
    struct sley_addrs *addrs;

    (void)arg;
    result = sley_getaddrinfo("no.such.name.test", 80, &options, &addrs);
    return 0;
}

/* Whether only the count of calls is left. */
static bool is_gone(void)
{
    bool gone;

    sley__lock_acquire(&resolver->lock);
    gone = resolver->gone;
    sley__lock_release(&resolver->lock);
    return gone;
}

static bool has_questions(void)
{
    bool questions;

    sley__lock_acquire(&resolver->lock);
    questions = resolver->table != NULL;
    sley__lock_release(&resolver->lock);
    return questions;
}

static bool looks_at_hosts(void)
{
    bool busy;

    sley__lock_acquire(&resolver->lock);
    busy = resolver->hosts_busy;
    sley__lock_release(&resolver->lock);
    return busy;
}

/* A server that is not there: its port is refused at once. */
static void make_resolver(const char *hosts)
{
    struct sley_resolver_options options = {
        .servers = "127.0.0.1:9", .hosts = hosts, .tries = 1, .timeout = SLEY_SECONDS(10)};

    cr_assert_eq(sley_resolver_new(&options, &resolver), 0);
}

static int free_while_hosts_are_read(void *arg)
{
    struct sley_task *tasks[FILE_THREADS], *asker;

    (void)arg;
    make_resolver("/etc/hosts");
    resolver->hosts_due = 0;
    for (int i = 0; i < FILE_THREADS; i++)
        cr_assert_eq(sley_spawn(occupy, NULL, NULL, &tasks[i]), 0);
    while (load_acquire(&occupied) < FILE_THREADS)
        sley_yield();
    cr_assert_eq(sley_spawn(look_up, NULL, NULL, &asker), 0);
    while (!looks_at_hosts())
        sley_yield();
    sley_resolver_free(resolver);
    while (!is_gone())
        sley_yield();
    store_release(&open_gate, 1);
    sley__futex_wake(&open_gate, FILE_THREADS);
    for (int i = 0; i < FILE_THREADS; i++)
        cr_assert_eq(sley_join(tasks[i], NULL), 0);
    return sley_join(asker, NULL);
}

Test(dns_end, a_call_that_waits_for_the_file_of_hosts_keeps_the_resolver)
{
    cr_assert_eq(sley_run(free_while_hosts_are_read, NULL, NULL), 0);
    cr_assert_eq(result, SLEY_ECLOSED);
}

static int free_before_the_asker_goes_on(void *arg)
{
    struct sley_task *asker;

    (void)arg;
    make_resolver("");
    cr_assert_eq(sley_spawn(look_up, NULL, NULL, &asker), 0);
    while (!has_questions())
        sley_yield();
    while (has_questions())
        ; /* on one worker: the asker has its outcome and cannot go on */
    sley_resolver_free(resolver);
    while (!is_gone())
        ;
    return sley_join(asker, NULL);
}

Test(dns_end, a_call_that_has_its_answer_keeps_the_resolver)
{
    struct sley_options one = {.workers = 1};

    setenv("SLEY_STALL_MS", "0", 1); /* nobody takes over for the task that spins */
    cr_assert_eq(sley_run(free_before_the_asker_goes_on, NULL, &one), 0);
    cr_assert_eq(result, SLEY_ENOSERVER);
}
