/* From deadlines to candidates. */
#include "detector_private.h"
#include "rastro/fault.h"

/* Of what is silent for long the next look waits for a share of the silence. */
#define SILENCE_SHARE 8
/* What is over is still looked at for so long: a member that does not know of the
 * end leaves no word of scans behind it, until they come after a long silence. */
#define ENDED_US (30 * RS_DAY_US)

/* Those whose time has come by the feed of the source that they wait for.  However
 * many are to be looked at whatever their time is, as all are once rules are new,
 * they have half of a page: alerts that are due wait for none of them.  They have none
 * of it while batches are waited for that may not know what they are to leave word of. */
int rs_detector_find_due(struct rs_detector *d, int64_t ret[RS_DETECTOR_PAGE], uint32_t *ret_n, struct rs_diag *diag)
{
    static const char sql[] =
        "WITH slowest AS (SELECT complete_to FROM rastro.slowest_list), "
        "feed AS (SELECT s.source, CASE WHEN l.source IS NULL OR l.complete_to IS NOT NULL "
        "THEN least(a.complete_to, l.complete_to) END AS complete_to FROM slowest a "
        "CROSS JOIN rastro.sources s LEFT JOIN rastro.feed_list l ON l.source = s.name WHERE a.complete_to IS NOT NULL "
        "UNION ALL SELECT 0, complete_to FROM slowest) "
        "SELECT x.parcel_id FROM ((SELECT x.parcel_id FROM feed, "
        "LATERAL (SELECT e.parcel_id FROM rastro.deadlines e WHERE e.source = feed.source AND e.due = '-infinity' "
        "AND feed.complete_to IS NOT NULL LIMIT $2) x LIMIT $2) UNION ALL (SELECT x.parcel_id FROM feed, "
        "LATERAL (SELECT e.parcel_id FROM rastro.deadlines e WHERE e.source = feed.source AND e.due > '-infinity' "
        "AND e.due <= feed.complete_to ORDER BY e.due LIMIT $1) x LIMIT $1)) x LIMIT $1";
    struct rs_pg_rows *rows;
    rs_pg_int4(&d->desk.params, RS_DETECTOR_PAGE);
    rs_pg_int4(&d->desk.params, d->joined || d->joining ? 0 : RS_DETECTOR_PAGE / 2);
    int err = rs_pg_run(d->desk.pg, sql, &d->desk.params, &rows, diag);
    *ret_n = err ? 0 : (uint32_t)rs_pg_count(rows);
    for (uint32_t i = 0; i < *ret_n; i++) ret[i] = rs_pg_get_int(rows, (int)i, 0);
    return err;
}

struct deadline {
    const struct rs_desk_parcel *parcel;
    int64_t due_us; /* INT64_MAX: never; INT64_MIN: at once */
    bool gone;      /* no clock can start again without a word in the inbox */
};

static int64_t earlier(int64_t a, int64_t b)
{
    return b != RS_INSTANT_NONE && b < a ? b : a;
}

/* When it is to be looked at again; see the top. */
static struct deadline next_look(const struct rs_detector *d, const struct rs_desk_parcel *parcel, int64_t feed_us)
{
    const struct rs_stalls *stalls = &parcel->stalls;
    const struct rs_status *status = stalls->situation.status;
    struct deadline deadline = {parcel, INT64_MAX, false};
    int64_t silence = feed_us - stalls->heard_us, wait = d->least_us;
    bool over = status && status->ends && stalls->next_us == RS_INSTANT_NONE;
    /* So long that a scan of the last day came after a silence too. */
    bool long_silent = silence > RS_STALL_SILENCE_US + RS_DAY_US;
    if (long_silent && silence / SILENCE_SHARE > wait) wait = silence / SILENCE_SHARE;
    if (over && silence > ENDED_US) {
        deadline.gone = true;
        return deadline;
    }
    deadline.due_us = earlier(feed_us + wait, stalls->next_us);
    /* From then on it is watched. */
    if (stalls->ripe_us > feed_us) deadline.due_us = earlier(deadline.due_us, stalls->ripe_us);
    return deadline;
}

