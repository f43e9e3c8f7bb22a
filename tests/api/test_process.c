/*
 * test_process.c: other programs.
 */
#define _GNU_SOURCE
#include "task_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/process.h>

#define ARGV(...)   ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(text) ARGV("sh", "-c", text)

static struct sley_process_result ran(const char *const *argv,
                                      const struct sley_process_options *options, const char *input)
{
    struct sley_process_result result;

    assert_ok(sley_process_run(argv, options, input, input ? strlen(input) : 0, 1 << 20, &result));
    return result;
}

/* Whether a process with that number is there, as a zombie too. */
static bool exists(int pid)
{
    return kill(pid, 0) == 0;
}

/* None of our children is there: all were reaped. */
static void expect_no_children(void)
{
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_assert_eq(errno, ECHILD);
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    cr_assert(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* --- what it is given ------------------------------------------------------------------------- */

TASK_TEST(process, output_error_and_code)
{
    struct sley_process_result result = ran(SHELL("echo out; echo err >&2; exit 7"), NULL, NULL);

    cr_assert_eq(result.status.code, 7);
    cr_assert_eq(result.status.signal, 0);
    cr_assert_str_eq(result.output, "out\n");
    cr_assert_eq(result.output_size, 4);
    cr_assert_str_eq(result.error, "err\n");
    cr_assert_geq(result.status.user + result.status.system, 0);
    cr_assert_gt(result.status.memory_peak, 0);
    sley_process_result_free(&result);
    cr_assert_null(result.output);
    expect_no_children();
    return 0;
}

TASK_TEST(process, reads_its_input)
{
    struct sley_process_result result = ran(ARGV("cat"), NULL, "some text");

    cr_assert_str_eq(result.output, "some text");
    cr_assert_eq(result.error_size, 0);
    sley_process_result_free(&result);
    result = ran(ARGV("cat"), NULL, NULL); /* nothing to read is no reason to wait */
    cr_assert_eq(result.output_size, 0);
    sley_process_result_free(&result);
    result = ran(ARGV("true"), NULL, "never read");
    cr_assert_eq(result.status.code, 0);
    sley_process_result_free(&result);
    return 0;
}

TASK_TEST(process, environment_and_directory)
{
    struct sley_process_options options = {
        .environment = (const char *const[]){"ANSWER=42", "PATH=/bin:/usr/bin", NULL},
        .directory = "/proc",
    };
    struct sley_process_result result = ran(SHELL("pwd; echo $ANSWER$HOME"), &options, NULL);

    cr_assert_str_eq(result.output, "/proc\n42\n");
    sley_process_result_free(&result);
    setenv("SLEY_TEST_VARIABLE", "inherited", 1);
    result = ran(SHELL("echo $SLEY_TEST_VARIABLE"), NULL, NULL);
    cr_assert_str_eq(result.output, "inherited\n");
    sley_process_result_free(&result);
    return 0;
}

TASK_TEST(process, standard_descriptors)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    struct sley_process_options options = {
        .input = {.kind = SLEY_PROCESS_NULL},
        .output = {SLEY_PROCESS_DESCRIPTOR, fd},
        .error = {.kind = SLEY_PROCESS_OUTPUT},
    };
    struct sley_process_result result;
    char buffer[100] = "";

    cr_assert_geq(fd, 0);
    result = ran(SHELL("cat; echo one; echo two >&2; echo three"), &options, NULL);
    cr_assert_null(result.output);
    cr_assert_null(result.error);
    cr_assert_eq(pread(fd, buffer, sizeof buffer, 0), 14);
    cr_assert_str_eq(buffer, "one\ntwo\nthree\n");
    close(fd);
    options = (struct sley_process_options){.error = {.kind = SLEY_PROCESS_OUTPUT}};
    result = ran(SHELL("echo one; echo two >&2"), &options, NULL);
    cr_assert_str_eq(result.output, "one\ntwo\n");
    sley_process_result_free(&result);
    options = (struct sley_process_options){.output = {.kind = SLEY_PROCESS_NULL},
                                            .error = {.kind = SLEY_PROCESS_INHERIT}};
    result = ran(SHELL("echo one"), &options, NULL);
    cr_assert_null(result.output);
    return 0;
}

/* Descriptors of the lowest numbers, which the child's own are made over. */
TASK_TEST(process, descriptors_that_stand_in_the_way)
{
    struct sley_process_options options = {.output = {SLEY_PROCESS_DESCRIPTOR, 2},
                                           .error = {SLEY_PROCESS_DESCRIPTOR, 1}};
    struct sley_process_result result;
    int ends[2], saved[3];
    char buffer[100] = "";

    for (int i = 0; i < 3; i++)
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[1], 2); /* so what it says on its output comes here */
    result = ran(SHELL("echo crossed"), &options, NULL);
    cr_assert_eq(read(ends[0], buffer, sizeof buffer), 8);
    cr_assert_str_eq(buffer, "crossed\n");
    /* All three closed: pipes get these numbers. */
    for (int i = 0; i < 3; i++)
        close(i);
    result = ran(SHELL("cat; echo err >&2"), NULL, "in");
    for (int i = 0; i < 3; i++)
        dup2(saved[i], i);
    cr_assert_str_eq(result.output, "in");
    cr_assert_str_eq(result.error, "err\n");
    sley_process_result_free(&result);
    for (int i = 0; i < 3; i++)
        close(saved[i]);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

TASK_TEST(process, gets_no_other_descriptors)
{
    struct sley_process_options options = {.keep_open = true};
    int fd = open("/dev/null", O_RDONLY); /* not close-on-exec */
    char command[64];
    struct sley_process_result result;

    fd = fcntl(fd, F_DUPFD, 50);
    snprintf(command, sizeof command, "ls /proc/self/fd | wc -l; test -e /proc/$$/fd/%d", fd);
    result = ran(SHELL(command), NULL, NULL);
    cr_assert_eq(result.status.code, 1);
    cr_assert_eq(atoi(result.output), 4, "%s", result.output); /* and the directory itself */
    sley_process_result_free(&result);
    result = ran(SHELL(command), &options, NULL);
    cr_assert_eq(result.status.code, 0);
    sley_process_result_free(&result);
    return 0;
}

TASK_TEST(process, signals_are_as_for_any_program)
{
    struct sley_process_result result;

    signal(SIGPIPE, SIG_IGN);
    result = ran(SHELL("grep -E '^Sig(Blk|Ign)' /proc/self/status"), NULL, NULL);
    cr_assert(strstr(result.output, "SigBlk:\t0000000000000000"), "%s", result.output);
    cr_assert_eq(strtoull(strstr(result.output, "SigIgn:") + 8, NULL, 16) >> (SIGPIPE - 1) & 1, 0);
    sley_process_result_free(&result);
    result = ran(SHELL("kill -TERM $$"), NULL, NULL);
    cr_assert_eq(result.status.signal, SIGTERM);
    cr_assert_eq(result.status.code, -1);
    sley_process_result_free(&result);
    return 0;
}

/* --- what cannot be started ------------------------------------------------------------------- */

static int spawn_code(const char *program, const struct sley_process_options *options)
{
    struct sley_process *process = (void *)&program;
    int error = sley_process_spawn(ARGV(program), options, &process);

    if (error)
        cr_assert_eq((void *)process, (void *)&program);
    else
        sley_process_free(process);
    return error;
}

TASK_TEST(process, errors_of_the_start)
{
    struct sley_process_options nowhere = {.directory = "/no/such"},
                                file = {.directory = "/etc/passwd"},
                                bad = {.output = {SLEY_PROCESS_DESCRIPTOR, 9999}},
                                wrong = {.output = {.kind = SLEY_PROCESS_OUTPUT}},
                                pipes = {.input = {.kind = SLEY_PROCESS_PIPE},
                                         .output = {.kind = SLEY_PROCESS_PIPE}};
    char path[] = "/tmp/sley-process-XXXXXX", *large = malloc(300000);
    int fd = mkstemp(path), descriptors;
    struct sley_process *process;

    assert_ok(spawn_code("true", NULL)); /* so that all that is made once is there */
    descriptors = count_descriptors();
    assert_code(spawn_code("no-such-program", &pipes), SLEY_ENOENT);
    assert_code(spawn_code("/no/such/program", NULL), SLEY_ENOENT);
    assert_code(spawn_code("/etc/passwd/program", NULL), SLEY_ENOENT);
    assert_code(spawn_code("/etc/passwd", &pipes), SLEY_EACCES);
    assert_code(spawn_code("/tmp", NULL), SLEY_EACCES);
    assert_code(spawn_code("true", &nowhere), SLEY_ENOTDIR);
    assert_code(spawn_code("true", &file), SLEY_ENOTDIR);
    assert_code(spawn_code("true", &bad), -EBADF);
    assert_code(spawn_code("true", &wrong), SLEY_EINVAL);
    assert_code(sley_process_spawn(NULL, NULL, &process), SLEY_EINVAL);
    assert_code(sley_process_spawn((const char *const[]){NULL}, NULL, &process), SLEY_EINVAL);
    cr_assert_eq(write(fd, "no program\n", 11), 11);
    fchmod(fd, 0700);
    close(fd);
    assert_code(spawn_code(path, NULL), SLEY_ENOEXEC);
    fd = open(path, O_WRONLY | O_TRUNC);
    cr_assert_eq(write(fd, "#!/no/such/interpreter\n", 23), 23);
    close(fd);
    assert_code(spawn_code(path, NULL), SLEY_ENOENT);
    unlink(path);
    memset(large, 'x', 299999);
    large[299999] = '\0';
    assert_code(sley_process_spawn(ARGV("true", large), NULL, &process), SLEY_E2BIG);
    free(large);
    while (count_descriptors() > descriptors) /* those of the first one go in a moment */
        sley_yield();
    while (waitpid(-1, NULL, WNOHANG) == 0)
        sley_yield();
    return 0;
}

static void *spawn_outside(void *unused)
{
    assert_code(spawn_code("true", NULL), SLEY_ENOTASK);
    return unused;
}

TASK_TEST(process, is_for_tasks)
{
    on_foreign_thread(spawn_outside, NULL);
    return 0;
}

/* --- waiting, killing ------------------------------------------------------------------------- */

static struct sley_process *started(const char *const *argv,
                                    const struct sley_process_options *options)
{
    struct sley_process *process = NULL;

    assert_ok(sley_process_spawn(argv, options, &process));
    return process;
}

static int wait_for(void *process)
{
    struct sley_process_status status;
    int error = sley_process_wait(process, &status);

    return error ? error : status.signal;
}

TASK_TEST(process, several_wait)
{
    struct sley_process *process = started(ARGV("sleep", "1000"), NULL);
    struct sley_task *tasks[3], *canceled = spawned(wait_for, process);
    struct sley_process_status status;
    int64_t before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(1)));

    assert_code(sley_process_wait(process, &status), SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    for (int i = 0; i < 3; i++)
        tasks[i] = spawned(wait_for, process);
    sley_cancel(canceled, NULL);
    assert_code(joined(canceled), SLEY_ECANCELED);
    cr_assert(exists(sley_process_id(process)));
    assert_ok(sley_process_kill(process, SIGUSR1));
    for (int i = 0; i < 3; i++)
        assert_code(joined(tasks[i]), SIGUSR1);
    assert_ok(sley_process_wait(process, &status));
    cr_assert_eq(status.signal, SIGUSR1);
    assert_ok(sley_process_wait(process, NULL));
    assert_code(sley_process_kill(process, SIGTERM), SLEY_ESRCH);
    assert_code(sley_process_kill(process, 0), SLEY_EINVAL);
    assert_code(sley_process_kill(process, 65), SLEY_EINVAL);
    expect_no_children();
    sley_process_free(process);
    sley_process_free(NULL);
    return 0;
}

