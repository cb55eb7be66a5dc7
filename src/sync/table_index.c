/* The parcel table's index: slots, growth.  Its protocol is in the essay of table.c. */
#include "table_private.h"

#include "rastro/prefetch.h"

#define CLOSED (UINT64_C(1) << 62)
#define EMPTY UINT64_C(0)

struct rs_table_index *rs_table_index_new(struct rs_table *table, uint64_t slot_n)
{
    slot_n = (slot_n + 7) & ~UINT64_C(7);
    uint64_t bytes = sizeof(struct rs_table_index) + slot_n * sizeof(rs_atomic_u64);
    struct rs_table_index *index = rs_table_map(bytes);
    if (!index) return NULL;
    index->slot_n = slot_n;
    index->bytes = bytes;
    index->limit = slot_n - (slot_n < 16 ? 1 : slot_n / 16); /* so that every probe ends */
    index->grow_at = slot_n / 5 * 4;
    index->prepare_at = slot_n / 4 * 3;
    /* Nobody has it yet; pairs with the release that publishes it. */
    rs_store_relaxed_u64(&index->claimed, CLOSED);
    rs_add_relaxed_u64(&table->index_bytes, bytes);
    return index;
}

void rs_table_index_free(struct rs_table *table, struct rs_table_index *index)
{
    rs_add_relaxed_u64(&table->index_bytes, -index->bytes);
    rs_table_unmap(index, index->bytes);
}

uint64_t rs_table_place(const struct rs_table_index *index, uint64_t a)
{
    return (uint64_t)(((unsigned __int128)a * index->slot_n) >> 64);
}

RS_ATOMIC_INLINE bool is_ref(uint64_t slot)
{
    return RS_SLOT_RECORD(slot) && !(slot & RS_SLOT_TOMB);
}

RS_ATOMIC_INLINE bool may_be(uint64_t slot, struct rs_table_key key)
{
    return !((slot ^ RS_SLOT_BITS(key)) & RS_SLOT_BITS_MASK) && is_ref(slot);
}

RS_ATOMIC_INLINE struct rs_table_index *next_of(const struct rs_table_index *index)
{
    return rs_load_acquire_ptr(&index->next); /* pairs with the CAS in grow */
}

uint32_t rs_table_lookup(const struct rs_table *table, struct rs_table_key key)
{
    const struct rs_table_index *index = rs_load_acquire_ptr(&table->current); /* pairs with promote */
    do {
        for (uint64_t i = rs_table_place(index, key.a);; i = i + 1 == index->slot_n ? 0 : i + 1) {
            uint64_t slot = rs_load_acquire_u64(&index->slot[i]); /* pairs with the CASes of insert and copy */
            if ((slot | RS_SLOT_FROZEN) == RS_SLOT_FROZEN) break;
            if (may_be(slot, key) && rs_table_is_key(table, RS_SLOT_RECORD(slot), key)) return RS_SLOT_RECORD(slot);
        }
        index = next_of(index);
    } while (index);
    return 0;
}

void rs_table_prefetch_slot(struct rs_table_thread *thread, struct rs_table_key key)
{
    const struct rs_table_index *index = rs_load_acquire_ptr(&thread->table->current); /* pairs with promote */
    const rs_atomic_u64 *slot = &index->slot[rs_table_place(index, key.a)];
    rs_prefetch(slot);
    rs_prefetch(slot + 3); /* seldom another line; but the probe goes on there then */
}

void rs_table_prefetch_record(struct rs_table_thread *thread, struct rs_table_key key)
{
    const struct rs_table *table = thread->table;
    const struct rs_table_index *index = rs_load_acquire_ptr(&table->current); /* pairs with promote */
    uint64_t i = rs_table_place(index, key.a);
    for (unsigned n = 0; n < 16; n++, i = i + 1 == index->slot_n ? 0 : i + 1) {
        uint64_t slot = rs_load_relaxed_u64(&index->slot[i]); /* a guess; nothing is read through it */
        if ((slot | RS_SLOT_FROZEN) == RS_SLOT_FROZEN) {
            rs_prefetch(rs_table_stamp(table, key)); /* what find gives of none */
            return;
        }
        if (!may_be(slot, key)) continue;
        const char *record = (const char *)rs_table_record(table, RS_SLOT_RECORD(slot));
        rs_prefetch_all(record, 3 * RS_TABLE_LINE);
        return;
    }
}

