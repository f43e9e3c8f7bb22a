/*
 * buffered.c: a producer and a consumer with a channel of 128 between them: each operation is one
 * item sent and received. They fill it and empty it in turns, so of 128 items one or two park.
 */
#include "gate.h"

#include <stdint.h>

#include <sley/chan.h>

const char gate_operation[] = "an item sent and received on a channel that keeps 128";

struct line {
    struct sley_chan *chan;
    size_t items;
};

static int consume(void *arg)
{
    struct line *line = arg;
    uint64_t item;
    size_t i;

    for (i = 0; i < line->items; i++)
        if (sley_chan_recv(line->chan, &item) != 0 || item != i)
            return -1;
    return 0;
}

static int produce(struct line *line)
{
    uint64_t i;

    for (i = 0; i < line->items; i++)
        if (sley_chan_send(line->chan, &i) != 0)
            return 1;
    return 0;
}

int gate_work(size_t count)
{
    struct line line = {.items = count};
    struct sley_task *task;
    int result, status;

    if (sley_chan_new(sizeof(uint64_t), 128, &line.chan) != 0 ||
        sley_spawn(consume, &line, NULL, &task) != 0)
        return 1;
    status = produce(&line);
    if (sley_join(task, &result) != 0 || result != 0)
        status = 1;
    sley_chan_free(line.chan);
    return status;
}
