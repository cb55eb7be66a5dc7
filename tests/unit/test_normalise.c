/* One event of a payload: its instant, its kind, its status. */
#include "support.h"

/* A profile with this event block and this meaning. */
static const struct rs_profile *profile(const char *event, const char *meaning)
{
    return rs_test_profile(
        rs_test_say("{'source': 'norm', 'identity': {'version': 1, 'zones': {'CST': 'Asia/Shanghai'},"
                    " 'countries': {'Mainland China': 'CN'}, 'missing': ['NA', '0', false],"
                    " 'shapes': [{'name': 'a', 'when': ['$.n'], 'history': 'full', 'parcel': '$', 'event': '@.e[*]'}],"
                    " 'parcel': {'number': '@.n', 'carrier': 'usps', 'updated': {'at': '@.u', 'as': 'iso'}},"
                    " 'status': {'code': '@.s', 'text': '@.st'}, 'event': {'code': '@.c', 'text': '@.x', %s}},"
                    " 'meaning': {'version': 1, %s}}",
                    event, meaning)
            .p);
}

#define ISO "'time': {'at': '@.t', 'as': 'iso'}"
#define CODES \
    "'codes': {'ACC': 'accepted.scan', 'MOV': 'transit.moving', 'DEL': 'delivered.other', 'NO': 'unknown.no_data'}"

static struct rs_report report(const struct rs_profile *p, const char *json)
{
    struct rs_message m = rs_test_decode_with(p, rs_test_json(json));
    cr_assert(m.report_count == 1, "%s: %.*s", json, RS_FMT(m.reason));
    return m.report[0];
}

/* The event with these members. */
static struct rs_report told(const struct rs_profile *p, const char *members)
{
    return report(p, rs_test_say("{'n': '1', 'e': [{'c': 'A', %s}]}", members).p);
}

static struct rs_event event_of(const struct rs_profile *p, const char *members)
{
    struct rs_report r = told(p, members);
    cr_assert(r.event_count == 1, "%s: %.*s", members, RS_FMT(r.reject_count ? r.reject[0].reason : RS_LIT("none")));
    return r.event[0];
}

/* ---- where a time's zone comes from ---------------------------------------------------------- */

#define ZONES                                                                                            \
    "'time': {'at': '@.t', 'as': ['iso', '%d/%m/%Y %H:%M'], 'zone': [{'at': '@.z'}, {'country': '@.co'," \
    " 'region': '@.re'}, 'America/Sao_Paulo']}, 'place': {'country': '@.co', 'region': '@.re'}"

