#include "print.h"

#include <locale.h>

#include "support.h"

static struct rs_options *format(const char *name)
{
    struct rs_options *options = rs_options_new();
    struct rs_diag diag;
    char word[32];
    snprintf(word, sizeof word, "--format=%s", name);
    char *argv[] = {word};
    unsetenv("RASTRO_FORMAT");
    cr_assert(rs_options_read(options, RS_GROUP_FORMAT, 1, argv, &diag) == RS_OK, "%s", diag.text);
    return options;
}

static const struct rs_column columns[] = {{"Number", false, 0}, {"Days left", true, 0}, {"City", false, 6}};

/* Two rows, or more with `text` in the last column. */
static struct rs_grid *grid_with(const char *text)
{
    struct rs_grid *grid = rs_grid_new(columns, COUNT(columns));
    rs_grid_put(grid, RS_LIT("RB123456785CN"));
    rs_grid_number(grid, 7);
    rs_grid_put(grid, rs_str_of(text));
    rs_grid_printf(grid, "%s-%d", "771", 1);
    rs_grid_number(grid, -12);
    rs_grid_put(grid, RS_STR_NONE);
    return grid;
}

static const char *printed(const struct rs_grid *grid, const char *form)
{
    struct rs_options *options = format(form);
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    rs_grid_print(grid, options, out);
    fclose(out);
    const char *copy = rs_arena_str(rs_test_arena(), (struct rs_str){text, (uint32_t)n + 1}).p;
    free(text);
    rs_options_free(options);
    return copy;
}

static void utf8(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
}

TestSuite(print, .init = utf8);

Test(print, aligns_a_table)
{
    struct rs_grid *grid = grid_with("Lima");
    cr_expect(rs_grid_rows(grid) == 2);
    cr_expect_str_eq(printed(grid, "table"), "Number         Days left  City\n"
                                             "RB123456785CN          7  Lima\n"
                                             "771-1                -12\n");
    rs_grid_free(grid);
    rs_grid_free(NULL);
}

Test(print, notes_stand_between_rows_of_a_table_alone)
{
    struct rs_grid *grid = rs_grid_new(columns, COUNT(columns));
    for (int row = 0; row < 2; row++) {
        rs_grid_put(grid, RS_LIT("A"));
        rs_grid_number(grid, row);
        rs_grid_put(grid, RS_LIT("Lima"));
        if (!row) rs_grid_note(grid, RS_LIT("  | first\n"));
        if (!row) rs_grid_note(grid, RS_LIT("  | second"));
    }
    rs_grid_note(grid, RS_LIT("  | last"));
    cr_expect(rs_grid_rows(grid) == 2);
    cr_expect_str_eq(printed(grid, "table"), "Number  Days left  City\n"
                                             "A               0  Lima\n"
                                             "  | first\xef\xbf\xbd\n"
                                             "  | second\n"
                                             "A               1  Lima\n"
                                             "  | last\n");
    cr_expect_str_eq(printed(grid, "csv"), "number,days_left,city\r\nA,0,Lima\r\nA,1,Lima\r\n");
    rs_grid_free(grid);
}

Test(print, aligns_by_columns_of_the_terminal)
{
    static const struct {
        const char *text;
        unsigned width;
    } cases[] = {{"", 0},
                 {"abc", 3},
                 {"\xc3\xa9", 1},
                 {"\xe4\xb8\xad\xe5\x9b\xbd", 4},
                 {"e\xcc\x81", 1},
                 {"\xff"
                  "a",
                  2},
                 {"\xe4\xb8", 2}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned width = rs_display_width(rs_str_of(cases[i].text));
        cr_expect(width == cases[i].width, "case %zu: %u", i, width);
    }
}

Test(print, cuts_at_a_columns_width)
{
    struct rs_grid *grid = grid_with("\xe4\xb8\xad\xe5\x9b\xbd\xe5\x8d\x97\xe4\xba\xac");
    assert_has(printed(grid, "table"), "7  \xe4\xb8\xad\xe5\x9b\xbd\xe5\x8d\x97\n");
    assert_has(printed(grid, "csv"), "\xe4\xba\xac");
    rs_grid_free(grid);
}

