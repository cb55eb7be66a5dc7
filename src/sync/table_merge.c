/* Merging into the parcel table: who may change a record, and how.  The
 * protocol of the sequence, the stale mark and the stamps is in the essay of
 * table.c. */
#include "table_private.h"

/* A record that this thread changes alone. */
struct holder {
    struct rs_table_thread *thread;
    struct rs_table *table;
    uint32_t r;
    rs_atomic_u64 *record;
    uint64_t seq;  /* the even one that was found */
    uint64_t mark; /* what the holder alone changes is always as here */
    uint32_t count;
    unsigned looks;
    uint64_t added; /* facts */
};

/* Stores while the record is odd release: a reader who sees one of them, sees
 * the record odd as well, or newer, when it compares (invariant 2).  Pairs with
 * the acquiring loads of rs_table_seek, rs_table_read, rs_table_view. */
static void set(rs_atomic_u64 *word, uint64_t v)
{
    rs_store_release_u64(word, v);
}
/* What a holder reads of its own record it wrote, or acquired with the record. */
static uint64_t own(const rs_atomic_u64 *word)
{
    return rs_load_relaxed_u64(word);
}

/* ---- where it could not be added ------------------------------------------------------- */

/* Takes away what others may conclude from a record of the key, or from there
 * being none: the stamp first, then a fresh look, then the mark (invariant 8). */
static uint32_t spoil(struct rs_table_thread *thread, struct rs_table_key key)
{
    struct rs_table *table = thread->table;
    rs_add_acq_rel_u32(rs_table_stamp(table, key), 1); /* pairs with stamp_holds */
    uint32_t r = rs_table_lookup(table, key);
    if (!r) return 0;
    uint64_t mark = rs_or_acq_rel_u64(&rs_table_record(table, r)[RS_W_MARK], RS_MARK_STALE); /* pairs with set_mark */
    if (!(mark & RS_MARK_STALE)) rs_table_count(&thread->staled, 1);
    return r;
}

/* Whether nobody spoilt the key since `base`, once and for all: whoever does it
 * behind this addition of 0 sees what we have put into the index and the mark
 * before it, and marks it. */
static bool stamp_holds(const struct rs_table *table, const struct rs_table_facts *facts)
{
    return rs_add_acq_rel_u32(rs_table_stamp(table, facts->key), 0) == facts->base.missed; /* pairs with spoil, evict */
}

/* The same as a guess, before work is done in vain. */
static bool stamp_seems_to_hold(const struct rs_table *table, const struct rs_table_facts *facts)
{
    return !facts->base.record && rs_load_acquire_u32(rs_table_stamp(table, facts->key)) == facts->base.missed;
}

/* ---- the words of a record ---------------------------------------------------------------- */

/* The n-th chunk of the record; the low half of `link` names it. */
static uint32_t link_chunk(struct holder *h, rs_atomic_u64 *link, unsigned n)
{
    uint64_t links = own(link);
    uint32_t u = (uint32_t)links;
    if (u) return u; /* left from before the record was cleared */
    if (n >= RS_TABLE_CHUNKS) return 0;
    u = rs_table_chunk_alloc(h->thread, rs_chunk_order(n));
    if (u) set(link, links | u); /* publishes the chunk's zeroes; pairs with rs_table_seek */
    return u;
}

/* Puts a word that is not there yet behind the others. */
static bool put_word(struct holder *h, uint64_t word, uint64_t hash)
{
    uint32_t at = h->count;
    if (at < RS_TABLE_INLINE) {
        set(&h->record[RS_W_FACT + at], word);
        h->count++;
        return true;
    }
    at -= RS_TABLE_INLINE;
    rs_atomic_u64 *link = &h->record[RS_W_LINKS];
    for (unsigned n = 0;; n++) {
        uint32_t u = link_chunk(h, link, n);
        if (!u) return false;
        rs_atomic_u64 *chunk = rs_table_unit(h->table, u);
        if (at >= rs_chunk_room(n)) {
            at -= rs_chunk_room(n);
            link = &chunk[0];
            continue;
        }
        uint32_t i = at + 1;
        if (n >= RS_TABLE_SCANNED) {
            uint32_t last = rs_chunk_words(n) - 1;
            i = (uint32_t)hash & last;
            while (!i || own(&chunk[i])) i = (i + 1) & last;
        }
        set(&chunk[i], word);
        h->count++;
        return true;
    }
}

