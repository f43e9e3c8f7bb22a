/*
 * watched.h: whether this build is watched by a sanitizer. Level 0; tests ask it, too.
 *
 * gcc says it with a macro, clang with a feature.
 */
#ifndef SLEY_WATCHED_H
#define SLEY_WATCHED_H

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
#define WITH_ASAN 1
#else
#define WITH_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer)
#define WITH_TSAN 1
#else
#define WITH_TSAN 0
#endif

#endif
