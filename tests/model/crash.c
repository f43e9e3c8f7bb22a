/*
 * crash.c: a fault of the code under test is a failure of the model like any other.
 *
 * A change that breaks the code often ends in a wild pointer. Then the handler fails the execution,
 * which switches to the driver's stack and never comes back; it runs on a stack of its own, because
 * the fault may be that there was none left. Outside of an execution the fault is the checker's own
 * and takes its default way. A loop that never comes by the engine (in a list that a change has
 * made a ring) is noticed by a timer of CPU time.
 */
#define _GNU_SOURCE 1

#include "crash.h"

#include "engine.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { STACK_SIZE = 64 * 1024, PATIENCE = 1 /* s of CPU time */ };

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

static void on_fault(int signal, siginfo_t *info, UNUSED void *context)
{
    if (engine_running())
        engine_fail("%s at %p", strsignal(signal), info->si_addr);
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    raise(signal);
}

static void on_timer(UNUSED int signal)
{
    static unsigned long steps, executions;

    if (engine_running() && engine_steps() == steps && engine_executions() == executions)
        engine_fail("computes for ever");
    steps = engine_steps();
    executions = engine_executions();
}

static void start_timer(void)
{
    setitimer(ITIMER_VIRTUAL, &(struct itimerval){{PATIENCE, 0}, {PATIENCE, 0}}, NULL);
}

void crash_watch(void)
{
    stack_t stack = {.ss_sp = malloc(STACK_SIZE), .ss_size = STACK_SIZE};
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    if (!stack.ss_sp || sigaltstack(&stack, NULL) != 0)
        abort();
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++)
        sigaction(faults[i], &action, NULL);
    sigaction(SIGVTALRM,
              &(struct sigaction){.sa_handler = on_timer,
                                  .sa_flags = SA_ONSTACK | SA_NODEFER | SA_RESTART},
              NULL);
    start_timer();
    pthread_atfork(NULL, NULL, start_timer); /* a child does not inherit it */
}
