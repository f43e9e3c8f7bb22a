/*
 * flags_download.c: many flags at once.
 *
 * Every flag has a task, and the task reads like the story: ask for the image, ask for the name,
 * save the file. What keeps a thousand such tasks from storming the server is a gate that lets only
 * so many through at once; it is held around each single request and not around the whole, so
 * that nobody keeps a place while a file is being saved. A few workers that pull codes from a list
 * would need no gate, but they hold their place while saving, and the story would be cut in two
 * as soon as a flag takes two requests.
 *
 * Saving blocks, so it happens on a thread of the blocking pool, and so does the reading of the
 * JSON: its parser recurses as deep as a hostile server likes, which a thread's large stack stands
 * and a task's small one does not.
 *
 * A task that has finished puts its flag on a list and unparks the one task that started the
 * download; that task alone prints, counts and draws. Between them there is one mutex, held for a
 * few instructions. To interrupt means to cancel every task: each comes out of the call in which
 * it waits, releases what it holds, and reports itself.
 *
 * The image of a flag is trusted to be complete, since the HTTP client checks the length, but
 * not to be an image: a captive portal's page, saved as a GIF, helps nobody.
 */
#define _GNU_SOURCE
#include "flags_download.h"

#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#define uthash_nonfatal_oom(taken) ((taken)->lost = true)
#define HASH_NONFATAL_OOM          1
#include <uthash.h>

#include <sley/sley.h>

#include "gate.h"
#include "http_status.h"
#include "savefile.h"

#define IMAGE_LIMIT    (1 << 20) /* a flag of 16 x 11 pixels has some 370 bytes */
#define METADATA_LIMIT (1 << 16)
#define NAME_SIZE      128 /* the longest country name has 50 bytes */

/* A file name that a flag of this download has taken. */
struct taken_name {
    const struct flag *flag;
    UT_hash_handle hh;
    bool lost; /* there was no memory to keep it */
    char name[NAME_SIZE];
};

struct flags_download {
    struct flags_download_options options; /* constant, as the next four are */
    struct flag *flags;
    size_t count;
    struct sley_task *owner; /* who started it */
    struct sley_http_client *client;
    struct gate gate;
    pthread_mutex_t lock;       /* over the fields below and flags[].task; never held over a park */
    struct flag *first, **last; /* finished, not yet handed out */
    size_t finished;            /* in all */
    struct taken_name *names;
};

/* Notes why the flag is not there. */
__attribute__((format(printf, 3, 4))) static enum flag_status fail(struct flag *flag,
                                                                   enum flag_status status,
                                                                   const char *format, ...)
{
    va_list values;

    va_start(values, format);
    if (vasprintf(&flag->reason, format, values) < 0)
        flag->reason = NULL;
    va_end(values);
    return status;
}

/* Asks for one of a flag's two files: BASE/cc/[cc]suffix. */
static enum flag_status request(struct flag *flag, const char *format, size_t limit,
                                struct sley_http_response **response)
{
    struct flags_download *download = flag->download;
    char code[3] = {(char)tolower((unsigned char)flag->code[0]),
                    (char)tolower((unsigned char)flag->code[1])};
    char why[SLEY_HTTP_ERROR_SIZE] = "";
    char file[16], *url;

    snprintf(file, sizeof file, format, code);
    if (asprintf(&url, "%s/%s/%s", download->options.base, code, file) < 0)
        return fail(flag, FLAG_FAILED, "%s", sley_strerror(SLEY_ENOMEM));
    struct sley_http_options options = {
        .timeout = download->options.timeout, .max_body = limit, .error = why};
    int error = gate_enter(&download->gate);
    if (!error) {
        error = sley_http_get(download->client, url, &options, response);
        gate_leave(&download->gate);
    }
    free(url);
    if (error == SLEY_ECANCELED)
        return FLAG_CANCELED;
    flag->error = error;
    if (error)
        return fail(flag, FLAG_FAILED, "%s", *why ? why : sley_strerror(error));
    int status = sley_http_response_status(*response);
    if (status == 200)
        return FLAG_UNFINISHED;
    return fail(flag, status == 404 ? FLAG_NOT_FOUND : FLAG_FAILED, "HTTP %d %s", status,
                http_status_text(status));
}

/* What is saved, and how that went. */
struct save {
    struct flag *flag;
    const char *metadata;
    size_t metadata_size;
    char name[NAME_SIZE];
};

