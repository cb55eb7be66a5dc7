/* Parcels' rows: found and inserted. */
#include <stdlib.h>

#include "copy.h"
#include "sink_private.h"

/* The order in which parcels are inserted, everywhere: PostgreSQL's "C". */
static int key_cmp(const struct rs_parcel_key *a, const struct rs_parcel_key *b)
{
    int order = rs_str_cmp(a->number, b->number);
    if (!order) order = rs_str_cmp(a->issuer, b->issuer);
    return order ? order : rs_str_cmp(a->discriminator, b->discriminator);
}

static int by_key(const void *a, const void *b, void *work)
{
    const struct rs_work_parcel *parcel = ((const struct rs_work *)work)->parcel;
    return key_cmp(&parcel[*(const uint32_t *)a].key, &parcel[*(const uint32_t *)b].key);
}

/* ---- finding ---------------------------------------------------------------------- */

static void put_texts(struct rs_work *work, const uint32_t *at, uint32_t n,
                      struct rs_str (*get)(const struct rs_parcel_key *))
{
    rs_pg_array_open(&work->params, RS_PG_TEXT);
    for (uint32_t i = 0; i < n; i++) {
        struct rs_str s = get(&work->parcel[at[i]].key);
        rs_pg_array_bytes(&work->params, s.p, s.n);
    }
    rs_pg_array_close(&work->params);
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

int rs_work_find_rows(struct rs_work *work, struct rs_diag *diag)
{
    static const char find[] =
        "SELECT w.at, p.parcel_id "
        "FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]) w (number, issuer, discriminator, at) "
        "JOIN rastro.parcels p ON p.number = w.number COLLATE \"C\" AND p.issuer = w.issuer COLLATE \"C\" "
        "AND p.discriminator = w.discriminator COLLATE \"C\"";
    uint32_t *at = rs_arena_get(work->arena, (work->parcel_n + 1) * sizeof *at), n = 0;
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        const struct rs_work_parcel *parcel = &work->parcel[i];
        if (!parcel->exists && !parcel->added && parcel->way == RS_WAY_OPEN) at[n++] = i;
    }
    if (!n) return RS_OK;
    put_texts(work, at, n, number_of);
    put_texts(work, at, n, issuer_of);
    put_texts(work, at, n, discriminator_of);
    rs_pg_array_open(&work->params, RS_PG_INT4);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int4(&work->params, (int32_t)at[i]);
    rs_pg_array_close(&work->params);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, find, &work->params, &rows, diag);
    if (err) return err;
    for (int r = 0; r < rs_pg_count(rows); r++) {
        struct rs_work_parcel *parcel = &work->parcel[rs_pg_get_int(rows, r, 0)];
        parcel->id = rs_pg_get_int(rows, r, 1);
        parcel->exists = true;
    }
    return RS_OK;
}

/* Before the transaction, from a block that is taken on its own. */
int rs_work_take_ids(struct rs_work *work, struct rs_diag *diag)
{
    int err = RS_OK;
    for (uint32_t i = 0; !err && i < work->parcel_n; i++) {
        if (!work->parcel[i].exists) err = rs_sink_take_id(work->sink, &work->parcel[i].id, diag);
    }
    return err;
}

void rs_work_list_fresh(struct rs_work *work)
{
    work->fresh = rs_arena_get(work->arena, (work->parcel_n + 1) * sizeof *work->fresh);
    work->fresh_n = 0;
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (!work->parcel[i].exists) work->fresh[work->fresh_n++] = i;
    }
    if (work->fresh_n) qsort_r(work->fresh, work->fresh_n, sizeof *work->fresh, by_key, work);
}

/* ---- inserting ---------------------------------------------------------------------- */

static const char s10_letters[] = {'n', 'y', 'b'};

#define PARCEL_COLUMNS "parcel_id, first_told_at, s10, issuer, number, discriminator"
#define PARCEL_COLUMN_COUNT 6

