/*
 * fetch_command.h: the command "sley-fetch get".
 */
#ifndef SLEY_APPS_FETCH_COMMAND_H
#define SLEY_APPS_FETCH_COMMAND_H

#include "manual.h"

extern const struct manual fetch_manual;

/* Reads the arguments after "get" and does it all. Returns the exit status. */
int fetch_command(int argc, char **argv);

#endif
