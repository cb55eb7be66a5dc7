/* print.h - rows for people and for machines.
 *
 * A grid collects cells and prints them aligned by their width on a terminal
 * (two columns for CJK), as CSV, or as JSON objects, by --format.
 */
#ifndef RASTRO_VERBS_PRINT_H
#define RASTRO_VERBS_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "rastro/options.h"
#include "rastro/str.h"

struct rs_column {
    const char *title; /* also the key in JSON, in lower case with _ */
    bool right;        /* aligned to the right */
    unsigned max;      /* cut in a table beyond this width; 0: never */
};

struct rs_grid;

struct rs_grid *rs_grid_new(const struct rs_column *columns, unsigned count);
void rs_grid_free(struct rs_grid *grid); /* NULL is fine */

/* The next cell, row by row.  Control characters and damaged UTF-8 are shown
 * as U+FFFD. */
void rs_grid_put(struct rs_grid *grid, struct rs_str text);
void rs_grid_printf(struct rs_grid *grid, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rs_grid_number(struct rs_grid *grid, long long number); /* a number in JSON too */
void rs_grid_none(struct rs_grid *grid);                     /* no value: - in a table, null in JSON */

/* A line of its own between the rows so far and the next one, in a table only. */
void rs_grid_note(struct rs_grid *grid, struct rs_str text);

size_t rs_grid_rows(const struct rs_grid *grid);
void rs_grid_print(const struct rs_grid *grid, const struct rs_options *options, FILE *out);

/* One JSON document on standard output, indented for --format json, one line
 * for ndjson.  Takes the reference. */
void rs_print_json(json_t *value, const struct rs_options *options, FILE *out);

json_t *rs_json_of(struct rs_str s);         /* null when empty */
json_t *rs_json_of_time(int64_t instant_us); /* ISO 8601; null for RS_INSTANT_NONE */
json_t *rs_json_of_key(const unsigned char key[16]);

/* Columns that `text` takes on a terminal. */
unsigned rs_display_width(struct rs_str text);

/* `text` without control characters and damaged UTF-8, so that data cannot
 * drive a terminal. */
void rs_put_printable(struct rs_buf *buf, struct rs_str text);

#endif
