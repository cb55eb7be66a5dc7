#include "rastro/stall_case.h"

#include "rastro/number.h"

/* A journey has at most this many numbers, as rastro.journey says. */
struct loading {
    struct rs_pg *pg;
    const struct rs_catalog *catalog;
    struct rs_arena *arena;
    struct rs_stall_case *c;
    int64_t as_of_us;
    struct rs_pg_params params;
};

/* Every statement begins with the journey of $1. */
#define JOURNEY "WITH j AS MATERIALIZED (SELECT j AS parcel_id FROM rastro.journey($1) j) "

static int ask(struct loading *l, const char *sql, struct rs_pg_rows **ret, struct rs_diag *diag)
{
    rs_pg_int8(&l->params, l->c->parcel_id);
    return rs_pg_run(l->pg, sql, &l->params, ret, diag);
}

static struct rs_str text_at(struct loading *l, const struct rs_pg_rows *rows, int r, int column)
{
    return rs_pg_is_null(rows, r, column) ? RS_STR_NONE : rs_arena_str(l->arena, rs_pg_get_str(rows, r, column));
}

/* As the source said it, to a country's two letters. */
static struct rs_str country_at(struct loading *l, const struct rs_pg_rows *rows, int r, int column)
{
    const struct rs_country *country = rs_country_of(l->catalog, rs_pg_get_str(rows, r, column));
    return country ? country->iso2 : RS_STR_NONE;
}

static const struct rs_status *status_of(const struct rs_catalog *catalog, int64_t id)
{
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        if (catalog->status[i].id == id) return &catalog->status[i];
    }
    return NULL; /* a newer release's */
}

/* ---- events ------------------------------------------------------------------------ */

static void take_event(struct loading *l, const struct rs_pg_rows *rows, int r, const struct rs_status *status,
                       struct rs_stall_event *event)
{
    char kind = (char)rs_pg_get_int(rows, r, 2);
    *event = (struct rs_stall_event){
        .instant_us = rs_pg_get_time(rows, r, 0),
        .status = status,
        .kind = kind == 's'   ? RS_EVENT_SCAN
                : kind == 'p' ? RS_EVENT_PLANNED
                              : RS_EVENT_REPORTED,
        .fp = rs_pg_get_key(rows, r, 3),
        .country = country_at(l, rows, r, 4),
        .region = text_at(l, rows, r, 5),
        .city = text_at(l, rows, r, 6),
        .own = rs_pg_get_int(rows, r, 9),
    };
    if (rs_pg_get_int(rows, r, 7)) event->marks |= RS_MARK_synthetic;
    if (rs_pg_get_int(rows, r, 8)) event->marks |= RS_MARK_future;
}

static int load_events(struct loading *l, struct rs_diag *diag)
{
    static const char sql[] = JOURNEY
        "SELECT t.instant, t.status, t.kind, t.fp, t.country, t.region, t.city, 'synthetic' = ANY (t.marks), "
        "'future' = ANY (t.marks), t.parcel_id = $1, t.source, coalesce(t.text, t.code), p.number, "
        "coalesce(t.city, t.place) "
        "FROM rastro.timeline((SELECT array_agg(parcel_id) FROM j), coalesce($2, 'infinity'::timestamptz)) t "
        "JOIN rastro.parcel_list p USING (parcel_id) "
        "WHERE t.state = 'current' ORDER BY t.instant, t.source, coalesce(t.sequence, 0), t.rank, t.fp";
    struct rs_pg_rows *rows;
    rs_pg_int8(&l->params, l->c->parcel_id);
    rs_pg_time(&l->params, l->as_of_us);
    int err = rs_pg_run(l->pg, sql, &l->params, &rows, diag);
    if (err) return err;
    size_t room = (size_t)rs_pg_count(rows) + 1;
    struct rs_stall_event *event = rs_arena_get(l->arena, room * sizeof *event);
    l->c->words = rs_arena_get(l->arena, room * sizeof *l->c->words);
    uint32_t n = 0;
    for (int r = 0; r < rs_pg_count(rows); r++) {
        const struct rs_status *status = status_of(l->catalog, rs_pg_get_int(rows, r, 1));
        if (!status) continue;
        take_event(l, rows, r, status, &event[n]);
        l->c->words[n++] = (struct rs_stall_words){.source = text_at(l, rows, r, 10),
                                                   .text = text_at(l, rows, r, 11),
                                                   .number = text_at(l, rows, r, 12),
                                                   .place = text_at(l, rows, r, 13)};
    }
    l->c->parcel.event = event;
    l->c->parcel.event_n = n;
    return RS_OK;
}

/* ---- orders -------------------------------------------------------------------------- */

/* All updates of the orders that ever named a number of the journey; one that
 * names none of them any more is off, as far as this parcel goes. */
