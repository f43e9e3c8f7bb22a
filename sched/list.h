/*
 * list.h: intrusive lists. Level 0. No locks, no allocation: the owner of the list protects it.
 *
 * struct list is a circular doubly linked list whose head is a link like the others, so that a
 * link can be taken out without knowing its list. An unlinked link points to itself, which makes
 * list_remove() idempotent and list_linked() a comparison.
 */
#ifndef SLEY_LIST_H
#define SLEY_LIST_H

#include "base.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline bool list_linked(const struct list *l)
{
    return l->next != l;
}

static inline void list_push_back(struct list *head, struct list *link)
{
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_push_back(head->next, link);
}

static inline void list_remove(struct list *link)
{
    /* The analyser does not see that a list without the links that were freed has none of them.
     * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* First link taken out, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *first = head->next;

    if (first == head)
        return NULL;
    /* The analyser takes a link for one that was freed after it had been taken out before.
     * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    list_remove(first);
    return first;
}

/* Moves everything from `from` to the empty list `to`. */
static inline void list_move(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

#define list_for_each(link, head) \
    for (struct list *link = (head)->next; link != (head); link = link->next)

#endif
