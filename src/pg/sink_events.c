/* Event rows, by one of two paths (rule D3).
 *
 * Straight: memory has proven that the rows are new, so COPY writes them into
 * the table itself, sorted.  If it was wrong, because another process wrote one
 * meanwhile, the unique key ends the transaction and the batch goes the other
 * way.
 *
 * Safe: COPY into a temporary table, then one INSERT that gives way to what is
 * there.  It is right whatever other sessions do at the same time.  A row that
 * PostgreSQL refuses is found by halving the rows under savepoints, so one bad
 * row costs a few dozen small statements and its neighbours nothing.
 *
 * A batch takes one path with all its rows: two batches that each copied some
 * and gave way with others could wait for each other in a circle.
 */
#include <stdio.h>

#include "copy.h"
#include "rastro/time.h"
#include "sink_private.h"

/* One list, so that the table, the COPY and the INSERT cannot differ. */
#define EVENT_COLUMNS                                                                                    \
    "parcel_id, instant, published_at, kafka_offset, fp, said, origin, words, place_id, traits, status," \
    " offset_minutes, sequence, time_words, own_words, raw, message_sha"
#define EVENT_COLUMN_COUNT 17
#define OWN_WORDS 7
#define OID_TEXT 25

const char rs_sink_temporary[] = "CREATE TEMPORARY TABLE IF NOT EXISTS batch_events ON COMMIT DELETE ROWS AS "
                                 "SELECT 0 AS at, " EVENT_COLUMNS " FROM rastro.event_rows LIMIT 0";

static const char copy_rows[] = "COPY pg_temp.batch_events (at, " EVENT_COLUMNS ") FROM STDIN (FORMAT binary)";

static const char copy_straight[] = "COPY rastro.event_rows (" EVENT_COLUMNS ") FROM STDIN (FORMAT binary)";

static const char insert_rows[] =
    "INSERT INTO rastro.event_rows (" EVENT_COLUMNS ") SELECT " EVENT_COLUMNS
    " FROM pg_temp.batch_events WHERE at BETWEEN $1 AND $2 ORDER BY parcel_id, fp ON CONFLICT DO NOTHING";

/* ---- one row -------------------------------------------------------------------- */

/* The event's bytes, packed into work->raw; empty when they are not kept. */
static void pack_raw(struct rs_work *work, const struct rs_batch_message *bm, const struct rs_work_event *row)
{
    struct rs_str raw = row->known->event->raw;
    rs_buf_clear(&work->raw);
    if (work->sink->options.raw == RS_RAW_NONE || !raw.n) return;
    if (row->shape) rs_raw_put_shape((uint32_t)row->shape, &work->raw);
    else rs_raw_pack(work->coder, rs_sink_dictionary_of(work->sink, bm->message.profile), raw, &work->raw);
}

/* Words that have no number, as an array of text; NULL where all have one. */
static char *put_own_words(char *to, const struct rs_work_event *row)
{
    const struct rs_event *e = row->known->event;
    const struct rs_str none = RS_STR_NONE;
    const struct rs_str own[OWN_WORDS] = {
        row->words ? none : e->code,          row->words ? none : e->text,         row->words ? none : e->zone,
        row->place ? none : e->place.country, row->place ? none : e->place.region, row->place ? none : e->place.city,
        row->place ? none : e->place.name,
    };
    char *length = to;
    bool any = false, nulls = false;
    for (int i = 0; i < OWN_WORDS; i++) {
        any |= own[i].n > 0;
        nulls |= !own[i].n;
    }
    if (!any) return rs_copy_null(to);
    to = rs_copy_32(to + 4, 1); /* dimensions */
    to = rs_copy_32(to, nulls);
    to = rs_copy_32(to, OID_TEXT);
    to = rs_copy_32(to, OWN_WORDS);
    to = rs_copy_32(to, 1); /* its first index */
    for (int i = 0; i < OWN_WORDS; i++) to = rs_copy_text(to, own[i]);
    rs_copy_32(length, (uint32_t)(to - length - 4));
    return to;
}

