#include "rastro/profile.h"

#include "support.h"

/* Line and column of the complaint count in this text.  %s stands for more keys
 * at a place; see `broken`. */
static const char whole[] = "{'source': 'plain',\n"                                             /* 1 */
                            " 'identity': {\n"                                                  /* 2 */
                            "  'version': 1,\n"                                                 /* 3 */
                            "  'shapes': [{'name': 'a', 'when': ['$.number'],\n"                /* 4 */
                            "    'history': 'full', 'parcel': '$', 'event': '@.events[*]'}],\n" /* 5 */
                            "  'parcel': {'number': '@.number', 'carrier': 'usps'},\n"          /* 6 */
                            "  'event': {'code': '@.code',\n"                                   /* 7 */
                            "    'time': {'at': '@.time', 'as': 'iso'}}\n"                      /* 8 */
                            " },\n"                                                             /* 9 */
                            " 'meaning': {'version': 1}\n"                                      /* 10 */
                            "}";

/* `whole` with the first `find` replaced. */
static const char *broken(const char *find, const char *with)
{
    const char *at = strstr(whole, find);
    cr_assert(at, "no %s in the profile", find);
    return rs_test_say("%.*s%s%s", (int)(at - whole), whole, with, at + strlen(find)).p;
}

#define HERE "p.json:"

