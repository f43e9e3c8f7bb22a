/*
 * channel.c: ping-pong on two unbuffered channels: each operation is one item handed from a task
 * that finds the other one waiting for it, and that then waits for the answer.
 */
#include "gate.h"

#include <stdint.h>

#include <sley/chan.h>

const char gate_operation[] = "an item handed over an unbuffered channel, and its receiver's park";

struct pair {
    struct sley_chan *ping, *pong;
    size_t rounds;
};

static int answer(void *arg)
{
    struct pair *pair = arg;
    uint64_t item;
    size_t i;

    for (i = 0; i < pair->rounds; i++)
        if (sley_chan_recv(pair->ping, &item) != 0 || item != i ||
            sley_chan_send(pair->pong, &item) != 0)
            return -1;
    return 0;
}

static int ask(struct pair *pair)
{
    uint64_t i, back;

    for (i = 0; i < pair->rounds; i++)
        if (sley_chan_send(pair->ping, &i) != 0 || sley_chan_recv(pair->pong, &back) != 0 ||
            back != i)
            return 1;
    return 0;
}

int gate_work(size_t count)
{
    struct pair pair = {.rounds = count / 2};
    struct sley_task *task;
    int result, status;

    if (sley_chan_new(sizeof(uint64_t), 0, &pair.ping) != 0 ||
        sley_chan_new(sizeof(uint64_t), 0, &pair.pong) != 0 ||
        sley_spawn(answer, &pair, NULL, &task) != 0)
        return 1;
    status = ask(&pair);
    if (sley_join(task, &result) != 0 || result != 0)
        status = 1;
    sley_chan_free(pair.ping);
    sley_chan_free(pair.pong);
    return status;
}
