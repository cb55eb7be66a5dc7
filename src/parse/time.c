#include "rastro/time.h"

#include <stdlib.h>

/* ---- patterns -------------------------------------------------------------- */

/* One-letter names for the forms that no pattern can say. */
enum { FORM_ISO = 1, FORM_EPOCH_S, FORM_EPOCH_MS, FORM_DOTNET };

static const struct {
    const char *name;
    uint8_t form;
} forms[] = {{"iso", FORM_ISO}, {"epoch_s", FORM_EPOCH_S}, {"epoch_ms", FORM_EPOCH_MS}, {"dotnet", FORM_DOTNET}};

static bool push(struct rs_time_pattern *pattern, uint8_t op)
{
    if (pattern->n == RS_PATTERN_OPS_MAX) return false;
    pattern->op[pattern->n++] = op;
    return true;
}

static bool push_literal(struct rs_time_pattern *pattern, char c)
{
    return push(pattern, 0) && push(pattern, (uint8_t)c);
}

/* Composite conversions are spelled out. */
static const char *expansion(char letter)
{
    switch (letter) {
    case 'T': return "%H:%M:%S";
    case 'F': return "%Y-%m-%d";
    case 'R': return "%H:%M";
    default: return NULL;
    }
}

static int compile_into(struct rs_time_pattern *pattern, struct rs_str text, struct rs_diag *diag)
{
    for (uint32_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool fits = true;
        if (c != '%') {
            fits = push_literal(pattern, c);
        } else if (++i == text.n) {
            return rs_fail(diag, RS_E_CONFIG, "time pattern \"%.*s\" ends in %%", RS_FMT(text));
        } else if (text.p[i] == '%') {
            fits = push_literal(pattern, '%');
        } else if (expansion(text.p[i])) {
            int err = compile_into(pattern, rs_str_of(expansion(text.p[i])), diag);
            if (err) return err;
        } else if (text.p[i] && strchr("YymdeHIMSfpzbBs", text.p[i])) {
            fits = push(pattern, (uint8_t)text.p[i]);
        } else {
            return rs_fail(diag, RS_E_CONFIG, "time pattern \"%.*s\": unknown conversion %%%c", RS_FMT(text),
                           text.p[i]);
        }
        if (!fits) return rs_fail(diag, RS_E_CONFIG, "time pattern \"%.*s\" is too long", RS_FMT(text));
    }
    return RS_OK;
}

int rs_time_pattern_compile(struct rs_str text, struct rs_time_pattern *ret, struct rs_diag *diag)
{
    struct rs_time_pattern pattern = {0};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (rs_str_is(text, forms[i].name)) {
            pattern.op[0] = forms[i].form;
            pattern.n = 1;
            *ret = pattern;
            return RS_OK;
        }
    }
    if (!memchr(text.p ? text.p : "", '%', text.n)) {
        return rs_fail(diag, RS_E_CONFIG,
                       "\"%.*s\" is no time pattern: no %% in it, and not iso, epoch_s, epoch_ms, dotnet",
                       RS_FMT(text));
    }
    int err = compile_into(&pattern, text, diag);
    if (!err) *ret = pattern;
    return err;
}

/* ---- reading --------------------------------------------------------------- */

struct cursor {
    const char *p, *end;
};

