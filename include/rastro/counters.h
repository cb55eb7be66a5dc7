/* counters.h - what a process counted, for /metrics and the last line.
 *
 * To add one: a line in RS_COUNTERS.  They only grow; everything but what the
 * decode threads see counts once it is durable.
 */
#ifndef RASTRO_COUNTERS_H
#define RASTRO_COUNTERS_H

#include "rastro/atomic.h"
#include "rastro/str.h"

/*      name                    help */
#define RS_COUNTERS(X)                                                               \
    X(messages_read, "messages taken from Kafka, before anything is known of them")  \
    X(messages, "messages applied and durable")                                      \
    X(messages_ignored, "tombstones and shapes that a profile ignores")              \
    X(messages_quarantined, "messages that could not be used")                       \
    X(events, "events in applied messages, repeats included")                        \
    X(events_new, "events written")                                                  \
    X(events_duplicate, "events that were there already")                            \
    X(events_reread, "new events that supersede an older reading of the same words") \
    X(events_withdrawn, "events that a source stopped reporting, or changed")        \
    X(events_reinstated, "withdrawn events that came back")                          \
    X(events_quarantined, "events that could not be used, in usable messages")       \
    X(events_refused, "events among them that PostgreSQL refused")                   \
    X(events_unmapped, "new events whose code has no canonical status")              \
    X(carriers_unknown, "reports whose carrier no alias names")                      \
    X(parcels, "parcels seen for the first time")                                    \
    X(shipments, "updates of orders written")                                        \
    X(stalls_looked, "parcels looked at for whether they stand still")               \
    X(stalls_opened, "episodes opened")                                              \
    X(stalls_closed, "episodes that this member's detector closed")                  \
    X(stalls_withdrawn, "episodes that it withdrew")                                 \
    X(batches, "transactions committed")                                             \
    X(batches_straight, "of them, decided from memory and written straight in")      \
    X(conflicts, "transactions tried again")                                         \
    X(reconnects, "lost PostgreSQL sessions")                                        \
    X(fenced, "partitions that another owner took")                                  \
    X(rebalances, "assignments and revocations")                                     \
    X(alerts_published, "alerts that Kafka acknowledged, repeats included")          \
    X(relay_errors, "times that alerts could not be published")

struct rs_counters {
#define X(name, help) rs_atomic_u64 name;
    RS_COUNTERS(X)
#undef X
};

/* Prometheus' text form. */
void rs_counters_print(const struct rs_counters *counters, struct rs_buf *out);

#endif
