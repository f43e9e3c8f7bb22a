/*
 * dns_lookup.c: what users ask. The contract is in <sley/dns.h>.
 *
 * A host becomes questions here: a numeric one none; one of the hosts file none; any other one a
 * question per family for each name that it may be short for, until one is answered. The questions
 * of the families are asked at once, and one wait is for both; or for less, for those who connect
 * and can begin with one of them (sley__dns_addresses).
 *
 * Which failure is told when several names were tried in vain: that a name is there without
 * addresses is worth more than that it is not there, and trouble with a server ends the search,
 * because what comes behind it could be another host than the one that was meant.
 */
#include <sley/dns.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_impl.h"

static const struct sley_lookup_options defaults;

/* Describes a failure, if it is wanted; returns its code. */
static int tell(const struct sley_resolver *resolver, const struct sley_lookup_options *options,
                const struct sley__dns_name *name, int code, int server)
{
    char where[SLEY_ADDRESS_TEXT], text[SLEY_DNS_NAME_TEXT];

    if (!options->error || !code)
        return code;
    options->error->code = code;
    sley__dns_name_write(name, text);
    if (resolver && server >= 0 &&
        !sley_address_format(&resolver->config.servers[server], where, sizeof(where)))
        snprintf(options->error->text, sizeof(options->error->text), "%.120s: %s (name server %s)",
                 text, sley_strerror(code), where);
    else
        snprintf(options->error->text, sizeof(options->error->text), "%.120s: %s", text,
                 sley_strerror(code));
    return code;
}

static int tell_text(const struct sley_lookup_options *options, const char *host, int code)
{
    if (options->error) {
        options->error->code = code;
        snprintf(options->error->text, sizeof(options->error->text), "%.120s: %s",
                 host ? host : "(no name)", sley_strerror(code));
    }
    return code;
}

/* The caller leaves it. */
static int enter_resolver(const struct sley_lookup_options *options, struct sley_resolver **out)
{
    int error = 0;

    *out = options->resolver;
    if (!*out)
        error = sley__dns_default(out);
    return error ? error : sley__dns_enter(*out);
}

static void leave_resolver(struct sley_resolver *resolver)
{
    sley__lock_acquire(&resolver->lock);
    sley__dns_leave(resolver);
}

/* --- addresses ---------------------------------------------------------------------------------
 */

static struct sley_addrs *new_addrs(size_t count)
{
    struct sley_addrs *addrs =
        malloc(offsetof(struct sley_addrs, at) + count * sizeof(addrs->at[0]));

    if (addrs)
        addrs->count = count;
    return addrs;
}

static struct sley_addrs *one_address(const struct sley_address *address)
{
    struct sley_addrs *addrs = new_addrs(1);

    if (addrs)
        addrs->at[0] = *address;
    return addrs;
}

/* The addresses of all answers; *out stays NULL if there are none. */
static int gather(const struct sley__dns_wait *waits, int count, struct sley_addrs **out)
{
    struct sley_addrs *addrs;
    size_t total = 0, at = 0;

    for (int i = 0; i < count; i++)
        total += waits[i].answer ? waits[i].answer->shown.count : 0;
    if (!total)
        return 0;
    addrs = new_addrs(total);
    if (!addrs)
        return SLEY_ENOMEM;
    for (int i = 0; i < count; i++) {
        const struct sley__dns_answer *answer = waits[i].answer;
        bool v6 = waits[i].type == SLEY_DNS_AAAA;

        for (size_t n = 0; answer && n < answer->shown.count; n++) {
            const struct sley_dns_record *record = &answer->records[n];

            addrs->at[at] = (struct sley_address){.family = v6 ? 6 : 4};
            memcpy(addrs->at[at++].bytes, v6 ? record->u.aaaa : record->u.a, v6 ? 16 : 4);
        }
    }
    *out = addrs;
    return 0;
}

/* How much a failure says: see above. */
static int weight(int code)
{
    return code == SLEY_ENXDOMAIN ? 1 : code == SLEY_ENODATA ? 2 : 3;
}

static bool is_missing(int code)
{
    return code == SLEY_ENXDOMAIN || code == SLEY_ENODATA;
}