void rs_table_prefetch_ref(struct rs_table_thread *thread, struct rs_table_ref ref)
{
    const char *record = (const char *)rs_table_record(thread->table, ref.record); /* of none, one that nobody has */
    rs_prefetch_to_write(record);
    rs_prefetch_to_write(record + RS_TABLE_LINE);
    rs_prefetch_to_write(record + 2 * RS_TABLE_LINE);
}

/* ---- insert and remove ------------------------------------------------------------------ */

/* Reserves a slot.  The order decides between us and a grower: either it counts
 * us into the quota, or we see its `next` and give way (invariant 5). */
static bool reserve(struct rs_table_index *index, bool *ret_grown)
{
    *ret_grown = false;
    uint64_t used = rs_add_acq_rel_u64(&index->used, 1); /* pairs with the addition of 0 in grow */
    if (used >= index->limit) {
        rs_add_relaxed_u64(&index->used, -UINT64_C(1));
        return false;
    }
    if (!next_of(index)) return true;
    rs_add_relaxed_u64(&index->used, -UINT64_C(1));
    *ret_grown = true;
    return true;
}

enum rs_table_inserted rs_table_insert(struct rs_table *table, struct rs_table_key key, uint32_t r)
{
    uint64_t ref = RS_SLOT_BITS(key) | (uint64_t)r << 2;
    struct rs_table_index *index = rs_load_acquire_ptr(&table->current); /* pairs with promote */
    uint64_t i = rs_table_place(index, key.a);
    for (;;) {
        uint64_t slot = rs_load_acquire_u64(&index->slot[i]); /* pairs with other inserts, freezes and copies */
        if (slot == EMPTY) {
            struct rs_table_index *next = next_of(index);
            if (next) {
                /* Nobody can insert the key here any more, then (invariant 4);
                 * a failure shows what is there now.  Pairs with inserts. */
                if (!rs_cas_acq_rel_u64(&index->slot[i], &slot, RS_SLOT_FROZEN)) continue;
                slot = RS_SLOT_FROZEN;
            } else {
                bool grown;
                if (!reserve(index, &grown)) return RS_INSERT_NO_ROOM;
                if (grown) continue;
                /* Publishes the record's key and content; pairs with the loads of slots. */
                if (rs_cas_acq_rel_u64(&index->slot[i], &slot, ref)) return RS_INSERTED;
                rs_add_relaxed_u64(&index->used, -UINT64_C(1));
                continue;
            }
        }
        if (slot == RS_SLOT_FROZEN) {
            index = next_of(index); /* there is one: whoever froze had seen it */
            i = rs_table_place(index, key.a);
            continue;
        }
        if (may_be(slot, key) && rs_table_is_key(table, RS_SLOT_RECORD(slot), key)) return RS_INSERT_EXISTS;
        i = i + 1 == index->slot_n ? 0 : i + 1;
    }
}

bool rs_table_remove(struct rs_table *table, struct rs_table_key key, uint32_t r)
{
    struct rs_table_index *index = rs_load_acquire_ptr(&table->current); /* pairs with promote */
    do {
        for (uint64_t i = rs_table_place(index, key.a);; i = i + 1 == index->slot_n ? 0 : i + 1) {
            uint64_t slot = rs_load_acquire_u64(&index->slot[i]); /* pairs with inserts, freezes and copies */
            if ((slot | RS_SLOT_FROZEN) == RS_SLOT_FROZEN) break;
            if (!is_ref(slot) || RS_SLOT_RECORD(slot) != r) continue;
            /* It may have been copied already: it stays until it is moved (invariant 6). */
            if (slot & RS_SLOT_FROZEN) return false;
            /* Only freezing can come between.  Pairs with the loads of slots. */
            if (!rs_cas_acq_rel_u64(&index->slot[i], &slot, RS_SLOT_TOMB)) return false;
            rs_add_relaxed_u64(&index->tombs, 1);
            return true;
        }
        index = next_of(index);
    } while (index);
    return false;
}

