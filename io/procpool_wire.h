/*
 * procpool_wire.h: what the processes of a pool say to each other: the channel in shared memory,
 * the messages on sockets, the files for what is large. See procpool_ring.c and procpool_wire.c.
 *
 * Who is who:
 *
 *     program ---- zygote              forked once, before threads; forks a supervisor per pool
 *        |            |
 *        +------- supervisor           forks, kills and reaps the children of one pool
 *        |            |
 *        +--------- child, child...    each with a channel, which it shares with the program only
 *
 * "The program" is us. A child is believed nothing: see procpool_ring.c.
 */
#ifndef SLEY_PROCPOOL_WIRE_H
#define SLEY_PROCPOOL_WIRE_H

#include <signal.h>

#include "atomic.h"

#include <sley/procpool.h>

/* --- the channel ------------------------------------------------------------------------------ */

#if defined(SLEY_MODEL)
enum { SLEY__SLOTS = 2, SLEY__INLINE = 64 };
#elif defined(SLEY_HOSTILE)
enum { SLEY__SLOTS = 4, SLEY__INLINE = 64 };
#else
enum {
    SLEY__SLOTS = 32, /* jobs that a child can have at once: a few wake-ups' worth of short ones */
    SLEY__INLINE = 1024, /* bytes of input, and of result, that travel in the slot; more costs five
                            system calls */
};
#endif

/* The state of a slot, in the low bits of its word; above them the position that it belongs to, so
 * that a word says whether it is of this round of the ring, of the last one, or of the next. */
enum {
    SLEY__SLOT_FREE,
    SLEY__SLOT_QUEUED,  /* program: here is a job */
    SLEY__SLOT_TAKEN,   /* child: it runs */
    SLEY__SLOT_DONE,    /* child: it has returned */
    SLEY__SLOT_REVOKED, /* program: it runs elsewhere, or not at all; skip it */
    SLEY__SLOT_STATE = 7,
    SLEY__SLOT_SHIFT = 3,
};

struct sley__slot {
    ALIGN_LINE atomic(uint64_t) word; /* both; every change of it is by one of the rules above */

    /* Program, before QUEUED. */
    sley_job_fn *fn;    /* NULL: `work` instead, */
    sley_work_fn *work; /* whose result is its input, changed */
    uint64_t in_size;
    uint64_t in_offset; /* in the pool's input file; 0: `in` below */

    /* Child, before DONE. Atomic so that the program reads each once: what was checked is used. */
    atomic(int32_t) value;
    atomic(int32_t) error; /* 0, or SLEY_ENOMEM: no room for input or work */
    atomic(uint64_t) out_size;
    atomic(uint64_t) out_offset; /* in the channel's own file; 0: `out` below */

    ALIGN_LINE unsigned char in[SLEY__INLINE];
    ALIGN_LINE unsigned char out[SLEY__INLINE];
};

struct sley__channel {
    /* The child sleeps on `bell`. A duel: it sets `sleeping` and looks at its slot once more, the
     * program fills the slot and looks at `sleeping`. */
    ALIGN_LINE atomic(uint32_t) sleeping; /* child sets, program clears */
    atomic(uint32_t) bell;                /* program counts up */

    /* The program wants a write to the pool's eventfd at the next result. The same duel in the
     * other direction. */
    ALIGN_LINE atomic(uint32_t) armed; /* program sets, child clears */

    ALIGN_LINE atomic(uint32_t) quit; /* program: end when there is nothing left to do */

    struct sley__slot slots[SLEY__SLOTS];
};

/* Large results follow the channel in its file, each at a new place; so do large inputs in the
 * pool's input file. The files are sparse, and this is their size: a place is never used twice. */
#define SLEY__FILE_SIZE ((uint64_t)1 << 60)
#define SLEY__FILE_PAGE ((uint64_t)4096)
#define SLEY__FILE_DATA round_up(sizeof(struct sley__channel), 1 << 16)

static inline uint64_t sley__slot_word(uint64_t position, unsigned state)
{
    return position << SLEY__SLOT_SHIFT | state;
}

static inline struct sley__slot *sley__slot_at(struct sley__channel *channel, uint64_t position)
{
    return &channel->slots[position % SLEY__SLOTS];
}

