/* What a batch writes behind the events, each kind sorted by its key: the log
 * of what is current, facts, links, orders, wordings. */
#include <stdlib.h>

#include "copy.h"
#include "sink_rows.h"

/* ---- the log ------------------------------------------------------------------- */

struct change_row {
    int64_t parcel_id;
    const struct rs_currency *c;
};

static int by_change_key(const void *a, const void *b)
{
    const struct change_row *x = a, *y = b;
    if (x->parcel_id != y->parcel_id) return x->parcel_id < y->parcel_id ? -1 : 1;
    int order = rs_key_cmp(x->c->fp, y->c->fp);
    return order ? order : (x->c->rev > y->c->rev) - (x->c->rev < y->c->rev);
}

static int put_changes(struct rs_work *work, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.event_changes (parcel_id, fp, rev, change, by_fp, topic, kafka_partition, kafka_offset) "
        "SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::int[], $4::\"char\"[], $5::uuid[], $6::smallint[], "
        "$7::int[], $8::bigint[])";
    static const char letters[] = {'?', 's', 'w', 'b'};
    struct rs_pg_params *p = &work->params;
    uint32_t n = 0;
    for (uint32_t k = 0; k < work->parcel_n; k++) n += work->parcel[k].state.change_n;
    if (!n) return RS_OK;
    struct change_row *row = rs_arena_get(work->arena, n * sizeof *row);
    n = 0;
    for (uint32_t k = 0; k < work->parcel_n; k++) {
        const struct rs_work_parcel *parcel = &work->parcel[k];
        for (uint32_t i = 0; i < parcel->state.change_n; i++) {
            row[n++] = (struct change_row){parcel->id, &parcel->state.change[i]};
        }
    }
    qsort(row, n, sizeof *row, by_change_key);
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, row[i].parcel_id));
    EACH(work, n, RS_PG_UUID, rs_pg_array_bytes(p, row[i].c->fp.b, 16));
    EACH(work, n, RS_PG_INT4, rs_pg_array_int4(p, row[i].c->rev));
    EACH(work, n, RS_PG_CHAR, rs_pg_array_bytes(p, &letters[row[i].c->change], 1));
    EACH(work, n, RS_PG_UUID, {
        if (row[i].c->change == RS_CHANGE_SUPERSEDED) rs_pg_array_bytes(p, row[i].c->by.b, 16);
        else rs_pg_array_null(p);
    });
    EACH(work, n, RS_PG_INT2, rs_pg_array_int2(p, topic_of(work, row[i].c->message)));
    EACH(work, n, RS_PG_INT4, rs_pg_array_int4(p, number_of(work, row[i].c->message)));
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, offset_of(work, row[i].c->message)));
    return rs_pg_run(work->pg, add, p, NULL, diag);
}

/* ---- facts ------------------------------------------------------------------------- */

static struct rs_str country_of(const struct rs_place *place)
{
    return place->iso2[0] ? (struct rs_str){place->iso2, 2} : place->country;
}

static void put_place(struct rs_work *work, uint32_t n, const struct rs_place *(*place_of)(const void *, uint32_t),
                      const void *list)
{
    struct rs_pg_params *p = &work->params;
    EACH(work, n, RS_PG_TEXT, put_text(p, country_of(place_of(list, i))));
    EACH(work, n, RS_PG_TEXT, put_text(p, place_of(list, i)->region));
    EACH(work, n, RS_PG_TEXT, put_text(p, place_of(list, i)->city));
    EACH(work, n, RS_PG_TEXT, put_text(p, place_of(list, i)->name));
}

static const struct rs_place *fact_origin(const void *list, uint32_t i)
{
    return &((const struct rs_work_facts *)list)[i].facts->origin;
}

static const struct rs_place *fact_destination(const void *list, uint32_t i)
{
    return &((const struct rs_work_facts *)list)[i].facts->destination;
}

#define FACT_COLUMNS                                                                                           \
    "parcel_id, source, rev, published_at, topic, kafka_partition, kafka_offset, promised_from, promised_to, " \
    "estimated_from, estimated_to, signed_at, signed_by, service, order_id, "                                  \
    "origin_country, origin_region, origin_city, origin_postcode, "                                            \
    "destination_country, destination_region, destination_city, destination_postcode"
