/* truth.h - what must be in the database when all has been read.
 *
 * Worked out from plans, never from messages.  One file a kind, as COPY reads
 * it; README.md has the columns.
 */
#ifndef FEED_TRUTH_H
#define FEED_TRUTH_H

#include "plan.h"

struct totals {
    uint64_t messages, copies, bytes;
    uint64_t registrations; /* messages with a parcel and no event */
    uint64_t tracking;      /* messages with events */
    uint64_t unusable, ignored;
    uint64_t scans; /* listed in messages, repeats included */
    uint64_t fresh, repeats, quarantined;
    uint64_t parcels, links, orders, shipments;
    uint64_t current, superseded, withdrawn, reported, twins;
};

struct truth;

/* Without a folder nothing is written, and all is counted. */
struct truth *truth_open(const char *folder, const struct options *options);

/* Everything that a shipment leaves behind, once all its messages are out. */
void truth_shipment(struct truth *truth, const struct plan *plan);

/* A message that must be quarantined. */
void truth_quarantined(struct truth *truth, const char *topic, int partition, int64_t offset, const char *why);

void truth_position(struct truth *truth, const char *topic, int partition, int64_t next);

struct totals *truth_totals(struct truth *truth);

/* False when something could not be written; then the reason is printed. */
bool truth_close(struct truth *truth);

#endif