/* Asks for one complete name. `partial` as in sley__dns_addresses. */
static int ask_for_host(struct sley_resolver *resolver, const struct sley_lookup_options *options,
                        const struct sley__dns_name *name, bool *partial, struct sley_addrs **out)
{
    struct sley__dns_wait waits[2] = {{.name = name, .type = SLEY_DNS_A},
                                      {.name = name, .type = SLEY_DNS_AAAA}};
    struct sley__dns_wait *first = options->family == 6 ? &waits[1] : &waits[0], *worst = first;
    int count = options->family ? 1 : 2;
    int error = sley__dns_ask(resolver, first, count, partial != NULL);

    if (error)
        return tell(resolver, options, name, error, -1);
    if (partial)
        *partial = waits[0].left || waits[1].left;
    error = gather(first, count, out);
    for (int i = 0; i < count; i++) {
        sley__dns_answer_unref(first[i].answer);
        if (weight(first[i].code) > weight(worst->code))
            worst = &first[i];
    }
    if (error || *out)
        return tell(resolver, options, name, error, -1);
    return tell(resolver, options, name, worst->code, worst->server);
}

/* Tries the names that `name` may be short for, in turn. */
static int search(struct sley_resolver *resolver, const struct sley_lookup_options *options,
                  const struct sley__dns_name *name, bool *partial, struct sley_addrs **out)
{
    const struct sley__dns_config *config = &resolver->config;
    bool first = sley__dns_name_dots(name) >= config->ndots;
    size_t last = config->search_count;
    int worst = 0;

    for (size_t i = 0; i <= last; i++) {
        bool itself = i == (first ? 0 : last);
        struct sley__dns_name whole = *name;
        struct sley_lookup_options quiet = *options;
        struct sley_dns_error text;
        int code;

        if (!itself && !sley__dns_name_join(&whole, &config->search[first ? i - 1 : i]))
            continue;
        if (options->error)
            quiet.error = &text;
        code = ask_for_host(resolver, &quiet, &whole, partial, out);
        if (!code)
            return 0;
        if (!worst || weight(code) > weight(worst)) {
            worst = code;
            if (options->error)
                *options->error = text;
        }
        if (!is_missing(code))
            break;
    }
    return worst;
}

/* --- hosts that need no server -----------------------------------------------------------------
 */

static bool is_localhost(const struct sley__dns_name *name)
{
    static const uint8_t tail[] = "\11localhost"; /* and the empty label, its NUL */
    size_t at = 0;

    while (name->wire[at] && name->size - at > sizeof(tail))
        at += name->wire[at] + (size_t)1;
    return name->size - at == sizeof(tail) && memcmp(name->wire + at, tail, sizeof(tail)) == 0;
}

/* localhost and what is below it (RFC 6761). */
static struct sley_addrs *loopback(int family)
{
    struct sley_addrs *addrs = new_addrs(family ? 1 : 2);
    struct sley_address v6 = {.family = 6, .bytes[15] = 1};
    struct sley_address v4 = {.family = 4, .bytes = {127, 0, 0, 1}};

    if (!addrs)
        return NULL;
    addrs->at[addrs->count - 1] = v4;
    if (family != 4)
        addrs->at[0] = v6;
    return addrs;
}

/* From the file: 0 and *out, or *out NULL if it does not know the name. */
static int look_in_hosts(struct sley_resolver *resolver, const struct sley__dns_name *name,
                         int family, struct sley_addrs **out, bool *known)
{
    struct sley_addrs *addrs = NULL;
    size_t count = 0;

    *known = false;
    sley__lock_acquire(&resolver->lock);
    if (resolver->hosts)
        count = sley__dns_hosts_find(resolver->hosts, name, family, NULL, 0, known);
    if (count && (addrs = new_addrs(count)))
        (void)sley__dns_hosts_find(resolver->hosts, name, family, addrs->at, count, known);
    sley__lock_release(&resolver->lock);
    *out = addrs;
    return count && !addrs ? SLEY_ENOMEM : 0;
}