#define FACT_COLUMN_COUNT 23

static size_t place_length(const struct rs_place *place)
{
    return (size_t)country_of(place).n + place->region.n + place->city.n + place->name.n;
}

static char *copy_place(char *to, const struct rs_place *place)
{
    to = rs_copy_text(to, country_of(place));
    to = rs_copy_text(to, place->region);
    to = rs_copy_text(to, place->city);
    return rs_copy_text(to, place->name);
}

/* A plan's revisions are new, as the versions of its views prove. */
static int copy_facts(struct rs_work *work, struct rs_diag *diag)
{
    static const char copy[] = "COPY rastro.parcel_facts (" FACT_COLUMNS ") FROM STDIN (FORMAT binary)";
    rs_copy_begin(&work->more);
    for (uint32_t i = 0; i < work->facts_n; i++) {
        const struct rs_work_facts *row = &work->facts[i];
        const struct rs_facts *f = row->facts;
        char *to = rs_copy_row(&work->more, FACT_COLUMN_COUNT,
                               (size_t)f->signed_by.n + f->service.n + f->order.n + place_length(&f->origin) +
                                   place_length(&f->destination));
        to = rs_copy_int8(to, work->parcel[row->parcel].id);
        to = rs_copy_int2(to, (int16_t)row->source);
        to = rs_copy_int4(to, row->rev);
        to = rs_copy_time(to, published_of(work, row->message));
        to = rs_copy_int2(to, topic_of(work, row->message));
        to = rs_copy_int4(to, number_of(work, row->message));
        to = rs_copy_int8(to, offset_of(work, row->message));
        to = rs_copy_time(to, f->promised.from_us);
        to = rs_copy_time(to, f->promised.to_us);
        to = rs_copy_time(to, f->estimated.from_us);
        to = rs_copy_time(to, f->estimated.to_us);
        to = rs_copy_time(to, f->signed_us);
        to = rs_copy_text(to, f->signed_by);
        to = rs_copy_text(to, f->service);
        to = rs_copy_text(to, f->order);
        to = copy_place(to, &f->origin);
        to = copy_place(to, &f->destination);
        rs_copy_row_end(&work->more, to);
    }
    rs_copy_end(&work->more);
    return rs_pg_copy(work->pg, copy, &work->more, NULL, diag);
}

static int by_fact_key(const void *a, const void *b, void *self)
{
    const struct rs_work_parcel *parcel = self;
    const struct rs_work_facts *x = a, *y = b;
    int64_t p = parcel[x->parcel].id, q = parcel[y->parcel].id;
    if (p != q) return p < q ? -1 : 1;
    if (x->source != y->source) return x->source < y->source ? -1 : 1;
    return (x->rev > y->rev) - (x->rev < y->rev);
}

static int put_facts(struct rs_work *work, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.parcel_facts (" FACT_COLUMNS ") "
        "SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::int[], $4::timestamptz[], $5::smallint[], $6::int[], "
        "$7::bigint[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], "
        "$12::timestamptz[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], "
        "$19::text[], $20::text[], $21::text[], $22::text[], $23::text[]) ON CONFLICT DO NOTHING";
    struct rs_pg_params *p = &work->params;
    uint32_t n = work->facts_n;
    if (!n) return RS_OK;
    struct rs_work_facts *f = work->facts;
    qsort_r(f, n, sizeof *f, by_fact_key, work->parcel);
    if (work->planned) return copy_facts(work, diag);
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, work->parcel[f[i].parcel].id));
    EACH(work, n, RS_PG_INT2, rs_pg_array_int2(p, (int16_t)f[i].source));
    EACH(work, n, RS_PG_INT4, rs_pg_array_int4(p, f[i].rev));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, published_of(work, f[i].message)));
    EACH(work, n, RS_PG_INT2, rs_pg_array_int2(p, topic_of(work, f[i].message)));
    EACH(work, n, RS_PG_INT4, rs_pg_array_int4(p, number_of(work, f[i].message)));
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, offset_of(work, f[i].message)));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, f[i].facts->promised.from_us));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, f[i].facts->promised.to_us));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, f[i].facts->estimated.from_us));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, f[i].facts->estimated.to_us));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, f[i].facts->signed_us));
    EACH(work, n, RS_PG_TEXT, put_text(p, f[i].facts->signed_by));
    EACH(work, n, RS_PG_TEXT, put_text(p, f[i].facts->service));
    EACH(work, n, RS_PG_TEXT, put_text(p, f[i].facts->order));
    put_place(work, n, fact_origin, f);
    put_place(work, n, fact_destination, f);
    return rs_pg_run(work->pg, add, p, NULL, diag);
}