/* The file name by the server's metadata: {"country": "Brazil"} gives "Brazil.gif". */
static enum flag_status name_by_metadata(struct save *save)
{
    json_error_t why;
    json_t *json = json_loadb(save->metadata, save->metadata_size, 0, &why);
    const char *country = json_string_value(json_object_get(json, "country"));
    int error = country ? savefile_name(country, ".gif", save->name, sizeof save->name) : -1;

    json_decref(json);
    return error ? fail(save->flag, FLAG_FAILED, "metadata.json has no name of a country")
                 : FLAG_UNFINISHED;
}

/* Two flags under one name would silently become one file. */
static enum flag_status take_name(struct save *save)
{
    struct flags_download *download = save->flag->download;
    struct taken_name *mine = calloc(1, sizeof *mine), *found;

    if (!mine)
        return fail(save->flag, FLAG_FAILED, "%s", sley_strerror(SLEY_ENOMEM));
    mine->flag = save->flag;
    memcpy(mine->name, save->name, sizeof mine->name);
    pthread_mutex_lock(&download->lock);
    HASH_FIND_STR(download->names, save->name, found);
    if (!found)
        HASH_ADD_STR(download->names, name, mine);
    pthread_mutex_unlock(&download->lock);
    if (!found && !mine->lost)
        return FLAG_UNFINISHED;
    free(mine);
    if (!found)
        return fail(save->flag, FLAG_FAILED, "%s", sley_strerror(SLEY_ENOMEM));
    return fail(save->flag, FLAG_FAILED, "%s has the same name, %s", found->flag->code, save->name);
}

/* On another thread: how deep the text is nested is up to the server, and a task's stack small. */
static int read_metadata(void *arg)
{
    return (int)name_by_metadata(arg);
}

static enum flag_status choose_name(struct save *save)
{
    int status = FLAG_UNFINISHED;
    int error = 0;

    if (save->metadata)
        error = sley_to_thread(read_metadata, save, &status);
    else
        snprintf(save->name, sizeof save->name, "%s.gif", save->flag->code);
    if (error == SLEY_ECANCELED)
        return FLAG_CANCELED;
    if (error)
        return fail(save->flag, FLAG_FAILED, "%s", sley_strerror(error));
    return status == FLAG_UNFINISHED ? take_name(save) : (enum flag_status)status;
}

static enum flag_status save(struct flag *flag, const struct sley_http_response *image,
                             const struct sley_http_response *metadata)
{
    struct sley_file_save_options options = {.at = flag->download->options.directory};
    struct save save = {
        .flag = flag,
        .metadata = metadata ? sley_http_response_body(metadata) : NULL,
        .metadata_size = metadata ? sley_http_response_size(metadata) : 0,
    };
    size_t size = sley_http_response_size(image);
    enum flag_status status = choose_name(&save);

    if (status != FLAG_UNFINISHED)
        return status;
    int error = sley_file_save(save.name, sley_http_response_body(image), size, &options);
    if (error == SLEY_ECANCELED)
        return FLAG_CANCELED;
    if (error)
        return fail(flag, FLAG_FAILED, "cannot save the file: %s", sley_strerror(error));
    flag->file = strdup(save.name);
    flag->bytes = size;
    return FLAG_DOWNLOADED;
}

static enum flag_status check_image(struct flag *flag, const struct sley_http_response *image)
{
    size_t size = sley_http_response_size(image);
    const char *body = sley_http_response_body(image);

    if (size == 0)
        return fail(flag, FLAG_FAILED, "the answer is empty");
    if (size < 6 || memcmp(body, "GIF8", 4) != 0)
        return fail(flag, FLAG_FAILED, "the answer is not a GIF");
    /* An answer without a length ends when the server closes, whatever was sent: the format's own
     * last byte tells whether that was all. */
    if (body[size - 1] != ';')
        return fail(flag, FLAG_FAILED, "the answer is only the beginning of a GIF");
    return FLAG_UNFINISHED;
}

/* Hands the flag to the owner. */
static void finish(struct flag *flag, enum flag_status status)
{
    struct flags_download *download = flag->download;

    flag->status = status;
    pthread_mutex_lock(&download->lock);
    *download->last = flag;
    download->last = &flag->next;
    download->finished++;
    sley_unpark(download->owner);
    pthread_mutex_unlock(&download->lock);
}

