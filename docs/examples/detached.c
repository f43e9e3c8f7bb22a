/*
 * detached.c: a task that nobody waits for: asyncio.create_task() whose result is dropped, a plain
 * go statement. The runtime keeps it, hears its error, and cancels it when the main task has ended;
 * what it must still do then it does under a shield.
 *
 * prints: clean_up failed with SLEY_ENOENT; the ticker was cancelled: yes
 */
#include <stdio.h>
#include <sley/sley.h>

static const char *cancelled = "no";
static struct sley_event heard;

static int clean_up(void *unused)
{
    (void)unused;
    return SLEY_ENOENT; /* and nobody joins it */
}

static int tick(void *unused)
{
    int error = 0;
    (void)unused;
    while (error == 0)
        error = sley_sleep(SLEY_MILLISECONDS(1));
    if (error == SLEY_ECANCELED)
        cancelled = "yes";
    return error;
}

static void hear(const char *name, const char *site, int error, void *unused)
{
    (void)site;
    (void)unused;
    printf("%s failed with %s; ", name, sley_error_name(error));
    sley_event_set(&heard);
}

static int app(void *unused)
{
    (void)unused;
    sley_spawn(tick, NULL, NULL, NULL);
    sley_spawn(clean_up, NULL, NULL, NULL);
    return sley_event_wait(&heard);
}

int main(void)
{
    struct sley_options options = {.on_lost_error = hear};
    int error = sley_run(app, NULL, &options);
    printf("the ticker was cancelled: %s\n", cancelled);
    return error != 0;
}