static bool add_fact(struct holder *h, uint64_t word, bool set_flags)
{
    word &= ~RS_LOOK;
    uint64_t tag = RS_TABLE_TAG(word), old;
    if (!tag) return true; /* rs_table_tag makes none: an empty word is none */
    rs_atomic_u64 *at = (rs_atomic_u64 *)(uintptr_t)rs_table_seek(h->table, h->r, h->count, RS_FACT_MASK, tag,
                                                                  RS_FACT_HASH(tag), &old);
    if (at) {
        if (!set_flags) word |= old;
        if (word != old) set(at, word);
        return true;
    }
    if (!put_word(h, word, RS_FACT_HASH(tag))) return false;
    h->added++;
    return true;
}

static bool add_look(struct holder *h, const struct rs_table_look *look)
{
    uint64_t word = (uint64_t)(look->looked_s < 0 ? 0 : look->looked_s) << 20 | RS_LOOK_VALUE(look->source), old;
    rs_atomic_u64 *at = (rs_atomic_u64 *)(uintptr_t)rs_table_seek(
        h->table, h->r, h->count, RS_LOOK_MASK, RS_LOOK_VALUE(look->source), RS_LOOK_HASH(look->source), &old);
    if (at) {
        if (word > old) set(at, word);
        return true;
    }
    if (h->looks == RS_TABLE_LOOKS_MAX) return true; /* not known, then */
    if (!put_word(h, word, RS_LOOK_HASH(look->source))) return false;
    h->looks++;
    return true;
}

/* A view's block: link | source << 32 | 1 << 48 where it is one, then
 * version | current << 32 | gone << 48, then the words. */
static bool add_view(struct holder *h, const struct rs_table_view *view)
{
    rs_atomic_u64 *block = NULL, *unused = NULL;
    uint32_t u = (uint32_t)(own(&h->record[RS_W_LINKS]) >> 32);
    unsigned n = 0;
    for (; u && !block; n++) {
        rs_atomic_u64 *b = rs_table_unit(h->table, u);
        uint64_t head = own(&b[0]);
        if (!(head >> 48)) unused = b;
        if (head >> 32 == (view->source | UINT64_C(1) << 16)) block = b;
        u = (uint32_t)head;
    }
    if (block && (uint32_t)own(&block[1]) >= view->version) return true;
    uint64_t counts = view->version | (uint64_t)view->current << 32 | (uint64_t)view->gone << 48;
    if (!block) block = unused;
    if (!block) {
        if (n == RS_TABLE_VIEWS_MAX || !(u = rs_table_chunk_alloc(h->thread, 0))) return false;
        block = rs_table_unit(h->table, u);
        uint64_t links = own(&h->record[RS_W_LINKS]);
        set(&block[0], links >> 32);
        set(&h->record[RS_W_LINKS], (uint64_t)u << 32 | (uint32_t)links); /* pairs with rs_table_view */
    }
    set(&block[0], (uint32_t)own(&block[0]) | (uint64_t)view->source << 32 | UINT64_C(1) << 48);
    set(&block[1], counts);
    for (unsigned i = 0; i < 6; i++) set(&block[2 + i], view->word[i]);
    return true;
}

/* Forgets all but the memory that hangs on the record. */
static void clear(struct holder *h)
{
    for (uint32_t i = 0; i < h->count && i < RS_TABLE_INLINE; i++) set(&h->record[RS_W_FACT + i], 0);
    uint64_t links = own(&h->record[RS_W_LINKS]);
    uint32_t u = (uint32_t)links;
    for (unsigned n = 0; u; n++) {
        rs_atomic_u64 *chunk = rs_table_unit(h->table, u);
        for (uint32_t i = 1; i < rs_chunk_words(n); i++) {
            if (own(&chunk[i])) set(&chunk[i], 0);
        }
        u = (uint32_t)own(&chunk[0]);
    }
    for (u = (uint32_t)(links >> 32); u;) {
        rs_atomic_u64 *block = rs_table_unit(h->table, u);
        u = (uint32_t)own(&block[0]);
        set(&block[0], u);
    }
    rs_table_count(&h->thread->dropped, h->count - h->looks);
    h->count = h->looks = 0;
    h->mark = rs_mark_of(0, RS_TABLE_NO_STATUS, 0, 0);
}

