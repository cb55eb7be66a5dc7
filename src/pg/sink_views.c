/* Sources' views of parcels: how far each is, and when it last looked.  A batch
 * writes those that its decisions changed, before its events. */
#include <stdlib.h>

#include "copy.h"
#include "sink_rows.h"

struct view_row {
    int64_t parcel_id;
    const struct rs_view *v;
};

static int by_view_key(const void *a, const void *b)
{
    const struct view_row *x = a, *y = b;
    if (x->parcel_id != y->parcel_id) return x->parcel_id < y->parcel_id ? -1 : 1;
    return (x->v->source > y->v->source) - (x->v->source < y->v->source);
}

/* The views to be written, of rows that are there or not, sorted as every writer
 * does: those that decide, and those that only say when their source looked. */
static uint32_t collect_views(const struct rs_work *work, bool stored, struct view_row **ret)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < work->parcel_n; k++) n += work->parcel[k].state.view_n;
    struct view_row *row = rs_arena_get(work->arena, (n + 1) * sizeof *row);
    n = 0;
    for (uint32_t k = 0; k < work->parcel_n; k++) {
        const struct rs_work_parcel *parcel = &work->parcel[k];
        for (uint32_t i = 0; i < parcel->state.view_n; i++) {
            const struct rs_view *view = &parcel->state.view[i];
            if (view->changed && view->stored == stored) row[n++] = (struct view_row){parcel->id, view};
        }
    }
    if (n) qsort(row, n, sizeof *row, by_view_key);
    *ret = row;
    return n;
}

/* Of a row that is there NULL leaves what it has: it only says when its source
 * looked. */
static void put_view_rows(struct rs_work *work, const struct view_row *row, uint32_t n, bool stored)
{
    struct rs_pg_params *p = &work->params;
#define EACH_VIEW(element, put)             \
    EACH(work, n, element, {                \
        const struct rs_view *v = row[i].v; \
        if (v->decided || !stored) put;     \
        else rs_pg_array_null(p);           \
    })
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, row[i].parcel_id));
    EACH(work, n, RS_PG_INT2, rs_pg_array_int2(p, (int16_t)row[i].v->source));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, row[i].v->looked_us));
    EACH_VIEW(RS_PG_INT4, rs_pg_array_int4(p, v->rev));
    EACH_VIEW(RS_PG_INT8, rs_pg_array_int8(p, v->order.at_us));
    EACH_VIEW(RS_PG_INT4, rs_pg_array_int4(p, v->order.count));
    EACH_VIEW(RS_PG_INT8, rs_pg_array_int8(p, v->order.published_us));
    EACH_VIEW(RS_PG_INT2, rs_pg_array_int2(p, (int16_t)v->order.topic));
    EACH_VIEW(RS_PG_INT4, rs_pg_array_int4(p, v->order.partition));
    EACH_VIEW(RS_PG_INT8, rs_pg_array_int8(p, v->order.offset));
    EACH(work, n, RS_PG_UUID, {
        static const struct rs_key unread; /* only its tag is known: the row keeps what it has */
        if (row[i].v->has_facts && !rs_key_eq(row[i].v->facts, unread)) rs_pg_array_bytes(p, row[i].v->facts.b, 16);
        else rs_pg_array_null(p);
    });
    EACH_VIEW(RS_PG_INT2, rs_pg_array_int2(p, (int16_t)v->order.identity));
    EACH_VIEW(RS_PG_INT4, rs_pg_array_int4(p, (int32_t)v->version + v->decided));
#undef EACH_VIEW
}

#define VIEW_COLUMNS                                                                           \
    "parcel_id, source, looked_at, rev, order_at, order_count, order_published, order_topic, " \
    "order_partition, order_offset, facts_key, order_identity, version"
#define VIEW_COLUMN_COUNT 13
#define VIEW_ROWS                                                                                        \
    " FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::int[], $5::bigint[], $6::int[], " \
    "$7::bigint[], $8::smallint[], $9::int[], $10::bigint[], $11::uuid[], $12::smallint[], $13::int[]) " \
    "w (" VIEW_COLUMNS ") "
