/* What a batch means for parcels that may stand still.
 *
 * Nothing is evaluated while ingesting, with one exception: a parcel that has an open
 * episode is looked at in the transaction that brings news of it, or of another number
 * of its journey, so that the scan and the end of the stall are one.  Which ones are
 * watched so a sink keeps in mind.  At the end of each transaction it reads what was
 * added since (rows whose transaction its last read may not have seen), in the
 * statement that writes its proof, so that costs nothing; what this does not show the
 * detector waits for (detector.c).  Of all other parcels the detector hears by a row
 * in its inbox, one a batch:
 *   - a new one, with the earliest instant at which a clock of it can have begun:
 *     it is looked at when the shortest wait behind that is over;
 *   - now: what changes clocks otherwise than a scan that comes in time.  Late
 *     scans, those behind newer ones, those after a long silence, at or behind the
 *     end of a journey, what moves the status and is no scan, what says that a source
 *     has given up; promises, facts of a parcel that was known, links, orders; what
 *     sources stopped reporting; and whatever there is of a parcel that is watched.
 */
#include <stdio.h>
#include <stdlib.h>

#include "desk.h"
#include "sink_rows.h"

/* ---- what is kept in mind -------------------------------------------------------------- */

/* Of a number; parcels' ids are positive. */
static int64_t key_of_number(struct rs_str number)
{
    struct rs_key sum = rs_quick_key(number.p, number.n);
    int64_t ret;
    memcpy(&ret, sum.b, sizeof ret);
    return ret | INT64_MIN;
}

