/* A parcel's events, one rule at a time; test_track_order.c has all of them. */
#include "letters.h"

/* ---- one rule each --------------------------------------------------------------------------- */

Test(track, counts_a_known_event_as_a_duplicate)
{
    struct rs_parcel_state state = {0};
    struct rs_track_counts counts = rs_tell(&state, &(struct rs_letter_text){"a b", 1});
    cr_expect(counts.fresh == 2 && counts.duplicate == 0 && counts.withdrawn == 0);
    counts = rs_tell(&state, &(struct rs_letter_text){"a b c", 2});
    cr_expect(counts.fresh == 1 && counts.duplicate == 2 && counts.reread == 0);
    counts = rs_tell(&state, &(struct rs_letter_text){"a b c", 2});
    cr_expect(counts.fresh == 0 && counts.duplicate == 3);
    cr_expect(state.known_n == 3 && state.change_n == 0);
}

Test(track, rereads_only_under_a_higher_version)
{
    static const struct {
        uint16_t first, second;
        bool reread;
    } cases[] = {{1, 2, true}, {1, 1, false}, {2, 1, false}, {7, 8, true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_parcel_state state = {0};
        rs_tell(&state, &(struct rs_letter_text){"a", 1, .identity = cases[i].first});
        struct rs_track_counts counts = rs_tell(&state, &(struct rs_letter_text){"a'", 2, .identity = cases[i].second});
        cr_expect(counts.reread == cases[i].reread && counts.fresh == counts.reread, "%u then %u", cases[i].first,
                  cases[i].second);
        cr_expect(counts.duplicate == !cases[i].reread);
        cr_expect(counts.withdrawn == 0, "that the older reading is superseded is derived");
    }
}

Test(track, compares_readings_by_profile_before_zone_data)
{
    struct rs_reading old_zones = {2, rs_iana_short(202501)}, new_zones = {2, rs_iana_short(202502)};
    struct rs_reading old_profile = {1, rs_iana_short(203001)};
    cr_expect(rs_reading_cmp(old_zones, new_zones) < 0);
    cr_expect(rs_reading_cmp(new_zones, old_zones) > 0);
    cr_expect(rs_reading_cmp(old_profile, old_zones) < 0);
    cr_expect(rs_reading_cmp(old_zones, old_zones) == 0);
    cr_expect(rs_iana_short(202502) == 652);
    cr_expect(rs_iana_short(202526) < rs_iana_short(202601));
}

Test(track, takes_a_known_fp_for_a_duplicate_under_any_words)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a", 1});
    struct rs_report report = rs_letter_report(&(struct rs_letter_text){"a", 2});
    struct rs_view_order order = rs_letter_order(&(struct rs_letter_text){"a", 2});
    report.event[0].said = rs_key_of("reworded", 8);
    struct rs_track_counts counts = rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("source-1"),
                                                    (struct rs_reading){9, 900}, 0, &order);
    cr_expect(counts.duplicate == 1 && counts.fresh == 0);
    assert_state(&state, "a; head a");
}

Test(track, does_not_mix_the_words_of_two_sources)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a", 1});
    struct rs_report report = rs_letter_report(&(struct rs_letter_text){"a", 2, .source = 2});
    struct rs_view_order order = rs_letter_order(&(struct rs_letter_text){"a", 2});
    report.event[0].said = rs_key_of("a1", 2);
    struct rs_track_counts counts = rs_track_report(&state, rs_test_arena(), &report, 2, RS_LIT("source-2"),
                                                    (struct rs_reading){9, 900}, 0, &order);
    cr_expect(counts.fresh == 1 && counts.reread == 0);
    assert_state(&state, "a a2; head a2");
}

Test(track, lets_part_messages_only_add)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a b", 5});
    struct rs_track_counts counts = rs_tell(&state, &(struct rs_letter_text){"c", 9, .part = true});
    cr_expect(counts.fresh == 1 && counts.withdrawn == 0);
    assert_state(&state, "a b c; head c");
    cr_expect(rs_track_view(&state, 1)->order.at_us == HOUR(5), "they have no order of their own");
}

