/* raw.h - an event's own bytes, kept small.
 *
 * Stored form: one byte of codec, then
 *   0  the bytes as they are
 *   1  varint length, LZ4 block
 *   2  varint length, varint dictionary number, LZ4 block made with it
 *   3  varint shape number
 *
 * A shape is the bytes without what stands in the event's row anyway: its words,
 * and other spellings of its time, such as a source gives beside the one that is
 * read.  Each is replaced by a mark.  Events of a source have few shapes, so a row
 * pays for what it alone says.  Where an event has a shape of its own, such as by
 * an id that no column has, its bytes are packed with the profile's example as
 * dictionary.
 */
#ifndef RASTRO_RAW_H
#define RASTRO_RAW_H

#include "rastro/error.h"
#include "rastro/event.h"

/* One a thread. */
struct rs_raw_coder;

struct rs_raw_coder *rs_raw_coder_new(void);
void rs_raw_coder_free(struct rs_raw_coder *coder); /* NULL is fine */

/* A dictionary in use; the bytes must outlive the coder.  Number 0 means none. */
struct rs_raw_dictionary {
    uint32_t number;
    struct rs_str bytes;
};

/* Appends the stored form of `raw` to `out`. */
void rs_raw_pack(struct rs_raw_coder *coder, const struct rs_raw_dictionary *dictionary, struct rs_str raw,
                 struct rs_buf *out);

/* Marks are bytes that stand nowhere in JSON: below 32, and no white space.
 * What they mean is frozen, rows have them. */
enum rs_raw_mark {
    RS_RAW_CODE = 1,
    RS_RAW_TEXT,
    RS_RAW_TIME,
    RS_RAW_ZONE,
    RS_RAW_COUNTRY,
    RS_RAW_REGION,
    RS_RAW_CITY,
    RS_RAW_PLACE,
    RS_RAW_WORDS_END,
    RS_RAW_UTC = 14, /* the instant as 2025-05-21T05:33:04Z */
    RS_RAW_MILLIS,   /* since 1970 */
    RS_RAW_DATE,     /* the first 10 bytes of the time's word */
    RS_RAW_CLOCK,    /* 8 bytes of it from the 11th on */
    RS_RAW_MARKS_END,
};

/* What of a row a shape is filled with. */
struct rs_raw_row {
    struct rs_str word[RS_RAW_WORDS_END]; /* by mark; [0] is none */
    int64_t instant_us;
};
void rs_raw_row_of(const struct rs_event *event, struct rs_raw_row *ret);

#define RS_RAW_SHAPE_MAX 1024 /* bytes; of an event with more, no shape is made */

/* The shape of an event's bytes, in `ret`; its length, or 0 when it has none: no
 * word of it stands in its bytes as it is, or it would be too long.  With
 * `spellings` other spellings of its time are looked for as well. */
uint32_t rs_raw_shape(const struct rs_event *event, bool spellings, char ret[RS_RAW_SHAPE_MAX]);
/* Appends the bytes; at most `max` of them. */
int rs_raw_fill(struct rs_str shape, const struct rs_raw_row *row, size_t max, struct rs_buf *out,
                struct rs_diag *diag);
void rs_raw_put_shape(uint32_t number, struct rs_buf *out);

/* What is needed beside a stored form. */
enum rs_raw_base { RS_RAW_NOTHING, RS_RAW_DICTIONARY, RS_RAW_SHAPE };
int rs_raw_needs(struct rs_str stored, enum rs_raw_base *ret_base, uint32_t *ret_number, struct rs_diag *diag);

/* Appends the bytes that were packed; at most `max` of them.  `base`: the
 * dictionary or the shape; `row`: NULL where no shape can be. */
int rs_raw_unpack(struct rs_str stored, struct rs_str base, const struct rs_raw_row *row, size_t max,
                  struct rs_buf *out, struct rs_diag *diag);

#endif
