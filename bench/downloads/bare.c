/*
 * bare.c: the least that downloading many files can cost: the line that every downloader is
 * compared with in `./run load`.
 *
 * One thread, one epoll set, a number of connections that are kept. Each connection asks for a
 * file, writes what arrives into a temporary file, renames it, and asks for the next one. It knows
 * only what the servers of the load tests say: HTTP/1.1 in the clear, status 200, a Content-Length,
 * one host. No retries, no timeouts, no progress: whatever goes wrong ends it with exit status 1.
 * So nobody would use it; that is the point. What a real downloader takes more than this is the
 * price of what it can do.
 *
 * Rejected: splice() from the socket to the file, which saves a copy and needs a pipe per
 * connection: slower for files of 20 KiB, and no program in the comparison does it; and writing
 * under the final name, which saves the rename, because then half a file can stand there.
 *
 *     sley-load-bare list                   the rows that it takes part in
 *     sley-load-bare fetch LIST PARALLEL    LIST: a line "URL<TAB>NAME" for each file
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (256 << 10) /* a large file's way from the socket to the disk, in so many bytes */
#define HEAD   2048        /* of an answer, at most */
#define EVENTS 256
#define NAME   256

struct wanted {
    char *path; /* with its slash */
    char *name;
};

/* One connection. `file` is -1 until the head of the answer is complete. */
struct line {
    struct wanted *wanted;
    long long left; /* bytes of the body that are missing */
    size_t filled;  /* of head */
    int fd, file;
    char head[HEAD];
};

static struct wanted *wanted;
static size_t wanted_count, next_wanted;
static struct sockaddr_in server;
static char host[64];
static int set;

static _Noreturn void die(const char *what, const char *detail)
{
    fprintf(stderr, "sley-load-bare: %s: %s\n", what, detail);
    exit(1);
}

/* "http://ADDRESS:PORT/PATH<TAB>NAME<NEWLINE>", changed in place; the first one says who the server
 * is. */
static void take_entry(char *entry, struct wanted *to)
{
    char *address = entry + strlen("http://"), *slash, *tab = strchr(entry, '\t'), *colon;

    if (strncmp(entry, "http://", 7) != 0 || !tab || !(slash = strchr(address, '/')) || slash > tab)
        die("not an entry", entry);
    *tab = '\0';
    tab[1 + strcspn(tab + 1, "\n")] = '\0';
    to->name = strdup(tab + 1);
    to->path = strdup(slash);
    *slash = '\0';
    if (host[0] != '\0')
        return;
    snprintf(host, sizeof host, "%s", address);
    if (!(colon = strchr(address, ':')))
        die("no port", address);
    *colon = '\0';
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, address, &server.sin_addr) != 1)
        die("not an address", address);
}

static void read_list(const char *path)
{
    FILE *file = fopen(path, "re");
    char *entry = NULL;
    size_t size = 0, room = 0;

    if (!file)
        die(path, strerror(errno));
    while (getline(&entry, &size, file) > 0) {
        if (wanted_count == room) {
            room = room ? 2 * room : 1024;
            wanted = realloc(wanted, room * sizeof *wanted);
            if (!wanted)
                die(path, strerror(errno));
        }
        take_entry(entry, &wanted[wanted_count++]);
    }
    free(entry);
    fclose(file);
}

/* Asks for the file of this connection. A request fits into an empty socket buffer. */
static void ask(struct line *line)
{
    char request[1024];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                          line->wanted->path, host);

    line->filled = 0;
    line->file = -1;
    if (send(line->fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        die("send", strerror(errno));
}

/* Connects (a loopback does so at once) and asks. */
static void start(struct line *line)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    int on = 1;

    line->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line->fd < 0 || connect(line->fd, (struct sockaddr *)&server, sizeof server) != 0)
        die("connect", strerror(errno));
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(line->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(set, EPOLL_CTL_ADD, line->fd, &event) != 0)
        die("epoll_ctl", strerror(errno));
    ask(line);
}

