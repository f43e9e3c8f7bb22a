/*
 * restore.c: what had to be made non-blocking for others as well, and when it is put right.
 *
 * A standard descriptor that cannot be opened anew (pipe.c) is made non-blocking where it is: for
 * the process that started us too, which must find it as it was. So the last stream over it puts it
 * right, and only the last: standard input and output are often one terminal, opened once, and if
 * the stream over the one did so while the other's is in use, a read there would block its thread,
 * and neither a cancel nor a close could end it. For the same reason it is put right by the free,
 * when nobody is in a call any more, and not by the close, which others may be about to be told of.
 *
 * The system does not tell which descriptors share a flag (kcmp(2) does, where it is allowed). It
 * does tell which are of one terminal or pipe, and that is enough: all streams over that are
 * counted, and the last puts right what any of them has changed. Each knows its own; for those that
 * are gone there is a note of the standard numbers, which are used only if they are still what they
 * were. At worst something is non-blocking a little longer.
 *
 * The flag belongs to no runtime, so this is the process's.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"
#include "stream_impl.h"

enum { STANDARD = 3 };

/* A terminal or pipe. */
struct object {
    struct object *next;
    dev_t device;
    ino_t inode;
    int streams;            /* over it; at least one */
    bool changed[STANDARD]; /* the number was one of what was made non-blocking */
};

static struct sley__lock objects_lock; /* protects all of these, and the flags themselves */
static struct object *objects;

static bool is(const struct object *object, const struct stat *file)
{
    return object->device == file->st_dev && object->inode == file->st_ino;
}

/* Where it is, or where it would be. With the lock held, as the next ones. */
static struct object **find(const struct stat *file)
{
    struct object **at = &objects;

    while (*at && !is(*at, file))
        at = &(*at)->next;
    return at;
}

static struct object *add(const struct stat *file)
{
    struct object *object = calloc(1, sizeof(*object));

    if (!object)
        return NULL;
    object->device = file->st_dev;
    object->inode = file->st_ino;
    object->next = objects;
    objects = object;
    return object;
}

/* Makes it non-blocking, and says whose that is: NULL where it was so before we came. */
static int change(int fd, int number, const struct stat *file, struct object **out)
{
    struct object *object = *find(file);
    int changed = sley__sys_nonblocking(fd, true);

    if (changed > 0 && !object && !(object = add(file))) {
        (void)sley__sys_nonblocking(fd, false);
        return SLEY_ENOMEM;
    }
    if (changed > 0)
        object->changed[number] = true;
    *out = object;
    return changed < 0 ? changed : 0;
}

int sley__restore_join(int fd, int number)
{
    struct object *object = NULL;
    struct stat file;
    int error;

    ensure(number >= 0 && number < STANDARD);
    if (fstat(fd, &file) < 0)
        return -errno;
    sley__lock_acquire(&objects_lock);
    error = change(fd, number, &file, &object);
    if (!error && object)
        object->streams++;
    sley__lock_release(&objects_lock);
    return error ? error : object != NULL;
}

static void put_right(const struct object *object, int fd)
{
    struct stat file;

    (void)sley__sys_nonblocking(fd, false);
    for (int number = 0; number < STANDARD; number++)
        if (object->changed[number] && fstat(number, &file) == 0 && is(object, &file))
            (void)sley__sys_nonblocking(number, false);
}

void sley__restore_leave(int fd)
{
    struct object **at, *object;
    struct stat file;

    if (fstat(fd, &file) < 0)
        return;
    sley__lock_acquire(&objects_lock);
    at = find(&file);
    object = *at;
    if (!object) { /* some file systems give a FIFO another name now and then */
        (void)sley__sys_nonblocking(fd, false);
    } else if (--object->streams == 0) {
        put_right(object, fd);
        *at = object->next;
        free(object);
    }
    sley__lock_release(&objects_lock);
}