Test(normalise, finds_the_zone_by_the_first_rule_that_tells)
{
    static const struct {
        const char *members, *instant;
        enum rs_zone_basis basis;
        int16_t offset_min;
        uint16_t marks;
    } cases[] = {
        {"'t': '2025-05-21T13:00Z', 'z': '+8'", "2025-05-21T13:00:00Z", RS_BASIS_GIVEN, 0, 0},
        {"'t': '2025-05-21T13:00+02:00'", "2025-05-21T11:00:00Z", RS_BASIS_GIVEN, 120, 0},
        {"'t': '2025-05-21T13:00', 'z': '+8'", "2025-05-21T05:00:00Z", RS_BASIS_GIVEN, 480, 0},
        {"'t': '2025-05-21T13:00', 'z': 'GMT-3'", "2025-05-21T16:00:00Z", RS_BASIS_GIVEN, -180, 0},
        {"'t': '2025-05-21T13:00', 'z': 'Europe/Berlin'", "2025-05-21T11:00:00Z", RS_BASIS_GIVEN, 120, 0},
        {"'t': '2025-05-21T13:00', 'z': 'CST'", "2025-05-21T05:00:00Z", RS_BASIS_GIVEN, 480, 0},
        {"'t': '2025-05-21T13:00', 'co': 'DE'", "2025-05-21T11:00:00Z", RS_BASIS_PLACE, 120, 0},
        {"'t': '2025-05-21T13:00', 'co': 'Mainland China'", "2025-05-21T05:00:00Z", RS_BASIS_PLACE, 480, 0},
        {"'t': '2025-05-21T13:00', 'co': 'BR', 're': 'AM'", "2025-05-21T17:00:00Z", RS_BASIS_PLACE, -240, 0},
        {"'t': '2025-05-21T13:00'", "2025-05-21T16:00:00Z", RS_BASIS_RULE, -180, 0},
        {"'t': '2025-05-21T13:00', 'z': 'NA', 'co': null", "2025-05-21T16:00:00Z", RS_BASIS_RULE, -180, 0},
        {"'t': '2025-05-21T13:00', 'co': 'Atlantis'", "2025-05-21T16:00:00Z", RS_BASIS_RULE, -180, 0},
        {"'t': '2025-05-21T13:00', 'z': 'XYZ'", "2025-05-21T16:00:00Z", RS_BASIS_RULE, -180, RS_MARK_unknown_zone},
        {"'t': '2025-05-21T13:00', 'z': 'XYZ', 'co': 'DE'", "2025-05-21T11:00:00Z", RS_BASIS_PLACE, 120,
         RS_MARK_unknown_zone},
        {"'t': '21/05/2025 13:00', 'z': '+8'", "2025-05-21T05:00:00Z", RS_BASIS_GIVEN, 480, 0},
        /* clocks that changed */
        {"'t': '2019-02-16T23:30'", "2019-02-17T01:30:00Z", RS_BASIS_RULE, -120, RS_MARK_ambiguous_time},
        {"'t': '2018-11-04T00:30'", "2018-11-04T03:30:00Z", RS_BASIS_RULE, -180, RS_MARK_skipped_time},
        {"'t': '2025-10-26T02:30', 'co': 'DE'", "2025-10-26T00:30:00Z", RS_BASIS_PLACE, 120, RS_MARK_ambiguous_time},
        {"'t': '2025-03-30T02:30', 'co': 'DE'", "2025-03-30T01:30:00Z", RS_BASIS_PLACE, 60, RS_MARK_skipped_time},
        {"'t': '2025-12-31T24:00', 'z': '+8'", "2025-12-31T16:00:00Z", RS_BASIS_GIVEN, 480, 0},
    };
    const struct rs_profile *p = profile(ZONES, "'codes': {'A': 'transit.moving'}");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_event e = event_of(p, cases[i].members);
        cr_expect_str_eq(rs_test_time(e.instant_us), cases[i].instant, "%s: %s", cases[i].members,
                         rs_test_time(e.instant_us));
        cr_expect(e.basis == cases[i].basis, "%s: basis %s", cases[i].members, rs_zone_basis_name(e.basis));
        cr_expect(e.offset_min == cases[i].offset_min, "%s: %d min", cases[i].members, e.offset_min);
        cr_expect(e.marks == cases[i].marks, "%s: marks %#x", cases[i].members, e.marks);
    }
}

Test(normalise, marks_a_time_that_no_rule_places)
{
    struct rs_event e = event_of(profile(ISO, CODES), "'t': '2025-05-21T13:00'");
    cr_expect_str_eq(rs_test_time(e.instant_us), "2025-05-21T13:00:00Z");
    cr_expect(e.basis == RS_BASIS_ASSUMED && e.marks & RS_MARK_assumed_zone);
}