static int set_deadlines(struct rs_detector *d, const struct deadline *deadline, uint32_t n, struct rs_diag *diag)
{
    static const char set[] =
        "UPDATE rastro.deadlines d SET due = CASE w.never WHEN 1 THEN 'infinity' WHEN -1 THEN '-infinity' ELSE w.due END, "
        "source = w.source FROM unnest($1::bigint[], $2::timestamptz[], $3::smallint[], $4::smallint[]) "
        "w (parcel_id, due, never, source) WHERE d.parcel_id = w.parcel_id";
    static const char drop[] = "DELETE FROM rastro.deadlines WHERE parcel_id = ANY ($1::bigint[]) AND watched IS NULL";
    struct rs_pg_params *p = &d->desk.params;
    rs_pg_array_open(p, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int8(p, deadline[i].parcel->id);
    rs_pg_array_close(p);
    rs_pg_array_open(p, RS_PG_TIME);
    for (uint32_t i = 0; i < n; i++) {
        bool finite = deadline[i].due_us != INT64_MAX && deadline[i].due_us != INT64_MIN;
        rs_pg_array_time(p, finite ? deadline[i].due_us : RS_INSTANT_NONE);
    }
    rs_pg_array_close(p);
    rs_pg_array_open(p, RS_PG_INT2);
    for (uint32_t i = 0; i < n; i++) {
        rs_pg_array_int2(p, (int16_t)((deadline[i].due_us == INT64_MAX) - (deadline[i].due_us == INT64_MIN)));
    }
    rs_pg_array_close(p);
    rs_pg_array_open(p, RS_PG_INT2);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int2(p, (int16_t)deadline[i].parcel->c->feed_number);
    rs_pg_array_close(p);
    int err = rs_pg_run(d->desk.pg, set, p, NULL, diag);
    if (err) return err;
    rs_pg_array_open(p, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) {
        if (deadline[i].gone) rs_pg_array_int8(p, deadline[i].parcel->id);
    }
    rs_pg_array_close(p);
    return rs_pg_run(d->desk.pg, drop, p, NULL, diag);
}

static struct rs_desk_step *add_step(struct rs_detector *d, struct rs_detector_steps *steps)
{
    if (steps->n == steps->room) {
        struct rs_desk_step *old = steps->list;
        steps->room = steps->room ? steps->room * 2 : 64;
        steps->list = rs_arena_get(d->desk.arena, steps->room * sizeof *old);
        if (steps->n) memcpy(steps->list, old, steps->n * sizeof *old);
    }
    return &steps->list[steps->n++];
}

static void count_step(enum rs_episode_step step, struct rs_detector_counts *counts)
{
    switch (step) {
    case RS_EPISODE_FIND: counts->found++; break;
    case RS_EPISODE_OPEN: counts->opened++; break;
    case RS_EPISODE_DROP: counts->dropped++; break;
    case RS_EPISODE_CLOSE: counts->closed++; break;
    case RS_EPISODE_REOPEN: counts->reopened++; break;
    case RS_EPISODE_WITHDRAW: counts->withdrawn++; break;
    default: break;
    }
}

/* A look finds candidates; only those up to `opening` may be opened or dropped. */
static bool may_take(const struct rs_desk_parcel *parcel, const struct rs_episode_change *change, int64_t opening)
{
    if (change->step == RS_EPISODE_FIND) return !opening;
    bool of_candidate = change->step == RS_EPISODE_OPEN || change->step == RS_EPISODE_DROP;
    return !of_candidate || parcel->stored[change->stored].id <= opening;
}

void rs_detector_take_steps(struct rs_detector *d, struct rs_desk_parcel *parcel, int64_t opening,
                            struct rs_detector_steps *steps, struct rs_detector_counts *counts)
{
    struct rs_episode_change *change;
    uint32_t n = rs_desk_look(&d->desk, parcel, parcel->c->feed_us, &change);
    for (uint32_t i = 0; i < n; i++) {
        if (!may_take(parcel, &change[i], opening)) continue;
        *add_step(d, steps) = (struct rs_desk_step){parcel, change[i]};
        count_step(change[i].step, counts);
    }
}

/* Batches that are under way may not know that they are to leave word of its scans, or
 * of which: it stays on the list, and is looked at once more behind them. */
static void look_again(struct rs_detector *d, struct deadline *deadline)
{
    deadline->due_us = INT64_MIN;
    d->joined = true;
}

static void look_at(struct rs_detector *d, struct rs_desk_parcel *parcel, struct rs_detector_steps *steps,
                    struct deadline *ret, struct rs_detector_counts *counts)
{
    const struct rs_stall_case *c = parcel->c;
    *ret = (struct deadline){parcel, INT64_MIN, false};
    if (c->feed_us == RS_INSTANT_NONE) return; /* until somebody tells how far it is */
    if (c->told_us > c->feed_us) {
        ret->due_us = c->told_us;
        counts->deferred++;
        return;
    }
    rs_detector_take_steps(d, parcel, 0, steps, counts);
    *ret = next_look(d, parcel, c->feed_us);
    if (parcel->ripe && !parcel->watched) look_again(d, ret);
    counts->looked++;
}

/* Both kinds of transaction read the same; the second says who may be opened. */
int rs_detector_load(struct rs_detector *d, const int64_t *parcel_id, uint32_t *n, struct rs_desk_parcel **ret,
                     struct rs_diag *diag)
{
    int err = rs_desk_lock(&d->desk, parcel_id, *n, ret, n, diag);
    if (!err) err = rs_desk_load_stored(&d->desk, *ret, *n, diag);
    return err ? err : rs_desk_load_cases(&d->desk, *ret, *n, diag);
}

/* Batches are told of the numbers by which scans may end what is open of a parcel. */
static int tell_journeys(struct rs_detector *d, struct deadline *deadline, uint32_t n, struct rs_diag *diag)
{
    static const char tell[] =
        "WITH w AS MATERIALIZED (SELECT d.parcel_id, (SELECT array_agg(DISTINCT n.number) "
        "FROM rastro.journey(d.parcel_id) j (parcel_id), LATERAL ("
        "SELECT p.number FROM rastro.parcels p WHERE p.parcel_id = j.parcel_id "
        "UNION ALL SELECT l.number FROM rastro.parcel_links l WHERE l.parcel_id = j.parcel_id) n) AS journey "
        "FROM rastro.deadlines d JOIN rastro.parcels p USING (parcel_id) "
        "WHERE d.parcel_id = ANY ($1::bigint[]) AND d.watched IS NOT NULL "
        "AND (EXISTS (SELECT FROM rastro.parcel_links l WHERE l.parcel_id = d.parcel_id) "
        "OR EXISTS (SELECT FROM rastro.parcel_links l WHERE l.number = p.number))) "
        "UPDATE rastro.deadlines d SET journey = w.journey, watched = pg_current_xact_id() FROM w "
        "WHERE d.parcel_id = w.parcel_id AND d.journey IS DISTINCT FROM w.journey RETURNING d.parcel_id";
    struct rs_pg_rows *rows;
    rs_pg_array_open(&d->desk.params, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int8(&d->desk.params, deadline[i].parcel->id);
    rs_pg_array_close(&d->desk.params);
    int err = rs_pg_run(d->desk.pg, tell, &d->desk.params, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        for (uint32_t i = 0; i < n; i++) {
            /* Of what is watched from now on candidates tell. */
            if (deadline[i].parcel->id != rs_pg_get_int(rows, r, 0) || !deadline[i].parcel->watched) continue;
            look_again(d, &deadline[i]);
        }
    }
    return err;
}

int rs_detector_look(struct rs_detector *d, const int64_t *parcel_id, uint32_t n, struct rs_detector_counts *counts,
                     struct rs_diag *diag)
{
    struct rs_desk_parcel *parcel;
    struct rs_detector_steps steps = {0};
    int err = rs_detector_load(d, parcel_id, &n, &parcel, diag);
    if (err) return err;
    struct deadline *deadline = rs_arena_get(d->desk.arena, ((size_t)n + 1) * sizeof *deadline);
    bool watched = false;
    for (uint32_t i = 0; i < n; i++) {
        look_at(d, &parcel[i], &steps, &deadline[i], counts);
        watched |= parcel[i].watched || parcel[i].ripe;
    }
    err = rs_desk_write(&d->desk, parcel, n, steps.list, steps.n, diag);
    if (!err && (steps.n || watched)) err = tell_journeys(d, deadline, n, diag);
    if (!err) err = set_deadlines(d, deadline, n, diag);
    if (!err && steps.n) rs_kill_point(RS_KILL_LOOKED);
    return err;
}
