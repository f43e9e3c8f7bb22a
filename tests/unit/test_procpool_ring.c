/* procpool_ring.c with a child that is played by the test, by the rules and against them. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include "procpool_impl.h"

static struct sley_procpool pool;
static struct sley__procchild child;
static struct sley__ring_result result;
static struct sley_job jobs[4 * SLEY__SLOTS];

static void open_ring(void)
{
    int error;

    child.pool = &pool;
    child.file = sley__result_file_new(&error);
    cr_assert_not_null(child.file);
    cr_assert_eq(sley__ring_open(&child), 0);
}

static void close_ring(void)
{
    sley__ring_close(&child);
    sley__result_file_release(child.file);
}

TestSuite(procpool_ring, .init = open_ring, .fini = close_ring);

static struct sley__slot *slot_at(uint64_t position)
{
    return sley__slot_at(child.channel, position);
}

/* What a child does. */
static void set(uint64_t position, unsigned state)
{
    store_release(&slot_at(position)->word, sley__slot_word(position, state));
}

static void finish(uint64_t position, uint64_t size, uint64_t offset)
{
    store_relaxed(&slot_at(position)->value, (int32_t)position + 100);
    store_relaxed(&slot_at(position)->out_size, size);
    store_relaxed(&slot_at(position)->out_offset, offset);
    set(position, SLEY__SLOT_DONE);
}

Test(procpool_ring, a_job_goes_through_its_states)
{
    cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_EMPTY);
    sley__ring_publish(&child, &jobs[0]);
    cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_WAITS);
    set(0, SLEY__SLOT_TAKEN);
    cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_RUNS);
    finish(0, 7, 0);
    cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_RESULT);
    cr_assert_eq(result.value, 100);
    cr_assert_eq(result.size, 7);
    cr_assert_eq(sley__ring_head(&child), &jobs[0]);
    sley__ring_advance(&child);
    cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_EMPTY);
    cr_assert_eq(child.load, 0);
    cr_assert_eq(pool.in_rings, 0);
}

Test(procpool_ring, many_rounds)
{
    for (uint64_t i = 0; i < 5 * SLEY__SLOTS; i++) {
        cr_assert(sley__ring_has_room(&child));
        sley__ring_publish(&child, &jobs[i % 3]);
        set(i, SLEY__SLOT_TAKEN);
        finish(i, 0, 0);
        cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_RESULT);
        cr_assert_eq(result.value, (int)i + 100);
        sley__ring_advance(&child);
    }
}

Test(procpool_ring, there_is_room_for_so_many)
{
    for (unsigned i = 0; i < SLEY__SLOTS; i++) {
        cr_assert(sley__ring_has_room(&child));
        sley__ring_publish(&child, &jobs[i]);
    }
    cr_assert_not(sley__ring_has_room(&child));
    finish(0, 0, 0);
    sley__ring_advance(&child);
    cr_assert(sley__ring_has_room(&child));
}

Test(procpool_ring, only_what_has_not_begun_can_be_taken_back)
{
    for (unsigned i = 0; i < 3; i++)
        sley__ring_publish(&child, &jobs[i]);
    set(0, SLEY__SLOT_TAKEN);
    cr_assert_not(sley__ring_revoke(&child, 0));
    cr_assert(sley__ring_revoke(&child, 1));
    cr_assert_eq(child.load, 2);
    cr_assert_eq(load_relaxed(&slot_at(1)->word), sley__slot_word(1, SLEY__SLOT_REVOKED));
    finish(0, 0, 0);
    cr_assert_not(sley__ring_revoke(&child, 0));
    sley__ring_advance(&child);
    cr_assert_eq(sley__ring_head(&child), &jobs[2], "the one that was taken back is passed");
}

/* A ring of which all was taken back is empty, and may be filled as often as one likes. */
Test(procpool_ring, what_is_taken_back_leaves_room)
{
    uint64_t position = 0;

    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < SLEY__SLOTS; i++) {
            cr_assert(sley__ring_has_room(&child));
            sley__ring_publish(&child, &jobs[i]);
        }
        cr_assert_not(sley__ring_has_room(&child));
        for (uint64_t p = child.published; p-- > position;)
            cr_assert(sley__ring_revoke(&child, p));
        position = child.published;
        cr_assert_eq(child.load, 0);
        cr_assert_eq(child.given, 0);
        cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_EMPTY);
    }
}

