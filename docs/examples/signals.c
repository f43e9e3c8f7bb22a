/*
 * signals.c: signals as something to wait for: loop.add_signal_handler(), Go's signal.Notify(),
 * Trio's open_signal_receiver(). No handler to write: an arrival is counted from the opening on,
 * and handed out once, to a task that may do anything.
 *
 * prints: reloaded; good bye
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sley/sley.h>

static int app(void *unused)
{
    struct sley_signals *signals;
    int error = sley_signals_open((const int[]){SIGUSR1, SIGUSR2}, 2, &signals);
    (void)unused;
    if (error)
        return error;
    kill(getpid(), SIGUSR1); /* in earnest they come from outside */
    SLEY_FOREACH (int, number, signals) {
        if (number == SIGUSR2)
            break;
        printf("reloaded; ");
        kill(getpid(), SIGUSR2);
    }
    printf("good bye\n");
    sley_signals_close(signals);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
