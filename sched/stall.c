/*
 * stall.c: saying which task keeps its worker. Level 4.
 *
 * That a worker stands still is seen from outside (monitor.c), but which task is on it, and where
 * in its code, only its own thread knows. So it is asked, by a signal: the handler writes down the
 * task and a backtrace, on the signal stack of the carrier, and the monitor's thread calls the hook
 * and writes the lines. Each spawn site is reported once: of a thousand
 * requests that all compute too long, one is enough to read (seastar #1081: too noisy, or too
 * bare).
 *
 * The signal is SIGURG, because it is ignored where nobody handles it and hardly anybody does; Go
 * chose it for the same reasons. It is taken only if somebody wants reports (a hook, SLEY_STALLS, a
 * debug build) and the program has no handler of its own; otherwise a report has no name. A system
 * call that a task blocks in is interrupted by it, and restarted where the kernel can.
 *
 * The question is put before the carrier that stands in is woken, for that one may help the task
 * on; the answer is waited for after that, so that nobody waits for the answer but the monitor. And
 * not that one for long, as others may stall: it looks again twice per threshold, and has one
 * question at a time; a second stall meanwhile is told of without a name.
 *
 * The question is a word: IDLE -> ASKED (monitor) -> FILLING -> DONE (the handler). Who asks gives
 * up after a while (a tool that delays signals, a thread that blocks them): ASKED -> IDLE by a
 * compare-and-swap, after which a late handler finds nothing to do, or a question to another one,
 * which it leaves alone.
 *
 * In the handler: no locks, no allocation. backtrace() has been called once before, so that what
 * it loads is there.
 */
#define _GNU_SOURCE 1

#include "runtime_impl.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAVE_BACKTRACE 1
#endif
#endif

#ifndef HAVE_BACKTRACE
static int backtrace(UNUSED void **frames, UNUSED int count)
{
    return 0;
}

static void backtrace_symbols_fd(UNUSED void *const *frames, UNUSED int count, UNUSED int fd)
{
}
#endif

#ifdef SLEY_DEBUG
#define PRINTS_BY_DEFAULT true
#else
#define PRINTS_BY_DEFAULT false
#endif

/* How long the answer is waited for: usually 50 us, but the thread may not get a processor at
 * once. Of that, GLANCE without looking at anything else. After some answers that did not come,
 * nobody is asked any more. */
#define PATIENCE   SLEY_MILLISECONDS(200)
#define GLANCE     SLEY_MILLISECONDS(1)
#define MISSES_MAX 3

enum ask { IDLE, ASKED, FILLING, DONE };

static struct sley__lock stall_lock;
static unsigned stall_users; /* stall_lock */
static bool stall_installed; /* stall_lock */

static struct sley_runtime *runtime_of(struct sley__sched *sched)
{
    return container_of(sched, struct sley_runtime, sched);
}

/* --- asking --------------------------------------------------------------------------------- */

/* On the thread that is asked. */
static void fill(struct sley__stall_answer *answer, const struct sley_task *task)
{
    const char *name = sley__task_name(task);
    size_t i;

    for (i = 0; i < sizeof answer->name - 1 && name[i]; i++)
        answer->name[i] = name[i];
    answer->name[i] = '\0';
    answer->site = sley__task_site(task);
    answer->id = load_relaxed(&task->id);
    answer->frame_count = backtrace(answer->frames, SLEY__STALL_FRAMES);
}

/* The owner's own count. */
static uint64_t switches_of(const struct sley__worker *worker)
{
    return load_relaxed(&worker->counters.started) + load_relaxed(&worker->counters.resumed);
}

static void on_question(int signal_number)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley__stall_answer *answer;
    uint32_t asked = ASKED;
    int saved_errno = errno;

    (void)signal_number;
    if (!worker)
        return;
    answer = &runtime_of(worker->sched)->stalls.answer;
    /* Partner: the release in ask(). It may be another question by the swap: so once more. */
    if (load_acquire(&answer->state) != ASKED || load_relaxed(&answer->worker) != worker ||
        !cas_acq_rel(&answer->state, &asked, FILLING))
        return;
    if (load_relaxed(&answer->worker) == worker && worker->current &&
        switches_of(worker) == answer->switches)
        fill(answer, worker->current);
    store_release(&answer->state, DONE);
    sley__futex_wake(&answer->state, 1);
    errno = saved_errno;
}

