/* Batches into PostgreSQL, exactly once: the transaction, and what is done when
 * it fails.  sink_session.c has claims and connections, sink_plan.c decides
 * from memory what this transaction writes.
 *
 * The transaction
 *   1  positions: compare-and-set of every partition's next under our term.
 *      Zero rows anywhere means that somebody else owns it: roll back.
 *   2  parcels: the new ones, in the order of their natural key.
 *   3  sources' views, by key: first those that are there, then new ones.  A
 *      batch that was planned from memory compares and sets their versions.
 *      Else they are locked, what is known of the parcels is read, everything
 *      decided, and then they are set.
 *   4  events by (parcel, fp); then the log, facts, links, orders and
 *      quarantine, each by its key; last this session's proof, and the
 *      episodes that the batch ends (sink_stalls.c), by parcel.
 * Every writer passes these steps in this order and each step in the order of
 * its key, so two transactions that share rows wait for each other but never
 * in a circle: whoever waits in a step holds only what comes before.
 *
 * When it fails (rule D6) the transaction is gone and the batch is still here,
 * decoded; it is decided anew from what PostgreSQL then knows, by the safe path.
 *   conflict     again, at once and then with growing pauses; if a lock was
 *                waited for too long, members' sessions that hang are ended
 *   server       connect again, claim every partition again, and look: if the
 *                positions are already behind the batch, the COMMIT had gone
 *                through and only its answer was lost; if they are where the
 *                batch starts, again; else the partition is somebody else's
 *   data         events are set aside one by one where they are inserted; if
 *                another row is refused, the batch is cut in halves until one
 *                message stands alone, and that goes to quarantine
 *   anything else  the same search, and the partition of the message halts
 */
#include <stdio.h>
#include <stdlib.h>

#include "rastro/fault.h"
#include "rastro/log.h"
#include "rastro/migrate.h"
#include "sink_private.h"

/* PostgreSQL refusing more of a batch than this is no accident of the data. */
#define REFUSED_MIN 10
#define REFUSED_SHARE 100
/* On the safe path unique keys are violated only where two batches race. */
#define VIOLATIONS_MAX 20

/* ---- life ------------------------------------------------------------------------ */

void rs_work_init(struct rs_work *work, struct rs_sink *sink)
{
    work->sink = sink;
    work->arena = rs_arena_new(1 << 20);
    work->coder = rs_raw_coder_new();
}

void rs_work_close(struct rs_work *work)
{
    rs_arena_free(work->arena);
    rs_pg_params_free(&work->params);
    rs_buf_free(&work->rows);
    rs_buf_free(&work->raw);
    rs_buf_free(&work->more);
    rs_raw_coder_free(work->coder);
}

void rs_work_open(struct rs_work *work, struct rs_pg *pg, struct rs_batch *batch, uint32_t from, uint32_t to)
{
    rs_arena_reset(work->arena);
    memset((char *)work + offsetof(struct rs_work, batch), 0, sizeof *work - offsetof(struct rs_work, batch));
    work->pg = pg;
    work->batch = batch;
    work->from = from;
    work->to = to;
}

int rs_sink_open(const struct rs_sink_options *options, struct rs_sink **ret, struct rs_diag *diag)
{
    struct rs_sink *sink = rs_calloc(1, sizeof *sink);
    sink->options = *options;
    rs_work_init(&sink->safe, sink);
    rs_sink_open_numbers(sink);
    int err = rs_sink_plan_open(sink, diag);
    if (!err) err = rs_pg_open(&options->pg, &sink->pg, diag);
    if (!err) err = rs_schema_version_check(sink->pg, diag);
    if (!err) err = rs_pg_open(&options->pg, &sink->asking, diag);
    if (!err) err = rs_sink_settle_in(sink, diag);
    if (err) {
        rs_sink_close(sink);
        return err;
    }
    *ret = sink;
    return RS_OK;
}

