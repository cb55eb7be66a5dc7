/* sink.h - batches into PostgreSQL, exactly once.
 *
 * A sink is a worker's session and belongs to one thread.  It claims partitions
 * (so that only one owner's transactions count) and applies batches: each is a
 * transaction that first moves the positions from the expected value under the
 * owner's term, then writes rows.  See src/pg/sink.c for the order of things
 * and why it cannot deadlock, src/pg/sink_plan.c for what memory makes faster.
 */
#ifndef RASTRO_SINK_H
#define RASTRO_SINK_H

#include <pthread.h>

#include "rastro/batch.h"
#include "rastro/clock.h"
#include "rastro/partition.h"
#include "rastro/pg.h"
#include "rastro/profile.h"
#include "rastro/rules.h"
#include "rastro/table.h"

enum rs_raw_mode { RS_RAW_NONE, RS_RAW_NEW, RS_RAW_ALL };

/* What all sinks of a process know together: the parcel table, and which history
 * of the database it belongs to (rule D2). */
struct rs_memory {
    struct rs_table *table;
    pthread_mutex_t lock; /* guards what follows; taken at each connection and epoch only */
    bool known;
    int64_t system_id, timeline, epoch;
};

/* Room for that many sinks. */
struct rs_memory *rs_memory_new(uint64_t bytes, int sinks);
void rs_memory_free(struct rs_memory *memory); /* NULL is fine; after the sinks */

/* What the table holds and did, in Prometheus' text form. */
void rs_memory_print(const struct rs_memory *memory, struct rs_buf *out);

struct rs_sink_options {
    struct rs_pg_options pg;
    const struct rs_catalog *catalog;
    struct rs_memory *memory;
    struct rs_str cluster;    /* Kafka's cluster id */
    const char *const *topic; /* that the group reads; they outlive the sink */
    int topic_count;
    struct rs_key member; /* random, of this process */
    const char *member_name;
    int worker;
    bool alone;                       /* the process has no other */
    const struct rs_rules_now *rules; /* what may be open ends by these */
    const struct rs_calendars *calendars;
    bool alerts; /* and is told in the outbox */
    bool stages; /* as are changes of stage */
    enum rs_raw_mode raw;
    bool from_memory; /* else every batch takes the safe path */
    const struct rs_clock *clock;
    bool (*stopping)(void *self); /* asked while waiting; true ends the wait with RS_E_SERVER */
    void *stopping_self;
    void (*written)(void *self); /* from another thread: rs_sink_finish would not wait now */
    void *written_self;
};

/* What a batch came to, for counters; counted once it is durable. */
struct rs_sink_counts {
    uint64_t messages, ignored, quarantined_messages;
    uint64_t events, fresh, duplicate, reread, quarantined_events, refused_events;
    uint64_t withdrawn, reinstated, unmapped;
    uint64_t parcels, shipments, batches, straight, conflicts, reconnects;
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

/* Writes down how far our partitions are complete: where a partition's position
 * is at its end, everything up to when that was asked for, else up to the last
 * record applied.  By PostgreSQL's clock.  May be called while a batch is under
 * way.  Also counts the partitions of the group's topics that no living session
 * owns. */
int rs_sink_tell_progress(struct rs_sink *sink, uint32_t *ret_orphans, struct rs_diag *diag);

/* Says that we no longer own it; failing is harmless, the next claim fences. */
void rs_sink_release(struct rs_sink *sink, struct rs_partition *partition);

/* Records why the partition stands still. */
int rs_sink_halt(struct rs_sink *sink, struct rs_partition *partition, struct rs_diag *diag);

/* Decides a batch from memory, while the one before may be under way; nothing
 * is written.  Calls for one batch come in this order: prepare, start, finish;
 * finish for the one before comes between prepare and start. */
void rs_sink_prepare(struct rs_sink *sink, struct rs_batch *batch);

/* Begins to write what was prepared.  Nothing may be under way.  False when
 * there is nothing that memory could decide: finish will do it all. */
bool rs_sink_start(struct rs_sink *sink, struct rs_batch *batch);

/* Whether finish would not wait. */
bool rs_sink_written(const struct rs_sink *sink);

/* Waits until the batch is written, by the safe path if it has to be.  Results
 * are those of rs_sink_apply, which goes on with what is left. */
int rs_sink_finish(struct rs_sink *sink, struct rs_batch *batch, struct rs_sink_counts *ret, struct rs_diag *diag);

/* Writes the batch by the safe path, waiting out conflicts and lost connections.
 *   RS_OK        durable; `ret` is added to
 *   RS_E_FENCED  some of its partitions are no longer ours as we knew them;
 *                their `owned` is false: drop them from the batch and call again
 *   RS_E_HALT    one partition must stand still: its `halted` says why; likewise
 *   RS_E_SERVER  told to stop while waiting */
int rs_sink_apply(struct rs_sink *sink, struct rs_batch *batch, struct rs_sink_counts *ret, struct rs_diag *diag);

#endif