/* ---- growth -------------------------------------------------------------------------------- */

/* Whether this thread is the one that makes the next one; grow then ends that.
 * From then on `index` stays current until grow opens the copying, so that it is
 * good also for who is not pinned. */
static bool begin_to_grow(struct rs_table *table, struct rs_table_index *index)
{
    /* Two arrays at most: the last one must be given back. */
    if (rs_load_acquire_ptr(&table->retired)) return false; /* pairs with promote and give_back */
    uint64_t nobody = 0;
    if (!rs_cas_acq_rel_u64(&table->growing, &nobody, 1)) return false; /* pairs with the release in grow */
    /* Without a next one it still is the current one, as it was when the caller, who
     * is pinned, loaded it: an index gets its next one before it is left. */
    if (!next_of(index) && !rs_load_acquire_ptr(&table->retired)) return true;
    rs_store_release_u64(&table->growing, 0); /* pairs with the CAS */
    return false;
}

/* Piece by piece: merges go on meanwhile and want records.  It ends early where
 * `index` would be full before: nothing may be refused for the sake of pages. */
static void populate(struct rs_table *table, const struct rs_table_index *index, struct rs_table_index *next)
{
    uint64_t enough = index->slot_n / 8 * 7;
    for (uint64_t at = 0; at < next->bytes && rs_load_relaxed_u64(&index->used) < enough; at += RS_TABLE_MAPPED_PIECE) {
        uint64_t to = at + RS_TABLE_MAPPED_PIECE;
        rs_table_populate(next, at, to < next->bytes ? to : next->bytes);
        rs_table_memory_prepare(table);
    }
}

static void grow(struct rs_table *table, struct rs_table_index *index, bool populated)
{
    uint64_t tombs = rs_load_relaxed_u64(&index->tombs);
    uint64_t live = rs_load_relaxed_u64(&index->used) - tombs;
    /* Half full, and at least what this one can come to hold before it is left. */
    uint64_t slot_n = live * 2;
    if (slot_n < index->slot_n - tombs) slot_n = index->slot_n - tombs;
    if (slot_n < table->slots_min) slot_n = table->slots_min;
    struct rs_table_index *next = rs_table_index_new(table, slot_n);
    if (next) {
        if (populated) populate(table, index, next);
        rs_store_relaxed_u64(&next->used, CLOSED); /* nobody has it yet */
        void *none = NULL;
        rs_cas_acq_rel_ptr(&index->next, &none, next); /* publishes it; pairs with next_of */
        /* Adding 0 puts us into the order of reservations, see reserve. */
        index->quota = rs_add_acq_rel_u64(&index->used, 0) - rs_load_relaxed_u64(&index->tombs);
        rs_add_relaxed_u64(&next->used, index->quota - CLOSED);
        rs_store_release_u64(&index->claimed, 0); /* opens the copying, with the quota; pairs with copy_some */
    }
    rs_store_release_u64(&table->growing, 0); /* pairs with the CAS in begin_to_grow */
}

void rs_table_index_prepare(struct rs_table_thread *thread)
{
    struct rs_table *table = thread->table;
    rs_table_pin(thread);
    struct rs_table_index *index = rs_load_acquire_ptr(&table->current); /* pairs with promote */
    bool ours = rs_load_relaxed_u64(&index->used) >= index->prepare_at && !next_of(index) &&
                begin_to_grow(table, index);
    rs_table_unpin(thread); /* what follows takes long */
    if (ours) grow(table, index, true);
}

