#include "rastro/raw.h"

#include "support.h"

static struct rs_buf packed(const struct rs_raw_dictionary *dictionary, struct rs_str raw)
{
    struct rs_buf out = {0};
    struct rs_raw_coder *coder = rs_raw_coder_new();
    rs_raw_pack(coder, dictionary, raw, &out);
    rs_raw_coder_free(coder);
    return out;
}

static void assert_round_trip(const struct rs_raw_dictionary *dictionary, struct rs_str raw)
{
    struct rs_buf stored = packed(dictionary, raw), back = {0};
    struct rs_diag diag;
    uint32_t number = 99;
    enum rs_raw_base base;
    struct rs_str form = {stored.p, (uint32_t)stored.n};
    cr_assert(rs_raw_needs(form, &base, &number, &diag) == RS_OK, "%s", diag.text);
    cr_assert(base == (number ? RS_RAW_DICTIONARY : RS_RAW_NOTHING) && (!number || number == dictionary->number));
    cr_assert(rs_raw_unpack(form, number ? dictionary->bytes : RS_STR_NONE, NULL, raw.n, &back, &diag) == RS_OK, "%s",
              diag.text);
    cr_assert(back.n == raw.n && (raw.n == 0 || memcmp(back.p, raw.p, raw.n) == 0), "%u bytes", raw.n);
    cr_assert(stored.n <= raw.n + 1, "%u bytes became %zu", raw.n, stored.n);
    rs_buf_free(&stored);
    rs_buf_free(&back);
}

static struct rs_str chance_bytes(uint64_t *chance, uint32_t n, uint32_t letters)
{
    char *p = rs_arena_get(rs_test_arena(), n);
    for (uint32_t i = 0; i < n; i++) p[i] = (char)rs_test_below(chance, letters);
    return (struct rs_str){p, n};
}

Test(raw, gives_back_what_was_packed)
{
    uint64_t chance = rs_test_seed();
    struct rs_raw_dictionary none = {0}, some = {77, chance_bytes(&chance, 300, 4)};
    for (uint32_t n = 0; n < 40; n++) {
        assert_round_trip(&none, chance_bytes(&chance, n, 256));
        assert_round_trip(&some, chance_bytes(&chance, n, 4));
    }
    for (int i = 0; i < 300; i++) {
        struct rs_arena_mark mark = rs_arena_mark(rs_test_arena());
        uint32_t n = rs_test_below(&chance, 5000), letters = 1 + rs_test_below(&chance, 256);
        assert_round_trip(i % 2 ? &none : &some, chance_bytes(&chance, n, letters));
        rs_arena_rewind(rs_test_arena(), mark);
    }
    assert_round_trip(&some, chance_bytes(&chance, 200000, 3));
}

Test(raw, gives_back_pieces_of_the_dictionary)
{
    struct rs_str example = rs_profile_example(rs_profiles_find(rs_test_profiles(), RS_LIT("usps")));
    struct rs_raw_dictionary dictionary = {UINT32_MAX, example};
    cr_assert(example.n > 500);
    for (uint32_t at = 0; at + 200 < example.n; at += 37) {
        /* A copy: what lies in the dictionary's own memory is packed without it. */
        assert_round_trip(&dictionary, rs_arena_str(rs_test_arena(), (struct rs_str){example.p + at, 200}));
    }
    struct rs_buf stored = packed(&dictionary, rs_arena_str(rs_test_arena(), (struct rs_str){example.p + 100, 400}));
    cr_expect(stored.n < 40, "%zu bytes for what the dictionary holds", stored.n);
    rs_buf_free(&stored);
}

Test(raw, appends_to_what_is_there)
{
    struct rs_raw_dictionary none = {0};
    struct rs_raw_coder *coder = rs_raw_coder_new();
    struct rs_buf out = {0}, back = {0};
    struct rs_diag diag;
    rs_buf_puts(&out, RS_LIT("before"));
    rs_raw_pack(coder, &none, RS_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), &out);
    cr_expect(memcmp(out.p, "before", 6) == 0);
    rs_buf_puts(&back, RS_LIT("x"));
    cr_assert(rs_raw_unpack((struct rs_str){out.p + 6, (uint32_t)out.n - 6}, RS_STR_NONE, NULL, 64, &back, &diag) ==
              RS_OK);
    cr_expect_str_eq(rs_buf_cstr(&back), "xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    rs_buf_free(&out);
    rs_buf_free(&back);
    rs_raw_coder_free(coder);
    rs_raw_coder_free(NULL);
}