TASK_TEST(process, is_reaped_though_nobody_waits)
{
    struct sley_process *process = started(ARGV("true"), NULL);

    while (exists(sley_process_id(process)))
        sley_yield();
    expect_no_children();
    sley_process_free(process);
    return 0;
}

TASK_TEST(process, free_kills_and_reaps)
{
    struct sley_process *process = started(ARGV("sleep", "1000"), NULL);
    int pid = sley_process_id(process);

    sley_process_free(process);
    while (exists(pid))
        sley_yield();
    expect_no_children();
    return 0;
}

static int forget_one(void *arg)
{
    *(int *)arg = sley_process_id(started(ARGV("sleep", "1000"), NULL));
    return 0;
}

Test(process, the_end_of_a_runtime_kills_and_reaps)
{
    int pid = 0;

    assert_ok(sley_run(forget_one, &pid, NULL));
    cr_assert_gt(pid, 0);
    cr_assert(!exists(pid));
    expect_no_children();
}

TASK_TEST(process, stop_asks_first)
{
    struct sley_process_options options = {.output = {.kind = SLEY_PROCESS_PIPE}};
    struct sley_process *process =
        started(SHELL("trap 'exit 9' TERM; echo; while :; do sleep 0.01; done"), &options);
    struct sley_process_status status = {0};
    char byte;

    assert_code(sley_stream_read(sley_process_output(process), &byte, 1), 1);
    assert_ok(sley_process_stop(process, SLEY_SECONDS(60), &status));
    cr_assert_eq(status.code, 9);
    sley_process_free(process);
    process = started(SHELL("trap '' TERM; echo; while :; do sleep 0.01; done"), &options);
    assert_code(sley_stream_read(sley_process_output(process), &byte, 1), 1);
    assert_ok(sley_process_stop(process, SLEY_MILLISECONDS(20), &status));
    cr_assert_eq(status.signal, SIGKILL);
    assert_ok(sley_process_stop(process, SLEY_MILLISECONDS(20), &status)); /* again */
    cr_assert_eq(status.signal, SIGKILL);
    sley_process_free(process);
    process = started(ARGV("sleep", "1000"), NULL);
    assert_ok(sley_process_stop(process, 0, NULL));
    sley_process_free(process);
    expect_no_children();
    return 0;
}

