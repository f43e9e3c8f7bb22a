/*
 * clients.c: who issues a request when, and whether the books of a run can be true.
 *
 * A closed load has one trap, which is called coordinated omission: a client that stands in a queue
 * between its requests stamps no time there, so the queue, which is most of what a busy system does
 * to people, belongs to no request. Here no design can fall into it, for none stamps anything. The
 * answer to a request and the issue of the same client's next one are one moment, taken in one
 * place; the first requests are all issued at the start, also those of clients that the design
 * takes long to wake.
 *
 * Nobody begins before everybody is there. And nobody ends before the others: after the first ones
 * the numbers of requests are given to whoever asks, not dealt out beforehand, so every client has
 * a request under way from the start until the last number is taken. Then as many clients as the
 * load names are there when any request is issued, with few requests for each as with many, and a
 * design that prefers some clients does not end with a few of them alone. What is not as in a long
 * run is the first request of each client, since they all come at once; where the design keeps the
 * order, those are answered sooner than later ones. With five requests for each client that is a
 * fifth of them at the lower end, which neither the median nor the last hundredth sees. To leave
 * them out would be worse: a design that lets one client run on has its longest waits right there.
 *
 * So Little's law holds for a run, and exactly:
 *
 *     clients * (last - start)  <=  the sum of all latencies  <=  clients * elapsed
 *
 * The latencies of one client add up to the time from the start to its last answer. That is not
 * before `last`: a client that gets no number asks after the last one was taken, and stamps its
 * answer after it has asked; whoever takes the last number reads the clock for `last` before. And
 * it is not after the end. No tolerance is needed, neither for a preempted client nor for the end,
 * when fewer and fewer are there: who was preempted between two steps has only stamped later. A
 * design that stamps its own times, leaves out waits, or has fewer clients than it should is
 * outside of the bounds by the part that it left out.
 *
 * That a request took at least its waiting and its computing is asked of each. Waiting is by the
 * clock of the stamps. Computing is by the thread's own clock, which the kernel does not keep in
 * step with the other one: 0.1 % is twice what it may be off (clocks are slewed by 500 ppm at
 * most).
 */
#include <inttypes.h>
#include <stdio.h>

#include "cpu_io/cpu_io.h"

void cpu_io_start(const struct cpu_io_load *load, struct cpu_io_result *result)
{
    result->taken = load->concurrency;
    result->start = result->last = cpu_io_now();
}

void cpu_io_first(struct cpu_io_result *result, struct cpu_io_client *client)
{
    client->index = __atomic_fetch_add(&result->begun, 1, __ATOMIC_RELAXED);
    client->begin = result->start;
}

/* A number for the client's next request. The clock is read before: see the essay. */
static bool take_number(const struct cpu_io_load *load, struct cpu_io_result *result,
                        struct cpu_io_client *client)
{
    int64_t before = cpu_io_now();
    client->index = __atomic_fetch_add(&result->taken, 1, __ATOMIC_ACQ_REL);
    if (client->index == load->requests - 1)
        result->last = before;
    return client->index < load->requests;
}

bool cpu_io_next(const struct cpu_io_load *load, struct cpu_io_result *result,
                 struct cpu_io_client *client)
{
    size_t answered = client->index;
    bool more = take_number(load, result, client);
    int64_t now = cpu_io_now();
    result->latency[answered] = now - client->begin;
    client->begin = now;
    /* acq_rel: who counts the last one has seen all others' stamps, and reads the clock after */
    if (__atomic_add_fetch(&result->done, 1, __ATOMIC_ACQ_REL) == load->requests)
        result->elapsed = cpu_io_now() - result->start;
    return more;
}

/* --- the check ------------------------------------------------------------------------------ */

/* The first request that was answered before it can have been; load->requests: none. */
static size_t first_early(const struct cpu_io_load *load, const struct cpu_io_result *result)
{
    int64_t cpu = load->cpu - load->cpu / 1000;
    for (size_t i = 0; i < load->requests; i++)
        if (result->latency[i] <= 0 || result->latency[i] < cpu_io_wait(load, i) + cpu)
            return i;
    return load->requests;
}

static double sum_of(const struct cpu_io_load *load, const struct cpu_io_result *result)
{
    int64_t sum = 0;
    for (size_t i = 0; i < load->requests; i++)
        sum += result->latency[i];
    return (double)sum;
}

/* Little's law: how many clients were there, on average, until the last request was issued? */
static const char *doubt_sum(const struct cpu_io_load *load, const struct cpu_io_result *result,
                             char *text, size_t size)
{
    double sum = sum_of(load, result), clients = (double)load->concurrency;
    double low = clients * (double)(result->last - result->start);
    double high = clients * (double)result->elapsed;
    if (sum >= low && sum <= high)
        return NULL;
    snprintf(text, size,
             "does not add up: the latencies are %.6f s in all, and %zu clients that never pause "
             "have from %.6f to %.6f",
             sum / 1e9, load->concurrency, low / 1e9, high / 1e9);
    return text;
}

const char *cpu_io_doubt(const struct cpu_io_load *load, const struct cpu_io_result *result,
                         char *text, size_t size)
{
    size_t early = first_early(load, result);
    if (result->done != load->requests) {
        snprintf(text, size, "has answered %" PRIu64 " of %zu requests", result->done,
                 load->requests);
        return text;
    }
    if (early < load->requests) {
        snprintf(text, size,
                 "has answered request %zu after %" PRId64 " ns, which waits for %" PRId64
                 " and computes for %" PRId64,
                 early, result->latency[early], cpu_io_wait(load, early), load->cpu);
        return text;
    }
    return doubt_sum(load, result, text, size);
}
