/*
 * test_context.c: the switch. Registers, alignment, arguments, the hand-over, unwinding. (The same
 * for aarch64 is in tests/aarch64, which runs under emulation.)
 */
#define _GNU_SOURCE 1

#include "context.h"

#include <criterion/criterion.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STACK = 64 * 1024 };

/* A flow on its own stack, with all that a switch needs. */
struct flow {
    struct sley__context context;
    struct sley__fiber fiber;
    char *stack;
    void (*body)(struct flow *self);
    int visits;
    char text[64];
};

static struct flow outside; /* the test's own stack */

static void go(struct flow *from, struct flow *to)
{
    sley__context_switch(&from->context, &from->fiber, &to->context, &to->fiber, false);
}

static void leave(struct flow *from, struct flow *to)
{
    sley__context_switch(&from->context, &from->fiber, &to->context, &to->fiber, true);
}

static void entry(void *arg)
{
    struct flow *self = arg;

    sley__context_entered(&self->fiber);
    self->body(self);
    leave(self, &outside);
    abort();
}

static void flow_init(struct flow *flow, void (*body)(struct flow *))
{
    *flow = (struct flow){.body = body};
    flow->stack = aligned_alloc(4096, STACK);
    cr_assert_not_null(flow->stack);
    sley__fiber_create(&flow->fiber, flow->stack, STACK);
    sley__context_init(&flow->context, flow->stack + STACK, entry, flow);
}

static void flow_close(struct flow *flow)
{
    sley__fiber_destroy(&flow->fiber);
    free(flow->stack);
}

static void adopt(void)
{
    sley__fiber_adopt_thread(&outside.fiber);
}

TestSuite(context, .init = adopt);

/* --- coming and going --- */

static void count_visits(struct flow *self)
{
    for (int i = 0; i < 3; i++) {
        self->visits++;
        go(self, &outside);
    }
    self->visits = 100;
}

Test(context, goes_on_where_it_was)
{
    struct flow flow;

    flow_init(&flow, count_visits);
    for (int i = 1; i <= 3; i++) {
        go(&outside, &flow);
        cr_assert_eq(flow.visits, i);
    }
    go(&outside, &flow);
    cr_assert_eq(flow.visits, 100);
    flow_close(&flow);
}

static void look_at_saved(struct flow *self)
{
    self->visits = sley__context_ready(&self->context) ? -1 : 1;
    go(self, &outside);
}

Test(context, is_ready_exactly_while_suspended)
{
    struct flow flow;

    flow_init(&flow, look_at_saved);
    cr_assert(sley__context_ready(&flow.context));
    go(&outside, &flow);
    cr_assert_eq(flow.visits, 1, "it saw itself as ready while it ran");
    cr_assert(sley__context_ready(&flow.context));
    go(&outside, &flow);
    flow_close(&flow);
}

static void visit_once(struct flow *self)
{
    self->visits++;
}

Test(context, a_stack_that_was_left_is_used_again)
{
    struct flow flow;

    flow_init(&flow, visit_once);
    for (int i = 0; i < 10000; i++) {
        sley__context_init(&flow.context, flow.stack + STACK, entry, &flow);
        go(&outside, &flow);
    }
    cr_assert_eq(flow.visits, 10000);
    flow_close(&flow);
}

Test(context, init_touches_only_what_it_promised)
{
    struct sley__context context;
    unsigned char stack[1024];

    memset(stack, 0xa5, sizeof stack);
    sley__context_init(&context, stack + sizeof stack, entry, NULL);
    for (size_t i = 0; i < sizeof stack - 256 - 15; i++)
        cr_assert_eq(stack[i], 0xa5, "byte %zu", i);
}

/* --- alignment --- */

static void format_and_spill(struct flow *self)
{
    _Alignas(32) volatile double spilled[4] = {1.5, 2.5, 3.5, 4.5};

    self->visits = (int)((uintptr_t)spilled % 32);
    snprintf(self->text, sizeof self->text, "%.2f %.2Lf", spilled[2], (long double)spilled[3]);
}