/* The shell's own child has the same pipe, which ends when both are gone. */
TASK_TEST(process, groups_end_together)
{
    for (int way = 0; way < 3; way++) {
        struct sley_process_options options = {
            .output = {.kind = SLEY_PROCESS_PIPE}, .group = way != 1, .session = way == 1};
        struct sley_process *process =
            started(SHELL("trap 'exit 0' TERM; sleep 1000 & echo; wait"), &options);
        char byte;

        assert_code(sley_stream_read(sley_process_output(process), &byte, 1), 1);
        if (way == 2)
            assert_ok(sley_process_kill(process, SIGKILL));
        else
            assert_ok(sley_process_stop(process, way ? 0 : SLEY_SECONDS(60), NULL));
        assert_code(sley_stream_read(sley_process_output(process), &byte, 1), SLEY_EOF);
        assert_ok(sley_process_wait(process, NULL));
        sley_process_free(process);
    }
    expect_no_children();
    return 0;
}

TASK_TEST(process, somebody_else_has_taken_it)
{
    struct sley_process *process;
    struct sley_process_status status = {.code = 77};

    signal(SIGCHLD, SIG_IGN); /* the kernel reaps by itself */
    process = started(ARGV("true"), NULL);
    assert_code(sley_process_wait(process, &status), SLEY_ECHILD);
    cr_assert_eq(status.code, 77);
    assert_code(sley_process_kill(process, SIGTERM), SLEY_ESRCH);
    assert_code(sley_process_stop(process, 0, NULL), SLEY_ECHILD);
    sley_process_free(process);
    return 0;
}

