/*
 * address.c: numeric addresses, as users and files write them. What can be read can be written, and
 * is then read as the same; and the two readers, the public one and that of io, agree.
 *
 * floor: 60
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include "address.h"

enum { MOST = 200 };

/* Through the text and through the system's form. */
static void there_and_back(const struct sley_address *address)
{
    struct sley__address system;
    struct sley_address again;
    char text[SLEY_ADDRESS_TEXT];

    must(!sley_address_format(address, text, sizeof(text)));
    must(!sley_address_parse(text, &again) && sley_address_equal(address, &again));
    system.size = (socklen_t)sley_address_sockaddr(address, &system.v6, sizeof(system.v6));
    must(system.size > 0);
    must(!sley_address_from_sockaddr(&system.v6, system.size, &again));
    must(sley_address_equal(address, &again));
    for (size_t size = 0; size <= strlen(text); size++)
        must(sley_address_format(address, text, size) == SLEY_EMSGSIZE);
}

/* A literal whole: what it is for users it is for io. */
static void parse(const char *text)
{
    char formatted[SLEY__ADDRESS_TEXT], other[SLEY_ADDRESS_TEXT];
    struct sley__address inner;
    struct sley_address address;
    bool known = sley__address_parse(&inner, text);

    if (known)
        must(sley__address_format(&inner, formatted, sizeof(formatted)));
    if (sley_address_parse(text, &address))
        return;
    there_and_back(&address);
    must(known);
    must(!sley_address_format(&address, other, sizeof(other)) && !strcmp(formatted, other));
}

static void numeric(const char *host, int port)
{
    struct sley__address inner;
    struct sley_address address;
    bool known = sley__address_numeric(&inner, host, port);

    if (known)
        must(sley__address_port(&inner) == port);
    if (sley_address_numeric(host, port, &address))
        return;
    must(known && address.port == port);
    there_and_back(&address);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, size};
    unsigned what = next_byte(&input);
    char text[MOST + 1];

    if (input.size > MOST)
        return 0;
    memcpy(text, input.data, input.size);
    text[input.size] = '\0';
    if (what % 2)
        numeric(text, (int)what);
    else
        parse(text);
    return 0;
}
