/*
 * stack_overflow.c: a task that overflows its stack ends the process with a message that names it.
 *
 * This program starts itself once for each class of stacks and each way to overflow: by many small
 * frames, and by frames of 20,000 bytes, which would jump over a guard of one page and land in the
 * neighbour's stack; the neighbours are there, parked, on both sides; and by a generator that its
 * task has asked for a value. It reads what the child writes and wants: the task's name, where it
 * was spawned, and death by SIGSEGV, so that there is a core.
 *
 * Sanitizers take SIGSEGV for themselves unless they are told not to, hence the options below.
 */
#include "stress.h"

#include <sley/generator.h>

#include <errno.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

const char *__asan_default_options(void);
const char *__tsan_default_options(void);

__attribute__((visibility("default"), used)) const char *__asan_default_options(void)
{
    return "handle_segv=0:use_sigaltstack=0";
}

__attribute__((visibility("default"), used)) const char *__tsan_default_options(void)
{
    return "handle_segv=0";
}

static const size_t sizes[] = {16384, 65536, 262144, 1048576};

#define SIZES (sizeof sizes / sizeof sizes[0])

/* --- the child ------------------------------------------------------------------------------ */

static volatile unsigned depth_limit = 1u << 30; /* the compiler does not know that it never ends */

__attribute__((noinline)) static unsigned small_frames(unsigned depth)
{
    volatile char frame[64];

    frame[depth % sizeof frame] = (char)depth;
    if (depth >= depth_limit)
        return 0;
    return small_frames(depth + 1) + (unsigned char)frame[depth % sizeof frame];
}

__attribute__((noinline)) static unsigned large_frames(unsigned depth)
{
    volatile char frame[20000];

    frame[0] = (char)depth;
    if (depth >= depth_limit)
        return 0;
    return large_frames(depth + 1) + (unsigned char)frame[0];
}

static int overflow_small(void *arg)
{
    (void)arg;
    sley_yield();
    return (int)small_frames(0);
}

static int overflow_large(void *arg)
{
    (void)arg;
    sley_yield();
    return (int)large_frames(0);
}

static int overflow_in_body(struct sley_generator *self, void *arg)
{
    (void)arg;
    sley_yield_value(self, NULL);
    return (int)small_frames(0);
}

static int overflow_generator(void *arg)
{
    struct sley_generator_options options = {.stack_size = *(size_t *)arg};
    struct sley_generator *generator;

    CHECK(sley_generator_new(overflow_in_body, NULL, 0, &options, &generator) == 0, "no generator");
    sley_generator_next(generator, NULL);
    sley_yield();
    return sley_generator_next(generator, NULL);
}

static int neighbour(void *arg)
{
    (void)arg;
    return sley_park("next door");
}

static int spawn_culprit(void *arg)
{
    const char **args = arg;
    struct sley_task_options options = {.stack_size = strtoul(args[0], NULL, 10)};
    struct sley_task_options named = {.stack_size = options.stack_size, .name = "the culprit"};
    struct sley_task *task;

    for (int i = 0; i < 40; i++)
        CHECK(sley_spawn(neighbour, NULL, &options, NULL) == 0, "spawn");
    sley_sleep(SLEY_MILLISECONDS(1));
    if (strcmp(args[1], "large") == 0)
        CHECK(sley_spawn(overflow_large, NULL, &options, &task) == 0, "spawn"); /* LARGE */
    else if (strcmp(args[1], "generator") == 0)
        CHECK(sley_spawn(overflow_generator, &options.stack_size, NULL, &task) == 0, "spawn");
    else
        CHECK(sley_spawn(overflow_small, NULL, &named, &task) == 0, "spawn"); /* SMALL */
    return sley_join(task, NULL);
}

static int child(int argc, char **argv)
{
    const char *args[] = {argv[2], argc > 3 ? argv[3] : "small"};
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    sley_run(spawn_culprit, args, NULL);
    return 0;
}

/* --- the parent ----------------------------------------------------------------------------- */

/* Runs the child with stderr on a pipe; what it wrote goes to `text`. Its wait status. */
static int run_child(const char *self, const char *size, const char *way, char *text, size_t room)
{
    char *args[] = {(char *)(uintptr_t)self, (char *)(uintptr_t) "child", (char *)(uintptr_t)size,
                    (char *)(uintptr_t)way, NULL};
    posix_spawn_file_actions_t actions;
    size_t length = 0;
    int ends[2], status;
    ssize_t n;
    pid_t pid;

    CHECK(pipe(ends) == 0, "pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    CHECK(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, environ) == 0, "posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    while (length < room - 1 && (n = read(ends[0], text + length, room - 1 - length)) > 0)
        length += (size_t)n;
    text[length] = '\0';
    close(ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    return status;
}

static void expect(const char *text, const char *what, const char *size, const char *way)
{
    CHECK(strstr(text, what), "class %s, %s frames: no \"%s\" in what it wrote:\n%s", size, way,
          what, text);
}

static void overflow(const char *self, size_t bytes, const char *way, const char *culprit)
{
    char size[24], text[4096];
    int status;

    snprintf(size, sizeof size, "%zu", bytes);
    status = run_child(self, size, way, text, sizeof text);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
          "class %s, %s frames: wait status %#x, not death by SIGSEGV; it wrote:\n%s", size, way,
          (unsigned)status, text);
    expect(text, "sley: stack overflow in task", size, way);
    expect(text, culprit, size, way);
    expect(text, "stack_overflow.c:", size, way);
    stress_alive();
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "child") == 0) {
        stress.program = "stack_overflow, child";
        return child(argc, argv);
    }
    stress_begin(argc, argv);
    for (size_t i = 0; i < SIZES; i++) {
        overflow(argv[0], sizes[i], "small", "\"the culprit\"");
        overflow(argv[0], sizes[i], "large", "\"overflow_large\"");
        overflow(argv[0], sizes[i], "generator", "in generator \"overflow_in_body\", made at ");
    }
    return stress_end();
}
