#include "flags_plan.h"

#include <criterion/criterion.h>
#include <string.h>

/* Three countries, one without a flag. */
static unsigned char gif[] = "GIF89a";
static struct country list[] = {{"AQ", "Antarctica", NULL, 0},
                                {"BR", "Brazil", gif, sizeof gif},
                                {"FR", "France", gif, sizeof gif}};
static const struct countries countries = {.list = list, .count = 3, .with_flag = 2};

/* The plan as text, an asterisk behind what was asked for by name; or the error. */
static const char *plan_of(struct flags_request request)
{
    static char text[4096];
    struct flags_plan plan;

    text[0] = '\0';
    if (!flags_plan(&request, flags_plan_needs_countries(&request) ? &countries : NULL, &plan, text,
                    sizeof text))
        return text;
    for (size_t i = 0; i < plan.count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, plan.list[i].code);
        strcat(text, plan.list[i].asked ? "*" : "");
    }
    flags_plan_free(&plan);
    return text;
}

#define WORDS(...) \
    .words = (char *[]){__VA_ARGS__}, .word_count = sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)

Test(flags_plan, default_is_the_20_most_populous)
{
    cr_expect_str_eq(plan_of((struct flags_request){0}),
                     "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN");
    cr_expect_str_eq(plan_of((struct flags_request){.limit = 2}), "BD BR");
}

Test(flags_plan, all_have_a_flag)
{
    cr_expect_str_eq(plan_of((struct flags_request){.all = true}), "BR FR");
}

Test(flags_plan, every_pair)
{
    const char *plan = plan_of((struct flags_request){.every = true});

    cr_expect_eq(strlen(plan), 676 * 3 - 1);
    cr_expect_eq(strncmp(plan, "AA AB AC", 8), 0);
    cr_expect_str_eq(plan + strlen(plan) - 5, "ZY ZZ");
    cr_expect_str_eq(plan_of((struct flags_request){.every = true, .limit = 3}), "AA AB AC");
    cr_expect_eq(strlen(plan_of((struct flags_request){.every = true, .limit = 9999})),
                 676 * 3 - 1);
}

Test(flags_plan, codes_and_letters)
{
    cr_expect_str_eq(plan_of((struct flags_request){WORDS("zz", "FR", "br", "BR")}), "BR* FR* ZZ*");
    const char *plan = plan_of((struct flags_request){WORDS("bR", "b", "AZ")});
    cr_expect_eq(strncmp(plan, "AZ* BA BB", 9), 0, "%s", plan);
    cr_expect(strstr(plan, "BQ BR* BS") && strstr(plan, "BZ"), "%s", plan);
}

Test(flags_plan, errors)
{
    static char *wrong[] = {"", "BRA", "1", "B1", "é", "ü", "-", "B ", "\xff"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect(
            strstr(plan_of((struct flags_request){WORDS("BR", wrong[i])}), "no country code"));
    cr_expect(strstr(plan_of((struct flags_request){.all = true, .every = true}), "only one"));
    cr_expect(strstr(plan_of((struct flags_request){.all = true, WORDS("BR")}), "only one"));
}