#define KEEP(column) column " = coalesce(w." column ", v." column ")"

static int copy_views(struct rs_work *work, const struct view_row *row, uint32_t n, struct rs_diag *diag)
{
    static const char copy[] = "COPY rastro.source_views (" VIEW_COLUMNS ") FROM STDIN (FORMAT binary)";
    rs_copy_begin(&work->more);
    for (uint32_t i = 0; i < n; i++) {
        const struct rs_view *v = row[i].v;
        char *to = rs_copy_row(&work->more, VIEW_COLUMN_COUNT, sizeof v->facts);
        to = rs_copy_int8(to, row[i].parcel_id);
        to = rs_copy_int2(to, (int16_t)v->source);
        to = rs_copy_time(to, v->looked_us);
        to = rs_copy_int4(to, v->rev);
        to = rs_copy_int8(to, v->order.at_us);
        to = rs_copy_int4(to, v->order.count);
        to = rs_copy_int8(to, v->order.published_us);
        to = rs_copy_int2(to, (int16_t)v->order.topic);
        to = rs_copy_int4(to, v->order.partition);
        to = rs_copy_int8(to, v->order.offset);
        to = v->has_facts ? rs_copy_bytes(to, v->facts.b, sizeof v->facts.b) : rs_copy_null(to);
        to = rs_copy_int2(to, (int16_t)v->order.identity);
        to = rs_copy_int4(to, (int32_t)v->version + v->decided);
        rs_copy_row_end(&work->more, to);
    }
    rs_copy_end(&work->more);
    return rs_pg_copy(work->pg, copy, &work->more, NULL, diag);
}

/* Every one must be as it was expected to be. */
static int run_for_all(struct rs_work *work, const char *sql, uint32_t n, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, sql, &work->params, &rows, diag);
    if (!err && rs_pg_affected(rows) != n) {
        err = rs_fail(diag, RS_E_CONFLICT, "another member decided what is current meanwhile");
    }
    return err;
}

static int set_views(struct rs_work *work, struct rs_diag *diag)
{
    static const char set[] =
        "UPDATE rastro.source_views v SET looked_at = greatest(v.looked_at, w.looked_at), " KEEP("rev") ", " KEEP("order_at") ", " KEEP("order_count") ", " KEEP(
            "order_published") ", " KEEP("order_topic") ", " KEEP("order_partition") ", " KEEP("order_offset") ", " KEEP("facts_key") ", " KEEP("order_identity") ", " KEEP("version")
            VIEW_ROWS "WHERE v.parcel_id = w.parcel_id AND v.source = w.source "
                      "AND v.version = coalesce(w.version - 1, v.version)";
    struct view_row *row;
    uint32_t n = collect_views(work, true, &row);
    if (!n) return RS_OK;
    put_view_rows(work, row, n, true);
    return run_for_all(work, set, n, diag);
}

static int add_views(struct rs_work *work, struct rs_diag *diag)
{
    static const char add[] = "INSERT INTO rastro.source_views (" VIEW_COLUMNS ") SELECT *" VIEW_ROWS
                              "ON CONFLICT DO NOTHING";
    struct view_row *row;
    uint32_t n = collect_views(work, false, &row);
    if (!n) return RS_OK;
    if (work->planned) return copy_views(work, row, n, diag);
    put_view_rows(work, row, n, false);
    return run_for_all(work, add, n, diag);
}

/* Before the events: what was decided by a view holds only if its row is still
 * the one that it was decided from.  Rows that the safe path has locked are.
 * Rows that are not there are added behind all others, and none gives way to
 * one that is there but by giving up: whoever waits here for another's row holds
 * none that an earlier step wants. */
int rs_work_put_views(struct rs_work *work, struct rs_diag *diag)
{
    int err = set_views(work, diag);
    return err ? err : add_views(work, diag);
}
