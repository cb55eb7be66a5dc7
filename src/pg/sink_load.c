/* What PostgreSQL knows of a batch's parcels, under locks where a decision
 * depends on nobody else deciding at the same time. */
#include "sink_private.h"

/* ---- sources' views ------------------------------------------------------------- */

/* A pair of parcel and source that the batch tells of. */
struct pair {
    uint32_t parcel;
    int32_t source;
    bool decides;
};

/* A source that tells histories has a view that others decide by, also where
 * this message only adds to it; any other one's may be told when it looked. */
static bool needs_view(const struct rs_work *work, const struct rs_work_ref *ref)
{
    const struct rs_report *report = ref->report;
    const struct rs_profile *profile = rs_work_message(work, ref->message)->message.profile;
    return report->facts || (report->event_count && profile && rs_profile_tells_histories(profile));
}

static uint32_t collect_pairs(struct rs_work *work, struct pair *ret)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < work->parcel_n; p++) {
        const struct rs_work_parcel *parcel = &work->parcel[p];
        if (!parcel->exists) continue;
        uint32_t first = n;
        for (uint32_t r = parcel->ref; r < parcel->ref + parcel->ref_n; r++) {
            if (!work->ref[r].report) continue;
            int32_t source = work->source[work->ref[r].message - work->from];
            uint32_t k = first;
            while (k < n && ret[k].source != source) k++;
            if (k == n) ret[n++] = (struct pair){p, source, false};
            ret[k].decides |= needs_view(work, &work->ref[r]);
        }
    }
    return n;
}

static void put_pairs(struct rs_work *work, const struct pair *pair, uint32_t n)
{
    rs_pg_array_open(&work->params, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int8(&work->params, work->parcel[pair[i].parcel].id);
    rs_pg_array_close(&work->params);
    rs_pg_array_open(&work->params, RS_PG_INT2);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int2(&work->params, (int16_t)pair[i].source);
    rs_pg_array_close(&work->params);
    rs_pg_array_open(&work->params, RS_PG_INT4);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int4(&work->params, (int32_t)pair[i].parcel);
    rs_pg_array_close(&work->params);
}

static void read_view(struct rs_work *work, const struct rs_pg_rows *rows, int r)
{
    struct rs_work_parcel *parcel = &work->parcel[rs_pg_get_int(rows, r, 0)];
    int32_t source = (int32_t)rs_pg_get_int(rows, r, 1);
    struct rs_view *view = rs_track_view(&parcel->state, source);
    if (!view) view = rs_track_add_view(&parcel->state, work->arena);
    *view = (struct rs_view){
        .source = source,
        .order =
            {
                .at_us = rs_pg_get_int(rows, r, 2),
                .count = (int32_t)rs_pg_get_int(rows, r, 3),
                .published_us = rs_pg_get_int(rows, r, 4),
                .topic = (int32_t)rs_pg_get_int(rows, r, 5),
                .partition = (int32_t)rs_pg_get_int(rows, r, 6),
                .offset = rs_pg_get_int(rows, r, 7),
                .identity = (int32_t)rs_pg_get_int(rows, r, 11),
            },
        .rev = (int32_t)rs_pg_get_int(rows, r, 8),
        .version = (uint32_t)rs_pg_get_int(rows, r, 12),
        .looked_us = rs_pg_get_time(rows, r, 9),
        .has_facts = !rs_pg_is_null(rows, r, 10),
        .facts = rs_pg_get_key(rows, r, 10),
        .stored = true,
    };
}

#define VIEW_COLUMNS                                                                \
    "w.at, v.source, v.order_at, v.order_count, v.order_published, v.order_topic, " \
    "v.order_partition, v.order_offset, v.rev, v.looked_at, v.facts_key, v.order_identity, v.version "

static int lock_pairs(struct rs_work *work, const struct pair *pair, uint32_t n, int *ret_found, struct rs_diag *diag)
{
    static const char lock[] =
        "SELECT " VIEW_COLUMNS "FROM unnest($1::bigint[], $2::smallint[], $3::int[]) w (parcel_id, source, at) "
        "JOIN rastro.source_views v USING (parcel_id, source) ORDER BY v.parcel_id, v.source FOR UPDATE OF v";
    put_pairs(work, pair, n);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, lock, &work->params, &rows, diag);
    if (err) return err;
    for (int r = 0; r < rs_pg_count(rows); r++) read_view(work, rows, r);
    *ret_found = rs_pg_count(rows);
    return RS_OK;
}