Test(normalise, reads_the_forms_of_several_fields)
{
    static const struct {
        const char *time, *members, *instant, *words;
    } cases[] = {
        /* date, time and offset in three fields */
        {"{'at': {'join': ['@.date', '@.time']}, 'as': 'iso', 'zone': {'at': '@.GMTOffset'}}",
         "'date': '2024-04-01', 'time': '08:59:14', 'GMTOffset': '-06:00'", "2024-04-01T14:59:14Z",
         "2024-04-01 08:59:14"},
        {"{'at': {'join': ['@.date', '@.time'], 'with': ''}, 'as': '%Y%m%d%H%M%S', 'zone': 'UTC'}",
         "'date': 20210210, 'time': '071356'", "2021-02-10T07:13:56Z", "20210210071356"},
        {"{'at': {'join': ['@.data', '@.hora']}, 'as': ['%d/%m/%Y %H:%M', '%d/%m/%Y'], 'zone': 'America/Sao_Paulo'}",
         "'data': '05/11/2020', 'hora': '18:31'", "2020-11-05T21:31:00Z", "05/11/2020 18:31"},
        {"{'at': {'join': ['@.data', '@.hora']}, 'as': ['%d/%m/%Y %H:%M', '%d/%m/%Y'], 'zone': 'America/Sao_Paulo'}",
         "'data': '05/11/2020', 'hora': null", "2020-11-05T03:00:00Z", "05/11/2020"},
        /* a PHP object */
        {"{'at': '@.t.date', 'as': '%Y-%m-%d %H:%M:%S.%f', 'zone': {'at': '@.t.timezone'}}",
         "'t': {'date': '2020-11-05 18:31:00.000000', 'timezone_type': 3, 'timezone': 'America/Sao_Paulo'}",
         "2020-11-05T21:31:00Z", "2020-11-05 18:31:00.000000"},
        /* epochs as number and as string */
        {"{'at': '@.t', 'as': 'epoch_ms'}", "'t': 1748410407123", "2025-05-28T05:33:27.123Z", "1748410407123"},
        {"{'at': '@.t', 'as': 'epoch_s'}", "'t': '1748410407'", "2025-05-28T05:33:27Z", "1748410407"},
        {"{'at': '@.t', 'as': 'dotnet'}", "'t': '/Date(1748410407000+0300)/'", "2025-05-28T05:33:27Z",
         "/Date(1748410407000+0300)/"},
        {"{'at': '@.t', 'as': '%d %m %Y %H:%M:%S', 'zone': 'UTC'}", "'t': '02 06 2022 08:59:14'",
         "2022-06-02T08:59:14Z", "02 06 2022 08:59:14"},
        /* the first that is there */
        {"[{'at': '@.gmt', 'as': 'iso', 'zone': 'UTC'}, {'at': '@.local', 'as': 'iso', 'zone': 'Asia/Shanghai'}]",
         "'local': '2025-05-21T13:00', 'gmt': ''", "2025-05-21T05:00:00Z", "2025-05-21T13:00"},
        {"[{'at': '@.gmt', 'as': 'iso', 'zone': 'UTC'}, {'at': '@.local', 'as': 'iso', 'zone': 'Asia/Shanghai'}]",
         "'local': '2025-05-21T13:00', 'gmt': '2025-05-21T05:00:09'", "2025-05-21T05:00:09Z", "2025-05-21T05:00:09"},
        /* the latest of several */
        {"{'at': '@.t[*]', 'as': 'iso', 'latest': true}",
         "'t': ['2025-05-21T13:00Z', null, '2025-05-23T13:00Z', 'NA', '2025-05-22T13:00Z']", "2025-05-23T13:00:00Z",
         "2025-05-23T13:00Z"},
        {"{'at': '@.t[*]', 'as': 'iso', 'latest': true}", "'t': [null, '2025-05-21T13:00Z', 'later']",
         "2025-05-21T13:00:00Z", "2025-05-21T13:00Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct rs_profile *p = profile(rs_test_say("'time': %s", cases[i].time).p, CODES);
        struct rs_event e = event_of(p, cases[i].members);
        cr_expect_str_eq(rs_test_time(e.instant_us), cases[i].instant, "%s: %s", cases[i].members,
                         rs_test_time(e.instant_us));
        cr_expect(rs_str_is(e.time, cases[i].words), "%s: '%.*s'", cases[i].members, RS_FMT(e.time));
    }
}

Test(normalise, shows_the_local_clock_beside_an_instant)
{
    const struct rs_profile *p = profile("'time': {'at': '@.t', 'as': 'iso', 'zone': 'UTC', 'offset': '@.o'}", CODES);
    cr_expect(event_of(p, "'t': '2025-05-21T13:00', 'o': '-06:00'").offset_min == -360);
    cr_expect_str_eq(rs_test_time(event_of(p, "'t': '2025-05-21T13:00', 'o': '-06:00'").instant_us),
                     "2025-05-21T13:00:00Z", "it moves no instant");
    cr_expect(event_of(p, "'t': '2025-05-21T13:00', 'o': 'odd'").offset_min == 0);
}

Test(normalise, refuses_times_that_no_scan_can_have)
{
    static const struct {
        const char *time, *reason; /* NULL: taken */
    } cases[] = {
        {"1990-01-01T00:00Z", NULL},
        {"1989-12-31T23:59:59Z", "time: '1989-12-31T23:59:59Z' is out of range"},
        {"1970-01-01T00:00Z", "time: '1970-01-01T00:00Z' is out of range"},
        {"0001-01-01", "time: '0001-01-01' is out of range"},
        {"9999-12-31", "time: '9999-12-31' is out of range"},
        {"2027-12-28T08:00:00Z", NULL}, /* 400 days behind publication */
        {"2027-12-28T08:00:01Z", "time: '2027-12-28T08:00:01Z' is out of range"},
        {"string", "time: 'string' is no date"},
        {"2023-02-29", "time: '2023-02-29' is no date"},
        {"", "time: missing"},
        {"NA", "time: missing"},
    };
    const struct rs_profile *p = profile(ISO, CODES);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_report r = told(p, rs_test_say("'t': '%s'", cases[i].time).p);
        cr_expect((r.event_count == 1) == (cases[i].reason == NULL), "%s", cases[i].time);
        if (cases[i].reason && r.reject_count) assert_str(r.reject[0].reason, cases[i].reason);
    }
}

