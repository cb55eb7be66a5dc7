#include "rastro/time.h"

#include <time.h>

#include "support.h"

/* ---- what feeds write ---------------------------------------------------------------- */

#define NAIVE INT32_MIN
#define H(n) ((n)*3600)

static const struct form {
    const char *pattern, *text;
    const char *want; /* on its own clock; NULL: refused */
    int32_t offset_s; /* NAIVE: the text names none */
    enum rs_precision precision;
} forms[] = {
    /* ISO with its offset */
    {"iso", "2025-05-21T13:33:04Z", "2025-05-21T13:33:04", 0, RS_PRECISION_SECOND},
    {"iso", "2025-05-21T13:33:04+01:00", "2025-05-21T13:33:04", H(1), RS_PRECISION_SECOND},
    {"iso", "2025-05-21T13:33:04+0200", "2025-05-21T13:33:04", H(2), RS_PRECISION_SECOND},
    {"iso", "2025-05-21T13:33:04-03", "2025-05-21T13:33:04", H(-3), RS_PRECISION_SECOND},
    {"iso", "2025-05-21T13:33:04.123Z", "2025-05-21T13:33:04.123", 0, RS_PRECISION_FRACTION},
    {"iso", "2025-05-21t13:33:04z", "2025-05-21T13:33:04", 0, RS_PRECISION_SECOND},
    {"iso", "2025-05-21T13:33+05:45", "2025-05-21T13:33", 20700, RS_PRECISION_MINUTE},
    {"iso", "2023-04-05 18:56:00 UTC", "2023-04-05T18:56", 0, RS_PRECISION_SECOND},
    {"iso", "2023-04-05 18:56:00 GMT+8", "2023-04-05T18:56", H(8), RS_PRECISION_SECOND},
    /* naive, with 0, 2, 3, 4, 6 or 7 digits of a fraction */
    {"iso", "2021-01-14T00:52:00", "2021-01-14T00:52", NAIVE, RS_PRECISION_SECOND},
    {"iso", "2021-01-14T00:52:00.12", "2021-01-14T00:52:00.12", NAIVE, RS_PRECISION_FRACTION},
    {"iso", "2021-01-14T00:52:00.123", "2021-01-14T00:52:00.123", NAIVE, RS_PRECISION_FRACTION},
    {"iso", "2021-01-14T00:52:00.1234", "2021-01-14T00:52:00.1234", NAIVE, RS_PRECISION_FRACTION},
    {"iso", "2021-01-14T00:52:00.123456", "2021-01-14T00:52:00.123456", NAIVE, RS_PRECISION_FRACTION},
    {"iso", "2021-01-14T00:52:00.1234567", "2021-01-14T00:52:00.123456", NAIVE, RS_PRECISION_FRACTION},
    {"iso", "2021-01-14T00:52:00.999999999", "2021-01-14T00:52:00.999999", NAIVE, RS_PRECISION_FRACTION},
    {"iso", "2021-01-14T00:52:00,5", "2021-01-14T00:52:00.5", NAIVE, RS_PRECISION_FRACTION},
    {"iso", "2021-01-14 00:52", "2021-01-14T00:52", NAIVE, RS_PRECISION_MINUTE},
    {"iso", "  2021-01-14  00:52:33\t", "2021-01-14T00:52:33", NAIVE, RS_PRECISION_SECOND},
    {"iso", "2021-01-14", "2021-01-14T00:00", NAIVE, RS_PRECISION_DAY},
    /* a date and a time from two fields, joined */
    {"%Y%m%d %H%M%S", "20210210 071356", "2021-02-10T07:13:56", NAIVE, RS_PRECISION_SECOND},
    {"%d/%m/%Y %H:%M", "05/11/2020 18:31", "2020-11-05T18:31", NAIVE, RS_PRECISION_MINUTE},
    {"%d/%m/%Y", "05/11/2020", "2020-11-05T00:00", NAIVE, RS_PRECISION_DAY},
    {"%m/%d/%Y %I:%M %p", "1/9/2024 2:39 PM", "2024-01-09T14:39", NAIVE, RS_PRECISION_MINUTE},
    {"%m/%d/%Y %I:%M %p", "12/31/2024 12:05 am", "2024-12-31T00:05", NAIVE, RS_PRECISION_MINUTE},
    {"%m/%d/%Y %I:%M %p", "12/31/2024 12:05 p.m.", "2024-12-31T12:05", NAIVE, RS_PRECISION_MINUTE},
    {"%d %m %Y %H:%M:%S", "02 06 2022 08:59:14", "2022-06-02T08:59:14", NAIVE, RS_PRECISION_SECOND},
    {"%Y-%m-%d %H:%M:%S.%f", "2020-11-05 18:31:00.000000", "2020-11-05T18:31", NAIVE, RS_PRECISION_FRACTION},
    {"%F %T %z", "2020-11-05 18:31:07 -0330", "2020-11-05T18:31:07", -12600, RS_PRECISION_SECOND},
    {"%F %R", "2020-11-05 18:31", "2020-11-05T18:31", NAIVE, RS_PRECISION_MINUTE},
    {"%b %e, %Y %I:%M:%S %p", "Feb  3, 2024 1:02:03 PM", "2024-02-03T13:02:03", NAIVE, RS_PRECISION_SECOND},
    {"%d %B %Y", "7 september 2024", "2024-09-07T00:00", NAIVE, RS_PRECISION_DAY},
    {"%B %d, %Y", "May 7, 2024", "2024-05-07T00:00", NAIVE, RS_PRECISION_DAY},
    {"%d.%m.%y", "1.2.68", "2068-02-01T00:00", NAIVE, RS_PRECISION_DAY},
    {"%d.%m.%y", "1.2.69", "1969-02-01T00:00", NAIVE, RS_PRECISION_DAY},
    {"%Y%%%m-%d", "2024%05-06", "2024-05-06T00:00", NAIVE, RS_PRECISION_DAY},
    /* epochs */
    {"epoch_s", "1748410407", "2025-05-28T05:33:27", 0, RS_PRECISION_SECOND},
    {"epoch_s", "1748410407.25", "2025-05-28T05:33:27.25", 0, RS_PRECISION_FRACTION},
    {"epoch_s", "-1", "1969-12-31T23:59:59", 0, RS_PRECISION_SECOND},
    {"epoch_s", "-0.5", "1969-12-31T23:59:59.5", 0, RS_PRECISION_FRACTION},
    {"epoch_s", "0", "1970-01-01T00:00", 0, RS_PRECISION_SECOND},
    {"epoch_ms", "1748410407123", "2025-05-28T05:33:27.123", 0, RS_PRECISION_FRACTION},
    {"epoch_ms", "1748410407000", "2025-05-28T05:33:27", 0, RS_PRECISION_SECOND},
    {"dotnet", "/Date(1748410407000+0300)/", "2025-05-28T05:33:27", 0, RS_PRECISION_SECOND},
    {"dotnet", "/Date(1748410407000)/", "2025-05-28T05:33:27", 0, RS_PRECISION_SECOND},
    {"dotnet", "\\/Date(1748410407000-0800)\\/", "2025-05-28T05:33:27", 0, RS_PRECISION_SECOND},
    {"%s", "1748410407", "2025-05-28T05:33:27", 0, RS_PRECISION_SECOND},
    /* the offset beside an epoch only says how to show it */
    {"%s %z", "1748410407 +0300", "2025-05-28T05:33:27", 0, RS_PRECISION_SECOND},

    /* the edges of the clock and of the calendar */
    {"iso", "2024-02-29", "2024-02-29T00:00", NAIVE, RS_PRECISION_DAY},
    {"iso", "2000-02-29", "2000-02-29T00:00", NAIVE, RS_PRECISION_DAY},
    {"iso", "2024-12-31T24:00:00Z", "2025-01-01T00:00", 0, RS_PRECISION_SECOND},
    {"iso", "2024-12-31T24:00", "2025-01-01T00:00", NAIVE, RS_PRECISION_MINUTE},
    {"iso", "2016-12-31T23:59:60Z", "2017-01-01T00:00", 0, RS_PRECISION_SECOND},
    {"iso", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59", 0, RS_PRECISION_SECOND},
    {"iso", "0001-01-01T00:00:00", "0001-01-01T00:00", NAIVE, RS_PRECISION_SECOND},
    {"iso", "1969-07-20T20:17:40Z", "1969-07-20T20:17:40", 0, RS_PRECISION_SECOND},

    /* what must be refused */
    {"iso", "2023-02-29"},
    {"iso", "1900-02-29"},
    {"iso", "2024-02-30"},
    {"iso", "2024-04-31"},
    {"iso", "2024-13-01"},
    {"iso", "2024-00-01"},
    {"iso", "2024-01-00"},
    {"iso", "2024-01-01T25:00"},
    {"iso", "2024-01-01T24:01"},
    {"iso", "2024-01-01T24:00:00.5"},
    {"iso", "2024-01-01T23:60"},
    {"iso", "2024-01-01T23:59:61"},
    {"iso", "2024-01-01T23"},
    {"iso", "2024-01-01T"},
    {"iso", "2024-01-01T10:11:12."},
    {"iso", "2024-01-01X10:11"},
    {"iso", "2024-01-01T10:11:12 CEST"},
    {"iso", "2024-01-01T10:11:12+16:00"},
    {"iso", "2024-01-01T10:11:12+01:60"},
    {"iso", "2024-01-01T10:11:12Z and more"},
    {"iso", "2024-1-1"},
    {"iso", "24-01-01"},
    {"iso", "12024-01-01"},
    {"iso", "string"},
    {"iso", ""},
    {"iso", "   "},
    {"%d/%m/%Y", "31/11/2020"},
    {"%d/%m/%Y", "05-11-2020"},
    {"%d/%m/%Y", "05/11/20"},
    {"%d/%m/%Y", "05/11/2020 10:00"},
    {"%d %B %Y", "7 septembre 2024"},
    {"%d %b %Y", "7 Mai 2024"},
    {"%m/%d/%Y %I:%M %p", "1/9/2024 13:39 PM"},
    {"%m/%d/%Y %I:%M %p", "1/9/2024 0:39 AM"},
    {"%m/%d/%Y %I:%M", "1/9/2024 2:39"},
    {"%m/%d/%Y %I:%M %p", "1/9/2024 2:39"},
    {"%F %T", "2020-11-05 18:31:07Z"},
    {"%H:%M", "10:11"},
    {"epoch_s", ""},
    {"epoch_s", "1748410407s"},
    {"epoch_s", "1.7e9"},
    {"epoch_s", "1748410407."},
    {"epoch_s", "9223372036854775807"},
    {"epoch_s", "9223372036854.999999"},
    {"epoch_s", "253402300800"},
    {"epoch_ms", "253402300800000"},
    {"epoch_ms", "1748410407.5"},
    {"epoch_ms", "-999999999999999"},
    {"dotnet", "/Date(1748410407000)"},
    {"dotnet", "Date(1748410407000)"},
    {"dotnet", "/Date()/"},
    {"dotnet", "/Date(1748410407000+03000)/"},
};

static struct rs_time_pattern compiled(const char *text)
{
    struct rs_time_pattern pattern;
    struct rs_diag diag;
    cr_assert(rs_time_pattern_compile(rs_str_of(text), &pattern, &diag) == RS_OK, "%s", diag.text);
    return pattern;
}

/* The civil time as microseconds on its own clock. */
static int64_t clock_us(const struct rs_civil *t)
{
    return rs_civil_seconds(t) * RS_SECOND_US + t->micros;
}

/* By the C library: an opinion that is not ours. */
static int64_t library_us(const char *text)
{
    struct tm tm = {0};
    char *rest = strptime(text, "%Y-%m-%dT%H:%M", &tm);
    cr_assert(rest, "%s", text);
    double second = *rest == ':' ? strtod(rest + 1, NULL) : 0;
    return (int64_t)timegm(&tm) * RS_SECOND_US + (int64_t)(second * 1e6 + 0.5);
}

Test(time, reads_each_form_that_feeds_use)
{
    for (size_t i = 0; i < COUNT(forms); i++) {
        const struct form *f = &forms[i];
        struct rs_time_pattern pattern = compiled(f->pattern);
        struct rs_civil t;
        bool read = rs_time_read(&pattern, rs_str_of(f->text), &t);
        cr_expect(read == (f->want != NULL), "%s: '%s' is %s", f->pattern, f->text, read ? "taken" : "refused");
        if (!read || !f->want) continue;
        int64_t want = library_us(f->want);
        cr_expect(clock_us(&t) == want, "%s: '%s' is %s", f->pattern, f->text, rs_test_time(clock_us(&t)));
        cr_expect(t.has_offset == (f->offset_s != NAIVE), "%s: '%s': offset", f->pattern, f->text);
        if (t.has_offset) cr_expect(t.offset_s == f->offset_s, "%s: '%s': %d s", f->pattern, f->text, t.offset_s);
        cr_expect(t.precision == f->precision, "%s: '%s': precision %d", f->pattern, f->text, t.precision);
    }
}

Test(time, leaves_the_output_when_it_refuses)
{
    struct rs_civil t = {.year = 42};
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct rs_time_pattern pattern = compiled(forms[i].pattern);
        if (forms[i].want) continue;
        rs_time_read(&pattern, rs_str_of(forms[i].text), &t);
        cr_expect(t.year == 42, "%s: '%s'", forms[i].pattern, forms[i].text);
        t.year = 42;
    }
}

