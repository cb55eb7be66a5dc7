#include "calendar.h"

static const struct zone zones[ZONES] = {
    [ZONE_UTC] = {"UTC", 0, SUMMER_NONE},
    [ZONE_SHANGHAI] = {"Asia/Shanghai", 480, SUMMER_NONE},
    [ZONE_SAO_PAULO] = {"America/Sao_Paulo", -180, SUMMER_NONE},
    [ZONE_FORTALEZA] = {"America/Fortaleza", -180, SUMMER_NONE},
    [ZONE_RECIFE] = {"America/Recife", -180, SUMMER_NONE},
    [ZONE_MANAUS] = {"America/Manaus", -240, SUMMER_NONE},
    [ZONE_BERLIN] = {"Europe/Berlin", 60, SUMMER_EU},
    [ZONE_PARIS] = {"Europe/Paris", 60, SUMMER_EU},
    [ZONE_LISBON] = {"Europe/Lisbon", 0, SUMMER_EU},
    [ZONE_MADRID] = {"Europe/Madrid", 60, SUMMER_EU},
    [ZONE_NEW_YORK] = {"America/New_York", -300, SUMMER_US},
    [ZONE_CHICAGO] = {"America/Chicago", -360, SUMMER_US},
    [ZONE_DENVER] = {"America/Denver", -420, SUMMER_US},
    [ZONE_PHOENIX] = {"America/Phoenix", -420, SUMMER_NONE},
    [ZONE_LOS_ANGELES] = {"America/Los_Angeles", -480, SUMMER_US},
};

const struct zone *zone_at(int zone)
{
    return &zones[zone];
}

/* ---- days ---------------------------------------------------------------------- */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Leap days in the years 1 to `year`. */
static int64_t leaps_to(int64_t year)
{
    return year / 4 - year / 100 + year / 400;
}

/* Days from 1970-01-01 to January 1 of a year after 0. */
static int64_t year_start(int year)
{
    return (int64_t)(year - 1970) * 365 + leaps_to(year - 1) - leaps_to(1969);
}

static int64_t day_of(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    return year_start(year) + before[month - 1] + (month > 2 && is_leap(year)) + day - 1;
}

int64_t seconds_of(struct civil c)
{
    return day_of(c.year, c.month, c.day) * DAY + c.hour * HOUR + c.minute * MINUTE + c.second;
}

struct civil civil_of(int64_t seconds)
{
    int64_t day = seconds / DAY, rest = seconds % DAY;
    if (rest < 0) {
        rest += DAY;
        day--;
    }
    /* The mean year is a little longer than 365.24 days, so the guess is right
     * or one too late. */
    int year = (int)(1970 + day * 10000 / 3652425) + 1;
    while (year_start(year) > day) year--;
    int left = (int)(day - year_start(year)), month = 1;
    while (left >= month_days(year, month)) left -= month_days(year, month++);
    return (struct civil){year, month, left + 1, (int)(rest / HOUR), (int)(rest / MINUTE % 60), (int)(rest % 60)};
}

/* ---- summer time ------------------------------------------------------------------ */

/* 0 for Sunday; 1970-01-01 was a Thursday. */
static int weekday(int64_t day)
{
    return (int)((day % 7 + 11) % 7);
}

static int64_t last_sunday(int year, int month)
{
    int64_t day = day_of(year, month, month_days(year, month));
    return day - weekday(day);
}

static int64_t nth_sunday(int year, int month, int n)
{
    int64_t first = day_of(year, month, 1);
    return first + (7 - weekday(first)) % 7 + 7 * (n - 1);
}

struct season {
    int year;
    int64_t from, to; /* UTC */
};

static struct season season_of(enum summer summer, int standard_min, int year)
{
    if (summer == SUMMER_EU) {
        return (struct season){year, last_sunday(year, 3) * DAY + HOUR, last_sunday(year, 10) * DAY + HOUR};
    }
    /* At two o'clock on the clock that is then in force. */
    int64_t two = 2 * HOUR - standard_min * MINUTE;
    return (struct season){year, nth_sunday(year, 3, 2) * DAY + two, nth_sunday(year, 11, 1) * DAY + two - HOUR};
}

