/* ck.c - Concurrency Kit's ck_ht, which has one writer at a time: cut into
 * shards, a lock each.  Facts change in place, so readers take the lock too.
 * A key is the 16 bytes at the start of a record.  Its interface has no way to
 * ask for a slot ahead of time; but lookups that follow each other without using
 * what they find overlap in the processor. */
#include <ck_ht.h>
#include <stdlib.h>

#include "record.h"
#include "shards.h"
#include "rastro/error.h"

#define SLOTS_MIN 1024u

struct table {
    struct bt_locks locks;
    struct ck_ht shard[BT_SHARDS]; /* each under its lock */
};

struct thread {
    struct table *table;
    struct bt_pool pool;
    struct bt_shards shards;
};

static void *take(size_t n)
{
    return bt_pages(n);
}

static void give(void *p, size_t n, bool defer)
{
    (void)defer; /* nobody reads without the lock */
    bt_pages_free(p, n);
}

static void *make(const struct bt_setup *setup)
{
    static struct ck_malloc pages = {.malloc = take, .free = give};
    (void)setup;
    struct table *table = bt_pages(sizeof *table);
    bt_locks_init(&table->locks);
    for (unsigned s = 0; s < BT_SHARDS; s++)
        if (!ck_ht_init(&table->shard[s], CK_HT_MODE_BYTESTRING, NULL, &pages, SLOTS_MIN, 1)) rs_oom();
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

/* ck_ht keeps the upper half beside the pointer and takes the lower for the place. */
static ck_ht_hash_t hash_of(struct rs_table_key key)
{
    return (ck_ht_hash_t){.value = key.a};
}

static struct bt_record *find(struct ck_ht *shard, const struct rs_table_key *key)
{
    ck_ht_entry_t entry;
    ck_ht_entry_key_set(&entry, key, sizeof *key);
    return ck_ht_get_spmc(shard, hash_of(*key), &entry) ? ck_ht_entry_value(&entry) : NULL;
}

static void find_all(struct ck_ht *shard, struct bt_event **event, unsigned n, struct bt_record **ret)
{
    for (unsigned i = 0; i < n; i++) {
        ret[i] = find(shard, &event[i]->key);
        if (n > 1 && ret[i]) bt_record_prefetch_facts(ret[i]);
    }
}

static void ask_shard(void *self, unsigned s, struct bt_event **event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    struct bt_record *record[BT_GROUP];
    (void)prefetch; /* there is nothing to do differently */
    find_all(&thread->table->shard[s], event, n, record);
    for (unsigned i = 0; i < n; i++)
        event[i]->answer = !record[i] ? BT_UNKNOWN : bt_record_has(record[i], event[i]->tag) ? BT_KNOWN : BT_NEW;
}

static void ask(void *self, struct bt_event *event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    bt_shards_run(&thread->shards, event, n, -1, prefetch, ask_shard, self);
}

static void insert(struct thread *thread, struct ck_ht *shard, const struct bt_event *event)
{
    ck_ht_entry_t entry;
    struct bt_record *record = bt_pool_take(&thread->pool, sizeof *record);
    bt_record_init(record, event, &thread->pool);
    ck_ht_entry_set(&entry, hash_of(record->key), &record->key, sizeof record->key, record);
    if (!ck_ht_put_spmc(shard, hash_of(record->key), &entry)) rs_oom();
}

static void add_shard(void *self, unsigned s, struct bt_event **event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    struct ck_ht *shard = &thread->table->shard[s];
    struct bt_record *record[BT_GROUP];
    (void)prefetch;
    find_all(shard, event, n, record);
    for (unsigned i = 0; i < n; i++) {
        /* An event before it in the group may have brought the parcel. */
        if (!record[i]) record[i] = find(shard, &event[i]->key);
        if (record[i]) bt_record_add(record[i], event[i], &thread->pool);
        else insert(thread, shard, event[i]);
    }
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
    struct bt_record *record = find(&thread->table->shard[s], &key);
    if (record) bt_record_read(record, ret);
    pthread_mutex_unlock(&thread->table->locks.shard[s].mutex);
    return record != NULL;
}

const struct bt_kind bt_ck = {
    .name = "ck_ht", .make = make, .join = join, .leave = leave, .ask = ask, .add = add, .read = read_one};
