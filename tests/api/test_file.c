/*
 * test_file.c: files and directories.
 */
#define _GNU_SOURCE
#include "task_test.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sley/blocking.h>
#include <sley/file.h>
#include <sley/iterator.h>
#include <sley/park.h>

/* --- a directory for each test ---------------------------------------------------------------- */

static char base[64];

static const char *path_of(const char *name)
{
    static char paths[4][4096];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

static void begin(void)
{
    strcpy(base, "/tmp/sley-file-XXXXXX");
    cr_assert(mkdtemp(base));
}

static void end(void)
{
    char command[100];

    snprintf(command, sizeof command, "rm -r %s", base);
    cr_assert_eq(system(command), 0);
}

#define FILE_TEST(name)            \
    static void test_##name(void); \
    TASK_TEST(file, name)          \
    {                              \
        begin();                   \
        test_##name();             \
        end();                     \
        return 0;                  \
    }                              \
    static void test_##name(void)

static struct sley_file *opened(const char *name, unsigned flags)
{
    struct sley_file_options options = {.flags = flags};
    struct sley_file *file = NULL;

    assert_ok(sley_file_open(path_of(name), &options, &file));
    return file;
}

static void put(const char *name, const void *data, size_t size)
{
    assert_ok(sley_file_save(path_of(name), data, size, NULL));
}

static void expect_content(const char *name, const char *text)
{
    void *data;
    size_t size;

    assert_ok(sley_file_load(NULL, path_of(name), 1000, &data, &size));
    cr_expect_eq(size, strlen(text));
    cr_expect_str_eq(data, text);
    free(data);
}

/* --- open ------------------------------------------------------------------------------------- */

static int open_code(const char *path, unsigned flags)
{
    struct sley_file_options options = {.flags = flags};
    struct sley_file *file = (void *)&options;
    int error = sley_file_open(path, &options, &file);

    if (error)
        cr_assert_eq((void *)file, (void *)&options, "*out was touched");
    else
        sley_file_close(file);
    return error;
}

FILE_TEST(opens_what_the_flags_say)
{
    enum { W = SLEY_FILE_WRITE, R = SLEY_FILE_READ, A = SLEY_FILE_APPEND };

    assert_code(open_code(path_of("a"), 0), SLEY_ENOENT);
    assert_code(open_code(path_of("a"), W), SLEY_ENOENT);
    assert_ok(open_code(path_of("a"), W | SLEY_FILE_NEW));
    assert_code(open_code(path_of("a"), W | SLEY_FILE_NEW), SLEY_EEXIST);
    assert_ok(open_code(path_of("a"), A | SLEY_FILE_CREATE));
    assert_ok(open_code(path_of("a"), R | W | SLEY_FILE_CREATE));
    put("a", "text", 4);
    assert_ok(open_code(path_of("a"), R | W));
    expect_content("a", "text");
    assert_ok(open_code(path_of("a"), W | SLEY_FILE_TRUNCATE));
    expect_content("a", "");
    assert_ok(open_code(base, SLEY_FILE_DIRECTORY));
    assert_code(open_code(path_of("a"), SLEY_FILE_DIRECTORY), SLEY_ENOTDIR);
    assert_code(open_code(base, W), SLEY_EISDIR);
}

FILE_TEST(refuses_flags_that_make_no_sense)
{
    static const unsigned bad[] = {
        SLEY_FILE_CREATE, SLEY_FILE_READ | SLEY_FILE_CREATE,  SLEY_FILE_READ | SLEY_FILE_TRUNCATE,
        SLEY_FILE_NEW,    SLEY_FILE_WRITE | SLEY_FILE_APPEND, SLEY_FILE_DIRECTORY | SLEY_FILE_READ,
        1u << 12,
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_code(open_code(path_of("a"), bad[i]), SLEY_EINVAL);
}

FILE_TEST(refuses_what_can_wait_for_ever)
{
    void *data;
    size_t size;

    cr_assert_eq(mkfifo(path_of("pipe"), 0600), 0);
    assert_code(open_code(path_of("pipe"), SLEY_FILE_READ), SLEY_EINVAL);
    assert_code(open_code(path_of("pipe"), SLEY_FILE_WRITE), SLEY_EINVAL);
    assert_code(sley_file_load(NULL, path_of("pipe"), 10, &data, &size), SLEY_EINVAL);
    assert_ok(open_code("/dev/null", SLEY_FILE_WRITE));
    assert_ok(open_code("/dev/zero", SLEY_FILE_READ));
}

FILE_TEST(names_that_cannot_be)
{
    char name[300];

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_code(open_code(path_of(name), SLEY_FILE_WRITE | SLEY_FILE_CREATE), SLEY_ENAMETOOLONG);
    assert_code(sley_file_save(path_of(name), "x", 1, NULL), SLEY_ENAMETOOLONG);
    assert_code(open_code(path_of("no/such"), SLEY_FILE_WRITE | SLEY_FILE_CREATE), SLEY_ENOENT);
    assert_code(sley_file_save(path_of("no/such"), "x", 1, NULL), SLEY_ENOENT);
    put("file", "", 0);
    assert_code(sley_file_save(path_of("file/under"), "x", 1, NULL), SLEY_ENOTDIR);
    assert_code(open_code(path_of("file/under"), 0), SLEY_ENOTDIR);
    cr_assert_eq(symlink("loop", path_of("loop")), 0);
    assert_code(open_code(path_of("loop"), 0), SLEY_ELOOP);
    assert_code(sley_file_save(path_of("loop/x"), "x", 1, NULL), SLEY_ELOOP);
    assert_code(open_code("", 0), SLEY_ENOENT);
    assert_code(sley_file_save("", "x", 1, NULL), SLEY_EINVAL);
    assert_code(sley_file_save(path_of("new/"), "x", 1, NULL), SLEY_EINVAL);
}

FILE_TEST(rights)
{
    if (geteuid() == 0)
        cr_assert_eq(seteuid(65534), 0); /* of the whole process: root may do everything */
    assert_code(open_code("/etc/shadow", 0), SLEY_EACCES);
    assert_code(sley_file_save("/etc/sley-test", "x", 1, NULL), SLEY_EACCES);
    assert_code(sley_path_mkdir(NULL, "/etc/sley-test", 0777), SLEY_EACCES);
    assert_code(sley_path_unlink(NULL, "/etc/shadow"), SLEY_EACCES);
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
}

FILE_TEST(descriptors_are_not_inherited)
{
    struct sley_file *file = opened("a", SLEY_FILE_WRITE | SLEY_FILE_CREATE);

    cr_assert(fcntl(sley_file_descriptor(file), F_GETFD) & FD_CLOEXEC);
    assert_ok(sley_file_close(file));
    assert_ok(sley_file_close(NULL));
}

static void *open_outside(void *arg)
{
    (void)arg;
    assert_code(open_code(base, SLEY_FILE_DIRECTORY), SLEY_ENOTASK);
    return NULL;
}

static void *close_outside(void *file)
{
    assert_ok(sley_file_close(file));
    return NULL;
}

FILE_TEST(is_for_tasks_but_closing)
{
    struct sley_file *file = opened("a", SLEY_FILE_WRITE | SLEY_FILE_CREATE);

    on_foreign_thread(open_outside, NULL);
    on_foreign_thread(close_outside, file);
}

/* --- read and write --------------------------------------------------------------------------- */

FILE_TEST(reads_what_was_written)
{
    struct sley_file *file = opened("a", SLEY_FILE_READ | SLEY_FILE_WRITE | SLEY_FILE_CREATE);
    char buffer[20] = "";
    size_t count = 99;

    assert_ok(sley_file_write(file, "hello", 5, 0, &count));
    cr_assert_eq(count, 5);
    assert_ok(sley_file_write(file, "J", 1, 0, NULL));
    assert_ok(sley_file_write(file, "end", 3, 10, NULL));
    assert_ok(sley_file_read(file, buffer, 13, 0, &count));
    cr_assert_eq(count, 13);
    cr_assert_eq(memcmp(buffer, "Jello\0\0\0\0\0end", 13), 0);
    assert_code(sley_file_read(file, buffer, 20, 8, &count), SLEY_EOF);
    cr_assert_eq(count, 5);
    assert_code(sley_file_read(file, buffer, 1, 13, &count), SLEY_EOF);
    cr_assert_eq(count, 0);
    assert_code(sley_file_read(file, buffer, 1, INT64_MAX - 1, NULL), SLEY_EOF);
    assert_ok(sley_file_read(file, buffer, 0, 100, &count));
    assert_code(sley_file_read(file, buffer, 1, -1, &count), SLEY_EINVAL);
    assert_code(sley_file_write(file, "x", 1, -1, &count), SLEY_EINVAL);
    assert_code(sley_file_read(file, buffer, 10, INT64_MAX - 1, &count), SLEY_EINVAL);
    assert_code(sley_file_append(file, "x", 1, &count), SLEY_EPERM);
    cr_assert_eq(count, 0);
    assert_ok(sley_file_sync(file));
    assert_ok(sley_file_sync_data(file));
    assert_ok(sley_file_close(file));
}

FILE_TEST(only_what_it_was_opened_for)
{
    struct sley_file *file = opened("a", SLEY_FILE_WRITE | SLEY_FILE_CREATE);
    char buffer[4];
    size_t count = 99;

    assert_code(sley_file_read(file, buffer, 4, 0, &count), SLEY_EPERM);
    cr_assert_eq(count, 0);
    assert_ok(sley_file_close(file));
    file = opened("a", 0);
    assert_code(sley_file_write(file, "x", 1, 0, NULL), SLEY_EPERM);
    assert_code(sley_file_truncate(file, 0), SLEY_EINVAL);
    assert_ok(sley_file_close(file));
    file = opened("", SLEY_FILE_DIRECTORY);
    assert_code(sley_file_read(file, buffer, 4, 0, NULL), SLEY_EISDIR);
    assert_ok(sley_file_close(file));
}

/* More than is tried on the worker, and what no page cache has yet. */
FILE_TEST(large)
{
    enum { SIZE = 3 << 20 };
    struct sley_file *file = opened("a", SLEY_FILE_READ | SLEY_FILE_WRITE | SLEY_FILE_CREATE);
    char *data = malloc(SIZE), *back = calloc(1, SIZE);
    size_t count;

    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 31 >> 8);
    assert_ok(sley_file_write(file, data, SIZE, 5, &count));
    assert_ok(sley_file_sync(file));
    posix_fadvise(sley_file_descriptor(file), 0, 0, POSIX_FADV_DONTNEED);
    for (int round = 0; round < 2; round++) {
        memset(back, 0, SIZE);
        for (size_t at = 0; at < SIZE; at += 50000) {
            size_t piece = SIZE - at < 50000 ? SIZE - at : 50000;

            assert_ok(sley_file_read(file, back + at, piece, (int64_t)at + 5, &count));
        }
        cr_assert_eq(memcmp(data, back, SIZE), 0);
        memset(back, 0, SIZE);
        assert_ok(sley_file_read(file, back, SIZE, 5, &count));
        cr_assert_eq(memcmp(data, back, SIZE), 0);
    }
    free(data);
    free(back);
    assert_ok(sley_file_close(file));
}

FILE_TEST(appends_at_the_end)
{
    struct sley_file *one = opened("a", SLEY_FILE_APPEND | SLEY_FILE_CREATE);
    struct sley_file *two = opened("a", SLEY_FILE_APPEND | SLEY_FILE_READ);
    char buffer[8] = "";

    assert_ok(sley_file_append(one, "ab", 2, NULL));
    assert_ok(sley_file_append(two, "cd", 2, NULL));
    assert_ok(sley_file_append(one, "ef", 2, NULL));
    assert_code(sley_file_write(one, "x", 1, 0, NULL), SLEY_EPERM);
    assert_ok(sley_file_read(two, buffer, 6, 0, NULL));
    cr_assert_str_eq(buffer, "abcdef");
    assert_ok(sley_file_close(one));
    assert_ok(sley_file_close(two));
}

FILE_TEST(truncates)
{
    struct sley_file *file = opened("a", SLEY_FILE_READ | SLEY_FILE_WRITE | SLEY_FILE_CREATE);
    struct sley_file_stat stat;

    assert_ok(sley_file_write(file, "0123456789", 10, 0, NULL));
    assert_ok(sley_file_truncate(file, 4));
    expect_content("a", "0123");
    assert_ok(sley_file_truncate(file, 4096));
    assert_ok(sley_file_stat(file, &stat));
    cr_assert_eq(stat.size, 4096);
    assert_code(sley_file_truncate(file, -1), SLEY_EINVAL);
    assert_ok(sley_file_close(file));
}

/* The system stops in the middle: what was written is counted. */
FILE_TEST(counts_what_found_room)
{
    struct sley_file *file = opened("a", SLEY_FILE_WRITE | SLEY_FILE_CREATE);
    struct rlimit limit = {1000, RLIM_INFINITY};
    char data[5000] = "";
    size_t count;

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_code(sley_file_write(file, data, sizeof data, 0, &count), SLEY_EFBIG);
    cr_expect_eq(count, 1000);
    assert_code(sley_file_save(path_of("b"), data, sizeof data, NULL), SLEY_EFBIG);
    cr_expect_eq(access(path_of("b"), F_OK), -1);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_ok(sley_file_close(file));
}

FILE_TEST(full_disk)
{
    struct sley_file_options options = {.flags = SLEY_FILE_WRITE};
    struct sley_file *file;
    size_t count = 99;

    assert_ok(sley_file_open("/dev/full", &options, &file));
    assert_code(sley_file_write(file, "x", 1, 0, &count), SLEY_ENOSPC);
    cr_assert_eq(count, 0);
    assert_ok(sley_file_close(file));
}

/* --- paths ------------------------------------------------------------------------------------ */

FILE_TEST(stat_tells)
{
    struct sley_file_stat stat, other;
    struct sley_file *file;

    umask(022);
    put("a", "12345", 5);
    assert_ok(sley_path_stat(NULL, path_of("a"), true, &stat));
    cr_expect_eq(stat.type, SLEY_FILE_TYPE_REGULAR);
    cr_expect_eq(stat.size, 5);
    cr_expect_eq(stat.mode, 0644);
    cr_expect_eq(stat.links, 1);
    cr_expect_eq(stat.user, geteuid());
    cr_expect_gt(stat.modified, INT64_C(1700000000) * 1000000000);
    file = opened("a", 0);
    assert_ok(sley_file_stat(file, &other));
    cr_expect_eq(stat.inode, other.inode);
    assert_ok(sley_file_close(file));
    cr_assert_eq(symlink("a", path_of("link")), 0);
    assert_ok(sley_path_stat(NULL, path_of("link"), true, &other));
    cr_expect_eq(stat.inode, other.inode);
    assert_ok(sley_path_stat(NULL, path_of("link"), false, &other));
    cr_expect_eq(other.type, SLEY_FILE_TYPE_LINK);
    assert_ok(sley_path_stat(NULL, base, true, &other));
    cr_expect_eq(other.type, SLEY_FILE_TYPE_DIRECTORY);
    assert_ok(sley_path_stat(NULL, "/dev/null", true, &other));
    cr_expect_eq(other.type, SLEY_FILE_TYPE_OTHER);
    assert_code(sley_path_stat(NULL, path_of("none"), true, &other), SLEY_ENOENT);
}

FILE_TEST(renames_and_unlinks)
{
    put("a", "a", 1);
    put("b", "b", 1);
    assert_ok(sley_path_rename(NULL, path_of("a"), path_of("b")));
    expect_content("b", "a");
    assert_code(sley_path_rename(NULL, path_of("a"), path_of("b")), SLEY_ENOENT);
    assert_ok(sley_path_mkdir(NULL, path_of("d"), 0777));
    assert_code(sley_path_rename(NULL, path_of("b"), path_of("d")), SLEY_EISDIR);
    assert_code(sley_path_unlink(NULL, path_of("d")), SLEY_EISDIR);
    put("d/x", "", 0);
    assert_code(sley_path_rmdir(NULL, path_of("d")), SLEY_ENOTEMPTY);
    assert_ok(sley_path_unlink(NULL, path_of("d/x")));
    assert_ok(sley_path_rmdir(NULL, path_of("d")));
    assert_code(sley_path_rmdir(NULL, path_of("b")), SLEY_ENOTDIR);
    assert_ok(sley_path_unlink(NULL, path_of("b")));
    assert_code(sley_path_unlink(NULL, path_of("b")), SLEY_ENOENT);
    assert_code(sley_path_rename(NULL, "/proc/self/comm", path_of("c")), SLEY_EXDEV);
}

FILE_TEST(makes_directories)
{
    char deep[2000] = "";

    assert_ok(sley_path_mkdirs(NULL, path_of("x//y/z/"), 0777));
    assert_ok(sley_path_mkdirs(NULL, path_of("x/y/z"), 0777));
    put("x/y/z/file", "", 0);
    assert_code(sley_path_mkdirs(NULL, path_of("x/y/z/file"), 0777), SLEY_ENOTDIR);
    assert_code(sley_path_mkdirs(NULL, path_of("x/y/z/file/under"), 0777), SLEY_ENOTDIR);
    assert_code(sley_path_mkdir(NULL, path_of("x"), 0777), SLEY_EEXIST);
    assert_code(sley_path_mkdirs(NULL, "", 0777), SLEY_ENOENT);
    assert_ok(sley_path_mkdirs(NULL, "/", 0777));
    for (int i = 0; i < 200; i++)
        strcat(deep, "deep/");
    assert_ok(sley_path_mkdirs(NULL, path_of(deep), 0777));
    assert_ok(sley_path_mkdirs(NULL, path_of(deep), 0777));
}

FILE_TEST(paths_start_at_a_directory)
{
    struct sley_file *at = opened("", SLEY_FILE_DIRECTORY), *file;
    struct sley_file_options options = {.at = at, .flags = SLEY_FILE_READ};
    struct sley_file_save_options save = {.at = at};
    struct sley_file_stat stat;
    void *data;
    size_t size;

    assert_ok(sley_path_mkdir(at, "sub", 0777));
    assert_ok(sley_file_save("sub/a", "text", 4, &save));
    assert_ok(sley_path_rename(at, "sub/a", "b"));
    assert_ok(sley_file_open("b", &options, &file));
    assert_ok(sley_file_close(file));
    assert_ok(sley_path_stat(at, "b", true, &stat));
    assert_ok(sley_file_load(at, "b", 10, &data, &size));
    free(data);
    assert_ok(sley_path_unlink(at, "b"));
    assert_ok(sley_path_rmdir(at, "sub"));
    assert_ok(sley_file_close(at));
}

FILE_TEST(no_path)
{
    struct sley_directory *directory = NULL;
    struct sley_file *file = NULL;
    struct sley_file_stat status;
    void *data = NULL;
    size_t size;

    assert_code(sley_file_open(NULL, NULL, &file), SLEY_EINVAL);
    assert_code(sley_path_stat(NULL, NULL, true, &status), SLEY_EINVAL);
    assert_code(sley_path_rename(NULL, NULL, path_of("a")), SLEY_EINVAL);
    assert_code(sley_path_rename(NULL, path_of("a"), NULL), SLEY_EINVAL);
    assert_code(sley_path_unlink(NULL, NULL), SLEY_EINVAL);
    assert_code(sley_path_mkdir(NULL, NULL, 0777), SLEY_EINVAL);
    assert_code(sley_path_mkdirs(NULL, NULL, 0777), SLEY_EINVAL);
    assert_code(sley_path_rmdir(NULL, NULL), SLEY_EINVAL);
    assert_code(sley_file_load(NULL, NULL, 10, &data, &size), SLEY_EINVAL);
    assert_code(sley_file_save(NULL, "x", 1, NULL), SLEY_EINVAL);
    assert_code(sley_directory_open(NULL, NULL, &directory), SLEY_EINVAL);
    assert_code(sley_directory_sweep(NULL, NULL, 0), SLEY_EINVAL);
    cr_assert(!file && !data && !directory);
}

/* --- whole files ------------------------------------------------------------------------------ */

FILE_TEST(loads_up_to_its_limit)
{
    enum { SIZE = 70000 };
    char *data = malloc(SIZE);
    void *back = data;
    size_t size = 77;

    memset(data, 'q', SIZE);
    put("a", data, SIZE);
    assert_ok(sley_file_load(NULL, path_of("a"), SIZE, &back, &size));
    cr_assert_eq(size, SIZE);
    cr_assert_eq(memcmp(back, data, SIZE), 0);
    cr_assert_eq(((char *)back)[SIZE], '\0');
    free(back);
    back = data;
    assert_code(sley_file_load(NULL, path_of("a"), SIZE - 1, &back, &size), SLEY_EMSGSIZE);
    assert_code(sley_file_load(NULL, path_of("a"), 0, &back, &size), SLEY_EMSGSIZE);
    assert_code(sley_file_load(NULL, path_of("none"), SIZE, &back, &size), SLEY_ENOENT);
    assert_code(sley_file_load(NULL, base, SIZE, &back, &size), SLEY_EISDIR);
    assert_code(sley_file_load(NULL, "/dev/zero", SIZE, &back, &size), SLEY_EMSGSIZE);
    assert_code(sley_file_load(NULL, path_of("a"), SIZE_MAX / 2, &back, &size), SLEY_EINVAL);
    cr_assert_eq(back, (void *)data);
    put("empty", "", 0);
    assert_ok(sley_file_load(NULL, path_of("empty"), SIZE_MAX / 2 - 1, &back, &size));
    free(back);
    assert_ok(sley_file_load(NULL, path_of("empty"), 0, &back, &size));
    cr_assert_eq(size, 0);
    free(back);
    /* One that does not say how much it has. */
    assert_ok(sley_file_load(NULL, "/proc/self/maps", 10 << 20, &back, &size));
    cr_assert_gt(size, 1000);
    cr_assert_eq(strlen(back), size);
    free(back);
    free(data);
}

FILE_TEST(save_replaces)
{
    struct sley_file_save_options options = {.fresh = true, .mode = 0600};
    struct sley_file *reader;
    struct sley_file_stat stat;
    char buffer[8] = "";

    umask(027);
    put("a", "old", 3);
    assert_ok(sley_path_stat(NULL, path_of("a"), true, &stat));
    cr_expect_eq(stat.mode, 0640);
    reader = opened("a", 0);
    assert_code(sley_file_save(path_of("a"), "x", 1, &options), SLEY_EEXIST);
    options.fresh = false;
    options.sync = true;
    assert_ok(sley_file_save(path_of("a"), "newer", 5, &options));
    expect_content("a", "newer");
    assert_ok(sley_path_stat(NULL, path_of("a"), true, &stat));
    cr_expect_eq(stat.mode, 0600);
    assert_ok(sley_file_read(reader, buffer, 3, 0, NULL)); /* who has it open goes on seeing it */
    cr_expect_str_eq(buffer, "old");
    assert_ok(sley_file_close(reader));
    cr_assert_eq(symlink("a", path_of("link")), 0);
    put("link", "own", 3);
    expect_content("link", "own");
    expect_content("a", "newer");
    assert_ok(sley_path_mkdir(NULL, path_of("d"), 0777));
    assert_code(sley_file_save(path_of("d"), "x", 1, NULL), SLEY_EISDIR);
}

static int entries(const char *path)
{
    struct sley_directory *directory;
    int count = 0, status;

    assert_ok(sley_directory_open(NULL, path, &directory));
    SLEY_FOREACH_STATUS (struct sley_directory_entry, entry, directory, status)
        count++;
    assert_ok(status);
    sley_directory_close(directory);
    return count;
}

FILE_TEST(sweeps_old_temporaries_only)
{
    struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    static const char *const names[] = {".sley-0123.part", ".sley-4567.part", "mine.part",
                                        ".sley-"};

    for (size_t i = 0; i < 4; i++) {
        put(names[i], "x", 1);
        if (i != 1)
            cr_assert_eq(utimensat(AT_FDCWD, path_of(names[i]), old, 0), 0);
    }
    assert_ok(sley_path_mkdir(NULL, path_of(".sley-dir.part"), 0777));
    cr_assert_eq(utimensat(AT_FDCWD, path_of(".sley-dir.part"), old, 0), 0);
    assert_code(sley_directory_sweep(NULL, base, SLEY_SECONDS(3600)), 1);
    cr_assert_eq(access(path_of(names[0]), F_OK), -1);
    cr_assert_eq(entries(base), 4);
    assert_code(sley_directory_sweep(NULL, base, 0), 1);
    cr_assert_eq(entries(base), 3);
    assert_code(sley_directory_sweep(NULL, path_of("none"), 0), SLEY_ENOENT);
}

/* --- listing ---------------------------------------------------------------------------------- */

FILE_TEST(lists_each_entry_once)
{
    enum { FILES = 700 }; /* more than one buffer holds */
    bool seen[FILES] = {false};
    struct sley_directory *directory;
    char name[200];
    int count = 0, status;

    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%03d-%0150d", i, i);
        cr_assert_eq(close(creat(path_of(name), 0600)), 0);
    }
    assert_ok(sley_directory_open(NULL, base, &directory));
    SLEY_FOREACH_STATUS (struct sley_directory_entry, entry, directory, status) {
        int i = atoi(entry.name);

        cr_assert_eq(strlen(entry.name), 154);
        cr_assert(i >= 0 && i < FILES && !seen[i], "%s", entry.name);
        cr_assert(entry.type == SLEY_FILE_TYPE_REGULAR || entry.type == SLEY_FILE_TYPE_UNKNOWN);
        seen[i] = true;
        count++;
    }
    assert_ok(status);
    cr_assert_eq(count, FILES);
    struct sley_directory_entry entry;
    assert_code(sley_directory_next(directory, &entry), 0);
    sley_directory_close(directory);
    sley_directory_close(NULL);
}

FILE_TEST(lists_nothing_and_refuses_files)
{
    struct sley_directory *directory;

    cr_assert_eq(entries(base), 0);
    put("a", "", 0);
    assert_code(sley_directory_open(NULL, path_of("a"), &directory), SLEY_ENOTDIR);
    assert_code(sley_directory_open(NULL, path_of("none"), &directory), SLEY_ENOENT);
    assert_ok(sley_path_mkdir(NULL, path_of("d"), 0777));
    assert_ok(sley_directory_open(NULL, path_of("d"), &directory));
    assert_ok(sley_path_rmdir(NULL, path_of("d")));
    struct sley_directory_entry entry;
    int status = sley_directory_next(directory, &entry); /* gone: nothing, or an error */
    cr_assert(status == 0 || status == SLEY_ENOENT);
    sley_directory_close(directory);
}

/* --- cancel ----------------------------------------------------------------------------------- */

static int try_all(void *arg)
{
    struct sley_file *file = arg, *other = NULL;
    struct sley_directory *directory = NULL;
    struct sley_directory_entry entry;
    struct sley_file_stat stat;
    char buffer[4];
    size_t size;
    void *data;

    assert_code(sley_park(NULL), SLEY_ECANCELED);
    assert_code(sley_file_open(path_of("new"), NULL, &other), SLEY_ECANCELED);
    assert_code(sley_file_read(file, buffer, 4, 0, NULL), SLEY_ECANCELED);
    assert_code(sley_file_write(file, buffer, 4, 0, &size), SLEY_ECANCELED);
    cr_assert_eq(size, 0);
    assert_code(sley_file_truncate(file, 0), SLEY_ECANCELED);
    assert_code(sley_file_sync(file), SLEY_ECANCELED);
    assert_code(sley_file_stat(file, &stat), SLEY_ECANCELED);
    assert_code(sley_path_unlink(NULL, path_of("a")), SLEY_ECANCELED);
    assert_code(sley_path_rename(NULL, path_of("a"), path_of("b")), SLEY_ECANCELED);
    assert_code(sley_path_mkdirs(NULL, path_of("d/e"), 0777), SLEY_ECANCELED);
    assert_code(sley_file_load(NULL, path_of("a"), 10, &data, &size), SLEY_ECANCELED);
    assert_code(sley_file_save(path_of("a"), "x", 1, NULL), SLEY_ECANCELED);
    assert_code(sley_directory_open(NULL, base, &directory), SLEY_ECANCELED);
    assert_code(sley_directory_sweep(NULL, base, 0), SLEY_ECANCELED);
    assert_ok(sley_file_close(file)); /* cleaning up works */
    (void)entry;
    return 0;
}

