/*
 * resolve.c: names to addresses. Many tasks may wait at once; here two, with a resolver of their
 * own whose server is not there, so that one name is found without it and the other one is not.
 *
 * prints: localhost: 127.0.0.1:80; example.org: SLEY_ENOSERVER
 */
#include <stdio.h>
#include <sley/sley.h>

struct host {
    struct sley_resolver *resolver;
    const char *name;
    char text[SLEY_ADDRESS_TEXT];
};

static int look_up(void *arg)
{
    struct host *host = arg;
    struct sley_lookup_options options = {.resolver = host->resolver, .family = 4};
    struct sley_addrs *addrs;
    int error = sley_getaddrinfo(host->name, 80, &options, &addrs);
    if (error)
        return snprintf(host->text, sizeof(host->text), "%s", sley_error_name(error)), 0;
    error = sley_address_format(&addrs->at[0], host->text, sizeof(host->text));
    sley_addrs_free(addrs);
    return error;
}

static int app(void *unused)
{
    struct sley_resolver_options options = {.servers = "127.0.0.1:1", .hosts = "", .tries = 1};
    struct sley_resolver *resolver;
    struct sley_scope scope;
    (void)unused;
    int error = sley_resolver_new(&options, &resolver);
    if (error)
        return error;
    struct host hosts[] = {{resolver, "localhost", ""}, {resolver, "example.org", ""}};
    SLEY_SCOPE(&scope)
    {
        for (int i = 0; i < 2; i++)
            sley_scope_spawn(&scope, look_up, &hosts[i], NULL, NULL);
    }
    printf("%s: %s; %s: %s\n", hosts[0].name, hosts[0].text, hosts[1].name, hosts[1].text);
    sley_resolver_free(resolver);
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
