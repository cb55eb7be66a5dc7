/* copy.h - rows in COPY's binary format.
 *
 *   rs_copy_begin(buf)
 *     for each row: to = rs_copy_row(buf, columns, bytes of all texts)
 *                   to = rs_copy_int8(to, ...), one call a column
 *                   rs_copy_row_end(buf, to)
 *   rs_copy_end(buf), and the buffer is for rs_pg_copy
 *
 * Each function for a column writes it at `to` and returns where the next one
 * goes; rs_copy_row has made room for RS_COPY_FIXED bytes a column and the texts.
 */
#ifndef RASTRO_PG_COPY_H
#define RASTRO_PG_COPY_H

#include "rastro/clock.h"
#include "rastro/pg.h"

#define RS_COPY_FIXED 12
#define RS_COPY_EPOCH_US INT64_C(946684800000000) /* PostgreSQL counts from 2000-01-01 */

static const char rs_copy_head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* its own NUL is the last byte */

static inline char *rs_copy_16(char *to, uint16_t v)
{
    v = __builtin_bswap16(v);
    memcpy(to, &v, sizeof v);
    return to + sizeof v;
}

static inline char *rs_copy_32(char *to, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(to, &v, sizeof v);
    return to + sizeof v;
}

static inline void rs_copy_begin(struct rs_buf *rows)
{
    rs_buf_clear(rows);
    rs_buf_put(rows, rs_copy_head, sizeof rs_copy_head);
}

static inline char *rs_copy_row(struct rs_buf *rows, unsigned columns, size_t texts)
{
    rs_buf_reserve(rows, (columns + 1) * RS_COPY_FIXED + texts);
    return rs_copy_16(rows->p + rows->n, (uint16_t)columns);
}

static inline void rs_copy_row_end(struct rs_buf *rows, const char *to)
{
    rows->n = (size_t)(to - rows->p);
}

static inline void rs_copy_end(struct rs_buf *rows)
{
    rs_buf_put(rows, "\377\377", 2);
}

static inline char *rs_copy_int8(char *to, int64_t v)
{
    uint64_t big = __builtin_bswap64((uint64_t)v);
    to = rs_copy_32(to, sizeof big);
    memcpy(to, &big, sizeof big);
    return to + sizeof big;
}

static inline char *rs_copy_int4(char *to, int32_t v)
{
    return rs_copy_32(rs_copy_32(to, 4), (uint32_t)v);
}

static inline char *rs_copy_int2(char *to, int16_t v)
{
    return rs_copy_16(rs_copy_32(to, 2), (uint16_t)v);
}

static inline char *rs_copy_char(char *to, char v)
{
    to = rs_copy_32(to, 1);
    *to = v;
    return to + 1;
}

static inline char *rs_copy_null(char *to)
{
    return rs_copy_32(to, UINT32_MAX);
}

static inline char *rs_copy_bytes(char *to, const void *p, uint32_t n)
{
    to = rs_copy_32(to, n);
    if (n) memcpy(to, p, n);
    return to + n;
}

/* Empty: null. */
static inline char *rs_copy_text(char *to, struct rs_str v)
{
    return v.n ? rs_copy_bytes(to, v.p, v.n) : rs_copy_null(to);
}

static inline char *rs_copy_time(char *to, int64_t us)
{
    return us == RS_INSTANT_NONE ? rs_copy_null(to) : rs_copy_int8(to, us - RS_COPY_EPOCH_US);
}

#endif
