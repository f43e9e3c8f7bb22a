/*
 * test_error.c: names and texts of the codes, and the panic.
 */
#define _GNU_SOURCE 1

#include <sley/error.h>

#include "base.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const int all_codes[] = {
#define CODE(name, value, text) value,
    SLEY_ERRORS(CODE)
#undef CODE
};

Test(error, each_code_has_its_name_and_text)
{
#define CHECK(name, value, text)                     \
    cr_expect_str_eq(sley_error_name(value), #name); \
    cr_expect_str_eq(sley_strerror(value), text);
    SLEY_ERRORS(CHECK)
#undef CHECK
}

Test(error, codes_are_negative_and_distinct)
{
    for (size_t i = 0; i < ARRAY_LENGTH(all_codes); i++) {
        cr_expect_lt(all_codes[i], 0);
        for (size_t j = 0; j < i; j++)
            cr_expect_neq(all_codes[i], all_codes[j]);
    }
}

Test(error, texts_are_sentences_without_a_full_stop)
{
    for (size_t i = 0; i < ARRAY_LENGTH(all_codes); i++) {
        const char *text = sley_strerror(all_codes[i]);

        cr_expect_gt(strlen(text), 0);
        cr_expect_neq(text[strlen(text) - 1], '.', "%s", text);
    }
}

Test(error, success_has_a_name)
{
    cr_assert_str_eq(sley_error_name(0), "SLEY_OK");
    cr_assert_str_eq(sley_strerror(0), "success");
}

Test(error, foreign_errnos_get_the_systems_text)
{
    cr_assert_str_eq(sley_strerror(-ENOTBLK), strerrordesc_np(ENOTBLK));
    cr_assert_str_eq(sley_error_name(-ENOTBLK), "SLEY_EUNKNOWN");
}

Test(error, nonsense_is_an_unknown_error)
{
    static const int codes[] = {1, EINVAL, INT_MAX, INT_MIN, -123456};

    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
        cr_expect_str_eq(sley_strerror(codes[i]), "unknown error");
        cr_expect_str_eq(sley_error_name(codes[i]), "SLEY_EUNKNOWN");
    }
}

/* --- panic ------------------------------------------------------------------------------------ */

#ifdef SLEY_HOSTILE
/* The hostile build says last with what seed it was. Cuts that off; the length of the rest. */
static size_t without_seed(char *words)
{
    char *seed = strstr(words, "sley: hostile build, SLEY_SEED=");

    cr_assert_not_null(seed);
    *seed = '\0';
    return strlen(words);
}
#else
static size_t without_seed(char *words)
{
    return strlen(words);
}
#endif

/* What `fall` wrote to stderr before it died; its wait status is in *status. */
static size_t last_words(void (*fall)(void), char *words, size_t size, int *status)
{
    size_t length = 0;
    int ends[2];
    pid_t child;
    ssize_t n;

    cr_assert_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        fall();
        _exit(0);
    }
    close(ends[1]);
    while ((n = read(ends[0], words + length, size - 1 - length)) > 0)
        length += (size_t)n;
    words[length] = '\0';
    close(ends[0]);
    waitpid(child, status, 0);
    return without_seed(words);
}

static void broken_invariant(void)
{
    int answer = 41;

    ensure_msg(answer == 42, "the answer is %d", answer);
}

static void long_winded(void)
{
    char text[2000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    sley__panic("file.c", 7, "%s", text);
}

Test(panic, prints_file_line_and_values_and_aborts)
{
    char words[1024];
    int status;

    last_words(broken_invariant, words, sizeof words, &status);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGABRT);
    cr_assert_eq(strncmp(words, "sley: ", 6), 0, "%s", words);
    cr_assert_not_null(strstr(words, "test_error.c:"));
    cr_assert_not_null(strstr(words, ": the answer is 41\n"));
}

Test(panic, cuts_what_is_too_long)
{
    char words[4096];
    int status;
    size_t length = last_words(long_winded, words, sizeof words, &status);

    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(strncmp(words, "sley: file.c:7: xxx", 19), 0);
    cr_assert_eq(length, 512);
    cr_assert_eq(words[length - 1], '\n');
}

Test(panic, ensure_does_nothing_when_all_is_well)
{
    ensure(1 + 1 == 2);
    ensure_msg(true, "never %d", 1);
}
