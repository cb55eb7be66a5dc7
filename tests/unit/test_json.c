#include "rastro/json.h"

#include "compare_json.h"
#include "support.h"

static struct rs_json_parser *parser(enum rs_json_backend backend)
{
    static struct rs_json_parser *parsers[2];
    if (!parsers[backend]) parsers[backend] = rs_json_parser_new(backend);
    return parsers[backend];
}

static int parse(struct rs_str text, struct rs_json *ret, struct rs_diag *diag)
{
    return rs_json_parse(parser(RS_JSON_FAST), rs_test_arena(), text, ret, diag);
}

static struct rs_json parsed(struct rs_str text)
{
    struct rs_json json;
    struct rs_diag diag;
    cr_assert(parse(text, &json, &diag) == RS_OK, "%.*s: %s", RS_FMT(text), diag.text);
    return json;
}

/* ---- grammar ---------------------------------------------------------------------------- */

static const char *const good[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1.5",
    "-0.25",
    "1e5",
    "1E+5",
    "1e-5",
    "0e0",
    "0.0e-0",
    "123456789012345678901234567890123456789",
    "1e999",
    "\"\"",
    "\"a\"",
    "[]",
    "{}",
    "[ ]",
    "{ }",
    " 1 ",
    "\t\r\n1\n",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[]]",
    "[[],[]]",
    "[{}]",
    "{\"a\":1}",
    "{\"a\":1,\"b\":2}",
    "{ \"a\" : [ { } ] }",
    "{\"\":\"\"}",
    "{\"a\":1,\"a\":2}",
    "[null,true,false,\"\",0,[],{}]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"",
    "\"\x7f\"",
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa6\"",
    "[\"a b\" ]",
    "[\"]\",\"}\",\",\",\":\"]",
    "{\"a\":{\"b\":{\"c\":{}}}}",
};

Test(json, accepts_the_grammar)
{
    for (size_t i = 0; i < COUNT(good); i++) {
        struct rs_json json;
        struct rs_diag diag;
        cr_expect(parse(rs_str_of(good[i]), &json, &diag) == RS_OK, "%s: %s", good[i], diag.text);
    }
}

static const struct {
    const char *text, *why;
} bad[] = {
    {"", "empty"},
    {" \n", "empty"},
    {"nul", "not a value at line 1, column 1"},
    {"nulll", "not a value at line 1, column 1"},
    {"True", "not a value"},
    {"undefined", "not a value"},
    {"NaN", "not a value"},
    {"+1", "not a value"},
    {"01", "not a value"},
    {"-", "not a value"},
    {"-a", "not a value"},
    {".5", "not a value"},
    {"1.", "not a value"},
    {"1e", "not a value"},
    {"1e+", "not a value"},
    {"0x10", "not a value"},
    {"1 2", "text behind the value at line 1, column 3"},
    {"1,", "text behind the value at line 1, column 2"},
    {"[] []", "text behind the value at line 1, column 4"},
    {"{}}", "text behind the value"},
    {"\"a\" \"b\"", "text behind the value"},
    {"\"a\"b", "text behind the value"},
    {"[", "the text ends before its value"},
    {"{", "expected a key"},
    {"[1", "expected , or ]"},
    {"[1,", "the text ends before its value"},
    {"[1,]", "not a value at line 1, column 4"},
    {"[,1]", "not a value at line 1, column 2"},
    {"[1 2]", "expected , or ] at line 1, column 4"},
    {"[1}", "expected , or ]"},
    {"{]", "expected a key"},
    {"]", "not a value"},
    {":", "not a value"},
    {"{\"a\"}", "expected : after a key"},
    {"{\"a\":}", "not a value"},
    {"{\"a\":1,}", "expected a key at line 1, column 8"},
    {"{\"a\" 1}", "expected : after a key"},
    {"{\"a\":1 \"b\":2}", "expected , or }"},
    {"{a:1}", "expected a key at line 1, column 2"},
    {"{1:1}", "expected a key"},
    {"{null:1}", "expected a key"},
    {"{'a':1}", "expected a key"},
    {"[1]\n[2]", "text behind the value at line 2, column 1"},
    {"{\n  \"a\": 1,\n  \"b\": tru\n}", "not a value at line 3, column 8"},
    {"[\"\xc3\xa9\xc3\xa9\", x]", "not a value at line 1, column 8"},
    {"\"", "a string does not end"},
    {"\"abc", "a string does not end"},
    {"\"abc\\\"", "a string does not end"},
    {"[\"a]", "a string does not end"},
    {"\"\\x\"", "an unknown escape at line 1, column 1"},
    {"\"\\u12\"", "an escape \\u without four hex digits"},
    {"\"\\u12g4\"", "an escape \\u without four hex digits"},
    {"[1, \"\\q\"]", "an unknown escape at line 1, column 5"},
    {"\"a\nb\"", "a control character in a string"},
    {"\"a\tb\"", "a control character in a string"},
    {"\"\x01\"", "a control character in a string"},
    {"\xef\xbb\xbf{}", "not a value at line 1, column 1"},
    {"\"\xff\"", "not valid UTF-8"},
    {"\"\xc3\"", "not valid UTF-8"},
    {"\"\xc0\xaf\"", "not valid UTF-8"},
    {"\"\xed\xa0\x80\"", "not valid UTF-8"},
    {"\"\xf5\x80\x80\x80\"", "not valid UTF-8"},
    {"1\f", "text behind the value"},
    {"[1]\v", "text behind the value"},
    {"// 1\n1", "not a value"},
    {"[1 /* x */]", "expected , or ]"},
};

