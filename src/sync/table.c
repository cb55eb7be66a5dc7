/* The parcel table: what PostgreSQL is known to hold, in memory, without locks.
 *
 * What it is made of
 *
 *   index     slots of one word: 30 bits of the key, the record's number, two
 *             bits of state.  Open addressing, linear probing; the place is
 *             key.a * slots >> 64, so that an array can have any size.
 *   records   a dense pool of 192 bytes each, three lines: sequence, mark, key,
 *             links, fourteen facts, id, head; what find and has touch is in the
 *             first two.  Beside it, by the same number, a deadline, so
 *             that whoever looks through all reads only those.
 *   chunks    further facts: a list of eight chunks of 8 words, which are
 *             scanned, then of 128, 256, 512 ... words, which are hashed; word 0
 *             is the link.  A chunk's size follows from its place in the list.
 *   views     a list of blocks of eight words.
 *   stamps    an array of counters, one for each of many keys: what was spoilt.
 *
 * table_index.c has the slots, table_memory.c pools, epochs and eviction,
 * table_merge.c changes of records, table_check.c verifies the structure.
 *
 * Invariants (rs_table_check verifies those that can be seen at rest)
 *
 *   1  A record is in one place: in the index (with a generation, under one
 *      slot, or for a moment under a frozen one and its copy), in limbo, in the
 *      free list, or in the hands of one thread.  Its key is constant while it is in the index.
 *   2  A record is changed only by who has made its sequence odd, by CAS.  Who
 *      finds it odd does not wait.  Its content is loads that acquire and stores
 *      that release: a reader who saw a store of a change sees, when it compares,
 *      the sequence of that change or a later one, and knows.  The sequence goes
 *      on through all lives of the record.
 *   3  A key is in the index once.  It is put into the first empty slot behind
 *      its place; a slot that was taken out (tomb) is never filled again, so that
 *      two who insert one key meet at one slot.  Tombs go when the index is made
 *      anew.
 *   4  While it is made anew, a key that is not in the old array can not come
 *      there any more once the empty slot that ended the search is frozen; only
 *      then it is put into the new one.  What is copied is frozen first.  So no
 *      key is brought to the new array twice.
 *   5  The new array has room for all copies: it opens for inserts, and copying
 *      begins, after the grower counted the slots that were reserved in the old
 *      one; who reserves later sees the new array and gives way.
 *   6  What is frozen is not taken out until it is moved: copied first, then the
 *      old slot says that it is elsewhere.  So what the old array shows is never
 *      missing in the new one.
 *   7  What was taken out is used again only when no thread that was pinned at
 *      that time is pinned still (epochs, below).
 *   8  A fact that a merge could not add is made known before the merge ends:
 *      (1) the key's stamp is moved, (2) the key is looked up afresh, (3) the
 *      record that is found is marked stale.  Who makes a record, or ends its
 *      being stale, on what it read from PostgreSQL does (a) put it into the
 *      index or clear the mark, (b) then compare the stamp with the one that
 *      find gave before PostgreSQL was read, (c) mark it stale if it has moved.
 *      (1) and (b) are read-modify-writes of one word and so have an order: if
 *      (1) is first, (b) sees it; else (2) sees (a), and (3) comes behind it.
 *      But (3) may come late, and mark a record that was made behind (1) and has
 *      had merges since.  So (d) whole facts end the being stale only of a record
 *      that is as find saw it before PostgreSQL was read: its sequence tells of
 *      merges.  One that was not there then was made by somebody else: it stays
 *      as it is.
 *   9  Taking a record out moves the stamp as well: a fact may have been merged
 *      into it that the reader of PostgreSQL did not see.
 *
 * Why the stale mark is a word of its own.  The holder releases the sequence by a
 * store; a mark in the same word would be lost, or the release would have to be a
 * loop.  In another word the mark can come at any time: before the release it is
 * seen by the first find after it; find looks at both.  Only who holds the record
 * and has whole facts clears it, by (a) to (c).
 *
 * Memory order.  Data is given away by a release and taken by an acquire:
 *     sequence    CAS to odd acquires, store to even releases; find acquires, and who
 *                 merges where find was before
 *     content     release, acquire (invariant 2)
 *     slot        CAS releases key and content of the record; probes acquire
 *     next        CAS releases the new array; frozen slots hand on that it is there
 *     current     stored with all copies behind it; acquired at the start of each search
 *     claimed     released with the quota; acquired by who copies
 *     done        each addition releases and acquires; the last promotes
 *     stamp       read-modify-writes on both sides (invariant 8)
 *     reserved    read-modify-writes on both sides (invariant 5)
 *     pinned      read-modify-writes on both sides: pin exchanges, advance adds 0;
 *                 unpin releases
 *     epoch       CAS releases what advance saw; pin and reclaim acquire
 *     stacks      CAS of a counted head
 * Where a store must be seen by whom a later load did not see (stamps, pins,
 * reservations), sequentially consistent fences are usual.  ThreadSanitizer does
 * not understand those; two read-modify-writes of one word do the same.
 *
 * Where find was before.  A merge has what find gave as its base, and tries that
 * record first: with a sequence that is even and of a generation, and with the
 * key, it is in the index, and stays so or is made odd, which the CAS that takes
 * it sees.  Its key may be read, since whoever is pinned and saw it alive keeps
 * it from being used again, as if a slot had named it.  So a base that is old, or
 * of a record that leads another life, costs a search, never a wrong record.
 *
 * Pages.  What a batch touches lies anywhere in gigabytes, and with pages of 4 KiB
 * most of the time goes to translating addresses.  Large pages have to be
 * cleared, and found, which may take the kernel 10 ms: no merge may wait for that.
 * So the regions begin where a large page can, and rs_table_prepare, called by a
 * thread that has time, has pages given ahead of what is in use, and the next
 * array of the index made before a merge has to; it keeps `growing` meanwhile, so
 * that the others go on without.  If it is late, or never called, merges touch
 * small pages first.  (Rejected: advice for whole regions, which makes merges wait; a
 * thread of the table's own; MADV_COLLAPSE, which copies under a lock that all
 * faults want.)
 *
 * Epochs.  A thread pins the epoch that it read, and reads it again: it is pinned
 * at the epoch or the one before, not at an older one (which would make what it
 * takes out look old enough at once).  The epoch moves on from e when no thread
 * is pinned at another.  A record that a thread pinned at e takes out
 * is used again from e + 3 on.  Who reads the epoch e + 2 has, through the move
 * to it, seen the taker unpin, so it cannot find the record; who is pinned at
 * e + 1 or before and has found it stops the move from e + 2.  (With a fence at
 * the taking e + 2 would do; one epoch more is cheaper than one fence.)  Limbo is
 * shared, so that a thread that sleeps or leaves keeps nothing back; whoever
 * needs memory empties the buckets that are through.  Hazard pointers were
 * rejected: a batch has thousands of records at hand.
 *
 * How it is proven (tests/table): all schedules of small cases of this code by a
 * deterministic scheduler; threads against a known truth, with freed memory
 * poisoned; recorded histories searched for an order; the protocols written down
 * again for loom (tests/table/model: index.rs is table_index.c, record.rs is
 * table_merge.c and rs_table_find, epochs.rs is table_memory.c; order.rs has the
 * order of each operation by the name of its function here).  Whoever changes an
 * order or a step here changes it there.  mutate.py shows what each finds.
 *
 * Rejected: a lock a shard (a member that is stopped with it stops all); letting
 * copied slots be frozen for good (nothing can leave then until all is copied, and
 * at the bound nothing can come); filling tombs again (two inserts of one key then need not meet);
 * waiting for the holder of a record (it may be stopped; stale is cheaper); marks
 * of removal inside records alone (probes would touch every record).
 *
 * Limits.
 *   - Memory moves between records and chunks only through eviction: what a kind
 *     has had stays its own.  Neither can have all.  Large chunks are cut into
 *     small ones and never joined again: at the bound a parcel with more than 65
 *     facts may find no room.  (Doubling from 8 words on was rejected for this:
 *     in the end all chunks would have been the smallest.)
 *   - Pages that are prepared and not used yet, 20 MiB at most, are within the bound
 *     but not in the statistics.
 *   - A thread that stops while pinned stops reuse; one that stops while it makes
 *     or copies the index stops growth.  Both end in RS_TABLE_NO_ROOM, not in a
 *     wait.  So does a batch larger than what was evicted ahead (a 32nd of the
 *     records, at most 16,384).
 *   - 786,000 facts, 128 views and 127 looks a record; workers 1 to 4095.
 *   - A head of a free list that is read before, and compared after, exactly a
 *     multiple of 2^32 changes of it would be taken for unchanged; so would a
 *     record that was changed a multiple of 2^31 times between find and a
 *     comparison.
 *   - Two keys have one stamp now and then: that costs a look at PostgreSQL.
 */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "rastro/error.h"
