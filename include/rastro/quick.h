/* quick.h - what a report changes about a parcel, decided from the parcel table
 * alone.
 *
 * The outcome is that of track.h, or "cannot say": nearly all reports repeat
 * what is known and add a scan, and for those the table knows enough.  Whoever
 * cannot say reads the parcel's rows from PostgreSQL and asks track.h.
 *
 * What decides here, and why it is enough (the rules are those of track.h):
 *  - All events of the parcel were read as we read them now, so equal words have
 *    equal keys and no older or newer reading needs to be looked for.  Where fp
 *    is more than a reading of the words (rs_event.said_apart) both are asked.
 *  - The newest snapshot has every event of its source that is current (their
 *    number is kept), so none is withdrawn; none that it has is gone, so none
 *    comes back; and where some are gone it brings nothing new, so what
 *    superseded them stays.
 *  - Any other snapshot, and a message that is none, brings nothing new to a
 *    source that has had one.
 *
 * Knowledge has three layers: what the table holds, what the batch under way
 * adds (`before`), what this batch adds.  Only the first is durable.  The batch
 * is written only if the one before it was, and written under PostgreSQL's
 * unique keys and the views' versions, which find out what other processes did.
 */
#ifndef RASTRO_QUICK_H
#define RASTRO_QUICK_H

#include "rastro/table.h"
#include "rastro/track.h"

struct rs_quick {
    const struct rs_table *table;
    struct rs_table_thread *thread;
    struct rs_table_ref ref;       /* record 0: nobody knows the parcel */
    struct rs_table_parcel parcel; /* as it was found */
    const struct rs_quick *before; /* of the batch under way, or NULL */
    bool whole;                    /* what stands below is all that is known of the parcel */

    /* what this batch adds, apart from state->view */
    struct rs_parcel_state *state;
    uint64_t *word;
    uint32_t word_n, word_room;
    struct rs_table_look *look;
    uint32_t look_n, look_room;
    int64_t before_s; /* when the last report's source had looked before it; 0: never */
    uint32_t marks;   /* RS_TABLE_...; HAS_HEAD: head is set */
    struct rs_table_head head;
};

/* One report; arguments as of rs_track_report.  `histories`: the source's
 * messages may carry full histories, so that the number of its events is kept;
 * of one that only ever adds nothing can go missing.  On false nothing can be said of
 * the whole parcel, and what it has of this batch is void.  `state` gets the new
 * events and the views that must be written, and nothing of what was known. */
bool rs_quick_report(struct rs_quick *quick, struct rs_arena *arena, const struct rs_report *report, int32_t source,
                     struct rs_str source_name, struct rs_reading reading, bool histories, uint32_t message,
                     const struct rs_view_order *order, struct rs_track_counts *ret);

/* Whether a link of the last report, which was published then, may be new to the
 * parcel, or have been told earlier than is known: PostgreSQL keeps the first time. */
bool rs_quick_link(struct rs_quick *quick, struct rs_arena *arena, int32_t source, const struct rs_link *link,
                   int64_t published_us);

/* Whether a message that was published then may be the first that told of the
 * parcel; asked once a batch, of its earliest one, behind its reports.  PostgreSQL
 * keeps the first time. */
bool rs_quick_first(struct rs_quick *quick, struct rs_arena *arena, int64_t published_us);

/* The total order as far as a hint needs it: ties of two sources whose names
 * start alike, and of two keys, are broken by their first bytes. */
int rs_quick_head_cmp(const struct rs_table_head *a, const struct rs_table_head *b, void *self);

/* When the event that gave the parcel its status before this batch happened, or
 * RS_INSTANT_NONE; the rank of that status, and whether it was an end. */
int64_t rs_quick_head_before(const struct rs_quick *quick, uint16_t *ret_rank, bool *ret_ended);

/* Whether the parcel was scanned before this batch, see rs_track_scans. */
bool rs_quick_scanned_before(const struct rs_quick *quick);

/* The event of this batch that gives the parcel its status now; NULL: none does. */
const struct rs_known *rs_quick_head_now(const struct rs_quick *quick);

/* For the table, once it is durable. */
void rs_quick_facts(const struct rs_quick *quick, struct rs_arena *arena, struct rs_table_facts *ret);

/* All that is known of a parcel whose rows, and what was decided by them, stand
 * in quick->state.  `uniform`: all were read as we read now; `apart` tells of
 * which sources fp may be more than a reading of the words. */
void rs_quick_of_rows(struct rs_quick *quick, struct rs_arena *arena, bool uniform,
                      bool (*apart)(void *self, int32_t source), void *self);

#endif