static uint32_t slot_of(const struct rs_watch *watch, int64_t key)
{
    uint32_t at = (uint32_t)((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & watch->mask;
    while (watch->key[at] && watch->key[at] != key) at = (at + 1) & watch->mask;
    return at;
}

static void add_watched(struct rs_watch *watch, int64_t key)
{
    if (!watch->key || watch->n * 2 > watch->mask) {
        struct rs_watch old = *watch;
        watch->mask = old.key ? old.mask * 2 + 1 : 1023;
        watch->key = rs_calloc((size_t)watch->mask + 1, sizeof *watch->key);
        for (uint32_t i = 0; old.key && i <= old.mask; i++) {
            if (old.key[i]) watch->key[slot_of(watch, old.key[i])] = old.key[i];
        }
        free(old.key);
    }
    uint32_t at = slot_of(watch, key);
    watch->n += !watch->key[at];
    watch->key[at] = key;
}

static bool is_watched(const struct rs_watch *watch, int64_t key)
{
    return watch->key && watch->key[slot_of(watch, key)] == key;
}

/* Those behind it move up where they may. */
static void drop_watched(struct rs_watch *watch, int64_t key)
{
    uint32_t hole = slot_of(watch, key);
    if (!watch->key[hole]) return;
    watch->n--;
    for (uint32_t at = hole;;) {
        watch->key[hole] = 0;
        do {
            at = (at + 1) & watch->mask;
            if (!watch->key[at]) return;
        } while (slot_of(watch, watch->key[at]) == at);
        int64_t moved = watch->key[at];
        watch->key[at] = 0;
        watch->key[slot_of(watch, moved)] = moved;
        hole = at;
    }
}

void rs_sink_forget_watched(struct rs_sink *sink)
{
    free(sink->watch.key);
    sink->watch = (struct rs_watch){0};
}

/* ---- what a batch says of a parcel -------------------------------------------------------- */

static const int64_t never = INT64_MAX;

/* Before this batch: the newest scan, or RS_INSTANT_NONE, and whether it was over.
 * What was announced, or concluded by a source, was not scanned: the first scan is
 * news, since it may be one that comes before the dispatch. */
static int64_t known_before(const struct rs_work_parcel *parcel, bool *ret_ended)
{
    int64_t newest = RS_INSTANT_NONE;
    if (parcel->way == RS_WAY_QUICK) {
        *ret_ended = parcel->before_ended;
        return parcel->before_us;
    }
    bool scanned = false;
    *ret_ended = false;
    for (uint32_t i = 0; i < parcel->state.known_n; i++) {
        const struct rs_known *known = &parcel->state.known[i];
        if (known->event || !rs_track_reported(known) || !rs_track_moves(known)) continue;
        if (rs_str_is(known->status->stage, "info")) continue;
        if (known->instant_us > newest) newest = known->instant_us;
        *ret_ended |= known->status->ends;
        scanned |= rs_track_scans(known);
    }
    return scanned ? newest : RS_INSTANT_NONE;
}

static bool is_at_an_end(const struct rs_status *status)
{
    static const char *const stages[] = {"delivery", "attempt", "pickup", "delivered"};
    if (status->ends || rs_str_is(status->name, "unknown.source_expired")) return true;
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        if (rs_str_is(status->stage, stages[i])) return true;
    }
    return false;
}

/* It moves the status, by which other rules may fit, and starts no clock anew. */
static bool is_concluded(const struct rs_known *known)
{
    return rs_track_moves(known) && !rs_track_scans(known) && !rs_str_is(known->status->stage, "info");
}

/* When a clock may have begun by what is new; INT64_MIN: to be looked at now;
 * `never`: nothing is new. */
static int64_t news_of(const struct rs_work_parcel *parcel, int64_t grace_us)
{
    int64_t first = never, before = RS_INSTANT_NONE;
    bool ended = false, asked = false;
    if (parcel->state.change_n) return INT64_MIN;
    for (uint32_t i = 0; i < parcel->state.known_n; i++) {
        const struct rs_known *known = &parcel->state.known[i];
        if (!known->event) continue;
        if (known->instant_us < first) first = known->instant_us;
        if (is_at_an_end(known->status)) return INT64_MIN;
        if (!parcel->exists) continue;
        if (is_concluded(known)) return INT64_MIN;
        if (!asked) before = known_before(parcel, &ended);
        asked = true;
        bool late = known->instant_us < known->published_us - grace_us;
        late |= before != RS_INSTANT_NONE && known->instant_us < before;
        bool woke = before == RS_INSTANT_NONE || known->instant_us > before + RS_STALL_SILENCE_US;
        if (late || woke || ended) return INT64_MIN;
    }
    return first;
}

/* ---- the batch's row in the inbox ------------------------------------------------------------ */

static int16_t source_of(const struct rs_work *work, const struct rs_work_parcel *parcel)
{
    return (int16_t)work->source[work->ref[parcel->ref].message - work->from];
}

static bool *told_flags(struct rs_work *work)
{
    if (!work->told) work->told = rs_arena_zero(work->arena, work->parcel_n + 1);
    return work->told;
}

static int by_id(const void *a, const void *b, void *self)
{
    const struct rs_work_parcel *parcel = self;
    int64_t x = parcel[*(const uint32_t *)a].id, y = parcel[*(const uint32_t *)b].id;
    return (x > y) - (x < y);
}

/* The rows begin with parcels' ids. */
void rs_work_note_told(struct rs_work *work, const struct rs_pg_rows *rows)
{
    if (!rs_pg_count(rows)) return;
    bool *told = told_flags(work);
    uint32_t *order = rs_arena_get(work->arena, ((size_t)work->parcel_n + 1) * sizeof *order);
    for (uint32_t i = 0; i < work->parcel_n; i++) order[i] = i;
    qsort_r(order, work->parcel_n, sizeof *order, by_id, work->parcel);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        int64_t id = rs_pg_get_int(rows, r, 0);
        uint32_t low = 0, high = work->parcel_n;
        while (high - low > 1) {
            uint32_t middle = low + (high - low) / 2;
            if (work->parcel[order[middle]].id <= id) low = middle;
            else high = middle;
        }
        told[order[low]] = true;
    }
}

/* Minutes since 1970; 0 says now, and whatever lies before 1970 is as good. */
static int32_t minute_of(int64_t us)
{
    int64_t minute = us == INT64_MIN ? 0 : us / RS_MINUTE_US;
    return minute < 0 || minute > INT32_MAX ? 0 : (int32_t)minute;
}

/* Of new parcels with facts that promise nothing: when they were told of; else
 * `never`. */
static int64_t *note_facts(const struct rs_work *work, bool *told)
{
    int64_t *ret = rs_arena_get(work->arena, ((size_t)work->parcel_n + 1) * sizeof *ret);
    for (uint32_t i = 0; i < work->parcel_n; i++) ret[i] = never;
    for (uint32_t i = 0; i < work->facts_n; i++) {
        const struct rs_work_facts *f = &work->facts[i];
        int64_t at = published_of(work, f->message);
        if (work->parcel[f->parcel].exists || f->facts->promised.to_us != RS_INSTANT_NONE) told[f->parcel] = true;
        else if (at < ret[f->parcel]) ret[f->parcel] = at;
    }
    return ret;
}

