/* What is said of a message; the golden tests have it for whole payloads. */
#include "rastro/explain.h"

#include "support.h"

static struct rs_decoder *decoder;
static struct rs_message message;

static void decode(const char *json)
{
    static struct rs_profile *profile;
    static struct rs_profiles profiles = {&profile, 1};
    if (!decoder) {
        profile = (struct rs_profile *)(uintptr_t)rs_test_profile(
            "{'source': 'exp', 'identity': {'version': 1, 'shapes': [{'name': 'a', 'when': ['$.n', '!$.no', {'at': '$.k', 'is': 'X'}],\n"
            " 'history': 'full', 'parcel': '$', 'event': '@.e[*]'}], 'parcel': {'number': '@.n', 'carrier': 'usps'},\n"
            " 'status': {'code': '@.st'}, 'event': {'code': '@.c', 'text': '@.x',\n"
            " 'time': {'at': {'join': ['@.d', '@.t']}, 'as': 'iso', 'zone': [{'at': '@.z'}, 'Asia/Shanghai']}}},\n"
            " 'meaning': {'version': 1, 'codes': {\n"
            "   'A': 'accepted.scan'\n"
            "  }, 'texts': {'Moving': 'transit.moving'}, 'statuses': {\n"
            "   'DONE': 'delivered.other'}, 'facts': {'origin': {'country': '@.from'}, 'destination': {'country': '@.to'}}},\n"
            " 'explain': {'ignored': ['@.skip', '@.e[*].skip', '$.never'],\n"
            "  'distrusted': [{'at': '@.epoch', 'as': 'epoch_s', 'why': 'it is wrong'}]}}");
        struct rs_decoder_options options = {.trace = true};
        decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), &profiles, &options);
    }
    struct rs_record record = {.time_us = RS_TEST_PUBLISHED, .value = rs_test_json(json)};
    rs_decode(decoder, &record, rs_test_arena(), &message);
    cr_assert(message.outcome == RS_OUTCOME_TRACKING, "%.*s", RS_FMT(message.reason));
}

static void forget(void)
{
    rs_decoder_free(decoder);
}

TestSuite(explain, .fini = forget);

/* What a function appends. */
#define SAID(call)                                                      \
    __extension__({                                                     \
        struct rs_buf buf = {0};                                        \
        call;                                                           \
        const char *text_said = rs_test_say("%s", rs_buf_cstr(&buf)).p; \
        rs_buf_free(&buf);                                              \
        text_said;                                                      \
    })

#define EVENT(members) "{'n': '771', 'k': 'X', 'e': [{" members "}]}"

Test(explain, says_why_this_profile)
{
    decode(EVENT("'c': 'A', 'd': '2025-05-21T08:00'"));
    cr_expect_str_eq(SAID(rs_explain_source(decoder, &buf)), "shape a: $.n and no $.no and $.k is \"X\"");
    cr_expect_str_eq(SAID(rs_explain_number(decoder, &message.report[0], &buf)), "$.n");
}

Test(explain, says_where_a_parcel_goes)
{
    decode("{'n': '771', 'k': 'X', 'from': 'CN', 'to': 'BR'}");
    cr_expect_str_eq(SAID(rs_explain_route(decoder, &message.report[0], &buf)), "$.from \"CN\", $.to \"BR\"");
    decode("{'n': '771', 'k': 'X', 'to': 'BR'}");
    cr_expect_str_eq(SAID(rs_explain_route(decoder, &message.report[0], &buf)), "$.to \"BR\"");
    decode("{'n': '771', 'k': 'X'}");
    cr_expect_str_eq(SAID(rs_explain_route(decoder, &message.report[0], &buf)), "");
}