Test(track, logs_each_change_of_what_is_current)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a b", 1});
    cr_expect(state.change_n == 0, "what is new is current without a line");
    rs_tell(&state, &(struct rs_letter_text){"a B", 2});
    cr_assert(state.change_n == 1);
    cr_expect(state.change[0].change == RS_CHANGE_SUPERSEDED);
    cr_expect(rs_key_eq(state.change[0].fp, rs_scan_of('b', false, 1).fp));
    cr_expect(rs_key_eq(state.change[0].by, rs_scan_of('B', false, 1).fp));
    struct rs_track_counts counts = rs_tell(&state, &(struct rs_letter_text){"a", 3});
    cr_assert(state.change_n == 3, "B is withdrawn, and b is superseded by nobody any more");
    cr_expect(counts.withdrawn == 1);
    counts = rs_tell(&state, &(struct rs_letter_text){"a b", 4});
    cr_assert(state.change_n == 5);
    cr_expect(counts.reinstated == 1 && counts.withdrawn == 0);
    int32_t last = 0;
    for (uint32_t i = 0; i < state.change_n; i++) {
        cr_expect(state.change[i].rev >= last, "revisions rise");
        last = state.change[i].rev;
    }
    cr_expect(rs_track_view(&state, 1)->rev == last);
}

Test(track, names_the_lowest_key_at_the_instant_as_the_successor)
{
    struct rs_parcel_state state = {0};
    struct rs_report report = rs_letter_report(&(struct rs_letter_text){"a", 1});
    struct rs_view_order order = rs_letter_order(&(struct rs_letter_text){"a", 1});
    struct rs_reading reading = {1, 652};
    rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("s"), reading, 0, &order);

    struct rs_event events[3];
    for (int i = 0; i < 3; i++) {
        events[i] = rs_scan_of('a', false, 1);
        events[i].fp = (struct rs_key){{(uint8_t)(3 - i)}};
        events[i].said = rs_key_of(&i, sizeof i);
    }
    report.event = events;
    report.event_count = 3;
    order = rs_letter_order(&(struct rs_letter_text){"a", 2});
    rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("s"), reading, 0, &order);
    cr_assert(state.known[0].state == RS_CHANGE_SUPERSEDED);
    cr_expect(state.known[0].by.b[0] == 1, "by %d", state.known[0].by.b[0]);
}

Test(track, keeps_the_order_of_what_it_applied_without_needless_writes)
{
    struct rs_parcel_state state = {0};
    struct rs_track_store store = {0};
    rs_tell(&state, &(struct rs_letter_text){"a b", 5});
    cr_expect(state.view[0].changed);
    rs_store_save(&store, &state);

    rs_store_load(&store, &state);
    rs_tell(&state, &(struct rs_letter_text){"a b", 5, .published = 8});
    cr_expect(!state.view[0].changed, "equal in time, and it changed nothing");

    rs_store_load(&store, &state);
    rs_tell(&state, &(struct rs_letter_text){"a b", 6});
    cr_expect(state.view[0].changed && state.view[0].order.at_us == HOUR(6), "later in time");

    rs_store_load(&store, &state);
    rs_tell(&state, &(struct rs_letter_text){"a", 4});
    cr_expect(!state.view[0].changed, "older");

    rs_store_load(&store, &state);
    rs_tell(&state, &(struct rs_letter_text){"a b c", 5, .published = 8});
    cr_expect(state.view[0].changed, "equal in time, but it changed something");
}

