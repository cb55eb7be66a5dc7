/* The reader that is in use against one that others wrote. */
#include "compare_json.h"
#include "support.h"

/* ---- texts that chance makes ------------------------------------------------------------ */

struct maker {
    uint64_t chance;
    struct rs_buf out;
    uint32_t key; /* so that no object has a key twice */
};

static uint32_t below(struct maker *m, uint32_t n)
{
    return rs_test_below(&m->chance, n);
}

static void space(struct maker *m)
{
    static const char blanks[] = " \t\n\r";
    while (below(m, 4) == 0) rs_buf_putc(&m->out, blanks[below(m, 4)]);
}

static void string(struct maker *m)
{
    static const char *const pieces[] = {
        "a",
        "Z",
        "0",
        " ",
        "/",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b",
        "\\f",
        "\\n",
        "\\r",
        "\\t",
        "\\u0041",
        "\\u00E9",
        "\\u20ac",
        "\\ud83d\\udce6",
        "\\u0000",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x93\xa6",
        "\x7f",
        "\\u001f",
        "'",
        "null",
        "\\\\\\\\",
        "\\\\\\\"",
    };
    rs_buf_putc(&m->out, '"');
    for (uint32_t n = below(m, 9); n > 0; n--) rs_buf_puts(&m->out, rs_str_of(pieces[below(m, COUNT(pieces))]));
    rs_buf_putc(&m->out, '"');
}

static void number(struct maker *m)
{
    if (below(m, 2)) rs_buf_putc(&m->out, '-');
    rs_buf_printf(&m->out, "%u", below(m, 3) ? below(m, 1000) : below(m, UINT32_MAX));
    if (below(m, 3) == 0) rs_buf_printf(&m->out, ".%0*u", (int)below(m, 9) + 1, below(m, 1000));
    if (below(m, 3) == 0) rs_buf_printf(&m->out, "%c%s%u", "eE"[below(m, 2)], "+\0-\0" + 2 * below(m, 2), below(m, 40));
}

static void value(struct maker *m, int depth);

static void members(struct maker *m, int depth, bool object)
{
    rs_buf_putc(&m->out, object ? '{' : '[');
    uint32_t n = below(m, 5);
    for (uint32_t i = 0; i < n; i++) {
        space(m);
        if (object) {
            /* A key of its own, spelled in one of two ways. */
            rs_buf_printf(&m->out, below(m, 2) ? "\"k%u\"" : "\"\\u006b%u\"", m->key++);
            space(m);
            rs_buf_putc(&m->out, ':');
        }
        value(m, depth + 1);
        if (i + 1 < n) rs_buf_putc(&m->out, ',');
    }
    space(m);
    rs_buf_putc(&m->out, object ? '}' : ']');
}

static void value(struct maker *m, int depth)
{
    static const char *const words[] = {"null", "true", "false"};
    uint32_t kind = below(m, depth > 6 ? 4 : 8);
    space(m);
    if (kind == 0) string(m);
    else if (kind == 1) number(m);
    else if (kind < 4) rs_buf_puts(&m->out, rs_str_of(words[below(m, 3)]));
    else members(m, depth, kind % 2);
    space(m);
}

static void damage(struct maker *m)
{
    static const char bytes[] = "{}[]:,\"\\ 0-.eEtfn\0\x01\xff\xc3\xa9u";
    for (uint32_t n = 1 + below(m, 3); n > 0 && m->out.n; n--) {
        uint32_t at = below(m, (uint32_t)m->out.n);
        char with = bytes[below(m, sizeof bytes - 1)];
        switch (below(m, 3)) {
        case 0: m->out.p[at] = with; break;
        case 1: m->out.n = at; break;
        default:
            rs_buf_putc(&m->out, 0);
            memmove(m->out.p + at + 1, m->out.p + at, m->out.n - at - 1);
            m->out.p[at] = with;
        }
    }
}

