#include "rastro/table.h"

#include <string.h>

#include "support.h"

/* Heads are ordered by their first word. */
static int by_first(const struct rs_table_head *a, const struct rs_table_head *b, void *self)
{
    (void)self;
    return a->word[0] < b->word[0] ? -1 : a->word[0] > b->word[0];
}

static const uint8_t secret[32] = "thirty-two bytes, known to all ";

static struct rs_table *new_table(uint64_t memory_max)
{
    return rs_table_new(&(struct rs_table_options){memory_max, 4, by_first, NULL, secret});
}

/* A table and a thread that is pinned, for most tests. */
static struct rs_table *table;
static struct rs_table_thread *thread;

static void set_up(void)
{
    table = new_table(RS_TABLE_MEMORY_MIN);
    thread = rs_table_join(table);
    rs_table_pin(thread);
}

static void tear_down(void)
{
    rs_table_unpin(thread);
    const char *wrong = rs_table_check(table);
    cr_expect(!wrong, "%s", wrong);
    rs_table_leave(thread);
    rs_table_free(table);
}

TestSuite(table, .init = set_up, .fini = tear_down);

static struct rs_table_key key_of(uint64_t n)
{
    return rs_table_key_of(table, &n, sizeof n);
}

static uint64_t tag_of(uint64_t n)
{
    struct rs_key key = rs_key_of(&n, sizeof n);
    return rs_table_tag(table, RS_TABLE_FP, key);
}

static struct rs_table_ref found(uint64_t n)
{
    struct rs_table_ref ref;
    cr_assert(rs_table_find(thread, key_of(n), &ref), "parcel %lu is not found", (unsigned long)n);
    return ref;
}

static bool is_there(uint64_t n)
{
    struct rs_table_ref ref;
    return rs_table_find(thread, key_of(n), &ref);
}

/* Facts with one tag for each of `n`, of which none is there or its base is. */
static struct rs_table_facts facts_of(uint64_t parcel, bool whole)
{
    struct rs_table_facts facts = {.key = key_of(parcel), .id = (int64_t)parcel, .whole = whole};
    facts.status = RS_TABLE_NO_STATUS;
    rs_table_find(thread, facts.key, &facts.base);
    return facts;
}

static enum rs_table_merged merge_tags(uint64_t parcel, bool whole, const uint64_t *word, uint32_t n)
{
    struct rs_table_facts facts = facts_of(parcel, whole);
    facts.word = word;
    facts.word_n = n;
    return rs_table_merge(thread, &facts);
}

static enum rs_table_merged merge_one(uint64_t parcel, bool whole, uint64_t word)
{
    return merge_tags(parcel, whole, &word, 1);
}

static struct rs_table_parcel parcel_of(uint64_t n)
{
    struct rs_table_parcel parcel;
    rs_table_read(thread, found(n), &parcel);
    return parcel;
}

Test(table, finds_nothing_at_first)
{
    struct rs_table_ref ref = {7, 7};
    cr_expect(!rs_table_find(thread, key_of(1), &ref));
    cr_expect(ref.record == 0);
}

Test(table, makes_a_parcel_of_whole_facts)
{
    uint64_t word[3] = {tag_of(1), tag_of(2) | RS_TABLE_GONE, tag_of(3)};
    cr_expect(merge_tags(5, true, word, 3) == RS_TABLE_MADE);
    struct rs_table_ref ref = found(5);
    unsigned flags = 9;
    cr_expect(rs_table_has(thread, ref, tag_of(1), &flags) && flags == 0);
    cr_expect(rs_table_has(thread, ref, tag_of(2), &flags) && flags == RS_TABLE_GONE);
    cr_expect(rs_table_has(thread, ref, tag_of(3), NULL));
    cr_expect(!rs_table_has(thread, ref, tag_of(4), &flags));
    cr_expect(parcel_of(5).id == 5 && parcel_of(5).words == 3 && parcel_of(5).status == RS_TABLE_NO_STATUS);
    cr_expect(parcel_of(5).deadline == UINT32_MAX);
    cr_expect(!is_there(6));
}

