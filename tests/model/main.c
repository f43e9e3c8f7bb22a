/*
 * main.c: the program `model`. Explores every model, or those named, and says how far.
 *
 *   model [--list] [--model PREFIX]... [--skip PREFIX]... [--bound N] [--stale N]
 *         [--random N] [--pct D] [--seed S] [--max-executions N] [--seconds S] [--jobs N]
 *         [--unreduced] [--outcomes] [--report] [--replay STRING]
 *
 * A line per model: "name: E executions, bound B, exhausted" (or "cut at N", or for random
 * schedules "E executions, random, seed S"), and last "M models, E executions". Exit code 0: all
 * passed; 1: one failed; 2: a usage error, or an execution that could not be repeated.
 */
#include "crash.h"
#include "explore.h"
#include "jobs.h"
#include "table.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PREFIXES_MAX = 64,
    RANDOM_ONLY = 500,
    RANDOM_DEFAULT = 10000,
    PCT_DEPTH = 3,
    DEPTH_MAX = 16,
    JOBS_MAX = 256
};

struct settings {
    enum strategy strategy;
    struct limits limits;
    bool stale_given;
    unsigned jobs;        /* models at once */
    bool loud;            /* report expected failures too */
    unsigned long random; /* how many per model */
    const char *replay;
    const char *only[PREFIXES_MAX], *skip[PREFIXES_MAX];
    unsigned only_count, skip_count;
};

/* What all explorations of one model come to. */
struct total {
    struct exploration sum;
    enum strategy strategy;
    struct limits limits;
    unsigned explorations;
};

static const char usage[] =
    "usage: model [--list] [--model PREFIX]... [--skip PREFIX]... [--bound N] [--stale N]\n"
    "             [--random N] [--pct DEPTH] [--seed S] [--max-executions N] [--seconds S]\n"
    "             [--jobs N] [--unreduced] [--outcomes] [--report]\n"
    "             [--replay STRING]\n"
    "  --list            names the models and what they are about\n"
    "  --model, --skip   only the models whose names begin so; all but those\n"
    "  --bound N         all executions with at most N preemptions (default 2)\n"
    "  --stale N         ... and at most N stale reads (default: as --bound)\n"
    "  --random N        N random executions per model instead\n"
    "  --pct DEPTH       those by random priorities that change DEPTH - 1 times\n"
    "  --seed S          of the random ones (default 1)\n"
    "  --max-executions  stops each exploration there\n"
    "  --seconds         likewise; a model is explored once per variant and way of fences\n"
    "  --jobs N          so many models at once (default 1)\n"
    "  --unreduced       also executions that are known to repeat others\n"
    "  --outcomes        prints what was seen (model_outcome) in each exploration\n"
    "  --report          reports expected failures too\n"
    "  --replay STRING   the execution of a failure, with all its steps\n";

static _Noreturn void bad_usage(const char *what)
{
    fprintf(stderr, "model: %s\n%s", what, usage);
    exit(2);
}

static unsigned long number(const char *text, unsigned long most)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value > most)
        bad_usage("not a number, or too large");
    return value;
}

/* --- which models --- */

