/*
 * flags_plan.h: which flags are to be fetched.
 */
#ifndef SLEY_APPS_FLAGS_PLAN_H
#define SLEY_APPS_FLAGS_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "countries.h"

/* What the user asks for. All zero: the 20 most populous countries. */
struct flags_request {
    bool all;           /* every country that has a flag */
    bool every;         /* AA to ZZ, whether there is such a country or not */
    char *const *words; /* codes, "BR", or first letters, "B", in either case */
    size_t word_count;
    size_t limit; /* only so many, the first of the alphabet; 0: no limit */
};

/* One code of the plan. */
struct planned_flag {
    char code[3];
    bool asked; /* named by the user, not found by the program */
};

/* Sorted, each code once. Owned by whoever called flags_plan(). */
struct flags_plan {
    struct planned_flag *list;
    size_t count;
};

/* Must the countries be known to plan this? */
bool flags_plan_needs_countries(const struct flags_request *request);

/* Makes the plan; `countries` may be NULL unless they are needed. Returns true, or false with one
 * line in `error`. */
bool flags_plan(const struct flags_request *request, const struct countries *countries,
                struct flags_plan *plan, char *error, size_t size);
void flags_plan_free(struct flags_plan *plan);

#endif
