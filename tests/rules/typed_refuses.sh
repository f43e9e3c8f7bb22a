#!/usr/bin/env bash
# typed_refuses.sh [SOURCE_DIR]: does the compiler refuse the wrong type at a typed channel, broadcast
# or future (sley/typed.h)? Each sin is one line that must not compile, in C or in C++, in a function
# that compiles without it; a wrapper that lets it pass is a failure, and so is a function that does
# not compile by itself, because then everything would be refused.
#
# And do they cost nothing? A typed send must come to the same number of instructions as the plain
# one behind it.
set -euo pipefail

cd "${1:-.}"
cc=${CC:-cc}
cxx=${CXX:-c++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

wrong() # TEXT
{
    echo "typed_refuses: $1"
    failures=$((failures + 1))
}

program() # LINE: what it stands in
{
    cat <<END
#include <sley/typed.h>
struct job { int number; };
struct other { int number; };
SLEY_CHAN_TYPE(jobs, struct job);
SLEY_CHAN_TYPE(others, struct other);
SLEY_CHAN_TYPE(pointers, struct job *);
SLEY_BROADCAST_TYPE(news, struct job);
SLEY_BROADCAST_TYPE(gossip, struct other);
SLEY_FUTURE_TYPE(promise, struct job);
int test(jobs queue, others queue2, pointers queue3, news paper, news_subscription reader,
         gossip talk, promise *future, struct job job, struct other other);
int test(jobs queue, others queue2, pointers queue3, news paper, news_subscription reader,
         gossip talk, promise *future, struct job job, struct other other)
{
    struct job *got = &job;
    (void)queue2, (void)talk, (void)other, (void)queue3;
    $1
    return jobs_send(queue, job) + jobs_recv(queue, &job) + news_send(paper, job) +
           news_recv(reader, &job, NULL) + promise_wait(future, &got) + pointers_send(queue3, &job);
}
END
}

# That gcc before 14 and clang before 16 only warn of pointers is the language's affair.
compiles() # LANGUAGE LINE
{
    local strict=(-Werror=incompatible-pointer-types -Werror=int-conversion)
    if [[ $1 == c ]]; then
        program "$2" | "$cc" -std=c17 "${strict[@]}" -Isched/include -fsyntax-only -xc - 2>/dev/null
    else
        program "$2" | "$cxx" -std=c++17 -Isched/include -fsyntax-only -xc++ - 2>/dev/null
    fi
}

sins=(
    'jobs_send(queue, other);'
    'jobs_send(queue, 1);'
    'jobs_send(queue, &job);'
    'jobs_send(queue2, job);'
    'jobs_recv(queue, &other);'
    'jobs_recv(queue2, &job);'
    'jobs_recv(queue, job);'
    'jobs_try_send(queue, other);'
    'jobs_try_recv(queue, &other);'
    'jobs_new(&queue2, 1);'
    'jobs_free(queue2);'
    'jobs_close(queue2, 0);'
    'queue = queue2;'
    'pointers_send(queue3, &other);'
    'pointers_send(queue3, job);'
    'pointers_recv(queue3, &job);'
    'news_send(paper, other);'
    'news_send(talk, job);'
    'news_recv(reader, &other, NULL);'
    'news_try_recv(reader, &other, NULL);'
    'news_try_send(paper, other);'
    'gossip_recv(reader, &other, NULL);'
    'gossip_subscribe(paper, &reader);'
    'gossip_unsubscribe(reader);'
    'promise_complete(future, &other);'
    'promise_wait(future, &other);'
    'struct other *it; promise_wait(future, &it);'
)

for language in c c++; do
    compiles "$language" '' || wrong "$language: the right types are refused"
    for sin in "${sins[@]}"; do
        compiles "$language" "$sin" && wrong "$language: compiles: $sin"
    done
done

cat >"$work/sizes.c" <<'END'
#include <sley/typed.h>
SLEY_CHAN_TYPE(numbers, long);
int plain(struct sley_chan *chan, long item);
int typed(numbers chan, long item);
int plain(struct sley_chan *chan, long item) { return sley_chan_send(chan, &item); }
int typed(numbers chan, long item) { return numbers_send(chan, item); }
END
"$cc" -O2 -Isched/include -c -o "$work/sizes.o" "$work/sizes.c"
mapfile -t sizes < <(nm -S "$work/sizes.o" | awk '$4 == "plain" || $4 == "typed" { print $2 }')
[[ ${#sizes[@]} == 2 && ${sizes[0]} == "${sizes[1]}" ]] || wrong "a typed send is not as small as a plain one"

# Only what can be copied as bytes may be sent.
printf '%s\n' '#include <string>' '#include <sley/typed.h>' 'SLEY_CHAN_TYPE(texts, std::string);' \
    | "$cxx" -std=c++17 -Isched/include -fsyntax-only -xc++ - 2>/dev/null \
    && wrong "c++: a channel of std::string compiles"

((failures == 0))
