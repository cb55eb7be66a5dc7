/* From paths to words, places, facts and links. */
#include "support.h"

static const char words_profile[] =
    "{'source': 'words', 'identity': {'version': 1, 'missing': ['NA', 'null', '0', '0001-01-01', false],"
    " 'countries': {'Mainland China': 'CN'},"
    " 'shapes': [{'name': 'a', 'when': ['$.n'], 'history': 'full', 'parcel': '$', 'event': '@.e[*]'}],"
    " 'parcel': {'number': '@.n', 'carrier': 'usps'},"
    " 'event': {'code': {'join': ['@.a', '@.b', '@.c'], 'with': '-'}, 'text': ['@.x', '@.y', '$.z'],"
    "  'time': {'at': '@.t', 'as': 'iso'},"
    "  'place': {'country': '@.p.co', 'region': '@.p.re', 'city': '@.p.ci', 'name': {'join': ['@.p.n1', '@.p.n2']}}}},"
    " 'meaning': {'version': 1, 'facts': {'origin': {'country': '@.from'}, 'destination': {'country': '@.to.c',"
    "  'city': '@.to.t', 'name': '@.to.zip'}, 'service': '@.mail', 'order': '@.order', 'signed_by': '@.sig',"
    "  'signed_at': {'at': '@.sigat', 'as': 'iso'}, 'promised': {'from': {'at': '@.p1', 'as': 'iso'},"
    "  'to': {'at': '@.p2', 'as': 'iso'}}, 'estimated': {'to': {'at': '@.eta', 'as': 'iso'}}},"
    "  'links': [{'kind': 'last_mile', 'each': '@.next[*]', 'number': '@.n', 'carrier': {'at': '@.c'}},"
    "   {'kind': 'first', 'number': '@.first', 'carrier': 'fedex'}]}}";

static struct rs_report report(const char *members)
{
    const struct rs_profile *p = rs_test_profile(words_profile);
    struct rs_message m = rs_test_decode_with(p, rs_test_json(rs_test_say("{'n': '771', %s}", members).p));
    cr_assert(m.report_count == 1, "%s: %.*s", members, RS_FMT(m.reason));
    return m.report[0];
}

static struct rs_event event_of(const char *members)
{
    struct rs_report r = report(rs_test_say("'e': [{'t': '2025-05-21T08:00Z', %s}]", members).p);
    cr_assert(r.event_count == 1, "%s: %.*s", members, RS_FMT(r.reject[0].reason));
    return r.event[0];
}

