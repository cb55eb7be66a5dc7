#include "rastro/calendar.h"

#include "rastro/time.h"
#include "reader.h"

/* No calendar is for longer. */
#define DAYS_MAX 36525

static int32_t day_of(int64_t local_s)
{
    return (int32_t)(local_s >= 0 ? local_s / 86400 : (local_s - 86399) / 86400);
}

/* ---- reading ------------------------------------------------------------------- */

static int read_date(struct rs_reader *reader, uint32_t at, struct rs_str text, int32_t *ret)
{
    int64_t us;
    if (text.n != 10 || !rs_time_parse(text, &us)) {
        return rs_reader_fail(reader, at, "\"%.*s\" is no date such as 2026-12-25", RS_FMT(text));
    }
    *ret = day_of(us / RS_SECOND_US);
    return RS_OK;
}

static int need_date(struct rs_reader *reader, const char *key, int32_t *ret)
{
    uint32_t at;
    struct rs_str text;
    int err = rs_reader_need(reader, 0, key, &at);
    if (!err) err = rs_reader_string(reader, at, &text);
    return err ? err : read_date(reader, at, text, ret);
}

static int read_weekend(struct rs_reader *reader, uint32_t at, uint8_t *ret)
{
    static const char *const names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    struct rs_strmap known = {0};
    for (uint32_t i = 0; i < 7; i++) rs_strmap_add(&known, rs_str_of(names[i]), i);
    int err = rs_reader_array(reader, at);
    const struct rs_json_node *node = reader->json.node;
    uint8_t weekend = 0;
    for (uint32_t c = at + 1; !err && c < node[at].next; c = node[c].next) {
        struct rs_str name;
        err = rs_reader_string(reader, c, &name);
        uint32_t i = err ? RS_STRMAP_NONE : rs_strmap_get(&known, name);
        if (i != RS_STRMAP_NONE) weekend |= (uint8_t)(1 << i);
        else if (!err) err = rs_reader_unknown(reader, c, "day of the week", name, &known);
    }
    rs_strmap_free(&known);
    if (!err && weekend == 0x7f) err = rs_reader_fail(reader, at, "no day of the week is left to work");
    if (!err) *ret = weekend;
    return err;
}

static int mark_day(struct rs_reader *reader, struct rs_calendar *calendar, uint32_t at, struct rs_str text,
                    uint8_t what)
{
    int32_t day = 0;
    int err = read_date(reader, at, text, &day);
    if (err) return err;
    if (day < calendar->first_day || day >= calendar->first_day + calendar->days) {
        return rs_reader_fail(reader, at, "%.*s lies outside of first to last", RS_FMT(text));
    }
    calendar->day[day - calendar->first_day] = what;
    return RS_OK;
}

static int read_days(struct rs_reader *reader, struct rs_calendar *calendar, uint32_t holidays, uint32_t worked)
{
    const struct rs_json_node *node = reader->json.node;
    int err = holidays ? rs_reader_map(reader, holidays) : RS_OK;
    for (uint32_t c = holidays + 1; holidays && !err && c < node[holidays].next; c = node[c].next) {
        err = mark_day(reader, calendar, c, node[c].key, RS_DAY_OFF);
    }
    if (!err && worked) err = rs_reader_array(reader, worked);
    for (uint32_t c = worked + 1; worked && !err && c < node[worked].next; c = node[c].next) {
        err = mark_day(reader, calendar, c, node[c].s, RS_DAY_WORKED);
    }
    return err;
}

static int read_calendar(struct rs_reader *reader, struct rs_calendars *calendars, struct rs_zones *zones, uint32_t at,
                         int32_t first_day, int32_t days)
{
    static const char *const keys[] = {"country", "zone", "weekend", "worked", "holidays", NULL};
    struct rs_calendar calendar = {.first_day = first_day, .days = days};
    uint32_t country, zone, weekend;
    struct rs_str zone_name;
    int err = rs_reader_object(reader, at, keys);
    if (!err) err = rs_reader_need(reader, at, "country", &country);
    if (!err) err = rs_reader_need(reader, at, "zone", &zone);
    if (!err) err = rs_reader_need(reader, at, "weekend", &weekend);
    if (!err) err = rs_reader_string(reader, country, &calendar.country);
    if (!err) err = rs_reader_string(reader, zone, &zone_name);
    if (!err) err = read_weekend(reader, weekend, &calendar.weekend);
    if (err) return err;
    if (calendar.country.n != 2) return rs_reader_fail(reader, country, "not two letters");
    calendar.zone = rs_zones_find(zones, zone_name.p, zone_name.n);
    if (!calendar.zone) return rs_reader_fail(reader, zone, "unknown zone \"%.*s\"", RS_FMT(zone_name));
    if (!rs_strmap_add(&calendars->by_country, calendar.country, calendars->count)) {
        return rs_reader_fail(reader, country, "\"%.*s\" is here twice", RS_FMT(calendar.country));
    }
    calendar.day = rs_arena_zero(calendars->arena, (size_t)days);
    err = read_days(reader, &calendar, rs_json_member(&reader->json, at, "holidays"),
                    rs_json_member(&reader->json, at, "worked"));
    calendars->calendar[calendars->count++] = calendar;
    return err;
}

