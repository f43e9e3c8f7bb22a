/*
 * coroutine.h: flows of control on one kernel thread. Inside the model checker.
 */
#ifndef SLEY_MODEL_COROUTINE_H
#define SLEY_MODEL_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>

enum { COROUTINE_TLS_MAX = 256 };

/* {0} is one without a stack: the one that calls coroutine_switch() first. */
struct coroutine {
    void *sp; /* while it does not run */
    char *stack;
    void *(*fn)(void *);
    void *arg;
    void (*end)(void);
    int error;                   /* errno, while it does not run */
    char tls[COROUTINE_TLS_MAX]; /* the program's thread-locals, likewise */
};

/* Makes it call fn(arg) and then end(), which must not return, on its stack, from the beginning.
 * What it did before is forgotten. */
void coroutine_prepare(struct coroutine *coroutine, void *(*fn)(void *), void *arg,
                       void (*end)(void));

/* From the running one, which is `from`, to another. Returns when somebody switches back. */
void coroutine_switch(struct coroutine *from, struct coroutine *to);

/* Whether each coroutine has its own at this address: thread-locals and errno. */
bool coroutine_is_private(const void *address);

#endif
