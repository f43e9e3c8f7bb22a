/*
 * load_rig.c: a server of ours and the program that loads it.
 *
 * The load is a process of its own, so what it costs is not in the server's figures, and the server
 * waits for it as for any other program; it is looked for where sley-bench itself is.
 *
 * With one worker the whole server, its I/O thread included, has one processor and the load the
 * next one. So it is for every peer: a server that may spread over two processors is not compared
 * with one that may not.
 */
#define _GNU_SOURCE
#include "load_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sley/process.h>

#include "machine.h"

enum { DECLINED = 3, OUTPUT = 1 << 16 };

static const char program[] = "sley-bench-load";

/* Where sley-bench is, there it is too. */
static int find_program(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - sizeof program);
    char *slash;
    if (length <= 0)
        return bench_error("cannot tell where I am");
    path[length] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return bench_error("cannot tell where I am");
    strcpy(slash + 1, program);
    return 0;
}

/* The value behind `name` at the beginning of a line. */
static bool find_value(const char *output, const char *name, double *value)
{
    size_t length = strlen(name);
    for (const char *line = output; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            *value = strtod(line + length, NULL);
            return true;
        }
    }
    return false;
}

static int read_figures(const struct load_rig *rig, const char *output)
{
    const struct bench_metric *metric = rig->work->metrics;
    for (size_t i = 0; metric[i].name; i++)
        if (!find_value(output, metric[i].name, &rig->values[i]))
            return bench_error("%s does not say %s", program, metric[i].name);
    return 0;
}

/* What its end means, and its last words. */
static int judge(const struct load_rig *rig, struct sley_process_result *result)
{
    if (result->status.code == 0)
        return read_figures(rig, result->output);
    if (result->error_size && result->error[result->error_size - 1] == '\n')
        result->error[result->error_size - 1] = '\0';
    bench_error("%s", result->error_size ? result->error : "the load has crashed");
    return result->status.code == DECLINED ? BENCH_SKIPPED : BENCH_FAILED;
}

int load_rig_load(struct load_rig *rig, int port)
{
    char path[4096], port_text[16], pid[16], cpu[16], size[24];
    const char *argv[] = {path, rig->row, port_text, pid, cpu, NULL, NULL, NULL, NULL}, **next;
    struct sley_process_result result;
    int status = find_program(path, sizeof path);
    if (status)
        return status;
    snprintf(port_text, sizeof port_text, "%d", port);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    snprintf(cpu, sizeof cpu, "%d", rig->cpu);
    snprintf(size, sizeof size, "%zu", rig->setup->size);
    next = &argv[5];
    if (rig->setup->quick)
        *next++ = "--quick";
    if (rig->setup->size) {
        *next++ = "--size";
        *next++ = size;
    }
    status = sley_process_run(argv, NULL, NULL, 0, OUTPUT, &result);
    if (status)
        return bench_error("%s: %s", path, sley_strerror(status));
    status = judge(rig, &result);
    sley_process_result_free(&result);
    return status;
}

int load_rig_run(struct load_rig *rig, sley_task_fn *serve)
{
    int error = machine_confine(rig->setup->workers, &rig->cpu);
    if (error)
        return bench_error("cannot keep to %u processors: %s", rig->setup->workers,
                           strerror(-error));
    return bench_on_tasks(rig->setup, serve, rig);
}

/* --- helpers ---------------------------------------------------------------------------------- */

static _Noreturn void become_helper(const char *path, const char *mode, int input, int output)
{
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0)
        execl(path, path, mode, (char *)NULL);
    _exit(127);
}

/* The number in its first line; 0 if there is none. */
static int read_port(int output)
{
    char line[16] = {0};
    size_t size = 0;
    while (size < sizeof line - 1 && !strchr(line, '\n')) {
        ssize_t got = read(output, line + size, sizeof line - 1 - size);
        if (got <= 0)
            return 0;
        size += (size_t)got;
    }
    return atoi(line);
}

int load_helper_start(const char *mode, struct load_helper *helper)
{
    char path[4096];
    int in[2], out[2], status = find_program(path, sizeof path);
    if (status)
        return status;
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        return bench_error("no pipe");
    helper->process = fork();
    if (helper->process == 0)
        become_helper(path, mode, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    helper->input = in[1];
    helper->port = helper->process > 0 ? read_port(out[0]) : 0;
    close(out[0]);
    if (helper->port > 0)
        return 0;
    load_helper_stop(helper);
    return bench_error("%s %s does not start", path, mode);
}

void load_helper_stop(struct load_helper *helper)
{
    close(helper->input);
    if (helper->process > 0)
        waitpid(helper->process, NULL, 0);
}
