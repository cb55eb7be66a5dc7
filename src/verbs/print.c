#include "print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <wchar.h>

#include "rastro/hash.h"
#include "rastro/time.h"

enum kind { TEXT, NUMBER, NONE };

struct cell {
    struct rs_str text; /* owned */
    enum kind kind;
};

struct note {
    struct rs_str text; /* owned */
    size_t row;         /* it stands before that one */
};

struct rs_grid {
    const struct rs_column *column;
    unsigned columns;
    struct cell *cell;
    size_t n, room;
    struct note *note;
    size_t notes;
};

struct rs_grid *rs_grid_new(const struct rs_column *columns, unsigned count)
{
    struct rs_grid *grid = rs_calloc(1, sizeof *grid);
    grid->column = columns;
    grid->columns = count;
    return grid;
}

void rs_grid_free(struct rs_grid *grid)
{
    if (!grid) return;
    for (size_t i = 0; i < grid->n; i++) free((void *)(uintptr_t)grid->cell[i].text.p);
    for (size_t i = 0; i < grid->notes; i++) free((void *)(uintptr_t)grid->note[i].text.p);
    free(grid->cell);
    free(grid->note);
    free(grid);
}

/* Bytes of the control character at p, or 0: C0, DEL, C1, and the characters
 * that turn the direction of what follows (U+202A to E, U+2066 to 9). */
static uint32_t control_length(const char *p, uint32_t n)
{
    unsigned char a = (unsigned char)p[0], b = n > 1 ? (unsigned char)p[1] : 0, c = n > 2 ? (unsigned char)p[2] : 0;
    if (a < ' ' || a == 0x7f) return 1;
    if (a == 0xc2 && b >= 0x80 && b < 0xa0) return 2;
    if (a != 0xe2) return 0;
    return (b == 0x80 && c >= 0xaa && c <= 0xae) || (b == 0x81 && c >= 0xa6 && c <= 0xa9) ? 3 : 0;
}

/* Bytes of the character at p; 0 where they are no UTF-8. */
static uint32_t character_length(const char *p, uint32_t n)
{
    mbstate_t state = {0};
    wchar_t c;
    size_t length = (unsigned char)*p < 0x80 ? 1 : mbrtowc(&c, p, n, &state);
    return length > n ? 0 : (uint32_t)length;
}

void rs_put_printable(struct rs_buf *buf, struct rs_str text)
{
    for (uint32_t i = 0; i < text.n;) {
        uint32_t control = control_length(text.p + i, text.n - i);
        uint32_t n = character_length(text.p + i, text.n - i);
        if (control || !n) {
            rs_buf_puts(buf, RS_LIT("\xef\xbf\xbd"));
            i += control ? control : 1;
        } else {
            rs_buf_put(buf, text.p + i, n);
            i += n;
        }
    }
}

static void put(struct rs_grid *grid, struct rs_str text, enum kind kind)
{
    if (grid->n == grid->room) {
        grid->room = grid->room ? grid->room * 2 : 64;
        grid->cell = rs_realloc(grid->cell, grid->room * sizeof *grid->cell);
    }
    struct rs_buf buf = {0};
    rs_put_printable(&buf, text);
    rs_buf_reserve(&buf, 1);
    grid->cell[grid->n++] = (struct cell){{buf.p, (uint32_t)buf.n}, kind};
}

void rs_grid_put(struct rs_grid *grid, struct rs_str text)
{
    put(grid, text, TEXT);
}

void rs_grid_none(struct rs_grid *grid)
{
    put(grid, RS_STR_NONE, NONE);
}

void rs_grid_printf(struct rs_grid *grid, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put(grid, rs_str_of(text), TEXT);
}

void rs_grid_number(struct rs_grid *grid, long long number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", number);
    put(grid, rs_str_of(text), NUMBER);
}

void rs_grid_note(struct rs_grid *grid, struct rs_str text)
{
    struct rs_buf buf = {0};
    rs_put_printable(&buf, text);
    rs_buf_reserve(&buf, 1);
    grid->note = rs_realloc(grid->note, (grid->notes + 1) * sizeof *grid->note);
    grid->note[grid->notes++] = (struct note){{buf.p, (uint32_t)buf.n}, rs_grid_rows(grid)};
}

size_t rs_grid_rows(const struct rs_grid *grid)
{
    return grid->n / grid->columns;
}

/* ---- widths ------------------------------------------------------------------ */

/* The next character and its width; damaged UTF-8 counts as one column. */
static unsigned next_width(struct rs_str *s)
{
    wchar_t c;
    mbstate_t state = {0};
    size_t n = mbrtowc(&c, s->p, s->n, &state);
    if (n == 0 || n > s->n) n = 1, c = L'?';
    int width = wcwidth(c);
    s->p += n;
    s->n -= (uint32_t)n;
    return width < 0 ? 1 : (unsigned)width;
}

unsigned rs_display_width(struct rs_str text)
{
    unsigned width = 0;
    while (text.n) width += next_width(&text);
    return width;
}

static struct rs_str cut_to(struct rs_str text, unsigned max)
{
    struct rs_str rest = text;
    unsigned width = 0;
    while (rest.n) {
        struct rs_str before = rest;
        width += next_width(&rest);
        if (width > max) return (struct rs_str){text.p, (uint32_t)(before.p - text.p)};
    }
    return text;
}

/* ---- forms --------------------------------------------------------------------- */