Test(table, leaves_a_part_where_there_is_nothing_to_add_to)
{
    cr_expect(merge_one(5, false, tag_of(1)) == RS_TABLE_LEFT);
    cr_expect(!is_there(5));
}

Test(table, unites_facts_and_their_flags)
{
    merge_one(5, true, tag_of(1));
    cr_expect(merge_one(5, false, tag_of(2)) == RS_TABLE_MERGED);
    cr_expect(merge_one(5, false, tag_of(1) | RS_TABLE_GONE) == RS_TABLE_MERGED);
    cr_expect(merge_one(5, false, tag_of(1)) == RS_TABLE_MERGED);
    unsigned flags;
    cr_expect(rs_table_has(thread, found(5), tag_of(1), &flags) && flags == RS_TABLE_GONE);
    cr_expect(rs_table_has(thread, found(5), tag_of(2), &flags) && flags == 0);
    cr_expect(parcel_of(5).words == 2);
}

Test(table, sets_flags_by_whole_facts)
{
    merge_one(5, true, tag_of(1) | RS_TABLE_GONE);
    cr_expect(merge_one(5, true, tag_of(1)) == RS_TABLE_MERGED);
    unsigned flags;
    cr_expect(rs_table_has(thread, found(5), tag_of(1), &flags) && flags == 0);
}

Test(table, keeps_any_number_of_facts_and_looks)
{
    enum { N = 3000 };
    merge_one(5, true, tag_of(0));
    for (uint64_t i = 1; i < N; i++) {
        struct rs_table_look look = {(uint16_t)(i % 100), (int64_t)(1000 + i)};
        uint64_t word = tag_of(i);
        struct rs_table_facts facts = facts_of(5, false);
        facts.word = &word;
        facts.word_n = 1;
        facts.look = &look;
        facts.look_n = 1;
        cr_assert(rs_table_merge(thread, &facts) == RS_TABLE_MERGED);
    }
    struct rs_table_ref ref = found(5);
    for (uint64_t i = 0; i < N; i++) cr_assert(rs_table_has(thread, ref, tag_of(i), NULL), "%u", (unsigned)i);
    for (uint64_t i = N; i < 2 * N; i++) cr_assert(!rs_table_has(thread, ref, tag_of(i), NULL));
    for (uint16_t i = 0; i < 100; i++) {
        int64_t newest = 1000 + (N - 1) / 100 * 100 + i;
        cr_assert(rs_table_looked(thread, ref, i) == newest, "%u: %ld", i, (long)rs_table_looked(thread, ref, i));
    }
    cr_expect(rs_table_looked(thread, ref, 100) == 0);
    cr_expect(parcel_of(5).words == N);
}

Test(table, refuses_more_facts_than_there_is_memory_and_knows_nothing_then)
{
    enum { N = 200000 };
    uint64_t *word = calloc(N, sizeof *word);
    for (uint64_t i = 0; i < N; i++) word[i] = tag_of(i);
    merge_one(5, true, word[0]);
    cr_expect(merge_tags(5, false, word, N) == RS_TABLE_NO_ROOM);
    cr_expect(!is_there(5), "it has a part only");
    cr_expect(merge_tags(6, true, word, N) == RS_TABLE_NO_ROOM);
    cr_expect(!is_there(6));
    free(word);
}

Test(table, keeps_the_newest_look)
{
    merge_one(5, true, tag_of(1));
    for (int64_t s = 3; s > 0; s--) {
        struct rs_table_facts facts = facts_of(5, false);
        struct rs_table_look look = {2, s * 1000000000};
        facts.look = &look;
        facts.look_n = 1;
        rs_table_merge(thread, &facts);
    }
    cr_expect(rs_table_looked(thread, found(5), 2) == INT64_C(3000000000));
    cr_expect(rs_table_looked(thread, found(5), 3) == 0);
    cr_expect(parcel_of(5).words == 1, "a look is no fact");
}

static void merge_view(uint64_t parcel, bool whole, struct rs_table_view view)
{
    struct rs_table_facts facts = facts_of(parcel, whole);
    facts.view = &view;
    facts.view_n = 1;
    enum rs_table_merged merged = rs_table_merge(thread, &facts);
    cr_assert(merged == RS_TABLE_MERGED || merged == RS_TABLE_MADE);
}

