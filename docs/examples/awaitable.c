/*
 * awaitable.c: a thing of one's own to wait for, from sley_park() and sley_unpark(): a gate that a
 * thread which knows nothing of tasks opens. The pattern is always this one: note under the
 * object's lock who waits, park in a loop until it is there, and pass the lock once more on the way
 * out, so that the other side is done with what is on our stack.
 *
 * prints: 3 tasks went through the gate, 1 was cancelled
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include <sley/sley.h>

struct visitor {
    struct sley_task *task;
    struct visitor *next;
};

struct gate {
    pthread_mutex_t lock; /* short, and never held over a park */
    bool open;
    struct visitor *waiting;
};

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    for (struct visitor *visitor = gate->waiting; visitor; visitor = visitor->next)
        sley_unpark(visitor->task);
    pthread_mutex_unlock(&gate->lock);
}

static void forget(struct gate *gate, struct visitor *who)
{
    struct visitor **link = &gate->waiting;

    while (*link != who)
        link = &(*link)->next;
    *link = who->next;
}

/* 0, or what ended the wait: cancel and deadline come for free. */
static int gate_wait(struct gate *gate)
{
    struct visitor me = {sley_self(), NULL};
    int error = 0;

    pthread_mutex_lock(&gate->lock);
    me.next = gate->waiting;
    gate->waiting = &me;
    while (!gate->open && !error) {
        pthread_mutex_unlock(&gate->lock);
        error = sley_park("gate"); /* may return for an older permit: hence the loop */
        pthread_mutex_lock(&gate->lock);
    }
    if (gate->open)
        error = 0;
    forget(gate, &me);
    pthread_mutex_unlock(&gate->lock);
    return error;
}

static struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int visit(void *unused)
{
    (void)unused;
    return gate_wait(&gate);
}

static void *porter(void *unused)
{
    gate_open(&gate);
    return unused;
}

static int app(void *unused)
{
    struct sley_task *tasks[4];
    int through = 0, cancelled = 0, result;
    pthread_t thread;

    (void)unused;
    for (int i = 0; i < 4; i++)
        if (sley_spawn(visit, NULL, NULL, &tasks[i]) != 0)
            return 1;
    sley_cancel(tasks[0], "not today");
    sley_join(tasks[0], &result);
    cancelled += result == SLEY_ECANCELED;
    if (pthread_create(&thread, NULL, porter, NULL) != 0)
        return 1;
    for (int i = 1; i < 4; i++)
        if (sley_join(tasks[i], &result) == 0)
            through += result == 0;
    pthread_join(thread, NULL);
    printf("%d tasks went through the gate, %d was cancelled\n", through, cancelled);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