/* Rows of older releases must stay readable. */
Test(raw, reads_the_frozen_forms)
{
    static const struct {
        struct rs_str stored, base;
        const char *raw;
        uint32_t number;
        enum rs_raw_base needs;
    } forms[] = {
        {RS_LIT("\0abc"), RS_STR_NONE, "abc", 0, RS_RAW_NOTHING},
        {RS_LIT("\0"), RS_STR_NONE, "", 0, RS_RAW_NOTHING},
        /* LZ4 block: 1 literal "a", match of 19 at distance 1, 5 literals */
        {RS_LIT("\1\x19\x1f"
                "a\1\0\0\x50"
                "aaaaa"),
         RS_STR_NONE, "aaaaaaaaaaaaaaaaaaaaaaaaa", 0, RS_RAW_NOTHING},
        /* the same length, but the match reaches into the dictionary */
        {RS_LIT("\2\x19\x81\1\x1f"
                "a\5\0\0\x50"
                "zzzzz"),
         RS_LIT("wxyz"), "awxyzawxyzawxyzawxyzzzzzz", 129, RS_RAW_DICTIONARY},
        /* marks in the order of rs_raw_word */
        {RS_LIT("\3\x81\1"), RS_LIT("{\1|\2|\3|\4|\5|\6|\7|\10}"),
         "{DEP|Left|2025-05-21 09:00:00|CET|DE|BY|Munich|MUC}", 129, RS_RAW_SHAPE},
        {RS_LIT("\3\1"), RS_LIT("\16|\17|\20|\21"), "2025-05-21T07:13:04Z|1747811584000|2025-05-21|09:00:00", 1,
         RS_RAW_SHAPE},
    };
    static const struct rs_raw_row row = {.word = {RS_STR_NONE, RS_LIT("DEP"), RS_LIT("Left"),
                                                   RS_LIT("2025-05-21 09:00:00"), RS_LIT("CET"), RS_LIT("DE"),
                                                   RS_LIT("BY"), RS_LIT("Munich"), RS_LIT("MUC")},
                                          .instant_us = INT64_C(1747811584000000)};
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct rs_buf back = {0};
        struct rs_diag diag;
        uint32_t number = 99;
        enum rs_raw_base base;
        cr_expect(rs_raw_needs(forms[i].stored, &base, &number, &diag) == RS_OK && number == forms[i].number,
                  "form %zu: %u", i, number);
        cr_expect(base == forms[i].needs, "form %zu: needs %d", i, base);
        int err = rs_raw_unpack(forms[i].stored, forms[i].base, &row, 100, &back, &diag);
        cr_assert(err == RS_OK, "form %zu: %s", i, diag.text);
        cr_expect_str_eq(rs_buf_cstr(&back), forms[i].raw, "form %zu: %s", i, rs_buf_cstr(&back));
        rs_buf_free(&back);
    }
}

