#include "rastro/calendar.h"

#include "rastro/time.h"
#include "support.h"

/* Two weeks of holidays around two weekends; Saturday the 10th is worked. */
static const char example[] =
    "{'first': '2026-01-01', 'last': '2026-12-31', 'calendars': ["
    "{'country': 'CN', 'zone': 'Asia/Shanghai', 'weekend': ['saturday', 'sunday'], 'worked': ['2026-10-10'],"
    " 'holidays': {'2026-10-01': 'a', '2026-10-02': 'b', '2026-10-05': 'c', '2026-10-06': 'd', '2026-10-07': 'e'}},"
    "{'country': 'DE', 'zone': 'Europe/Berlin', 'weekend': ['saturday', 'sunday']},"
    "{'country': 'CA', 'zone': 'America/St_Johns', 'weekend': []}]}";

static struct rs_calendars calendars;

static const struct rs_calendar *of(const char *country)
{
    struct rs_diag diag = {0};
    if (!calendars.count) {
        int err = rs_calendars_read(&calendars, rs_test_zones(), "calendars.json", rs_test_json(example), &diag);
        cr_assert(!err, "%s", diag.text);
    }
    const struct rs_calendar *calendar = rs_calendar_of(&calendars, rs_str_of(country));
    cr_assert(calendar, "%s", country);
    return calendar;
}

static int64_t at(const char *text)
{
    int64_t us;
    cr_assert(rs_time_parse(rs_str_of(text), &us), "%s", text);
    return us;
}

static const char *end_of(const char *country, const char *from, int64_t for_us, const struct rs_pause *pause,
                          uint32_t pause_n)
{
    static char text[RS_TIME_TEXT_MAX];
    const struct rs_calendar *calendar = country ? of(country) : NULL;
    int64_t from_us = at(from), end = rs_calendar_end(calendar, from_us, for_us, pause, pause_n);
    if (end == RS_INSTANT_NONE) return "never";
    cr_expect_eq(rs_calendar_run(calendar, from_us, end, pause, pause_n), for_us);
    if (end > from_us) cr_expect_lt(rs_calendar_run(calendar, from_us, end - 1, pause, pause_n), for_us);
    return rs_time_text(end, text);
}

Test(calendar, counts_every_day_where_none_is_named)
{
    cr_expect_str_eq(end_of(NULL, "2026-10-03T10:00:00Z", 7 * RS_DAY_US, NULL, 0), "2026-10-10T10:00:00Z");
    cr_expect_str_eq(end_of(NULL, "1969-12-25T10:00:00Z", 7 * RS_DAY_US, NULL, 0), "1970-01-01T10:00:00Z");
    cr_expect_str_eq(end_of(NULL, "2026-10-03T10:00:00Z", 0, NULL, 0), "2026-10-03T10:00:00Z");
}

Test(calendar, leaves_weekends_and_holidays_out)
{
    cr_expect_str_eq(end_of("DE", "2026-11-20T09:00:00Z", 5 * RS_DAY_US, NULL, 0), "2026-11-27T09:00:00Z",
                     "Friday to Friday");
    cr_expect_str_eq(end_of("CN", "2026-09-30T02:00:00Z", 2 * RS_DAY_US, NULL, 0), "2026-10-09T02:00:00Z",
                     "over a week of holidays");
    cr_expect_str_eq(end_of("CN", "2026-10-09T02:00:00Z", 2 * RS_DAY_US, NULL, 0), "2026-10-12T02:00:00Z",
                     "Saturday the 10th is worked, Sunday is not");
}

Test(calendar, starts_with_the_next_working_day_and_by_the_local_clock)
{
    cr_expect_str_eq(end_of("DE", "2026-11-21T09:00:00Z", RS_DAY_US, NULL, 0), "2026-11-23T23:00:00Z",
                     "Saturday: all of Monday, which ends at 23:00 UTC");
    cr_expect_str_eq(end_of("CN", "2026-11-20T17:00:00Z", RS_HOUR_US, NULL, 0), "2026-11-22T17:00:00Z",
                     "Friday evening in UTC is Saturday in Shanghai, and Monday begins there on Sunday");
}

Test(calendar, knows_weekends_alone_beyond_its_years)
{
    cr_expect_str_eq(end_of("CN", "2031-10-02T02:00:00Z", 2 * RS_DAY_US, NULL, 0), "2031-10-06T02:00:00Z");
    cr_expect_str_eq(end_of("CN", "1965-10-01T02:00:00Z", RS_DAY_US, NULL, 0), "1965-10-04T02:00:00Z");
}

Test(calendar, stands_still_in_pauses)
{
    struct rs_pause pauses[] = {{at("2026-11-01"), at("2026-11-03")}, {at("2026-11-05"), at("2026-11-06")}};
    cr_expect_str_eq(end_of(NULL, "2026-10-31T00:00:00Z", 2 * RS_DAY_US, pauses, 2), "2026-11-04T00:00:00Z");
    cr_expect_str_eq(end_of(NULL, "2026-10-31T00:00:00Z", 4 * RS_DAY_US, pauses, 2), "2026-11-07T00:00:00Z");
    cr_expect_str_eq(end_of(NULL, "2026-11-02T00:00:00Z", RS_HOUR_US, pauses, 2), "2026-11-03T01:00:00Z",
                     "started within one");
    cr_expect_str_eq(end_of("DE", "2026-10-30T10:00:00Z", RS_DAY_US, pauses, 2), "2026-11-03T11:00:00Z",
                     "the weekend and a pause that ends an hour into Tuesday");
    struct rs_pause open = {at("2026-11-10"), INT64_MAX};
    cr_expect_str_eq(end_of(NULL, "2026-11-01T00:00:00Z", 9 * RS_DAY_US, &open, 1), "2026-11-10T00:00:00Z");
    cr_expect_str_eq(end_of(NULL, "2026-11-01T00:00:00Z", 9 * RS_DAY_US + 1, &open, 1), "never");
    cr_expect_eq(rs_calendar_run(NULL, at("2026-11-01"), at("2026-12-01"), &open, 1), 9 * RS_DAY_US);
}

