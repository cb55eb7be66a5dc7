/* str.h - a counted string that owns nothing, and a growing byte buffer.
 *
 * `struct rs_str` points into memory that somebody else keeps (a message, an
 * arena).  The empty string and "no string" are the same: n == 0.
 */
#ifndef RASTRO_STR_H
#define RASTRO_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rs_str {
    const char *p;
    uint32_t n;
};

#define RS_LIT(s) ((struct rs_str){(s), sizeof(s) - 1})
#define RS_STR_NONE ((struct rs_str){NULL, 0})
/* For printf: "%.*s", RS_FMT(str) */
#define RS_FMT(s) (int)(s).n, (s).n ? (s).p : ""

static inline struct rs_str rs_str_of(const char *s)
{
    return s ? (struct rs_str){s, (uint32_t)strlen(s)} : RS_STR_NONE;
}

static inline bool rs_str_eq(struct rs_str a, struct rs_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool rs_str_is(struct rs_str a, const char *lit)
{
    return rs_str_eq(a, rs_str_of(lit));
}

/* Bytewise order, shorter first among equals; the order of COLLATE "C". */
int rs_str_cmp(struct rs_str a, struct rs_str b);

/* Most words are told apart from those of a list by a set of their lengths. */
static inline uint64_t rs_length_bit(uint32_t n)
{
    return UINT64_C(1) << (n & 63);
}

/* ASCII white space cut from both ends. */
struct rs_str rs_str_trim_ends(struct rs_str s);
static inline struct rs_str rs_str_trim(struct rs_str s)
{
    return !s.n || ((unsigned char)s.p[0] > ' ' && (unsigned char)s.p[s.n - 1] > ' ') ? s : rs_str_trim_ends(s);
}

/* With ASCII letters in lower case, in `out`; empty when it is longer than that. */
struct rs_str rs_str_lower(struct rs_str s, char *out, uint32_t room);

/* At most `max` bytes of UTF-8, without half of a character at the end. */
struct rs_str rs_str_cut(struct rs_str s, uint32_t max);

/* Edit distance, used to suggest a name; gives up at `limit`. */
unsigned rs_str_distance(struct rs_str a, struct rs_str b, unsigned limit);

/* A growing buffer.  Zero-initialised is valid and empty; rs_buf_free always
 * allowed.  Growth beyond `rs_buf.max` (0 = 1 GiB) ends the process: callers
 * bound what they put in. */
struct rs_buf {
    char *p;
    size_t n, cap, max;
};

void rs_buf_free(struct rs_buf *buf);
void rs_buf_reserve(struct rs_buf *buf, size_t more);
void rs_buf_put(struct rs_buf *buf, const void *p, size_t n);
void rs_buf_printf(struct rs_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void rs_buf_clear(struct rs_buf *buf)
{
    buf->n = 0;
}
static inline void rs_buf_puts(struct rs_buf *buf, struct rs_str s)
{
    rs_buf_put(buf, s.p, s.n);
}
static inline void rs_buf_putc(struct rs_buf *buf, char c)
{
    rs_buf_put(buf, &c, 1);
}
/* The content as a C string; valid until the next call on `buf`. */
const char *rs_buf_cstr(struct rs_buf *buf);

#endif
