/*
 * mutex.c: a mutex that nobody else wants: what each operation of a structure that might be shared
 * pays for the case that it is.
 */
#include "gate.h"

#include <sley/sync.h>

const char gate_operation[] = "a lock and an unlock of a mutex that is free";

int gate_work(size_t count)
{
    static struct sley_mutex mutex = SLEY_MUTEX_INIT;
    static volatile size_t shared;

    for (; count > 0; count--) {
        if (sley_mutex_lock(&mutex) != 0)
            return 1;
        shared++;
        sley_mutex_unlock(&mutex);
    }
    return 0;
}
