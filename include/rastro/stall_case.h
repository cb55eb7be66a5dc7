/* stall_case.h - what PostgreSQL has of parcels, as stall.h asks for it.
 *
 * Through the views of readers alone.  A journey's numbers are read together: the
 * events of all of them, the orders that name any, and from when to when the one
 * asked for had the parcel.  That is from the hand-over that gave it to its
 * number, by the link or by the number's first scan, whichever was told earlier.
 *
 * Feed time is read before all else.  So everything appended up to it is there; if
 * something appended later is there as well, `told_us` says so.  A parcel is known
 * as it stood at feed time, no more and no less, where told_us is not later.
 */
#ifndef RASTRO_STALL_CASE_H
#define RASTRO_STALL_CASE_H

#include "rastro/pg.h"
#include "rastro/stall.h"

/* Of a longer timeline only the end is looked at. */
#define RS_STALL_EVENTS_MAX 10000

/* Whose event it is, for people; beside rs_stall_parcel.event. */
struct rs_stall_words {
    struct rs_str source, text, number, place;
};

struct rs_stall_case {
    int64_t parcel_id; /* 0: there is no such parcel */
    struct rs_str number;
    struct rs_stall_parcel parcel;
    struct rs_stall_words *words;

    /* The least of what all partitions are complete to, since its next scan and its
     * orders may come on any, and of the feed times of its sources, which stand still
     * while they are silent.  RS_INSTANT_NONE: somebody did not tell yet how far it is. */
    int64_t feed_us;
    struct rs_str feed_source, feed_topic; /* what holds it back most */
    int32_t feed_partition, feed_number;   /* the number is the source's, 0 where there is none */

    int64_t told_us;      /* Kafka's time of the newest message that changed what is known of it */
    struct rs_str seller; /* of the newest update of an order that tells one */

    int64_t looked_us; /* when a source last looked, as far as it is known */
    struct rs_str looked_by;
};

/* For parcels in the order of their ids, each once; `ret` has room for as many.
 * `as_of_us`: what was recorded up to then, or RS_INSTANT_NONE; facts, orders and
 * links are those of today.  All of `ret` lives in the arena. */
int rs_stall_cases_load(struct rs_pg *pg, const struct rs_catalog *catalog, const int64_t *parcel_id, uint32_t n,
                        int64_t as_of_us, struct rs_arena *arena, struct rs_stall_case *ret, struct rs_diag *diag);

#endif