void rs_sink_close(struct rs_sink *sink)
{
    if (!sink) return;
    rs_sink_plan_close(sink);
    rs_pg_close(sink->pg);
    rs_pg_close(sink->asking);
    rs_pg_params_free(&sink->params);
    rs_work_close(&sink->safe);
    rs_sink_forget_ids(sink);
    rs_sink_close_numbers(sink);
    rs_arena_free(sink->sources.arena);
    rs_arena_free(sink->topics.arena);
    rs_sink_forget_watched(sink);
    free(sink->source_of);
    free(sink->owned.list);
    free(sink->lost.list);
    free(sink);
}

/* ---- the transaction --------------------------------------------------------------------- */

/* Where each part is to be after the messages [from, to) of the batch. */
struct step {
    int64_t from, to; /* next */
    int64_t last;     /* index of its last message, or -1 */
};

static uint32_t plan_steps(const struct rs_work *work, struct step *ret)
{
    const struct rs_batch *batch = work->batch;
    uint32_t moving = 0;
    for (uint32_t p = 0; p < batch->part_count; p++)
        ret[p] = (struct step){batch->part[p].from, batch->part[p].from, -1};
    for (uint32_t i = 0; i < work->to; i++) {
        struct step *step = &ret[batch->message[i].part];
        if (i < work->from) {
            step->from = step->to = batch->message[i].offset + 1;
        } else {
            step->to = batch->message[i].offset + 1;
            step->last = i;
        }
    }
    /* Behind the last message there may be control records. */
    for (uint32_t p = 0; p < batch->part_count; p++) {
        if (work->to == batch->count && batch->part[p].to > ret[p].to) ret[p].to = batch->part[p].to;
        moving += ret[p].to > ret[p].from;
    }
    return moving;
}

static int move_positions(struct rs_work *work, const struct step *step, uint32_t moving, struct rs_diag *diag)
{
    static const char move[] =
        "UPDATE rastro.positions p SET next = w.next, last_offset = coalesce(w.last_offset, p.last_offset), "
        "last_at = coalesce(w.last_at, p.last_at), last_hash = coalesce(w.last_hash, p.last_hash), "
        "committed_at = now() "
        "FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], "
        "$8::timestamptz[], $9::uuid[]) w (topic, partition, expected, next, term, last_offset, last_at, last_hash) "
        "WHERE p.cluster = $1 AND p.topic = w.topic COLLATE \"C\" AND p.partition = w.partition "
        "AND p.next = w.expected AND p.owner_term = w.term";
    const struct rs_batch *batch = work->batch;
    struct rs_pg_params *params = &work->params;
    rs_pg_text(params, work->sink->options.cluster);
#define EACH(element, put)                                                                             \
    rs_pg_array_open(params, element);                                                                 \
    for (uint32_t i = 0; i < batch->part_count; i++) {                                                 \
        const struct rs_partition *partition = batch->part[i].partition;                               \
        const struct rs_batch_message *last = step[i].last < 0 ? NULL : &batch->message[step[i].last]; \
        if (step[i].to == step[i].from) continue;                                                      \
        (void)partition;                                                                               \
        (void)last;                                                                                    \
        put;                                                                                           \
    }                                                                                                  \
    rs_pg_array_close(params)
    EACH(RS_PG_TEXT, rs_pg_array_bytes(params, partition->topic.p, partition->topic.n));
    EACH(RS_PG_INT4, rs_pg_array_int4(params, partition->number));
    EACH(RS_PG_INT8, rs_pg_array_int8(params, step[i].from));
    EACH(RS_PG_INT8, rs_pg_array_int8(params, step[i].to));
    EACH(RS_PG_INT8, rs_pg_array_int8(params, partition->term));
    EACH(RS_PG_INT8, {
        if (last) rs_pg_array_int8(params, last->offset);
        else rs_pg_array_null(params);
    });
    EACH(RS_PG_TIME, rs_pg_array_time(params, last ? last->message.published_us : RS_INSTANT_NONE));
    EACH(RS_PG_UUID, {
        struct rs_key hash = last ? rs_key_of(last->value.p, last->value.n) : (struct rs_key){{0}};
        if (last) rs_pg_array_bytes(params, hash.b, sizeof hash.b);
        else rs_pg_array_null(params);
    });
#undef EACH
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, move, params, &rows, diag);
    if (!err && rs_pg_affected(rows) != moving) err = rs_fail(diag, RS_E_FENCED, "another owner has taken over");
    return err;
}

