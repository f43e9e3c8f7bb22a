/*
 * part.c: what sley-fetch remembers of a file that is not complete, beside it (fetch_part.c). A
 * part is made, cut into segments or not, and something is written to it; then what is known of it
 * is left alone, damaged or replaced by the input, and loaded. What was left alone must be loaded
 * as it was saved; whatever is loaded must be a file: segments one behind the other up to its end,
 * none with more than there is; and what is added to it must be there when it is loaded again.
 *
 * link: sley_apps
 * floor: 600
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "fetch_part.h"

#define URL  "http://host/file"
#define NAME "file"

static char path[64]; /* of the directory */
static char *info;    /* in it: where the information is */
static struct sley_file *directory;

static void clean_up(void)
{
    char bytes[sizeof path + 32];

    snprintf(bytes, sizeof bytes, "%s/.%s%s", path, NAME, FETCH_PART);
    unlink(bytes);
    unlink(info);
    rmdir(path);
}

static void set_up(void)
{
    struct sley_file_options options = {.flags = SLEY_FILE_DIRECTORY};
    const char *memory = "/dev/shm"; /* a disk would be waited for */

    snprintf(path, sizeof path, "%s/fuzz-part-XXXXXX", access(memory, W_OK) ? "/tmp" : memory);
    must(mkdtemp(path) && asprintf(&info, "%s/.%s%s", path, NAME, FETCH_INFO) > 0);
    atexit(clean_up);
    must(sley_file_open(path, &options, &directory) == 0);
}

/* A part with some bytes, as a transfer leaves it: of `saved` it is known what it was. */
static void save(struct input *input, struct fetch_part *saved)
{
    static const char zeros[256];
    unsigned segments = next_byte(input) % 20;
    uint64_t total = 1 + next_byte(input);
    struct fetch_part *part;

    total += 65537 * next_byte(input);
    must(fetch_part_new(directory, URL, NAME, "\"tag\"", total, segments, &part) == 0);
    if (part->segment_count == 0)
        must(fetch_part_add(part, zeros, total < 100 ? total : 100) == 0);
    for (unsigned i = 0; i < part->segment_count; i++) {
        uint64_t most = part->segments[i].end - part->segments[i].first, size = next_byte(input);
        must(fetch_part_add_to(part, i, zeros, size < most ? size : most) == 0);
    }
    must(fetch_part_keep(part));
    *saved = *part;
    fetch_part_close(part);
}

static void replace(const uint8_t *data, size_t size)
{
    int fd = open(info, O_WRONLY | O_TRUNC | O_CLOEXEC);

    must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

/* Changes a byte, and cuts off the end or not. */
static void damage(struct input *input)
{
    uint8_t text[4096];
    int fd = open(info, O_RDWR | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text);
    size_t place;

    must(size > 0);
    place = next_byte(input);
    place = (place + 256 * next_byte(input)) % (size_t)size;
    text[place] = (uint8_t)next_byte(input);
    must(pwrite(fd, text + place, 1, (off_t)place) == 1);
    if (next_byte(input) % 2)
        must(ftruncate(fd, next_byte(input) % size) == 0);
    close(fd);
}

static void check_part(const struct fetch_part *part)
{
    struct sley_file_stat status;
    uint64_t end = 0;

    must(sley_file_stat(part->file, &status) == 0 && status.size > 0);
    must(part->validator[0] && part->have < part->total && part->have <= status.size);
    must(part->segment_count <= FETCH_SEGMENTS_MAX);
    for (unsigned i = 0; i < part->segment_count; i++) {
        const struct fetch_segment *segment = &part->segments[i];
        must(segment->first == end && segment->first < segment->end);
        must(segment->have <= segment->end - segment->first);
        must(segment->have == 0 || segment->first + segment->have <= status.size);
        end = segment->end;
    }
    must(part->segment_count == 0 || end == part->total);
}

/* One without is of no use, and is not loaded. */
static bool any_bytes(const struct fetch_part *part)
{
    uint64_t have = part->have;

    for (unsigned i = 0; i < part->segment_count; i++)
        have += part->segments[i].have;
    return have > 0;
}

static void check_same(const struct fetch_part *one, const struct fetch_part *other)
{
    must(one->total == other->total && one->segment_count == other->segment_count);
    must(strcmp(one->validator, other->validator) == 0);
    for (unsigned i = 0; i < one->segment_count; i++)
        must(memcmp(&one->segments[i], &other->segments[i], sizeof one->segments[i]) == 0);
}

/* Adds to each segment that is not complete, and loads the part once more. */
static void go_on(struct fetch_part *part)
{
    struct fetch_part expected, *again;

    for (unsigned i = 0; i < part->segment_count; i++)
        if (part->segments[i].have < part->segments[i].end - part->segments[i].first &&
            part->segments[i].end < 1 << 30)
            must(fetch_part_add_to(part, i, "!", 1) == 0);
    expected = *part;
    fetch_part_close(part);
    must(fetch_part_load(directory, URL, NAME, &again) == 0 && again);
    check_part(again);
    check_same(&expected, again);
    fetch_part_close(again);
}

static int run(void *arg)
{
    struct input *input = arg;
    unsigned what = next_byte(input);
    struct fetch_part saved, *loaded;

    if (!directory)
        set_up();
    save(input, &saved);
    if (what % 3 == 1)
        damage(input);
    else if (what % 3 == 2)
        replace(input->data, input->size);
    must(fetch_part_load(directory, URL, NAME, &loaded) == 0);
    must(loaded || what % 3 || !any_bytes(&saved));
    if (!loaded)
        return 0;
    check_part(loaded);
    if (what % 3 == 0)
        check_same(&saved, loaded);
    go_on(loaded);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fuzz_as_task(run, &(struct input){bytes, size});
    return 0;
}