static bool begins_with_one(const char *name, const char *const *prefixes, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static bool wanted(const struct settings *settings, const struct model *model)
{
    if (begins_with_one(model->name, settings->skip, settings->skip_count))
        return false;
    return !settings->only_count ||
           begins_with_one(model->name, settings->only, settings->only_count);
}

static void list(const struct settings *settings)
{
    size_t count;
    const struct model *const *models = table_models(&count);

    for (size_t i = 0; i < count; i++)
        if (wanted(settings, models[i]))
            printf("%-32s %s\n", models[i]->name, models[i]->about ? models[i]->about : "");
}

/* --- one model --- */

static unsigned at_most(unsigned asked, unsigned most)
{
    if (most == MODEL_NONE)
        return 0;
    return most && most < asked ? most : asked;
}

/* What is asked for, as this model allows it. */
static void prepare(const struct settings *settings, const struct model *model, struct total *total)
{
    unsigned explorations = model->variants ? model->variants : 1;

    *total = (struct total){.strategy = settings->strategy, .limits = settings->limits};
    total->limits.preemptions = at_most(settings->limits.preemptions, model->bound);
    total->limits.stale = at_most(settings->limits.stale, model->stale);
    if (settings->strategy != STRATEGY_BOUND) {
        /* --random N counts per model. */
        unsigned long each = (settings->random + explorations - 1) / explorations;

        if (!total->limits.executions || each < total->limits.executions)
            total->limits.executions = each;
        return;
    }
    if (model->max_executions &&
        (!total->limits.executions || model->max_executions < total->limits.executions))
        total->limits.executions = model->max_executions;
    if (model->random_only) {
        total->strategy = STRATEGY_PCT;
        if (!total->limits.executions)
            total->limits.executions = RANDOM_ONLY;
    }
}

static void add(struct total *total, const struct exploration *one)
{
    struct exploration *sum = &total->sum;

    sum->executions += one->executions;
    sum->redundant += one->redundant;
    sum->exhausted = one->exhausted && (total->explorations == 0 || sum->exhausted);
    sum->failed |= one->failed;
    sum->expected |= one->expected;
    sum->fences |= one->fences;
    sum->seen |= one->seen;
    if (one->longest > sum->longest)
        sum->longest = one->longest;
    total->explorations++;
}

/* One variant: once or twice, for the ways of fences. */
static void explore_variant(const struct model *model, unsigned variant, bool loud,
                            struct total *total)
{
    struct subject subject = {model, variant, model->fences != MODEL_FENCES_SYMMETRIC};
    struct exploration one;

    explore(&subject, total->strategy, &total->limits, loud, &one);
    add(total, &one);
    if (model->fences != MODEL_FENCES_BOTH || !one.fences || one.failed)
        return;
    subject.asymmetric = false;
    explore(&subject, total->strategy, &total->limits, loud, &one);
    add(total, &one);
}

/* An outcome that had to be seen and was not, or NULL. Judged only where nothing was left out. */
static const char *missed(const struct model *model, const struct total *total)
{
    if (!total->sum.exhausted || total->limits.preemptions < 2)
        return NULL;
    for (unsigned i = 0; i < ARRAY_LENGTH(model->must_see); i++)
        if (model->must_see[i] && !(total->sum.seen >> i & 1))
            return model->must_see[i];
    return NULL;
}

static void print_extent(const struct total *total)
{
    if (total->strategy == STRATEGY_PCT)
        printf(", pct %u, seed %llu", total->limits.depth, (unsigned long long)total->limits.seed);
    else if (total->strategy == STRATEGY_RANDOM)
        printf(", random, seed %llu", (unsigned long long)total->limits.seed);
    else if (total->sum.failed)
        printf(", bound %u", total->limits.preemptions);
    else if (total->sum.exhausted)
        printf(", bound %u, exhausted", total->limits.preemptions);
    else
        printf(", bound %u, cut at %lu", total->limits.preemptions, total->sum.executions);
}

/* Prints the line. True: as it should be. */
static bool judge(const struct model *model, const struct total *total)
{
    const char *outcome = missed(model, total);
    bool good = total->sum.failed ? total->sum.expected : !model->expect_failure && !outcome;

    printf("%s: %lu executions", model->name, total->sum.executions);
    print_extent(total);
    if (total->sum.failed)
        printf(total->sum.expected ? ", failed as expected" : ", FAILED");
    else if (model->expect_failure)
        printf(", FAILED: it passed, but was expected to fail");
    else if (outcome)
        printf(", FAILED: never seen: %s", outcome);
    printf("\n");
    fflush(stdout);
    return good;
}

/* What jobs_run() is about. */
struct work {
    const struct settings *settings;
    const struct model **models;
};

/* One model; the exit code. */
static int explore_model(size_t i, const void *arg, unsigned long *executions)
{
    const struct work *work = arg;
    const struct model *model = work->models[i];
    struct total total;

    prepare(work->settings, model, &total);
    for (unsigned v = 0; v < (model->variants ? model->variants : 1) && !total.sum.failed; v++)
        explore_variant(model, v, work->settings->loud, &total);
    *executions += total.sum.executions;
    return !judge(model, &total);
}

static int explore_all(const struct settings *settings)
{
    size_t count, chosen = 0;
    const struct model *const *models = table_models(&count);
    struct work work = {settings, calloc(count, sizeof(struct model *))};
    unsigned long executions = 0;
    int status;

    if (!work.models)
        abort();
    for (size_t i = 0; i < count; i++)
        if (wanted(settings, models[i]))
            work.models[chosen++] = models[i];
    if (!chosen)
        bad_usage("no such model");
    status = jobs_run(chosen, settings->jobs, explore_model, &work, &executions);
    printf("%zu models, %lu executions\n", chosen, executions);
    free(work.models);
    return status;
}

/* --- the command line --- */

static void add_prefix(const char **prefixes, unsigned *count, const char *prefix)
{
    if (*count == PREFIXES_MAX)
        bad_usage("too many names");
    prefixes[(*count)++] = prefix;
}

static const struct option names[] = {
    {"list", no_argument, NULL, 'l'},
    {"model", required_argument, NULL, 'm'},
    {"skip", required_argument, NULL, 'k'},
    {"bound", required_argument, NULL, 'b'},
    {"stale", required_argument, NULL, 't'},
    {"random", required_argument, NULL, 'r'},
    {"seed", required_argument, NULL, 's'},
    {"pct", required_argument, NULL, 'p'},
    {"replay", required_argument, NULL, 'y'},
    {"max-executions", required_argument, NULL, 'x'},
    {"seconds", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {"report", no_argument, NULL, 'o'},
    {"unreduced", no_argument, NULL, 'u'},
    {"jobs", required_argument, NULL, 'j'},
    {"outcomes", no_argument, NULL, 'e'},
    {NULL, 0, NULL, 0},
};

/* What is left when the options are read. */
enum task { EXPLORE, LIST, REPLAY };

static void set_random(struct settings *settings, enum strategy strategy)
{
    if (settings->strategy != STRATEGY_PCT)
        settings->strategy = strategy;
    if (!settings->random)
        settings->random = RANDOM_DEFAULT;
}

/* One option with its argument. */
static enum task read_option(struct settings *settings, int name, const char *value, enum task task)
{
    struct limits *limits = &settings->limits;

    switch (name) {
    case 'l':
        return LIST;
    case 'j':
        settings->jobs = (unsigned)number(value, JOBS_MAX);
        break;
    case 'e':
        limits->outcomes = true;
        break;
    case 'u':
        limits->unreduced = true;
        break;
    case 'o':
        settings->loud = true;
        break;
    case 'y':
        settings->replay = value;
        return REPLAY;
    case 'm':
        add_prefix(settings->only, &settings->only_count, value);
        break;
    case 'k':
        add_prefix(settings->skip, &settings->skip_count, value);
        break;
    case 'b':
        limits->preemptions = (unsigned)number(value, 1000);
        break;
    case 't':
        limits->stale = (unsigned)number(value, 1000);
        settings->stale_given = true;
        break;
    case 'r':
        settings->random = number(value, ULONG_MAX);
        set_random(settings, STRATEGY_RANDOM);
        break;
    case 'p':
        limits->depth = (unsigned)number(value, DEPTH_MAX);
        set_random(settings, STRATEGY_PCT);
        break;
    case 's':
        limits->seed = number(value, ULONG_MAX);
        break;
    case 'x':
        limits->executions = number(value, ULONG_MAX);
        break;
    case 'c':
        limits->seconds = (double)number(value, 1000000);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(0);
    default:
        exit((fputs(usage, stderr), 2));
    }
    return task;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .limits = {.preemptions = 2, .seed = 1, .depth = PCT_DEPTH},
    };
    enum task task = EXPLORE;
    int name;

    crash_watch();
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1)
        task = read_option(&settings, name, optarg, task);
    if (optind < argc)
        bad_usage("no operands, only options");
    if (!settings.stale_given)
        settings.limits.stale = settings.limits.preemptions;
    if (settings.limits.depth == 0)
        bad_usage("--pct begins at 1");
    switch (task) {
    case LIST:
        list(&settings);
        return 0;
    case REPLAY:
        return explore_replay(settings.replay);
    case EXPLORE:
        break;
    }
    return explore_all(&settings);
}