Test(track, orders_messages_by_time_count_publication_and_position)
{
    static const struct rs_view_order orders[] = {
        {RS_INSTANT_NONE, 0, 0, 0, 0, 0},
        {1, 0, 9, 9, 9, 9},
        {1, 1, 0, 9, 9, 9},
        {1, 1, 1, 0, 9, 9},
        {1, 1, 1, 1, 0, 9},
        {1, 1, 1, 1, 1, 0},
        {1, 1, 1, 1, 1, 1},
        {2, 0, 0, 0, 0, 0},
    };
    for (size_t a = 0; a < COUNT(orders); a++) {
        for (size_t b = 0; b < COUNT(orders); b++) {
            int want = a < b ? -1 : a > b;
            cr_expect(rs_view_order_cmp(&orders[a], &orders[b]) == want, "%zu and %zu", a, b);
        }
    }
}

Test(track, applies_the_newest_message_again_without_a_change)
{
    struct rs_parcel_state state = {0};
    struct rs_track_store store = {0};
    rs_tell(&state, &(struct rs_letter_text){"a b", 1});
    rs_tell(&state, &(struct rs_letter_text){"a B", 2, .facts = "x"});
    rs_store_save(&store, &state);
    rs_store_load(&store, &state);
    struct rs_track_counts counts = rs_tell(&state, &(struct rs_letter_text){"a B", 2, .facts = "x"});
    cr_expect(counts.fresh == 0 && counts.withdrawn == 0 && counts.reinstated == 0 && !counts.facts_changed);
    cr_expect(state.change_n == 0 && !state.view[0].changed);
}

/* Replaying the topic with a mended profile must not hide what it read. */
Test(track, keeps_a_new_reading_of_the_newest_message_current)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a b", 2});
    struct rs_track_counts counts = rs_tell(&state, &(struct rs_letter_text){"a' b'", 2, .identity = 2});
    cr_expect(counts.reread == 2 && counts.withdrawn == 0);
    assert_state(&state, "a' b'; head b'");
}

Test(track, keeps_a_new_reading_of_an_older_message_as_current_as_its_words)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a b", 1});
    rs_tell(&state, &(struct rs_letter_text){"a c", 2});
    rs_tell(&state, &(struct rs_letter_text){"a' b'", 1, .identity = 2});
    assert_state(&state, "a' b'- c; head c");
}

/* One event in two wordings has one row a reading, with the words of either. */
Test(track, supersedes_the_older_reading_of_another_wording)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a", 1});
    struct rs_letter_text second = {"a'", 2, .identity = 2};
    struct rs_report report = rs_letter_report(&second);
    struct rs_view_order order = rs_letter_order(&second);
    report.event[0].said = rs_key_of("reworded", 8);
    struct rs_reading reading = {2, rs_iana_short(202502)};
    rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("source-1"), reading, 0, &order);
    assert_state(&state, "a' a-; head a'");
    rs_tell(&state, &(struct rs_letter_text){"a'", 3, .identity = 2});
    assert_state(&state, "a' a>a'; head a'");
    order.at_us = HOUR(4);
    rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("source-1"), reading, 0, &order);
    assert_state(&state, "a' a>a'; head a'");
    rs_tell(&state, &(struct rs_letter_text){"a", 9});
    assert_state(&state, "a' a>a'; head a'");
}

/* Orders of two readings do not compare, the latest scan does: also where it is
 * told in one wording and its row has another. */
Test(track, decides_anew_by_the_latest_scan_in_either_wording)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a", 2});
    struct rs_letter_text second = {"a'", 1, 3, .identity = 2};
    struct rs_report report = rs_letter_report(&second);
    struct rs_view_order order = rs_letter_order(&second);
    report.event[0].said = rs_key_of("reworded", 8);
    struct rs_reading reading = {2, rs_iana_short(202502)};
    rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("source-1"), reading, 0, &order);
    assert_state(&state, "a a'-; head a");
    rs_tell(&state, &(struct rs_letter_text){"a'", 1, 4, .identity = 2});
    assert_state(&state, "a' a>a'; head a'");
}