static void find_news(struct rs_work *work)
{
    bool *told = told_flags(work);
    const int64_t *facts = note_facts(work, told);
    int64_t grace_us = rs_rules_grace(rs_rules_of(work->sink->options.rules));
    work->entry = rs_arena_get(work->arena, ((size_t)work->parcel_n + 1) * sizeof *work->entry);
    work->news = rs_arena_get(work->arena, ((size_t)work->parcel_n + 1) * sizeof *work->news);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        const struct rs_work_parcel *parcel = &work->parcel[i];
        int64_t news = told[i] ? INT64_MIN : news_of(parcel, grace_us);
        if (!parcel->exists && facts[i] < news) news = facts[i];
        if (news == never) continue;
        if (!parcel->exists && parcel->s10 == RS_S10_BAD) news = INT64_MIN;
        work->news[work->news_n++] = i;
        if (news != INT64_MIN && parcel->exists) continue; /* a scan that comes in time */
        work->entry[work->entry_n++] = (struct rs_entry){parcel->id, source_of(work, parcel), minute_of(news)};
    }
}

/* A source's messages of several partitions are told in turns: gaps are those
 * between the newest so far and the next that is newer. */
static void hear(struct rs_work *work, int16_t source, int64_t published_us)
{
    struct rs_heard *heard = NULL;
    for (uint32_t i = 0; i < work->heard_n && !heard; i++) {
        if (work->heard[i].source == source) heard = &work->heard[i];
    }
    if (!heard) {
        heard = &work->heard[work->heard_n++];
        *heard = (struct rs_heard){source, 0, published_us, published_us, 0};
    }
    heard->messages++;
    if (published_us < heard->from_us) heard->from_us = published_us;
    if (published_us <= heard->to_us) return;
    if (published_us - heard->to_us > heard->gap_us) heard->gap_us = published_us - heard->to_us;
    heard->to_us = published_us;
}

static void find_heard(struct rs_work *work)
{
    uint32_t sources = 0;
    int16_t last = 0;
    for (uint32_t i = work->from; i < work->to; i++) {
        int16_t source = (int16_t)work->source[i - work->from];
        sources += source && source != last;
        last = source;
    }
    work->heard = rs_arena_get(work->arena, ((size_t)sources + 1) * sizeof *work->heard);
    for (uint32_t i = work->from; i < work->to; i++) {
        int16_t source = (int16_t)work->source[i - work->from];
        if (source) hear(work, source, published_of(work, i));
    }
}

static void put_inbox(struct rs_work *work)
{
    struct rs_pg_params *p = &work->params;
    EACH(work, work->entry_n, RS_PG_INT8, rs_pg_array_int8(p, work->entry[i].id));
    EACH(work, work->entry_n, RS_PG_INT2, rs_pg_array_int2(p, work->entry[i].source));
    EACH(work, work->entry_n, RS_PG_INT4, rs_pg_array_int4(p, work->entry[i].minute));
    EACH(work, work->heard_n, RS_PG_INT2, rs_pg_array_int2(p, work->heard[i].source));
    EACH(work, work->heard_n, RS_PG_INT4, rs_pg_array_int4(p, work->heard[i].messages));
    EACH(work, work->heard_n, RS_PG_TIME, rs_pg_array_time(p, work->heard[i].from_us));
    EACH(work, work->heard_n, RS_PG_TIME, rs_pg_array_time(p, work->heard[i].to_us));
    EACH(work, work->heard_n, RS_PG_INT8, rs_pg_array_int8(p, work->heard[i].gap_us));
}

/* The last statement of a transaction: its proof, its row in the inbox, and what
 * is watched since it was asked last. */
int rs_work_put_proof(struct rs_work *work, struct rs_diag *diag)
{
    static const char prove[] =
        "WITH proof AS (INSERT INTO rastro.proofs (member, worker, proof) VALUES ($1, $2, $3) "
        "ON CONFLICT (member, worker) DO UPDATE SET proof = excluded.proof, proved_at = now()), "
        "inbox AS (INSERT INTO rastro.stall_inbox (parcel, source, minute, heard, messages, heard_from, heard_to, gap) "
        "SELECT $5::bigint[], $6::smallint[], $7::int[], $8::smallint[], $9::int[], $10::timestamptz[], "
        "$11::timestamptz[], $12::bigint[] WHERE cardinality($5::bigint[]) + cardinality($8::smallint[]) > 0) "
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, d.parcel_id, n.number "
        "FROM (SELECT 1) one LEFT JOIN rastro.deadlines d ON d.watched >= $4::text::xid8 "
        "LEFT JOIN LATERAL unnest(d.journey) n (number) ON true";
    struct rs_watch *watch = &work->sink->watch;
    struct rs_pg_params *p = &work->params;
    struct rs_pg_rows *rows;
    char since[24];
    find_news(work);
    find_heard(work);
    rs_random(work->proof.b, sizeof work->proof.b);
    rs_pg_uuid(p, work->sink->options.member);
    rs_pg_int4(p, work->sink->options.worker);
    rs_pg_uuid(p, work->proof);
    snprintf(since, sizeof since, "%lld", (long long)watch->since);
    rs_pg_text(p, rs_str_of(since));
    put_inbox(work);
    int err = rs_pg_run(work->pg, prove, p, &rows, diag);
    if (err) return err;
    watch->since = rs_pg_get_int(rows, 0, 0);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        if (!rs_pg_is_null(rows, r, 1)) add_watched(watch, rs_pg_get_int(rows, r, 1));
        if (!rs_pg_is_null(rows, r, 2)) add_watched(watch, key_of_number(rs_pg_get_str(rows, r, 2)));
    }
    return RS_OK;
}

