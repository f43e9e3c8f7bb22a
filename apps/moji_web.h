/*
 * moji_web.h: the character finder as a web server.
 *
 *   GET /               a page that searches as one types
 *   GET /search?q=WORDS [{"char": "...", "name": "..."}, ...], sorted by code point
 *
 * Everything else is a 404, other methods a 405, a query that cannot be one a 400.
 */
#ifndef SLEY_APPS_MOJI_WEB_H
#define SLEY_APPS_MOJI_WEB_H

#include <stdint.h>

#include <sley/httpd.h>

#include "moji_index.h"
#include "moji_log.h"

/* What a request works with. Owned by the caller until the server has been freed. */
struct moji_web {
    const struct moji_index *index;
    struct moji_log *log;
};

/* Starts it; errors as sley_httpd_start(). From a task. */
int moji_web_start(struct moji_web *web, const struct sley_httpd_options *options,
                   struct sley_httpd **out);

#endif