/* A plan's parcels are new, or the plan is wrong: then a key ends it. */
static int copy_new_rows(struct rs_work *work, struct rs_diag *diag)
{
    static const char copy[] = "COPY rastro.parcels (" PARCEL_COLUMNS ") FROM STDIN (FORMAT binary)";
    rs_copy_begin(&work->more);
    for (uint32_t i = 0; i < work->fresh_n; i++) {
        struct rs_work_parcel *parcel = &work->parcel[work->fresh[i]];
        const struct rs_parcel_key *key = &parcel->key;
        char *to = rs_copy_row(&work->more, PARCEL_COLUMN_COUNT,
                               (size_t)key->issuer.n + key->number.n + key->discriminator.n);
        to = rs_copy_int8(to, parcel->id);
        to = rs_copy_time(to, parcel->told_us);
        to = rs_copy_char(to, s10_letters[parcel->s10]);
        to = rs_copy_bytes(to, key->issuer.p, key->issuer.n);
        to = rs_copy_bytes(to, key->number.p, key->number.n);
        to = rs_copy_bytes(to, key->discriminator.p, key->discriminator.n);
        rs_copy_row_end(&work->more, to);
        parcel->added = true;
    }
    rs_copy_end(&work->more);
    int err = rs_pg_copy(work->pg, copy, &work->more, NULL, diag);
    if (!err) work->counts.parcels += work->fresh_n;
    return err;
}

static void put_new_rows(struct rs_work *work)
{
    struct rs_pg_params *params = &work->params;
#define EACH_NEW(element, put)                                               \
    rs_pg_array_open(params, element);                                       \
    for (uint32_t i = 0; i < work->fresh_n; i++) {                           \
        const struct rs_work_parcel *parcel = &work->parcel[work->fresh[i]]; \
        put;                                                                 \
    }                                                                        \
    rs_pg_array_close(params)
    EACH_NEW(RS_PG_INT8, rs_pg_array_int8(params, parcel->id));
    EACH_NEW(RS_PG_TIME, rs_pg_array_time(params, parcel->told_us));
    EACH_NEW(RS_PG_CHAR, rs_pg_array_bytes(params, &s10_letters[parcel->s10], 1));
    put_texts(work, work->fresh, work->fresh_n, issuer_of);
    put_texts(work, work->fresh, work->fresh_n, number_of);
    put_texts(work, work->fresh, work->fresh_n, discriminator_of);
#undef EACH_NEW
}

static void forget_decisions(struct rs_work *work, uint32_t parcel)
{
    struct rs_work_parcel *p = &work->parcel[parcel];
    p->state = (struct rs_parcel_state){0};
    p->sum = (struct rs_track_counts){0};
    p->way = RS_WAY_OPEN;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < work->facts_n; i++) {
        if (work->facts[i].parcel != parcel) work->facts[kept++] = work->facts[i];
    }
    work->facts_n = kept;
    kept = 0;
    for (uint32_t i = 0; i < work->link_n; i++) {
        if (work->link[i].parcel != parcel) work->link[kept++] = work->link[i];
    }
    work->link_n = kept;
}

/* Those that somebody else inserted meanwhile are found again and then count as
 * ones that were there. */
static int find_losers(struct rs_work *work, struct rs_diag *diag)
{
    for (uint32_t i = 0; i < work->fresh_n; i++) {
        if (!work->parcel[work->fresh[i]].added) forget_decisions(work, work->fresh[i]);
    }
    int err = rs_work_find_rows(work, diag);
    for (uint32_t i = 0; !err && i < work->fresh_n; i++) {
        const struct rs_work_parcel *parcel = &work->parcel[work->fresh[i]];
        if (!parcel->exists && !parcel->added) err = rs_fail(diag, RS_E_CONFLICT, "a parcel is neither new nor there");
    }
    return err;
}

/* New parcels' events are decided before, for nobody else can know of them.  On
 * the safe path those that somebody else inserted meanwhile are looked up. */
int rs_work_parcels(struct rs_work *work, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.parcels (" PARCEL_COLUMNS ") "
        "SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::\"char\"[], $4::text[], $5::text[], "
        "$6::text[]) "
        "ON CONFLICT DO NOTHING RETURNING parcel_id";
    if (!work->fresh_n) return RS_OK;
    if (work->planned) return copy_new_rows(work, diag);
    put_new_rows(work);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, add, &work->params, &rows, diag);
    if (err) return err;
    uint32_t added = (uint32_t)rs_pg_count(rows);
    work->counts.parcels += added;
    /* Rows come back in the order in which they were sent. */
    for (uint32_t i = 0, next = 0; i < work->fresh_n; i++) {
        struct rs_work_parcel *parcel = &work->parcel[work->fresh[i]];
        parcel->added = next < added && rs_pg_get_int(rows, (int)next, 0) == parcel->id;
        next += parcel->added;
    }
    return added == work->fresh_n ? RS_OK : find_losers(work, diag);
}
