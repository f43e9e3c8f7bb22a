#include "http_client_impl.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#ifdef SLEY_HOSTILE
enum { SMALL = 256, LARGE = 64 * 1024 };
#else
enum { SMALL = 4096, LARGE = 4 << 20 };
#endif

static struct sley_http_client client;

static void tear_down(void)
{
    sley__http_shelf_clear(&client.shelf);
}

Test(http_client_buffer, bytes_are_kept_and_end_with_a_nul)
{
    struct sley__http_buffer buffer = {0};
    char all[5000];

    memset(all, 'x', sizeof all);
    for (size_t size = 0; size < sizeof all; size += 100) {
        cr_assert(sley__http_buffer_add(&buffer, all + size, 100));
        cr_expect_eq(buffer.size, size + 100);
        cr_expect_eq(buffer.data[buffer.size], '\0');
        cr_expect_gt(buffer.capacity, buffer.size);
    }
    cr_expect_eq(memcmp(buffer.data, all, sizeof all), 0);
    free(buffer.data);
}

Test(http_client_buffer, what_is_given_back_is_lent_again, .fini = tear_down)
{
    struct sley__http_buffer one = {0}, other = {0};

    cr_assert(sley__http_buffer_add(&one, "bytes", 5));
    const char *memory = one.data;
    sley__http_buffer_return(&client, &one);
    cr_expect_null(one.data);
    cr_expect_eq(one.size + one.capacity, 0);
    sley__http_buffer_borrow(&client, &other, SIZE_MAX);
    cr_expect_eq(other.data, memory);
    cr_expect_eq(other.size, 0, "it is empty");
    sley__http_buffer_borrow(&client, &one, SIZE_MAX);
    cr_expect_null(one.data, "there was one only");
    sley__http_buffer_borrow(&client, &other, SIZE_MAX);
    cr_expect_eq(other.data, memory, "who has one keeps it");
    sley__http_buffer_return(&client, &other);
    sley__http_buffer_return(&client, &other);
    cr_expect_eq(client.shelf.count, 1, "nothing is nothing to give back");
}

Test(http_client_buffer, not_a_larger_one_than_asked_for, .fini = tear_down)
{
    struct sley__http_buffer buffer = {0};

    cr_assert(sley__http_buffer_reserve(&buffer, SMALL));
    size_t capacity = buffer.capacity;
    sley__http_buffer_return(&client, &buffer);
    sley__http_buffer_borrow(&client, &buffer, capacity - 1);
    cr_expect_null(buffer.data);
    sley__http_buffer_borrow(&client, &buffer, capacity);
    cr_expect_not_null(buffer.data);
    sley__http_buffer_return(&client, &buffer);
}

Test(http_client_buffer, the_shelf_is_limited, .fini = tear_down)
{
    struct sley__http_buffer buffer = {0};

    cr_assert(sley__http_buffer_reserve(&buffer, LARGE));
    sley__http_buffer_return(&client, &buffer);
    cr_expect_eq(client.shelf.count, 0, "by bytes");
    for (int i = 0; i < 2 * SLEY__HTTP_SHELF; i++) {
        buffer = (struct sley__http_buffer){0};
        cr_assert(sley__http_buffer_reserve(&buffer, 1));
        sley__http_buffer_return(&client, &buffer);
    }
    cr_expect_eq(client.shelf.count, SLEY__HTTP_SHELF, "by number");
}

/* A few have all that is of use to them; what a thousand have together stays within bounds. */
Test(http_client_buffer, shares)
{
    cr_expect_eq(sley__http_read_size(0), SLEY__HTTP_READ_SIZE);
    for (uint64_t active = 1; active < 5000; active++) {
        size_t read = sley__http_read_size(active), held = sley__http_held_size(active);
        cr_expect(read <= sley__http_read_size(active - 1) && read > 0);
        cr_expect(held <= sley__http_held_size(active - 1) && held > 0);
    }
#ifndef SLEY_HOSTILE
    cr_expect_eq(sley__http_read_size(16), SLEY__HTTP_READ_SIZE);
    cr_expect_eq(sley__http_held_size(16), 256 * 1024);
    cr_expect_leq(1000 * sley__http_read_size(1000), 4 << 20);
    cr_expect_leq(1000 * sley__http_held_size(1000), 4 << 20);
#endif
}
