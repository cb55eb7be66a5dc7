#include "rastro/zone.h"

#include <time.h>

#include "rastro/time.h"
#include "support.h"

static const struct rs_zone *zone(const char *name)
{
    const struct rs_zone *found = rs_zones_find(rs_test_zones(), name, (uint32_t)strlen(name));
    cr_assert(found, "no zone %s", name);
    return found;
}

static const struct {
    const char *zone, *local, *utc;
    enum rs_zone_fit fit;
} cases[] = {
    {"America/Sao_Paulo", "2025-05-21T13:33:04", "2025-05-21T16:33:04Z", RS_ZONE_UNIQUE},
    /* Brazil put its clocks forward at midnight, the last time in 2018, and back
     * at midnight in February 2019: days that begin at one, days with two ends. */
    {"America/Sao_Paulo", "2018-11-03T23:59:59", "2018-11-04T02:59:59Z", RS_ZONE_UNIQUE},
    {"America/Sao_Paulo", "2018-11-04T00:00:00", "2018-11-04T03:00:00Z", RS_ZONE_SKIPPED},
    {"America/Sao_Paulo", "2018-11-04T00:30:00", "2018-11-04T03:30:00Z", RS_ZONE_SKIPPED},
    {"America/Sao_Paulo", "2018-11-04T01:00:00", "2018-11-04T03:00:00Z", RS_ZONE_UNIQUE},
    {"America/Sao_Paulo", "2019-02-16T22:59:59", "2019-02-17T00:59:59Z", RS_ZONE_UNIQUE},
    {"America/Sao_Paulo", "2019-02-16T23:00:00", "2019-02-17T01:00:00Z", RS_ZONE_REPEATED},
    {"America/Sao_Paulo", "2019-02-16T23:59:59", "2019-02-17T01:59:59Z", RS_ZONE_REPEATED},
    {"America/Sao_Paulo", "2019-02-17T00:00:00", "2019-02-17T03:00:00Z", RS_ZONE_UNIQUE},
    {"America/Sao_Paulo", "2019-11-03T00:30:00", "2019-11-03T03:30:00Z", RS_ZONE_UNIQUE},

    {"America/New_York", "2025-03-09T01:59:59", "2025-03-09T06:59:59Z", RS_ZONE_UNIQUE},
    {"America/New_York", "2025-03-09T02:30:00", "2025-03-09T07:30:00Z", RS_ZONE_SKIPPED},
    {"America/New_York", "2025-03-09T03:00:00", "2025-03-09T07:00:00Z", RS_ZONE_UNIQUE},
    {"America/New_York", "2025-11-02T01:00:00", "2025-11-02T05:00:00Z", RS_ZONE_REPEATED},
    {"America/New_York", "2025-11-02T01:59:59", "2025-11-02T05:59:59Z", RS_ZONE_REPEATED},
    {"America/New_York", "2025-11-02T02:00:00", "2025-11-02T07:00:00Z", RS_ZONE_UNIQUE},

    {"Europe/Berlin", "2025-03-30T02:00:00", "2025-03-30T01:00:00Z", RS_ZONE_SKIPPED},
    {"Europe/Berlin", "2025-03-30T03:00:00", "2025-03-30T01:00:00Z", RS_ZONE_UNIQUE},
    {"Europe/Berlin", "2025-10-26T02:30:00", "2025-10-26T00:30:00Z", RS_ZONE_REPEATED},
    {"Europe/Berlin", "2025-10-26T03:00:00", "2025-10-26T02:00:00Z", RS_ZONE_UNIQUE},
    /* The rule holds on beyond the table of transitions. */
    {"Europe/Berlin", "2090-07-01T12:00:00", "2090-07-01T10:00:00Z", RS_ZONE_UNIQUE},

    {"Asia/Shanghai", "2025-07-01T12:00:00", "2025-07-01T04:00:00Z", RS_ZONE_UNIQUE},
    {"Asia/Kathmandu", "2025-07-01T12:00:00", "2025-07-01T06:15:00Z", RS_ZONE_UNIQUE},
    {"Pacific/Kiritimati", "2025-07-01T12:00:00", "2025-06-30T22:00:00Z", RS_ZONE_UNIQUE},
    {"UTC", "2025-07-01T12:00:00", "2025-07-01T12:00:00Z", RS_ZONE_UNIQUE},
    /* Samoa had no 30 December 2011. */
    {"Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00Z", RS_ZONE_SKIPPED},
};

Test(zone, turns_local_times_into_instants)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t local = rs_test_instant(cases[i].local) / RS_SECOND_US;
        enum rs_zone_fit fit = (enum rs_zone_fit)99;
        int64_t utc = rs_zone_to_utc(zone(cases[i].zone), local, &fit);
        cr_expect_str_eq(rs_test_time(utc * RS_SECOND_US), cases[i].utc, "%s %s is %s", cases[i].local, cases[i].zone,
                         rs_test_time(utc * RS_SECOND_US));
        cr_expect(fit == cases[i].fit, "%s %s: fit %d", cases[i].local, cases[i].zone, fit);
    }
}