/* Makes those that decide and are not there.  If somebody else made one meanwhile
 * it cannot be locked now, behind later ones: all is tried again, and then it is
 * there. */
static int add_missing(struct rs_work *work, struct pair *pair, uint32_t n, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.source_views (parcel_id, source, rev, order_at, order_count, order_published, "
        "order_topic, order_partition, order_offset, looked_at, order_identity) "
        "SELECT parcel_id, source, 0, -9223372036854775808, 0, 0, 0, 0, 0, '-infinity', 0 "
        "FROM unnest($1::bigint[], $2::smallint[], $3::int[]) w (parcel_id, source, at) "
        "ORDER BY 1, 2 ON CONFLICT DO NOTHING";
    uint32_t missing = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct rs_parcel_state *state = &work->parcel[pair[i].parcel].state;
        struct rs_view *view = rs_track_view(state, pair[i].source);
        if (view) continue;
        /* Nor is one taken up that is made meanwhile. */
        view = rs_track_add_view(state, work->arena);
        view->source = pair[i].source;
        view->stored = pair[i].decides;
        if (view->stored) pair[missing++] = pair[i];
    }
    if (!missing) return RS_OK;
    put_pairs(work, pair, missing);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, add, &work->params, &rows, diag);
    if (!err && rs_pg_affected(rows) != missing) {
        err = rs_fail(diag, RS_E_CONFLICT, "another member told of a source's view meanwhile");
    }
    return err;
}

/* Locks the views that the batch may set, in the order of their keys, and makes
 * those that decide and are not there. */
static int lock_told(struct rs_work *work, struct rs_diag *diag)
{
    struct pair *pair = rs_arena_get(work->arena, (work->ref_n + 1) * sizeof *pair);
    uint32_t n = collect_pairs(work, pair);
    if (!n) return RS_OK;
    int found;
    int err = lock_pairs(work, pair, n, &found, diag);
    if (err || found == (int)n) return err;
    return add_missing(work, pair, n, diag);
}

/* Decided by their rows, and these are not read yet. */
static bool is_wanted(const struct rs_work_parcel *parcel)
{
    return parcel->exists && parcel->way == RS_WAY_OPEN;
}

static void put_wanted(struct rs_work *work)
{
    rs_pg_array_open(&work->params, RS_PG_INT8);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (is_wanted(&work->parcel[i])) rs_pg_array_int8(&work->params, work->parcel[i].id);
    }
    rs_pg_array_close(&work->params);
    rs_pg_array_open(&work->params, RS_PG_INT4);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (is_wanted(&work->parcel[i])) rs_pg_array_int4(&work->params, (int32_t)i);
    }
    rs_pg_array_close(&work->params);
}

/* Views that are not locked. */
int rs_work_load_views(struct rs_work *work, struct rs_diag *diag)
{
    static const char load[] = "SELECT " VIEW_COLUMNS "FROM unnest($1::bigint[], $2::int[]) w (parcel_id, at) "
                               "JOIN rastro.source_views v USING (parcel_id)";
    put_wanted(work);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, load, &work->params, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        struct rs_work_parcel *parcel = &work->parcel[rs_pg_get_int(rows, r, 0)];
        if (!rs_track_view(&parcel->state, (int32_t)rs_pg_get_int(rows, r, 1))) read_view(work, rows, r);
    }
    return err;
}

int rs_work_lock_views(struct rs_work *work, struct rs_diag *diag)
{
    int err = lock_told(work, diag);
    return err ? err : rs_work_load_views(work, diag);
}

