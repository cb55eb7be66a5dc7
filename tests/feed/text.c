#include "text.h"

#include <stdio.h>
#include <stdlib.h>

void text_grow(struct text *t, size_t more)
{
    size_t room = t->room ? t->room * 2 : 4096;
    while (room - t->n < more) room *= 2;
    char *p = realloc(t->p, room);
    if (!p) {
        fprintf(stderr, "rastro-feed: out of memory\n");
        abort();
    }
    t->p = p;
    t->room = room;
}

void text_free(struct text *t)
{
    free(t->p);
    *t = (struct text){0};
}

void text_int(struct text *t, int64_t v)
{
    char digits[20];
    int n = 0;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        digits[n++] = (char)('0' + u % 10);
        u /= 10;
    } while (u);
    if (v < 0) text_char(t, '-');
    while (n) text_char(t, digits[--n]);
}

void text_digits(struct text *t, uint64_t v, int width)
{
    char digits[20];
    for (int i = width - 1; i >= 0; i--, v /= 10) digits[i] = (char)('0' + v % 10);
    text_bytes(t, digits, (size_t)width);
}

/* ---- JSON ---------------------------------------------------------------------- */

static void escape_unit(struct text *t, unsigned unit)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
    text_bytes(t, escape, sizeof escape);
}

/* The character at p, which is valid UTF-8, and its length. */
static unsigned character(const unsigned char *p, int *ret_n)
{
    if (p[0] < 0xe0) return *ret_n = 2, (unsigned)(p[0] & 31) << 6 | (p[1] & 63u);
    if (p[0] < 0xf0) return *ret_n = 3, (unsigned)(p[0] & 15) << 12 | (unsigned)(p[1] & 63) << 6 | (p[2] & 63u);
    *ret_n = 4;
    return (unsigned)(p[0] & 7) << 18 | (unsigned)(p[1] & 63) << 12 | (unsigned)(p[2] & 63) << 6 | (p[3] & 63u);
}

static int put_escaped(struct text *t, const unsigned char *p, bool ascii)
{
    if (*p == '"' || *p == '\\') {
        text_char(t, '\\');
        text_char(t, (char)*p);
        return 1;
    }
    if (*p == NUL_MARK) return escape_unit(t, 0), 1;
    if (*p == '\n') return text_put(t, "\\n"), 1;
    if (*p == '\t') return text_put(t, "\\t"), 1;
    if (*p < 0x20) return escape_unit(t, *p), 1;
    int n;
    unsigned c = character(p, &n);
    if (!ascii) {
        text_bytes(t, p, (size_t)n);
    } else if (c < 0x10000) {
        escape_unit(t, c);
    } else {
        escape_unit(t, 0xd800 + ((c - 0x10000) >> 10));
        escape_unit(t, 0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    return n;
}

static void put_string(struct text *t, const char *s, bool ascii)
{
    text_char(t, '"');
    const unsigned char *p = (const unsigned char *)s;
    while (*p) {
        const unsigned char *plain = p;
        while (*p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') p++;
        text_bytes(t, plain, (size_t)(p - plain));
        if (*p) p += put_escaped(t, p, ascii);
    }
    text_char(t, '"');
}

static void begin(struct json *j, const char *key)
{
    if (j->comma) {
        text_char(j->out, ',');
        if (j->wide) text_char(j->out, ' ');
    }
    if (key) {
        put_string(j->out, key, false);
        text_char(j->out, ':');
        if (j->wide) text_char(j->out, ' ');
    }
    j->comma = true;
}

void json_open(struct json *j, const char *key, char bracket)
{
    begin(j, key);
    text_char(j->out, bracket);
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    text_char(j->out, bracket);
    j->comma = true;
}

void json_must(struct json *j, const char *key, const char *value)
{
    begin(j, key);
    put_string(j->out, value, j->ascii);
}

void json_nothing(struct json *j, const char *key)
{
    if (j->blank == BLANK_ABSENT) return;
    begin(j, key);
    text_put(j->out, j->blank == BLANK_NULL ? "null" : "\"\"");
}

void json_text(struct json *j, const char *key, const char *value)
{
    if (value && *value) json_must(j, key, value);
    else json_nothing(j, key);
}

void json_int(struct json *j, const char *key, int64_t value)
{
    begin(j, key);
    text_int(j->out, value);
}

void json_raw(struct json *j, const char *key, const char *value)
{
    begin(j, key);
    text_put(j->out, value);
}

/* ---- TSV ------------------------------------------------------------------------- */

void text_escaped(struct text *t, const char *p, size_t n)
{
    /* Runs of what needs no escape are most of it. */
    for (size_t i = 0; i < n; i++) {
        size_t plain = i;
        while (i < n && p[i] != '\t' && p[i] != '\n' && p[i] != '\r' && p[i] != '\\') i++;
        text_bytes(t, p + plain, i - plain);
        if (i == n) return;
        switch (p[i]) {
        case '\t': text_bytes(t, "\\t", 2); break;
        case '\n': text_bytes(t, "\\n", 2); break;
        case '\r': text_bytes(t, "\\r", 2); break;
        default: text_bytes(t, "\\\\", 2); break;
        }
    }
}

static void field(struct tsv *row)
{
    if (!row->first) text_char(row->out, '\t');
    row->first = false;
}

void tsv_null(struct tsv *row)
{
    field(row);
    text_bytes(row->out, "\\N", 2);
}

void tsv_word(struct tsv *row, const char *value)
{
    field(row);
    for (;;) {
        const char *nul = strchr(value, NUL_MARK);
        text_escaped(row->out, value, nul ? (size_t)(nul - value) : strlen(value));
        if (!nul) return;
        text_put(row->out, "\xef\xbf\xbd");
        value = nul + 1;
    }
}

void tsv_text(struct tsv *row, const char *value)
{
    if (value && *value) tsv_word(row, value);
    else tsv_null(row);
}

void tsv_int(struct tsv *row, int64_t value)
{
    field(row);
    text_int(row->out, value);
}

void tsv_end(struct tsv *row)
{
    text_char(row->out, '\n');
    row->first = true;
}

/* ---- fixed room ------------------------------------------------------------------------ */

void copy_text(char *to, size_t room, const char *from)
{
    size_t n = strlen(from);
    if (n >= room) n = room - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}
