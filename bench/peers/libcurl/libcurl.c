/*
 * libcurl.c: the row `http_client` with libcurl itself: the multi interface on epoll, in one
 * thread, as its examples have it.
 *
 * 64 easy handles, each of which fetches one file after another over the connection that it finds
 * kept. curl tells which sockets it waits for, and for how long; the set is kept as it says.
 */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "peers/common/server.h"

enum { IN_FLIGHT = 64, FILE_SIZE = 5000, EVENTS = 64 };

struct transfer {
    CURL *easy;
    size_t size; /* of the present file, so far */
};

static struct transfer transfers[IN_FLIGHT];
static CURLM *multi;
static char url[64];
static size_t begun, over, right, total;
static int set;
static long timeout = -1; /* ms, as curl has told */

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;

    (void)data;
    transfer->size += size * count;
    return size * count;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct epoll_event event = {.data.fd = fd};

    (void)easy, (void)arg;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    epoll_ctl(set, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(multi, fd, &set);
    return 0;
}

static int on_timer(CURLM *handle, long ms, void *arg)
{
    (void)handle, (void)arg;
    timeout = ms;
    return 0;
}

static void fetch(struct transfer *transfer)
{
    if (begun == total)
        return;
    begun++;
    transfer->size = 0;
    if (curl_multi_add_handle(multi, transfer->easy) != CURLM_OK)
        peer_fail("a transfer does not begin");
}

static void finish_some(void)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi, &left))) {
        struct transfer *transfer;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        right += message->data.result == CURLE_OK && transfer->size == FILE_SIZE;
        over++;
        curl_multi_remove_handle(multi, transfer->easy);
        fetch(transfer);
    }
}

static void prepare(struct transfer *transfer)
{
    transfer->easy = curl_easy_init();
    if (!transfer->easy)
        peer_fail("no handle");
    curl_easy_setopt(transfer->easy, CURLOPT_URL, url);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_NOPROXY, "*");
}

static void run_loop(void)
{
    int running;

    while (over < total) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(set, events, EVENTS, timeout < 0 ? 10000 : (int)timeout);

        if (count < 0 && errno != EINTR)
            peer_fail("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < count; i++)
            curl_multi_socket_action(
                multi, events[i].data.fd,
                (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                    (events[i].events & ~(uint32_t)EPOLLOUT ? CURL_CSELECT_IN : 0),
                &running);
        if (count == 0) {
            timeout = -1;
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        finish_some();
    }
}

static void run(const struct peer_setup *setup)
{
    int64_t begin, cpu;

    if (setup->workers != 1)
        peer_decline("a multi handle is one thread's");
    total = setup->quick ? 2000 : 20000;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/file", peer_start_helper("files"));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    set = epoll_create1(EPOLL_CLOEXEC);
    if (!multi || set < 0)
        peer_fail("no multi handle");
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IN_FLIGHT);
    begin = peer_now();
    cpu = peer_cpu();
    for (int i = 0; i < IN_FLIGHT; i++) {
        prepare(&transfers[i]);
        fetch(&transfers[i]);
    }
    run_loop();
    peer_metric("ns_per_file", (double)(peer_now() - begin) / (double)total);
    peer_metric("us_cpu_per_file", (double)(peer_cpu() - cpu) / (double)total / 1e3);
    peer_check((int64_t)right);
}

static const struct peer_row rows[] = {{"http_client", run, NULL}, {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    return peer_main(argc, argv, "libcurl", rows);
}
