/* The detector: from what is told to episodes that are open.
 *
 *   inbox --take in--> deadlines --look--> candidates --open--> episodes, alerts
 *
 * A batch leaves a row in the inbox with the parcels that are new and those of
 * which something was told that a clock may not expect.  They get a row in
 * deadlines, whose `due` is a lower bound in feed time: whatever scan comes in
 * time, nothing becomes a stall before.  So scans that come in time write nothing,
 * and a parcel is looked at every few days, not at every scan.  Why it is a bound:
 * with F the feed time of the last look, w the shortest wait of any rule and g a
 * grace (a day, or half of w), a look comes at F + w - g at the latest.  A scan later
 * than F - g starts clocks that are due w later, behind that look.  Any other scan, and
 * whatever is due without a wait, is left in the inbox (sink_stalls.c).  Of what is
 * silent for long the next look comes later, an eighth of the silence; a scan after
 * such a pause is left in the inbox too.  Some clocks no scan starts anew: a promise
 * stays, and another stage may have a rule that waits less for it, or end a pause; a
 * stage stays, and one more scan that says the same is one too many.  Where a scan may
 * make something due at once in such a way, the parcel is ripe, and watched: batches
 * leave word of it whatever they bring.
 *
 * No false alarm.  "A complete view" at feed time F has every message appended up
 * to F and none after it, on whatever partition: an order, or the first scan that
 * another source tells, may come on any, so F is that of the slowest.  A look reads F first and the parcel afterwards,
 * so everything appended up to F is there; if something newer is there too the parcel is looked at again when feed time
 * has come that far.  So what a look finds is what a complete view at F says.
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
 * A scan may be of another number of the parcel's journey.  So the parcel's row says
 * which numbers there are, and a batch that brings news of one of them looks at all
 * that is watched of its journey.  When a journey grows, or a parcel becomes ripe, a
 * batch under way may not know: the parcel stays on the list until such batches are
 * over, and is looked at once more.
 *
 * Whoever leads can die anywhere: the inbox is emptied by the transaction that
 * writes deadlines, candidates are there for the next one, and what was found
 * before is found again.
 */
#include "rastro/detector.h"

#include <stdlib.h>

#include "detector_private.h"
#include "rastro/fault.h"
#include "rastro/migrate.h"

/* Where no rule waits. */
#define LOOK_EVERY_US (30 * RS_DAY_US)
/* Parcels that are put on the list at once. */
#define APPLY_PAGE 5000

/* ---- who leads, and by which rules --------------------------------------------------- */

static void take_rules(struct rs_detector *d)
{
    d->desk.rules = rs_rules_of(d->options.rules);
    d->announced = false;
    int64_t wait = rs_rules_least_wait(d->desk.rules);
    d->least_us = wait == RS_INSTANT_NONE ? LOOK_EVERY_US : wait - rs_rules_grace(d->desk.rules);
}

/* Ours count from now on, unless newer ones do already. */
static int announce_rules(struct rs_detector *d, struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.rules_versions (version, key, active_from) SELECT $1, $2, "
        "CASE WHEN EXISTS (SELECT FROM rastro.rules_versions) THEN now() ELSE '-infinity' END "
        "WHERE NOT EXISTS (SELECT FROM rastro.rules_versions WHERE version >= $1) ON CONFLICT DO NOTHING";
    rs_pg_int4(&d->desk.params, (int32_t)rs_rules_version(d->desk.rules));
    rs_pg_uuid(&d->desk.params, rs_rules_key(d->desk.rules));
    int err = rs_pg_run(d->desk.pg, add, &d->desk.params, NULL, diag);
    d->announced = !err;
    return err;
}

static int check_rules(struct rs_detector *d, struct rs_diag *diag)
{
    struct rs_desk_rules rules;
    int err = rs_desk_read_rules(&d->desk, &rules, diag);
    if (err) return err;
    d->outdated = !rules.ours;
    d->applied = rules.applied;
    if (!rules.differ) return RS_OK;
    rs_fail(diag, RS_E_CONFIG, "stall rules: version %u is in use and says something else", d->desk.by.version);
    return rs_fail_next(diag, "raise the version in the file of rules");
}

/* By other rules any parcel may be due: all are put on the list again, so many at a
 * time.  Whoever takes over begins anew. */
static int apply_rules(struct rs_detector *d, struct rs_detector_counts *counts, struct rs_diag *diag)
{
    static const char page[] =
        "WITH page AS (SELECT parcel_id FROM rastro.deadlines WHERE parcel_id > $1 ORDER BY parcel_id LIMIT $2 "
        "FOR UPDATE), "
        "put AS (UPDATE rastro.deadlines d SET due = '-infinity' FROM page WHERE d.parcel_id = page.parcel_id) "
        "SELECT coalesce(max(parcel_id), 0) FROM page";
    static const char done[] = "UPDATE rastro.rules_versions SET applied_at = now() WHERE version = $1";
    struct rs_pg_rows *rows;
    if (d->applied) return RS_OK;
    rs_pg_int8(&d->desk.params, d->apply_from);
    rs_pg_int4(&d->desk.params, APPLY_PAGE);
    int err = rs_pg_run(d->desk.pg, page, &d->desk.params, &rows, diag);
    if (err) return err;
    d->apply_from = rs_pg_get_int(rows, 0, 0);
    counts->more = true;
    if (d->apply_from) return RS_OK;
    rs_pg_int4(&d->desk.params, (int32_t)d->desk.by.version);
    return rs_pg_run(d->desk.pg, done, &d->desk.params, NULL, diag);
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
    d->apply_from = 0;
    d->joined = true; /* an earlier leader may have seen one grow */
    err = find_candidates(d, diag);
    d->settled = *ret_leads = !err;
    return err;
}

