#include "rastro/stall_case.h"

#include "rastro/number.h"

/* How far a source's feed is, or with an empty name all that is read. */
struct feed {
    struct rs_str source, topic;
    int32_t partition;
    int64_t complete_us;
};

struct loading {
    struct rs_pg *pg;
    const struct rs_catalog *catalog;
    struct rs_arena *arena;
    const int64_t *parcel_id;
    struct rs_stall_case *c;
    uint32_t n;
    struct {
        int64_t asked, parcel_id;
    } * pair; /* every number of every journey */
    uint32_t pair_n;
    int64_t as_of_us;
    struct rs_pg_params params;
    struct feed *feed; /* that of all that is read comes first */
    uint32_t feed_n;
};

/* Rows of all statements begin with the parcel asked for, and are in its order;
 * most begin with the journeys of all. */
#define ASKED "unnest($1::bigint[]) a (asked) "
#define JOURNEYS "WITH j AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::bigint[]) j (asked, parcel_id)) "

/* A parcel's events, found by its id: OFFSET keeps them from being joined otherwise. */
#define BY_PARCEL(name, id) \
    "CROSS JOIN LATERAL (SELECT * FROM rastro.event_state_list s WHERE s.parcel_id = " id " OFFSET 0) " name " "

/* When a row was told: Kafka's time of its message, unless that lies ahead of when
 * it was read. */
#define TOLD(row) "least(" row ".published_at, " row ".recorded_at)"

static int ask(struct loading *l, const char *sql, struct rs_pg_rows **ret, struct rs_diag *diag)
{
    rs_pg_array_open(&l->params, RS_PG_INT8);
    for (uint32_t i = 0; i < l->n; i++) rs_pg_array_int8(&l->params, l->parcel_id[i]);
    rs_pg_array_close(&l->params);
    return rs_pg_run(l->pg, sql, &l->params, ret, diag);
}

static void put_journeys(struct loading *l)
{
    rs_pg_array_open(&l->params, RS_PG_INT8);
    for (uint32_t i = 0; i < l->pair_n; i++) rs_pg_array_int8(&l->params, l->pair[i].asked);
    rs_pg_array_close(&l->params);
    rs_pg_array_open(&l->params, RS_PG_INT8);
    for (uint32_t i = 0; i < l->pair_n; i++) rs_pg_array_int8(&l->params, l->pair[i].parcel_id);
    rs_pg_array_close(&l->params);
}

static int ask_of_journeys(struct loading *l, const char *sql, struct rs_pg_rows **ret, struct rs_diag *diag)
{
    put_journeys(l);
    return rs_pg_run(l->pg, sql, &l->params, ret, diag);
}

static int load_journeys(struct loading *l, struct rs_diag *diag)
{
    /* Most are handed over to nobody. */
    static const char sql[] = "SELECT a.asked, x.parcel_id FROM " ASKED
                              "JOIN rastro.parcel_list p ON p.parcel_id = a.asked, "
                              "LATERAL (SELECT a.asked UNION SELECT rastro.journey(a.asked) "
                              "WHERE EXISTS (SELECT FROM rastro.link_list l WHERE l.parcel_id = a.asked) "
                              "OR EXISTS (SELECT FROM rastro.link_list l WHERE l.number = p.number)) x (parcel_id)";
    struct rs_pg_rows *rows;
    int err = ask(l, sql, &rows, diag);
    if (err) return err;
    l->pair_n = (uint32_t)rs_pg_count(rows);
    l->pair = rs_arena_get(l->arena, ((size_t)l->pair_n + 1) * sizeof *l->pair);
    for (uint32_t i = 0; i < l->pair_n; i++) {
        l->pair[i].asked = rs_pg_get_int(rows, (int)i, 0);
        l->pair[i].parcel_id = rs_pg_get_int(rows, (int)i, 1);
    }
    return RS_OK;
}

/* The newest of what is known of it. */
static void note_told(struct rs_stall_case *c, int64_t told_us)
{
    if (told_us > c->told_us) c->told_us = told_us;
}

/* Behind the rows of the parcel that row `r` is of. */
static int behind(const struct rs_pg_rows *rows, int r)
{
    int64_t asked = rs_pg_get_int(rows, r, 0);
    while (r < rs_pg_count(rows) && rs_pg_get_int(rows, r, 0) == asked) r++;
    return r;
}

