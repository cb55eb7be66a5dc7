#include "rastro/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "support.h"

/* Standard error goes into a file for the rest of the test. */
static FILE *caught;

static void catch_errors(void)
{
    caught = tmpfile();
    cr_assert(caught && dup2(fileno(caught), STDERR_FILENO) == STDERR_FILENO);
}

static const char *what_was_said(void)
{
    static char text[1 << 16];
    ssize_t n = pread(fileno(caught), text, sizeof text - 1, 0);
    cr_assert(n >= 0);
    text[n] = '\0';
    return text;
}

Test(log, writes_time_level_and_program)
{
    catch_errors();
    rs_log_open("ingest", RS_LOG_INFO);
    rs_info("claimed %s/%d at %d", "scans", 4, 88120);
    const char *text = what_was_said();
    int year, month, day, hour, minute, second, ms, end = 0;
    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ info ingest: claimed scans/4 at 88120\n%n", &year, &month, &day, &hour,
           &minute, &second, &ms, &end);
    cr_expect(end == (int)strlen(text), "%s", text);
}

Test(log, says_nothing_below_its_level)
{
    catch_errors();
    rs_log_open("x", RS_LOG_WARN);
    rs_debug("d");
    rs_info("i");
    cr_expect_str_eq(what_was_said(), "");
    rs_warn("w");
    rs_error("e");
    assert_has(what_was_said(), " warn x: w\n");
    assert_has(what_was_said(), " error x: e\n");
}

Test(log, escapes_what_could_forge_a_line)
{
    catch_errors();
    rs_log_open("x", RS_LOG_INFO);
    rs_info("a\nb\x1b[31m\x7f");
    assert_has(what_was_said(), " info x: a\\x0ab\\x1b[31m\\x7f\n");
    cr_expect(strchr(what_was_said(), '\n')[1] == '\0', "one line");
}

Test(log, cuts_a_long_line_and_ends_it)
{
    catch_errors();
    rs_log_open("x", RS_LOG_INFO);
    char text[8000];
    memset(text, '\n', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rs_info("%s", text);
    const char *said = what_was_said();
    cr_expect(strlen(said) <= 2048);
    cr_expect(strchr(said, '\n') == said + strlen(said) - 1);
}

Test(log, says_how_many_it_left_out)
{
    catch_errors();
    rs_log_open("x", RS_LOG_WARN);
    struct rs_log_limit limit = {0};
    cr_expect(rs_log_limit_pass(&limit, 3600));
    cr_expect(!rs_log_limit_pass(&limit, 3600));
    cr_expect(!rs_log_limit_pass(&limit, 3600));
    cr_expect_str_eq(what_was_said(), "");
    limit.next_us = 0; /* as if the hour had passed */
    cr_expect(rs_log_limit_pass(&limit, 3600));
    assert_has(what_was_said(), "(2 lines like the next left out)");
    cr_expect(limit.skipped == 0);
}
