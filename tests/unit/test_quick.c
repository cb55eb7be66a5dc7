/* What is decided from the parcel table is what is decided from the rows. */
#include "rastro/quick.h"

#include "letters.h"

enum { REPORTS_MAX = 4 };

static const struct rs_reading reading = {1, (2025 - 2000) * 26 + 2};

struct parcel {
    struct rs_table *table;
    struct rs_table_thread *thread;
    struct rs_table_key key;
    struct rs_track_store *store;
    struct rs_quick *under_way; /* durable in the store, not yet in the table */
    struct rs_table_ref base, next_base;
    bool exists;
    unsigned quick, rows; /* how batches were decided */
};

static bool no_ids(void *self, int32_t source)
{
    (void)self;
    (void)source;
    return false;
}

static void open_parcel(struct parcel *p)
{
    struct rs_table_options options = {.memory_max = 4 << 20, .threads_max = 2, .head_cmp = rs_quick_head_cmp};
    *p = (struct parcel){.table = rs_table_new(&options), .store = rs_arena_zero(rs_test_arena(), sizeof *p->store)};
    p->thread = rs_table_join(p->table);
    p->key = rs_table_key_of(p->table, "RB1", 3);
}

static void close_parcel(struct parcel *p)
{
    rs_table_leave(p->thread);
    rs_table_free(p->table);
}

/* As PostgreSQL does: a view's facts stay where only their tag was known. */
static void save(struct rs_track_store *store, struct rs_parcel_state *state)
{
    static const struct rs_key unread;
    for (uint32_t i = 0; i < state->view_n; i++) {
        struct rs_view *view = &state->view[i];
        bool there = false;
        for (uint32_t k = 0; k < store->views; k++) {
            if (store->view[k].source != view->source) continue;
            there = true;
            if (rs_key_eq(view->facts, unread)) view->facts = store->view[k].facts;
            if (view->decided)
                cr_assert_eq(store->view[k].version, view->version, "decided from another version than is there");
        }
        if (view->changed) cr_assert_eq(view->stored, there, "made and set are not the same");
        view->version += view->decided;
    }
    rs_store_save(store, state);
    for (uint32_t i = 0; i < state->view_n; i++) state->view[i].version -= state->view[i].decided;
    for (uint32_t i = 0; i < store->views; i++) store->view[i].decided = false;
}

static void merge(struct parcel *p, struct rs_quick *q)
{
    struct rs_table_facts facts;
    rs_quick_facts(q, rs_test_arena(), &facts);
    facts.key = p->key;
    facts.id = 1;
    facts.base = p->base;
    facts.whole |= !p->exists;
    rs_table_pin(p->thread);
    rs_table_merge(p->thread, &facts);
    rs_table_unpin(p->thread);
    p->exists = true;
}

static void tell_state(struct rs_parcel_state *state, const struct rs_letter_text *letter, int n)
{
    for (int i = 0; i < n; i++) {
        struct rs_track_counts counts = rs_tell(state, &letter[i]);
        int64_t looked_us = rs_letter_order(&letter[i]).published_us;
        rs_track_look(state, letter[i].source ? letter[i].source : 1, looked_us, counts.fresh == 0);
    }
}

static struct rs_quick *new_quick(const struct parcel *p)
{
    struct rs_quick *q = rs_arena_zero(rs_test_arena(), sizeof *q);
    q->table = p->table;
    q->thread = p->thread;
    q->state = rs_arena_zero(rs_test_arena(), sizeof *q->state);
    return q;
}

static bool report_all(struct rs_quick *q, const struct rs_letter_text *letter, int n)
{
    for (int i = 0; i < n; i++) {
        struct rs_report *report = rs_arena_zero(rs_test_arena(), sizeof *report);
        *report = rs_letter_report(&letter[i]);
        struct rs_view_order order = rs_letter_order(&letter[i]);
        struct rs_track_counts counts;
        int32_t source = letter[i].source ? letter[i].source : 1;
        report->looked_us = order.published_us;
        if (!rs_quick_report(q, rs_test_arena(), report, source, rs_test_say("source-%d", source), reading, true, 0,
                             &order, &counts)) {
            return false;
        }
    }
    return true;
}

