/*
 * generator.c: functions that yield one value after the other.
 *
 * A generator is a flow (flow.h), a second stack for the task that asks for the next value, with
 * what is handed over at each step: a value out, and in return a value in, an error, or nothing.
 * The value is copied once, from the body's variable to the consumer's, for both are standing still
 * and in reach: there is no buffer between them. What is told here is only what the results of a
 * flow mean to those who use generators.
 *
 *   Rejected: handing out a pointer to the body's variable instead of a copy; it is safe until the
 *   next step, which is what people forget. Yielding through an enclosing generator (a yield from
 *   the inner body to the outer consumer): Python's `yield from` is a loop here, two lines.
 */
#include "flow.h"

#include <sley/generator.h>

#include <stdlib.h>
#include <string.h>

struct sley_generator {
    struct sley__flow flow;
    /* Constant. */
    size_t send_size;
    sley_generator_fn *fn;
    void *arg;
    void (*typed)(void);
    /* By the body; published by the end of the flow. */
    int result;
};

static struct sley_generator *of_flow(struct sley__flow *flow)
{
    return container_of(flow, struct sley_generator, flow);
}

/* --- for who consumes ----------------------------------------------------------------------- */

int sley_generator_next(struct sley_generator *generator, void *item)
{
    return sley__flow_next(&generator->flow, item);
}

int sley_generator_send(struct sley_generator *generator, const void *value, void *item)
{
    static const char nothing;

    if (!value && generator->send_size)
        return SLEY_EINVAL;
    return sley__flow_enter(&generator->flow, item, value ? value : &nothing, 0, false);
}

int sley_generator_throw(struct sley_generator *generator, int error, void *item)
{
    if (error >= 0)
        return SLEY_EINVAL;
    return sley__flow_enter(&generator->flow, item, NULL, error, false);
}

int sley_generator_close(struct sley_generator *generator)
{
    int outcome;

    if (sley__flow_drop(&generator->flow, SLEY_ECLOSED))
        return 0;
    outcome = sley__flow_enter(&generator->flow, NULL, NULL, SLEY_ECLOSED, true);
    return outcome == SLEY_ECLOSED ? 0 : outcome;
}

int sley_generator_result(const struct sley_generator *generator, int *result)
{
    if (!sley__flow_ended(&generator->flow))
        return 0;
    if (result)
        *result = generator->flow.outcome ? generator->flow.outcome : generator->result;
    return 1;
}

/* --- for the body --------------------------------------------------------------------------- */

int sley_yield_value(struct sley_generator *self, const void *item)
{
    return sley__flow_leave(&self->flow, item);
}

int sley_yield_receive(struct sley_generator *self, const void *item, void *received)
{
    int signal = sley_yield_value(self, item);

    if (signal || !self->flow.in)
        return signal;
    if (received)
        memcpy(received, self->flow.in, self->send_size);
    return 1;
}

/* --- the life of a generator ---------------------------------------------------------------- */

/* A negative result is what everybody who asks is told; others are kept beside. */
static int run(struct sley__flow *flow)
{
    struct sley_generator *self = of_flow(flow);

    self->result = self->fn(self, self->arg);
    return self->result < 0 ? self->result : 0;
}

int sley_generator_new_at(sley_generator_fn *fn, void *arg, size_t item_size,
                          const struct sley_generator_options *options, void (*typed)(void),
                          struct sley_generator **out, const char *site)
{
    struct sley_generator *generator;
    int error;

    if (!fn)
        return SLEY_EINVAL;
    if (!(generator = malloc(sizeof *generator)))
        return SLEY_ENOMEM;
    error =
        sley__flow_init(&generator->flow, run, item_size, options ? options->stack_size : 0, site);
    if (error) {
        free(generator);
        return error;
    }
    generator->send_size = options && options->send_size ? options->send_size : item_size;
    generator->fn = fn;
    generator->arg = arg;
    generator->typed = typed;
    generator->result = 0;
    *out = generator;
    return 0;
}

void sley_generator_free(struct sley_generator *generator)
{
    int error;

    if (!generator)
        return;
    error = sley_generator_close(generator);
    ensure_msg(sley__flow_ended(&generator->flow), "sley_generator_free: %s cannot be closed: %s",
               generator->flow.site, sley_strerror(error));
    sley__flow_close(&generator->flow);
    free(generator);
}

void (*sley_generator_typed_body(const struct sley_generator *generator))(void)
{
    return generator->typed;
}

/* --- as an iterator ------------------------------------------------------------------------- */

static int next(void *self, void *item)
{
    return sley_generator_next(self, item);
}

struct sley_iterator sley_generator_iterator(struct sley_generator *generator)
{
    return (struct sley_iterator){next, generator, generator->flow.out_size};
}