Test(track, remembers_the_latest_scan_that_a_part_has_superseded)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a b", 2});
    struct rs_letter_text second = {"b'", 1, 3, .identity = 2, .part = true};
    struct rs_report report = rs_letter_report(&second);
    struct rs_view_order order = rs_letter_order(&second);
    report.event[0].said = rs_key_of("reworded", 8);
    struct rs_reading reading = {2, rs_iana_short(202502)};
    rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("source-1"), reading, 0, &order);
    rs_tell(&state, &(struct rs_letter_text){"b'", 1, 4, .identity = 2, .part = true});
    assert_state(&state, "a b' b>b'; head b'");
    rs_tell(&state, &(struct rs_letter_text){"a'", 1, 5, .identity = 2});
    assert_state(&state, "a' b' b>b'; head b'");
}

/* It may read the instants, and so the order, otherwise. */
Test(track, lets_an_older_release_only_add)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a' b'", 2, .identity = 2});
    rs_tell(&state, &(struct rs_letter_text){"a c", 3});
    assert_state(&state, "a' b' c; head c");
}

Test(track, does_not_let_an_older_release_undo_a_newer_reading)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a' b' c'", 2, .identity = 2});
    /* The older profile does not understand one of the three. */
    struct rs_track_counts counts = rs_tell(&state, &(struct rs_letter_text){"a b", 2});
    cr_expect(counts.withdrawn == 0 && counts.fresh == 0);
    assert_state(&state, "a' b' c'; head c'");
}

/* All of it lies ahead, so there is no latest scan to order by. */
Test(track, orders_messages_that_hold_no_scan_yet)
{
    rs_special_scan['a'].kind = rs_special_scan['b'].kind = rs_special_scan['c'].kind = RS_EVENT_PLANNED;
    for (int round = 0; round < 2; round++) {
        struct rs_parcel_state state = {0};
        struct rs_letter_text letters[] = {{"a b", .published = 1}, {"a c", .published = 2}};
        for (int i = 0; i < 2; i++) {
            const struct rs_letter_text *letter = &letters[round ? 1 - i : i];
            struct rs_report report = rs_letter_report(letter);
            struct rs_view_order order = rs_letter_order(letter);
            order.at_us = RS_INSTANT_NONE;
            rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("source-1"), (struct rs_reading){1, 652}, 0,
                            &order);
        }
        assert_state(&state, "a b- c; head none");
    }
}

/* ---- facts -------------------------------------------------------------------------------------- */

Test(track, takes_facts_unless_a_newer_snapshot_was_applied)
{
    struct rs_parcel_state state = {0};
    cr_expect(rs_tell(&state, &(struct rs_letter_text){"a", 5, .facts = "x"}).facts_changed);
    cr_expect(!rs_tell(&state, &(struct rs_letter_text){"a b", 6, .facts = "x"}).facts_changed, "the same again");
    cr_expect(!rs_tell(&state, &(struct rs_letter_text){"a", 4, .facts = "y"}).facts_changed, "an older message");
    cr_expect(rs_tell(&state, &(struct rs_letter_text){"a b", 7, .facts = "z"}).facts_changed);
    cr_expect(!rs_tell(&state, &(struct rs_letter_text){"a b", 8}).facts_changed, "none told");
    cr_expect(rs_key_eq(state.view[0].facts, rs_key_of("z", 1)));
    cr_expect(rs_tell(&state, &(struct rs_letter_text){"b", 9, .facts = "z", .source = 2}).facts_changed,
              "another source");
}

Test(track, takes_the_facts_of_part_messages_as_they_come)
{
    struct rs_parcel_state state = {0};
    cr_expect(rs_tell(&state, &(struct rs_letter_text){"a", 5, .part = true, .facts = "x"}).facts_changed);
    cr_expect(rs_tell(&state, &(struct rs_letter_text){"b", 3, .part = true, .facts = "y"}).facts_changed);
    cr_expect(!rs_tell(&state, &(struct rs_letter_text){"c", 4, .part = true, .facts = "y"}).facts_changed);
}

Test(track, takes_the_facts_of_an_empty_snapshot)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a", 5});
    struct rs_track_counts counts = rs_tell(&state, &(struct rs_letter_text){"", 6, .facts = "x"});
    cr_expect(counts.facts_changed && counts.withdrawn == 0);
    cr_expect(rs_track_view(&state, 1)->order.at_us == HOUR(5));
}

