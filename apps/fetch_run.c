/*
 * fetch_run.c: from the list to the summary.
 *
 * The main task alone decides: it takes lines as they come (fetch_intake.c), and the next item from
 * the queues of the hosts, spawns a task for one attempt at it, and is told when that has ended; it
 * counts, tells, writes the journal, and puts what is to be tried again back into its queue, for
 * later. So nothing but the list of what has ended needs a lock, a place among the -j is never held
 * by something that only waits for its time, and there are never more tasks than transfers, however
 * long the list is.
 *
 * Whatever has ended between two looks is dealt with at once: one write to the journal, one to the
 * output. New transfers are started before that.
 *
 * Ctrl-C cancels the scope that the transfers are in, and with it what the main task does in there.
 * Each comes out of the call in which it waits and leaves what it has in a state that can be
 * resumed; the scope ends when all of them have; the rest is done outside of it. Lines that were
 * read are in the report then, as unfinished, whether their turn had come or not.
 */
#define _GNU_SOURCE
#include "fetch_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <sley/sley.h>

#include "fetch_hosts.h"
#include "fetch_intake.h"
#include "fetch_jobs.h"
#include "fetch_journal.h"
#include "fetch_tell.h"
#include "fetch_transfer.h"
#include "interrupts.h"
#include "options.h"
#include "savefile.h"

enum { SMALL_MOST = 64 << 10, SMALL_LEAST = 8 << 10, ALL_SMALL = 8 << 20 };

/* The main task's, but for `setup`, which is constant. */
struct run {
    struct fetch_plan *plan;
    struct fetch_setup setup;
    struct fetch_rate rate;
    struct fetch_intake intake;
    struct fetch_hosts hosts;
    struct fetch_jobs jobs;
    struct fetch_tell tell;
    struct interrupts interrupts;
    struct sley_scope scope;
    struct sley_file *journal; /* NULL: none, or it failed */
    struct text journal_text;  /* not yet written */
    int journal_error;
    size_t open;     /* items that have not ended */
    unsigned active; /* attempts */
    uint64_t random;
};

static uint64_t next_random(struct run *run)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return run->random;
}

/* --- attempts --------------------------------------------------------------------------------- */

/* The task of one attempt. */
static int attempt(void *arg)
{
    struct fetch_job *job = arg;
    const struct run *run = job->run;

    fetch_transfer(&run->setup, job->item, &job->outcome);
    fetch_job_end(job);
    return 0;
}

static void end_item(struct run *run, struct fetch_item *item, enum fetch_state state)
{
    item->state = (uint8_t)state;
    item->took = item->first_started ? sley_now() - item->first_started : 0;
    run->open--;
    if (state == FETCH_DONE && run->journal)
        fetch_journal_line(&run->journal_text, item);
    fetch_tell_item(&run->tell, item);
}

static void fail_item(struct run *run, struct fetch_item *item, int error)
{
    free(item->reason);
    item->reason = strdup(sley_strerror(error));
    end_item(run, item, FETCH_FAILED);
}

static void start_item(struct run *run, struct fetch_item *item)
{
    struct fetch_job *job = fetch_job_new(&run->jobs, run, item);
    int error = SLEY_ENOMEM;

    item->started = sley_now();
    if (!item->first_started)
        item->first_started = item->started;
    item->attempts++;
    item->state = FETCH_ACTIVE;
    if (job)
        error = sley_scope_spawn(&run->scope, attempt, job, NULL, NULL);
    if (!error) {
        run->active++;
        return;
    }
    if (job)
        fetch_job_free(job);
    fetch_hosts_other(&run->hosts, item);
    fail_item(run, item, error);
}

/* An item that waits for its turn from now on. */
static void queue_item(struct run *run, struct fetch_item *item)
{
    run->open++;
    if (!fetch_hosts_add(&run->hosts, item, 0))
        fail_item(run, item, SLEY_ENOMEM);
}

/* Takes one more item from the list, if that is of use and there is one. */
static bool take_more(struct run *run)
{
    bool idle = run->active < run->plan->parallel;
    struct fetch_item *item = NULL;

    if (fetch_intake_wants(run->open - run->active, idle))
        item = fetch_intake_next(&run->intake);
    if (item)
        queue_item(run, item);
    return item;
}

