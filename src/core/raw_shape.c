/* Shapes: an event's bytes without what its row says.
 *
 * Words are found by where they lie: decoding points into the event's bytes, and
 * where it unescaped, cut or joined a word it points elsewhere, and the shape
 * keeps what the bytes say.  Other spellings of the time are found by looking for
 * them.  Whichever way, what a mark stands for is equal to the bytes that it
 * replaces, so filling a shape gives back the bytes, whatever they mean.
 */
#include <stdio.h>

#include "rastro/raw.h"
#include "rastro/time.h"

/* Marks of one shape at most; what is not marked stands in it. */
#define SPANS_MAX 32
#define SPELLINGS 4

struct span {
    const char *p;
    uint32_t n;
    unsigned char mark;
};

struct spans {
    struct span list[SPANS_MAX]; /* in the order of their places */
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

static void spell(const struct rs_raw_row *row, struct spellings *ret)
{
    struct rs_str time = row->word[RS_RAW_TIME];
    memset(ret->text, 0, sizeof ret->text);
    ret->text[RS_RAW_UTC] = rs_str_of(rs_time_text(row->instant_us, ret->utc));
    snprintf(ret->millis, sizeof ret->millis, "%lld", (long long)(row->instant_us / 1000));
    ret->text[RS_RAW_MILLIS] = rs_str_of(ret->millis);
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
static void add(struct spans *spans, const char *p, uint32_t n, unsigned mark)
{
    unsigned i = spans->n;
    if (i == SPANS_MAX) return;
    while (i > 0 && spans->list[i - 1].p > p) i--;
    if (i > 0 && spans->list[i - 1].p + spans->list[i - 1].n > p) return;
    if (i < spans->n && p + n > spans->list[i].p) return;
    memmove(&spans->list[i + 1], &spans->list[i], (spans->n - i) * sizeof *spans->list);
    spans->list[i] = (struct span){p, n, (unsigned char)mark};
    spans->n++;
}

static void add_all(struct spans *spans, struct rs_str raw, struct rs_str text, unsigned mark)
{
    const char *end = raw.p + raw.n;
    for (const char *p = raw.p; text.n && (p = memmem(p, (size_t)(end - p), text.p, text.n)); p += text.n) {
        add(spans, p, text.n, mark);
    }
}

uint32_t rs_raw_shape(const struct rs_event *event, bool spellings, char shape[RS_RAW_SHAPE_MAX])
{
    struct rs_str raw = event->raw;
    struct rs_raw_row row;
    struct spans spans = {.n = 0};
    rs_raw_row_of(event, &row);
    for (unsigned mark = 1; mark < RS_RAW_WORDS_END; mark++) {
        if (lies_in(row.word[mark], raw)) add(&spans, row.word[mark].p, row.word[mark].n, mark);
    }
    if (!spans.n) return 0;
    if (spellings) {
        struct spellings s;
        spell(&row, &s);
        for (unsigned mark = RS_RAW_UTC; mark < RS_RAW_MARKS_END; mark++) add_all(&spans, raw, s.text[mark], mark);
    }
    uint32_t at = 0;
    const char *rest = raw.p, *end = raw.p + raw.n;
    for (unsigned i = 0; i < spans.n; i++) {
        uint32_t between = (uint32_t)(spans.list[i].p - rest);
        if (between + 1 > RS_RAW_SHAPE_MAX - at) return 0;
        memcpy(shape + at, rest, between);
        at += between;
        shape[at++] = (char)spans.list[i].mark;
        rest = spans.list[i].p + spans.list[i].n;
    }
    if ((size_t)(end - rest) > RS_RAW_SHAPE_MAX - at) return 0;
    memcpy(shape + at, rest, (size_t)(end - rest));
    return at + (uint32_t)(end - rest);
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
