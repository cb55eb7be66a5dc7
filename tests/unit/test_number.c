#include "rastro/number.h"

#include "support.h"

static const struct {
    const char *number;
    enum rs_s10 s10;
} numbers[] = {
    {"RB123456785GB", RS_S10_OK},  {"RB123456785US", RS_S10_OK},
    {"RB123456785CV", RS_S10_OK},  {"RB123456785CF", RS_S10_OK},
    {"RR287043775IN", RS_S10_OK},  {"EE473124829US", RS_S10_OK},
    {"AA100000140CN", RS_S10_OK},  {"ZZ123456785BR", RS_S10_OK},
    {"RB123456786US", RS_S10_BAD}, {"RB123456785XX", RS_S10_BAD},
    {"RR123456789CN", RS_S10_BAD}, {"RB123456785ZZ", RS_S10_BAD},
    {"AA100000145CN", RS_S10_BAD}, {"", RS_S10_NO},
    {"RB123456785", RS_S10_NO},    {"RB123456785G", RS_S10_NO},
    {"RB123456785GBX", RS_S10_NO}, {"rb123456785gb", RS_S10_NO},
    {"R1123456785GB", RS_S10_NO},  {"RB12345678XGB", RS_S10_NO},
    {"RB123456785G1", RS_S10_NO},  {"1Z5R89390357567127", RS_S10_NO},
    {"9261292700768", RS_S10_NO},
};

Test(number, checks_s10)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        enum rs_s10 got = rs_s10_check(rs_test_catalog(), rs_str_of(numbers[i].number));
        cr_expect(got == numbers[i].s10, "%s: %d", numbers[i].number, got);
    }
}

Test(number, works_out_the_check_digit)
{
    static const struct {
        const char *number;
        char digit;
    } cases[] = {{"AA47312482", '9'}, {"AA12345678", '5'}, {"AA28704377", '5'},
                 {"AA10000014", '0'}, {"AA00000000", '5'}, {"AA99999999", '5'}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect(rs_s10_digit(rs_str_of(cases[i].number)) == cases[i].digit, "%s", cases[i].number);
    }
}

/* Beside rs_number_clean, for every byte at every place. */
Test(number, knows_what_is_clean)
{
    static const char *const texts[] = {"RB123456785GB", "ABCDEFGH", "12345678", "ABCDEFGHIJKLMNOP7", "A234567"};
    for (size_t t = 0; t < COUNT(texts); t++) {
        char text[RS_NUMBER_MAX], cleaned[RS_NUMBER_MAX];
        uint32_t n = (uint32_t)strlen(texts[t]), cleaned_n;
        for (uint32_t i = 0; i < n * 256; i++) {
            memcpy(text, texts[t], n);
            text[i / 256] = (char)(i % 256);
            struct rs_str number = {text, n};
            bool same = rs_number_clean(number, cleaned, &cleaned_n) && cleaned_n == n && !memcmp(cleaned, text, n);
            bool plain = n >= 8 && !memchr("._/#:+", i % 256, 6);
            cr_assert(rs_number_is_clean(number) == (same && plain), "byte %u of %s is %u", i / 256, texts[t], i % 256);
        }
    }
    cr_expect(!rs_number_is_clean(RS_STR_NONE));
    char longer[RS_NUMBER_MAX + 1];
    memset(longer, '7', sizeof longer);
    cr_expect(rs_number_is_clean((struct rs_str){longer, RS_NUMBER_MAX}));
    cr_expect(!rs_number_is_clean((struct rs_str){longer, RS_NUMBER_MAX + 1}));
}

Test(number, refuses_every_other_check_digit)
{
    char number[] = "RB123456785GB";
    for (char c = '0'; c <= '9'; c++) {
        number[10] = c;
        enum rs_s10 got = rs_s10_check(rs_test_catalog(), rs_str_of(number));
        cr_expect(got == (c == '5' ? RS_S10_OK : RS_S10_BAD), "%s", number);
    }
}

Test(number, knows_every_country_of_the_catalog)
{
    const struct rs_catalog *catalog = rs_test_catalog();
    for (uint32_t i = 0; i < catalog->country_count; i++) {
        struct rs_str number = rs_test_say("RB123456785%.*s", RS_FMT(catalog->country[i].iso2));
        cr_expect(rs_s10_check(catalog, number) == RS_S10_OK, "%s", number.p);
    }
}

