/*
 * place.c: the place that --executor names: tasks, threads or processes.
 *
 * This is all that a program has to do to leave the choice to its user: an executor is a value, and
 * what is behind it differs in three lines. Threads and processes get a class and a pool of their
 * own and not those that the library has ready, because the number of jobs is the user's choice.
 */
#include "place.h"

#include <string.h>

static const char *const names[][2] = {
    [PLACE_TASKS] = {"tasks", "task"},
    [PLACE_THREADS] = {"threads", "thread"},
    [PLACE_PROCESSES] = {"processes", "process"},
};

bool place_parse(const char *text, enum place_kind *kind)
{
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(text, names[i][0]) == 0) {
            *kind = (enum place_kind)i;
            return true;
        }
    return false;
}

const char *place_name(enum place_kind kind, unsigned jobs)
{
    return names[kind][jobs == 1];
}

int place_prepare(enum place_kind kind)
{
    return kind == PLACE_PROCESSES ? sley_procpool_prepare() : 0;
}

int place_open(struct place *place, enum place_kind kind, unsigned jobs)
{
    struct sley_procpool_options options = {.max = jobs};
    int error;

    memset(place, 0, sizeof *place);
    place->executor = sley_executor_tasks;
    if (kind == PLACE_THREADS) {
        place->threads = (struct sley_blocking_class){.name = "work", .threads_max = jobs};
        place->executor = (struct sley_executor)SLEY_EXECUTOR_THREADS(&place->threads);
    }
    if (kind == PLACE_PROCESSES) {
        if ((error = sley_procpool_new(&options, &place->pool)))
            return error;
        place->executor = (struct sley_executor)SLEY_EXECUTOR_PROCESSES(place->pool);
    }
    return 0;
}

void place_close(struct place *place)
{
    sley_procpool_free(place->pool);
    place->pool = NULL;
}
