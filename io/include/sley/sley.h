/*
 * sley/sley.h: all of sley in one include.
 */
#ifndef SLEY_SLEY_H
#define SLEY_SLEY_H

#include <sley/blocking.h>
#include <sley/error.h>
#include <sley/http.h>
#include <sley/httpd.h>
#include <sley/park.h>
#include <sley/runtime.h>
#include <sley/task.h>
#include <sley/tcp.h>
#include <sley/time.h>
#include <sley/topology.h>
#include <sley/version.h>

#endif
