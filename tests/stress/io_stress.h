/* What the I/O stress programs share. They print what broke and exit with 1. */
#ifndef IO_STRESS_H
#define IO_STRESS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

#include "watched.h"

#define must(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            _Exit(1);                                                       \
        }                                                                   \
    } while (0)

#define must_be(expression, code)                                                       \
    do {                                                                                \
        int value_ = (expression);                                                      \
        if (value_ != (code)) {                                                         \
            fprintf(stderr, "%s:%d: %s: %s, not %s\n", __FILE__, __LINE__, #expression, \
                    sley_error_name(value_), sley_error_name(code));                    \
            _Exit(1);                                                                   \
        }                                                                               \
    } while (0)

/* xorshift; each task its own. */
static inline uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif
