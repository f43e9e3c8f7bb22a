/*
 * test_file_save.c: saving, in each of the ways that a system may leave open, with each of its
 * system calls failing in turn. Whatever fails, the name is absent, the old file or the new one,
 * and nothing else is in the directory.
 *
 * link: -Wl,--wrap=openat -Wl,--wrap=write -Wl,--wrap=fsync -Wl,--wrap=close -Wl,--wrap=linkat
 * link: -Wl,--wrap=renameat -Wl,--wrap=renameat2 -Wl,--wrap=getrandom
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sley/file.h>
#include <sley/runtime.h>

/* --- the system, with something missing and something failing -------------------------------- */

static struct {
    bool no_nameless;   /* no O_TMPFILE */
    bool no_empty_path; /* a nameless file cannot be linked by its descriptor */
    bool no_proc;       /* nor by /proc */
    bool no_flags;      /* renameat2() knows no flags */
    int fail_at;        /* the n-th call fails, counted from 1; 0: none */
    int calls;
    bool failed;
} faults;

static bool fails(void)
{
    if (++faults.calls != faults.fail_at)
        return false;
    faults.failed = true;
    errno = EIO;
    return true;
}

int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = va_arg(args, mode_t);
    va_end(args);
    if (fails())
        return -1;
    if ((flags & O_TMPFILE) == O_TMPFILE && faults.no_nameless) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_openat(at, path, flags, mode);
}

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    if (fails())
        return -1;
    return __real_write(fd, data, size > 3 ? size / 2 : size); /* as few as it likes */
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    bool bad = fails();
    int result = __real_close(fd);

    if (bad)
        errno = EIO;
    return bad ? -1 : result;
}

int __real_linkat(int from, const char *path, int to, const char *name, int flags);
int __wrap_linkat(int from, const char *path, int to, const char *name, int flags);
int __wrap_linkat(int from, const char *path, int to, const char *name, int flags)
{
    if (fails())
        return -1;
    if ((flags & AT_EMPTY_PATH && faults.no_empty_path) ||
        (flags & AT_SYMLINK_FOLLOW && faults.no_proc)) {
        errno = ENOENT;
        return -1;
    }
    return __real_linkat(from, path, to, name, flags);
}

int __real_renameat(int from, const char *old, int to, const char *name);
int __wrap_renameat(int from, const char *old, int to, const char *name);
int __wrap_renameat(int from, const char *old, int to, const char *name)
{
    return fails() ? -1 : __real_renameat(from, old, to, name);
}

int __real_renameat2(int from, const char *old, int to, const char *name, unsigned flags);
int __wrap_renameat2(int from, const char *old, int to, const char *name, unsigned flags);
int __wrap_renameat2(int from, const char *old, int to, const char *name, unsigned flags)
{
    if (fails())
        return -1;
    if (faults.no_flags) {
        errno = EINVAL;
        return -1;
    }
    return __real_renameat2(from, old, to, name, flags);
}

ssize_t __real_getrandom(void *buffer, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags)
{
    return fails() ? -1 : __real_getrandom(buffer, size, flags);
}

/* --- the directory ---------------------------------------------------------------------------- */

static char base[64];
static struct sley_file *at;

static void begin(void)
{
    static const struct sley_file_options options = {.flags = SLEY_FILE_DIRECTORY};

    strcpy(base, "/tmp/sley-save-XXXXXX");
    cr_assert(mkdtemp(base));
    cr_assert_eq(sley_file_open(base, &options, &at), 0);
}

