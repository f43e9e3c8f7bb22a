/*
 * dns_parse.h: answers of name servers. See dns_parse.c.
 */
#ifndef SLEY_DNS_PARSE_H
#define SLEY_DNS_PARSE_H

#include <sley/dns.h>

#include "atomic.h"
#include "dns_name.h"

/* What a user gets, with the count of those who have it. One block with all of its text. */
struct sley__dns_answer {
    struct sley_dns_answer shown; /* constant once it is handed out */
    atomic(uint32_t) refs;
    struct sley_dns_record records[];
};

/* What a message says. */
struct sley__dns_parsed {
    int code;                        /* 0 or a negative SLEY_E* */
    bool form_error;                 /* the server does not understand the query (FORMERR) */
    int64_t ttl;                     /* seconds that this may be kept; 0: not at all */
    struct sley__dns_answer *answer; /* with code 0; one reference. `expires` is not set */
};

/* Reads an answer to a question for `type` of `name` (in lower case). Any thread. */
void sley__dns_parse(const uint8_t *bytes, size_t size, const struct sley__dns_name *name,
                     enum sley_dns_type type, struct sley__dns_parsed *parsed);

void sley__dns_answer_ref(struct sley__dns_answer *answer);
void sley__dns_answer_unref(struct sley__dns_answer *answer);

#endif
