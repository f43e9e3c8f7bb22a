/*
 * procpool_played.h: a process pool whose supervisor and children are played by the test.
 */
#ifndef PROCPOOL_PLAYED_H
#define PROCPOOL_PLAYED_H

#include <criterion/criterion.h>
#include <unistd.h>

#include "platform.h"
#include "procpool_impl.h"

static struct sley_procpool pool;
static struct sley__fd ends; /* the socket to the supervisor */
static int supervisor;

static void open_pool(void)
{
    int pair[2];

    cr_assert_eq(sley__message_pair(pair), 0);
    ends.fd = pair[0];
    supervisor = pair[1];
    pool.socket = &ends;
    pool.options.max = 1;
    list_init(&pool.children);
    list_init(&pool.idle);
    list_init(&pool.busy);
    list_init(&pool.full);
    list_init(&pool.ending);
}

static void close_pool(void)
{
    sley__pool_abort(&pool, SLEY_ECLOSED);
    close(ends.fd);
    close(supervisor);
}

#endif