static struct rs_str text_in_table(const struct cell *cell)
{
    return cell->kind == NONE ? RS_LIT("-") : cell->text;
}

/* The notes before a row, from the n-th on; the first that comes later. */
static size_t print_notes(const struct rs_grid *grid, size_t row, size_t n, FILE *out)
{
    for (; n < grid->notes && grid->note[n].row == row; n++) fprintf(out, "%.*s\n", RS_FMT(grid->note[n].text));
    return n;
}

static void print_table(const struct rs_grid *grid, FILE *out)
{
    unsigned *width = rs_calloc(grid->columns, sizeof *width);
    for (unsigned c = 0; c < grid->columns; c++) width[c] = rs_display_width(rs_str_of(grid->column[c].title));
    for (size_t i = 0; i < grid->n; i++) {
        unsigned c = (unsigned)(i % grid->columns), max = grid->column[c].max;
        unsigned w = rs_display_width(text_in_table(&grid->cell[i]));
        if (max && w > max) w = max;
        if (w > width[c]) width[c] = w;
    }
    size_t note = 0;
    for (size_t row = 0; row <= rs_grid_rows(grid); row++) {
        unsigned owed = 0; /* blanks, printed only before something */
        for (unsigned c = 0; c < grid->columns; c++) {
            const struct rs_column *column = &grid->column[c];
            struct rs_str text = rs_str_of(column->title);
            if (row) text = text_in_table(&grid->cell[(row - 1) * grid->columns + c]);
            if (column->max) text = cut_to(text, column->max);
            unsigned pad = width[c] - rs_display_width(text);
            if (column->right) owed += pad;
            if (text.n) {
                fprintf(out, "%*s%.*s", (int)owed, "", RS_FMT(text));
                owed = 0;
            }
            owed += (column->right ? 0 : pad) + 2;
        }
        fputc('\n', out);
        note = print_notes(grid, row, note, out);
    }
    free(width);
}

static void print_csv_cell(struct rs_str text, FILE *out)
{
    bool quote = false;
    for (uint32_t i = 0; i < text.n; i++) quote |= strchr(",\"\n\r", text.p[i]) != NULL;
    /* A spreadsheet must not run what a carrier wrote. */
    bool formula = text.n && strchr("=+-@", text.p[0]) && !(text.n > 1 && text.p[1] >= '0' && text.p[1] <= '9');
    if (!quote && !formula) {
        fprintf(out, "%.*s", RS_FMT(text));
        return;
    }
    fputs(formula ? "\"'" : "\"", out);
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') fputc('"', out);
        fputc(text.p[i], out);
    }
    fputc('"', out);
}

static void key_of(const char *title, char out[64])
{
    size_t n = 0;
    for (; *title && n < 63; title++) {
        char c = *title;
        out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c == ' ' || c == '\'' ? '_' : c;
    }
    out[n] = '\0';
}

static void print_csv(const struct rs_grid *grid, FILE *out)
{
    char key[64];
    for (unsigned c = 0; c < grid->columns; c++) {
        key_of(grid->column[c].title, key);
        fprintf(out, "%s%s", c ? "," : "", key);
    }
    for (size_t i = 0; i < grid->n; i++) {
        fputs(i % grid->columns ? "," : "\r\n", out);
        print_csv_cell(grid->cell[i].text, out);
    }
    fputs("\r\n", out);
}

static json_t *row_object(const struct rs_grid *grid, size_t row)
{
    json_t *object = json_object();
    for (unsigned c = 0; c < grid->columns; c++) {
        const struct cell *cell = &grid->cell[row * grid->columns + c];
        char key[64];
        key_of(grid->column[c].title, key);
        bool number = cell->kind == NUMBER;
        json_t *value = number ? json_integer(strtoll(cell->text.p, NULL, 10)) : rs_json_of(cell->text);
        json_object_set_new(object, key, value);
    }
    return object;
}

void rs_grid_print(const struct rs_grid *grid, const struct rs_options *options, FILE *out)
{
    if (rs_opt_is(options, RS_OPT_FORMAT, "table")) {
        print_table(grid, out);
    } else if (rs_opt_is(options, RS_OPT_FORMAT, "csv")) {
        print_csv(grid, out);
    } else if (rs_opt_is(options, RS_OPT_FORMAT, "ndjson")) {
        for (size_t row = 0; row < rs_grid_rows(grid); row++) {
            rs_print_json(row_object(grid, row), options, out);
        }
    } else {
        json_t *list = json_array();
        for (size_t row = 0; row < rs_grid_rows(grid); row++) json_array_append_new(list, row_object(grid, row));
        rs_print_json(list, options, out);
    }
}

void rs_print_json(json_t *value, const struct rs_options *options, FILE *out)
{
    bool lines = rs_opt_is(options, RS_OPT_FORMAT, "ndjson");
    json_dumpf(value, out, (lines ? JSON_COMPACT : JSON_INDENT(2)) | JSON_ENCODE_ANY);
    fputc('\n', out);
    json_decref(value);
}

json_t *rs_json_of(struct rs_str s)
{
    return s.n ? json_stringn(s.p, s.n) : json_null();
}

json_t *rs_json_of_time(int64_t instant_us)
{
    char text[RS_TIME_TEXT_MAX];
    return instant_us == RS_INSTANT_NONE ? json_null() : json_string(rs_time_text(instant_us, text));
}

json_t *rs_json_of_key(const unsigned char key[16])
{
    char hex[33];
    rs_hex(key, 16, hex);
    return json_string(hex);
}
