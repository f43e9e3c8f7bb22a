/*
 * files.c: saves some files, all at once, lists the directory and reads them back. At no time is
 * there half a file under any of the names.
 *
 * prints: 20 files with 210 bytes
 */
#include <stdio.h>
#include <stdlib.h>

#include <sley/sley.h>

static struct sley_file *directory; /* where the paths below start */

static int save(void *arg)
{
    struct sley_file_save_options options = {.at = directory};
    char name[16], stars[] = "********************";
    size_t size = (size_t)arg;

    snprintf(name, sizeof name, "%zu", size);
    return sley_file_save(name, stars, size, &options);
}

static int save_all(void)
{
    struct sley_scope scope;

    SLEY_SCOPE(&scope)
    for (size_t size = 1; size <= 20; size++)
        sley_scope_spawn(&scope, save, (void *)size, NULL, NULL);
    return scope.error; /* of the first that failed; then the others were cancelled */
}

static int app(void *path)
{
    struct sley_file_options options = {.flags = SLEY_FILE_DIRECTORY};
    struct sley_directory *list;
    size_t count = 0, bytes = 0, size;
    void *data;
    int error, status = 0;

    if ((error = sley_file_open(path, &options, &directory)) < 0)
        return error;
    if ((error = save_all()) < 0 || (error = sley_directory_open(directory, ".", &list)) < 0)
        goto close_directory;
    SLEY_FOREACH_STATUS (struct sley_directory_entry, entry, list, status) {
        if (sley_file_load(directory, entry.name, 1000, &data, &size) < 0)
            continue;
        count++;
        bytes += size;
        free(data);
        sley_path_unlink(directory, entry.name);
    }
    sley_directory_close(list);
    printf("%zu files with %zu bytes\n", count, bytes);
close_directory:
    sley_file_close(directory);
    sley_path_rmdir(NULL, path);
    return error < 0 ? error : status;
}

int main(void)
{
    char path[] = "/tmp/sley-example-XXXXXX";

    return mkdtemp(path) ? sley_run(app, path, NULL) != 0 : 1;
}
