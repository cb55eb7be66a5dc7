/* The detector: from what is told to episodes that are open.
 *
 *   inbox --take in--> deadlines --look--> candidates --open--> episodes, alerts
 *
 * A batch leaves a row in the inbox with the parcels that are new and those of
 * which something was told that a clock may not expect.  They get a row in
 * deadlines, whose `due` is a lower bound in feed time: whatever scan comes in
 * time, nothing becomes a stall before.  So scans that come in time write nothing,
 * and a parcel is looked at every few days, not at every scan.  Why it is a bound:
 * with F the feed time of the last look, w the shortest wait of any rule and a day
 * of grace, a look comes at F + w - 1 d at the latest.  A scan later than F - 1 d
 * starts clocks that are due w later, behind that look.  Any other scan, and
 * whatever is due without a wait, is left in the inbox (sink_stalls.c).  Of what is
 * silent for long the next look comes later, an eighth of the silence; a scan after
 * such a pause is left in the inbox too.
 *
 * No false alarm.  "A complete view" at feed time F has every message appended up
 * to F and none after it.  A look reads F first and the parcel afterwards, so
 * everything appended up to F is there; if something newer is there too the parcel
 * is looked at again when feed time has come that far.  So what a look finds is what
 * a complete view at F says.
 *
 * No stall that stays open beside a scan.  A scan closes what is open in its own
 * transaction, which sees only what was committed before.  So opening takes two
 * commits.  The first makes a candidate, which every transaction that begins its
 * last step later sees; those that may not have seen it hold the lock that every
 * batch takes when it begins (shared, rastro.epoch), and are waited for.  Then the
 * parcel's row is locked, all is looked at once more, and it is opened or dropped.
 * A batch that saw the candidate locks the same row: it comes before the opening,
 * which then sees its scan, or behind it, and closes what was opened.
 *
 * Whoever leads can die anywhere: the inbox is emptied by the transaction that
 * writes deadlines, candidates are there for the next one, and what was found
 * before is found again.
 */
#include "rastro/detector.h"

#include <stdlib.h>

#include "desk.h"
#include "rastro/fault.h"
#include "rastro/log.h"
#include "rastro/migrate.h"

/* Rows of the inbox, and parcels, that are taken at once. */
#define INBOX_ROWS 16
#define PAGE 250
/* Partitions that are further behind than this have the machine to themselves. */
#define BEHIND_US (10 * RS_MINUTE_US)

/* See above; sink_stalls.c has the same. */
#define GRACE_US RS_DAY_US
#define SILENCE_SHARE 8
/* Where no rule waits. */
#define LOOK_EVERY_US (30 * RS_DAY_US)

struct rs_detector {
    struct rs_detector_options options;
    struct rs_desk desk;
    int64_t least_us; /* between two looks at a parcel, in feed time */
    bool announced, settled, outdated;
    bool waiting;          /* for the transactions in `holder` */
    struct rs_arena *held; /* theirs */
    struct rs_str *holder;
    uint32_t holder_n;
    int64_t candidate, opening; /* the newest that was made; those up to this may be opened once nobody is waited for */
};

/* ---- who leads, and by which rules --------------------------------------------------- */

/* Ours count from now on, unless newer ones do already. */
static int announce_rules(struct rs_detector *d, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.rules_versions (version, key, active_from) SELECT $1, $2, "
        "CASE WHEN EXISTS (SELECT FROM rastro.rules_versions) THEN now() ELSE '-infinity' END "
        "WHERE NOT EXISTS (SELECT FROM rastro.rules_versions WHERE version >= $1) ON CONFLICT DO NOTHING";
    rs_pg_int4(&d->desk.params, (int32_t)rs_rules_version(d->options.rules));
    rs_pg_uuid(&d->desk.params, rs_rules_key(d->options.rules));
    int err = rs_pg_run(d->desk.pg, add, &d->desk.params, NULL, diag);
    d->announced = !err;
    return err;
}

