/* raw.h - an event's own bytes, kept small.
 *
 * Stored form: one byte of codec, then
 *   0  the bytes as they are
 *   1  varint length, LZ4 block
 *   2  varint length, varint dictionary number, LZ4 block made with it
 *   3  varint shape number
 *
 * A shape is the bytes without the event's words, which stand in its row anyway:
 * each is replaced by a mark.  Events of a source have few shapes, so a row pays
 * for what it alone says.  Where an event has a shape of its own, such as by an
 * id that no column has, its bytes are packed with the profile's example as
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

/* The words of a row, by their marks: 1 and so on; no byte below 9 stands in JSON. */
enum rs_raw_word {
    RS_RAW_CODE,
    RS_RAW_TEXT,
    RS_RAW_TIME,
    RS_RAW_ZONE,
    RS_RAW_COUNTRY,
    RS_RAW_REGION,
    RS_RAW_CITY,
    RS_RAW_PLACE,
    RS_RAW_WORDS,
};
_Static_assert(RS_RAW_WORDS < '\t', "white space of JSON is no mark");

#define RS_RAW_SHAPE_MAX 1024 /* bytes; of an event with more, no shape is made */

/* The shape of an event's bytes, in `shape`; its length, or 0 when it has none:
 * no word of it stands in its bytes as it is, or it would be too long. */
uint32_t rs_raw_shape(const struct rs_event *event, char shape[RS_RAW_SHAPE_MAX]);
void rs_raw_put_shape(uint32_t number, struct rs_buf *out);

/* What is needed beside a stored form. */
enum rs_raw_base { RS_RAW_NOTHING, RS_RAW_DICTIONARY, RS_RAW_SHAPE };
int rs_raw_needs(struct rs_str stored, enum rs_raw_base *ret_base, uint32_t *ret_number, struct rs_diag *diag);

/* Appends the bytes that were packed; at most `max` of them.  `base`: the
 * dictionary or the shape; `words`: RS_RAW_WORDS of them, of the row, or NULL
 * where no shape can be. */
int rs_raw_unpack(struct rs_str stored, struct rs_str base, const struct rs_str *words, size_t max, struct rs_buf *out,
                  struct rs_diag *diag);

#endif
