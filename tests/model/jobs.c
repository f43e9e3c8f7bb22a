/*
 * jobs.c: several models at once. The engine is one thread by its nature, so it takes processes.
 *
 * A child per model, its output in a file without a name, its count in shared memory. The parent
 * starts the next one when one ends, and prints what is complete up to the first that is not.
 */
#define _GNU_SOURCE 1

#include "jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
    pid_t process; /* 0: not started, or ended. By the parent, as all but the last */
    FILE *output;
    int status;
    unsigned long executions; /* by the child */
};

static void start(struct job *job, size_t i,
                  int (*work)(size_t i, const void *arg, unsigned long *executions),
                  const void *arg)
{
    pid_t process;
    int status;

    job->output = tmpfile();
    if (!job->output)
        abort();
    fflush(stdout);
    process = fork();
    if (process < 0)
        abort();
    if (process > 0) {
        job->process = process;
        return;
    }
    dup2(fileno(job->output), STDOUT_FILENO);
    status = work(i, arg, &job->executions);
    fflush(stdout);
    _exit(status);
}

static void print(struct job *job)
{
    char buffer[4096];
    size_t n;

    rewind(job->output);
    while ((n = fread(buffer, 1, sizeof buffer, job->output)) > 0)
        fwrite(buffer, 1, n, stdout);
    fclose(job->output);
    fflush(stdout);
}

/* Waits until one of those started has ended. */
static void await_one(struct job *jobs, size_t count)
{
    int status;
    pid_t process = wait(&status);

    for (size_t i = 0; i < count; i++) {
        if (jobs[i].process != process)
            continue;
        jobs[i].process = 0;
        jobs[i].status = WIFEXITED(status) ? WEXITSTATUS(status) : 2;
        if (!WIFEXITED(status))
            fprintf(stderr, "model: a process ended by signal %d\n", WTERMSIG(status));
    }
}

static int run_here(size_t count, int (*work)(size_t i, const void *arg, unsigned long *executions),
                    const void *arg, unsigned long *executions)
{
    int worst = 0;

    for (size_t i = 0; i < count; i++) {
        int status = work(i, arg, executions);

        worst = status > worst ? status : worst;
    }
    return worst;
}

int jobs_run(size_t count, unsigned at_once,
             int (*work)(size_t i, const void *arg, unsigned long *executions), const void *arg,
             unsigned long *executions)
{
    struct job *jobs;
    size_t started = 0, printed = 0, running = 0;
    int worst = 0;

    if (at_once <= 1)
        return run_here(count, work, arg, executions);
    jobs =
        mmap(NULL, count * sizeof *jobs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (jobs == MAP_FAILED)
        abort();
    while (printed < count) {
        for (; started < count && running < at_once; started++, running++)
            start(&jobs[started], started, work, arg);
        await_one(jobs, started);
        running--;
        for (; printed < started && !jobs[printed].process; printed++) {
            print(&jobs[printed]);
            *executions += jobs[printed].executions;
            worst = jobs[printed].status > worst ? jobs[printed].status : worst;
        }
    }
    munmap(jobs, count * sizeof *jobs);
    return worst;
}
