/*
 * fetch.c: the files that sley-fetch reads: lists of what is to be fetched, and its own journal,
 * which may be torn or damaged. The first byte chooses. What was understood and written anew must
 * be understood the same; a damaged journal may tell less, but nothing else.
 *
 * link: sley_apps
 * floor: 250
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fetch_journal.h"
#include "fetch_list.h"

enum { MOST = 4096 };

/* --- lists ------------------------------------------------------------------------------------ */

/* A list of the lines of the text, as far as they are good; those that are not must be excused. */
static void read_lines(struct fetch_list *list, char *text)
{
    for (char *line; (line = strsep(&text, "\n"));) {
        size_t before = list->count, duplicates = list->duplicates;

        *list->error = '\0';
        if (fetch_list_line(list, line))
            must(list->count + list->duplicates <= before + duplicates + 1);
        else
            must(*list->error && list->count == before && list->duplicates == duplicates);
    }
}

static void write_digest(struct text *text, const struct fetch_digest *digest)
{
    text_add(text, " %s:", digest->kind);
    for (unsigned i = 0; i < digest->size; i++)
        text_add(text, "%02x", digest->bytes[i]);
}

/* The item as a line, if its name can stand in one. */
static bool write_item(struct text *text, const struct fetch_item *item)
{
    if (strpbrk(item->name, " \t\r\n") || fetch_digest_looks_like(item->name) ||
        fetch_name_fault(item->name))
        return false;
    text_add(text, "%s %s", item->url, item->name);
    if (item->digest)
        write_digest(text, item->digest);
    return true;
}

/* A name of a URL may end as those of partial files do, but has not their dot. */
static void check_name(const char *name)
{
    const char *fault = fetch_name_fault(name), *last = strrchr(name, '/');

    must(!fault || ((last ? last[1] : *name) != '.' && strstr(fault, "partial files")));
}

static void check_item(const struct fetch_list *list, size_t number)
{
    const struct fetch_item *item = fetch_list_at(list, number);
    struct fetch_list again = {0};
    struct text line = {0};

    must(strncasecmp(item->url, "http", 4) == 0 && !strpbrk(item->url, " \t\r\n#"));
    check_name(item->name);
    for (size_t i = 0; i < number; i++) {
        must(strcmp(fetch_list_at(list, i)->url, item->url) != 0);
        must(strcmp(fetch_list_at(list, i)->name, item->name) != 0);
    }
    if (write_item(&line, item)) {
        must(fetch_list_line(&again, line.bytes) && again.count == 1);
        must(strcmp(fetch_list_at(&again, 0)->url, item->url) == 0);
        must(strcmp(fetch_list_at(&again, 0)->name, item->name) == 0);
        must(!item->digest == !fetch_list_at(&again, 0)->digest);
        must(!item->digest ||
             memcmp(fetch_list_at(&again, 0)->digest, item->digest, sizeof *item->digest) == 0);
    }
    text_free(&line);
    fetch_list_free(&again);
}

static void fuzz_list(char *text, bool unique)
{
    struct fetch_list list = {.unique = unique};

    read_lines(&list, text);
    for (size_t i = 0; i < list.count; i++)
        check_item(&list, i);
    fetch_list_free(&list);
}

/* --- the journal ------------------------------------------------------------------------------ */

/* What a file with these bytes is read as. */
static struct fetch_journal journal_of(const char *data, size_t size)
{
    static char path[64];
    static int fd = -1;
    struct fetch_journal journal;

    if (fd < 0) {
        must((fd = memfd_create("journal", MFD_CLOEXEC)) >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    must(fetch_journal_read(&journal, path, "/") == 0);
    return journal;
}

/* Each entry written anew is read the same. */
static void fuzz_journal(const char *data, size_t size)
{
    struct fetch_journal journal = journal_of(data, size), again;
    struct text text = {0};

    for (size_t i = 0; i < journal.count; i++) {
        char *url = strdup(journal.entries[i].key), *name = strchr(url, '\t');

        must(name);
        *name++ = '\0';
        fetch_journal_line(&text, &(struct fetch_item){
                                      .shown = url, .name = name, .size = journal.entries[i].size});
        free(url);
    }
    again = journal_of(text.bytes ? text.bytes : "", text.length);
    must(again.count == journal.count);
    for (size_t i = 0; i < again.count; i++)
        must(strcmp(again.entries[i].key, journal.entries[i].key) == 0 &&
             again.entries[i].size == journal.entries[i].size);
    text_free(&text);
    fetch_journal_forget(&again);
    fetch_journal_forget(&journal);
}

/* The place in the list of what an entry tells; its end: it is not in there. */
static size_t place_of(const struct fetch_list *list, const struct fetch_journal_entry *entry)
{
    size_t url = strcspn(entry->key, "\t");

    for (size_t i = 0; i < list->count; i++) {
        const struct fetch_item *item = fetch_list_at(list, i);
        if (strlen(item->shown) == url && strncmp(item->shown, entry->key, url) == 0 &&
            strcmp(item->name, entry->key + url + 1) == 0 && item->size == entry->size)
            return i;
    }
    return list->count;
}

/* The journal of a list, of which at most one byte was changed and the end was cut off. The first
 * bytes of the input say how. */
static void fuzz_damage(char *lines, size_t place, unsigned byte, size_t cut)
{
    struct fetch_list list = {.unique = true};
    struct fetch_journal journal;
    struct text text = {0};

    read_lines(&list, lines);
    for (size_t i = 0; i < list.count; i++) {
        fetch_list_at(&list, i)->size = (i + place) * 1000003;
        fetch_journal_line(&text, fetch_list_at(&list, i));
    }
    if (text.length) {
        text.bytes[place % text.length] = (char)(text.bytes[place % text.length] ^ (char)byte);
        journal = journal_of(text.bytes, text.length - cut % text.length);
        must(byte || cut % text.length || journal.count == list.count);
        for (size_t i = 0, last = 0; i < journal.count; i++) {
            size_t now = place_of(&list, &journal.entries[i]);
            must(now < list.count && (i == 0 || now > last));
            last = now;
        }
        fetch_journal_forget(&journal);
    }
    text_free(&text);
    fetch_list_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, size};
    unsigned what = next_byte(&input), byte = what % 3 == 2 ? next_byte(&input) : 0;
    size_t place = what % 3 == 2 ? next_byte(&input) : 0;
    size_t cut = what % 3 == 2 ? next_byte(&input) : 0;
    static char text[MOST + 1];

    if (input.size > MOST)
        return 0;
    memcpy(text, input.data, input.size);
    text[input.size] = '\0';
    if (what % 3 == 0)
        fuzz_list(text, what / 3 % 2);
    else if (what % 3 == 1)
        fuzz_journal(text, input.size);
    else
        fuzz_damage(text, place, byte, cut);
    return 0;
}
