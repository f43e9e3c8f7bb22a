/*
 * moji_tcp.h: the character finder for people with telnet or nc.
 *
 * Prompts with "?> ", reads a line, answers a line per character, CODE<TAB>CHARACTER<TAB>NAME, and
 * how many there were; an empty line prompts again. A control character, or what is not UTF-8, ends
 * the session, and so does the end of the input. Lines end in CR LF.
 */
#ifndef SLEY_APPS_MOJI_TCP_H
#define SLEY_APPS_MOJI_TCP_H

#include <stdint.h>

#include "moji_index.h"
#include "moji_log.h"

/* Copied; what is pointed to stays the caller's until moji_tcp_stop() has returned. */
struct moji_tcp_options {
    const struct moji_index *index;
    struct moji_log *log;
    const char *address; /* numeric */
    int port;            /* 0: a free one */
    unsigned connections;
    int64_t idle;  /* ns without a line, or without room for an answer: a session's end */
    int64_t grace; /* ns that sessions have to end when the server is stopped */
};

/* Owned by whoever called moji_tcp_start(). */
struct moji_tcp;

/* Listens and serves, in a task. 0 or what sley_tcp_listen() returns. From a task. */
int moji_tcp_start(const struct moji_tcp_options *options, struct moji_tcp **out);
int moji_tcp_port(const struct moji_tcp *server);

/* No new sessions; those in the middle of an answer may finish it, the others end. Frees it. From
 * a task. Parks. */
void moji_tcp_stop(struct moji_tcp *server);

#endif
