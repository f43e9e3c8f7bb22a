/*
 * procpool.c: twenty jobs in other processes, one of which crashes. Only that one fails.
 *
 * prints: 19 squares, their sum is 2821; 1 job was killed by SIGABRT
 */
#include <stdio.h>
#include <stdlib.h>
#include <sley/sley.h>

static int square(const void *in, size_t in_size, struct sley_job_result *result)
{
    long n = *(const long *)in;
    (void)in_size;
    if (n == 7)
        abort();
    n *= n;
    return sley_job_write(result, &n, sizeof(n));
}

struct total {
    long count, sum, crashes;
    const char *signal;
};

static int add(struct sley_job *job, void *arg)
{
    struct total *total = arg;
    if (job->error == 0) {
        total->count++;
        total->sum += *(long *)job->out;
    } else if (job->error == SLEY_ECRASHED) {
        total->crashes++;
        total->signal = job->signal_name;
    }
    return 0;
}

static int app(void *unused)
{
    long numbers[20], squares[20];
    struct sley_job jobs[20];
    struct sley_procpool *pool;
    struct total total = {0, 0, 0, "nothing"};
    (void)unused;
    for (int i = 0; i < 20; i++) {
        numbers[i] = i + 1;
        jobs[i] = (struct sley_job){.fn = square,
                                    .in = &numbers[i],
                                    .in_size = sizeof(long),
                                    .out = &squares[i],
                                    .out_capacity = sizeof(long)};
    }
    if (sley_procpool_new(NULL, &pool) != 0)
        return 1;
    int error = sley_procpool_map(pool, jobs, 20, add, &total); /* in the order of their ends */
    sley_procpool_free(pool);
    printf("%ld squares, their sum is %ld; %ld job was killed by %s\n", total.count, total.sum,
           total.crashes, total.signal);
    return error;
}

int main(void)
{
    return sley_run(app, NULL, &(struct sley_options){.prepare = sley_procpool_prepare});
}
