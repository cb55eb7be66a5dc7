#include "rastro/alert.h"

#include "rastro/json.h"
#include "support.h"

/* ---- those of the schema's examples, which golden.py holds against the schema -------- */

static struct rs_alert episode(enum rs_alert_type type, uint32_t revision, const char *recorded, const char *stage,
                               const char *feed)
{
    return (struct rs_alert){
        .type = type,
        .recorded_us = rs_test_instant(recorded),
        .episode = 4711,
        .revision = revision,
        .rules_version = 1,
        .kind = RS_STALL_no_update,
        .rule = RS_LIT("default-last-mile"),
        .number = RS_LIT("RB123456785CN"),
        .carrier = RS_LIT("correios"),
        .seller = RS_LIT("s-2207"),
        .stage = rs_str_of(stage),
        .leg = RS_LIT("last_mile"),
        .origin = RS_LIT("CN"),
        .destination = RS_LIT("BR"),
        .started_us = rs_test_instant("2026-11-08T06:20:00Z"),
        .since_us = rs_test_instant("2026-11-18T06:20:00Z"),
        .until_us = RS_INSTANT_NONE,
        .silent_us = rs_test_instant("2026-11-08T06:20:00Z"),
        .promised_us = rs_test_instant("2026-11-20T00:00:00Z"),
        .feed_us = rs_test_instant(feed),
        .last = {rs_test_instant("2026-11-08T06:20:00Z"), RS_LIT("customs.released"), RS_LIT("correios"),
                 RS_LIT("Fiscalização aduaneira finalizada")},
        .ended = {.instant_us = RS_INSTANT_NONE},
        .from_us = RS_INSTANT_NONE,
    };
}

static struct rs_alert feed(enum rs_alert_type type, const char *recorded)
{
    return (struct rs_alert){.type = type,
                             .recorded_us = rs_test_instant(recorded),
                             .source = RS_LIT("rastro/correios"),
                             .from_us = rs_test_instant("2026-11-23T08:00:00Z")};
}

static uint32_t fill_examples(struct rs_alert alert[RS_ALERT__COUNT])
{
    uint32_t n = 0;
    alert[n] = episode(RS_ALERT_opened, 1, "2026-11-18T06:20:03.5Z", "customs.released", "2026-11-18T06:20:01Z");
    alert[n++].storm = RS_LIT("storm-1");
    alert[n] = episode(RS_ALERT_closed, 2, "2026-11-20T09:01:00Z", "delivery.out", "2026-11-20T09:00:59Z");
    alert[n].until_us = rs_test_instant("2026-11-20T09:00:00Z");
    alert[n].ended = (struct rs_alert_event){alert[n].until_us, RS_LIT("delivery.out"), RS_LIT("correios"),
                                             RS_STR_NONE};
    n++;
    alert[n++] = episode(RS_ALERT_reopened, 3, "2026-11-20T10:00:00Z", "customs.released", "2026-11-20T09:59:58Z");
    alert[n++] = episode(RS_ALERT_withdrawn, 4, "2026-11-21T08:00:00Z", "customs.released", "2026-11-21T07:59:58Z");
    alert[n++] = feed(RS_ALERT_feed_silent, "2026-11-23T14:00:00Z");
    alert[n++] = feed(RS_ALERT_feed_back, "2026-11-23T15:30:00Z");
    alert[n++] = (struct rs_alert){.type = RS_ALERT_storm,
                                   .recorded_us = rs_test_instant("2026-11-18T06:21:00Z"),
                                   .storm = RS_LIT("storm-1"),
                                   .from_us = rs_test_instant("2026-11-18T06:20:00Z"),
                                   .count = 1200,
                                   .replayed = true};
    struct rs_alert stage = {
        .type = RS_ALERT_stage,
        .recorded_us = rs_test_instant("2026-11-20T09:01:00Z"),
        .parcel_id = 4096,
        .number = RS_LIT("RB123456785CN"),
        .stage = RS_LIT("delivery"),
        .was = RS_LIT("customs"),
        .last = {rs_test_instant("2026-11-20T09:00:00Z"), RS_LIT("delivery.out"), RS_LIT("correios"), RS_STR_NONE}};
    static const uint8_t fp[] = {0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78,
                                 0x87, 0x96, 0xa5, 0xb4, 0xc3, 0xd2, 0xe1, 0xf0};
    memcpy(stage.fp.b, fp, sizeof fp);
    alert[n++] = stage;
    return n;
}

/* Two texts at a time are read: what is told, and what it is compared with. */
static struct rs_json parsed(bool wanted, struct rs_str text)
{
    static struct rs_json_parser *parser[2];
    struct rs_json json;
    struct rs_diag diag;
    if (!parser[wanted]) parser[wanted] = rs_json_parser_new(RS_JSON_FAST);
    cr_assert(rs_json_parse(parser[wanted], rs_test_arena(), text, &json, &diag) == RS_OK, "%s: %.*s", diag.text,
              RS_FMT(text));
    return json;
}

