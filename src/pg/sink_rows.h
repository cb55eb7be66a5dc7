/* sink_rows.h - shared by the files that write a batch's rows. */
#ifndef RASTRO_PG_SINK_ROWS_H
#define RASTRO_PG_SINK_ROWS_H

#include "sink_private.h"

/* Puts one array, an element for each i in [0, n). */
#define EACH(work, n, element, put)                 \
    do {                                            \
        rs_pg_array_open(&(work)->params, element); \
        for (uint32_t i = 0; i < (n); i++) {        \
            put;                                    \
        }                                           \
        rs_pg_array_close(&(work)->params);         \
    } while (0)

static inline void put_text(struct rs_pg_params *p, struct rs_str s)
{
    if (s.n) rs_pg_array_bytes(p, s.p, s.n);
    else rs_pg_array_null(p);
}

static inline int16_t topic_of(const struct rs_work *work, uint32_t message)
{
    return rs_work_partition(work, message)->topic_id;
}

static inline int32_t number_of(const struct rs_work *work, uint32_t message)
{
    return rs_work_partition(work, message)->number;
}

static inline int64_t offset_of(const struct rs_work *work, uint32_t message)
{
    return rs_work_message(work, message)->offset;
}

static inline int64_t published_of(const struct rs_work *work, uint32_t message)
{
    return rs_work_message(work, message)->message.published_us;
}

#endif