/* Starts what may be started. Returns when there may be more by itself. */
static int64_t start_items(struct run *run)
{
    int64_t when;

    do {
        when = SLEY_FOREVER;
        while (run->active < run->plan->parallel) {
            struct fetch_item *item = fetch_hosts_take(&run->hosts, sley_now(), &when);
            if (!item)
                break;
            start_item(run, item);
        }
    } while (take_more(run));
    return when;
}

/* --- what has ended --------------------------------------------------------------------------- */

/* The server's answer alone would look as if it were final. */
static void blame_pause(const struct run *run, struct fetch_item *item, int64_t pause)
{
    char *reason;

    if (!item->reason ||
        asprintf(&reason, "%s; the server wants a pause of %" PRId64 " s, --retry-most allows %g s",
                 item->reason, pause / SLEY_SECONDS(1), (double)run->plan->retry_most / 1e9) < 0)
        return;
    free(item->reason);
    item->reason = reason;
}

static bool may_try_again(const struct run *run, struct fetch_item *item,
                          const struct fetch_outcome *outcome)
{
    unsigned spared = run->plan->retries ? item->spared : 0u;

    if (outcome->fate == FETCH_GIVE_UP || item->attempts > run->plan->retries + spared)
        return false;
    if (outcome->retry_after > run->plan->retry_most) {
        blame_pause(run, item, outcome->retry_after);
        return false;
    }
    return !outcome->wrong_checksum || !item->again; /* another copy has the same, mostly */
}

static bool try_again(struct run *run, struct fetch_item *item, const struct fetch_outcome *outcome)
{
    int64_t now = sley_now();
    int64_t wait = fetch_backoff(item->attempts, run->plan->retry_wait, run->plan->retry_most,
                                 next_random(run));

    if (outcome->retry_after > wait)
        wait = outcome->retry_after;
    item->again = outcome->wrong_checksum;
    item->state = FETCH_WAITING;
    if (outcome->retry_after >= 0 &&
        !fetch_hosts_pause(&run->hosts, item, now + outcome->retry_after))
        return false;
    fetch_tell_retry(&run->tell, item, wait);
    return fetch_hosts_add(&run->hosts, item, now + wait);
}

/* There was too much of us. Who is not to blame for that has not used up an attempt. */
static void spare(struct run *run, struct fetch_item *item)
{
    if (!fetch_hosts_bad(&run->hosts, item, sley_now()) && item->spared < item->attempts)
        item->spared++;
}

static void deal_with_failure(struct run *run, struct fetch_item *item,
                              const struct fetch_outcome *outcome)
{
    if (outcome->fate == FETCH_SLOW_DOWN)
        spare(run, item);
    else
        fetch_hosts_other(&run->hosts, item);
    if (outcome->error == SLEY_ECANCELED) {
        item->state = FETCH_WAITING; /* and stays open */
        return;
    }
    if (may_try_again(run, item, outcome)) {
        if (!try_again(run, item, outcome))
            fail_item(run, item, SLEY_ENOMEM);
        return;
    }
    end_item(run, item, FETCH_FAILED);
}

/* Of what was interrupted it stays what it was: that of the attempt before, or none. */
static void take_reason(struct fetch_item *item, const struct fetch_outcome *outcome)
{
    char *old = outcome->error == SLEY_ECANCELED ? outcome->reason : item->reason;

    if (outcome->error != SLEY_ECANCELED)
        item->reason = outcome->reason;
    free(old);
}

static void deal_with(struct run *run, struct fetch_job *job)
{
    struct fetch_item *item = job->item;
    const struct fetch_outcome *outcome = &job->outcome;

    run->active--;
    item->status = (uint16_t)outcome->status;
    item->resumed = item->resumed || outcome->resumed;
    take_reason(item, outcome);
    if (outcome->state == FETCH_FAILED) {
        deal_with_failure(run, item, outcome);
    } else {
        item->size = outcome->size;
        if (outcome->state == FETCH_DONE && !job->counted)
            fetch_hosts_good(&run->hosts, item);
        else
            fetch_hosts_other(&run->hosts, item);
        end_item(run, item, outcome->state);
    }
    fetch_job_free(job);
}

