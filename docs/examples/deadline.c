/*
 * deadline.c: a deadline for a whole block: asyncio.timeout(), context.WithTimeout(), Trio's
 * move_on_after(). It reaches every call inside, in functions that know nothing of it, and the
 * tasks that they spawn. Cleanup that must wait for something goes under a shield.
 *
 * prints: gave up: the deadline passed; cleaned up: yes
 */
#include <stdio.h>
#include <sley/sley.h>

static int slow_protocol(void)
{
    int error = 0;
    while (error == 0)
        error = sley_sleep(SLEY_MILLISECONDS(1)); /* knows no deadline, and ends all the same */
    return error;
}

static int app(void *unused)
{
    const char *cleaned_up = "no";
    int error = 0;
    (void)unused;
    SLEY_WITH_DEADLINE(sley_after(SLEY_MILLISECONDS(20)))
    {
        error = slow_protocol();
        SLEY_SHIELD(.deadline = sley_after(SLEY_SECONDS(60)))
        if (sley_sleep(SLEY_MILLISECONDS(1)) == 0)
            cleaned_up = "yes";
    }
    printf("gave up: %s; cleaned up: %s\n", sley_strerror(error), cleaned_up);
    return sley_yield(); /* outside there is no deadline any more */
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
