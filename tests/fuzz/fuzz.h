/*
 * fuzz.h: what the fuzz targets share: inputs as tasks, and the input as a source of decisions.
 *
 * One runtime with one worker for all inputs: starting one takes longer than most inputs do.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sley/sley.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what is wrong and ends the process, which is what the fuzzer looks for. */
#define must(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

struct input {
    const uint8_t *data;
    size_t size;
};

/* The next byte of the input, 0 behind its end. */
static inline unsigned next_byte(struct input *input)
{
    if (!input->size)
        return 0;
    input->size--;
    return *input->data++;
}

/* Runs fn(input) as a task and waits for it. */
static inline void fuzz_as_task(sley_task_fn *fn, struct input *input)
{
    static struct sley_runtime *runtime;
    struct sley_options options = {.workers = 1, .unpinned = true, .no_fault_handler = true};
    struct sley_task *task;

    if (!runtime)
        must(sley_runtime_new(&options, &runtime) == 0);
    must(sley_runtime_spawn(runtime, fn, input, NULL, &task) == 0);
    must(sley_join(task, NULL) == 0);
}

#endif