/* The case that row `r` is of. */
static struct rs_stall_case *case_of(struct loading *l, const struct rs_pg_rows *rows, int r)
{
    int64_t asked = rs_pg_get_int(rows, r, 0);
    uint32_t low = 0, high = l->n;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (l->parcel_id[middle] <= asked) low = middle;
        else high = middle;
    }
    return &l->c[low];
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

/* ---- events ------------------------------------------------------------------------ */

/* clang-format off */
#define EVENTS(from) JOURNEYS                                                                                              \
    "SELECT j.asked, t.instant, t.status, t.kind, t.fp, t.country, t.region, t.city, t.marks, t.parcel_id = j.asked, "     \
    "t.source, coalesce(t.text, t.code), p.number, coalesce(t.city, t.place), " TOLD("t") ", t.state = 'current', "        \
    "t.published_at FROM j JOIN rastro.parcel_list p USING (parcel_id) " from                                              \
    "ORDER BY j.asked, t.state = 'current', t.instant, t.source, coalesce(t.sequence, 0), t.rank, t.fp"
static const char events_sql[] = EVENTS(BY_PARCEL("t", "j.parcel_id"));
static const char events_as_of_sql[] = EVENTS(
    "JOIN rastro.event_states((SELECT array_agg(DISTINCT parcel_id) FROM j), $3) t USING (parcel_id) ");
/* clang-format on */
enum {
    E_ASKED,
    INSTANT,
    STATUS,
    KIND,
    FP,
    COUNTRY,
    REGION,
    CITY,
    MARKS,
    OWN,
    SOURCE,
    TEXT,
    NUMBER,
    PLACE,
    TOLD_AT,
    CURRENT,
    PUBLISHED
};

static void take_event(struct loading *l, const struct rs_pg_rows *rows, int r, const struct rs_status *status,
                       bool issued, struct rs_stall_event *event, struct rs_stall_words *words)
{
    char kind = (char)rs_pg_get_int(rows, r, KIND);
    *event = (struct rs_stall_event){
        .instant_us = rs_pg_get_time(rows, r, INSTANT),
        .status = status,
        .kind = kind == 's'   ? RS_EVENT_SCAN
                : kind == 'p' ? RS_EVENT_PLANNED
                              : RS_EVENT_REPORTED,
        .fp = rs_pg_get_key(rows, r, FP),
        .country = country_at(l, rows, r, COUNTRY),
        .region = text_at(l, rows, r, REGION),
        .city = text_at(l, rows, r, CITY),
        .marks = (uint16_t)rs_pg_get_int(rows, r, MARKS),
        .own = rs_pg_get_int(rows, r, OWN),
    };
    *words = (struct rs_stall_words){.source = text_at(l, rows, r, SOURCE),
                                     .text = text_at(l, rows, r, TEXT),
                                     .number = text_at(l, rows, r, NUMBER),
                                     .place = text_at(l, rows, r, PLACE)};
    if (event->own && !issued) event->carrier = rs_stall_carrier(l->catalog, words->source);
}

static int load_events(struct loading *l, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    bool now = l->as_of_us == RS_INSTANT_NONE;
    put_journeys(l);
    if (!now) rs_pg_time(&l->params, l->as_of_us);
    int err = rs_pg_run(l->pg, now ? events_sql : events_as_of_sql, &l->params, &rows, diag);
    for (int r = 0, end; !err && r < rs_pg_count(rows); r = end) {
        struct rs_stall_case *c = case_of(l, rows, r);
        end = behind(rows, r);
        /* What is not current any more comes first: it was told all the same. */
        for (int i = r; i < end; i++) {
            note_told(c, rs_pg_get_time(rows, i, TOLD_AT));
            int64_t published = rs_pg_get_time(rows, i, PUBLISHED);
            bool first = rs_pg_get_int(rows, i, OWN) && published < c->parcel.registered_us;
            if (first) c->parcel.registered_us = published;
            r += !rs_pg_get_int(rows, i, CURRENT);
        }
        if (end - r > RS_STALL_EVENTS_MAX) r = end - RS_STALL_EVENTS_MAX;
        struct rs_stall_event *event = rs_arena_get(l->arena, (size_t)(end - r) * sizeof *event);
        c->words = rs_arena_get(l->arena, (size_t)(end - r) * sizeof *c->words);
        uint32_t n = 0;
        for (; r < end; r++) {
            const struct rs_status *status = rs_status_numbered(l->catalog, rs_pg_get_int(rows, r, STATUS));
            if (!status) continue; /* a newer release's */
            take_event(l, rows, r, status, c->parcel.carrier.n > 0, &event[n], &c->words[n]);
            n++;
        }
        c->parcel.event = event;
        c->parcel.event_n = n;
    }
    return err;
}

