/* What could not be used: once for each message, or for each wording of an
 * event, with the bytes kept once. */
#include <stdlib.h>

#include "sink_private.h"

#define NO_PARCEL 0

void rs_work_reject(struct rs_work *work, int64_t parcel_id, int32_t source, uint32_t message, struct rs_str reason,
                    struct rs_str path, struct rs_str raw)
{
    if (work->reject_n == work->reject_room) {
        uint32_t room = work->reject_room ? work->reject_room * 2 : 32;
        struct rs_work_reject *grown = rs_arena_get(work->arena, room * sizeof *grown);
        if (work->reject_n) memcpy(grown, work->reject, work->reject_n * sizeof *grown);
        work->reject = grown;
        work->reject_room = room;
    }
    struct rs_work_reject *reject = &work->reject[work->reject_n++];
    *reject = (struct rs_work_reject){.parcel_id = parcel_id,
                                      .source = source,
                                      .reason = reason,
                                      .path = path,
                                      .raw = raw,
                                      .message = message,
                                      .last = message,
                                      .count = 1};
    rs_sha256(raw.p, raw.n, reject->sha);
}

static void collect_report(struct rs_work *work, const struct rs_report *report, int64_t parcel_id, uint32_t message)
{
    int32_t source = work->source[message - work->from];
    for (uint32_t i = 0; i < report->reject_count; i++) {
        const struct rs_reject *reject = &report->reject[i];
        rs_work_reject(work, parcel_id, source, message, reject->reason, reject->path, reject->raw);
    }
}

static void collect_decoded(struct rs_work *work)
{
    for (uint32_t p = 0; p < work->parcel_n; p++) {
        const struct rs_work_parcel *parcel = &work->parcel[p];
        for (uint32_t r = parcel->ref; r < parcel->ref + parcel->ref_n; r++) {
            if (work->ref[r].report) collect_report(work, work->ref[r].report, parcel->id, work->ref[r].message);
        }
    }
    /* A parcel's block without a usable number, beside usable ones. */
    for (uint32_t m = work->from; m < work->to; m++) {
        const struct rs_message *message = &rs_work_message(work, m)->message;
        for (uint32_t i = 0; i < message->report_count; i++) {
            if (!message->report[i].parcel.number.n) collect_report(work, &message->report[i], NO_PARCEL, m);
        }
    }
}

/* ---- events ---------------------------------------------------------------------- */

static int same_reject(const struct rs_work_reject *a, const struct rs_work_reject *b)
{
    if (a->parcel_id != b->parcel_id) return a->parcel_id < b->parcel_id ? -1 : 1;
    if (a->source != b->source) return a->source < b->source ? -1 : 1;
    int order = memcmp(a->sha, b->sha, sizeof a->sha);
    return order ? order : rs_str_cmp(a->reason, b->reason);
}

static int by_key_then_message(const void *a, const void *b)
{
    const struct rs_work_reject *x = a, *y = b;
    int order = same_reject(x, y);
    return order ? order : (x->message > y->message) - (x->message < y->message);
}

/* A statement may touch a row once, so repeats within the batch are summed. */
static void sum_repeats(struct rs_work *work)
{
    if (!work->reject_n) return;
    qsort(work->reject, work->reject_n, sizeof *work->reject, by_key_then_message);
    uint32_t kept = 0;
    for (uint32_t i = 1; i < work->reject_n; i++) {
        struct rs_work_reject *last = &work->reject[kept];
        if (same_reject(last, &work->reject[i]) == 0) {
            last->last = work->reject[i].message;
            last->count += work->reject[i].count;
        } else {
            work->reject[++kept] = work->reject[i];
        }
    }
    work->reject_n = kept + 1;
}

