/* Checkpoints that were read before: the same comes out with a memo as without. */
#include <glob.h>

#include "decode_private.h"
#include "support.h"

#define ROOM (256u << 10)

static struct rs_decoder *decoder_with(const struct rs_profiles *profiles, size_t memo_bytes)
{
    struct rs_decoder_options options = {.future_us = 15 * RS_MINUTE_US, .memo_bytes = memo_bytes};
    return rs_decoder_new(rs_test_catalog(), rs_test_zones(), profiles, &options);
}

static struct rs_message decode_at(struct rs_decoder *decoder, struct rs_str value, int64_t time_us)
{
    struct rs_record record = {.topic = RS_LIT("t"), .time_us = time_us, .value = value};
    struct rs_message m;
    rs_decode(decoder, &record, rs_test_arena(), &m);
    return m;
}

static uint64_t known_of(const struct rs_decoder *decoder)
{
    uint64_t asked, known;
    rs_decoder_memo(decoder, &asked, &known);
    return known;
}

/* ---- comparing -------------------------------------------------------------------------- */

static bool same_place(const struct rs_place *a, const struct rs_place *b)
{
    return rs_str_eq(a->country, b->country) && rs_str_eq(a->region, b->region) && rs_str_eq(a->city, b->city) &&
           rs_str_eq(a->name, b->name) && memcmp(a->iso2, b->iso2, 2) == 0;
}

/* The first difference, or NULL. */
static const char *event_difference(const struct rs_event *a, const struct rs_event *b)
{
    if (a->instant_us != b->instant_us) return "instant_us";
    if (a->sequence != b->sequence) return "sequence";
    if (!rs_key_eq(a->fp, b->fp)) return "fp";
    if (!rs_key_eq(a->said, b->said)) return "said";
    if (a->status != b->status) return "status";
    if (!rs_str_eq(a->code, b->code)) return "code";
    if (!rs_str_eq(a->text, b->text)) return "text";
    if (!rs_str_eq(a->time, b->time)) return "time";
    if (!rs_str_eq(a->zone, b->zone)) return "zone";
    if (!same_place(&a->place, &b->place)) return "place";
    if (!rs_str_eq(a->raw, b->raw) || a->raw.p != b->raw.p) return "raw";
    if (a->node != b->node) return "node";
    if (a->line != b->line) return "line";
    if (a->offset_min != b->offset_min) return "offset_min";
    if (a->marks != b->marks) return "marks";
    if (a->said_apart != b->said_apart) return "said_apart";
    if (a->kind != b->kind) return "kind";
    if (a->precision != b->precision) return "precision";
    if (a->basis != b->basis) return "basis";
    return a->trace != b->trace ? "trace" : NULL;
}

static const char *report_difference(const struct rs_report *a, const struct rs_report *b)
{
    if (!rs_str_eq(a->parcel.number, b->parcel.number) || !rs_str_eq(a->parcel.issuer, b->parcel.issuer))
        return "parcel";
    if (a->order_us != b->order_us || a->order_count != b->order_count || a->looked_us != b->looked_us) return "order";
    if (!a->facts != !b->facts || (a->facts && !rs_key_eq(a->facts->key, b->facts->key))) return "facts";
    if (a->link_count != b->link_count || a->repeated != b->repeated || a->snapshot != b->snapshot) return "counts";
    if (a->reject_count != b->reject_count) return "reject_count";
    for (uint32_t i = 0; i < a->reject_count; i++) {
        if (!rs_str_eq(a->reject[i].reason, b->reject[i].reason)) return "reason";
        if (!rs_str_eq(a->reject[i].path, b->reject[i].path)) return "path";
    }
    if (a->event_count != b->event_count) return "event_count";
    for (uint32_t i = 0; i < a->event_count; i++) {
        const char *difference = event_difference(&a->event[i], &b->event[i]);
        if (difference) return difference;
    }
    return NULL;
}

static const char *message_difference(const struct rs_message *a, const struct rs_message *b)
{
    if (a->outcome != b->outcome || !rs_str_eq(a->reason, b->reason)) return "outcome";
    if (a->profile != b->profile || !rs_str_eq(a->source, b->source)) return "source";
    if (a->report_count != b->report_count) return "report_count";
    for (uint32_t i = 0; i < a->report_count; i++) {
        const char *difference = report_difference(&a->report[i], &b->report[i]);
        if (difference) return difference;
    }
    return NULL;
}

#define assert_same(a, b, ...)                                                      \
    do {                                                                            \
        const char *difference_ = message_difference(a, b);                         \
        cr_assert(!difference_, "%s: %s", difference_, rs_test_say(__VA_ARGS__).p); \
    } while (0)

/* ---- every golden payload ------------------------------------------------------------------ */

