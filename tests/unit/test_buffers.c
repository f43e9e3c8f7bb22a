/* Buffers that workers keep for those who need one for a short time: which, how many, and that a
 * reader that waits has none. Each test has one worker, so what is given back is what the next one
 * gets. */
#include "../api/task_test.h"

#include <stdlib.h>
#include <string.h>

#include <sley/buffered.h>
#include <sley/unix.h>

#include "worker.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define assert_hidden(memory) cr_assert(__asan_address_is_poisoned(memory))
#define assert_shown(memory)  cr_assert(!__asan_address_is_poisoned(memory))
#else
#define assert_hidden(memory) ((void)(memory))
#define assert_shown(memory)  ((void)(memory))
#endif

#ifdef SLEY_HOSTILE
enum { FIRST = 4, EXTRA = 2 };
#else
enum { FIRST = 4112, EXTRA = 16 };
#endif

/* The most that fits into a class. */
static size_t most(unsigned class)
{
    return ((size_t)(FIRST - EXTRA) << class) + EXTRA;
}

static unsigned kept(unsigned class)
{
    return sley__worker_current()->buffers.count[class];
}

static unsigned kept_in_all(void)
{
    unsigned count = 0;

    for (unsigned class = 0; class < SLEY__BUFFER_CLASSES; class ++)
        count += kept(class);
    return count;
}

ONE_WORKER_TEST(buffers, the_youngest_comes_back)
{
    char *a = sley__buffer_take(most(0)), *b = sley__buffer_take(most(0));

    cr_assert(a && b && a != b);
    memset(a, 1, most(0));
    memset(b, 2, most(0));
    sley__buffer_give(a, most(0));
    sley__buffer_give(b, most(0));
    cr_assert_eq(kept(0), 2);
    assert_hidden(b);
    assert_hidden(b + most(0) - 1);
    cr_assert_eq(sley__buffer_take(most(0) - 1), b);
    assert_shown(b + most(0) - 1);
    cr_assert_eq(sley__buffer_take(most(0)), a);
    sley__buffer_give(a, most(0));
    sley__buffer_give(b, most(0) - 1);
    sley__buffer_give(NULL, most(0));
    cr_assert_eq(kept(0), 2);
    return 0;
}

/* Each size has one class, whose buffers are as large as the largest of its sizes. */
ONE_WORKER_TEST(buffers, classes)
{
    for (unsigned class = 0; class < SLEY__BUFFER_CLASSES; class ++) {
        size_t least = class ? most(class - 1) + 1 : most(0);
        char *buffer = sley__buffer_take(least);

        cr_assert_eq(kept_in_all(), class);
        sley__buffer_give(buffer, least);
        cr_assert_eq(kept(class), 1);
        cr_assert_eq(sley__buffer_take(most(class)), buffer);
        memset(buffer, 3, most(class));
        sley__buffer_give(buffer, most(class));
    }
    cr_assert_eq(kept_in_all(), SLEY__BUFFER_CLASSES);
    return 0;
}

/* Others are the C library's. */
ONE_WORKER_TEST(buffers, sizes_without_a_class)
{
    size_t sizes[] = {1, 2, most(SLEY__BUFFER_CLASSES - 1) + 1, 1 << 20};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        char *buffer = sley__buffer_take(sizes[i]);

        memset(buffer, 4, sizes[i]);
        sley__buffer_give(buffer, sizes[i]);
        cr_assert_eq(kept_in_all(), 0, "%zu", sizes[i]);
    }
    return 0;
}

ONE_WORKER_TEST(buffers, no_more_than_a_few)
{
    void *buffers[SLEY__BUFFERS_KEPT + 3];
    size_t count = sizeof(buffers) / sizeof(*buffers);

    for (size_t i = 0; i < count; i++)
        buffers[i] = sley__buffer_take(most(1));
    for (size_t i = 0; i < count; i++)
        sley__buffer_give(buffers[i], most(1));
    cr_assert_eq(kept_in_all(), SLEY__BUFFERS_KEPT);
    return 0;
}

/* One that was taken on a worker and goes back elsewhere. */
static void *give_on_thread(void *buffer)
{
    sley__buffer_give(buffer, most(0));
    buffer = sley__buffer_take(most(0));
    memset(buffer, 5, most(0));
    sley__buffer_give(buffer, most(0));
    return NULL;
}

ONE_WORKER_TEST(buffers, on_a_foreign_thread)
{
    on_foreign_thread(give_on_thread, sley__buffer_take(most(0)));
    cr_assert_eq(kept_in_all(), 0);
    return 0;
}

struct line {
    struct sley_stream *ends[2];
    int status;
};

static int read_line(void *arg)
{
    struct line *line = arg;
    struct sley_reader *reader;
    char *text;
    size_t size;

    assert_ok(sley_reader_new(line->ends[1], NULL, &reader));
    line->status = sley_reader_line(reader, &text, &size);
    sley_reader_free(reader);
    return 0;
}

/* Nobody has told this reader yet that there is nothing: it has to try, and waits without the
 * buffer that it has tried with. Then a line comes, and it has taken it again and given it back. */
ONE_WORKER_TEST(buffers, a_silent_connection_has_none)
{
    struct line line = {.status = -1};
    struct sley_task *task;

    assert_ok(sley_unix_pair(line.ends));
    cr_assert_eq(kept_in_all(), 0);
    task = spawned(read_line, &line);
    while (!kept_in_all())
        sley_yield();
    cr_assert_eq(line.status, -1);
    assert_ok(sley_stream_write(line.ends[0], "\n", 1, NULL));
    cr_assert_eq(joined(task), 0);
    cr_assert_eq(line.status, 0);
    cr_assert_eq(kept_in_all(), 1);
    sley_stream_free(line.ends[0]);
    sley_stream_free(line.ends[1]);
    return 0;
}