static bool take(struct cursor *c, char want)
{
    if (c->p == c->end || *c->p != want) return false;
    c->p++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Between `min` and `max` digits. */
static bool number(struct cursor *c, int min, int max, uint32_t *ret)
{
    uint32_t v = 0;
    int n = 0;
    while (n < max && c->p < c->end && is_digit(*c->p)) {
        v = v * 10 + (uint32_t)(*c->p++ - '0');
        n++;
    }
    if (n < min) return false;
    *ret = v;
    return true;
}

static bool two(struct cursor *c, uint8_t *ret)
{
    uint32_t v;
    if (!number(c, 2, 2, &v)) return false;
    *ret = (uint8_t)v;
    return true;
}

static bool one_or_two(struct cursor *c, uint8_t *ret)
{
    uint32_t v;
    if (!number(c, 1, 2, &v)) return false;
    *ret = (uint8_t)v;
    return true;
}

/* Any number of digits behind a point; microseconds are kept, the rest cut. */
static bool fraction(struct cursor *c, uint32_t *ret)
{
    uint32_t v = 0;
    int n = 0;
    for (; c->p < c->end && is_digit(*c->p); c->p++) {
        if (n < 6) v = v * 10 + (uint32_t)(*c->p - '0');
        n++;
    }
    if (n == 0) return false;
    for (; n < 6; n++) v *= 10;
    *ret = v;
    return true;
}

static bool word(struct cursor *c, const char *w)
{
    size_t n = strlen(w);
    if ((size_t)(c->end - c->p) < n) return false;
    for (size_t i = 0; i < n; i++) {
        if ((c->p[i] | 32) != (w[i] | 32)) return false;
    }
    c->p += n;
    return true;
}

/* +8, +08, +0800, +08:00, also behind UTC or GMT; Z alone. */
static bool offset(struct cursor *c, int32_t *ret)
{
    bool plain = c->p < c->end && (*c->p == '+' || *c->p == '-' || *c->p == 'Z');
    bool named = !plain && (word(c, "UTC") || word(c, "GMT"));
    if (c->p == c->end || (*c->p != '+' && *c->p != '-')) {
        if (!named && !word(c, "Z")) return false;
        *ret = 0;
        return true;
    }
    int sign = *c->p++ == '-' ? -1 : 1;
    uint32_t hours, minutes = 0;
    const char *start = c->p;
    if (!number(c, 1, 2, &hours)) return false;
    bool colon = take(c, ':');
    bool full = c->p - start >= 2;
    if (colon || (full && c->p < c->end && is_digit(*c->p))) {
        if (!number(c, 2, 2, &minutes)) return false;
    }
    if (hours > 15 || minutes > 59) return false;
    *ret = sign * (int32_t)(hours * 3600 + minutes * 60);
    return true;
}

bool rs_time_read_offset(struct rs_str text, int32_t *ret_seconds)
{
    text = rs_str_trim(text);
    if (!text.n) return false;
    struct cursor c = {text.p, text.p + text.n};
    int32_t seconds;
    if (!offset(&c, &seconds) || c.p != c.end) return false;
    *ret_seconds = seconds;
    return true;
}

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

static bool month_name(struct cursor *c, bool whole, uint8_t *ret)
{
    for (unsigned m = 0; m < 12; m++) {
        char shortened[4] = {months[m][0], months[m][1], months[m][2], '\0'};
        if (word(c, whole ? months[m] : shortened)) {
            *ret = (uint8_t)(m + 1);
            return true;
        }
    }
    return false;
}

static bool possible(const struct rs_civil *t)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (t->year < 0 || t->year > 9999 || t->month < 1 || t->month > 12) return false;
    if (t->day < 1 || t->day > days[t->month - 1]) return false;
    bool leap = t->year % 4 == 0 && (t->year % 100 != 0 || t->year % 400 == 0);
    if (t->month == 2 && t->day == 29 && !leap) return false;
    if (t->hour == 24) return t->minute == 0 && t->second == 0 && t->micros == 0;
    return t->hour < 24 && t->minute < 60 && t->second <= 60;
}

static bool spaces(struct cursor *c)
{
    const char *start = c->p;
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t')) c->p++;
    return c->p > start;
}

static void refine(struct rs_civil *t, enum rs_precision precision)
{
    if (precision > t->precision) t->precision = precision;
}

/* Eight characters as they are in `form`, where '0' is any digit; then byte k of
 * *ret is the number that its digits k and k + 1 make.  In bytes: a digit differs
 * from '0' by at most 9, any other character by nothing, and what is more reaches
 * the upper bit. */
static bool read_eight(const char *p, const char *form, uint64_t limits, uint64_t *ret)
{
    uint64_t text, want;
    memcpy(&text, p, sizeof text);
    memcpy(&want, form, sizeof want);
    uint64_t digits = text ^ want;
    *ret = digits * 10 + (digits >> 8);
    return !((digits | (digits + limits)) & UINT64_C(0x8080808080808080));
}

static uint8_t pair(uint64_t pairs, unsigned at)
{
    return (uint8_t)(pairs >> 8 * at);
}