/* ---- numbers that others published ------------------------------------------------------------ */

static uint32_t below(const struct rs_json *json, uint32_t at, const char *key)
{
    uint32_t found = rs_json_member(json, at, key);
    cr_assert(found, "the samples lack \"%s\"", key);
    return found;
}

static void check_list(const struct rs_json *json, uint32_t list, bool valid, int *checked)
{
    for (uint32_t c = list + 1; c < json->node[list].next; c = json->node[c].next) {
        char clean[RS_NUMBER_MAX];
        uint32_t n;
        bool is_number = rs_number_clean(json->node[c].s, clean, &n);
        bool ok = is_number && rs_s10_check(rs_test_catalog(), (struct rs_str){clean, n}) == RS_S10_OK;
        cr_expect(ok == valid, "%.*s", RS_FMT(json->node[c].s));
        (*checked)++;
    }
}

Test(number, agrees_with_published_samples)
{
    const char *folder = getenv("RASTRO_SAMPLES");
    if (!folder) {
        fputs("skipped: RASTRO_SAMPLES names no folder of samples\n", stderr);
        cr_skip_test("RASTRO_SAMPLES names no folder of samples");
    }
    struct rs_str path = rs_test_say("%s/tracking_number_data/couriers/s10.json", folder);
    struct rs_json_parser *parser = rs_json_parser_new(RS_JSON_FAST);
    struct rs_json json;
    struct rs_diag diag;
    int checked = 0;
    cr_assert(rs_json_parse(parser, rs_test_arena(), rs_test_file(path.p), &json, &diag) == RS_OK, "%s", diag.text);
    uint32_t formats = below(&json, 0, "tracking_numbers");
    for (uint32_t f = formats + 1; f < json.node[formats].next; f = json.node[f].next) {
        uint32_t lists = below(&json, f, "test_numbers");
        check_list(&json, below(&json, lists, "valid"), true, &checked);
        check_list(&json, below(&json, lists, "invalid"), false, &checked);
    }
    cr_expect(checked > 0);
    rs_json_parser_free(parser);
}

/* ---- what people paste ---------------------------------------------------------------------------- */

Test(number, cleans_what_people_paste)
{
    static const struct {
        const char *pasted, *clean; /* NULL: no number */
    } cases[] = {
        {"RB123456785GB", "RB123456785GB"},
        {" rb 1234 5678 5 gb\n", "RB123456785GB"},
        {"RB-123-456-785-GB", "RB123456785GB"},
        {"1z5r89390357567127", "1Z5R89390357567127"},
        {"a.b_c/d#e:f+1", "A.B_C/D#E:F+1"},
        {"\t0\v\f", "0"},
        {"", NULL},
        {"   ", NULL},
        {"--", NULL},
        {"string", NULL},
        {"N/A", NULL},
        {"123;456", NULL},
        {"123\"", NULL},
        {"12\xc3\xa9", NULL},
        {"1,2", NULL},
        {"<123>", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char clean[RS_NUMBER_MAX];
        uint32_t n = 0;
        bool is_number = rs_number_clean(rs_str_of(cases[i].pasted), clean, &n);
        cr_expect(is_number == (cases[i].clean != NULL), "'%s'", cases[i].pasted);
        if (is_number && cases[i].clean) assert_str(((struct rs_str){clean, n}), cases[i].clean);
    }
}

Test(number, keeps_the_longest_and_no_longer)
{
    char pasted[RS_NUMBER_MAX + 2], clean[RS_NUMBER_MAX];
    uint32_t n;
    memset(pasted, '7', sizeof pasted);
    cr_expect(rs_number_clean((struct rs_str){pasted, RS_NUMBER_MAX}, clean, &n) && n == RS_NUMBER_MAX);
    cr_expect(!rs_number_clean((struct rs_str){pasted, RS_NUMBER_MAX + 1}, clean, &n));
    pasted[3] = ' ';
    cr_expect(rs_number_clean((struct rs_str){pasted, RS_NUMBER_MAX + 1}, clean, &n) && n == RS_NUMBER_MAX,
              "spaces do not count");
    cr_expect(!rs_number_clean(RS_LIT("12\0"
                                      "34"),
                               clean, &n),
              "a NUL");
}