/* snprintf of a double uses aligned SSE stores: it faults on a misaligned stack. */
Test(context, the_first_frame_is_aligned)
{
    for (size_t odd = 0; odd < 64; odd += 8) {
        struct flow flow;

        flow_init(&flow, format_and_spill);
        sley__context_init(&flow.context, flow.stack + STACK - odd, entry, &flow);
        go(&outside, &flow);
        cr_assert_eq(flow.visits, 0);
        cr_assert_str_eq(flow.text, "3.50 4.50");
        flow_close(&flow);
    }
}

#if defined(__x86_64__)
/* The entry itself, in assembly: rsp is 8 below a multiple of 16, as after a call. */
uint64_t rsp_at_entry;
void note_rsp(void *arg);
__asm__(".pushsection .text\n"
        "note_rsp:\n"
        "    movq %rsp, rsp_at_entry(%rip)\n"
        "    jmp note_rsp_in_c\n"
        ".popsection\n");

struct flow *noting;
void note_rsp_in_c(void *arg);
void note_rsp_in_c(void *arg)
{
    cr_assert_eq(arg, noting);
    sley__context_entered(&noting->fiber);
    leave(noting, &outside);
}

Test(context, enters_as_a_call_would)
{
    struct flow flow;

    flow_init(&flow, NULL);
    noting = &flow;
    sley__context_init(&flow.context, flow.stack + STACK, note_rsp, &flow);
    go(&outside, &flow);
    cr_assert_eq(rsp_at_entry % 16, 8);
    flow_close(&flow);
}

/* --- registers --- */

enum { REGISTERS = 6 };

/* Loads in[] into all callee-saved registers, switches, and stores what they hold then in out[]. */
void registers_across(struct sley__context *from, struct sley__context *to, const uint64_t *in,
                      uint64_t *out);
__asm__(".pushsection .text\n"
        "registers_across:\n"
        "    pushq %rbx\n    pushq %rbp\n    pushq %r12\n    pushq %r13\n    pushq %r14\n"
        "    pushq %r15\n    pushq %rcx\n"
        "    movq 0(%rdx), %rbx\n    movq 8(%rdx), %rbp\n    movq 16(%rdx), %r12\n"
        "    movq 24(%rdx), %r13\n    movq 32(%rdx), %r14\n    movq 40(%rdx), %r15\n"
        "    leaq 1f(%rip), %rdx\n"
        "    jmp sley__context_jump\n"
        "1:  popq %rcx\n"
        "    movq %rbx, 0(%rcx)\n    movq %rbp, 8(%rcx)\n    movq %r12, 16(%rcx)\n"
        "    movq %r13, 24(%rcx)\n    movq %r14, 32(%rcx)\n    movq %r15, 40(%rcx)\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbp\n    popq %rbx\n"
        "    ret\n"
        ".popsection\n");

static void fill(uint64_t *registers, uint64_t seed)
{
    for (uint64_t i = 0; i < REGISTERS; i++)
        registers[i] = (seed + i) * UINT64_C(0x0101010101010101);
}

static struct sley__context here, there;
static uint64_t others_in[REGISTERS], others_out[REGISTERS];

static void fill_registers_differently(UNUSED void *arg)
{
    for (uint64_t seed = 100;; seed++) {
        fill(others_in, seed);
        registers_across(&there, &here, others_in, others_out);
        cr_assert_arr_eq(others_in, others_out, sizeof others_in);
    }
}

/* The tools are left out of this one: between its two ends no instrumented code may run. */
Test(context, every_callee_saved_register_survives)
{
    uint64_t in[REGISTERS], out[REGISTERS];
    char *stack = aligned_alloc(4096, STACK);

    sley__context_init(&there, stack + STACK, fill_registers_differently, NULL);
    for (uint64_t seed = 1; seed < 50; seed++) {
        fill(in, seed);
        memset(out, 0, sizeof out);
        registers_across(&here, &there, in, out);
        cr_assert_arr_eq(in, out, sizeof in);
    }
    free(stack);
}
#endif

