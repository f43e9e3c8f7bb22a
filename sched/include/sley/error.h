/*
 * sley/error.h: the error codes of sley.
 *
 * Every call that can fail returns an int: >= 0 is success, a negative value is one of these. Where
 * errno has the same meaning the code is -errno, so that sley_strerror(-errno_value) works for
 * errors that come straight from a system call too. errno itself is never used to report.
 */
#ifndef SLEY_ERROR_H
#define SLEY_ERROR_H

#include <errno.h>

#include <sley/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(code name, value, text). One table: the enum, the names and the texts all come from it. */
#define SLEY_ERRORS(X)                                                                       \
    X(SLEY_ECANCELED, -ECANCELED, "the task was cancelled")                                  \
    X(SLEY_ETIMEDOUT, -ETIMEDOUT, "the deadline passed")                                     \
    X(SLEY_ENOMEM, -ENOMEM, "out of memory")                                                 \
    X(SLEY_EINVAL, -EINVAL, "invalid argument")                                              \
    X(SLEY_EAGAIN, -EAGAIN, "a system limit on threads or processes was reached, try again") \
    X(SLEY_EPERM, -EPERM, "not permitted")                                                   \
    X(SLEY_EBUSY, -EBUSY, "in use by another task")                                          \
    X(SLEY_EDEADLK, -EDEADLK, "the task would wait for itself")                              \
    X(SLEY_ENOSYS, -ENOSYS, "not supported by this system")                                  \
    X(SLEY_EMFILE, -EMFILE, "too many open files in this process")                           \
    X(SLEY_ENFILE, -ENFILE, "too many open files in this system")                            \
    X(SLEY_EACCES, -EACCES, "permission denied")                                             \
    X(SLEY_ENOENT, -ENOENT, "no such file or directory")                                     \
    X(SLEY_EEXIST, -EEXIST, "already exists")                                                \
    X(SLEY_ENOSPC, -ENOSPC, "no space left on the device")                                   \
    X(SLEY_EISDIR, -EISDIR, "is a directory")                                                \
    X(SLEY_ENOTDIR, -ENOTDIR, "not a directory")                                             \
    X(SLEY_ENOTEMPTY, -ENOTEMPTY, "the directory is not empty")                              \
    X(SLEY_ENAMETOOLONG, -ENAMETOOLONG, "the name is too long")                              \
    X(SLEY_ELOOP, -ELOOP, "too many symbolic links")                                         \
    X(SLEY_EXDEV, -EXDEV, "not on the same file system")                                     \
    X(SLEY_EFBIG, -EFBIG, "file too large")                                                  \
    X(SLEY_EDQUOT, -EDQUOT, "disk quota exceeded")                                           \
    X(SLEY_ESRCH, -ESRCH, "no such process")                                                 \
    X(SLEY_ECHILD, -ECHILD, "somebody else has taken the status of the process")             \
    X(SLEY_ENOEXEC, -ENOEXEC, "not a program")                                               \
    X(SLEY_E2BIG, -E2BIG, "arguments and environment are too large")                         \
    X(SLEY_EROFS, -EROFS, "read-only file system")                                           \
    X(SLEY_EIO, -EIO, "input/output error")                                                  \
    X(SLEY_EPIPE, -EPIPE, "the peer has closed its reading side")                            \
    X(SLEY_EADDRINUSE, -EADDRINUSE, "address already in use")                                \
    X(SLEY_EADDRNOTAVAIL, -EADDRNOTAVAIL, "address not available on this machine")           \
    X(SLEY_ECONNREFUSED, -ECONNREFUSED, "connection refused")                                \
    X(SLEY_ECONNRESET, -ECONNRESET, "connection reset by the peer")                          \
    X(SLEY_ECONNABORTED, -ECONNABORTED, "connection aborted")                                \
    X(SLEY_EHOSTUNREACH, -EHOSTUNREACH, "no route to the host")                              \
    X(SLEY_ENETUNREACH, -ENETUNREACH, "network is unreachable")                              \
    X(SLEY_ENOTCONN, -ENOTCONN, "not connected")                                             \
    X(SLEY_ENODEV, -ENODEV, "no such network interface")                                     \
    X(SLEY_EMSGSIZE, -EMSGSIZE, "larger than the limit that was set")                        \
    X(SLEY_EPROTO, -EPROTO, "the peer broke the protocol")                                   \
    X(SLEY_EOF, -4000, "end of stream")                                                      \
    X(SLEY_ECLOSED, -4001, "closed")                                                         \
    X(SLEY_ESHUTDOWN, -4002, "the runtime is shutting down")                                 \
    X(SLEY_ENOTASK, -4003, "must be called from a task")                                     \
    X(SLEY_ENAME, -4004, "the host name could not be resolved")                              \
    X(SLEY_ETLS, -4005, "the TLS handshake or a certificate check failed")                   \
    X(SLEY_ECRASHED, -4006, "the process running the job crashed")                           \
    X(SLEY_ELATE, -4007, "too late: there are threads already, see sley_procpool_prepare()") \
    X(SLEY_ETOOLONG, -4008, "longer than the limit")                                         \
    X(SLEY_ESTALLED, -4009, "a task kept others waiting")                                    \
    X(SLEY_ENXDOMAIN, -4020, "the name does not exist")                                      \
    X(SLEY_ENODATA, -4021, "the name has no record of that type")                            \
    X(SLEY_ESERVFAIL, -4022, "the name server failed")                                       \
    X(SLEY_EREFUSED, -4023, "the name server refused to answer")                             \
    X(SLEY_ENOANSWER, -4024, "no name server answered")                                      \
    X(SLEY_EBADANSWER, -4025, "the name server sent what cannot be read")                    \
    X(SLEY_ENOSERVER, -4026, "no name server there: connection refused")

enum sley_error {
#define SLEY__ENUM(name, value, text) name = value,
    SLEY_ERRORS(SLEY__ENUM)
#undef SLEY__ENUM
        SLEY_OK = 0
};

/* What `code` means, as one sentence without a full stop: "the deadline passed". A negative errno
 * that sley has no text for gets the system's text, untranslated; 0 is "success", anything else
 * "unknown error". Never NULL; static storage. Any thread; never parks. Since 0.1. */
SLEY_EXPORT const char *sley_strerror(int code);

/* The code's name, "SLEY_ETIMEDOUT"; "SLEY_OK" for 0, "SLEY_EUNKNOWN" for a code that is not in
 * the table. Never NULL; static storage. Any thread; never parks. Since 0.1. */
SLEY_EXPORT const char *sley_error_name(int code);

#ifdef __cplusplus
}
#endif
#endif