#include "rastro/prefetch.h"
#include "table_private.h"

_Static_assert(sizeof(rs_atomic_u64) == 8 && RS_TABLE_UNIT_BYTES == 64, "a unit is the smallest chunk");
_Static_assert(sizeof(struct rs_table_thread) % (2 * RS_TABLE_LINE) == 0, "threads share no line");

/* ---- life ------------------------------------------------------------------------------ */

static void derive_keys(struct rs_table *table, const uint8_t *secret)
{
    uint8_t own[32];
    if (!secret) {
        rs_random(own, sizeof own);
        secret = own;
    }
    memcpy(table->key_key, secret, sizeof table->key_key);
    for (uint8_t domain = 0; domain < 3; domain++) {
        for (uint8_t i = 0; i < 4; i += 2) {
            uint8_t in[2] = {domain, i}, out[16];
            crypto_shorthash_siphashx24(out, in, sizeof in, secret + 16);
            memcpy(&table->tag_key[domain][i], out, sizeof out);
        }
        table->tag_key[domain][3] |= 1;
    }
}

struct rs_table *rs_table_new(const struct rs_table_options *options)
{
    size_t size = sizeof(struct rs_table);
    struct rs_table *table = aligned_alloc(2 * RS_TABLE_LINE, (size + 127) / 128 * 128);
    if (!table) abort(); /* as rs_calloc */
    memset(table, 0, size);
    table->memory_max = options->memory_max < RS_TABLE_MEMORY_MIN ? RS_TABLE_MEMORY_MIN : options->memory_max;
    table->threads_max = options->threads_max < 1 ? 1 : options->threads_max > 64 ? 64 : options->threads_max;
    table->head_cmp = options->head_cmp;
    table->head_self = options->head_self;
    derive_keys(table, options->secret);
    table->thread = aligned_alloc(2 * RS_TABLE_LINE, table->threads_max * sizeof *table->thread);
    if (!table->thread) abort();
    memset(table->thread, 0, table->threads_max * sizeof *table->thread);
    rs_table_memory_new(table);
    struct rs_table_index *index = rs_table_index_new(table, table->slots_min);
    if (!index) abort();
    rs_store_relaxed_u64(&table->slots, index->slot_n);
    rs_store_release_ptr(&table->current, index); /* nobody else yet */
    rs_store_release_u32(&table->generation, 1);
    return table;
}

