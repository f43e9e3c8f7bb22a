/* What the window learns about servers that are made up: near ones, far ones, ones with a small
 * buffer. Time is counted, not waited for. */
#include <criterion/criterion.h>

#include "dns_window.h"

#define MICROSECONDS(n) ((int64_t)1000 * (n))
#define MILLISECONDS(n) ((int64_t)1000000 * (n))

enum { MOST = 4096, BUFFER = 277 };

/* A server that answers one query after the other. */
struct server {
    int64_t way, work; /* ns: there or back; for one query */
    int64_t free_at;   /* when it is done with what it has */
    int64_t now;
    int64_t sent[MOST], done[MOST]; /* of the queries under way, a ring */
    unsigned first, count, lost;
};

static void query(struct server *server)
{
    unsigned at = (server->first + server->count++) % MOST;
    int64_t arrival = server->now + server->way;
    int64_t begin = arrival > server->free_at ? arrival : server->free_at;

    if (begin - arrival > BUFFER * server->work)
        server->lost++; /* what really happens with it is not of interest here */
    server->free_at = begin + server->work;
    server->sent[at] = server->now;
    server->done[at] = server->free_at + server->way;
}

/* As many under way as the window allows, until `count` have been answered. */
static void ask(struct server *server, struct sley__dns_window *window, unsigned count)
{
    for (unsigned answered = 0; answered < count; answered++) {
        unsigned at = server->first;

        while (server->count < load_relaxed(&window->size)) {
            query(server);
            server->now += MICROSECONDS(2); /* to make it and to send it */
        }
        at = server->first;
        server->first = (server->first + 1) % MOST;
        server->count--;
        if (server->now < server->done[at])
            server->now = server->done[at];
        sley__dns_window_answered(window, server->now - server->sent[at]);
    }
}

Test(dns_window, a_near_server_is_not_asked_for_more_than_its_buffer_takes)
{
    struct server server = {.way = MICROSECONDS(30), .work = MICROSECONDS(8)};
    struct sley__dns_window window;

    sley__dns_window_set_up(&window, MOST);
    ask(&server, &window, 1000000);
    cr_assert_eq(server.lost, 0);
    cr_assert_geq(load_relaxed(&window.size), 100);
}

Test(dns_window, a_far_server_gets_all_that_it_can_do)
{
    struct server server = {.way = MILLISECONDS(15), .work = MICROSECONDS(8)};
    struct sley__dns_window window;

    sley__dns_window_set_up(&window, 2000);
    ask(&server, &window, 100000);
    cr_assert_eq(load_relaxed(&window.size), 2000);
    cr_assert_eq(server.lost, 0);
}

Test(dns_window, no_more_than_the_user_allows)
{
    struct server server = {.way = MILLISECONDS(15), .work = MICROSECONDS(8)};
    struct sley__dns_window window;

    sley__dns_window_set_up(&window, 5);
    cr_assert_eq(load_relaxed(&window.size), 5);
    ask(&server, &window, 10000);
    cr_assert_eq(load_relaxed(&window.size), 5);
}

Test(dns_window, a_loss_halves_it_and_those_lost_with_it_do_not)
{
    struct server server = {.way = MILLISECONDS(15), .work = MICROSECONDS(8)};
    struct sley__dns_window window;
    int64_t timeout = MILLISECONDS(2000), now = MILLISECONDS(7000);

    sley__dns_window_set_up(&window, 2000);
    ask(&server, &window, 100000);
    cr_assert_eq(load_relaxed(&window.size), 2000);
    sley__dns_window_lost(&window, now, timeout);
    cr_assert_eq(load_relaxed(&window.size), 1000);
    sley__dns_window_lost(&window, now + timeout - 1, timeout);
    cr_assert_eq(load_relaxed(&window.size), 1000);
    sley__dns_window_lost(&window, now + timeout, timeout);
    cr_assert_eq(load_relaxed(&window.size), 500);
    for (int i = 2; i < 20; i++)
        sley__dns_window_lost(&window, now + i * timeout, timeout);
    cr_assert_eq(load_relaxed(&window.size), 8);
}

Test(dns_window, it_grows_again_after_a_loss)
{
    struct server server = {.way = MILLISECONDS(15), .work = MICROSECONDS(8)};
    struct sley__dns_window window;

    sley__dns_window_set_up(&window, 1000);
    ask(&server, &window, 100000);
    sley__dns_window_lost(&window, 1, MILLISECONDS(2000));
    cr_assert_eq(load_relaxed(&window.size), 500);
    ask(&server, &window, 100000);
    cr_assert_gt(load_relaxed(&window.size), 520);
    cr_assert_lt(load_relaxed(&window.size), 560);
}

Test(dns_window, a_small_bound_is_not_raised_by_a_loss)
{
    struct sley__dns_window window;

    sley__dns_window_set_up(&window, 3);
    sley__dns_window_lost(&window, 1, MILLISECONDS(2000));
    cr_assert_eq(load_relaxed(&window.size), 3);
}
