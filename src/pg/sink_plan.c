/* Plans: batches that are decided from memory while the one before is written.
 *
 * The sink's thread prepares batch k+1 while a second thread, the runner, takes
 * batch k through its transaction.  So the server always has something to do,
 * and the cost of deciding lies beside that of writing.
 *
 *   sink's thread   prepare k+1 .... finish k, merge k, start k+1, prepare k+2
 *   runner                run k ...|                 run k+1 ...
 *
 * What makes it right:
 *  - A plan rests on three layers (quick.h): durable facts of the table, the plan
 *    under way, itself.  It starts only if the one under way became durable just
 *    as planned; else it is thrown away and its batch decided again.
 *  - Nothing goes into the table before its COMMIT is acknowledged (rule D1).
 *  - What other processes, or other workers of this one, did meanwhile is found
 *    by PostgreSQL: new parcels by their natural key, new events by theirs,
 *    decisions about what is current by the version of the source's view.  Any
 *    of these ends the transaction, and the batch takes the safe path.
 *  - Views are read before events: knowledge may then have more events than its
 *    version says, never fewer.
 *
 * Parcels that memory does not have are looked for in PostgreSQL, all of a batch
 * at once, in a session of their own.  If lately nearly none of them was found
 * they are taken for new without asking; a wrong guess costs one transaction.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "rastro/log.h"
#include "sink_private.h"

/* Guess once so many were missed lately and not one in so many was found. */
#define GUESS_AFTER 512
#define GUESS_SHARE 1000
/* Plans that fail one after the other: so many batches go safely at most. */
#define SAFE_FOR_MAX 16

struct rs_runner {
    pthread_t thread;
    bool running;
    struct rs_mailbox *work, *done; /* at most one letter in each */
    struct rs_diag diag;            /* of the last run */
    rs_atomic_bool ended;           /* the answer lies in `done` */
};

/* ---- the runner ------------------------------------------------------------------------- */

static void *run_loop(void *self)
{
    struct rs_sink *sink = self;
    struct rs_runner *runner = sink->runner;
    struct rs_letter letter;
    char name[16];
    snprintf(name, sizeof name, "runner-%d", sink->options.worker);
    pthread_setname_np(pthread_self(), name);
    while (rs_mailbox_take(runner->work, -1, &letter) && letter.what) {
        int err = rs_work_run(letter.what, &runner->diag);
        rs_mailbox_put(runner->done, (struct rs_letter){.number = err});
        rs_store_release_bool(&runner->ended, true); /* pairs with rs_sink_written's acquire */
        if (sink->options.written) sink->options.written(sink->options.written_self);
    }
    return NULL;
}

int rs_sink_plan_open(struct rs_sink *sink, struct rs_diag *diag)
{
    sink->table = rs_table_join(sink->options.memory->table);
    if (!sink->table) return rs_fail(diag, RS_E_BUG, "more sinks than the parcel table has room for");
    for (int i = 0; i < 2; i++) rs_work_init(&sink->plan[i], sink);
    sink->runner = rs_calloc(1, sizeof *sink->runner);
    sink->runner->work = rs_mailbox_new(2);
    sink->runner->done = rs_mailbox_new(2);
    if (pthread_create(&sink->runner->thread, NULL, run_loop, sink)) rs_oom();
    sink->runner->running = true;
    return RS_OK;
}

void rs_sink_plan_close(struct rs_sink *sink)
{
    struct rs_diag ignored;
    if (!sink->runner) return;
    if (sink->under_way) rs_sink_plan_wait(sink, &ignored);
    rs_mailbox_put(sink->runner->work, (struct rs_letter){0});
    if (sink->runner->running) pthread_join(sink->runner->thread, NULL);
    rs_mailbox_free(sink->runner->work);
    rs_mailbox_free(sink->runner->done);
    free(sink->runner);
    for (int i = 0; i < 2; i++) rs_work_close(&sink->plan[i]);
    rs_table_leave(sink->table);
}

/* ---- cold parcels ---------------------------------------------------------------------------- */

static void note_misses(struct rs_sink *sink, uint32_t missed, uint32_t found)
{
    sink->missed += missed;
    sink->found += found;
    if (sink->missed < 65536) return;
    sink->missed /= 2;
    sink->found /= 2;
}

static bool may_guess(const struct rs_sink *sink)
{
    return sink->missed >= GUESS_AFTER && (uint64_t)sink->found * GUESS_SHARE < sink->missed;
}

static int ask_for_rows(struct rs_work *work, struct rs_diag *diag)
{
    uint32_t missed = 0, found = 0;
    for (uint32_t i = 0; i < work->parcel_n; i++) missed += !work->parcel[i].exists;
    if (!missed || may_guess(work->sink)) return RS_OK;
    int err = rs_work_find_rows(work, diag);
    for (uint32_t i = 0; !err && i < work->parcel_n; i++) {
        found += work->parcel[i].exists && work->parcel[i].way == RS_WAY_OPEN && !work->parcel[i].base.record;
    }
    if (!err) note_misses(work->sink, missed, found < missed ? found : missed);
    return err;
}

