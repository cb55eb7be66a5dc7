#include "rastro/rules.h"

#include "support.h"

static struct rs_calendars calendars;

static const struct rs_calendars *some_calendars(void)
{
    static const char text[] = "{'first': '2026-01-01', 'last': '2026-12-31', 'calendars': ["
                               "{'country': 'DE', 'zone': 'Europe/Berlin', 'weekend': ['saturday', 'sunday']},"
                               "{'country': 'CN', 'zone': 'Asia/Shanghai', 'weekend': ['sunday']}]}";
    struct rs_diag diag = {0};
    if (calendars.count) return &calendars;
    int err = rs_calendars_read(&calendars, rs_test_zones(), "calendars.json", rs_test_json(text), &diag);
    cr_assert(!err, "%s", diag.text);
    return &calendars;
}

static int read(const char *list, struct rs_rules **ret, struct rs_diag *diag)
{
    struct rs_str text = rs_test_json(list);
    struct rs_str all = rs_test_say("{\"version\": 3, \"rules\": [\n%.*s]}", RS_FMT(text));
    return rs_rules_read(rs_test_catalog(), some_calendars(), "stalls.json", all, ret, diag);
}

static struct rs_rules *rules_of(const char *list)
{
    struct rs_rules *rules = NULL;
    struct rs_diag diag = {0};
    int err = read(list, &rules, &diag);
    cr_assert(!err, "%s", diag.text);
    return rules;
}

static const char *refusal(const char *list)
{
    static struct rs_diag diag;
    struct rs_rules *rules = NULL;
    diag = (struct rs_diag){0};
    cr_expect_eq(read(list, &rules, &diag), RS_E_CONFIG, "%s is taken", list);
    cr_expect(rules == NULL);
    assert_has(diag.text, "stalls.json:");
    return diag.text;
}

static struct rs_situation situation(const char *status, enum rs_leg leg, const char *from, const char *to)
{
    return (struct rs_situation){.status = status ? rs_test_status(status) : NULL,
                                 .leg = leg,
                                 .origin = rs_str_of(from),
                                 .destination = rs_str_of(to)};
}

static const char *matched(const struct rs_rules *rules, enum rs_stall_kind kind, struct rs_situation s)
{
    const struct rs_rule *rule = rs_rules_match(rules, kind, &s);
    return rule ? rs_test_say("%.*s", RS_FMT(rule->name)).p : "none";
}

Test(rules, give_a_scan_a_day_of_grace_or_half_of_the_shortest_wait)
{
    static const struct {
        const char *list;
        int64_t wait_us, grace_us;
    } cases[] = {
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P5D'}, {'name': 'b', 'kind': 'stuck', 'after': 'P3D'}",
         3 * RS_DAY_US, RS_DAY_US},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'PT6H'}", 6 * RS_HOUR_US, 3 * RS_HOUR_US},
        {"{'name': 'a', 'kind': 'overdue', 'after': 'PT6H'}", RS_INSTANT_NONE, RS_DAY_US},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_rules *rules = rules_of(cases[i].list);
        cr_expect_eq(rs_rules_least_wait(rules), cases[i].wait_us, "%zu", i);
        cr_expect_eq(rs_rules_grace(rules), cases[i].grace_us, "%zu", i);
        rs_rules_free(rules);
    }
}

/* ---- which rule counts ------------------------------------------------------------- */

Test(rules, take_the_first_of_their_kind_that_fits)
{
    struct rs_rules *rules = rules_of(
        "{'name': 'late', 'kind': 'overdue'},"
        "{'name': 'br', 'kind': 'no_update', 'lane': '*-BR', 'stage': 'customs.released', 'after': 'P15D'},"
        "{'name': 'all', 'kind': 'no_update', 'after': 'P20D'}");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, situation("customs.released", RS_LEG_last_mile, "CN", "BR")),
                     "br");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, situation("transit.moving", RS_LEG_last_mile, "CN", "BR")),
                     "all");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, situation("customs.released", RS_LEG_last_mile, "CN", "DE")),
                     "all");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, situation("customs.released", RS_LEG_unknown, "", "")), "all");
    cr_expect_str_eq(matched(rules, RS_STALL_stuck, situation("customs.held", RS_LEG_customs, "CN", "BR")), "none");
    cr_expect_eq(rs_rules_version(rules), 3);
    rs_rules_free(rules);
}

