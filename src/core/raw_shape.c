/* Shapes: an event's bytes without what its row says.
 *
 * Words are found by where they lie: decoding points into the event's bytes, and
 * where it unescaped, cut or joined a word it points elsewhere, and the shape
 * keeps what the bytes say.  Other spellings of the time are found by looking for
 * them.  Whichever way, what a mark stands for is equal to the bytes that it
 * replaces, so filling a shape gives back the bytes, whatever they mean.
 */
#include "rastro/raw.h"
#include "rastro/time.h"

/* Words of the row in the event's bytes. */
struct span {
    struct rs_str word;
    unsigned mark;
};

struct spans {
    struct span list[RS_RAW_WORDS_END]; /* in the order of their places */
    unsigned n;
};

void rs_raw_row_of(const struct rs_event *e, struct rs_raw_row *ret)
{
    ret->word[0] = RS_STR_NONE;
    ret->word[RS_RAW_CODE] = e->code;
    ret->word[RS_RAW_TEXT] = e->text;
    ret->word[RS_RAW_TIME] = e->time;
    ret->word[RS_RAW_ZONE] = e->zone;
    ret->word[RS_RAW_COUNTRY] = e->place.country;
    ret->word[RS_RAW_REGION] = e->place.region;
    ret->word[RS_RAW_CITY] = e->place.city;
    ret->word[RS_RAW_PLACE] = e->place.name;
    ret->instant_us = e->instant_us;
}

/* ---- spellings of the time ------------------------------------------------------- */

struct spellings {
    struct rs_str text[RS_RAW_MARKS_END]; /* by mark; empty: there is none */
    char utc[RS_TIME_TEXT_MAX], millis[24];
};

static struct rs_str digits(int64_t number, char room[24])
{
    char *end = room + 24, *p = end;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0) *--p = '-';
    return (struct rs_str){p, (uint32_t)(end - p)};
}

static void spell(const struct rs_raw_row *row, struct spellings *ret)
{
    struct rs_str time = row->word[RS_RAW_TIME];
    memset(ret->text, 0, sizeof ret->text);
    ret->text[RS_RAW_UTC] = rs_str_of(rs_time_text(row->instant_us, ret->utc));
    ret->text[RS_RAW_MILLIS] = digits(row->instant_us / 1000, ret->millis);
    if (time.n >= 10) ret->text[RS_RAW_DATE] = (struct rs_str){time.p, 10};
    if (time.n >= 19) ret->text[RS_RAW_CLOCK] = (struct rs_str){time.p + 11, 8};
}

/* ---- making ------------------------------------------------------------------------ */

static bool lies_in(struct rs_str word, struct rs_str raw)
{
    uintptr_t p = (uintptr_t)word.p, from = (uintptr_t)raw.p;
    return word.n && p >= from && p - from <= raw.n && word.n <= raw.n - (p - from);
}

/* Unless a part of it is marked. */
static void add(struct spans *spans, struct rs_str word, unsigned mark)
{
    unsigned i = spans->n;
    while (i > 0 && spans->list[i - 1].word.p > word.p) i--;
    if (i > 0 && spans->list[i - 1].word.p + spans->list[i - 1].word.n > word.p) return;
    if (i < spans->n && word.p + word.n > spans->list[i].word.p) return;
    memmove(&spans->list[i + 1], &spans->list[i], (spans->n - i) * sizeof *spans->list);
    spans->list[i] = (struct span){word, mark};
    spans->n++;
}

struct shape {
    char *to;
    uint32_t room;
    bool whole; /* all found room */
};

static void put(struct shape *shape, const char *from, const char *end, unsigned mark)
{
    uint32_t n = (uint32_t)(end - from);
    shape->whole &= shape->room >= n + (mark != 0);
    if (!shape->whole) return;
    memcpy(shape->to, from, n);
    if (mark) shape->to[n++] = (char)mark;
    shape->to += n;
    shape->room -= n;
}

/* The mark of a spelling that begins here, or 0. */
static unsigned spelled(const struct spellings *s, const char *p, const char *end)
{
    for (unsigned mark = RS_RAW_UTC; mark < RS_RAW_MARKS_END; mark++) {
        struct rs_str text = s->text[mark];
        if (text.n && text.n <= end - p && *p == *text.p && !memcmp(p, text.p, text.n)) return mark;
    }
    return 0;
}

/* What lies between two words.  Spellings, if any are given, are looked for where
 * digits begin. */
static void put_between(struct shape *shape, const struct spellings *spellings, const char *p, const char *end)
{
    const char *from = p;
    bool in_number = false;
    while (spellings && p < end) {
        bool is_digit = (unsigned char)(*p - '0') < 10;
        unsigned mark = is_digit && !in_number ? spelled(spellings, p, end) : 0;
        in_number = is_digit;
        if (!mark) {
            p++;
            continue;
        }
        put(shape, from, p, mark);
        from = p += spellings->text[mark].n;
    }
    put(shape, from, end, 0);
}

uint32_t rs_raw_shape(const struct rs_event *event, bool spellings, char ret[RS_RAW_SHAPE_MAX])
{
    struct rs_str raw = event->raw;
    struct rs_raw_row row;
    struct spellings room, *wanted = spellings ? &room : NULL;
    struct spans spans = {.n = 0};
    struct shape shape = {ret, RS_RAW_SHAPE_MAX, true};
    const char *rest = raw.p;
    rs_raw_row_of(event, &row);
    for (unsigned mark = 1; mark < RS_RAW_WORDS_END; mark++) {
        if (lies_in(row.word[mark], raw)) add(&spans, row.word[mark], mark);
    }
    if (!spans.n) return 0;
    if (wanted) spell(&row, wanted);
    for (unsigned i = 0; i < spans.n; i++) {
        struct rs_str word = spans.list[i].word;
        put_between(&shape, wanted, rest, word.p);
        put(&shape, word.p, word.p, spans.list[i].mark);
        rest = word.p + word.n;
    }
    put_between(&shape, wanted, rest, raw.p + raw.n);
    return shape.whole ? RS_RAW_SHAPE_MAX - shape.room : 0;
}

/* ---- filling ------------------------------------------------------------------------ */

static bool is_mark(unsigned char c)
{
    return (c >= 1 && c < RS_RAW_WORDS_END) || (c >= RS_RAW_UTC && c < RS_RAW_MARKS_END);
}

int rs_raw_fill(struct rs_str shape, const struct rs_raw_row *row, size_t max, struct rs_buf *out, struct rs_diag *diag)
{
    struct spellings s;
    size_t length = shape.n;
    if (!row) return rs_fail(diag, RS_E_DATA, "raw bytes: a shape without its row");
    spell(row, &s);
    memcpy(s.text, row->word, sizeof row->word);
    for (uint32_t i = 0; i < shape.n; i++) {
        unsigned char c = (unsigned char)shape.p[i];
        if (!is_mark(c)) continue;
        if (!s.text[c].n) return rs_fail(diag, RS_E_DATA, "raw bytes: a word of their shape is missing");
        length += s.text[c].n - 1;
    }
    if (length > max) return rs_fail(diag, RS_E_DATA, "raw bytes: %zu of them, more than %zu", length, max);
    for (uint32_t i = 0; i < shape.n; i++) {
        unsigned char c = (unsigned char)shape.p[i];
        if (is_mark(c)) rs_buf_puts(out, s.text[c]);
        else rs_buf_putc(out, shape.p[i]);
    }
    return RS_OK;
}
