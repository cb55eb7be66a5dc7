/* Whose message it is, with profiles of our own. */
#include "support.h"

/* A profile of `source` with these shapes and topics, each a JSON list. */
static struct rs_profile *profile(const char *source, const char *topics, const char *shapes)
{
    struct rs_profile *p;
    struct rs_diag diag;
    struct rs_str text = rs_test_say(
        "{'source': '%s', 'topics': %s, 'identity': {'version': 1, 'shapes': %s, 'parcel': {'number': "
        "'@.n', 'carrier': 'usps'}, 'event': {'code': '@.c', 'time': {'at': '@.t', 'as': 'iso'}}},"
        " 'meaning': {'version': 1}}",
        source, topics, shapes);
    struct rs_str json = rs_test_json(text.p);
    int err = rs_profile_compile(rs_test_catalog(), rs_test_zones(), source, json, &p, &diag);
    cr_assert(err == RS_OK, "%s", diag.text);
    return p;
}

/* A shape with these conditions. */
static const char *shape(const char *name, const char *when)
{
    return rs_test_say("{'name': '%s', 'when': [%s], 'history': 'full', 'parcel': '$', 'event': '@.e[*]'}", name, when)
        .p;
}

static struct rs_profiles profiles;

static void add(const char *source, const char *topics, const char *shapes)
{
    struct rs_diag diag;
    cr_assert(rs_profiles_add(&profiles, profile(source, topics, shapes), &diag) == RS_OK, "%s", diag.text);
}

/* "source/shape", or the reason why there is none. */
static const char *found(const char *topic, const char *named, const char *json)
{
    struct rs_decoder_options options = {0};
    struct rs_decoder *decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), &profiles, &options);
    struct rs_record record = {.topic = rs_str_of(topic),
                               .time_us = RS_TEST_PUBLISHED,
                               .value = rs_test_json(json),
                               .source = rs_str_of(named)};
    struct rs_message m;
    rs_decode(decoder, &record, rs_test_arena(), &m);
    rs_decoder_free(decoder);
    if (!m.profile) return rs_test_say("%.*s", RS_FMT(m.reason)).p;
    return rs_test_say("%.*s/%.*s", RS_FMT(rs_profile_source(m.profile)), RS_FMT(m.shape)).p;
}

static void three(void)
{
    add("one", "[]", rs_test_say("[%s]", shape("a", "'$.n', '$.one'")).p);
    add("two", "['two.scans', 'two-*']",
        rs_test_say("[%s, %s, %s]", shape("special", "'$.n', '$.two', {'at': '$.kind', 'is': 'X'}"),
                    shape("usual", "'$.n', '$.two'"), shape("rest", "'$.n'"))
            .p);
    add("three", "[]", rs_test_say("[%s]", shape("a", "'$.n', '$.two', '!$.one', '$.three'")).p);
}

#define assert_found(topic, named, json, want) \
    cr_expect_str_eq(found(topic, named, json), want, "%s: %s", json, found(topic, named, json))

Test(recognise, takes_the_shape_with_most_conditions, .init = three)
{
    assert_found("t", NULL, "{'n': '1', 'one': 1}", "one/a");
    assert_found("t", NULL, "{'n': '1', 'two': 1}", "two/usual");
    assert_found("t", NULL, "{'n': '1', 'two': 1, 'kind': 'X'}", "two/special");
    assert_found("t", NULL, "{'n': '1', 'two': 1, 'three': 1}", "three/a");
    assert_found("t", NULL, "{'n': '1'}", "two/rest");
    assert_found("t", NULL, "{'n': '1', 'two': 1, 'three': 1, 'kind': 'X'}", "three/a");
}

Test(recognise, takes_a_condition_at_its_word, .init = three)
{
    assert_found("t", NULL, "{'n': null, 'one': null}", "one/a");
    assert_found("t", NULL, "{'n': '1', 'two': 1, 'kind': 'x'}", "two/usual");
    assert_found("t", NULL, "{'n': '1', 'two': 1, 'kind': ['X']}", "two/usual");
    assert_found("t", NULL, "{'n': '1', 'two': 1, 'three': 1, 'one': null}",
                 "ambiguous: fits one and two; name the source by header or topic");
}

Test(recognise, makes_no_guess, .init = three)
{
    assert_found("t", NULL, "{'n': '1', 'one': 1, 'two': 1}",
                 "ambiguous: fits one and two; name the source by header or topic");
    assert_found("t", NULL, "{'x': 1}", "unknown shape: no profile knows this message");
    assert_found("t", NULL, "[]", "unknown shape: no profile knows this message");
    assert_found("t", NULL, "7", "unknown shape: no profile knows this message");
}

Test(recognise, believes_a_name, .init = three)
{
    assert_found("t", "two", "{'n': '1', 'one': 1, 'two': 1}", "two/usual");
    assert_found("t", "one", "{'n': '1', 'one': 1, 'two': 1}", "one/a");
    assert_found("two.scans", "one", "{'n': '1', 'one': 1}", "one/a");
    assert_found("t", "one", "{'n': '1', 'two': 1}", "one: no shape fits (a: $.one)");
    assert_found("t", "four", "{'n': '1', 'one': 1}", "unknown source \"four\"");
}

Test(recognise, believes_a_claimed_topic, .init = three)
{
    assert_found("two.scans", NULL, "{'n': '1', 'one': 1, 'two': 1}", "two/usual");
    assert_found("two-x", NULL, "{'n': '1', 'one': 1, 'two': 1}", "two/usual");
    assert_found("two-", NULL, "{'n': '1', 'one': 1, 'two': 1}", "two/usual");
    assert_found("two.scans.x", NULL, "{'n': '1', 'one': 1}", "one/a");
    assert_found("two", NULL, "{'n': '1', 'one': 1}", "one/a");
    assert_found("two-x", NULL, "{'one': 1}", "unknown shape: no profile knows this message");
}

Test(recognise, forgets_a_rival_that_a_better_one_beats)
{
    add("a", "[]", rs_test_say("[%s]", shape("s", "'$.n'")).p);
    add("b", "[]", rs_test_say("[%s]", shape("s", "'$.n'")).p);
    add("c", "[]", rs_test_say("[%s]", shape("s", "'$.n', '$.c'")).p);
    assert_found("t", NULL, "{'n': '1', 'c': 1}", "c/s");
    assert_found("t", NULL, "{'n': '1'}", "ambiguous: fits a and b; name the source by header or topic");
}

Test(recognise, tells_what_it_tried, .init = three)
{
    struct rs_decoder_options options = {0};
    struct rs_decoder *decoder = rs_decoder_new(rs_test_catalog(), rs_test_zones(), &profiles, &options);
    struct rs_record record = {.time_us = RS_TEST_PUBLISHED, .value = rs_test_json("{'n': '1', 'one': 1}")};
    struct rs_message m;
    struct rs_buf buf = {0};
    rs_decode(decoder, &record, rs_test_arena(), &m);
    rs_decoder_tried(decoder, &buf);
    cr_expect_str_eq(rs_buf_cstr(&buf), "three, no $.two; two, no $.two");
    rs_buf_free(&buf);
    rs_decoder_free(decoder);
}

Test(recognise, knows_each_example_of_the_source_tree)
{
    const struct rs_profiles *all = rs_test_profiles();
    for (uint32_t i = 0; i < all->count; i++) {
        struct rs_message m = rs_test_decode(NULL, rs_profile_example(all->profile[i]));
        cr_expect(m.profile == all->profile[i], "%s: %.*s", rs_profile_file(all->profile[i]), RS_FMT(m.reason));
    }
}