Test(normalise, marks_what_lies_ahead_of_its_publication)
{
    static const struct {
        const char *time;
        bool ahead;
    } cases[] = {{"2026-11-23T08:15:00Z", false}, {"2026-11-23T08:15:01Z", true}, {"2026-11-25T08:00Z", true}};
    const struct rs_profile *p = profile(ISO, CODES ", 'planned': {'codes': ['ETA'], 'at': '@.p', 'is': 'yes'}");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_event e = event_of(p, rs_test_say("'t': '%s'", cases[i].time).p);
        cr_expect(!(e.marks & RS_MARK_future) == !cases[i].ahead, "%s", cases[i].time);
    }
    struct rs_event e = event_of(p, "'t': '2026-11-25T08:00Z', 'p': 'yes'");
    cr_expect(e.kind == RS_EVENT_PLANNED && !(e.marks & RS_MARK_future), "what is planned may lie ahead");
}

/* ---- what it is ------------------------------------------------------------------------------ */

Test(normalise, maps_codes_then_texts_then_nothing)
{
    const struct rs_profile *p = profile(ISO ", 'identity': 'both'",
                                         CODES ", 'texts': {'Signed': 'delivered.signed', 'Moving': 'transit.moving'},"
                                               " 'canonical': '@.k', 'synthetic': ['ACC']");
    static const struct {
        const char *members, *status;
        uint16_t marks;
    } cases[] = {
        {"{'c': 'DEL'", "delivered.other", 0},
        {"{'c': 'DEL', 'x': 'Moving'", "delivered.other", 0},
        {"{'c': 'ZZZ', 'x': 'Signed'", "delivered.signed", 0},
        {"{'x': 'Signed'", "delivered.signed", 0},
        {"{'x': ' Signed '", "delivered.signed", 0},
        {"{'x': 'signed'", "unknown.unmapped", RS_MARK_unmapped_code},
        {"{'c': 'DELX'", "unknown.unmapped", RS_MARK_unmapped_code},
        {"{'c': 'DE'", "unknown.unmapped", RS_MARK_unmapped_code},
        {"{'c': 'DEL', 'k': 'transit.arrived'", "transit.arrived", 0},
        {"{'c': 'DEL', 'k': 'transit.unheard'", "delivered.other", 0},
        {"{'c': 'ACC'", "accepted.scan", RS_MARK_synthetic},
        {"{'c': 'NO'", "unknown.no_data", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *json = rs_test_say("{'n': '1', 'e': [%s, 't': '2025-05-21T13:00Z'}]}", cases[i].members).p;
        struct rs_report r = report(p, json);
        cr_assert(r.event_count == 1, "%s", json);
        cr_expect(rs_str_is(r.event[0].status->name, cases[i].status), "%s: %.*s", cases[i].members,
                  RS_FMT(r.event[0].status->name));
        cr_expect(r.event[0].marks == cases[i].marks, "%s: marks %#x", cases[i].members, r.event[0].marks);
    }
}

Test(normalise, knows_what_is_planned)
{
    const struct rs_profile *p = profile(ISO, CODES ", 'planned': {'codes': ['ETA'], 'at': '@.p', 'is': 'true'}");
    static const struct {
        const char *members;
        enum rs_event_kind kind;
    } cases[] = {{"'p': true", RS_EVENT_PLANNED}, {"'p': 'true'", RS_EVENT_PLANNED}, {"'p': false", RS_EVENT_SCAN},
                 {"'p': null", RS_EVENT_SCAN},    {"'p': 'yes'", RS_EVENT_SCAN},     {"'c2': 'ETA'", RS_EVENT_SCAN}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_event e = event_of(p, rs_test_say("'t': '2025-05-21T13:00Z', %s", cases[i].members).p);
        cr_expect(e.kind == cases[i].kind, "%s", cases[i].members);
    }
    struct rs_report r = report(p, "{'n': '1', 'e': [{'c': 'ETA', 't': '2025-05-21T13:00Z'}]}");
    cr_expect(r.event[0].kind == RS_EVENT_PLANNED);
}

Test(normalise, takes_the_sources_sequence)
{
    static const struct {
        const char *word;
        int64_t sequence;
    } cases[] = {{"7", 7},
                 {"'7'", 7},
                 {"-3", -3},
                 {"0", 0},
                 {"null", 0},
                 {"'x'", 0},
                 {"9223372036854775807", INT64_MAX},
                 {"'99999999999999999999999999'", 0}};
    const struct rs_profile *p = profile(ISO ", 'sequence': '@.seq'", CODES);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_event e = event_of(p, rs_test_say("'t': '2025-05-21T13:00Z', 'seq': %s", cases[i].word).p);
        cr_expect(e.sequence == cases[i].sequence, "%s: %lld", cases[i].word, (long long)e.sequence);
    }
}

