/* shards.h - batches for a table that is cut into shards, a mutex each.
 *
 * Without prefetching, each event takes its shard's lock.  With it, a batch is
 * put in the order of shards first, so that each lock is taken once for about 80
 * of 5 000 events, and their memory is asked for under it. */
#ifndef BENCH_TABLE_SHARDS_H
#define BENCH_TABLE_SHARDS_H

#include <pthread.h>

#include "cell.h"

#define BT_SHARDS 64u

struct bt_locks {
    struct {
        _Alignas(64) pthread_mutex_t mutex;
    } shard[BT_SHARDS];
};

void bt_locks_init(struct bt_locks *locks);

static inline unsigned bt_shard_of(struct rs_table_key key)
{
    return (unsigned)(key.b % BT_SHARDS);
}

/* Does n (at most BT_GROUP) events of one shard, whose lock is held. */
typedef void bt_shard_work(void *self, unsigned shard, struct bt_event **event, unsigned n, bool prefetch);

/* A thread's. */
struct bt_shards {
    struct bt_locks *locks;
    unsigned index; /* of the thread: not all begin with one shard */
    struct bt_event *event[BT_BATCH];
};

/* Has `work` do the events whose answer is not `but`, of a batch. */
void bt_shards_run(struct bt_shards *shards, struct bt_event *event, unsigned n, int but, bool prefetch,
                   bt_shard_work *work, void *self);

#endif
