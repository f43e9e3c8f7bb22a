/*
 * consumer.cpp: a stranger's first C++17 program: the headers compile, the functions have C
 * linkage, a lambda without captures is a task, initialisers and blocks work, and a block gives up
 * what it has when an exception leaves it.
 */
#include <cstdio>
#include <string>

#include <sley/sley.h>

static struct sley_mutex mutex = SLEY_MUTEX_INIT;
static struct sley_rwlock rwlock = SLEY_RWLOCK_INIT;
static struct sley_semaphore semaphore = SLEY_SEMAPHORE_BOUNDED_INIT(2, 2);
static struct sley_limiter limiter = SLEY_LIMITER_INIT(2);
static struct sley_barrier barrier = SLEY_BARRIER_INIT(1);
static struct sley_rate_limiter rate = SLEY_RATE_LIMITER_INIT(1000.0, 5);
static struct sley_future future = SLEY_FUTURE_INIT;

/* 0 if all of it works. */
static int use_blocks()
{
    int status = 0, inner = 0, blocks = 0;

    try {
        SLEY_WITH_MUTEX(&mutex, status) {
            SLEY_WITH_READ_LOCK(&rwlock, inner)
                blocks++;
            SLEY_WITH_WRITE_LOCK(&rwlock, inner)
                blocks++;
            SLEY_WITH_SEMAPHORE(&semaphore, inner)
                blocks++;
            SLEY_WITH_LIMITER(&limiter, inner)
                blocks++;
            throw blocks;
        }
    } catch (int thrown) {
        blocks += thrown;
    }
    if (!sley_mutex_try(&mutex))
        return 1;
    sley_mutex_unlock(&mutex);
    if (sley_barrier_wait(&barrier) != 1 || sley_rate_limiter_wait(&rate) != 0)
        return 2;
    return blocks == 8 && sley_future_complete(&future, nullptr) ? 0 : 3;
}

int main()
{
    int answer = 0;
    int result = sley_run(
        [](void *arg) -> int {
            struct sley_task *task = nullptr;
            struct sley_task_options options = {};

            options.name = "answer";
            int error = sley_spawn(
                [](void *out) -> int {
                    *static_cast<int *>(out) = 42;
                    return sley_sleep(SLEY_MILLISECONDS(1));
                },
                arg, &options, &task);
            return error < 0 ? error : sley_join(task, nullptr);
        },
        &answer, nullptr);

    if (use_blocks() != 0)
        return 2;
    if (result < 0 || answer != 42) {
        std::fprintf(stderr, "result %d, answer %d\n", result, answer);
        return 1;
    }
    return std::string(sley_version()).empty() ? 1 : 0;
}
