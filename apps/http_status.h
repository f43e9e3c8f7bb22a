/*
 * http_status.h: what the numbers of HTTP mean.
 */
#ifndef SLEY_APPS_HTTP_STATUS_H
#define SLEY_APPS_HTTP_STATUS_H

/* "Not Found" for 404; "Unknown" for a number that RFC 9110 and its neighbours do not name. Static
 * storage. */
const char *http_status_text(int status);

#endif
