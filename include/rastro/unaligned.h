/* unaligned.h - a few bytes at any address, without a call.
 *
 * memcpy of a constant size says the same, but where the size of the room is not
 * known to the compiler a hardened build makes a checked call of it, and these
 * are the innermost steps of decoding.  Callers have checked the room.
 */
#ifndef RASTRO_UNALIGNED_H
#define RASTRO_UNALIGNED_H

#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias, aligned(1))) rs_unaligned_64;
typedef uint32_t __attribute__((may_alias, aligned(1))) rs_unaligned_32;

static inline uint64_t rs_get_64(const char *p)
{
    return *(const rs_unaligned_64 *)p;
}
static inline uint32_t rs_get_32(const char *p)
{
    return *(const rs_unaligned_32 *)p;
}
static inline void rs_put_64(char *p, uint64_t v)
{
    *(rs_unaligned_64 *)p = v;
}
static inline void rs_put_32(char *p, uint32_t v)
{
    *(rs_unaligned_32 *)p = v;
}

/* The first eight bytes, or all of fewer, as a number; words of one length and one
 * head differ behind it or not at all. */
static inline uint64_t rs_head_of(const char *p, uint32_t n)
{
    if (n >= 8) return rs_get_64(p);
    if (n >= 4) return rs_get_32(p) | (uint64_t)rs_get_32(p + n - 4) << 32;
    if (!n) return 0;
    const unsigned char *u = (const unsigned char *)p;
    return u[0] | (uint64_t)u[n / 2] << 8 | (uint64_t)u[n - 1] << 16;
}

/* Most words are short: copies that overlap are quicker than a call. */
static inline void rs_copy_word(char *to, const char *from, uint32_t n)
{
    if (n > 32) {
        memcpy(to, from, n);
        return;
    }
    if (n > 16) {
        rs_put_64(to, rs_get_64(from));
        rs_put_64(to + 8, rs_get_64(from + 8));
        rs_put_64(to + n - 16, rs_get_64(from + n - 16));
        rs_put_64(to + n - 8, rs_get_64(from + n - 8));
    } else if (n >= 8) {
        uint64_t last = rs_get_64(from + n - 8);
        rs_put_64(to, rs_get_64(from));
        rs_put_64(to + n - 8, last);
    } else if (n >= 4) {
        uint32_t last = rs_get_32(from + n - 4);
        rs_put_32(to, rs_get_32(from));
        rs_put_32(to + n - 4, last);
    } else if (n) {
        char middle = from[n / 2], last = from[n - 1];
        to[0] = from[0];
        to[n / 2] = middle;
        to[n - 1] = last;
    }
}

#endif
