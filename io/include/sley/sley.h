/*
 * sley/sley.h: all of sley in one include.
 */
#ifndef SLEY_SLEY_H
#define SLEY_SLEY_H

#include <sley/address.h>
#include <sley/blocking.h>
#include <sley/broadcast.h>
#include <sley/buffered.h>
#include <sley/chan.h>
#include <sley/dns.h>
#include <sley/error.h>
#include <sley/executor.h>
#include <sley/file.h>
#include <sley/fork.h>
#include <sley/future.h>
#include <sley/generator.h>
#include <sley/http.h>
#include <sley/httpd.h>
#include <sley/iterator.h>
#include <sley/listener.h>
#include <sley/local.h>
#include <sley/park.h>
#include <sley/pipe.h>
#include <sley/process.h>
#include <sley/procpool.h>
#include <sley/runtime.h>
#include <sley/scope.h>
#include <sley/serve.h>
#include <sley/signal.h>
#include <sley/stall.h>
#include <sley/stream.h>
#include <sley/sync.h>
#include <sley/task.h>
#include <sley/tcp.h>
#include <sley/time.h>
#include <sley/tls.h>
#include <sley/topology.h>
#include <sley/typed.h>
#include <sley/udp.h>
#include <sley/unix.h>
#include <sley/version.h>

#endif