/* --- its end in the child: procpool_take.c ---------------------------------------------------- */

struct sley__ring_end {
    struct sley__channel *channel;
    uint64_t position; /* of the job that it runs, or looks for */
    int64_t spin;      /* ns that the next spin may take */
};

void sley__ring_end_init(struct sley__ring_end *end, struct sley__channel *channel);

/* The next job, which is the child's from now on; waits for it. NULL: there is none left, and the
 * child is to quit. */
struct sley__slot *sley__ring_next(struct sley__ring_end *end);

/* Its result is in the slot. True: the program wants the bell of the pool to be rung. */
MUST_USE bool sley__ring_done(struct sley__ring_end *end);

/* --- what they share -------------------------------------------------------------------------- */

/* futex(2) on a word that several processes share. Any process. */
void sley__shared_wait(atomic(uint32_t) * word, uint32_t expected);
void sley__shared_wake(atomic(uint32_t) * word);

/* A sparse file of SLEY__FILE_SIZE in memory that nobody can make shorter. Its descriptor, or a
 * negative SLEY_E*. */
MUST_USE int sley__file_new(const char *name);

/* Maps `size` bytes at `offset`, a multiple of the page size. NULL: no memory. */
void *sley__file_map(int fd, uint64_t offset, size_t size, bool writable);

/* --- messages --------------------------------------------------------------------------------- */

enum sley__message_kind {
    SLEY__MESSAGE_POOL,   /* program to zygote: start a supervisor; with its socket, the pool's
                             eventfd and input file */
    SLEY__MESSAGE_START,  /* program to supervisor: fork child `id`; with its channel's file */
    SLEY__MESSAGE_KILL,   /* program to supervisor: send signal `value` to child `id` */
    SLEY__MESSAGE_PID,    /* back: child `id` is process `value` */
    SLEY__MESSAGE_ENDED,  /* back: child `id` has ended with the wait status `value` */
    SLEY__MESSAGE_FAILED, /* back: child `id` could not be forked: SLEY_E* `value` */
    SLEY__MESSAGE_KILLED, /* back: child `id` has been sent signal `value` */
};

enum { SLEY__MESSAGE_FDS = 3 };

/* What children may use. */
struct sley__limits {
    uint64_t address_space;
    uint32_t cpu_seconds, open_files;
};

struct sley__message {
    uint32_t kind;
    uint32_t id;
    int32_t value;
    struct sley__limits limits; /* POOL */
};

/* Sends a message with up to three descriptors, which stay the caller's. With `wait` it blocks
 * while the other side is slow, else that is SLEY_EAGAIN. 0, SLEY_EPIPE (the other side is gone),
 * SLEY_ENOMEM or another error of the system. Any process. */
MUST_USE int sley__message_send(int socket, const struct sley__message *message, const int *fds,
                                size_t count, bool wait);

/* Receives one; how many descriptors came with it, which are the caller's, in *count. 0, SLEY_EOF,
 * SLEY_EAGAIN (only without `wait`), SLEY_EPROTO. Any process. */
MUST_USE int sley__message_receive(int socket, struct sley__message *message,
                                   int fds[SLEY__MESSAGE_FDS], size_t *count, bool wait);

/* A pair of connected sockets, closed on exec. 0 or a negative SLEY_E*. */
MUST_USE int sley__message_pair(int pair[2]);

/* --- the processes ---------------------------------------------------------------------------- */

/* What a supervisor, and through it a child, is born with. */
struct sley__nest {
    int socket;     /* supervisor's, to the program */
    int eventfd;    /* of the pool */
    int inputs;     /* the pool's input file */
    int64_t parent; /* pid that must still be the parent */
    sigset_t mask;  /* the signal mask of the program at prepare */
    struct sley__limits limits;
};

/* The supervisor's life. In a process of its own. */
_Noreturn void sley__supervisor_main(const struct sley__nest *given);

/* A child's life; `file` is its channel's. In a process of its own. */
_Noreturn void sley__child_main(const struct sley__nest *nest, int file);

/* Sends a message to the zygote. 0, SLEY_ELATE: there is none, SLEY_ECRASHED: it has been killed,
 * or an error of the system. Any thread. */
MUST_USE int sley__zygote_send(const struct sley__message *message, const int *fds, size_t count);

#endif