/* Newfoundland put its clocks back at 00:01, so that the day before came again. */
Test(calendar, ends_where_a_day_comes_twice)
{
    cr_expect_str_eq(end_of("CA", "2009-10-31T12:00:00Z", 3 * RS_DAY_US, NULL, 0), "2009-11-03T12:00:00Z");
}

Test(calendar, of_any_start_runs_as_long_as_it_was_set)
{
    uint64_t seed = rs_test_seed();
    for (int i = 0; i < 2000; i++) {
        const struct rs_calendar *calendar = of(i % 2 ? "CN" : "DE");
        int64_t from = at("2026-01-01") + rs_test_below(&seed, 400 * 86400) * RS_SECOND_US;
        int64_t length = rs_test_below(&seed, 40 * 86400) * RS_SECOND_US;
        struct rs_pause pause = {from + rs_test_below(&seed, 20 * 86400) * RS_SECOND_US, 0};
        pause.to_us = pause.from_us + (1 + rs_test_below(&seed, 20 * 86400)) * RS_SECOND_US;
        int64_t end = rs_calendar_end(calendar, from, length, &pause, 1);
        cr_expect_eq(rs_calendar_run(calendar, from, end, &pause, 1), length);
        if (length) cr_expect_lt(rs_calendar_run(calendar, from, end - 1, &pause, 1), length);
        cr_expect_eq(rs_calendar_run(calendar, from, from, &pause, 1), 0);
    }
}

Test(calendar, of_the_source_tree_knows_where_parcels_come_from_and_go_to)
{
    static const char *const countries[] = {"CN", "BR", "DE", "FR", "ES", "IT", "NL", "PL", "GB", "US", "CA", "MX"};
    for (size_t i = 0; i < COUNT(countries); i++) {
        const struct rs_calendar *calendar = rs_calendar_of(rs_test_calendars(), rs_str_of(countries[i]));
        cr_assert(calendar, "%s", countries[i]);
        cr_expect(!rs_calendar_works(calendar, (int32_t)rs_days_from_civil(2026, 1, 1)), "%s", countries[i]);
        cr_expect(!rs_calendar_works(calendar, (int32_t)rs_days_from_civil(2026, 8, 16)), "%s", countries[i]);
        cr_expect(rs_calendar_works(calendar, (int32_t)rs_days_from_civil(2026, 8, 18)), "%s", countries[i]);
    }
    const struct rs_calendar *china = rs_calendar_of(rs_test_calendars(), RS_LIT("CN"));
    cr_expect(rs_calendar_works(china, (int32_t)rs_days_from_civil(2026, 2, 14)),
              "a Saturday before the Spring Festival");
    cr_expect(!rs_calendar_works(china, (int32_t)rs_days_from_civil(2026, 2, 17)));
}

Test(calendar, names_what_is_wrong_and_where)
{
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"{'first': '2026-01-01', 'last': '2025-12-31', 'calendars': []}", "last lies before first"},
        {"{'first': '2026-01-xx', 'last': '2025-12-31', 'calendars': []}", "1:11: \"2026-01-xx\" is no date"},
        {"{'first': '2026-01-01', 'last': '2026-12-31', 'calendars': [{'country': 'CN', 'zone': 'Asia/Shangai',"
         " 'weekend': []}]}",
         "unknown zone \"Asia/Shangai\""},
        {"{'first': '2026-01-01', 'last': '2026-12-31', 'calendars': [{'country': 'CN', 'zone': 'Asia/Shanghai',"
         " 'weekend': ['saturdy']}]}",
         "did you mean \"saturday\"?"},
        {"{'first': '2026-01-01', 'last': '2026-12-31', 'calendars': [{'country': 'CN', 'zone': 'Asia/Shanghai',"
         " 'weekend': ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']}]}",
         "no day of the week is left"},
        {"{'first': '2026-01-01', 'last': '2026-12-31', 'calendars': [{'country': 'CN', 'zone': 'Asia/Shanghai',"
         " 'weekend': [], 'holidays': {'2027-01-01': 'a'}}]}",
         "2027-01-01 lies outside"},
        {"{'first': '2026-01-01', 'last': '2026-12-31', 'calendars': [{'country': 'CN', 'zone': 'Asia/Shanghai',"
         " 'weekend': []}, {'country': 'CN', 'zone': 'Asia/Shanghai', 'weekend': []}]}",
         "\"CN\" is here twice"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct rs_calendars none = {0};
        struct rs_diag diag = {0};
        int err = rs_calendars_read(&none, rs_test_zones(), "calendars.json", rs_test_json(cases[i].text), &diag);
        cr_expect_eq(err, RS_E_CONFIG);
        assert_has(diag.text, "calendars.json");
        assert_has(diag.text, cases[i].complaint);
        cr_expect(!none.arena && !none.count);
    }
}