/* What nearly all of them begin with: 2025-05-21T13:33:04. */
static bool read_iso_second(struct cursor *c, struct rs_civil *ret)
{
    uint64_t date, middle, clock;
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || c->end - c->p < 19) return false;
    if (!read_eight(c->p, "0000-00-", UINT64_C(0x7f76767f76767676), &date)) return false;
    if (!read_eight(c->p + 8, "00T00:00", UINT64_C(0x76767f76767f7676), &middle)) return false;
    if (!read_eight(c->p + 11, "00:00:00", UINT64_C(0x76767f76767f7676), &clock)) return false;
    ret->year = pair(date, 0) * 100 + pair(date, 2);
    ret->month = pair(date, 5);
    ret->day = pair(middle, 0);
    ret->hour = pair(clock, 0);
    ret->minute = pair(clock, 3);
    ret->second = pair(clock, 6);
    ret->precision = RS_PRECISION_SECOND;
    c->p += 19;
    return true;
}

/* Behind the seconds, or behind the minutes. */
static bool read_iso_rest(struct cursor *c, struct rs_civil *t)
{
    if (t->precision == RS_PRECISION_SECOND && (take(c, '.') || take(c, ','))) {
        if (!fraction(c, &t->micros)) return false;
        t->precision = RS_PRECISION_FRACTION;
    }
    spaces(c);
    if (c->p == c->end) return true;
    t->has_offset = true;
    return offset(c, &t->offset_s);
}

static bool read_iso_any(struct cursor *c, struct rs_civil *t)
{
    uint32_t year;
    if (!number(c, 4, 4, &year) || !take(c, '-') || !two(c, &t->month) || !take(c, '-') || !two(c, &t->day)) {
        return false;
    }
    t->year = (int32_t)year;
    if (c->p == c->end) return true;
    if (!take(c, 'T') && !take(c, 't') && !spaces(c)) return false;
    if (!two(c, &t->hour) || !take(c, ':') || !two(c, &t->minute)) return false;
    t->precision = RS_PRECISION_MINUTE;
    if (take(c, ':')) {
        if (!two(c, &t->second)) return false;
        t->precision = RS_PRECISION_SECOND;
    }
    return read_iso_rest(c, t);
}

static bool read_iso(struct rs_str text, struct rs_civil *ret)
{
    struct cursor c = {text.p, text.p + text.n};
    struct rs_civil t = {0};
    bool fits = read_iso_second(&c, &t) ? read_iso_rest(&c, &t) : read_iso_any(&c, &t);
    if (!fits || c.p != c.end || !possible(&t)) return false;
    *ret = t;
    return true;
}

/* Whole and fractional units of `unit_us` since 1970; at most 18 digits. */
static bool epoch(struct cursor *c, int64_t unit_us, struct rs_civil *ret)
{
    bool negative = take(c, '-');
    int64_t whole = 0;
    int n = 0;
    for (; c->p < c->end && is_digit(*c->p); c->p++, n++) {
        if (n == 15) return false;
        whole = whole * 10 + (*c->p - '0');
    }
    if (n == 0) return false;
    uint32_t micros = 0;
    bool fractional = unit_us == RS_SECOND_US && take(c, '.');
    if (fractional && !fraction(c, &micros)) return false;
    int64_t us;
    if (__builtin_mul_overflow(whole, unit_us, &us) || __builtin_add_overflow(us, micros, &us)) return false;
    struct rs_civil t = rs_civil_at(negative ? -us : us, 0);
    if (!possible(&t)) return false;
    t.has_offset = true;
    t.precision = t.micros ? RS_PRECISION_FRACTION : RS_PRECISION_SECOND;
    *ret = t;
    return true;
}

static bool read_dotnet(struct rs_str text, struct rs_civil *ret)
{
    struct cursor c = {text.p, text.p + text.n};
    struct rs_civil t;
    take(&c, '\\');
    if (!word(&c, "/Date(") || !epoch(&c, 1000, &t)) return false;
    /* The offset only says how to show it; the milliseconds are UTC. */
    int32_t shown;
    if (c.p < c.end && *c.p != ')' && !offset(&c, &shown)) return false;
    if (!take(&c, ')')) return false;
    take(&c, '\\');
    if (!take(&c, '/') || c.p != c.end) return false;
    *ret = t;
    return true;
}

static bool read_epoch(struct rs_str text, int64_t unit_us, struct rs_civil *ret)
{
    struct cursor c = {text.p, text.p + text.n};
    struct rs_civil t;
    if (!epoch(&c, unit_us, &t) || c.p != c.end) return false;
    *ret = t;
    return true;
}

