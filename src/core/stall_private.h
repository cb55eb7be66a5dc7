/* stall_private.h - the state of a walk along a timeline, see stall.h. */
#ifndef RASTRO_CORE_STALL_PRIVATE_H
#define RASTRO_CORE_STALL_PRIVATE_H

#include "rastro/stall.h"

/* An instant that something starts with, and the event that tells it. */
struct point {
    int64_t at_us; /* RS_INSTANT_NONE: there is none */
    uint32_t event;
};

static const struct point nothing = {RS_INSTANT_NONE, RS_STALL_NONE};

/* Scans that have one stage and at most one place. */
struct run {
    struct point start;
    struct rs_str stage, country, city;
    int64_t last_us; /* of its last scan */
};

struct past {
    int64_t from_us;
    const struct rs_status *status;
};

/* What the orders say now. */
struct orders {
    const struct rs_stall_order **now; /* the newest update of each, or NULL */
    uint32_t n;
    bool any, cancelled;       /* some order; and all that there are, are off */
    int64_t dispatched_us;     /* the last, for never_scanned */
    int64_t first_dispatch_us; /* the first, for scan_before_dispatch */
    int64_t promised_us;       /* the last */
    int64_t shared_us;         /* since when two of them go to two places */
    struct rs_str country;     /* of the one place that all go to */
    const struct rs_stall_order *to;
};

struct walk {
    const struct rs_rules *rules;
    const struct rs_calendars *calendars;
    const struct rs_stall_parcel *parcel;
    int64_t feed_us;
    struct rs_stalls *ret;
    struct rs_arena *arena;
    uint32_t episode_room;
    uint32_t open[RS_STALL__COUNT]; /* index of the episode, or RS_STALL_NONE */

    bool bears, bore; /* this number has the clocks; it had them already */
    bool untracked;   /* the carrier that has it gives no tracking */
    int64_t registered_us;
    uint32_t begun, stepped; /* the first event of the number's use, and events so far */
    int64_t last_us;         /* of the event before */
    struct rs_situation situation;
    uint32_t head;
    bool scanned;
    struct point moved, pickup, stopped, first, delivered, after, elsewhere, wrong;
    struct run run;
    struct rs_str country; /* of the last place told */
    struct past *past;     /* the statuses so far */
    uint32_t past_n;
    struct rs_pause *pause; /* room */
    struct orders orders;
};

static inline bool stage_is(const struct rs_status *status, const char *stage)
{
    return status && rs_str_is(status->stage, stage);
}

/* A scan that was made, whatever it says. */
static inline bool physical(const struct rs_stall_event *event)
{
    return event->kind == RS_EVENT_SCAN && !(event->marks & (RS_MARK_synthetic | RS_MARK_future));
}

/* ---- stall_compare.c: what was registered beside what was told --------------------- */

void rs_stall_open_orders(struct walk *w, struct rs_arena *arena);
void rs_stall_step_order(struct walk *w, const struct rs_stall_order *order);

/* Takes event `i`, a scan of this number's own, into account. */
void rs_stall_compare(struct walk *w, uint32_t i);

struct point rs_stall_before_dispatch(const struct walk *w);

/* Of these kinds a rule's `after` is how much may differ; they are due at once. */
static inline bool rs_stall_is_tolerance(enum rs_stall_kind kind)
{
    return kind == RS_STALL_scan_after_delivery || kind == RS_STALL_scan_before_dispatch;
}

/* Names of places: case, accents of Latin letters and what is no letter or digit
 * do not count. */
bool rs_words_alike(struct rs_str a, struct rs_str b);

#endif
