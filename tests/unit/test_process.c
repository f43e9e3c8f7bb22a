/*
 * test_process.c: processes where the kernel gives no pidfd, so that SIGCHLD has to tell.
 *
 * link: -Wl,--wrap=sley__pidfd_open
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/process.h>
#include <sley/runtime.h>
#include <sley/scope.h>
#include <sley/task.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

int __wrap_sley__pidfd_open(int pid);
int __wrap_sley__pidfd_open(int pid)
{
    (void)pid;
    return -ENOSYS;
}

static int run_some(void *arg)
{
    struct sley_process_result result;
    int error;

    (void)arg;
    for (int i = 0; i < 10; i++) {
        if ((error =
                 sley_process_run(ARGV("sh", "-c", "cat; exit 3"), NULL, "text", 4, 10, &result)))
            return error;
        cr_assert_eq(result.status.code, 3);
        cr_assert_str_eq(result.output, "text");
        sley_process_result_free(&result);
    }
    return 0;
}

static int run_many(void *arg)
{
    struct sley_scope scope;
    struct sley_process *process;
    struct sley_process_status status;

    (void)arg;
    SLEY_SCOPE(&scope)
    for (int i = 0; i < 10; i++)
        cr_assert_eq(sley_scope_spawn(&scope, run_some, NULL, NULL, NULL), 0);
    cr_assert_eq(scope.error, 0);
    cr_assert_eq(sley_process_spawn(ARGV("sleep", "1000"), NULL, &process), 0);
    cr_assert_eq(sley_process_kill(process, SIGTERM), 0);
    cr_assert_eq(sley_process_wait(process, &status), 0);
    cr_assert_eq(status.signal, SIGTERM);
    sley_process_free(process);
    cr_assert_eq(sley_process_spawn(ARGV("sleep", "1000"), NULL, &process), 0);
    sley_process_free(process);
    cr_assert_eq(sley_process_spawn(ARGV("sleep", "1000"), NULL, &process), 0); /* left behind */
    return 0;
}

static void own_handler(int number)
{
    (void)number;
}

Test(process, without_pidfds)
{
    struct sigaction now;

    signal(SIGCHLD, own_handler);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(sley_run(run_many, NULL, NULL), 0);
        cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
        cr_assert_eq(errno, ECHILD);
        sigaction(SIGCHLD, NULL, &now);
        cr_assert_eq(now.sa_handler, own_handler);
    }
}
