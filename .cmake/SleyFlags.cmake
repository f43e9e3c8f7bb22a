# The compiler policy: one interface target, sley_flags, that everything of ours links privately.
#
#  -fstack-clash-protection  a large frame must touch the guard below a task's stack, not jump it
#  -fvisibility=hidden       SLEY_EXPORT is the only way out of the library
#  -fno-semantic-interposition, -Bsymbolic-functions
#                            a call inside the library to one of its own exported functions is direct
#  -fno-plt                  calls to libc are one indirect call, no trampoline
#  -ftls-model=initial-exec  (sched) a thread-local is one load off the thread pointer, not a call;
#                            it costs a few bytes of the static TLS that the loader keeps for dlopen
#  No frame pointers: they take a register from every function of the hot paths, and the unwind
#  tables, which both compilers emit on both CPUs, serve gdb, perf and backtraces as well.
include(CheckIncludeFile)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# ensure() does not look at NDEBUG, and third-party headers read better without surprises: the
# build types differ in optimisation only, what is checked is said by SLEY_DEBUG.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

add_library(sley_flags INTERFACE)

set(c_flags
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
    -fstack-clash-protection -fasynchronous-unwind-tables
    -fno-semantic-interposition -fno-plt)
if(SLEY_WERROR)
    list(APPEND c_flags -Werror)
endif()

# _GNU_SOURCE is not defined here: a file that needs it says so in its first line, and compiles alike
# under any build system.
if(SLEY_HOSTILE)
    target_compile_definitions(sley_flags INTERFACE SLEY_HOSTILE)
    set(SLEY_DEBUG ON)
    # For sched and io only: their allocations fail on request, nobody else's. See sched/hostile.c.
    foreach(function malloc calloc realloc aligned_alloc strdup)
        list(APPEND SLEY_HOSTILE_ALLOCATION ${function}=sley__hostile_${function})
    endforeach()
endif()
if(SLEY_DEBUG)
    target_compile_definitions(sley_flags INTERFACE SLEY_DEBUG)
endif()

# SLEY_TOOLS: somebody watches (a sanitizer or Valgrind) and must be told of every stack switch.
set(SLEY_TOOLS OFF)
if(SLEY_SANITIZE STREQUAL "address")
    set(SLEY_TOOLS ON)
    list(APPEND c_flags -fsanitize=address,undefined -fno-sanitize-recover=all
         -fno-omit-frame-pointer)
    target_link_options(sley_flags INTERFACE -fsanitize=address,undefined)
elseif(SLEY_SANITIZE STREQUAL "fuzz")
    set(SLEY_TOOLS ON)
    list(APPEND c_flags -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
         -fno-omit-frame-pointer)
    target_link_options(sley_flags INTERFACE -fsanitize=address,undefined)
elseif(SLEY_SANITIZE STREQUAL "thread")
    set(SLEY_TOOLS ON)
    list(APPEND c_flags -fsanitize=thread -fno-omit-frame-pointer)
    target_link_options(sley_flags INTERFACE -fsanitize=thread)
elseif(SLEY_SANITIZE)
    message(FATAL_ERROR "SLEY_SANITIZE is '${SLEY_SANITIZE}'; it can be empty, address, thread or fuzz")
elseif(SLEY_DEBUG AND NOT SLEY_HOSTILE)
    check_include_file(valgrind/valgrind.h SLEY_HAVE_VALGRIND_H)
    if(SLEY_HAVE_VALGRIND_H)
        set(SLEY_TOOLS ON)
        target_compile_definitions(sley_flags INTERFACE SLEY_VALGRIND)
    endif()
endif()
if(SLEY_TOOLS)
    target_compile_definitions(sley_flags INTERFACE SLEY_TOOLS)
endif()

target_compile_options(sley_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${c_flags}>")
