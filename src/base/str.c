#include "rastro/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rastro/error.h"

#define BUF_MAX_DEFAULT ((size_t)1 << 30)

int rs_str_cmp(struct rs_str a, struct rs_str b)
{
    uint32_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order) return order;
    return (a.n > b.n) - (a.n < b.n);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct rs_str rs_str_trim_ends(struct rs_str s)
{
    while (s.n && is_space(s.p[0])) s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    return s;
}

struct rs_str rs_str_lower(struct rs_str s, char *out, uint32_t room)
{
    if (s.n > room) return RS_STR_NONE;
    for (uint32_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return (struct rs_str){out, s.n};
}

struct rs_str rs_str_cut(struct rs_str s, uint32_t max)
{
    if (s.n <= max) return s;
    while (max && ((unsigned char)s.p[max] & 0xc0) == 0x80) max--;
    return (struct rs_str){s.p, max};
}

/* One row of the Levenshtein table at a time; names are short. */
unsigned rs_str_distance(struct rs_str a, struct rs_str b, unsigned limit)
{
    enum { MAX = 64 };
    unsigned row[MAX + 1];
    if (a.n > MAX || b.n > MAX) return limit;
    for (unsigned j = 0; j <= b.n; j++) row[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned above = row[j];
            unsigned best = diagonal + (a.p[i - 1] != b.p[j - 1]);
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b.n] < limit ? row[b.n] : limit;
}

void rs_buf_free(struct rs_buf *buf)
{
    free(buf->p);
    *buf = (struct rs_buf){0};
}

void rs_buf_reserve(struct rs_buf *buf, size_t more)
{
    if (buf->cap - buf->n >= more) return;
    size_t max = buf->max ? buf->max : BUF_MAX_DEFAULT;
    size_t need = buf->n + more;
    if (need < more || need > max) rs_oom();
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap < need) cap *= 2;
    if (cap > max) cap = max;
    buf->p = rs_realloc(buf->p, cap);
    buf->cap = cap;
}

void rs_buf_put(struct rs_buf *buf, const void *p, size_t n)
{
    if (!n) return;
    rs_buf_reserve(buf, n);
    memcpy(buf->p + buf->n, p, n);
    buf->n += n;
}

void rs_buf_printf(struct rs_buf *buf, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        rs_buf_reserve(buf, (size_t)n + 1);
        vsnprintf(buf->p + buf->n, (size_t)n + 1, fmt, again);
        buf->n += (size_t)n;
    }
    va_end(again);
}

const char *rs_buf_cstr(struct rs_buf *buf)
{
    rs_buf_reserve(buf, 1);
    buf->p[buf->n] = '\0';
    return buf->p;
}