Test(procpool_ring, a_word_of_another_round_is_nonsense)
{
    static const uint64_t positions[] = {1, 2, SLEY__SLOTS, UINT64_MAX >> SLEY__SLOT_SHIFT};

    sley__ring_publish(&child, &jobs[0]);
    for (size_t i = 0; i < ARRAY_LENGTH(positions); i++)
        for (unsigned state = 0; state <= SLEY__SLOT_STATE; state++) {
            store_release(&slot_at(0)->word, sley__slot_word(positions[i], state));
            cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_NONSENSE);
            cr_assert_not(sley__ring_revoke(&child, 0));
        }
}

Test(procpool_ring, so_is_a_state_that_a_child_does_not_make)
{
    static const unsigned states[] = {SLEY__SLOT_FREE, SLEY__SLOT_REVOKED, 5, 6, 7};

    sley__ring_publish(&child, &jobs[0]);
    for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
        set(0, states[i]);
        cr_assert_eq(sley__ring_look(&child, &result), SLEY__RING_NONSENSE);
    }
}

static void expect(uint64_t size, uint64_t offset, enum sley__ring_news news)
{
    finish(0, size, offset);
    cr_expect_eq(sley__ring_look(&child, &result), news, "size %lx offset %lx", size, offset);
}

Test(procpool_ring, sizes_and_places_are_checked)
{
    uint64_t data = SLEY__FILE_DATA;

    sley__ring_publish(&child, &jobs[0]);
    expect(SLEY__INLINE, 0, SLEY__RING_RESULT);
    expect(SLEY__INLINE + 1, 0, SLEY__RING_NONSENSE);
    expect(UINT64_MAX, 0, SLEY__RING_NONSENSE);
    expect(0, data, SLEY__RING_RESULT);
    expect(1 << 30, data, SLEY__RING_RESULT);
    expect(1, data + 1, SLEY__RING_NONSENSE);
    expect(1, data - SLEY__FILE_PAGE, SLEY__RING_NONSENSE);
    expect(SLEY__FILE_SIZE - data, data, SLEY__RING_RESULT);
    expect(SLEY__FILE_SIZE - data + 1, data, SLEY__RING_NONSENSE);
    expect(UINT64_MAX, data, SLEY__RING_NONSENSE);
    expect(1, UINT64_MAX - SLEY__FILE_PAGE + 1, SLEY__RING_NONSENSE);
    store_relaxed(&slot_at(0)->error, SLEY_ENOMEM);
    expect(0, 0, SLEY__RING_RESULT);
    store_relaxed(&slot_at(0)->error, -12345);
    expect(0, 0, SLEY__RING_NONSENSE);
}

/* A duel each: who sleeps is woken, and told once. */
Test(procpool_ring, the_bell_is_rung_for_who_sleeps)
{
    struct sley__channel *channel = child.channel;

    sley__ring_publish(&child, &jobs[0]);
    cr_assert_eq(load_relaxed(&channel->bell), 0);
    store_relaxed(&channel->sleeping, 1);
    sley__ring_publish(&child, &jobs[1]);
    sley__ring_publish(&child, &jobs[2]);
    cr_assert_eq(load_relaxed(&channel->bell), 1);
    cr_assert_eq(load_relaxed(&channel->sleeping), 0);
}

Test(procpool_ring, a_job_arms_its_ring_while_the_collector_sleeps)
{
    store_relaxed(&child.channel->armed, 0);
    sley__ring_publish(&child, &jobs[0]);
    cr_assert_eq(load_relaxed(&child.channel->armed), 0);
    pool.collector_armed = true;
    sley__ring_publish(&child, &jobs[1]);
    cr_assert_eq(load_relaxed(&child.channel->armed), 1);
}

Test(procpool_ring, nobody_can_shorten_the_file)
{
    cr_assert_lt(ftruncate(child.file->fd, 4096), 0);
    cr_assert_lt(fcntl(child.file->fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
}
