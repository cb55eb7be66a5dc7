/* mutex.c - what one writes first: open addressing, cut into shards, a mutex a
 * shard.  A slot is a pointer with 16 bits of the key in its upper end, so that
 * hardly a record is looked into in vain.  A shard at its bound doubles, while
 * those who want it wait. */
#include <stdlib.h>

#include "record.h"
#include "shards.h"
#include "rastro/error.h"

#define SLOTS_MIN 1024u
#define POINTER ((UINT64_C(1) << 48) - 1)

struct shard { /* all under its lock */
    uint64_t *slot;
    uint64_t mask, used;
};

struct table {
    struct bt_locks locks;
    struct shard shard[BT_SHARDS];
};

struct thread {
    struct table *table;
    struct bt_pool pool;
    struct bt_shards shards;
};

static void *make(const struct bt_setup *setup)
{
    (void)setup;
    struct table *table = bt_pages(sizeof *table);
    bt_locks_init(&table->locks);
    for (unsigned s = 0; s < BT_SHARDS; s++)
        table->shard[s] = (struct shard){bt_pages(SLOTS_MIN * sizeof(uint64_t)), SLOTS_MIN - 1, 0};
    return table;
}

static void *join(void *table, unsigned index)
{
    struct thread *thread = rs_calloc(1, sizeof *thread);
    thread->table = table;
    thread->shards.locks = &thread->table->locks;
    thread->shards.index = index;
    return thread;
}

/* What is left of its pool is lost with it: some megabytes. */
static void leave(void *thread)
{
    free(thread);
}

static uint64_t mark_of(struct rs_table_key key)
{
    return key.b & ~POINTER;
}

static struct bt_record *record_in(uint64_t slot)
{
    return (struct bt_record *)(uintptr_t)(slot & POINTER);
}

/* The key's slot, or the empty one where it belongs. */
static uint64_t *find(const struct shard *shard, struct rs_table_key key)
{
    for (uint64_t i = key.a;; i++) {
        uint64_t *slot = &shard->slot[i & shard->mask];
        if (!*slot) return slot;
        if ((*slot & ~POINTER) == mark_of(key) && bt_key_eq(record_in(*slot)->key, key)) return slot;
    }
}

static void grow(struct shard *shard)
{
    struct shard old = *shard;
    shard->mask = 2 * old.mask + 1;
    shard->slot = bt_pages((shard->mask + 1) * sizeof(uint64_t));
    for (uint64_t i = 0; i <= old.mask; i++)
        if (old.slot[i]) *find(shard, record_in(old.slot[i])->key) = old.slot[i];
    bt_pages_free(old.slot, (old.mask + 1) * sizeof(uint64_t));
}

static void ask_one(const struct shard *shard, struct bt_event *event)
{
    uint64_t slot = *find(shard, event->key);
    event->answer = !slot ? BT_UNKNOWN : bt_record_has(record_in(slot), event->tag) ? BT_KNOWN : BT_NEW;
}

static void add_one(struct shard *shard, const struct bt_event *event, struct bt_pool *pool)
{
    uint64_t *slot = find(shard, event->key);
    if (*slot) {
        bt_record_add(record_in(*slot), event, pool);
        return;
    }
    struct bt_record *record = bt_pool_take(pool, sizeof *record);
    bt_record_init(record, event, pool);
    *slot = (uintptr_t)record | mark_of(event->key);
    if (++shard->used > (shard->mask + 1) / 4 * 3) grow(shard);
}

/* Where the key's slot says that the record is, without looking there. */
static struct bt_record *likely_record(const struct shard *shard, struct rs_table_key key)
{
    for (uint64_t i = key.a;; i++) {
        uint64_t slot = shard->slot[i & shard->mask];
        if (!slot || (slot & ~POINTER) == mark_of(key)) return record_in(slot);
    }
}

/* The slots, then what they point to, then the facts. */
static void prefetch_all(const struct shard *shard, struct bt_event **event, unsigned n)
{
    struct bt_record *record[BT_GROUP];
    for (unsigned i = 0; i < n; i++) rs_prefetch(&shard->slot[event[i]->key.a & shard->mask]);
    for (unsigned i = 0; i < n; i++) {
        record[i] = likely_record(shard, event[i]->key);
        bt_record_prefetch(record[i]);
    }
    for (unsigned i = 0; i < n; i++) bt_record_prefetch_facts(record[i]);
}

static void ask_shard(void *self, unsigned s, struct bt_event **event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    if (prefetch) prefetch_all(&thread->table->shard[s], event, n);
    for (unsigned i = 0; i < n; i++) ask_one(&thread->table->shard[s], event[i]);
}

static void ask(void *self, struct bt_event *event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    bt_shards_run(&thread->shards, event, n, -1, prefetch, ask_shard, self);
}

static void add_shard(void *self, unsigned s, struct bt_event **event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    if (prefetch) prefetch_all(&thread->table->shard[s], event, n);
    for (unsigned i = 0; i < n; i++) add_one(&thread->table->shard[s], event[i], &thread->pool);
}

static void add(void *self, struct bt_event *event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    bt_shards_run(&thread->shards, event, n, BT_KNOWN, prefetch, add_shard, self);
}

static bool read_one(void *self, struct rs_table_key key, struct bt_seen *ret)
{
    struct thread *thread = self;
    unsigned s = bt_shard_of(key);
    pthread_mutex_lock(&thread->table->locks.shard[s].mutex);
    uint64_t slot = *find(&thread->table->shard[s], key);
    if (slot) bt_record_read(record_in(slot), ret);
    pthread_mutex_unlock(&thread->table->locks.shard[s].mutex);
    return slot != 0;
}

const struct bt_kind bt_mutex = {
    .name = "mutex", .make = make, .join = join, .leave = leave, .ask = ask, .add = add, .read = read_one};
