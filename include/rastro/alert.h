/* alert.h - what is told to other programs: CloudEvents 1.0, one JSON text each.
 *
 * schema/alert.schema.json describes them.  An alert's id is made of its episode
 * and revision alone, so whoever gets one twice knows; revisions of one episode
 * rise.  That of a feed is made of the source, since when it is silent, and
 * whether it is so or was; that of a storm is its own: a storm is told once; that of
 * a change of stage is made of the parcel and the event that brought it.
 *
 * Strings may hold anything; what is no UTF-8 is told as U+FFFD.
 */
#ifndef RASTRO_ALERT_H
#define RASTRO_ALERT_H

#include "rastro/event.h"
#include "rastro/rules.h"

/* X(name, type of the CloudEvent) */
#define RS_ALERTS(X)                          \
    X(opened, "rastro.stall.opened.v1")       \
    X(closed, "rastro.stall.closed.v1")       \
    X(withdrawn, "rastro.stall.withdrawn.v1") \
    X(reopened, "rastro.stall.reopened.v1")   \
    X(feed_silent, "rastro.feed.silent.v1")   \
    X(feed_back, "rastro.feed.back.v1")       \
    X(storm, "rastro.stall.storm.v1")         \
    X(stage, "rastro.parcel.stage.v1")

enum rs_alert_type {
#define X(name, type) RS_ALERT_##name,
    RS_ALERTS(X)
#undef X
        RS_ALERT__COUNT
};

struct rs_alert_event {
    int64_t instant_us; /* RS_INSTANT_NONE: there is none */
    struct rs_str status, source, text;
};

/* Empty strings and RS_INSTANT_NONE are not known, and told as null: the key and
 * recorded_us must be known, for an episode its rule, started_us, since_us,
 * silent_us and feed_us too, and from_us where it counts. */
struct rs_alert {
    enum rs_alert_type type;
    int64_t recorded_us; /* when it was found: the CloudEvent's time */
    bool replayed;       /* found long after it was due: no news to act upon in haste */
    struct rs_str storm; /* id of the storm that it belongs to, or empty */

    /* of an episode */
    int64_t episode;
    uint32_t revision, rules_version;
    enum rs_stall_kind kind;
    struct rs_str rule, number, carrier, seller, stage, leg, origin, destination;
    int64_t started_us, since_us, until_us, silent_us, promised_us, feed_us;
    struct rs_alert_event last, ended; /* what its clock started with, and what ended it */

    /* of a change of stage: number, stage and last too */
    int64_t parcel_id;
    struct rs_key fp;  /* of `last` */
    struct rs_str was; /* the stage before, or empty */

    /* of a feed: since when it is, or was, silent; of a storm: how many were opened since when */
    struct rs_str source;
    int64_t from_us, count;
};

/* The key of the record in Kafka: the number, or the source, or the storm. */
struct rs_str rs_alert_key(const struct rs_alert *alert);

/* Appends the JSON text. */
void rs_alert_put(const struct rs_alert *alert, struct rs_buf *out);

#endif
