/* record.h - what the rivals keep of a parcel: the payload of ours, in the way
 * one would write it.  Facts are an array that doubles; records and arrays come
 * from a pool of the thread, without headers.  A record is never taken away, so a
 * pointer to it stays good; whoever reads or changes it holds its lock. */
#ifndef BENCH_TABLE_RECORD_H
#define BENCH_TABLE_RECORD_H

#include "cell.h"
#include "rastro/prefetch.h"

struct bt_record {
    struct rs_table_key key;
    uint64_t *word;
    uint32_t n, room;
    int64_t id;
    struct rs_table_head head;
};

/* Arrays of 1, 2, 4... words. */
#define BT_CLASSES 12

struct bt_pool {
    char *at, *end;
    void *spare[BT_CLASSES];
};

void *bt_pool_take(struct bt_pool *pool, size_t n); /* zeroed; for records, which never come back */

static inline bool bt_key_eq(struct rs_table_key a, struct rs_table_key b)
{
    return a.a == b.a && a.b == b.b;
}

static inline bool bt_record_has(const struct bt_record *record, uint64_t tag)
{
    for (uint32_t i = 0; i < record->n; i++)
        if (RS_TABLE_TAG(record->word[i]) == tag) return true;
    return false;
}

/* Of NULL nothing. */
static inline void bt_record_prefetch(const struct bt_record *record)
{
    if (!record) return;
    rs_prefetch(record);
    rs_prefetch((const char *)(record + 1) - 1);
}
static inline void bt_record_prefetch_facts(const struct bt_record *record)
{
    if (!record) return;
    rs_prefetch(record->word);
    rs_prefetch(record->word + record->n - 1);
}

void bt_record_init(struct bt_record *record, const struct bt_event *event, struct bt_pool *pool);
/* If it has it already, nothing changes. */
void bt_record_add(struct bt_record *record, const struct bt_event *event, struct bt_pool *pool);
void bt_record_read(const struct bt_record *record, struct bt_seen *ret);

#endif
