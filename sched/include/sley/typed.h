/*
 * sley/typed.h: channels, broadcasts and futures of one type, so that the compiler refuses another.
 *
 * Each macro, at file scope and with a semicolon behind it, makes a type `name` and inline
 * functions that do nothing but call the ones for bytes: no cost at run time. What they return,
 * from where they may be called and whether they park is said there (chan.h, broadcast.h,
 * future.h). In C as in C++. Typed generators are in generator.h.
 *
 *     SLEY_CHAN_TYPE(jobs, struct job);
 *
 *     jobs queue;
 *     int error = jobs_new(&queue, 16);
 *     ...
 *     error = jobs_send(queue, (struct job){.number = 1});
 *     error = jobs_recv(queue, &job);
 *     jobs_free(queue);
 *
 * `type` is one that can be assigned, and in C++ copied as bytes. What is sent is converted to it
 * as by an assignment: a number to another kind of number, as the language has it; a struct, or
 * another channel, not at all. Pointers to something else are an error in C++ and in compilers of C
 * since gcc 14 and clang 16, a warning in older ones (-Werror=incompatible-pointer-types).
 */
#ifndef SLEY_TYPED_H
#define SLEY_TYPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sley/broadcast.h>
#include <sley/chan.h>
#include <sley/export.h>
#include <sley/future.h>

#ifdef __cplusplus
#define SLEY__TYPED_BYTES(type) \
    static_assert(__is_trivially_copyable(type), #type " cannot be copied as bytes")
#else
#define SLEY__TYPED_BYTES(type) _Static_assert(sizeof(type) > 0, #type " has no size")
#endif

/* A channel of `type`: a value, to be copied freely; .chan is for sley_select() and all else that
 * is not here. name_new, _free, _send, _recv, _try_send, _try_recv, _close. Since 0.1. */
#define SLEY_CHAN_TYPE(name, type)                                \
    typedef struct {                                              \
        struct sley_chan *chan;                                   \
    } name;                                                       \
    SLEY__UNUSED int name##_new(name *out, size_t capacity)       \
    {                                                             \
        SLEY__TYPED_BYTES(type);                                  \
        return sley_chan_new(sizeof(type), capacity, &out->chan); \
    }                                                             \
    SLEY__UNUSED void name##_free(name of)                        \
    {                                                             \
        sley_chan_free(of.chan);                                  \
    }                                                             \
    SLEY__UNUSED int name##_send(name to, type item)              \
    {                                                             \
        return sley_chan_send(to.chan, &item);                    \
    }                                                             \
    SLEY__UNUSED int name##_recv(name from, type *item)           \
    {                                                             \
        return sley_chan_recv(from.chan, item);                   \
    }                                                             \
    SLEY__UNUSED int name##_try_send(name to, type item)          \
    {                                                             \
        return sley_chan_try_send(to.chan, &item);                \
    }                                                             \
    SLEY__UNUSED int name##_try_recv(name from, type *item)       \
    {                                                             \
        return sley_chan_try_recv(from.chan, item);               \
    }                                                             \
    SLEY__UNUSED int name##_close(name of, int reason)            \
    {                                                             \
        return sley_chan_close(of.chan, reason);                  \
    }                                                             \
    struct sley_chan

/* A broadcast of `type`, and name_subscription: values, to be copied freely; .broadcast and
 * .subscription are for all that is not here. name_new, _free, _subscribe, _unsubscribe, _send,
 * _recv, _try_send, _try_recv, _close. Since 0.1. */
#define SLEY_BROADCAST_TYPE(name, type)                                                    \
    typedef struct {                                                                       \
        struct sley_broadcast *broadcast;                                                  \
    } name;                                                                                \
    typedef struct {                                                                       \
        struct sley_subscription *subscription;                                            \
    } name##_subscription;                                                                 \
    SLEY__UNUSED int name##_new(name *out, size_t capacity, enum sley_broadcast_slow slow) \
    {                                                                                      \
        SLEY__TYPED_BYTES(type);                                                           \
        return sley_broadcast_new(sizeof(type), capacity, slow, &out->broadcast);          \
    }                                                                                      \
    SLEY__UNUSED void name##_free(name of)                                                 \
    {                                                                                      \
        sley_broadcast_free(of.broadcast);                                                 \
    }                                                                                      \
    SLEY__UNUSED int name##_subscribe(name to, name##_subscription *out)                   \
    {                                                                                      \
        return sley_broadcast_subscribe(to.broadcast, &out->subscription);                 \
    }                                                                                      \
    SLEY__UNUSED void name##_unsubscribe(name##_subscription of)                           \
    {                                                                                      \
        sley_broadcast_unsubscribe(of.subscription);                                       \
    }                                                                                      \
    SLEY__UNUSED int name##_send(name to, type item)                                       \
    {                                                                                      \
        return sley_broadcast_send(to.broadcast, &item);                                   \
    }                                                                                      \
    SLEY__UNUSED int name##_recv(name##_subscription from, type *item, uint64_t *lost)     \
    {                                                                                      \
        return sley_broadcast_recv(from.subscription, item, lost);                         \
    }                                                                                      \
    SLEY__UNUSED int name##_try_send(name to, type item)                                   \
    {                                                                                      \
        return sley_broadcast_try_send(to.broadcast, &item);                               \
    }                                                                                      \
    SLEY__UNUSED int name##_try_recv(name##_subscription from, type *item, uint64_t *lost) \
    {                                                                                      \
        return sley_broadcast_try_recv(from.subscription, item, lost);                     \
    }                                                                                      \
    SLEY__UNUSED int name##_close(name of, int reason)                                     \
    {                                                                                      \
        return sley_broadcast_close(of.broadcast, reason);                                 \
    }                                                                                      \
    struct sley_broadcast

/* A future whose value is a pointer to `type`: zeroed memory is one that is not completed, as with
 * struct sley_future, which is in .future; do not copy it. name_complete, _fail, _is_done, _wait.
 * Since 0.1. */
#define SLEY_FUTURE_TYPE(name, type)                                     \
    typedef struct {                                                     \
        struct sley_future future;                                       \
    } name;                                                              \
    SLEY__UNUSED bool name##_complete(name *of, type *value)             \
    {                                                                    \
        return sley_future_complete(&of->future, value);                 \
    }                                                                    \
    SLEY__UNUSED bool name##_fail(name *of, int error)                   \
    {                                                                    \
        return sley_future_fail(&of->future, error);                     \
    }                                                                    \
    SLEY__UNUSED bool name##_is_done(const name *of)                     \
    {                                                                    \
        return sley_future_is_done(&of->future);                         \
    }                                                                    \
    SLEY__UNUSED int name##_wait(name *of, type **value)                 \
    {                                                                    \
        void *bare = NULL;                                               \
        int error = sley_future_wait(&of->future, value ? &bare : NULL); \
                                                                         \
        if (!error && value)                                             \
            *value = (type *)bare;                                       \
        return error;                                                    \
    }                                                                    \
    struct sley_future

#endif
