/* stalled_query.h - which episodes `rastro stalled` is asked for. */
#ifndef RASTRO_VERBS_STALLED_QUERY_H
#define RASTRO_VERBS_STALLED_QUERY_H

#include "rastro/options.h"
#include "rastro/pg.h"
#include "rastro/rules.h"

/* Rows are asked for in chunks of as many, so that no statement runs long. */
#define RS_STALLED_CHUNK 500

/* Of what people count there is more only to be said. */
#define RS_STALLED_COUNT_MAX 10000

enum rs_stalled_sort { RS_SORT_SILENT, RS_SORT_SINCE, RS_SORT_OPENED, RS_SORT_PROMISED };

/* Where a page ended: behind it the next one begins, whatever came or went. */
struct rs_stalled_cursor {
    bool given;
    int64_t key_us; /* INT64_MAX: promised nothing */
    int64_t episode;
};

struct rs_stalled_query {
    const struct rs_options *options;
    struct rs_pg *pg;
    struct rs_pg_params params;
    enum rs_stalled_sort sort;
    struct rs_stalled_cursor cursor;
    int kind_count;
    uint8_t kind[RS_STALL__COUNT]; /* ids; none: all */
    const char *by[6];             /* columns to count by */
    int by_count;
    int64_t as_of_us, now_us; /* as_of_us: RS_INSTANT_NONE is now */
    struct rs_buf text[16];   /* statements that are prepared, by their address */
    int text_count;
    int64_t walk; /* rows that a walk looks at */
};

/* Reads the options.  RS_E_USAGE. */
int rs_stalled_query_read(const struct rs_options *options, struct rs_stalled_query *ret, struct rs_diag *diag);
void rs_stalled_query_free(struct rs_stalled_query *query);

#define RS_STALLED_CURSOR_TEXT_MAX 48
const char *rs_stalled_cursor_text(enum rs_stalled_sort sort, const struct rs_stalled_cursor *cursor,
                                   char ret[RS_STALLED_CURSOR_TEXT_MAX]);

/* Begins, and ends, to read what holds at one moment, `now_us`. */
int rs_stalled_begin(struct rs_stalled_query *query, struct rs_diag *diag);
int rs_stalled_end(struct rs_stalled_query *query, struct rs_diag *diag);

/* Up to `n` rows behind the cursor. */
enum {
    RS_STALLED_EPISODE,
    RS_STALLED_NUMBER,
    RS_STALLED_KIND,
    RS_STALLED_RULE,
    RS_STALLED_VERSION,
    RS_STALLED_STARTED,
    RS_STALLED_SINCE,
    RS_STALLED_OPENED,
    RS_STALLED_SILENT,
    RS_STALLED_PROMISED,
    RS_STALLED_CARRIER,
    RS_STALLED_SELLER,
    RS_STALLED_STAGE,
    RS_STALLED_LEG,
    RS_STALLED_ORIGIN,
    RS_STALLED_DESTINATION,
    RS_STALLED_LOOKED,
    RS_STALLED_LAST_FP,
    RS_STALLED_LAST_AT,
    RS_STALLED_LAST_STAGE,
    RS_STALLED_LAST_DETAIL,
    RS_STALLED_LAST_SOURCE,
    RS_STALLED_LAST_WORDS,
    RS_STALLED_LAST_COUNTRY,
    RS_STALLED_LAST_REGION,
    RS_STALLED_LAST_CITY,
    RS_STALLED_LAST_PLACE,
};
int rs_stalled_rows(struct rs_stalled_query *query, int64_t n, struct rs_pg_rows **ret, struct rs_diag *diag);

/* Puts the key and the episode of a row into the cursor. */
void rs_stalled_go_behind(struct rs_stalled_query *query, const struct rs_pg_rows *rows, int r);

/* How many there are in all, at most RS_STALLED_COUNT_MAX + 1. */
int rs_stalled_total(struct rs_stalled_query *query, int64_t *ret, struct rs_diag *diag);

/* The columns of `by`, then how many, most first; up to `n` rows. */
int rs_stalled_counts(struct rs_stalled_query *query, int64_t n, struct rs_pg_rows **ret, struct rs_diag *diag);

#endif
