/* time.h - from the many spellings of a time to a civil time, and back.
 *
 * A pattern is strptime's language, cut to what feeds use, plus %f for a
 * fraction, compiled once.  A civil time says how precise it was and whether
 * it named its offset; turning it into an instant is the caller's, who knows
 * the zone.  The proleptic Gregorian calendar throughout.
 */
#ifndef RASTRO_TIME_H
#define RASTRO_TIME_H

#include "rastro/clock.h"
#include "rastro/error.h"
#include "rastro/str.h"

enum rs_precision { RS_PRECISION_DAY, RS_PRECISION_MINUTE, RS_PRECISION_SECOND, RS_PRECISION_FRACTION };

struct rs_civil {
    int32_t year;
    uint8_t month, day;           /* from 1 */
    uint8_t hour, minute, second; /* 24:00:00 and :60 are allowed and mean the next one */
    uint32_t micros;
    enum rs_precision precision;
    bool has_offset; /* the text named it */
    int32_t offset_s;
};

#define RS_PATTERN_OPS_MAX 48

struct rs_time_pattern {
    uint8_t op[RS_PATTERN_OPS_MAX]; /* a conversion letter, or a literal after 0 */
    uint8_t n;
};

/* A pattern such as "%d/%m/%Y %H:%M", or one of the names
 *   iso        2025-05-21, 2025-05-21T13:33[:04[.123]][zone], T or a space
 *   epoch_s    seconds since 1970, also with a fraction
 *   epoch_ms   milliseconds
 *   dotnet     /Date(1748410407000+0300)/
 * Conversions: %Y %y %m %d %e %H %I %M %S %f %p %z %b %B %T %F %R %s %%; a space
 * stands for any run of them.  RS_E_CONFIG names the letter that is unknown. */
int rs_time_pattern_compile(struct rs_str text, struct rs_time_pattern *ret, struct rs_diag *diag);

/* False when the text does not fit or names no possible time. */
bool rs_time_read(const struct rs_time_pattern *pattern, struct rs_str text, struct rs_civil *ret);

/* An offset in words: Z, UTC, GMT, +8, -03:00, +0530, GMT+8, UTC-3. */
bool rs_time_read_offset(struct rs_str text, int32_t *ret_seconds);

/* Seconds since 1970-01-01T00:00 on the civil time's own clock. */
int64_t rs_civil_seconds(const struct rs_civil *civil);
int64_t rs_days_from_civil(int64_t year, unsigned month, unsigned day);

/* The instant as a civil time at an offset. */
struct rs_civil rs_civil_at(int64_t instant_us, int32_t offset_s);

/* "2025-05-21T05:33:04Z", with a fraction when there is one; needs 40 bytes. */
#define RS_TIME_TEXT_MAX 40
const char *rs_time_text(int64_t instant_us, char ret[RS_TIME_TEXT_MAX]);

/* How a source writes its times, where an instant and an offset tell all of it. */
enum rs_time_form {
    RS_TIME_FORM_OTHER,
    RS_TIME_FORM_OFFSET, /* 2025-05-21T05:33:04+08:00 */
    RS_TIME_FORM_UTC,    /* 2025-05-21T05:33:04Z, whatever the offset */
    RS_TIME_FORM_LOCAL,  /* 2025-05-21T05:33:04 */
    RS_TIME_FORM_SPACE,  /* 2025-05-21 05:33:04 */
};

/* The form in which the instant and the offset give back the text, byte for
 * byte.  Whoever keeps the form need not keep the text. */
enum rs_time_form rs_time_form_of(struct rs_str text, int64_t instant_us, int32_t offset_min);

/* ISO 8601 back to an instant; for times that we wrote or that a user gives.
 * A time without a zone is UTC; a date alone is its first instant, or, with
 * _end, its last. */
bool rs_time_parse(struct rs_str text, int64_t *ret_instant_us);
bool rs_time_parse_end(struct rs_str text, int64_t *ret_instant_us);

#endif
