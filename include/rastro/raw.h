/* raw.h - an event's own bytes, kept small.
 *
 * Stored form: one byte of codec, then
 *   0  the bytes as they are
 *   1  varint length, LZ4 block
 *   2  varint length, varint dictionary number, LZ4 block made with it
 * The dictionary is the profile's example, so that a row pays for what it says
 * and not for its keys.  Whichever is smallest is stored.
 */
#ifndef RASTRO_RAW_H
#define RASTRO_RAW_H

#include "rastro/error.h"
#include "rastro/str.h"

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

/* The dictionary that a stored form needs, or 0. */
int rs_raw_needs(struct rs_str stored, uint32_t *ret_number, struct rs_diag *diag);

/* Appends the bytes that were packed; at most `max` of them. */
int rs_raw_unpack(struct rs_str stored, struct rs_str dictionary, size_t max, struct rs_buf *out, struct rs_diag *diag);

#endif
