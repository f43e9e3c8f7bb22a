/*
 * response.c: the header lines of an answer, as libcurl hands them on, turned into pairs in place.
 * What comes out must be what a slower reader makes of the lines, which has all the room it likes;
 * AddressSanitizer sees a pair that is longer than its line.
 *
 * floor: 70
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <ctype.h>
#include <strings.h>

#include "http_client_impl.h"

enum { MOST = 1024 }; /* lines are compared each with each */

static char names[MOST][MOST], values[MOST][MOST];
static size_t count;

static void trim(char *out, const char *from, const char *to)
{
    for (; from < to && (*from == ' ' || *from == '\t'); from++)
        ;
    for (; to > from && (to[-1] == ' ' || to[-1] == '\t'); to--)
        ;
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = '\0';
}

static void read_line(const char *line, const char *end)
{
    const char *colon;

    if (end > line && end[-1] == '\r')
        end--;
    if (end == line || memchr(line, '\0', (size_t)(end - line)))
        return;
    if ((*line == ' ' || *line == '\t') && count) {
        strcat(values[count - 1], " ");
        trim(values[count - 1] + strlen(values[count - 1]), line, end);
        return;
    }
    colon = memchr(line, ':', (size_t)(end - line));
    if (!colon || strncmp(line, "HTTP/", 5) == 0)
        return;
    trim(names[count], line, colon);
    trim(values[count++], colon + 1, end);
}

static void read_lines(const char *data, size_t size)
{
    count = 0;
    for (const char *line = data, *end; line < data + size; line = end + 1) {
        end = memchr(line, '\n', size - (size_t)(line - data));
        if (!end)
            end = data + size;
        read_line(line, end);
    }
}

static void compare(const struct sley_http_response *response)
{
    const char *name, *value;

    for (size_t i = 0; i < count; i++) {
        must(sley_http_response_header_at(response, i, &name, &value));
        must(strcmp(name, names[i]) == 0 && strcmp(value, values[i]) == 0);
        value = sley_http_response_header(response, names[i]);
        for (size_t first = 0; first <= i; first++) {
            if (strcasecmp(names[first], names[i]) != 0)
                continue;
            must(value && strcmp(value, values[first]) == 0);
            break;
        }
    }
    must(!sley_http_response_header_at(response, count, &name, &value));
    must(!sley_http_response_header(response, "\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sley_http_response response = {.pulled = true}; /* the status is not looked at */
    char *data = malloc(size + 1);                         /* no more than the buffer has */

    if (size >= MOST || !data) {
        free(data);
        return 0;
    }
    memcpy(data, bytes, size);
    data[size] = '\0';
    read_lines(data, size);
    response.headers = (struct sley__http_buffer){.data = data, .size = size, .capacity = size + 1};
    sley__http_split_headers(&response);
    compare(&response);
    free(data);
    return 0;
}
