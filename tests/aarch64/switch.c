/*
 * switch.c: the switch for aarch64, alone, so that it can run under user-mode emulation: registers
 * (x19-x29, all of v8-v15), arguments, alignment, the hand-over between threads, unwinding. What
 * emulation cannot show is the memory model of a real machine.
 */
#define _GNU_SOURCE 1

#include "context.h"

#include <execinfo.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK = 64 * 1024, GENERAL = 11, VECTORS = 8 };

#define CHECK(cond)                                                            \
    do {                                                                       \
        if (!(cond)) {                                                         \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

static char stack[STACK] __attribute__((aligned(16)));
static struct sley__context here, there;

/* --- registers --- */

struct registers {
    uint64_t x[GENERAL + 1]; /* x19-x29; the last only keeps what follows aligned */
    uint64_t v[2 * VECTORS]; /* both halves of v8-v15 */
};

/* Loads *in into all callee-saved registers, switches, and stores what they hold then in *out. */
void registers_across(struct sley__context *from, struct sley__context *to,
                      const struct registers *in, struct registers *out);
__asm__(".pushsection .text\n"
        "registers_across:\n"
        "    sub sp, sp, #256\n"
        "    stp x19, x20, [sp, #0]\n    stp x21, x22, [sp, #16]\n    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n    stp x27, x28, [sp, #64]\n    stp x29, x30, [sp, #80]\n"
        "    stp q8, q9, [sp, #96]\n    stp q10, q11, [sp, #128]\n"
        "    stp q12, q13, [sp, #160]\n    stp q14, q15, [sp, #192]\n"
        "    str x3, [sp, #224]\n"
        "    ldp x19, x20, [x2, #0]\n    ldp x21, x22, [x2, #16]\n    ldp x23, x24, [x2, #32]\n"
        "    ldp x25, x26, [x2, #48]\n    ldp x27, x28, [x2, #64]\n    ldr x29, [x2, #80]\n"
        "    ldp q8, q9, [x2, #96]\n    ldp q10, q11, [x2, #128]\n"
        "    ldp q12, q13, [x2, #160]\n    ldp q14, q15, [x2, #192]\n"
        "    adr x2, 1f\n"
        "    b sley__context_jump\n"
        "1:  ldr x3, [sp, #224]\n"
        "    stp x19, x20, [x3, #0]\n    stp x21, x22, [x3, #16]\n    stp x23, x24, [x3, #32]\n"
        "    stp x25, x26, [x3, #48]\n    stp x27, x28, [x3, #64]\n    str x29, [x3, #80]\n"
        "    stp q8, q9, [x3, #96]\n    stp q10, q11, [x3, #128]\n"
        "    stp q12, q13, [x3, #160]\n    stp q14, q15, [x3, #192]\n"
        "    ldp x19, x20, [sp, #0]\n    ldp x21, x22, [sp, #16]\n    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n    ldp x27, x28, [sp, #64]\n    ldp x29, x30, [sp, #80]\n"
        "    ldp q8, q9, [sp, #96]\n    ldp q10, q11, [sp, #128]\n"
        "    ldp q12, q13, [sp, #160]\n    ldp q14, q15, [sp, #192]\n"
        "    add sp, sp, #256\n"
        "    ret\n"
        ".popsection\n");

static void fill(struct registers *registers, uint64_t seed)
{
    uint64_t *word = (uint64_t *)registers;

    for (uint64_t i = 0; i < sizeof *registers / sizeof *word; i++)
        word[i] = (seed * 131 + i) * UINT64_C(0x0101010101010101);
}

static bool same(const struct registers *a, const struct registers *b)
{
    return memcmp(a->x, b->x, GENERAL * sizeof a->x[0]) == 0 &&
           memcmp(a->v, b->v, sizeof a->v) == 0;
}

static void fill_differently(void *arg)
{
    struct registers in, out;

    CHECK(arg == &there);
    for (uint64_t seed = 100;; seed++) {
        fill(&in, seed);
        registers_across(&there, &here, &in, &out);
        CHECK(same(&in, &out));
    }
}

static void every_callee_saved_register_survives(void)
{
    struct registers in, out;

    sley__context_init(&there, stack + STACK, fill_differently, &there);
    for (uint64_t seed = 1; seed < 50; seed++) {
        fill(&in, seed);
        memset(&out, 0, sizeof out);
        registers_across(&here, &there, &in, &out);
        CHECK(same(&in, &out));
    }
}

/* --- the first frame --- */

static char text[64];

static void format_and_go(void *arg)
{
    _Alignas(32) volatile double spilled[4] = {1.5, 2.5, 3.5, 4.5};

    (void)arg;
    CHECK((uintptr_t)spilled % 32 == 0);
    CHECK((uintptr_t)__builtin_frame_address(0) % 16 == 0);
    CHECK(!sley__context_ready(&there));
    snprintf(text, sizeof text, "%.2f %.2Lf", spilled[2], (long double)spilled[3]);
    sley__context_swap(&there, &here);
    abort();
}

static void the_first_frame_is_aligned(void)
{
    for (size_t odd = 0; odd < 32; odd += 8) {
        sley__context_init(&there, stack + STACK - odd, format_and_go, NULL);
        CHECK(sley__context_ready(&there));
        sley__context_swap(&here, &there);
        CHECK(sley__context_ready(&there));
        CHECK(strcmp(text, "3.50 4.50") == 0);
    }
}

static void init_touches_only_what_it_promised(void)
{
    unsigned char small[1024];

    memset(small, 0xa5, sizeof small);
    sley__context_init(&there, small + sizeof small, format_and_go, NULL);
    for (size_t i = 0; i < sizeof small - 256 - 15; i++)
        CHECK(small[i] == 0xa5);
}

/* --- the compiler's values --- */

static void scramble(void *arg)
{
    (void)arg;
    for (volatile double noise = 0.1;; noise *= 1.5) {
        double a = noise, b = noise * 2, c = noise * 3, d = noise * 4;

        text[0] = (char)(int)(a * b + c * d + a + b + c + d);
        sley__context_swap(&there, &here);
    }
}

static double live_values(const double *x, const long *n, bool switching)
{
    double a = x[0], b = x[1], c = x[2], d = x[3], e = x[4], f = x[5], g = x[6], h = x[7];
    long i = n[0], j = n[1], k = n[2], l = n[3], m = n[4], o = n[5], p = n[6], q = n[7];

    for (int round = 0; round < 10; round++) {
        if (switching)
            sley__context_swap(&here, &there);
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += a;
        i += j, j += k, k += l, l += m, m += o, o += p, p += q, q += i;
    }
    return a + b + c + d + e + f + g + h + (double)(i + j + k + l + m + o + p + q);
}

static void the_compiler_keeps_its_values(void)
{
    const double x[8] = {1.25, 2.5, 3.75, 4.125, 5.5, 6.0625, 7, 8.5};
    const long n[8] = {1, 22, 333, 4444, 55555, 666666, 7777777, 88888888};

    sley__context_init(&there, stack + STACK, scramble, NULL);
    CHECK(live_values(x, n, true) == live_values(x, n, false));
}

/* --- two threads --- */

enum { HANDOVERS = 20000 };

static long visits;

static void count_visits(void *arg)
{
    struct sley__context **back = arg;

    for (;;) {
        visits++;
        sley__context_swap(&there, *back);
    }
}

static struct sley__context *back_to;
static atomic(int) turn;

/* The flow goes to and fro between two threads; each waits for `saved`, not for the other thread.
 */
static void *take_turns(void *arg)
{
    int me = arg != NULL;
    struct sley__context own;

    for (int i = 0; i < HANDOVERS; i++) {
        while (load_acquire(&turn) != me || !sley__context_ready(&there))
            sched_yield();
        back_to = &own;
        sley__context_swap(&own, &there);
        store_release(&turn, !me);
    }
    return NULL;
}

static void goes_on_on_another_thread(void)
{
    pthread_t thread;

    sley__context_init(&there, stack + STACK, count_visits, &back_to);
    CHECK(pthread_create(&thread, NULL, take_turns, &there) == 0);
    take_turns(NULL);
    pthread_join(thread, NULL);
    CHECK(visits == 2 * HANDOVERS);
}

/* --- unwinding --- */

static void *frames[32];
static int depth;

static void look_back(void *arg)
{
    (void)arg;
    depth = backtrace(frames, 32);
    sley__context_swap(&there, &here);
    abort();
}

static void a_backtrace_ends_at_the_entry(void)
{
    memset(stack, 0x55, sizeof stack);
    sley__context_init(&there, stack + STACK, look_back, NULL);
    sley__context_swap(&here, &there);
    CHECK(depth >= 2 && depth <= 4);
    CHECK((uintptr_t)frames[depth - 1] - (uintptr_t)sley__context_start <= 16);
}

int main(void)
{
    every_callee_saved_register_survives();
    the_first_frame_is_aligned();
    init_touches_only_what_it_promised();
    the_compiler_keeps_its_values();
    goes_on_on_another_thread();
    a_backtrace_ends_at_the_entry();
    puts("aarch64 switch: registers, frames, hand-over and unwinding are right");
    return 0;
}