Test(normalise, trusts_an_event_id_where_the_profile_says_so)
{
    const struct rs_profile *p = profile(ISO ", 'id': '@.id'", CODES);
    struct rs_event a = event_of(p, "'t': '2025-05-21T13:00Z', 'id': 'e1'");
    struct rs_event b = event_of(p, "'t': '2025-05-22T13:00Z', 'x': 'reworded', 'id': 'e1'");
    struct rs_event c = event_of(p, "'t': '2025-05-21T13:00Z', 'id': 'e2'");
    struct rs_event d = event_of(p, "'t': '2025-05-21T13:00Z'");
    cr_expect(rs_key_eq(a.fp, b.fp) && !rs_key_eq(a.said, b.said));
    cr_expect(!rs_key_eq(a.fp, c.fp));
    cr_expect(!rs_key_eq(a.fp, d.fp), "without an id, the words count");
}

Test(normalise, takes_context_into_the_words_alone)
{
    const struct rs_profile *p = profile(ISO ", 'context': ['$.tz', '@.k']", CODES);
    struct rs_report a = report(p, "{'n': '1', 'tz': 'A', 'e': [{'c': 'A', 't': '2025-05-21T13:00Z'}]}");
    struct rs_report b = report(p, "{'n': '1', 'tz': 'B', 'e': [{'c': 'A', 't': '2025-05-21T13:00Z'}]}");
    cr_expect(rs_key_eq(a.event[0].fp, b.event[0].fp) && !rs_key_eq(a.event[0].said, b.event[0].said));
}