static bool read_form(uint8_t form, struct rs_str text, struct rs_civil *ret)
{
    switch (form) {
    case FORM_ISO: return read_iso(text, ret);
    case FORM_EPOCH_S: return read_epoch(text, RS_SECOND_US, ret);
    case FORM_EPOCH_MS: return read_epoch(text, 1000, ret);
    default: return read_dotnet(text, ret);
    }
}

/* What only makes sense once the whole text is read. */
struct halves {
    bool twelve_hours, afternoon, has_half, epoch;
};

static bool read_op(uint8_t op, struct cursor *c, struct rs_civil *t, struct halves *h)
{
    uint32_t v;
    switch (op) {
    case 'Y':
        if (!number(c, 4, 4, &v)) return false;
        t->year = (int32_t)v;
        return true;
    case 'y':
        if (!number(c, 2, 2, &v)) return false;
        t->year = (int32_t)(v < 69 ? 2000 + v : 1900 + v);
        return true;
    case 'm': return one_or_two(c, &t->month);
    case 'd': return one_or_two(c, &t->day);
    case 'e': spaces(c); return one_or_two(c, &t->day);
    case 'I': h->twelve_hours = true; __attribute__((fallthrough));
    case 'H': return one_or_two(c, &t->hour);
    case 'M': refine(t, RS_PRECISION_MINUTE); return two(c, &t->minute);
    case 'S': refine(t, RS_PRECISION_SECOND); return two(c, &t->second);
    case 'f': refine(t, RS_PRECISION_FRACTION); return fraction(c, &t->micros);
    case 'p':
        h->has_half = true;
        if (word(c, "PM") || word(c, "P.M.")) return h->afternoon = true;
        return word(c, "AM") || word(c, "A.M.");
    case 'z': t->has_offset = true; return offset(c, &t->offset_s);
    case 'b': return month_name(c, false, &t->month);
    case 'B': return month_name(c, true, &t->month);
    case 's': h->epoch = true; return epoch(c, RS_SECOND_US, t);
    default: return false;
    }
}

static bool apply_halves(struct rs_civil *t, const struct halves *h)
{
    if (!h->twelve_hours) return true;
    if (!h->has_half || t->hour < 1 || t->hour > 12) return false;
    t->hour = (uint8_t)(t->hour % 12 + (h->afternoon ? 12 : 0));
    return true;
}

bool rs_time_read(const struct rs_time_pattern *pattern, struct rs_str text, struct rs_civil *ret)
{
    text = rs_str_trim(text);
    if (!text.n) return false;
    if (pattern->op[0] >= FORM_ISO && pattern->op[0] <= FORM_DOTNET) {
        return read_form(pattern->op[0], text, ret);
    }
    struct cursor c = {text.p, text.p + text.n};
    struct rs_civil t = {0};
    struct halves h = {0};
    for (unsigned i = 0; i < pattern->n; i++) {
        bool fits;
        if (pattern->op[i]) {
            fits = read_op(pattern->op[i], &c, &t, &h);
        } else if (pattern->op[++i] == ' ') {
            fits = spaces(&c);
        } else {
            fits = take(&c, (char)pattern->op[i]);
        }
        if (!fits) return false;
    }
    if (c.p != c.end || !apply_halves(&t, &h) || !possible(&t)) return false;
    /* Beside an epoch an offset only says how to show it. */
    if (h.epoch) t.offset_s = 0;
    *ret = t;
    return true;
}

/* ---- the calendar ----------------------------------------------------------- */

/* Days since 1970-01-01.  The year is made to start in March, so that the leap
 * day is its last; 400 years are 146,097 days. */
