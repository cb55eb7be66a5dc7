/* Verifies the parcel table's structure, at rest. */
#include <stdlib.h>
#include <string.h>

#include "rastro/error.h"
#include "table_private.h"

/* What was seen: nobody else is here, so no order is wanted. */
struct survey {
    const struct rs_table *table;
    uint8_t *record; /* where each is */
    uint8_t *unit;   /* 1 where it belongs to somebody */
    uint64_t records, facts, units, free_records, free_units, limbo;
};

enum { INDEXED = 1, COPIED = 2, FREE = 4, LIMBO = 8 };

static uint64_t look(const rs_atomic_u64 *word)
{
    return rs_load_relaxed_u64(word);
}

static const char *own_units(struct survey *s, uint32_t u, unsigned order)
{
    uint64_t top = look(&s->table->unit_top);
    if (!u || u + (UINT64_C(1) << order) > top) return "a chunk lies outside";
    for (uint32_t i = 0; i < 1u << order; i++) {
        if (s->unit[u + i]++) return "a unit belongs to two";
    }
    s->units += UINT64_C(1) << order;
    return NULL;
}

static const char *check_chain(struct survey *s, uint32_t r, bool whole)
{
    const struct rs_table *table = s->table;
    const rs_atomic_u64 *record = rs_table_record(table, r);
    uint64_t mark = look(&record[RS_W_MARK]);
    uint32_t count = RS_MARK_COUNT(mark), n = 0, looks = 0;
    for (uint32_t i = 0; i < RS_TABLE_INLINE && whole; i++) {
        uint64_t word = look(&record[RS_W_FACT + i]);
        if (!word != (i >= count)) return "a record's own facts are not filled in order";
        n += word != 0;
        looks += (word & RS_LOOK) != 0;
    }
    uint32_t u = (uint32_t)look(&record[RS_W_LINKS]);
    uint32_t before = RS_TABLE_INLINE;
    for (unsigned k = 0; u; k++) {
        if (k >= RS_TABLE_CHUNKS) return "a list of chunks is too long";
        const char *wrong = own_units(s, u, rs_chunk_order(k));
        if (wrong) return wrong;
        const rs_atomic_u64 *chunk = rs_table_unit(table, u);
        uint32_t here = 0;
        for (uint32_t i = 1; i < rs_chunk_words(k) && whole; i++) {
            uint64_t word = look(&chunk[i]);
            if (!word) continue;
            here++;
            looks += (word & RS_LOOK) != 0;
            if (k < RS_TABLE_SCANNED && i != here) return "a chunk is not filled in order";
        }
        uint32_t due = count < before ? 0 : count - before;
        if (due > rs_chunk_room(k)) due = rs_chunk_room(k);
        if (whole && here != due) return "a chunk has not as many facts as the record says";
        n += here;
        before += rs_chunk_room(k);
        u = (uint32_t)look(&chunk[0]);
    }
    if (whole && (n != count || looks != RS_MARK_LOOKS(mark))) return "a record has not as many facts as it says";
    if (whole) s->facts += count - looks;
    unsigned views = 0;
    for (u = (uint32_t)(look(&record[RS_W_LINKS]) >> 32); u; views++) {
        if (views == RS_TABLE_VIEWS_MAX) return "a list of views is too long";
        const char *wrong = own_units(s, u, 0);
        if (wrong) return wrong;
        u = (uint32_t)look(&rs_table_unit(table, u)[0]);
    }
    return NULL;
}

/* That each fact is found, and found where it lies: no tag is there twice. */
static const char *check_facts(const struct rs_table *table, uint32_t r)
{
    const rs_atomic_u64 *record = rs_table_record(table, r);
    uint32_t count = RS_MARK_COUNT(look(&record[RS_W_MARK]));
    uint32_t u = (uint32_t)look(&record[RS_W_LINKS]);
    const rs_atomic_u64 *words = &record[RS_W_FACT];
    uint32_t n = RS_TABLE_INLINE;
    for (unsigned k = 0; words; k++) {
        for (uint32_t i = 0; i < n; i++) {
            uint64_t word = look(&words[i]), found;
            if (!word) continue;
            uint16_t source = (uint16_t)(word >> 4);
            const rs_atomic_u64 *at = word & RS_LOOK
                                          ? rs_table_seek(table, r, count, RS_LOOK_MASK, RS_LOOK_VALUE(source),
                                                          RS_LOOK_HASH(source), &found)
                                          : rs_table_seek(table, r, count, RS_FACT_MASK, RS_TABLE_TAG(word),
                                                          RS_FACT_HASH(RS_TABLE_TAG(word)), &found);
            if (at != &words[i]) return at ? "a fact is there twice" : "a fact is not found";
        }
        words = u ? rs_table_unit(table, u) + 1 : NULL;
        n = rs_chunk_words(k) - 1;
        if (u) u = (uint32_t)look(&rs_table_unit(table, u)[0]);
    }
    return NULL;
}

static const char *check_record(struct survey *s, uint32_t r)
{
    const struct rs_table *table = s->table;
    const rs_atomic_u64 *record = rs_table_record(table, r);
    uint64_t seq = look(&record[RS_W_SEQ]);
    if (seq & 1) return "a record is odd";
    if (!RS_GENERATION(seq)) return "a record in the index is dead";
    struct rs_table_key key = {look(&record[RS_W_KEY]), look(&record[RS_W_KEY + 1])};
    if (rs_table_lookup(table, key) != r) return "a record is not found by its key";
    const char *wrong = check_chain(s, r, true);
    return wrong ? wrong : check_facts(table, r);
}

