/*
 * process_storm.c: thousands of short processes from many tasks at once, which wait, talk, kill,
 * stop, are cancelled, forget; and runtimes that end in the middle of it.
 *
 * Each process must have done what it was asked to, or be told to be dead. In the end there is no
 * child of this program left, not even as a zombie, no descriptor is lost, and none of ours has
 * turned up in a child.
 */
#define _GNU_SOURCE
#include "stress.h"

#include <dirent.h>
#include <errno.h>
#include <sys/wait.h>

#include <sley/process.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static atomic_uint ended, killed, canceled;

/* A conversation has tasks, and a runtime that ends takes no more of them. */
static int check(int error)
{
    CHECK(error >= 0 || error == SLEY_ECANCELED || error == SLEY_ETIMEDOUT ||
              error == SLEY_ESHUTDOWN,
          "%s", sley_strerror(error));
    return error;
}

/* --- what a task does with a process ---------------------------------------------------------- */

static int wait_for_code(struct stress_random *random)
{
    struct sley_process *process;
    struct sley_process_status status;
    char text[32];
    int error, code = (int)stress_below(random, 200);

    snprintf(text, sizeof text, "exit %d", code);
    if ((error = sley_process_spawn(ARGV("/bin/sh", "-c", text), NULL, &process)))
        return error;
    if (!(error = sley_process_wait(process, &status))) {
        CHECK(status.code == code && !status.signal, "%d and %d instead of %d", status.code,
              status.signal, code);
        atomic_fetch_add(&ended, 1);
    }
    sley_process_free(process);
    return error;
}

static int talk(struct stress_random *random)
{
    struct sley_process_result result;
    size_t size = stress_below(random, 200000);
    char *data = malloc(size + 1);
    int error;

    CHECK(data, "no memory");
    memset(data, 'a' + (int)stress_below(random, 26), size);
    error = sley_process_run(ARGV("/bin/cat"), NULL, data, size, size, &result);
    if (!error) {
        CHECK(result.output_size == size && memcmp(result.output, data, size) == 0, "other bytes");
        CHECK(result.status.code == 0, "%d", result.status.code);
        sley_process_result_free(&result);
        atomic_fetch_add(&ended, 1);
    }
    free(data);
    return error;
}

/* Has nothing open but the three and what it opens itself. */
static int look_for_leaks(void)
{
    struct sley_process_result result;
    int error = sley_process_run(ARGV("/bin/ls", "/proc/self/fd"), NULL, NULL, 0, 1000, &result);

    if (error)
        return error;
    CHECK(strcmp(result.output, "0\n1\n2\n3\n") == 0, "a child has\n%s", result.output);
    sley_process_result_free(&result);
    return 0;
}

static int kill_it(struct stress_random *random)
{
    static const int numbers[] = {SIGTERM, SIGKILL, SIGUSR1};
    int number = numbers[stress_below(random, 3)], error;
    struct sley_process_options options = {.group = stress_below(random, 2)};
    struct sley_process_status status;
    struct sley_process *process;

    if ((error = sley_process_spawn(ARGV("/bin/sleep", "1000"), &options, &process)))
        return error;
    if (stress_below(random, 2))
        sley_yield();
    CHECK(sley_process_kill(process, number) == 0, "it is gone");
    if (!(error = sley_process_wait(process, &status))) {
        CHECK(status.signal == number, "signal %d, code %d", status.signal, status.code);
        atomic_fetch_add(&killed, 1);
    }
    sley_process_free(process);
    return error;
}

static int stop_or_forget(struct stress_random *random)
{
    struct sley_process_options options = {.input = {.kind = SLEY_PROCESS_PIPE}};
    struct sley_process *process;
    int error = sley_process_spawn(ARGV("/bin/cat"), &options, &process);

    if (error)
        return error;
    if (stress_below(random, 2)) {
        CHECK(sley_process_stop(process, stress_below(random, 2) ? SLEY_SECONDS(60) : 0, NULL) == 0,
              "stop");
        atomic_fetch_add(&killed, 1);
    }
    sley_process_free(process);
    return 0;
}

static int user(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    int error = 0;

    for (unsigned i = 0; i < 6 && !error; i++) {
        switch (stress_below(&random, 8)) {
        case 0:
        case 1:
        case 2:
            error = wait_for_code(&random);
            break;
        case 3:
            error = talk(&random);
            break;
        case 4:
            error = look_for_leaks();
            break;
        case 5:
        case 6:
            error = kill_it(&random);
            break;
        default:
            error = stop_or_forget(&random);
        }
        check(error);
        stress_alive();
    }
    if (error)
        atomic_fetch_add(&canceled, 1);
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int run_one(void *arg)
{
    (void)arg;
    return look_for_leaks();
}

/* Some are joined, some cancelled, the rest are there when the runtime ends. */
static int town(void *arg)
{
    struct stress_random random = stress_random((uint64_t)(uintptr_t)arg);
    unsigned n = stress_count(60, 12);

    for (unsigned i = 0; i < n; i++) {
        struct sley_task_options options = {0};
        struct sley_task *task;

        if (stress_below(&random, 5) == 0)
            options.deadline = sley_after(SLEY_MICROSECONDS(stress_below(&random, 20000)));
        CHECK(sley_spawn(user, (void *)(uintptr_t)stress_next(&random), &options, &task) == 0,
              "spawn");
        if (stress_below(&random, 5) == 0) {
            for (unsigned yields = stress_below(&random, 20); yields; yields--)
                sley_yield();
            sley_cancel(task, "fired");
        }
        if (stress_below(&random, 4))
            stress_join(task);
        else
            sley_detach(task);
    }
    return 0;
}

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    CHECK(directory, "no /proc");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int descriptors;

    stress_begin(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    CHECK(stress_run(1, run_one, NULL) == 0, "no process");
    descriptors = count_descriptors(); /* without those that a process has once */
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < STRESS_WORKER_COUNTS; i++) {
            uint64_t stream = round * 100 + i + 1;

            stress_run(stress_workers[i], town, (void *)(uintptr_t)stream);
            CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "a child is left");
            CHECK(count_descriptors() == descriptors, "descriptors are lost");
        }
    CHECK(ended && killed && canceled, "%u ended, %u killed, %u cancelled", ended, killed,
          canceled);
    if (getenv("SLEY_STRESS_TALK"))
        printf("%u ended, %u killed, %u cancelled\n", ended, killed, canceled);
    return stress_end();
}