/* Shared, so that verbs that change rows behind our back can wait for us. */
static int enter_epoch(struct rs_work *work, struct rs_diag *diag)
{
    static const char enter[] = "SELECT pg_advisory_xact_lock_shared(hashtext('rastro.epoch')), "
                                "(SELECT coalesce(max(epoch), 0) FROM rastro.epochs)";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(work->pg, enter, NULL, &rows, diag);
    if (err) return err;
    work->epoch = rs_pg_get_int(rows, 0, 1);
    if (work->planned && work->epoch > work->sink->epoch) {
        err = rs_fail(diag, RS_E_CONFLICT, "rows were changed behind the members; everything known is forgotten");
    }
    return err;
}

/* Decides by what PostgreSQL knows, under locks. */
static int decide_safely(struct rs_work *work, struct rs_diag *diag)
{
    for (uint32_t i = 0; i < work->fresh_n; i++) rs_work_decide(work, &work->parcel[work->fresh[i]]);
    int err = rs_work_parcels(work, diag);
    if (!err && work->parcel_n) err = rs_work_lock_views(work, diag);
    if (!err && work->parcel_n) err = rs_work_load_events(work, diag);
    for (uint32_t i = 0; !err && i < work->parcel_n; i++) {
        if (work->parcel[i].exists) rs_work_decide(work, &work->parcel[i]);
    }
    if (!err) rs_work_collect(work);
    return err;
}

static int write_rows(struct rs_work *work, struct rs_diag *diag)
{
    int err = work->planned ? rs_work_parcels(work, diag) : decide_safely(work, diag);
    if (!err) err = rs_work_put_views(work, diag);
    if (!err) err = rs_work_events(work, diag);
    if (!err) err = rs_work_rest(work, diag);
    return err ? err : rs_work_quarantine(work, diag);
}

static void finish_counts(struct rs_work *work)
{
    struct rs_sink_counts *c = &work->counts;
    c->refused_events = work->refused;
    c->duplicate = c->events - c->fresh - work->refused;
    c->straight = work->planned;
    c->batches = 1;
}

static int commit(struct rs_work *work, struct rs_diag *diag)
{
    int err = rs_work_put_proof(work, diag);
    if (!err) err = rs_work_settle_stalls(work, diag);
    if (err) return err;
    rs_kill_point(RS_KILL_BEFORE_COMMIT);
    work->committing = true;
    err = rs_pg_commit(work->pg, diag);
    if (!err) rs_kill_point(RS_KILL_REPLY_READ);
    return err;
}

int rs_work_run(struct rs_work *work, struct rs_diag *diag)
{
    struct step *step = rs_arena_get(work->arena, (work->batch->part_count + 1) * sizeof *step);
    uint32_t moving = plan_steps(work, step);
    int err = rs_pg_script(work->pg, "BEGIN", diag);
    if (!err) err = move_positions(work, step, moving, diag);
    if (!err) rs_kill_point(RS_KILL_AFTER_OFFSETS);
    if (!err) err = enter_epoch(work, diag);
    if (!err) err = write_rows(work, diag);
    work->refused_too_many = work->refused >= REFUSED_MIN && work->refused > work->event_n / REFUSED_SHARE;
    if (!err && work->refused_too_many) {
        err = rs_fail(diag, RS_E_HALT, "PostgreSQL refused %u of %u events of a batch, at last: %s", work->refused,
                      work->event_n, rs_pg_message(work->pg));
    }
    if (!err) err = rs_work_put_stages(work, diag);
    if (!err) err = commit(work, diag);
    if (err && rs_pg_alive(work->pg)) {
        struct rs_diag ignored;
        rs_pg_script(work->pg, "ROLLBACK", &ignored);
    }
    return err;
}

