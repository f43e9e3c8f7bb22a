/*
 * locks.c: asyncio.Lock and Semaphore, sync.Mutex, Trio's Lock. All of them are plain values, and a
 * task that waits parks. The block macros give back on every way out of the block, and skip it if
 * the caller is cancelled before its turn.
 *
 * prints: balance 1000, never more than 2 clerks
 */
#include <stdatomic.h>
#include <stdio.h>
#include <sley/sley.h>

static struct sley_mutex mutex = SLEY_MUTEX_INIT;
static struct sley_semaphore counters = SLEY_SEMAPHORE_BOUNDED_INIT(2, 2);
static atomic_int clerks;
static int balance, too_many;

static int pay_in(void *unused)
{
    int status = 0;
    (void)unused;
    SLEY_WITH_SEMAPHORE(&counters, status)
    {
        if (atomic_fetch_add(&clerks, 1) >= 2)
            too_many = 1;
        for (int i = 0; i < 100 && status == 0; i++)
            SLEY_WITH_MUTEX(&mutex, status)
            {
                int before = balance;
                sley_yield(); /* others run, and must not pay in here */
                balance = before + 1;
            }
        atomic_fetch_sub(&clerks, 1);
    }
    return status;
}

static int app(void *unused)
{
    struct sley_scope scope;
    (void)unused;
    SLEY_SCOPE(&scope)
    for (int i = 0; i < 10; i++)
        sley_scope_spawn(&scope, pay_in, NULL, NULL, NULL);
    if (!too_many)
        printf("balance %d, never more than 2 clerks\n", balance);
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
