/* What the files of the parcel table share; table.c opens with the essay. */
#ifndef RASTRO_TABLE_PRIVATE_H
#define RASTRO_TABLE_PRIVATE_H

#include <stddef.h>

#include "rastro/atomic.h"
#include "rastro/table.h"

/* ---- sizes, which tests make small ---------------------------------------------------- */

#ifndef RS_TABLE_INLINE
#define RS_TABLE_INLINE 14 /* facts in the record itself: it is three lines then */
#endif
#ifndef RS_TABLE_SCANNED
#define RS_TABLE_SCANNED 8 /* chunks of a record, of 8 words each, that are scanned */
#endif
#ifndef RS_TABLE_HASHED_ORDER
#define RS_TABLE_HASHED_ORDER 4 /* of the first one behind them, which is hashed */
#endif
#ifndef RS_TABLE_SLOTS_MIN
#define RS_TABLE_SLOTS_MIN 1024
#endif
#ifndef RS_TABLE_MOVE_SLOTS
#define RS_TABLE_MOVE_SLOTS 32 /* that a merge moves while the index grows */
#endif
#ifndef RS_TABLE_MAPPED_PIECE /* given, or given back, at once: a power of two, of whole large pages */
#define RS_TABLE_MAPPED_PIECE (UINT64_C(4) << 20)
#endif

enum {
    RS_TABLE_ORDERS = 17,                                                         /* of chunks: 8 << order words */
    RS_TABLE_CHUNKS = RS_TABLE_SCANNED + RS_TABLE_ORDERS - RS_TABLE_HASHED_ORDER, /* of a record */
    RS_TABLE_VIEWS_MAX = 128,                                                     /* of a record */
    RS_TABLE_LOOKS_MAX = 127,                                                     /* of a record: seven bits */
    RS_TABLE_UNIT_BYTES = 64,                                                     /* chunks are made of units */
    RS_TABLE_BUCKETS = 8,                                                         /* of limbo, by epoch */
    RS_TABLE_LINE = 64,
};

/* Words of a record. */
enum {
    RS_W_SEQ,                              /* generation << 32 | sequence, odd while it is changed */
    RS_W_MARK,                             /* below; in a free record the link of the free list */
    RS_W_KEY,                              /* two words, constant as long as it is in the index */
    RS_W_LINKS = 4,                        /* first view << 32 | first chunk, as units */
    RS_W_FACT,                             /* RS_TABLE_INLINE words, filled in order */
    RS_W_ID = RS_W_FACT + RS_TABLE_INLINE, /* in limbo the link of its bucket */
    RS_W_HEAD,                             /* four words */
    RS_W_WORDS = RS_W_HEAD + 4,
};

/* The mark: bit 0 stale, 12 bits busy, 2 age, 6 marks, 16 status, 20 words, 7 looks. */
#define RS_MARK_STALE UINT64_C(1)
#define RS_MARK_BUSY(mark) ((unsigned)((mark) >> 1) & 0xfffu)
#define RS_MARK_BUSY_BITS (UINT64_C(0xfff) << 1)
#define RS_MARK_AGE(mark) ((unsigned)((mark) >> 13) & 3u)
#define RS_MARK_AGE_BITS (UINT64_C(3) << 13)
#define RS_MARK_USED (UINT64_C(2) << 13) /* as an age: nothing but a visit of the hand takes it away */
#define RS_MARK_MARKS(mark) ((uint32_t)((mark) >> 15) & 0x3fu)
#define RS_MARK_STATUS(mark) ((uint16_t)((mark) >> 21))
#define RS_MARK_COUNT(mark) ((uint32_t)((mark) >> 37) & 0xfffffu)
#define RS_MARK_LOOKS(mark) ((unsigned)((mark) >> 57))
#define RS_MARK_KEPT (RS_MARK_STALE | RS_MARK_BUSY_BITS | RS_MARK_AGE_BITS) /* what others than the holder change */

static inline uint64_t rs_mark_of(uint32_t marks, uint16_t status, uint32_t count, unsigned looks)
{
    return (uint64_t)(marks & 0x3f) << 15 | (uint64_t)status << 21 | (uint64_t)count << 37 | (uint64_t)looks << 57;
}

