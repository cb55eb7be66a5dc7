/* From a record to a message: what is whole, what is set aside, what is bounded. */
#include "rastro/decode.h"

#include "compare_json.h"
#include "support.h"

static const struct rs_profile *plain(void)
{
    static const struct rs_profile *p;
    if (!p) p = rs_test_profile(rs_test_plain_profile);
    return p;
}

static struct rs_message decode(const char *json)
{
    return rs_test_decode_with(plain(), rs_test_json(json));
}

static struct rs_message decode_record(const struct rs_record *record)
{
    struct rs_profile *only = (struct rs_profile *)(uintptr_t)plain();
    struct rs_profiles profiles = {&only, 1};
    struct rs_decoder_options options = {0};
    struct rs_decoder *decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), &profiles, &options);
    struct rs_message m;
    rs_decode(decoder, record, rs_test_arena(), &m);
    rs_decoder_free(decoder);
    return m;
}

/* An event at hour `hour` with code `code`. */
#define EVENT(code, hour) "{'code': '" code "', 'time': '2025-05-21T" hour ":00Z'}"

/* ---- records that are no message ------------------------------------------------------- */

Test(decode, passes_over_a_tombstone)
{
    struct rs_message m = decode_record(&(struct rs_record){.time_us = 5});
    cr_expect(m.outcome == RS_OUTCOME_IGNORED);
    assert_str(m.reason, "tombstone");
    cr_expect(m.published_us == 5 && m.profile == NULL);
}

