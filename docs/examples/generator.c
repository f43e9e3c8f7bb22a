/*
 * generator.c: the prime numbers, each found when it is asked for, and their squares. The body of
 * the generator is a plain loop that keeps its place between two values; breaking out of the loop
 * that reads them ends it.
 *
 * prints: primes below 30: 2 3 5 7 11 13 17 19 23 29; squares of the first five sum to 208
 */
#include <stdio.h>
#include <sley/sley.h>

SLEY_GENERATOR_TYPE(primes, long);

static int find_primes(struct primes *self, void *unused)
{
    (void)unused;
    for (long n = 2;; n++) {
        long divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        if (divisor * divisor > n) {
            int error = primes_yield(self, n); /* goes on here when the next one is asked for */
            if (error)
                return error; /* nobody wants more */
        }
    }
}

static int square(const void *in, void *out, void *unused)
{
    long n = *(const long *)in;
    (void)unused;
    *(long *)out = n * n;
    return 0;
}

static int app(void *unused)
{
    struct primes *all;
    long sum = 0;
    (void)unused;
    if (SLEY_GENERATOR_NEW(primes, find_primes, NULL, NULL, &all) != 0)
        return 1;
    printf("primes below 30:");
    SLEY_FOREACH_IN (primes, prime, all) {
        if (prime >= 30)
            break;
        printf(" %ld", prime);
    }
    primes_free(all);

    if (SLEY_GENERATOR_NEW(primes, find_primes, NULL, NULL, &all) != 0)
        return 1;
    SLEY_FOREACH (long, n, SLEY_TAKE(SLEY_MAP(primes_iterate(all), long, square, NULL), 5))
        sum += n;
    printf("; squares of the first five sum to %ld\n", sum);
    primes_free(all);
    return 0;
}

int main(void)
{
    return sley_run(app, NULL, NULL);
}
