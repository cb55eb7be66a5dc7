/* hash.h - the keys that are stored, and the sums that are shown.
 *
 * A stored key must be the same on every member of every release, and an
 * outsider who could make two scans collide could hide one: so it is SHA-256
 * over the content alone, cut to 128 bits (about 2^64 work for any collision).
 * Measured here: 54 to 94 ns for 40 to 100 bytes through libcrypto with SHA
 * instructions; BLAKE2b through libsodium took 153 ns.
 */
#ifndef RASTRO_HASH_H
#define RASTRO_HASH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "rastro/str.h"

/* Sixteen bytes; order is bytewise, as PostgreSQL orders uuid. */
struct rs_key {
    uint8_t b[16];
};

static inline bool rs_key_eq(struct rs_key a, struct rs_key b)
{
    return memcmp(a.b, b.b, 16) == 0;
}
static inline int rs_key_cmp(struct rs_key a, struct rs_key b)
{
    return memcmp(a.b, b.b, 16);
}

#define RS_SHA256_LEN 32

void rs_sha256(const void *p, size_t n, uint8_t ret[RS_SHA256_LEN]);

/* First 16 bytes of SHA-256. */
struct rs_key rs_key_of(const void *p, size_t n);

/* The same of two texts at once, in little more time than the longer one's alone
 * where the processor has SHA instructions. */
void rs_keys_of(const void *const p[2], const size_t n[2], struct rs_key ret[2]);

/* A sum for tables in memory that strangers fill: XXH3-128 under a secret that
 * each process draws for itself, so that nobody can choose what collides.  About
 * a twentieth of SHA-256's time.  Means nothing outside this process. */
struct rs_key rs_quick_key(const void *p, size_t n);

/* Lower-case hex; `ret` holds 2n+1 bytes. */
void rs_hex(const uint8_t *p, size_t n, char *ret);

/* Base64, appended to `out`. */
void rs_base64(const void *p, size_t n, struct rs_buf *out);

/* Random bytes from the kernel. */
void rs_random(void *p, size_t n);

#endif
