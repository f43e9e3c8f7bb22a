/*
 * fetch_report.c: results for programs.
 *
 * The same facts in three forms: a JSON object in a line for each file as it ends (--json), and all
 * of them at the end as a JSON array or as CSV (--report). CSV is that of RFC 4180 with the quotes
 * that it asks for, and none that it does not.
 */
#include "fetch_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const char *const names[] = {
    [FETCH_WAITING] = "unfinished", [FETCH_ACTIVE] = "unfinished", [FETCH_DONE] = "done",
    [FETCH_KEPT] = "kept",          [FETCH_FAILED] = "failed",
};

const char *fetch_state_name(enum fetch_state state)
{
    return names[state];
}

static double seconds(const struct fetch_item *item)
{
    return (double)item->took / 1e9;
}

/* Text that may not be UTF-8, which JSON must be: other bytes become '?'. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    char *copy;

    if (value || !(copy = strdup(text)))
        return value;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

static json_t *object_of(const struct fetch_item *item)
{
    json_t *object = json_object();

    json_object_set_new(object, "url", text_value(item->shown));
    json_object_set_new(object, "file", text_value(item->name));
    json_object_set_new(object, "result", json_string(names[item->state]));
    json_object_set_new(object, "bytes", json_integer((json_int_t)item->size));
    json_object_set_new(object, "seconds", json_real(seconds(item)));
    json_object_set_new(object, "attempts", json_integer(item->attempts));
    json_object_set_new(object, "status", json_integer(item->status));
    json_object_set_new(object, "resumed", json_boolean(item->resumed));
    json_object_set_new(object, "error", item->reason ? text_value(item->reason) : json_null());
    return object;
}

static void add_object(struct text *text, const struct fetch_item *item, const char *after)
{
    json_t *object = object_of(item);
    char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));

    if (line)
        text_add(text, "%s%s", line, after);
    free(line);
    json_decref(object);
}

void fetch_report_json(struct text *text, const struct fetch_item *item)
{
    add_object(text, item, "\n");
}

static void add_cell(struct text *text, const char *value)
{
    if (!strpbrk(value, ",\"\r\n")) {
        text_add(text, "%s", value);
        return;
    }
    text_add(text, "\"");
    for (; *value; value++)
        text_add(text, *value == '"' ? "\"\"" : "%c", *value);
    text_add(text, "\"");
}

static void add_row(struct text *text, const struct fetch_item *item)
{
    add_cell(text, item->shown);
    text_add(text, ",");
    add_cell(text, item->name);
    text_add(text, ",%s,%" PRIu64 ",%.6f,%u,%u,%s,", names[item->state], item->size, seconds(item),
             item->attempts, item->status, item->resumed ? "true" : "false");
    add_cell(text, item->reason ? item->reason : "");
    text_add(text, "\r\n");
}

void fetch_report(struct text *text, const struct fetch_list *list, enum fetch_format format)
{
    text_add(text, "%s",
             format == FETCH_CSV ? "url,file,result,bytes,seconds,attempts,status,resumed,error\r\n"
                                 : "[\n");
    for (size_t i = 0; i < list->count; i++)
        if (format == FETCH_CSV)
            add_row(text, fetch_list_at(list, i));
        else
            add_object(text, fetch_list_at(list, i), i + 1 < list->count ? ",\n" : "\n");
    if (format == FETCH_JSON)
        text_add(text, "]\n");
}

static int by_time(const void *one, const void *other)
{
    const int64_t *a = one, *b = other;

    return (*a > *b) - (*a < *b);
}

/* The least time that so many percent of them did not exceed. */
static int64_t percentile(const int64_t *times, size_t count, size_t percent)
{
    size_t rank = (count * percent + 99) / 100;

    return times[rank > 0 ? rank - 1 : 0];
}

struct fetch_times fetch_times(const struct fetch_list *list)
{
    int64_t *times = calloc(list->count + 1, sizeof *times);
    struct fetch_times result = {0};
    size_t count = 0;

    for (size_t i = 0; times && i < list->count; i++)
        if (fetch_list_at(list, i)->state == FETCH_DONE)
            times[count++] = fetch_list_at(list, i)->took;
    if (count) {
        qsort(times, count, sizeof *times, by_time);
        result = (struct fetch_times){
            .count = count,
            .half = percentile(times, count, 50),
            .ninety = percentile(times, count, 90),
            .ninety_nine = percentile(times, count, 99),
            .longest = times[count - 1],
        };
    }
    free(times);
    return result;
}