static size_t words_length(const struct rs_event *e)
{
    return (size_t)e->code.n + e->text.n + e->time.n + e->zone.n + e->place.country.n + e->place.region.n +
           e->place.city.n + e->place.name.n;
}

static char *put_number(char *to, int32_t number)
{
    return number ? rs_copy_int4(to, number) : rs_copy_null(to);
}

/* As the view rastro.events takes it apart. */
static int32_t traits_of(const struct rs_event *e, enum rs_time_form form)
{
    return (int32_t)(e->kind | e->precision << 2 | e->basis << 4 | (unsigned)e->marks << 8 | (unsigned)form << 24);
}

/* The temporary table has the row's number in front. */
static void put_row(struct rs_work *work, int32_t at, const struct rs_work_event *row)
{
    struct rs_buf *out = &work->rows;
    const struct rs_event *e = row->known->event;
    const struct rs_batch_message *bm = rs_work_message(work, row->known->message);
    enum rs_time_form form = rs_time_form_of(e->time, e->instant_us, e->offset_min);
    pack_raw(work, bm, row);
    char *to = rs_copy_row(out, EVENT_COLUMN_COUNT + !work->planned,
                           sizeof e->fp + sizeof e->said + (OWN_WORDS + 6) * sizeof(uint32_t) + words_length(e) +
                               work->raw.n + RS_SHA256_LEN);
    if (!work->planned) to = rs_copy_int4(to, at);
    to = rs_copy_int8(to, row->parcel_id);
    to = rs_copy_time(to, e->instant_us);
    to = rs_copy_time(to, bm->message.published_us);
    to = rs_copy_int8(to, bm->offset);
    to = rs_copy_bytes(to, e->fp.b, sizeof e->fp.b);
    to = rs_copy_bytes(to, e->said.b, sizeof e->said.b);
    to = rs_copy_int4(to, row->origin);
    to = put_number(to, row->words);
    to = put_number(to, row->place);
    to = rs_copy_int4(to, traits_of(e, form));
    to = rs_copy_int2(to, (int16_t)e->status->id);
    to = rs_copy_int2(to, e->offset_min);
    to = e->sequence ? rs_copy_int8(to, e->sequence) : rs_copy_null(to);
    to = form ? rs_copy_null(to) : rs_copy_text(to, e->time);
    to = put_own_words(to, row);
    to = rs_copy_text(to, (struct rs_str){work->raw.p, (uint32_t)work->raw.n});
    if (row->first && work->sink->options.raw != RS_RAW_NONE) {
        uint8_t sha[RS_SHA256_LEN];
        rs_sha256(bm->value.p, bm->value.n, sha);
        to = rs_copy_bytes(to, sha, sizeof sha);
    } else {
        to = rs_copy_null(to);
    }
    rs_copy_row_end(out, to);
}

/* ---- all rows --------------------------------------------------------------------- */

static int insert_range(struct rs_work *work, int32_t from, int32_t to, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    rs_pg_int4(&work->params, from);
    rs_pg_int4(&work->params, to);
    int err = rs_pg_run(work->pg, insert_rows, &work->params, &rows, diag);
    if (!err) work->counts.fresh += (uint64_t)rs_pg_affected(rows);
    return err;
}

/* The same under a savepoint, so that a refusal leaves the transaction usable. */
static int try_range(struct rs_work *work, int32_t from, int32_t to, struct rs_diag *diag)
{
    int err = rs_pg_script(work->pg, "SAVEPOINT rows", diag);
    if (!err) err = insert_range(work, from, to, diag);
    if (!err) return rs_pg_script(work->pg, "RELEASE SAVEPOINT rows", diag);
    if (err != RS_E_DATA) return err;
    struct rs_diag ignored;
    int undo = rs_pg_script(work->pg, "ROLLBACK TO SAVEPOINT rows", &ignored);
    return undo ? undo : err;
}