/* ---- orders -------------------------------------------------------------------------- */

/* All updates of the orders that ever named a number of the journey; one that
 * names none of them any more is off, as far as this parcel goes. */
static int load_orders(struct loading *l, struct rs_diag *diag)
{
    static const char sql[] = JOURNEYS
        ", k AS (SELECT DISTINCT j.asked, o.marketplace, o.order_id FROM rastro.shipment_list o JOIN j USING (parcel_id)) "
        "SELECT k.asked, dense_rank() OVER (PARTITION BY k.asked ORDER BY u.marketplace, u.order_id) - 1, u.updated_at, "
        "u.cancelled OR NOT bool_or(EXISTS (SELECT FROM j WHERE j.asked = k.asked AND j.parcel_id = u.parcel_id)), "
        "u.dispatched_at, u.promised_to, u.destination_country, u.destination_region, u.destination_city, "
        "u.destination_postcode, u.service, u.seller, max(" TOLD(
            "u") ") FROM k JOIN rastro.shipment_list u USING (marketplace, order_id) "
                 "GROUP BY k.asked, u.marketplace, u.order_id, u.updated_at, u.key, u.cancelled, u.dispatched_at, u.promised_to, "
                 "u.destination_country, u.destination_region, u.destination_city, u.destination_postcode, u.service, u.seller "
                 "ORDER BY k.asked, u.updated_at, u.key";
    struct rs_pg_rows *rows;
    int err = ask_of_journeys(l, sql, &rows, diag);
    for (int r = 0, end; !err && r < rs_pg_count(rows); r = end) {
        struct rs_stall_case *c = case_of(l, rows, r);
        end = behind(rows, r);
        struct rs_stall_order *order = rs_arena_get(l->arena, (size_t)(end - r) * sizeof *order);
        c->parcel.order = order;
        c->parcel.order_n = (uint32_t)(end - r);
        for (; r < end; r++) {
            *order++ = (struct rs_stall_order){
                .order = (uint32_t)rs_pg_get_int(rows, r, 1),
                .updated_us = rs_pg_get_time(rows, r, 2),
                .cancelled = rs_pg_get_int(rows, r, 3),
                .dispatched_us = rs_pg_get_time(rows, r, 4),
                .promised_us = rs_pg_get_time(rows, r, 5),
                .country = country_at(l, rows, r, 6),
                .region = text_at(l, rows, r, 7),
                .city = text_at(l, rows, r, 8),
                .postcode = text_at(l, rows, r, 9),
            };
            struct rs_str service = text_at(l, rows, r, 10), seller = text_at(l, rows, r, 11);
            if (service.n) c->parcel.service = service;
            if (seller.n) c->seller = seller;
            note_told(c, rs_pg_get_time(rows, r, 12));
        }
    }
    return err;
}

/* ---- the parcels themselves ------------------------------------------------------------- */

/* What sources say of it: of each fact the one published last. */
static int load_facts(struct loading *l, struct rs_diag *diag)
{
#define LAST(column) "(array_agg(f." column " ORDER BY f." column " IS NULL, f.published_at DESC, f.source_name))[1]"
    static const char sql[] = JOURNEYS
        "SELECT j.asked, " LAST("origin_country") ", " LAST("destination_country") ", " LAST("service") ", " LAST(
            "promised_to") ", max(" TOLD("f") ") FROM rastro.fact_list f JOIN j USING (parcel_id) WHERE f.current GROUP BY 1 ORDER BY 1";
#undef LAST
    struct rs_pg_rows *rows;
    int err = ask_of_journeys(l, sql, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        struct rs_stall_case *c = case_of(l, rows, r);
        struct rs_stall_parcel *parcel = &c->parcel;
        note_told(c, rs_pg_get_time(rows, r, 5));
        struct rs_str origin = country_at(l, rows, r, 1);
        if (origin.n) parcel->origin = origin;
        parcel->destination = country_at(l, rows, r, 2);
        if (!parcel->service.n) parcel->service = text_at(l, rows, r, 3);
        parcel->promised_us = rs_pg_get_time(rows, r, 4);
    }
    return err;
}