Test(rules, ask_for_carrier_service_leg_and_stage)
{
    struct rs_rules *rules = rules_of(
        "{'name': 'usps-ground', 'kind': 'no_update', 'carrier': ['usps', 'ups'], 'service': 'Ground Advantage', 'after': 'P4D'},"
        "{'name': 'usps', 'kind': 'no_update', 'carrier': 'usps', 'after': 'P5D'},"
        "{'name': 'held', 'kind': 'no_update', 'leg': ['customs', 'line_haul'], 'after': 'P9D'},"
        "{'name': 'unscanned', 'kind': 'never_scanned', 'stage': 'info', 'after': 'P9D'},"
        "{'name': 'out', 'kind': 'no_update', 'stage': ['delivery', 'attempt.absent'], 'after': 'P2D'}");
    struct rs_situation s = situation("transit.moving", RS_LEG_domestic, "US", "US");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, s), "none");
    s.carrier = RS_LIT("usps");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, s), "usps");
    s.service = RS_LIT("GROUND advantage");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, s), "usps-ground");
    s.carrier = RS_LIT("fedex");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, s), "none");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, situation("customs.held", RS_LEG_customs, "CN", "BR")), "held");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, situation("attempt.absent", RS_LEG_last_mile, "CN", "BR")),
                     "out");
    cr_expect_str_eq(matched(rules, RS_STALL_no_update, situation("attempt.closed", RS_LEG_last_mile, "CN", "BR")),
                     "none");
    cr_expect_str_eq(matched(rules, RS_STALL_never_scanned, situation(NULL, RS_LEG_origin, "CN", "BR")), "unscanned");
    cr_expect_str_eq(matched(rules, RS_STALL_never_scanned, situation("info.received", RS_LEG_origin, "CN", "BR")),
                     "unscanned");
    rs_rules_free(rules);
}

Test(rules, say_how_their_clock_runs)
{
    struct rs_rules *rules = rules_of(
        "{'name': 'a', 'kind': 'no_update', 'leg': 'domestic', 'after': 'P1DT12H', 'working_days': 'DE'},"
        "{'name': 'b', 'kind': 'no_update', 'leg': 'last_mile', 'after': 'P3D', 'working_days': 'destination'},"
        "{'name': 'c', 'kind': 'overdue', 'pause': ['customs', 'exception.weather']},"
        "{'name': 'd', 'kind': 'stuck', 'after': 'never'}");
    const struct rs_rule *a = rs_rules_at(rules, 0), *b = rs_rules_at(rules, 1), *c = rs_rules_at(rules, 2);
    struct rs_situation to_cn = situation("transit.moving", RS_LEG_last_mile, "DE", "CN");
    struct rs_situation to_us = situation("transit.moving", RS_LEG_last_mile, "DE", "US");
    cr_expect_eq(a->after_us, 36 * RS_HOUR_US);
    cr_expect_eq(rs_rule_calendar(a, some_calendars(), &to_us), rs_calendar_of(some_calendars(), RS_LIT("DE")));
    cr_expect_eq(rs_rule_calendar(b, some_calendars(), &to_cn), rs_calendar_of(some_calendars(), RS_LIT("CN")));
    cr_expect(rs_rule_calendar(b, some_calendars(), &to_us) == NULL, "no calendar of the US here: all days count");
    cr_expect(rs_rule_calendar(c, some_calendars(), &to_cn) == NULL);
    cr_expect(rs_rule_pauses(c, rs_test_status("customs.released")) &&
              !rs_rule_pauses(c, rs_test_status("transit.moving")));
    cr_expect(rs_rule_pauses(c, rs_test_status("exception.weather")) &&
              !rs_rule_pauses(a, rs_test_status("customs.held")));
    cr_expect(c->after_us == 0 && !c->never && rs_rules_at(rules, 3)->never);
    rs_rules_free(rules);
}

/* ---- rules that nobody comes to ------------------------------------------------------ */