/* ---- patterns --------------------------------------------------------------------------- */

Test(time, refuses_a_pattern_that_is_none)
{
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"", "is no time pattern"},
        {"ISO", "is no time pattern"},
        {"yyyy-mm-dd", "is no time pattern"},
        {"%Y-%q", "unknown conversion %q"},
        {"%Y-%", "ends in %"},
        {"%Y-%m-%dT%H:%M:%S.%f%z-%Y-%m-%dT%H:%M:%S.%f%z-%Y-%m-%dT", "is too long"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_time_pattern pattern;
        struct rs_diag diag;
        cr_assert(rs_time_pattern_compile(rs_str_of(cases[i].text), &pattern, &diag) == RS_E_CONFIG, "%s",
                  cases[i].text);
        assert_has(diag.text, cases[i].complaint);
    }
}

Test(time, refuses_a_nul_in_a_pattern)
{
    static const struct rs_str texts[] = {{"%Y%\0", 4}, {"%\0%Y", 4}};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct rs_time_pattern pattern;
        struct rs_diag diag;
        cr_expect(rs_time_pattern_compile(texts[i], &pattern, &diag) == RS_E_CONFIG, "%zu", i);
    }
}

/* ---- offsets ------------------------------------------------------------------------------ */

Test(time, reads_offsets_in_words)
{
    static const struct {
        const char *text;
        int32_t seconds; /* NAIVE: refused */
    } cases[] = {
        {"Z", 0},           {"z", 0},         {"UTC", 0},           {"GMT", 0},        {"+8", H(8)},
        {"-3", H(-3)},      {"+08", H(8)},    {"-03:00", H(-3)},    {"+0530", 19800},  {"+5:30", 19800},
        {"GMT+8", H(8)},    {"UTC-3", H(-3)}, {"GMT-03:00", H(-3)}, {"utc+01", H(1)},  {" +1 ", H(1)},
        {"+14:00", H(14)},  {"-12", H(-12)},  {"+00:00", 0},        {"-00:30", -1800}, {"+15:59", 57540},
        {"", NAIVE},        {"8", NAIVE},     {"0800", NAIVE},      {"+", NAIVE},      {"GMT+", NAIVE},
        {"+16", NAIVE},     {"+1:5", NAIVE},  {"+123", NAIVE},      {"+08:60", NAIVE}, {"+08:00:00", NAIVE},
        {"CST", NAIVE},     {"Zulu", NAIVE},  {"ZZ", NAIVE},        {"+8h", NAIVE},    {"+-8", NAIVE},
        {"UTC GMT", NAIVE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int32_t seconds = NAIVE;
        bool read = rs_time_read_offset(rs_str_of(cases[i].text), &seconds);
        cr_expect(seconds == cases[i].seconds && read == (seconds != NAIVE), "'%s': %d", cases[i].text, seconds);
    }
}

/* ---- the calendar -------------------------------------------------------------------------- */

static bool leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

Test(time, counts_days_as_one_who_walks_the_calendar)
{
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = -719528; /* 0000-01-01 */
    for (int64_t year = 0; year < 10000; year++) {
        for (unsigned month = 1; month <= 12; month++) {
            cr_assert(rs_days_from_civil(year, month, 1) == day, "%lld-%u", (long long)year, month);
            day += lengths[month - 1] + (month == 2 && leap(year));
            cr_assert(rs_days_from_civil(year, month, lengths[month - 1] + (month == 2 && leap(year))) == day - 1);
        }
    }
    cr_expect(rs_days_from_civil(1970, 1, 1) == 0);
}

Test(time, agrees_with_the_c_library_on_any_day)
{
    uint64_t chance = rs_test_seed();
    for (int i = 0; i < 5000; i++) {
        int64_t instant = (int64_t)(rs_test_next(&chance) % UINT64_C(315569260800000000)) - INT64_C(62167219200000000);
        int32_t offset = (int32_t)rs_test_below(&chance, 105) * 900 - 12 * 3600;
        struct rs_civil t = rs_civil_at(instant, offset);
        int64_t us = instant + offset * RS_SECOND_US, micros = us % RS_SECOND_US;
        if (micros < 0) micros += RS_SECOND_US;
        time_t seconds = (time_t)((us - micros) / RS_SECOND_US);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        bool same = t.year == tm.tm_year + 1900 && t.month == tm.tm_mon + 1 && t.day == tm.tm_mday &&
                    t.hour == tm.tm_hour && t.minute == tm.tm_min && t.second == tm.tm_sec && t.micros == micros;
        cr_assert(same, "%lld at %d", (long long)instant, offset);
        cr_assert(rs_civil_seconds(&t) == (int64_t)seconds);
        cr_assert(rs_civil_seconds(&t) - t.offset_s == (instant - micros) / RS_SECOND_US);
    }
}

/* ---- our own form ---------------------------------------------------------------------------- */

Test(time, writes_instants)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {RS_TEST_PUBLISHED, "2026-11-23T08:00:00Z"},
        {RS_TEST_PUBLISHED + 500000, "2026-11-23T08:00:00.5Z"},
        {RS_TEST_PUBLISHED + 1, "2026-11-23T08:00:00.000001Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[RS_TIME_TEXT_MAX];
        cr_expect_str_eq(rs_time_text(cases[i].us, text), cases[i].text);
    }
}

