/*
 * trace.c: keeping and printing what happened.
 *
 * Steps are text where they come from (atomic operations carry their source line as a string); a
 * code address of a plain access is looked up by addr2line, once there is something to print.
 */
#include "trace.h"

#include "memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
    const char *where; /* or, with `note`, what was said */
    char *note;
    const void *address;
    uint64_t value;
    uint8_t thread, size;
};

static struct entry *entries;
static size_t count, capacity;
static bool on;

void trace_on(void)
{
    for (size_t i = 0; i < count; i++)
        free(entries[i].note);
    count = 0;
    on = true;
}

void trace_off(void)
{
    on = false;
}

bool trace_is_on(void)
{
    return on;
}

static struct entry *add(unsigned thread)
{
    if (count == capacity) {
        capacity = capacity ? capacity * 2 : 1024;
        entries = realloc(entries, capacity * sizeof *entries);
        if (!entries)
            abort();
    }
    entries[count] = (struct entry){.thread = (uint8_t)thread};
    return &entries[count++];
}

void trace_step(unsigned thread, const char *where, const void *address, size_t size,
                uint64_t value)
{
    struct entry *entry;

    if (!on)
        return;
    entry = add(thread);
    entry->where = where;
    entry->address = address;
    entry->size = (uint8_t)size;
    entry->value = value;
}

void trace_note(unsigned thread, const char *format, ...)
{
    char text[256];
    va_list args;

    if (!on)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(thread)->note = strdup(text);
}

static void print_entry(const struct entry *entry)
{
    if (entry->thread == CLOCK_MAIN)
        printf("  main ");
    else
        printf("  T%-3u ", entry->thread);
    if (entry->note)
        printf("    %s\n", entry->note);
    else if (entry->address)
        printf("%s = 0x%" PRIx64 "   [%p]\n", entry->where, entry->value, entry->address);
    else
        printf("%s\n", entry->where);
}

void trace_print(unsigned per_thread)
{
    unsigned of_thread[CLOCKS] = {0}, left_out = 0;

    for (size_t i = 0; i < count; i++)
        of_thread[entries[i].thread]++;
    for (size_t i = 0; i < count; i++) {
        if (of_thread[entries[i].thread]-- > per_thread)
            left_out++;
        else
            print_entry(&entries[i]);
    }
    if (left_out)
        printf("  (%u earlier steps left out; --replay prints all)\n", left_out);
}

const char *trace_place(const void *pc)
{
    static char buffers[2][256];
    static unsigned turn;
    char command[160], function[120] = "?", line[256] = "?", *text = buffers[turn++ % 2];
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    FILE *pipe;

    snprintf(text, sizeof buffers[0], "code at %p", pc);
    if (length <= 0)
        return text;
    self[length] = '\0';
    snprintf(command, sizeof command, "addr2line -f -s -e /proc/%d/exe %p 2>/dev/null",
             (int)getpid(), (const void *)((const char *)pc - 1));
    if (!(pipe = popen(command, "r")))
        return text;
    if (fscanf(pipe, "%119s %255s", function, line) == 2 && function[0] != '?')
        snprintf(text, sizeof buffers[0], "%s (%s)", function, line);
    pclose(pipe);
    return text;
}
