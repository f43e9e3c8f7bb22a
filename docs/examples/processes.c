/*
 * processes.c: three programs at once, each fed with the same text; their answers in the order in
 * which they were asked. One that does not come to an end is ended by the deadline.
 *
 * prints: 4 lines, 3 different ones, the last is "weft"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

static const char text[] = "warp\nreed\nwarp\nweft\n";

struct question {
    const char *argv[4];
    struct sley_process_result answer;
};

static int ask(void *arg)
{
    struct question *q = arg;

    return sley_process_run(q->argv, NULL, text, strlen(text), 1000, &q->answer);
}

static int app(void *unused)
{
    struct question questions[] = {
        {.argv = {"wc", "-l"}},
        {.argv = {"sort", "-u"}},
        {.argv = {"tail", "-n", "1"}},
    };
    struct sley_scope scope;
    int different = 0;

    (void)unused;
    SLEY_SCOPE(&scope, .deadline = sley_after(SLEY_SECONDS(60)))
    for (int i = 0; i < 3; i++)
        sley_scope_spawn(&scope, ask, &questions[i], NULL, NULL);
    if (scope.error)
        return scope.error;
    for (const char *c = questions[1].answer.output; *c; c++)
        different += *c == '\n';
    printf("%d lines, %d different ones, the last is \"%.*s\"\n", atoi(questions[0].answer.output),
           different, (int)strcspn(questions[2].answer.output, "\n"), questions[2].answer.output);
    for (int i = 0; i < 3; i++)
        sley_process_result_free(&questions[i].answer);
    return 0;
}

int main(void)
{
    struct sley_options options = {.interrupt = true}; /* Ctrl-C ends it in order */

    return sley_run(app, NULL, &options) != 0;
}