Test(words, joins_what_is_there)
{
    static const struct {
        const char *members, *code;
    } cases[] = {
        {"'a': 'A', 'b': 'B', 'c': 'C'", "A-B-C"},
        {"'a': 'A', 'c': 'C'", "A-C"},
        {"'a': 'A', 'b': ''", "A"},
        {"'a': ' A ', 'b': 'NA', 'c': 7", "A-7"},
        {"'a': 'A', 'b': '0'", "A"},
        {"'a': 'A', 'b': 0", "A"},
        {"'a': 'A', 'b': true", "A-true"},
        {"'a': 'A', 'b': false", "A"},
        {"'b': 'B', 'c': 'C', 'x': 'x'", ""},
        {"'a': null, 'b': 'B', 'x': 'x'", ""},
        {"'a': 'A', 'b': ['B']", "A"},
        {"'a': 'A', 'b': {'B': 1}", "A"},
        {"'a': 1.50, 'b': 10000000000000000000000", "1.50-10000000000000000000000"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_event e = event_of(cases[i].members);
        cr_expect(rs_str_is(e.code, cases[i].code), "%s: '%.*s'", cases[i].members, RS_FMT(e.code));
    }
}

Test(words, takes_the_first_that_is_there)
{
    static const struct {
        const char *members, *text;
    } cases[] = {
        {"'x': 'X', 'y': 'Y'", "X"},
        {"'y': 'Y'", "Y"},
        {"'x': '', 'y': 'Y'", "Y"},
        {"'x': 'null', 'y': 'Y'", "Y"},
        {"'x': 'NA', 'y': null", "Z"},
        {"'x': 'na'", "na"},
        {"'x': '  NA  '", "Z"},
        {"'x': '0001-01-01'", "Z"},
        {"'x': '<b>H&ouml;lle</b>'", "<b>H&ouml;lle</b>"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_report r = report(
            rs_test_say("'z': 'Z', 'e': [{'a': 'A', 't': '2025-05-21T08:00Z', %s}]", cases[i].members).p);
        cr_expect(rs_str_is(r.event[0].text, cases[i].text), "%s: '%.*s'", cases[i].members, RS_FMT(r.event[0].text));
    }
}

Test(words, reads_places_and_their_country)
{
    static const struct {
        const char *place, *country, *city, *name, *iso2;
    } cases[] = {
        {"{'co': 'BR', 'ci': 'Campinas', 'n1': 'CTE', 'n2': 'Sul'}", "BR", "Campinas", "CTE Sul", "BR"},
        {"{'co': 'brazil'}", "brazil", "", "", "BR"},
        {"{'co': 'BRA'}", "BRA", "", "", "BR"},
        {"{'co': 'Mainland China'}", "Mainland China", "", "", "CN"},
        {"{'co': 'Atlantis', 'ci': 'NA'}", "Atlantis", "", "", ""},
        {"null", "", "", "", ""},
        {"'Campinas'", "", "", "", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_event e = event_of(rs_test_say("'a': 'A', 'p': %s", cases[i].place).p);
        assert_str(e.place.country, cases[i].country);
        assert_str(e.place.city, cases[i].city);
        assert_str(e.place.name, cases[i].name);
        cr_expect(strncmp(e.place.iso2, cases[i].iso2, 2) == 0, "%s", cases[i].place);
    }
}

Test(words, reads_facts)
{
    const struct rs_facts *told =
        report("'from': 'CN', 'to': {'c': 'Brazil', 't': 'Campinas', 'zip': 13010}, 'mail': 'Registered',"
               " 'order': 'o-7', 'sig': 'A. Silva', 'sigat': '2025-05-21T08:00Z', 'p1': '2025-05-20',"
               " 'p2': '2025-05-22', 'eta': '2025-05-23T10:00Z'")
            .facts;
    cr_assert(told);
    struct rs_facts f = *told;
    assert_str(f.origin.country, "CN");
    assert_str(f.destination.country, "Brazil");
    assert_str(f.destination.name, "13010");
    assert_str(f.service, "Registered");
    assert_str(f.order, "o-7");
    assert_str(f.signed_by, "A. Silva");
    cr_expect(memcmp(f.destination.iso2, "BR", 2) == 0);
    cr_expect_str_eq(rs_test_time(f.signed_us), "2025-05-21T08:00:00Z");
    cr_expect_str_eq(rs_test_time(f.promised.from_us), "2025-05-20T00:00:00Z");
    cr_expect_str_eq(rs_test_time(f.promised.to_us), "2025-05-22T23:59:59.999999Z", "by the 22nd includes it");
    cr_expect_str_eq(rs_test_time(f.estimated.from_us), "none");
    cr_expect_str_eq(rs_test_time(f.estimated.to_us), "2025-05-23T10:00:00Z");
}

Test(words, has_facts_only_when_something_is_told)
{
    static const struct {
        const char *members;
        bool any;
    } cases[] = {
        {"'x': 1", false},       {"'mail': ''", false},         {"'mail': 'NA', 'to': null", false},
        {"'mail': 'M'", true},   {"'from': 'CN'", true},        {"'p2': '2025-05-22'", true},
        {"'p2': 'soon'", false}, {"'p2': '9999-12-31'", false}, {"'sig': 'S'", true},
        {"'order': 'o'", true},  {"'to': {'zip': '1'}", true},  {"'eta': '2025-05-22'", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect((report(cases[i].members).facts != NULL) == cases[i].any, "%s", cases[i].members);
    cr_expect(rs_key_eq(report("'mail': 'M'").facts->key, report("'mail': 'M', 'sig': null").facts->key));
    cr_expect(!rs_key_eq(report("'mail': 'M'").facts->key, report("'sig': 'M'").facts->key));
}

Test(words, reads_links)
{
    struct rs_report r = report(
        "'first': 'JD 01', 'next': [{'n': 'RB123456785CN', 'c': 'usps'}, {'n': 'x'}, {'n': '771'},"
        " {'n': '99-1', 'c': 'usps'}, {'n': '991'}, {'n': '992', 'c': 'nobody'}, {'n': '993'}, null]");
    static const struct {
        const char *kind, *issuer, *number, *carrier;
    } want[] = {
        {"last_mile", "", "RB123456785CN", "usps"}, /* S10: nobody's number, but we know who carries it */
        {"last_mile", "usps", "991", "usps"},
        {"last_mile", "words:nobody", "992", NULL},
        {"last_mile", "", "993", NULL},
        {"first", "fedex", "JD01", "fedex"},
    };
    cr_assert(r.link_count == COUNT(want), "%u links", r.link_count);
    for (uint32_t i = 0; i < r.link_count; i++) {
        assert_str(r.link[i].kind, want[i].kind);
        assert_str(r.link[i].issuer, want[i].issuer);
        assert_str(r.link[i].number, want[i].number);
        cr_expect((r.link[i].carrier != NULL) == (want[i].carrier != NULL), "link %u", i);
        if (r.link[i].carrier && want[i].carrier) assert_str(r.link[i].carrier->id, want[i].carrier);
    }
}

Test(words, takes_a_bounded_number_of_links)
{
    struct rs_buf buf = {0};
    for (int i = 0; i < RS_LINKS_MAX + 4; i++) rs_buf_printf(&buf, "%s{'n': '%d'}", i ? "," : "", i);
    struct rs_report r = report(rs_test_say("'next': [%s], 'first': '5555'", rs_buf_cstr(&buf)).p);
    cr_expect(r.link_count == RS_LINKS_MAX);
    rs_buf_free(&buf);
}
