/* text.h - a growing run of bytes, a JSON writer and a TSV writer over it. */
#ifndef FEED_TEXT_H
#define FEED_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Stands for U+0000 in our own strings: JSON has it escaped, PostgreSQL cannot
 * hold it, and the truth has U+FFFD in its place. */
#define NUL_MARK '\x01'

struct text {
    char *p;
    size_t n, room;
};

void text_grow(struct text *t, size_t more);
void text_free(struct text *t);
void text_int(struct text *t, int64_t v);
void text_digits(struct text *t, uint64_t v, int width); /* zeros in front */

static inline void text_char(struct text *t, char c)
{
    if (t->n == t->room) text_grow(t, 1);
    t->p[t->n++] = c;
}

static inline void text_bytes(struct text *t, const void *p, size_t n)
{
    if (t->room - t->n < n) text_grow(t, n);
    if (n) memcpy(t->p + t->n, p, n);
    t->n += n;
}

static inline void text_put(struct text *t, const char *s)
{
    text_bytes(t, s, strlen(s));
}

/* ---- JSON ---------------------------------------------------------------------- */

/* How a source writes "nothing". */
enum blank { BLANK_NULL, BLANK_EMPTY, BLANK_ABSENT };

struct json {
    struct text *out;
    enum blank blank;
    bool ascii; /* other characters as \u escapes */
    bool wide;  /* a space behind : and , */
    bool comma; /* one is due before the next value */
};

/* An object or a list; key is NULL in a list and at the root. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);

/* An empty or NULL value is written as the source writes "nothing". */
void json_text(struct json *j, const char *key, const char *value);
void json_must(struct json *j, const char *key, const char *value); /* "" stays "" */
void json_int(struct json *j, const char *key, int64_t value);
void json_raw(struct json *j, const char *key, const char *value); /* written as it is */
void json_nothing(struct json *j, const char *key);

/* ---- TSV, as COPY reads it --------------------------------------------------------- */

/* Each field ends the one before; the row ends with tsv_end. */
struct tsv {
    struct text *out;
    bool first;
};

void tsv_text(struct tsv *row, const char *value); /* empty: \N */
void tsv_word(struct tsv *row, const char *value); /* empty stays empty */
void tsv_int(struct tsv *row, int64_t value);
void tsv_null(struct tsv *row);
void tsv_end(struct tsv *row);

/* Bytes that hold no TAB, line end or backslash as such. */
void text_escaped(struct text *t, const char *p, size_t n);

/* ---- fixed room ------------------------------------------------------------------------ */

/* Copies as much as fits; the rooms are chosen so that all fits. */
void copy_text(char *to, size_t room, const char *from);

#endif