void rs_table_free(struct rs_table *table)
{
    if (!table) return;
    struct rs_table_index *index = rs_load_acquire_ptr(&table->retired); /* alone by now */
    if (index) rs_table_index_free(table, index);
    for (index = rs_load_acquire_ptr(&table->current); index;) {
        struct rs_table_index *next = rs_load_acquire_ptr(&index->next);
        rs_table_index_free(table, index);
        index = next;
    }
    rs_table_memory_free(table);
    free(table->thread);
    free(table);
}

struct rs_table_thread *rs_table_join(struct rs_table *table)
{
    for (unsigned i = 0; i < table->threads_max; i++) {
        struct rs_table_thread *thread = &table->thread[i];
        uint64_t nobody = 0;
        if (!rs_cas_acq_rel_u64(&thread->joined, &nobody, 1)) continue; /* pairs with leave */
        thread->table = table;
        thread->depth = 0;
        thread->generation = rs_table_generation(table);
        return thread;
    }
    return NULL;
}

void rs_table_leave(struct rs_table_thread *thread)
{
    if (!thread) return;
    rs_store_release_u64(&thread->joined, 0); /* pairs with join: the counters go on */
}

/* ---- whose history it is ----------------------------------------------------------------- */

uint32_t rs_table_generation(const struct rs_table *table)
{
    return rs_load_acquire_u32(&table->generation); /* pairs with forget_all */
}

uint32_t rs_table_forget_all(struct rs_table *table)
{
    uint32_t generation;
    do {
        generation = rs_add_acq_rel_u32(&table->generation, 1) + 1; /* pairs with rs_table_generation */
    } while (!generation);                                          /* that is what dead records have */
    return generation;
}

