/* The sessions of a sink: who owns which partition, and what is done when the
 * session, or somebody else's, is gone.
 *
 * A partition belongs to whoever raised its owner_term last.  A transaction
 * that a dead or sleeping member left open holds locks that nobody gives back:
 * PostgreSQL waits for a client that reads or writes COPY data for ever.  So
 *   - a claim that waits for a partition's row ends the session that is written
 *     in it, known by process id and start;
 *   - a batch that waits too long for any row ends the members' sessions that
 *     stand in a transaction and have long been waiting for their client.
 *     Whoever was only slow connects again and loses nothing.
 * A member that has nothing to write looks from time to time whether it is
 * still the owner: after a fail-over its positions may lie further back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rastro/fault.h"
#include "rastro/log.h"
#include "sink_private.h"

#define PAUSE_MAX_US (5 * RS_SECOND_US)
/* A previous owner's transaction is waited for this long, then ended. */
#define CLAIM_LOCK_TIMEOUT "2s"
/* Locks of other batches are waited for this long before somebody looks. */
#define BATCH_LOCK_TIMEOUT "5s"
/* In a transaction, and so long waiting for its client. */
#define HUNG_AFTER "5 s"

/* ---- waiting ------------------------------------------------------------------- */

static bool stopping(const struct rs_sink *sink)
{
    return sink->options.stopping && sink->options.stopping(sink->options.stopping_self);
}

bool rs_sink_pause(struct rs_sink *sink, int64_t *pause_us)
{
    int64_t left = *pause_us / 2 + rand() % (*pause_us / 2 + 1);
    *pause_us = *pause_us * 2 < PAUSE_MAX_US ? *pause_us * 2 : PAUSE_MAX_US;
    while (left > 0 && !stopping(sink)) {
        int64_t piece = left < 50000 ? left : 50000;
        struct timespec t = {0, (long)piece * 1000};
        nanosleep(&t, NULL);
        left -= piece;
    }
    return !stopping(sink);
}

/* ---- the session ------------------------------------------------------------------ */

static int read_history(struct rs_sink *sink, bool *ret_same, int64_t *ret_epoch, struct rs_diag *diag)
{
    static const char identify[] =
        "SELECT (SELECT system_identifier FROM pg_control_system()), "
        "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint, "
        "(SELECT proof FROM rastro.proofs WHERE member = $1 AND worker = $2), "
        "(SELECT coalesce(max(epoch), 0) FROM rastro.epochs)";
    struct rs_pg_rows *rows;
    rs_pg_uuid(&sink->params, sink->options.member);
    rs_pg_int4(&sink->params, sink->options.worker);
    int err = rs_pg_run(sink->pg, identify, &sink->params, &rows, diag);
    if (err) return err;
    int64_t system_id = rs_pg_get_int(rows, 0, 0), timeline = rs_pg_get_int(rows, 0, 1);
    struct rs_key proof = rs_pg_get_key(rows, 0, 2);
    /* A COMMIT whose answer was lost may have put the one that we do not know of yet. */
    bool proof_there = !rs_pg_is_null(rows, 0, 2) &&
                       (rs_key_eq(proof, sink->proof) || (sink->tried && rs_key_eq(proof, sink->tried->proof)));
    /* Who has proven nothing yet cannot tell a restored backup from what was there. */
    *ret_same = !sink->system_id ||
                (sink->system_id == system_id && sink->timeline == timeline && sink->proved && proof_there);
    *ret_epoch = rs_pg_get_int(rows, 0, 3);
    sink->system_id = system_id;
    sink->timeline = timeline;
    return RS_OK;
}

/* Both sessions must talk to one server. */
static int compare_sessions(struct rs_sink *sink, struct rs_diag *diag)
{
    static const char identify[] =
        "SELECT (SELECT system_identifier FROM pg_control_system()), "
        "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(sink->asking, identify, NULL, &rows, diag);
    if (err) return err;
    if (rs_pg_get_int(rows, 0, 0) == sink->system_id && rs_pg_get_int(rows, 0, 1) == sink->timeline) return RS_OK;
    return rs_fail(diag, RS_E_SERVER, "postgresql %s: two sessions have two histories", rs_pg_where(sink->pg));
}