static const char *temporary(const struct wanted *of)
{
    static char name[NAME];

    snprintf(name, sizeof name, ".%s.part", of->name);
    return name;
}

static void save(struct line *line, const char *data, size_t size)
{
    line->left -= (long long)size;
    if (line->left < 0)
        die(line->wanted->name, "more than was announced");
    while (size > 0) {
        ssize_t done = write(line->file, data, size);

        if (done < 0)
            die(line->wanted->name, strerror(errno));
        data += done;
        size -= (size_t)done;
    }
}

/* The head is complete and ends at `end`: opens the file, saves what came with it. */
static void take_head(struct line *line, char *end)
{
    size_t length = (size_t)(end - line->head) + 4;
    const char *field;

    *end = '\0';
    if (strncmp(line->head, "HTTP/1.1 200", 12) != 0)
        die(line->wanted->path, line->head);
    field = strcasestr(line->head, "\r\nContent-Length:");
    if (!field)
        die(line->wanted->path, "no length");
    line->left = atoll(field + 17);
    line->file = open(temporary(line->wanted), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (line->file < 0)
        die(line->wanted->name, strerror(errno));
    save(line, line->head + length, line->filled - length);
}

/* The file is complete: names it, asks for the next. Returns whether there was one. */
static bool finish(struct line *line)
{
    if (close(line->file) != 0 || rename(temporary(line->wanted), line->wanted->name) != 0)
        die(line->wanted->name, strerror(errno));
    if (next_wanted == wanted_count) {
        close(line->fd);
        return false;
    }
    line->wanted = &wanted[next_wanted++];
    ask(line);
    return true;
}

/* The server closes a connection now and then, between two files. */
static void connect_again(struct line *line)
{
    if (line->file >= 0 || line->filled > 0)
        die(line->wanted->path, "the connection ended early");
    close(line->fd);
    start(line);
}

/* What has arrived. Returns false when this connection has no more to do. */
static bool receive(struct line *line)
{
    static char buffer[BUFFER];
    bool in_head = line->file < 0;
    ssize_t got = in_head ? read(line->fd, line->head + line->filled, HEAD - 1 - line->filled)
                          : read(line->fd, buffer, sizeof buffer);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0) {
        connect_again(line);
        return true;
    }
    if (in_head) {
        char *end;

        line->filled += (size_t)got;
        line->head[line->filled] = '\0';
        end = strstr(line->head, "\r\n\r\n");
        if (!end && line->filled == HEAD - 1)
            die(line->wanted->path, "a very long head");
        if (!end)
            return true;
        take_head(line, end);
    } else {
        save(line, buffer, (size_t)got);
    }
    return line->left > 0 || finish(line);
}

static void fetch(size_t parallel)
{
    struct line *lines = calloc(parallel, sizeof *lines);
    struct epoll_event events[EVENTS];
    size_t active = 0;

    set = epoll_create1(EPOLL_CLOEXEC);
    if (!lines || set < 0)
        die("cannot start", strerror(errno));
    for (; active < parallel && next_wanted < wanted_count; active++) {
        lines[active].wanted = &wanted[next_wanted++];
        start(&lines[active]);
    }
    while (active > 0) {
        int count = epoll_wait(set, events, EVENTS, -1);

        for (int i = 0; i < count; i++)
            active -= !receive(events[i].data.ptr);
    }
    free(lines);
}

int main(int argc, char **argv)
{
    struct rlimit files;

    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        puts("small\ntmpfs\nmany\nbig\nactive");
        return 0;
    }
    if (argc != 4 || strcmp(argv[1], "fetch") != 0 || atoi(argv[3]) < 1) {
        fputs("usage: sley-load-bare list | fetch LIST PARALLEL\n", stderr);
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    read_list(argv[2]);
    fetch((size_t)atoi(argv[3]));
    return 0;
}