#define RS_GENERATION(seq_word) ((uint32_t)((seq_word) >> 32))
#define RS_SEQ(generation, seq) ((uint64_t)(generation) << 32 | (uint32_t)(seq))

/* A look is a fact of another kind: seconds << 20 | source << 4 | 8. */
#define RS_LOOK UINT64_C(8)
#define RS_LOOK_MASK UINT64_C(0xfffff)
#define RS_LOOK_VALUE(source) ((uint64_t)(source) << 4 | RS_LOOK)
#define RS_LOOK_HASH(source) ((uint64_t)(source)*UINT64_C(0x9e3779b97f4a7c15) >> 24)
#define RS_FACT_MASK (~(uint64_t)RS_TABLE_FLAGS) /* with bit 3, which tags have clear */
#define RS_FACT_HASH(tag) ((tag) >> 24)

/* A slot: 30 bits of key.b, 32 of the record, two of state. */
#define RS_SLOT_FROZEN UINT64_C(1)
#define RS_SLOT_TOMB UINT64_C(2)  /* taken out */
#define RS_SLOT_MOVED UINT64_C(3) /* in the next index */
#define RS_SLOT_RECORD(slot) ((uint32_t)((slot) >> 2))
#define RS_SLOT_BITS(key) ((key).b << 34)
#define RS_SLOT_BITS_MASK (UINT64_C(0x3fffffff) << 34)

/* Age of a record for the clock. */
enum { RS_AGE_IDLE, RS_AGE_AGED, RS_AGE_USED };

/* ---- the index ------------------------------------------------------------------------- */

struct rs_table_index {
    uint64_t slot_n, limit;
    uint64_t grow_at, prepare_at; /* slots in use, from which on a merge, rs_table_prepare makes the next one */
    uint64_t bytes;               /* of the mapping; shrinks while it is given back */
    uint64_t retired_epoch;
    uint64_t quota;                             /* room in `next` for what is copied from here; before claimed opens */
    rs_atomic_ptr next;                         /* made while this one is full; set once */
    _Alignas(RS_TABLE_LINE) rs_atomic_u64 used; /* slots reserved, copies to come included */
    rs_atomic_u64 tombs;
    _Alignas(RS_TABLE_LINE) rs_atomic_u64 claimed; /* groups of slots whose copying was begun */
    rs_atomic_u64 done, copied;
    _Alignas(RS_TABLE_LINE) rs_atomic_u64 slot[];
};

/* ---- threads and the table ---------------------------------------------------------------- */

struct rs_table_thread {
    _Alignas(2 * RS_TABLE_LINE) rs_atomic_u64 pinned; /* epoch << 1 | 1, or 0 */
    rs_atomic_u64 joined;
    struct rs_table *table;
    uint64_t epoch; /* the one it is pinned at */
    unsigned depth;
    uint32_t generation;
    /* Written by this thread alone, summed by rs_table_stats. */
    rs_atomic_u64 made, left, evicted, added, dropped, refused, staled;
};

