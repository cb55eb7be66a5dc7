#include "desk.h"

#include "desk_alerts.h"

/* ---- reading ----------------------------------------------------------------------- */

static void put_ids(struct rs_desk *desk, const struct rs_desk_parcel *parcel, uint32_t n)
{
    rs_pg_array_open(&desk->params, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int8(&desk->params, parcel[i].id);
    rs_pg_array_close(&desk->params);
}

int rs_desk_read_rules(struct rs_desk *desk, struct rs_desk_rules *ret, struct rs_diag *diag)
{
    static const char ask[] = "SELECT v.version, v.key, CASE WHEN isfinite(v.active_from) THEN v.active_from END, "
                              "v.applied_at IS NOT NULL "
                              "FROM rastro.rules_versions v ORDER BY v.version DESC LIMIT 1";
    struct rs_pg_rows *rows;
    uint32_t version = rs_rules_version(desk->rules);
    *ret = (struct rs_desk_rules){0};
    int err = rs_pg_run(desk->pg, ask, NULL, &rows, diag);
    if (err || !rs_pg_count(rows)) return err;
    int64_t from = rs_pg_get_time(rows, 0, 2);
    ret->ours = rs_pg_get_int(rows, 0, 0) == version;
    ret->differ = ret->ours && !rs_key_eq(rs_pg_get_key(rows, 0, 1), rs_rules_key(desk->rules));
    ret->applied = rs_pg_get_int(rows, 0, 3);
    desk->by = (struct rs_episode_rules){version, from == RS_INSTANT_NONE ? INT64_MIN : from};
    return RS_OK;
}

int rs_desk_lock(struct rs_desk *desk, const int64_t *parcel_id, uint32_t n, struct rs_desk_parcel **ret,
                 uint32_t *ret_n, struct rs_diag *diag)
{
    static const char lock[] = "SELECT d.parcel_id, d.watched IS NOT NULL, clock_timestamp() "
                               "FROM rastro.deadlines d WHERE d.parcel_id = ANY ($1::bigint[]) "
                               "ORDER BY d.parcel_id FOR UPDATE";
    struct rs_pg_rows *rows;
    rs_pg_array_open(&desk->params, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int8(&desk->params, parcel_id[i]);
    rs_pg_array_close(&desk->params);
    int err = rs_pg_run(desk->pg, lock, &desk->params, &rows, diag);
    if (err) return err;
    *ret_n = (uint32_t)rs_pg_count(rows);
    *ret = rs_arena_zero(desk->arena, ((size_t)*ret_n + 1) * sizeof **ret);
    for (uint32_t i = 0; i < *ret_n; i++) {
        struct rs_desk_parcel *parcel = &(*ret)[i];
        parcel->id = rs_pg_get_int(rows, (int)i, 0);
        parcel->watched = parcel->ripe = rs_pg_get_int(rows, (int)i, 1);
        parcel->now_us = rs_pg_get_time(rows, (int)i, 2);
    }
    return RS_OK;
}

static struct rs_key key_at(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_pg_is_null(rows, r, column) ? (struct rs_key){{0}} : rs_pg_get_key(rows, r, column);
}

int rs_desk_load_stored(struct rs_desk *desk, struct rs_desk_parcel *parcel, uint32_t n, struct rs_diag *diag)
{
    static const char load[] =
        "SELECT e.parcel_id, e.episode, e.kind, e.state = 'c', e.rules_version, e.revision, e.started, e.since, "
        "e.feed_at, e.until, e.last_fp, e.ended_fp, e.rule FROM rastro.episodes e "
        "WHERE e.parcel_id = ANY ($1::bigint[]) AND e.state IN ('c', 'o', 'e') ORDER BY e.parcel_id, e.since, e.episode";
    struct rs_pg_rows *rows;
    put_ids(desk, parcel, n);
    int err = rs_pg_run(desk->pg, load, &desk->params, &rows, diag);
    if (err) return err;
    struct rs_stored_episode *stored = rs_arena_get(desk->arena, ((size_t)rs_pg_count(rows) + 1) * sizeof *stored);
    for (int r = 0, at = 0; r < rs_pg_count(rows); r++) {
        while (parcel[at].id != rs_pg_get_int(rows, r, 0)) at++;
        if (!parcel[at].stored_n++) parcel[at].stored = &stored[r];
        stored[r] = (struct rs_stored_episode){
            .id = rs_pg_get_int(rows, r, 1),
            .kind = rs_stall_kind_numbered((uint8_t)rs_pg_get_int(rows, r, 2)),
            .candidate = rs_pg_get_int(rows, r, 3),
            .rules_version = (uint32_t)rs_pg_get_int(rows, r, 4),
            .revision = (uint32_t)rs_pg_get_int(rows, r, 5),
            .started_us = rs_pg_get_time(rows, r, 6),
            .since_us = rs_pg_get_time(rows, r, 7),
            .feed_us = rs_pg_get_time(rows, r, 8),
            .until_us = rs_pg_is_null(rows, r, 9) ? INT64_MAX : rs_pg_get_time(rows, r, 9),
            .last = key_at(rows, r, 10),
            .ended = key_at(rows, r, 11),
            .rule = rs_arena_str(desk->arena, rs_pg_get_str(rows, r, 12)),
        };
    }
    return RS_OK;
}

int rs_desk_load_cases(struct rs_desk *desk, struct rs_desk_parcel *parcel, uint32_t n, struct rs_diag *diag)
{
    int64_t *id = rs_arena_get(desk->arena, ((size_t)n + 1) * sizeof *id);
    struct rs_stall_case *c = rs_arena_get(desk->arena, ((size_t)n + 1) * sizeof *c);
    for (uint32_t i = 0; i < n; i++) id[i] = parcel[i].id;
    int err = rs_stall_cases_load(desk->pg, desk->catalog, id, n, RS_INSTANT_NONE, desk->arena, c, diag);
    for (uint32_t i = 0; i < n; i++) parcel[i].c = &c[i];
    return err;
}

uint32_t rs_desk_look(struct rs_desk *desk, struct rs_desk_parcel *parcel, int64_t feed_us,
                      struct rs_episode_change **ret)
{
    /* Feed time may seem to go back when a source is seen on another partition; what
     * was due stays so. */
    for (uint32_t i = 0; i < parcel->stored_n; i++) {
        if (parcel->stored[i].feed_us > feed_us) feed_us = parcel->stored[i].feed_us;
    }
    rs_stall_look(desk->rules, desk->calendars, &parcel->c->parcel, feed_us, desk->arena, &parcel->stalls);
    parcel->ripe = parcel->stalls.ripe_us != RS_INSTANT_NONE && parcel->stalls.ripe_us <= feed_us;
    return rs_episodes_compare(parcel->stored, parcel->stored_n, &parcel->stalls, parcel->c->parcel.event, &desk->by,
                               desk->arena, ret);
}

/* ---- writing ------------------------------------------------------------------------- */

/* A row of episodes as it is to be; NULL, or no event, leaves a column. */
struct row {
    const struct rs_desk_parcel *parcel;
    const struct rs_stored_episode *stored; /* NULL: a new one */
    const struct rs_episode *found;
    const struct rs_desk_step *step; /* NULL: words alone */
    char state;
    int32_t told; /* how many alerts it makes */
};

static struct row row_of(const struct rs_desk_step *step)
{
    const struct rs_desk_parcel *parcel = step->parcel;
    const struct rs_episode_change *change = &step->change;
    struct row row = {.parcel = parcel, .step = step, .state = 'o', .told = 1};
    if (change->stored != RS_STALL_NONE) row.stored = &parcel->stored[change->stored];
    bool found = change->step == RS_EPISODE_FIND || change->found != RS_STALL_NONE;
    if (found) row.found = &parcel->stalls.episode[change->found];
    bool ended = row.found && row.found->closed_us != INT64_MAX;
    if (change->step == RS_EPISODE_FIND) row.state = 'c';
    else if (change->step == RS_EPISODE_WITHDRAW) row.state = 'w';
    else if (ended) row.state = 'e';
    if (change->step == RS_EPISODE_OPEN) row.told = ended ? 2 : 1;
    if (change->step == RS_EPISODE_CORRECT || change->step == RS_EPISODE_FIND) row.told = 0;
    return row;
}

static void put_event(struct rs_pg_params *p, const struct row *row, bool ended)
{
    struct rs_key none = {{0}};
    struct rs_key fp = none;
    if (row->found) {
        fp = rs_episode_event(row->parcel->c->parcel.event, ended ? row->found->closed_by : row->found->last);
    }
    if (rs_key_eq(fp, none)) rs_pg_array_null(p);
    else rs_pg_array_bytes(p, fp.b, sizeof fp.b);
}

static void put_word(struct rs_pg_params *p, struct rs_str s)
{
    if (s.n) rs_pg_array_bytes(p, s.p, s.n);
    else rs_pg_array_null(p);
}

static struct rs_str stage_of(const struct rs_situation *s)
{
    return s->status ? s->status->stage : RS_STR_NONE;
}

#define EACH(element, put)                 \
    do {                                   \
        rs_pg_array_open(p, element);      \
        for (uint32_t i = 0; i < n; i++) { \
            const struct row *r = &row[i]; \
            put;                           \
        }                                  \
        rs_pg_array_close(p);              \
    } while (0)

/* What both statements have in common, $1 to $13. */
static void put_rows(struct rs_desk *desk, const struct row *row, uint32_t n)
{
    struct rs_pg_params *p = &desk->params;
    EACH(RS_PG_INT8, rs_pg_array_int8(p, r->stored ? r->stored->id : r->parcel->id));
    EACH(RS_PG_CHAR, rs_pg_array_bytes(p, &r->state, 1));
    EACH(RS_PG_TIME, rs_pg_array_time(p, r->found ? r->found->start_us : RS_INSTANT_NONE));
    EACH(RS_PG_TIME, {
        bool open = !r->found || r->found->closed_us == INT64_MAX;
        rs_pg_array_time(p, open ? RS_INSTANT_NONE : r->found->closed_us);
    });
    EACH(RS_PG_UUID, put_event(p, r, false));
    EACH(RS_PG_UUID, put_event(p, r, true));
    EACH(RS_PG_TIME, rs_pg_array_time(p, r->parcel->stalls.silent_us));
    EACH(RS_PG_TIME, rs_pg_array_time(p, r->parcel->stalls.promised_us));
    EACH(RS_PG_TEXT, put_word(p, r->parcel->c->seller));
    EACH(RS_PG_TEXT, put_word(p, stage_of(&r->parcel->stalls.situation)));
    EACH(RS_PG_TEXT, put_word(p, rs_str_of(rs_leg_name(r->parcel->stalls.situation.leg))));
    EACH(RS_PG_TEXT, put_word(p, r->parcel->stalls.situation.origin));
    EACH(RS_PG_TEXT, put_word(p, r->parcel->stalls.situation.destination));
}

#define ROWS                                                                                              \
    "unnest($1::bigint[], $2::\"char\"[], $3::timestamptz[], $4::timestamptz[], $5::uuid[], $6::uuid[], " \
    "$7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], "
#define ROW_NAMES                                                                                   \
    "id, state, started, until, last_fp, ended_fp, silent_since, promised_to, seller, stage, leg, " \
    "origin, destination, "

static int add_candidates(struct rs_desk *desk, const struct row *row, uint32_t n, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.episodes (parcel_id, state, started, until, last_fp, ended_fp, silent_since, promised_to, "
        "seller, stage, leg, origin, destination, since, feed_at, rules_version, kind, rule, number, carrier) "
        "SELECT " ROW_NAMES "since, feed_at, $16, kind, rule, number, carrier "
        "FROM " ROWS "$14::timestamptz[], $15::timestamptz[], $17::smallint[], $18::text[], $19::text[], $20::text[]) "
        "w (" ROW_NAMES "since, feed_at, kind, rule, number, carrier)";
    struct rs_pg_params *p = &desk->params;
    if (!n) return RS_OK;
    put_rows(desk, row, n);
    EACH(RS_PG_TIME, rs_pg_array_time(p, r->found->since_us));
    EACH(RS_PG_TIME, rs_pg_array_time(p, r->parcel->c->feed_us));
    rs_pg_int4(p, (int32_t)desk->by.version);
    EACH(RS_PG_INT2, rs_pg_array_int2(p, rs_stall_kind_id(r->found->kind)));
    EACH(RS_PG_TEXT, put_word(p, r->found->rule->name));
    EACH(RS_PG_TEXT, put_word(p, r->parcel->c->number));
    EACH(RS_PG_TEXT, put_word(p, r->parcel->stalls.situation.carrier));
    return rs_pg_run(desk->pg, add, p, NULL, diag);
}

static int drop_candidates(struct rs_desk *desk, const struct rs_desk_step *step, uint32_t n, struct rs_diag *diag)
{
    uint32_t dropped = 0;
    rs_pg_array_open(&desk->params, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) {
        if (step[i].change.step != RS_EPISODE_DROP) continue;
        rs_pg_array_int8(&desk->params, step[i].parcel->stored[step[i].change.stored].id);
        dropped++;
    }
    rs_pg_array_close(&desk->params);
    static const char drop[] = "UPDATE rastro.episodes SET state = 'd' WHERE episode = ANY ($1::bigint[])";
    return rs_pg_run(desk->pg, dropped ? drop : "SELECT $1::bigint[]", &desk->params, NULL, diag);
}

/* Words of the parcel stay with an episode that is over as they were. */
static int set_episodes(struct rs_desk *desk, const struct row *row, uint32_t n, struct rs_diag *diag)
{
#define RULE "CASE e.rules_version WHEN $17 THEN coalesce(w.rule, e.rule) ELSE e.rule END"
    static const char set[] =
        "UPDATE rastro.episodes e SET state = w.state, started = coalesce(w.started, e.started), rule = " RULE ", "
        "until = CASE w.state WHEN 'w' THEN e.until ELSE w.until END, "
        "last_fp = CASE w.state WHEN 'w' THEN e.last_fp ELSE w.last_fp END, "
        "ended_fp = CASE w.state WHEN 'w' THEN e.ended_fp ELSE w.ended_fp END, "
        "silent_since = CASE w.state WHEN 'o' THEN w.silent_since ELSE e.silent_since END, "
        "promised_to = CASE w.state WHEN 'o' THEN w.promised_to ELSE e.promised_to END, "
        "seller = CASE w.state WHEN 'o' THEN w.seller ELSE e.seller END, "
        "stage = CASE w.state WHEN 'o' THEN w.stage ELSE e.stage END, "
        "leg = CASE w.state WHEN 'o' THEN w.leg ELSE e.leg END, "
        "origin = CASE w.state WHEN 'o' THEN w.origin ELSE e.origin END, "
        "destination = CASE w.state WHEN 'o' THEN w.destination ELSE e.destination END, "
        "opened_at = coalesce(e.opened_at, now()), storm = CASE WHEN e.opened_at IS NULL THEN nullif($16, 0) ELSE e.storm END, "
        "gone_at = CASE w.state WHEN 'o' THEN NULL ELSE coalesce(e.gone_at, now()) END, "
        "revision = e.revision + w.told "
        "FROM " ROWS "$14::int[], $15::text[]) w (" ROW_NAMES "told, rule) WHERE e.episode = w.id AND "
        "(w.told > 0 OR w.state <> 'o' OR (e.started, e.rule, e.last_fp, e.silent_since, e.promised_to, e.seller, e.stage, "
        "e.leg, e.origin, e.destination) IS DISTINCT FROM (w.started, " RULE ", w.last_fp, w.silent_since, "
        "w.promised_to, w.seller, w.stage, w.leg, w.origin, w.destination))";
#undef RULE
    struct rs_pg_params *p = &desk->params;
    if (!n) return RS_OK;
    put_rows(desk, row, n);
    EACH(RS_PG_INT4, rs_pg_array_int4(p, r->told));
    EACH(RS_PG_TEXT, put_word(p, r->found ? r->found->rule->name : RS_STR_NONE));
    rs_pg_int8(p, desk->storm);
    rs_pg_int4(p, (int32_t)desk->by.version);
    return rs_pg_run(desk->pg, set, p, NULL, diag);
}

/* Writers of batches keep a parcel in mind as long as a scan may make something due,
 * and as long as it has candidates or open episodes, and for a day more: a scan that
 * comes in time may be an earlier end, or the last before the beginning. */
static int set_watched(struct rs_desk *desk, const struct rs_desk_parcel *parcel, uint32_t n, struct rs_diag *diag)
{
    static const char set[] = "UPDATE rastro.deadlines d SET watched = CASE WHEN w.some THEN pg_current_xact_id() END "
                              "FROM (SELECT a.id, a.ripe <> 0 OR EXISTS (SELECT FROM rastro.episodes e "
                              "WHERE e.parcel_id = a.id "
                              "AND (e.state IN ('c', 'o') OR e.gone_at > now() - interval '1 day')) "
                              "AS some FROM unnest($1::bigint[], $2::smallint[]) a (id, ripe)) w "
                              "WHERE d.parcel_id = w.id AND (d.watched IS NOT NULL) <> w.some";
    put_ids(desk, parcel, n);
    rs_pg_array_open(&desk->params, RS_PG_INT2);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int2(&desk->params, parcel[i].ripe);
    rs_pg_array_close(&desk->params);
    return rs_pg_run(desk->pg, set, &desk->params, NULL, diag);
}

/* Open episodes that no step speaks of: their words may be others now. */
static uint32_t add_refreshed(const struct rs_desk_parcel *parcel, const struct rs_desk_step *step, uint32_t step_n,
                              struct row *ret)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < parcel->stored_n; i++) {
        const struct rs_stored_episode *stored = &parcel->stored[i];
        bool has_step = false;
        if (stored->candidate || stored->until_us != INT64_MAX) continue;
        for (uint32_t s = 0; s < step_n; s++) {
            has_step |= step[s].parcel == parcel && step[s].change.stored == i;
        }
        for (uint32_t f = 0; !has_step && f < parcel->stalls.n; f++) {
            const struct rs_episode *found = &parcel->stalls.episode[f];
            if (found->kind != stored->kind || found->closed_us != INT64_MAX) continue;
            ret[n++] = (struct row){.parcel = parcel, .stored = stored, .found = found, .state = 'o'};
        }
    }
    return n;
}

int rs_desk_write(struct rs_desk *desk, const struct rs_desk_parcel *parcel, uint32_t n,
                  const struct rs_desk_step *step, uint32_t step_n, struct rs_diag *diag)
{
    uint32_t room = step_n, new_n = 0, set_n = 0;
    bool watched = false;
    for (uint32_t i = 0; i < n; i++) {
        room += parcel[i].stored_n;
        watched |= parcel[i].watched || parcel[i].ripe;
    }
    struct row *new = rs_arena_get(desk->arena, ((size_t)step_n + 1) * sizeof *new);
    struct row *set = rs_arena_get(desk->arena, ((size_t)room + 1) * sizeof *set);
    for (uint32_t i = 0, s = 0; i < n; i++) {
        uint32_t first = s;
        for (; s < step_n && step[s].parcel == &parcel[i]; s++) {
            if (step[s].change.step == RS_EPISODE_DROP) continue;
            if (step[s].change.step == RS_EPISODE_FIND) new[new_n++] = row_of(&step[s]);
            else set[set_n++] = row_of(&step[s]);
        }
        set_n += add_refreshed(&parcel[i], &step[first], s - first, &set[set_n]);
    }
    int err = step_n ? drop_candidates(desk, step, step_n, diag) : RS_OK;
    if (!err) err = add_candidates(desk, new, new_n, diag);
    if (!err) err = set_episodes(desk, set, set_n, diag);
    if (!err && (step_n || watched)) err = set_watched(desk, parcel, n, diag);
    if (!err && step_n) err = rs_desk_tell(desk, step, step_n, diag);
    return err;
}