/* ---- those that are watched --------------------------------------------------------------------- */

static int id_cmp(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* What is open ends or never was; what else there is the detector finds. */
static int settle_open(struct rs_desk *desk, struct rs_desk_parcel *parcel, uint32_t n, struct rs_diag *diag)
{
    uint32_t room = 0, step_n = 0;
    int err = rs_desk_load_cases(desk, parcel, n, diag);
    if (err) return err;
    for (uint32_t i = 0; i < n; i++) room += parcel[i].stored_n;
    struct rs_desk_step *step = rs_arena_get(desk->arena, ((size_t)room + 1) * sizeof *step);
    for (uint32_t i = 0; i < n; i++) {
        struct rs_episode_change *change;
        /* At whatever feed time it was due, it is due here. */
        uint32_t changes = rs_desk_look(desk, &parcel[i], INT64_MAX - 1, &change);
        for (uint32_t k = 0; k < changes; k++) {
            if (change[k].stored == RS_STALL_NONE || parcel[i].stored[change[k].stored].candidate) continue;
            step[step_n++] = (struct rs_desk_step){&parcel[i], change[k]};
        }
    }
    return rs_desk_write(desk, parcel, n, step, step_n, diag);
}

static bool has_open(const struct rs_desk_parcel *parcel)
{
    for (uint32_t i = 0; i < parcel->stored_n; i++) {
        if (!parcel->stored[i].candidate && parcel->stored[i].until_us == INT64_MAX) return true;
    }
    return false;
}

/* Their clocks start anew, which nobody expected. */
static int leave_in_inbox(struct rs_work *work, const int64_t *id, uint32_t n, struct rs_diag *diag)
{
    static const char put[] =
        "INSERT INTO rastro.stall_inbox (parcel, source, minute, heard, messages, heard_from, heard_to, gap) "
        "SELECT array_agg(d.parcel_id), array_agg(d.source), array_agg(0), '{}', '{}', '{}', '{}', '{}' FROM rastro.deadlines d "
        "WHERE d.parcel_id = ANY ($1::bigint[]) HAVING count(*) > 0";
    EACH(work, n, RS_PG_INT8, rs_pg_array_int8(&work->params, id[i]));
    return rs_pg_run(work->pg, put, &work->params, NULL, diag);
}

/* What a batch's news may end. */
struct concerned {
    struct rs_str *number; /* of journeys that are watched */
    uint32_t number_n;
    int64_t *id; /* in order; of the batch's own parcels, and of those journeys' */
    uint32_t n;
    struct {
        uint32_t number;
        int64_t id;
    } * pair; /* which number brought which parcel */
    uint32_t pair_n;
};

static void sort_ids(struct concerned *c)
{
    uint32_t n = 0;
    qsort(c->id, c->n, sizeof *c->id, id_cmp);
    for (uint32_t i = 0; i < c->n; i++) {
        if (!n || c->id[n - 1] != c->id[i]) c->id[n++] = c->id[i];
    }
    c->n = n;
}

static int find_journeys(struct rs_work *work, struct concerned *c, struct rs_diag *diag)
{
    static const char find[] =
        "SELECT DISTINCT a.i - 1, d.parcel_id FROM unnest($1::text[]) WITH ORDINALITY a (number, i), "
        "LATERAL (SELECT p.parcel_id FROM rastro.parcels p WHERE p.number = a.number "
        "UNION SELECT l.parcel_id FROM rastro.parcel_links l WHERE l.number = a.number) s, "
        "LATERAL rastro.journey(s.parcel_id) j (parcel_id) JOIN rastro.deadlines d ON d.parcel_id = j.parcel_id "
        "WHERE d.watched IS NOT NULL";
    struct rs_pg_rows *rows;
    EACH(work, c->number_n, RS_PG_TEXT, rs_pg_array_bytes(&work->params, c->number[i].p, c->number[i].n));
    int err = rs_pg_run(work->pg, find, &work->params, &rows, diag);
    if (err) return err;
    c->pair_n = (uint32_t)rs_pg_count(rows);
    c->pair = rs_arena_get(work->arena, ((size_t)c->pair_n + 1) * sizeof *c->pair);
    int64_t *id = rs_arena_get(work->arena, ((size_t)c->n + c->pair_n + 1) * sizeof *id);
    memcpy(id, c->id, c->n * sizeof *id);
    c->id = id;
    for (uint32_t i = 0; i < c->pair_n; i++) {
        c->pair[i].number = (uint32_t)rs_pg_get_int(rows, (int)i, 0);
        c->pair[i].id = c->id[c->n++] = rs_pg_get_int(rows, (int)i, 1);
    }
    return RS_OK;
}

static int find_concerned(struct rs_work *work, struct concerned *ret, struct rs_diag *diag)
{
    const struct rs_watch *watch = &work->sink->watch;
    *ret = (struct concerned){
        .number = rs_arena_get(work->arena, ((size_t)work->news_n + 1) * sizeof *ret->number),
        .id = rs_arena_get(work->arena, ((size_t)work->news_n + 1) * sizeof *ret->id),
    };
    for (uint32_t i = 0; i < work->news_n; i++) {
        const struct rs_work_parcel *parcel = &work->parcel[work->news[i]];
        if (is_watched(watch, parcel->id)) ret->id[ret->n++] = parcel->id;
        if (is_watched(watch, key_of_number(parcel->key.number))) ret->number[ret->number_n++] = parcel->key.number;
    }
    int err = ret->number_n ? find_journeys(work, ret, diag) : RS_OK;
    sort_ids(ret);
    return err;
}

/* What is kept in mind of them from here on. */
static void watch_concerned(struct rs_watch *watch, const struct concerned *c, const struct rs_desk_parcel *parcel,
                            uint32_t n)
{
    for (uint32_t i = 0; i < c->n; i++) drop_watched(watch, c->id[i]);
    for (uint32_t i = 0; i < c->number_n; i++) drop_watched(watch, key_of_number(c->number[i]));
    for (uint32_t i = 0; i < n; i++) {
        if (parcel[i].watched) add_watched(watch, parcel[i].id);
    }
    for (uint32_t i = 0; i < c->pair_n; i++) {
        if (is_watched(watch, c->pair[i].id)) add_watched(watch, key_of_number(c->number[c->pair[i].number]));
    }
}

static int look_at_watched(struct rs_work *work, struct rs_desk *desk, struct rs_diag *diag)
{
    struct concerned concerned;
    struct rs_desk_parcel *parcel = NULL;
    uint32_t locked = 0, open = 0;
    struct rs_desk_rules rules = {0};
    int err = find_concerned(work, &concerned, diag);
    if (!err && !concerned.n) watch_concerned(&work->sink->watch, &concerned, NULL, 0);
    if (err || !concerned.n) return err;
    err = rs_desk_lock(desk, concerned.id, concerned.n, &parcel, &locked, diag);
    if (!err) err = leave_in_inbox(work, concerned.id, concerned.n, diag);
    if (!err) err = rs_desk_read_rules(desk, &rules, diag);
    if (!err) err = rs_desk_load_stored(desk, parcel, locked, diag);
    if (err) return err;
    watch_concerned(&work->sink->watch, &concerned, parcel, locked);
    for (uint32_t i = 0; i < locked; i++) {
        if (parcel[i].watched && has_open(&parcel[i])) parcel[open++] = parcel[i];
    }
    return open && rules.ours && !rules.differ ? settle_open(desk, parcel, open, diag) : RS_OK;
}

int rs_work_settle_stalls(struct rs_work *work, struct rs_diag *diag)
{
    const struct rs_sink_options *o = &work->sink->options;
    if (!work->news_n || !work->sink->watch.n) return RS_OK;
    struct rs_desk desk = {
        .pg = work->pg,
        .catalog = o->catalog,
        .rules = rs_rules_of(o->rules),
        .calendars = o->calendars,
        .alerts = o->alerts,
        .arena = work->arena,
    };
    int err = look_at_watched(work, &desk, diag);
    rs_pg_params_free(&desk.params);
    return err;
}
