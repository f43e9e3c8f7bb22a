/*
 * fault.c: turning a stack overflow into a message.
 *
 * A task that runs over the end of its stack touches the guard and gets SIGSEGV. The handler runs
 * on a signal stack of its own (the task's is full), finds out whether the address lies in a guard
 * of the worker's runtime, and if so says which task it was, where it was spawned and what to do.
 * In any case it then hands the fault on to whoever handled it before, or to the default action, so
 * that a core dump shows the place.
 *
 * A signal has one handler per process, so this is the one piece of state outside the runtimes: a
 * count of them. The handler is installed with the first and put back with the last, and only if
 * the program has none of its own.
 *
 * In the handler: no locks, no allocation, no stdio.
 */
#include "flow.h"
#include "runtime_impl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Enough for the handler under every instruction-set extension's signal frame. */
#define SIGNAL_STACK_SIZE ((size_t)64 << 10)

static struct sley__lock fault_lock;
static unsigned fault_users;       /* fault_lock */
static bool fault_installed;       /* fault_lock */
static struct sigaction fault_old; /* written before the handler is installed */

/* --- the message ---------------------------------------------------------------------------- */

struct message {
    char text[512];
    size_t length;
};

static void append(struct message *message, const char *text)
{
    while (*text && message->length < sizeof message->text)
        message->text[message->length++] = *text++;
}

static void append_number(struct message *message, uint64_t number)
{
    char digits[21], *p = digits + sizeof digits - 1;

    for (*p = 0; number || !*p; number /= 10)
        *--p = (char)('0' + number % 10);
    append(message, p);
}

static void report_overflow(struct sley_task *task, struct sley__stack *stack)
{
    struct message message = {.length = 0};

    append(&message, "sley: stack overflow in task ");
    append_number(&message, load_relaxed(&task->id));
    append(&message, " \"");
    append(&message, sley__task_name(task));
    append(&message, "\", spawned at ");
    append(&message, sley__task_site(task));
    if (task->flow) {
        append(&message, ", in generator \"");
        append(&message, task->flow->site);
        append(&message, "\", made at ");
        append(&message, task->flow->site + strlen(task->flow->site) + 1);
    }
    append(&message, ": its stack has ");
    append_number(&message, sley__stack_class_size(stack->class) >> 10);
    append(&message, " KiB with the guard; ");
    append(&message, task->flow ? "make" : "spawn");
    append(&message, " it with a larger stack_size, or use less stack\n");
    if (write(STDERR_FILENO, message.text, message.length) < 0)
        return;
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    struct sley__worker *worker = sley__worker_current();
    struct sley__stack *stack;

    (void)context;
    if (worker && worker->current) {
        stack = sley__stack_of_guard(&worker->sched->stacks, info->si_addr);
        if (stack)
            report_overflow(worker->current, stack);
    }
    /* The faulting instruction runs again, under the disposition that was there before us. */
    sigaction(signal_number, &fault_old, NULL);
}

/* --- installing ----------------------------------------------------------------------------- */

void sley__fault_acquire(void)
{
    struct sigaction action;

    sley__lock_acquire(&fault_lock);
    if (fault_users++ == 0 && sigaction(SIGSEGV, NULL, &fault_old) == 0 &&
        !(fault_old.sa_flags & SA_SIGINFO) && fault_old.sa_handler == SIG_DFL) {
        memset(&action, 0, sizeof action);
        sigemptyset(&action.sa_mask);
        action.sa_sigaction = on_fault;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        fault_installed = sigaction(SIGSEGV, &action, NULL) == 0;
    }
    sley__lock_release(&fault_lock);
}

void sley__fault_release(void)
{
    struct sigaction action;

    sley__lock_acquire(&fault_lock);
    if (--fault_users == 0 && fault_installed) {
        if (sigaction(SIGSEGV, NULL, &action) == 0 && action.sa_sigaction == on_fault)
            sigaction(SIGSEGV, &fault_old, NULL);
        fault_installed = false;
    }
    sley__lock_release(&fault_lock);
}

/* The stack that was there before, a sanitizer's perhaps, comes back at the stop. */
struct sley__signal_stack {
    stack_t before;
    char memory[SIGNAL_STACK_SIZE];
};

struct sley__signal_stack *sley__fault_thread_start(void)
{
    struct sley__signal_stack *stack = malloc(sizeof *stack);
    stack_t alternate;

    if (!stack)
        return NULL;
    alternate = (stack_t){.ss_sp = stack->memory, .ss_size = sizeof stack->memory};
    if (sigaltstack(&alternate, &stack->before) == 0)
        return stack;
    free(stack);
    return NULL;
}

void sley__fault_thread_stop(struct sley__signal_stack *stack)
{
    if (stack && sigaltstack(&stack->before, NULL) == 0)
        free(stack);
}
