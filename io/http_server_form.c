/*
 * http_server_form.c: the parts of a form that comes as multipart/form-data: the parser
 * (multipart.c) on the body of a request, whether that is in memory or still on its way.
 */
#include "http_server_impl.h"

#include <stdlib.h>
#include <string.h>

#include "multipart.h"

struct sley__httpd_form {
    struct sley__multipart multipart;
    struct sley_httpd_request *request;
    size_t used; /* bytes of a body in memory */
};

void sley__httpd_form_free(struct sley__httpd_form *form)
{
    if (!form)
        return;
    sley__multipart_close(&form->multipart);
    free(form);
}

static int give(void *arg, void *data, size_t size)
{
    struct sley__httpd_form *form = arg;
    struct sley_httpd_request *request = form->request;

    if (request->streamed)
        return sley__httpd_body_read(request, data, size);
    if (size > request->body_size - form->used)
        size = request->body_size - form->used;
    if (size)
        memcpy(data, request->body + form->used, size);
    form->used += size;
    return (int)size;
}

static int form_of(struct sley_httpd_request *request, struct sley__httpd_form **out)
{
    struct sley__httpd_form *form = request->form;
    int error;

    if (!form) {
        form = calloc(1, sizeof(*form));
        if (!form)
            return SLEY_ENOMEM;
        form->request = request;
        error = sley__multipart_init(
            &form->multipart, sley_httpd_request_header(request, "Content-Type"), give, form);
        if (error) {
            free(form);
            return error;
        }
        request->form = form;
    }
    *out = form;
    return 0;
}

int sley_httpd_request_part(struct sley_httpd_request *request, struct sley_httpd_part *part)
{
    struct sley__httpd_form *form = NULL;
    int more = form_of(request, &form);

    if (more)
        return more;
    more = sley__multipart_next(&form->multipart);
    if (more > 0)
        *part = (struct sley_httpd_part){form->multipart.name, form->multipart.filename,
                                         form->multipart.type};
    return more;
}

int sley_httpd_request_part_read(struct sley_httpd_request *request, void *data, size_t size)
{
    int got;

    if (!request->form)
        return SLEY_EINVAL;
    if (!size)
        return 0;
    got = sley__multipart_read(&request->form->multipart, data, size);
    return got ? got : SLEY_EOF;
}
