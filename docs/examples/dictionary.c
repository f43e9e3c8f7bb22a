/*
 * dictionary.c: sync.RWMutex, sync.Once and WaitGroup: a table that the first reader fills in, that
 * many read at once, and that is changed now and then. Whoever loads the table may park; the others
 * wait for it meanwhile.
 *
 * prints: loaded once; 100 readers were right; after the change: 43
 */
#include <stdatomic.h>
#include <stdio.h>
#include <sley/sley.h>

static struct sley_once once = SLEY_ONCE_INIT;
static struct sley_rwlock lock = SLEY_RWLOCK_INIT;
static struct sley_wait_group readers = SLEY_WAIT_GROUP_INIT;
static int table, loads;
static atomic_int right;

static int load(void *unused)
{
    (void)unused;
    loads++;
    table = 42;
    return sley_sleep(SLEY_MILLISECONDS(1));
}

static int look_up(void *unused)
{
    int status = sley_once_do(&once, load, NULL);
    (void)unused;
    if (status == 0)
        SLEY_WITH_READ_LOCK(&lock, status)
    atomic_fetch_add(&right, table == 42);
    sley_wait_group_done(&readers);
    return status;
}

static int app(void *unused)
{
    int status = 0;
    (void)unused;
    for (int i = 0; i < 100; i++) {
        sley_wait_group_add(&readers, 1);
        if (sley_spawn(look_up, NULL, NULL, NULL) != 0)
            sley_wait_group_done(&readers);
    }
    sley_wait_group_wait(&readers);
    SLEY_WITH_WRITE_LOCK(&lock, status)
    table++;
    printf("loaded %s; %d readers were right; after the change: %d\n",
           loads == 1 ? "once" : "more than once", atomic_load(&right), table);
    return status;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
