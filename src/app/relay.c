/* From the outbox to Kafka.
 *
 * Whoever finds something to tell writes it into rastro.outbox, in the transaction
 * that records it.  One relay of all members publishes what is there, oldest
 * first, in a Kafka transaction, and deletes exactly those rows once Kafka has
 * acknowledged the commit.  So:
 *
 *   nothing is lost       a row goes only behind an acknowledgement.  There is no
 *                         cursor, which an id that commits late would miss
 *                         (11 commits, the cursor passes, then 10 does).
 *   repeats are known     a death, or an answer that was lost, between the two
 *                         commits has rows published again: the same text, the
 *                         same id.
 *   a key's order is kept its rows are written under a lock, so they commit in the
 *                         order of their ids, and are published in it, by one
 *                         relay.  What is published again comes as a run of what
 *                         was there, in the same order.
 *
 * One relay: it holds an advisory lock in the session in which it reads and deletes.
 * With the session goes the lock, and the right to delete.  One that was stopped
 * while it published and wakes up with its session gone may still commit in Kafka;
 * but its successor has opened a producer with the same transactional id before it
 * read the outbox, and so the commit either came before, and is repeated, or fails.
 * A session that says nothing for SILENT_SESSION is ended by PostgreSQL, so that
 * whoever is stopped for good does not hold the lock for ever.
 *
 * Whoever has trouble with either server gives both up, pauses, and begins anew:
 * another member may fare better.
 */
#include "rastro/relay.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "rastro/clock.h"
#include "rastro/fault.h"
#include "rastro/log.h"
#include "rastro/mailbox.h"
#include "rastro/producer.h"

#define ROWS_MAX 500
#define IDLE_MS 500
#define LOCK_EVERY_MS 2000
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 10000
/* A call to Kafka takes at most so long: what is asked to end does so in time. */
#define KAFKA_MS 4000
#define CONTENT_TYPE "application/cloudevents+json; charset=UTF-8"

/* Longer than a relay that is well ever says nothing, a call to Kafka included. */
#define SILENT_SESSION "15s"
static const char session_setup[] = "SET idle_session_timeout = '" SILENT_SESSION "'; SET statement_timeout = '5s'";

struct rs_relay {
    struct rs_relay_options options;
    char id[300]; /* of the producer */
    pthread_t thread;
    struct rs_mailbox *box; /* letters: enum asked */
    rs_atomic_bool ended;   /* release by the thread, acquire by who waits */

    /* the thread's own */
    struct rs_pg *pg;
    bool holds_lock; /* in that session */
    struct rs_producer *producer;
    struct rs_pg_params params;
    struct rs_producer_record record[ROWS_MAX];
    int asked;
    int pause_ms; /* after the last failure, or 0 */
};

enum asked { GO_ON, FLUSH, STOP };

/* ---- one round ------------------------------------------------------------------------ */

static void give_up(struct rs_relay *r)
{
    rs_producer_close(r->producer);
    rs_pg_close(r->pg);
    r->producer = NULL;
    r->pg = NULL;
    r->holds_lock = false;
}

static int open_session(struct rs_relay *r, struct rs_diag *diag)
{
    if (r->pg) return RS_OK;
    int err = rs_pg_open(&r->options.pg, &r->pg, diag);
    return err ? err : rs_pg_script(r->pg, session_setup, diag);
}

static int take_lock(struct rs_relay *r, struct rs_diag *diag)
{
    static const char sql[] = "SELECT pg_try_advisory_lock(hashtext('rastro.relay'))";
    struct rs_pg_rows *rows;
    int err = r->holds_lock ? RS_OK : rs_pg_run(r->pg, sql, NULL, &rows, diag);
    if (!err && !r->holds_lock) r->holds_lock = rs_pg_get_int(rows, 0, 0) != 0;
    return err;
}

/* Before the outbox is read, so that nobody else's commit comes behind ours. */
static int fence_others(struct rs_relay *r, struct rs_diag *diag)
{
    if (r->producer) return RS_OK;
    int err = rs_producer_open(&r->options.kafka, r->id, CONTENT_TYPE, KAFKA_MS, &r->producer, diag);
    if (!err) rs_info("publishing alerts to %s", r->options.topic);
    return err;
}