Test(memo, changes_nothing_of_the_golden_payloads)
{
    glob_t files;
    cr_assert(glob(RASTRO_SCHEMA "/../tests/golden/*/*.json", 0, NULL, &files) == 0);
    const struct rs_profiles *profiles = rs_test_profiles();
    struct rs_decoder *off = decoder_with(profiles, 0), *on = decoder_with(profiles, ROOM);
    cr_assert(!off->memo && on->memo);
    unsigned payloads = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < files.gl_pathc; i++) {
            if (strstr(files.gl_pathv[i], ".golden.json")) continue;
            struct rs_str text = rs_test_file(files.gl_pathv[i]);
            /* cold, warm, and told again a day before */
            int64_t published = RS_TEST_PUBLISHED - (round == 2 ? RS_DAY_US : 0);
            struct rs_message without = decode_at(off, text, published), with = decode_at(on, text, published);
            assert_same(&without, &with, "%s, round %d", files.gl_pathv[i], round);
            payloads++;
        }
        cr_expect(round == 0 || known_of(on) > 0);
    }
    cr_expect(payloads > 60, "%u", payloads);
    rs_decoder_free(off);
    rs_decoder_free(on);
    globfree(&files);
}

/* ---- histories by chance --------------------------------------------------------------------- */

/* Reads words in every way that there is: plain, joined, from elsewhere in the
 * message, with escapes; zones given, by place, by rule. */
static const char tangled[] =
    "{'source': 'tangled', 'identity': {'version': 1, 'missing': ['NA', false],"
    " 'zones': {'CST': 'Asia/Shanghai'}, 'countries': {'Mainland China': 'CN'},"
    " 'shapes': [{'name': 'a', 'when': ['$.n'], 'history': 'full', 'parcel': '$', 'event': '@.e[*]'}],"
    " 'parcel': {'number': '@.n', 'carrier': 'usps', 'feed': '$.feed', 'updated': {'at': '@.u', 'as': 'iso'}},"
    " 'event': {'code': ['@.c', {'join': ['@.c1', '@.c2'], 'with': '-'}], 'text': ['@.x', '$.words'],"
    " 'identity': 'both', 'id': '@.id', 'sequence': '@.q',"
    " 'time': [{'at': '@.t', 'as': ['iso', '%d/%m/%Y %H:%M'], 'zone': [{'at': '@.z'}, {'at': '$.zone'},"
    " {'country': '$.co'}, 'America/Sao_Paulo']},"
    " {'at': {'join': ['@.d', '@.h']}, 'as': 'iso', 'zone': 'UTC', 'offset': '$.offset'},"
    " {'at': '$.times[*].t', 'as': 'iso', 'latest': true}],"
    " 'place': {'country': '@.co', 'city': '@.city', 'name': ['@.place', '$.place']}, 'context': ['$.k']},"
    " 'status': {'code': '@.s'}}, 'meaning': {'version': 1, 'canonical': ['@.canonical', '$.canonical'],"
    " 'codes': {'ACC': 'accepted.scan', 'MOV': 'transit.moving'}, 'texts': {'Delivered': 'delivered.other'},"
    " 'synthetic': ['SYN'], 'planned': {'codes': ['ETA'], 'at': '$.planned', 'is': 'true'}}}";

struct chance {
    uint64_t state;
    struct rs_buf buf;
};

static uint32_t below(struct chance *c, uint32_t n)
{
    return rs_test_below(&c->state, n);
}

#define ONE_OF(c, list) ((list)[below(c, COUNT(list))])

/* A member, mostly. */
static void maybe(struct chance *c, const char *member)
{
    if (below(c, 3)) rs_buf_printf(&c->buf, "%s,", member);
}

static void put_event(struct chance *c)
{
    static const char *const codes[] = {
        "'c': 'ACC'",       "'c': 'MOV'", "'c1': 'A', 'c2': 7", "'c': 'SYN'",
        "'c': 'E\\u0054A'", "'c': 'NA'",  "'c': null",          "'c': 'ACC', 'c': 'MOV'"};
    static const char *const texts[] = {"'x': 'Delivered'", "'x': 'D\\u00e9part \\u00e0 l\\u2019heure'",
                                        "'x': ' two  words '", "'x': 'a\\u0000b'", "'x': '\\n'"};
    static const char *const times[] = {"'t': '2026-11-22T10:00'",
                                        "'t': '2026-11-22T10:00:00Z'",
                                        "'t': '21/05/2026 13:00'",
                                        "'t': '2026-11-23T09:00\\u005a'",
                                        "'d': '2026-10-25', 'h': '02:30'",
                                        "'t': '2026-10-25T02:30'",
                                        "'t': 'never'",
                                        "'t': '2019-01-01', 'id': 'e7'"};
    static const char *const zones[] = {"'z': 'CST'", "'z': '+3'", "'z': 'Nowhere'", "'z': '\\u0043ST'"};
    static const char *const places[] = {"'co': 'DE'", "'co': 'Mainland China', 'city': 'Shen zhen'", "'co': 'BR'",
                                         "'place': ' here'", "'place': 'h\\u00e8re', 'co': 'US'"};
    rs_buf_puts(&c->buf, RS_LIT("{"));
    maybe(c, ONE_OF(c, codes));
    maybe(c, ONE_OF(c, texts));
    maybe(c, ONE_OF(c, times));
    maybe(c, ONE_OF(c, zones));
    maybe(c, ONE_OF(c, places));
    rs_buf_printf(&c->buf, "'q': %u}", below(c, 40));
}