Test(json, refuses_what_is_no_json_and_says_where)
{
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct rs_json json = {.count = 42};
        struct rs_diag diag;
        int err = parse(rs_str_of(bad[i].text), &json, &diag);
        cr_expect(err == RS_E_DATA, "'%s' is taken", bad[i].text);
        if (err)
            cr_expect(strstr(diag.text, bad[i].why), "'%s': \"%s\" lacks \"%s\"", bad[i].text, diag.text, bad[i].why);
        cr_expect(json.count == 42, "'%s': the output is touched", bad[i].text);
    }
}

Test(json, refuses_a_nul_outside_of_strings_and_in_them)
{
    static const struct rs_str texts[] = {{"1\0", 2}, {"\0", 1}, {"\"a\0b\"", 5}, {"[1,\0]", 5}};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct rs_json json;
        struct rs_diag diag;
        cr_expect(parse(texts[i], &json, &diag) == RS_E_DATA, "%zu", i);
    }
}

/* A parser that has seen nothing yet has nothing to look into either. */
Test(json, refuses_no_text_at_all_as_the_first_one)
{
    struct rs_json_parser *fresh = rs_json_parser_new(RS_JSON_FAST);
    struct rs_json json;
    struct rs_diag diag;
    cr_expect(rs_json_parse(fresh, rs_test_arena(), RS_STR_NONE, &json, &diag) == RS_E_DATA);
    assert_has(diag.text, "empty");
    rs_json_parser_free(fresh);
    rs_json_parser_free(NULL);
}

/* `depth` brackets around a number. */
static struct rs_str nested(uint32_t depth, bool objects)
{
    struct rs_buf buf = {0};
    for (uint32_t i = 0; i < depth; i++) rs_buf_puts(&buf, objects && i % 2 ? RS_LIT("{\"k\":") : RS_LIT("["));
    rs_buf_putc(&buf, '1');
    for (uint32_t i = depth; i-- > 0;) rs_buf_putc(&buf, objects && i % 2 ? '}' : ']');
    struct rs_str text = rs_arena_str(rs_test_arena(), (struct rs_str){buf.p, (uint32_t)buf.n});
    rs_buf_free(&buf);
    return text;
}

Test(json, nests_to_the_bound_and_not_beyond)
{
    for (int backend = 0; backend < 2; backend++) {
        for (int objects = 0; objects < 2; objects++) {
            struct rs_json json;
            struct rs_diag diag;
            struct rs_str fits = nested(RS_JSON_DEPTH_MAX, objects), deep = nested(RS_JSON_DEPTH_MAX + 1, objects);
            struct rs_json_parser *p = parser((enum rs_json_backend)backend);
            cr_expect(rs_json_parse(p, rs_test_arena(), fits, &json, &diag) == RS_OK, "%s", diag.text);
            cr_expect(rs_json_parse(p, rs_test_arena(), deep, &json, &diag) == RS_E_DATA);
            assert_has(diag.text, "nested too deeply");
        }
    }
    struct rs_json json;
    struct rs_diag diag;
    cr_expect(parse(nested(200000, true), &json, &diag) == RS_E_DATA);
}

/* ---- nodes -------------------------------------------------------------------------------- */