Test(normalise, says_whether_the_words_alone_tell_the_identity)
{
#define ZONED(zone) "'time': {'at': '@.t', 'as': 'iso', 'zone': " zone "}"
#define TWO(zone_1, zone_2) \
    "'time': [{'at': '@.t', 'as': 'iso', 'zone': " zone_1 "}, {'at': '@.u', 'as': 'iso', 'zone': " zone_2 "}]"
#define PLACE "{'country': '@.co', 'region': '@.re'}"
    static const struct {
        const char *event, *members;
        bool apart;
    } cases[] = {
        {ZONED("'Asia/Shanghai'"), "'t': '2025-05-21T13:00'", false},
        {ZONED("[{'at': '@.z'}, 'Asia/Shanghai']"), "'t': '2025-05-21T13:00', 'z': '+1'", false},
        /* an id counts in place of the words, also where one is missing */
        {ISO ", 'id': '@.id'", "'t': '2025-05-21T13:00Z', 'id': '7'", true},
        {ISO ", 'id': '@.id'", "'t': '2025-05-21T13:00Z'", true},
        /* a zone from a place that is not among the words */
        {ZONED(PLACE), "'t': '2025-05-21T13:00', 'co': 'CN'", true},
        {ZONED(PLACE), "'t': '2025-05-21T13:00Z', 'co': 'CN'", false},
        {ZONED(PLACE) ", 'place': " PLACE, "'t': '2025-05-21T13:00', 'co': 'CN'", false},
        {ZONED(PLACE) ", 'place': {'country': '@.co'}", "'t': '2025-05-21T13:00', 'co': 'CN'", true},
        {ZONED(PLACE) ", 'context': ['@.re', '@.co']", "'t': '2025-05-21T13:00', 'co': 'CN'", false},
        /* two rules that may have read the same words */
        {TWO("'UTC'", "'Asia/Shanghai'"), "'t': '2025-05-21T13:00'", true},
        {TWO("'UTC'", "'Asia/Shanghai'"), "'u': '2025-05-21T13:00'", true},
        {TWO("'UTC'", "'Asia/Shanghai'"), "'u': '2025-05-21T13:00Z'", false},
        {TWO("'UTC'", "[{'at': '@.z'}, 'UTC', 'Asia/Shanghai']"), "'t': '2025-05-21T13:00'", false},
        {TWO("'UTC'", "[{'at': '@.z'}, 'Asia/Shanghai']"), "'u': '2025-05-21T13:00', 'z': '+1'", false},
        {TWO("'UTC'", "[{'at': '@.z'}, 'Asia/Shanghai']"), "'u': '2025-05-21T13:00'", true},
        {TWO("[{'at': '@.y'}, 'UTC']", "[{'at': '@.z'}, 'Asia/Shanghai']"), "'u': '2025-05-21T13:00', 'z': '+1'", true},
        {"'time': [{'at': '@.t', 'as': 'iso'}, {'at': '@.u', 'as': '%Y-%m-%dT%H:%M'}]", "'t': '2025-05-21T13:00Z'",
         true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_event e = event_of(profile(cases[i].event, CODES), cases[i].members);
        cr_expect(e.said_apart == cases[i].apart, "%s: %s", cases[i].event, cases[i].members);
    }
    struct rs_report r = report(profile(ISO, CODES), "{'n': '1', 's': 'DEL'}");
    cr_expect(r.event_count == 1 && r.event[0].said_apart, "a status without a scan");
}

Test(normalise, refuses_an_event_with_a_key_twice)
{
    const struct rs_profile *p = profile(ISO, CODES);
    struct rs_report r = told(p, "'t': '2025-05-21T13:00Z', 't': '2025-05-22T13:00Z'");
    cr_assert(r.event_count == 0 && r.reject_count == 1);
    assert_str(r.reject[0].reason, "key \"t\" is there twice");
    r = told(p, "'t': '2025-05-21T13:00Z', 'unread': 1, 'unread': 2");
    cr_expect(r.event_count == 1, "nobody reads it");
}

/* ---- a status without a scan -------------------------------------------------------------------- */

#define SCANS "'e': [{'c': 'ACC', 't': '2025-05-20T13:00Z'}, {'c': 'MOV', 't': '2025-05-21T13:00Z'}]"
#define MEANING CODES ", 'statuses': {'LOST': 'exception.lost', 'Arrived': 'transit.arrived'}"

Test(normalise, makes_an_event_of_a_status_that_no_scan_tells)
{
    static const struct {
        const char *json;
        const char *status, *instant; /* NULL: no event */
        int64_t sequence;
    } cases[] = {
        {"{'n': '1', " SCANS ", 's': 'DEL', 'u': '2025-05-22T00:00Z'}", "delivered.other", "2025-05-22T00:00:00Z"},
        {"{'n': '1', " SCANS ", 's': 'LOST'}", "exception.lost", "2025-05-21T13:00:00Z"},
        {"{'n': '1', " SCANS ", 'st': 'LOST'}", "exception.lost", "2025-05-21T13:00:00Z"},
        {"{'n': '1', 's': 'DEL'}", "delivered.other", "2026-11-23T08:00:00Z"},
        /* of the newest scan's stage already */
        {"{'n': '1', " SCANS ", 's': 'MOV', 'u': '2025-05-22T00:00Z'}", NULL, NULL},
        {"{'n': '1', " SCANS ", 's': 'Arrived'}", NULL, NULL},
        /* not understood, or not there */
        {"{'n': '1', " SCANS ", 's': 'WHAT'}", NULL, NULL},
        {"{'n': '1', " SCANS ", 's': null}", NULL, NULL},
    };
    const struct rs_profile *p = profile(ISO, MEANING);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_report r = report(p, cases[i].json);
        const struct rs_event *e = r.event_count ? &r.event[r.event_count - 1] : NULL;
        bool reported = e && e->kind == RS_EVENT_REPORTED;
        cr_expect(reported == (cases[i].status != NULL), "%s", cases[i].json);
        if (!reported || !cases[i].status) continue;
        assert_str(e->status->name, cases[i].status);
        cr_expect_str_eq(rs_test_time(e->instant_us), cases[i].instant, "%s", cases[i].json);
        cr_expect(e->sequence == INT64_MAX, "behind the scans of its instant");
        cr_expect(rs_key_eq(e->fp, e->said));
    }
}