/* From the table and the batch under way, which is durable only later. */
static struct rs_quick *decide_quickly(struct parcel *p, const struct rs_letter_text *letter, int n)
{
    struct rs_quick *q = new_quick(p);
    q->before = p->under_way;
    rs_table_pin(p->thread);
    bool found = rs_table_find(p->thread, p->key, &q->ref);
    p->next_base = q->ref;
    if (found) rs_table_read(p->thread, q->ref, &q->parcel);
    if (q->before && q->before->whole) q->ref = (struct rs_table_ref){0};
    bool known = found || (q->before ? q->before->whole || !p->exists : !p->exists);
    bool decided = known && report_all(q, letter, n);
    rs_table_unpin(p->thread);
    return decided ? q : NULL;
}

static struct rs_quick *decide_by_rows(struct parcel *p, const struct rs_letter_text *letter, int n)
{
    struct rs_quick *q = new_quick(p);
    rs_table_pin(p->thread);
    rs_table_find(p->thread, p->key, &p->next_base);
    rs_table_unpin(p->thread);
    rs_store_load(p->store, q->state);
    tell_state(q->state, letter, n);
    rs_quick_of_rows(q, rs_test_arena(), true, no_ids, NULL);
    return q;
}

static void tell(struct parcel *p, const struct rs_letter_text *letter, int n)
{
    struct rs_quick *q = decide_quickly(p, letter, n), *before = p->under_way;
    if (!q) {
        if (before) merge(p, before);
        p->under_way = NULL;
        q = decide_quickly(p, letter, n);
    }
    p->quick += q != NULL;
    p->rows += q == NULL;
    if (!q) q = decide_by_rows(p, letter, n);
    if (p->under_way) merge(p, p->under_way);
    save(p->store, q->state);
    p->under_way = q;
    p->base = p->next_base;
}

static void settle(struct parcel *p)
{
    if (p->under_way) merge(p, p->under_way);
    p->under_way = NULL;
}

static const char *views_in_words(const struct rs_track_store *store)
{
    struct rs_buf buf = {0};
    for (int32_t source = 1; source < 4; source++) {
        for (uint32_t i = 0; i < store->views; i++) {
            const struct rs_view *v = &store->view[i];
            if (v->source != source || (!rs_view_applied(v) && !v->has_facts && !v->version)) continue;
            rs_buf_printf(&buf, "%d: at %lld count %d published %lld rev %d version %u facts %02x%02x; ", source,
                          (long long)v->order.at_us, v->order.count, (long long)v->order.published_us, v->rev,
                          v->version, v->facts.b[0], v->facts.b[1]);
        }
    }
    const char *text = rs_test_say("%s", rs_buf_cstr(&buf)).p;
    rs_buf_free(&buf);
    return text;
}

static void tell_rows(struct rs_track_store *store, const struct rs_letter_text *letter, int n)
{
    struct rs_parcel_state state;
    rs_store_load(store, &state);
    tell_state(&state, letter, n);
    save(store, &state);
}

static const char *words_of(const struct rs_track_store *store)
{
    struct rs_parcel_state state;
    rs_store_load(store, &state);
    return rs_state_words(&state);
}

static int status_of(const struct rs_track_store *store)
{
    struct rs_parcel_state state;
    rs_store_load(store, &state);
    const struct rs_known *head = rs_track_head(&state);
    return head ? head->status->id : RS_TABLE_NO_STATUS;
}

/* As the table has it; it must be settled. */
static int table_status(struct parcel *p)
{
    struct rs_table_ref ref;
    struct rs_table_parcel parcel = {.status = RS_TABLE_NO_STATUS};
    rs_table_pin(p->thread);
    if (rs_table_find(p->thread, p->key, &ref)) rs_table_read(p->thread, ref, &parcel);
    rs_table_unpin(p->thread);
    return parcel.status;
}

/* ---- by chance -------------------------------------------------------------------------- */

static const char *some_facts(uint64_t *seed)
{
    static const char *const facts[] = {NULL, NULL, NULL, "promised by May", "promised by June"};
    return facts[rs_test_below(seed, COUNT(facts))];
}