static int load_orders(struct loading *l, struct rs_diag *diag)
{
    static const char sql[] = JOURNEY
        "SELECT dense_rank() OVER (ORDER BY u.marketplace, u.order_id) - 1, u.updated_at, "
        "u.cancelled OR NOT bool_or(u.parcel_id IN (SELECT parcel_id FROM j)), u.dispatched_at, u.promised_to, "
        "u.destination_country, u.destination_region, u.destination_city, u.destination_postcode, u.service "
        "FROM rastro.shipment_list u WHERE (u.marketplace, u.order_id) IN "
        "(SELECT o.marketplace, o.order_id FROM rastro.shipment_list o JOIN j USING (parcel_id)) "
        "GROUP BY u.marketplace, u.order_id, u.updated_at, u.key, u.cancelled, u.dispatched_at, u.promised_to, "
        "u.destination_country, u.destination_region, u.destination_city, u.destination_postcode, u.service "
        "ORDER BY u.updated_at, u.key";
    struct rs_pg_rows *rows;
    int err = ask(l, sql, &rows, diag);
    if (err) return err;
    uint32_t n = (uint32_t)rs_pg_count(rows);
    struct rs_stall_order *order = rs_arena_get(l->arena, ((size_t)n + 1) * sizeof *order);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        order[r] = (struct rs_stall_order){
            .order = (uint32_t)rs_pg_get_int(rows, r, 0),
            .updated_us = rs_pg_get_time(rows, r, 1),
            .cancelled = rs_pg_get_int(rows, r, 2),
            .dispatched_us = rs_pg_get_time(rows, r, 3),
            .promised_us = rs_pg_get_time(rows, r, 4),
            .country = country_at(l, rows, r, 5),
            .region = text_at(l, rows, r, 6),
            .city = text_at(l, rows, r, 7),
            .postcode = text_at(l, rows, r, 8),
        };
        struct rs_str service = text_at(l, rows, r, 9);
        if (service.n) l->c->parcel.service = service;
    }
    l->c->parcel.order = order;
    l->c->parcel.order_n = n;
    return RS_OK;
}

/* ---- the parcel itself ------------------------------------------------------------------ */

/* What sources say of it: of each fact the one published last. */
static int load_facts(struct loading *l, struct rs_diag *diag)
{
#define LAST(column) "(array_agg(f." column " ORDER BY f." column " IS NULL, f.published_at DESC, f.source_name))[1]"
    static const char sql[] = JOURNEY "SELECT " LAST("origin_country") ", " LAST("destination_country") ", " LAST(
        "service") ", " LAST("promised_to") " FROM rastro.fact_list f JOIN j USING (parcel_id) WHERE f.current";
#undef LAST
    struct rs_pg_rows *rows;
    struct rs_stall_parcel *parcel = &l->c->parcel;
    int err = ask(l, sql, &rows, diag);
    if (err) return err;
    struct rs_str origin = country_at(l, rows, 0, 0), destination = country_at(l, rows, 0, 1);
    if (origin.n) parcel->origin = origin;
    parcel->destination = destination;
    if (!parcel->service.n) parcel->service = text_at(l, rows, 0, 2);
    parcel->promised_us = rs_pg_get_time(rows, 0, 3);
    return RS_OK;
}

static int load_parcel(struct loading *l, struct rs_diag *diag)
{
    static const char sql[] =
        "SELECT p.number, p.issuer, p.s10, p.bad_check_digit, "
        "least(p.recorded_at, (SELECT min(u.updated_at) FROM rastro.shipment_list u WHERE u.parcel_id = p.parcel_id), "
        "(SELECT min(t.published_at) FROM rastro.timeline(ARRAY[p.parcel_id]) t)) "
        "FROM rastro.parcel_list p WHERE p.parcel_id = $1";
    struct rs_pg_rows *rows;
    struct rs_stall_parcel *parcel = &l->c->parcel;
    int err = ask(l, sql, &rows, diag);
    if (!err && !rs_pg_count(rows))
        err = rs_fail(diag, RS_E_ANSWER_NO, "parcel %lld is gone", (long long)l->c->parcel_id);
    if (err) return err;
    l->c->number = text_at(l, rows, 0, 0);
    parcel->carrier = text_at(l, rows, 0, 1);
    parcel->s10 = rs_pg_get_int(rows, 0, 2) ? RS_S10_OK : rs_pg_get_int(rows, 0, 3) ? RS_S10_BAD : RS_S10_NO;
    parcel->registered_us = rs_pg_get_time(rows, 0, 4);
    /* Its last two letters are the country that it was sent from. */
    if (parcel->s10 == RS_S10_OK) parcel->origin = (struct rs_str){l->c->number.p + l->c->number.n - 2, 2};
    return RS_OK;
}

/* A valid S10 number has no issuer: whoever saw the parcel last, if a carrier. */
static void find_carrier(struct loading *l)
{
    struct rs_stall_parcel *parcel = &l->c->parcel;
    for (uint32_t i = parcel->event_n; !parcel->carrier.n && i-- > 0;) {
        const struct rs_stall_event *event = &parcel->event[i];
        if (!event->own || event->kind != RS_EVENT_SCAN) continue;
        const struct rs_carrier *carrier = rs_stall_carrier(l->catalog, l->c->words[i].source);
        if (carrier) parcel->carrier = carrier->id;
    }
    const struct rs_carrier *carrier = rs_carrier_named(l->catalog, parcel->carrier);
    parcel->untracked = carrier && carrier->untracked;
}

