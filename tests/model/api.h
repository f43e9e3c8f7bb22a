/*
 * api.h: what an execution keeps for models beside the engine. Inside the model checker.
 */
#ifndef SLEY_MODEL_API_H
#define SLEY_MODEL_API_H

#include <stdbool.h>

/* A new execution. */
void api_reset(void);

/* A new exploration: from here on outcomes are collected. */
void api_collect(void);

/* Prints those of all executions since, of which api_keep() was told that they passed. */
void api_keep(void);
void api_print(void);

/* Whether the execution has called model_outcome with this name. */
bool api_saw(const char *outcome);

#endif
