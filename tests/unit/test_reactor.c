/* The set: who drains it, and what its records remember. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sley/runtime.h>

#include "io.h"

#define TASK_TEST(name)                                     \
    static int name##_body(void *unused);                   \
    Test(reactor, name)                                     \
    {                                                       \
        cr_assert_eq(sley_run(name##_body, NULL, NULL), 0); \
    }                                                       \
    static int name##_body(void *unused UNUSED)

struct ends {
    struct sley__io *io;
    struct sley__fd *in;
    int out;
};

static void open_ends(struct ends *ends)
{
    int fds[2];

    cr_assert_eq(sley__io_get(&ends->io), 0);
    cr_assert_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    cr_assert_eq(sley__fd_add(&ends->io->reactor, fds[0], &ends->in), 0);
    ends->out = fds[1];
}

static void close_ends(struct ends *ends)
{
    sley__fd_remove(ends->in);
    close(ends->out);
}

/* Waits until the pipe has something, and takes it. */
static int take_byte(void *arg)
{
    struct ends *ends = arg;
    int error = 0;
    char byte;

    while (!error) {
        uint64_t seen = sley__readiness_look(&ends->in->read);

        if (read(ends->in->fd, &byte, 1) == 1)
            return byte;
        error = sley__fd_wait(&ends->in->read, seen, "test");
    }
    return error;
}

TASK_TEST(event_wakes_the_waiter)
{
    struct ends ends;

    open_ends(&ends);
    for (int i = 0; i < 200; i++) {
        struct sley_task *task;
        int result;

        cr_assert_eq(sley_spawn(take_byte, &ends, NULL, &task), 0);
        if (i % 2) /* all workers asleep, or not */
            cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(1)), 0);
        cr_assert_eq(write(ends.out, "x", 1), 1);
        cr_assert_eq(sley_join(task, &result), 0);
        cr_assert_eq(result, 'x');
    }
    close_ends(&ends);
    return 0;
}

static bool keep_busy(atomic(bool) * watched, bool until)
{
    for (int64_t end = sley_now() + SLEY_SECONDS(10); sley_now() < end; (void)sley_yield())
        if (load_relaxed(watched) == until)
            return true;
    return false;
}

/* A worker that computes must not look into an empty set forever: it is handed to the I/O thread.
 */
TASK_TEST(a_set_without_events_goes_back_to_the_loop)
{
    struct ends ends;
    struct sley_task *task;

    open_ends(&ends);
    cr_assert_eq(sley_spawn(take_byte, &ends, NULL, &task), 0);
    cr_assert(keep_busy(&ends.io->reactor.watched, true));
    cr_assert_eq(write(ends.out, "x", 1), 1);
    /* The event itself brings the set to the workers; then there are none again. */
    cr_assert_eq(sley_join(task, NULL), 0);
    cr_assert(keep_busy(&ends.io->reactor.watched, true));
    close_ends(&ends);
    return 0;
}

static int hog(void *arg)
{
    atomic(bool) *over = arg;

    while (!load_relaxed(over))
        cpu_relax();
    return 0;
}

static int open_them(void *arg)
{
    open_ends(arg);
    return 0;
}

/* One worker computes without ever looking, the other sleeps: the event still arrives. */
Test(reactor, an_event_beside_a_hog)
{
    struct sley_runtime *runtime;
    struct sley_options options = {.workers = 2};
    static struct ends ends;
    static atomic(bool) over;
    struct sley_task *first, *waiter, *hogging;
    int result;

    cr_assert_eq(sley_runtime_new(&options, &runtime), 0);
    for (int i = 0; i < 5; i++) {
        store_relaxed(&over, false);
        cr_assert_eq(sley_runtime_spawn(runtime, open_them, &ends, NULL, &first), 0);
        cr_assert_eq(sley_join(first, NULL), 0);
        cr_assert_eq(sley_runtime_spawn(runtime, take_byte, &ends, NULL, &waiter), 0);
        cr_assert_eq(sley_runtime_spawn(runtime, hog, &over, NULL, &hogging), 0);
        usleep(30000);
        cr_assert_eq(write(ends.out, "x", 1), 1);
        cr_assert_eq(sley_join(waiter, &result), 0);
        cr_assert_eq(result, 'x');
        store_relaxed(&over, true);
        cr_assert_eq(sley_join(hogging, NULL), 0);
        close_ends(&ends);
    }
    sley_runtime_free(runtime);
}

TASK_TEST(closed_and_recycled)
{
    struct ends ends;
    struct sley__fd *first;
    struct sley_task *task;
    int result;

    open_ends(&ends);
    first = ends.in;
    cr_assert_eq(sley_spawn(take_byte, &ends, NULL, &task), 0);
    cr_assert_eq(sley_sleep(SLEY_MILLISECONDS(2)), 0);
    sley__fd_close(ends.in);
    cr_assert(sley__fd_closed(ends.in));
    cr_assert_eq(sley_join(task, &result), 0);
    cr_assert_eq(result, SLEY_ECLOSED);
    close_ends(&ends);
    open_ends(&ends);
    cr_assert_eq(ends.in, first, "records are recycled, last in first out");
    cr_assert(!sley__fd_closed(ends.in));
    cr_assert_eq(write(ends.out, "y", 1), 1);
    cr_assert_eq(take_byte(&ends), 'y');
    close_ends(&ends);
    return 0;
}

TASK_TEST(what_cannot_be_watched)
{
    struct ends ends;
    struct sley__fd *fd = NULL;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    open_ends(&ends);
    cr_assert_eq(sley__fd_add(&ends.io->reactor, file, &fd), SLEY_EPERM);
    cr_assert_null(fd);
    close(file);
    close_ends(&ends);
    return 0;
}

/* More records than a chunk holds. */
TASK_TEST(many_descriptors)
{
    enum { MANY = 200 };
    static struct ends ends[MANY];

    for (int i = 0; i < MANY; i++)
        open_ends(&ends[i]);
    for (int i = 0; i < MANY; i++)
        for (int j = 0; j < i; j++)
            cr_assert_neq(ends[i].in, ends[j].in);
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(write(ends[i].out, "z", 1), 1);
        cr_assert_eq(take_byte(&ends[i]), 'z');
        close_ends(&ends[i]);
    }
    return 0;
}