/* ---- what a merge adds ------------------------------------------------------------------------- */

static void set_head(struct holder *h, const struct rs_table_facts *facts)
{
    for (unsigned i = 0; i < 4; i++) set(&h->record[RS_W_HEAD + i], facts->head.word[i]);
}

/* False where room is short: then the record has a part of it. */
static bool add(struct holder *h, const struct rs_table_facts *facts)
{
    uint32_t marks = RS_MARK_MARKS(h->mark);
    uint16_t status = RS_MARK_STATUS(h->mark);
    bool newer = facts->marks & RS_TABLE_HAS_HEAD;
    if (newer && !facts->whole && marks & RS_TABLE_HAS_HEAD) {
        struct rs_table_head head;
        for (unsigned i = 0; i < 4; i++) head.word[i] = own(&h->record[RS_W_HEAD + i]);
        newer = h->table->head_cmp(&facts->head, &head, h->table->head_self) > 0;
    }
    if (newer) set_head(h, facts);
    /* The end and the status go with the head that stays. */
    bool stays = !newer && (facts->marks | marks) & RS_TABLE_HAS_HEAD;
    if (facts->whole || (facts->status != RS_TABLE_NO_STATUS && !(stays && facts->marks & RS_TABLE_HAS_HEAD))) {
        status = facts->status;
    }
    uint32_t added = stays ? facts->marks & ~RS_TABLE_ENDED : facts->marks;
    if (newer) marks &= ~RS_TABLE_ENDED;
    marks = facts->whole ? facts->marks : marks | added;
    if (facts->whole) set(&h->record[RS_W_ID], (uint64_t)facts->id);
    bool all = true;
    for (uint32_t i = 0; i < facts->word_n && all; i++) all = add_fact(h, facts->word[i], facts->whole);
    for (uint32_t i = 0; i < facts->look_n && all; i++) all = add_look(h, &facts->look[i]);
    for (uint32_t i = 0; i < facts->view_n && all; i++) all = add_view(h, &facts->view[i]);
    h->mark = rs_mark_of(marks, status, h->count, h->looks);
    rs_table_count(&h->thread->added, h->added);
    return all;
}

/* Writes the holder's part of the mark; of what others change the stale mark
 * goes where `clear_stale` says, and the worker's busy hint. */
static void set_mark(struct holder *h, bool clear_stale, bool clear_busy, unsigned worker)
{
    uint64_t old = rs_load_acquire_u64(&h->record[RS_W_MARK]), mark; /* pairs with spoil and rs_table_busy */
    do {
        mark = h->mark | (old & RS_MARK_KEPT) | RS_MARK_USED;
        if (clear_stale) mark &= ~RS_MARK_STALE;
        if (clear_busy || (worker && RS_MARK_BUSY(mark) == worker)) mark &= ~RS_MARK_BUSY_BITS;
        /* Acquires what a spoiler released whose mark goes here: its stamp is
         * seen by stamp_holds.  Releases as set does. */
    } while (!rs_cas_acq_rel_u64(&h->record[RS_W_MARK], &old, mark));
}

static void release(struct holder *h, uint32_t generation)
{
    rs_store_release_u64(&h->record[RS_W_SEQ], RS_SEQ(generation, h->seq + 2)); /* pairs with find and take */
}

/* Nothing was changed. */
static void release_as_it_was(struct holder *h)
{
    rs_store_release_u64(&h->record[RS_W_SEQ], h->seq); /* pairs with find and take */
}

/* ---- the ways that a merge goes ------------------------------------------------------------------- */

