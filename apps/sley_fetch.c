/*
 * sley_fetch.c: the program sley-fetch.
 *
 * Its first argument is a command, "get" or "flags". Each command has its own files, options and
 * --help; here is only what is the same for all of them.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "fetch_command.h"
#include "flags_command.h"
#include "manual.h"
#include "options.h"

static const struct opt table[] = {
    {"help", 'h', NULL, "show this and exit; of a command behind its name"},
    {"version", 'V', NULL, "show the version and exit"},
    {0},
};

static const struct manual *const commands[] = {&fetch_manual, &flags_manual, NULL};

static const struct manual manual = {
    .name = FETCH_PROGRAM,
    .summary = "download many files at once",
    .usage = "COMMAND [ARGUMENT...]",
    .about = "Downloads files, each complete under its name or not there at all.",
    .table = table,
    .commands = commands,
};

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
    int status;

    setlocale(LC_CTYPE, "");
    console_take_places();
    ignore_write_signals();
    if (manual_generate(&manual, argc, argv, &status))
        return status;
    if (!command)
        return opt_error(FETCH_PROGRAM, "what is to be done? get or flags");
    if (strcmp(command, "get") == 0)
        return fetch_command(argc - 2, argv + 2);
    if (strcmp(command, "flags") == 0)
        return flags_command(argc - 2, argv + 2);
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
        return manual_answer(&manual, true);
    if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0)
        return manual_answer(&manual, false);
    if (command[0] == '-')
        return opt_error(FETCH_PROGRAM, "unknown option %s", command);
    return opt_error(FETCH_PROGRAM, "unknown command %s", command);
}
