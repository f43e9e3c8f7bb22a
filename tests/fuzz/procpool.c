/*
 * procpool.c: a child of a process pool that writes whatever it likes into the channel that it
 * shares with the program, and messages of any size. The input is what it does, and what the
 * program does in between. What the program knows by itself must stay true, and what it takes from
 * the channel must be within its bounds.
 *
 * floor: 90
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "procpool_impl.h"

static struct sley_procpool pool;
static struct sley__procchild child;
static struct sley_job jobs[SLEY__SLOTS];

static void begin(void)
{
    int error;

    if (!child.file) {
        must((child.file = sley__result_file_new(&error)));
        child.pool = &pool;
        must(sley__ring_open(&child) == 0);
    }
    memset(child.channel, 0, sizeof(*child.channel));
    memset(child.jobs, 0, sizeof(child.jobs));
    child.published = child.collected = child.given = child.load = 0;
    pool.in_rings = 0;
}

static uint64_t next_number(struct input *input, int bytes)
{
    uint64_t number = 0;

    for (int i = 0; i < bytes; i++)
        number = number << 8 | next_byte(input);
    return number;
}

static void check_books(void)
{
    unsigned load = 0;

    must(child.collected <= child.published && child.published - child.collected <= SLEY__SLOTS);
    for (int i = 0; i < SLEY__SLOTS; i++)
        load += child.jobs[i] != NULL;
    must(load == child.load && pool.in_rings == load);
    must((sley__ring_head(&child) == NULL) == (load == 0));
}

/* --- the child -------------------------------------------------------------------------------- */

static void scribble(struct input *input)
{
    size_t at = next_number(input, 2) % (sizeof(*child.channel) - 8);
    uint64_t number = next_number(input, 8);

    memcpy((char *)child.channel + at, &number, sizeof(number));
}

/* Like a good one, but for what it says. */
static void answer(struct input *input)
{
    uint64_t position = child.collected + next_byte(input) % SLEY__SLOTS;
    struct sley__slot *slot = sley__slot_at(child.channel, position);

    store_relaxed(&slot->value, (int32_t)next_byte(input));
    store_relaxed(&slot->error, (int32_t)next_byte(input) - 12);
    store_relaxed(&slot->out_size, next_number(input, 1 + (int)(next_byte(input) % 8)));
    store_relaxed(&slot->out_offset, next_number(input, 1 + (int)(next_byte(input) % 8)) << 12);
    store_release(&slot->word, sley__slot_word(position, next_byte(input) % 8));
}

static void send_message(struct input *input)
{
    size_t size = next_byte(input), count;
    struct sley__message message;
    int pair[2], fds[SLEY__MESSAGE_FDS], sent = (int)next_byte(input) % 5, result;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(5 * sizeof(int))];
    } control = {0};
    struct iovec data = {(void *)(uintptr_t)input->data, size < input->size ? size : input->size};
    struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1};
    bool good;

    must(sley__message_pair(pair) == 0);
    if (sent) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE((size_t)sent * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN((size_t)sent * sizeof(int));
        for (int i = 0; i < sent; i++)
            memcpy(CMSG_DATA(&control.header) + (size_t)i * sizeof(int), &pair[0], sizeof(int));
    }
    must(sendmsg(pair[0], &header, 0) >= 0);
    result = sley__message_receive(pair[1], &message, fds, &count, false);
    good = data.iov_len == sizeof(message) && sent <= SLEY__MESSAGE_FDS;
    must(result == (!data.iov_len ? SLEY_EOF : good ? 0 : SLEY_EPROTO));
    must(count == (good ? (size_t)sent : 0));
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    close(pair[0]);
    close(pair[1]);
}

/* --- the program ------------------------------------------------------------------------------ */

static void publish(void)
{
    if (!sley__ring_has_room(&child))
        return;
    sley__ring_publish(&child, &jobs[child.published % SLEY__SLOTS]);
}

static void take_back(struct input *input)
{
    uint64_t position = child.collected + next_byte(input) % SLEY__SLOTS;

    if (position < child.published && child.jobs[position % SLEY__SLOTS])
        (void)sley__ring_revoke(&child, position);
}

/* False: the program would end the child now. */
static bool collect(void)
{
    struct sley__ring_result result;
    enum sley__ring_news news = sley__ring_look(&child, &result);

    if (news == SLEY__RING_NONSENSE)
        return false;
    if (news != SLEY__RING_RESULT)
        return true;
    must(result.error == 0 || result.error == SLEY_ENOMEM);
    if (result.offset) {
        must(result.offset >= SLEY__FILE_DATA && result.offset + result.size <= SLEY__FILE_SIZE);
        must(result.offset + result.size >= result.offset);
    } else {
        must(result.size <= SLEY__INLINE);
        for (uint64_t i = 0; i < result.size; i++)
            (void)*(const volatile unsigned char *)&result.bytes[i];
    }
    sley__ring_advance(&child);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, size};
    bool lives = true;

    begin();
    while (input.size && lives) {
        switch (next_byte(&input) % 6) {
        case 0:
            publish();
            break;
        case 1:
            lives = collect();
            break;
        case 2:
            take_back(&input);
            break;
        case 3:
            scribble(&input);
            break;
        case 4:
            answer(&input);
            break;
        default:
            send_message(&input);
        }
        check_books();
    }
    return 0;
}