/* A numeric host, with or without brackets. */
static bool is_numeric(const char *host, int port, struct sley_address *address)
{
    char inner[SLEY_ADDRESS_TEXT];
    size_t length = strlen(host);

    if (*host != '[')
        return !sley_address_numeric(host, port, address);
    if (length < 3 || length - 2 >= sizeof(inner) || host[length - 1] != ']')
        return false;
    memcpy(inner, host + 1, length - 2);
    inner[length - 2] = '\0';
    return !sley_address_numeric(inner, port, address) && address->family == 6;
}

/* --- public ------------------------------------------------------------------------------------
 */

static int look_up(struct sley_resolver *resolver, const struct sley_lookup_options *options,
                   const struct sley__dns_name *name, bool complete, bool *partial,
                   struct sley_addrs **out)
{
    bool known;
    int error = sley__dns_fresh_hosts(resolver);

    if (!error)
        error = look_in_hosts(resolver, name, options->family, out, &known);
    if (error || *out)
        return tell(resolver, options, name, error, -1);
    if (known)
        return tell(resolver, options, name, SLEY_ENODATA, -1); /* of the other family only */
    if (is_localhost(name)) {
        *out = loopback(options->family);
        return *out ? 0 : tell(resolver, options, name, SLEY_ENOMEM, -1);
    }
    if (complete || options->no_search)
        return ask_for_host(resolver, options, name, partial, out);
    return search(resolver, options, name, partial, out);
}

static int numeric_result(const struct sley_address *address,
                          const struct sley_lookup_options *options, const char *host,
                          struct sley_addrs **out)
{
    struct sley_addrs *addrs;

    if (options->family && options->family != address->family)
        return tell_text(options, host, SLEY_ENODATA);
    addrs = one_address(address);
    if (!addrs)
        return tell_text(options, host, SLEY_ENOMEM);
    *out = addrs;
    return 0;
}

int sley__dns_addresses(const char *host, int port, const struct sley_lookup_options *options,
                        bool *partial, struct sley_addrs **out)
{
    struct sley_resolver *resolver;
    struct sley_addrs *addrs = NULL;
    struct sley_address numeric;
    struct sley__dns_name name;
    bool complete;
    int error = sley__wait_check();

    if (!options)
        options = &defaults;
    if (partial)
        *partial = false;
    if (error)
        return tell_text(options, host, error);
    if (!host || port < 0 || port > UINT16_MAX ||
        (options->family && options->family != 4 && options->family != 6))
        return tell_text(options, host, SLEY_EINVAL);
    if (is_numeric(host, port, &numeric))
        return numeric_result(&numeric, options, host, out);
    if (!sley__dns_name_read(&name, host, &complete))
        return tell_text(options, host, SLEY_EINVAL);
    error = enter_resolver(options, &resolver);
    if (error)
        return tell_text(options, host, error);
    error = look_up(resolver, options, &name, complete, partial, &addrs);
    leave_resolver(resolver);
    if (error)
        return error;
    ensure(addrs != NULL);
    for (size_t i = 0; i < addrs->count; i++)
        addrs->at[i].port = (uint16_t)port;
    sley__dns_sort(addrs->at, addrs->count);
    *out = addrs;
    return 0;
}

int sley_getaddrinfo(const char *host, int port, const struct sley_lookup_options *options,
                     struct sley_addrs **out)
{
    return sley__dns_addresses(host, port, options, NULL, out);
}

void sley_addrs_free(struct sley_addrs *addrs)
{
    free(addrs);
}

/* Asks one question. */
static int ask_one(const struct sley_lookup_options *options, struct sley_resolver *resolver,
                   const struct sley__dns_name *name, enum sley_dns_type type,
                   struct sley__dns_answer **out)
{
    struct sley__dns_wait wait = {.name = name, .type = type, .server = -1};
    int error = sley__dns_ask(resolver, &wait, 1, false);

    if (!error)
        error = wait.code;
    if (!error)
        *out = wait.answer;
    return tell(resolver, options, name, error, wait.server);
}

