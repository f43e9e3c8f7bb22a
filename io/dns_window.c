/*
 * dns_window.c: how many queries are under way at once.
 *
 * A burst of a thousand queries does not fit in a server's socket buffer (208 KiB are 277 small
 * datagrams, as the kernel counts them), and what is lost costs a timeout, which is seconds where
 * an answer takes less than a millisecond. But a server far away needs many under way, or it is
 * idle most of the time. So the window learns, as TCP's does, from two signs:
 *
 *   time   Answers that take more than twice as long as the quickest one have stood in a queue:
 *          the server has enough to do, and a wider window would only make that queue longer,
 *          until it overflows.
 *   loss   An answer that has not come halves the window, at most once in a timeout, because all
 *          that are lost at once say the same.
 *
 * It begins narrow, so that the quickest answer is one that found no queue, and grows by one for
 * each answer up to EASY, half of such a buffer. That is safe, and enough for a server that can
 * answer within NEAR: it would have to answer 128,000 a second to be idle. From there on it grows
 * only while nobody stands in a queue, by a sixteenth in the time of an answer; and after a loss by
 * a quarter of a query for each windowful.
 *
 * The quickest answer is never forgotten: if the way becomes longer for good the window stays as it
 * is, which is wide enough for most; a floor that were renewed under load would take the queue for
 * the way (BBR stops sending for that).
 *
 *   Rejected: growth until something is lost, as plain TCP does it (with one loss every 28,000
 * names, 100,000 names took 3.1 s, two of them waiting for a lost answer); beginning with as many
 * as one buffer holds (then no answer ever comes without a queue); no window, as c-ares.
 * Source: TCP Vegas (Brakmo and Peterson, 1995).
 */
#include "dns_window.h"

enum {
    START = 8,
    LEAST = 8,
    EASY = 128,
    GROWTH = 16, /* answers */
};

#define NEAR ((int64_t)1000000) /* ns */

void sley__dns_window_set_up(struct sley__dns_window *window, uint32_t most)
{
    *window = (struct sley__dns_window){.most = most};
    store_relaxed(&window->size, most < START ? most : START);
}

static bool could_do_more(const struct sley__dns_window *window)
{
    return window->shortest > NEAR && window->usual < 2 * window->shortest;
}

/* How many answers make it wider by one. */
static uint32_t growth(const struct sley__dns_window *window, uint32_t size)
{
    if (window->cut_at)
        return 4 * size;
    return size < EASY ? 1 : GROWTH;
}

void sley__dns_window_answered(struct sley__dns_window *window, int64_t took)
{
    uint32_t size = load_relaxed(&window->size);

    if (!window->shortest || took < window->shortest)
        window->shortest = took;
    window->usual = window->usual ? window->usual + (took - window->usual) / 32 : took;
    if (size >= window->most || ++window->credit < growth(window, size))
        return;
    window->credit = 0;
    if (size < EASY || could_do_more(window))
        store_relaxed(&window->size, size + 1);
}

void sley__dns_window_lost(struct sley__dns_window *window, int64_t now, int64_t timeout)
{
    uint32_t size = load_relaxed(&window->size), half = size / 2 < LEAST ? LEAST : size / 2;

    if (window->cut_at && now - window->cut_at < timeout)
        return;
    window->cut_at = now;
    window->credit = 0;
    if (half < size)
        store_relaxed(&window->size, half);
}