Test(table, orders_views_by_version)
{
    merge_view(5, true, (struct rs_table_view){7, 3, {1, 2, 3, 4, 5, 6}, 10, 20});
    merge_view(5, false, (struct rs_table_view){8, 1, {9}, 1, 0});
    merge_view(5, false, (struct rs_table_view){7, 2, {8, 8, 8, 8, 8, 8}, 8, 8});
    struct rs_table_view view;
    cr_assert(rs_table_view(thread, found(5), 7, &view));
    cr_expect(view.source == 7 && view.version == 3 && view.word[0] == 1 && view.word[5] == 6);
    cr_expect(view.current == 10 && view.gone == 20);
    merge_view(5, false, (struct rs_table_view){7, 4, {8, 8, 8, 8, 8, 9}, 65535, 65535});
    cr_assert(rs_table_view(thread, found(5), 7, &view));
    cr_expect(view.version == 4 && view.word[5] == 9 && view.current == 65535 && view.gone == 65535);
    cr_assert(rs_table_view(thread, found(5), 8, &view));
    cr_expect(view.version == 1 && view.word[0] == 9);
    cr_expect(!rs_table_view(thread, found(5), 0, &view));
}

static void merge_head(uint64_t parcel, bool whole, uint64_t head, uint32_t marks, uint16_t status)
{
    struct rs_table_facts facts = facts_of(parcel, whole);
    facts.head = (struct rs_table_head){{head, 2, 3, 4}};
    facts.marks = marks | RS_TABLE_HAS_HEAD;
    facts.status = status;
    enum rs_table_merged merged = rs_table_merge(thread, &facts);
    cr_assert(merged == RS_TABLE_MERGED || merged == RS_TABLE_MADE);
}

Test(table, keeps_the_newest_head_with_its_status_and_end)
{
    merge_head(5, true, 10, RS_TABLE_ENDED, 4);
    merge_head(5, false, 9, RS_TABLE_IN_HANDS, 3);
    struct rs_table_parcel parcel = parcel_of(5);
    cr_expect(parcel.head.word[0] == 10 && parcel.head.word[3] == 4 && parcel.status == 4);
    cr_expect(parcel.marks == (RS_TABLE_HAS_HEAD | RS_TABLE_ENDED | RS_TABLE_IN_HANDS));
    merge_head(5, false, 11, RS_TABLE_MIXED, RS_TABLE_NO_STATUS);
    parcel = parcel_of(5);
    cr_expect(parcel.head.word[0] == 11 && parcel.status == 4);
    cr_expect(parcel.marks == (RS_TABLE_HAS_HEAD | RS_TABLE_MIXED | RS_TABLE_IN_HANDS), "%x", parcel.marks);
    merge_head(5, true, 2, 0, 1);
    parcel = parcel_of(5);
    cr_expect(parcel.head.word[0] == 2 && parcel.status == 1 && parcel.marks == RS_TABLE_HAS_HEAD);
}

Test(table, says_when_a_record_has_changed)
{
    merge_one(5, true, tag_of(1));
    struct rs_table_ref ref = found(5);
    cr_expect(rs_table_unchanged(thread, ref));
    merge_one(6, true, tag_of(1));
    cr_expect(rs_table_unchanged(thread, ref));
    merge_one(5, false, tag_of(2));
    cr_expect(!rs_table_unchanged(thread, ref));
    ref = found(5);
    rs_table_forget(thread, key_of(5));
    cr_expect(!rs_table_unchanged(thread, ref));
    cr_expect(!is_there(5));
}

Test(table, does_not_take_whole_facts_that_miss_what_was_merged_since)
{
    struct rs_table_facts whole = facts_of(5, true); /* its base: nothing */
    merge_one(5, true, tag_of(1));
    cr_expect(rs_table_merge(thread, &whole) == RS_TABLE_STALED);
    cr_expect(!is_there(5), "nobody knows which is newer");
    cr_expect(merge_one(5, false, tag_of(3)) == RS_TABLE_LEFT);
    cr_expect(merge_one(5, true, tag_of(2)) == RS_TABLE_MERGED, "and this ends it");
    cr_expect(!rs_table_has(thread, found(5), tag_of(1), NULL), "what a stale record had may be gone");
    whole = facts_of(5, true);
    cr_expect(rs_table_merge(thread, &whole) == RS_TABLE_MERGED);
    whole = facts_of(5, true);
    merge_one(5, false, tag_of(4));
    cr_expect(rs_table_merge(thread, &whole) == RS_TABLE_STALED);
}