/* One try to write the messages before `to` of the batch by the safe path. */
static int try_safely(struct rs_sink *sink, struct rs_batch *batch, uint32_t to, struct rs_diag *diag)
{
    struct rs_work *work = sink->tried = &sink->safe;
    rs_work_open(work, sink->pg, batch, 0, to);
    int err = rs_work_gather(work, diag);
    if (!err) rs_work_note_bases(work);
    if (!err) err = rs_work_find_rows(work, diag);
    if (!err) err = rs_work_take_ids(work, diag);
    if (!err) rs_work_list_fresh(work);
    return err ? err : rs_work_run(work, diag);
}

/* ---- failures ------------------------------------------------------------------------------ */

/* After a lost session: did the COMMIT of the messages before `to` go through?
 * All parts moved together or none did.  Anything else is not ours, and the
 * next try finds that out. */
static bool went_through(struct rs_sink *sink, struct rs_batch *batch, uint32_t to)
{
    struct rs_work range = {.batch = batch, .from = 0, .to = to};
    struct step *step = rs_calloc(batch->part_count + 1, sizeof *step);
    bool through = plan_steps(&range, step) > 0;
    for (uint32_t i = 0; i < batch->part_count; i++) {
        if (step[i].to > step[i].from && batch->part[i].partition->durable != step[i].to) through = false;
    }
    free(step);
    if (through) rs_info("postgresql %s: the answer to COMMIT was lost; it had gone through", rs_pg_where(sink->pg));
    return through;
}

static int halt_partition(struct rs_sink *sink, struct rs_batch *batch, uint32_t message, struct rs_diag *diag)
{
    struct rs_partition *partition = batch->part[batch->message[message].part].partition;
    char why[RS_HALT_TEXT_MAX];
    snprintf(why, sizeof why, "at offset %lld: %.300s", (long long)batch->message[message].offset, diag->text);
    snprintf(partition->halted, sizeof partition->halted, "%s", why);
    struct rs_diag ignored;
    rs_sink_halt(sink, partition, &ignored);
    rs_sink_lose(sink, partition);
    return rs_fail(diag, RS_E_HALT, "%.*s/%d %s", RS_FMT(partition->topic), partition->number, why);
}

/* The messages before `from` are durable; forget them, so that the batch is
 * what is left to do. */
static void trim(struct rs_batch *batch, uint32_t from)
{
    if (!from) return;
    for (uint32_t i = 0; i < from; i++) {
        struct rs_batch_part *part = &batch->part[batch->message[i].part];
        part->from = part->partition->durable = batch->message[i].offset + 1;
    }
    memmove(batch->message, batch->message + from, (batch->count - from) * sizeof *batch->message);
    batch->count -= from;
}

static void add_counts(struct rs_sink_counts *to, const struct rs_sink_counts *from)
{
    /* All members are uint64_t. */
    uint64_t *a = (uint64_t *)to;
    const uint64_t *b = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *a; i++) a[i] += b[i];
}

/* A message that PostgreSQL refuses whatever its neighbours are. */
static void quarantine_message(struct rs_sink *sink, struct rs_batch *batch, uint32_t i)
{
    struct rs_message *m = &batch->message[i].message;
    char reason[400];
    snprintf(reason, sizeof reason, "refused by PostgreSQL: %s (%s)", rs_pg_message(sink->pg),
             rs_pg_sqlstate(sink->pg));
    m->outcome = RS_OUTCOME_QUARANTINED;
    m->reason = rs_arena_str(batch->arena, rs_str_of(reason));
    m->report_count = 0;
    m->shipment = NULL;
}

/* The messages before `to` are durable. */
static void settle(struct rs_sink *sink, struct rs_batch *batch, uint32_t to, struct rs_sink_counts *ret)
{
    finish_counts(sink->tried);
    add_counts(ret, &sink->tried->counts);
    sink->proof = sink->tried->proof;
    sink->proved = true;
    bool all = to == batch->count;
    trim(batch, to);
    for (uint32_t i = 0; all && i < batch->part_count; i++) {
        batch->part[i].from = batch->part[i].partition->durable = batch->part[i].to;
    }
}

/* A transaction failed for good: make the next try smaller, until one message
 * stands alone. */
