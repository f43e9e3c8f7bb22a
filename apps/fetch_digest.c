/*
 * fetch_digest.c: checksums.
 *
 * The digests are OpenSSL's, through its EVP interface: TLS has brought the library along, it uses
 * the processor's own instructions, and its administrator's rules (no MD5, say) hold here as well.
 * The old kinds are there because lists in the world name them; against an error on the way any of
 * them will do, against an enemy only the newer two.
 *
 * A checksum is compared by memcmp(): it is no secret.
 */
#include "fetch_digest.h"

#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

static const struct kind {
    const char *name;
    unsigned size;
} kinds[] = {{"md5", 16}, {"sha1", 20}, {"sha256", 32}, {"sha512", 64}};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

static bool read_hex(const char *text, struct fetch_digest *digest)
{
    if (strlen(text) != 2 * (size_t)digest->size)
        return false;
    for (unsigned i = 0; i < digest->size; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest->bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool fetch_digest_parse(const char *text, struct fetch_digest *digest)
{
    for (int i = 0; i < KINDS; i++) {
        size_t length = strlen(kinds[i].name);
        if (strncasecmp(text, kinds[i].name, length) == 0 && text[length] == ':') {
            *digest = (struct fetch_digest){.kind = kinds[i].name, .size = kinds[i].size};
            return read_hex(text + length + 1, digest);
        }
    }
    return false;
}

bool fetch_digest_looks_like(const char *text)
{
    size_t letters = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    size_t digits = strspn(text + letters, "0123456789-");

    return letters > 0 && text[letters + digits] == ':';
}

struct fetch_digesting *fetch_digest_begin(const struct fetch_digest *digest)
{
    const EVP_MD *kind = EVP_get_digestbyname(digest->kind);
    EVP_MD_CTX *context = kind ? EVP_MD_CTX_new() : NULL;

    if (context && EVP_DigestInit_ex(context, kind, NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (struct fetch_digesting *)context;
}

bool fetch_digest_add(struct fetch_digesting *digesting, const void *data, size_t size)
{
    return EVP_DigestUpdate((EVP_MD_CTX *)digesting, data, size) == 1;
}

bool fetch_digest_end(struct fetch_digesting *digesting, const struct fetch_digest *digest)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bool same = EVP_DigestFinal_ex((EVP_MD_CTX *)digesting, bytes, &size) == 1 &&
                size == digest->size && memcmp(bytes, digest->bytes, size) == 0;

    fetch_digest_drop(digesting);
    return same;
}

void fetch_digest_drop(struct fetch_digesting *digesting)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)digesting);
}
