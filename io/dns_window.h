/*
 * dns_window.h: how many queries a resolver has under way. See dns_window.c.
 */
#ifndef SLEY_DNS_WINDOW_H
#define SLEY_DNS_WINDOW_H

#include <stdbool.h>

#include "atomic.h"

/* I/O thread only, but for `size`, which statistics read (relaxed). {0} until it is set up. */
struct sley__dns_window {
    atomic(uint32_t) size; /* how many may be under way now */
    uint32_t most;         /* the user's bound */
    uint32_t credit;       /* answers since it was last made wider */
    int64_t shortest; /* ns: the way there and back, as nobody stood in a queue; 0: not known */
    int64_t usual;    /* ns: smoothed over about 32 answers */
    int64_t cut_at;   /* ns of the clock: when something was lost last */
};

void sley__dns_window_set_up(struct sley__dns_window *window, uint32_t most);

/* An answer has come in time, `took` ns after its query. */
void sley__dns_window_answered(struct sley__dns_window *window, int64_t took);

/* No answer has come in time: `now` ns of the clock, after `timeout` ns. */
void sley__dns_window_lost(struct sley__dns_window *window, int64_t now, int64_t timeout);

#endif