Test(time, writes_any_number_within_its_room)
{
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, INT64_MAX - 999999};
    for (size_t i = 0; i < COUNT(extremes); i++) {
        char text[RS_TIME_TEXT_MAX];
        cr_expect(strlen(rs_time_text(extremes[i], text)) < RS_TIME_TEXT_MAX);
    }
}

Test(time, reads_back_what_it_wrote)
{
    uint64_t chance = rs_test_seed();
    for (int i = 0; i < 5000; i++) {
        int64_t us = (int64_t)(rs_test_next(&chance) % UINT64_C(253402300800000000)), back;
        if (i % 3 == 0) us -= us % RS_SECOND_US;
        char text[RS_TIME_TEXT_MAX];
        cr_assert(rs_time_parse(rs_str_of(rs_time_text(us, text)), &back), "%s", text);
        cr_assert(back == us, "%s", text);
    }
}

/* ---- the forms of sources --------------------------------------------------------------------- */

static enum rs_time_form form_of(const char *text, const char *instant, int32_t offset_min)
{
    int64_t us;
    cr_assert(rs_time_parse(rs_str_of(instant), &us), "%s", instant);
    return rs_time_form_of(rs_str_of(text), us, offset_min);
}

Test(time, knows_the_form_that_gives_a_text_back)
{
    cr_expect(form_of("2026-11-23T16:00:00+08:00", "2026-11-23T08:00:00Z", 480) == RS_TIME_FORM_OFFSET);
    cr_expect(form_of("2026-11-23T04:30:00-03:30", "2026-11-23T08:00:00Z", -210) == RS_TIME_FORM_OFFSET);
    cr_expect(form_of("2026-11-23T08:00:00+00:00", "2026-11-23T08:00:00Z", 0) == RS_TIME_FORM_OFFSET);
    cr_expect(form_of("2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z", 0) == RS_TIME_FORM_UTC);
    cr_expect(form_of("2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z", 480) == RS_TIME_FORM_UTC);
    cr_expect(form_of("2026-11-23T16:00:00", "2026-11-23T08:00:00Z", 480) == RS_TIME_FORM_LOCAL);
    cr_expect(form_of("2026-11-23 16:00:00", "2026-11-23T08:00:00Z", 480) == RS_TIME_FORM_SPACE);
}

