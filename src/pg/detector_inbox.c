/* What batches left: parcels to be looked at, and how often sources tell something. */
#include "detector_private.h"
#include "rastro/clock.h"
#include "rastro/fault.h"

/* Rows that are taken at once. */
#define INBOX_ROWS 16
/* Partitions that are further behind than this have the machine to themselves. */
#define BEHIND_US (10 * RS_MINUTE_US)

/* What concerns a parcel may concern the others of its journey, which most have none
 * of, and of its orders.
 * A new one that others were handed over to has their past, and clocks that began
 * there. */
int rs_detector_take_in(struct rs_detector *d, struct rs_detector_counts *counts, struct rs_diag *diag)
{
    static const char sql[] =
        "WITH taken AS (DELETE FROM rastro.stall_inbox WHERE id IN "
        "(SELECT id FROM rastro.stall_inbox ORDER BY id LIMIT $1) RETURNING *), "
        "entry AS MATERIALIZED (SELECT u.parcel_id, max(u.source) AS source, min(u.minute) AS minute "
        "FROM taken, unnest(taken.parcel, taken.source, taken.minute) u (parcel_id, source, minute) GROUP BY 1), "
        "touched AS MATERIALIZED (SELECT parcel_id, source FROM entry WHERE minute = 0), "
        "wider AS ("
        "SELECT j.parcel_id, t.source FROM touched t JOIN rastro.parcels p USING (parcel_id), "
        "LATERAL rastro.journey(t.parcel_id) j (parcel_id) "
        "WHERE EXISTS (SELECT FROM rastro.parcel_links l WHERE l.parcel_id = t.parcel_id) "
        "OR EXISTS (SELECT FROM rastro.parcel_links l WHERE l.number = p.number) "
        "UNION SELECT o.parcel_id, t.source FROM touched t JOIN rastro.shipment_updates u USING (parcel_id) "
        "JOIN rastro.shipment_updates o USING (marketplace, order_id) "
        "UNION SELECT unnest(ARRAY[l.parcel_id, e.parcel_id]), e.source FROM entry e "
        "JOIN rastro.parcels p USING (parcel_id) JOIN rastro.parcel_links l ON l.number = p.number), "
        "deadline AS (SELECT parcel_id, min(due) AS due, max(source) AS source FROM ("
        "SELECT parcel_id, source, "
        "'epoch'::timestamptz + minute * interval '1 minute' + $2 * interval '1 microsecond' AS due "
        "FROM entry WHERE minute > 0 UNION ALL SELECT parcel_id, source, '-infinity' FROM touched "
        "UNION ALL SELECT parcel_id, source, '-infinity' FROM wider) x GROUP BY 1), "
        "put AS (INSERT INTO rastro.deadlines AS d (parcel_id, due, source) SELECT parcel_id, due, source "
        "FROM deadline ORDER BY parcel_id "
        "ON CONFLICT (parcel_id) DO UPDATE SET due = least(d.due, excluded.due) RETURNING 1), "
        "heard AS (SELECT u.*, lag(u.heard_to) OVER (PARTITION BY u.source ORDER BY u.heard_to) AS before FROM taken, "
        "unnest(taken.heard, taken.messages, taken.heard_from, taken.heard_to, taken.gap) "
        "u (source, messages, heard_from, heard_to, gap)), "
        /* What passed while it was silent is not usual. */
        "feed AS (INSERT INTO rastro.feeds AS f (source, messages, heard_from, heard_to, usual_gap) "
        "SELECT source, sum(messages), min(heard_from), max(heard_to), "
        "max(greatest(gap * interval '1 microsecond', heard_from - before)) FROM heard GROUP BY 1 ORDER BY 1 "
        "ON CONFLICT (source) DO UPDATE SET messages = f.messages + excluded.messages, "
        "heard_from = least(f.heard_from, excluded.heard_from), heard_to = greatest(f.heard_to, excluded.heard_to), "
        "usual_gap = greatest(f.usual_gap * power(0.5, "
        "extract(epoch FROM greatest(excluded.heard_to - f.heard_to, interval '0')) / 1209600)::float8, "
        "excluded.usual_gap, CASE WHEN f.silent_since IS NULL THEN excluded.heard_from - f.heard_to END)) "
        "SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM put)";
    struct rs_pg_rows *rows;
    rs_pg_int4(&d->desk.params, INBOX_ROWS);
    rs_pg_int8(&d->desk.params, d->least_us);
    int err = rs_pg_run(d->desk.pg, sql, &d->desk.params, &rows, diag);
    if (err) return err;
    counts->taken_in += (uint64_t)rs_pg_get_int(rows, 0, 1);
    counts->more |= rs_pg_get_int(rows, 0, 0) == INBOX_ROWS;
    if (rs_pg_get_int(rows, 0, 1)) rs_kill_point(RS_KILL_INBOX_TAKEN);
    return RS_OK;
}

int rs_detector_find_behind(struct rs_detector *d, bool *ret, struct rs_diag *diag)
{
    /* One that was claimed a moment ago has not told yet, and may be far behind. */
    static const char sql[] = "SELECT EXISTS (SELECT FROM rastro.position_list WHERE owner IS NOT NULL "
                              "AND coalesce(told_at > now() - interval '1 minute', true) "
                              "AND coalesce(complete_to < now() - $1 * interval '1 microsecond', true))";
    struct rs_pg_rows *rows;
    rs_pg_int8(&d->desk.params, BEHIND_US);
    int err = rs_pg_run(d->desk.pg, sql, &d->desk.params, &rows, diag);
    if (!err) *ret = rs_pg_get_int(rows, 0, 0);
    return err;
}
