/* How far partitions are complete: the half of it that PostgreSQL keeps.
 *
 * Whoever asks whether a parcel stands still asks by PostgreSQL's clock, so that
 * members whose clocks differ, or jump, agree.  A moment of ours becomes one of
 * PostgreSQL's by an answer that it gave: its clock had at least that much when
 * the answer came, so what is said to have been complete never lies later than it
 * was.
 */
#include "sink_private.h"

static void learn_clock(struct rs_sink *sink, const struct rs_pg_rows *rows)
{
    sink->clock_us = rs_pg_get_time(rows, 0, 0);
    sink->clock_mono_us = rs_mono_us(sink->options.clock);
}

static int ask_clock(struct rs_sink *sink, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    int err = rs_pg_run(sink->asking, "SELECT clock_timestamp()", NULL, &rows, diag);
    if (!err) learn_clock(sink, rows);
    return err;
}

/* The latest that PostgreSQL's clock is sure to have shown then. */
static int64_t by_server(const struct rs_sink *sink, int64_t mono_us)
{
    return sink->clock_us + (mono_us - sink->clock_mono_us);
}

static void put_ends(struct rs_sink *sink)
{
    struct rs_pg_params *params = &sink->params;
    struct rs_partition *const *list = sink->owned.list;
    uint32_t n = sink->owned.n;
    rs_sink_put_owned(sink);
    rs_pg_array_open(params, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int8(params, list[i]->end < 0 ? INT64_MAX : list[i]->end);
    rs_pg_array_close(params);
    rs_pg_array_open(params, RS_PG_TIME);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_time(params, by_server(sink, list[i]->end_us));
    rs_pg_array_close(params);
    rs_pg_array_open(params, RS_PG_TEXT);
    for (int i = 0; i < sink->options.topic_count; i++) {
        struct rs_str topic = rs_str_of(sink->options.topic[i]);
        rs_pg_array_bytes(params, topic.p, topic.n);
    }
    rs_pg_array_close(params);
}

int rs_sink_tell_progress(struct rs_sink *sink, uint32_t *ret_orphans, struct rs_diag *diag)
{
    static const char tell[] =
        "WITH told AS (INSERT INTO rastro.progress AS g (cluster, topic, partition, complete_to, told_at) "
        "SELECT p.cluster, p.topic, p.partition, "
        "CASE WHEN p.next >= w.ending THEN w.asked ELSE least(p.last_at, now()) END, now() "
        "FROM unnest($2::text[], $3::int[], $4::bigint[], $5::timestamptz[]) w (topic, partition, ending, asked) "
        "JOIN rastro.positions p ON p.cluster = $1 AND p.topic = w.topic COLLATE \"C\" AND p.partition = w.partition "
        "WHERE p.next >= w.ending OR p.last_at IS NOT NULL ORDER BY 2, 3 "
        "ON CONFLICT (cluster, topic, partition) DO UPDATE "
        "SET complete_to = greatest(g.complete_to, excluded.complete_to), told_at = excluded.told_at RETURNING 1) "
        "SELECT clock_timestamp(), (SELECT count(*) FROM rastro.positions p "
        /* One that nobody claimed for a day may not be there any more. */
        "WHERE p.cluster = $1 AND p.topic = ANY ($6::text[]) AND p.claimed_at > now() - interval '1 day' "
        "AND NOT EXISTS (SELECT FROM pg_stat_activity a "
        "WHERE a.pid = p.backend_pid AND a.backend_start = p.backend_start))";
    struct rs_pg_rows *rows;
    int err = RS_OK;
    if (!sink->owned.n || !rs_pg_alive(sink->asking)) return RS_OK; /* a batch, or the next look, connects again */
    if (!sink->clock_us) err = ask_clock(sink, diag);
    if (err) return err;
    put_ends(sink);
    err = rs_pg_run(sink->asking, tell, &sink->params, &rows, diag);
    if (err) return err;
    learn_clock(sink, rows);
    *ret_orphans = (uint32_t)rs_pg_get_int(rows, 0, 1);
    return rs_sink_tell_origins(sink, diag);
}