Test(rules, are_refused_behind_one_that_takes_all_of_theirs)
{
    const char *text = refusal("{'name': 'all', 'kind': 'no_update', 'after': 'P20D'},\n"
                               "{'name': 'br', 'kind': 'no_update', 'lane': 'CN-BR', 'after': 'P15D'}");
    assert_has(text, "stalls.json:3:1: no parcel comes to rule \"br\": \"all\" of line 2");
    refusal("{'name': 'a', 'kind': 'no_update', 'stage': 'customs', 'after': 'P20D'},"
            "{'name': 'b', 'kind': 'no_update', 'stage': 'customs.held', 'lane': 'CN-BR', 'after': 'P15D'}");
    refusal("{'name': 'a', 'kind': 'no_update', 'lane': ['*-BR', 'CN-*'], 'after': 'P20D'},"
            "{'name': 'b', 'kind': 'no_update', 'lane': ['CN-DE', 'DE-BR'], 'after': 'P15D'}");
}

Test(rules, are_refused_behind_several_that_together_take_all_of_theirs)
{
    const char *text = refusal(
        "{'name': 'a', 'kind': 'no_update', 'leg': ['unknown', 'domestic', 'origin'], 'after': 'P1D'},"
        "{'name': 'b', 'kind': 'no_update', 'leg': ['line_haul', 'customs', 'last_mile'], 'after': 'P2D'},"
        "{'name': 'c', 'kind': 'no_update', 'carrier': 'usps', 'after': 'P3D'}");
    assert_has(text, "rule \"c\": \"b\"");
    refusal("{'name': 'a', 'kind': 'no_update', 'stage': ['accepted', 'transit', 'delivery', 'attempt', 'exception',"
            " 'returning'], 'after': 'P1D'},"
            "{'name': 'b', 'kind': 'no_update', 'leg': 'customs', 'after': 'P2D'},"
            "{'name': 'c', 'kind': 'no_update', 'leg': 'origin', 'stage': ['transit', 'exception'], 'after': 'P2D'}");
}

Test(rules, stay_where_a_parcel_is_left_for_them)
{
    static const char *const lists[] = {
        "{'name': 'a', 'kind': 'no_update', 'lane': 'CN-BR', 'after': 'P20D'},"
        "{'name': 'b', 'kind': 'no_update', 'lane': ['CN-BR', 'CN-DE'], 'after': 'P15D'},"
        "{'name': 'c', 'kind': 'no_update', 'lane': 'CN-*', 'after': 'P15D'},"
        "{'name': 'd', 'kind': 'no_update', 'lane': '*-BR', 'after': 'P15D'}",
        "{'name': 'a', 'kind': 'no_update', 'after': 'P20D'}, {'name': 'b', 'kind': 'stuck', 'after': 'P20D'}",
        "{'name': 'a', 'kind': 'no_update', 'carrier': 'usps', 'stage': 'transit', 'after': 'P20D'},"
        "{'name': 'b', 'kind': 'no_update', 'carrier': 'usps', 'after': 'P20D'},"
        "{'name': 'c', 'kind': 'no_update', 'stage': 'transit', 'after': 'P20D'}",
    };
    for (size_t i = 0; i < COUNT(lists); i++) rs_rules_free(rules_of(lists[i]));
}

Test(rules, are_refused_where_no_such_parcel_is)
{
    assert_has(refusal("{'name': 'a', 'kind': 'no_update', 'leg': 'customs', 'stage': 'delivery', 'after': 'P1D'}"),
               "fits no parcel");
    refusal("{'name': 'a', 'kind': 'uncollected', 'stage': 'transit', 'after': 'P1D'}");
    refusal("{'name': 'a', 'kind': 'never_scanned', 'leg': 'last_mile', 'after': 'P1D'}");
    refusal("{'name': 'a', 'kind': 'no_update', 'stage': 'delivered', 'after': 'P1D'}");
    refusal("{'name': 'a', 'kind': 'no_update', 'leg': 'domestic', 'lane': 'CN-BR', 'after': 'P1D'}");
    refusal("{'name': 'a', 'kind': 'no_update', 'leg': 'origin', 'lane': 'BR-BR', 'after': 'P1D'}");
}