/* A server in recovery looks like one that is away, until it is promoted. */
static int check_primary(struct rs_sink *sink, struct rs_diag *diag)
{
    static const char ask[] = "SELECT pg_is_in_recovery()";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(sink->pg, ask, NULL, &rows, diag);
    if (!err && rs_pg_get_int(rows, 0, 0)) {
        err = rs_fail(diag, RS_E_SERVER, "postgresql %s: a standby, nothing can be written", rs_pg_where(sink->pg));
    }
    return err;
}

/* Ids and blocks are asked for again in any case: they are few.  What D2 guards
 * beyond them is the parcel table. */
int rs_sink_settle_in(struct rs_sink *sink, struct rs_diag *diag)
{
    bool same = false;
    int64_t epoch = 0;
    rs_sink_forget_ids(sink);
    rs_sink_forget_watched(sink);
    sink->clock_us = 0; /* another server's may go otherwise */
    int err = check_primary(sink, diag);
    if (!err) err = read_history(sink, &same, &epoch, diag);
    if (!err) err = compare_sessions(sink, diag);
    if (err) return err;
    if (!same) {
        rs_warn("postgresql %s: another history of the database than before; everything known is forgotten",
                rs_pg_where(sink->pg));
        sink->proved = false;
    }
    rs_sink_adopt(sink, same, epoch);
    /* Every statement of ours looks rows up by key for a sorted list: whatever the
     * tables' statistics say, a loop over the list is the plan, and the order in
     * which rows are locked is the list's. */
    static const char settings[] = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = '10min'; "
                                   "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; "
                                   "SET plan_cache_mode = force_generic_plan; SET jit = off; "
                                   "SET lock_timeout = '" BATCH_LOCK_TIMEOUT
                                   "'; SET idle_in_transaction_session_timeout = '1min'";
    err = rs_pg_script(sink->pg, settings, diag);
    if (!err) err = rs_pg_script(sink->asking, settings, diag);
    return err ? err : rs_pg_script(sink->pg, rs_sink_temporary, diag);
}

/* ---- claims -------------------------------------------------------------------------- */

static void put_partition(struct rs_sink *sink, const struct rs_partition *partition)
{
    rs_pg_text(&sink->params, sink->options.cluster);
    rs_pg_text(&sink->params, partition->topic);
    rs_pg_int4(&sink->params, partition->number);
}

/* The previous owner stands inside its transaction: end its session, which is
 * recognised by its process id and its start. */
static int end_previous(struct rs_sink *sink, const struct rs_partition *partition, struct rs_diag *diag)
{
    static const char end[] =
        "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN rastro.positions p "
        "ON a.pid = p.backend_pid AND a.backend_start = p.backend_start "
        "WHERE p.cluster = $1 AND p.topic = $2 AND p.partition = $3 AND a.pid <> pg_backend_pid()";
    put_partition(sink, partition);
    return rs_pg_run(sink->pg, end, &sink->params, NULL, diag);
}

int rs_sink_end_hung(struct rs_sink *sink, struct rs_diag *diag)
{
    static const char end[] =
        "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a "
        "WHERE a.wait_event_type = 'Client' AND a.state <> 'idle' AND a.pid <> pg_backend_pid() "
        "AND a.state_change < now() - interval '" HUNG_AFTER "' "
        "AND (a.pid, a.backend_start) IN (SELECT backend_pid, backend_start FROM rastro.positions)";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(sink->pg, end, NULL, &rows, diag);
    if (!err && rs_pg_count(rows)) {
        rs_warn("ended %lld sessions of members that hang in a transaction", (long long)rs_pg_count(rows));
    }
    return err;
}

/* What a claim reads. */
struct claim {
    int64_t next, term, last_offset;
    struct rs_key last_hash;
    char halted[RS_HALT_TEXT_MAX];
};

#define ANY_TERM (-1)

/* One try, in a transaction of its own; only while the term is `term`, unless
 * that is ANY_TERM.  RS_E_FENCED when it is another. */