Test(decode, quarantines_what_it_cannot_read)
{
    static const struct {
        const char *json, *reason;
    } cases[] = {
        {"{'number': ", "JSON: the text ends before its value at line 1, column 12"},
        {"\xff", "JSON: not valid UTF-8"},
        {" ", "JSON: empty"},
        {"{'x': 1}", "unknown shape: no profile knows this message"},
        {"[{'number': '1'}]", "unknown shape: no profile knows this message"},
        {"{'number': null, 'events': []}", "number: missing"},
        {"{'number': '', 'events': []}", "number: missing"},
        {"{'number': 'string'}", "number: 'string' is no tracking number"},
        {"{'number': '1<2'}", "number: '1<2' is no tracking number"},
        {"{'number': {'a': 1}}", "number: missing"},
        {"{'number': ['1']}", "number: missing"},
        {"{'number': '1', 'number': '2'}", "key \"number\" is there twice"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_message m = decode(cases[i].json);
        cr_expect(m.outcome == RS_OUTCOME_QUARANTINED, "%s", cases[i].json);
        cr_expect(rs_str_is(m.reason, cases[i].reason), "%s: %.*s", cases[i].json, RS_FMT(m.reason));
        cr_expect(m.report == NULL && m.report_count == 0);
    }
    struct rs_message m = decode_record(&(struct rs_record){.value = {"", 0}});
    cr_expect(m.outcome == RS_OUTCOME_QUARANTINED && rs_str_is(m.reason, "empty value"));
}

Test(decode, quarantines_what_is_too_large)
{
    struct rs_buf buf = {0};
    rs_buf_puts(&buf, RS_LIT("{\"number\":\"1\"}"));
    while (buf.n < RS_MESSAGE_BYTES_MAX) rs_buf_putc(&buf, ' ');
    struct rs_message m = rs_test_decode_with(plain(), (struct rs_str){buf.p, (uint32_t)buf.n});
    cr_expect(m.outcome == RS_OUTCOME_TRACKING, "%.*s", RS_FMT(m.reason));
    rs_buf_putc(&buf, ' ');
    m = rs_test_decode_with(plain(), (struct rs_str){buf.p, (uint32_t)buf.n});
    cr_expect(m.outcome == RS_OUTCOME_QUARANTINED);
    assert_str(m.reason, "8388609 bytes, more than 8388608");
    rs_buf_free(&buf);
}

/* What is cut must stay text: PostgreSQL takes no half of a character. */
Test(decode, gives_reasons_that_are_text)
{
    for (int before = 0; before < 8; before++) {
        struct rs_buf buf = {0};
        for (int i = 0; i < before; i++) rs_buf_putc(&buf, 'x');
        for (int i = 0; i < 400; i++) rs_buf_puts(&buf, RS_LIT("\xe2\x82\xac"));
        const char *word = rs_buf_cstr(&buf);
        const struct {
            const char *format, *source;
        } messages[] = {
            {"{'number': '%s'}", NULL},
            {"{'number': '1', 'events': [{'code': 'A', 'time': '%s'}]}", NULL},
            {"{'rastro': 'event/1', 'number': '1', 'carrier': 'dhl', 'feed': '%s', 'event': {}}", "rastro"},
        };
        for (size_t i = 0; i < COUNT(messages); i++) {
            struct rs_buf json = {0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            rs_buf_printf(&json, messages[i].format, word);
#pragma GCC diagnostic pop
            struct rs_str text = rs_test_json(rs_buf_cstr(&json));
            struct rs_message m = messages[i].source ? rs_test_decode(messages[i].source, text)
                                                     : rs_test_decode_with(plain(), text);
            struct rs_str reason = m.reason;
            if (m.outcome == RS_OUTCOME_TRACKING) {
                cr_assert(m.report[0].reject_count == 1);
                reason = m.report[0].reject[0].reason;
            }
            cr_expect(reason.n > 30 && reason.n < 512, "%u bytes", reason.n);
            cr_expect(rs_is_utf8(reason), "message %zu, %d before: %.*s", i, before, RS_FMT(reason));
            rs_buf_free(&json);
        }
        rs_buf_free(&buf);
    }
}

/* ---- neighbours ------------------------------------------------------------------------------ */

Test(decode, sets_a_bad_event_aside_and_keeps_its_neighbours)
{
    struct rs_message m = decode("{'number': 'RB123456785CN', 'events': [" EVENT(
        "ACC", "08") ", {'code': 'X', 'time': 'string'}, 7,"
                     " {'time': '2025-05-21T09:00Z'}, {'code': 'X'}, " EVENT("DEL", "10") "]}");
    cr_assert(m.outcome == RS_OUTCOME_TRACKING && m.report_count == 1);
    const struct rs_report *r = &m.report[0];
    cr_assert(r->event_count == 2 && r->reject_count == 4);
    cr_expect(r->event[0].line == 0 && r->event[1].line == 5, "the number in the payload's list");
    static const char *const reasons[] = {"time: 'string' is no date", "event: expected an object, found number",
                                          "event: neither code nor text", "time: missing"};
    for (uint32_t i = 0; i < 4; i++) {
        assert_str(r->reject[i].reason, reasons[i]);
        assert_str(r->reject[i].path, rs_test_say("$.events[%u]", i + 1).p);
    }
    assert_str(r->reject[1].raw, "7");
}

static const char two_parcels[] =
    "{'source': 'many', 'identity': {'version': 1, 'shapes': [{'name': 'a', 'when': ['$.list'], 'history': 'part',"
    " 'parcel': '$.list[*]', 'event': ['@.e[*]', '@.e']}], 'parcel': {'number': '@.n', 'carrier': {'at': '@.by'}},"
    " 'event': {'code': '@.c', 'time': {'at': '@.t', 'as': 'iso'}}}, 'meaning': {'version': 1}}";

Test(decode, sets_a_bad_parcel_aside_and_keeps_its_neighbours)
{
    struct rs_str json = rs_test_json(
        "{'list': [{'n': 'string'}, {'n': '77-1', 'by': 'dhl', 'e': []}, 7, {'n': '78', 'n': '79'}]}");
    struct rs_message m = rs_test_decode_with(rs_test_profile(two_parcels), json);
    cr_assert(m.outcome == RS_OUTCOME_TRACKING && m.report_count == 4);
    static const struct {
        const char *number, *reason, *path;
    } want[] = {{"", "number: 'string' is no tracking number", "$.list[0]"},
                {"771", NULL, NULL},
                {"", "number: missing", "$.list[2]"},
                {"", "key \"n\" is there twice", "$.list[3]"}};
    for (uint32_t i = 0; i < 4; i++) {
        assert_str(m.report[i].parcel.number, want[i].number);
        cr_assert(m.report[i].reject_count == (want[i].reason ? 1 : 0), "parcel %u", i);
        if (!want[i].reason) continue;
        assert_str(m.report[i].reject[0].reason, want[i].reason);
        assert_str(m.report[i].reject[0].path, want[i].path);
    }
}

Test(decode, takes_one_object_where_a_list_is_usual)
{
    static const struct {
        const char *events;
        uint32_t count, rejects;
    } cases[] = {
        {"{'c': 'A', 't': '2025-05-21T08:00Z'}", 1, 0},
        {"[{'c': 'A', 't': '2025-05-21T08:00Z'}]", 1, 0},
        {"[]", 0, 0},
        {"null", 0, 0},
        {"'none'", 0, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_str json = rs_test_json(rs_test_say("{'list': [{'n': '771', 'e': %s}]}", cases[i].events).p);
        struct rs_message m = rs_test_decode_with(rs_test_profile(two_parcels), json);
        cr_assert(m.report_count == 1, "%s: %.*s", cases[i].events, RS_FMT(m.reason));
        cr_expect(m.report[0].event_count == cases[i].count, "%s", cases[i].events);
        cr_expect(m.report[0].reject_count == cases[i].rejects, "%s", cases[i].events);
    }
}

Test(decode, drops_a_scan_that_stands_twice_in_the_list)
{
    struct rs_message m = decode("{'number': '1', 'events': [" EVENT("ACC", "08") "," EVENT("MOV", "09") "," EVENT(
        "ACC", "08") ", {'time': '2025-05-21T10:00+02:00', 'code': 'ACC'}," EVENT("ACC", "09") "]}");
    cr_expect(m.report[0].event_count == 3 && m.report[0].repeated == 2, "%u and %u", m.report[0].event_count,
              m.report[0].repeated);
}

Test(decode, drops_repeats_of_long_lists_too)
{
    struct rs_buf json = {0};
    rs_buf_puts(&json, RS_LIT("{\"number\":\"1\",\"events\":["));
    for (int i = 0; i < 1000; i++) {
        rs_buf_printf(&json, "%s{\"code\":\"C%d\",\"time\":\"2025-05-21T08:00Z\"}", i ? "," : "", i % 300);
    }
    rs_buf_puts(&json, RS_LIT("]}"));
    struct rs_message m = rs_test_decode_with(plain(), (struct rs_str){json.p, (uint32_t)json.n});
    cr_expect(m.report[0].event_count == 300 && m.report[0].repeated == 700);
    for (uint32_t i = 0; i < 300; i++) cr_assert(m.report[0].event[i].line == i);
    rs_buf_free(&json);
}

/* ---- bounds ------------------------------------------------------------------------------------ */

Test(decode, takes_no_part_of_a_history_for_the_whole)
{
    for (int over = 0; over < 2; over++) {
        struct rs_buf json = {0};
        rs_buf_puts(&json, RS_LIT("{\"number\":\"1\",\"events\":["));
        for (int i = 0; i < RS_EVENTS_MAX - 1 + over; i++) rs_buf_puts(&json, i ? RS_LIT(",1") : RS_LIT("1"));
        rs_buf_puts(&json, RS_LIT("]}"));
        struct rs_message m = rs_test_decode_with(plain(), (struct rs_str){json.p, (uint32_t)json.n});
        cr_assert(m.report_count == 1);
        if (over) {
            cr_assert(m.report[0].reject_count == 1 && m.report[0].event_count == 0);
            assert_str(m.report[0].reject[0].reason, "20000 events or more in a history");
        } else {
            cr_expect(m.report[0].reject_count == RS_EVENTS_MAX - 1);
        }
        rs_buf_free(&json);
    }
}

Test(decode, takes_a_bounded_number_of_parcels)
{
    for (int over = 0; over < 2; over++) {
        struct rs_buf json = {0};
        rs_buf_puts(&json, RS_LIT("{\"list\":["));
        for (int i = 0; i < RS_REPORTS_MAX + over; i++) rs_buf_printf(&json, "%s{\"n\":\"%d\"}", i ? "," : "", i);
        rs_buf_puts(&json, RS_LIT("]}"));
        struct rs_str text = {json.p, (uint32_t)json.n};
        struct rs_message m = rs_test_decode_with(rs_test_profile(two_parcels), text);
        cr_expect(m.report_count == (over ? 0 : RS_REPORTS_MAX), "%.*s", RS_FMT(m.reason));
        if (over) assert_str(m.reason, "2001 parcels in a message, more than 2000");
        rs_buf_free(&json);
    }
}

/* `n` times the piece, as a JSON string's content. */
static const char *repeated(const char *piece, uint32_t n)
{
    struct rs_buf buf = {0};
    for (uint32_t i = 0; i < n; i++) rs_buf_puts(&buf, rs_str_of(piece));
    char *copy = rs_arena_get(rs_test_arena(), buf.n + 1);
    memcpy(copy, rs_buf_cstr(&buf), buf.n + 1);
    rs_buf_free(&buf);
    return copy;
}

static struct rs_event one_event(const char *members)
{
    struct rs_buf json = {0};
    rs_buf_printf(&json, "{'number': '1', 'events': [{'code': 'A', 'time': '2025-05-21T08:00Z', %s}]}", members);
    struct rs_message m = rs_test_decode_with(plain(), rs_test_json(rs_buf_cstr(&json)));
    cr_assert(m.report_count == 1 && m.report[0].event_count == 1);
    rs_buf_free(&json);
    return m.report[0].event[0];
}

static const char *member(const char *key, const char *value)
{
    struct rs_buf buf = {0};
    rs_buf_printf(&buf, "'%s': '%s'", key, value);
    char *copy = rs_arena_get(rs_test_arena(), buf.n + 1);
    memcpy(copy, rs_buf_cstr(&buf), buf.n + 1);
    rs_buf_free(&buf);
    return copy;
}

Test(decode, cuts_long_words_between_characters)
{
    static const struct {
        const char *piece;
        uint32_t times, kept;
        uint16_t marks;
    } cases[] = {
        {"x", RS_WORD_MAX, RS_WORD_MAX, 0},
        {"x", RS_WORD_MAX + 1, RS_WORD_MAX, RS_MARK_cut},
        {"\xe2\x82\xac", 1366, 4095, RS_MARK_cut},
        {"\xf0\x9f\x93\xa6", 1024, 4096, 0},
        {"\xf0\x9f\x93\xa6", 1025, 4096, RS_MARK_cut},
        /* A NUL becomes three bytes; what was short enough may then be cut. */
        {"\\u0000", 10, 30, RS_MARK_nul},
        {"\\u0000", 1365, 4095, RS_MARK_nul},
        {"\\u0000", 1366, 4095, RS_MARK_nul | RS_MARK_cut},
        {"\\u0000", RS_WORD_MAX + 9, 4095, RS_MARK_nul | RS_MARK_cut},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_event e = one_event(member("text", repeated(cases[i].piece, cases[i].times)));
        cr_expect(e.text.n == cases[i].kept && e.marks == (cases[i].marks | RS_MARK_unmapped_code),
                  "case %zu: %u bytes, marks %#x", i, e.text.n, e.marks);
        cr_expect(rs_is_utf8(e.text) && !memchr(e.text.p, '\0', e.text.n), "case %zu", i);
    }
}

Test(decode, keeps_no_nul_and_no_endless_word_anywhere)
{
    static const char *const keys[] = {"text", "country", "region", "city", "name"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct rs_event e = one_event(member(keys[i], "a\\u0000b"));
        cr_expect(e.marks & RS_MARK_nul, "%s", keys[i]);
        e = one_event(member(keys[i], repeated("y", 9999)));
        cr_expect(e.marks & RS_MARK_cut, "%s", keys[i]);
        const struct rs_str words[] = {e.text, e.place.country, e.place.region, e.place.city, e.place.name};
        cr_expect(words[i].n == RS_WORD_MAX, "%s", keys[i]);
    }
}

Test(decode, keeps_no_nul_and_no_endless_word_of_a_zone)
{
    static const char *const zones[] = {"a\\u0000b", NULL};
    for (size_t i = 0; i < COUNT(zones); i++) {
        const char *zone = zones[i] ? zones[i] : repeated("z", 9999);
        struct rs_buf json = {0};
        rs_buf_printf(&json,
                      "{'rastro': 'event/1', 'number': 'RB123456785CN', 'event': {'code': 'A',"
                      " 'time': '2025-05-21T08:00', 'zone': '%s'}}",
                      zone);
        struct rs_message m = rs_test_decode("rastro", rs_test_json(rs_buf_cstr(&json)));
        cr_assert(m.report_count == 1 && m.report[0].event_count == 1, "%.*s", RS_FMT(m.reason));
        const struct rs_event *e = &m.report[0].event[0];
        cr_expect(e->marks & RS_MARK_unknown_zone);
        cr_expect(e->zone.n <= RS_WORD_MAX && !memchr(e->zone.p, '\0', e->zone.n), "%u bytes", e->zone.n);
        rs_buf_free(&json);
    }
}

Test(decode, keeps_no_endless_time)
{
    struct rs_buf json = {0};
    rs_buf_printf(&json, "{'number': '1', 'events': [{'code': 'A', 'time': '2025-05-21T08:00:00.%s'}]}",
                  repeated("1", 9999));
    struct rs_message m = rs_test_decode_with(plain(), rs_test_json(rs_buf_cstr(&json)));
    cr_assert(m.report_count == 1 && m.report[0].event_count == 1);
    cr_expect(m.report[0].event[0].time.n == RS_WORD_MAX && m.report[0].event[0].marks & RS_MARK_cut);
    rs_buf_free(&json);
}

/* It is part of a key, and PostgreSQL indexes no endless ones. */
Test(decode, refuses_a_discriminator_that_no_index_holds)
{
    const struct rs_profile *p = rs_test_profile(
        "{'source': 'disc', 'identity': {'version': 1, 'shapes': [{'name': 'a', 'when': ['$.n'], 'history': 'part',"
        " 'parcel': '$'}], 'parcel': {'number': '@.n', 'carrier': 'fedex', 'discriminator': '@.d'},"
        " 'event': {'code': '@.c', 'time': {'at': '@.t', 'as': 'iso'}}}, 'meaning': {'version': 1}}");
    for (int over = 0; over < 2; over++) {
        struct rs_buf json = {0};
        rs_buf_printf(&json, "{'n': '77', 'd': '%s'}", repeated("d", RS_ID_MAX + (uint32_t)over));
        struct rs_message m = rs_test_decode_with(p, rs_test_json(rs_buf_cstr(&json)));
        cr_expect(m.report_count == (over ? 0 : 1));
        if (over) assert_str(m.reason, "discriminator: longer than 1024 bytes");
        else cr_expect(m.report[0].parcel.discriminator.n == RS_ID_MAX);
        rs_buf_free(&json);
    }
}

/* ---- whose parcel --------------------------------------------------------------------------------- */

Test(decode, gives_a_valid_s10_number_to_nobody)
{
    static const struct {
        const char *json, *issuer, *number;
        enum rs_s10 s10;
        bool unknown;
    } cases[] = {
        {"{'number': ' rb 123456785-cn ', 'carrier': 'usps'}", "", "RB123456785CN", RS_S10_OK, false},
        {"{'number': 'RR123456789CN', 'carrier': 'usps'}", "usps", "RR123456789CN", RS_S10_BAD, false},
        {"{'number': '771', 'carrier': 'usps'}", "usps", "771", RS_S10_NO, false},
        {"{'number': 771, 'carrier': 'usps'}", "usps", "771", RS_S10_NO, false},
        {"{'number': '771', 'carrier': 'Nobody Ltd'}", "plain:Nobody Ltd", "771", RS_S10_NO, true},
        {"{'number': '771', 'carrier': 'a\\u0000b'}", "plain:?", "771", RS_S10_NO, true},
        {"{'number': '771'}", "plain:?", "771", RS_S10_NO, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_message m = decode(cases[i].json);
        cr_assert(m.report_count == 1, "%s: %.*s", cases[i].json, RS_FMT(m.reason));
        assert_str(m.report[0].parcel.issuer, cases[i].issuer);
        assert_str(m.report[0].parcel.number, cases[i].number);
        cr_expect(m.report[0].s10 == cases[i].s10 && m.report[0].unknown_carrier == cases[i].unknown, "%s",
                  cases[i].json);
    }
}

/* ---- the order of messages --------------------------------------------------------------------------- */

Test(decode, orders_by_update_time_or_by_the_latest_scan)
{
    static const struct {
        const char *json;
        const char *order;
        uint32_t count;
    } cases[] = {
        {"{'number': '1', 'events': [" EVENT("A", "09") "," EVENT("A", "08") "]}", "2025-05-21T09:00:00Z", 2},
        {"{'number': '1', 'updated': '2025-05-22T00:00Z', 'events': [" EVENT("A", "09") "]}", "2025-05-22T00:00:00Z",
         0},
        {"{'number': '1', 'updated': 'soon', 'events': [" EVENT("A", "09") "]}", "2025-05-21T09:00:00Z", 1},
        /* one from after its publication would outrank every later one */
        {"{'number': '1', 'updated': '2026-11-23T08:16Z', 'events': [" EVENT("A", "09") "]}", "2025-05-21T09:00:00Z",
         1},
        {"{'number': '1', 'updated': '2026-11-23T08:15Z', 'events': [" EVENT("A", "09") "]}", "2026-11-23T08:15:00Z",
         0},
        {"{'number': '1', 'events': [" EVENT("A", "09") ", {'code': 'A', 'time': '2026-11-24T00:00Z'}]}",
         "2025-05-21T09:00:00Z", 2},
        {"{'number': '1', 'events': []}", "none", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_message m = decode(cases[i].json);
        cr_expect_str_eq(rs_test_time(m.report[0].order_us), cases[i].order, "%s", cases[i].json);
        cr_expect(m.report[0].order_count == cases[i].count, "%s: %u", cases[i].json, m.report[0].order_count);
    }
}

Test(decode, notes_when_the_source_looked)
{
    struct rs_message m = decode("{'number': '1', 'updated': '2025-05-22T00:00Z'}");
    cr_expect_str_eq(rs_test_time(m.report[0].looked_us), "2025-05-22T00:00:00Z");
    m = decode("{'number': '1'}");
    cr_expect(m.report[0].looked_us == RS_TEST_PUBLISHED);
    cr_expect(m.report[0].snapshot && m.published_us == RS_TEST_PUBLISHED);
    cr_expect(m.iana == rs_zones_release(rs_test_zones()));
}

/* ---- one decoder, many messages ------------------------------------------------------------------------ */

Test(decode, says_the_same_of_a_message_whatever_came_before)
{
    struct rs_decoder_options options = {.future_us = RS_MINUTE_US};
    struct rs_decoder *decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), rs_test_profiles(), &options);
    const struct rs_profiles *all = rs_test_profiles();
    struct rs_key first[32];
    cr_assert(all->count <= COUNT(first));
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < all->count; i++) {
            struct rs_record record = {.time_us = RS_TEST_PUBLISHED, .value = rs_profile_example(all->profile[i])};
            struct rs_message m;
            rs_decode(decoder, &record, rs_test_arena(), &m);
            cr_assert(m.outcome == RS_OUTCOME_TRACKING && m.report[0].event_count, "%s: %.*s",
                      rs_profile_file(all->profile[i]), RS_FMT(m.reason));
            if (!round) first[i] = m.report[0].event[0].fp;
            cr_expect(rs_key_eq(first[i], m.report[0].event[0].fp));
            record.value = RS_LIT("{\"broken");
            rs_decode(decoder, &record, rs_test_arena(), &m);
            cr_expect(m.outcome == RS_OUTCOME_QUARANTINED && m.profile == NULL && m.report_count == 0);
        }
    }
    rs_decoder_free(decoder);
    rs_decoder_free(NULL);
}

Test(decode, keeps_each_events_own_bytes)
{
    struct rs_str json = rs_test_json("{'number': '1', 'events': [ {'code': 'A', 'time':  '2025-05-21T08:00Z'} ]}");
    struct rs_message m = rs_test_decode_with(plain(), json);
    struct rs_str raw = m.report[0].event[0].raw;
    assert_str(raw, "{\"code\": \"A\", \"time\":  \"2025-05-21T08:00Z\"}");
    cr_expect(raw.p >= json.p && raw.p + raw.n <= json.p + json.n, "in the record's own memory");
}
