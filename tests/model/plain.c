/*
 * plain.c: where the compiler's instrumentation arrives.
 *
 * Production code and models are compiled with -fsanitize=thread, which puts a call before every
 * access to memory that another thread could know of, but are not linked with ThreadSanitizer: the
 * calls come here. So plain accesses are judged by the same clocks as the atomics. Functions marked
 * MODEL_GHOST are not instrumented.
 *
 * Bulk operations of the C library come here by renames.h.
 */
#include "coroutine.h"
#include "engine.h"
#include "heap.h"
#include "memory.h"

#include <string.h>

static inline void access(const void *address, size_t size, bool write, const void *pc)
{
    if (unlikely(heap_is_freed(address, size)))
        engine_fail("plain %s of memory that has been given back, at %p", write ? "write" : "read",
                    address);
    if (engine_checks_plain && size && !coroutine_is_private(address))
        memory_plain(engine_thread(), address, size, write, pc);
}

#define PC __builtin_return_address(0)

/* The names are the compiler's. */
#define HOOKS(n)                             \
    void __tsan_read##n(void *address);      \
    void __tsan_read##n(void *address)       \
    {                                        \
        access(address, n, false, PC);       \
    }                                        \
    void __tsan_write##n(void *address);     \
    void __tsan_write##n(void *address)      \
    {                                        \
        access(address, n, true, PC);        \
    }                                        \
    void __tsan_unaligned_read##n(void *a);  \
    void __tsan_unaligned_read##n(void *a)   \
    {                                        \
        access(a, n, false, PC);             \
    }                                        \
    void __tsan_unaligned_write##n(void *a); \
    void __tsan_unaligned_write##n(void *a)  \
    {                                        \
        access(a, n, true, PC);              \
    }                                        \
    void __tsan_read_write##n(void *a);      \
    void __tsan_read_write##n(void *a)       \
    {                                        \
        access(a, n, false, PC);             \
        access(a, n, true, PC);              \
    }
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

void __tsan_read_range(void *address, size_t size);
void __tsan_read_range(void *address, size_t size)
{
    access(address, size, false, PC);
}

void __tsan_write_range(void *address, size_t size);
void __tsan_write_range(void *address, size_t size)
{
    access(address, size, true, PC);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc);
void __tsan_func_entry(UNUSED void *pc)
{
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

/* --- bulk; clang calls these by names of its own --- */

void *model_memset(void *to, int byte, size_t size);
void *model_memset(void *to, int byte, size_t size)
{
    access(to, size, true, PC);
    return memset(to, byte, size);
}

void *model_memcpy(void *restrict to, const void *restrict from, size_t size);
void *model_memcpy(void *restrict to, const void *restrict from, size_t size)
{
    access(from, size, false, PC);
    access(to, size, true, PC);
    return memcpy(to, from, size);
}

void *model_memmove(void *to, const void *from, size_t size);
void *model_memmove(void *to, const void *from, size_t size)
{
    access(from, size, false, PC);
    access(to, size, true, PC);
    return memmove(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size) __attribute__((alias("model_memset")));
void *__tsan_memcpy(void *to, const void *from, size_t size) __attribute__((alias("model_memcpy")));
void *__tsan_memmove(void *to, const void *from, size_t size)
    __attribute__((alias("model_memmove")));
