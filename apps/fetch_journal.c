/*
 * fetch_journal.c: a file that remembers which files are complete.
 *
 * It is only ever appended to, a line per file, after the file has its name:
 *
 *     done TAB size TAB URL TAB name TAB checksum of the line
 *
 * The process may be killed in the middle of a line, and then goes on behind the torn one; so each
 * run begins with an empty line, and each line ends with a sum over itself (FNV-1a: against
 * accidents, not against people). What does not fit is passed over: the worst that comes of it is
 * that a file is fetched once more.
 *
 * A line alone is not believed: the file must be there, and have that size. Its contents are not
 * read again; that would take as long as to fetch them, on some networks.
 *
 * The list is read while files come, so the journal is read before it, as it is, and each item that
 * is added is looked up in it, by its URL and name together.
 *
 * A password in a URL is not written (fetch_url.c), and nobody else may read the file: what
 * somebody fetches is nobody's business.
 *
 * What has failed has no line: the next run is to try it again. What is partial has none either;
 * the partial file itself says so (fetch_part.c).
 */
#define _GNU_SOURCE
#include "fetch_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELDS = 5 };

void fetch_journal_line(struct text *text, const struct fetch_item *item)
{
    struct text line = {0};

    text_add(&line, "done\t%" PRIu64 "\t%s\t%s", item->size, item->shown, item->name);
    if (line.bytes)
        text_add(text, "%s\t%016" PRIx64 "\n", line.bytes, fetch_hash(line.bytes));
    text_free(&line);
}

/* Cuts the line at its tabs, if it is whole. */
static bool split(char *line, char *fields[FIELDS])
{
    char *sum = strrchr(line, '\t'), *end;

    if (!sum)
        return false;
    *sum = '\0';
    if (strlen(sum + 1) != 16 || strtoull(sum + 1, &end, 16) != fetch_hash(line) || *end)
        return false;
    for (int i = 0; i < FIELDS - 1; i++)
        fields[i] = strsep(&line, "\t");
    return fields[FIELDS - 2] && !line && strcmp(fields[0], "done") == 0;
}

static const char *key_at(const void *journal, size_t number)
{
    return ((const struct fetch_journal *)journal)->entries[number].key;
}

/* Takes the line over, if it is one. */
static bool add(struct fetch_journal *journal, char *line)
{
    char *fields[FIELDS] = {0}, *end;
    struct fetch_journal_entry *entries = journal->entries;

    if (!split(line, fields))
        return false;
    uint64_t size = strtoull(fields[1], &end, 10);
    if (*end)
        return false;
    fields[2][strlen(fields[2])] = '\t'; /* the key is both, as they stand there */
    entries = reallocarray(entries, journal->count + 1, sizeof *entries);
    if (!entries)
        return false;
    journal->entries = entries;
    entries[journal->count] = (struct fetch_journal_entry){line, fields[2], size};
    if (!fetch_table_reserve(&journal->table, key_at, journal, journal->count))
        return false;
    fetch_table_add(&journal->table, key_at, journal, journal->count++);
    return true;
}

int fetch_journal_read(struct fetch_journal *journal, const char *path, const char *directory)
{
    FILE *file = fopen(path, "re");
    int error = file || errno == ENOENT ? 0 : -errno;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    *journal =
        (struct fetch_journal){.directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    while (file && journal->directory >= 0 && (length = getline(&line, &size, file)) > 0) {
        if (line[length - 1] != '\n')
            break; /* torn */
        line[length - 1] = '\0';
        if (add(journal, line)) {
            line = NULL;
            size = 0;
        }
    }
    free(line);
    if (file)
        fclose(file);
    return error;
}

static bool is_there(int directory, const char *name, uint64_t size)
{
    struct stat status;

    return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           (uint64_t)status.st_size == size;
}

bool fetch_journal_has(const struct fetch_journal *journal, const struct fetch_item *item,
                       uint64_t *size)
{
    char *key;
    size_t found;

    if (journal->count == 0 || asprintf(&key, "%s\t%s", item->shown, item->name) < 0)
        return false;
    found = fetch_table_find(&journal->table, key_at, journal, key);
    free(key);
    if (found == 0 || !is_there(journal->directory, item->name, journal->entries[found - 1].size))
        return false;
    *size = journal->entries[found - 1].size;
    return true;
}

void fetch_journal_forget(struct fetch_journal *journal)
{
    for (size_t i = 0; i < journal->count; i++)
        free(journal->entries[i].line);
    free(journal->entries);
    fetch_table_free(&journal->table);
    if (journal->directory > 0)
        close(journal->directory);
    *journal = (struct fetch_journal){0};
}
