/*
 * dns_parse.c: reads the answers of name servers (RFC 1035, 2308, 2782, 3596).
 *
 * Why not c-ares' own readers: they know one type each, lose the time to live of most of them, and
 * make a tree of blocks. What a cache wants is one block per answer that many may hold, with all
 * records of any type.
 *
 * An answer may begin with aliases: a chain of CNAME records that leads from the name of the
 * question to the one that has the records. The chain is followed by searching the whole section
 * for each step, since nothing says that it is in order; it is ended after CHAIN steps, so that a
 * circle ends too. What belongs to other names is ignored: a server may put anything there, and
 * only what it was asked about is to be believed.
 *
 * The block is made in two passes over the same code: the first counts records and bytes, and finds
 * all that is malformed; the second, for which there is room now, writes.
 *
 * The time to live is the shortest on the way. Of what does not exist it is what the zone says in
 * its SOA record; an answer without one is not kept. (RFC 2181: one with its highest bit set is 0.)
 */
#include "dns_parse.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADER = 12,
    CHAIN = 12,
    CLASS_IN = 1,
    TYPE_SOA = 6,
    NO_ERROR = 0,
    FORM_ERROR = 1,
    NAME_ERROR = 3,
    REFUSED = 5,
};

struct message {
    const uint8_t *bytes;
    size_t size;
    size_t answers; /* offset of the first answer record */
    unsigned answer_count, authority_count;
};

struct record {
    size_t owner, data, data_size; /* offsets */
    uint16_t type, class;
    uint32_t ttl;
};

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

/* Reads the record at *at and moves on. False if it is malformed. */
static bool next_record(const struct message *message, size_t *at, struct record *record)
{
    size_t fixed = sley__dns_name_skip(message->bytes, message->size, *at);

    if (!fixed || message->size - fixed < 10)
        return false;
    record->owner = *at;
    record->type = get16(message->bytes + fixed);
    record->class = get16(message->bytes + fixed + 2);
    record->ttl = get32(message->bytes + fixed + 4);
    if (record->ttl > INT32_MAX)
        record->ttl = 0;
    record->data_size = get16(message->bytes + fixed + 8);
    record->data = fixed + 10;
    if (message->size - record->data < record->data_size)
        return false;
    *at = record->data + record->data_size;
    return true;
}

/* --- the pass over the records ---------------------------------------------------------------- */

/* Where records and text go; in the first pass nowhere. */
struct builder {
    const struct message *message;
    struct sley_dns_record *records;
    char *text;
    size_t count, text_size;
    uint32_t ttl; /* the shortest */
};

static char *place(struct builder *builder)
{
    return builder->text ? builder->text + builder->text_size : NULL;
}

/* The name at `at`, which must end where the record does. */
static bool put_name(struct builder *builder, const struct record *record, size_t at,
                     const char **out)
{
    const struct message *message = builder->message;
    struct sley__dns_name name;

    if (sley__dns_name_skip(message->bytes, message->size, at) !=
            record->data + record->data_size ||
        !sley__dns_name_expand(message->bytes, message->size, at, &name))
        return false;
    *out = place(builder);
    builder->text_size += sley__dns_name_write(&name, place(builder)) + 1;
    return true;
}

/* Strings, each behind its length, at least one. */
static bool put_text(struct builder *builder, const struct record *record,
                     struct sley_dns_record *out)
{
    const uint8_t *bytes = builder->message->bytes + record->data;
    size_t at = 0, joined = 0;
    char *text = place(builder);

    if (!record->data_size)
        return false;
    while (at < record->data_size) {
        size_t length = bytes[at++];

        if (record->data_size - at < length)
            return false;
        if (text)
            memcpy(text + joined, bytes + at, length);
        joined += length;
        at += length;
    }
    if (text)
        text[joined] = '\0';
    out->u.txt.data = text;
    out->u.txt.size = joined;
    builder->text_size += joined + 1;
    return true;
}

static bool put_address(void *out, size_t size, const struct message *message,
                        const struct record *record)
{
    if (record->data_size != size)
        return false;
    memcpy(out, message->bytes + record->data, size);
    return true;
}

static bool put_data(struct builder *builder, const struct record *record,
                     struct sley_dns_record *out)
{
    const struct message *message = builder->message;
    const uint8_t *data = message->bytes + record->data;