Test(time, knows_no_form_where_the_text_would_come_back_otherwise)
{
    static const struct {
        const char *text, *instant;
        int32_t offset_min;
    } cases[] = {
        {"2026-11-23T08:00:00-00:00", "2026-11-23T08:00:00Z", 0},     /* written +00:00 */
        {"2026-11-23T16:00:00+08:00", "2026-11-23T08:00:00Z", 420},   /* another offset */
        {"2026-11-23T16:00:00+08:00", "2026-11-23T08:00:01Z", 480},   /* another instant */
        {"2026-11-23T16:00:00+08:00", "2026-11-23T08:00:00.5Z", 480}, /* a fraction */
        {"2026-11-23t08:00:00z", "2026-11-23T08:00:00Z", 0},          /* small letters */
        {"2026-11-23 16:00:00+08:00", "2026-11-23T08:00:00Z", 480},   /* a space before an offset */
        {"2026-11-22T24:00:00Z", "2026-11-23T00:00:00Z", 0},          /* the next day's first second */
        {"2026-11-23", "2026-11-23T00:00:00Z", 0},
        {"2026-11-23T08:00", "2026-11-23T08:00:00Z", 0},
        {"23/11/2026 08:00:00", "2026-11-23T08:00:00Z", 0},
        {"", "2026-11-23T08:00:00Z", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect(form_of(cases[i].text, cases[i].instant, cases[i].offset_min) == RS_TIME_FORM_OTHER, "%s",
                  cases[i].text);
    }
    cr_expect(rs_time_form_of(RS_LIT("9999-12-31T23:59:59Z"), INT64_MAX, 0) == RS_TIME_FORM_OTHER);
    cr_expect(rs_time_form_of(RS_LIT("0000-12-31T23:59:59Z"), INT64_C(-62135596801) * RS_SECOND_US, 0) ==
              RS_TIME_FORM_OTHER);
}

/* ---- what users write ------------------------------------------------------------------------- */

Test(time, takes_a_users_date_as_its_first_or_last_instant)
{
    int64_t us;
    cr_assert(rs_time_parse(RS_LIT("2026-11-23"), &us));
    cr_expect_str_eq(rs_test_time(us), "2026-11-23T00:00:00Z");
    cr_assert(rs_time_parse_end(RS_LIT("2026-11-23"), &us));
    cr_expect_str_eq(rs_test_time(us), "2026-11-23T23:59:59.999999Z");
    cr_assert(rs_time_parse_end(RS_LIT("2026-11-23T08:00"), &us));
    cr_expect_str_eq(rs_test_time(us), "2026-11-23T08:00:00Z", "a time is an instant in both");
    cr_assert(rs_time_parse(RS_LIT("2026-11-23T08:00+02:00"), &us));
    cr_expect_str_eq(rs_test_time(us), "2026-11-23T06:00:00Z");
    us = 42;
    cr_expect(!rs_time_parse(RS_LIT("yesterday"), &us) && !rs_time_parse_end(RS_LIT(""), &us));
    cr_expect(us == 42);
}
