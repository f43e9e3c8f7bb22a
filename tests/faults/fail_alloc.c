/*
 * fail_alloc.c: SLEY_FAIL_ALLOC in the hostile build: the n-th allocation fails, for every n.
 *
 * nth_call.c fails calls to the system below sched, by the linker. This one asks the library
 * itself, so it needs nothing but the environment, reaches io too, and finds what any other program
 * finds that is run with the same setting. Each n has a process of its own, in which tasks are
 * spawned, a thread is called, and a client fetches from a server; n by n until a run in which no
 * allocation is left to fail, then the same with all later ones failing too. Whatever n is: no
 * crash, no hang, and an error only of a kind that the contracts allow. Skipped in other builds.
 */
#define _GNU_SOURCE 1

#include "stress/stress.h"

#ifdef SLEY_HOSTILE

#include <sley/blocking.h>
#include <sley/http.h>
#include <sley/httpd.h>
#include <sley/tcp.h>

#include <errno.h>
#include <sys/wait.h>

/* --- what is done ---------------------------------------------------------------------------- */

/* An allocation that failed far away may show as a connection that breaks off. */
static void allow(int error, const char *what)
{
    CHECK(error >= 0 || error == SLEY_ENOMEM || error == SLEY_EAGAIN || error == SLEY_EPROTO ||
              error == SLEY_ECONNRESET || error == SLEY_ECONNREFUSED || error == SLEY_EOF ||
              error == SLEY_EPIPE,
          "%s: %s", what, sley_error_name(error));
}

static int wait_for_it(void *arg)
{
    (void)arg;
    return sley_park("a test");
}

static void crowd(void)
{
    enum { CROWD = 150 };
    struct sley_task *tasks[CROWD];

    for (int i = 0; i < CROWD; i++) {
        struct sley_task_options options = {.stack_size = i % 8 ? 0 : (size_t)1 << 20};
        int error = sley_spawn(wait_for_it, NULL, &options, &tasks[i]);

        allow(error, "spawn");
        if (error)
            tasks[i] = NULL;
    }
    sley_yield();
    for (int i = 0; i < CROWD; i++) {
        if (!tasks[i])
            continue;
        sley_unpark(tasks[i]);
        CHECK(sley_join(tasks[i], NULL) == 0, "join");
    }
}

static int in_thread(void *arg)
{
    return *(int *)arg;
}

static void call(void)
{
    int number = 42, result = 0, error = sley_to_thread(in_thread, &number, &result);

    allow(error, "to_thread");
    CHECK(error || result == 42, "the result is %d", result);
}

static int echo(void *arg)
{
    struct sley_stream *tcp;
    char byte;
    int error = sley_listener_accept(arg, &tcp);

    if (error)
        return error;
    error = sley_stream_read(tcp, &byte, 1);
    if (error == 1)
        error = sley_stream_write(tcp, &byte, 1, NULL);
    sley_stream_free(tcp);
    return error;
}

static void talk(struct sley_listener *listener)
{
    struct sley_stream *tcp;
    char byte = 'x';
    int error = sley_tcp_connect("localhost", sley_listener_port(listener), NULL, &tcp);

    allow(error, "connect");
    if (error)
        return;
    error = sley_stream_write(tcp, &byte, 1, NULL);
    allow(error, "write");
    allow(sley_stream_read(tcp, &byte, 1), "read");
    sley_stream_free(tcp);
}

static void sockets(void)
{
    struct sley_listener *listener;
    struct sley_task *task;
    int result, error = sley_tcp_listen("127.0.0.1:0", NULL, &listener);

    allow(error, "listen");
    if (error)
        return;
    error = sley_spawn(echo, listener, NULL, &task);
    allow(error, "spawn");
    if (!error) {
        talk(listener);
        sley_listener_close(listener);
        CHECK(sley_join(task, &result) == 0, "join");
    }
    sley_listener_free(listener);
}

static int answer(struct sley_httpd_request *request, struct sley_httpd_response *response,
                  void *arg)
{
    const char *path = sley_httpd_request_path(request);

    (void)arg;
    return sley_httpd_response_body_copy(response, path, strlen(path));
}

static void fetch(struct sley_http_client *client, int port)
{
    struct sley_http_response *response;
    char url[64];
    int error;

    snprintf(url, sizeof url, "http://127.0.0.1:%d/hello", port);
    error = sley_http_get(client, url, NULL, &response);
    allow(error, "get");
    if (error)
        return;
    CHECK(sley_http_response_status(response) != 200 ||
              strcmp(sley_http_response_body(response), "/hello") == 0,
          "it answered \"%s\"", sley_http_response_body(response));
    sley_http_response_free(response);
}

static void web(void)
{
    struct sley_httpd *server;
    struct sley_http_client *client;
    int error = sley_httpd_start(answer, NULL, NULL, &server);

    allow(error, "httpd");
    if (error)
        return;
    error = sley_http_client_new(NULL, &client);
    allow(error, "client");
    if (!error) {
        fetch(client, sley_httpd_port(server));
        sley_http_client_free(client);
    }
    sley_httpd_free(server);
}

static int everything(void *arg)
{
    (void)arg;
    crowd();
    call();
    sockets();
    web();
    return 42;
}

static int child(void)
{
    struct sley_options options = {.workers = 2};
    int result;

    alarm((unsigned)stress_patience());
    result = sley_run(everything, NULL, &options);
    if (result != 42)
        allow(result, "run");
    return 0;
}

/* --- for every n ----------------------------------------------------------------------------- */

static void fail_as(const char *wish, int status, const char *text)
{
    fprintf(stderr, "SLEY_FAIL_ALLOC=%s: ", wish);
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s\n",
                WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    else
        fprintf(stderr, "exit status %d\n", WEXITSTATUS(status));
    fputs(text, stderr);
    exit(1);
}

/* What it says on stderr, to its end. */
static void read_all(int fd, char *text, size_t size)
{
    size_t length = 0;
    ssize_t n;

    while (length < size - 1 && (n = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)n;
    text[length] = '\0';
}

/* False when no allocation was left to fail. */
static bool try_one(unsigned n, const char *more)
{
    char wish[16], text[4096];
    int ends[2], status;
    pid_t pid;

    snprintf(wish, sizeof wish, "%u%s", n, more);
    CHECK(pipe(ends) == 0, "pipe: %s", strerror(errno));
    pid = fork();
    CHECK(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        setenv("SLEY_FAIL_ALLOC", wish, 1);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "fail_alloc", "child", (char *)NULL);
        _exit(126);
    }
    close(ends[1]);
    read_all(ends[0], text, sizeof text);
    close(ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    if (status != 0)
        fail_as(wish, status, text);
    return strstr(text, " fails: ") != NULL;
}

int main(int argc, char **argv)
{
    static const char *const more[] = {"", "+"};

    stress.program = "fail_alloc";
    stress.scale = 1;
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return child();
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        unsigned n = 1;

        while (try_one(n, more[i]))
            n++;
        CHECK(n > 20, "only %u allocations: are they counted?", n - 1);
        printf("%u allocations%s\n", n - 1, *more[i] ? ", and later" : "");
    }
    return 0;
}
#else
int main(void)
{
    return STRESS_SKIPPED;
}
#endif