Test(raw, refuses_what_it_did_not_write)
{
    static const struct {
        struct rs_str stored;
        const char *why;
    } cases[] = {
        {RS_STR_NONE, "unknown form"},
        {RS_LIT("\3"), "unknown form"},
        {RS_LIT("\3abc"), "unknown form"},
        {RS_LIT("\4"), "unknown form"},
        {RS_LIT("\xff"), "unknown form"},
        {RS_LIT("\1"), "unknown form"},
        {RS_LIT("\1\x80"), "unknown form"},
        {RS_LIT("\1\xff\xff\xff\xff\xff\xff"), "unknown form"},
        {RS_LIT("\2\5"), "unknown form"},
        {RS_LIT("\1\5"), "damaged"},
        {RS_LIT("\1\5abc"), "damaged"},
        {RS_LIT("\1\x7f"
                "aaa"),
         "more than 100"},
        {RS_LIT("\1\x19\x1f"
                "a\1\0\0\x50"
                "aaaa"),
         "damaged"},
        {RS_LIT("\1\x19\x1f"
                "a\x09\0\0\x50"
                "aaaaa"),
         "damaged"},
        {RS_LIT("\2\x19\1\x1f"
                "a\5\0\0\x50"
                "zzzzz"),
         "damaged"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_buf back = {0};
        struct rs_diag diag;
        int err = rs_raw_unpack(cases[i].stored, RS_STR_NONE, NULL, 100, &back, &diag);
        cr_expect(err == RS_E_DATA, "case %zu is taken", i);
        if (err) cr_expect(strstr(diag.text, cases[i].why), "case %zu: %s", i, diag.text);
        cr_expect(back.n == 0, "case %zu: the output is touched", i);
        rs_buf_free(&back);
    }
}

Test(raw, gives_no_more_than_is_asked_for)
{
    struct rs_buf back = {0};
    struct rs_diag diag;
    cr_expect(rs_raw_unpack(RS_LIT("\0abcd"), RS_STR_NONE, NULL, 4, &back, &diag) == RS_OK);
    rs_buf_clear(&back);
    cr_expect(rs_raw_unpack(RS_LIT("\0abcd"), RS_STR_NONE, NULL, 3, &back, &diag) == RS_E_DATA);
    cr_expect(rs_raw_unpack(RS_LIT("\1\x80\x80\x80\x80\x0f"
                                   "abcd"),
                            RS_STR_NONE, NULL, SIZE_MAX, &back, &diag) == RS_E_DATA,
              "4 GB are said to be in it");
    rs_buf_free(&back);
}

/* ---- shapes ------------------------------------------------------------------------ */

/* The n-th occurrence of `text` in the event's bytes. */
static struct rs_str word_in(struct rs_str raw, const char *text, int nth)
{
    const char *p = raw.p;
    for (; (p = memmem(p, (size_t)(raw.p + raw.n - p), text, strlen(text))) && nth > 0; nth--) p++;
    cr_assert(p, "%s", text);
    return (struct rs_str){p, (uint32_t)strlen(text)};
}

static void assert_shape(const struct rs_event *event, bool spellings, const char *expected)
{
    char shape[RS_RAW_SHAPE_MAX];
    struct rs_raw_row row;
    uint32_t n = rs_raw_shape(event, spellings, shape);
    rs_raw_row_of(event, &row);
    cr_assert(n == strlen(expected) && !memcmp(shape, expected, n), "%.*s", (int)n, shape);
    if (!n) return;
    struct rs_buf stored = {0}, back = {0};
    struct rs_diag diag;
    rs_raw_put_shape(7, &stored);
    struct rs_str form = {stored.p, (uint32_t)stored.n};
    cr_assert(rs_raw_unpack(form, (struct rs_str){shape, n}, &row, event->raw.n, &back, &diag) == RS_OK, "%s",
              diag.text);
    cr_assert(back.n == event->raw.n && !memcmp(back.p, event->raw.p, back.n), "%s", rs_buf_cstr(&back));
    rs_buf_clear(&back);
    cr_expect(rs_raw_unpack(form, (struct rs_str){shape, n}, &row, event->raw.n - 1, &back, &diag) == RS_E_DATA);
    cr_expect(rs_raw_unpack(form, (struct rs_str){shape, n}, NULL, event->raw.n, &back, &diag) == RS_E_DATA);
    cr_expect(back.n == 0);
    rs_buf_free(&stored);
    rs_buf_free(&back);
}

Test(raw, leaves_out_of_a_shape_the_words_that_stand_in_the_bytes)
{
    struct rs_event e = {.raw = RS_LIT("{\"t\": \"09:00\", \"c\": \"DEP\", \"n\": 5}")};
    assert_shape(&e, false, "");
    e.code = word_in(e.raw, "DEP", 0);
    e.time = word_in(e.raw, "09:00", 0);
    assert_shape(&e, false, "{\"t\": \"\3\", \"c\": \"\1\", \"n\": 5}");
    e.text = RS_LIT("DEP"); /* the same, but from elsewhere */
    e.place.country = word_in(e.raw, "5", 0);
    assert_shape(&e, false, "{\"t\": \"\3\", \"c\": \"\1\", \"n\": \5}");
}

Test(raw, makes_one_mark_of_words_that_share_bytes)
{
    struct rs_event e = {.raw = RS_LIT("[\"Left Munich\", \"Munich\"]")};
    e.text = word_in(e.raw, "Left Munich", 0);
    e.code = e.text;
    e.place.city = word_in(e.raw, "Munich", 0);
    e.place.name = word_in(e.raw, "Munich", 1);
    assert_shape(&e, false, "[\"\1\", \"\10\"]");
    e.code = e.text = RS_STR_NONE;
    e.raw = word_in(e.raw, "Munich", 0); /* a word, and all there is */
    assert_shape(&e, false, "\7");
}

Test(raw, leaves_out_of_a_shape_other_spellings_of_the_time)
{
    struct rs_event e = {.raw = RS_LIT("{\"iso\": \"2025-05-21T09:13:04+02:00\", \"utc\": \"2025-05-21T07:13:04Z\", "
                                       "\"ms\": 1747811584000, \"day\": \"2025-05-21\", \"clock\": \"09:13:04\", "
                                       "\"again\": \"2025-05-21\"}"),
                         .instant_us = INT64_C(1747811584000000)};
    e.time = word_in(e.raw, "2025-05-21T09:13:04+02:00", 0);
    assert_shape(&e, false,
                 "{\"iso\": \"\3\", \"utc\": \"2025-05-21T07:13:04Z\", \"ms\": 1747811584000, "
                 "\"day\": \"2025-05-21\", \"clock\": \"09:13:04\", \"again\": \"2025-05-21\"}");
    assert_shape(&e, true,
                 "{\"iso\": \"\3\", \"utc\": \"\16\", \"ms\": \17, \"day\": \"\20\", \"clock\": \"\21\", "
                 "\"again\": \"\20\"}");
    e.instant_us += 1; /* another instant has other spellings */
    assert_shape(&e, true,
                 "{\"iso\": \"\3\", \"utc\": \"\20T07:13:04Z\", \"ms\": \17, \"day\": \"\20\", "
                 "\"clock\": \"\21\", \"again\": \"\20\"}");
}

Test(raw, finds_spellings_of_the_time_only_where_digits_begin)
{
    struct rs_event e = {.raw = RS_LIT("[\"2025-05-21 09:13:04\", 1747811584000, 11747811584000, 17478115840009, "
                                       "\"T09:13:04Z\", \"009:13:04\", \"2025-05-2\"]"),
                         .instant_us = INT64_C(1747811584000000)};
    e.time = word_in(e.raw, "2025-05-21 09:13:04", 0);
    assert_shape(&e, true, "[\"\3\", \17, 11747811584000, \0179, \"T\21Z\", \"009:13:04\", \"2025-05-2\"]");
    e.time = RS_LIT("21 May 2025, 09:13:04"); /* from elsewhere, and of another form */
    e.code = word_in(e.raw, "2025-05-2", 1);
    assert_shape(&e, true,
                 "[\"2025-05-21 09:13:04\", \17, 11747811584000, \0179, \"T09:13:04Z\", \"009:13:04\", \"\1\"]");
}

Test(raw, makes_no_shape_that_is_too_long)
{
    char text[RS_RAW_SHAPE_MAX + 10];
    memset(text, 'x', sizeof text);
    for (uint32_t n = RS_RAW_SHAPE_MAX - 5; n < sizeof text; n++) {
        char shape[RS_RAW_SHAPE_MAX];
        for (uint32_t at = 0; at + 3 <= n; at += n - 3) {
            struct rs_event e = {.raw = {text, n}, .code = {text + at, 3}};
            cr_expect(rs_raw_shape(&e, false, shape) == (n - 2 <= RS_RAW_SHAPE_MAX ? n - 2 : 0), "%u bytes", n);
        }
    }
}
