/*
 * names.c: `sley-bench-load names COUNT`: the name server of the row `dns`, for those who cannot
 * start it themselves (dns_rig.c).
 */
#include <unistd.h>

#include "dns_rig.h"
#include "load/load.h"

int load_serve_names(int count)
{
    char byte;
    int port = dns_rig_start((size_t)count);

    if (port == 0) {
        load_say("there is no Knot here (package knot)");
        return LOAD_DECLINED;
    }
    if (port < 0)
        return load_fail("the name server could not be started");
    load_tell_port(port);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    dns_rig_stop();
    return 0;
}
