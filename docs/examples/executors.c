/*
 * executors.c: one function in three places: asyncio's run_in_executor(). As a task it may wait as
 * all tasks do; on a thread it may block; in a process it may crash. Its data is copied there and
 * back, so it may have no pointers in it.
 *
 * prints: tasks 144, threads 144, processes 144
 */
#include <stdio.h>
#include <sley/sley.h>

/* What it returns is the result of the call; what it writes to the data is there afterwards. */
static int square(void *data, size_t size)
{
    long *n = data;
    *n *= *n;
    return size == sizeof *n ? 0 : SLEY_EINVAL;
}

static int app(void *unused)
{
    static const struct {
        const char *name;
        const struct sley_executor *executor;
    } places[] = {{"tasks ", &sley_executor_tasks},
                  {", threads ", &sley_executor_threads},
                  {", processes ", &sley_executor_processes}};
    (void)unused;
    for (int i = 0; i < 3; i++) {
        long n = 12;
        int result, error = sley_executor_call(places[i].executor, square, &n, sizeof n, &result);
        if (error || result)
            return error ? error : result;
        printf("%s%ld", places[i].name, n);
    }
    printf("\n");
    return 0;
}

int main(void)
{
    /* The processes are forks of this program as it is before there are threads. */
    return sley_run(app, NULL, &(struct sley_options){.prepare = sley_procpool_prepare}) != 0;
}
