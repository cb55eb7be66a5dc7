/* A pattern, a line feed, and a text: what is read is a time that can be. */
#include <string.h>

#include "fuzz.h"
#include "rastro/time.h"
#include "rastro/zone.h"

static const uint8_t month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

static void check_civil(const struct rs_civil *t)
{
    NEED(t->year >= 0 && t->year <= 9999, "%d", t->year);
    NEED(t->month >= 1 && t->month <= 12, "%u", t->month);
    NEED(t->day >= 1 && t->day <= month_days[t->month - 1], "%u", t->day);
    NEED(t->hour <= 24 && t->minute < 60 && t->second <= 60 && t->micros < 1000000);
    NEED(t->offset_s > -16 * 3600 && t->offset_s < 16 * 3600, "%d", t->offset_s);
    NEED(t->has_offset || t->offset_s == 0);
    NEED(t->precision <= RS_PRECISION_FRACTION);

    int64_t seconds = rs_civil_seconds(t);
    struct rs_civil back = rs_civil_at(seconds * RS_SECOND_US + t->micros, 0);
    NEED(rs_civil_seconds(&back) == seconds && back.micros == t->micros);
    bool usual = t->hour < 24 && t->second < 60;
    NEED(!usual || (back.year == t->year && back.month == t->month && back.day == t->day && back.hour == t->hour &&
                    back.minute == t->minute && back.second == t->second));
}

static void check_pattern(struct rs_str text, struct rs_str word)
{
    struct rs_time_pattern pattern;
    struct rs_diag diag;
    if (rs_time_pattern_compile(text, &pattern, &diag)) {
        NEED(diag.err == RS_E_CONFIG && diag.text[0]);
        return;
    }
    NEED(pattern.n >= 1 && pattern.n <= RS_PATTERN_OPS_MAX);
    struct rs_civil t = {.year = -7}, again;
    if (!rs_time_read(&pattern, word, &t)) {
        NEED(t.year == -7, "an output was touched");
        return;
    }
    check_civil(&t);
    NEED(rs_time_read(&pattern, word, &again) && rs_civil_seconds(&again) == rs_civil_seconds(&t));
}

static void check_our_own(struct rs_str text)
{
    int64_t us, end, back;
    if (!rs_time_parse(text, &us)) return;
    NEED(rs_time_parse_end(text, &end) && end >= us && end - us < RS_DAY_US);
    char written[RS_TIME_TEXT_MAX];
    rs_time_text(us, written);
    NEED(strlen(written) < RS_TIME_TEXT_MAX);
    /* An offset may carry it out of the years that are written. */
    struct rs_civil t = rs_civil_at(us, 0);
    if (t.year >= 0 && t.year <= 9999) NEED(rs_time_parse(rs_str_of(written), &back) && back == us, "%s", written);
}

static void check_zone(struct rs_str name, int64_t local)
{
    static struct rs_zones *zones;
    if (!zones) NEED(rs_zones_open(&zones, NULL) == RS_OK);
    const struct rs_zone *zone = rs_zones_find(zones, name.p, name.n);
    if (!zone) return;
    enum rs_zone_fit fit;
    int64_t utc = rs_zone_to_utc(zone, local, &fit);
    int64_t back = utc + rs_zone_offset(zone, utc);
    NEED(fit == RS_ZONE_SKIPPED ? back > local : back == local, "%.*s at %lld", RS_FMT(name), (long long)local);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rs_str all = rs_fuzz_str(data, size);
    const char *feed = size ? memchr(all.p, '\n', size) : NULL;
    struct rs_str pattern = feed ? (struct rs_str){all.p, (uint32_t)(feed - all.p)} : RS_STR_NONE;
    struct rs_str word = feed ? (struct rs_str){feed + 1, all.n - pattern.n - 1} : all;
    check_pattern(pattern, word);
    static const char *const forms[] = {"iso", "epoch_s", "epoch_ms", "dotnet"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) check_pattern(rs_str_of(forms[i]), word);
    int32_t offset;
    if (rs_time_read_offset(word, &offset)) NEED(offset > -16 * 3600 && offset < 16 * 3600);
    check_our_own(word);
    int64_t local = 0;
    for (uint32_t i = 0; i < word.n && i < 5; i++) local = local * 256 + (unsigned char)word.p[i];
    check_zone(pattern, local % 8000000000);
    return 0;
}