static void copy(struct rs_table *table, struct rs_table_index *next, uint64_t ref)
{
    uint64_t a = rs_load_relaxed_u64(&rs_table_record(table, RS_SLOT_RECORD(ref))[RS_W_KEY]);
    /* The key is not there and nobody else brings it (invariant 4): the first
     * empty slot will do.  Nobody freezes slots of `next` before it is current. */
    for (uint64_t i = rs_table_place(next, a);; i = i + 1 == next->slot_n ? 0 : i + 1) {
        uint64_t slot = EMPTY;
        if (rs_cas_acq_rel_u64(&next->slot[i], &slot, ref)) return; /* pairs with the loads of slots */
    }
}

static void promote(struct rs_table_thread *thread, struct rs_table_index *index, struct rs_table_index *next)
{
    struct rs_table *table = thread->table;
    rs_add_relaxed_u64(&next->used, rs_load_relaxed_u64(&index->copied) - index->quota);
    index->retired_epoch = thread->epoch;
    rs_store_release_ptr(&table->retired,
                         index); /* first, so that nobody grows meanwhile; pairs with grow, give_back */
    rs_add_relaxed_u64(&table->grown, 1);
    rs_store_relaxed_u64(&table->slots, next->slot_n);
    rs_store_release_ptr(&table->current, next); /* with all copies; pairs with the loads of current */
}

static void copy_some(struct rs_table_thread *thread, struct rs_table_index *index, struct rs_table_index *next)
{
    struct rs_table *table = thread->table;
    uint64_t groups = (index->slot_n + RS_TABLE_MOVE_SLOTS - 1) / RS_TABLE_MOVE_SLOTS;
    if (rs_load_acquire_u64(&index->claimed) >= groups) return; /* closed, or all begun */
    uint64_t group = rs_add_acq_rel_u64(&index->claimed, 1);    /* ours alone; pairs with the release in grow */
    if (group >= groups) return;
    uint64_t ref[RS_TABLE_MOVE_SLOTS], at[RS_TABLE_MOVE_SLOTS];
    unsigned n = 0;
    for (uint64_t i = group * RS_TABLE_MOVE_SLOTS; i < (group + 1) * RS_TABLE_MOVE_SLOTS && i < index->slot_n; i++) {
        uint64_t slot = rs_load_acquire_u64(&index->slot[i]); /* pairs with inserts */
        while (!(slot & (RS_SLOT_FROZEN | RS_SLOT_TOMB))) {
            /* From here on it is neither filled nor taken out.  Pairs with insert and remove. */
            if (rs_cas_acq_rel_u64(&index->slot[i], &slot, slot | RS_SLOT_FROZEN)) slot |= RS_SLOT_FROZEN;
        }
        if (!is_ref(slot)) continue;
        at[n] = i;
        ref[n++] = slot & ~RS_SLOT_FROZEN;
        rs_prefetch(&rs_table_record(table, RS_SLOT_RECORD(slot))[RS_W_KEY]);
    }
    for (unsigned i = 0; i < n; i++) {
        copy(table, next, ref[i]);
        /* Nobody else changes a frozen one.  Who sees it sees the copy; pairs with the loads of slots. */
        rs_store_release_u64(&index->slot[at[i]], RS_SLOT_MOVED);
    }
    rs_add_relaxed_u64(&index->copied, n);
    /* The last one has seen all copies and their number: each addition releases, each acquires. */
    if (rs_add_acq_rel_u64(&index->done, 1) + 1 == groups) promote(thread, index, next);
}

void rs_table_index_work(struct rs_table_thread *thread)
{
    struct rs_table_index *index = rs_load_acquire_ptr(&thread->table->current); /* pairs with promote */
    struct rs_table_index *next = next_of(index);
    if (next) {
        copy_some(thread, index, next);
    } else if (rs_load_relaxed_u64(&index->used) >= index->grow_at) {
        if (begin_to_grow(thread->table, index)) grow(thread->table, index, false);
    }
}