static int claim_once(struct rs_sink *sink, const struct rs_partition *partition, int64_t term, struct claim *ret,
                      struct rs_diag *diag)
{
    static const char add[] =
        "INSERT INTO rastro.positions (cluster, topic, partition, next, owner_term) VALUES ($1, $2, $3, $4, 0) "
        "ON CONFLICT DO NOTHING";
    static const char take[] =
        "UPDATE rastro.positions SET owner_term = owner_term + 1, owner = $4, backend_pid = pg_backend_pid(), "
        "backend_start = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()), "
        "claimed_at = now() WHERE cluster = $1 AND topic = $2 AND partition = $3 AND $5 IN (-1, owner_term) "
        "RETURNING next, owner_term, last_offset, last_hash, halted";
    int err = rs_pg_script(sink->pg, "BEGIN; SET LOCAL lock_timeout = '" CLAIM_LOCK_TIMEOUT "'", diag);
    if (!err) {
        put_partition(sink, partition);
        rs_pg_int8(&sink->params, partition->start);
        err = rs_pg_run(sink->pg, add, &sink->params, NULL, diag);
    }
    struct rs_pg_rows *rows = NULL;
    struct claim found = {0};
    if (!err) {
        put_partition(sink, partition);
        rs_pg_text(&sink->params, rs_str_of(sink->options.member_name));
        rs_pg_int8(&sink->params, term);
        err = rs_pg_run(sink->pg, take, &sink->params, &rows, diag);
    }
    if (!err && !rs_pg_count(rows)) {
        err = rs_fail(diag, RS_E_FENCED, "%.*s/%d has another owner", RS_FMT(partition->topic), partition->number);
    }
    if (!err) {
        found.next = rs_pg_get_int(rows, 0, 0);
        found.term = rs_pg_get_int(rows, 0, 1);
        found.last_offset = rs_pg_is_null(rows, 0, 2) ? -1 : rs_pg_get_int(rows, 0, 2);
        found.last_hash = rs_pg_get_key(rows, 0, 3);
        struct rs_str halted = rs_pg_get_str(rows, 0, 4);
        snprintf(found.halted, sizeof found.halted, "%.*s", RS_FMT(halted));
        err = rs_pg_script(sink->pg, "COMMIT", diag);
    }
    if (err) {
        struct rs_diag ignored;
        if (rs_pg_alive(sink->pg)) rs_pg_script(sink->pg, "ROLLBACK", &ignored);
        return err;
    }
    rs_kill_point(RS_KILL_AFTER_CLAIM);
    *ret = found;
    return RS_OK;
}

static void add_partition(struct rs_partitions *to, struct rs_partition *partition)
{
    for (uint32_t i = 0; i < to->n; i++) {
        if (to->list[i] == partition) return;
    }
    if (to->n == to->room) {
        to->room = to->room ? to->room * 2 : 16;
        to->list = rs_realloc(to->list, to->room * sizeof *to->list);
    }
    to->list[to->n++] = partition;
}

static void remove_partition(struct rs_partitions *from, const struct rs_partition *partition)
{
    for (uint32_t i = 0; i < from->n; i++) {
        if (from->list[i] == partition) from->list[i--] = from->list[--from->n];
    }
}

void rs_sink_lose(struct rs_sink *sink, struct rs_partition *partition)
{
    rs_store_release_bool(&partition->owned, false); /* pairs with the reader's acquire */
    remove_partition(&sink->owned, partition);
    add_partition(&sink->lost, partition);
}

struct rs_partition *rs_sink_lost(struct rs_sink *sink)
{
    return sink->lost.n ? sink->lost.list[--sink->lost.n] : NULL;
}

