/* detector.h - finds parcels that stand still, and opens their episodes.
 *
 * Every member of the fleet has one; a lock of PostgreSQL's lets one of them work
 * at a time, and the next takes over when its session ends.  It belongs to one
 * thread, except where said.  See src/pg/detector.c for why no false alarm is ever told.
 */
#ifndef RASTRO_DETECTOR_H
#define RASTRO_DETECTOR_H

#include "rastro/calendar.h"
#include "rastro/catalog.h"
#include "rastro/pg.h"
#include "rastro/rules.h"

struct rs_detector_options {
    struct rs_pg_options pg;
    const struct rs_catalog *catalog;
    const struct rs_rules_now *rules;
    const struct rs_calendars *calendars;
    bool alerts; /* what it does is told in the outbox */
};

/* What a round came to. */
struct rs_detector_counts {
    uint64_t taken_in; /* parcels that batches left */
    uint64_t looked, deferred;
    uint64_t found, opened, dropped, closed, withdrawn, reopened;
    bool leads;  /* else another member's detector does the work */
    bool waits;  /* candidates wait for transactions that began before them */
    bool more;   /* there is more to do at once */
    bool behind; /* partitions are so far behind that it should give way to them */
};

struct rs_detector;

/* Connects; RS_E_SERVER when that fails. */
int rs_detector_open(const struct rs_detector_options *options, struct rs_detector **ret, struct rs_diag *diag);
void rs_detector_close(struct rs_detector *detector); /* NULL is fine */

/* A bounded piece of work.  After RS_E_SERVER the next call connects again; after
 * RS_E_CONFLICT it is simply called again.  RS_E_CONFIG: other rules have the
 * version of ours.  After any other error another member may lead. */
int rs_detector_round(struct rs_detector *detector, struct rs_detector_counts *ret, struct rs_diag *diag);

/* From any thread: the round under way fails with RS_E_SERVER at once, and PostgreSQL
 * forgets what it did.  Does nothing while the round connects. */
void rs_detector_interrupt(struct rs_detector *detector);

#endif
