/*
 * explore.c: which decisions to take next.
 *
 * Depth first: the decisions of an execution are a list; the next execution repeats them up to the
 * last one that has choices left, takes its next choice there, and 0 from then on. What is left out
 * is what exceeds the bounds: an option that costs a preemption is not offered once the execution
 * has used up its preemptions, an old store not once it has read as many. So "exhausted" means: all
 * executions with at most that many preemptions and that many stale reads, given what engine.c
 * takes for a decision point and memory.c for a store that may be read. Nearly all bugs need few of
 * both (Musuvathi and Qadeer, "Iterative Context Bounding", 2007); the number of executions grows
 * with the power of the bound.
 *
 * Random: each decision by itself, with a tendency to go on that differs from execution to
 * execution. PCT ("A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs",
 * Burckhardt, Kothari, Musuvathi, Nagarakatte, 2010): threads have random priorities, the highest
 * runs, and at depth - 1 random steps the running one falls behind all others: it finds a bug that
 * takes that many well-placed switches with a probability that does not fall with the rest of the
 * program.
 *
 * A choice string is NAME/VARIANT/FENCES/BOUNDS/DECISIONS/FINGERPRINT. Decisions: a number is that
 * many zeroes, a letter is 1 (a) to 26 (z); what follows the last one is zero. The bounds are part
 * of it because they say what was offered (with an r if redundant executions were left out); the
 * fingerprint of the steps tells whether a replay is of the same program.
 *
 * Executions that differ only in the order of steps that do not conflict are explored once, as far
 * as that can be done without losing any within the bounds (conflict.h). Rejected: more of it. Full
 * partial-order reduction (DPOR) with a bound on preemptions needs extra points not to lose
 * executions (Coons, Musuvathi, McKinley, 2013).
 */
#include "explore.h"

#include "api.h"
#include "memory.h"
#include "platform.h"
#include "table.h"
#include "trace.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRACED = 40, PCT_DEPTH_MAX = 16, PCT_PATIENCE = 1000 };

struct decision {
    uint8_t count; /* 0: not known, from a string */
    uint8_t chosen;
};

static struct decision *decisions;
static size_t decided, capacity, position;

static enum strategy strategy;
static struct limits limits;
static struct subject subject;
static unsigned preemptions, stale; /* used up */

/* Random strategies. */
static uint64_t random_state;
static unsigned go_on, look_back; /* of 256: how likely */
static unsigned priority[CLOCKS + 1], lowest, highest;
static unsigned passed_over[CLOCKS + 1]; /* how often, since it ran */
static unsigned long change_at[PCT_DEPTH_MAX], expected_steps;

static uint64_t next_random(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    return sley__hash64(random_state);
}

static unsigned below(unsigned long n)
{
    return (unsigned)(next_random() % n);
}

/* --- decisions --- */

static _Noreturn void not_deterministic(const char *why)
{
    fprintf(stderr, "model: %s: an execution could not be repeated (%s)\n", subject.model->name,
            why);
    exit(2);
}

/* The next decision: repeated if it is in the list, else `wish`. */
static unsigned decide(unsigned count, unsigned wish)
{
    if (count > 255)
        engine_fail("more than 255 choices");
    if (position < decided) {
        struct decision *decision = &decisions[position++];

        if ((decision->count && decision->count != count) || decision->chosen >= count)
            not_deterministic("a decision has other choices than before");
        decision->count = (uint8_t)count;
        return decision->chosen;
    }
    if (decided == capacity) {
        capacity = capacity ? capacity * 2 : 4096;
        decisions = realloc(decisions, capacity * sizeof *decisions);
        if (!decisions)
            abort();
    }
    decisions[decided++] = (struct decision){(uint8_t)count, (uint8_t)wish};
    position = decided;
    return wish;
}

static bool is_random(void)
{
    return strategy == STRATEGY_RANDOM || strategy == STRATEGY_PCT;
}

static unsigned wish_random(const struct way *options, unsigned count)
{
    unsigned choice;

    if (below(256) < go_on)
        return 0;
    choice = below(count);
    /* Time jumps seldom. */
    return options[choice].thread == CLOCKS && below(8) ? 0 : choice;
}

/* Those with the highest priority; at a change point the one that runs falls behind. */
static unsigned wish_pct(const struct way *options, unsigned count)
{
    unsigned best = 0;

    for (unsigned i = 0; i + 1 < limits.depth; i++)
        if (change_at[i] && engine_steps() >= change_at[i]) {
            change_at[i] = 0;
            if (engine_thread() < CLOCK_MAIN)
                priority[engine_thread()] = --lowest;
        }
    for (unsigned i = 0; i < count; i++) {
        unsigned thread = options[i].thread;

        /* Fairness: those who wait for this one in a loop of their own would wait for ever. */
        if (++passed_over[thread] > PCT_PATIENCE && thread != CLOCKS)
            priority[thread] = ++highest;
        if (priority[thread] > priority[options[best].thread])
            best = i;
    }
    passed_over[options[best].thread] = 0;
    if (options[best].thread == CLOCKS)
        priority[CLOCKS] = --lowest;
    return best;
}

