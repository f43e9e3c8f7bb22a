/*
 * api.c: what models call (model.h): mostly other names for what the engine does.
 */
#include "api.h"

#include "engine.h"
#include "explore.h"
#include "memory.h"
#include "trace.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTCOMES_MAX = 16 };

static const char *outcomes[OUTCOMES_MAX]; /* of this execution */
static unsigned outcome_count;

_Noreturn void model_fail(const char *file, int line, const char *what, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    engine_fail("%s:%d: not true: %s%s%s", file, line, what, *text ? ": " : "", text);
}

unsigned model_thread_id(void)
{
    return engine_thread() == CLOCK_MAIN ? UINT_MAX : engine_thread();
}

unsigned model_variant(void)
{
    return engine_subject()->variant;
}

const void *model_argument(void)
{
    return engine_subject()->model->argument;
}

bool model_asymmetric(void)
{
    return engine_subject()->asymmetric;
}

unsigned model_choose(unsigned n)
{
    unsigned choice = engine_watching() && n > 1 ? explore_choose(n, false) : 0;

    trace_note(engine_thread(), "model_choose(%u) = %u", n, choice);
    return choice;
}

void model_yield(void)
{
    engine_yield("model_yield()");
}

void model_wait_until(bool (*condition)(void *arg), void *arg)
{
    engine_wait_until(condition, arg);
}

void model_clock_advance(int64_t ns)
{
    engine_advance_clock(ns);
}

void model_note(const char *format, ...)
{
    char text[256];
    va_list args;

    if (!trace_is_on())
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    trace_note(engine_thread(), "%s", text);
}

const char *model_blocked(unsigned thread)
{
    return engine_blocked(thread);
}

unsigned model_threads(void)
{
    return engine_threads();
}

/* --- outcomes --- */

void api_reset(void)
{
    outcome_count = 0;
}

bool api_saw(const char *outcome)
{
    for (unsigned i = 0; i < outcome_count; i++)
        if (strcmp(outcomes[i], outcome) == 0)
            return true;
    return false;
}

void model_outcome(const char *name)
{
    if (!api_saw(name) && outcome_count < OUTCOMES_MAX)
        outcomes[outcome_count++] = name;
}

/* Those of the whole exploration. */
static const char **kept;
static size_t kept_count, kept_capacity;

void api_collect(void)
{
    kept_count = 0;
}

static void keep(const char *outcome)
{
    for (size_t i = kept_count; i-- > 0;)
        if (kept[i] == outcome)
            return;
    if (kept_count == kept_capacity) {
        kept_capacity = kept_capacity ? kept_capacity * 2 : 64;
        kept = realloc(kept, kept_capacity * sizeof *kept);
        if (!kept)
            abort();
    }
    kept[kept_count++] = outcome;
}

void api_keep(void)
{
    for (unsigned i = 0; i < outcome_count; i++)
        keep(outcomes[i]);
}

void api_print(void)
{
    for (size_t i = 0; i < kept_count; i++)
        printf("  outcome: %s\n", kept[i]);
}
