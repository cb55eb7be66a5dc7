/* Which parcels a batch speaks of, and their rows. */
#include <stdlib.h>

#include "sink_private.h"

/* ---- gathering ------------------------------------------------------------------- */

/* The order in which parcels are inserted, everywhere: PostgreSQL's "C". */
static int key_cmp(const struct rs_parcel_key *a, const struct rs_parcel_key *b)
{
    int order = rs_str_cmp(a->number, b->number);
    if (!order) order = rs_str_cmp(a->issuer, b->issuer);
    return order ? order : rs_str_cmp(a->discriminator, b->discriminator);
}

static int by_key_then_place(const void *a, const void *b)
{
    const struct rs_work_ref *x = a, *y = b;
    int order = key_cmp(x->key, y->key);
    if (order) return order;
    if (x->message != y->message) return x->message < y->message ? -1 : 1;
    /* Two reports of one parcel in one message keep their order in it. */
    return (x->report > y->report) - (x->report < y->report);
}

static uint32_t count_refs(const struct rs_work *work)
{
    uint32_t n = 0;
    for (uint32_t i = work->from; i < work->to; i++) {
        const struct rs_message *m = &rs_work_message(work, i)->message;
        n += m->outcome == RS_OUTCOME_SHIPMENT ? m->shipment->parcel_count : m->report_count;
    }
    return n;
}

static void collect_refs(struct rs_work *work)
{
    work->ref = rs_arena_get(work->arena, (count_refs(work) + 1) * sizeof *work->ref);
    for (uint32_t i = work->from; i < work->to; i++) {
        const struct rs_message *m = &rs_work_message(work, i)->message;
        for (uint32_t r = 0; m->outcome == RS_OUTCOME_TRACKING && r < m->report_count; r++) {
            const struct rs_report *report = &m->report[r];
            if (!report->parcel.number.n) continue; /* quarantined as a whole */
            work->ref[work->ref_n++] = (struct rs_work_ref){&report->parcel, report->s10, i, report};
        }
        for (uint32_t r = 0; m->outcome == RS_OUTCOME_SHIPMENT && r < m->shipment->parcel_count; r++) {
            work->ref[work->ref_n++] = (struct rs_work_ref){&m->shipment->parcel[r], m->shipment->s10[r], i, NULL};
        }
    }
    if (work->ref_n) qsort(work->ref, work->ref_n, sizeof *work->ref, by_key_then_place);
}

int rs_work_gather(struct rs_sink *sink, struct rs_diag *diag)
{
    struct rs_work *work = &sink->work;
    collect_refs(work);
    work->parcel = rs_arena_get(work->arena, (work->ref_n + 1) * sizeof *work->parcel);
    for (uint32_t i = 0; i < work->ref_n; i++) {
        const struct rs_work_ref *ref = &work->ref[i];
        struct rs_work_parcel *last = work->parcel_n ? &work->parcel[work->parcel_n - 1] : NULL;
        if (last && key_cmp(&last->key, ref->key) == 0) {
            last->ref_n++;
            continue;
        }
        work->parcel[work->parcel_n++] = (struct rs_work_parcel){
            .key = *ref->key, .s10 = ref->s10, .status = -1, .ref = i, .ref_n = 1};
    }

    work->source = rs_arena_zero(work->arena, (work->to - work->from + 1) * sizeof *work->source);
    for (uint32_t i = work->from; i < work->to; i++) {
        const struct rs_message *m = &rs_work_message(work, i)->message;
        if (m->outcome != RS_OUTCOME_TRACKING) continue;
        int err = rs_sink_source_id(sink, m->source, &work->source[i - work->from], diag);
        if (!err && m->profile) err = rs_sink_dictionary(sink, m->profile, diag);
        if (err) return err;
    }
    return RS_OK;
}

/* ---- rows ------------------------------------------------------------------------- */

static bool is_open(const struct rs_work_parcel *parcel)
{
    return !parcel->exists && !parcel->added;
}