static int count_entries(void)
{
    DIR *dir = opendir(base);
    int count = 0;

    cr_assert(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void end(void)
{
    unlinkat(sley_file_descriptor(at), "file", 0);
    cr_expect_eq(rmdir(base), 0, "something was left in %s", base);
    cr_expect_eq(sley_file_close(at), 0);
}

/* What the file has, or NULL if it is not there; to be freed. */
static char *content(void)
{
    void *data;
    size_t size;
    int error = sley_file_load(at, "file", 100, &data, &size);

    cr_assert(error == 0 || error == SLEY_ENOENT, "%s", sley_error_name(error));
    return error ? NULL : data;
}

static bool content_is(const char *expected)
{
    char *text = content();
    bool same = text && expected ? strcmp(text, expected) == 0 : text == expected;

    free(text);
    return same;
}

/* --- each way --------------------------------------------------------------------------------- */

enum { WAYS = 4 };

static void choose_way(int way)
{
    memset(&faults, 0, sizeof faults);
    faults.no_nameless = way == 3;
    faults.no_empty_path = way >= 1;
    faults.no_proc = way >= 2;
}

static int save(const char *text, bool fresh, bool sync)
{
    struct sley_file_save_options options = {.at = at, .fresh = fresh, .sync = sync};

    return sley_file_save("file", text, strlen(text), &options);
}

static int new_and_replaced(void *arg)
{
    (void)arg;
    begin();
    for (int way = 0; way < WAYS; way++)
        for (int sync = 0; sync < 2; sync++) {
            choose_way(way);
            cr_expect_eq(save("first", false, sync), 0);
            cr_expect(content_is("first"));
            cr_expect_eq(save("", false, sync), 0);
            cr_expect(content_is(""));
            cr_expect_eq(save("third time", false, sync), 0);
            cr_expect(content_is("third time"));
            cr_expect_eq(count_entries(), 1);
            cr_expect_eq(save("fourth", true, sync), SLEY_EEXIST);
            cr_expect(content_is("third time"));
            cr_expect_eq(count_entries(), 1);
            unlinkat(sley_file_descriptor(at), "file", 0);
            cr_expect_eq(save("fifth", true, sync), 0);
            cr_expect(content_is("fifth"));
            unlinkat(sley_file_descriptor(at), "file", 0);
            faults.no_flags = true;
            cr_expect_eq(save("sixth", true, sync), 0);
            cr_expect_eq(save("seventh", true, sync), SLEY_EEXIST);
            cr_expect(content_is("sixth"));
            cr_expect_eq(count_entries(), 1);
            unlinkat(sley_file_descriptor(at), "file", 0);
        }
    end();
    return 0;
}

Test(file_save, new_and_replaced)
{
    cr_assert_eq(sley_run(new_and_replaced, NULL, NULL), 0);
}

/* One save whose n-th call fails. True: there was such a call. */
static bool save_failing(int way, int n, const char *old, bool fresh, bool sync)
{
    int error, descriptors = dup(0);

    close(descriptors);
    choose_way(way);
    unlinkat(sley_file_descriptor(at), "file", 0);
    if (old)
        cr_assert_eq(save(old, false, false), 0);
    faults.calls = 0;
    faults.fail_at = n;
    error = save("the new one", fresh, sync);
    faults.fail_at = 0;
    if (!faults.failed)
        cr_expect_eq(error, old && fresh ? SLEY_EEXIST : 0);
    if (error) {
        cr_expect(content_is(old) || (sync && content_is("the new one")),
                  "way %d, call %d failed: %s", way, n, sley_error_name(error));
    } else {
        cr_expect(content_is("the new one"), "way %d, call %d", way, n);
    }
    cr_expect_leq(count_entries(), 1, "way %d, call %d: something is left", way, n);
    cr_expect_eq(dup(0), descriptors, "way %d, call %d: a descriptor is lost", way, n);
    close(descriptors);
    return faults.failed;
}

static int each_call_fails(void *arg)
{
    static const char *const olds[] = {NULL, "the old one"};
    int tried = 0;

    (void)arg;
    begin();
    for (int way = 0; way < WAYS; way++)
        for (int old = 0; old < 2; old++)
            for (int options = 0; options < 4; options++) {
                int n = 1;

                while (save_failing(way, n, olds[old], options & 1, options & 2))
                    n++;
                tried += n - 1;
            }
    choose_way(0);
    end();
    cr_expect_gt(tried, 150, "only %d calls have failed", tried);
    return 0;
}

Test(file_save, each_call_fails, .timeout = 60)
{
    cr_assert_eq(sley_run(each_call_fails, NULL, NULL), 0);
}

static int no_name_is_free(void *arg)
{
    (void)arg;
    begin();
    cr_assert_eq(save("old", false, false), 0);
    choose_way(3);
    cr_expect_eq(save("new", false, false), 0);
    end();
    return 0;
}

Test(file_save, over_a_file_made_in_the_other_way)
{
    cr_assert_eq(sley_run(no_name_is_free, NULL, NULL), 0);
}
