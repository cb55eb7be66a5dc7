/* The parcel table's memory: records, chunks, epochs, the clock that evicts.
 * The rules are in the essay of table.c. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rastro/error.h"
#include "table_private.h"

#if defined(__has_feature) && !defined(__SANITIZE_ADDRESS__)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ /* as gcc says of itself */
#endif
#endif
#if defined(RS_TABLE_POISON)
/* A test watches what is free. */
#elif defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define RS_TABLE_POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define RS_TABLE_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define RS_TABLE_POISON(p, n) ((void)(p), (void)(n))
#define RS_TABLE_UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum {
    /* What a record is charged: itself, its deadline, and 16 bytes for
     * each of the two arrays of the index that there are at most. */
    RECORD_OWN = RS_W_WORDS * 8 + 4,
    RECORD_CHARGE = RECORD_OWN + 32,
    GRACE = 3,          /* epochs, see the essay */
    HAND_STEP = 16,     /* records that a turn of the hand looks at */
    SWEEP_VISITS = 256, /* at most, to evict */
    EVICT_AHEAD = 2,
    THREADS_SLACK = 64,
};

#define LARGE_PAGE (UINT64_C(2) << 20)
/* How much is made ready that no record, no chunk has yet. */
#define PREPARED_RECORDS (8 * LARGE_PAGE)
#define PREPARED_UNITS (2 * LARGE_PAGE)

/* ---- regions ------------------------------------------------------------------------------- */

void *rs_table_map(uint64_t bytes)
{
#ifdef RS_TABLE_MAP
    void *p = RS_TABLE_MAP(bytes); /* a test's own */
#else
    /* Begins where a large page can: the kernel is asked for those by
     * rs_table_prepare only.  A merge that touches memory first gets small ones:
     * with large ones single merges took 10 ms, where the kernel had to find one,
     * in place of 0.5. */
    uint64_t extra = bytes >= LARGE_PAGE ? LARGE_PAGE : 0;
    char *p = mmap(NULL, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return NULL;
    uint64_t before = (LARGE_PAGE - (uintptr_t)p % LARGE_PAGE) % LARGE_PAGE;
    if (extra && before) {
        munmap(p, before);
        p += before;
        extra -= before;
    }
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), used = (bytes + page - 1) / page * page;
    if (bytes + extra > used) munmap(p + used, bytes + extra - used);
#endif
    RS_TABLE_UNPOISON(p, bytes);
    return p;
}

void rs_table_populate(void *p, uint64_t from, uint64_t to)
{
#ifdef RS_TABLE_MAP
    (void)p, (void)from, (void)to;
#else
    /* One page a time: it takes the kernel 0.1 ms to clear, or some to find, and
     * meanwhile those who map and unmap wait for us.  That it has none, or knows
     * no such advice, is no fault: then the pages are small. */
    for (; from + LARGE_PAGE <= to; from += LARGE_PAGE) {
        char *page = (char *)p + from;
        if (madvise(page, LARGE_PAGE, MADV_HUGEPAGE)) return;
        if (madvise(page, LARGE_PAGE, MADV_POPULATE_WRITE)) madvise(page, LARGE_PAGE, MADV_NOHUGEPAGE);
    }
#endif
}

void rs_table_unmap(void *p, uint64_t bytes)
{
    RS_TABLE_POISON(p, bytes);
#ifndef RS_TABLE_MAP
    RS_TABLE_UNPOISON(p, bytes); /* others may map it */
    munmap(p, bytes);
#endif
}

static void *must_map(uint64_t bytes)
{
    void *p = rs_table_map(bytes);
    if (!p) abort(); /* as rs_calloc */
    return p;
}

/* Largest power of two not above n. */
static uint64_t floor_power(uint64_t n)
{
    while (n & (n - 1)) n &= n - 1;
    return n;
}

