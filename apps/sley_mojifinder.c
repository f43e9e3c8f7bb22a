/*
 * sley_mojifinder.c: the program sley-mojifinder.
 *
 * Finds Unicode characters by the words of their names: for people with telnet or nc (tcp), for
 * browsers and curl (web), or right here on the command line (find). The index is built before
 * anything listens, so nobody ever waits for it.
 *
 * The main task starts the server, says where it is and parks until Ctrl-C; then requests that are
 * under way may finish, for a while.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

#include "console.h"
#include "interrupts.h"
#include "manual.h"
#include "moji_index.h"
#include "moji_log.h"
#include "moji_tcp.h"
#include "moji_web.h"
#include "options.h"

#define PROGRAM  "sley-mojifinder"
#define TCP_PORT 2323
#define WEB_PORT 8000
#define GRACE    SLEY_SECONDS(5)
/* Of tcp: a session that waits for its client's next line would use up all of it, each time. */
#define TCP_GRACE SLEY_MILLISECONDS(500)

enum { PORT, ADDRESS, CONNECTIONS, IDLE, QUIET, HELP, VERSION };

static const struct opt table[] = {
    [PORT] = {"port", 'p', "PORT", "where to listen (tcp: 2323, web: 8000; 0: a free one)"},
    [ADDRESS] = {"address", 'a', "ADDRESS", "numeric address to listen on (127.0.0.1)"},
    [CONNECTIONS] = {"max-connections", 'c', "N", "open at once; more have to wait (1000)"},
    [IDLE] = {"idle", 'i', "SECONDS",
              "who says or takes nothing for so long is disconnected (300)"},
    [QUIET] = {"quiet", 'q', NULL, "do not print who asks what"},
    [HELP] = {"help", 'h', NULL, "show this and exit"},
    [VERSION] = {"version", 'V', NULL, "show the version and exit"},
    {0},
};

enum command { TCP, WEB, FIND };

struct setup {
    enum command command;
    const char *address;
    long port, connections;
    int64_t idle;
    bool quiet;
    char query[MOJI_QUERY_MAX + 1];
};

/* What the main task works with. */
struct program {
    struct setup setup;
    struct moji_index *index;
    struct moji_log log;
    struct interrupts interrupts;
};

static const struct manual manual = {
    .name = PROGRAM,
    .summary = "find Unicode characters by the words of their names",
    .usage = "tcp|web [OPTION...]\nfind WORD...",
    .about = "Finds Unicode characters by the words of their names.\n\n"
             "  tcp   serves people: telnet localhost 2323\n"
             "  web   serves a page, and JSON: curl 'localhost:8000/search?q=cat+face'\n"
             "  find  prints what is found and ends",
    .table = table,
    .notes =
        "Ctrl-C lets requests finish, web for at most 5 s, tcp for half a second; a second Ctrl-C\n"
        "does not wait. Exit status: 0, 1 when it cannot serve or finds nothing, 2 for a wrong\n"
        "command line.",
    .words = "tcp web find",
};

/* --- the command line ----------------------------------------------------------------------- */

static bool take_command(struct setup *setup, const char *word)
{
    static const char *const names[] = {[TCP] = "tcp", [WEB] = "web", [FIND] = "find"};

    for (int i = TCP; i <= FIND; i++)
        if (strcmp(word, names[i]) == 0) {
            setup->command = (enum command)i;
            return true;
        }
    opt_error(PROGRAM, "what is '%s'? tcp, web or find", word);
    return false;
}

/* A word to be found. */
static bool take_word(struct setup *setup, const char *word)
{
    size_t length = strlen(setup->query);

    if (setup->command != FIND) {
        opt_error(PROGRAM, "what is '%s'? Words go behind find", word);
        return false;
    }
    if (length + 1 + strlen(word) > MOJI_QUERY_MAX) {
        opt_error(PROGRAM, "more than %d bytes to be found", MOJI_QUERY_MAX);
        return false;
    }
    snprintf(setup->query + length, sizeof setup->query - length, "%s%s", length ? " " : "", word);
    return true;
}

static bool take_option(const struct opt_scan *scan, struct setup *setup, int option, char *value)
{
    switch (option) {
    case PORT:
        return opt_integer(scan, "port", value, 0, 65535, &setup->port);
    case ADDRESS:
        setup->address = value;
        return opt_address(scan, "address", value);
    case CONNECTIONS:
        return opt_integer(scan, "max-connections", value, 1, 100000, &setup->connections);
    case IDLE:
        return opt_duration(scan, "idle", value, &setup->idle);
    case QUIET:
        return setup->quiet = true;
    default:
        return false;
    }
}

/* Whether all together makes sense. */
static bool check_setup(const struct setup *setup)
{
    if (setup->command == FIND && !setup->query[strspn(setup->query, " -")]) {
        opt_error(PROGRAM, "what is to be found? find cat face, for example");
        return false;
    }
    if (moji_query_check(setup->query, strlen(setup->query)) != 0) {
        opt_error(PROGRAM, "what is to be found is not UTF-8, or has control characters in it");
        return false;
    }
    if (setup->idle <= 0) {
        opt_error(PROGRAM, "--idle: there must be some time");
        return false;
    }
    return true;
}

/* Returns true to go on, else *status is what to exit with. */
static bool read_command_line(int argc, char **argv, struct setup *setup, int *status)
{
    struct opt_scan scan = {.program = PROGRAM, .table = table, .argc = argc - 1, .argv = argv + 1};
    bool commanded = false;
    char *value;
    int option;

    *status = EXIT_USAGE;
    while ((option = opt_next(&scan, &value)) != OPT_END) {
        if (option == HELP || option == VERSION) {
            *status = manual_answer(&manual, option == HELP);
            return false;
        }
        if (option == OPT_ARGUMENT) {
            if (!(commanded ? take_word(setup, value) : take_command(setup, value)))
                return false;
            commanded = true;
        } else if (option < 0 || !take_option(&scan, setup, option, value)) {
            return false;
        }
    }
    if (!commanded)
        opt_error(PROGRAM, "what is to be done? tcp, web or find");
    return commanded && check_setup(setup);
}