Test(table, does_not_make_a_record_that_misses_what_found_none)
{
    struct rs_table_facts whole = facts_of(5, true);
    cr_expect(merge_one(5, false, tag_of(1)) == RS_TABLE_LEFT);
    cr_expect(rs_table_merge(thread, &whole) == RS_TABLE_STALED);
    cr_expect(!is_there(5));
    whole = facts_of(5, true);
    merge_one(5, true, tag_of(1));
    merge_one(5, false, tag_of(2));
    rs_table_forget(thread, key_of(5));
    cr_expect(rs_table_merge(thread, &whole) == RS_TABLE_STALED, "what left may have had more");
    cr_expect(!is_there(5));
}

Test(table, distrusts_facts_of_a_parcel_with_another_id)
{
    merge_one(5, true, tag_of(1));
    struct rs_table_facts facts = facts_of(5, false);
    facts.id = 6;
    cr_expect(rs_table_merge(thread, &facts) == RS_TABLE_STALED);
    cr_expect(!is_there(5));
}

Test(table, forgets_a_generation_at_once)
{
    merge_one(5, true, tag_of(1));
    merge_one(6, true, tag_of(1));
    uint32_t before = rs_table_generation(table), now = rs_table_forget_all(table);
    cr_expect(now == before + 1 && rs_table_generation(table) == now);
    cr_expect(is_there(5), "who has not adopted it sees what it saw");
    cr_expect(merge_one(5, false, tag_of(2)) == RS_TABLE_FOREIGN);
    rs_table_adopt(thread, now);
    cr_expect(!is_there(5));
    cr_expect(merge_one(6, false, tag_of(2)) == RS_TABLE_LEFT);
    cr_expect(merge_one(5, true, tag_of(3)) == RS_TABLE_MERGED, "in place of the old one");
    cr_expect(rs_table_has(thread, found(5), tag_of(3), NULL) && !rs_table_has(thread, found(5), tag_of(1), NULL));
    rs_table_adopt(thread, before);
    cr_expect(!is_there(5));
    rs_table_adopt(thread, now);
}

Test(table, knows_who_is_busy_with_a_parcel)
{
    merge_one(5, true, tag_of(1));
    cr_expect(rs_table_busy(thread, found(5), 3) == 0);
    cr_expect(rs_table_busy(thread, found(5), 3) == 3);
    cr_expect(rs_table_busy(thread, found(5), 4) == 3);
    rs_table_idle(thread, key_of(5), 3);
    cr_expect(rs_table_busy(thread, found(5), 4) == 4, "that was not his");
    struct rs_table_facts facts = facts_of(5, false);
    facts.worker = 4;
    rs_table_merge(thread, &facts);
    cr_expect(rs_table_busy(thread, found(5), 5) == 0);
    rs_table_idle(thread, key_of(5), 5);
    cr_expect(rs_table_busy(thread, found(5), 6) == 0);
}

struct due {
    unsigned n;
    int64_t id;
};

static void due(void *self, struct rs_table_ref ref, int64_t id)
{
    struct due *d = self;
    cr_expect(rs_table_unchanged(thread, ref));
    d->n++;
    d->id = id;
}

Test(table, tells_what_is_due)
{
    for (uint64_t i = 0; i < 100; i++) {
        merge_one(i, true, tag_of(1));
        if (i) rs_table_deadline_set(thread, found(i), (uint32_t)(1000 + i));
    }
    cr_expect(parcel_of(7).deadline == 1007);
    struct due d = {0};
    cr_expect(rs_table_deadlines(thread, 1000, due, &d) == 0 && d.n == 0);
    cr_expect(rs_table_deadlines(thread, 1001, due, &d) == 1 && d.id == 1);
    cr_expect(rs_table_deadlines(thread, UINT32_MAX, due, &d) == 99 && d.n == 100);
    rs_table_forget(thread, key_of(1));
    cr_expect(rs_table_deadlines(thread, 1001, due, &d) == 0);
}