/* ---- against a plain look at every point ------------------------------------------------ */

#define RULES 6
static const char *const stages[] = {"transit.moving", "customs.held", "customs.released", "delivery.out"};
static const char *const legs[] = {"origin", "line_haul", "customs", "last_mile"};
static const char *const countries[] = {"CN", "BR", "DE", "US"};
static const char *const lanes[] = {"CN-BR", "CN-DE", "*-BR", "CN-*", "DE-*"};

#define PICK(list) list[rs_test_below(seed, COUNT(list))]

static struct rs_str random_rule(uint64_t *seed, uint32_t i)
{
    struct rs_str text = rs_test_say("{'name': 'r%u', 'kind': 'no_update', 'after': 'P1D'", i);
    if (rs_test_below(seed, 3)) {
        text = rs_test_say("%.*s, 'stage': ['%s', '%s']", RS_FMT(text), PICK(stages), PICK(stages));
    }
    if (rs_test_below(seed, 3)) text = rs_test_say("%.*s, 'leg': ['%s', '%s']", RS_FMT(text), PICK(legs), PICK(legs));
    if (rs_test_below(seed, 2))
        text = rs_test_say("%.*s, 'lane': ['%s', '%s']", RS_FMT(text), PICK(lanes), PICK(lanes));
    return rs_test_say("%.*s}", RS_FMT(text));
}

/* Calls for each parcel that may be. */
static void each_point(void (*look)(void *self, struct rs_situation s), void *self)
{
    const struct rs_catalog *catalog = rs_test_catalog();
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        const struct rs_status *status = &catalog->status[i];
        bool held = rs_str_is(status->stage, "customs") && !rs_str_is(status->detail, "released");
        bool kind = status->moves && !status->ends && !rs_str_is(status->stage, "info") &&
                    !rs_str_is(status->stage, "pickup");
        for (enum rs_leg leg = 0; kind && leg < RS_LEG__COUNT; leg++) {
            bool whole = leg == RS_LEG_unknown || leg == RS_LEG_domestic;
            if (!whole && held != (leg == RS_LEG_customs)) continue;
            for (size_t f = 0; f < COUNT(countries); f++) {
                for (size_t t = 0; t < COUNT(countries); t++) {
                    if (leg == RS_LEG_domestic && f != t) continue;
                    look(self, (struct rs_situation){.status = status,
                                                     .leg = leg,
                                                     .origin = rs_str_of(countries[f]),
                                                     .destination = rs_str_of(countries[t])});
                }
            }
        }
    }
}

struct count {
    struct rs_rules *rules;
    const struct rs_rules *ahead;
    uint32_t per_rule[RULES], left;
};

static void count_point(void *self, struct rs_situation s)
{
    struct count *count = self;
    const struct rs_rule *rule = rs_rules_match(count->rules, RS_STALL_no_update, &s);
    for (uint32_t i = 0; rule && i < rs_rules_count(count->rules); i++) {
        if (rule == rs_rules_at(count->rules, i)) count->per_rule[i]++;
    }
    if (rule && count->ahead && !rs_rules_match(count->ahead, RS_STALL_no_update, &s)) count->left++;
}

Test(rules, are_refused_if_and_only_if_no_parcel_is_left)
{
    uint64_t state = rs_test_seed(), *seed = &state;
    int refused = 0, rounds = 400;
    for (int round = 0; round < rounds; round++) {
        struct count count = {.rules = rules_of("")};
        struct rs_str list = RS_STR_NONE;
        for (uint32_t i = 0; i < RULES; i++) {
            struct rs_str rule = random_rule(seed, i),
                          longer = i ? rs_test_say("%.*s,%.*s", RS_FMT(list), RS_FMT(rule)) : rule;
            struct rs_rules *rules = NULL;
            struct rs_diag diag = {0};
            if (read(longer.p, &rules, &diag)) {
                struct rs_rules *alone = NULL;
                int err = read(rule.p, &alone, &diag);
                struct count left = {.rules = alone, .ahead = count.rules};
                if (!err) each_point(count_point, &left);
                cr_expect_eq(left.left, 0, "refused, but %u parcels come to it: %.*s", left.left, RS_FMT(longer));
                rs_rules_free(alone);
                refused++;
                break;
            }
            rs_rules_free(count.rules);
            count.rules = rules;
            list = longer;
        }
        each_point(count_point, &count);
        for (uint32_t i = 0; i < rs_rules_count(count.rules); i++) {
            cr_expect(count.per_rule[i], "nobody comes to r%u: %.*s", i, RS_FMT(list));
        }
        rs_rules_free(count.rules);
    }
    cr_expect(refused > rounds / 10 && refused < rounds * 9 / 10, "%d refused: the cases tell nothing", refused);
}