static const struct {
    const char *find, *with, *why;
} cases[] = {
    /* the file */
    {"{'source'", "{'sorce'", HERE "1:11: unknown key \"sorce\"; did you mean \"source\"?"},
    {"'source': 'plain',", "", HERE "1:1: \"source\" is missing"},
    {"'plain'", "'plain', 'source': 'x'", HERE "1:31: key \"source\" is here twice"},
    {"'plain'", "'Plain'", HERE "1:12: a source's name is of a-z, 0-9 and -, at most 40"},
    {"'plain'", "'-a'", HERE "1:12: a source's name is of a-z, 0-9 and -, at most 40"},
    {"'plain'", "'a/b'", HERE "1:12: a source's name is of a-z, 0-9 and -, at most 40"},
    {"'plain'", "''", HERE "1:12: a source's name is of a-z, 0-9 and -, at most 40"},
    {"'plain'", "'a2345678901234567890123456789012345678901'",
     HERE "1:12: a source's name is of a-z, 0-9 and -, at most 40"},
    {"'plain'", "7", HERE "1:12: expected a string, found number"},
    {"'plain'", "'plain', 'title': []", HERE "1:30: expected a string, found array"},
    {"'plain'", "'plain', 'topics': 'x'", HERE "1:31: expected a list, found string"},
    {"'plain'", "'plain', 'topics': ['1','2','3','4','5','6','7','8','9']", HERE "1:64: too many topics"},
    {"'identity': {", "'meaning2': {}, 'identity': {",
     HERE "2:14: unknown key \"meaning2\"; did you mean \"meaning\"?"},
    {"'meaning': {'version': 1}", "'example': 1", HERE "1:1: \"meaning\" is missing"},
    {"'meaning': {'version': 1}", "'meaning': []", HERE "10:13: expected an object, found array"},
    {" 'identity': {\n", " 'identity': 1, 'x': {\n", HERE "2:22: unknown key \"x\""},

    /* versions */
    {"'version': 1,\n", "\n", HERE "2:14: \"version\" is missing"},
    {"'version': 1,\n", "'version': 0,\n", HERE "3:14: expected a whole number from 1 to 32767"},
    {"'version': 1,\n", "'version': 32768,\n", HERE "3:14: expected a whole number from 1 to 32767"},
    {"'version': 1,\n", "'version': 1.5,\n", HERE "3:14: expected a whole number from 1 to 32767"},
    {"'version': 1,\n", "'version': '1',\n", HERE "3:14: expected a whole number from 1 to 32767"},
    {"{'version': 1}", "{}", HERE "10:13: \"version\" is missing"},

    /* missing, zones, countries */
    {"'version': 1,\n", "'version': 1, 'missing': 'x',\n", HERE "3:28: expected a list, found string"},
    {"'version': 1,\n", "'version': 1, 'missing': [false, 0],\n", HERE "3:36: expected a string, found number"},
    {"'version': 1,\n", "'version': 1, 'missing': ['','','','','','','','','','','','','','','','',''],\n",
     HERE "3:77: too many"},
    {"'version': 1,\n", "'version': 1, 'zones': {'CST': 'Asia/Shanghia'},\n",
     HERE "3:34: no IANA zone \"Asia/Shanghia\""},
    {"'version': 1,\n", "'version': 1, 'zones': {'CST': {'at': '@.z'}},\n", HERE "3:34: expected an IANA zone"},
    {"'version': 1,\n", "'version': 1, 'zones': {'CST': 'UTC', 'CST': 'UTC'},\n",
     HERE "3:48: key \"CST\" is here twice"},
    {"'version': 1,\n", "'version': 1, 'countries': {'x': 'Brazill'},\n",
     HERE "3:36: unknown country \"Brazill\"; did you mean \"brazil\"?"},

    /* shapes */
    {"'shapes'", "'shape'", HERE "4:12: unknown key \"shape\"; did you mean \"shapes\"?"},
    {"'shapes': [{", "'shapes': {}, 'status': [{", HERE "4:13: expected a list, found object"},
    {"{'name': 'a', ", "{", HERE "4:14: \"name\" is missing"},
    {"'when': ['$.number']", "'name2': 1", HERE "4:37: unknown key \"name2\"; did you mean \"name\"?"},
    {"'when': ['$.number']", "'when': []", HERE "4:36: a shape needs a condition"},
    {"'when': ['$.number']", "'when': '$.number'", HERE "4:36: expected a list, found string"},
    {"'when': ['$.number']", "'when': ['number']",
     HERE "4:37: path \"number\": a path starts with $ (the message) or @ (the current block) at character 1"},
    {"'when': ['$.number']", "'when': ['!$.a b']", HERE "4:37: path \"$.a b\": expected . or [ at character 4"},
    {"'when': ['$.number']", "'when': [7]", HERE "4:37: expected an object, found number"},
    {"'when': ['$.number']", "'when': [{'at': '$.a'}]", HERE "4:37: \"is\" is missing"},
    {"'when': ['$.number']", "'when': [{'at': '$.a', 'is': ''}]",
     HERE "4:57: \"is\" is empty: a missing word has no shape"},
    {"'when': ['$.number']", "'when': [{'at': '$.a', 'is': 7}]", HERE "4:57: expected a string, found number"},
    {"'when': ['$.number']", "'when': ['$.1','$.2','$.3','$.4','$.5','$.6','$.7','$.8','$.9']",
     HERE "4:85: too many conditions"},
    {"'history': 'full', ", "", HERE "4:14: \"history\" is missing"},
    {"'full'", "'all'", HERE "5:16: history is \"full\" (each message carries all of it) or \"part\""},
    {"'parcel': '$', ", "", HERE "4:14: \"parcel\" is missing"},
    {"'parcel': '$', ", "'parcel': {}, ", HERE "5:34: expected a path, found object"},
    {"'@.events[*]'", "'@.events[*'", HERE "5:48: path \"@.events[*\": expected ] at character 11"},
    {"'@.events[*]'", "['@.1','@.2','@.3','@.4','@.5','@.6','@.7']", HERE "5:85: too many paths"},

    /* the parcel */
    {"'number': '@.number', ", "", HERE "6:13: \"number\" is missing"},
    {"'carrier': 'usps'", "'carier': 'usps'", HERE "6:46: unknown key \"carier\"; did you mean \"carrier\"?"},
    {", 'carrier': 'usps'", "", HERE "6:13: \"carrier\" is missing"},
    {"'usps'", "'uspss'", HERE "6:47: unknown carrier \"uspss\"; did you mean \"usps\"?"},
    {"'usps'", "{'as': 'x'}", HERE "6:54: unknown key \"as\""},
    {"'usps'", "{'at': 7}", HERE "6:54: expected a path, found number"},
    {"'usps'", "'usps', 'feed': '@.feed'", HERE "6:63: the feed is one for a message: its path starts with $"},
    {"'usps'", "'usps', 'updated': {'at': '@.u'}", HERE "6:66: \"as\" is missing"},

    /* the event */
    {"'code': '@.code',\n", "\n", HERE "7:12: an event needs \"code\" or \"text\""},
    {"'code': '@.code',\n", "'cod': '@.code',\n", HERE "7:20: unknown key \"cod\"; did you mean \"code\"?"},
    {"'code': '@.code',\n", "'code': '@.code', 'identity': 'words',\n",
     HERE "7:43: identity is \"code\", \"text\" or \"both\""},
    {"'code': '@.code',\n", "'code': '@.code', 'place': {'town': '@.t'},\n", HERE "7:49: unknown key \"town\""},
    {"'code': '@.code',\n", "'code': '@.code', 'context': '@.x',\n", HERE "7:42: expected a list, found string"},
    {"'code': '@.code',\n", "'code': '@.code', 'context': ['@.1','@.2','@.3','@.4','@.5','@.6','@.7'],\n",
     HERE "7:79: too many"},

    /* words */
    {"'@.code'", "7", HERE "7:21: expected a path, found number"},
    {"'@.code'", "{'with': ''}", HERE "7:21: \"join\" is missing"},
    {"'@.code'", "{'join': '@.a'}", HERE "7:30: expected a list, found string"},
    {"'@.code'", "{'join': ['@.a'], 'by': ''}", HERE "7:45: unknown key \"by\""},
    {"'@.code'", "{'join': ['@.1','@.2','@.3','@.4','@.5']}", HERE "7:55: more than 4 parts"},
    {"'@.code'", "['@.1','@.2','@.3','@.4','@.5','@.6','@.7']", HERE "7:58: more than 6 alternatives"},
    {"'@.code'", "['@.1', ['@.2']]", HERE "7:29: expected a path, found array"},

    /* times */
    {"'time': {'at': '@.time', 'as': 'iso'}", "'text': '@.t'", HERE "7:12: \"time\" is missing"},
    {"'at': '@.time', ", "", HERE "8:13: \"at\" is missing"},
    {"'as': 'iso'", "'a': 'iso'", HERE "8:35: unknown key \"a\""},
    {"'iso'", "'ISO'", HERE "8:36: \"ISO\" is no time pattern: no % in it, and not iso, epoch_s, epoch_ms, dotnet"},
    {"'iso'", "['iso', '%Y-%Q']", HERE "8:44: time pattern \"%Y-%Q\": unknown conversion %Q"},
    {"'iso'", "'%Y-%m-%d %'", HERE "8:36: time pattern \"%Y-%m-%d %\" ends in %"},
    {"'iso'", "'%Y........................'", HERE "8:36: time pattern \"%Y........................\" is too long"},
    {"'iso'", "['iso','iso','iso','iso','iso','iso','iso']", HERE "8:73: more than 6 patterns"},
    {"'iso'", "'iso', 'zone': 'Europe/Berlin '", HERE "8:51: no IANA zone \"Europe/Berlin \""},
    {"'iso'", "'iso', 'zone': {}", HERE "8:51: expected \"at\" or \"country\""},
    {"'iso'", "'iso', 'zone': {'city': '@.c'}", HERE "8:60: unknown key \"city\""},
    {"'iso'", "'iso', 'zone': ['UTC','UTC','UTC','UTC','UTC']", HERE "8:76: more than 4 zone rules"},
    {"'iso'", "'iso', 'latest': 1", HERE "8:53: expected true or false, found number"},
    {"'@.time', 'as'", "['@.t','@.u'], 'latest': true, 'as'", HERE "8:20: with \"latest\", \"at\" is one path"},
    {"{'at': '@.time', 'as': 'iso'}",
     "[{'at':'@.1','as':'iso'},{'at':'@.2','as':'iso'},{'at':'@.3','as':'iso'},{'at':'@.4','as':'iso'},1]",
     HERE "8:110: more than 4 times"},

    /* the meaning */
    {"{'version': 1}", "{'version': 1, 'codes': {'A': 'transit.mooving'}}",
     HERE "10:43: unknown stage \"transit.mooving\"; did you mean \"transit.moving\"?"},
    {"{'version': 1}", "{'version': 1, 'codes': {'A': 'zzzzzz'}}", HERE "10:43: unknown stage \"zzzzzz\""},
    {"{'version': 1}", "{'version': 1, 'codes': {'A': 'transit.moving', 'A': 'transit.moving'}}",
     HERE "10:66: key \"A\" is here twice"},
    {"{'version': 1}", "{'version': 1, 'texts': []}", HERE "10:37: expected an object, found array"},
    {"{'version': 1}", "{'version': 1, 'statuses': {'A': 7}}", HERE "10:46: expected a string, found number"},
    {"{'version': 1}", "{'version': 1, 'synthetic': ['A', 'A']}", HERE "10:47: \"A\" is here twice"},
    {"{'version': 1}", "{'version': 1, 'planned': {'at': '@.p'}}", HERE "10:39: \"is\" is missing"},
    {"{'version': 1}", "{'version': 1, 'planned': {'code': []}}",
     HERE "10:48: unknown key \"code\"; did you mean \"codes\"?"},
    {"{'version': 1}", "{'version': 1, 'facts': {'promised': {'form': 1}}}", HERE "10:59: unknown key \"form\""},
    {"{'version': 1}", "{'version': 1, 'links': {}}", HERE "10:37: expected a list, found object"},
    {"{'version': 1}", "{'version': 1, 'links': [{'number': '@.n'}]}", HERE "10:38: \"kind\" is missing"},
    {"{'version': 1}", "{'version': 1, 'links': [{'kind': 'k'}]}", HERE "10:38: \"number\" is missing"},
    {"{'version': 1}",
     "{'version': 1, 'links': [{'kind':'k','number':'@.1'},{'kind':'k','number':'@.1'},"
     "{'kind':'k','number':'@.1'},{'kind':'k','number':'@.1'},{'kind':'k','number':'@.1'},{'kind':'k','number':'@.1'},{}]}",
     HERE "10:206: too many links"},

    /* what explain shows */
    {"{'version': 1}", "{'version': 1}, 'explain': {'ignore': []}",
     HERE "10:51: unknown key \"ignore\"; did you mean \"ignored\"?"},
    {"{'version': 1}", "{'version': 1}, 'explain': {'ignored': '@.x'}", HERE "10:52: expected a list, found string"},
    {"{'version': 1}", "{'version': 1}, 'explain': {'distrusted': [{'at': '@.t', 'as': 'iso'}]}",
     HERE "10:56: \"why\" is missing"},
    {"{'version': 1}", "{'version': 1}, 'explain': {'distrusted': [{'at': '@.t', 'as': '%Q', 'why': 'w'}]}",
     HERE "10:76: time pattern \"%Q\": unknown conversion %Q"},
};

