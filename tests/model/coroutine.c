/*
 * coroutine.c: flows of control on one kernel thread.
 *
 * Code that is run may switch stacks itself, as tasks do: what is saved is the stack pointer,
 * wherever it stands. Thread-locals (worker.c has one) are exchanged at each switch: the program's
 * block of them as a whole, which the loader says the place of, so production code needs no change.
 * So is errno, because a task keeps the address of its carrier's.
 */
#define _GNU_SOURCE 1

#include "coroutine.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, STACK_SIZE = 256 * 1024 };

void model__switch(void **save, void *load); /* switch_x86_64.S */

/* The program's thread-locals: where, and what they are at first. */
static char *tls;
static const void *tls_image;
static size_t tls_size, tls_image_size;
static int *errno_place; /* NULL: none of this is known yet */

/* The one that runs. */
static struct coroutine *running;

static int note_tls(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type != PT_TLS || !info->dlpi_tls_data)
            continue;
        tls = info->dlpi_tls_data;
        tls_size = header->p_memsz;
        tls_image = (const void *)(info->dlpi_addr + header->p_vaddr);
        tls_image_size = header->p_filesz;
    }
    return 1; /* the first one is the program; libraries have their own */
}

static void look_around(void)
{
    dl_iterate_phdr(note_tls, NULL);
    errno_place = &errno;
    if (tls_size > COROUTINE_TLS_MAX) {
        fprintf(stderr, "model: %zu bytes of thread-locals, more than are kept\n", tls_size);
        abort();
    }
}

bool coroutine_is_private(const void *address)
{
    return (size_t)((const char *)address - tls) < tls_size || address == errno_place;
}

/* The base of every stack. */
static void base(void)
{
    running->fn(running->arg);
    running->end();
    abort();
}

/* With a page below that must not be touched. */
static char *new_stack(void)
{
    char *stack = mmap(NULL, STACK_SIZE + PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (stack == MAP_FAILED || mprotect(stack, PAGE, PROT_NONE) != 0)
        abort();
    return stack + PAGE;
}

void coroutine_prepare(struct coroutine *coroutine, void *(*fn)(void *), void *arg,
                       void (*end)(void))
{
    void **top;

    if (!errno_place)
        look_around();
    if (!coroutine->stack)
        coroutine->stack = new_stack();
    coroutine->fn = fn;
    coroutine->arg = arg;
    coroutine->end = end;
    coroutine->error = 0;
    if (tls_size) {
        memcpy(coroutine->tls, tls_image, tls_image_size);
        memset(coroutine->tls + tls_image_size, 0, tls_size - tls_image_size);
    }
    top = (void **)(void *)(coroutine->stack + STACK_SIZE);
    *--top = NULL; /* so that base() has the alignment of a called function */
    *--top = (void *)base;
    for (unsigned i = 0; i < 6; i++)
        *--top = NULL;
    coroutine->sp = top;
}

void coroutine_switch(struct coroutine *from, struct coroutine *to)
{
    if (tls_size) {
        memcpy(from->tls, tls, tls_size);
        memcpy(tls, to->tls, tls_size);
    }
    from->error = *errno_place;
    *errno_place = to->error;
    running = to;
    model__switch(&from->sp, to->sp);
}