static int load_hand_overs(struct loading *l, struct rs_diag *diag)
{
    static const char sql[] =
        "WITH given AS ("
        "SELECT l.parcel_id AS from_id, q.parcel_id AS to_id, min(l.published_at) AS told "
        "FROM rastro.link_list l JOIN rastro.parcel_list q "
        "ON q.number = l.number AND (l.issuer IS NULL OR q.issuer IS NULL OR q.issuer = l.issuer) "
        "WHERE $1 IN (l.parcel_id, q.parcel_id) AND l.parcel_id <> q.parcel_id GROUP BY 1, 2), "
        "dated AS (SELECT g.*, least(g.told, (SELECT min(t.instant) FROM rastro.timeline(ARRAY[g.to_id]) t "
        "WHERE t.state = 'current' AND t.kind = 's' AND t.stage NOT IN ('info', 'unknown'))) AS at FROM given g), "
        /* Of two numbers that name each other the one that was told to go on first had it first. */
        "one_way AS (SELECT d.* FROM dated d WHERE NOT EXISTS (SELECT FROM dated b WHERE b.from_id = d.to_id "
        "AND b.to_id = d.from_id AND (b.told, b.from_id) < (d.told, d.from_id))) "
        "SELECT (SELECT min(at) FROM one_way WHERE to_id = $1), (SELECT min(at) FROM one_way WHERE from_id = $1)";
    struct rs_pg_rows *rows;
    struct rs_stall_parcel *parcel = &l->c->parcel;
    int err = ask(l, sql, &rows, diag);
    if (err) return err;
    parcel->handed_from_us = rs_pg_is_null(rows, 0, 0) ? INT64_MIN : rs_pg_get_time(rows, 0, 0);
    parcel->handed_to_us = rs_pg_is_null(rows, 0, 1) ? INT64_MAX : rs_pg_get_time(rows, 0, 1);
    if (parcel->handed_to_us < parcel->handed_from_us) parcel->handed_to_us = parcel->handed_from_us;
    return RS_OK;
}

/* ---- who looks ------------------------------------------------------------------------------- */

/* Where no source told of it, its first scan may come on any partition. */
static int load_feed(struct loading *l, struct rs_diag *diag)
{
    static const char told[] = JOURNEY
        "SELECT f.source, f.complete_to, f.topic, f.partition FROM rastro.feed_list f "
        "WHERE f.source IN (SELECT k.source FROM rastro.look_list k JOIN j USING (parcel_id)) "
        "UNION ALL SELECT NULL, p.complete_to, p.topic, p.partition FROM rastro.position_list p "
        "WHERE NOT EXISTS (SELECT FROM rastro.look_list k JOIN j USING (parcel_id)) "
        "ORDER BY 2 NULLS FIRST, 1, 3, 4 LIMIT 1";
    struct rs_pg_rows *rows;
    struct rs_stall_case *c = l->c;
    c->feed_us = RS_INSTANT_NONE;
    int err = ask(l, told, &rows, diag);
    if (err || !rs_pg_count(rows)) return err;
    c->feed_source = text_at(l, rows, 0, 0);
    c->feed_us = rs_pg_get_time(rows, 0, 1);
    c->feed_topic = text_at(l, rows, 0, 2);
    c->feed_partition = (int32_t)rs_pg_get_int(rows, 0, 3);
    return RS_OK;
}

static int load_look(struct loading *l, struct rs_diag *diag)
{
    static const char looked[] = JOURNEY
        "SELECT k.source, k.looked_at FROM rastro.look_list k JOIN j USING (parcel_id) "
        "ORDER BY k.looked_at DESC, k.source LIMIT 1";
    struct rs_pg_rows *rows;
    l->c->looked_us = RS_INSTANT_NONE;
    int err = ask(l, looked, &rows, diag);
    if (err || !rs_pg_count(rows)) return err;
    l->c->looked_by = text_at(l, rows, 0, 0);
    l->c->looked_us = rs_pg_get_time(rows, 0, 1);
    return RS_OK;
}

int rs_stall_case_load(struct rs_pg *pg, const struct rs_catalog *catalog, int64_t parcel_id, int64_t as_of_us,
                       struct rs_arena *arena, struct rs_stall_case *ret, struct rs_diag *diag)
{
    struct loading l = {.pg = pg, .catalog = catalog, .arena = arena, .c = ret, .as_of_us = as_of_us};
    *ret = (struct rs_stall_case){.parcel_id = parcel_id};
    int err = load_parcel(&l, diag);
    if (!err) err = load_events(&l, diag);
    if (!err) err = load_orders(&l, diag);
    if (!err) err = load_facts(&l, diag);
    if (!err) err = load_hand_overs(&l, diag);
    if (!err) err = load_feed(&l, diag);
    if (!err) err = load_look(&l, diag);
    if (!err) find_carrier(&l);
    rs_pg_params_free(&l.params);
    return err;
}