Test(profile, says_where_it_is_wrong_and_what_was_meant)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *said = rs_test_profile_error(broken(cases[i].find, cases[i].with));
        cr_expect_str_eq(said, cases[i].why, "%s for %s: \"%s\", not \"%s\"", cases[i].with, cases[i].find, said,
                         cases[i].why);
    }
}

Test(profile, refuses_a_file_that_is_no_json)
{
    cr_expect_str_eq(rs_test_profile_error(""), "p.json: JSON: empty");
    cr_expect_str_eq(rs_test_profile_error("{"), "p.json: JSON: expected a key at line 1, column 2");
    cr_expect_str_eq(rs_test_profile_error("[]"), "p.json:1:1: expected an object, found array");
    cr_expect_str_eq(rs_test_profile_error("null"), "p.json:1:1: expected an object, found null");
}

/* As many as there is room for, and one more. */
Test(profile, holds_what_it_says_it_holds)
{
    struct rs_buf shapes = {0}, ignored = {0};
    for (int i = 0; i < 17; i++) {
        rs_buf_printf(&shapes, "{'name': 'n%d', 'when': ['$.w%d'], 'ignore': 'x'}%s", i, i, i < 16 ? "," : "");
    }
    for (int i = 0; i < 97; i++) rs_buf_printf(&ignored, "'@.k%d'%s", i, i < 96 ? "," : "");
    const char *one =
        "{'name': 'a', 'when': ['$.number'],\n    'history': 'full', 'parcel': '$', 'event': '@.events[*]'}";
    assert_has(rs_test_profile_error(broken(one, rs_buf_cstr(&shapes))), "more than 16 shapes");
    const char *explain = rs_test_say("{'version': 1}, 'explain': {'ignored': [%s]}", rs_buf_cstr(&ignored)).p;
    assert_has(rs_test_profile_error(broken("{'version': 1}", explain)), "too many");

    *strstr((char *)(uintptr_t)rs_buf_cstr(&shapes), ",{'name': 'n16'") = '\0';
    rs_test_profile(broken(one, shapes.p));
    *strstr((char *)(uintptr_t)rs_buf_cstr(&ignored), ",'@.k96'") = '\0';
    rs_test_profile(broken("{'version': 1}", rs_test_say("{'version': 1}, 'explain': {'ignored': [%s]}", ignored.p).p));
    rs_buf_free(&shapes);
    rs_buf_free(&ignored);
}