static int narrow(struct rs_sink *sink, struct rs_batch *batch, int err, uint32_t to, uint32_t *width,
                  struct rs_diag *diag)
{
    if (sink->tried->refused_too_many) return halt_partition(sink, batch, sink->tried->first_refused, diag);
    if (to > 1) {
        *width = to / 2;
        return RS_OK;
    }
    if (to == 0) return err; /* positions alone */
    if (err == RS_E_DATA && batch->message[0].message.outcome != RS_OUTCOME_QUARANTINED) {
        quarantine_message(sink, batch, 0);
        return RS_OK;
    }
    return halt_partition(sink, batch, 0, diag);
}

static bool pending(const struct rs_batch *batch)
{
    if (batch->count) return true;
    for (uint32_t i = 0; i < batch->part_count; i++) {
        if (batch->part[i].to > batch->part[i].from) return true;
    }
    return false;
}

/* The server has no room or a bad disk: the session is fine, the time is not. */
static bool short_of_resources(const struct rs_sink *sink)
{
    const char *state = rs_pg_sqlstate(sink->pg);
    return rs_pg_alive(sink->pg) && (!strncmp(state, "53", 2) || !strncmp(state, "58", 2));
}

int rs_sink_apply(struct rs_sink *sink, struct rs_batch *batch, struct rs_sink_counts *ret, struct rs_diag *diag)
{
    int64_t pause = RS_SINK_PAUSE_MIN_US;
    uint32_t width = UINT32_MAX, violations = 0;
    while (pending(batch)) {
        uint32_t to = width < batch->count ? width : batch->count;
        int err = rs_pg_alive(sink->pg) && rs_pg_alive(sink->asking) ? try_safely(sink, batch, to, diag) : RS_E_SERVER;
        if (!err) {
            rs_work_merge(sink->tried);
            settle(sink, batch, to, ret);
            continue;
        }
        if (err == RS_E_FENCED) {
            uint32_t lost;
            err = rs_sink_find_lost(sink, batch, &lost, diag);
            if (!err && lost) return RS_E_FENCED;
            if (!err) err = RS_E_CONFLICT;
        }
        /* A key that is there again and again is no race. */
        if (err == RS_E_CONFLICT && !strcmp(rs_pg_sqlstate(sink->pg), "23505") && ++violations > VIOLATIONS_MAX) {
            err = RS_E_HALT;
        }
        if (rs_err_class(err) != RS_CLASS_RETRY) {
            if ((err = narrow(sink, batch, err, to, &width, diag))) return err;
        } else if (err == RS_E_CONFLICT || short_of_resources(sink)) {
            ret->conflicts++;
            rs_warn_every(10, "%s; the batch is tried again", diag->text);
            struct rs_diag ignored;
            if (!strcmp(rs_pg_sqlstate(sink->pg), "55P03")) rs_sink_end_hung(sink, &ignored);
            if (!rs_sink_pause(sink, &pause)) return RS_E_SERVER;
        } else {
            ret->reconnects++;
            rs_warn_every(5, "%s", diag->text);
            if ((err = rs_sink_come_back(sink, diag))) return err;
            if (sink->lost.n) return rs_fail(diag, RS_E_FENCED, "another owner has taken over meanwhile");
            if (sink->tried && sink->tried->committing && went_through(sink, batch, to)) {
                rs_work_forget(sink->tried); /* what the table has of them is not all any more */
                settle(sink, batch, to, ret);
            }
        }
    }
    return RS_OK;
}

int rs_sink_finish(struct rs_sink *sink, struct rs_batch *batch, struct rs_sink_counts *ret, struct rs_diag *diag)
{
    sink->tried = NULL;
    struct rs_work *work = sink->under_way;
    int err = work ? rs_sink_plan_wait(sink, diag) : RS_OK;
    if (!work) return rs_sink_apply(sink, batch, ret, diag);
    sink->tried = work;
    if (!err) {
        rs_work_merge(work);
        settle(sink, batch, batch->count, ret);
        return RS_OK;
    }
    ret->conflicts += err == RS_E_CONFLICT;
    return rs_sink_apply(sink, batch, ret, diag);
}