/* What stands around a history. */
static void put_head(struct chance *c)
{
    static const char *const members[] = {"'feed': 'f'",
                                          "'words': 'Delivered'",
                                          "'words': 'said \\u00e0 part'",
                                          "'zone': 'CST'",
                                          "'zone': '-5'",
                                          "'co': 'CN'",
                                          "'offset': '+9'",
                                          "'times': [{'t': '2026-11-01'}, {'t': '2026-11-03T04:00'}]",
                                          "'times': [{'t': '2026-11-01'}, {'t': '2026-11-02T04:00'}]",
                                          "'place': 'P'",
                                          "'k': 1",
                                          "'k': 2",
                                          "'canonical': 'delivered.other'",
                                          "'planned': true",
                                          "'u': '2026-11-22T10:00Z'",
                                          "'s': 'MOV'"};
    for (int i = 0; i < 4; i++) maybe(c, ONE_OF(c, members));
}

/* What `put` writes, `n` times. */
static const struct rs_str *made(struct chance *c, void (*put)(struct chance *c), uint32_t n)
{
    struct rs_str *list = rs_arena_get(rs_test_arena(), n * sizeof *list);
    for (uint32_t i = 0; i < n; i++) {
        rs_buf_clear(&c->buf);
        put(c);
        list[i] = rs_arena_str(rs_test_arena(), (struct rs_str){c->buf.p, (uint32_t)c->buf.n});
    }
    return list;
}

#define HEADS 12
#define EVENTS 120

static struct rs_str message_of(struct chance *c, const struct rs_str *heads, const struct rs_str *events)
{
    rs_buf_clear(&c->buf);
    rs_buf_printf(&c->buf, "{%.*s 'n': 'A1', 'e': [", RS_FMT(heads[below(c, HEADS)]));
    uint32_t n = below(c, 24);
    for (uint32_t i = 0; i < n; i++) {
        if (i) rs_buf_putc(&c->buf, ',');
        rs_buf_puts(&c->buf, events[below(c, EVENTS)]);
    }
    rs_buf_puts(&c->buf, RS_LIT("]}"));
    return rs_test_json(rs_buf_cstr(&c->buf));
}

Test(memo, changes_nothing_of_histories_made_by_chance)
{
    struct chance c = {.state = rs_test_seed()};
    struct rs_profile *profile = (struct rs_profile *)(uintptr_t)rs_test_profile(tangled);
    struct rs_profiles profiles = {&profile, 1};
    struct rs_decoder *off = decoder_with(&profiles, 0);
    /* One has room for all, the other must forget. */
    struct rs_decoder *large = decoder_with(&profiles, ROOM), *small = decoder_with(&profiles, 20 << 10);
    const struct rs_str *heads = made(&c, put_head, HEADS), *events = made(&c, put_event, EVENTS);
    for (int i = 0; i < 4000; i++) {
        struct rs_str text = message_of(&c, heads, events);
        int64_t published = RS_TEST_PUBLISHED - (int64_t)below(&c, 40) * RS_HOUR_US - below(&c, 2) * 900 * RS_DAY_US;
        if (!below(&c, 8)) published = 0;
        struct rs_message without = decode_at(off, text, published);
        struct rs_message with_large = decode_at(large, text, published);
        struct rs_message with_small = decode_at(small, text, published);
        assert_same(&without, &with_large, "message %d, %.*s", i, RS_FMT(text));
        assert_same(&without, &with_small, "message %d, little room, %.*s", i, RS_FMT(text));
    }
    cr_expect(known_of(large) > 1000 && known_of(small) > 100, "%lu, %lu", known_of(large), known_of(small));
    cr_expect(rs_memo_turns(small->memo) > 10);
    rs_decoder_free(off);
    rs_decoder_free(large);
    rs_decoder_free(small);
    rs_buf_free(&c.buf);
}