/* ---- links -------------------------------------------------------------------------- */

/* Of a link counts when it was told first, in whichever order that is read. */
static int put_links(struct rs_work *work, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.parcel_links AS l (parcel_id, source, kind, issuer, number, published_at, topic, "
        "kafka_partition, kafka_offset) SELECT DISTINCT ON (1, 5, 4, 3, 2) w.* FROM ("
        "SELECT parcel_id, source, kind COLLATE \"C\" AS kind, issuer COLLATE \"C\" AS issuer, "
        "number COLLATE \"C\" AS number, at, t, p, o FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], "
        "$5::text[], $6::timestamptz[], $7::smallint[], $8::int[], $9::bigint[]) "
        "w (parcel_id, source, kind, issuer, number, at, t, p, o)) w "
        "WHERE NOT EXISTS (SELECT FROM rastro.parcel_links l WHERE l.parcel_id = w.parcel_id AND l.number = w.number "
        "AND l.issuer = w.issuer AND l.kind = w.kind AND l.source = w.source AND l.published_at <= w.at) "
        "ORDER BY 1, 5, 4, 3, 2, w.at, w.t, w.p, w.o "
        "ON CONFLICT (parcel_id, number, issuer, kind, source) DO UPDATE SET published_at = excluded.published_at, "
        "topic = excluded.topic, kafka_partition = excluded.kafka_partition, kafka_offset = excluded.kafka_offset "
        "WHERE excluded.published_at < l.published_at RETURNING parcel_id";
    struct rs_pg_params *p = &work->params;
    struct rs_pg_rows *rows;
    uint32_t n = work->link_n;
    const struct rs_work_link *row = work->link;
    if (!n) return RS_OK;
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, work->parcel[row[i].parcel].id));
    EACH(work, n, RS_PG_INT2, rs_pg_array_int2(p, (int16_t)row[i].source));
    EACH(work, n, RS_PG_TEXT, rs_pg_array_bytes(p, row[i].link->kind.p, row[i].link->kind.n));
    EACH(work, n, RS_PG_TEXT, rs_pg_array_bytes(p, row[i].link->issuer.p, row[i].link->issuer.n));
    EACH(work, n, RS_PG_TEXT, rs_pg_array_bytes(p, row[i].link->number.p, row[i].link->number.n));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, published_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT2, rs_pg_array_int2(p, topic_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT4, rs_pg_array_int4(p, number_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, offset_of(work, row[i].message)));
    int err = rs_pg_run(work->pg, add, p, &rows, diag);
    if (!err) rs_work_note_told(work, rows);
    return err;
}

/* ---- orders ---------------------------------------------------------------------------- */

struct shipment_row {
    int64_t parcel_id;
    uint32_t message;
    const struct rs_shipment *s;
};

static int by_shipment_key(const void *a, const void *b)
{
    const struct shipment_row *x = a, *y = b;
    if (x->parcel_id != y->parcel_id) return x->parcel_id < y->parcel_id ? -1 : 1;
    int order = rs_str_cmp(x->s->marketplace, y->s->marketplace);
    if (!order) order = rs_str_cmp(x->s->order, y->s->order);
    if (order) return order;
    if (x->s->updated_us != y->s->updated_us) return x->s->updated_us < y->s->updated_us ? -1 : 1;
    order = rs_key_cmp(x->s->key, y->s->key);
    return order ? order : (x->message > y->message) - (x->message < y->message);
}

static const struct rs_place *shipment_origin(const void *list, uint32_t i)
{
    return &((const struct shipment_row *)list)[i].s->origin;
}

