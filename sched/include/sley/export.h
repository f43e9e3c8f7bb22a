/*
 * sley/export.h: SLEY_EXPORT marks what the shared library exports; everything else is hidden.
 */
#ifndef SLEY_EXPORT_H
#define SLEY_EXPORT_H

#if defined(__GNUC__)
#define SLEY_EXPORT __attribute__((visibility("default")))
#else
#define SLEY_EXPORT
#endif

/* An inline function, made by a macro, that need not be used. Not for programs. */
#define SLEY__UNUSED static inline __attribute__((unused))

#endif
