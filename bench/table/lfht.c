/* lfht.c - liburcu's cds_lfht, read without locks under the cheapest flavour of
 * RCU (QSBR); facts are changed in place under a lock in each record, which was
 * cheaper than a copy of the record for each event.  The table starts with as
 * many buckets as it will need and one array of them, and so never pays for
 * growth.  Its interface has no way to ask for a bucket ahead of time; but
 * lookups that follow each other without using what they find overlap in the
 * processor. */
#define _LGPL_SOURCE /* the inline forms */
#include <urcu-qsbr.h>
#include <urcu/rculfhash.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "record.h"
#include "rastro/error.h"

struct node {
    struct cds_lfht_node chain;
    pthread_spinlock_t lock; /* of what is in the record behind its key */
    struct bt_record record;
};

struct thread {
    struct cds_lfht *table;
    struct bt_pool pool;
};

static void *make(const struct bt_setup *setup)
{
    unsigned long buckets = 1024;
    while (buckets < setup->parcels) buckets *= 2;
    return _cds_lfht_new(buckets, buckets, UINT64_C(1) << 32, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING,
                         &cds_lfht_mm_mmap, &urcu_qsbr_flavor, NULL);
}

static void *join(void *table, unsigned index)
{
    (void)index;
    struct thread *thread = rs_calloc(1, sizeof *thread);
    thread->table = table;
    urcu_qsbr_register_thread();
    return thread;
}

/* What is left of its pool is lost with it: some megabytes. */
static void leave(void *thread)
{
    urcu_qsbr_unregister_thread();
    free(thread);
}

/* Spinning for long is of no use where more threads run than processors. */
static void lock(struct node *node)
{
    while (pthread_spin_trylock(&node->lock)) sched_yield();
}

static void unlock(struct node *node)
{
    pthread_spin_unlock(&node->lock);
}

static int match(struct cds_lfht_node *chain, const void *key)
{
    return bt_key_eq(caa_container_of(chain, struct node, chain)->record.key, *(const struct rs_table_key *)key);
}

static struct node *find(struct cds_lfht *table, const struct rs_table_key *key)
{
    struct cds_lfht_iter iter;
    cds_lfht_lookup(table, key->a, match, key, &iter);
    struct cds_lfht_node *chain = cds_lfht_iter_get_node(&iter);
    return chain ? caa_container_of(chain, struct node, chain) : NULL;
}

/* Where facts lie is a guess that is only prefetched, so no lock is needed. */
static void find_all(struct cds_lfht *table, const struct bt_event *event, unsigned n, int but, struct node **ret)
{
    for (unsigned i = 0; i < n; i++) {
        ret[i] = event[i].answer == but ? NULL : find(table, &event[i].key);
        if (n > 1 && ret[i]) rs_prefetch(CMM_LOAD_SHARED(ret[i]->record.word));
    }
}

static void ask_group(struct thread *thread, struct bt_event *event, unsigned n)
{
    struct node *node[BT_GROUP];
    find_all(thread->table, event, n, -1, node);
    for (unsigned i = 0; i < n; i++) {
        event[i].answer = BT_UNKNOWN;
        if (!node[i]) continue;
        lock(node[i]);
        event[i].answer = bt_record_has(&node[i]->record, event[i].tag) ? BT_KNOWN : BT_NEW;
        unlock(node[i]);
    }
}

static void ask(void *self, struct bt_event *event, unsigned n, bool prefetch)
{
    unsigned group = prefetch ? BT_GROUP : 1;
    for (unsigned i = 0; i < n; i += group) ask_group(self, event + i, n - i < group ? n - i : group);
    urcu_qsbr_quiescent_state();
}

static void add_to(struct thread *thread, struct node *node, const struct bt_event *event)
{
    lock(node);
    bt_record_add(&node->record, event, &thread->pool);
    unlock(node);
}

static void insert(struct thread *thread, const struct bt_event *event)
{
    struct node *node = bt_pool_take(&thread->pool, sizeof *node);
    pthread_spin_init(&node->lock, PTHREAD_PROCESS_PRIVATE);
    bt_record_init(&node->record, event, &thread->pool);
    struct cds_lfht_node *chain = cds_lfht_add_unique(thread->table, event->key.a, match, &node->record.key,
                                                      &node->chain);
    if (chain != &node->chain) add_to(thread, caa_container_of(chain, struct node, chain), event);
}

static void add_group(struct thread *thread, struct bt_event *event, unsigned n)
{
    struct node *node[BT_GROUP];
    find_all(thread->table, event, n, BT_KNOWN, node);
    for (unsigned i = 0; i < n; i++) {
        if (event[i].answer == BT_KNOWN) continue;
        if (node[i]) add_to(thread, node[i], &event[i]);
        else insert(thread, &event[i]);
    }
}

static void add(void *self, struct bt_event *event, unsigned n, bool prefetch)
{
    unsigned group = prefetch ? BT_GROUP : 1;
    for (unsigned i = 0; i < n; i += group) add_group(self, event + i, n - i < group ? n - i : group);
    urcu_qsbr_quiescent_state();
}

static bool read_one(void *self, struct rs_table_key key, struct bt_seen *ret)
{
    struct thread *thread = self;
    struct node *node = find(thread->table, &key);
    if (!node) return false;
    lock(node);
    bt_record_read(&node->record, ret);
    unlock(node);
    return true;
}

const struct bt_kind bt_lfht = {
    .name = "cds_lfht", .make = make, .join = join, .leave = leave, .ask = ask, .add = add, .read = read_one};
