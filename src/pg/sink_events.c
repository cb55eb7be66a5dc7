/* Event rows, the safe path: COPY into a temporary table, then one INSERT that
 * gives way to what is there.  It is right whatever other sessions do at the
 * same time, and it stays beside every faster path.
 *
 * A row that PostgreSQL refuses is found by halving the rows under savepoints,
 * so one bad row costs a few dozen small statements and its neighbours nothing.
 */
#include <stdio.h>

#include "sink_private.h"

/* One list, so that the table, the COPY and the INSERT cannot differ. */
#define EVENT_COLUMNS                                                                                   \
    "parcel_id, instant, published_at, kafka_offset, kafka_partition, topic, source, status, identity," \
    " iana, meaning, offset_minutes, marks, fp, said, kind, precision, zone_basis, sequence, code,"     \
    " text, time_words, zone_words, country, region, city, place, raw, message_sha"
#define EVENT_COLUMN_COUNT 29

const char rs_sink_temporary[] = "CREATE TEMPORARY TABLE IF NOT EXISTS batch_events ON COMMIT DELETE ROWS AS "
                                 "SELECT 0 AS at, " EVENT_COLUMNS " FROM rastro.events LIMIT 0";

static const char copy_rows[] = "COPY pg_temp.batch_events (at, " EVENT_COLUMNS ") FROM STDIN (FORMAT binary)";

static const char insert_rows[] =
    "INSERT INTO rastro.events (" EVENT_COLUMNS ") SELECT " EVENT_COLUMNS
    " FROM pg_temp.batch_events WHERE at BETWEEN $1 AND $2 ORDER BY parcel_id, fp ON CONFLICT DO NOTHING";

/* ---- one row -------------------------------------------------------------------- */

static void put_raw(struct rs_sink *sink, const struct rs_batch_message *bm, const struct rs_known *known)
{
    struct rs_str raw = known->event->raw;
    if (sink->options.raw == RS_RAW_NONE || !raw.n) {
        rs_copy_null(&sink->rows);
        return;
    }
    rs_buf_clear(&sink->raw);
    rs_raw_pack(sink->coder, rs_sink_dictionary_of(sink, bm->message.profile), raw, &sink->raw);
    rs_copy_bytes(&sink->rows, sink->raw.p, (uint32_t)sink->raw.n);
}

static void put_sha(struct rs_sink *sink, const struct rs_batch_message *bm, bool first)
{
    if (!first || sink->options.raw == RS_RAW_NONE) {
        rs_copy_null(&sink->rows);
        return;
    }
    uint8_t sha[RS_SHA256_LEN];
    rs_sha256(bm->value.p, bm->value.n, sha);
    rs_copy_bytes(&sink->rows, sha, sizeof sha);
}

static void put_row(struct rs_sink *sink, int32_t at, const struct rs_work_event *row)
{
    static const char kinds[] = {'s', 'p', 'r'}, precisions[] = {'d', 'm', 's', 'f'}, bases[] = {'g', 'p', 'r', 'a'};
    struct rs_buf *out = &sink->rows;
    const struct rs_known *known = row->known;
    const struct rs_event *e = known->event;
    const struct rs_batch_message *bm = rs_work_message(&sink->work, known->message);
    const struct rs_partition *partition = rs_work_partition(&sink->work, known->message);
    rs_copy_row(out, EVENT_COLUMN_COUNT + 1);
    rs_copy_int4(out, at);
    rs_copy_int8(out, row->parcel_id);
    rs_copy_time(out, e->instant_us);
    rs_copy_time(out, bm->message.published_us);
    rs_copy_int8(out, bm->offset);
    rs_copy_int4(out, partition->number);
    rs_copy_int2(out, partition->topic_id);
    rs_copy_int2(out, (int16_t)known->source);
    rs_copy_int2(out, (int16_t)e->status->id);
    rs_copy_int2(out, (int16_t)known->reading.identity);
    rs_copy_int2(out, (int16_t)known->reading.iana);
    rs_copy_int2(out, bm->message.profile ? (int16_t)rs_profile_meaning(bm->message.profile) : 0);
    rs_copy_int2(out, e->offset_min);
    rs_copy_int2(out, (int16_t)e->marks);
    rs_copy_bytes(out, e->fp.b, sizeof e->fp.b);
    rs_copy_bytes(out, e->said.b, sizeof e->said.b);
    rs_copy_char(out, kinds[e->kind]);
    rs_copy_char(out, precisions[e->precision]);
    rs_copy_char(out, bases[e->basis]);
    if (e->sequence) rs_copy_int8(out, e->sequence);
    else rs_copy_null(out);
    rs_copy_text(out, e->code);
    rs_copy_text(out, e->text);
    rs_copy_text(out, e->time);
    rs_copy_text(out, e->zone);
    rs_copy_text(out, e->place.country);
    rs_copy_text(out, e->place.region);
    rs_copy_text(out, e->place.city);
    rs_copy_text(out, e->place.name);
    put_raw(sink, bm, known);
    put_sha(sink, bm, row->first);
}

