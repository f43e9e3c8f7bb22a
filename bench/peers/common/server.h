/*
 * server.h: the rows in which a peer is a server that sley-bench-load keeps busy, or the client of
 * one that it is.
 */
#ifndef PEERS_COMMON_SERVER_H
#define PEERS_COMMON_SERVER_H

#include "peers/common/peer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Serves connections to the listening socket, which is non-blocking; never returns. */
typedef void peer_serve_fn(const struct peer_setup *setup, int listener);

/* Runs the server in a process of its own, on as many processors as there are workers; has the load
 * do its row `row` to it, and ends the process with the load's status. Its output is the peer's. */
PEER_NORETURN void peer_run_server(const struct peer_setup *setup, const char *row,
                                   peer_serve_fn *serve);

/* Starts `sley-bench-load MODE`, a server that ends when this process does; its port. */
int peer_start_helper(const char *mode);

#ifdef __cplusplus
}
#endif

#endif