    switch (out->type) {
    case SLEY_DNS_A:
        return put_address(out->u.a, sizeof(out->u.a), message, record);
    case SLEY_DNS_AAAA:
        return put_address(out->u.aaaa, sizeof(out->u.aaaa), message, record);
    case SLEY_DNS_MX:
        if (record->data_size < 3)
            return false;
        out->u.mx.preference = get16(data);
        return put_name(builder, record, record->data + 2, &out->u.mx.exchange);
    case SLEY_DNS_SRV:
        if (record->data_size < 7)
            return false;
        out->u.srv.priority = get16(data);
        out->u.srv.weight = get16(data + 2);
        out->u.srv.port = get16(data + 4);
        return put_name(builder, record, record->data + 6, &out->u.srv.target);
    case SLEY_DNS_TXT:
        return put_text(builder, record, out);
    case SLEY_DNS_NS:
    case SLEY_DNS_CNAME:
    case SLEY_DNS_PTR:
        return put_name(builder, record, record->data, &out->u.name);
    }
    return false;
}

/* All records of the type that `owner` has. False if something is malformed. */
static bool build(struct builder *builder, const struct sley__dns_name *owner,
                  enum sley_dns_type type)
{
    const struct message *message = builder->message;
    size_t at = message->answers;
    struct record record;

    builder->count = builder->text_size = 0;
    for (unsigned i = 0; i < message->answer_count; i++) {
        struct sley_dns_record one, *out = &one;

        if (!next_record(message, &at, &record))
            return false;
        if (record.type != (uint16_t)type || record.class != CLASS_IN ||
            !sley__dns_name_equal(message->bytes, message->size, record.owner, owner))
            continue;
        if (builder->records)
            out = &builder->records[builder->count];
        out->type = type;
        out->ttl = record.ttl;
        if (!put_data(builder, &record, out))
            return false;
        if (record.ttl < builder->ttl)
            builder->ttl = record.ttl;
        builder->count++;
    }
    return true;
}

/* --- aliases ---------------------------------------------------------------------------------- */

/* In lower case, as names are compared. Lengths are below the letters. */
static void make_lower(struct sley__dns_name *name)
{
    for (size_t i = 0; i < name->size; i++)
        if (name->wire[i] >= 'A' && name->wire[i] <= 'Z')
            name->wire[i] |= 0x20;
}

enum step { STEP_NONE, STEP_TAKEN, STEP_MALFORMED };

/* Goes from `name` to what it is an alias of, if it is one. */
static enum step follow_alias(const struct message *message, struct sley__dns_name *name,
                              uint32_t *ttl)
{
    size_t at = message->answers;
    struct record record;

    for (unsigned i = 0; i < message->answer_count; i++) {
        if (!next_record(message, &at, &record))
            return STEP_MALFORMED;
        if (record.type != SLEY_DNS_CNAME || record.class != CLASS_IN ||
            !sley__dns_name_equal(message->bytes, message->size, record.owner, name))
            continue;
        if (sley__dns_name_skip(message->bytes, message->size, record.data) !=
                record.data + record.data_size ||
            !sley__dns_name_expand(message->bytes, message->size, record.data, name))
            return STEP_MALFORMED;
        make_lower(name);
        if (record.ttl < *ttl)
            *ttl = record.ttl;
        return STEP_TAKEN;
    }
    return STEP_NONE;
}

static bool follow_aliases(const struct message *message, struct sley__dns_name *name,
                           uint32_t *ttl)
{
    enum step step = STEP_TAKEN;

    for (int i = 0; i < CHAIN && step == STEP_TAKEN; i++)
        step = follow_alias(message, name, ttl);
    return step == STEP_NONE;
}

/* --- the message ------------------------------------------------------------------------------ */

/* Whether it is an answer to the question; `message` then has its parts. */
static bool open_message(struct message *message, const struct sley__dns_name *name,
                         enum sley_dns_type type)
{
    const uint8_t *bytes = message->bytes;
    size_t behind;