struct rs_table {
    /* Constant. */
    rs_atomic_u64 *record; /* record_max * RS_W_WORDS */
    rs_atomic_u64 *unit;   /* unit_max * 8 */
    rs_atomic_u32 *deadline;
    rs_atomic_u32 *stamp;
    uint64_t record_max, unit_max, stamp_mask, slots_min;
    uint64_t room, record_room, unit_room; /* bytes that may be charged: in all, of each kind */
    uint64_t reserve;                      /* records to have free ahead, at the bound */
    struct rs_table_thread *thread;
    unsigned threads_max;
    int (*head_cmp)(const struct rs_table_head *a, const struct rs_table_head *b, void *self);
    void *head_self;
    uint64_t memory_max, fixed;
    uint64_t tag_key[3][4];
    uint8_t key_key[16];
    /* Read by all, written seldom. */
    _Alignas(2 * RS_TABLE_LINE) rs_atomic_ptr current; /* the oldest index that is in use */
    rs_atomic_u32 generation;
    /* Written by whoever makes or gives up records. */
    _Alignas(2 * RS_TABLE_LINE) rs_atomic_u64 charged;
    rs_atomic_u64 record_top, unit_top; /* next never used */
    _Alignas(RS_TABLE_LINE) rs_atomic_u64 record_free;
    rs_atomic_u64 record_free_n, limbo_n, unit_free_n;
    _Alignas(RS_TABLE_LINE) rs_atomic_u64 chunk_free[RS_TABLE_ORDERS];
    _Alignas(RS_TABLE_LINE) rs_atomic_u64 limbo[RS_TABLE_BUCKETS];
    _Alignas(RS_TABLE_LINE) rs_atomic_u64 hand;
    _Alignas(RS_TABLE_LINE) rs_atomic_u64 epoch;
    rs_atomic_ptr retired;            /* an index whose grace is not over or that is not given back yet */
    rs_atomic_u64 growing, unmapping; /* somebody is at it; the others go on without */
    rs_atomic_u64 index_bytes, grown, slots;
    /* Of rs_table_prepare. */
    rs_atomic_u64 preparing;               /* somebody is at it */
    uint64_t stamp_at, record_at, unit_at; /* bytes that are prepared; whoever set `preparing` has them */
};

RS_ATOMIC_INLINE rs_atomic_u64 *rs_table_record(const struct rs_table *table, uint32_t r)
{
    return table->record + (uint64_t)r * RS_W_WORDS;
}
RS_ATOMIC_INLINE rs_atomic_u64 *rs_table_unit(const struct rs_table *table, uint32_t u)
{
    return table->unit + (uint64_t)u * (RS_TABLE_UNIT_BYTES / 8);
}
RS_ATOMIC_INLINE rs_atomic_u32 *rs_table_stamp(const struct rs_table *table, struct rs_table_key key)
{
    return &table->stamp[key.b >> 32 & table->stamp_mask];
}
/* The key of a record that a slot names, or that is even and of a generation:
 * constant since the release of that, which the acquire has seen. */
RS_ATOMIC_INLINE bool rs_table_is_key(const struct rs_table *table, uint32_t r, struct rs_table_key key)
{
    const rs_atomic_u64 *record = rs_table_record(table, r);
    return rs_load_relaxed_u64(&record[RS_W_KEY]) == key.a && rs_load_relaxed_u64(&record[RS_W_KEY + 1]) == key.b;
}
/* The n-th chunk of a record: its order, its words, how many may be facts. */
RS_ATOMIC_INLINE unsigned rs_chunk_order(unsigned n)
{
    return n < RS_TABLE_SCANNED ? 0 : n - RS_TABLE_SCANNED + RS_TABLE_HASHED_ORDER;
}
RS_ATOMIC_INLINE uint32_t rs_chunk_words(unsigned n)
{
    return 8u << rs_chunk_order(n);
}
RS_ATOMIC_INLINE uint32_t rs_chunk_room(unsigned n)
{
    return n < RS_TABLE_SCANNED ? rs_chunk_words(n) - 1 : rs_chunk_words(n) / 4 * 3;
}
/* A counter that only its own thread writes. */
static inline void rs_table_count(rs_atomic_u64 *a, uint64_t n)
{
    rs_store_relaxed_u64(a, rs_load_relaxed_u64(a) + n); /* pairs with rs_table_stats, which wants no order */
}

/* Looks through a record's first `count` words for one that is `value` under
 * `mask`; `hash` is where hashed chunks have it.  Whatever is read, torn states
 * included, it stays inside: a chunk's size follows from its place in the list.
 * The loads acquire what the release stores in table_merge.c give. */
