/*
 * test_dump.c: the task dump: every task with what it is doing, and no harm to those that live on.
 */
#define _GNU_SOURCE
#include "task_test.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sley/blocking.h>
#include <sley/park.h>

static char text[1 << 20];
static int count;

/* Dumps into `text`. */
static void dump(const struct sley_runtime *runtime)
{
    int fd = memfd_create("dump", 0);
    ssize_t size;

    cr_assert_geq(fd, 0);
    count = sley_runtime_dump(runtime, fd);
    cr_assert_geq(count, 0, "%s", sley_error_name(count));
    size = pread(fd, text, sizeof text - 1, 0);
    cr_assert_geq(size, 0);
    text[size] = '\0';
    close(fd);
}

/* The line of the dump that begins with `begin`, or NULL. */
static const char *line_of(const char *begin)
{
    static char line[1024];
    const char *at;

    for (at = text; *at; at = strchr(at, '\n') + 1)
        if (strncmp(at, begin, strlen(begin)) == 0) {
            snprintf(line, sizeof line, "%.*s", (int)(strchr(at, '\n') - at), at);
            return line;
        }
    return NULL;
}

static const char *line_of_task(const struct sley_task *task)
{
    char begin[64];

    snprintf(begin, sizeof begin, "task %llu ", (unsigned long long)sley_task_id(task));
    return line_of(begin);
}

static int lines_with(const char *begin)
{
    const char *at;
    int n = 0;

    for (at = text; *at; at = strchr(at, '\n') + 1)
        n += strncmp(at, begin, strlen(begin)) == 0;
    return n;
}

/* The task's line says `what`, in quotes its name. */
static void expect(const struct sley_task *task, const char *what)
{
    const char *line = line_of_task(task);
    char name[64];

    cr_assert_not_null(line, "%s is missing in:\n%s", sley_task_name(task), text);
    cr_assert_not_null(strstr(line, what), "'%s' is not in '%s'", what, line);
    snprintf(name, sizeof name, "\"%s\"", sley_task_name(task));
    cr_assert_not_null(strstr(line, name), "%s", line);
}

static int park_here(UNUSED_ARG void *arg)
{
    return sley_park("my queue");
}

static int park_somewhere(UNUSED_ARG void *arg)
{
    return sley_park(NULL);
}

static int sleep_here(UNUSED_ARG void *arg)
{
    return sley_sleep(SLEY_FOREVER);
}

static int join_here(void *arg)
{
    return sley_join(arg, NULL);
}

static int wait_for(void *arg)
{
    while (sem_wait(arg) < 0)
        ;
    return 0;
}

static int block_here(void *arg)
{
    return sley_to_thread(wait_for, arg, NULL);
}

static int nothing(UNUSED_ARG void *arg)
{
    return 0;
}

static int yield_for_ever(UNUSED_ARG void *arg)
{
    while (!sley_yield())
        ;
    return 0;
}

/* Every task that is spawned here gets to where it will stay. */
static void settle(void)
{
    for (int i = 0; i < 500; i++)
        sley_yield();
}

ONE_WORKER_TEST(dump, tells_what_each_task_is_doing)
{
    struct sley_task *parked = spawned(park_here, NULL), *aimless = spawned(park_somewhere, NULL);
    struct sley_task *sleeping = spawned(sleep_here, NULL), *joining = spawned(join_here, parked);
    struct sley_task *blocking, *done = spawned(nothing, NULL), *ready, *fresh;
    sem_t gate;

    sem_init(&gate, 0, 0);
    blocking = spawned(block_here, &gate);
    ready = spawned(yield_for_ever, NULL);
    settle();
    fresh = spawned(nothing, NULL);
    dump(sley_runtime_current());
    expect(parked, " waiting: my queue,");
    expect(aimless, " waiting: park,");
    expect(sleeping, " waiting: sleep,");
    expect(joining, " waiting: join,");
    expect(blocking, " waiting: blocking call,");
    expect(done, " done,");
    expect(ready, " ready,");
    expect(fresh, " new,");
    expect(sley_self(), " running,");
    cr_assert_eq(count, 9);
    cr_assert_eq(lines_with("task "), 9);
    cr_assert_eq(lines_with("worker "), 1);
    cr_assert_not_null(line_of("worker 0: awake"));

    sley_unpark(parked);
    dump(sley_runtime_current());
    expect(parked, " ready,");
    sem_post(&gate);
    cr_assert_eq(joined(blocking), 0);
    sem_destroy(&gate);
    return 0;
}