static int open_candidates(struct rs_detector *d, const int64_t *parcel_id, uint32_t n,
                           struct rs_detector_counts *counts, struct rs_diag *diag)
{
    struct rs_desk_parcel *parcel;
    struct rs_detector_steps steps = {0};
    int err = rs_detector_load(d, parcel_id, &n, &parcel, diag);
    if (err) return err;
    for (uint32_t i = 0; i < n; i++) rs_detector_take_steps(d, &parcel[i], d->opening, &steps, counts);
    err = counts->opened ? rs_detector_mind_storm(d, (uint32_t)counts->opened, diag) : RS_OK;
    if (!err) err = rs_desk_write(&d->desk, parcel, n, steps.list, steps.n, diag);
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
    d->joining = d->joined;
    d->joined = false;
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

static int find_ripe(struct rs_detector *d, int64_t ret[RS_DETECTOR_PAGE], uint32_t *ret_n, struct rs_diag *diag)
{
    static const char sql[] = "SELECT DISTINCT parcel_id FROM rastro.episodes WHERE state = 'c' AND episode <= $1 "
                              "ORDER BY parcel_id LIMIT $2";
    struct rs_pg_rows *rows;
    rs_pg_int8(&d->desk.params, d->opening);
    rs_pg_int4(&d->desk.params, RS_DETECTOR_PAGE);
    int err = rs_pg_run(d->desk.pg, sql, &d->desk.params, &rows, diag);
    *ret_n = err ? 0 : (uint32_t)rs_pg_count(rows);
    for (uint32_t i = 0; i < *ret_n; i++) ret[i] = rs_pg_get_int(rows, (int)i, 0);
    return err;
}

static int open_ripe(struct rs_detector *d, struct rs_detector_counts *counts, struct rs_diag *diag)
{
    int64_t parcel_id[RS_DETECTOR_PAGE];
    uint32_t n;
    bool there = false;
    int err = RS_OK;
    if (!d->waiting && (d->joined || d->candidate > d->opening)) err = note_batches(d, diag);
    if (err || !d->waiting) return err;
    err = still_there(d, &there, diag);
    counts->waits = there;
    if (err || there) return err;
    counts->more |= d->joining;
    d->joining = false;
    err = find_ripe(d, parcel_id, &n, diag);
    if (!err && n) err = transact(d, open_candidates, parcel_id, n, counts, diag);
    if (!err && n) rs_kill_point(RS_KILL_OPENED);
    if (!err && n < RS_DETECTOR_PAGE) d->waiting = false;
    counts->more |= n == RS_DETECTOR_PAGE || d->candidate > d->opening;
    return err;
}

static int look_at_due(struct rs_detector *d, struct rs_detector_counts *counts, struct rs_diag *diag)
{
    int64_t parcel_id[RS_DETECTOR_PAGE];
    uint32_t n;
    uint64_t found = counts->found;
    int err = rs_detector_find_due(d, parcel_id, &n, diag);
    if (!err && n) err = transact(d, rs_detector_look, parcel_id, n, counts, diag);
    if (!err && counts->found > found) rs_kill_point(RS_KILL_CANDIDATES);
    if (!err && counts->found > found) err = find_candidates(d, diag);
    counts->more |= n >= RS_DETECTOR_PAGE / 2;
    return err;
}

/* ---- life ------------------------------------------------------------------------------------------ */

static int round_of(struct rs_detector *d, struct rs_detector_counts *ret, struct rs_diag *diag)
{
    if (d->desk.rules != rs_rules_of(d->options.rules)) take_rules(d);
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
    err = rs_detector_find_behind(d, &ret->behind, diag);
    if (!err) err = apply_rules(d, ret, diag);
    if (!err) err = rs_detector_take_in(d, ret, diag);
    if (!err) err = rs_detector_mind_feeds(d, diag);
    if (!err) err = look_at_due(d, ret, diag);
    return err ? err : open_ripe(d, ret, diag);
}

/* A statement that was planned while tables were empty must do when they are large,
 * and is not planned again. */
static int prepare_session(struct rs_detector *d, struct rs_diag *diag)
{
    static const char settings[] =
        "SET search_path = pg_catalog, pg_temp; SET jit = off; SET plan_cache_mode = force_generic_plan; "
        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
        "SET statement_timeout = '10min'; SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '30s'";
    d->settled = false;
    return rs_pg_script(d->desk.pg, settings, diag);
}

/* So that another member may lead. */
static void step_down(struct rs_detector *d)
{
    struct rs_diag ignored;
    if (rs_pg_alive(d->desk.pg)) rs_pg_script(d->desk.pg, "SELECT pg_advisory_unlock_all()", &ignored);
    d->settled = false;
}

int rs_detector_round(struct rs_detector *d, struct rs_detector_counts *ret, struct rs_diag *diag)
{
    *ret = (struct rs_detector_counts){0};
    int err = RS_OK;
    if (!rs_pg_alive(d->desk.pg)) {
        err = rs_pg_reopen(d->desk.pg, diag);
        if (!err) err = prepare_session(d, diag);
    }
    if (!err) err = round_of(d, ret, diag);
    if (err && rs_err_class(err) != RS_CLASS_RETRY) step_down(d);
    return err;
}

void rs_detector_interrupt(struct rs_detector *d)
{
    rs_pg_interrupt(d->desk.pg);
}

int rs_detector_open(const struct rs_detector_options *options, struct rs_detector **ret, struct rs_diag *diag)
{
    struct rs_detector *d = rs_calloc(1, sizeof *d);
    d->options = *options;
    d->desk = (struct rs_desk){
        .catalog = options->catalog,
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
