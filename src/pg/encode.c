/* PostgreSQL's binary forms: parameters, arrays, COPY rows. */
#include <stdlib.h>

#include "rastro/clock.h"
#include "rastro/pg.h"

#define EPOCH_2000_US INT64_C(946684800000000)

static void put16(struct rs_buf *out, uint16_t v)
{
    uint16_t big = __builtin_bswap16(v);
    rs_buf_put(out, &big, 2);
}

static void put32(struct rs_buf *out, uint32_t v)
{
    uint32_t big = __builtin_bswap32(v);
    rs_buf_put(out, &big, 4);
}

static void put64(struct rs_buf *out, uint64_t v)
{
    uint64_t big = __builtin_bswap64(v);
    rs_buf_put(out, &big, 8);
}

/* ---- parameters ----------------------------------------------------------------- */

void rs_pg_params_free(struct rs_pg_params *params)
{
    rs_buf_free(&params->bytes);
    *params = (struct rs_pg_params){0};
}

/* A statement with more parameters than fit is a defect, found by its test. */
static struct rs_buf *open_param(struct rs_pg_params *params, unsigned type)
{
    if (params->n == RS_PG_PARAMS_MAX) abort();
    params->type[params->n] = type;
    params->at[params->n] = (uint32_t)params->bytes.n;
    params->null[params->n] = false;
    return &params->bytes;
}

static void close_param(struct rs_pg_params *params)
{
    params->length[params->n] = (uint32_t)params->bytes.n - params->at[params->n];
    params->n++;
}

void rs_pg_int8(struct rs_pg_params *params, int64_t v)
{
    put64(open_param(params, RS_PG_INT8), (uint64_t)v);
    close_param(params);
}

void rs_pg_int4(struct rs_pg_params *params, int32_t v)
{
    put32(open_param(params, RS_PG_INT4), (uint32_t)v);
    close_param(params);
}

void rs_pg_int2(struct rs_pg_params *params, int16_t v)
{
    put16(open_param(params, RS_PG_INT2), (uint16_t)v);
    close_param(params);
}

void rs_pg_bool(struct rs_pg_params *params, bool v)
{
    rs_buf_putc(open_param(params, RS_PG_BOOL), (char)v);
    close_param(params);
}

void rs_pg_text(struct rs_pg_params *params, struct rs_str v)
{
    rs_buf_puts(open_param(params, RS_PG_TEXT), v);
    close_param(params);
}

void rs_pg_uuid(struct rs_pg_params *params, struct rs_key v)
{
    rs_buf_put(open_param(params, RS_PG_UUID), v.b, sizeof v.b);
    close_param(params);
}

void rs_pg_bytea(struct rs_pg_params *params, struct rs_str v)
{
    rs_buf_puts(open_param(params, RS_PG_BYTEA), v);
    close_param(params);
}

void rs_pg_time(struct rs_pg_params *params, int64_t us)
{
    if (us == RS_INSTANT_NONE) {
        rs_pg_null(params, RS_PG_TIME);
        return;
    }
    put64(open_param(params, RS_PG_TIME), (uint64_t)(us - EPOCH_2000_US));
    close_param(params);
}

void rs_pg_null(struct rs_pg_params *params, unsigned type)
{
    open_param(params, type);
    params->null[params->n] = true;
    close_param(params);
}

static unsigned array_type(enum rs_pg_type element)
{
    switch (element) {
    case RS_PG_BOOL: return 1000;
    case RS_PG_BYTEA: return 1001;
    case RS_PG_CHAR: return 1002;
    case RS_PG_INT2: return 1005;
    case RS_PG_INT4: return 1007;
    case RS_PG_TEXT: return 1009;
    case RS_PG_INT8: return 1016;
    case RS_PG_TIME: return 1185;
    default: return 2951;
    }
}

/* Header: dimensions, has-null flag, element type, count, lower bound.  The
 * count is written when the array is closed. */
#define ARRAY_COUNT_AT 12

void rs_pg_array_open(struct rs_pg_params *params, enum rs_pg_type element)
{
    struct rs_buf *out = open_param(params, array_type(element));
    put32(out, 1);
    put32(out, 1);
    put32(out, element);
    put32(out, 0);
    put32(out, 1);
}

static void count_element(struct rs_pg_params *params)
{
    char *at = params->bytes.p + params->at[params->n] + ARRAY_COUNT_AT;
    uint32_t big;
    memcpy(&big, at, 4);
    big = __builtin_bswap32(__builtin_bswap32(big) + 1);
    memcpy(at, &big, 4);
}

void rs_pg_array_int8(struct rs_pg_params *params, int64_t v)
{
    put32(&params->bytes, 8);
    put64(&params->bytes, (uint64_t)v);
    count_element(params);
}

void rs_pg_array_int4(struct rs_pg_params *params, int32_t v)
{
    put32(&params->bytes, 4);
    put32(&params->bytes, (uint32_t)v);
    count_element(params);
}

void rs_pg_array_int2(struct rs_pg_params *params, int16_t v)
{
    put32(&params->bytes, 2);
    put16(&params->bytes, (uint16_t)v);
    count_element(params);
}

void rs_pg_array_time(struct rs_pg_params *params, int64_t us)
{
    if (us == RS_INSTANT_NONE) {
        rs_pg_array_null(params);
    } else {
        rs_pg_array_int8(params, us - EPOCH_2000_US);
    }
}

void rs_pg_array_bytes(struct rs_pg_params *params, const void *p, uint32_t n)
{
    put32(&params->bytes, n);
    rs_buf_put(&params->bytes, p, n);
    count_element(params);
}

void rs_pg_array_null(struct rs_pg_params *params)
{
    put32(&params->bytes, UINT32_MAX);
    count_element(params);
}

void rs_pg_array_close(struct rs_pg_params *params)
{
    close_param(params);
}