static const struct rs_place *shipment_destination(const void *list, uint32_t i)
{
    return &((const struct shipment_row *)list)[i].s->destination;
}

static uint32_t collect_shipments(const struct rs_work *work, struct shipment_row *ret)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < work->parcel_n; k++) {
        const struct rs_work_parcel *parcel = &work->parcel[k];
        for (uint32_t r = parcel->ref; r < parcel->ref + parcel->ref_n; r++) {
            uint32_t message = work->ref[r].message;
            if (work->ref[r].report) continue;
            if (ret)
                ret[n] = (struct shipment_row){parcel->id, message, rs_work_message(work, message)->message.shipment};
            n++;
        }
    }
    return n;
}

static int put_shipments(struct rs_work *work, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.shipment_updates (parcel_id, marketplace, order_id, updated_at, key, cancelled, "
        "published_at, topic, kafka_partition, kafka_offset, seller, service, dispatched_at, promised_from, "
        "promised_to, claim_from, claim_to, origin_country, origin_region, origin_city, origin_postcode, "
        "destination_country, destination_region, destination_city, destination_postcode) "
        "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::uuid[], $6::bool[], "
        "$7::timestamptz[], $8::smallint[], $9::int[], $10::bigint[], $11::text[], $12::text[], $13::timestamptz[], "
        "$14::timestamptz[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::text[], $19::text[], "
        "$20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[]) ON CONFLICT DO NOTHING RETURNING parcel_id";
    struct rs_pg_params *p = &work->params;
    uint32_t n = collect_shipments(work, NULL);
    if (!n) return RS_OK;
    struct shipment_row *row = rs_arena_get(work->arena, n * sizeof *row);
    collect_shipments(work, row);
    qsort(row, n, sizeof *row, by_shipment_key);
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, row[i].parcel_id));
    EACH(work, n, RS_PG_TEXT, rs_pg_array_bytes(p, row[i].s->marketplace.p, row[i].s->marketplace.n));
    EACH(work, n, RS_PG_TEXT, rs_pg_array_bytes(p, row[i].s->order.p, row[i].s->order.n));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, row[i].s->updated_us));
    EACH(work, n, RS_PG_UUID, rs_pg_array_bytes(p, row[i].s->key.b, 16));
    EACH(work, n, RS_PG_BOOL, {
        char cancelled = row[i].s->cancelled;
        rs_pg_array_bytes(p, &cancelled, 1);
    });
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, published_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT2, rs_pg_array_int2(p, topic_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT4, rs_pg_array_int4(p, number_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, offset_of(work, row[i].message)));
    EACH(work, n, RS_PG_TEXT, put_text(p, row[i].s->seller));
    EACH(work, n, RS_PG_TEXT, put_text(p, row[i].s->service));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, row[i].s->dispatched_us));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, row[i].s->promised.from_us));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, row[i].s->promised.to_us));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, row[i].s->claim.from_us));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, row[i].s->claim.to_us));
    put_place(work, n, shipment_origin, row);
    put_place(work, n, shipment_destination, row);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, add, p, &rows, diag);
    if (err) return err;
    work->counts.shipments += (uint64_t)rs_pg_affected(rows);
    rs_work_note_told(work, rows);
    return RS_OK;
}

/* ---- when parcels were first told of --------------------------------------------------------- */

static int by_parcel_id(const void *a, const void *b)
{
    const struct rs_work_parcel *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* Orders have rows that say when they were told. */
static bool is_earlier(const struct rs_work *work, const struct rs_work_parcel *parcel)
{
    bool reported = false;
    if (!parcel->exists || !parcel->earlier) return false;
    for (uint32_t r = parcel->ref; r < parcel->ref + parcel->ref_n; r++) reported |= work->ref[r].report != NULL;
    return reported;
}

/* What is read of one partition may have been told before what was read of
 * another, and say nothing that is new. */
static int put_first_told(struct rs_work *work, struct rs_diag *diag)
{
    static const char set[] =
        "UPDATE rastro.parcels p SET first_told_at = w.at FROM unnest($1::bigint[], $2::timestamptz[]) "
        "w (id, at) WHERE p.parcel_id = w.id AND w.at < coalesce(p.first_told_at, 'infinity') "
        "RETURNING p.parcel_id";
    const struct rs_work_parcel **parcel = rs_arena_get(work->arena, ((size_t)work->parcel_n + 1) * sizeof *parcel);
    struct rs_pg_rows *rows;
    uint32_t n = 0;
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (is_earlier(work, &work->parcel[i])) parcel[n++] = &work->parcel[i];
    }
    if (!n) return RS_OK;
    qsort(parcel, n, sizeof *parcel, by_parcel_id);
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(&work->params, parcel[i]->id));
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(&work->params, parcel[i]->told_us));
    int err = rs_pg_run(work->pg, set, &work->params, &rows, diag);
    if (!err) rs_work_note_told(work, rows);
    return err;
}