static void put_texts(struct rs_sink *sink, struct rs_str (*get)(const struct rs_parcel_key *))
{
    struct rs_work *work = &sink->work;
    rs_pg_array_open(&sink->params, RS_PG_TEXT);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (!is_open(&work->parcel[i])) continue;
        struct rs_str s = get(&work->parcel[i].key);
        rs_pg_array_bytes(&sink->params, s.p, s.n);
    }
    rs_pg_array_close(&sink->params);
}

static struct rs_str number_of(const struct rs_parcel_key *key)
{
    return key->number;
}
static struct rs_str issuer_of(const struct rs_parcel_key *key)
{
    return key->issuer;
}
static struct rs_str discriminator_of(const struct rs_parcel_key *key)
{
    return key->discriminator;
}

/* Finds the rows of the parcels whose rows are not known yet. */
static int find_rows(struct rs_sink *sink, struct rs_diag *diag)
{
    static const char find[] =
        "SELECT w.at, p.parcel_id, p.status "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]) w (number, issuer, discriminator, at) "
        "JOIN rastro.parcels p ON p.number = w.number COLLATE \"C\" AND p.issuer = w.issuer COLLATE \"C\" "
        "AND p.discriminator = w.discriminator COLLATE \"C\"";
    struct rs_work *work = &sink->work;
    put_texts(sink, number_of);
    put_texts(sink, issuer_of);
    put_texts(sink, discriminator_of);
    rs_pg_array_open(&sink->params, RS_PG_INT4);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (is_open(&work->parcel[i])) rs_pg_array_int4(&sink->params, (int32_t)i);
    }
    rs_pg_array_close(&sink->params);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(sink->pg, find, &sink->params, &rows, diag);
    if (err) return err;
    for (int r = 0; r < rs_pg_count(rows); r++) {
        struct rs_work_parcel *parcel = &work->parcel[rs_pg_get_int(rows, r, 0)];
        parcel->id = rs_pg_get_int(rows, r, 1);
        parcel->status = rs_pg_is_null(rows, r, 2) ? -1 : (int32_t)rs_pg_get_int(rows, r, 2);
        parcel->exists = true;
    }
    return RS_OK;
}

/* Before the transaction: what is found stays found, and ids come from a block
 * that is taken on its own. */
int rs_work_find_parcels(struct rs_sink *sink, struct rs_diag *diag)
{
    struct rs_work *work = &sink->work;
    if (!work->parcel_n) return RS_OK;
    int err = find_rows(sink, diag);
    for (uint32_t i = 0; !err && i < work->parcel_n; i++) {
        if (!work->parcel[i].exists) err = rs_sink_take_id(sink, &work->parcel[i].id, diag);
    }
    return err;
}

static const struct rs_known *head_of(const struct rs_work_parcel *parcel)
{
    return rs_track_head(&parcel->state);
}

static void put_new_rows(struct rs_sink *sink)
{
    static const char s10_letters[] = {'n', 'y', 'b'};
    struct rs_work *work = &sink->work;
    struct rs_pg_params *params = &sink->params;
#define EACH_NEW(element, put)                                  \
    rs_pg_array_open(params, element);                          \
    for (uint32_t i = 0; i < work->parcel_n; i++) {             \
        const struct rs_work_parcel *parcel = &work->parcel[i]; \
        if (!is_open(parcel)) continue;                         \
        put;                                                    \
    }                                                           \
    rs_pg_array_close(params)
    EACH_NEW(RS_PG_INT8, rs_pg_array_int8(params, parcel->id));
    EACH_NEW(RS_PG_CHAR, rs_pg_array_bytes(params, &s10_letters[parcel->s10], 1));
    put_texts(sink, issuer_of);
    put_texts(sink, number_of);
    put_texts(sink, discriminator_of);
    EACH_NEW(RS_PG_INT2, {
        const struct rs_known *head = head_of(parcel);
        if (head) rs_pg_array_int2(params, (int16_t)head->status->id);
        else rs_pg_array_null(params);
    });
    EACH_NEW(RS_PG_TIME, {
        const struct rs_known *head = head_of(parcel);
        rs_pg_array_time(params, head ? head->instant_us : RS_INSTANT_NONE);
    });
#undef EACH_NEW
}