Test(print, shows_no_control_characters)
{
    static const struct {
        struct rs_str text;
        const char *shown;
    } cases[] = {
        {RS_LIT("a\x1b[31mb"), "a\xef\xbf\xbd[31mb"},
        {RS_LIT("a\nb\r\tc\x7f"), "a\xef\xbf\xbd"
                                  "b\xef\xbf\xbd\xef\xbf\xbd"
                                  "c\xef\xbf\xbd"},
        {RS_LIT("a\0b"), "a\xef\xbf\xbd"
                         "b"},
        {RS_LIT("a\xc2\x9b"
                "b"),
         "a\xef\xbf\xbd"
         "b"},
        {RS_LIT("a\xe2\x80\xae"
                "b\xe2\x81\xa6"),
         "a\xef\xbf\xbd"
         "b\xef\xbf\xbd"},
        {RS_LIT("\xc3\xa9\xe2\x80\xa6\xc2\xa0"), "\xc3\xa9\xe2\x80\xa6\xc2\xa0"},
        {RS_LIT("\xe2"), "\xef\xbf\xbd"},
        {RS_LIT("\xc2"), "\xef\xbf\xbd"},
        {RS_LIT("\xff\xc3\xa9\xe9"), "\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_buf buf = {0};
        rs_put_printable(&buf, cases[i].text);
        cr_expect_str_eq(rs_buf_cstr(&buf), cases[i].shown, "case %zu", i);
        rs_buf_free(&buf);
    }
}

Test(print, writes_csv)
{
    static const struct {
        const char *text, *cell;
    } cases[] = {
        {"Lima", "Lima"},
        {"a,b", "\"a,b\""},
        {"a \"b\"", "\"a \"\"b\"\"\""},
        {"", ""},
        {" x ", " x "},
        /* no formula for a spreadsheet */
        {"=cmd()", "\"'=cmd()\""},
        {"@x", "\"'@x\""},
        {"+x", "\"'+x\""},
        {"-x", "\"'-x\""},
        {"-", "\"'-\""},
        {"-12", "-12"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_grid *grid = grid_with(cases[i].text);
        const char *want =
            rs_test_say("number,days_left,city\r\nRB123456785CN,7,%s\r\n771-1,-12,\r\n", cases[i].cell).p;
        cr_expect_str_eq(printed(grid, "csv"), want, "%s: %s", cases[i].text, printed(grid, "csv"));
        rs_grid_free(grid);
    }
}

Test(print, writes_json)
{
    struct rs_grid *grid = grid_with("\"Li\\ma\"");
    cr_expect_str_eq(printed(grid, "ndjson"),
                     "{\"number\":\"RB123456785CN\",\"days_left\":7,\"city\":\"\\\"Li\\\\ma\\\"\"}\n"
                     "{\"number\":\"771-1\",\"days_left\":-12,\"city\":null}\n");
    json_error_t error;
    json_t *list = json_loads(printed(grid, "json"), 0, &error);
    cr_assert(list && json_array_size(list) == 2, "%s", error.text);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(list, 0), "city")), "\"Li\\ma\"");
    json_decref(list);
    rs_grid_free(grid);
}

Test(print, writes_what_it_has_none_of)
{
    struct rs_grid *grid = rs_grid_new(columns, COUNT(columns));
    cr_expect_str_eq(printed(grid, "table"), "Number  Days left  City\n");
    cr_expect_str_eq(printed(grid, "csv"), "number,days_left,city\r\n");
    cr_expect_str_eq(printed(grid, "ndjson"), "");
    cr_expect_str_eq(printed(grid, "json"), "[]\n");
    rs_grid_free(grid);
}

Test(print, makes_json_of_words_and_keys)
{
    json_t *none = rs_json_of(RS_STR_NONE), *word = rs_json_of(RS_LIT("a\0b"));
    cr_expect(json_is_null(none) && json_string_length(word) == 3);
    json_decref(word);
    json_t *key = rs_json_of_key((const unsigned char[16]){0xab, 1});
    cr_expect_str_eq(json_string_value(key), "ab010000000000000000000000000000");
    json_decref(key);
}
