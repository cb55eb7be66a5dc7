/* calendar.h - dates and clocks, worked out without the machine's zone files.
 *
 * Only the zones of the places that the feed knows, and only their rules of
 * today, which hold from 2020 on: neither China nor Brazil has summer time, the
 * European Union and the United States change by theirs.
 */
#ifndef FEED_CALENDAR_H
#define FEED_CALENDAR_H

#include "text.h"

#define MINUTE 60
#define HOUR 3600
#define DAY 86400

#define FIRST_YEAR 2020

struct civil {
    int year, month, day, hour, minute, second;
};

enum summer { SUMMER_NONE, SUMMER_EU, SUMMER_US };

struct zone {
    const char *name; /* IANA */
    int standard_min;
    enum summer summer;
};

enum {
    ZONE_UTC,
    ZONE_SHANGHAI,
    ZONE_SAO_PAULO,
    ZONE_FORTALEZA,
    ZONE_RECIFE,
    ZONE_MANAUS,
    ZONE_BERLIN,
    ZONE_PARIS,
    ZONE_LISBON,
    ZONE_MADRID,
    ZONE_NEW_YORK,
    ZONE_CHICAGO,
    ZONE_DENVER,
    ZONE_PHOENIX,
    ZONE_LOS_ANGELES,
    ZONES
};

const struct zone *zone_at(int zone);

/* Seconds since 1970-01-01T00:00 on the civil time's own clock. */
int64_t seconds_of(struct civil civil);
struct civil civil_of(int64_t seconds);

/* Minutes east of UTC on the zone's clock at an instant (seconds, UTC). */
int offset_at(int zone, int64_t at);

/* What a clock time means: one that comes twice is the earlier, one that is
 * skipped is read with the offset before the change. */
enum fit { FIT_ONCE, FIT_TWICE, FIT_SKIPPED };

int64_t instant_of(int zone, int64_t local, enum fit *ret);

/* 2026-10-08T02:11:30, without a zone; `sep` is T or a space. */
void put_time(struct text *t, int64_t local, char sep, bool seconds);
void put_date(struct text *t, int64_t local);
/* +08:00, and without the colon +0800; an offset of 0 is +00:00. */
void put_offset(struct text *t, int minutes, bool colon);

/* An ISO 8601 instant, as a user gives it; UTC when it names no offset. */
bool read_instant(const char *text, int64_t *ret);

#endif
