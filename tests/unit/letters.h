/* letters.h - messages about one parcel, written short.
 *
 * A message is a list of letters, each a scan: `b` happens an hour after `a`;
 * `B` stands at the instant of `b` in other words; `b'` is `b` read anew, the
 * same words at another instant.
 */
#ifndef RASTRO_UNIT_LETTERS_H
#define RASTRO_UNIT_LETTERS_H

#include "rastro/track.h"
#include "support.h"

#define HOUR(n) (RS_TEST_PUBLISHED + (int64_t)(n)*RS_HOUR_US)

struct rs_letter_text {
    const char *scans; /* "a b' C" */
    int64_t at;        /* hours; the update time or the latest scan */
    int64_t published; /* hours; 0: as `at` */
    int32_t count;
    uint16_t identity; /* of the reading; 0: 1 */
    int32_t source;    /* 0: 1 */
    bool part;         /* not the full history */
    const char *facts; /* or NULL */
};

/* What is special about a scan, by its letter; otherwise it arrived. */
struct rs_special_scan {
    const char *status;
    enum rs_event_kind kind;
    uint16_t marks;
    int64_t sequence;
};
extern struct rs_special_scan rs_special_scan[128];

struct rs_event rs_scan_of(char c, bool again, int32_t source);
struct rs_report rs_letter_report(const struct rs_letter_text *letter);
struct rs_view_order rs_letter_order(const struct rs_letter_text *letter);

/* Applies the message to what is known. */
struct rs_track_counts rs_tell(struct rs_parcel_state *state, const struct rs_letter_text *letter);

/* The letter of a row. */
const char *rs_scan_name(const struct rs_parcel_state *state, struct rs_key fp);

/* "a- b>C c; head c": - no longer reported, > superseded by.  Rows whose words
 * were read anew are left out: a member of an older release may have written
 * them or not. */
const char *rs_state_words(const struct rs_parcel_state *state);

/* What PostgreSQL keeps between two batches, so that what a batch forgets to log
 * is lost here too. */
struct rs_track_store {
    struct rs_known row[64];
    struct rs_currency log[256];
    struct rs_view view[4];
    uint32_t rows, logs, views;
};

void rs_store_load(const struct rs_track_store *store, struct rs_parcel_state *state);
void rs_store_save(struct rs_track_store *store, const struct rs_parcel_state *state);

#define assert_state(state, want) cr_assert_str_eq(rs_state_words(state), want)

#endif
