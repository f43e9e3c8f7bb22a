/*
 * fetch_url.c: a URL as it may be shown.
 *
 * "http://user:secret@host/" is the short way of giving a server a password, and what is shown of a
 * URL goes far: reports are mailed, the output of a build is kept for years, a journal lies beside
 * the files. So wherever a URL leaves the program, other than to its server, it has no password;
 * RFC 3986, 3.2.1 asks for that. The user's name stays: it tells one file from another, in a report
 * and for whoever resumes.
 *
 * A journal and a partial file must know their URL again. They compare this form, so a password
 * that has changed meanwhile costs nothing.
 *
 *   Rejected: a hash of the password there. It would stand beside everything that one needs to try
 *   passwords by the million. "user:***@": is a URL, of another password.
 */
#define _GNU_SOURCE
#include "fetch_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* [from, to) is to be left out: the colon and what stands between it and the '@'. */
static void find_password(const char *url, const char **from, const char **to)
{
    const char *scheme = strstr(url, "://"), *start = scheme ? scheme + 3 : url;
    size_t length = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', length);
    const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;

    *from = colon ? colon : start;
    *to = colon ? at : start;
}

size_t fetch_url_show(const char *url, char *out, size_t size)
{
    const char *from, *to;

    find_password(url, &from, &to);
    return (size_t)snprintf(out, size, "%.*s%s", (int)(from - url), url, to);
}

char *fetch_url_shown(const char *url)
{
    size_t size = strlen(url) + 1;
    char *shown = malloc(size);

    if (shown)
        fetch_url_show(url, shown, size);
    return shown;
}