Test(track, raises_the_revision_with_facts)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a", 5, .facts = "x"});
    int32_t first = state.view[0].rev;
    rs_tell(&state, &(struct rs_letter_text){"a", 6, .facts = "y"});
    cr_expect(state.view[0].rev == first + 1);
    rs_tell(&state, &(struct rs_letter_text){"b", 7, .facts = "z"});
    cr_expect(state.view[0].rev == first + 2, "facts and a withdrawal of one message share one");
}

/* ---- the status ------------------------------------------------------------------------------------- */

Test(track, has_no_head_without_events)
{
    struct rs_parcel_state state = {0};
    cr_expect(rs_track_head(&state) == NULL);
    rs_tell(&state, &(struct rs_letter_text){"", 1});
    cr_expect(rs_track_head(&state) == NULL);
}

Test(track, takes_the_newest_that_happened_and_moves)
{
    rs_special_scan['d'].status = "unknown.unmapped";
    rs_special_scan['e'].kind = RS_EVENT_PLANNED;
    rs_special_scan['f'].marks = RS_MARK_future;
    rs_special_scan['g'].kind = RS_EVENT_REPORTED;
    rs_special_scan['h'].marks = RS_MARK_synthetic;
    static const struct {
        const char *scans, *head;
    } cases[] = {
        {"c a b", "c"}, {"a d", "a"}, {"a e", "a"},      {"a f", "a"},
        {"a g", "g"},   {"a h", "h"}, {"d e f", "none"}, {"c d e f g", "g"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_parcel_state state = {0};
        rs_tell(&state, &(struct rs_letter_text){cases[i].scans, 1});
        const struct rs_known *head = rs_track_head(&state);
        cr_expect_str_eq(head ? rs_scan_name(&state, head->fp) : "none", cases[i].head, "of %s", cases[i].scans);
    }
}

/* Instant, source, sequence, rank, key: each decides only where those before it
 * are equal. */
Test(track, breaks_ties_by_the_total_order)
{
    static const struct {
        int64_t instant;
        const char *source;
        int64_t sequence;
        const char *status;
        uint8_t key;
    } rising[] = {
        {1, "z", 9, "delivered.other", 9}, {2, "a", 9, "delivered.other", 9},  {2, "ab", 1, "delivered.other", 9},
        {2, "ab", 2, "info.received", 9},  {2, "ab", 2, "delivered.other", 1}, {2, "ab", 2, "delivered.other", 2},
        {3, "a", 0, "info.received", 0},
    };
    for (size_t a = 0; a < COUNT(rising); a++) {
        for (size_t b = 0; b < COUNT(rising); b++) {
            if (a == b) continue;
            struct rs_parcel_state state = {0};
            size_t pair[2] = {a, b};
            for (int i = 0; i < 2; i++) {
                struct rs_known *known = rs_track_add_known(&state, rs_test_arena());
                size_t k = pair[i];
                *known = (struct rs_known){
                    .fp = {{rising[k].key, (uint8_t)k}},
                    .said = {{(uint8_t)(k + 1)}},
                    .instant_us = rising[k].instant,
                    .sequence = rising[k].sequence,
                    .status = rs_test_status(rising[k].status),
                    /* Numbers of sources say nothing; names do. */
                    .source = 100 - (int32_t)strlen(rising[k].source) - rising[k].source[0],
                    .source_name = rs_str_of(rising[k].source),
                };
            }
            cr_expect(rs_track_head(&state) == &state.known[a > b ? 0 : 1], "%zu and %zu", a, b);
        }
    }
}

Test(track, passes_over_a_status_of_a_newer_release)
{
    struct rs_parcel_state state = {0};
    rs_tell(&state, &(struct rs_letter_text){"a", 1});
    struct rs_known *known = rs_track_add_known(&state, rs_test_arena());
    *known = (struct rs_known){.fp = {{1}}, .said = {{1}}, .instant_us = HOUR(9), .source = 1};
    assert_str(rs_test_say("%s", rs_scan_name(&state, rs_track_head(&state)->fp)), "a");
}

Test(track, counts_no_older_reading_for_the_status)
{
    struct rs_parcel_state state = {0};
    struct rs_report report = rs_letter_report(&(struct rs_letter_text){"a b", 1});
    struct rs_view_order order = rs_letter_order(&(struct rs_letter_text){"a b", 1});
    rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("source-1"), (struct rs_reading){1, 652}, 0, &order);
    /* The mended rule puts b before a. */
    report.event[1].fp = rs_key_of("b anew", 6);
    report.event[1].instant_us = HOUR(-5);
    order = rs_letter_order(&(struct rs_letter_text){"a b", 2});
    rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("source-1"), (struct rs_reading){2, 652}, 0, &order);
    cr_expect_str_eq(rs_scan_name(&state, rs_track_head(&state)->fp), "a");
}