Test(table, keeps_kinds_of_facts_apart)
{
    struct rs_key key = rs_key_of("x", 1);
    uint64_t fp = rs_table_tag(table, RS_TABLE_FP, key), said = rs_table_tag(table, RS_TABLE_SAID, key);
    cr_expect(fp != said && fp != rs_table_tag(table, RS_TABLE_LINK, key));
    cr_expect(fp && RS_TABLE_TAG(fp) == fp && fp == rs_table_tag(table, RS_TABLE_FP, key));
    struct rs_table *other = rs_table_new(&(struct rs_table_options){RS_TABLE_MEMORY_MIN, 1, by_first, NULL, NULL});
    cr_expect(rs_table_tag(other, RS_TABLE_FP, key) != fp, "by chance, as nobody can tell");
    struct rs_table_key a = rs_table_key_of(table, "x", 1), b = rs_table_key_of(other, "x", 1);
    cr_expect(a.a != b.a && a.b != b.b);
    rs_table_free(other);
}

Test(table, has_as_many_threads_as_it_was_made_for)
{
    struct rs_table_thread *other[3];
    for (int i = 0; i < 3; i++) cr_assert((other[i] = rs_table_join(table)));
    cr_expect(!rs_table_join(table));
    rs_table_leave(other[1]);
    rs_table_leave(NULL);
    cr_expect((other[1] = rs_table_join(table)));
    for (int i = 0; i < 3; i++) rs_table_leave(other[i]);
    rs_table_free(NULL);
}

Test(table, grows_and_still_finds_everything)
{
    struct rs_table *large = new_table(UINT64_C(64) << 20), *small = table;
    struct rs_table_thread *other = rs_table_join(large), *mine = thread;
    table = large;
    thread = other;
    enum { N = 50000 };
    struct rs_table_stats stats;
    rs_table_stats(table, &stats);
    uint64_t slots = stats.slots;
    for (uint64_t i = 0; i < N; i++) {
        rs_table_pin(thread);
        cr_assert(merge_one(i, true, tag_of(i)) == RS_TABLE_MADE, "%u", (unsigned)i);
        if (i % 7 == 0) cr_assert(rs_table_has(thread, found(i / 2), tag_of(i / 2), NULL));
        rs_table_unpin(thread);
    }
    const char *wrong = rs_table_check(table);
    cr_assert(!wrong, "%s", wrong);
    rs_table_pin(thread);
    for (uint64_t i = 0; i < N; i++) cr_assert(rs_table_has(thread, found(i), tag_of(i), NULL));
    rs_table_unpin(thread);
    rs_table_stats(table, &stats);
    cr_expect(stats.grown >= 2 && stats.slots > slots && stats.records == N && stats.facts == N);
    cr_expect(stats.evicted == 0 && stats.refused == 0);
    cr_expect(stats.memory < (uint64_t)N * 220, "%lu bytes a parcel", (unsigned long)stats.memory / N);
    rs_table_leave(thread);
    rs_table_free(table);
    table = small;
    thread = mine;
}

/* Pinned for each parcel only, so that what was evicted can be used again. */
static unsigned fill(uint64_t from, uint64_t to, uint32_t marks)
{
    unsigned refused = 0;
    rs_table_unpin(thread);
    for (uint64_t i = from; i < to; i++) {
        rs_table_pin(thread);
        struct rs_table_facts facts = facts_of(i, true);
        uint64_t word[12];
        for (unsigned k = 0; k < 12; k++) word[k] = tag_of(i * 100 + k);
        facts.word = word;
        facts.word_n = i % 3 ? 5 : 12;
        facts.marks = marks;
        refused += rs_table_merge(thread, &facts) == RS_TABLE_NO_ROOM;
        rs_table_unpin(thread);
    }
    rs_table_pin(thread);
    return refused;
}