void rs_table_memory_new(struct rs_table *table)
{
    /* A stamp for each 2 KiB: evictions in flight then seldom meet. */
    uint64_t stamps = floor_power(table->memory_max / 2048 | 1);
    table->stamp_mask = stamps - 1;
    table->stamp = must_map(stamps * sizeof *table->stamp);
    table->fixed = sizeof *table + table->threads_max * sizeof *table->thread + stamps * sizeof *table->stamp;
    /* So large at first that no batch is likely to make it grow twice: while a
     * batch is pinned, the array before the last one cannot be given back. */
    table->slots_min = table->memory_max / (RECORD_CHARGE * 16);
    if (table->slots_min < RS_TABLE_SLOTS_MIN) table->slots_min = RS_TABLE_SLOTS_MIN;
    uint64_t index = sizeof(struct rs_table_index) + table->slots_min * sizeof(rs_atomic_u64);
    table->room = table->memory_max - table->fixed - 2 * index;
    /* So that neither kind can have it all: what a kind once had stays its own. */
    table->record_room = table->room / 8 * 7;
    table->unit_room = table->room / 4 * 3;
    table->record_max = table->record_room / RECORD_CHARGE + THREADS_SLACK + 1;
    table->unit_max = table->unit_room / RS_TABLE_UNIT_BYTES + 1;
    if (table->record_max > UINT32_MAX - 1) table->record_max = UINT32_MAX - 1;
    if (table->unit_max > UINT32_MAX - 1) table->unit_max = UINT32_MAX - 1;
    table->reserve = table->record_max / 32 < 16384 ? table->record_max / 32 : 16384;
    table->record = must_map(table->record_max * RS_W_WORDS * sizeof *table->record);
    table->unit = must_map(table->unit_max * RS_TABLE_UNIT_BYTES);
    table->deadline = must_map(table->record_max * sizeof *table->deadline);
    rs_store_relaxed_u64(&table->record_top, 1); /* nobody else yet */
    rs_store_relaxed_u64(&table->unit_top, 1);
    rs_store_relaxed_u64(&table->epoch, RS_TABLE_BUCKETS);
    rs_store_relaxed_u32(&table->deadline[0], UINT32_MAX);
}

void rs_table_memory_free(struct rs_table *table)
{
    rs_table_unmap(table->record, table->record_max * RS_W_WORDS * sizeof *table->record);
    rs_table_unmap(table->unit, table->unit_max * RS_TABLE_UNIT_BYTES);
    rs_table_unmap(table->deadline, table->record_max * sizeof *table->deadline);
    rs_table_unmap(table->stamp, (table->stamp_mask + 1) * sizeof *table->stamp);
}