static int read_list(struct rs_reader *reader, struct rs_calendars *calendars, struct rs_zones *zones)
{
    static const char *const keys[] = {"about", "version", "data", "first", "last", "calendars", NULL};
    int32_t first = 0, last = 0;
    uint32_t list;
    int err = rs_reader_object(reader, 0, keys);
    if (!err) err = need_date(reader, "first", &first);
    if (!err) err = need_date(reader, "last", &last);
    if (!err) err = rs_reader_need(reader, 0, "calendars", &list);
    if (!err) err = rs_reader_array(reader, list);
    if (err) return err;
    if (last < first || last - first >= DAYS_MAX)
        return rs_reader_fail(reader, 0, "last lies before first, or too far");
    /* No file has more calendars than nodes. */
    calendars->calendar = rs_arena_zero(calendars->arena, reader->json.count * sizeof *calendars->calendar);
    const struct rs_json_node *node = reader->json.node;
    for (uint32_t c = list + 1; !err && c < node[list].next; c = node[c].next) {
        err = read_calendar(reader, calendars, zones, c, first, last - first + 1);
    }
    return err;
}

int rs_calendars_read(struct rs_calendars *calendars, struct rs_zones *zones, const char *file, struct rs_str text,
                      struct rs_diag *diag)
{
    struct rs_reader reader;
    calendars->arena = rs_arena_new(64 << 10);
    int err = rs_reader_open(&reader, file, text, calendars->arena, diag);
    if (!err) {
        err = read_list(&reader, calendars, zones);
        rs_reader_close(&reader);
    }
    if (err) rs_calendars_free(calendars);
    return err;
}

void rs_calendars_free(struct rs_calendars *calendars)
{
    rs_strmap_free(&calendars->by_country);
    rs_arena_free(calendars->arena);
    *calendars = (struct rs_calendars){0};
}

const struct rs_calendar *rs_calendar_of(const struct rs_calendars *calendars, struct rs_str country)
{
    uint32_t i = rs_strmap_get(&calendars->by_country, country);
    return i == RS_STRMAP_NONE ? NULL : &calendars->calendar[i];
}

/* ---- clocks ---------------------------------------------------------------------- */

bool rs_calendar_works(const struct rs_calendar *calendar, int32_t day)
{
    uint32_t i = (uint32_t)(day - calendar->first_day);
    uint8_t what = i < (uint32_t)calendar->days ? calendar->day[i] : RS_DAY_AS_WEEK;
    if (what != RS_DAY_AS_WEEK) return what == RS_DAY_WORKED;
    int32_t of_week = ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    return !(calendar->weekend >> of_week & 1);
}

struct walk {
    const struct rs_calendar *calendar;
    const struct rs_pause *pause;
    uint32_t pause_n;
    int64_t at_us;
};

/* The local day of an instant, and the instant at which the next one begins. */
static int32_t day_at(const struct rs_calendar *calendar, int64_t us, int64_t *ret_end_us)
{
    int64_t s = us >= 0 ? us / RS_SECOND_US : (us - RS_SECOND_US + 1) / RS_SECOND_US;
    int32_t day = day_of(s + rs_zone_offset(calendar->zone, s));
    enum rs_zone_fit fit;
    int64_t end = rs_zone_to_utc(calendar->zone, (day + INT64_C(1)) * 86400, &fit) * RS_SECOND_US;
    /* A clock that was put back just after midnight shows the day before once more. */
    *ret_end_us = end > us ? end : us + RS_HOUR_US;
    return day;
}

/* The next stretch in which the clock runs; false: it never will again. */
static bool next_stretch(struct walk *walk, int64_t *ret_from_us, int64_t *ret_to_us)
{
    for (;;) {
        for (; walk->pause_n && walk->pause->to_us <= walk->at_us; walk->pause_n--) walk->pause++;
        int64_t to = INT64_MAX;
        if (walk->pause_n) {
            if (walk->pause->from_us <= walk->at_us) {
                if (walk->pause->to_us == INT64_MAX) return false;
                walk->at_us = walk->pause->to_us;
                continue;
            }
            to = walk->pause->from_us;
        }
        int64_t end = INT64_MAX;
        bool works = !walk->calendar || rs_calendar_works(walk->calendar, day_at(walk->calendar, walk->at_us, &end));
        if (to > end) to = end;
        *ret_from_us = walk->at_us;
        *ret_to_us = walk->at_us = to;
        if (works) return true;
    }
}

int64_t rs_calendar_end(const struct rs_calendar *calendar, int64_t from_us, int64_t for_us,
                        const struct rs_pause *pause, uint32_t pause_n)
{
    struct walk walk = {calendar, pause, pause_n, from_us};
    int64_t from, to;
    while (next_stretch(&walk, &from, &to)) {
        if (from + for_us <= to) return from + for_us;
        for_us -= to - from;
    }
    return RS_INSTANT_NONE;
}

int64_t rs_calendar_run(const struct rs_calendar *calendar, int64_t from_us, int64_t until_us,
                        const struct rs_pause *pause, uint32_t pause_n)
{
    struct walk walk = {calendar, pause, pause_n, from_us};
    int64_t from, to, run = 0;
    while (walk.at_us < until_us && next_stretch(&walk, &from, &to)) {
        if (from >= until_us) break;
        run += (to < until_us ? to : until_us) - from;
    }
    return run;
}