static bool is_summer(int zone, int64_t at)
{
    static struct season kept[ZONES]; /* a feed stays within a year or two */
    if (zones[zone].summer == SUMMER_NONE) return false;
    struct season *season = &kept[zone];
    /* The year by UTC: no rule changes the clock near New Year. */
    if (at < season->from - 59 * DAY || at > season->to + 50 * DAY) {
        *season = season_of(zones[zone].summer, zones[zone].standard_min, civil_of(at).year);
    }
    return at >= season->from && at < season->to;
}

int offset_at(int zone, int64_t at)
{
    return zones[zone].standard_min + (is_summer(zone, at) ? 60 : 0);
}

int64_t instant_of(int zone, int64_t local, enum fit *ret)
{
    int64_t standard = local - zones[zone].standard_min * MINUTE, summer = standard - HOUR;
    bool by_standard = !is_summer(zone, standard), by_summer = is_summer(zone, summer);
    *ret = by_standard && by_summer ? FIT_TWICE : by_standard || by_summer ? FIT_ONCE : FIT_SKIPPED;
    return by_summer ? summer : standard;
}

/* ---- in and out -------------------------------------------------------------------- */

void put_date(struct text *t, int64_t local)
{
    struct civil c = civil_of(local);
    text_digits(t, (uint64_t)c.year, 4);
    text_char(t, '-');
    text_digits(t, (uint64_t)c.month, 2);
    text_char(t, '-');
    text_digits(t, (uint64_t)c.day, 2);
}

void put_time(struct text *t, int64_t local, char sep, bool seconds)
{
    struct civil c = civil_of(local);
    put_date(t, local);
    text_char(t, sep);
    text_digits(t, (uint64_t)c.hour, 2);
    text_char(t, ':');
    text_digits(t, (uint64_t)c.minute, 2);
    if (!seconds) return;
    text_char(t, ':');
    text_digits(t, (uint64_t)c.second, 2);
}

void put_offset(struct text *t, int minutes, bool colon)
{
    int size = minutes < 0 ? -minutes : minutes;
    text_char(t, minutes < 0 ? '-' : '+');
    text_digits(t, (uint64_t)(size / 60), 2);
    if (colon) text_char(t, ':');
    text_digits(t, (uint64_t)(size % 60), 2);
}

/* So many digits, as a number; moves on. */
static bool read_digits(const char **p, int n, int *ret)
{
    int v = 0;
    for (; n > 0; n--, (*p)++) {
        if (**p < '0' || **p > '9') return false;
        v = v * 10 + (**p - '0');
    }
    *ret = v;
    return true;
}

static bool read_char(const char **p, char c)
{
    if (**p != c) return false;
    (*p)++;
    return true;
}

static bool read_offset(const char **p, int64_t *ret)
{
    int hours, minutes = 0;
    int sign = **p == '-' ? -1 : 1;
    if (read_char(p, 'Z') || !**p) return true;
    if (!read_char(p, '+') && !read_char(p, '-')) return false;
    if (!read_digits(p, 2, &hours)) return false;
    read_char(p, ':');
    if (**p && !read_digits(p, 2, &minutes)) return false;
    *ret = sign * (hours * HOUR + minutes * MINUTE);
    return true;
}

bool read_instant(const char *text, int64_t *ret)
{
    struct civil c = {0};
    int64_t offset = 0;
    bool fine = read_digits(&text, 4, &c.year) && read_char(&text, '-') && read_digits(&text, 2, &c.month) &&
                read_char(&text, '-') && read_digits(&text, 2, &c.day);
    if (fine && (read_char(&text, 'T') || read_char(&text, ' '))) {
        fine = read_digits(&text, 2, &c.hour) && read_char(&text, ':') && read_digits(&text, 2, &c.minute);
        if (fine && read_char(&text, ':')) fine = read_digits(&text, 2, &c.second);
    }
    if (!fine || !read_offset(&text, &offset) || *text) return false;
    if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > month_days(c.year, c.month)) return false;
    if (c.hour > 23 || c.minute > 59 || c.second > 59) return false;
    *ret = seconds_of(c) - offset;
    return true;
}
