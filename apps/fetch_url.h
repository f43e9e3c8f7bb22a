/*
 * fetch_url.h: a URL as it may be shown. Any thread; never parks.
 */
#ifndef SLEY_APPS_FETCH_URL_H
#define SLEY_APPS_FETCH_URL_H

#include <stddef.h>

/* Enough of a URL for a message. */
enum { FETCH_SHOWN_SIZE = 304 };

/* Writes the URL without the password that may be in it, cut if it is longer, NUL-terminated:
 * "http://user:secret@host/x" is "http://user@host/x". Returns the length that it would have. What
 * is no URL may be taken for one. */
size_t fetch_url_show(const char *url, char *out, size_t size);

/* The same in memory of its own; NULL: no memory. */
char *fetch_url_shown(const char *url);

#endif