/* --- conversations ---------------------------------------------------------------------------- */

TASK_TEST(process, talks_in_both_directions_at_once)
{
    enum { SIZE = 10 << 20 };
    char *data = malloc(SIZE);
    struct sley_process_result result;

    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7 >> 5);
    assert_ok(sley_process_run(ARGV("cat"), NULL, data, SIZE, SIZE, &result));
    cr_assert_eq(result.output_size, SIZE);
    cr_assert_eq(memcmp(result.output, data, SIZE), 0);
    sley_process_result_free(&result);
    /* Both outputs, and the input that is read last. */
    assert_ok(sley_process_run(SHELL("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; "
                                     "cat; cat >&2"),
                               NULL, data, SIZE, SIZE + 3000000, &result));
    cr_assert_eq(result.output_size, SIZE + 3000000);
    cr_assert_eq(result.error_size, 3000000);
    sley_process_result_free(&result);
    free(data);
    return 0;
}

TASK_TEST(process, output_has_a_limit)
{
    struct sley_process_result result = {.output = (char *)&result};

    assert_ok(sley_process_run(SHELL("printf 12345"), NULL, NULL, 0, 5, &result));
    cr_assert_str_eq(result.output, "12345");
    sley_process_result_free(&result);
    assert_code(sley_process_run(SHELL("printf 12345"), NULL, NULL, 0, 4, &result), SLEY_EMSGSIZE);
    assert_code(sley_process_run(ARGV("yes"), NULL, NULL, 0, 100000, &result), SLEY_EMSGSIZE);
    assert_code(sley_process_run(SHELL("yes >&2"), NULL, NULL, 0, 0, &result), SLEY_EMSGSIZE);
    cr_assert_null(result.output);
    expect_no_children();
    return 0;
}