static struct rs_str text_of(const struct rs_alert *alert)
{
    struct rs_buf out = {0};
    rs_alert_put(alert, &out);
    struct rs_str text = rs_arena_str(rs_test_arena(), (struct rs_str){out.p, (uint32_t)out.n});
    rs_buf_free(&out);
    return text;
}

static struct rs_json told(const struct rs_alert *alert)
{
    return parsed(false, text_of(alert));
}

Test(alert, is_told_as_the_schemas_examples_are)
{
    struct rs_alert alert[RS_ALERT__COUNT];
    struct rs_json schema = parsed(true, rs_test_file(RASTRO_SCHEMA "/alert.schema.json"));
    uint32_t list = rs_json_member(&schema, 0, "examples"), at = list + 1;
    cr_assert(fill_examples(alert) == RS_ALERT__COUNT);
    for (uint32_t i = 0; i < RS_ALERT__COUNT; i++) {
        struct rs_json json = told(&alert[i]);
        cr_assert(at < schema.node[list].next, "no example of %u", i);
        cr_expect(json.count == schema.node[at].next - at, "%u: other members", i);
        for (uint32_t k = 0; k < json.count && at + k < schema.count; k++) {
            const struct rs_json_node *got = &json.node[k], *want = &schema.node[at + k];
            cr_expect(!k || rs_str_eq(got->key, want->key), "%u: key %.*s, not %.*s", i, RS_FMT(got->key),
                      RS_FMT(want->key));
            cr_expect(got->type == want->type && rs_str_eq(got->s, want->s), "%u: %.*s is %.*s, not %.*s", i,
                      RS_FMT(got->key), RS_FMT(got->s), RS_FMT(want->s));
        }
        at = schema.node[at].next;
    }
    cr_expect(at == schema.node[list].next, "more examples than types");
}

/* ---- what holds for each --------------------------------------------------------------- */

static struct rs_str member(const struct rs_json *json, const char *name)
{
    return json->node[rs_json_member(json, 0, name)].s;
}

Test(alert, has_an_id_of_its_own_and_the_key_as_its_subject)
{
    struct rs_alert alert[RS_ALERT__COUNT];
    struct rs_str id[RS_ALERT__COUNT];
    uint32_t n = fill_examples(alert);
    for (uint32_t i = 0; i < n; i++) {
        struct rs_json json = told(&alert[i]);
        id[i] = member(&json, "id");
        cr_expect(rs_str_eq(member(&json, "subject"), rs_alert_key(&alert[i])));
        for (uint32_t k = 0; k < i; k++) cr_expect(!rs_str_eq(id[i], id[k]), "%.*s twice", RS_FMT(id[i]));
    }
    assert_str(rs_alert_key(&alert[0]), "RB123456785CN");
    assert_str(rs_alert_key(&alert[4]), "rastro/correios");
    assert_str(rs_alert_key(&alert[6]), "storm-1");
}

Test(alert, told_again_has_the_same_id_whenever_and_whatever_it_says)
{
    struct rs_alert first = episode(RS_ALERT_opened, 1, "2026-11-18T06:20:03Z", "customs.released",
                                    "2026-11-18T06:20:01Z");
    struct rs_alert again = episode(RS_ALERT_opened, 1, "2026-11-18T06:21:03Z", "transit.arrived",
                                    "2026-11-18T06:21:01Z");
    struct rs_json json = told(&first);
    assert_str(member(&json, "id"), "episode-4711-1");
    json = told(&again);
    assert_str(member(&json, "id"), "episode-4711-1");
}

/* Whatever bytes a source says, members stay what they are. */
Test(alert, stays_json_whatever_its_strings_hold)
{
    uint64_t state = rs_test_seed();
    struct rs_alert plain = episode(RS_ALERT_closed, 1, "2026-11-18T06:20:03Z", "s", "2026-11-18T06:20:01Z");
    plain.ended = plain.last;
    struct rs_json want = parsed(true, text_of(&plain));
    for (int round = 0; round < 3000; round++) {
        static const char nasty[] = "\"\\{}[],:\n\r\t\b\x7f\xc3\xe2\xf0\xff\x80/u";
        struct rs_alert alert = plain;
        struct rs_str *string[] = {&alert.number, &alert.carrier,     &alert.seller,     &alert.rule,
                                   &alert.storm,  &alert.last.text,   &alert.ended.text, &alert.last.source,
                                   &alert.origin, &alert.ended.status};
        char bytes[COUNT(string)][8];
        for (size_t i = 0; i < COUNT(string); i++) {
            uint32_t n = 1 + rs_test_below(&state, sizeof bytes[i]);
            for (uint32_t k = 0; k < n; k++) {
                bytes[i][k] = rs_test_below(&state, 2) ? nasty[rs_test_below(&state, sizeof nasty)]
                                                       : (char)rs_test_next(&state);
            }
            *string[i] = (struct rs_str){bytes[i], n};
        }
        struct rs_json json = told(&alert);
        cr_assert(json.count == want.count);
        for (uint32_t k = 1; k < json.count; k++) {
            cr_assert(rs_str_eq(json.node[k].key, want.node[k].key));
        }
    }
}