Test(table, lets_go_what_was_not_used_when_memory_is_short)
{
    fill(0, 30000, 0);
    struct rs_table_stats stats;
    rs_table_stats(table, &stats);
    cr_expect(stats.memory <= stats.memory_max, "%lu", (unsigned long)stats.memory);
    cr_expect(stats.evicted > 20000 && stats.records + stats.evicted + stats.refused == 30000);
    cr_expect(stats.refused < 300, "%lu refused", (unsigned long)stats.refused);
    unsigned late = 0;
    for (uint64_t i = 29000; i < 30000; i++) late += is_there(i);
    cr_expect(late > 900, "%u of the newest", late);
    cr_expect(stats.grown > 5, "tombs go");
}

Test(table, lets_ended_parcels_go_first)
{
    fill(0, 1000, RS_TABLE_ENDED);
    fill(1000, 2000, 0);
    struct rs_table_stats stats;
    uint64_t i = 10000;
    do {
        fill(i, i + 1, 0);
        rs_table_stats(table, &stats);
    } while (++i < 50000 && stats.evicted < 300);
    unsigned ended = 0;
    for (i = 0; i < 1000; i++) ended += !is_there(i);
    cr_expect(ended > 200, "%u of %u that left were ended", ended, (unsigned)stats.evicted);
}

Test(table, keeps_what_a_worker_is_busy_with)
{
    fill(0, 10, 0);
    for (uint64_t i = 0; i < 10; i++) rs_table_busy(thread, found(i), 1);
    fill(1000, 40000, 0);
    for (uint64_t i = 0; i < 10; i++) cr_expect(is_there(i));
}

Test(table, uses_nothing_again_while_somebody_may_look_at_it)
{
    merge_one(5, true, tag_of(1));
    struct rs_table_ref ref = found(5);
    struct rs_table_thread *other = rs_table_join(table), *mine = thread;
    thread = other;
    rs_table_pin(thread);
    rs_table_forget(thread, key_of(5));
    fill(1000, 20000, 0); /* far more than there is room for */
    cr_expect(!rs_table_unchanged(mine, ref));
    cr_expect(rs_table_has(mine, ref, tag_of(1), NULL), "it lies there as it was");
    rs_table_unpin(thread);
    thread = mine;
    struct rs_table_stats stats;
    rs_table_stats(table, &stats);
    cr_expect(stats.refused > 0);
    rs_table_leave(other);
}

Test(table, takes_no_record_for_one_that_lay_there_before)
{
    merge_one(5, true, tag_of(1));
    struct rs_table_facts whole = facts_of(5, true);
    rs_table_forget(thread, key_of(5));
    for (unsigned i = 0; i < 8; i++) {
        rs_table_unpin(thread);
        rs_table_pin(thread);
    }
    cr_expect(merge_one(5, true, tag_of(2)) == RS_TABLE_MADE);
    cr_assert(found(5).record == whole.base.record, "the test wants the same place");
    cr_expect(found(5).seq != whole.base.seq);
    cr_expect(rs_table_merge(thread, &whole) == RS_TABLE_STALED);
}

Test(table, merges_where_its_parcel_is_whatever_the_base_says)
{
    merge_one(5, true, tag_of(1));
    merge_one(6, true, tag_of(1));
    struct rs_table_facts facts = facts_of(5, false);
    uint64_t tag = tag_of(2);
    facts.word = &tag;
    facts.word_n = 1;
    cr_expect(rs_table_merge(thread, &facts) == RS_TABLE_MERGED);
    facts.base.record = found(6).record; /* of another parcel */
    tag = tag_of(3);
    cr_expect(rs_table_merge(thread, &facts) == RS_TABLE_MERGED);
    cr_expect(parcel_of(5).words == 3 && parcel_of(6).words == 1);
    facts.base = found(5);
    rs_table_forget(thread, key_of(5)); /* it waits for its grace */
    cr_expect(rs_table_merge(thread, &facts) == RS_TABLE_LEFT);
    merge_one(5, true, tag_of(1));
    cr_expect(rs_table_merge(thread, &facts) == RS_TABLE_MERGED);
    cr_expect(parcel_of(5).words == 2);
    for (unsigned i = 0; i < 8; i++) {
        rs_table_unpin(thread);
        rs_table_pin(thread);
    }
    cr_expect(merge_one(7, true, tag_of(1)) == RS_TABLE_MADE);
    cr_assert(found(7).record == facts.base.record, "the test wants the same place");
    tag = tag_of(4);
    cr_expect(rs_table_merge(thread, &facts) == RS_TABLE_MERGED);
    cr_expect(parcel_of(5).words == 3 && parcel_of(7).words == 1);
}

