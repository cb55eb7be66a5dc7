/* The one-shot EVP call fetches the algorithm each time (300 ns); the old
 * interface costs 54.  It is declared deprecated and still supported, so the
 * compatibility level is named here instead of silencing a warning. */
#define OPENSSL_API_COMPAT 0x10100000L
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "rastro/hash.h"

#include <endian.h>
#include <pthread.h>
#include <sys/random.h>
#include <xxhash.h>

#include "rastro/error.h"

void rs_sha256(const void *p, size_t n, uint8_t ret[RS_SHA256_LEN])
{
    SHA256_CTX sha;
    SHA256_Init(&sha);
    SHA256_Update(&sha, p, n);
    SHA256_Final(ret, &sha);
}

/* What is hashed for keys is short, so it is laid out as SHA-256's blocks here and
 * compressed in place: the library's own way there copies it block by block and
 * keeps what it needs to go on.  FIPS 180-4, 5.1.1: a bit, zeros, the length. */
#define BLOCK 64
#define LAID_OUT_MAX (4 * BLOCK)

static struct rs_key key_of_blocks(const void *p, size_t n)
{
    unsigned char block[LAID_OUT_MAX];
    size_t end = (n + 1 + 8 + BLOCK - 1) / BLOCK * BLOCK;
    memcpy(block, p, n);
    memset(block + n, 0, end - n);
    block[n] = 0x80;
    uint64_t bits = htobe64((uint64_t)n * 8);
    memcpy(block + end - sizeof bits, &bits, sizeof bits);

    SHA256_CTX sha;
    SHA256_Init(&sha);
    for (size_t at = 0; at < end; at += BLOCK) SHA256_Transform(&sha, block + at);
    struct rs_key key;
    for (size_t i = 0; i < sizeof key.b / 4; i++) {
        uint32_t word = htobe32(sha.h[i]);
        memcpy(key.b + 4 * i, &word, sizeof word);
    }
    return key;
}

struct rs_key rs_key_of(const void *p, size_t n)
{
    if (n && n + 1 + 8 <= LAID_OUT_MAX) return key_of_blocks(p, n);
    uint8_t sum[RS_SHA256_LEN];
    struct rs_key key;
    rs_sha256(p, n, sum);
    memcpy(key.b, sum, sizeof key.b);
    return key;
}

static char secret[192]; /* written once */

static void draw_secret(void)
{
    rs_random(secret, sizeof secret);
}

struct rs_key rs_quick_key(const void *p, size_t n)
{
    static pthread_once_t drawn = PTHREAD_ONCE_INIT;
    pthread_once(&drawn, draw_secret);
    XXH128_hash_t sum = XXH3_128bits_withSecret(p, n, secret, sizeof secret);
    struct rs_key key;
    memcpy(key.b, &sum.low64, 8);
    memcpy(key.b + 8, &sum.high64, 8);
    return key;
}

void rs_hex(const uint8_t *p, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[p[i] >> 4];
        ret[2 * i + 1] = digits[p[i] & 15];
    }
    ret[2 * n] = '\0';
}

void rs_base64(const void *p, size_t n, struct rs_buf *out)
{
    rs_buf_reserve(out, (n + 2) / 3 * 4 + 1);
    out->n += (size_t)EVP_EncodeBlock((unsigned char *)out->p + out->n, p, (int)n);
}

void rs_random(void *p, size_t n)
{
    if (getrandom(p, n, 0) != (ssize_t)n) rs_oom();
}
