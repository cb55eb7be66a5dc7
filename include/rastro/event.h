/* event.h - what decoding makes of one Kafka record.
 *
 * A message carries reports, one a parcel; a report carries events.  All memory
 * belongs to the arena that was given to rs_decode; strings may point into the
 * record's own bytes, so keep both until the batch is durable.
 *
 * Source of the identity rules: design, "Identity and time".
 */
#ifndef RASTRO_EVENT_H
#define RASTRO_EVENT_H

#include "rastro/catalog.h"
#include "rastro/clock.h"
#include "rastro/hash.h"
#include "rastro/number.h"
#include "rastro/str.h"
#include "rastro/time.h"

/* What kind of line of a timeline. */
enum rs_event_kind {
    RS_EVENT_SCAN,     /* it happened */
    RS_EVENT_PLANNED,  /* the source expects it */
    RS_EVENT_REPORTED, /* a status without a scan; its time is its message's update time */
};

/* How the zone of the time was known. */
enum rs_zone_basis {
    RS_BASIS_GIVEN,   /* said by the source */
    RS_BASIS_PLACE,   /* the zone of the scan's country or region */
    RS_BASIS_RULE,    /* the profile's rule for this source */
    RS_BASIS_ASSUMED, /* nothing told it: read as UTC */
};

/* Things a reader should know about an event.  X(name, bit) */
#define RS_MARKS(X)                                                               \
    X(unmapped_code, 0)  /* no canonical status for its code: it moves nothing */ \
    X(assumed_zone, 1)   /* read as UTC for want of a zone */                     \
    X(ambiguous_time, 2) /* the local hour came twice: the earlier is taken */    \
    X(skipped_time, 3)   /* the local hour did not exist */                       \
    X(future, 4)         /* later than its publication plus the tolerance */      \
    X(synthetic, 5)      /* not a physical scan, by the profile */                \
    X(cut, 6)            /* a text was longer than is kept */                     \
    X(nul, 7)            /* a NUL character was replaced */                       \
    X(unknown_zone, 8)   /* it named a zone that nobody knows: passed over */

enum rs_mark {
#define X(name, bit) RS_MARK_##name = 1 << (bit),
    RS_MARKS(X)
#undef X
};

struct rs_place {
    struct rs_str country, region, city, name; /* as the source said them */
    char iso2[2];                              /* of the country, or NULs */
};

struct rs_event {
    int64_t instant_us; /* when it happened */
    int64_t sequence;   /* the source's own order among equal instants, or 0 */
    struct rs_key fp;   /* the normalised identity, unique for a parcel */
    struct rs_key said; /* the source's own words */
    const struct rs_status *status;
    struct rs_str code, text, time, zone; /* words; time and zone as said */
    struct rs_place place;
    struct rs_str raw;  /* the event's own bytes in the message */
    uint32_t node;      /* its node in the message's JSON */
    uint32_t line;      /* its number in the payload's list, from 0 */
    int16_t offset_min; /* local clock at the scan, minutes east of UTC */
    uint16_t marks;     /* enum rs_mark */
    /* `fp` is no function of `said`'s words and the reading version alone: two
     * events of equal `said`, read by one version, may have two `fp`s.  So where
     * an event id is the identity, where the time of a reported status is not
     * among its words, and where it depends on which of the profile's rules read
     * a time.  Otherwise known words, read by no older version, are a repeat. */
    bool said_apart;
    enum rs_event_kind kind;
    enum rs_precision precision;
    enum rs_zone_basis basis;
    struct rs_event_trace *trace; /* NULL unless the decoder traces */
};

/* An event that cannot be used; its neighbours can. */
struct rs_reject {
    struct rs_str reason; /* "time: 'string' is no date" */
    struct rs_str raw;
    struct rs_str path; /* "$.events[3]" */
};

/* What a parcel handed over is called from there on. */
struct rs_link {
    struct rs_str kind; /* "last_mile" */
    struct rs_str issuer, number;
    const struct rs_carrier *carrier; /* NULL when not told */
};

struct rs_period {
    int64_t from_us, to_us; /* RS_INSTANT_NONE when not told */
};

/* What a source says of the parcel itself; something is told. */
struct rs_facts {
    struct rs_place origin, destination; /* name holds the postcode */
    struct rs_str service, order;
    struct rs_period promised, estimated;
    struct rs_str signed_by;
    int64_t signed_us; /* RS_INSTANT_NONE when not told */
    struct rs_key key; /* of all of the above */
};

struct rs_parcel_key {
    struct rs_str issuer; /* empty for a valid S10 number */
    struct rs_str number; /* cleaned, see rs_number_clean */
    struct rs_str discriminator;
};

/* One message's say about one parcel. */
struct rs_report {
    struct rs_parcel_key parcel;
    enum rs_s10 s10;
    bool snapshot;        /* the source's full history */
    bool unknown_carrier; /* the alias is its own issuer */
    int64_t order_us;     /* see rs_view_order in track.h */
    uint32_t order_count;
    int64_t looked_us;            /* when the source last looked, as far as it says */
    const struct rs_facts *facts; /* NULL: nothing told */
    struct rs_link *link;
    uint32_t link_count;
    struct rs_event *event;
    uint32_t event_count;
    uint32_t repeated; /* events that stood twice in the list, dropped */
    struct rs_reject *reject;
    uint32_t reject_count;
    uint32_t node; /* the report's node in the message's JSON */
    struct rs_report_trace *trace;
};

/* The order's side: one update of one order. */
struct rs_shipment {
    struct rs_str marketplace, order;
    int64_t updated_us;
    bool cancelled;
    struct rs_str seller, service;
    int64_t dispatched_us;
    struct rs_period promised;
    struct rs_period claim; /* when a claim may be filed */
    struct rs_place origin, destination;
    struct rs_key key; /* of the content */
    struct rs_parcel_key *parcel;
    enum rs_s10 *s10;
    uint32_t parcel_count;
};

enum rs_outcome {
    RS_OUTCOME_TRACKING,    /* reports */
    RS_OUTCOME_SHIPMENT,    /* one update of an order */
    RS_OUTCOME_IGNORED,     /* a tombstone, or a shape that the profile ignores */
    RS_OUTCOME_QUARANTINED, /* unusable as a whole; `reason` says why */
};

struct rs_message {
    struct rs_str source;
    const struct rs_profile *profile; /* NULL when no source was found */
    uint32_t iana;                    /* the release that times were read with */
    int64_t published_us;             /* Kafka's time of the record */
    enum rs_outcome outcome;
    struct rs_str reason;
    struct rs_str shape;
    struct rs_report *report;
    uint32_t report_count;
    struct rs_shipment *shipment;
};

/* The total order of events within a parcel: (instant, source, sequence, rank,
 * fp).  The same everywhere. */
int rs_event_cmp(const struct rs_event *a, struct rs_str a_source, const struct rs_event *b, struct rs_str b_source);

const char *rs_event_kind_name(enum rs_event_kind kind);
const char *rs_zone_basis_name(enum rs_zone_basis basis);
const char *rs_precision_name(enum rs_precision precision);

#endif