static void forget_decisions(struct rs_work *work, uint32_t parcel)
{
    work->parcel[parcel].state = (struct rs_parcel_state){0};
    work->parcel[parcel].sum = (struct rs_track_counts){0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < work->facts_n; i++) {
        if (work->facts[i].parcel != parcel) work->facts[kept++] = work->facts[i];
    }
    work->facts_n = kept;
}

/* New parcels' events are decided first, for nobody else can know of them; a
 * parcel that somebody else turns out to have inserted meanwhile is found
 * again and then counts as one that was there. */
int rs_work_parcels(struct rs_sink *sink, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.parcels (parcel_id, s10, issuer, number, discriminator, status, status_at) "
        "SELECT w.id, w.s10, w.issuer, w.number, w.discriminator, w.status, w.at "
        "FROM unnest($1::bigint[], $2::\"char\"[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::timestamptz[]) "
        "w (id, s10, issuer, number, discriminator, status, at) ON CONFLICT DO NOTHING RETURNING parcel_id";
    struct rs_work *work = &sink->work;
    uint32_t missing = 0;
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (work->parcel[i].exists) continue;
        rs_work_decide(sink, &work->parcel[i]);
        missing++;
    }
    if (!missing) return RS_OK;
    put_new_rows(sink);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(sink->pg, add, &sink->params, &rows, diag);
    if (err) return err;
    uint32_t added = (uint32_t)rs_pg_count(rows);
    work->counts.parcels += added;
    /* Rows come back in the order in which they were sent. */
    for (uint32_t i = 0, next = 0; i < work->parcel_n; i++) {
        struct rs_work_parcel *parcel = &work->parcel[i];
        if (parcel->exists) continue;
        parcel->added = next < added && rs_pg_get_int(rows, (int)next, 0) == parcel->id;
        next += parcel->added;
        if (!parcel->added) forget_decisions(work, i);
    }
    if (added < missing) err = find_rows(sink, diag);
    for (uint32_t i = 0; !err && i < work->parcel_n; i++) {
        if (is_open(&work->parcel[i])) err = rs_fail(diag, RS_E_CONFLICT, "a parcel is neither new nor there");
    }
    return err;
}

/* The status hint of parcels that were there, where it changed. */
int rs_work_status(struct rs_sink *sink, struct rs_diag *diag)
{
    static const char change[] =
        "WITH w AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::timestamptz[]) w (id, status, at)), "
        "l AS MATERIALIZED (SELECT p.parcel_id FROM rastro.parcels p JOIN w ON p.parcel_id = w.id "
        "ORDER BY p.parcel_id FOR NO KEY UPDATE OF p) "
        "UPDATE rastro.parcels p SET status = w.status, status_at = w.at "
        "FROM w JOIN l ON l.parcel_id = w.id WHERE p.parcel_id = w.id";
    struct rs_work *work = &sink->work;
    uint32_t n = 0;
    const struct rs_known **head = rs_arena_zero(work->arena, (work->parcel_n + 1) * sizeof(void *));
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (!work->parcel[i].exists || !work->parcel[i].state.known_n) continue;
        const struct rs_known *found = head_of(&work->parcel[i]);
        if (!found || found->status->id == work->parcel[i].status) continue;
        head[i] = found;
        n++;
    }
    if (!n) return RS_OK;
    rs_pg_array_open(&sink->params, RS_PG_INT8);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (head[i]) rs_pg_array_int8(&sink->params, work->parcel[i].id);
    }
    rs_pg_array_close(&sink->params);
    rs_pg_array_open(&sink->params, RS_PG_INT2);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (head[i]) rs_pg_array_int2(&sink->params, (int16_t)head[i]->status->id);
    }
    rs_pg_array_close(&sink->params);
    rs_pg_array_open(&sink->params, RS_PG_TIME);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (head[i]) rs_pg_array_time(&sink->params, head[i]->instant_us);
    }
    rs_pg_array_close(&sink->params);
    return rs_pg_run(sink->pg, change, &sink->params, NULL, diag);
}