/* ---- events ------------------------------------------------------------------------- */

static enum rs_change change_of(char letter)
{
    return letter == 's' ? RS_CHANGE_SUPERSEDED : letter == 'w' ? RS_CHANGE_WITHDRAWN : RS_CHANGE_BACK;
}

static void read_known(struct rs_work *work, const struct rs_pg_rows *rows, int r)
{
    struct rs_work_parcel *parcel = &work->parcel[rs_pg_get_int(rows, r, 0)];
    struct rs_known *known = rs_track_add_known(&parcel->state, work->arena);
    uint32_t traits = (uint32_t)rs_pg_get_int(rows, r, 9); /* see rastro.events */
    *known = (struct rs_known){
        .fp = rs_pg_get_key(rows, r, 1),
        .said = rs_pg_get_key(rows, r, 2),
        .instant_us = rs_pg_get_time(rows, r, 3),
        .sequence = rs_pg_is_null(rows, r, 4) ? 0 : rs_pg_get_int(rows, r, 4),
        .status = rs_status_numbered(work->sink->options.catalog, rs_pg_get_int(rows, r, 5)),
        .reading = {(uint16_t)rs_pg_get_int(rows, r, 6), (uint16_t)rs_pg_get_int(rows, r, 7)},
        .source = (int32_t)rs_pg_get_int(rows, r, 8),
        .marks = (uint16_t)(traits >> 8),
        .kind = (enum rs_event_kind)(traits & 3),
        .source_name = rs_arena_str(work->arena, rs_pg_get_str(rows, r, 10)),
        .published_us = rs_pg_get_time(rows, r, 11),
    };
}

static int load_known(struct rs_work *work, uint32_t *ret_count, struct rs_diag *diag)
{
    static const char load[] =
        "SELECT w.at, e.fp, e.said, e.instant, e.sequence, e.status, o.identity, o.iana, o.source, e.traits, s.name, "
        "e.published_at "
        "FROM unnest($1::bigint[], $2::int[]) w (parcel_id, at) JOIN rastro.event_rows e USING (parcel_id) "
        "JOIN rastro.origins o USING (origin) JOIN rastro.sources s USING (source)";
    put_wanted(work);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, load, &work->params, &rows, diag);
    if (err) return err;
    for (int r = 0; r < rs_pg_count(rows); r++) read_known(work, rows, r);
    *ret_count = (uint32_t)rs_pg_count(rows);
    return RS_OK;
}

static struct rs_known *find_known(struct rs_work_parcel *parcel, struct rs_key fp)
{
    for (uint32_t i = 0; i < parcel->state.known_n; i++) {
        if (rs_key_eq(parcel->state.known[i].fp, fp)) return &parcel->state.known[i];
    }
    return NULL;
}

/* Few events are ever withdrawn, so their log is read apart. */
static int load_changes(struct rs_work *work, struct rs_diag *diag)
{
    static const char load[] =
        "SELECT DISTINCT ON (w.at, c.fp) w.at, c.fp, c.change, c.by_fp "
        "FROM unnest($1::bigint[], $2::int[]) w (parcel_id, at) JOIN rastro.event_changes c USING (parcel_id) "
        "ORDER BY w.at, c.fp, c.rev DESC";
    put_wanted(work);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, load, &work->params, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        struct rs_work_parcel *parcel = &work->parcel[rs_pg_get_int(rows, r, 0)];
        struct rs_known *known = find_known(parcel, rs_pg_get_key(rows, r, 1));
        if (!known) continue;
        known->state = change_of((char)rs_pg_get_int(rows, r, 2));
        known->by = rs_pg_get_key(rows, r, 3);
    }
    return err;
}

int rs_work_load_events(struct rs_work *work, struct rs_diag *diag)
{
    uint32_t n = 0;
    int err = load_known(work, &n, diag);
    return err || !n ? err : load_changes(work, diag);
}
