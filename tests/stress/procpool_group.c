/*
 * procpool_group.c: a signal of a supervisor never goes to a group whose leader has been reaped.
 *
 * The number of such a group is free, and may be a stranger's by now. That a pid comes round cannot
 * be had in a test; so the kill() of this file takes the place of the C library's, in the
 * supervisor, too, which is a fork of us, and looks whether the leader is still there: one that has
 * ended is until it is reaped.
 */
#define _GNU_SOURCE
#include "forked.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sley/sley.h>

/* Of all processes of a test. */
struct shared {
    int groups;    /* that got a signal */
    int strangers; /* of them without their leader */
    int left;      /* pid of what a job has left behind */
};
static struct shared *shared;

static int get(const int *value)
{
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the header's are reserved
int kill(pid_t pid, int number)
{
    if (pid < -1) {
        __atomic_add_fetch(&shared->groups, 1, __ATOMIC_SEQ_CST);
        if (syscall(SYS_kill, -pid, 0) < 0 && errno == ESRCH)
            __atomic_add_fetch(&shared->strangers, 1, __ATOMIC_SEQ_CST);
    }
    return (int)syscall(SYS_kill, pid, number);
}

/* What jobs leave behind comes to this process, which can wait for its end. */
static int prepare(void)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(shared != MAP_FAILED);
    EXPECT(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    return sley_procpool_prepare();
}

static int nothing(const void *in, size_t in_size, struct sley_job_result *result)
{
    (void)in;
    (void)in_size;
    (void)result;
    return 0;
}

static int leave(const void *in, size_t in_size, struct sley_job_result *result)
{
    (void)in;
    (void)in_size;
    (void)result;
    _exit(3);
}

static int leave_another(const void *in, size_t in_size, struct sley_job_result *result)
{
    int pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    __atomic_store_n(&shared->left, pid, __ATOMIC_SEQ_CST);
    return leave(in, in_size, result);
}

/* In every way: it dies in a job, is told to go, goes by itself, and its pool ends. */
static int end_children(void *unused)
{
    struct sley_procpool_options options = {.max = 1, .jobs_per_child = 2};
    struct sley_procpool *pool;
    struct sley_job job = {.fn = leave};

    (void)unused;
    EXPECT(sley_procpool_new(&options, &pool) == 0);
    for (int i = 0; i < 5; i++) {
        EXPECT(sley_procpool_run(pool, &job) == SLEY_ECRASHED);
        EXPECT(job.exit_status == 3 && job.signal == 0);
    }
    job = (struct sley_job){.fn = nothing};
    for (int i = 0; i < 5; i++)
        EXPECT(sley_procpool_run(pool, &job) == 0);
    job = (struct sley_job){.fn = leave_another};
    EXPECT(sley_procpool_run(pool, &job) == SLEY_ECRASHED);
    EXPECT(waitpid(get(&shared->left), NULL, 0) == get(&shared->left));
    sley_procpool_free(pool);
    return 0;
}

FORKED_TEST(a_group_gets_a_signal_only_while_its_leader_is_there)
{
    struct sley_options options = {.workers = 2, .prepare = prepare};

    EXPECT(sley_run(end_children, NULL, &options) == 0);
    EXPECT(get(&shared->groups) >= 6, "%d", get(&shared->groups));
    EXPECT(get(&shared->strangers) == 0, "%d", get(&shared->strangers));
}