/* --- locals of the compiler's choice --- */

static void scramble(struct flow *self)
{
    volatile double noise = 0.1;

    for (;;) {
        double a = noise, b = noise * 2, c = noise * 3, d = noise * 4;

        self->visits = (int)(a * b + c * d + a + b + c + d);
        go(self, &outside);
    }
}

/* The clobber list of the swap: more live values than registers, integer and floating point. */
static double live_over_switches(struct flow *flow, const double *x, const long *n)
{
    double a = x[0], b = x[1], c = x[2], d = x[3], e = x[4], f = x[5], g = x[6], h = x[7];
    long i = n[0], j = n[1], k = n[2], l = n[3], m = n[4], o = n[5], p = n[6], q = n[7];
    long double u = (long double)a * 3;

    for (int round = 0; round < 10; round++) {
        go(&outside, flow);
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += a;
        i += j, j += k, k += l, l += m, m += o, o += p, p += q, q += i;
        u += 1;
    }
    return a + b + c + d + e + f + g + h + (double)(i + j + k + l + m + o + p + q) + (double)u;
}

static double live_over_nothing(const double *x, const long *n)
{
    double a = x[0], b = x[1], c = x[2], d = x[3], e = x[4], f = x[5], g = x[6], h = x[7];
    long i = n[0], j = n[1], k = n[2], l = n[3], m = n[4], o = n[5], p = n[6], q = n[7];
    long double u = (long double)a * 3;

    for (int round = 0; round < 10; round++) {
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += a;
        i += j, j += k, k += l, l += m, m += o, o += p, p += q, q += i;
        u += 1;
    }
    return a + b + c + d + e + f + g + h + (double)(i + j + k + l + m + o + p + q) + (double)u;
}

Test(context, the_compiler_keeps_its_values)
{
    const double x[8] = {1.25, 2.5, 3.75, 4.125, 5.5, 6.0625, 7, 8.5};
    const long n[8] = {1, 22, 333, 4444, 55555, 666666, 7777777, 88888888};
    struct flow flow;

    flow_init(&flow, scramble);
    cr_assert_eq(live_over_switches(&flow, x, n), live_over_nothing(x, n));
    flow_close(&flow);
}

/* --- threads --- */

static pid_t seen_on[2];

static void note_threads(struct flow *self)
{
    seen_on[0] = gettid(); /* not pthread_self(): the compiler would remember it */
    go(self, &outside);
    seen_on[1] = gettid();
}

static void *resume_here(void *arg)
{
    struct flow *flow = arg;
    struct flow saved = outside;

    cr_assert_neq(gettid(), seen_on[0]);
    sley__fiber_adopt_thread(&outside.fiber);
    go(&outside, flow);
    cr_assert_eq(gettid(), seen_on[1]);
    outside = saved;
    return NULL;
}

Test(context, goes_on_on_another_kernel_thread)
{
    struct flow flow;
    pthread_t thread;

    flow_init(&flow, note_threads);
    go(&outside, &flow);
    cr_assert_eq(pthread_create(&thread, NULL, resume_here, &flow), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(seen_on[0], gettid());
    cr_assert_neq(seen_on[1], gettid());
    flow_close(&flow);
}

/* --- unwinding --- */

static void *frames[64];

static NOINLINE void look_back(struct flow *self)
{
    self->visits = backtrace(frames, 64);
}

/* It stops at the first frame instead of wandering off into whatever the stack held before. */
Test(context, a_backtrace_ends_at_the_entry)
{
    struct flow flow;
    void *last;

    flow_init(&flow, look_back);
    memset(flow.stack, 0x55, STACK);
    sley__context_init(&flow.context, flow.stack + STACK, entry, &flow);
    go(&outside, &flow);
    cr_assert_geq(flow.visits, 2);
    cr_assert_leq(flow.visits, 5);
    last = frames[flow.visits - 1];
    cr_assert_leq((uintptr_t)last - (uintptr_t)sley__context_start, 16, "ends at %p", last);
    flow_close(&flow);
}
