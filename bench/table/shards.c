#include "shards.h"

void bt_locks_init(struct bt_locks *locks)
{
    for (unsigned s = 0; s < BT_SHARDS; s++) pthread_mutex_init(&locks->shard[s].mutex, NULL);
}

static void one_by_one(struct bt_shards *shards, struct bt_event *event, unsigned n, int but, bt_shard_work *work,
                       void *self)
{
    for (unsigned i = 0; i < n; i++) {
        if (event[i].answer == but) continue;
        struct bt_event *one = &event[i];
        unsigned s = bt_shard_of(one->key);
        pthread_mutex_lock(&shards->locks->shard[s].mutex);
        work(self, s, &one, 1, false);
        pthread_mutex_unlock(&shards->locks->shard[s].mutex);
    }
}

/* The events of shard s are then those from start[s], less than start[s + 1]. */
static void sort(struct bt_shards *shards, struct bt_event *event, unsigned n, int but, unsigned start[BT_SHARDS + 1])
{
    unsigned at[BT_SHARDS + 1] = {0};
    for (unsigned i = 0; i < n; i++)
        if (event[i].answer != but) at[bt_shard_of(event[i].key) + 1]++;
    for (unsigned s = 0; s < BT_SHARDS; s++) at[s + 1] += at[s];
    memcpy(start, at, sizeof at);
    for (unsigned i = 0; i < n; i++)
        if (event[i].answer != but) shards->event[at[bt_shard_of(event[i].key)]++] = &event[i];
}

void bt_shards_run(struct bt_shards *shards, struct bt_event *event, unsigned n, int but, bool prefetch,
                   bt_shard_work *work, void *self)
{
    unsigned start[BT_SHARDS + 1];
    if (!prefetch) {
        one_by_one(shards, event, n, but, work, self);
        return;
    }
    sort(shards, event, n, but, start);
    for (unsigned i = 0; i < BT_SHARDS; i++) {
        unsigned s = (shards->index * (BT_SHARDS / BT_THREADS_MAX) + i) % BT_SHARDS;
        pthread_mutex_lock(&shards->locks->shard[s].mutex);
        for (unsigned k = start[s]; k < start[s + 1]; k += BT_GROUP) {
            unsigned left = start[s + 1] - k;
            work(self, s, shards->event + k, left < BT_GROUP ? left : BT_GROUP, true);
        }
        pthread_mutex_unlock(&shards->locks->shard[s].mutex);
    }
}
