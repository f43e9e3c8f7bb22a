/*
 * consumer.cpp: a stranger's first C++17 program: the headers compile, the functions have C
 * linkage, a lambda without captures is a task.
 */
#include <cstdio>
#include <string>

#include <sley/sley.h>

int main()
{
    int answer = 0;
    int result = sley_run(
        [](void *arg) -> int {
            struct sley_task *task = nullptr;
            struct sley_task_options options = {};

            options.name = "answer";
            int error = sley_spawn(
                [](void *out) -> int {
                    *static_cast<int *>(out) = 42;
                    return sley_sleep(SLEY_MILLISECONDS(1));
                },
                arg, &options, &task);
            return error < 0 ? error : sley_join(task, nullptr);
        },
        &answer, nullptr);

    if (result < 0 || answer != 42) {
        std::fprintf(stderr, "result %d, answer %d\n", result, answer);
        return 1;
    }
    return std::string(sley_version()).empty() ? 1 : 0;
}