/* Whole pages, up to `ahead` behind what is in use; returns up to where. */
static uint64_t prepare(void *p, uint64_t at, uint64_t used, uint64_t ahead, uint64_t max)
{
    uint64_t to = used + ahead < max ? (used + ahead) & ~(LARGE_PAGE - 1) : max & ~(LARGE_PAGE - 1);
    if (to <= at) return at;
    /* Pages that were touched before we came are small already. */
    uint64_t from = (used + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    rs_table_populate(p, at > from ? at : from, to);
    return to;
}

void rs_table_memory_prepare(struct rs_table *table)
{
    uint64_t nobody = 0;
    if (!rs_cas_acq_rel_u64(&table->preparing, &nobody, 1)) return; /* with what the last one left; pairs with below */
    if (!table->stamp_at) {
        table->stamp_at = (table->stamp_mask + 1) * sizeof *table->stamp;
        rs_table_populate(table->stamp, 0, table->stamp_at);
    }
    /* Guesses: nothing depends on them.  Both together stay within the bound. */
    uint64_t charged = rs_load_relaxed_u64(&table->charged);
    uint64_t left = charged < table->room ? (table->room - charged) / 2 : 0;
    uint64_t records = rs_load_relaxed_u64(&table->record_top) * RS_W_WORDS * sizeof *table->record;
    uint64_t units = rs_load_relaxed_u64(&table->unit_top) * RS_TABLE_UNIT_BYTES;
    table->record_at = prepare(table->record, table->record_at, records,
                               left < PREPARED_RECORDS ? left : PREPARED_RECORDS,
                               table->record_max * RS_W_WORDS * sizeof *table->record);
    table->unit_at = prepare(table->unit, table->unit_at, units, left < PREPARED_UNITS ? left : PREPARED_UNITS,
                             table->unit_max * RS_TABLE_UNIT_BYTES);
    rs_store_release_u64(&table->preparing, 0);
}

void rs_table_prepare(struct rs_table_thread *thread)
{
    rs_table_memory_prepare(thread->table);
    rs_table_index_prepare(thread);
}

static bool charge(struct rs_table *table, uint64_t bytes)
{
    /* Numbers only; no order is wanted. */
    if (rs_load_relaxed_u64(&table->charged) + bytes > table->room) return false;
    if (rs_add_relaxed_u64(&table->charged, bytes) + bytes <= table->room) return true;
    rs_add_relaxed_u64(&table->charged, -bytes);
    return false;
}

/* ---- stacks ----------------------------------------------------------------------------------- */

/* Treiber's, over indices.  The upper half of the head counts the changes, so
 * that a head that came back is not taken for one that never went. */
#define STACK_TAG (UINT64_C(1) << 32)

static void push(rs_atomic_u64 *head, rs_atomic_u64 *link, uint32_t element)
{
    uint64_t old = rs_load_relaxed_u64(head);
    do {
        rs_store_relaxed_u64(link, (uint32_t)old);
        /* Releases the element as it is; pairs with pop. */
    } while (!rs_cas_acq_rel_u64(head, &old, ((old & ~(STACK_TAG - 1)) + STACK_TAG) | element));
}

/* `link` of an element that another thread has popped meanwhile is read all the
 * same: that word is mapped and never poisoned, and the head's count has moved. */
#define POP(head, element, link)                                                                      \
    do {                                                                                              \
        uint64_t old = rs_load_acquire_u64(head); /* pairs with push */                               \
        for (;;) {                                                                                    \
            element = (uint32_t)old;                                                                  \
            if (!element) break;                                                                      \
            uint64_t rest = (uint32_t)rs_load_relaxed_u64(link);                                      \
            if (rs_cas_acq_rel_u64(head, &old, ((old & ~(STACK_TAG - 1)) + STACK_TAG) | rest)) break; \
        }                                                                                             \
    } while (0)

static uint32_t pop_unit(struct rs_table *table, unsigned order)
{
    uint32_t u;
    POP(&table->chunk_free[order], u, &rs_table_unit(table, u)[0]);
    return u;
}

static uint32_t pop_record(struct rs_table *table)
{
    uint32_t r;
    POP(&table->record_free, r, &rs_table_record(table, r)[RS_W_MARK]);
    return r;
}

static uint32_t pop_limbo(struct rs_table *table, unsigned bucket)
{
    uint32_t r;
    POP(&table->limbo[bucket], r, &rs_table_record(table, r)[RS_W_ID]);
    return r;
}

/* ---- freeing, by whoever owns alone -------------------------------------------------------------- */

static uint32_t words_of(unsigned order)
{
    return 8u << order;
}

static void free_chunk(struct rs_table *table, uint32_t u, unsigned order)
{
    rs_atomic_u64 *chunk = rs_table_unit(table, u);
    RS_TABLE_POISON(&chunk[1], (words_of(order) - 1) * sizeof *chunk); /* the link stays */
    push(&table->chunk_free[order], &chunk[0], u);
    rs_add_relaxed_u64(&table->unit_free_n, UINT64_C(1) << order);
}

/* The record and all that hangs on it.  Loads and stores need no order: the
 * grace has given it to us, and push releases it. */
static void free_record(struct rs_table *table, uint32_t r)
{
    rs_atomic_u64 *record = rs_table_record(table, r);
    uint64_t links = rs_load_relaxed_u64(&record[RS_W_LINKS]);
    uint32_t u = (uint32_t)links;
    for (unsigned n = 0; u; n++) {
        uint32_t next = (uint32_t)rs_load_relaxed_u64(&rs_table_unit(table, u)[0]);
        free_chunk(table, u, rs_chunk_order(n));
        u = next;
    }
    for (u = (uint32_t)(links >> 32); u;) {
        uint32_t next = (uint32_t)rs_load_relaxed_u64(&rs_table_unit(table, u)[0]);
        free_chunk(table, u, 0);
        u = next;
    }
    rs_store_relaxed_u64(&record[RS_W_LINKS], 0);
    /* All but the words that others may still read as links of a stack. */
    RS_TABLE_POISON(&record[RS_W_KEY], (RS_W_ID - RS_W_KEY) * sizeof *record);
    RS_TABLE_POISON(&record[RS_W_HEAD], (RS_W_WORDS - RS_W_HEAD) * sizeof *record);
    push(&table->record_free, &record[RS_W_MARK], r);
    rs_add_relaxed_u64(&table->record_free_n, 1);
}

void rs_table_record_drop(struct rs_table_thread *thread, uint32_t r)
{
    struct rs_table *table = thread->table;
    rs_atomic_u64 *record = rs_table_record(table, r);
    rs_store_relaxed_u32(&table->deadline[r], UINT32_MAX);
    /* Nobody else has it; those who walk over all records see no generation. */
    rs_store_release_u64(&record[RS_W_SEQ], RS_SEQ(0, rs_load_relaxed_u64(&record[RS_W_SEQ]) + 1));
    free_record(table, r);
}

/* ---- epochs -------------------------------------------------------------------------------------- */

void rs_table_pin(struct rs_table_thread *thread)
{
    if (thread->depth++) return;
    uint64_t epoch = rs_load_acquire_u64(&thread->table->epoch); /* pairs with the CAS in advance */
    do {
        thread->epoch = epoch;
        /* A read-modify-write: in the order of this variable it is before or
         * behind the addition of 0 in advance.  Before, and we are seen; behind,
         * and we see all that was taken out, and the epoch. */
        rs_exchange_acq_rel_u64(&thread->pinned, epoch << 1 | 1);
        /* It may have moved on by much before we were seen; now it cannot, but
         * for who had looked at us already.  So this goes round twice at most. */
        epoch = rs_load_acquire_u64(&thread->table->epoch); /* pairs with the CAS in advance */
    } while (epoch != thread->epoch);
}

void rs_table_unpin(struct rs_table_thread *thread)
{
    /* Two guesses at whether there is anything to do. */
    if (thread->depth == 1 &&
        (rs_load_relaxed_u64(&thread->table->limbo_n) || rs_load_relaxed_ptr(&thread->table->retired))) {
        rs_table_reclaim(thread, 64);
    }
    if (--thread->depth) return;
    rs_store_release_u64(&thread->pinned, 0); /* all that we read is behind us; pairs with advance */
}

static void advance(struct rs_table *table)
{
    uint64_t epoch = rs_load_acquire_u64(&table->epoch); /* pairs with the CAS below */
    for (unsigned i = 0; i < table->threads_max; i++) {
        uint64_t pinned = rs_add_acq_rel_u64(&table->thread[i].pinned, 0); /* pairs with pin and unpin */
        if (pinned && pinned >> 1 != epoch) return;
    }
    rs_cas_acq_rel_u64(&table->epoch, &epoch, epoch + 1); /* hands on what was seen; pairs with pin, reclaim */
}

/* The retired index, a piece a time: giving back a hundred megabytes at once
 * would be a halt. */
static void give_back(struct rs_table *table, uint64_t epoch)
{
    struct rs_table_index *index = rs_load_acquire_ptr(&table->retired); /* pairs with promote */
    uint64_t nobody = 0;
    /* Who is at it has the index alone.  Pairs with the release below. */
    if (!index || !rs_cas_acq_rel_u64(&table->unmapping, &nobody, 1)) return;
    index = rs_load_acquire_ptr(&table->retired); /* again, now that nobody else gives it back */
    if (index && index->retired_epoch + GRACE <= epoch) {
        if (index->bytes > 2 * RS_TABLE_MAPPED_PIECE) {
            /* Whole pages, large ones too. */
            uint64_t kept = (index->bytes - RS_TABLE_MAPPED_PIECE) & ~(RS_TABLE_MAPPED_PIECE - 1);
            rs_table_unmap((char *)index + kept, index->bytes - kept);
            rs_add_relaxed_u64(&table->index_bytes, kept - index->bytes);
            index->bytes = kept;
        } else {
            rs_table_index_free(table, index);
            rs_store_release_ptr(&table->retired, NULL); /* pairs with grow */
        }
    }
    rs_store_release_u64(&table->unmapping, 0);
}

void rs_table_reclaim(struct rs_table_thread *thread, unsigned records_max)
{
    struct rs_table *table = thread->table;
    advance(table);
    /* We are pinned at this epoch or the one before, so it moves on by one at
     * most: nobody retires into the four oldest buckets meanwhile. */
    uint64_t epoch = rs_load_acquire_u64(&table->epoch); /* pairs with advance */
    give_back(table, epoch);
    for (unsigned age = GRACE; age <= RS_TABLE_BUCKETS - 2; age++) {
        unsigned bucket = (unsigned)(epoch - age) % RS_TABLE_BUCKETS;
        while (records_max) {
            uint32_t r = pop_limbo(table, bucket);
            if (!r) break;
            rs_add_relaxed_u64(&table->limbo_n, -UINT64_C(1));
            free_record(table, r);
            records_max--;
        }
    }
}

/* ---- eviction ----------------------------------------------------------------------------------------- */

bool rs_table_evict(struct rs_table_thread *thread, uint32_t r, bool forced)
{
    struct rs_table *table = thread->table;
    rs_atomic_u64 *record = rs_table_record(table, r);
    uint64_t seq = rs_load_acquire_u64(&record[RS_W_SEQ]); /* pairs with release in table_merge.c */
    uint32_t generation = RS_GENERATION(seq);
    if (seq & 1 || !generation) return false;
    bool old = generation != rs_table_generation(table);
    uint64_t mark = rs_load_acquire_u64(&record[RS_W_MARK]); /* pairs with rs_table_busy: a hint */
    if (!forced && !old && RS_MARK_BUSY(mark)) return false;
    /* Ours alone now, as in table_merge.c. */
    if (!rs_cas_acq_rel_u64(&record[RS_W_SEQ], &seq, RS_SEQ(generation, seq + 1))) return false;
    struct rs_table_key key = {rs_load_relaxed_u64(&record[RS_W_KEY]), rs_load_relaxed_u64(&record[RS_W_KEY + 1])};
    /* First the stamp, then out of the index: who makes a record for the key
     * anew has seen the slot taken and so sees the stamp moved (invariant 9). */
    rs_add_acq_rel_u32(rs_table_stamp(table, key), 1);
    if (!rs_table_remove(table, key, r)) {
        rs_store_release_u64(&record[RS_W_SEQ], seq); /* as it was; pairs with rs_table_find */
        return false;
    }
    uint32_t count = RS_MARK_COUNT(mark = rs_load_relaxed_u64(&record[RS_W_MARK]));
    rs_table_count(&thread->left, 1);
    rs_table_count(&thread->dropped, count - RS_MARK_LOOKS(mark));
    rs_store_relaxed_u32(&table->deadline[r], UINT32_MAX);
    rs_store_release_u64(&record[RS_W_SEQ], RS_SEQ(0, seq + 2)); /* dead; pairs with rs_table_find */
    push(&table->limbo[thread->epoch % RS_TABLE_BUCKETS], &record[RS_W_ID], r);
    rs_add_relaxed_u64(&table->limbo_n, 1);
    return true;
}

/* Whether a record that was not used since the last visit may leave at once. */
static bool leaves_first(const struct rs_table *table, uint64_t seq, uint64_t mark)
{
    return mark & RS_MARK_STALE || RS_MARK_MARKS(mark) & RS_TABLE_ENDED ||
           RS_GENERATION(seq) != rs_table_generation(table);
}

/* One that changed meanwhile is left for the next visit.  The record is not in
 * the free list, where the mark is a link: it was alive, and we are pinned. */
static void set_age(rs_atomic_u64 *record, uint64_t mark, uint64_t age)
{
    rs_cas_acq_rel_u64(&record[RS_W_MARK], &mark, (mark & ~RS_MARK_AGE_BITS) | age << 13); /* pairs with set_mark */
}

/* The clock's hand.  Ages are guesses that two may change at once. */
static unsigned sweep(struct rs_table_thread *thread, unsigned visits, unsigned wanted)
{
    struct rs_table *table = thread->table;
    uint64_t top = rs_load_acquire_u64(&table->record_top); /* pairs with the addition in bump_record */
    unsigned evicted = 0;
    for (; visits >= HAND_STEP && (evicted < wanted || !wanted); visits -= HAND_STEP) {
        uint64_t at = rs_add_relaxed_u64(&table->hand, HAND_STEP) % top;
        for (unsigned i = 0; i < HAND_STEP; i++, at = at + 1 == top ? 0 : at + 1) {
            uint32_t r = (uint32_t)at;
            rs_atomic_u64 *record = rs_table_record(table, r);
            uint64_t seq = rs_load_acquire_u64(&record[RS_W_SEQ]);   /* pairs with release in table_merge.c */
            if (!RS_GENERATION(seq)) continue;                       /* free, in limbo, or not made yet */
            uint64_t mark = rs_load_relaxed_u64(&record[RS_W_MARK]); /* a guess: evict looks for itself */
            unsigned age = RS_MARK_AGE(mark);
            if (age >= RS_AGE_USED) {
                set_age(record, mark, RS_AGE_AGED);
            } else if (wanted && (age == RS_AGE_IDLE || leaves_first(table, seq, mark))) {
                if (rs_table_evict(thread, r, false)) evicted++;
            } else if (age == RS_AGE_AGED && wanted) {
                set_age(record, mark, RS_AGE_IDLE);
            }
        }
    }
    rs_table_count(&thread->evicted, evicted);
    return evicted;
}

/* Near the bound, so much is evicted ahead that there is something through its
 * grace when it is needed. */
static void make_room(struct rs_table_thread *thread, bool for_units)
{
    struct rs_table *table = thread->table;
    uint64_t charged = rs_load_relaxed_u64(&table->charged);
    uint64_t left = table->room - charged, own = (table->reserve + 1) * RECORD_CHARGE;
    uint64_t records = rs_load_relaxed_u64(&table->record_top) * RECORD_CHARGE;
    uint64_t left_records = records < table->record_room ? table->record_room - records : 0;
    uint64_t units = rs_load_relaxed_u64(&table->unit_top) * RS_TABLE_UNIT_BYTES;
    uint64_t left_units = units < table->unit_room ? table->unit_room - units : 0;
    uint64_t bound = for_units ? left_units : left_records;
    if (left < bound) bound = left;
    if (bound > table->room / 8) return;
    if (bound > own) {
        sweep(thread, HAND_STEP, 0); /* only ages, so that the first who must evict finds some */
        return;
    }
    uint64_t free_n = rs_load_relaxed_u64(&table->record_free_n);
    uint64_t limbo_n = rs_load_relaxed_u64(&table->limbo_n);
    bool wanted = for_units ? rs_load_relaxed_u64(&table->unit_free_n) < table->reserve && limbo_n < table->reserve &&
                                  free_n < 4 * table->reserve
                            : free_n + limbo_n < table->reserve;
    if (wanted) sweep(thread, SWEEP_VISITS, EVICT_AHEAD);
}

/* Where nothing was free: but what waits for its grace is enough, if there is much. */
static void for_the_next(struct rs_table_thread *thread)
{
    struct rs_table *table = thread->table;
    if (rs_load_relaxed_u64(&table->limbo_n) <= table->reserve) sweep(thread, SWEEP_VISITS, EVICT_AHEAD);
}

/* ---- allocation ----------------------------------------------------------------------------------------- */

static uint32_t bump_record(struct rs_table *table)
{
    uint64_t top = rs_load_relaxed_u64(&table->record_top);
    if ((top + 1) * RECORD_CHARGE > table->record_room || top + THREADS_SLACK >= table->record_max) return 0;
    if (!charge(table, RECORD_CHARGE)) return 0;
    return (uint32_t)rs_add_acq_rel_u64(&table->record_top, 1); /* pairs with who walks over all records */
}

uint32_t rs_table_record_alloc(struct rs_table_thread *thread)
{
    struct rs_table *table = thread->table;
    make_room(thread, false);
    uint32_t r = pop_record(table);
    bool fresh = false;
    if (!r) {
        r = bump_record(table);
        fresh = r;
    }
    if (!r) {
        rs_table_reclaim(thread, 8);
        r = pop_record(table);
    }
    if (!r) {
        for_the_next(thread);
        return 0;
    }
    rs_atomic_u64 *record = rs_table_record(table, r);
    if (!fresh) {
        rs_add_relaxed_u64(&table->record_free_n, -UINT64_C(1));
        RS_TABLE_UNPOISON(&record[RS_W_KEY], (RS_W_WORDS - RS_W_KEY) * sizeof *record);
    }
    /* Nobody has it; the slot that names it releases all of this. */
    rs_store_relaxed_u64(&record[RS_W_SEQ], RS_SEQ(0, rs_load_relaxed_u64(&record[RS_W_SEQ]) + 1));
    if (!fresh) {
        for (unsigned i = RS_W_MARK; i < RS_W_WORDS; i++) rs_store_relaxed_u64(&record[i], 0);
    }
    rs_store_relaxed_u32(&table->deadline[r], UINT32_MAX);
    return r;
}

static uint32_t bump_units(struct rs_table *table, unsigned order)
{
    uint64_t n = UINT64_C(1) << order;
    uint64_t top = rs_load_relaxed_u64(&table->unit_top);
    if (top + n > table->unit_max || !charge(table, n * RS_TABLE_UNIT_BYTES)) return 0;
    /* The link that names it releases its content. */
    while (!rs_cas_acq_rel_u64(&table->unit_top, &top, top + n)) {
        if (top + n <= table->unit_max) continue;
        rs_add_relaxed_u64(&table->charged, -(n * RS_TABLE_UNIT_BYTES));
        return 0;
    }
    return (uint32_t)top;
}

/* The upper half of a larger one goes back. */
static uint32_t split(struct rs_table *table, unsigned order)
{
    for (unsigned larger = order + 1; larger < RS_TABLE_ORDERS; larger++) {
        uint32_t u = pop_unit(table, larger);
        if (!u) continue;
        rs_add_relaxed_u64(&table->unit_free_n, -(UINT64_C(1) << larger));
        RS_TABLE_UNPOISON(rs_table_unit(table, u), words_of(larger) * sizeof(rs_atomic_u64));
        while (larger-- > order) free_chunk(table, u + (1u << larger), larger);
        return u;
    }
    return 0;
}

uint32_t rs_table_chunk_alloc(struct rs_table_thread *thread, unsigned order)
{
    struct rs_table *table = thread->table;
    /* Nothing is evicted for large ones: what leaves is small, and would leave in vain. */
    if (!order) make_room(thread, true);
    uint32_t u = pop_unit(table, order);
    if (!u) {
        u = bump_units(table, order);
        if (u) return u; /* as mapped: zero */
        u = split(table, order);
        if (u) goto used_before;
        rs_table_reclaim(thread, 8);
        u = pop_unit(table, order);
        if (!u) {
            u = split(table, order);
            if (u) goto used_before;
            if (!order) for_the_next(thread);
            return 0;
        }
    }
    rs_add_relaxed_u64(&table->unit_free_n, -(UINT64_C(1) << order));
    RS_TABLE_UNPOISON(rs_table_unit(table, u), words_of(order) * sizeof(rs_atomic_u64));
used_before:;
    rs_atomic_u64 *chunk = rs_table_unit(table, u);
    for (uint32_t i = 0; i < words_of(order); i++) rs_store_relaxed_u64(&chunk[i], 0);
    return u;
}

/* ---- what it is like ---------------------------------------------------------------------------------------- */

void rs_table_stats(const struct rs_table *table, struct rs_table_stats *ret)
{
    struct rs_table_stats stats = {.memory_max = table->memory_max};
    uint64_t made = 0, left = 0, added = 0, dropped = 0;
    /* Numbers for people; no order is wanted. */
    for (unsigned i = 0; i < table->threads_max; i++) {
        const struct rs_table_thread *thread = &table->thread[i];
        made += rs_load_relaxed_u64(&thread->made);
        left += rs_load_relaxed_u64(&thread->left);
        added += rs_load_relaxed_u64(&thread->added);
        dropped += rs_load_relaxed_u64(&thread->dropped);
        stats.evicted += rs_load_relaxed_u64(&thread->evicted);
        stats.refused += rs_load_relaxed_u64(&thread->refused);
        stats.staled += rs_load_relaxed_u64(&thread->staled);
    }
    stats.records = made - left;
    stats.facts = added - dropped;
    stats.memory = table->fixed + rs_load_relaxed_u64(&table->index_bytes) +
                   (rs_load_relaxed_u64(&table->record_top) - 1) * RECORD_OWN +
                   (rs_load_relaxed_u64(&table->unit_top) - 1) * RS_TABLE_UNIT_BYTES;
    stats.grown = rs_load_relaxed_u64(&table->grown);
    stats.slots = rs_load_relaxed_u64(&table->slots);
    *ret = stats;
}
