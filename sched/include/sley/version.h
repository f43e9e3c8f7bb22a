/*
 * sley/version.h: which sley this is. The numbers stand here once; the build reads them.
 */
#ifndef SLEY_VERSION_H
#define SLEY_VERSION_H

#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLEY_VERSION_MAJOR 0
#define SLEY_VERSION_MINOR 1
#define SLEY_VERSION_PATCH 0

/* The version of the library that is linked, "0.1.0"; compare with the macros above to find a
 * header and a library that do not belong together. Static storage. Any thread. Since 0.1. */
SLEY_EXPORT const char *sley_version(void);

#ifdef __cplusplus
}
#endif
#endif