/* ---- size ----------------------------------------------------------------------------------------------- */

static struct rs_report many(uint32_t from, uint32_t n)
{
    struct rs_report report = {.snapshot = true, .event_count = n};
    report.event = rs_arena_zero(rs_test_arena(), n * sizeof *report.event);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = from + i;
        report.event[i] = (struct rs_event){
            .instant_us = HOUR(number),
            .fp = rs_key_of(&number, sizeof number),
            .said = rs_key_of((const char[]){'s', (char)number, (char)(number >> 8), (char)(number >> 16)}, 4),
            .status = rs_test_status("transit.arrived"),
        };
    }
    return report;
}

Test(track, finds_every_event_however_many_there_are, .timeout = 100)
{
    static const uint32_t sizes[] = {1, 7, 8, 9, 31, 32, 33, 64, 65, 1000, 10000, 10001};
    for (size_t k = 0; k < COUNT(sizes); k++) {
        uint32_t n = sizes[k];
        struct rs_parcel_state state = {0};
        struct rs_reading reading = {1, 652};
        struct rs_arena_mark mark = rs_arena_mark(rs_test_arena());
        /* In two steps, so that the index grows under known events. */
        for (int half = 0; half < 2; half++) {
            struct rs_report report = many(0, half ? n : n / 2);
            struct rs_view_order order = {.at_us = HOUR(half), .published_us = 1};
            struct rs_track_counts counts = rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("s"), reading,
                                                            0, &order);
            cr_assert(counts.fresh == (half ? n - n / 2 : n / 2), "%u: %u fresh", n, counts.fresh);
        }
        struct rs_report again = many(0, n);
        struct rs_view_order order = {.at_us = HOUR(9), .published_us = 1};
        struct rs_track_counts counts = rs_track_report(&state, rs_test_arena(), &again, 1, RS_LIT("s"), reading, 0,
                                                        &order);
        cr_assert(counts.duplicate == n && counts.fresh == 0, "%u: %u found again", n, counts.duplicate);
        cr_assert(rs_track_head(&state)->instant_us == HOUR(n - 1));
        rs_arena_rewind(rs_test_arena(), mark);
    }
}

Test(track, finds_rows_that_the_caller_added)
{
    struct rs_parcel_state state = {0};
    struct rs_report report = many(0, 300);
    for (uint32_t i = 0; i < 150; i++) {
        struct rs_known *known = rs_track_add_known(&state, rs_test_arena());
        *known = (struct rs_known){.fp = report.event[2 * i].fp,
                                   .said = report.event[2 * i].said,
                                   .instant_us = report.event[2 * i].instant_us,
                                   .status = report.event[2 * i].status,
                                   .source = 1};
    }
    struct rs_view_order order = {.at_us = HOUR(1), .published_us = 1};
    struct rs_track_counts counts = rs_track_report(&state, rs_test_arena(), &report, 1, RS_LIT("s"),
                                                    (struct rs_reading){1, 652}, 0, &order);
    cr_expect(counts.duplicate == 150 && counts.fresh == 150);
}