static void collect(struct run *run)
{
    struct fetch_job *answered, *ended, *next;

    fetch_jobs_collect(&run->jobs, &answered, &ended);
    for (; answered; answered = answered->next_answered)
        fetch_hosts_answer(&run->hosts, answered->item);
    for (; ended; ended = next) {
        next = ended->next_ended;
        deal_with(run, ended);
    }
}

/* --- the journal ------------------------------------------------------------------------------ */

static void write_journal(struct run *run)
{
    size_t written = 0;

    if (!run->journal || run->journal_text.length == 0)
        return;
    int error =
        sley_file_append(run->journal, run->journal_text.bytes, run->journal_text.length, &written);
    run->journal_text.length -= written;
    memmove(run->journal_text.bytes, run->journal_text.bytes + written, run->journal_text.length);
    if (!error || error == SLEY_ECANCELED)
        return;
    fetch_tell_error(&run->tell, "cannot write the journal %s: %s", run->plan->journal,
                     sley_strerror(error));
    run->journal_error = error;
    sley_file_close(run->journal);
    run->journal = NULL;
}

/* A line that a kill has torn is ended. */
static int open_journal(struct run *run)
{
    struct sley_file_options options = {.flags = SLEY_FILE_APPEND | SLEY_FILE_CREATE, .mode = 0600};
    struct sley_file_stat status;
    int error;

    if (!run->plan->journal)
        return 0;
    error = sley_file_open(run->plan->journal, &options, &run->journal);
    if (error)
        return error;
    error = sley_file_stat(run->journal, &status);
    if (!error && status.size > 0)
        text_add(&run->journal_text, "\n");
    return error;
}

/* --- the run ---------------------------------------------------------------------------------- */

static void cancel_scope(void *scope)
{
    sley_scope_cancel(scope, "interrupted");
}

/* Waits until something has ended, or until `when`. False: interrupted. */
static bool wait_for_something(struct run *run, int64_t when)
{
    int error = 0;

    SLEY_WITH_DEADLINE(fetch_tell_deadline(&run->tell, &run->jobs, when))
    {
        error = sley_park("a transfer");
    }
    return error != SLEY_ECANCELED;
}

static bool is_over(const struct run *run)
{
    return run->open == 0 && fetch_intake_ended(&run->intake);
}

/* In the scope. */
static void transfer_all(struct run *run)
{
    bool going_on = true;

    while (going_on && !is_over(run)) {
        int64_t when = start_items(run);
        write_journal(run);
        fetch_intake_tell(&run->intake, run->open);
        fetch_tell_flush(&run->tell, &run->jobs);
        if (!is_over(run))
            going_on = wait_for_something(run, when);
        collect(run);
    }
}

/* After an interrupt: what was read stays undone, but is not forgotten. */
static void take_rest(struct run *run)
{
    while (fetch_intake_next(&run->intake))
        run->open++;
    if (!fetch_intake_ended(&run->intake))
        fetch_tell_unread(&run->tell, NULL);
}

static void run_scope(struct run *run)
{
    SLEY_SCOPE(&run->scope, .policy = SLEY_SCOPE_ALL, .discard = true)
    {
        int error = fetch_intake_start(&run->intake, &run->scope);
        if (error) {
            fetch_tell_unread(&run->tell, "cannot read the list: %s", sley_strerror(error));
            break;
        }
        interrupts_handle(&run->interrupts, cancel_scope, &run->scope);
        transfer_all(run);
        interrupts_handle(&run->interrupts, NULL, NULL);
    }
    collect(run);
    take_rest(run);
    write_journal(run);
    fetch_tell_end(&run->tell);
}

/* Whether the files that the command line names for TLS are what they should be. The client would
 * find out with the first https URL, once for each, in OpenSSL's words; and with none of them it
 * would not. */
static bool check_tls_files(struct run *run)
{
    const struct sley_http_client_options *client = &run->plan->client;
    struct sley_tls_options options = {
        .ca_file = client->ca_file,
        .certificate_file = client->certificate,
        .key_file = client->certificate_key ? client->certificate_key : client->certificate,
    };
    struct sley_tls_context *context = NULL;
    char why[SLEY_TLS_ERROR_SIZE];
    int error = 0;

    if (client->ca_file || client->certificate)
        error = sley_tls_client_new(&options, why, &context);
    sley_tls_context_free(context);
    if (error)
        fetch_tell_error(&run->tell, "%s", error == SLEY_ETLS ? why : sley_strerror(error));
    return !error;
}