static int delete_rows(struct rs_relay *r, const struct rs_pg_rows *rows, struct rs_diag *diag)
{
    static const char sql[] = "DELETE FROM rastro.outbox WHERE id = ANY ($1)";
    rs_pg_array_open(&r->params, RS_PG_INT8);
    for (int i = 0; i < rs_pg_count(rows); i++) rs_pg_array_int8(&r->params, rs_pg_get_int(rows, i, 0));
    rs_pg_array_close(&r->params);
    return rs_pg_run(r->pg, sql, &r->params, NULL, diag);
}

static int publish(struct rs_relay *r, int *ret_count, struct rs_diag *diag)
{
    static const char sql[] = "SELECT id, key, event FROM rastro.outbox ORDER BY id LIMIT $1";
    struct rs_pg_rows *rows;
    rs_pg_int8(&r->params, ROWS_MAX);
    int err = rs_pg_run(r->pg, sql, &r->params, &rows, diag);
    if (err) return err;
    int n = rs_pg_count(rows);
    for (int i = 0; i < n; i++) {
        r->record[i] = (struct rs_producer_record){rs_pg_get_str(rows, i, 1), rs_pg_get_str(rows, i, 2)};
    }
    if (n) err = rs_producer_publish(r->producer, r->options.topic, r->record, n, KAFKA_MS, diag);
    if (!err && n) {
        rs_add_relaxed_u64(&r->options.counters->alerts_published, (uint64_t)n);
        rs_kill_point(RS_KILL_ALERTS_SENT);
        err = delete_rows(r, rows, diag);
    }
    if (!err) *ret_count = n;
    return err;
}

/* How long to wait for the next round, or -1: nothing to wait for. */
static int round_of(struct rs_relay *r)
{
    struct rs_diag diag;
    int n = 0;
    int err = open_session(r, &diag);
    if (!err) err = take_lock(r, &diag);
    if (!err && !r->holds_lock) return r->asked == FLUSH ? -1 : LOCK_EVERY_MS;
    if (!err) err = fence_others(r, &diag);
    if (!err) err = publish(r, &n, &diag);
    if (!err) {
        r->pause_ms = 0;
        if (n == ROWS_MAX) return 0;
        return r->asked == FLUSH ? -1 : IDLE_MS;
    }
    rs_add_relaxed_u64(&r->options.counters->relay_errors, 1);
    if (err == RS_E_FENCED) rs_warn_every(10, "alerts: another publishes as %s; %s", r->id, diag.text);
    else rs_warn_every(10, "alerts wait: %s", diag.text);
    give_up(r);
    r->pause_ms = r->pause_ms ? r->pause_ms * 2 : RETRY_MIN_MS;
    if (r->pause_ms > RETRY_MAX_MS) r->pause_ms = RETRY_MAX_MS;
    return r->asked == FLUSH && r->pause_ms > RETRY_MIN_MS ? -1 : r->pause_ms;
}

/* ---- the thread ------------------------------------------------------------------------ */

static void *run(void *self)
{
    struct rs_relay *r = self;
    struct rs_letter letter;
    int wait_ms = 0;
    while (r->asked != STOP && wait_ms >= 0) {
        if (rs_mailbox_take(r->box, wait_ms, &letter)) r->asked = letter.kind;
        if (r->asked != STOP) wait_ms = round_of(r);
    }
    give_up(r);
    rs_store_release_bool(&r->ended, true); /* pairs with rs_relay_ended */
    return NULL;
}

struct rs_relay *rs_relay_start(const struct rs_relay_options *options)
{
    struct rs_relay *r = rs_calloc(1, sizeof *r);
    r->options = *options;
    r->options.pg.application = "rastro relay";
    snprintf(r->id, sizeof r->id, "rastro-relay-%s", options->kafka.group);
    r->box = rs_mailbox_new(4); /* flush and stop, and either once more */
    if (pthread_create(&r->thread, NULL, run, r)) rs_oom();
    return r;
}

void rs_relay_stop(struct rs_relay *r, bool flush)
{
    if (r) rs_mailbox_put(r->box, (struct rs_letter){.kind = flush ? FLUSH : STOP});
}

bool rs_relay_ended(const struct rs_relay *r)
{
    return !r || rs_load_acquire_bool(&r->ended); /* pairs with run */
}

void rs_relay_free(struct rs_relay *r)
{
    if (!r) return;
    pthread_join(r->thread, NULL);
    rs_pg_params_free(&r->params);
    rs_mailbox_free(r->box);
    free(r);
}
