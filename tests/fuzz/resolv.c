/*
 * resolv.c: the system's file for resolvers (resolv.conf), and lists of servers and search names in
 * the options. The first byte chooses. Whatever is there: the file is never an error, and what
 * comes of both is within the limits that the rest of the resolver relies on.
 *
 * floor: 150
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "dns_impl.h"

enum { MOST = 4096 };

/* Names are what they are again after they were written. */
static void check_name(const struct sley__dns_name *name)
{
    char text[SLEY_DNS_NAME_TEXT];
    struct sley__dns_name again;
    bool complete;

    must(sley__dns_name_write(name, text) < sizeof(text));
    must(sley__dns_name_read(&again, text, &complete));
    must(sley__dns_name_equal(name->wire, name->size, 0, &again));
}

static void check_config(const struct sley__dns_config *config)
{
    must(config->server_count >= 1 && config->server_count <= 16 && config->search_count <= 32);
    must(config->ndots >= 0 && config->ndots <= 15);
    must(config->timeout_ms >= 1000 && config->timeout_ms <= 30000);
    must(config->tries >= 1 && config->tries <= 10 && config->in_flight >= 1);
    for (size_t i = 0; i < config->server_count; i++) {
        char text[SLEY_ADDRESS_TEXT];
        struct sley_address again;

        must(config->servers[i].port != 0);
        must(!sley_address_format(&config->servers[i], text, sizeof(text)));
        must(!sley_address_parse(text, &again));
        must(sley_address_equal(&config->servers[i], &again));
    }
    for (size_t i = 0; i < config->search_count; i++)
        check_name(&config->search[i]);
}

/* A file with these bytes; its path. */
static const char *file_of(const uint8_t *data, size_t size)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0) {
        must((fd = memfd_create("resolv.conf", MFD_CLOEXEC)) >= 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, size};
    unsigned what = next_byte(&input);
    struct sley_resolver_options options = {.hosts = ""};
    struct sley__dns_config config;
    static char text[MOST + 1];
    int error;

    if (input.size > MOST)
        return 0;
    memcpy(text, input.data, input.size);
    text[input.size] = '\0';
    options.resolv_conf = what % 3 ? "" : file_of(input.data, input.size);
    if (what % 3 == 1)
        options.servers = text;
    else if (what % 3 == 2)
        options.search = text;
    error = sley__dns_config_make(&config, &options);
    must(error == 0 || (what % 3 && error == SLEY_EINVAL));
    if (!error) {
        check_config(&config);
        sley__dns_config_close(&config);
    }
    return 0;
}
