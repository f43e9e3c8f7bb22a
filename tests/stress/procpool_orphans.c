/*
 * procpool_orphans.c: no process of a pool outlives the program, however the program ends.
 *
 * Each test is the reaper of all that its program leaves behind (PR_SET_CHILD_SUBREAPER): when
 * there is nobody left to wait for, nothing has survived, and if something does, the test does not
 * end. The jobs ignore SIGTERM, and have started a process of their own.
 */
#define _GNU_SOURCE
#include "forked.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <sley/sley.h>

enum { JOBS = 3 };

/* Of all processes of a test. */
struct shared {
    int running; /* jobs and what they have started */
    int supervisor;
    int program_may_end;
};
static struct shared *shared;
static bool alone; /* jobs start nothing */

static int get(const int *value)
{
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static int stay(const void *in, size_t in_size, struct sley_job_result *result)
{
    (void)in;
    (void)in_size;
    (void)result;
    signal(SIGTERM, SIG_IGN);
    __atomic_store_n(&shared->supervisor, getppid(), __ATOMIC_SEQ_CST);
    if (!alone)
        fork();
    __atomic_add_fetch(&shared->running, 1, __ATOMIC_SEQ_CST);
    while (pause() < 0)
        continue;
    return 0;
}

static int main_task(void *arg)
{
    struct sley_procpool_options options = {.max = JOBS};
    struct sley_procpool *pool;
    struct sley_job jobs[JOBS] = {0};

    EXPECT(sley_procpool_new(&options, &pool) == 0);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].fn = stay;
        EXPECT(sley_procpool_submit(pool, &jobs[i]) == 0);
    }
    while (get(&shared->running) < (alone ? 1 : 2) * JOBS || !get(&shared->program_may_end))
        sley_sleep(SLEY_MILLISECONDS(1));
    if (arg)
        ((void (*)(void))(uintptr_t)arg)();
    for (int i = 0; i < JOBS; i++)
        sley_procpool_cancel(pool, &jobs[i]);
    sley_procpool_free(pool);
    return 0;
}

/* Runs the program; it ends by calling `end` in a task, or by freeing its pool. Its pid. */
static pid_t start(void (*end)(void))
{
    struct sley_options options = {.workers = 2, .prepare = sley_procpool_prepare};
    struct rlimit no_core = {0, 0};
    pid_t pid;

    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(shared != MAP_FAILED);
    setrlimit(RLIMIT_CORE, &no_core);
    EXPECT(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid = fork();
    if (pid == 0)
        _exit(sley_run(main_task, (void *)(uintptr_t)end, &options) != 0);
    EXPECT(pid > 0);
    while (get(&shared->running) < (alone ? 1 : 2) * JOBS)
        usleep(1000);
    return pid;
}

/* Returns when nothing is left; how many there were. */
static int reap_all(void)
{
    int count = 0;

    while (waitpid(-1, NULL, 0) > 0)
        count++;
    EXPECT(errno == ECHILD);
    return count;
}

static void let_it_end(void)
{
    __atomic_store_n(&shared->program_may_end, 1, __ATOMIC_SEQ_CST);
}

/* The program, the zygote, the supervisor, the children and theirs; the supervisor reaps the
 * children if it can, and the program nobody. */
static void expect_nobody(void)
{
    EXPECT(reap_all() >= 3);
}

FORKED_TEST(nobody_survives_a_kill)
{
    EXPECT(kill(start(NULL), SIGKILL) == 0);
    expect_nobody();
}

static void exit_at_once(void)
{
    _exit(0);
}

FORKED_TEST(nobody_survives_an_exit)
{
    start(exit_at_once);
    let_it_end();
    expect_nobody();
}

FORKED_TEST(nobody_survives_an_abort)
{
    start(abort);
    let_it_end();
    expect_nobody();
}

FORKED_TEST(nobody_survives_a_free)
{
    start(NULL);
    let_it_end();
    expect_nobody();
}

/* The kernel kills the children then. What they have started themselves is nobody's, so this test
 * lets them start nothing. */
FORKED_TEST(children_do_not_survive_their_supervisor)
{
    int status;
    pid_t program;

    alone = true;
    program = start(NULL);
    EXPECT(kill(get(&shared->supervisor), SIGKILL) == 0);
    for (int killed = 0; killed < JOBS; killed++) { /* the supervisor is reaped by the zygote */
        EXPECT(waitpid(-1, &status, 0) != program);
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    let_it_end();
    EXPECT(waitpid(program, &status, 0) == program && status == 0);
    EXPECT(reap_all() == 1); /* the zygote */
}