/* A source that tells one scan a message, and some of them again. */
static struct rs_letter_text make_single(uint64_t *seed, int step)
{
    int scan = (int)rs_test_below(seed, (uint32_t)(step < 8 ? step : 7) + 1);
    return (struct rs_letter_text){
        .scans = rs_test_say("%c", 'a' + scan).p,
        .at = scan,
        .published = step + 2,
        .source = 2,
        .part = true,
        .facts = some_facts(seed),
    };
}

/* Mostly a history that grows by a scan, as real ones do. */
static struct rs_letter_text make_letter(uint64_t *seed, int step)
{
    if (rs_test_below(seed, 3) == 0) return make_single(seed, step);
    char scans[64];
    int n = 0, last = step < 8 ? step : 7;
    bool strange = rs_test_below(seed, 6) == 0;
    bool part = rs_test_below(seed, 8) == 0;
    for (int i = part ? last : 0; i <= last; i++) {
        if (strange && rs_test_below(seed, 4) == 0) continue;
        bool other = strange && rs_test_below(seed, 5) == 0;
        scans[n++] = (char)((other ? 'A' : 'a') + i);
        scans[n++] = ' ';
    }
    scans[n] = '\0';
    int late = rs_test_below(seed, 5) == 0 ? (int)rs_test_below(seed, 4) : 0;
    return (struct rs_letter_text){
        .scans = rs_test_say("%s", scans).p,
        .at = step - late + 1,
        .published = step + 2,
        .count = n / 2,
        .source = rs_test_below(seed, 6) == 0 ? 3 : 1,
        .part = part,
        .facts = some_facts(seed),
    };
}

Test(quick, decides_as_the_rows_do)
{
    uint64_t seed = rs_test_seed();
    rs_special_scan['h'] = (struct rs_special_scan){.status = "delivered.other"};
    rs_special_scan['c'] = (struct rs_special_scan){.kind = RS_EVENT_REPORTED};
    unsigned quick = 0, rows = 0;
    for (int life = 0; life < 400; life++) {
        struct rs_arena_mark mark = rs_arena_mark(rs_test_arena());
        struct rs_buf told = {0};
        struct parcel p;
        open_parcel(&p);
        struct rs_track_store *truth = rs_arena_zero(rs_test_arena(), sizeof *truth);
        for (int step = 0; step < 10; step++) {
            struct rs_letter_text letter[REPORTS_MAX];
            int n = 1 + (int)rs_test_below(&seed, 2);
            for (int i = 0; i < n; i++) {
                letter[i] = make_letter(&seed, step);
                rs_buf_printf(&told, " %d%s\"%s\"@%d%s%s", letter[i].source, letter[i].part ? "+" : "=",
                              letter[i].scans, (int)letter[i].at, letter[i].facts ? " " : "",
                              letter[i].facts ? letter[i].facts : "");
            }
            rs_buf_printf(&told, " |");
            tell_rows(truth, letter, n);
            tell(&p, letter, n);
            const char *want = words_of(truth), *got = words_of(p.store);
            cr_assert(!strcmp(got, want), "told%s: %s; not %s", rs_buf_cstr(&told), got, want);
            const char *want_views = views_in_words(truth), *got_views = views_in_words(p.store);
            cr_assert(!strcmp(got_views, want_views), "told%s: %s; not %s", rs_buf_cstr(&told), got_views, want_views);
        }
        settle(&p);
        int got_status = table_status(&p), want_status = status_of(truth);
        cr_assert(got_status == want_status, "told%s: status %d, not %d", rs_buf_cstr(&told), got_status, want_status);
        quick += p.quick;
        rows += p.rows;
        close_parcel(&p);
        rs_buf_free(&told);
        rs_arena_rewind(rs_test_arena(), mark);
    }
    cr_assert(quick > rows, "only %u of %u batches were decided quickly: the test shows little", quick, quick + rows);
}

/* ---- one by one --------------------------------------------------------------------------- */