static int check_rules(struct rs_detector *d, struct rs_diag *diag)
{
    static const char ask[] = "SELECT v.version, v.key, CASE WHEN isfinite(v.active_from) THEN v.active_from END "
                              "FROM rastro.rules_versions v ORDER BY v.version DESC LIMIT 1";
    struct rs_pg_rows *rows;
    uint32_t version = rs_rules_version(d->options.rules);
    int err = rs_pg_run(d->desk.pg, ask, NULL, &rows, diag);
    if (err) return err;
    d->outdated = !rs_pg_count(rows) || rs_pg_get_int(rows, 0, 0) != version;
    if (d->outdated) return RS_OK;
    if (!rs_key_eq(rs_pg_get_key(rows, 0, 1), rs_rules_key(d->options.rules))) {
        rs_fail(diag, RS_E_CONFIG, "stall rules: version %u is in use and says something else", version);
        return rs_fail_next(diag, "raise the version in the file of rules");
    }
    int64_t from = rs_pg_get_time(rows, 0, 2);
    d->desk.by = (struct rs_episode_rules){version, from == RS_INSTANT_NONE ? INT64_MIN : from};
    return RS_OK;
}

/* The newest candidate that an earlier leader left. */
static int find_candidates(struct rs_detector *d, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    int err = rs_pg_run(d->desk.pg, "SELECT coalesce(max(episode), 0) FROM rastro.episodes WHERE state = 'c'", NULL,
                        &rows, diag);
    if (!err) d->candidate = rs_pg_get_int(rows, 0, 0);
    return err;
}

/* The lock lasts as long as the session. */
static int settle(struct rs_detector *d, bool *ret_leads, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    *ret_leads = d->settled;
    if (d->settled) return RS_OK;
    int err = rs_pg_run(d->desk.pg, "SELECT pg_try_advisory_lock(hashtext('rastro.detector'))", NULL, &rows, diag);
    if (err || !rs_pg_get_int(rows, 0, 0)) return err;
    d->waiting = false;
    err = find_candidates(d, diag);
    d->settled = *ret_leads = !err;
    return err;
}

/* ---- taking in ---------------------------------------------------------------------------- */

/* What concerns a parcel may concern the others of its journey and of its orders,
 * and those that were handed over to it. */
static int take_in(struct rs_detector *d, struct rs_detector_counts *counts, struct rs_diag *diag)
{
    static const char sql[] =
        "WITH taken AS (DELETE FROM rastro.stall_inbox WHERE id IN "
        "(SELECT id FROM rastro.stall_inbox ORDER BY id LIMIT $1) RETURNING parcel, source, minute), "
        "entry AS MATERIALIZED (SELECT u.parcel_id, max(u.source) AS source, min(u.minute) AS minute "
        "FROM taken, unnest(taken.parcel, taken.source, taken.minute) u (parcel_id, source, minute) GROUP BY 1), "
        "touched AS MATERIALIZED (SELECT parcel_id, source FROM entry WHERE minute = 0), "
        "wider AS ("
        "SELECT j.parcel_id, t.source FROM touched t, LATERAL rastro.journey(t.parcel_id) j (parcel_id) "
        "UNION SELECT o.parcel_id, t.source FROM touched t JOIN rastro.shipment_updates u USING (parcel_id) "
        "JOIN rastro.shipment_updates o USING (marketplace, order_id) "
        "UNION SELECT l.parcel_id, e.source FROM entry e JOIN rastro.parcels p USING (parcel_id) "
        "JOIN rastro.parcel_links l ON l.number = p.number), "
        "deadline AS (SELECT parcel_id, min(due) AS due, max(source) AS source FROM ("
        "SELECT parcel_id, source, 'epoch'::timestamptz + minute * interval '1 minute' + $2 * interval '1 microsecond' AS due "
        "FROM entry WHERE minute > 0 UNION ALL SELECT parcel_id, source, '-infinity' FROM touched "
        "UNION ALL SELECT parcel_id, source, '-infinity' FROM wider) x GROUP BY 1) "
        "INSERT INTO rastro.deadlines AS d (parcel_id, due, source) SELECT parcel_id, due, source FROM deadline "
        "ORDER BY parcel_id ON CONFLICT (parcel_id) DO UPDATE SET due = least(d.due, excluded.due)";
    struct rs_pg_rows *rows;
    rs_pg_int4(&d->desk.params, INBOX_ROWS);
    rs_pg_int8(&d->desk.params, d->least_us);
    int err = rs_pg_run(d->desk.pg, sql, &d->desk.params, &rows, diag);
    if (err) return err;
    counts->taken_in += (uint64_t)rs_pg_affected(rows);
    counts->more |= rs_pg_affected(rows) > 0;
    if (rs_pg_affected(rows)) rs_kill_point(RS_KILL_INBOX_TAKEN);
    return RS_OK;
}