int sley_dns_query(const char *text, enum sley_dns_type type,
                   const struct sley_lookup_options *options, const struct sley_dns_answer **out)
{
    struct sley__dns_answer *answer;
    struct sley_resolver *resolver;
    struct sley__dns_name name;
    bool complete, known = type == SLEY_DNS_A || type == SLEY_DNS_NS || type == SLEY_DNS_CNAME ||
                           type == SLEY_DNS_PTR || type == SLEY_DNS_MX || type == SLEY_DNS_TXT ||
                           type == SLEY_DNS_AAAA || type == SLEY_DNS_SRV;
    int error;

    if (!options)
        options = &defaults;
    if (!known || !text || !sley__dns_name_read(&name, text, &complete))
        return tell_text(options, text, SLEY_EINVAL);
    error = enter_resolver(options, &resolver);
    if (error)
        return tell_text(options, text, error);
    error = ask_one(options, resolver, &name, type, &answer);
    leave_resolver(resolver);
    if (!error)
        *out = &answer->shown;
    return error;
}

void sley_dns_answer_free(const struct sley_dns_answer *answer)
{
    if (answer)
        sley__dns_answer_unref(container_of(answer, struct sley__dns_answer, shown));
}

/* "4.3.2.1.in-addr.arpa", or 32 digits and "ip6.arpa" (RFC 1035, 3.5; RFC 3596, 2.5). */
static void reverse_name(const struct sley_address *address, struct sley__dns_name *name)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = address->bytes;
    char text[80], *at = text;
    bool complete;

    if (address->family == 4) {
        snprintf(text, sizeof(text), "%u.%u.%u.%u.in-addr.arpa", bytes[3], bytes[2], bytes[1],
                 bytes[0]);
    } else {
        for (int i = 15; i >= 0; i--) {
            *at++ = digits[bytes[i] & 15];
            *at++ = '.';
            *at++ = digits[bytes[i] >> 4];
            *at++ = '.';
        }
        memcpy(at, "ip6.arpa", sizeof("ip6.arpa"));
    }
    ensure(sley__dns_name_read(name, text, &complete));
}

static int copy_name(const char *text, char *name, size_t size)
{
    size_t length = strlen(text) + 1;

    if (length > size)
        return SLEY_EMSGSIZE;
    memcpy(name, text, length);
    return 0;
}

/* From the file, or "" if it does not know the address. */
static void name_in_hosts(struct sley_resolver *resolver, const struct sley_address *address,
                          char text[SLEY_DNS_NAME_TEXT])
{
    const struct sley__dns_name *found = NULL;

    text[0] = '\0';
    sley__lock_acquire(&resolver->lock);
    if (resolver->hosts)
        found = sley__dns_hosts_name(resolver->hosts, address);
    if (found)
        sley__dns_name_write(found, text);
    sley__lock_release(&resolver->lock);
}

/* The name of an address whose reverse is `reverse`. */
static int look_back(struct sley_resolver *resolver, const struct sley_address *address,
                     const struct sley_lookup_options *options,
                     const struct sley__dns_name *reverse, char *name, size_t size)
{
    char text[SLEY_DNS_NAME_TEXT];
    struct sley__dns_answer *answer;
    int error = sley__dns_fresh_hosts(resolver);

    if (error)
        return tell(NULL, options, reverse, error, -1);
    name_in_hosts(resolver, address, text);
    if (*text)
        return tell(resolver, options, reverse, copy_name(text, name, size), -1);
    error = ask_one(options, resolver, reverse, SLEY_DNS_PTR, &answer);
    if (error)
        return error;
    error = copy_name(answer->records[0].u.name, name, size);
    sley__dns_answer_unref(answer);
    return tell(resolver, options, reverse, error, -1);
}

int sley_getnameinfo(const struct sley_address *address, const struct sley_lookup_options *options,
                     char *name, size_t size)
{
    struct sley_resolver *resolver;
    struct sley__dns_name reverse;
    int error;

    if (!options)
        options = &defaults;
    if (address->family != 4 && address->family != 6)
        return tell_text(options, NULL, SLEY_EINVAL);
    reverse_name(address, &reverse);
    error = enter_resolver(options, &resolver);
    if (error)
        return tell(NULL, options, &reverse, error, -1);
    error = look_back(resolver, address, options, &reverse, name, size);
    leave_resolver(resolver);
    return error;
}