TASK_TEST(process, run_ends_with_the_caller)
{
    struct sley_process_options options = {.group = true, .grace = SLEY_SECONDS(60)};
    struct sley_process_result result;
    int64_t before = sley_deadline_narrow(sley_after(SLEY_MILLISECONDS(5)));

    assert_code(sley_process_run(SHELL("sleep 1000; true"), &options, NULL, 0, 10, &result),
                SLEY_ETIMEDOUT);
    sley_deadline_restore(before);
    expect_no_children();
    return 0;
}

TASK_TEST(process, input_needs_a_pipe)
{
    struct sley_process *process = started(ARGV("true"), NULL);
    struct sley_process_result result;

    assert_code(sley_process_communicate(process, "x", 1, 10, &result), SLEY_EINVAL);
    assert_ok(sley_process_communicate(process, NULL, 0, 10, &result));
    cr_assert_null(result.output);
    sley_process_free(process);
    return 0;
}

TASK_TEST(process, streams_by_hand)
{
    struct sley_process_options options = {.input = {.kind = SLEY_PROCESS_PIPE},
                                           .output = {.kind = SLEY_PROCESS_PIPE}};
    struct sley_process *process = started(ARGV("cat"), &options);
    char buffer[10] = "";

    cr_assert_null(sley_process_error(process));
    for (int i = 0; i < 100; i++) {
        assert_ok(sley_stream_write(sley_process_input(process), "ping", 4, NULL));
        assert_code(sley_stream_read(sley_process_output(process), buffer, 10), 4);
        cr_assert_str_eq(buffer, "ping");
    }
    sley_process_close_input(process);
    cr_assert_null(sley_process_input(process));
    assert_code(sley_stream_read(sley_process_output(process), buffer, 10), SLEY_EOF);
    assert_ok(sley_process_wait(process, NULL));
    sley_process_free(process);
    return 0;
}
