/*
 * dns.c: what strangers can make a resolver read: answers of name servers, names as text, and files
 * of hosts. The first byte of the input chooses, the second the type that was asked for.
 *
 * Beside not crashing: an outcome comes with records exactly if it is a success, what was read as a
 * name and written as text is the same name again, and everything in an answer ends within it.
 *
 * floor: 150
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_hosts.h"
#include "dns_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

static const enum sley_dns_type types[] = {SLEY_DNS_A,  SLEY_DNS_NS,  SLEY_DNS_CNAME, SLEY_DNS_PTR,
                                           SLEY_DNS_MX, SLEY_DNS_TXT, SLEY_DNS_AAAA,  SLEY_DNS_SRV};

/* Writes it and reads it again. */
static void there_and_back(const struct sley__dns_name *name)
{
    char text[SLEY_DNS_NAME_TEXT];
    struct sley__dns_name again;
    bool complete;
    size_t length = sley__dns_name_write(name, text);

    must(length == strlen(text) && length < sizeof(text));
    must(sley__dns_name_read(&again, text, &complete));
    must(again.size == name->size);
    must(sley__dns_name_equal(name->wire, name->size, 0, &again));
}

static void look_at(const struct sley_dns_answer *answer, enum sley_dns_type type)
{
    size_t total = strlen(answer->name);

    must(answer->count > 0);
    for (size_t i = 0; i < answer->count; i++) {
        const struct sley_dns_record *record = &answer->records[i];

        must(record->type == type);
        if (type == SLEY_DNS_MX)
            total += strlen(record->u.mx.exchange);
        else if (type == SLEY_DNS_SRV)
            total += strlen(record->u.srv.target);
        else if (type == SLEY_DNS_TXT)
            must(record->u.txt.data[record->u.txt.size] == '\0');
        else if (type != SLEY_DNS_A && type != SLEY_DNS_AAAA)
            total += strlen(record->u.name);
    }
    must(total > 0);
}

/* The question is taken from the message, so that more than the first check is reached. */
static void answer(const uint8_t *data, size_t size, enum sley_dns_type type)
{
    struct sley__dns_name name = {.size = 1};
    struct sley__dns_parsed parsed;

    if (sley__dns_name_expand(data, size, 12, &name)) {
        there_and_back(&name);
        for (size_t i = 0; i < name.size; i++)
            if (name.wire[i] >= 'A' && name.wire[i] <= 'Z')
                name.wire[i] |= 0x20;
    }
    sley__dns_parse(data, size, &name, type, &parsed);
    must((parsed.code == 0) == (parsed.answer != NULL));
    must(parsed.ttl >= 0 && parsed.ttl <= INT32_MAX);
    if (parsed.answer)
        look_at(&parsed.answer->shown, type);
    sley__dns_answer_unref(parsed.answer);
}

static void text(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    struct sley__dns_name name;
    bool complete;

    must(copy);
    memcpy(copy, data, size);
    copy[size] = '\0';
    if (sley__dns_name_read(&name, copy, &complete)) {
        must(name.size >= 1 && name.size <= sizeof(name.wire));
        there_and_back(&name);
    }
    free(copy);
}

static void hosts(const uint8_t *data, size_t size)
{
    struct sley__dns_hosts *table = sley__dns_hosts_read((const char *)data, size);
    struct sley__dns_name name = {.size = 1};
    struct sley_address address;
    bool known;

    must(table);
    must(sley__dns_hosts_find(table, &name, 0, NULL, 0, &known) == 0 && !known);
    must(sley_address_numeric("127.0.0.1", 0, &address) == 0);
    if (sley__dns_hosts_name(table, &address)) {
        name = *sley__dns_hosts_name(table, &address);
        must(sley__dns_hosts_find(table, &name, 4, NULL, 0, &known) > 0 && known);
    }
    sley__dns_hosts_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] < 192)
        answer(data + 2, size - 2, types[data[1] % ARRAY_LENGTH(types)]);
    else if (data[0] < 224)
        text(data + 2, size - 2);
    else
        hosts(data + 2, size - 2);
    return 0;
}