static void reject_row(struct rs_work *work, int32_t at)
{
    struct rs_work_event *row = &work->event[at];
    char reason[400];
    snprintf(reason, sizeof reason, "refused by PostgreSQL: %s (%s)", rs_pg_message(work->pg),
             rs_pg_sqlstate(work->pg));
    row->refused = true;
    if (!work->refused++) work->first_refused = row->known->message;
    rs_work_reject(work, row->parcel_id, row->known->source, row->known->message,
                   rs_arena_str(work->arena, rs_str_of(reason)), RS_LIT("$"), row->known->event->raw);
}

/* Depth is the logarithm of the batch's size. */
static int insert_halving(struct rs_work *work, int32_t from, int32_t to, struct rs_diag *diag)
{
    int err = try_range(work, from, to, diag);
    if (err != RS_E_DATA) return err;
    if (from == to) {
        reject_row(work, from);
        return RS_OK;
    }
    int32_t middle = from + (to - from) / 2;
    err = insert_halving(work, from, middle, diag);
    return err ? err : insert_halving(work, middle + 1, to, diag);
}

/* Another core wrote the events and messages; each step asks for what the one
 * before has brought. */
static void prefetch_ahead(const struct rs_work *work, uint32_t i)
{
    if (i + 12 < work->event_n) rs_prefetch_all(work->event[i + 12].known, sizeof(struct rs_known));
    if (i + 8 < work->event_n) {
        const struct rs_known *known = work->event[i + 8].known;
        rs_prefetch_all(known->event, sizeof *known->event);
        rs_prefetch_all(rs_work_message(work, known->message), sizeof(struct rs_batch_message));
    }
    if (i + 4 < work->event_n) {
        struct rs_str value = rs_work_message(work, work->event[i + 4].known->message)->value;
        rs_prefetch_all(value.p, value.n < 512 ? value.n : 512);
    }
}

static void encode_rows(struct rs_work *work)
{
    rs_copy_begin(&work->rows);
    for (uint32_t i = 0; i < work->event_n; i++) {
        prefetch_ahead(work, i);
        rs_work_number(work, i);
        if (!work->event[i].refused) put_row(work, (int32_t)i, &work->event[i]);
    }
    rs_copy_end(&work->rows);
}

/* Once, or where many rows lacked numbers twice: a row is numbered as it is
 * written, while it is near. */
int rs_work_encode(struct rs_work *work, struct rs_diag *diag)
{
    bool again;
    int err;
    rs_work_want_numbers(work);
    do {
        encode_rows(work);
        err = rs_work_make_numbers(work, &again, diag);
    } while (!err && again);
    return err;
}

static int write_straight(struct rs_work *work, struct rs_diag *diag)
{
    int64_t written = 0;
    int err = rs_pg_copy(work->pg, copy_straight, &work->rows, &written, diag);
    work->counts.fresh += (uint64_t)written;
    return err;
}

int rs_work_events(struct rs_work *work, struct rs_diag *diag)
{
    if (!work->event_n) return RS_OK;
    if (work->planned) return write_straight(work, diag);
    int err = rs_work_encode(work, diag);
    if (!err) err = rs_pg_copy(work->pg, copy_rows, &work->rows, NULL, diag);
    if (err) return err;
    int32_t last = (int32_t)work->event_n - 1;
    /* The first try has no savepoint of its own: it nearly always succeeds. */
    err = rs_pg_script(work->pg, "SAVEPOINT all_rows", diag);
    if (!err) err = insert_range(work, 0, last, diag);
    if (err != RS_E_DATA) return err;
    struct rs_diag ignored;
    err = rs_pg_script(work->pg, "ROLLBACK TO SAVEPOINT all_rows", &ignored);
    return err ? err : insert_halving(work, 0, last, diag);
}
