/*
 * scope.c: a child of a scope, from its spawn until the scope is closed, in scopes of ten children.
 */
#include "gate.h"

#include <sley/scope.h>

const char gate_operation[] = "sley_scope_spawn(), the child's run and end, a tenth of the scope";

enum { CHILDREN = 10 };

static int sum;

static int one(void *arg)
{
    (void)arg;
    sum++;
    return 0;
}

int gate_work(size_t count)
{
    size_t done;

    sum = 0;
    for (done = 0; done + CHILDREN <= count; done += CHILDREN) {
        struct sley_scope scope;

        SLEY_SCOPE(&scope)
        for (int i = 0; i < CHILDREN; i++)
            if (sley_scope_spawn(&scope, one, NULL, NULL, NULL) != 0)
                return 1;
        if (scope.error)
            return 1;
    }
    return sum != (int)done;
}
