/* decode.h - from a Kafka record to a message: find the source, read the words,
 * normalise them.
 *
 * Never fails: what cannot be read ends as a quarantined message or a rejected
 * event, with the reason.  One decoder a thread.  Core: no I/O, no clock.
 */
#ifndef RASTRO_DECODE_H
#define RASTRO_DECODE_H

#include "rastro/arena.h"
#include "rastro/event.h"
#include "rastro/json.h"
#include "rastro/profile.h"

/* Bounds on one message. */
#define RS_MESSAGE_BYTES_MAX (8u << 20)
#define RS_EVENTS_MAX 20000
#define RS_REPORTS_MAX 2000
#define RS_LINKS_MAX 16
#define RS_WORD_MAX 4096 /* bytes kept of a code, text or place */
#define RS_ID_MAX 1024   /* bytes of a word that is part of a key: PostgreSQL indexes no longer ones */

struct rs_record {
    struct rs_str topic;
    int32_t partition;
    int64_t offset;
    int64_t time_us;      /* Kafka's time stamp */
    struct rs_str value;  /* n == 0 with p == NULL: a tombstone */
    struct rs_str source; /* named by a header or by the topic's option, or empty */
};

struct rs_decoder_options {
    enum rs_json_backend backend;
    bool trace;        /* keep what explain shows */
    int64_t future_us; /* tolerance; see RS_MARK_future */

    /* Room for checkpoints that were read before, so that a history that is told
     * again costs little: about 200 bytes each.  Changes nothing of what comes
     * out.  0: none; a decoder that traces, or reads with jansson, has none. */
    size_t memo_bytes;
};

struct rs_decoder;

/* The catalog, zones and profiles must outlive the decoder. */
struct rs_decoder *rs_decoder_new(const struct rs_catalog *catalog, struct rs_zones *zones,
                                  const struct rs_profiles *profiles, const struct rs_decoder_options *options);
void rs_decoder_free(struct rs_decoder *decoder); /* NULL is fine */

/* Fills `ret`; everything in it lives in `arena` or in the record's bytes. */
void rs_decode(struct rs_decoder *decoder, const struct rs_record *record, struct rs_arena *arena,
               struct rs_message *ret);

/* How many checkpoints the memo was asked for, and how many it knew. */
void rs_decoder_memo(const struct rs_decoder *decoder, uint64_t *ret_asked, uint64_t *ret_known);

/* The JSON of the last message that was decoded, for explain. */
const struct rs_json *rs_decoder_json(const struct rs_decoder *decoder);

/* For each profile that was tried by shape: why it did not fit, appended as
 * "aftership, no $.data.tracking; ..."; for explain. */
void rs_decoder_tried(const struct rs_decoder *decoder, struct rs_buf *buf);

#endif
