/*
 * probe_keywords.h: the keywords of programming languages, as labels of domain names.
 */
#ifndef SLEY_APPS_PROBE_KEYWORDS_H
#define SLEY_APPS_PROBE_KEYWORDS_H

#include <stddef.h>

/* The keywords of "c" or "python", in lower case and in the order of the alphabet, up to a NULL;
 * NULL if the language is neither. Static storage. */
const char *const *probe_keywords(const char *language);

#endif