void rs_table_adopt(struct rs_table_thread *thread, uint32_t generation)
{
    thread->generation = generation;
}

/* ---- keys and tags -------------------------------------------------------------------------- */

struct rs_table_key rs_table_key_of(const struct rs_table *table, const void *p, size_t n)
{
    struct rs_table_key key;
    uint8_t out[16];
    crypto_shorthash_siphashx24(out, p, n, table->key_key);
    memcpy(&key.a, out, 8);
    memcpy(&key.b, out + 8, 8);
    return key;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t rs_table_tag(const struct rs_table *table, enum rs_table_domain domain, struct rs_key key)
{
    /* What comes in is a SHA-256 already: two multiplications under keys that
     * nobody knows make of it bits that nobody can choose. */
    const uint64_t *k = table->tag_key[domain];
    uint64_t a, b;
    memcpy(&a, key.b, 8);
    memcpy(&b, key.b + 8, 8);
    uint64_t tag = RS_TABLE_TAG(fold(fold(a ^ k[0], b ^ k[1]) ^ k[2], k[3]));
    return tag ? tag : 16; /* 0 is an empty word */
}

/* ---- looking up ------------------------------------------------------------------------------ */

/* Those that are not in the record: who finds it is likely to ask for them. */
RS_ATOMIC_INLINE void prefetch_facts(const struct rs_table *table, const rs_atomic_u64 *record, uint64_t mark)
{
    if (RS_MARK_COUNT(mark) <= RS_TABLE_INLINE) return;
    rs_prefetch(rs_table_unit(table, (uint32_t)rs_load_relaxed_u64(&record[RS_W_LINKS]))); /* a guess */
}

bool rs_table_find(struct rs_table_thread *thread, struct rs_table_key key, struct rs_table_ref *ret)
{
    assert(thread->depth); /* pinned */
    const struct rs_table *table = thread->table;
    uint32_t r = rs_table_lookup(table, key);
    uint64_t seq = 0;
    if (r) {
        const rs_atomic_u64 *record = rs_table_record(table, r);
        seq = rs_load_acquire_u64(&record[RS_W_SEQ]);            /* pairs with release in table_merge.c */
        uint64_t mark = rs_load_acquire_u64(&record[RS_W_MARK]); /* pairs with spoil and set_mark */
        if (!(seq & 1) && RS_GENERATION(seq) == thread->generation && !(mark & RS_MARK_STALE)) {
            /* Looked at first, so that a line that others read stays shared. */
            if (!(mark & RS_MARK_USED)) rs_or_acq_rel_u64((rs_atomic_u64 *)(uintptr_t)&record[RS_W_MARK], RS_MARK_USED);
            prefetch_facts(table, record, mark);
            *ret = (struct rs_table_ref){.record = r, .seq = (uint32_t)seq};
            return true;
        }
    }
    uint32_t missed = rs_load_acquire_u32(rs_table_stamp(table, key)); /* pairs with spoil and evict */
    *ret = (struct rs_table_ref){.seq = (uint32_t)seq, .seen = r, .missed = missed};
    return false;
}

bool rs_table_unchanged(struct rs_table_thread *thread, struct rs_table_ref ref)
{
    const rs_atomic_u64 *record = rs_table_record(thread->table, ref.record);
    /* What was read before was acquired, so this comes behind it.  Pairs with
     * the CAS that makes it odd, through the stores that follow it. */
    return (uint32_t)rs_load_acquire_u64(&record[RS_W_SEQ]) == ref.seq &&
           !(rs_load_acquire_u64(&record[RS_W_MARK]) & RS_MARK_STALE);
}

void rs_table_read(struct rs_table_thread *thread, struct rs_table_ref ref, struct rs_table_parcel *ret)
{
    const struct rs_table *table = thread->table;
    const rs_atomic_u64 *record = rs_table_record(table, ref.record);
    /* All of these pair with the releases of table_merge.c. */
    uint64_t mark = rs_load_acquire_u64(&record[RS_W_MARK]);
    ret->id = (int64_t)rs_load_acquire_u64(&record[RS_W_ID]);
    ret->marks = RS_MARK_MARKS(mark);
    ret->words = RS_MARK_COUNT(mark) - RS_MARK_LOOKS(mark);
    ret->status = RS_MARK_STATUS(mark);
    ret->deadline = rs_load_relaxed_u32(&table->deadline[ref.record]); /* a hint; no order is wanted */
    for (unsigned i = 0; i < 4; i++) ret->head.word[i] = rs_load_acquire_u64(&record[RS_W_HEAD + i]);
}

bool rs_table_has(struct rs_table_thread *thread, struct rs_table_ref ref, uint64_t tag, unsigned *ret_flags)
{
    const struct rs_table *table = thread->table;
    /* How many there are bounds the search; pairs with set_mark. */
    uint32_t count = RS_MARK_COUNT(rs_load_acquire_u64(&rs_table_record(table, ref.record)[RS_W_MARK]));
    uint64_t word;
    if (!rs_table_seek(table, ref.record, count, RS_FACT_MASK, tag, RS_FACT_HASH(tag), &word)) return false;
    if (ret_flags) *ret_flags = (unsigned)(word & RS_TABLE_FLAGS);
    return true;
}

int64_t rs_table_looked(struct rs_table_thread *thread, struct rs_table_ref ref, uint16_t source)
{
    const struct rs_table *table = thread->table;
    uint64_t mark = rs_load_acquire_u64(&rs_table_record(table, ref.record)[RS_W_MARK]); /* pairs with set_mark */
    uint64_t word;
    if (!RS_MARK_LOOKS(mark) || !rs_table_seek(table, ref.record, RS_MARK_COUNT(mark), RS_LOOK_MASK,
                                               RS_LOOK_VALUE(source), RS_LOOK_HASH(source), &word)) {
        return 0;
    }
    return (int64_t)(word >> 20);
}

bool rs_table_view(struct rs_table_thread *thread, struct rs_table_ref ref, uint16_t source, struct rs_table_view *ret)
{
    const struct rs_table *table = thread->table;
    /* All of these pair with the releases of add_view. */
    uint32_t u = (uint32_t)(rs_load_acquire_u64(&rs_table_record(table, ref.record)[RS_W_LINKS]) >> 32);
    for (unsigned n = 0; u && n < RS_TABLE_VIEWS_MAX; n++) {
        const rs_atomic_u64 *block = rs_table_unit(table, u);
        uint64_t head = rs_load_acquire_u64(&block[0]);
        if (head >> 32 == (source | UINT64_C(1) << 16)) {
            uint64_t counts = rs_load_acquire_u64(&block[1]);
            *ret = (struct rs_table_view){.source = source,
                                          .version = (uint32_t)counts,
                                          .current = (uint16_t)(counts >> 32),
                                          .gone = (uint16_t)(counts >> 48)};
            for (unsigned i = 0; i < 6; i++) ret->word[i] = rs_load_acquire_u64(&block[2 + i]);
            return true;
        }
        u = (uint32_t)head;
    }
    return false;
}

/* ---- deadlines ---------------------------------------------------------------------------------- */

void rs_table_deadline_set(struct rs_table_thread *thread, struct rs_table_ref ref, uint32_t deadline)
{
    rs_store_relaxed_u32(&thread->table->deadline[ref.record], deadline); /* a hint; no order is wanted */
}

uint64_t rs_table_deadlines(struct rs_table_thread *thread, uint32_t until,
                            void (*due)(void *self, struct rs_table_ref ref, int64_t id), void *self)
{
    const struct rs_table *table = thread->table;
    uint64_t top = rs_load_acquire_u64(&table->record_top); /* pairs with bump_record */
    uint64_t n = 0;
    rs_table_pin(thread);
    for (uint32_t r = 1; r < top; r++) {
        uint32_t deadline = rs_load_relaxed_u32(&table->deadline[r]);
        if (deadline > until || deadline == UINT32_MAX) continue;
        const rs_atomic_u64 *record = rs_table_record(table, r);
        uint64_t seq = rs_load_acquire_u64(&record[RS_W_SEQ]); /* as find */
        if (seq & 1 || RS_GENERATION(seq) != thread->generation) continue;
        struct rs_table_ref ref = {.record = r, .seq = (uint32_t)seq};
        int64_t id = (int64_t)rs_load_acquire_u64(&record[RS_W_ID]);
        if (!rs_table_unchanged(thread, ref)) continue;
        due(self, ref, id);
        n++;
    }
    rs_table_unpin(thread);
    return n;
}