unsigned explore_schedule(struct way *options, unsigned count)
{
    unsigned choice = 0;

    while (preemptions >= limits.preemptions && options[count - 1].costs)
        count--;
    if (count == 1)
        return 0;
    if (strategy == STRATEGY_RANDOM)
        choice = wish_random(options, count);
    else if (strategy == STRATEGY_PCT)
        choice = wish_pct(options, count);
    choice = decide(count, choice);
    preemptions += options[choice].costs;
    return choice;
}

bool explore_is_spent(void)
{
    return preemptions >= limits.preemptions;
}

bool explore_reduces(void)
{
    return !is_random() && !limits.unreduced;
}

unsigned explore_stale(unsigned count)
{
    unsigned choice = 0;

    if (stale >= limits.stale)
        return 0;
    if (is_random() && below(256) < look_back)
        choice = below(count);
    choice = decide(count, choice);
    stale += choice != 0;
    return choice;
}

unsigned explore_choose(unsigned count, bool costs)
{
    unsigned choice = 0;

    if (costs && preemptions >= limits.preemptions)
        return 0;
    if (is_random() && (!costs || !below(8)))
        choice = below(count);
    choice = decide(count, choice);
    preemptions += costs && choice;
    return choice;
}

/* --- from one execution to the next --- */

/* What an execution starts with, the list of decisions aside. */
static void begin(uint64_t number)
{
    static const unsigned odds[] = {0, 16, 48, 96};

    position = 0;
    preemptions = stale = 0;
    if (!is_random())
        return;
    random_state = limits.seed * UINT64_C(0xd1342543de82ef95) + number;
    go_on = 256 - (2u << below(7));
    look_back = odds[below(4)];
    lowest = 1000000;
    highest = 3000000;
    for (unsigned i = 0; i <= CLOCKS; i++) {
        priority[i] = 1000001 + below(1000000);
        passed_over[i] = 0;
    }
    for (unsigned i = 0; i < PCT_DEPTH_MAX; i++)
        change_at[i] = 1 + below(expected_steps + 1);
}

/* Sets the list to the next one in depth-first order. False: there is none. */
static bool next_depth_first(void)
{
    while (decided && decisions[decided - 1].chosen + 1 >= decisions[decided - 1].count)
        decided--;
    if (!decided)
        return false;
    decisions[decided - 1].chosen++;
    return true;
}

/* --- choice strings --- */

static void print_bound(unsigned bound)
{
    if (bound == UINT_MAX)
        putchar('-');
    else
        printf("%u", bound);
}

static void print_decisions(void)
{
    size_t zeroes = 0;

    for (size_t i = 0; i < position; i++) {
        if (!decisions[i].chosen) {
            zeroes++;
            continue;
        }
        if (zeroes)
            printf("%zu", zeroes);
        zeroes = 0;
        if (decisions[i].chosen <= 26)
            putchar('a' + decisions[i].chosen - 1);
        else
            printf("(%u)", decisions[i].chosen);
    }
}

static void print_string(void)
{
    printf("%s/%u/%s/", subject.model->name, subject.variant, subject.asymmetric ? "a" : "s");
    print_bound(limits.preemptions);
    putchar('x');
    print_bound(limits.stale);
    fputs(explore_reduces() ? "r/" : "/", stdout);
    print_decisions();
    printf("/%lx", engine_fingerprint() & 0xffffffff);
}

static void append(size_t count, unsigned chosen)
{
    while (count--)
        decide(255, chosen);
}

static bool parse_decisions(const char **text)
{
    const char *s = *text;

    decided = position = 0;
    while (*s && *s != '/') {
        if (isdigit((unsigned char)*s)) {
            append(strtoul(s, (char **)&s, 10), 0);
        } else if (islower((unsigned char)*s)) {
            append(1, (unsigned)(*s++ - 'a') + 1);
        } else if (*s == '(') {
            append(1, (unsigned)strtoul(s + 1, (char **)&s, 10));
            s += *s == ')';
        } else {
            return false;
        }
    }
    for (size_t i = 0; i < decided; i++)
        decisions[i].count = 0;
    *text = s;
    return true;
}