Test(normalise, gives_a_retried_status_the_same_key)
{
    const struct rs_profile *p = profile(ISO, MEANING);
    struct rs_profile *only = (struct rs_profile *)(uintptr_t)p;
    struct rs_profiles profiles = {&only, 1};
    struct rs_decoder_options options = {0};
    static const char *const messages[] = {"{'n': '1', 's': 'DEL'}", "{'n': '1', " SCANS ", 's': 'DEL'}",
                                           "{'n': '1', 's': 'DEL', 'u': '2025-05-22T00:00Z'}"};
    for (size_t i = 0; i < COUNT(messages); i++) {
        struct rs_key fp[2];
        for (int again = 0; again < 2; again++) {
            struct rs_decoder *decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), &profiles, &options);
            struct rs_record record = {.time_us = RS_TEST_PUBLISHED + again * RS_HOUR_US,
                                       .value = rs_test_json(messages[i])};
            struct rs_message m;
            rs_decode(decoder, &record, rs_test_arena(), &m);
            fp[again] = m.report[0].event[m.report[0].event_count - 1].fp;
            rs_decoder_free(decoder);
        }
        cr_expect(rs_key_eq(fp[0], fp[1]), "%s", messages[i]);
    }
}

Test(normalise, compares_no_status_with_a_scan_from_the_future)
{
    const struct rs_profile *p = profile(ISO, MEANING);
    struct rs_report r = report(p, "{'n': '1', 's': 'DEL', 'e': [{'c': 'DEL', 't': '2026-12-24T00:00Z'}]}");
    cr_assert(r.event_count == 2);
    cr_expect(r.event[0].marks & RS_MARK_future && r.event[1].kind == RS_EVENT_REPORTED);
}
