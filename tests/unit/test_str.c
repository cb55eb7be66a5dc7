#include "support.h"

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

Test(str, orders_by_bytes_with_the_shorter_first)
{
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"", "", 0},     {"", "a", -1},      {"a", "", 1},   {"a", "a", 0},     {"a", "b", -1},
        {"ab", "a", 1},  {"a", "ab", -1},    {"Z", "a", -1}, {"a", "\xc3", -1}, {"\x7f", "\xc3\xa9", -1},
        {"10", "9", -1}, {"a b", "a-b", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int order = rs_str_cmp(rs_str_of(cases[i].a), rs_str_of(cases[i].b));
        cr_expect(sign(order) == cases[i].order, "%s against %s: %d", cases[i].a, cases[i].b, order);
    }
}

Test(str, compares_bytes_behind_a_nul)
{
    struct rs_str a = RS_LIT("x\0a"), b = RS_LIT("x\0b");
    cr_expect(!rs_str_eq(a, b));
    cr_expect(rs_str_cmp(a, b) < 0);
    cr_expect(rs_str_eq(a, RS_LIT("x\0a")));
}

Test(str, takes_no_string_and_the_empty_one_for_the_same)
{
    cr_expect(rs_str_eq(RS_STR_NONE, rs_str_of("")));
    cr_expect(rs_str_eq(RS_STR_NONE, rs_str_of(NULL)));
    cr_expect(rs_str_cmp(RS_STR_NONE, rs_str_of("")) == 0);
    cr_expect(rs_str_is(RS_STR_NONE, ""));
}

Test(str, trims_white_space_from_both_ends)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"", ""}, {" ", ""}, {"a", "a"}, {" a b ", "a b"}, {"\t\r\n\v\fa\n", "a"}, {"\xc2\xa0x", "\xc2\xa0x"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) assert_str(rs_str_trim(rs_str_of(cases[i].from)), cases[i].to);
    cr_expect(rs_str_trim(RS_STR_NONE).n == 0);
}

/* The textbook's recursion, to compare with. */
static unsigned slow_distance(const char *a, size_t n, const char *b, size_t m)
{
    if (!n) return (unsigned)m;
    if (!m) return (unsigned)n;
    unsigned best = slow_distance(a + 1, n - 1, b + 1, m - 1) + (*a != *b);
    unsigned drop = slow_distance(a + 1, n - 1, b, m) + 1;
    unsigned add = slow_distance(a, n, b + 1, m - 1) + 1;
    if (drop < best) best = drop;
    return add < best ? add : best;
}

Test(str, measures_edit_distance_as_the_definition_does)
{
    uint64_t state = rs_test_seed();
    for (int round = 0; round < 300; round++) {
        char a[6], b[6];
        uint32_t n = rs_test_below(&state, 6), m = rs_test_below(&state, 6);
        for (uint32_t i = 0; i < n; i++) a[i] = (char)('a' + rs_test_below(&state, 3));
        for (uint32_t i = 0; i < m; i++) b[i] = (char)('a' + rs_test_below(&state, 3));
        unsigned got = rs_str_distance((struct rs_str){a, n}, (struct rs_str){b, m}, 100);
        unsigned want = slow_distance(a, n, b, m);
        cr_assert(got == want, "%.*s and %.*s: %u, not %u", (int)n, a, (int)m, b, got, want);
    }
}

Test(str, gives_up_measuring_at_the_limit)
{
    char longer[65];
    memset(longer, 'x', sizeof longer);
    cr_expect(rs_str_distance(RS_LIT("abcdef"), RS_LIT("ghijkl"), 3) == 3);
    cr_expect(rs_str_distance(RS_LIT("abc"), RS_LIT("abd"), 3) == 1);
    cr_expect(rs_str_distance((struct rs_str){longer, 65}, RS_LIT("x"), 9) == 9);
    cr_expect(rs_str_distance((struct rs_str){longer, 64}, (struct rs_str){longer, 64}, 9) == 0);
}

Test(str, grows_a_buffer_and_keeps_what_is_in_it)
{
    struct rs_buf buf = {0};
    for (int i = 0; i < 10000; i++) rs_buf_printf(&buf, "%04d ", i);
    cr_assert(buf.n == 50000);
    for (int i = 0; i < 10000; i++) {
        char want[16];
        snprintf(want, sizeof want, "%04d ", i);
        cr_assert(memcmp(buf.p + 5 * i, want, 5) == 0, "at %d", i);
    }
    rs_buf_clear(&buf);
    rs_buf_putc(&buf, 'a');
    rs_buf_puts(&buf, RS_STR_NONE);
    rs_buf_puts(&buf, RS_LIT("bc"));
    rs_buf_put(&buf, NULL, 0);
    cr_expect_str_eq(rs_buf_cstr(&buf), "abc");
    cr_expect(buf.n == 3, "the NUL counts");
    rs_buf_free(&buf);
    cr_expect(buf.p == NULL && buf.n == 0);
    rs_buf_free(&buf);
}

Test(str, gives_an_empty_buffer_as_an_empty_text)
{
    struct rs_buf buf = {0};
    cr_expect_str_eq(rs_buf_cstr(&buf), "");
    rs_buf_free(&buf);
}

Test(str, stays_within_a_buffers_bound)
{
    struct rs_buf buf = {.max = 100};
    for (int i = 0; i < 100; i++) rs_buf_putc(&buf, 'x');
    cr_expect(buf.n == 100);
    rs_buf_free(&buf);
}

Test(str, ends_the_process_beyond_a_buffers_bound, .exit_code = 70)
{
    struct rs_buf buf = {.max = 100};
    for (int i = 0; i < 101; i++) rs_buf_putc(&buf, 'x');
}

Test(str, lowers_ascii_letters_alone)
{
    char out[8];
    assert_str(rs_str_lower(RS_LIT("Ab-Z\xc3\x89"), out, sizeof out), "ab-z\xc3\x89");
    cr_expect_eq(rs_str_lower(RS_LIT("too long"), out, sizeof out).n, 8);
    cr_expect_eq(rs_str_lower(RS_LIT("too long."), out, sizeof out).n, 0);
    cr_expect_eq(rs_str_lower(RS_STR_NONE, out, sizeof out).n, 0);
}