/* Each block has 64 slots; equal paths share one. */
Test(profile, counts_the_paths_of_a_block)
{
    struct rs_buf texts = {0};
    const char *text;
    for (int over = 0; over < 2; over++) {
        rs_buf_clear(&texts);
        /* facts take places of the parcel's block: number and 63 more fit */
        static const char *const fields[] = {"service", "order", "signed_by"};
        static const char *const places[] = {"country", "region", "city", "name"};
        int left = 63 + over, k = 0;
        for (size_t f = 0; f < COUNT(fields); f++) {
            rs_buf_printf(&texts, "%s'%s': [", f ? ", " : "", fields[f]);
            for (int i = 0; i < 6 && left > 0; i++, left--) rs_buf_printf(&texts, "%s'@.k%d'", i ? "," : "", k++);
            rs_buf_puts(&texts, RS_LIT("]"));
        }
        for (int p = 0; p < 2; p++) {
            rs_buf_printf(&texts, ", '%s': {", p ? "destination" : "origin");
            for (size_t f = 0; f < COUNT(places); f++) {
                rs_buf_printf(&texts, "%s'%s': [", f ? ", " : "", places[f]);
                for (int i = 0; i < 6 && left > 0; i++, left--) rs_buf_printf(&texts, "%s'@.k%d'", i ? "," : "", k++);
                rs_buf_puts(&texts, RS_LIT("]"));
            }
            rs_buf_puts(&texts, RS_LIT("}"));
        }
        text = broken("{'version': 1}", rs_test_say("{'version': 1, 'facts': {%s}}", rs_buf_cstr(&texts)).p);
        if (over) assert_has(rs_test_profile_error(text), "more than 64 paths in a block");
        else rs_test_profile(text);
    }
    rs_buf_free(&texts);
}