/* 0, or the error, which has been told. */
static int open_all(struct run *run, struct sley_file **directory)
{
    struct fetch_plan *plan = run->plan;
    int error = savefile_directory(plan->directory, directory);

    if (error) {
        fetch_tell_error(&run->tell, "cannot save files in %s: %s", plan->directory,
                         sley_strerror(error));
        return error;
    }
    error = open_journal(run);
    if (error)
        fetch_tell_error(&run->tell, "cannot open the journal %s: %s", plan->journal,
                         sley_strerror(error));
    if (!error) {
        error = sley_http_client_new(&plan->client, &run->setup.client);
        if (error)
            fetch_tell_error(&run->tell, "cannot start: %s", sley_strerror(error));
    }
    return error;
}

static int save_report(struct run *run)
{
    struct fetch_plan *plan = run->plan;
    struct text text = {0};
    int error;

    if (!plan->report)
        return 0;
    fetch_report(&text, &plan->list, plan->format);
    error = sley_file_save(plan->report, text.bytes, text.length, NULL);
    text_free(&text);
    if (error)
        fetch_tell_error(&run->tell, "cannot save the report %s: %s", plan->report,
                         sley_strerror(error));
    return error;
}

/* All together they are received into a few MiB. */
static size_t small_size(unsigned parallel)
{
    size_t size = ALL_SMALL / parallel;

    return size < SMALL_LEAST ? SMALL_LEAST : size < SMALL_MOST ? size : SMALL_MOST;
}

static void set_up(struct run *run)
{
    struct fetch_plan *plan = run->plan;

    fetch_rate_init(&run->rate, plan->rate);
    fetch_hosts_init(&run->hosts, plan->per_host);
    fetch_jobs_init(&run->jobs);
    if (getrandom(&run->random, sizeof run->random, 0) != sizeof run->random)
        run->random = (uint64_t)sley_now();
    run->random |= 1;
    run->setup = (struct fetch_setup){
        .headers = plan->headers,
        .header_count = plan->header_count,
        .max_redirects = plan->max_redirects,
        .connect_timeout = plan->connect_timeout,
        .idle_timeout = plan->idle_timeout,
        .timeout = plan->timeout,
        .max_size = plan->max_size,
        .ranges = plan->ranges,
        .range_min = plan->range_min,
        .small = small_size(plan->parallel),
        .compressed = plan->compressed,
        .skip_existing = plan->skip_existing,
        .sync = plan->sync,
        .rate = &run->rate,
        .came = fetch_job_came,
    };
    fetch_tell_init(&run->tell, plan);
    fetch_intake_init(&run->intake, plan, &run->tell);
}

static void tear_down(struct run *run, struct sley_file *directory)
{
    sley_http_client_free(run->setup.client);
    sley_file_close(run->journal);
    sley_file_close(directory);
    text_free(&run->journal_text);
    fetch_intake_close(&run->intake);
    fetch_tell_close(&run->tell);
    fetch_hosts_close(&run->hosts);
    fetch_rate_close(&run->rate);
    fetch_jobs_close(&run->jobs);
}

static int run_all(struct run *run)
{
    struct sley_file *directory = NULL;
    int status = EXIT_SOME_FAILED;

    set_up(run);
    if (!check_tls_files(run)) {
        status = EXIT_USAGE;
    } else if (open_all(run, &directory) == 0) {
        run->setup.directory = directory;
        run_scope(run);
        int report_error = save_report(run);
        status = fetch_tell_summary(&run->tell) || report_error || run->journal_error
                     ? EXIT_SOME_FAILED
                     : EXIT_DONE;
    }
    int interrupt = interrupts_arrived(&run->interrupts);
    if (interrupt && !is_over(run))
        status = 128 + interrupt;
    else if (fetch_tell_list_wrong(&run->tell))
        status = EXIT_USAGE;
    tear_down(run, directory);
    return status;
}

int fetch_run(void *plan)
{
    struct run *run = calloc(1, sizeof *run);
    int status;

    if (!run)
        return SLEY_ENOMEM;
    run->plan = plan;
    status = interrupts_start(&run->interrupts);
    if (!status) {
        status = run_all(run);
        interrupts_stop(&run->interrupts);
    }
    free(run);
    return status;
}