/* Those that are not decided yet, by their rows; all views before all events. */
static int decide_cold(struct rs_work *work, struct rs_diag *diag)
{
    uint32_t open = 0, cold = 0;
    for (uint32_t i = 0; i < work->parcel_n; i++) open += work->parcel[i].way == RS_WAY_OPEN;
    if (!open) return RS_OK;
    int err = ask_for_rows(work, diag);
    for (uint32_t i = 0; !err && i < work->parcel_n; i++) {
        cold += work->parcel[i].way == RS_WAY_OPEN && work->parcel[i].exists;
    }
    if (!err && cold) err = rs_work_load_views(work, diag);
    if (!err && cold) err = rs_work_load_events(work, diag);
    for (uint32_t i = 0; !err && i < work->parcel_n; i++) {
        struct rs_work_parcel *parcel = &work->parcel[i];
        if (parcel->way != RS_WAY_OPEN) continue;
        if (!parcel->exists && rs_work_decide_quick(work, parcel)) {
            parcel->quick.whole = true;
            continue;
        }
        rs_work_decide(work, parcel);
        rs_work_sum_up(work, parcel);
    }
    return err;
}

/* ---- plans -------------------------------------------------------------------------------------- */

static enum rs_work_verdict decide_all(struct rs_work *work, struct rs_diag *diag)
{
    struct rs_sink *sink = work->sink;
    int err = rs_work_gather(work, diag);
    if (err) return RS_VERDICT_SAFE;
    enum rs_work_verdict verdict = rs_work_decide_quickly(work, sink->under_way);
    if (verdict != RS_VERDICT_PLAN) return verdict;
    err = decide_cold(work, diag);
    if (!err) err = rs_work_take_ids(work, diag);
    if (err) return RS_VERDICT_SAFE;
    rs_work_list_fresh(work);
    rs_work_collect(work);
    return rs_work_encode(work, diag) ? RS_VERDICT_SAFE : RS_VERDICT_PLAN;
}

/* Whether there is anything to plan, and something to plan it by. */
static bool can_plan(const struct rs_sink *sink, const struct rs_batch *batch)
{
    /* Other wordings are written for every repeat, which is the cost there. */
    if (!sink->options.from_memory || sink->options.raw == RS_RAW_ALL) return false;
    return !sink->safe_for && batch->count && rs_pg_alive(sink->asking);
}

void rs_sink_prepare(struct rs_sink *sink, struct rs_batch *batch)
{
    struct rs_diag diag = {0};
    sink->next = NULL;
    sink->verdict = RS_VERDICT_SAFE;
    if (!can_plan(sink, batch)) return;
    /* Another worker emptied the table: our session must show its history anew. */
    sink->verdict = RS_VERDICT_LATER;
    if (rs_table_generation(sink->options.memory->table) != sink->generation) return;
    struct rs_work *work = sink->under_way == &sink->plan[0] ? &sink->plan[1] : &sink->plan[0];
    rs_work_open(work, sink->asking, batch, 0, batch->count);
    work->planned = true;
    sink->verdict = decide_all(work, &diag);
    if (sink->verdict == RS_VERDICT_PLAN) sink->next = work;
    else rs_work_idle(work);
    if (diag.text[0]) rs_warn_every(10, "%s; the batch takes the safe path", diag.text);
}

/* Prepared too early, or the batch has lost a partition since. */
static bool is_outdated(const struct rs_sink *sink, const struct rs_batch *batch)
{
    const struct rs_work *work = sink->next;
    return sink->verdict == RS_VERDICT_LATER || (work && (work->batch != batch || work->to != batch->count));
}

bool rs_sink_start(struct rs_sink *sink, struct rs_batch *batch)
{
    struct rs_diag diag;
    if (rs_table_generation(sink->options.memory->table) != sink->generation) {
        sink->verdict = RS_VERDICT_LATER;
        if (!rs_pg_alive(sink->pg) || rs_sink_settle_in(sink, &diag)) return false;
    }
    if (is_outdated(sink, batch)) rs_sink_prepare(sink, batch);
    if (sink->safe_for) sink->safe_for--;
    if (!sink->next || !rs_pg_alive(sink->pg)) return false;
    sink->under_way = sink->next;
    sink->next = NULL;
    sink->under_way->pg = sink->pg;
    rs_store_release_bool(&sink->runner->ended, false);
    rs_mailbox_put(sink->runner->work, (struct rs_letter){.what = sink->under_way});
    rs_table_prepare(sink->table); /* there is time now */
    return true;
}

bool rs_sink_written(const struct rs_sink *sink)
{
    return !sink->under_way || rs_load_acquire_bool(&sink->runner->ended);
}

int rs_sink_plan_wait(struct rs_sink *sink, struct rs_diag *diag)
{
    struct rs_letter letter;
    struct rs_work *work = sink->under_way;
    rs_mailbox_take(sink->runner->done, -1, &letter);
    sink->under_way = NULL;
    if (letter.number == RS_OK) {
        sink->distrust = 0;
        return RS_OK;
    }
    *diag = sink->runner->diag;
    rs_info("%s; the batch takes the safe path", diag->text);
    if (sink->next) {
        rs_work_idle(sink->next);
        sink->next = NULL;
        sink->verdict = RS_VERDICT_LATER;
    }
    rs_work_idle(work);
    if (work->committing) rs_work_forget(work);
    if (work->epoch > sink->epoch) rs_sink_adopt(sink, true, work->epoch);
    /* A guess may have been wrong: ask for a while. */
    if (work->fresh_n && may_guess(sink)) note_misses(sink, 0, 1 + sink->missed / GUESS_SHARE);
    sink->distrust = sink->distrust ? sink->distrust * 2 : 1;
    if (sink->distrust > SAFE_FOR_MAX) sink->distrust = SAFE_FOR_MAX;
    sink->safe_for = sink->distrust - 1;
    return letter.number;
}
