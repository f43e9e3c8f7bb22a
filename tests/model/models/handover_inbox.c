/*
 * handover_inbox.c: what threads hand to the I/O thread (io/inbox.h): nothing is lost, nothing
 * comes twice or out of the order of its sender, and a loop that goes to sleep is woken.
 *
 * Only the push that finds the inbox empty sends a signal. The loop is libuv's as far as that
 * matters: it sleeps while there is no signal, takes all signals at once, and then runs its
 * callback, which empties the inbox.
 *
 * Broken and caught: a push without release, a take without acquire, a push that is a store, no
 * signal, the order not turned. Without consequence: the other halves of both orders.
 */
#include "../../../io/inbox.h"

#include "model.h"
#include "platform.h"

#include <limits.h>

enum { SENDERS = 2, MESSAGES = 2 };

struct message {
    struct sley__inbox_node node;
    unsigned sender, number;
};

static struct sley__inbox inbox;
static struct message messages[SENDERS][MESSAGES];
static atomic(uint32_t) signals; /* futex */
static unsigned next[SENDERS], received, signalled;

static void setup(void)
{
    store_relaxed(&inbox.head, NULL);
    store_relaxed(&signals, 0);
    received = signalled = 0;
    for (unsigned i = 0; i < SENDERS; i++)
        next[i] = 0;
}

static MODEL_GHOST void note_signal(void)
{
    signalled++;
}

static void send(unsigned sender, unsigned number)
{
    struct message *message = &messages[sender][number];

    message->sender = sender;
    message->number = number;
    if (!sley__inbox_push(&inbox, &message->node))
        return;
    note_signal();
    exchange_acq_rel(&signals, 1);
    sley__futex_wake(&signals, 1);
}

static void send_all(unsigned thread)
{
    for (unsigned i = 0; i < MESSAGES; i++)
        send(thread, i);
}

static void receive(struct sley__inbox_node *node)
{
    struct message *message = container_of(node, struct message, node);

    model_assert(message->number == next[message->sender], "message %u of %u instead of %u",
                 message->number, message->sender, next[message->sender]);
    next[message->sender]++;
    received++;
    message->number = UINT_MAX; /* it is the receiver's now */
}

static void loop(unsigned thread)
{
    unsigned expected = thread * MESSAGES; /* the senders come before */

    while (received < expected) {
        struct sley__inbox_node *node, *after;

        while (!exchange_acq_rel(&signals, 0))
            sley__futex_wait(&signals, 0, INT64_MAX);
        for (node = sley__inbox_take(&inbox); node; node = after) {
            after = node->next;
            receive(node);
        }
    }
}

static void verify(void)
{
    model_assert(!inbox.head, "something was left behind");
    model_outcome(signalled < received ? "signals saved" : "a signal each");
}

MODEL(handover_inbox_one, .about = "one sender against a loop that goes to sleep", .threads = 2,
      .setup = setup, .body = {send_all, loop}, .verify = verify,
      .must_see = {"signals saved", "a signal each"});

MODEL(handover_inbox_two, .about = "two senders", .threads = 3, .setup = setup,
      .body = {send_all, send_all, loop}, .verify = verify, .every_switch_costs = true,
      .must_see = {"signals saved"});
