/*
 * tls_error.c: sentences about what has gone wrong with TLS.
 *
 * OpenSSL keeps its reasons in a queue of the thread, the oldest first, which is the root of it:
 * the later ones say which calls have failed because of it. A refused certificate is the exception:
 * the reason that a user understands stands with the connection.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "tls_impl.h"

void sley__tls_say(char *text, const char *sentence)
{
    if (text)
        snprintf(text, SLEY_TLS_ERROR_SIZE, "%s", sentence);
}

static const char *reason_of(unsigned long code)
{
    const char *reason;

    if (!code)
        return "no reason is known";
    if (ERR_SYSTEM_ERROR(code))
        return sley_strerror(-ERR_GET_REASON(code));
    reason = ERR_reason_error_string(code);
    return reason ? reason : "no reason is known";
}

void sley__tls_describe(char *text, const char *what)
{
    if (text)
        snprintf(text, SLEY_TLS_ERROR_SIZE, "%s: %s", what, reason_of(ERR_peek_error()));
    ERR_clear_error();
}

void sley__tls_describe_handshake(char *text, SSL *ssl)
{
    long verdict = SSL_get_verify_result(ssl);
    unsigned long code = ERR_peek_error();

    if (text && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK)
        snprintf(text, SLEY_TLS_ERROR_SIZE, "the peer's certificate was refused: %s",
                 X509_verify_cert_error_string(verdict));
    else if (text)
        snprintf(text, SLEY_TLS_ERROR_SIZE, "the TLS handshake failed: %s", reason_of(code));
    ERR_clear_error();
}