/* ---- all rows --------------------------------------------------------------------- */

static int insert_range(struct rs_sink *sink, int32_t from, int32_t to, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    rs_pg_int4(&sink->params, from);
    rs_pg_int4(&sink->params, to);
    int err = rs_pg_run(sink->pg, insert_rows, &sink->params, &rows, diag);
    if (!err) sink->work.counts.fresh += (uint64_t)rs_pg_affected(rows);
    return err;
}

/* The same under a savepoint, so that a refusal leaves the transaction usable. */
static int try_range(struct rs_sink *sink, int32_t from, int32_t to, struct rs_diag *diag)
{
    int err = rs_pg_script(sink->pg, "SAVEPOINT rows", diag);
    if (!err) err = insert_range(sink, from, to, diag);
    if (!err) return rs_pg_script(sink->pg, "RELEASE SAVEPOINT rows", diag);
    if (err != RS_E_DATA) return err;
    struct rs_diag ignored;
    int undo = rs_pg_script(sink->pg, "ROLLBACK TO SAVEPOINT rows", &ignored);
    return undo ? undo : err;
}

static void reject_row(struct rs_sink *sink, int32_t at)
{
    struct rs_work *work = &sink->work;
    struct rs_work_event *row = &work->event[at];
    char reason[400];
    snprintf(reason, sizeof reason, "refused by PostgreSQL: %s (%s)", rs_pg_message(sink->pg),
             rs_pg_sqlstate(sink->pg));
    row->refused = true;
    if (!work->refused++) work->first_refused = row->known->message;
    rs_work_reject(sink, row->parcel_id, row->known->source, row->known->message,
                   rs_arena_str(work->arena, rs_str_of(reason)), RS_LIT("$"), row->known->event->raw);
}

/* Depth is the logarithm of the batch's size. */
static int insert_halving(struct rs_sink *sink, int32_t from, int32_t to, struct rs_diag *diag)
{
    int err = try_range(sink, from, to, diag);
    if (err != RS_E_DATA) return err;
    if (from == to) {
        reject_row(sink, from);
        return RS_OK;
    }
    int32_t middle = from + (to - from) / 2;
    err = insert_halving(sink, from, middle, diag);
    return err ? err : insert_halving(sink, middle + 1, to, diag);
}

static void encode_rows(struct rs_sink *sink)
{
    rs_buf_clear(&sink->rows);
    rs_copy_begin(&sink->rows);
    for (uint32_t i = 0; i < sink->work.event_n; i++) {
        if (!sink->work.event[i].refused) put_row(sink, (int32_t)i, &sink->work.event[i]);
    }
    rs_copy_end(&sink->rows);
}

int rs_work_events(struct rs_sink *sink, struct rs_diag *diag)
{
    struct rs_work *work = &sink->work;
    if (!work->event_n) return RS_OK;
    encode_rows(sink);
    int err = rs_pg_copy(sink->pg, copy_rows, &sink->rows, NULL, diag);
    if (err) return err;
    int32_t last = (int32_t)work->event_n - 1;
    /* The first try has no savepoint of its own: it nearly always succeeds. */
    err = rs_pg_script(sink->pg, "SAVEPOINT all_rows", diag);
    if (!err) err = insert_range(sink, 0, last, diag);
    if (err != RS_E_DATA) return err;
    struct rs_diag ignored;
    err = rs_pg_script(sink->pg, "ROLLBACK TO SAVEPOINT all_rows", &ignored);
    return err ? err : insert_halving(sink, 0, last, diag);
}
