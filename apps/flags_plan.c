/*
 * flags_plan.c: which flags are to be fetched.
 *
 * There are 676 pairs of letters, so a plan is first an array with a mark for each of them.
 * Whatever is asked for sets marks; reading the array from AA to ZZ then gives the codes sorted and
 * without doubles, and the limit is where the reading stops.
 *
 * A code that no country has is not an error here: the server is asked and says 404, which is a
 * result like any other. So a letter stands for all 26 pairs that begin with it, and neither needs
 * to know which countries there are. A word that can be no code is an error.
 */
#include "flags_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 26 * 26 };

enum mark { UNWANTED, WANTED, ASKED };

/* The 20 most populous countries, in that order. */
static const char populous[] = "CN IN US ID BR PK NG BD RU JP MX PH VN ET EG DE IR TR CD FR";

static int pair(const char *code)
{
    return (toupper((unsigned char)code[0]) - 'A') * 26 + toupper((unsigned char)code[1]) - 'A';
}

bool flags_plan_needs_countries(const struct flags_request *request)
{
    return request->all;
}

static void mark(enum mark marks[PAIRS], int first, int count)
{
    for (int i = first; i < first + count; i++)
        if (marks[i] == UNWANTED)
            marks[i] = WANTED;
}

static bool mark_word(enum mark marks[PAIRS], const char *word, char *error, size_t size)
{
    char first[3] = {word[0], 'A', '\0'};

    if (country_code_valid(word)) {
        marks[pair(word)] = ASKED;
        return true;
    }
    if (strlen(word) == 1 && country_code_valid(first)) {
        mark(marks, pair(first), 26);
        return true;
    }
    snprintf(error, size,
             "'%s' is no country code: a code is two letters, as BR; one letter, B, "
             "stands for BA to BZ",
             word);
    return false;
}

static bool mark_wanted(const struct flags_request *request, const struct countries *countries,
                        enum mark marks[PAIRS], char *error, size_t size)
{
    if (request->all + request->every + (request->word_count > 0) > 1) {
        snprintf(error, size, "of codes, --all and --every only one can be given");
        return false;
    }
    for (size_t i = 0; request->all && i < countries->count; i++)
        if (countries->list[i].gif)
            mark(marks, pair(countries->list[i].code), 1);
    if (request->every)
        mark(marks, 0, PAIRS);
    for (size_t i = 0; i < request->word_count; i++)
        if (!mark_word(marks, request->words[i], error, size))
            return false;
    if (!request->all && !request->every && !request->word_count)
        for (const char *code = populous; code < populous + sizeof populous; code += 3)
            mark(marks, pair(code), 1);
    return true;
}

bool flags_plan(const struct flags_request *request, const struct countries *countries,
                struct flags_plan *plan, char *error, size_t size)
{
    enum mark marks[PAIRS] = {UNWANTED};
    size_t limit = request->limit ? request->limit : PAIRS;

    if (!mark_wanted(request, countries, marks, error, size))
        return false;
    struct planned_flag *list = calloc(PAIRS, sizeof *list);
    if (!list) {
        snprintf(error, size, "out of memory");
        return false;
    }
    plan->list = list;
    plan->count = 0;
    for (int i = 0; i < PAIRS && plan->count < limit; i++)
        if (marks[i] != UNWANTED) {
            struct planned_flag *flag = &list[plan->count++];
            flag->code[0] = (char)('A' + i / 26);
            flag->code[1] = (char)('A' + i % 26);
            flag->asked = marks[i] == ASKED;
        }
    return true;
}

void flags_plan_free(struct flags_plan *plan)
{
    free(plan->list);
    plan->list = NULL;
    plan->count = 0;
}