int rs_sink_claim(struct rs_sink *sink, struct rs_partition *partition, struct rs_diag *diag)
{
    int64_t pause = RS_SINK_PAUSE_MIN_US;
    for (;;) {
        int32_t topic;
        int err = rs_pg_alive(sink->pg) && rs_pg_alive(sink->asking) ? RS_OK : rs_sink_come_back(sink, diag);
        if (!err) err = rs_sink_topic_id(sink, partition->topic, &topic, diag);
        struct claim claim;
        if (!err) err = claim_once(sink, partition, ANY_TERM, &claim, diag);
        if (!err) {
            partition->topic_id = (int16_t)topic;
            partition->durable = partition->read = claim.next;
            partition->term = claim.term;
            partition->end = -1;
            partition->last_offset = claim.last_offset;
            partition->last_hash = claim.last_hash;
            memcpy(partition->halted, claim.halted, sizeof partition->halted);
            remove_partition(&sink->lost, partition);
            add_partition(&sink->owned, partition);
            return RS_OK;
        }
        if (rs_err_class(err) != RS_CLASS_RETRY) return err;
        if (!strcmp(rs_pg_sqlstate(sink->pg), "55P03")) {
            rs_info("claim %.*s/%d: ending the previous owner's session", RS_FMT(partition->topic), partition->number);
            end_previous(sink, partition, diag);
        } else {
            rs_warn_every(10, "claim %.*s/%d: %s", RS_FMT(partition->topic), partition->number, diag->text);
        }
        if (!rs_sink_pause(sink, &pause)) return RS_E_SERVER;
    }
}

void rs_sink_release(struct rs_sink *sink, struct rs_partition *partition)
{
    static const char let_go[] = "UPDATE rastro.positions SET owner = NULL, backend_pid = NULL, backend_start = NULL "
                                 "WHERE cluster = $1 AND topic = $2 AND partition = $3 AND owner_term = $4";
    struct rs_diag ignored;
    remove_partition(&sink->owned, partition);
    remove_partition(&sink->lost, partition);
    if (!rs_pg_alive(sink->pg)) return;
    put_partition(sink, partition);
    rs_pg_int8(&sink->params, partition->term);
    rs_pg_run(sink->pg, let_go, &sink->params, NULL, &ignored);
}

int rs_sink_halt(struct rs_sink *sink, struct rs_partition *partition, struct rs_diag *diag)
{
    static const char halt[] = "UPDATE rastro.positions SET halted = $5, halted_at = now() "
                               "WHERE cluster = $1 AND topic = $2 AND partition = $3 AND owner_term = $4";
    if (!rs_pg_alive(sink->pg)) return rs_fail(diag, RS_E_SERVER, "the session is gone");
    put_partition(sink, partition);
    rs_pg_int8(&sink->params, partition->term);
    rs_pg_text(&sink->params, rs_str_of(partition->halted));
    return rs_pg_run(sink->pg, halt, &sink->params, NULL, diag);
}

/* ---- coming back ------------------------------------------------------------------- */

static int reconnect(struct rs_sink *sink, struct rs_diag *diag)
{
    int err = rs_pg_reopen(sink->pg, diag);
    if (!err) err = rs_pg_reopen(sink->asking, diag);
    return err ? err : rs_sink_settle_in(sink, diag);
}

static int claim_again(struct rs_sink *sink, struct rs_partition *partition, struct rs_diag *diag)
{
    struct claim claim;
    int err;
    while ((err = claim_once(sink, partition, partition->term, &claim, diag)) == RS_E_CONFLICT) {
        int64_t pause = RS_SINK_PAUSE_MIN_US;
        if ((err = end_previous(sink, partition, diag))) return err;
        if (!rs_sink_pause(sink, &pause)) return RS_E_SERVER;
    }
    if (err) return err;
    /* What was durable is not any more: another history of the database. */
    if (claim.next < partition->durable) return RS_E_FENCED;
    /* Only where it is and our term are new; what is in batches stays. */
    partition->term = claim.term;
    partition->durable = claim.next;
    return RS_OK;
}

/* After a lost session every partition is claimed again, so that the old
 * backend, should it still stand, can write no more, and a successor finds the
 * new one.  Where the term is not ours any more it is not taken back: that is
 * for the group to say. */
static int claim_all_again(struct rs_sink *sink, struct rs_diag *diag)
{
    for (uint32_t i = 0; i < sink->owned.n; i++) {
        struct rs_partition *partition = sink->owned.list[i];
        int err = claim_again(sink, partition, diag);
        if (err == RS_E_FENCED) {
            rs_sink_lose(sink, partition);
            i--;
        } else if (err) {
            return err;
        }
    }
    return RS_OK;
}