/* Whether partitions that somebody reads are far behind. */
static int find_behind(struct rs_detector *d, bool *ret, struct rs_diag *diag)
{
    static const char sql[] = "SELECT EXISTS (SELECT FROM rastro.progress WHERE told_at > now() - interval '1 minute' "
                              "AND complete_to < now() - $1 * interval '1 microsecond')";
    struct rs_pg_rows *rows;
    rs_pg_int8(&d->desk.params, BEHIND_US);
    int err = rs_pg_run(d->desk.pg, sql, &d->desk.params, &rows, diag);
    if (!err) *ret = rs_pg_get_int(rows, 0, 0);
    return err;
}

/* ---- looking -------------------------------------------------------------------------------- */

/* Those whose time has come by the feed of the source that they wait for. */
static int find_due(struct rs_detector *d, int64_t ret[PAGE], uint32_t *ret_n, struct rs_diag *diag)
{
    static const char sql[] =
        "WITH slowest AS (SELECT CASE WHEN bool_and(complete_to IS NOT NULL) THEN min(complete_to) END AS complete_to "
        "FROM rastro.position_list), "
        "feed AS (SELECT s.source, CASE WHEN l.source IS NULL THEN (SELECT complete_to FROM slowest) ELSE l.complete_to END "
        "AS complete_to FROM rastro.sources s LEFT JOIN rastro.feed_list l ON l.source = s.name "
        "UNION ALL SELECT 0, complete_to FROM slowest) "
        "SELECT x.parcel_id FROM feed, "
        "LATERAL (SELECT e.parcel_id FROM rastro.deadlines e WHERE e.source = feed.source AND e.due <= feed.complete_to "
        "ORDER BY e.due LIMIT $1) x LIMIT $1";
    struct rs_pg_rows *rows;
    rs_pg_int4(&d->desk.params, PAGE);
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

/* When it is to be looked at again; see the top. */
static struct deadline next_look(const struct rs_detector *d, const struct rs_desk_parcel *parcel, int64_t feed_us)
{
    const struct rs_stalls *stalls = &parcel->stalls;
    const struct rs_status *status = stalls->situation.status;
    struct deadline deadline = {parcel, INT64_MAX, false};
    int64_t wait = (feed_us - stalls->silent_us) / SILENCE_SHARE;
    if (wait < d->least_us) wait = d->least_us;
    if (status && status->ends && stalls->next_us == RS_INSTANT_NONE) {
        deadline.gone = true;
        return deadline;
    }
    deadline.due_us = feed_us + wait;
    if (stalls->next_us != RS_INSTANT_NONE && stalls->next_us < deadline.due_us) deadline.due_us = stalls->next_us;
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

struct steps {
    struct rs_desk_step *list;
    uint32_t n, room;
};

static struct rs_desk_step *add_step(struct rs_detector *d, struct steps *steps)
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

static void take_steps(struct rs_detector *d, struct rs_desk_parcel *parcel, int64_t opening, struct steps *steps,
                       struct rs_detector_counts *counts)
{
    struct rs_episode_change *change;
    uint32_t n = rs_desk_look(&d->desk, parcel, parcel->c->feed_us, &change);
    for (uint32_t i = 0; i < n; i++) {
        if (!may_take(parcel, &change[i], opening)) continue;
        *add_step(d, steps) = (struct rs_desk_step){parcel, change[i]};
        count_step(change[i].step, counts);
    }
}

static void look_at(struct rs_detector *d, struct rs_desk_parcel *parcel, struct steps *steps, struct deadline *ret,
                    struct rs_detector_counts *counts)
{
    const struct rs_stall_case *c = parcel->c;
    *ret = (struct deadline){parcel, INT64_MIN, false};
    if (c->feed_us == RS_INSTANT_NONE) return; /* until somebody tells how far it is */
    if (c->told_us > c->feed_us) {
        ret->due_us = c->told_us;
        counts->deferred++;
        return;
    }
    take_steps(d, parcel, 0, steps, counts);
    *ret = next_look(d, parcel, c->feed_us);
    counts->looked++;
}

/* Both kinds of transaction read the same; the second says who may be opened. */
static int load(struct rs_detector *d, const int64_t *parcel_id, uint32_t *n, struct rs_desk_parcel **ret,
                struct rs_diag *diag)
{
    int err = rs_desk_lock(&d->desk, parcel_id, *n, ret, n, diag);
    if (!err) err = rs_desk_load_stored(&d->desk, *ret, *n, diag);
    return err ? err : rs_desk_load_cases(&d->desk, *ret, *n, diag);
}

static int look(struct rs_detector *d, const int64_t *parcel_id, uint32_t n, struct rs_detector_counts *counts,
                struct rs_diag *diag)
{
    struct rs_desk_parcel *parcel;
    struct steps steps = {0};
    int err = load(d, parcel_id, &n, &parcel, diag);
    if (err) return err;
    struct deadline *deadline = rs_arena_get(d->desk.arena, ((size_t)n + 1) * sizeof *deadline);
    for (uint32_t i = 0; i < n; i++) look_at(d, &parcel[i], &steps, &deadline[i], counts);
    err = rs_desk_write(&d->desk, parcel, n, steps.list, steps.n, diag);
    if (!err) err = set_deadlines(d, deadline, n, diag);
    if (!err && steps.n) rs_kill_point(RS_KILL_LOOKED);
    return err;
}

static int open_candidates(struct rs_detector *d, const int64_t *parcel_id, uint32_t n,
                           struct rs_detector_counts *counts, struct rs_diag *diag)
{
    struct rs_desk_parcel *parcel;
    struct steps steps = {0};
    int err = load(d, parcel_id, &n, &parcel, diag);
    if (err) return err;
    for (uint32_t i = 0; i < n; i++) take_steps(d, &parcel[i], d->opening, &steps, counts);
    err = rs_desk_write(&d->desk, parcel, n, steps.list, steps.n, diag);
    if (!err && steps.n) rs_kill_point(RS_KILL_BEFORE_OPENING);
    return err;
}

/* ---- transactions ---------------------------------------------------------------------------- */

typedef int work_fn(struct rs_detector *d, const int64_t *parcel_id, uint32_t n, struct rs_detector_counts *counts,
                    struct rs_diag *diag);

/* Nothing is done by rules that others have replaced. */
static int transact(struct rs_detector *d, work_fn *work, const int64_t *parcel_id, uint32_t n,
                    struct rs_detector_counts *counts, struct rs_diag *diag)
{
    struct rs_detector_counts done = {0};
    int err = rs_pg_script(d->desk.pg, "BEGIN", diag);
    if (!err) err = check_rules(d, diag);
    if (!err && !d->outdated) err = work(d, parcel_id, n, &done, diag);
    if (!err) err = rs_pg_commit(d->desk.pg, diag);
    rs_arena_reset(d->desk.arena);
    if (err && rs_pg_alive(d->desk.pg)) {
        struct rs_diag ignored;
        rs_pg_script(d->desk.pg, "ROLLBACK", &ignored);
    }
    if (err) return err;
    counts->looked += done.looked;
    counts->deferred += done.deferred;
    counts->found += done.found;
    counts->opened += done.opened;
    counts->dropped += done.dropped;
    counts->closed += done.closed;
    counts->withdrawn += done.withdrawn;
    counts->reopened += done.reopened;
    return RS_OK;
}

/* ---- opening ------------------------------------------------------------------------------------ */

/* Transactions of batches that may not see the candidates that there are. */
#define BATCHES                                                                                      \
    "FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND mode = 'ShareLock' AND granted " \
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "               \
    "AND objid::bigint = (hashtext('rastro.epoch')::bigint & 4294967295) "

static int note_batches(struct rs_detector *d, struct rs_diag *diag)
{
    static const char sql[] = "SELECT virtualtransaction " BATCHES;
    struct rs_pg_rows *rows;
    int err = rs_pg_run(d->desk.pg, sql, NULL, &rows, diag);
    if (err) return err;
    rs_arena_reset(d->held);
    d->holder_n = (uint32_t)rs_pg_count(rows);
    d->holder = rs_arena_get(d->held, ((size_t)d->holder_n + 1) * sizeof *d->holder);
    for (uint32_t i = 0; i < d->holder_n; i++) d->holder[i] = rs_arena_str(d->held, rs_pg_get_str(rows, (int)i, 0));
    d->opening = d->candidate;
    d->waiting = true;
    return RS_OK;
}

static int still_there(struct rs_detector *d, bool *ret, struct rs_diag *diag)
{
    static const char sql[] = "SELECT EXISTS (SELECT " BATCHES "AND virtualtransaction = ANY ($1::text[]))";
    struct rs_pg_rows *rows;
    rs_pg_array_open(&d->desk.params, RS_PG_TEXT);
    for (uint32_t i = 0; i < d->holder_n; i++) {
        rs_pg_array_bytes(&d->desk.params, d->holder[i].p, d->holder[i].n);
    }
    rs_pg_array_close(&d->desk.params);
    int err = rs_pg_run(d->desk.pg, sql, &d->desk.params, &rows, diag);
    if (!err) *ret = rs_pg_get_int(rows, 0, 0);
    return err;
}

static int find_ripe(struct rs_detector *d, int64_t ret[PAGE], uint32_t *ret_n, struct rs_diag *diag)
{
    static const char sql[] = "SELECT DISTINCT parcel_id FROM rastro.episodes WHERE state = 'c' AND episode <= $1 "
                              "ORDER BY parcel_id LIMIT $2";
    struct rs_pg_rows *rows;
    rs_pg_int8(&d->desk.params, d->opening);
    rs_pg_int4(&d->desk.params, PAGE);
    int err = rs_pg_run(d->desk.pg, sql, &d->desk.params, &rows, diag);
    *ret_n = err ? 0 : (uint32_t)rs_pg_count(rows);
    for (uint32_t i = 0; i < *ret_n; i++) ret[i] = rs_pg_get_int(rows, (int)i, 0);
    return err;
}

static int open_ripe(struct rs_detector *d, struct rs_detector_counts *counts, struct rs_diag *diag)
{
    int64_t parcel_id[PAGE];
    uint32_t n;
    bool there = false;
    int err = RS_OK;
    if (!d->waiting && d->candidate > d->opening) err = note_batches(d, diag);
    if (err || !d->waiting) return err;
    err = still_there(d, &there, diag);
    counts->waits = there;
    if (err || there) return err;
    err = find_ripe(d, parcel_id, &n, diag);
    if (!err && n) err = transact(d, open_candidates, parcel_id, n, counts, diag);
    if (!err && n) rs_kill_point(RS_KILL_OPENED);
    if (!err && n < PAGE) d->waiting = false;
    counts->more |= n == PAGE || d->candidate > d->opening;
    return err;
}

static int look_at_due(struct rs_detector *d, struct rs_detector_counts *counts, struct rs_diag *diag)
{
    int64_t parcel_id[PAGE];
    uint32_t n;
    uint64_t found = counts->found;
    int err = find_due(d, parcel_id, &n, diag);
    if (!err && n) err = transact(d, look, parcel_id, n, counts, diag);
    if (!err && counts->found > found) rs_kill_point(RS_KILL_CANDIDATES);
    if (!err && counts->found > found) err = find_candidates(d, diag);
    counts->more |= n == PAGE;
    return err;
}

/* ---- life ------------------------------------------------------------------------------------------ */

static int round_of(struct rs_detector *d, struct rs_detector_counts *ret, struct rs_diag *diag)
{
    int err = d->announced ? RS_OK : announce_rules(d, diag);
    if (!err) err = check_rules(d, diag);
    if (err) return err;
    if (d->outdated && d->settled) {
        d->settled = false;
        return rs_pg_run(d->desk.pg, "SELECT pg_advisory_unlock(hashtext('rastro.detector'))", NULL, NULL, diag);
    }
    if (d->outdated) return RS_OK;
    err = settle(d, &ret->leads, diag);
    if (err || !ret->leads) return err;
    err = find_behind(d, &ret->behind, diag);
    if (!err) err = take_in(d, ret, diag);
    if (!err) err = look_at_due(d, ret, diag);
    return err ? err : open_ripe(d, ret, diag);
}

static int prepare_session(struct rs_detector *d, struct rs_diag *diag)
{
    static const char settings[] =
        "SET search_path = pg_catalog, pg_temp; SET jit = off; SET statement_timeout = '10min'; "
        "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '30s'";
    d->settled = false;
    return rs_pg_script(d->desk.pg, settings, diag);
}

int rs_detector_round(struct rs_detector *d, struct rs_detector_counts *ret, struct rs_diag *diag)
{
    *ret = (struct rs_detector_counts){0};
    int err = RS_OK;
    if (!rs_pg_alive(d->desk.pg)) {
        err = rs_pg_reopen(d->desk.pg, diag);
        if (!err) err = prepare_session(d, diag);
    }
    return err ? err : round_of(d, ret, diag);
}

int rs_detector_open(const struct rs_detector_options *options, struct rs_detector **ret, struct rs_diag *diag)
{
    struct rs_detector *d = rs_calloc(1, sizeof *d);
    int64_t wait = rs_rules_least_wait(options->rules);
    d->options = *options;
    d->least_us = wait == RS_INSTANT_NONE ? LOOK_EVERY_US : wait > 2 * GRACE_US ? wait - GRACE_US : wait / 2;
    d->desk = (struct rs_desk){
        .catalog = options->catalog,
        .rules = options->rules,
        .calendars = options->calendars,
        .alerts = options->alerts,
        .arena = rs_arena_new(1 << 20),
    };
    d->held = rs_arena_new(4 << 10);
    int err = rs_pg_open(&options->pg, &d->desk.pg, diag);
    if (!err) err = rs_schema_version_check(d->desk.pg, diag);
    if (!err) err = prepare_session(d, diag);
    if (err) {
        rs_detector_close(d);
        return err;
    }
    *ret = d;
    return RS_OK;
}

void rs_detector_close(struct rs_detector *d)
{
    if (!d) return;
    rs_pg_close(d->desk.pg);
    rs_pg_params_free(&d->desk.params);
    rs_arena_free(d->desk.arena);
    rs_arena_free(d->held);
    free(d);
}
