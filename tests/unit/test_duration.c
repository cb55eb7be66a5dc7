#include "rastro/duration.h"

#include "rastro/clock.h"
#include "support.h"

static int64_t read(const char *text)
{
    int64_t us = -1;
    const char *why = "";
    cr_expect(rs_duration_read(rs_str_of(text), &us, &why), "%s: %s", text, why);
    return us;
}

static const char *refused(const char *text)
{
    int64_t us = -1;
    const char *why = "taken";
    cr_expect(!rs_duration_read(rs_str_of(text), &us, &why), "%s is %lld", text, (long long)us);
    cr_expect(us == -1, "%s: the output was touched", text);
    return why;
}

Test(duration, reads_what_iso_8601_spells)
{
    cr_expect_eq(read("P7D"), 7 * RS_DAY_US);
    cr_expect_eq(read("P2W"), 14 * RS_DAY_US);
    cr_expect_eq(read("PT36H"), 36 * RS_HOUR_US);
    cr_expect_eq(read("P1DT12H30M5S"), RS_DAY_US + 12 * RS_HOUR_US + 30 * RS_MINUTE_US + 5 * RS_SECOND_US);
    cr_expect_eq(read("P1W1D"), 8 * RS_DAY_US);
    cr_expect_eq(read("P0D"), 0);
    cr_expect_eq(read("PT90M"), 90 * RS_MINUTE_US);
}

Test(duration, refuses_what_has_no_fixed_length)
{
    assert_has(refused("P1M"), "no fixed length");
    assert_has(refused("P1Y"), "no fixed length");
    assert_has(refused("P1M2D"), "no fixed length");
}

Test(duration, refuses_what_is_none)
{
    static const char *const texts[] = {
        "",     "P",    "7D",   "P7",  "PD",   "P7d",   "PT",   "P1DT",    "P1D2D",      "PT1M1H",       "P1.5D",
        "P-1D", " P7D", "P7D ", "P1H", "PT7D", "PTT1H", "P1TD", "P1DTT1H", "seven days", "P1000000000D",
    };
    for (size_t i = 0; i < COUNT(texts); i++) refused(texts[i]);
}

Test(duration, refuses_what_is_longer_than_ten_years)
{
    cr_expect_eq(read("P3660D"), RS_DURATION_DAYS_MAX * RS_DAY_US);
    assert_has(refused("P3661D"), "ten years");
    assert_has(refused("P3660DT1S"), "ten years");
    assert_has(refused("P999999999W"), "ten years");
}

Test(duration, is_spelled_with_days_first)
{
    char text[RS_DURATION_TEXT_MAX];
    cr_expect_str_eq(rs_duration_text(0, text), "P0D");
    cr_expect_str_eq(rs_duration_text(14 * RS_DAY_US, text), "P14D");
    cr_expect_str_eq(rs_duration_text(36 * RS_HOUR_US, text), "P1DT12H");
    cr_expect_str_eq(rs_duration_text(RS_HOUR_US + RS_SECOND_US, text), "PT1H1S");
    static const char *const texts[] = {"P7D", "PT36H", "P1DT12H30M5S", "PT59S", "P3660D"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        int64_t us = read(texts[i]);
        cr_expect_eq(read(rs_duration_text(us, text)), us, "%s", text);
    }
}