/* True if nobody has begun to answer, and nobody will. Monitor. */
static bool withdraw(struct sley__stall_answer *answer)
{
    uint32_t asked = ASKED;

    return cas_acq_rel(&answer->state, &asked, IDLE); /* partner: the swap in on_question() */
}

/* True if it has been asked. Monitor. */
static bool ask(struct sley__stall_answer *answer, struct sley__worker *worker, uint64_t switches)
{
    store_relaxed(&answer->worker, worker);
    answer->switches = switches;
    answer->site = NULL;
    answer->frame_count = 0;
    store_release(&answer->state, ASKED);
    return sley__thread_signal(load_relaxed(&worker->number), SIGURG) || !withdraw(answer);
}

/* True if there is an answer; without a site, the task has gone on meanwhile. Who has begun to
 * write is waited for, whatever the time. Monitor. */
static bool await_answer(struct sley__stall_answer *answer, int64_t until)
{
    uint32_t state;

    while ((state = load_acquire(&answer->state)) != DONE) {
        if (state == FILLING)
            sley__thread_yield();
        else if (sley__clock_now() >= until)
            return false;
        else
            sley__futex_wait(&answer->state, state, until);
    }
    return true;
}

/* --- telling -------------------------------------------------------------------------------- */

/* A line of ours on stderr, in one piece. */
static void say(const char *text, size_t length)
{
    if (write(STDERR_FILENO, text, length) < 0)
        return;
}

static void print(const struct sley_stall *stall)
{
    char line[512];
    int length = snprintf(line, sizeof line,
                          "sley: stall: task %llu \"%s\", spawned at %s, has kept worker %u for "
                          "%lld ms while others waited for it\n",
                          (unsigned long long)stall->task_id, stall->task_name, stall->task_site,
                          stall->worker, (long long)(stall->duration / SLEY_MILLISECONDS(1)));

    say(line, length < (int)sizeof line ? (size_t)length : sizeof line - 1);
    backtrace_symbols_fd(stall->frames, stall->frame_count, STDERR_FILENO);
}

/* True if this spawn site has not been seen; when the list is full, none is new. Monitor. */
static bool is_new(struct sley__stalls *stalls, const char *site)
{
    for (unsigned i = 0; i < stalls->site_count; i++)
        if (strcmp(stalls->sites[i], site) == 0)
            return false;
    if (stalls->site_count == ARRAY_LENGTH(stalls->sites))
        return false;
    stalls->sites[stalls->site_count++] = site;
    return true;
}

/* Tells of a stall whose task has answered, or not. Monitor. */
static void report(struct sley__stalls *stalls, unsigned post, int64_t duration, bool known)
{
    struct sley__stall_answer *answer = &stalls->answer;
    const char *site = known ? answer->site : "?";
    struct sley_stall stall = {
        .worker = post,
        .duration = duration,
        .task_id = known ? answer->id : 0,
        .task_name = known ? answer->name : "?",
        .task_site = site,
        .frames = answer->frames,
        .frame_count = known ? answer->frame_count : 0,
    };

    if (!site || !is_new(stalls, site))
        return;
    if (stalls->prints)
        print(&stall);
    if (stalls->hook)
        stalls->hook(&stall, stalls->arg);
}

/* Monitor. */
static void on_stall(struct sley__worker *worker, uint64_t switches)
{
    struct sley__stalls *stalls = &runtime_of(worker->sched)->stalls;

    stalls->asked = stalls->asks && !stalls->pending && stalls->misses < MISSES_MAX &&
                    ask(&stalls->answer, worker, switches);
    stalls->post = worker->post;
}

/* Tells of what is pending if it has been answered within `glance`, or will not be any more; true
 * if it remains pending. Monitor. */
static bool settle(struct sley__stalls *stalls, int64_t glance, bool last)
{
    struct sley__stall_answer *answer = &stalls->answer;
    bool known;

    if (!stalls->pending)
        return false;
    known = await_answer(answer, sley__clock_now() + glance);
    if (!known && !last && sley__clock_now() < stalls->patience)
        return true;
    if (!known)
        known = !withdraw(answer) && await_answer(answer, SLEY_FOREVER);
    stalls->pending = false;
    stalls->misses += !known;
    report(stalls, stalls->pending_post, stalls->duration, known);
    return false;
}

