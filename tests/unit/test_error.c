#include "support.h"

static const struct {
    int err;
    const char *name;
    enum rs_err_class cls;
    int exit;
} codes[] = {
    {RS_OK, "OK", RS_CLASS_FATAL, 0},
    {RS_E_ANSWER_NO, "ANSWER_NO", RS_CLASS_FATAL, 1},
    {RS_E_USAGE, "USAGE", RS_CLASS_FATAL, 64},
    {RS_E_DATA, "DATA", RS_CLASS_DATA, 65},
    {RS_E_SERVER, "SERVER", RS_CLASS_RETRY, 69},
    {RS_E_FENCED, "FENCED", RS_CLASS_RETRY, 69},
    {RS_E_CONFLICT, "CONFLICT", RS_CLASS_RETRY, 69},
    {RS_E_BUG, "BUG", RS_CLASS_FATAL, 70},
    {RS_E_NOMEM, "NOMEM", RS_CLASS_FATAL, 70},
    {RS_E_IO, "IO", RS_CLASS_FATAL, 65},
    {RS_E_HALT, "HALT", RS_CLASS_FATAL, 65},
    {RS_E_CONFIG, "CONFIG", RS_CLASS_FATAL, 78},
};

Test(error, has_a_name_class_and_exit_for_each_code)
{
    cr_assert(COUNT(codes) == RS_E__COUNT, "a code without a line in this table");
    for (size_t i = 0; i < COUNT(codes); i++) {
        cr_expect_str_eq(rs_err_name(codes[i].err), codes[i].name);
        cr_expect(rs_err_class(codes[i].err) == codes[i].cls, "class of %s", codes[i].name);
        cr_expect(rs_err_exit(codes[i].err) == codes[i].exit, "exit of %s", codes[i].name);
        cr_expect(rs_err_text(codes[i].err)[0], "text of %s", codes[i].name);
    }
}

Test(error, takes_an_unknown_code_for_a_defect)
{
    cr_expect_str_eq(rs_err_name(-1), "BUG");
    cr_expect_str_eq(rs_err_name(RS_E__COUNT), "BUG");
    cr_expect(rs_err_exit(12345) == 70);
    cr_expect(rs_err_class(12345) == RS_CLASS_FATAL);
}

Test(error, says_what_failed_and_returns_the_code)
{
    struct rs_diag diag = {.next = "from before"};
    cr_expect(rs_fail(&diag, RS_E_DATA, "%s: %d", "scans/4", 17) == RS_E_DATA);
    cr_expect(diag.err == RS_E_DATA);
    cr_expect_str_eq(diag.text, "scans/4: 17");
    cr_expect_str_eq(diag.next, "", "the way out of an earlier failure must go");
    cr_expect(rs_fail_next(&diag, "try %s", "again") == RS_E_DATA);
    cr_expect_str_eq(diag.next, "try again");
}

Test(error, works_without_a_diag)
{
    cr_expect(rs_fail(NULL, RS_E_IO, "%d", 1) == RS_E_IO);
    rs_fail_next(NULL, "x");
    rs_diag_prefix(NULL, "x");
}

Test(error, keeps_a_failure_on_one_line)
{
    struct rs_diag diag;
    rs_fail(&diag, RS_E_SERVER, "FATAL:  no\n\tentry\x7f for\r\n host \n\n");
    cr_expect_str_eq(diag.text, "FATAL:  no  entry  for   host");
    rs_fail(&diag, RS_E_SERVER, "\n\n");
    cr_expect_str_eq(diag.text, "");
}

Test(error, cuts_what_is_too_long)
{
    char huge[4 * RS_DIAG_TEXT_MAX];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    struct rs_diag diag;
    rs_fail(&diag, RS_E_DATA, "%s", huge);
    cr_expect(strlen(diag.text) == RS_DIAG_TEXT_MAX - 1);
    rs_fail_next(&diag, "%s", huge);
    cr_expect(strlen(diag.next) == RS_DIAG_NEXT_MAX - 1);
    rs_diag_prefix(&diag, "here");
    cr_expect(strlen(diag.text) == RS_DIAG_TEXT_MAX - 1);
    cr_expect(memcmp(diag.text, "here: xxx", 9) == 0);
    rs_diag_prefix(&diag, "%s", huge);
    cr_expect(strlen(diag.text) == RS_DIAG_TEXT_MAX - 1);
}

Test(error, puts_the_place_in_front)
{
    struct rs_diag diag;
    rs_fail(&diag, RS_E_CONFIG, "no such key");
    rs_diag_prefix(&diag, "%s:%d", "rastro.conf", 3);
    rs_diag_prefix(&diag, "reading");
    cr_expect_str_eq(diag.text, "reading: rastro.conf:3: no such key");
    cr_expect(diag.err == RS_E_CONFIG);
}

Test(error, gives_memory_for_nothing_too)
{
    void *p = rs_malloc(0), *q = rs_calloc(0, 8);
    cr_expect(p && q);
    p = rs_realloc(p, 0);
    cr_expect(p != NULL);
    free(p);
    free(q);
    char *s = rs_strdup("");
    cr_expect_str_eq(s, "");
    free(s);
}

Test(error, gives_large_memory_on_large_pages_and_small_memory_as_it_is)
{
    const size_t page = (size_t)2 << 20, sizes[] = {1, page - 1, page, page + 1, 3 * page};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *p = rs_malloc_large(sizes[i]);
        memset(p, 1, sizes[i]);
        if (sizes[i] >= page) cr_expect_eq((uintptr_t)p % page, 0, "%zu bytes", sizes[i]);
        free(p);
    }
}

Test(error, ends_the_process_when_memory_is_out, .exit_code = 70)
{
    rs_oom();
}
