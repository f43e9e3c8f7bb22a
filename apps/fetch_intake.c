/*
 * fetch_intake.c: from the lines to the items that are to be fetched.
 *
 * A list is read while its files come: they begin with the first line, and a list that has no end
 * is no larger in memory than what has come of it. What needs the whole list is told as far as it
 * is known: the bar has no end before the list has one, unless it is a file whose lines could be
 * counted; a line that is wrong is refused when it is read, and the others are fetched.
 *
 * How far to read ahead of the transfers: hosts take turns only among what was read, so with no
 * line to spare a host that comes first in the list would have all transfers to itself, however
 * slow it is. A thousand lines ahead are enough for others to be among them, and are nothing in
 * memory. If all that was read waits for a time, for hosts that want a pause or after failures, it
 * goes on to others that can be fetched meanwhile; but not for ever, since a list without end of
 * which nothing can be fetched would fill the memory.
 */
#define _GNU_SOURCE
#include "fetch_intake.h"

#include <string.h>
#include <unistd.h>

#include <sley/sley.h>

#include "lines.h"

enum { AHEAD = 1000, AHEAD_IDLE = 100000 };

/* --- how much is to come ---------------------------------------------------------------------- */

/* Only a bar asks for it. */
static void count_lines(struct fetch_intake *intake)
{
    const struct fetch_plan *plan = intake->plan;

    intake->counted = true;
    for (size_t i = 0; i < plan->input_count && intake->counted; i++) {
        const struct fetch_input *input = &plan->inputs[i];
        long lines = lines_count(strcmp(input->path, "-") == 0 ? STDIN_FILENO : input->fd);
        intake->counted = lines >= 0;
        intake->to_come += intake->counted ? (size_t)lines : 0;
    }
}

void fetch_intake_tell(const struct fetch_intake *intake, size_t open)
{
    bool ended = fetch_intake_ended(intake);
    size_t left = intake->plan->list.count - intake->taken;

    if (intake->counted && !ended)
        left += intake->to_come;
    fetch_tell_total(intake->tell, open + left, !ended && !intake->counted);
}

/* --- from start to end ------------------------------------------------------------------------ */

void fetch_intake_init(struct fetch_intake *intake, struct fetch_plan *plan,
                       struct fetch_tell *tell)
{
    intake->plan = plan;
    intake->tell = tell;
    fetch_feed_init(&intake->feed, plan->inputs, plan->input_count);
    if (tell->progress.bar)
        count_lines(intake);
}

void fetch_intake_close(struct fetch_intake *intake)
{
    fetch_feed_close(&intake->feed);
}

int fetch_intake_start(struct fetch_intake *intake, struct sley_scope *scope)
{
    static const struct sley_task_options options = {.name = "list"};

    if (fetch_feed_ended(&intake->feed))
        return 0;
    return sley_scope_spawn(scope, fetch_feed_read, &intake->feed, &options, NULL);
}

bool fetch_intake_wants(size_t waiting, bool idle)
{
    return waiting < (idle ? AHEAD_IDLE : AHEAD);
}

bool fetch_intake_ended(const struct fetch_intake *intake)
{
    return fetch_feed_ended(&intake->feed) && intake->taken == intake->plan->list.count;
}

/* --- lines ------------------------------------------------------------------------------------ */

static void take_line(struct fetch_intake *intake, const struct fetch_line *line)
{
    struct fetch_list *list = &intake->plan->list;
    const char *path = strcmp(line->path, "-") == 0 ? "standard input" : line->path;

    if (line->text && lines_say(line->text, strlen(line->text)) && intake->to_come > 0)
        intake->to_come--;
    if (!line->text)
        fetch_tell_unread(intake->tell, "cannot read %.200s: %s", path, line->fault);
    else if (line->fault)
        fetch_tell_refused(intake->tell, "%.100s, line %zu: %s", path, line->number, line->fault);
    else if (!fetch_list_line(list, line->text))
        fetch_tell_refused(intake->tell, "%.100s, line %zu: %s", path, line->number, list->error);
}

/* An item that was added, if there is one that nobody has taken. */
static struct fetch_item *take_item(struct fetch_intake *intake)
{
    struct fetch_plan *plan = intake->plan;

    while (intake->taken < plan->list.count) {
        struct fetch_item *item = fetch_list_at(&plan->list, intake->taken++);
        if (!fetch_journal_has(&plan->kept, item, &item->size))
            return item;
        item->state = FETCH_KEPT;
        fetch_tell_kept(intake->tell);
    }
    return NULL;
}

/* What only adding needs. Afterwards nothing is left to be freed. */
static void end(struct fetch_intake *intake)
{
    fetch_list_seal(&intake->plan->list);
    fetch_journal_forget(&intake->plan->kept);
}

struct fetch_item *fetch_intake_next(struct fetch_intake *intake)
{
    struct fetch_item *item;
    struct fetch_line line;

    while (!(item = take_item(intake)) && fetch_feed_next(&intake->feed, &line))
        take_line(intake, &line);
    if (fetch_intake_ended(intake))
        end(intake);
    return item;
}