static int load_parcels(struct loading *l, struct rs_diag *diag)
{
    static const char sql[] =
        "SELECT a.asked, p.number, p.issuer, p.s10, p.bad_check_digit, least(p.recorded_at, p.first_told_at, "
        "(SELECT min(u.updated_at) FROM rastro.shipment_list u WHERE u.parcel_id = p.parcel_id)) "
        "FROM " ASKED "JOIN rastro.parcel_list p ON p.parcel_id = a.asked ORDER BY 1";
    struct rs_pg_rows *rows;
    int err = ask(l, sql, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        struct rs_stall_case *c = case_of(l, rows, r);
        struct rs_stall_parcel *parcel = &c->parcel;
        c->parcel_id = rs_pg_get_int(rows, r, 0);
        c->number = text_at(l, rows, r, 1);
        parcel->carrier = text_at(l, rows, r, 2);
        parcel->s10 = rs_pg_get_int(rows, r, 3) ? RS_S10_OK : rs_pg_get_int(rows, r, 4) ? RS_S10_BAD : RS_S10_NO;
        parcel->registered_us = rs_pg_get_time(rows, r, 5);
        const struct rs_carrier *issuer = rs_carrier_named(l->catalog, parcel->carrier);
        parcel->untracked = issuer && issuer->untracked;
        /* Its last two letters are the country that it was sent from. */
        if (parcel->s10 == RS_S10_OK) parcel->origin = (struct rs_str){c->number.p + c->number.n - 2, 2};
    }
    return err;
}

static int load_hand_overs(struct loading *l, struct rs_diag *diag)
{
    /* clang-format off */
    static const char sql[] =
        "WITH given AS MATERIALIZED ("
        "SELECT a.asked, l.parcel_id AS from_id, q.parcel_id AS to_id, l.published_at AS told, " TOLD("l") " AS read "
        "FROM " ASKED "JOIN rastro.link_list l ON l.parcel_id = a.asked JOIN rastro.parcel_list q ON q.number = l.number "
        "AND (l.issuer IS NULL OR q.issuer IS NULL OR q.issuer = l.issuer) WHERE q.parcel_id <> a.asked "
        "UNION ALL SELECT a.asked, l.parcel_id, a.asked, l.published_at, " TOLD("l") " FROM " ASKED
        "JOIN rastro.parcel_list p ON p.parcel_id = a.asked JOIN rastro.link_list l ON l.number = p.number "
        "AND (l.issuer IS NULL OR p.issuer IS NULL OR p.issuer = l.issuer) WHERE l.parcel_id <> a.asked), "
        "first AS (SELECT t.parcel_id, min(t.instant) AS at FROM (SELECT DISTINCT to_id FROM given) g "
        BY_PARCEL("t", "g.to_id") "WHERE t.state = 'current' "
        "AND t.kind = 's' AND t.stage NOT IN ('info', 'unknown') GROUP BY 1), "
        "dated AS (SELECT g.asked, g.from_id, g.to_id, "
        "(SELECT p.number FROM rastro.parcel_list p WHERE p.parcel_id = g.from_id) AS number, "
        "min(g.told) AS told, max(g.read) AS read, "
        "least(min(g.told), min(f.at)) AS at FROM given g LEFT JOIN first f ON f.parcel_id = g.to_id GROUP BY 1, 2, 3), "
        /* Of two numbers that name each other the one that was told to go on first had it first. */
        "one_way AS (SELECT d.* FROM dated d WHERE NOT EXISTS (SELECT FROM dated b WHERE b.asked = d.asked "
        "AND b.from_id = d.to_id AND b.to_id = d.from_id AND (b.told, b.number) < (d.told, d.number))) "
        "SELECT asked, min(at) FILTER (WHERE to_id = asked), min(at) FILTER (WHERE from_id = asked), "
        "(SELECT max(d.read) FROM dated d WHERE d.asked = o.asked) FROM one_way o GROUP BY 1 ORDER BY 1";
    /* clang-format on */
    struct rs_pg_rows *rows;
    int err = ask(l, sql, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        struct rs_stall_case *c = case_of(l, rows, r);
        struct rs_stall_parcel *parcel = &c->parcel;
        note_told(c, rs_pg_get_time(rows, r, 3));
        if (!rs_pg_is_null(rows, r, 1)) parcel->handed_from_us = rs_pg_get_time(rows, r, 1);
        if (!rs_pg_is_null(rows, r, 2)) parcel->handed_to_us = rs_pg_get_time(rows, r, 2);
        if (parcel->handed_to_us < parcel->handed_from_us) parcel->handed_to_us = parcel->handed_from_us;
    }
    return err;
}