Test(memo, tells_apart_what_differs_elsewhere_in_the_message)
{
    static const char *const heads[] = {
        "",
        "'feed': 'f',",
        "'feed': 'g',",
        "'words': 'said',",
        "'words': 'said twice',",
        "'zone': '+3',",
        "'zone': '+4',",
        "'co': 'DE',",
        "'k': 1,",
        "'k': '1',",
        "'k': 2,",
        "'planned': true,",
        "'canonical': 'delivered.other',",
        "'place': 'P',",
        "'times': [{'t': '2026-11-01'}],",
        "'times': [{'t': '2026-11-01'}, {'t': '2026-11-02'}],",
        "'times': [{'t': '2026-11-01'}, {'t': '2026-11-03'}],",
        "'times': [{'t': '2026-11-01'}, {'t': '2026-11-02'}, {'t': '2026-11-04'}],",
    };
    static const char events[] = "[{'c': 'ACC'}, {'c': 'MOV', 't': '2026-11-22T10:00'}, {'t': '2026-11-21T10:00'},"
                                 " {'c': 'ACC', 'd': '2026-11-20', 'h': '10:00'}]";
    struct rs_profile *profile = (struct rs_profile *)(uintptr_t)rs_test_profile(tangled);
    struct rs_profiles profiles = {&profile, 1};
    struct rs_decoder *off = decoder_with(&profiles, 0), *on = decoder_with(&profiles, ROOM);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT(heads); i++) {
            struct rs_str text = rs_test_json(rs_test_say("{%s 'n': 'A1', 'e': %s}", heads[i], events).p);
            struct rs_message without = decode_at(off, text, RS_TEST_PUBLISHED);
            struct rs_message with = decode_at(on, text, RS_TEST_PUBLISHED);
            assert_same(&without, &with, "%s", heads[i]);
        }
    }
    rs_decoder_free(off);
    rs_decoder_free(on);
}

/* ---- what it is asked for, and its bound ------------------------------------------------------- */

static struct rs_str history(unsigned from, unsigned n)
{
    struct rs_buf buf = {0};
    rs_buf_puts(&buf, RS_LIT("{'mailNo': 'A1', 'detailList': ["));
    for (unsigned i = from; i < from + n; i++) {
        rs_buf_printf(&buf, "%s{'actionCode': 'A%u', 'timeStr': '2026-11-01 10:%02u:%02u'}", i == from ? "" : ",", i,
                      i / 60 % 60, i % 60);
    }
    rs_buf_puts(&buf, RS_LIT("]}"));
    struct rs_str text = rs_test_json(rs_buf_cstr(&buf));
    rs_buf_free(&buf);
    return text;
}

Test(memo, knows_a_history_that_is_told_again)
{
    struct rs_decoder *decoder = decoder_with(rs_test_profiles(), ROOM);
    uint64_t asked, known;
    decode_at(decoder, history(0, 10), RS_TEST_PUBLISHED);
    rs_decoder_memo(decoder, &asked, &known);
    cr_expect(asked == 10 && known == 0);
    struct rs_message m = decode_at(decoder, history(0, 11), RS_TEST_PUBLISHED);
    rs_decoder_memo(decoder, &asked, &known);
    cr_expect(asked == 21 && known == 10);
    cr_expect(m.report[0].event_count == 11);
    rs_decoder_free(decoder);
}

Test(memo, keeps_what_is_in_use_and_forgets_the_rest)
{
    struct rs_decoder *decoder = decoder_with(rs_test_profiles(), ROOM);
    for (unsigned i = 0; i < 1000; i++) {
        decode_at(decoder, history(0, 5), RS_TEST_PUBLISHED);
        decode_at(decoder, history(100 + 10 * i, 10), RS_TEST_PUBLISHED);
    }
    cr_expect(rs_memo_turns(decoder->memo) > 10);
    uint64_t before = known_of(decoder);
    decode_at(decoder, history(0, 5), RS_TEST_PUBLISHED);
    cr_expect(known_of(decoder) == before + 5);
    decode_at(decoder, history(100, 10), RS_TEST_PUBLISHED);
    cr_expect(known_of(decoder) == before + 5, "it was forgotten");
    rs_decoder_free(decoder);
}

Test(memo, is_not_there_with_little_room_or_where_it_cannot_be)
{
    struct rs_decoder_options options = {.memo_bytes = 1000};
    struct rs_decoder *decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), rs_test_profiles(), &options);
    cr_expect(!decoder->memo);
    rs_decoder_free(decoder);
    options = (struct rs_decoder_options){.memo_bytes = ROOM, .trace = true};
    decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), rs_test_profiles(), &options);
    cr_expect(!decoder->memo);
    rs_decoder_free(decoder);
    options = (struct rs_decoder_options){.memo_bytes = ROOM, .backend = RS_JSON_REFERENCE};
    decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), rs_test_profiles(), &options);
    cr_expect(!decoder->memo);
    rs_decoder_free(decoder);
}
