/* rules.h - when a parcel counts as stalled: an ordered list, as data.
 *
 * Read from schema/stalls.json (or --rules).  For each kind of stall the first
 * rule that fits a parcel's situation counts.  A rule that no parcel can reach,
 * because those ahead of it of its kind take all that it fits, is refused.
 * Read once, then only read; safe from every thread.
 *
 * The kinds, each with an example (scans as day and status):
 *
 *   never_scanned   registered on the 1st, nothing since: from the 8th on (P7D)
 *   no_update       2nd accepted, 4th transit.departed, nothing since: from the
 *                   4th and the window of the leg on
 *   stuck           2nd customs.held, and held again on the 9th, 16th, 23rd and so
 *                   on beyond the window: scans come, and say the same
 *   overdue         promised by the 20th, not delivered
 *   uncollected     9th pickup.ready, nothing since
 *   source_stopped  5th transit.moving, 4th of the next month the source says
 *                   that it looks no longer
 *   contradicted    scan_after_delivery: 9th delivered, 12th transit.arrived
 *                   scan_before_dispatch: dispatched on the 3rd, accepted on the
 *                   1st
 *                   delivered_elsewhere: ordered to Fortaleza, delivered in Recife
 *                   wrong_country: ordered to Brazil, delivered in Chile, or out
 *                   for delivery there
 *                   number_shared: two orders to two places have the number
 *                   bad_check_digit: of S10 form, and the ninth digit is wrong
 */
#ifndef RASTRO_RULES_H
#define RASTRO_RULES_H

#include "rastro/atomic.h"
#include "rastro/calendar.h"
#include "rastro/catalog.h"
#include "rastro/hash.h"

/* X(name, id, text): the ids are in databases.  Those that contradict come last. */
#define RS_STALL_KINDS(X)                                           \
    X(never_scanned, 1, "never_scanned")                            \
    X(no_update, 2, "no_update")                                    \
    X(stuck, 3, "stuck")                                            \
    X(overdue, 4, "overdue")                                        \
    X(uncollected, 5, "uncollected")                                \
    X(source_stopped, 6, "source_stopped")                          \
    X(scan_after_delivery, 7, "contradicted.scan_after_delivery")   \
    X(scan_before_dispatch, 8, "contradicted.scan_before_dispatch") \
    X(delivered_elsewhere, 9, "contradicted.delivered_elsewhere")   \
    X(wrong_country, 10, "contradicted.wrong_country")              \
    X(number_shared, 11, "contradicted.number_shared")              \
    X(bad_check_digit, 12, "contradicted.bad_check_digit")

enum rs_stall_kind {
#define X(name, id, text) RS_STALL_##name,
    RS_STALL_KINDS(X)
#undef X
        RS_STALL__COUNT
};

const char *rs_stall_kind_name(enum rs_stall_kind kind);
uint8_t rs_stall_kind_id(enum rs_stall_kind kind);
enum rs_stall_kind rs_stall_kind_numbered(uint8_t id); /* RS_STALL__COUNT when it is none */

/* Where a journey is.  Domestic: origin and destination are one country.  Else
 * customs: presented to customs and not released; and by the country of the last
 * place told: the origin's, the destination's (last mile), or another.  A parcel
 * that departed in its country of origin may have left it: line haul, since the
 * longer wait raises no false alarm.  Unknown: the lane is. */
#define RS_LEGS(X) X(unknown) X(domestic) X(origin) X(line_haul) X(customs) X(last_mile)

enum rs_leg {
#define X(name) RS_LEG_##name,
    RS_LEGS(X)
#undef X
        RS_LEG__COUNT
};

const char *rs_leg_name(enum rs_leg leg);

/* What rules ask of a parcel. */
struct rs_situation {
    struct rs_str carrier;          /* id of carriers.json; empty: not known */
    struct rs_str service;          /* as told; case does not matter */
    const struct rs_status *status; /* of the journey; NULL: no scan yet */
    enum rs_leg leg;
    struct rs_str origin, destination; /* ISO 3166 alpha-2; empty: not known */
};

/* Whose working days a rule counts. */
enum rs_working { RS_WORKING_ALL_DAYS, RS_WORKING_NAMED, RS_WORKING_ORIGIN, RS_WORKING_DESTINATION };

struct rs_rule {
    struct rs_str name;
    enum rs_stall_kind kind;
    bool never;       /* what fits is not flagged */
    int64_t after_us; /* how long the clock may run */
    enum rs_working working;
    const struct rs_calendar *calendar; /* with RS_WORKING_NAMED */
    uint64_t pause[4];                  /* by rank of status: the clock stands still */
    struct rs_str fits;                 /* for people: "leg customs, lane *-BR"; empty: every parcel of the kind */
    unsigned line;                      /* in the file */
};

struct rs_rules;

/* RS_E_CONFIG with file, line, column and what to do. */
int rs_rules_read(const struct rs_catalog *catalog, const struct rs_calendars *calendars, const char *file,
                  struct rs_str text, struct rs_rules **ret, struct rs_diag *diag);
void rs_rules_free(struct rs_rules *rules); /* NULL is fine */

/* Those that are in use.  Others may replace them at any time; whoever uses some
 * keeps to them for a transaction, and they live as long as the process may. */
struct rs_rules_now {
    rs_atomic_ptr rules; /* replaced by a release, which the acquire below pairs with */
};

static inline const struct rs_rules *rs_rules_of(const struct rs_rules_now *now)
{
    return rs_load_acquire_ptr(&now->rules);
}

/* Of the file; members of several releases obey the highest. */
uint32_t rs_rules_version(const struct rs_rules *rules);
struct rs_key rs_rules_key(const struct rs_rules *rules); /* a hash of its bytes */
uint32_t rs_rules_count(const struct rs_rules *rules);
const struct rs_rule *rs_rules_at(const struct rs_rules *rules, uint32_t i);

/* The shortest wait for a scan that any rule has; RS_INSTANT_NONE: none waits. */
int64_t rs_rules_least_wait(const struct rs_rules *rules);

/* A scan that is told so long after it was made is not one that comes in time: a day,
 * or half of the shortest wait. */
int64_t rs_rules_grace(const struct rs_rules *rules);

/* The first of its kind that fits, or NULL. */
const struct rs_rule *rs_rules_match(const struct rs_rules *rules, enum rs_stall_kind kind,
                                     const struct rs_situation *situation);

/* Whether rule `i` fits now, or may once the parcel is scanned: its stage and leg may
 * be others then, and where no issuer is known its carrier. */
bool rs_rules_may_match(const struct rs_rules *rules, uint32_t i, const struct rs_situation *situation,
                        bool issuer_known);

/* The calendar that a rule counts by for a parcel; NULL: all days count. */
const struct rs_calendar *rs_rule_calendar(const struct rs_rule *rule, const struct rs_calendars *calendars,
                                           const struct rs_situation *situation);

static inline bool rs_rule_pauses(const struct rs_rule *rule, const struct rs_status *status)
{
    return rule->pause[status->rank / 64] >> status->rank % 64 & 1;
}

#endif