int64_t rs_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int64_t rs_civil_seconds(const struct rs_civil *t)
{
    int64_t days = rs_days_from_civil(t->year, t->month, t->day);
    return days * 86400 + t->hour * 3600 + t->minute * 60 + t->second;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct rs_civil rs_civil_at(int64_t instant_us, int32_t offset_s)
{
    int64_t local = instant_us + offset_s * RS_SECOND_US;
    int64_t day = floor_div(local, RS_DAY_US);
    int64_t rest = local % RS_DAY_US;
    if (rest < 0) rest += RS_DAY_US;
    int64_t z = day + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    unsigned month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    return (struct rs_civil){
        .year = (int32_t)(year_of_era + era * 400 + (month <= 2)),
        .month = (uint8_t)month,
        .day = (uint8_t)(day_of_year - (153 * march_month + 2) / 5 + 1),
        .hour = (uint8_t)(rest / RS_HOUR_US),
        .minute = (uint8_t)(rest / RS_MINUTE_US % 60),
        .second = (uint8_t)(rest / RS_SECOND_US % 60),
        .micros = (uint32_t)(rest % RS_SECOND_US),
        .precision = RS_PRECISION_FRACTION,
        .offset_s = offset_s,
    };
}

static char *put_digits(char *to, unsigned number, unsigned n)
{
    for (unsigned i = n; i > 0; number /= 10) to[--i] = (char)('0' + number % 10);
    return to + n;
}

/* Year to second, of a year that is not negative.  Without printf, for the writer
 * does it for each row. */
static char *put_civil(char *to, const struct rs_civil *t, char between)
{
    const unsigned part[] = {t->month, t->day, t->hour, t->minute, t->second};
    const char before[] = {'-', '-', between, ':', ':'};
    to = put_digits(to, (unsigned)abs(t->year) % 10000, 4);
    for (int i = 0; i < 5; i++) {
        *to++ = before[i];
        to = put_digits(to, part[i], 2);
    }
    return to;
}

const char *rs_time_text(int64_t instant_us, char ret[RS_TIME_TEXT_MAX])
{
    struct rs_civil t = rs_civil_at(instant_us, 0);
    char *to = ret;
    if (t.year < 0) *to++ = '-';
    to = put_civil(to, &t, 'T');
    if (t.micros) {
        *to++ = '.';
        to = put_digits(to, t.micros, 6);
        while (to[-1] == '0') to--;
    }
    *to++ = 'Z';
    *to = '\0';
    return ret;
}

/* The form that the text has if it has one: its length and what stands between date
 * and clock tell. */
static enum rs_time_form form_by_length(struct rs_str text)
{
    bool space = text.n > 10 && text.p[10] == ' ';
    switch (text.n) {
    case 19: return space ? RS_TIME_FORM_SPACE : RS_TIME_FORM_LOCAL;
    case 20: return RS_TIME_FORM_UTC;
    case 25: return RS_TIME_FORM_OFFSET;
    default: return RS_TIME_FORM_OTHER;
    }
}

enum rs_time_form rs_time_form_of(struct rs_str text, int64_t instant_us, int32_t offset_min)
{
    enum rs_time_form form = form_by_length(text);
    if (form == RS_TIME_FORM_OTHER) return form;
    struct rs_civil t = rs_civil_at(instant_us, form == RS_TIME_FORM_UTC ? 0 : offset_min * 60);
    if (t.micros || t.year < 1 || t.year > 9999) return RS_TIME_FORM_OTHER;
    char spelt[RS_TIME_TEXT_MAX], *to = put_civil(spelt, &t, form == RS_TIME_FORM_SPACE ? ' ' : 'T');
    if (form == RS_TIME_FORM_UTC) *to++ = 'Z';
    if (form == RS_TIME_FORM_OFFSET) {
        *to++ = offset_min < 0 ? '-' : '+';
        to = put_digits(to, (unsigned)abs(offset_min) / 60, 2);
        *to++ = ':';
        to = put_digits(to, (unsigned)abs(offset_min) % 60, 2);
    }
    return memcmp(spelt, text.p, text.n) ? RS_TIME_FORM_OTHER : form;
}

static bool parse_iso(struct rs_str text, bool end, int64_t *ret_instant_us)
{
    struct rs_civil t;
    text = rs_str_trim(text);
    if (!text.n || !read_iso(text, &t)) return false;
    int64_t us = (rs_civil_seconds(&t) - t.offset_s) * RS_SECOND_US + t.micros;
    *ret_instant_us = end && t.precision == RS_PRECISION_DAY ? us + RS_DAY_US - 1 : us;
    return true;
}

bool rs_time_parse(struct rs_str text, int64_t *ret_instant_us)
{
    return parse_iso(text, false, ret_instant_us);
}

bool rs_time_parse_end(struct rs_str text, int64_t *ret_instant_us)
{
    return parse_iso(text, true, ret_instant_us);
}