    if (message->size < HEADER || !(bytes[2] & 0x80) || get16(bytes + 4) != 1)
        return false;
    behind = sley__dns_name_skip(bytes, message->size, HEADER);
    if (!behind || message->size - behind < 4 ||
        !sley__dns_name_equal(bytes, message->size, HEADER, name) ||
        get16(bytes + behind) != (uint16_t)type || get16(bytes + behind + 2) != CLASS_IN)
        return false;
    message->answers = behind + 4;
    message->answer_count = get16(bytes + 6);
    message->authority_count = get16(bytes + 8);
    return true;
}

/* How long the zone wants it kept that something does not exist; 0 if it does not say. */
static int64_t missing_ttl(const struct message *message, uint32_t ttl)
{
    size_t at = message->answers;
    struct record record;

    for (unsigned i = 0; i < message->answer_count; i++)
        if (!next_record(message, &at, &record))
            return 0;
    for (unsigned i = 0; i < message->authority_count && next_record(message, &at, &record); i++) {
        uint32_t minimum;

        if (record.type != TYPE_SOA || record.class != CLASS_IN || record.data_size < 22)
            continue;
        minimum = get32(message->bytes + record.data + record.data_size - 4);
        if (record.ttl < ttl)
            ttl = record.ttl;
        return minimum < ttl ? minimum : ttl;
    }
    return 0;
}

static int code_of(unsigned status)
{
    switch (status) {
    case NO_ERROR:
        return 0;
    case NAME_ERROR:
        return SLEY_ENXDOMAIN;
    case REFUSED:
        return SLEY_EREFUSED;
    default:
        return SLEY_ESERVFAIL;
    }
}

/* Makes the block. 0, or what is wrong. */
static int make_answer(const struct message *message, const struct sley__dns_name *owner,
                       enum sley_dns_type type, uint32_t ttl, struct sley__dns_parsed *parsed)
{
    struct builder builder = {.message = message, .ttl = ttl};
    struct sley__dns_answer *answer;
    size_t head, text;

    if (!build(&builder, owner, type))
        return SLEY_EBADANSWER;
    if (!builder.count)
        return SLEY_ENODATA;
    head = sizeof(*answer) + builder.count * sizeof(answer->records[0]);
    text = builder.text_size;
    answer = malloc(head + text + sley__dns_name_write(owner, NULL) + 1);
    if (!answer)
        return SLEY_ENOMEM;
    builder.records = answer->records;
    builder.text = (char *)answer + head;
    ensure(build(&builder, owner, type) && builder.text_size == text);
    sley__dns_name_write(owner, builder.text + text);
    answer->shown =
        (struct sley_dns_answer){builder.count, answer->records, builder.text + text, 0};
    store_relaxed(&answer->refs, 1);
    parsed->answer = answer;
    parsed->ttl = builder.ttl;
    return 0;
}

void sley__dns_parse(const uint8_t *bytes, size_t size, const struct sley__dns_name *name,
                     enum sley_dns_type type, struct sley__dns_parsed *parsed)
{
    struct message message = {.bytes = bytes, .size = size};
    struct sley__dns_name owner = *name;
    uint32_t ttl = INT32_MAX;
    unsigned status;

    *parsed = (struct sley__dns_parsed){.code = SLEY_EBADANSWER};
    if (size < HEADER)
        return;
    status = bytes[3] & 0x0f;
    parsed->form_error = status == FORM_ERROR;
    if (status != NO_ERROR && status != NAME_ERROR) {
        parsed->code = code_of(status); /* such answers may come without the question */
        return;
    }
    if (!open_message(&message, name, type))
        return;
    if (type != SLEY_DNS_CNAME && !follow_aliases(&message, &owner, &ttl))
        return;
    parsed->code =
        status == NO_ERROR ? make_answer(&message, &owner, type, ttl, parsed) : code_of(status);
    if (parsed->code == SLEY_ENXDOMAIN || parsed->code == SLEY_ENODATA)
        parsed->ttl = missing_ttl(&message, ttl);
}

void sley__dns_answer_ref(struct sley__dns_answer *answer)
{
    fetch_add_relaxed(&answer->refs, 1);
}

void sley__dns_answer_unref(struct sley__dns_answer *answer)
{
    /* Acquire and release: whoever is last frees what the others have read. */
    if (answer && fetch_sub_acq_rel(&answer->refs, 1) == 1)
        free(answer);
}