/* ---- what is wrong with a list --------------------------------------------------------- */

Test(rules, are_refused_with_what_and_where)
{
    static const struct {
        const char *rule, *complaint;
    } cases[] = {
        {"{'name': 'a', 'kind': 'no_updates', 'after': 'P1D'}",
         "2:23: unknown kind \"no_updates\"; did you mean \"no_update\"?"},
        {"{'name': 'a', 'kind': 'no_update'}", "\"after\" is missing"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1M'}", "years and months have no fixed length"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P0D'}", "would flag every parcel"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'stage': 'transit.arived'}",
         "did you mean \"transit.arrived\"?"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'leg': 'lastmile'}", "did you mean \"last_mile\"?"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'carrier': 'uspss'}", "did you mean \"usps\"?"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'lane': 'CN'}", "no lane such as CN-BR"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'lane': 'cn-br'}", "\"cn\" is no country"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'lane': 'CN-XX'}", "\"XX\" is no country"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'stage': []}", "an empty list fits nothing"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'working_days': 'FR'}", "no calendar of \"FR\""},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'pause': ['custom']}", "did you mean \"customs\"?"},
        {"{'name': 'a', 'kind': 'no_update', 'after': 'P1D', 'pauses': []}", "did you mean \"pause\"?"},
        {"{'name': 'a', 'kind': 'stuck', 'after': 'P1D'}, {'name': 'a', 'kind': 'overdue'}", "\"a\" is here twice"},
        {"{'name': '', 'kind': 'stuck', 'after': 'P1D'}", "empty"},
        {"{'kind': 'stuck', 'after': 'P1D'}", "\"name\" is missing"},
        {"[]", "expected an object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) assert_has(refusal(cases[i].rule), cases[i].complaint);
}

Test(rules, that_are_shipped_know_every_kind_and_leg)
{
    const struct rs_rules *rules = rs_test_rules();
    static const struct {
        const char *status;
        enum rs_leg leg;
        enum rs_stall_kind kind;
        int64_t days;
    } cases[] = {
        {NULL, RS_LEG_unknown, RS_STALL_never_scanned, 7},
        {"transit.moving", RS_LEG_domestic, RS_STALL_no_update, 5},
        {"accepted.scan", RS_LEG_origin, RS_STALL_no_update, 10},
        {"transit.departed", RS_LEG_line_haul, RS_STALL_no_update, 20},
        {"customs.started", RS_LEG_customs, RS_STALL_no_update, 20},
        {"delivery.out", RS_LEG_last_mile, RS_STALL_no_update, 10},
        {"transit.moving", RS_LEG_unknown, RS_STALL_no_update, 20},
        {"pickup.ready", RS_LEG_last_mile, RS_STALL_uncollected, 7},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_situation s = situation(cases[i].status, cases[i].leg, "CN", "BR");
        const struct rs_rule *rule = rs_rules_match(rules, cases[i].kind, &s);
        cr_assert(rule, "case %zu", i);
        cr_expect_eq(rule->after_us, cases[i].days * RS_DAY_US, "%.*s", RS_FMT(rule->name));
    }
    bool has[RS_STALL__COUNT] = {false};
    for (uint32_t i = 0; i < rs_rules_count(rules); i++) has[rs_rules_at(rules, i)->kind] = true;
    for (uint32_t k = 0; k < RS_STALL__COUNT; k++) {
        cr_expect(has[k], "%s", rs_stall_kind_name((enum rs_stall_kind)k));
    }
}