/* A record for a key that has none. */
static enum rs_table_merged make(struct rs_table_thread *thread, const struct rs_table_facts *facts, bool *ret_again)
{
    struct rs_table *table = thread->table;
    if (!stamp_seems_to_hold(table, facts)) return RS_TABLE_STALED;
    uint32_t r = rs_table_record_alloc(thread);
    if (!r) return RS_TABLE_NO_ROOM;
    rs_atomic_u64 *record = rs_table_record(table, r);
    struct holder h = {.thread = thread, .table = table, .r = r, .record = record, .seq = own(record) - 1};
    h.mark = rs_mark_of(0, RS_TABLE_NO_STATUS, 0, 0);
    set(&record[RS_W_KEY], facts->key.a);
    set(&record[RS_W_KEY + 1], facts->key.b);
    enum rs_table_inserted inserted = RS_INSERT_NO_ROOM;
    if (add(&h, facts)) {
        set(&record[RS_W_MARK], h.mark | RS_MARK_USED);
        inserted = rs_table_insert(table, facts->key, r);
    }
    if (inserted != RS_INSERTED) {
        rs_table_count(&thread->dropped, h.added);
        rs_table_record_drop(thread, r);
        *ret_again = inserted == RS_INSERT_EXISTS;
        return RS_TABLE_NO_ROOM;
    }
    rs_table_count(&thread->made, 1);
    bool holds = stamp_holds(table, facts);
    if (!holds) rs_or_acq_rel_u64(&record[RS_W_MARK], RS_MARK_STALE); /* pairs with find */
    release(&h, thread->generation);
    return holds ? RS_TABLE_MADE : RS_TABLE_STALED;
}

/* Into a record that this thread holds.  A result other than MERGED: the caller
 * spoils the key. */
static enum rs_table_merged merge_held(struct holder *h, const struct rs_table_facts *facts)
{
    uint32_t generation = h->thread->generation;
    h->mark = rs_load_acquire_u64(&h->record[RS_W_MARK]); /* pairs with spoil */
    h->count = RS_MARK_COUNT(h->mark);
    h->looks = RS_MARK_LOOKS(h->mark);
    bool old = RS_GENERATION(h->seq) != generation;
    bool usable = !old && !(h->mark & RS_MARK_STALE);
    h->mark &= ~RS_MARK_KEPT;
    if (!usable && !facts->whole) {
        release_as_it_was(h);
        return RS_TABLE_LEFT;
    }
    bool as_base = !facts->whole || (facts->base.record == h->r && facts->base.seq == (uint32_t)h->seq);
    bool as_seen = facts->base.seen == h->r && facts->base.seq == (uint32_t)h->seq; /* (d) of invariant 8 */
    bool known = !facts->id || facts->id == (int64_t)own(&h->record[RS_W_ID]);
    if (usable ? !as_base || (!facts->whole && !known) : !as_seen || !stamp_seems_to_hold(h->table, facts)) {
        release_as_it_was(h);
        return RS_TABLE_STALED;
    }
    if (!usable) clear(h);
    bool all = add(h, facts);
    set_mark(h, !usable && all, old, facts->worker);
    bool holds = usable || stamp_holds(h->table, facts);
    /* A part is true as well, but not all: pairs with find. */
    if (!all || !holds) rs_or_acq_rel_u64(&h->record[RS_W_MARK], RS_MARK_STALE);
    release(h, generation);
    return !all ? RS_TABLE_NO_ROOM : holds ? RS_TABLE_MERGED : RS_TABLE_STALED;
}

/* The record that find named, where it is the key's still: the index need not be
 * searched.  As good as found there: the thread is pinned, and one that is even
 * and of a generation is in the index, under its key, until it is made odd. */
static uint32_t by_base(const struct rs_table *table, const struct rs_table_facts *facts)
{
    uint32_t r = facts->base.record;
    if (!r) return 0;
    const rs_atomic_u64 *record = rs_table_record(table, r);
    uint64_t seq = rs_load_acquire_u64(&record[RS_W_SEQ]); /* pairs with release: the key is seen, and stays */
    if (seq & 1 || !RS_GENERATION(seq)) return 0;
    return rs_table_is_key(table, r, facts->key) ? r : 0;
}