/* ---- who looks ------------------------------------------------------------------------------- */

static int load_feeds(struct loading *l, struct rs_diag *diag)
{
    static const char sql[] = "SELECT '', s.complete_to, s.topic, s.partition FROM (SELECT 1) one "
                              "LEFT JOIN rastro.slowest_list s ON true "
                              "UNION ALL SELECT f.source, f.complete_to, f.topic, f.partition FROM rastro.feed_list f";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(l->pg, sql, NULL, &rows, diag);
    if (err) return err;
    l->feed_n = (uint32_t)rs_pg_count(rows);
    l->feed = rs_arena_get(l->arena, ((size_t)l->feed_n + 1) * sizeof *l->feed);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        l->feed[r] = (struct feed){
            .source = text_at(l, rows, r, 0),
            .complete_us = rs_pg_get_time(rows, r, 1),
            .topic = text_at(l, rows, r, 2),
            .partition = (int32_t)rs_pg_get_int(rows, r, 3),
        };
    }
    return RS_OK;
}

static void take_feed(struct rs_stall_case *c, const struct feed *feed)
{
    c->feed_us = feed->complete_us;
    c->feed_source = feed->source;
    c->feed_topic = feed->topic;
    c->feed_partition = feed->partition;
}

/* When its sources looked, and how far the one is that is furthest behind: that is
 * further behind than all that is read only where it is silent. */
static int load_looks(struct loading *l, struct rs_diag *diag)
{
    static const char sql[] = JOURNEYS
        "SELECT j.asked, k.source, max(k.looked_at), max(least(k.published_at, now())) FILTER (WHERE k.published_at IS NOT NULL), min(k.source_number) "
        "FROM rastro.look_list k JOIN j USING (parcel_id) GROUP BY 1, 2 ORDER BY 1, 2";
    struct rs_pg_rows *rows;
    int err = ask_of_journeys(l, sql, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        struct rs_stall_case *c = case_of(l, rows, r);
        note_told(c, rs_pg_get_time(rows, r, 3));
        struct rs_str source = rs_pg_get_str(rows, r, 1);
        int64_t looked = rs_pg_get_time(rows, r, 2);
        if (looked > c->looked_us) {
            c->looked_us = looked;
            c->looked_by = text_at(l, rows, r, 1);
        }
        for (uint32_t f = 1; f < l->feed_n; f++) {
            if (!rs_str_eq(l->feed[f].source, source)) continue;
            if (c->feed_topic.n && l->feed[f].complete_us >= c->feed_us) continue;
            take_feed(c, &l->feed[f]);
            c->feed_number = (int32_t)rs_pg_get_int(rows, r, 4);
        }
    }
    for (uint32_t i = 0; !err && i < l->n; i++) {
        struct rs_stall_case *c = &l->c[i];
        const struct feed *all = &l->feed[0];
        bool later = c->feed_topic.n && (!all->topic.n || all->complete_us >= c->feed_us);
        if (later) continue;
        take_feed(c, all);
        c->feed_number = 0;
    }
    return err;
}

int rs_stall_cases_load(struct rs_pg *pg, const struct rs_catalog *catalog, const int64_t *parcel_id, uint32_t n,
                        int64_t as_of_us, struct rs_arena *arena, struct rs_stall_case *ret, struct rs_diag *diag)
{
    struct loading l = {
        .pg = pg, .catalog = catalog, .arena = arena, .parcel_id = parcel_id, .c = ret, .n = n, .as_of_us = as_of_us};
    for (uint32_t i = 0; i < n; i++) {
        ret[i] = (struct rs_stall_case){
            .feed_us = RS_INSTANT_NONE, .looked_us = RS_INSTANT_NONE, .told_us = RS_INSTANT_NONE};
        ret[i].parcel.promised_us = RS_INSTANT_NONE;
        ret[i].parcel.handed_from_us = INT64_MIN;
        ret[i].parcel.handed_to_us = INT64_MAX;
    }
    if (!n) return RS_OK;
    int err = load_feeds(&l, diag); /* first, see stall_case.h */
    if (!err) err = load_journeys(&l, diag);
    if (!err) err = load_parcels(&l, diag);
    if (!err) err = load_events(&l, diag);
    if (!err) err = load_orders(&l, diag);
    if (!err) err = load_facts(&l, diag);
    if (!err) err = load_hand_overs(&l, diag);
    if (!err) err = load_looks(&l, diag);
    rs_pg_params_free(&l.params);
    return err;
}
