/*
 * table.c: the models that were linked: MODEL() puts a pointer to each in a section of its own,
 * whose ends the linker names. So a model is added by adding its file, nothing else.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

extern const struct model *__start_sley_models[], *__stop_sley_models[];

static const struct model **sorted;

static int by_name(const void *a, const void *b)
{
    const struct model *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

const struct model *const *table_models(size_t *count)
{
    *count = (size_t)(__stop_sley_models - __start_sley_models);
    if (!sorted) {
        sorted = malloc(*count * sizeof(struct model *));
        if (!sorted)
            abort();
        memcpy(sorted, __start_sley_models, *count * sizeof(struct model *));
        qsort(sorted, *count, sizeof *sorted, by_name);
    }
    return sorted;
}

const struct model *table_find(const char *name, size_t length)
{
    size_t count;
    const struct model *const *models = table_models(&count);

    for (size_t i = 0; i < count; i++)
        if (strlen(models[i]->name) == length && strncmp(models[i]->name, name, length) == 0)
            return models[i];
    return NULL;
}
