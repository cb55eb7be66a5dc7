/* track.h - what a report changes about a parcel: which of its events are new,
 * and what its source has stopped reporting, or reports again.
 *
 * Pure: what is known goes in, decisions come out and are added to what is
 * known, so that the next report of the same parcel sees them.  Whoever calls
 * makes sure that what is known cannot change under it until the decisions are
 * written: by locks (the safe path) or by proving afterwards that it did not.
 *
 * Rules (design, "Identity and time")
 *  - A known fp is a duplicate.  Known words (said) with another fp are a new
 *    reading, and an event of its own, only under a higher reading version;
 *    that the older one is superseded is derived when reading, because two
 *    members of two releases may write both at once.
 *  - A snapshot is a message that carries a source's full history and at least
 *    one event: an empty list says that the source knows nothing, not that
 *    nothing happened.  The highest order applied decides what is current;
 *    whatever order snapshots arrive in, the outcome is that of the newest.
 *    One that is applied again decides again.
 *  - Two releases may read instants, and so the order, otherwise.  Where a newer
 *    one has read a source's messages, an older one only adds what is new; and
 *    a snapshot that a newer one reads decides if it has the words of the latest
 *    scan, whatever its order.
 *  - An event that the newest snapshot lacks is superseded if that snapshot has
 *    one at the same instant, else no longer reported.  A status without a scan
 *    that was told after it, such as "stopped looking", stands until the next.
 *  - An order is kept when it is later in time than the one before or changed
 *    something; one that is equal in time and changed nothing costs no write.
 *  - Facts count unless a newer snapshot was applied; those of one-event
 *    messages, which have no order of their own, as they arrive.
 */
#ifndef RASTRO_TRACK_H
#define RASTRO_TRACK_H

#include "rastro/arena.h"
#include "rastro/event.h"

/* The profile's identity version, then the zone data's release. */
struct rs_reading {
    uint16_t identity;
    uint16_t iana; /* 652 is 2025b: (year - 2000) * 26 + letter, so that it fits */
};

static inline uint16_t rs_iana_short(uint32_t release)
{
    return (uint16_t)((release / 100 - 2000) * 26 + release % 100);
}

static inline int rs_reading_cmp(struct rs_reading a, struct rs_reading b)
{
    int x = a.identity != b.identity ? a.identity - b.identity : a.iana - b.iana;
    return (x > 0) - (x < 0);
}

/* The place of a message among its source's others about a parcel. */
struct rs_view_order {
    int64_t at_us; /* update time, else the latest scan; RS_INSTANT_NONE: no scan, or with all else 0 nothing applied */
    int32_t count; /* scans, where no update time was told */
    int64_t published_us;
    int32_t topic, partition;
    int64_t offset;
    int32_t identity; /* version of the profile that read it; no part of the order */
};

int rs_view_order_cmp(const struct rs_view_order *a, const struct rs_view_order *b);

enum rs_change { RS_CHANGE_NONE, RS_CHANGE_SUPERSEDED, RS_CHANGE_WITHDRAWN, RS_CHANGE_BACK };

/* An event that is known of a parcel: durable, or decided in this batch. */
struct rs_known {
    struct rs_key fp, said;
    struct rs_key by; /* of what superseded it */
    int64_t instant_us, sequence, published_us;
    const struct rs_status *status;
    struct rs_reading reading;
    int32_t source;
    struct rs_str source_name;
    uint16_t marks;
    enum rs_event_kind kind;
    enum rs_change state;         /* NONE and BACK: reported */
    const struct rs_event *event; /* when new in this batch, else NULL */
    uint32_t message;             /* index in the batch of the message that brought it */
    uint32_t seen;                /* mark of the report that has it */
};

/* A source's view of a parcel.  Its row's version counts the transactions that
 * decided something by it, or added events of its source; a decision from
 * memory holds only if the version is still the one that it was made from. */
struct rs_view {
    int32_t source;
    struct rs_view_order order;
    int32_t rev;
    uint32_t version; /* of the row that this was read from; 0: none */
    int64_t looked_us;
    struct rs_key facts;
    bool has_facts;
    bool stored;  /* there is a row */
    bool changed; /* the row must be written */
    bool decided; /* and its version goes up; else it only says when the source looked */

    /* for quick.h, which knows no rows */
    uint32_t current, gone; /* events of the source that are reported, that are not */
    uint64_t facts_tag;     /* stands for `facts` when those were not read */
};

/* Whether a snapshot was ever applied to it. */
bool rs_view_applied(const struct rs_view *view);

/* A line for the log of what is current. */
struct rs_currency {
    struct rs_key fp, by;
    enum rs_change change;
    int32_t source, rev;
    uint32_t message;
};

struct rs_parcel_state {
    struct rs_known *known;
    uint32_t known_n, known_room;
    uint32_t *by_fp, *by_said; /* open addressing over known: index + 1, or 0 */
    uint32_t indexed, mask;
    struct rs_view *view;
    uint32_t view_n, view_room;
    struct rs_currency *change;
    uint32_t change_n, change_room;
    uint32_t stamp; /* of the report in work, see rs_known.seen */
};

/* How a report fared. */
struct rs_track_counts {
    uint32_t fresh, duplicate, reread, withdrawn, reinstated;
    bool facts_changed; /* facts differ from the last of this source */
};

/* Room in the arena for one more; fill in its keys before the next report. */
struct rs_known *rs_track_add_known(struct rs_parcel_state *state, struct rs_arena *arena);
/* The same for a new event, filled in. */
struct rs_known *rs_track_add_event(struct rs_parcel_state *state, struct rs_arena *arena, const struct rs_event *event,
                                    int32_t source, struct rs_str source_name, struct rs_reading reading,
                                    uint32_t message, int64_t published_us);
struct rs_view *rs_track_add_view(struct rs_parcel_state *state, struct rs_arena *arena);
struct rs_view *rs_track_view(struct rs_parcel_state *state, int32_t source);

/* Applies one report of `source` (by number and name), read under `reading`,
 * from the batch's message number `message` at `order`. */
struct rs_track_counts rs_track_report(struct rs_parcel_state *state, struct rs_arena *arena,
                                       const struct rs_report *report, int32_t source, struct rs_str source_name,
                                       struct rs_reading reading, uint32_t message, const struct rs_view_order *order);

/* "Last looked" is kept this coarsely when nothing else is written. */
#define RS_LOOK_EVERY_US RS_HOUR_US

/* The source looked, and told nothing but repeats or also something new. */
void rs_track_look(struct rs_parcel_state *state, int32_t source, int64_t looked_us, bool repeats_only);

/* The event that gives the parcel its status, or NULL: the newest by the total
 * order that is reported, not planned, moves it and does not lie ahead. */
const struct rs_known *rs_track_head(const struct rs_parcel_state *state);

/* Whether an event can give a parcel its status. */
bool rs_track_moves(const struct rs_known *known);

/* Whether it says that somebody had the parcel in hands: no announcement, and nothing
 * that is planned or that a source concludes. */
bool rs_track_scans(const struct rs_known *known);

/* Neither superseded nor no longer reported. */
static inline bool rs_track_reported(const struct rs_known *known)
{
    return known->state == RS_CHANGE_NONE || known->state == RS_CHANGE_BACK;
}

#endif