Test(table, prepares_memory_and_the_next_index)
{
    struct rs_table *small = table;
    struct rs_table_thread *its = thread;
    table = new_table((uint64_t)64 << 20);
    thread = rs_table_join(table);
    struct rs_table_stats stats;
    for (uint64_t i = 0; i < 20000; i++) {
        rs_table_prepare(thread);
        rs_table_pin(thread);
        cr_assert(merge_one(i, true, tag_of(i)) == RS_TABLE_MADE);
        rs_table_unpin(thread);
    }
    rs_table_pin(thread);
    for (uint64_t i = 0; i < 20000; i++) cr_assert(parcel_of(i).words == 1);
    rs_table_stats(table, &stats);
    cr_expect(stats.grown > 0);
    tear_down();
    table = small;
    thread = its;
}

Test(table, prefetches_whatever_is_asked)
{
    merge_one(5, true, tag_of(1));
    for (uint64_t i = 0; i < 10; i++) {
        rs_table_prefetch_slot(thread, key_of(i));
        rs_table_prefetch_record(thread, key_of(i));
        struct rs_table_ref ref;
        rs_table_find(thread, key_of(i), &ref);
        rs_table_prefetch_ref(thread, ref);
    }
}

/* Random merges against a plain list of what must be there. */
Test(table, agrees_with_a_plain_list)
{
    enum { PARCELS = 50, FACTS = 40, STEPS = 20000 };
    static uint8_t known[PARCELS][FACTS]; /* 1: there, 2: gone */
    static bool usable[PARCELS];
    uint64_t seed = rs_test_seed();
    for (unsigned step = 0; step < STEPS; step++) {
        uint32_t p = rs_test_below(&seed, PARCELS), f = rs_test_below(&seed, FACTS), what = rs_test_below(&seed, 20);
        if (what == 0) {
            rs_table_forget(thread, key_of(p));
            usable[p] = false;
            memset(known[p], 0, FACTS);
        } else if (what < 3) {
            uint64_t word[FACTS];
            uint32_t n = 0;
            if (!usable[p]) memset(known[p], 0, FACTS);
            for (uint32_t i = 0; i < FACTS; i++) {
                if (known[p][i] || rs_test_below(&seed, 3) == 0) {
                    known[p][i] = 1 + (rs_test_below(&seed, 3) == 0);
                    word[n++] = tag_of(i) | (known[p][i] == 2 ? RS_TABLE_GONE : 0);
                }
            }
            enum rs_table_merged merged = merge_tags(p, true, word, n);
            cr_assert(merged == (usable[p] ? RS_TABLE_MERGED : RS_TABLE_MADE));
            usable[p] = true;
        } else if (what < 8) {
            bool gone = rs_test_below(&seed, 4) == 0;
            enum rs_table_merged merged = merge_one(p, false, tag_of(f) | (gone ? RS_TABLE_GONE : 0));
            cr_assert(merged == (usable[p] ? RS_TABLE_MERGED : RS_TABLE_LEFT));
            if (usable[p]) known[p][f] = gone || known[p][f] == 2 ? 2 : 1;
        } else {
            cr_assert(is_there(p) == usable[p]);
            unsigned flags = 0;
            if (usable[p]) {
                bool has = rs_table_has(thread, found(p), tag_of(f), &flags);
                cr_assert(has == (known[p][f] != 0) && flags == (known[p][f] == 2 ? RS_TABLE_GONE : 0));
            }
        }
        if (step % 1000 == 0) {
            const char *wrong = rs_table_check(table);
            cr_assert(!wrong, "%s", wrong);
        }
    }
}
