/* calendar.h - the days on which countries work, and clocks that stand still.
 *
 * Read once from schema/calendars.json, then only read; safe from every thread.
 */
#ifndef RASTRO_CALENDAR_H
#define RASTRO_CALENDAR_H

#include "rastro/arena.h"
#include "rastro/clock.h"
#include "rastro/error.h"
#include "rastro/strmap.h"
#include "rastro/zone.h"

/* Days outside of [first_day, first_day + days) work unless they are of a
 * weekend. */
struct rs_calendar {
    struct rs_str country; /* ISO 3166 alpha-2 */
    const struct rs_zone *zone;
    uint8_t weekend;   /* bit d: day d of the week does not work; Monday is 0 */
    uint8_t *day;      /* what differs from the week, RS_DAY_* */
    int32_t first_day; /* since 1970-01-01 */
    int32_t days;
};

enum { RS_DAY_AS_WEEK, RS_DAY_OFF, RS_DAY_WORKED };

struct rs_calendars {
    struct rs_arena *arena; /* owns what is below */
    struct rs_calendar *calendar;
    uint32_t count;
    struct rs_strmap by_country; /* -> index */
};

/* RS_E_CONFIG with file, line and column. */
int rs_calendars_read(struct rs_calendars *calendars, struct rs_zones *zones, const char *file, struct rs_str text,
                      struct rs_diag *diag);
void rs_calendars_free(struct rs_calendars *calendars); /* zeroes; of what is zero, too */

/* NULL when there is none for the country. */
const struct rs_calendar *rs_calendar_of(const struct rs_calendars *calendars, struct rs_str country);

bool rs_calendar_works(const struct rs_calendar *calendar, int32_t day);

/* A time in which a clock stands still; `to_us` INT64_MAX: it still does. */
struct rs_pause {
    int64_t from_us, to_us;
};

/* A clock starts at `from_us` and stands still during the pauses, which are in
 * order and apart, and on days on which the calendar's country does not work
 * (`calendar` NULL: it runs on all days).  The earliest instant at which it has
 * run for `for_us`, RS_INSTANT_NONE when it never will. */
int64_t rs_calendar_end(const struct rs_calendar *calendar, int64_t from_us, int64_t for_us,
                        const struct rs_pause *pause, uint32_t pause_n);

/* How long that clock has run at `until_us`. */
int64_t rs_calendar_run(const struct rs_calendar *calendar, int64_t from_us, int64_t until_us,
                        const struct rs_pause *pause, uint32_t pause_n);

#endif