static void compare_many(bool damaged, int rounds)
{
    struct maker maker = {.chance = rs_test_seed()};
    struct rs_compare_json both = {rs_json_parser_new(RS_JSON_FAST), rs_json_parser_new(RS_JSON_REFERENCE),
                                   rs_arena_new(64 << 10)};
    struct rs_buf difference = {0};
    for (int i = 0; i < rounds; i++) {
        rs_buf_clear(&maker.out);
        rs_arena_reset(both.arena);
        value(&maker, 0);
        if (damaged) damage(&maker);
        /* A copy without a byte to spare, so that ASan sees a read beyond it. */
        struct rs_str text = {rs_malloc(maker.out.n), (uint32_t)maker.out.n};
        memcpy((char *)(uintptr_t)text.p, maker.out.p, maker.out.n);
        bool same = rs_compare_json(&both, text, &difference);
        struct rs_buf shown = {0};
        if (!same) rs_json_quote(&shown, text);
        cr_assert(same, "round %d: %s: %s", i, rs_buf_cstr(&difference), rs_buf_cstr(&shown));
        free((void *)(uintptr_t)text.p);
    }
    rs_json_parser_free(both.fast);
    rs_json_parser_free(both.reference);
    rs_arena_free(both.arena);
    rs_buf_free(&maker.out);
    rs_buf_free(&difference);
}

Test(json_reference, reads_valid_texts_alike, .timeout = 100)
{
    compare_many(false, 4000);
}

Test(json_reference, accepts_and_refuses_alike, .timeout = 100)
{
    compare_many(true, 20000);
}

/* ---- where they may differ ------------------------------------------------------------------ */

Test(json_reference, differs_only_where_its_contract_says_so)
{
    static const struct {
        struct rs_str text;
        bool refused;
    } cases[] = {
        {RS_LIT("9223372036854775807"), false}, {RS_LIT("9223372036854775808"), true},
        {RS_LIT("-9223372036854775809"), true}, {RS_LIT("1e999"), true},
        {RS_LIT("\"\\ud800\""), true},          {RS_LIT("\"\\udc00\""), true},
        {RS_LIT("{\"\\u0000\":1}"), true},      {RS_LIT("{\"a\":\"\\u0000\"}"), false},
    };
    struct rs_json_parser *fast = rs_json_parser_new(RS_JSON_FAST), *reference = rs_json_parser_new(RS_JSON_REFERENCE);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_json json;
        struct rs_diag diag;
        cr_expect(rs_json_parse(fast, rs_test_arena(), cases[i].text, &json, &diag) == RS_OK, "%.*s",
                  RS_FMT(cases[i].text));
        int err = rs_json_parse(reference, rs_test_arena(), cases[i].text, &json, &diag);
        cr_expect(!err == !cases[i].refused, "%.*s: %s", RS_FMT(cases[i].text), err ? diag.text : "taken");
    }
    rs_json_parser_free(fast);
    rs_json_parser_free(reference);
}

Test(json_reference, overlooks_a_nul_that_the_reader_in_use_refuses)
{
    struct rs_json_parser *fast = rs_json_parser_new(RS_JSON_FAST), *reference = rs_json_parser_new(RS_JSON_REFERENCE);
    struct rs_json json;
    struct rs_diag diag;
    cr_expect(rs_json_parse(fast, rs_test_arena(), RS_LIT("[1\0]"), &json, &diag) == RS_E_DATA);
    cr_expect(rs_json_parse(reference, rs_test_arena(), RS_LIT("[1\0]"), &json, &diag) == RS_OK);
    rs_json_parser_free(fast);
    rs_json_parser_free(reference);
}

Test(json_reference, keeps_the_last_of_repeated_keys)
{
    struct rs_json_parser *reference = rs_json_parser_new(RS_JSON_REFERENCE);
    struct rs_json json;
    struct rs_diag diag;
    cr_assert(rs_json_parse(reference, rs_test_arena(), RS_LIT("{\"a\":1,\"a\":2}"), &json, &diag) == RS_OK);
    cr_expect(json.count == 2);
    assert_str(json.node[1].s, "2");
    rs_json_parser_free(reference);
}

Test(json_reference, writes_numbers_that_read_back)
{
    static const struct {
        const char *text, *s;
    } cases[] = {{"1.50", "1.5"},
                 {"0.1", "0.1"},
                 {"1e5", "100000"},
                 {"007", NULL},
                 {"-12", "-12"},
                 {"1.0", "1"},
                 {"0.30000000000000004", "0.30000000000000004"}};
    struct rs_json_parser *reference = rs_json_parser_new(RS_JSON_REFERENCE);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_json json;
        struct rs_diag diag;
        int err = rs_json_parse(reference, rs_test_arena(), rs_str_of(cases[i].text), &json, &diag);
        cr_assert(!err == (cases[i].s != NULL), "%s", cases[i].text);
        if (!err) assert_str(json.node[0].s, cases[i].s);
    }
    rs_json_parser_free(reference);
}
