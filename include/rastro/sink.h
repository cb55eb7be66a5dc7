/* sink.h - batches into PostgreSQL, exactly once.
 *
 * A sink is a worker's session and belongs to one thread.  It claims partitions
 * (so that only one owner's transactions count) and applies batches: each is a
 * transaction that first moves the positions from the expected value under the
 * owner's term, then writes rows.  See src/pg/sink.c for the order of things
 * and why it cannot deadlock.
 */
#ifndef RASTRO_SINK_H
#define RASTRO_SINK_H

#include "rastro/batch.h"
#include "rastro/clock.h"
#include "rastro/partition.h"
#include "rastro/pg.h"
#include "rastro/profile.h"

enum rs_raw_mode { RS_RAW_NONE, RS_RAW_NEW, RS_RAW_ALL };

struct rs_sink_options {
    struct rs_pg_options pg;
    const struct rs_catalog *catalog;
    struct rs_str cluster; /* Kafka's cluster id */
    struct rs_key member;  /* random, of this process */
    const char *member_name;
    int worker;
    enum rs_raw_mode raw;
    const struct rs_clock *clock;
    bool (*stopping)(void *self); /* asked while waiting; true ends the wait with RS_E_SERVER */
    void *stopping_self;
};

/* What a batch came to, for counters; counted once it is durable. */
struct rs_sink_counts {
    uint64_t messages, ignored, quarantined_messages;
    uint64_t events, fresh, duplicate, reread, quarantined_events, refused_events;
    uint64_t withdrawn, reinstated, unmapped;
    uint64_t parcels, shipments, batches, conflicts, reconnects;
};

struct rs_sink;

/* Connects and checks the schema's version; waits for the server only when
 * told to. */
int rs_sink_open(const struct rs_sink_options *options, struct rs_sink **ret, struct rs_diag *diag);
void rs_sink_close(struct rs_sink *sink); /* NULL is fine */

/* Takes the partition over: ends the transaction of a previous owner that does
 * not let go, raises the term, and reads where it is into `partition`.  A
 * partition without a row gets one at `partition->start`.  Waits out server
 * failures. */
int rs_sink_claim(struct rs_sink *sink, struct rs_partition *partition, struct rs_diag *diag);

/* The next partition that turned out not to be ours any more, or must halt,
 * since it was last asked; NULL when there is none.  Ask after each claim, look
 * and batch: a lost connection can cost any of them. */
struct rs_partition *rs_sink_lost(struct rs_sink *sink);

/* For a writer with nothing to do: finds out whether the session still stands
 * and whether our partitions are where we left them; see rs_sink_lost. */
int rs_sink_look(struct rs_sink *sink, struct rs_diag *diag);

/* Says that we no longer own it; failing is harmless, the next claim fences. */
void rs_sink_release(struct rs_sink *sink, struct rs_partition *partition);

/* Records why the partition stands still. */
int rs_sink_halt(struct rs_sink *sink, struct rs_partition *partition, struct rs_diag *diag);

/* Writes the batch, waiting out conflicts and lost connections.
 *   RS_OK        durable; `ret` is added to
 *   RS_E_FENCED  some of its partitions are no longer ours as we knew them;
 *                their `owned` is false: drop them from the batch and call again
 *   RS_E_HALT    one partition must stand still: its `halted` says why; likewise
 *   RS_E_SERVER  told to stop while waiting */
int rs_sink_apply(struct rs_sink *sink, struct rs_batch *batch, struct rs_sink_counts *ret, struct rs_diag *diag);

#endif