static int park_and_clean_up(void *arg)
{
    sley_park("cleaning");
    while (!is_set(arg))
        sley_yield();
    return 0;
}

ONE_WORKER_TEST(dump, tells_who_was_cancelled)
{
    static bool over;
    struct sley_task *task = spawned(park_and_clean_up, &over);

    settle();
    dump(sley_runtime_current());
    cr_assert_null(strstr(line_of_task(task), "cancelled"));
    sley_cancel(task, NULL);
    dump(sley_runtime_current());
    expect(task, ", cancelled");
    set(&over);
    cr_assert_eq(joined(task), 0);
    return 0;
}

ONE_WORKER_TEST(dump, tells_where_a_task_was_spawned_and_how_it_is_called)
{
    struct sley_task_options options = {.name = "the one with a name"};
    struct sley_task *plain, *named;
    char line[16];

    snprintf(line, sizeof line, ":%d", __LINE__ + 1);
    assert_ok(sley_spawn(park_here, NULL, NULL, &plain));
    assert_ok(sley_spawn(park_here, NULL, &options, &named));
    dump(sley_runtime_current());
    expect(plain, "spawned at " __FILE__ ":");
    expect(plain, line);
    cr_assert_not_null(strstr(line_of_task(plain), "\"park_here\""));
    cr_assert_not_null(strstr(line_of_task(named), "\"the one with a name\""));
    cr_assert_not_null(strstr(line_of_task(plain), " s old"));
    return 0;
}

ONE_WORKER_TEST(dump, knows_no_task_that_is_gone)
{
    struct sley_task *task = spawned(nothing, NULL);

    assert_ok(sley_join(task, NULL));
    dump(sley_runtime_current());
    cr_assert_eq(count, 1);
    return 0;
}

ONE_WORKER_TEST(dump, cuts_what_is_too_long_but_keeps_its_lines)
{
    static char site[2000];
    struct sley_task *task;

    memset(site, 'n', 900);
    memset(site + 901, 'f', 900);
    assert_ok(sley_spawn_at(park_here, NULL, NULL, &task, site));
    assert_ok(sley_spawn(park_here, NULL, NULL, NULL));
    dump(sley_runtime_current());
    cr_assert_eq(count, 3);
    cr_assert_eq(lines_with("task "), 3);
    cr_assert_eq(text[strlen(text) - 1], '\n');
    return 0;
}

/* --- from outside ---------------------------------------------------------------------------- */

static struct sley_runtime *runtime;

static void open_runtime(void)
{
    struct sley_options options = {.workers = 3, .unpinned = true};

    assert_ok(sley_runtime_new(&options, &runtime));
}

static void close_runtime(void)
{
    sley_runtime_free(runtime);
}

TestSuite(foreign_dump, .init = open_runtime, .fini = close_runtime);

Test(foreign_dump, of_a_runtime_without_tasks_has_its_workers)
{
    dump(runtime);
    cr_assert_eq(count, 0);
    cr_assert_eq(lines_with("worker "), 3);
    cr_assert_eq(lines_with("task "), 0);
    cr_assert_not_null(line_of("worker 2: "));
}

Test(foreign_dump, misses_none_of_many)
{
    enum { MANY = 2000 };

    for (int i = 0; i < MANY; i++)
        assert_ok(sley_runtime_spawn(runtime, park_here, NULL, NULL, NULL));
    dump(runtime);
    cr_assert_eq(count, MANY);
    cr_assert_eq(lines_with("task "), MANY);
}