Test(json, lays_nodes_out_in_the_order_of_the_text)
{
    struct rs_json json = parsed(RS_LIT(" {\"a\": [1, \"x\"], \"b\" : null , \"c\":{}} "));
    static const struct {
        enum rs_json_type type;
        const char *key, *s;
        uint32_t at, end, next;
    } want[] = {
        {RS_JSON_OBJECT, "", "", 1, 38, 6},     {RS_JSON_ARRAY, "a", "", 7, 15, 4},
        {RS_JSON_NUMBER, "", "1", 8, 9, 3},     {RS_JSON_STRING, "", "x", 11, 14, 4},
        {RS_JSON_NULL, "b", "null", 23, 27, 5}, {RS_JSON_OBJECT, "c", "", 34, 36, 6},
    };
    cr_assert(json.count == COUNT(want), "%u nodes", json.count);
    for (uint32_t i = 0; i < json.count; i++) {
        const struct rs_json_node *node = &json.node[i];
        cr_expect(node->type == want[i].type, "node %u: %s", i, rs_json_type_name(node->type));
        assert_str(node->key, want[i].key);
        assert_str(node->s, want[i].s);
        cr_expect(node->at == want[i].at && node->next == want[i].next, "node %u at %u, next %u", i, node->at,
                  node->next);
        if (i) cr_expect(node->end == want[i].end, "node %u ends at %u", i, node->end);
    }
    assert_str(rs_json_raw(&json, 1), "[1, \"x\"]");
    assert_str(rs_json_raw(&json, 3), "\"x\"");
}

Test(json, keeps_numbers_as_they_are_written)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "1.50",
        "1e5",
        "1E+05",
        "-1.25e-7",
        "0.1000000000000000055511151231257827",
        "1234567890123456789012345678901234567890",
        "1e99999",
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct rs_json json = parsed(rs_test_say("[ %s ]", numbers[i]));
        cr_expect(json.node[1].type == RS_JSON_NUMBER);
        assert_str(json.node[1].s, numbers[i]);
    }
}

Test(json, unescapes_strings)
{
    static const struct {
        const char *text;
        struct rs_str s;
    } cases[] = {
        {"\"\\\"\\\\\\/\"", RS_LIT("\"\\/")},
        {"\"\\b\\f\\n\\r\\t\"", RS_LIT("\b\f\n\r\t")},
        {"\"\\u0041\\u00e9\\u20AC\\uD83D\\uDCE6\"", RS_LIT("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa6")},
        {"\"\\u0000\"", RS_LIT("\0")},
        {"\"a\\u0000b\"", RS_LIT("a\0b")},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", RS_LIT("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
        {"\"\\uDBFF\\uDFFF\"", RS_LIT("\xf4\x8f\xbf\xbf")},
        {"\"\\\\u0041\"", RS_LIT("\\u0041")},
        /* A lone half is U+FFFD, and what stands behind it stays. */
        {"\"\\ud800\"", RS_LIT("\xef\xbf\xbd")},
        {"\"\\udc00x\"", RS_LIT("\xef\xbf\xbdx")},
        {"\"\\ud800\\u0041\"", RS_LIT("\xef\xbf\xbd\x41")},
        {"\"\\ud800\\ud800\\udc00\"", RS_LIT("\xef\xbf\xbd\xf0\x90\x80\x80")},
        {"\"\\ud800\\n\"", RS_LIT("\xef\xbf\xbd\n")},
        {"\"\\udc00\\ud800\"", RS_LIT("\xef\xbf\xbd\xef\xbf\xbd")},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_json json = parsed(rs_str_of(cases[i].text));
        cr_expect(rs_str_eq(json.node[0].s, cases[i].s), "%s", cases[i].text);
    }
}

Test(json, unescapes_keys_too)
{
    struct rs_json json = parsed(RS_LIT("{\"a\\u0062\\n\": 1}"));
    assert_str(json.node[1].key, "ab\n");
    cr_expect(rs_json_member(&json, 0, "ab\n") == 1);
}

Test(json, finds_the_first_member_of_a_name)
{
    struct rs_json json = parsed(RS_LIT("{\"a\":{\"b\":1},\"b\":2,\"b\":3}"));
    cr_expect(rs_json_member(&json, 0, "a") == 1);
    cr_expect(rs_json_member(&json, 1, "b") == 2);
    cr_expect(rs_json_member(&json, 0, "b") == 3, "not the one below a, not the last");
    cr_expect(rs_json_member(&json, 0, "c") == 0);
    cr_expect(rs_json_member(&json, 2, "b") == 0, "a number has no members");
}

