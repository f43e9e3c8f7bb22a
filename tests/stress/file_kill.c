/*
 * file_kill.c: a process that saves files is killed in the middle, again and again.
 *
 * The process saves under a few names with many tasks, and writes a byte to a pipe after each save;
 * it is killed after a number of bytes. Then each name is absent or a whole file, the last one that
 * was reported as saved or a later one, and whatever else is there has a temporary's name and is
 * swept away.
 *
 * Not under ThreadSanitizer, which has no threads after a fork.
 */
#define _GNU_SOURCE
#include "stress.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sley/file.h>

enum { NAMES = 6, SIZE = 3000 };

static char base[64];

struct report {
    unsigned char name;
    uint32_t number;
} __attribute__((packed));

/* --- the process that dies ---------------------------------------------------------------------
 */

struct saver {
    unsigned char name;
    int pipe;
};

/* Its own name, with growing numbers, until the end. */
static int save_for_ever(void *arg)
{
    const struct saver *saver = arg;
    char path[100];
    uint32_t numbers[SIZE / 4];

    snprintf(path, sizeof path, "%s/%u", base, saver->name);
    for (uint32_t number = 1;; number++) {
        struct report report = {saver->name, number};

        for (size_t i = 0; i < SIZE / 4; i++)
            numbers[i] = number;
        if (sley_file_save(path, numbers, sizeof numbers, NULL) != 0)
            _exit(3);
        if (write(saver->pipe, &report, sizeof report) != sizeof report)
            _exit(4);
    }
}

static int save_all(void *arg)
{
    static struct saver savers[NAMES];

    for (unsigned i = 0; i < NAMES; i++) {
        savers[i] = (struct saver){(unsigned char)i, *(int *)arg};
        if (sley_spawn(save_for_ever, &savers[i], NULL, NULL) != 0)
            return 5;
    }
    return sley_park("the end");
}

static void child(int pipe)
{
    struct sley_options options = {.workers = 2, .unpinned = true};

    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "it would stay behind");
    _exit(sley_run(save_all, &pipe, &options) == 5 ? 5 : 6);
}

/* --- the one that looks ------------------------------------------------------------------------
 */

static int sweep(void *arg)
{
    (void)arg;
    return sley_directory_sweep(NULL, base, 0);
}

static int count_entries(void *arg)
{
    struct sley_directory *directory;
    int count = 0;

    (void)arg;
    CHECK(sley_directory_open(NULL, base, &directory) == 0, "open");
    SLEY_FOREACH (struct sley_directory_entry, entry, directory) {
        CHECK(strlen(entry.name) == 1, "%s is there", entry.name);
        count++;
    }
    sley_directory_close(directory);
    return count;
}

/* How many names are there; each is whole and not older than what was reported. */
static int look(const uint32_t *reported)
{
    uint32_t numbers[SIZE / 4 + 1];
    int found = 0;

    for (unsigned name = 0; name < NAMES; name++) {
        char path[100];
        int fd;
        ssize_t size;

        snprintf(path, sizeof path, "%s/%u", base, name);
        if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
            CHECK(!reported[name], "%u is gone", name);
            continue;
        }
        size = read(fd, numbers, sizeof numbers);
        close(fd);
        CHECK(size == SIZE, "%u has %zd bytes", name, size);
        for (size_t i = 0; i < SIZE / 4; i++)
            CHECK(numbers[i] == numbers[0], "%u is half of a file", name);
        CHECK(numbers[0] >= reported[name], "%u is older than reported", name);
        unlink(path);
        found++;
    }
    return found;
}

static void kill_after(unsigned reports)
{
    uint32_t reported[NAMES] = {0};
    struct report report;
    int ends[2], status, entries;
    pid_t pid;

    CHECK(pipe2(ends, O_CLOEXEC) == 0, "no pipe");
    CHECK((pid = fork()) >= 0, "no process");
    if (pid == 0)
        child(ends[1]);
    close(ends[1]);
    while (reports-- && read(ends[0], &report, sizeof report) == sizeof report)
        reported[report.name] = report.number;
    CHECK(kill(pid, SIGKILL) == 0, "kill");
    while (read(ends[0], &report, sizeof report) == sizeof report) /* saved, and then killed */
        reported[report.name] = report.number;
    close(ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "it has ended with %#x", status);
    status = sley_run(sweep, NULL, NULL);
    CHECK(status >= 0 && status <= NAMES, "%d were left", status);
    entries = sley_run(count_entries, NULL, NULL);
    CHECK(look(reported) == entries, "entries");
    stress_alive();
}

int main(int argc, char **argv)
{
    struct stress_random random;
    char command[100];
    unsigned n;

    if (WITH_TSAN)
        return STRESS_SKIPPED;
    stress_begin(argc, argv);
    random = stress_random(1);
    snprintf(base, sizeof base, "%s/sley-kill-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(base), "no directory");
    n = stress_count(40, 8);
    for (unsigned i = 0; i < n; i++)
        kill_after(stress_below(&random, 60));
    snprintf(command, sizeof command, "rm -r %s", base);
    CHECK(system(command) == 0, "cannot remove %s", base);
    return stress_end();
}