Test(zone, takes_the_next_day_for_24_hours)
{
    struct rs_time_pattern iso;
    struct rs_diag diag;
    cr_assert(rs_time_pattern_compile(RS_LIT("iso"), &iso, &diag) == RS_OK);
    struct rs_civil t;
    enum rs_zone_fit fit;
    cr_assert(rs_time_read(&iso, RS_LIT("2024-12-31T24:00:00"), &t));
    int64_t utc = rs_zone_to_utc(zone("Asia/Shanghai"), rs_civil_seconds(&t), &fit);
    cr_expect_str_eq(rs_test_time(utc * RS_SECOND_US), "2024-12-31T16:00:00Z");
}

Test(zone, says_the_offset_at_an_instant)
{
    static const struct {
        const char *zone, *utc;
        int32_t offset;
    } offsets[] = {
        {"America/Sao_Paulo", "2018-11-04T02:59:59Z", -10800},
        {"America/Sao_Paulo", "2018-11-04T03:00:00Z", -7200},
        {"America/Sao_Paulo", "2019-02-17T02:00:00Z", -10800},
        {"America/New_York", "2025-07-01T00:00Z", -14400},
        {"Europe/Berlin", "2025-01-01T00:00Z", 3600},
        {"Asia/Kolkata", "2025-01-01T00:00Z", 19800},
        {"UTC", "2025-01-01T00:00Z", 0},
    };
    for (size_t i = 0; i < COUNT(offsets); i++) {
        int32_t got = rs_zone_offset(zone(offsets[i].zone), rs_test_instant(offsets[i].utc) / RS_SECOND_US);
        cr_expect(got == offsets[i].offset, "%s at %s: %d", offsets[i].zone, offsets[i].utc, got);
    }
}

/* Going to local time and back loses nothing, except in the hour that comes
 * twice, where it may end an hour earlier; and the offset is the C library's. */
Test(zone, agrees_with_the_c_library)
{
    static const char *const names[] = {"America/Sao_Paulo", "America/New_York",    "Europe/Berlin",
                                        "Asia/Shanghai",     "Australia/Lord_Howe", "America/St_Johns"};
    uint64_t chance = rs_test_seed();
    for (size_t z = 0; z < COUNT(names); z++) {
        const struct rs_zone *here = zone(names[z]);
        setenv("TZ", names[z], 1);
        tzset();
        for (int i = 0; i < 2000; i++) {
            time_t utc = (time_t)(631152000 + rs_test_below(&chance, 1700000000));
            struct tm tm;
            localtime_r(&utc, &tm);
            cr_assert(rs_zone_offset(here, utc) == tm.tm_gmtoff, "%s at %lld", names[z], (long long)utc);
            enum rs_zone_fit fit;
            int64_t back = rs_zone_to_utc(here, utc + tm.tm_gmtoff, &fit);
            cr_assert(fit != RS_ZONE_SKIPPED, "%s at %lld", names[z], (long long)utc);
            bool same = back == utc || (fit == RS_ZONE_REPEATED && back < utc && back >= utc - 3600);
            cr_assert(same, "%s at %lld: %lld", names[z], (long long)utc, (long long)back);
        }
    }
    unsetenv("TZ");
    tzset();
}

Test(zone, knows_names_and_aliases_and_nothing_else)
{
    static const char *const none[] = {
        "",    "Mars/Olympus",      "america/sao_paulo", "America/Sao_Paul", "America", "../UTC", "/etc/passwd",
        "CST", "America/Sao_Paulo "};
    cr_expect_str_eq(rs_zone_name(zone("Asia/Calcutta")), "Asia/Calcutta");
    cr_expect_str_eq(rs_zone_name(zone("Brazil/East")), "Brazil/East");
    cr_expect(zone("Etc/GMT+3") == zone("Etc/GMT+3"));
    for (size_t i = 0; i < COUNT(none); i++) {
        cr_expect(!rs_zones_find(rs_test_zones(), none[i], (uint32_t)strlen(none[i])), "'%s'", none[i]);
    }
    cr_expect(!rs_zones_find(rs_test_zones(), "UTC\0x", 5), "behind a NUL");
    cr_expect(rs_zones_find(rs_test_zones(), "UTCish", 3) != NULL, "only the given bytes count");
}

Test(zone, knows_which_release_it_reads)
{
    uint32_t release = rs_zones_release(rs_test_zones());
    const char *text = rs_zones_release_text(rs_test_zones());
    cr_expect(release > 202400 && release < 210000 && release % 100 >= 1 && release % 100 <= 26, "%u", release);
    cr_expect(strtoul(text, NULL, 10) == release / 100, "%s", text);
    cr_expect(text[4] == (char)('a' + release % 100 - 1), "%s", text);
}
