/* Many connections whose ends read and write through buffers, of sizes of their own: each line is
 * checked at the far end and at home. The buffers come from the workers and go back to whichever
 * one the task is on by then; two tasks that had the same one at a time would see it. */
#include "io_stress.h"

enum { PAIRS = 60, ROUNDS = 60, LONGEST = 20000 };

struct end {
    struct sley_reader *reader;
    struct sley_writer *writer;
    uint32_t random;
};

struct pair {
    struct sley_stream *streams[2];
    uint32_t seed;
};

static void open_end(struct end *end, struct sley_stream *stream, uint32_t seed)
{
    static const size_t sizes[] = {0, 3, 1000, 5000, 16384, 40000};
    size_t count = sizeof(sizes) / sizeof(*sizes);
    struct sley_reader_options reader = {.buffer = sizes[seed % count]};
    struct sley_writer_options writer = {.buffer = sizes[seed / count % count]};

    end->random = seed;
    must_be(sley_reader_new(stream, &reader, &end->reader), 0);
    must_be(sley_writer_new(stream, &writer, &end->writer), 0);
}

static void close_end(struct end *end, struct sley_stream *stream)
{
    sley_reader_free(end->reader);
    sley_writer_free(end->writer);
    sley_stream_free(stream);
}

/* Sends every line back. */
static int answer(void *arg)
{
    struct pair *pair = arg;
    struct end end;
    int status;

    open_end(&end, pair->streams[1], pair->seed ^ 0x5bd1e995);
    SLEY_FOREACH_STATUS (struct sley_line, line, end.reader, status) {
        must_be(sley_writer_write(end.writer, line.text, line.size, NULL), 0);
        must_be(sley_writer_printf(end.writer, "%c", '\n'), 0);
        if (next_random(&end.random) % 4 == 0)
            sley_yield();
        must_be(sley_writer_flush(end.writer), 0);
    }
    must_be(status, 0);
    close_end(&end, pair->streams[1]);
    return 0;
}

static void ask(struct end *end, char *text)
{
    size_t length = next_random(&end->random) % LONGEST, size;
    char letter = (char)('a' + next_random(&end->random) % 26), *line;

    memset(text, letter, length);
    must_be(sley_writer_write(end->writer, text, length, NULL), 0);
    must_be(sley_writer_write(end->writer, "\n", 1, NULL), 0);
    must_be(sley_writer_flush(end->writer), 0);
    must_be(sley_reader_line(end->reader, &line, &size), 0);
    must(size == length && memcmp(line, text, length) == 0);
}

static int run_pair(void *arg)
{
    struct pair *pair = arg;
    struct sley_task *other;
    struct end end;
    char *text = malloc(LONGEST);
    int result;

    must(text);
    must_be(sley_unix_pair(pair->streams), 0);
    must_be(sley_spawn(answer, pair, NULL, &other), 0);
    open_end(&end, pair->streams[0], pair->seed);
    for (int i = 0; i < ROUNDS; i++)
        ask(&end, text);
    must_be(sley_stream_shutdown(pair->streams[0]), 0);
    must_be(sley_join(other, &result), 0);
    must_be(result, 0);
    close_end(&end, pair->streams[0]);
    free(text);
    return 0;
}

static int run(void *unused __attribute__((unused)))
{
    static struct pair pairs[PAIRS];
    struct sley_task *tasks[PAIRS];

    for (uint32_t i = 0; i < PAIRS; i++) {
        pairs[i].seed = (i + 1) * 2654435761U;
        must_be(sley_spawn(run_pair, &pairs[i], NULL, &tasks[i]), 0);
    }
    for (int i = 0; i < PAIRS; i++)
        must_be(sley_join(tasks[i], NULL), 0);
    return 0;
}

int main(void)
{
    struct sley_options options = {.workers = 4, .unpinned = true};

    return sley_run(run, NULL, &options) == 0 ? 0 : 1;
}