/* ---- wordings ---------------------------------------------------------------------------- */

static uint32_t collect_wordings(const struct rs_work *work, struct rs_work_wording *ret)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < work->parcel_n; k++) {
        const struct rs_work_parcel *parcel = &work->parcel[k];
        for (uint32_t r = parcel->ref; r < parcel->ref + parcel->ref_n; r++) {
            const struct rs_report *report = work->ref[r].report;
            for (uint32_t i = 0; report && i < report->event_count; i++) {
                if (!report->event[i].raw.n) continue;
                if (ret) ret[n] = (struct rs_work_wording){k, &report->event[i], work->ref[r].message};
                n++;
            }
        }
    }
    return n;
}

/* With --raw all: every wording of an event that is not the one in its row.
 * Packing is deterministic, so equal bytes have equal stored forms, apart from
 * rows of --raw new, whose bytes have a shape's number: their own wording, told
 * again, is kept once more. */
static int put_wordings(struct rs_work *work, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.event_wordings (parcel_id, fp, raw_key, raw, published_at, topic, kafka_partition, "
        "kafka_offset) SELECT DISTINCT ON (w.id, w.fp, w.k) w.* FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], "
        "$4::bytea[], $5::timestamptz[], $6::smallint[], $7::int[], $8::bigint[]) w (id, fp, k, raw, at, t, p, o) "
        "WHERE EXISTS (SELECT FROM rastro.event_rows e WHERE e.parcel_id = w.id AND e.fp = w.fp "
        "AND e.raw IS DISTINCT FROM w.raw) ORDER BY w.id, w.fp, w.k, w.t, w.p, w.o ON CONFLICT DO NOTHING";
    struct rs_pg_params *p = &work->params;
    if (work->sink->options.raw != RS_RAW_ALL) return RS_OK;
    uint32_t n = collect_wordings(work, NULL);
    if (!n) return RS_OK;
    struct rs_work_wording *row = rs_arena_get(work->arena, n * sizeof *row);
    collect_wordings(work, row);
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, work->parcel[row[i].parcel].id));
    EACH(work, n, RS_PG_UUID, rs_pg_array_bytes(p, row[i].event->fp.b, 16));
    EACH(work, n, RS_PG_UUID, {
        struct rs_key key = rs_key_of(row[i].event->raw.p, row[i].event->raw.n);
        rs_pg_array_bytes(p, key.b, 16);
    });
    EACH(work, n, RS_PG_BYTEA, {
        const struct rs_profile *profile = rs_work_message(work, row[i].message)->message.profile;
        rs_buf_clear(&work->raw);
        rs_raw_pack(work->coder, rs_sink_dictionary_of(work->sink, profile), row[i].event->raw, &work->raw);
        rs_pg_array_bytes(p, work->raw.p, (uint32_t)work->raw.n);
    });
    EACH(work, n, RS_PG_TIME, rs_pg_array_time(p, published_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT2, rs_pg_array_int2(p, topic_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT4, rs_pg_array_int4(p, number_of(work, row[i].message)));
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(p, offset_of(work, row[i].message)));
    return rs_pg_run(work->pg, add, p, NULL, diag);
}

int rs_work_rest(struct rs_work *work, struct rs_diag *diag)
{
    int err = put_changes(work, diag);
    if (!err) err = put_facts(work, diag);
    if (!err) err = put_links(work, diag);
    if (!err) err = put_first_told(work, diag);
    if (!err) err = put_wordings(work, diag);
    return err ? err : put_shipments(work, diag);
}
