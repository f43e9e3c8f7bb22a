/*
 * test_typed.c: the typed wrappers do what the ones for bytes do. That the wrong type does not
 * compile is in tests/rules/typed_refuses.sh.
 */
#include "task_test.h"

#include <sley/typed.h>

struct job {
    int number;
    char rest[60];
};

SLEY_CHAN_TYPE(jobs, struct job);
SLEY_CHAN_TYPE(words, const char *);
SLEY_BROADCAST_TYPE(news, struct job);
SLEY_FUTURE_TYPE(answer, struct job);

ONE_WORKER_TEST(typed, a_channel_carries_its_type)
{
    struct job job;
    jobs queue;

    assert_ok(jobs_new(&queue, 2));
    assert_ok(jobs_send(queue, (struct job){.number = 1}));
    cr_assert_eq(jobs_try_send(queue, (struct job){.number = 2}), 1);
    cr_assert_eq(jobs_try_send(queue, (struct job){.number = 3}), 0);
    assert_ok(jobs_recv(queue, &job));
    cr_assert_eq(job.number, 1);
    cr_assert_eq(jobs_try_recv(queue, &job), 1);
    cr_assert_eq(job.number, 2);
    assert_ok(jobs_close(queue, SLEY_EPERM));
    assert_code(jobs_recv(queue, &job), SLEY_EPERM);
    jobs_free(queue);
    return 0;
}

ONE_WORKER_TEST(typed, a_channel_of_pointers)
{
    struct sley_select_case one = {.direction = SLEY_SELECT_RECV};
    const char *word = NULL;
    words queue;

    assert_ok(words_new(&queue, 1));
    assert_ok(words_send(queue, "one"));
    one.chan = queue.chan;
    one.item = &word;
    assert_ok(sley_select(&one, 1, SLEY_FOREVER));
    cr_assert_str_eq(word, "one");
    words_free(queue);
    return 0;
}

ONE_WORKER_TEST(typed, a_broadcast_carries_its_type)
{
    news_subscription reader;
    struct job job;
    uint64_t lost;
    news paper;

    assert_ok(news_new(&paper, 1, SLEY_BROADCAST_DROP));
    assert_ok(news_subscribe(paper, &reader));
    assert_ok(news_send(paper, (struct job){.number = 1}));
    cr_assert_eq(news_try_send(paper, (struct job){.number = 2}), 1);
    assert_ok(news_recv(reader, &job, &lost));
    cr_assert_eq(job.number, 2);
    cr_assert_eq(lost, 1);
    cr_assert_eq(news_try_recv(reader, &job, NULL), 0);
    assert_ok(news_close(paper, 0));
    assert_code(news_recv(reader, &job, NULL), SLEY_ECLOSED);
    news_unsubscribe(reader);
    news_free(paper);
    return 0;
}

ONE_WORKER_TEST(typed, a_future_carries_its_type)
{
    struct job job = {.number = 3}, *got = NULL;
    answer future = {0}, failed = {0};

    cr_assert(!answer_is_done(&future));
    cr_assert(answer_complete(&future, &job));
    cr_assert(!answer_fail(&future, SLEY_EPERM));
    assert_ok(answer_wait(&future, &got));
    cr_assert_eq(got->number, 3);
    assert_ok(answer_wait(&future, NULL));
    cr_assert(answer_fail(&failed, SLEY_EPERM));
    got = NULL;
    assert_code(answer_wait(&failed, &got), SLEY_EPERM);
    cr_assert_null(got);
    return 0;
}