RS_ATOMIC_INLINE const rs_atomic_u64 *rs_table_seek(const struct rs_table *table, uint32_t r, uint32_t count,
                                                    uint64_t mask, uint64_t value, uint64_t hash, uint64_t *ret_word)
{
    const rs_atomic_u64 *record = rs_table_record(table, r);
    uint32_t n = count < RS_TABLE_INLINE ? count : RS_TABLE_INLINE;
    for (uint32_t i = 0; i < n; i++) {
        *ret_word = rs_load_acquire_u64(&record[RS_W_FACT + i]); /* pairs with put_word, add_fact, add_look */
        if ((*ret_word & mask) == value) return &record[RS_W_FACT + i];
    }
    if (count <= RS_TABLE_INLINE) return NULL;
    uint32_t left = count - RS_TABLE_INLINE;
    uint32_t u = (uint32_t)rs_load_acquire_u64(&record[RS_W_LINKS]); /* pairs with link_chunk */
    for (unsigned k = 0; u && left && k < RS_TABLE_CHUNKS; k++) {
        const rs_atomic_u64 *chunk = rs_table_unit(table, u);
        n = left < rs_chunk_room(k) ? left : rs_chunk_room(k);
        left -= n;
        if (k < RS_TABLE_SCANNED) {
            for (uint32_t i = 1; i <= n; i++) {
                *ret_word = rs_load_acquire_u64(&chunk[i]); /* pairs with put_word, add_fact, add_look */
                if ((*ret_word & mask) == value) return &chunk[i];
            }
        } else {
            uint32_t last = rs_chunk_words(k) - 1;
            uint32_t i = (uint32_t)hash & last;
            for (uint32_t tried = 0; tried <= last; tried++, i = (i + 1) & last) {
                if (!i) continue;                           /* the link */
                *ret_word = rs_load_acquire_u64(&chunk[i]); /* pairs with put_word, add_fact, add_look */
                if (!*ret_word) break;
                if ((*ret_word & mask) == value) return &chunk[i];
            }
        }
        u = (uint32_t)rs_load_acquire_u64(&chunk[0]); /* pairs with link_chunk */
    }
    return NULL;
}

/* ---- table_index.c ---------------------------------------------------------------------------- */

enum rs_table_inserted { RS_INSERTED, RS_INSERT_EXISTS, RS_INSERT_NO_ROOM };

struct rs_table_index *rs_table_index_new(struct rs_table *table, uint64_t slot_n);
/* Makes the next one where it will soon be needed.  The thread is not pinned. */
void rs_table_index_prepare(struct rs_table_thread *thread);
void rs_table_index_free(struct rs_table *table, struct rs_table_index *index);
uint64_t rs_table_place(const struct rs_table_index *index, uint64_t a);
/* The record of the key, or 0.  It may be dead, or of another generation. */
uint32_t rs_table_lookup(const struct rs_table *table, struct rs_table_key key);
enum rs_table_inserted rs_table_insert(struct rs_table *table, struct rs_table_key key, uint32_t r);
/* False where the slot is frozen and not moved yet. */
bool rs_table_remove(struct rs_table *table, struct rs_table_key key, uint32_t r);
/* Grows where it must, and does a bounded part of what is under way. */
void rs_table_index_work(struct rs_table_thread *thread);

/* ---- table_memory.c ------------------------------------------------------------------------------ */

void *rs_table_map(uint64_t bytes);
void rs_table_unmap(void *p, uint64_t bytes);
/* Has the kernel give the pages from `from` to `to` of a mapping now, large ones
 * if it can; waits for it. */
void rs_table_populate(void *p, uint64_t from, uint64_t to);
void rs_table_memory_new(struct rs_table *table);
void rs_table_memory_free(struct rs_table *table);
/* Has pages given for the records and chunks that are next. */
void rs_table_memory_prepare(struct rs_table *table);
/* A record that is odd and of no generation, all else zero; 0: no room. */
uint32_t rs_table_record_alloc(struct rs_table_thread *thread);
/* One that was never in the index. */
void rs_table_record_drop(struct rs_table_thread *thread, uint32_t r);
/* All zero; 0: no room. */
uint32_t rs_table_chunk_alloc(struct rs_table_thread *thread, unsigned order);
/* Takes the record out of the index and retires it; false where somebody
 * changes it, its slot is frozen, or, unless forced, a worker is busy with it. */
bool rs_table_evict(struct rs_table_thread *thread, uint32_t r, bool forced);
/* Moves the epoch on where it can, and gives back what is through its grace. */
void rs_table_reclaim(struct rs_table_thread *thread, unsigned records_max);

#endif
