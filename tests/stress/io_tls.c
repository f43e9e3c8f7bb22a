/* TLS streams with a reader and a writer at each end, whose calls are ended by deadlines in the
 * middle of records, and which are closed and cancelled at random moments. What arrives is what was
 * sent, in order; and nothing is left, which AddressSanitizer sees to. */
#include "io_stress.h"

#include <unistd.h>

enum { LINKS = 60, BYTES = 60000 };

static struct sley_tls_context *client, *server;

struct end {
    struct sley_stream *below, *tls;
    bool is_client, hurried;
    uint32_t random;
};

static int64_t hurry(struct end *end)
{
    if (!end->hurried || next_random(&end->random) % 2)
        return SLEY_FOREVER;
    return sley_after(SLEY_MICROSECONDS(next_random(&end->random) % 200));
}

static bool is_over(int status)
{
    return status == SLEY_ECLOSED || status == SLEY_ECANCELED || status == SLEY_EPROTO ||
           status == SLEY_EPIPE || status == SLEY_ECONNRESET || status == SLEY_ETLS;
}

static int pour(void *arg)
{
    struct end *end = arg;
    char piece[3000];
    size_t done = 0;
    int error = 0;

    while (done < BYTES && !is_over(error)) {
        size_t size = 1 + (done * 31 + 7) % sizeof(piece), written;
        int64_t before;

        for (size_t i = 0; i < size; i++)
            piece[i] = (char)((done + i) % 251);
        before = sley_deadline_narrow(hurry(end));
        error = sley_stream_write(end->tls, piece, size, &written);
        sley_deadline_restore(before);
        must(error == 0 || error == SLEY_ETIMEDOUT || is_over(error));
        done += written;
    }
    error = sley_stream_shutdown(end->tls);
    must(error == 0 || is_over(error));
    return 0;
}

static int drink(struct end *end)
{
    char buffer[2000];
    size_t got = 0;
    int count;

    do {
        int64_t before = sley_deadline_narrow(hurry(end));

        count = sley_stream_read(end->tls, buffer, 1 + next_random(&end->random) % sizeof(buffer));
        sley_deadline_restore(before);
        for (int i = 0; i < count; i++, got++)
            must(buffer[i] == (char)(got % 251));
    } while (count > 0 || count == SLEY_ETIMEDOUT);
    must(count == SLEY_EOF || is_over(count));
    return 0;
}

static int live(void *arg)
{
    struct end *end = arg;
    struct sley_task *writer;
    struct end copy;
    int error = end->is_client ? sley_tls_connect(client, end->below, "localhost", NULL, &end->tls)
                               : sley_tls_accept(server, end->below, NULL, &end->tls);

    must(error == 0 || is_over(error));
    if (error) {
        sley_stream_close(end->below);
        return 0;
    }
    copy = *end;
    copy.random ^= 0x5555;
    must_be(sley_spawn(pour, &copy, NULL, &writer), 0);
    drink(end);
    if (next_random(&end->random) % 2)
        sley_cancel(writer, "stress");
    must_be(sley_join(writer, NULL), 0);
    sley_stream_close(end->tls); /* a cancelled writer has not said that there is no more */
    return 0;
}

static int one_link(void *arg)
{
    uint32_t random = (uint32_t)(uintptr_t)arg * 2654435761U + 1;
    struct sley_stream *below[2];
    struct end ends[2];
    struct sley_task *tasks[2];

    must_be(sley_unix_pair(below), 0);
    for (int i = 0; i < 2; i++) {
        ends[i] =
            (struct end){below[i], NULL, i == 0, next_random(&random) % 2, next_random(&random)};
        must_be(sley_spawn(live, &ends[i], NULL, &tasks[i]), 0);
    }
    if (next_random(&random) % 3 == 0) {
        must_be(sley_sleep(SLEY_MICROSECONDS(next_random(&random) % 5000)), 0);
        sley_stream_close(below[next_random(&random) % 2]);
    }
    for (int i = 0; i < 2; i++)
        must_be(sley_join(tasks[i], NULL), 0);
    for (int i = 0; i < 2; i++)
        sley_stream_free(ends[i].tls ? ends[i].tls : below[i]);
    return 0;
}

static int run(void *arg)
{
    const char *pem = arg;
    struct sley_tls_options own = {.certificate_file = pem, .key_file = pem};
    struct sley_tls_options trusting = {.ca_file = pem};
    struct sley_task *tasks[LINKS];

    must_be(sley_tls_server_new(&own, NULL, &server), 0);
    must_be(sley_tls_client_new(&trusting, NULL, &client), 0);
    for (uintptr_t i = 0; i < LINKS; i++)
        must_be(sley_spawn(one_link, (void *)(i + 1), NULL, &tasks[i]), 0);
    for (int i = 0; i < LINKS; i++)
        must_be(sley_join(tasks[i], NULL), 0);
    sley_tls_context_free(server);
    sley_tls_context_free(client);
    return 0;
}

int main(void)
{
    char pem[] = "/tmp/sley-tls-XXXXXX", command[400];
    int status, fd = mkstemp(pem);

    must(fd >= 0);
    close(fd);
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
             " -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout - 2>/dev/null >%s",
             pem);
    status = system(command);
    if (status != 0) {
        fprintf(stderr, "skipped: no openssl to make a certificate with\n");
        unlink(pem);
        return 77;
    }
    status = sley_run(run, pem, NULL);
    unlink(pem);
    return status == 0 ? 0 : 1;
}
