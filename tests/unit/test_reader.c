#include "reader.h"

#include "support.h"

static struct rs_reader open_text(const char *text, struct rs_diag *diag)
{
    struct rs_reader reader;
    cr_assert(rs_reader_open(&reader, "f.json", rs_test_json(text), rs_test_arena(), diag) == RS_OK, "%s", diag->text);
    return reader;
}

Test(reader, says_file_line_and_column)
{
    struct rs_diag diag;
    struct rs_reader reader = open_text("{'a': 1,\n  'b': [2]}", &diag);
    cr_expect(rs_reader_fail(&reader, 3, "no %s", "good") == RS_E_CONFIG);
    cr_expect_str_eq(diag.text, "f.json:2:9: no good");
    rs_reader_close(&reader);
}

Test(reader, says_why_a_text_is_no_json)
{
    struct rs_reader reader;
    struct rs_diag diag;
    cr_expect(rs_reader_open(&reader, "f.json", RS_LIT("{"), rs_test_arena(), &diag) == RS_E_CONFIG);
    cr_expect_str_eq(diag.text, "f.json: JSON: expected a key at line 1, column 2");
    cr_expect(diag.err == RS_E_CONFIG);
    cr_expect(rs_reader_open(&reader, "f.json", RS_STR_NONE, rs_test_arena(), &diag) == RS_E_CONFIG);
    cr_expect_str_eq(diag.text, "f.json: JSON: empty");
    cr_expect(rs_reader_open(&reader, "f.json", RS_LIT("{"), rs_test_arena(), NULL) == RS_E_CONFIG, "without a diag");
}

Test(reader, suggests_a_key_for_a_misspelt_one)
{
    static const char *const keys[] = {"number", "carrier", NULL};
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{'numbr': 1}", "f.json:1:11: unknown key \"numbr\"; did you mean \"number\"?"},
        {"{'zzz': 1}", "f.json:1:9: unknown key \"zzz\""},
        {"{'number': 1, 'number': 2}", "f.json:1:25: key \"number\" is here twice"},
        {"7", "f.json:1:1: expected an object, found number"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_diag diag;
        struct rs_reader reader = open_text(cases[i].text, &diag);
        cr_expect(rs_reader_object(&reader, 0, keys) == RS_E_CONFIG);
        cr_expect_str_eq(diag.text, cases[i].why);
        rs_reader_close(&reader);
    }
    struct rs_diag diag;
    struct rs_reader reader = open_text("{'carrier': 1}", &diag);
    cr_expect(rs_reader_object(&reader, 0, keys) == RS_OK);
    rs_reader_close(&reader);
}

Test(reader, takes_whole_numbers_within_bounds)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {{"1", true},
                 {"9", true},
                 {"0", false},
                 {"10", false},
                 {"1.0", false},
                 {"1e0", false},
                 {"-1", false},
                 {"'1'", false},
                 {"null", false},
                 {"true", false},
                 {"99999999999999999999999999", false},
                 {"9223372036854775808", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_diag diag;
        struct rs_reader reader = open_text(cases[i].text, &diag);
        int64_t number = 42;
        int err = rs_reader_integer(&reader, 0, 1, 9, &number);
        cr_expect(!err == cases[i].good, "%s", cases[i].text);
        if (err) {
            cr_expect_str_eq(diag.text, "f.json:1:1: expected a whole number from 1 to 9");
            cr_expect(number == 42);
        }
        rs_reader_close(&reader);
    }
}

Test(reader, says_what_it_found_instead)
{
    struct rs_diag diag;
    struct rs_reader reader = open_text("{'a': 1, 'b': null}", &diag);
    struct rs_str s;
    bool flag;
    uint32_t at;
    cr_expect(rs_reader_string(&reader, 1, &s) && strstr(diag.text, ":1:7: expected a string, found number"));
    cr_expect(rs_reader_array(&reader, 0) && strstr(diag.text, ":1:1: expected a list, found object"));
    cr_expect(rs_reader_bool(&reader, 2, &flag) && strstr(diag.text, ":1:15: expected true or false, found null"));
    cr_expect(rs_reader_need(&reader, 0, "c", &at) && strstr(diag.text, ":1:1: \"c\" is missing"));
    cr_expect(rs_reader_need(&reader, 0, "b", &at) == RS_OK && at == 2);
    cr_expect(rs_reader_string(&reader, 0, &s) == RS_OK && s.n == 0, "an absent string is empty");
    rs_reader_close(&reader);
}