Test(foreign_dump, says_what_was_wrong_with_the_descriptor)
{
    int full = open("/dev/full", O_WRONLY), ends[2];

    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    assert_code(sley_runtime_dump(runtime, -1), -EBADF);
    assert_code(sley_runtime_dump(runtime, full), SLEY_ENOSPC);
    assert_code(sley_runtime_dump(runtime, ends[0]), -EBADF);
    while (write(ends[1], text, 4096) > 0)
        ;
    assert_code(sley_runtime_dump(runtime, ends[1]), SLEY_EAGAIN);
    close(full);
    close(ends[0]);
    close(ends[1]);
}

static void *dump_into(void *arg)
{
    int fd = *(int *)arg;

    count = sley_runtime_dump(runtime, fd);
    close(fd);
    return NULL;
}

Test(foreign_dump, goes_through_a_pipe_that_takes_little_at_a_time)
{
    size_t size = 0;
    ssize_t n;
    pthread_t thread;
    int ends[2];

    for (int i = 0; i < 500; i++)
        assert_ok(sley_runtime_spawn(runtime, park_here, NULL, NULL, NULL));
    cr_assert_eq(pipe(ends), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    cr_assert_eq(pthread_create(&thread, NULL, dump_into, &ends[1]), 0);
    while ((n = read(ends[0], text + size, 777)) > 0)
        size += (size_t)n;
    text[size] = '\0';
    pthread_join(thread, NULL);
    cr_assert_eq(count, 500);
    cr_assert_eq(lines_with("task "), 500);
    close(ends[0]);
}

/* --- among tasks that come and go ------------------------------------------------------------ */

static int live_a_little(void *arg)
{
    if ((uintptr_t)arg % 3 == 0)
        sley_sleep(SLEY_MICROSECONDS(10));
    else if ((uintptr_t)arg % 3 == 1)
        sley_yield();
    return 0;
}

static int churn(void *arg)
{
    char name[64];

    for (uintptr_t i = 0; !sley_cancelled(); i++) {
        struct sley_task_options options = {.name = i % 2 ? name : NULL};
        struct sley_task *tasks[20];

        for (int j = 0; j < 20; j++) {
            memset(name, 'a' + (int)(i + (uintptr_t)j) % 26, sizeof name - 1);
            name[i % sizeof name] = '\0';
            if (sley_spawn(live_a_little, (void *)(i + (uintptr_t)j), &options, &tasks[j]))
                return 0;
        }
        for (int j = 0; j < 20; j++)
            if (sley_join(tasks[j], NULL))
                sley_detach(tasks[j]);
    }
    (void)arg;
    return 0;
}

/* "task N "NAME" STATE[: WHAT], AGE s old, spawned at FILE:LINE" */
static void expect_form(const char *line)
{
    unsigned long long id;
    int at = 0;
    const char *end;

    cr_assert_eq(sscanf(line, "task %llu \"%n", &id, &at), 1, "%s", line);
    cr_assert_gt(at, 0, "%s", line);
    end = strchr(line + at, '"');
    cr_assert(end && end - (line + at) <= 39, "%s", line);
    cr_assert_not_null(strstr(end, " s old, spawned at "), "%s", line);
    cr_assert_not_null(strstr(end, "test_dump.c:"), "%s", line);
}

Test(foreign_dump, does_no_harm_to_tasks_that_come_and_go)
{
    struct sley_task *churners[4];

    for (int i = 0; i < 4; i++)
        assert_ok(sley_runtime_spawn(runtime, churn, NULL, NULL, &churners[i]));
    for (int i = 0; i < 150; i++) {
        char *line, *rest;

        dump(runtime);
        cr_assert_geq(count, 4);
        for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            if (strncmp(line, "worker ", 7) != 0)
                expect_form(line);
    }
    for (int i = 0; i < 4; i++) {
        sley_cancel(churners[i], NULL);
        assert_ok(sley_join(churners[i], NULL));
    }
}