int rs_sink_come_back(struct rs_sink *sink, struct rs_diag *diag)
{
    int64_t pause = RS_SINK_PAUSE_MIN_US;
    for (;;) {
        int err = reconnect(sink, diag);
        if (!err) err = claim_all_again(sink, diag);
        if (!err) {
            rs_info("postgresql %s: connected again", rs_pg_where(sink->pg));
            return RS_OK;
        }
        /* A server that comes up refuses in many ways; only stopping ends it. */
        rs_warn_every(10, "%s; trying again", diag->text);
        if (!rs_sink_pause(sink, &pause)) return rs_fail(diag, RS_E_SERVER, "stopped while PostgreSQL was away");
    }
}

int rs_sink_find_lost(struct rs_sink *sink, const struct rs_batch *batch, uint32_t *ret_lost, struct rs_diag *diag)
{
    static const char look[] =
        "SELECT next, owner_term FROM rastro.positions WHERE cluster = $1 AND topic = $2 AND partition = $3";
    *ret_lost = 0;
    for (uint32_t i = 0; i < batch->part_count; i++) {
        struct rs_partition *partition = batch->part[i].partition;
        struct rs_pg_rows *rows;
        put_partition(sink, partition);
        int err = rs_pg_run(sink->pg, look, &sink->params, &rows, diag);
        if (err) return err;
        bool ours = rs_pg_count(rows) && rs_pg_get_int(rows, 0, 1) == partition->term &&
                    rs_pg_get_int(rows, 0, 0) == batch->part[i].from;
        if (ours) continue;
        rs_sink_lose(sink, partition);
        ++*ret_lost;
    }
    return RS_OK;
}

void rs_sink_put_owned(struct rs_sink *sink)
{
    struct rs_pg_params *params = &sink->params;
    struct rs_partition *const *list = sink->owned.list;
    uint32_t n = sink->owned.n;
    rs_pg_text(params, sink->options.cluster);
    rs_pg_array_open(params, RS_PG_TEXT);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_bytes(params, list[i]->topic.p, list[i]->topic.n);
    rs_pg_array_close(params);
    rs_pg_array_open(params, RS_PG_INT4);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int4(params, list[i]->number);
    rs_pg_array_close(params);
}

/* Those of our partitions that PostgreSQL knows otherwise than we do. */
static int find_moved(struct rs_sink *sink, struct rs_pg_rows **ret, struct rs_diag *diag)
{
    static const char look[] =
        "SELECT w.at - 1 FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) "
        "WITH ORDINALITY w (topic, partition, next, term, at) LEFT JOIN rastro.positions p "
        "ON p.cluster = $1 AND p.topic = w.topic COLLATE \"C\" AND p.partition = w.partition "
        "WHERE p.next IS DISTINCT FROM w.next OR p.owner_term IS DISTINCT FROM w.term ORDER BY 1 DESC";
    struct rs_pg_params *params = &sink->params;
    struct rs_partition *const *list = sink->owned.list;
    uint32_t n = sink->owned.n;
    rs_sink_put_owned(sink);
    rs_pg_array_open(params, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int8(params, list[i]->durable);
    rs_pg_array_close(params);
    rs_pg_array_open(params, RS_PG_INT8);
    for (uint32_t i = 0; i < n; i++) rs_pg_array_int8(params, list[i]->term);
    rs_pg_array_close(params);
    return rs_pg_run(sink->pg, look, params, ret, diag);
}

int rs_sink_look(struct rs_sink *sink, struct rs_diag *diag)
{
    if (!sink->owned.n) return RS_OK;
    struct rs_pg_rows *rows;
    int err = rs_pg_alive(sink->pg) ? find_moved(sink, &rows, diag) : RS_E_SERVER;
    if (!rs_pg_alive(sink->pg)) return rs_sink_come_back(sink, diag);
    /* From the last on, since losing one takes it out of the list. */
    for (int i = 0; !err && i < rs_pg_count(rows); i++) {
        rs_sink_lose(sink, sink->owned.list[rs_pg_get_int(rows, i, 0)]);
    }
    return err;
}