Test(quick, needs_no_rows_for_a_history_that_grows)
{
    struct parcel p;
    open_parcel(&p);
    static const struct rs_letter_text letter[] = {{"a", 1}, {"a b", 2}, {"a b c", 3}, {"a b c", 3}, {"a b c d", 4}};
    for (size_t i = 0; i < COUNT(letter); i++) tell(&p, &letter[i], 1);
    cr_assert_eq(p.rows, 0);
    cr_assert_str_eq(words_of(p.store), "a b c d; head d");
    close_parcel(&p);
}

Test(quick, asks_the_rows_about_what_is_gone)
{
    static const struct {
        struct rs_letter_text first, second;
        unsigned rows;
    } cases[] = {
        {{"a b", 1}, {"a", 2}, 1},               /* withdrawn */
        {{"a b", 1}, {"a B", 2}, 1},             /* corrected */
        {{"a b", 2}, {"a c", 1}, 1},             /* an older one adds */
        {{"a b", 2}, {"a", 1}, 0},               /* an older one adds nothing */
        {{"a b", 1}, {"c", 9, .part = true}, 1}, /* told apart from the history */
        {{"a", 1, .part = true}, {"b", 2, .part = true}, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct parcel p;
        open_parcel(&p);
        tell(&p, &cases[i].first, 1);
        settle(&p);
        tell(&p, &cases[i].second, 1);
        cr_assert_eq(p.rows, cases[i].rows, "case %zu: %u", i, p.rows);
        close_parcel(&p);
    }
}

/* A report of its own about a parcel that is settled, which it then is again. */
static struct rs_quick *report_now(struct parcel *p, struct rs_report *report, const struct rs_view_order *order)
{
    struct rs_quick *q = new_quick(p);
    struct rs_track_counts counts;
    rs_table_pin(p->thread);
    if (rs_table_find(p->thread, p->key, &q->ref)) rs_table_read(p->thread, q->ref, &q->parcel);
    cr_assert(rs_quick_report(q, rs_test_arena(), report, 1, RS_LIT("source-1"), reading, true, 0, order, &counts));
    p->base = q->ref;
    rs_table_unpin(p->thread);
    return q;
}

Test(quick, notes_every_hour_that_a_source_looks_more_often)
{
    struct parcel p;
    open_parcel(&p);
    static const struct rs_letter_text letter = {"a", 1};
    int noted = 0;
    for (int minute = 0; minute <= 240; minute += 20) {
        struct rs_report report = rs_letter_report(&letter);
        struct rs_view_order order = rs_letter_order(&letter);
        report.looked_us = order.published_us = HOUR(1) + minute * RS_MINUTE_US;
        struct rs_quick *q = report_now(&p, &report, &order);
        noted += minute && q->state->view_n && q->state->view[0].changed;
        merge(&p, q);
    }
    cr_assert_eq(noted, 4, "%d times in four hours", noted);
    close_parcel(&p);
}

/* Whether a link of a message of that hour is taken. */
static bool tell_link(struct parcel *p, const char *scans, int64_t hour)
{
    const struct rs_link link = {RS_LIT("last_mile"), RS_LIT("usps"), RS_LIT("NEXT1"), NULL};
    struct rs_letter_text letter = {scans, 1, .published = hour, .part = true};
    struct rs_report report = rs_letter_report(&letter);
    struct rs_view_order order = rs_letter_order(&letter);
    struct rs_quick *q = report_now(p, &report, &order);
    bool taken = rs_quick_link(q, rs_test_arena(), 1, &link, order.published_us);
    merge(p, q);
    return taken;
}

Test(quick, takes_a_link_that_was_told_earlier)
{
    static const struct {
        const char *scans;
        int64_t hour;
        bool taken;
    } cases[] = {
        {"a", 10, true},    /* new */
        {"a", 12, false},   /* again */
        {"a b", 14, false}, /* again, beside a scan that is new */
        {"a", 8, true},     /* earlier than it was known */
        {"a b", 14, true},  /* the same message once more: that it is not earlier is not known */
        {"a b", 15, false},
    };
    struct parcel p;
    open_parcel(&p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_assert_eq(tell_link(&p, cases[i].scans, cases[i].hour), cases[i].taken, "case %zu", i);
    }
    close_parcel(&p);
}

Test(quick, takes_an_earlier_link_though_nothing_was_new_beside_the_later_one)
{
    struct parcel p;
    open_parcel(&p);
    static const struct rs_letter_text first = {"a", 1, .published = 5, .part = true};
    tell(&p, &first, 1);
    settle(&p);
    cr_assert(tell_link(&p, "a", 10));
    cr_assert(tell_link(&p, "a", 8));
    close_parcel(&p);
}

/* Whether a message of that hour may be the first that told of the parcel. */
static bool tell_first(struct parcel *p, const char *scans, int64_t hour)
{
    struct rs_letter_text letter = {scans, 1, .published = hour, .part = true};
    struct rs_report report = rs_letter_report(&letter);
    struct rs_view_order order = rs_letter_order(&letter);
    struct rs_quick *q = report_now(p, &report, &order);
    bool first = rs_quick_first(q, rs_test_arena(), order.published_us);
    merge(p, q);
    return first;
}

Test(quick, knows_when_a_parcel_was_first_told_of)
{
    static const struct {
        const char *scans;
        int64_t hour;
        bool first;
    } cases[] = {
        {"a", 10, true},   /* new */
        {"a", 12, false},  /* again */
        {"a", 8, true},    /* the same, told earlier */
        {"a", 8, false},   /* that message once more */
        {"a b", 9, false}, /* a scan that is new does not make it the first */
        {"a b", 7, true},
    };
    struct parcel p;
    open_parcel(&p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_assert_eq(tell_first(&p, cases[i].scans, cases[i].hour), cases[i].first, "case %zu", i);
    }
    close_parcel(&p);
}

Test(quick, knows_of_rows_when_a_parcel_was_first_told_of)
{
    static const struct rs_letter_text letters[] = {{"a", 1, .published = 5, .part = true},
                                                    {"a b", 2, .published = 9, .part = true}};
    struct parcel p;
    open_parcel(&p);
    tell(&p, letters, 2);
    settle(&p);
    struct rs_quick *q = decide_by_rows(&p, letters, 0);
    cr_assert_not(rs_quick_first(q, rs_test_arena(), HOUR(6)));
    cr_assert(rs_quick_first(q, rs_test_arena(), HOUR(4)));
    close_parcel(&p);
}

Test(quick, knows_whether_a_parcel_was_scanned)
{
    static const struct {
        const char *scans;
        bool before;
    } cases[] = {{"s", false}, {"s i", false}, {"s i p", false}, {"s i p a", false}, {"s i p a b", true}};
    rs_special_scan['s'] = (struct rs_special_scan){.status = "accepted.scan", .marks = RS_MARK_synthetic};
    rs_special_scan['i'] = (struct rs_special_scan){.status = "info.received"};
    rs_special_scan['p'] = (struct rs_special_scan){.status = "delivered.other", .kind = RS_EVENT_PLANNED};
    struct parcel p;
    open_parcel(&p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_letter_text letter = {cases[i].scans, (int64_t)i + 1, .part = true};
        tell(&p, &letter, 1);
        cr_assert_eq(rs_quick_scanned_before(p.under_way), cases[i].before, "case %zu", i);
    }
    settle(&p);
    struct rs_quick *q = decide_by_rows(&p, NULL, 0);
    cr_assert(q->marks & RS_TABLE_IN_HANDS);
    close_parcel(&p);
}

Test(quick, orders_heads_by_instant_then_source_then_sequence_then_rank)
{
    struct rs_table_head low = {{5, 1, 1, 1}}, high = low;
    static const struct rs_table_head step = {{1, 1, 1, 1}};
    for (int i = 0; i < 4; i++) {
        high = low;
        high.word[i] += step.word[i];
        cr_assert(rs_quick_head_cmp(&low, &high, NULL) < 0);
        cr_assert(rs_quick_head_cmp(&high, &low, NULL) > 0);
        for (int k = i + 1; k < 4; k++) high.word[k] = 0;
        cr_assert(rs_quick_head_cmp(&low, &high, NULL) < 0, "word %d outweighs those behind it", i);
    }
    struct rs_table_head before_1970 = {{(uint64_t)-5, 9, 9, 9}};
    cr_assert(rs_quick_head_cmp(&before_1970, &low, NULL) < 0);
}