/* Monitor. */
static void tell_stall(struct sley__sched *sched, int64_t duration)
{
    struct sley__stalls *stalls = &runtime_of(sched)->stalls;

    if (!stalls->asked) {
        report(stalls, stalls->post, duration, false);
        return;
    }
    stalls->pending = true;
    stalls->pending_post = stalls->post;
    stalls->duration = duration;
    stalls->patience = sley__clock_now() + PATIENCE;
    settle(stalls, GLANCE, false);
}

/* Monitor. */
static bool settle_stall(struct sley__sched *sched, bool last)
{
    return settle(&runtime_of(sched)->stalls, last ? GLANCE : 0, last);
}

/* --- beginning and end ---------------------------------------------------------------------- */

/* True if there is a handler that answers. */
static bool install(void)
{
    struct sigaction action;
    bool installed;

    sley__lock_acquire(&stall_lock);
    if (stall_users++ == 0 && sigaction(SIGURG, NULL, &action) == 0 &&
        !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_DFL) {
        memset(&action, 0, sizeof action);
        sigemptyset(&action.sa_mask);
        action.sa_handler = on_question;
        action.sa_flags = SA_ONSTACK | SA_RESTART;
        stall_installed = sigaction(SIGURG, &action, NULL) == 0;
    }
    installed = stall_installed;
    sley__lock_release(&stall_lock);
    return installed;
}

static void uninstall(void)
{
    struct sigaction action;

    sley__lock_acquire(&stall_lock);
    if (--stall_users == 0 && stall_installed) {
        if (sigaction(SIGURG, NULL, &action) == 0 && action.sa_handler == on_question)
            signal(SIGURG, SIG_DFL);
        stall_installed = false;
    }
    sley__lock_release(&stall_lock);
}

static bool is_set_to(const char *value, const char *what)
{
    return value && strcmp(value, what) == 0;
}

bool sley__stalls_understood(void)
{
    const char *value = getenv("SLEY_STALLS");

    return !value || !*value || is_set_to(value, "fail") || is_set_to(value, "report") ||
           is_set_to(value, "off");
}

void sley__stalls_init(struct sley_runtime *runtime, const struct sley_options *options)
{
    struct sley__stalls *stalls = &runtime->stalls;
    const char *value = getenv("SLEY_STALLS");
    void *frame[1];

    stalls->fails = is_set_to(value, "fail");
    stalls->prints = stalls->fails || is_set_to(value, "report");
    stalls->prints |= PRINTS_BY_DEFAULT && !is_set_to(value, "off");
    stalls->hook = options->on_stall;
    stalls->arg = options->stall_arg;
    if (!stalls->prints && !stalls->hook)
        return;
    runtime->sched.on_stall = on_stall;
    runtime->sched.tell_stall = tell_stall;
    runtime->sched.settle_stall = settle_stall;
    stalls->holds_handler = true;
    stalls->asks = install();
    backtrace(frame, 1);
}

void sley__stalls_close(struct sley_runtime *runtime)
{
    if (runtime->stalls.holds_handler)
        uninstall();
}

void sley__stalls_thread_start(struct sley__worker *worker)
{
    sigset_t set;

    if (!runtime_of(worker->sched)->stalls.asks || !worker->signal_stack)
        return; /* on a task's own stack there may be no room for a backtrace */
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool sley__stalls_fail(struct sley_runtime *runtime)
{
    char line[128];
    uint64_t stalls = 0;
    int length;

    if (!runtime->stalls.fails)
        return false;
    for (unsigned i = 0; i < runtime->sched.worker_count; i++)
        stalls += load_relaxed(&runtime->sched.workers[i].stalls);
    if (!stalls)
        return false;
    length = snprintf(line, sizeof line,
                      "sley: SLEY_STALLS=fail: tasks have kept others waiting %llu times\n",
                      (unsigned long long)stalls);
    say(line, (size_t)length);
    return true;
}
