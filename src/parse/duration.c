#include "rastro/duration.h"

#include <stdio.h>

#include "rastro/clock.h"

/* In the order in which they may follow each other. */
static const struct {
    char letter;
    bool time; /* behind the T */
    int64_t us;
} units[] = {
    {'W', false, 7 * RS_DAY_US}, {'D', false, RS_DAY_US},   {'H', true, RS_HOUR_US},
    {'M', true, RS_MINUTE_US},   {'S', true, RS_SECOND_US},
};
#define UNITS (sizeof units / sizeof *units)
#define LONGEST_US (RS_DURATION_DAYS_MAX * RS_DAY_US)

static bool refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return false;
}

/* A number at s[*at], behind which the caller finds a letter. */
static bool read_number(struct rs_str s, uint32_t *at, int64_t *ret)
{
    uint32_t from = *at;
    int64_t n = 0;
    for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9' && *at - from < 9; ++*at) n = n * 10 + (s.p[*at] - '0');
    *ret = n;
    return *at > from && *at < s.n;
}

bool rs_duration_read(struct rs_str text, int64_t *ret_us, const char **ret_why)
{
    static const char form[] = "not a duration such as P7D, P2W or PT36H";
    if (text.n < 3 || text.p[0] != 'P') return refuse(ret_why, form);
    int64_t us = 0;
    bool time = false;
    size_t unit = 0;
    for (uint32_t at = 1; at < text.n; at++) {
        if (text.p[at] == 'T' && !time) {
            time = true;
            at++;
        }
        int64_t n;
        if (!read_number(text, &at, &n)) return refuse(ret_why, form);
        char letter = text.p[at];
        if (!time && (letter == 'Y' || letter == 'M')) {
            return refuse(ret_why, "years and months have no fixed length; say days");
        }
        while (unit < UNITS && (units[unit].letter != letter || units[unit].time != time)) unit++;
        if (unit == UNITS) return refuse(ret_why, form);
        if (n > LONGEST_US / units[unit].us) return refuse(ret_why, "longer than ten years");
        us += n * units[unit++].us;
    }
    if (us > LONGEST_US) return refuse(ret_why, "longer than ten years");
    *ret_us = us;
    return true;
}

const char *rs_duration_text(int64_t us, char ret[RS_DURATION_TEXT_MAX])
{
    long long s = us / RS_SECOND_US, days = s / 86400;
    s %= 86400;
    int n = snprintf(ret, RS_DURATION_TEXT_MAX, "P");
    if (days || !s) n += snprintf(ret + n, RS_DURATION_TEXT_MAX - (size_t)n, "%lldD", days);
    if (s) n += snprintf(ret + n, RS_DURATION_TEXT_MAX - (size_t)n, "T");
    if (s / 3600) n += snprintf(ret + n, RS_DURATION_TEXT_MAX - (size_t)n, "%lldH", s / 3600);
    if (s / 60 % 60) n += snprintf(ret + n, RS_DURATION_TEXT_MAX - (size_t)n, "%lldM", s / 60 % 60);
    if (s % 60) snprintf(ret + n, RS_DURATION_TEXT_MAX - (size_t)n, "%lldS", s % 60);
    return ret;
}