static const char *check_index(struct survey *s, const struct rs_table_index *index, bool current)
{
    const struct rs_table *table = s->table;
    const struct rs_table_index *next = rs_load_relaxed_ptr(&index->next);
    uint64_t refs = 0, tombs = 0, top = look(&table->record_top);
    for (uint64_t i = 0; i < index->slot_n; i++) {
        uint64_t slot = look(&index->slot[i]);
        if (slot & RS_SLOT_FROZEN && !next) return "a slot is frozen for nothing";
        if (slot & RS_SLOT_TOMB) {
            (*(slot == RS_SLOT_MOVED ? &refs : &tombs))++;
            continue;
        }
        uint32_t r = RS_SLOT_RECORD(slot);
        if (!r) continue;
        refs++;
        if (r >= top) return "a slot names a record that never was";
        const rs_atomic_u64 *record = rs_table_record(table, r);
        struct rs_table_key key = {look(&record[RS_W_KEY]), look(&record[RS_W_KEY + 1])};
        if ((slot ^ RS_SLOT_BITS(key)) & RS_SLOT_BITS_MASK) return "a slot has bits of another key";
        for (uint64_t k = rs_table_place(index, key.a); k != i; k = k + 1 == index->slot_n ? 0 : k + 1) {
            if ((look(&index->slot[k]) | RS_SLOT_FROZEN) == RS_SLOT_FROZEN) return "a hole lies before a slot";
        }
        if (current || !(s->record[r] & INDEXED)) {
            if (s->record[r] & INDEXED) return "a record has two slots";
            s->record[r] |= INDEXED;
            s->records++;
            const char *wrong = check_record(s, r);
            if (wrong) return wrong;
        } else {
            if (s->record[r] & COPIED) return "a record was copied twice";
            s->record[r] |= COPIED;
        }
    }
    if (tombs != look(&index->tombs)) return "the tombs are miscounted";
    if (current && refs + tombs != look(&index->used)) return "the slots are miscounted";
    if (!current && look(&index->used) < refs + tombs) return "a new index has no room for its copies";
    return NULL;
}

static const char *check_stacks(struct survey *s)
{
    const struct rs_table *table = s->table;
    for (unsigned order = 0; order < RS_TABLE_ORDERS; order++) {
        for (uint32_t u = (uint32_t)look(&table->chunk_free[order]); u;) {
            const char *wrong = own_units(s, u, order);
            if (wrong) return wrong;
            s->free_units += UINT64_C(1) << order;
            u = (uint32_t)look(&rs_table_unit(table, u)[0]);
        }
    }
    for (uint32_t r = (uint32_t)look(&table->record_free); r;) {
        if (s->record[r]) return "a free record is elsewhere too";
        s->record[r] = FREE;
        s->free_records++;
        if (RS_GENERATION(look(&rs_table_record(table, r)[RS_W_SEQ]))) return "a free record is not dead";
        r = (uint32_t)look(&rs_table_record(table, r)[RS_W_MARK]);
    }
    for (unsigned bucket = 0; bucket < RS_TABLE_BUCKETS; bucket++) {
        for (uint32_t r = (uint32_t)look(&table->limbo[bucket]); r;) {
            if (s->record[r]) return "a record in limbo is elsewhere too";
            s->record[r] = LIMBO;
            s->limbo++;
            if (RS_GENERATION(look(&rs_table_record(table, r)[RS_W_SEQ]))) return "a record in limbo is not dead";
            const char *wrong = check_chain(s, r, false);
            if (wrong) return wrong;
            r = (uint32_t)look(&rs_table_record(table, r)[RS_W_ID]);
        }
    }
    return NULL;
}

static const char *check_counts(const struct survey *s)
{
    const struct rs_table *table = s->table;
    struct rs_table_stats stats;
    rs_table_stats(table, &stats);
    if (stats.records != s->records) return "the records are miscounted";
    if (stats.facts != s->facts) return "the facts are miscounted";
    if (look(&table->record_free_n) != s->free_records) return "the free records are miscounted";
    if (look(&table->unit_free_n) != s->free_units) return "the free units are miscounted";
    if (look(&table->limbo_n) != s->limbo) return "limbo is miscounted";
    if (s->records + s->free_records + s->limbo != look(&table->record_top) - 1) return "a record is lost";
    if (s->units != look(&table->unit_top) - 1) return "a unit is lost";
    if (look(&table->charged) > table->room) return "more is charged than there is";
    if (stats.memory > table->memory_max) return "there is more memory than the bound";
    for (unsigned i = 0; i < table->threads_max; i++) {
        if (look(&table->thread[i].pinned) && !table->thread[i].depth) return "a thread is pinned for nothing";
    }
    return NULL;
}

const char *rs_table_check(const struct rs_table *table)
{
    struct survey s = {.table = table};
    s.record = rs_calloc(look(&table->record_top) + 1, 1);
    s.unit = rs_calloc(look(&table->unit_top) + 1, 1);
    const char *wrong = NULL;
    bool current = true;
    for (const struct rs_table_index *index = rs_load_acquire_ptr(&table->current); index && !wrong; current = false) {
        wrong = check_index(&s, index, current);
        index = rs_load_acquire_ptr(&index->next);
    }
    if (!wrong) wrong = check_stacks(&s);
    if (!wrong) wrong = check_counts(&s);
    free(s.record);
    free(s.unit);
    return wrong;
}
