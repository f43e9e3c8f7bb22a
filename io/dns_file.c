/*
 * dns_file.c: keeping up with the file of hosts.
 *
 * It is read when a resolver is made. After that a lookup that finds the last look a second old has
 * one of the threads for files look whether the file has changed, and read it if so; it waits for
 * that, so that a change is seen a second later, by everybody. Others go on with what is known. An
 * inotify watch would save a stat() a second, and cannot see what is changed by a mount.
 *
 * A file that is not there, or cannot be read, has no hosts in it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sley/blocking.h>
#include <sley/time.h>

#include "dns_impl.h"

enum { LARGEST = 64 << 20 };

/* Reads up to `size` bytes; how many. */
static size_t read_bytes(int fd, char *text, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = read(fd, text + done, size - done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        done += (size_t)count;
    }
    return done;
}

static struct sley__dns_hosts *read_hosts(int fd, size_t size)
{
    char *text = malloc(size + 1);
    struct sley__dns_hosts *hosts = NULL;

    if (text)
        hosts = sley__dns_hosts_read(text, read_bytes(fd, text, size));
    free(text);
    return hosts;
}

static bool same_mark(const struct sley__dns_mark *a, const struct sley__dns_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

int sley__dns_look_at_hosts(void *arg)
{
    struct sley__dns_look *look = arg;
    int fd = open(look->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct sley__dns_mark mark = {0};
    struct stat about;
    size_t size = 0;

    if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
        size = about.st_size < LARGEST ? (size_t)about.st_size : LARGEST;
        mark = (struct sley__dns_mark){about.st_dev, about.st_ino, about.st_size,
                                       about.st_mtim.tv_sec, about.st_mtim.tv_nsec};
    }
    if (look->first || !same_mark(&mark, &look->mark)) {
        look->hosts = read_hosts(fd, size);
        look->mark = mark;
    }
    if (fd >= 0)
        close(fd);
    return 0;
}

/* Whether it is this caller's turn to look. */
static bool begin_look(struct sley_resolver *resolver, struct sley__dns_look *look)
{
    bool mine;

    sley__lock_acquire(&resolver->lock);
    mine = resolver->config.hosts && !resolver->hosts_busy && !resolver->closed &&
           sley_now() >= resolver->hosts_due;
    if (mine) {
        resolver->hosts_busy = true;
        *look =
            (struct sley__dns_look){.path = resolver->config.hosts, .mark = resolver->hosts_mark};
    }
    sley__lock_release(&resolver->lock);
    return mine;
}

int sley__dns_fresh_hosts(struct sley_resolver *resolver)
{
    struct sley_blocking_options files = {.blocking_class = &sley_blocking_files};
    struct sley__dns_hosts *old = NULL;
    struct sley__dns_look look;
    int error;

    if (!begin_look(resolver, &look))
        return 0;
    error = sley_to_thread_with(sley__dns_look_at_hosts, &look, &files, NULL);
    sley__lock_acquire(&resolver->lock);
    if (!error && look.hosts) {
        old = resolver->hosts;
        resolver->hosts = look.hosts;
        resolver->hosts_mark = look.mark;
    }
    if (!error)
        resolver->hosts_due = sley_now() + SLEY_SECONDS(1);
    resolver->hosts_busy = false;
    sley__lock_release(&resolver->lock);
    sley__dns_hosts_free(old);
    return error;
}
