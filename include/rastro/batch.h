/* batch.h - what is written to PostgreSQL in one transaction.
 *
 * A batch is filled by one thread from its worker's partitions, then handed to
 * the thread that has the session; whoever holds it owns its arena.  It keeps
 * every message in its decoded form until it is durable, so that it can be
 * decided again from what PostgreSQL then knows.
 */
#ifndef RASTRO_BATCH_H
#define RASTRO_BATCH_H

#include "rastro/arena.h"
#include "rastro/event.h"

/* A message and where it stood. */
struct rs_batch_message {
    struct rs_message message;
    struct rs_str value; /* its bytes, in the arena */
    int64_t offset;
    uint32_t part; /* index in the batch's parts */
};

/* What the batch does to one partition's position. */
struct rs_batch_part {
    struct rs_partition *partition; /* of the worker */
    int64_t from;                   /* expected next */
    int64_t to;                     /* next afterwards */
    bool ended;                     /* Kafka showed its end at `to` */
};

struct rs_batch {
    struct rs_arena *arena;
    struct rs_batch_message *message;
    uint32_t count, room;
    struct rs_batch_part *part;
    uint32_t part_count, part_room;
    uint32_t events;   /* checkpoints in it, repeats included */
    uint32_t ends;     /* ends of partitions that it reached */
    int64_t opened_us; /* monotonic, when its first message came; 0: empty */
    uint64_t sequence; /* of the worker's batches */
};

struct rs_batch *rs_batch_new(size_t chunk_bytes);
void rs_batch_free(struct rs_batch *batch); /* NULL is fine */
void rs_batch_reset(struct rs_batch *batch);

static inline bool rs_batch_empty(const struct rs_batch *batch)
{
    return batch->part_count == 0;
}

/* Adds a decoded message of `partition`, whose position is then behind it.  The
 * message's memory is the batch's arena. */
void rs_batch_add(struct rs_batch *batch, struct rs_partition *partition, int64_t offset, struct rs_str value,
                  const struct rs_message *message);

/* Moves the partition's position to `to`; with `ended`, because Kafka showed its
 * end there: control records and aborted transactions lie before it. */
void rs_batch_reach(struct rs_batch *batch, struct rs_partition *partition, int64_t to, bool ended);

/* Takes everything of a partition out again. */
void rs_batch_drop(struct rs_batch *batch, const struct rs_partition *partition);

#endif
