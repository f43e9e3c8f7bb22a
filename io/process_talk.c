/*
 * process_talk.c: conversations with a process: all of its input, all of its output.
 *
 * Who first writes everything and then reads everything waits for ever, as soon as both are larger
 * than a pipe: the process waits for its output to be read, and does not read its input. So there
 * is a task for each of the three, in a scope that ends with the first error, and the caller waits
 * for the end of the process when the pipes have come to theirs.
 *
 * A process may end without having read its input: that is its own affair, and no error. One may
 * end and leave its output open to a child of its own; then the conversation goes on until that one
 * closes it, as in a shell.
 */
#include "process_impl.h"

#include <sley/scope.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 4096 };

/* --- the three parts, each a task ------------------------------------------------------------- */

struct feed {
    struct sley_process *process;
    const void *data;
    size_t size;
};

static int feed_input(void *arg)
{
    struct feed *feed = arg;
    int error = 0;

    if (feed->size)
        error = sley_stream_write(feed->process->input, feed->data, feed->size, NULL);
    sley_process_close_input(feed->process);
    return error == SLEY_EPIPE ? 0 : error;
}

struct collection {
    struct sley_stream *stream;
    char *data;
    size_t size, room, limit;
};

/* Room for more, and for a NUL behind it. One byte more than the limit is enough to know. */
static int grow(struct collection *c)
{
    size_t room = c->room ? c->room * 2 : ROOM_MIN;
    char *data;

    if (room > c->limit + 1)
        room = c->limit + 1;
    if (!(data = realloc(c->data, room + 1)))
        return SLEY_ENOMEM;
    c->data = data;
    c->room = room;
    return 0;
}

static int collect(void *arg)
{
    struct collection *c = arg;
    int count = 0;

    do {
        c->size += (size_t)count;
        if (c->size > c->limit)
            return SLEY_EMSGSIZE;
        if (c->size == c->room && (count = grow(c)) < 0)
            return count;
        count = sley_stream_read(c->stream, c->data + c->size, c->room - c->size);
    } while (count > 0);
    c->data[c->size] = '\0';
    return count == SLEY_EOF ? 0 : count;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int talk(struct feed *feed, struct collection *output, struct collection *error)
{
    struct sley_scope scope;
    int status = 0;

    SLEY_SCOPE(&scope)
    {
        if (feed->process->input)
            status = sley_scope_spawn(&scope, feed_input, feed, NULL, NULL);
        if (!status && output->stream)
            status = sley_scope_spawn(&scope, collect, output, NULL, NULL);
        if (!status && error->stream)
            status = sley_scope_spawn(&scope, collect, error, NULL, NULL);
        if (status)
            sley_scope_fail(&scope, status);
    }
    return scope.error;
}

int sley_process_communicate(struct sley_process *process, const void *input, size_t size,
                             size_t limit, struct sley_process_result *result)
{
    struct feed feed = {process, input, size};
    struct collection output = {.stream = process->output, .limit = limit};
    struct collection error = {.stream = process->error, .limit = limit};
    struct sley_process_status ended;
    int status = sley__wait_check();

    if (!status && ((size && !process->input) || limit >= SIZE_MAX / 2))
        status = SLEY_EINVAL;
    if (!status)
        status = talk(&feed, &output, &error);
    if (!status)
        status = sley_process_wait(process, &ended);
    if (status) {
        free(output.data);
        free(error.data);
        return status;
    }
    *result = (struct sley_process_result){
        .status = ended,
        .output = output.data,
        .error = error.data,
        .output_size = output.size,
        .error_size = error.size,
    };
    return 0;
}

void sley_process_result_free(struct sley_process_result *result)
{
    free(result->output);
    free(result->error);
    result->output = result->error = NULL;
    result->output_size = result->error_size = 0;
}

/* What is not said is a pipe; without input, the input is empty. */
static void choose_pipes(struct sley_process_options *options, size_t size)
{
    if (options->input.kind == SLEY_PROCESS_DEFAULT)
        options->input.kind = size ? SLEY_PROCESS_PIPE : SLEY_PROCESS_NULL;
    if (options->output.kind == SLEY_PROCESS_DEFAULT)
        options->output.kind = SLEY_PROCESS_PIPE;
    if (options->error.kind == SLEY_PROCESS_DEFAULT)
        options->error.kind = SLEY_PROCESS_PIPE;
}

int sley_process_run(const char *const *argv, const struct sley_process_options *options,
                     const void *input, size_t size, size_t limit,
                     struct sley_process_result *result)
{
    struct sley_process_options chosen = {0};
    struct sley_process *process;
    int error;

    if (options)
        chosen = *options;
    choose_pipes(&chosen, size);
    if ((error = sley_process_spawn(argv, &chosen, &process)))
        return error;
    if ((error = sley_process_communicate(process, input, size, limit, result)))
        sley_process_stop(process, chosen.grace, NULL);
    sley_process_free(process);
    return error;
}
