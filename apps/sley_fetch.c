/*
 * sley_fetch.c: the program sley-fetch.
 *
 * Its first argument is a command; there is one so far, "flags". Each command has its own file,
 * options and --help; here is only what is the same for all of them.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sley/version.h>

#include "flags_command.h"
#include "options.h"

static void print_help(void)
{
    printf("Usage: %s COMMAND [ARGUMENT...]\n\n"
           "  flags         download the flags of countries\n\n"
           "  -h, --help    show this and exit\n"
           "  -V, --version show the version and exit\n\n"
           "%s COMMAND --help tells more.\n",
           FETCH_PROGRAM, FETCH_PROGRAM);
}

/* A write that fails because a pipe has no reader (SIGPIPE) or a file may not grow (SIGXFSZ) is an
 * error of that write, not the end of the program. */
static void ignore_write_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : NULL;

    setlocale(LC_CTYPE, "");
    ignore_write_signals();
    if (!command)
        return opt_error(FETCH_PROGRAM, "what is to be done? flags, for example");
    if (strcmp(command, "flags") == 0)
        return flags_command(argc - 2, argv + 2);
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        print_help();
        return EXIT_DONE;
    }
    if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
        printf("%s %s\n", FETCH_PROGRAM, sley_version());
        return EXIT_DONE;
    }
    if (command[0] == '-')
        return opt_error(FETCH_PROGRAM, "unknown option %s", command);
    return opt_error(FETCH_PROGRAM, "unknown command %s", command);
}
