/*
 * table.h: the models that were linked. Inside the model checker.
 */
#ifndef SLEY_MODEL_TABLE_H
#define SLEY_MODEL_TABLE_H

#include "model.h"

/* All of them by name; *count. */
const struct model *const *table_models(size_t *count);

/* By the first `length` bytes of `name`; NULL: there is none. */
const struct model *table_find(const char *name, size_t length);

#endif