/* ---- what a good one says of itself ------------------------------------------------------- */

Test(profile, tells_name_versions_and_example)
{
    const struct rs_profile *p = rs_test_profile(broken(
        "'meaning': {'version': 1}", "'title': 'Plain: a test', 'meaning': {'version': 7}, 'example': {'a': [1, 2]}"));
    assert_str(rs_profile_source(p), "plain");
    assert_str(rs_profile_title(p), "Plain: a test");
    assert_str(rs_profile_example(p), "{\"a\": [1, 2]}");
    cr_expect_str_eq(rs_profile_file(p), "p.json");
    cr_expect(rs_profile_identity(p) == 1 && rs_profile_meaning(p) == 7);
    cr_expect(rs_profile_example(rs_test_profile(whole)).n == 0);
}

Test(profile, digests_the_identity_without_its_layout)
{
    struct rs_key key = rs_profile_identity_digest(rs_test_profile(whole));
    static const struct {
        const char *find, *with;
        bool same;
    } changes[] = {
        {"'version': 1,\n", "  'version' :\t1 ,\r\n\n", true},
        {"'meaning': {'version': 1}", "'meaning': {'version': 2, 'codes': {'A': 'transit.moving'}}", true},
        {"'plain'", "'other'", true},
        {"'@.code'", "'@.cod'", false},
        {"'version': 1,\n", "'version': 2,\n", false},
        {"'@.code'", "['@.code']", false},
        {"'name': 'a'", "'name': 'a '", false},
        {"'name': 'a'", "'name': '\\\\\\\\\\u0022 a'", false},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct rs_key other = rs_profile_identity_digest(rs_test_profile(broken(changes[i].find, changes[i].with)));
        cr_expect(rs_key_eq(key, other) == changes[i].same, "%s", changes[i].with);
    }
}

Test(profile, keeps_a_list_by_source_name)
{
    static const char *const names[] = {"'m'", "'z'", "'a'", "'b'"};
    struct rs_profiles profiles = {0};
    struct rs_diag diag;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct rs_profile *p = NULL;
        struct rs_str text = rs_test_json(broken("'plain'", names[i]));
        cr_assert(!rs_profile_compile(rs_test_catalog(), rs_test_zones(), names[i], text, &p, &diag), "%s", diag.text);
        cr_assert(rs_profiles_add(&profiles, p, &diag) == RS_OK);
    }
    cr_assert(profiles.count == 4);
    for (uint32_t i = 1; i < profiles.count; i++) {
        cr_expect(rs_str_cmp(rs_profile_source(profiles.profile[i - 1]), rs_profile_source(profiles.profile[i])) < 0);
    }
    cr_expect(rs_profiles_find(&profiles, RS_LIT("b")) == profiles.profile[1]);
    cr_expect(rs_profiles_find(&profiles, RS_LIT("c")) == NULL);

    struct rs_profile *again = NULL;
    struct rs_str text = rs_test_json(broken("'plain'", "'m'"));
    cr_assert(rs_profile_compile(rs_test_catalog(), rs_test_zones(), "q.json", text, &again, &diag) == RS_OK);
    cr_expect(rs_profiles_add(&profiles, again, &diag) == RS_E_CONFIG);
    cr_expect_str_eq(diag.text, "'m' and q.json: both are source \"m\"");
    cr_expect(profiles.count == 4);
    rs_profiles_free(&profiles);
    cr_expect(profiles.count == 0);
}

Test(profile, compiles_every_file_of_the_source_tree)
{
    const struct rs_profiles *profiles = rs_test_profiles();
    cr_assert(profiles->count >= 7);
    for (uint32_t i = 0; i < profiles->count; i++) {
        cr_expect(rs_profile_example(profiles->profile[i]).n > 0, "%s has no example",
                  rs_profile_file(profiles->profile[i]));
    }
}