FILE_TEST(cancelled_tasks_change_nothing)
{
    struct sley_file *file = opened("a", SLEY_FILE_READ | SLEY_FILE_WRITE | SLEY_FILE_CREATE);
    struct sley_task *task;

    assert_ok(sley_file_write(file, "text", 4, 0, NULL));
    task = spawned(try_all, file);
    sley_cancel(task, NULL);
    assert_ok(joined(task));
    expect_content("a", "text");
    cr_assert_eq(entries(base), 1);
}

/* All threads for files are busy, so the call waits for one; it can be taken back. */
static int wait_for(void *arg)
{
    while (sem_wait(arg) < 0)
        ;
    return 0;
}

static int keep_busy(void *arg)
{
    struct sley_blocking_options options = {.blocking_class = &sley_blocking_files};

    return sley_to_thread_with(wait_for, arg, &options, NULL);
}

static int save_it(void *arg)
{
    return sley_file_save(arg, "x", 1, NULL);
}

static int close_it(void *arg)
{
    return sley_file_close(arg);
}

FILE_TEST(a_cancel_takes_a_queued_call_back)
{
    enum { THREADS = 32 };
    struct sley_file *file = opened("a", SLEY_FILE_WRITE | SLEY_FILE_CREATE);
    struct sley_blocking_stats stats;
    struct sley_task *busy[THREADS], *task, *closing;
    sem_t sem;

    sem_init(&sem, 0, 0);
    for (int i = 0; i < THREADS; i++)
        busy[i] = spawned(keep_busy, &sem);
    do {
        sley_yield();
        assert_ok(sley_blocking_stats(NULL, &sley_blocking_files, &stats));
    } while (stats.running < THREADS);
    task = spawned(save_it, (void *)path_of("b"));
    closing = spawned(close_it, file);
    do {
        sley_yield();
        assert_ok(sley_blocking_stats(NULL, &sley_blocking_files, &stats));
    } while (stats.queued < 2);
    sley_cancel(task, NULL);
    sley_cancel(closing, NULL);
    assert_code(joined(task), SLEY_ECANCELED);
    assert_ok(joined(closing));
    for (int i = 0; i < THREADS; i++)
        sem_post(&sem);
    for (int i = 0; i < THREADS; i++)
        assert_ok(joined(busy[i]));
    cr_assert_eq(entries(base), 1);
    sem_destroy(&sem);
}

/* What the cache has needs no thread. */
FILE_TEST(cached_reads_need_no_thread)
{
    struct sley_blocking_stats before, after;
    struct sley_file *file;
    char buffer[100];

    strcpy(buffer, "text");
    put("a", buffer, 100);
    file = opened("a", 0);
    assert_ok(sley_file_read(file, buffer, 100, 0, NULL)); /* learns whether it is possible here */
    assert_ok(sley_blocking_stats(NULL, &sley_blocking_files, &before));
    for (int i = 0; i < 1000; i++)
        assert_ok(sley_file_read(file, buffer, 100, 0, NULL));
    assert_ok(sley_blocking_stats(NULL, &sley_blocking_files, &after));
    cr_assert(after.calls == before.calls || after.calls == before.calls + 1000);
    assert_ok(sley_file_close(file));
}
