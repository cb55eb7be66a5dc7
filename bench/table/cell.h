/* cell.h - one table, filled, asked and judged, in a process of its own.
 *
 * A table of the benchmark is a `struct bt_kind`.  All of them get the same
 * events in the same batches.  An operation is one event: look its parcel up and
 * say whether its tag is known, for the whole batch; then, as after a commit,
 * add those that are new: by their key again, or, where a table has references
 * that say whether their record is still there, by these.
 */
#ifndef BENCH_TABLE_CELL_H
#define BENCH_TABLE_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rastro/table.h"

#define BT_BATCH 5000u
#define BT_THREADS_MAX 4u
/* How many events ahead of its use memory is asked for. */
#define BT_GROUP 64u

enum bt_answer {
    BT_UNKNOWN, /* no such parcel */
    BT_NEW,     /* the parcel is there, the tag is not */
    BT_KNOWN,
};

struct bt_event {
    struct rs_table_key key;
    uint64_t tag;
    int64_t id;
    struct rs_table_head head;
    struct rs_table_ref ref; /* for the table to use between ask and add */
    uint8_t answer;          /* what the table said */
    uint8_t truth;           /* what it has to say */
    uint8_t slot;            /* which of the parcel's tellers; see feed.h */
    bool shared;             /* two threads tell of this parcel */
};

struct bt_feed;

struct bt_setup {
    struct bt_feed *feed;
    uint64_t parcels; /* about as many as will be there */
    const uint8_t *secret;
};

/* A parcel, for the judge. */
struct bt_seen {
    int64_t id;
    uint32_t facts;
    struct rs_table_head head;
};

struct bt_kind {
    const char *name;
    /* There is no end to it: the process ends. */
    void *(*make)(const struct bt_setup *setup);
    void *(*join)(void *table, unsigned index); /* by the thread itself */
    void (*leave)(void *thread);
    void (*ask)(void *thread, struct bt_event *event, unsigned n, bool prefetch);
    void (*add)(void *thread, struct bt_event *event, unsigned n, bool prefetch);
    bool (*read)(void *thread, struct rs_table_key key, struct bt_seen *ret);
    /* NULL, or what is wrong with the table; NULL where there is nothing to ask. */
    const char *(*check)(void *table);
};

extern const struct bt_kind bt_rastro, bt_lfht, bt_ck, bt_mutex;

/* The newer of two by their first words, then their second. */
static inline int bt_head_cmp(const struct rs_table_head *a, const struct rs_table_head *b)
{
    if (a->word[0] != b->word[0]) return a->word[0] < b->word[0] ? -1 : 1;
    return (a->word[1] > b->word[1]) - (a->word[1] < b->word[1]);
}

/* How the events of a phase are told. */
struct bt_phase {
    unsigned threads;
    bool prefetch;
};

struct bt_result {
    double bytes_per_parcel; /* of the filled table */
    double events_per_s;     /* of the phase */
    double cpu_ns;           /* of an event in the quickest batch */
    uint64_t wrong;          /* answers and parcels that are not what they must be */
    uint64_t looks;          /* a parcel of two threads that was not usable: a look at PostgreSQL */
    char problem[200];       /* empty, or what the table's own check says */
};

/* A process with one table, which does nothing unless it is told to. */
struct bt_cell;

/* Filled with parcels of `facts` each, or with 0 of 1 to 15. */
struct bt_cell *bt_cell_start(const struct bt_kind *kind, uint64_t parcels, unsigned facts, uint64_t seed,
                              struct bt_result *ret);
/* About so many events, in whole batches. */
void bt_cell_tell(struct bt_cell *cell, const struct bt_phase *phase, uint64_t events, struct bt_result *ret);
/* Judges what is in the table at the end, and frees the cell. */
void bt_cell_end(struct bt_cell *cell, struct bt_result *ret);

/* Zeroed pages, in large ones where the kernel gives them.  All get theirs here,
 * so that no table is the quicker for its pages alone. */
void *bt_pages(size_t n);
void bt_pages_free(void *p, size_t n);

#endif