Test(explain, says_how_a_time_was_read)
{
    static const struct {
        const char *json, *said;
    } cases[] = {
        {EVENT("'c': 'A', 'd': '2025-05-21T08:00Z'"), "$.e[0].d \"2025-05-21T08:00Z\" (given)"},
        {EVENT("'c': 'A', 'd': '2025-05-21T08:00', 'z': '+8'"),
         "$.e[0].d \"2025-05-21T08:00\" + $.e[0].z \"+8\" (given)"},
        {EVENT("'c': 'A', 'd': '2025-05-21T08:00'"), "$.e[0].d \"2025-05-21T08:00\" in Asia/Shanghai (rule)"},
        {EVENT("'c': 'A', 'd': '2025-05-21', 't': '08:00Z'"), "$.e[0].d \"2025-05-21 08:00Z\" (given)"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        decode(cases[i].json);
        const char *said = SAID(rs_explain_time(decoder, &message.report[0].event[0], &buf));
        cr_expect_str_eq(said, cases[i].said, "%s", said);
    }
    decode("{'n': '771', 'k': 'X', 'st': 'DONE'}");
    cr_expect_str_eq(SAID(rs_explain_time(decoder, &message.report[0].event[0], &buf)), "the message's own");
}

Test(explain, says_which_rule_gave_the_status)
{
    static const struct {
        const char *json, *said;
    } cases[] = {
        {EVENT("'c': 'A', 'x': 'Moving', 'd': '2025-05-21T08:00'"), "codes.A, p.json:6"},
        {EVENT("'c': 'B', 'x': 'Moving', 'd': '2025-05-21T08:00'"), "texts.Moving, p.json:7"},
        {EVENT("'c': 'B', 'd': '2025-05-21T08:00'"), "no rule for it: it moves nothing"},
        {"{'n': '771', 'k': 'X', 'st': 'DONE'}", "statuses.DONE, p.json:8"},
        {"{'n': '771', 'k': 'X', 'st': 'A'}", "codes.A, p.json:6"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        decode(cases[i].json);
        cr_assert(message.report[0].event_count == 1, "%s", cases[i].json);
        const char *said = SAID(rs_explain_status(decoder, &message.report[0].event[0], &buf));
        cr_expect_str_eq(said, cases[i].said, "%s: %s", cases[i].json, said);
    }
}

Test(explain, says_which_times_are_not_believed)
{
    decode(EVENT("'c': 'A', 'd': '2025-05-21T08:00', 'epoch': 1747785600"));
    cr_expect_str_eq(SAID(rs_explain_notes(decoder, &message.report[0].event[0], &buf)), "", "the same instant");
    decode(EVENT("'c': 'A', 'd': '2025-05-21T08:00', 'epoch': 1747814400"));
    cr_expect_str_eq(SAID(rs_explain_notes(decoder, &message.report[0].event[0], &buf)),
                     "$.e[0].epoch says 2025-05-21T08:00:00Z, +8 h: not believed, it is wrong\n");
    decode(EVENT("'c': 'A', 'd': '2025-05-21T08:00', 'epoch': 1747783800"));
    assert_has(SAID(rs_explain_notes(decoder, &message.report[0].event[0], &buf)), ", -30 min: ");
}

Test(explain, names_what_nobody_reads)
{
    decode("{'n': '771', 'k': 'X', 'skip': {'a': 1}, 'new': 1, 'nil': null, 'obj': {'a': true, 'b': []}, 'e': ["
           "{'c': 'A', 'd': '2025-05-21T08:00', 'skip': 1, 'other': 1}, {'c': 'A', 'other': 2, 'x y': 3}]}");
    cr_expect_str_eq(SAID(rs_explain_unread(decoder, &message, &buf)), "$.new $.obj.a $.e[*].other $.e[*][\"x y\"]");
    cr_expect_str_eq(SAID(rs_explain_ignored(decoder, &buf)), "@.skip @.e[*].skip");
}

Test(explain, says_how_a_list_is_ordered)
{
    static const struct {
        const char *times, *order;
    } cases[] = {
        {"'2025-05-21', '2025-05-22', '2025-05-23'", "oldest first"},
        {"'2025-05-23', '2025-05-22', '2025-05-21'", "newest first"},
        {"'2025-05-22', '2025-05-21', '2025-05-23'", "in no order"},
        {"'2025-05-22'", "oldest first"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_buf json = {0};
        rs_buf_puts(&json, RS_LIT("{'n': '771', 'k': 'X', 'e': ["));
        bool open = false;
        for (const char *p = cases[i].times; *p; p++) {
            if (*p == '\'') {
                open = !open;
                rs_buf_puts(&json, open ? RS_LIT("{'c': 'A', 'd': '") : RS_LIT("'}"));
            } else {
                rs_buf_putc(&json, *p);
            }
        }
        rs_buf_puts(&json, RS_LIT("]}"));
        decode(rs_buf_cstr(&json));
        cr_expect_str_eq(rs_explain_list_order(&message.report[0]), cases[i].order, "%s", cases[i].times);
        rs_buf_free(&json);
    }
}