static int put_events(struct rs_work *work, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.quarantined_events AS q (parcel_id, source, sha, reason, path, count, first_topic, "
        "first_partition, first_offset, last_topic, last_partition, last_offset) "
        "SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], "
        "$7::smallint[], $8::int[], $9::bigint[], $10::smallint[], $11::int[], $12::bigint[]) "
        "ON CONFLICT (parcel_id, source, sha, reason) DO UPDATE SET count = q.count + excluded.count, "
        "last_topic = excluded.last_topic, last_partition = excluded.last_partition, "
        "last_offset = excluded.last_offset, last_recorded_at = now()";
    struct rs_pg_params *p = &work->params;
    if (!work->reject_n) return RS_OK;
#define EACH(element, put)                                 \
    rs_pg_array_open(p, element);                          \
    for (uint32_t i = 0; i < work->reject_n; i++) {        \
        const struct rs_work_reject *r = &work->reject[i]; \
        put;                                               \
    }                                                      \
    rs_pg_array_close(p)
    EACH(RS_PG_INT8, rs_pg_array_int8(p, r->parcel_id));
    EACH(RS_PG_INT2, rs_pg_array_int2(p, (int16_t)r->source));
    EACH(RS_PG_BYTEA, rs_pg_array_bytes(p, r->sha, sizeof r->sha));
    EACH(RS_PG_TEXT, rs_pg_array_bytes(p, r->reason.p, r->reason.n));
    EACH(RS_PG_TEXT, rs_pg_array_bytes(p, r->path.p, r->path.n));
    EACH(RS_PG_INT8, rs_pg_array_int8(p, r->count));
    EACH(RS_PG_INT2, rs_pg_array_int2(p, rs_work_partition(work, r->message)->topic_id));
    EACH(RS_PG_INT4, rs_pg_array_int4(p, rs_work_partition(work, r->message)->number));
    EACH(RS_PG_INT8, rs_pg_array_int8(p, rs_work_message(work, r->message)->offset));
    EACH(RS_PG_INT2, rs_pg_array_int2(p, rs_work_partition(work, r->last)->topic_id));
    EACH(RS_PG_INT4, rs_pg_array_int4(p, rs_work_partition(work, r->last)->number));
    EACH(RS_PG_INT8, rs_pg_array_int8(p, rs_work_message(work, r->last)->offset));
#undef EACH
    return rs_pg_run(work->pg, add, p, NULL, diag);
}

/* ---- messages ---------------------------------------------------------------------- */

static uint32_t quarantined(const struct rs_work *work, uint32_t *ret)
{
    uint32_t n = 0;
    for (uint32_t i = work->from; i < work->to; i++) {
        if (rs_work_message(work, i)->message.outcome == RS_OUTCOME_QUARANTINED) ret[n++] = i;
    }
    return n;
}

static int put_messages(struct rs_work *work, const uint32_t *at, uint32_t n, const uint8_t (*sha)[RS_SHA256_LEN],
                        struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.quarantined_messages (topic, kafka_partition, kafka_offset, published_at, source, "
        "reason, sha) SELECT * FROM unnest($1::smallint[], $2::int[], $3::bigint[], $4::timestamptz[], $5::text[], "
        "$6::text[], $7::bytea[]) w (t, p, o, at, s, r, h) ORDER BY t, p, o ON CONFLICT DO NOTHING";
    struct rs_pg_params *p = &work->params;
#define EACH(element, put)                                                \
    rs_pg_array_open(p, element);                                         \
    for (uint32_t i = 0; i < n; i++) {                                    \
        const struct rs_batch_message *bm = rs_work_message(work, at[i]); \
        (void)bm;                                                         \
        put;                                                              \
    }                                                                     \
    rs_pg_array_close(p)
    EACH(RS_PG_INT2, rs_pg_array_int2(p, rs_work_partition(work, at[i])->topic_id));
    EACH(RS_PG_INT4, rs_pg_array_int4(p, rs_work_partition(work, at[i])->number));
    EACH(RS_PG_INT8, rs_pg_array_int8(p, bm->offset));
    EACH(RS_PG_TIME, rs_pg_array_time(p, bm->message.published_us));
    EACH(RS_PG_TEXT, {
        if (bm->message.source.n) rs_pg_array_bytes(p, bm->message.source.p, bm->message.source.n);
        else rs_pg_array_null(p);
    });
    EACH(RS_PG_TEXT, rs_pg_array_bytes(p, bm->message.reason.p, bm->message.reason.n));
    EACH(RS_PG_BYTEA, rs_pg_array_bytes(p, sha[i], RS_SHA256_LEN));
#undef EACH
    return rs_pg_run(work->pg, add, p, NULL, diag);
}

/* ---- bytes -------------------------------------------------------------------------- */

struct bytes {
    const uint8_t *sha;
    struct rs_str raw;
};

static int by_sha(const void *a, const void *b)
{
    return memcmp(((const struct bytes *)a)->sha, ((const struct bytes *)b)->sha, RS_SHA256_LEN);
}

static int put_bytes(struct rs_work *work, struct bytes *bytes, uint32_t n, struct rs_diag *diag)
{
    static const char add[] = "INSERT INTO rastro.quarantined_bytes (sha, raw) SELECT DISTINCT ON (h) h, b "
                              "FROM unnest($1::bytea[], $2::bytea[]) w (h, b) ORDER BY h ON CONFLICT DO NOTHING";
    static const struct rs_raw_dictionary none;
    qsort(bytes, n, sizeof *bytes, by_sha);
    rs_pg_array_open(&work->params, RS_PG_BYTEA);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_bytes(&work->params, bytes[i].sha, RS_SHA256_LEN);
    rs_pg_array_close(&work->params);
    rs_pg_array_open(&work->params, RS_PG_BYTEA);
    for (uint32_t i = 0; i < n; i++) {
        rs_buf_clear(&work->raw);
        rs_raw_pack(work->coder, &none, bytes[i].raw, &work->raw);
        rs_pg_array_bytes(&work->params, work->raw.p, (uint32_t)work->raw.n);
    }
    rs_pg_array_close(&work->params);
    return rs_pg_run(work->pg, add, &work->params, NULL, diag);
}

int rs_work_quarantine(struct rs_work *work, struct rs_diag *diag)
{
    if (!work->unusable && !work->reject_n) return RS_OK;
    collect_decoded(work);
    sum_repeats(work);
    uint32_t *at = rs_arena_get(work->arena, (work->to - work->from + 1) * sizeof *at);
    uint32_t n = quarantined(work, at), total = n + work->reject_n;
    if (!total) return RS_OK;
    uint8_t(*sha)[RS_SHA256_LEN] = rs_arena_get(work->arena, (n + 1) * sizeof *sha);
    struct bytes *bytes = rs_arena_get(work->arena, total * sizeof *bytes);
    for (uint32_t i = 0; i < n; i++) {
        struct rs_str value = rs_work_message(work, at[i])->value;
        rs_sha256(value.p, value.n, sha[i]);
        bytes[i] = (struct bytes){sha[i], value};
    }
    for (uint32_t i = 0; i < work->reject_n; i++) {
        bytes[n + i] = (struct bytes){work->reject[i].sha, work->reject[i].raw};
        work->counts.quarantined_events += (uint64_t)work->reject[i].count;
    }
    work->counts.quarantined_messages = n;
    int err = put_events(work, diag);
    if (!err && n) err = put_messages(work, at, n, sha, diag);
    return err ? err : put_bytes(work, bytes, total, diag);
}