/* --- serving -------------------------------------------------------------------------------- */

/* For interrupts_handle(). */
static void wake(void *task)
{
    sley_unpark(task);
}

static void wait_for_interrupt(struct interrupts *interrupts)
{
    interrupts_handle(interrupts, wake, sley_self());
    while (!interrupts_arrived(interrupts) && sley_park("Ctrl-C") == 0)
        continue;
    interrupts_handle(interrupts, NULL, NULL);
}

static const char *address_of(const struct setup *setup)
{
    return setup->address ? setup->address : "127.0.0.1";
}

static int cannot_listen(const struct setup *setup, int error)
{
    fprintf(stderr, "%s: cannot listen on %s, port %ld: %s\n", PROGRAM, address_of(setup),
            setup->port, sley_strerror(error));
    return EXIT_SOME_FAILED;
}

/* Where it is, then nothing but the log. */
static void tell_where(const struct setup *setup, int port)
{
    bool v6 = strchr(address_of(setup), ':') != NULL;
    struct text text = {0};

    if (setup->command == WEB)
        text_add(&text, "http://%s%s%s:%d/\n", v6 ? "[" : "", address_of(setup), v6 ? "]" : "",
                 port);
    else
        text_add(&text, "telnet %s %d\n", address_of(setup), port);
    text_add(&text, "Press Ctrl-C to stop.\n");
    console_write(1, &text);
    text_free(&text);
}

static int serve_web(struct program *program)
{
    const struct setup *setup = &program->setup;
    struct moji_web web = {program->index, &program->log};
    struct sley_httpd *httpd;
    int error = moji_web_start(&web,
                               &(struct sley_httpd_options){
                                   .address = setup->address,
                                   .port = (uint16_t)setup->port,
                                   .max_connections = (unsigned)setup->connections,
                                   .connection_timeout = setup->idle,
                                   .max_body = 1,
                               },
                               &httpd);

    if (error)
        return cannot_listen(setup, error);
    tell_where(setup, sley_httpd_port(httpd));
    wait_for_interrupt(&program->interrupts);
    SLEY_WITH_DEADLINE(sley_after(GRACE))
    {
        sley_httpd_stop(httpd);
    }
    sley_httpd_free(httpd);
    return EXIT_DONE;
}

static int serve_tcp(struct program *program)
{
    const struct setup *setup = &program->setup;
    struct moji_tcp *server;
    int error =
        moji_tcp_start(&(struct moji_tcp_options){.index = program->index,
                                                  .log = &program->log,
                                                  .address = address_of(setup),
                                                  .port = (int)setup->port,
                                                  .connections = (unsigned)setup->connections,
                                                  .idle = setup->idle,
                                                  .grace = TCP_GRACE},
                       &server);

    if (error)
        return cannot_listen(setup, error);
    tell_where(setup, moji_tcp_port(server));
    wait_for_interrupt(&program->interrupts);
    moji_tcp_stop(server);
    return EXIT_DONE;
}

/* The main task. */
static int serve(void *arg)
{
    struct program *program = arg;
    int status = interrupts_start(&program->interrupts);

    if (!status)
        status = moji_log_start(&program->log, program->setup.quiet);
    if (status)
        return status;
    status = program->setup.command == WEB ? serve_web(program) : serve_tcp(program);
    moji_log_stop(&program->log);
    interrupts_stop(&program->interrupts);
    return status;
}

static int run_server(struct program *program)
{
    int status = sley_run(serve, program, NULL);

    if (status < 0)
        opt_start_error(PROGRAM, status);
    return status < 0 ? EXIT_SOME_FAILED : status;
}

/* --- finding right here --------------------------------------------------------------------- */

static int find(const struct program *program)
{
    struct moji_found found;
    bool written;
    size_t count;

    if (moji_search(program->index, program->setup.query, &found) != 0) {
        fprintf(stderr, "%s: no memory for what was found\n", PROGRAM);
        return EXIT_SOME_FAILED;
    }
    for (size_t i = 0; i < found.count; i++) {
        uint32_t code = moji_code(program->index, found.characters[i]);
        char text[5];
        moji_utf8(code, text);
        printf("U+%04X\t%s\t%s\n", code, text, moji_name(program->index, found.characters[i]));
    }
    count = found.count;
    moji_found_free(&found);
    written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written)
        fprintf(stderr, "%s: cannot write what was found\n", PROGRAM);
    return written && count > 0 ? EXIT_DONE : EXIT_SOME_FAILED;
}

int main(int argc, char **argv)
{
    struct program program = {
        .setup = {.port = -1, .connections = 1000, .idle = SLEY_SECONDS(300)}};
    int status;

    signal(SIGPIPE, SIG_IGN);
    if (manual_generate(&manual, argc, argv, &status) ||
        !read_command_line(argc, argv, &program.setup, &status))
        return status;
    if (program.setup.port < 0)
        program.setup.port = program.setup.command == WEB ? WEB_PORT : TCP_PORT;
    if (!(program.index = moji_index_new())) {
        fprintf(stderr, "%s: no memory for the index\n", PROGRAM);
        return EXIT_SOME_FAILED;
    }
    status = program.setup.command == FIND ? find(&program) : run_server(&program);
    moji_index_free(program.index);
    return status;
}
