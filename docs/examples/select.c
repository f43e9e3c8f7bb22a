/*
 * select.c: whichever comes first of several channels and a deadline: Go's select with time.After.
 *
 * prints: number 42, word "done", nothing within a millisecond
 */
#include <stdio.h>
#include <sley/sley.h>

static struct sley_chan *numbers, *words;

static int speak(void *unused)
{
    const char *word = "done";
    int number = 42, error = sley_chan_send(numbers, &number);
    (void)unused;
    return error ? error : sley_chan_send(words, &word);
}

static int listen(void)
{
    const char *word;
    int number;
    struct sley_select_case cases[] = {
        {.chan = numbers, .direction = SLEY_SELECT_RECV, .item = &number},
        {.chan = words, .direction = SLEY_SELECT_RECV, .item = &word},
    };
    for (int i = 0; i < 2; i++)
        switch (sley_select(cases, 2, SLEY_FOREVER)) {
        case 0:
            printf("number %d, ", number);
            break;
        case 1:
            printf("word \"%s\", ", word);
            break;
        default:
            return SLEY_ECANCELED;
        }
    if (sley_select(cases, 2, sley_after(SLEY_MILLISECONDS(1))) == SLEY_ETIMEDOUT)
        printf("nothing within a millisecond\n");
    return 0;
}

static int app(void *unused)
{
    struct sley_scope scope;
    (void)unused;
    if (sley_chan_new(sizeof(int), 0, &numbers) || sley_chan_new(sizeof(char *), 0, &words))
        return SLEY_ENOMEM;
    SLEY_SCOPE(&scope)
    {
        sley_scope_spawn(&scope, speak, NULL, NULL, NULL);
        sley_scope_fail(&scope, listen());
    }
    sley_chan_free(numbers);
    sley_chan_free(words);
    return scope.error;
}

int main(void)
{
    return sley_run(app, NULL, NULL) != 0;
}