static unsigned parse_bound(const char **text)
{
    if (**text == '-') {
        ++*text;
        return UINT_MAX;
    }
    return (unsigned)strtoul(*text, (char **)text, 10);
}

/* Fills subject, limits and decisions. */
static bool parse_string(const char *string, unsigned long *fingerprint)
{
    size_t length = strcspn(string, "/");
    const char *s = string + length;

    subject.model = table_find(string, length);
    if (!subject.model || *s++ != '/')
        return false;
    subject.variant = (unsigned)strtoul(s, (char **)&s, 10);
    if (*s++ != '/' || (*s != 'a' && *s != 's'))
        return false;
    subject.asymmetric = *s++ == 'a';
    if (*s++ != '/')
        return false;
    limits.preemptions = parse_bound(&s);
    if (*s++ != 'x')
        return false;
    limits.stale = parse_bound(&s);
    limits.unreduced = *s != 'r';
    s += *s == 'r';
    if (*s++ != '/' || !parse_decisions(&s) || *s++ != '/')
        return false;
    *fingerprint = strtoul(s, (char **)&s, 16);
    return *s == '\0';
}

/* --- reporting --- */

/* Runs the decisions of the last execution again, with a trace. */
static enum verdict repeat(void)
{
    enum verdict verdict;

    begin(0);
    trace_on();
    verdict = engine_run(&subject);
    trace_off();
    return verdict;
}

static void report(void)
{
    unsigned long fingerprint = engine_fingerprint();

    decided = position;
    if (repeat() != VERDICT_FAILED || engine_fingerprint() != fingerprint)
        not_deterministic("other steps");
    printf("%s: FAILED: %s\n", subject.model->name, engine_message());
    trace_print(TRACED);
    printf("  replay: --replay '");
    print_string();
    printf("'\n");
}

int explore_replay(const char *string)
{
    unsigned long fingerprint;
    enum verdict verdict;

    strategy = STRATEGY_REPLAY;
    decided = position = 0;
    if (!parse_string(string, &fingerprint))
        return 2;
    verdict = repeat();
    trace_print(UINT_MAX);
    if ((engine_fingerprint() & 0xffffffff) != fingerprint) {
        printf("not the execution of the string: the program has changed\n");
        return 2;
    }
    printf("%s: %s\n", subject.model->name,
           verdict == VERDICT_FAILED ? engine_message() : "passed");
    return verdict == VERDICT_FAILED;
}

/* --- exploring --- */

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void note_outcomes(struct exploration *result)
{
    api_keep();
    for (unsigned i = 0; i < ARRAY_LENGTH(subject.model->must_see); i++)
        if (subject.model->must_see[i] && api_saw(subject.model->must_see[i]))
            result->seen |= 1u << i;
}

static void note_execution(struct exploration *result, enum verdict verdict)
{
    if (verdict == VERDICT_REDUNDANT)
        result->redundant++;
    else
        result->executions++;
    result->fences |= engine_used_fences();
    if (engine_steps() > result->longest)
        result->longest = engine_steps();
    expected_steps = (expected_steps * 7 + engine_steps()) / 8;
}

/* Whether to stop after this many executions. */
static bool out_of_budget(const struct exploration *result, double started)
{
    if (limits.executions && result->executions >= limits.executions)
        return true;
    return limits.seconds > 0 && (result->executions + result->redundant) % 64 == 0 &&
           seconds_now() - started >= limits.seconds;
}

static bool is_expected(void)
{
    const char *expected = subject.model->expect_failure;

    return expected && strstr(engine_message(), expected);
}

/* Executions until one fails, none is left, or the budget is spent. */
static void explore_until_done(bool loud, struct exploration *result)
{
    double started = seconds_now();
    enum verdict verdict;

    do {
        begin(result->executions);
        verdict = engine_run(&subject);
        note_execution(result, verdict);
        if (verdict == VERDICT_FAILED) {
            result->failed = true;
            result->expected = is_expected();
            if (loud || !result->expected)
                report();
            return;
        }
        if (position < decided)
            not_deterministic("it ended earlier");
        if (verdict == VERDICT_PASSED)
            note_outcomes(result);
        if (is_random())
            decided = 0;
        else
            result->exhausted = !next_depth_first();
    } while (!result->exhausted && !out_of_budget(result, started));
}

void explore(const struct subject *of, enum strategy by, const struct limits *within, bool loud,
             struct exploration *result)
{
    *result = (struct exploration){0};
    subject = *of;
    strategy = by;
    limits = *within;
    if (is_random())
        limits.preemptions = limits.stale = UINT_MAX;
    expected_steps = 0;
    decided = 0;
    api_collect();
    explore_until_done(loud, result);
    if (limits.outcomes)
        api_print();
}
