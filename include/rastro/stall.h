/* stall.h - from a parcel's timeline to its episodes: when it stood still, since
 * when, and by which rule.
 *
 * Pure, and a function of what was told alone: whatever order and grouping it
 * arrived in, the same timeline up to the same feed time gives the same
 * episodes.  So a late scan needs no rule of its own: an episode that is no
 * longer among those of the timeline never was, and is withdrawn.
 *
 * How it goes.  The timeline is walked in the order of what happened.  At each
 * step every kind of stall has at most one clock: when it started, and by the
 * rule that fits then, when it will be due.  If it was due before the next step,
 * there was an episode, since the instant at which it was due; a step after which
 * that clock no longer runs, or has started anew, closes it.  What is due behind
 * the last step is open once feed time has come there, and not before.
 *
 * Rules, beside those of rules.h
 *  - A stall began when it was due, but not before what it is due by held: a promise
 *    that was told after it had passed is broken since it was told.
 *  - A scan restarts the clock of no_update, understood or not, unless its profile
 *    calls it synthetic or it lies ahead of its publication.  What is planned or
 *    reported restarts nothing, but a reported status is one.
 *  - never_scanned starts at the dispatch that the newest update of an order
 *    tells, else when the number was first told of.
 *  - stuck starts with the first scan of the run that has the head's stage and no
 *    other place, and needs a scan of that run after the time is up: what is silent
 *    is no_update's.
 *  - overdue starts at the end of the promise of the orders, which may be put off;
 *    without orders at that of the sources.
 *  - A journey is one parcel under several numbers: each bears the clocks from its
 *    hand-over to the next, and the hand-over is a movement.
 *  - Where a number is used again, what was before does not count: a terminal
 *    event, then nothing for RS_REUSE_DAYS, or RS_REUSE_DAYS_S10 (the UPU's
 *    shortest).
 *  - Contradictions compare what was registered with what was told; both sides
 *    are in the episode.
 *  - Rules are those of the carrier that has the parcel then: the issuer of the
 *    number, or where it names none (S10) the carrier that saw it last.
 */
#ifndef RASTRO_STALL_H
#define RASTRO_STALL_H

#include "rastro/event.h"
#include "rastro/rules.h"

#define RS_REUSE_DAYS 90
#define RS_REUSE_DAYS_S10 365

#define RS_STALL_NONE UINT32_MAX

/* A current event of the journey, in the total order. */
struct rs_stall_event {
    int64_t instant_us;
    const struct rs_status *status;
    struct rs_key fp;
    struct rs_str country; /* ISO 3166 alpha-2; empty: not told, or not known */
    struct rs_str region, city;
    uint16_t marks;
    enum rs_event_kind kind;
    bool own;                         /* told under this number, not under another of the journey */
    const struct rs_carrier *carrier; /* that saw it, where the number names no issuer; or NULL */
};

/* One update of one order that has the parcel, in order of `updated_us`. */
struct rs_stall_order {
    uint32_t order; /* updates of one order share it */
    int64_t updated_us;
    bool cancelled;
    int64_t dispatched_us, promised_us; /* RS_INSTANT_NONE: not told */
    struct rs_str country, region, city, postcode;
};

struct rs_stall_parcel {
    struct rs_str carrier; /* id of the issuer, or empty */
    struct rs_str service;
    struct rs_str origin, destination; /* countries, where orders tell none: of the sources, or of an S10 number */
    enum rs_s10 s10;
    bool untracked;                       /* the issuer gives no tracking */
    int64_t registered_us;                /* when it was first told of, unless an event lies earlier */
    int64_t promised_us;                  /* by sources, or RS_INSTANT_NONE */
    int64_t handed_from_us, handed_to_us; /* when it got the clocks, INT64_MIN; when it gave them on, INT64_MAX */
    const struct rs_stall_event *event;
    uint32_t event_n;
    const struct rs_stall_order *order;
    uint32_t order_n;
};

struct rs_episode {
    enum rs_stall_kind kind;
    const struct rs_rule *rule;
    int64_t start_us;  /* of the clock */
    int64_t since_us;  /* when it was due */
    int64_t closed_us; /* INT64_MAX: open */
    uint32_t last;     /* the event that it started with, or RS_STALL_NONE */
    uint32_t closed_by;
};

/* A clock that runs, and is not due yet. */
struct rs_stall_clock {
    const struct rs_rule *rule; /* NULL: none of this kind runs */
    int64_t start_us, due_us;   /* RS_INSTANT_NONE: it stands still */
    uint32_t last;
};

struct rs_stalls {
    struct rs_episode *episode; /* in order of since_us */
    uint32_t n;
    struct rs_stall_clock clock[RS_STALL__COUNT];
    int64_t next_us; /* the earliest that a clock is due behind the feed time; RS_INSTANT_NONE */
    /* From when on a scan may make something due at once, however soon it comes: one
     * more that says the same, one by which a rule fits that waits less, or one that
     * ends a pause.  RS_INSTANT_NONE: none does. */
    int64_t ripe_us;
    struct rs_situation situation; /* at the end */
    bool untracked;                /* the carrier that has it gives no tracking */
    int64_t silent_us;             /* the last scan or hand-over, else when it was first told of */
    int64_t heard_us;              /* that, or a later status without a scan */
    int64_t promised_us;           /* by orders, else by sources; RS_INSTANT_NONE */
};

/* What one message says of a parcel, which `source` told at `published_us`. */
void rs_stall_parcel_of(const struct rs_report *report, const struct rs_catalog *catalog, struct rs_str source,
                        int64_t published_us, struct rs_arena *arena, struct rs_stall_parcel *ret);

/* The carrier whose own feed `source` is, or NULL; one in our own format is called
 * rastro/NAME. */
const struct rs_carrier *rs_stall_carrier(const struct rs_catalog *catalog, struct rs_str source);

/* What there is of `parcel` when feed time is `feed_us`.  All of `ret` lives in
 * the arena or in `parcel`. */
void rs_stall_look(const struct rs_rules *rules, const struct rs_calendars *calendars,
                   const struct rs_stall_parcel *parcel, int64_t feed_us, struct rs_arena *arena,
                   struct rs_stalls *ret);

#endif