/* The task of one flag. */
static int fetch_flag(void *arg)
{
    struct flag *flag = arg;
    struct sley_http_response *image = NULL, *metadata = NULL;
    int64_t start = sley_now();

    enum flag_status status = request(flag, "%s.gif", IMAGE_LIMIT, &image);
    if (status == FLAG_UNFINISHED)
        status = check_image(flag, image);
    if (status == FLAG_UNFINISHED && flag->download->options.named)
        status = request(flag, "metadata.json", METADATA_LIMIT, &metadata);
    if (status == FLAG_UNFINISHED)
        status = save(flag, image, metadata);
    sley_http_response_free(image);
    sley_http_response_free(metadata);
    flag->took = sley_now() - start;
    finish(flag, status);
    return 0;
}

static void spawn_all(struct flags_download *download)
{
    for (size_t i = 0; i < download->count; i++) {
        struct flag *flag = &download->flags[i];
        struct sley_task *task = NULL;
        int error = sley_spawn(fetch_flag, flag, NULL, &task);
        pthread_mutex_lock(&download->lock);
        flag->task = task;
        pthread_mutex_unlock(&download->lock);
        if (error)
            finish(flag, fail(flag, FLAG_FAILED, "no task for it: %s", sley_strerror(error)));
    }
}

int flags_download_start(const struct flags_download_options *options,
                         const struct flags_plan *plan, struct flags_download **out)
{
    struct flags_download *download = calloc(1, sizeof *download);
    struct flag *flags = calloc(plan->count + 1, sizeof *flags);
    struct sley_http_client *client = NULL;
    int error = SLEY_ENOMEM;

    if (download && flags)
        error = sley_http_client_new(
            &(struct sley_http_client_options){.no_proxy = options->no_proxy}, &client);
    if (error) {
        free(flags);
        free(download);
        return error;
    }
    download->options = *options;
    download->flags = flags;
    download->count = plan->count;
    download->owner = sley_self();
    download->client = client;
    download->last = &download->first;
    gate_init(&download->gate, options->max_requests);
    pthread_mutex_init(&download->lock, NULL);
    for (size_t i = 0; i < plan->count; i++) {
        flags[i].code = plan->list[i].code;
        flags[i].asked = plan->list[i].asked;
        flags[i].download = download;
    }
    spawn_all(download);
    *out = download;
    return 0;
}

/* Takes what has finished off the list; *more tells whether anything is still to come. */
static struct flag *take_finished(struct flags_download *download, bool *more)
{
    pthread_mutex_lock(&download->lock);
    struct flag *list = download->first;
    *more = download->finished < download->count;
    download->first = NULL;
    download->last = &download->first;
    pthread_mutex_unlock(&download->lock);
    return list;
}

struct flag *flags_download_next(struct flags_download *download)
{
    struct flag *list;
    bool more;

    while (!(list = take_finished(download, &more)) && more)
        if (sley_park("the next flag") != 0) {
            /* The owner itself was cancelled: no park helps it now, but the flags end soon. */
            flags_download_interrupt(download);
            sley_yield();
        }
    return list;
}

void flags_download_interrupt(void *interrupted)
{
    struct flags_download *download = interrupted;

    pthread_mutex_lock(&download->lock);
    for (size_t i = 0; i < download->count; i++)
        if (download->flags[i].task)
            sley_cancel(download->flags[i].task, "interrupted");
    pthread_mutex_unlock(&download->lock);
}

static void free_names(struct flags_download *download)
{
    struct taken_name *name = download->names, *next;

    HASH_CLEAR(hh, download->names); /* frees the table, not what is in it */
    for (; name; name = next) {
        next = name->hh.next;
        free(name);
    }
}

void flags_download_free(struct flags_download *download)
{
    if (!download)
        return;
    flags_download_interrupt(download);
    for (size_t i = 0; i < download->count; i++) {
        struct flag *flag = &download->flags[i];
        while (flag->task && sley_join(flag->task, NULL) != 0)
            sley_yield(); /* as above: the owner was cancelled, the flag ends soon */
        free(flag->file);
        free(flag->reason);
    }
    free_names(download);
    sley_http_client_free(download->client);
    pthread_mutex_destroy(&download->lock);
    gate_close(&download->gate);
    free(download->flags);
    free(download);
}
