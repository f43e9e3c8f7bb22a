/*
 * programs.c: random programs of atomic operations, for axioms.py.
 *
 * Each variant is a program of two or three threads with two to four operations on two words, made
 * from its number. What an execution read, and what was left in the words, is an outcome; axioms.py
 * compares the outcomes of an unbounded exploration with those that the axioms of the memory model
 * allow. So the two have to be wrong in the same way not to be found out.
 *
 * An outcome is text: "KIND,WORD ... | KIND,WORD ... = VALUE ... = LAST LAST".
 */
#include "model.h"
#include "platform.h"

#include <stdio.h>
#include <string.h>

enum { PROGRAMS = 80, THREADS = 3, OPERATIONS = 4, WORDS = 2, OUTCOMES = 4096, TEXT = 128 };

/* axioms.py has the same list. */
enum kind {
    LOAD_RELAXED,
    LOAD_ACQUIRE,
    STORE_RELAXED,
    STORE_RELEASE,
    ADD_RELAXED, /* 32 */
    EXCHANGE_ACQ_REL,
    EXCHANGE_SEQ_CST,
    FENCE_ACQUIRE,
    FENCE_RELEASE,
    FENCE_SEQ_CST,
    KINDS,
};

struct operation {
    enum kind kind;
    unsigned word;
};

static struct operation program[THREADS][OPERATIONS];
static unsigned threads, length;
static atomic(uint32_t) words[WORDS];
static uint32_t values[THREADS][OPERATIONS]; /* what each operation read */

static char outcomes[OUTCOMES][TEXT]; /* seen, of any variant: they live as long as the process */
static unsigned outcome_count;

static MODEL_GHOST void write_program(void)
{
    uint64_t random = sley__hash64(model_variant() * UINT64_C(0x9e3779b97f4a7c15) + 1);

    threads = 2 + (unsigned)(random % 2);
    length = threads == 2 ? 2 + (unsigned)(random / 2 % 3) : 2 + (unsigned)(random / 2 % 2);
    for (unsigned t = 0; t < threads; t++)
        for (unsigned i = 0; i < length; i++) {
            random = sley__hash64(random + 1);
            program[t][i].kind = (enum kind)(random % KINDS);
            program[t][i].word = (unsigned)(random / KINDS % WORDS);
        }
}

static void setup(void)
{
    write_program();
    for (unsigned i = 0; i < WORDS; i++)
        store_relaxed(&words[i], 0);
    memset(values, 0, sizeof values);
}

/* One operation; what it reads, or 0. `mine` is the value to be stored. */
static uint32_t operate(struct operation operation, uint32_t mine)
{
    atomic(uint32_t) *word = &words[operation.word];

    switch (operation.kind) {
    case LOAD_RELAXED:
        return load_relaxed(word);
    case LOAD_ACQUIRE:
        return load_acquire(word);
    case STORE_RELAXED:
        store_relaxed(word, mine);
        return 0;
    case STORE_RELEASE:
        store_release(word, mine);
        return 0;
    case ADD_RELAXED:
        return fetch_add_relaxed(word, 32);
    case EXCHANGE_ACQ_REL:
        return exchange_acq_rel(word, mine);
    case EXCHANGE_SEQ_CST:
        return exchange_seq_cst(word, mine);
    case FENCE_ACQUIRE:
        fence_acquire();
        return 0;
    case FENCE_RELEASE:
        fence_release();
        return 0;
    case FENCE_SEQ_CST:
        fence_seq_cst();
        return 0;
    case KINDS:
        break;
    }
    model_assert(false, "kind %d", (int)operation.kind);
}

static void body(unsigned thread)
{
    if (thread >= threads)
        return;
    for (unsigned i = 0; i < length; i++)
        values[thread][i] = operate(program[thread][i], thread * 8 + i + 1);
}

/* The same text is the same string. */
static MODEL_GHOST const char *intern(const char *text)
{
    for (unsigned i = outcome_count; i-- > 0;)
        if (strcmp(outcomes[i], text) == 0)
            return outcomes[i];
    model_assert(outcome_count < OUTCOMES, "OUTCOMES is too small");
    return strcpy(outcomes[outcome_count++], text);
}

static MODEL_GHOST void verify(void)
{
    char text[TEXT];
    int n = 0;

    for (unsigned t = 0; t < threads; t++) {
        if (t)
            n += sprintf(text + n, "| ");
        for (unsigned i = 0; i < length; i++)
            n += sprintf(text + n, "%d,%u ", (int)program[t][i].kind, program[t][i].word);
    }
    n += sprintf(text + n, "=");
    for (unsigned t = 0; t < threads; t++)
        for (unsigned i = 0; i < length; i++)
            n += sprintf(text + n, " %u", values[t][i]);
    sprintf(text + n, " = %u %u", words[0], words[1]);
    model_outcome(intern(text));
}

MODEL(litmus_programs, .about = "random programs; axioms.py says what they may do",
      .threads = THREADS, .setup = setup, .body = {body}, .verify = verify, .variants = PROGRAMS);