static enum rs_table_merged merge(struct rs_table_thread *thread, const struct rs_table_facts *facts)
{
    struct rs_table *table = thread->table;
    for (unsigned tried = 0; tried < 8; tried++) {
        uint32_t r = tried ? 0 : by_base(table, facts);
        if (!r) r = rs_table_lookup(table, facts->key);
        if (!r) {
            if (!facts->whole) return RS_TABLE_LEFT;
            bool again = false;
            enum rs_table_merged merged = make(thread, facts, &again);
            if (!again) return merged;
            continue;
        }
        struct holder h = {.thread = thread, .table = table, .r = r, .record = rs_table_record(table, r)};
        h.seq = rs_load_acquire_u64(&h.record[RS_W_SEQ]); /* pairs with release */
        if (h.seq & 1) return RS_TABLE_STALED;
        uint32_t generation = RS_GENERATION(h.seq);
        if (!generation) continue; /* dead: out of the index by now, look again */
        if ((int32_t)(generation - thread->generation) > 0) return RS_TABLE_FOREIGN;
        /* Takes it: what the last holder wrote is here, what we write comes
         * behind.  Pairs with release, and with the readers' comparison. */
        if (!rs_cas_acq_rel_u64(&h.record[RS_W_SEQ], &h.seq, RS_SEQ(generation, h.seq + 1))) continue;
        return merge_held(&h, facts);
    }
    return RS_TABLE_STALED; /* others were quicker each time */
}

/* Takes the worker's hint away. */
static void idle(struct rs_table *table, uint32_t r, unsigned worker)
{
    rs_atomic_u64 *mark = &rs_table_record(table, r)[RS_W_MARK];
    uint64_t old = rs_load_acquire_u64(mark); /* pairs with rs_table_busy */
    while (RS_MARK_BUSY(old) == worker && !rs_cas_acq_rel_u64(mark, &old, old & ~RS_MARK_BUSY_BITS)) continue;
}

enum rs_table_merged rs_table_merge(struct rs_table_thread *thread, const struct rs_table_facts *facts)
{
    rs_table_pin(thread);
    enum rs_table_merged merged = RS_TABLE_FOREIGN;
    if (thread->generation == rs_table_generation(thread->table)) {
        rs_table_index_work(thread);
        merged = merge(thread, facts);
        if (merged != RS_TABLE_MERGED && merged != RS_TABLE_MADE && merged != RS_TABLE_FOREIGN) {
            uint32_t r = spoil(thread, facts->key);
            if (r && facts->worker) idle(thread->table, r, facts->worker);
            if (merged == RS_TABLE_NO_ROOM) rs_table_count(&thread->refused, 1);
        }
    }
    rs_table_unpin(thread);
    return merged;
}

void rs_table_forget(struct rs_table_thread *thread, struct rs_table_key key)
{
    rs_table_pin(thread);
    uint32_t r = spoil(thread, key);
    if (r) rs_table_evict(thread, r, true); /* if not, it is stale */
    rs_table_unpin(thread);
}

/* ---- hints ------------------------------------------------------------------------------------------- */

unsigned rs_table_busy(struct rs_table_thread *thread, struct rs_table_ref ref, unsigned worker)
{
    if (!worker || worker > 0xfff) return 0;
    rs_atomic_u64 *mark = &rs_table_record(thread->table, ref.record)[RS_W_MARK];
    uint64_t old = rs_load_acquire_u64(mark); /* pairs with the CAS below, of others */
    while (RS_MARK_BUSY(old) != worker &&
           !rs_cas_acq_rel_u64(mark, &old, (old & ~RS_MARK_BUSY_BITS) | (uint64_t)worker << 1)) {
        continue;
    }
    return RS_MARK_BUSY(old);
}

void rs_table_idle(struct rs_table_thread *thread, struct rs_table_key key, unsigned worker)
{
    rs_table_pin(thread);
    uint32_t r = rs_table_lookup(thread->table, key);
    if (r && worker) idle(thread->table, r, worker);
    rs_table_unpin(thread);
}