Test(json, reads_one_text_after_another_with_one_parser)
{
    for (int i = 0; i < 3; i++) {
        struct rs_json large = parsed(nested(100, true)), small = parsed(RS_LIT("[1]")), json;
        struct rs_diag diag;
        cr_expect(small.count == 2);
        cr_expect(parse(RS_LIT("[1"), &json, &diag) == RS_E_DATA);
        (void)large;
    }
}

/* ---- places and paths -------------------------------------------------------------------------- */

Test(json, counts_lines_and_characters)
{
    struct rs_str text = RS_LIT("ab\n\xc3\xa9\xe2\x82\xac"
                                "c\r\n\nx");
    static const struct {
        uint32_t at;
        unsigned line, column;
    } cases[] = {{0, 1, 1}, {2, 1, 3}, {3, 2, 1}, {5, 2, 2}, {8, 2, 3}, {11, 3, 1}, {12, 4, 1}, {99, 4, 2}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned line, column;
        rs_json_place(text, cases[i].at, &line, &column);
        cr_expect(line == cases[i].line && column == cases[i].column, "byte %u: %u:%u", cases[i].at, line, column);
    }
}

Test(json, names_nodes_by_path)
{
    struct rs_json json = parsed(
        rs_test_json("{'a': [1, {'b_1': [[], 2]}], 'x y': {'': 1}, '9': 2, 'q\\u0022\\u0001': 3, 'é': 4}"));
    static const char *const paths[] = {
        "$",
        "$.a",
        "$.a[0]",
        "$.a[1]",
        "$.a[1].b_1",
        "$.a[1].b_1[0]",
        "$.a[1].b_1[1]",
        "$[\"x y\"]",
        "$[\"x y\"][\"\"]",
        "$[\"9\"]",
        "$[\"q\\\"\\u0001\"]",
        "$[\"\xc3\xa9\"]",
    };
    cr_assert(json.count == COUNT(paths));
    for (uint32_t i = 0; i < json.count; i++) {
        struct rs_buf buf = {0};
        rs_json_path(&json, i, &buf);
        cr_expect_str_eq(rs_buf_cstr(&buf), paths[i]);
        rs_buf_free(&buf);
    }
}

Test(json, quotes_strings_so_that_they_read_back)
{
    struct rs_buf buf = {0};
    rs_json_quote(&buf, RS_LIT("a\"\\\n\0\x1f\x7f\xc3\xa9/"));
    cr_expect_str_eq(rs_buf_cstr(&buf), "\"a\\\"\\\\\\u000a\\u0000\\u001f\x7f\xc3\xa9/\"");
    struct rs_json json = parsed((struct rs_str){buf.p, (uint32_t)buf.n});
    cr_expect(rs_str_eq(json.node[0].s, RS_LIT("a\"\\\n\0\x1f\x7f\xc3\xa9/")));
    rs_buf_free(&buf);
    rs_json_quote(&buf, RS_STR_NONE);
    cr_expect_str_eq(rs_buf_cstr(&buf), "\"\"");
    rs_buf_free(&buf);
}

Test(json, quotes_damaged_utf8_as_replacement_characters)
{
    static const struct {
        const char *bytes, *quoted;
    } cases[] = {
        {"a\x80z", "\"a\xef\xbf\xbdz\""},                             /* no lead */
        {"\xc3", "\"\xef\xbf\xbd\""},                                 /* cut off */
        {"\xe2\x82\"", "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\""},           /* it must not take the quote with it */
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* a longer form than needed */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* beyond the last */
        {"\xf0\x9f\x93\xa6\xe5\xb7\xb2\xc3\xa9", "\"\xf0\x9f\x93\xa6\xe5\xb7\xb2\xc3\xa9\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_buf buf = {0};
        rs_json_quote(&buf, rs_str_of(cases[i].bytes));
        cr_expect_str_eq(rs_buf_cstr(&buf), cases[i].quoted);
        parsed((struct rs_str){buf.p, (uint32_t)buf.n});
        rs_buf_free(&buf);
    }
}

Test(json, quotes_whatever_bytes_there_are_as_utf8)
{
    uint64_t state = rs_test_seed();
    for (int round = 0; round < 20000; round++) {
        char bytes[12];
        struct rs_buf buf = {0};
        uint32_t n = rs_test_below(&state, sizeof bytes + 1);
        for (uint32_t i = 0; i < n; i++) bytes[i] = (char)rs_test_next(&state);
        rs_json_quote(&buf, (struct rs_str){bytes, n});
        parsed((struct rs_str){buf.p, (uint32_t)buf.n});
        rs_buf_free(&buf);
    }
}
