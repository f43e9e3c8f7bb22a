/*
 * probe_keywords.c: the keywords of programming languages, as labels of domain names.
 *
 * C is C23, which has made plain words of several that had to be written with an underscore
 * (_Bool, _Alignas) before; those that still have one are left out, because no domain can be
 * called so. Python is 3.12; the words that are keywords in some places only (match, type) are not
 * in its list, as they are not in keyword.kwlist. Names of domains have no case: False is false.
 */
#include "probe_keywords.h"

#include <string.h>

static const char *const c[] = {
    "alignas",   "alignof",  "auto",     "bool",    "break",  "case",   "char",     "const",
    "constexpr", "continue", "default",  "do",      "double", "else",   "enum",     "extern",
    "false",     "float",    "for",      "goto",    "if",     "inline", "int",      "long",
    "nullptr",   "register", "restrict", "return",  "short",  "signed", "sizeof",   "static",
    "struct",    "switch",   "true",     "typedef", "typeof", "union",  "unsigned", "void",
    "volatile",  "while",    NULL,
};

static const char *const python[] = {
    "and",  "as",     "assert", "async",  "await",  "break",   "class",    "continue", "def",
    "del",  "elif",   "else",   "except", "false",  "finally", "for",      "from",     "global",
    "if",   "import", "in",     "is",     "lambda", "none",    "nonlocal", "not",      "or",
    "pass", "raise",  "return", "true",   "try",    "while",   "with",     "yield",    NULL,
};

const char *const *probe_keywords(const char *language)
{
    if (strcmp(language, "c") == 0)
        return c;
    return strcmp(language, "python") == 0 ? python : NULL;
}
