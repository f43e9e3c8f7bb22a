/*
 * wait_any.c: the first of several futures, and all of them: asyncio.wait(FIRST_COMPLETED) and
 * wait(ALL_COMPLETED); at most 64 at once (SLEY_FUTURES_MAX). Here three parcels are under way, and
 * two of them are held up until the third is there.
 *
 * prints: parcel 2 comes first: tea; then all: salt bread tea
 */
#include <stdio.h>
#include <sley/sley.h>

static struct sley_future parcels[3];
static struct sley_event way_is_free = SLEY_EVENT_INIT;

static int deliver(void *arg)
{
    static char contents[3][8] = {"salt", "bread", "tea"};
    struct sley_future *parcel = arg;
    long number = parcel - parcels;
    int error = number == 2 ? 0 : sley_event_wait(&way_is_free);
    if (error)
        sley_future_fail(parcel, error); /* or who waits for it would wait for ever */
    else
        sley_future_complete(parcel, contents[number]);
    return error;
}

static const char *contents_of(int number)
{
    void *contents;
    return sley_future_wait(&parcels[number], &contents) == 0 ? contents : "nothing";
}

static int app(void *unused)
{
    struct sley_future *all[] = {&parcels[0], &parcels[1], &parcels[2]};
    struct sley_scope scope;
    (void)unused;
    SLEY_SCOPE(&scope)
    {
        for (int i = 0; i < 3; i++)
            sley_scope_spawn(&scope, deliver, &parcels[i], NULL, NULL);
        int first = sley_future_wait_any(all, 3);
        if (first >= 0)
            printf("parcel %d comes first: %s; ", first, contents_of(first));
        sley_event_set(&way_is_free);
        if (sley_future_wait_all(all, 3) == 0)
            printf("then all: %s %s %s\n", contents_of(0), contents_of(1), contents_of(2));
    }
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
