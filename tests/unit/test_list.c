/*
 * test_list.c: intrusive lists.
 */
#include "list.h"

#include <criterion/criterion.h>

struct item {
    int value;
    struct list link;
};

static void append(struct list *head, struct item *item, int value)
{
    item->value = value;
    list_push_back(head, &item->link);
}

/* The values in order as a number: 1, 2, 3 is 123. */
static int digits(struct list *head)
{
    int number = 0;

    list_for_each (link, head)
        number = number * 10 + container_of(link, struct item, link)->value;
    return number;
}

Test(list, a_new_one_is_empty)
{
    struct list head;

    list_init(&head);
    cr_assert(list_empty(&head));
    cr_assert(!list_linked(&head));
    cr_assert_null(list_pop_front(&head));
}

Test(list, keeps_the_order_of_pushes)
{
    struct list head;
    struct item a, b, c;

    list_init(&head);
    append(&head, &a, 1);
    append(&head, &b, 2);
    c.value = 3;
    list_push_front(&head, &c.link);
    cr_assert_eq(digits(&head), 312);
    cr_assert_eq(list_pop_front(&head), &c.link);
    cr_assert_eq(digits(&head), 12);
}

Test(list, a_link_is_taken_out_without_its_list)
{
    struct list head;
    struct item a, b, c;

    list_init(&head);
    append(&head, &a, 1);
    append(&head, &b, 2);
    append(&head, &c, 3);
    list_remove(&b.link);
    cr_assert_eq(digits(&head), 13);
    cr_assert(!list_linked(&b.link));
    cr_assert(list_linked(&a.link));
}

Test(list, removing_twice_is_fine)
{
    struct list head;
    struct item a, b;

    list_init(&head);
    append(&head, &a, 1);
    append(&head, &b, 2);
    list_remove(&a.link);
    list_remove(&a.link);
    cr_assert_eq(digits(&head), 2);
}

Test(list, a_popped_link_is_unlinked)
{
    struct list head;
    struct item a;

    list_init(&head);
    append(&head, &a, 1);
    cr_assert_eq(list_pop_front(&head), &a.link);
    cr_assert(!list_linked(&a.link));
    cr_assert(list_empty(&head));
}

Test(list, moves_all_of_it)
{
    struct list from, to;
    struct item a, b, c;

    list_init(&from);
    append(&from, &a, 1);
    append(&from, &b, 2);
    list_move(&from, &to);
    cr_assert(list_empty(&from));
    cr_assert_eq(digits(&to), 12);
    append(&to, &c, 3);
    list_remove(&a.link);
    cr_assert_eq(digits(&to), 23);
}

Test(list, moves_an_empty_one)
{
    struct list from, to;

    list_init(&from);
    list_move(&from, &to);
    cr_assert(list_empty(&from));
    cr_assert(list_empty(&to));
}
