/* Partitions that belong to nobody.
 *
 * In a cooperative rebalance a member that must give partitions up does so, then
 * joins again, and only that second join hands them to another.  A member with a
 * fixed name (--instance) that dies between the two and comes back under it is
 * given its half of the old plan without a rebalance, so nobody joins again and
 * what it had given up belongs to nobody, until something else makes the group
 * share out anew.  The same holds for whatever else loses an assignment.
 *
 * PostgreSQL knows: a partition of a topic that we read, without a living session
 * of an owner, for longer than a dead member is waited for.  A visitor, a second
 * and passing member of our own, then joins the group and leaves it, which makes
 * all share out anew, twice.  It takes nothing that it is given.  What no rebalance
 * heals (a partition that its owner cannot claim) is visited ever more rarely.
 */
#include "pipeline_private.h"
#include "rastro/log.h"

/* Longer than sessions of dead members last, by default and with some patience. */
#define ORPHANED_US (15 * RS_SECOND_US)
#define VISIT_PAUSE_MAX_US (10 * RS_MINUTE_US)
/* A visitor that is not let in goes again. */
#define VISIT_PATIENCE_US (60 * RS_SECOND_US)
#define VISITOR_QUEUE_BYTES (1 << 20)

static uint64_t count_orphans(const struct rs_pipeline *p)
{
    uint64_t most = 0;
    for (int i = 0; i < p->options.workers; i++) {
        uint64_t n = rs_load_relaxed_u64(&p->worker[i].orphans);
        if (n > most) most = n;
    }
    return most;
}

void rs_pipeline_send_visitor_away(struct rs_pipeline *p)
{
    rs_kafka_close(p->visitor);
    p->visitor = NULL;
}

static void call_visitor(struct rs_pipeline *p, int64_t now_us)
{
    struct rs_kafka_options options = p->options.kafka;
    struct rs_diag diag;
    options.instance = "";
    options.queue_bytes = VISITOR_QUEUE_BYTES;
    p->visit_us = now_us;
    if (rs_kafka_open(&options, &p->visitor, &diag)) rs_warn("%s", diag.text);
}

/* Being let in is all that it came for. */
static void receive_visitor(struct rs_pipeline *p, int64_t now_us)
{
    struct rs_kafka_event event;
    struct rs_diag diag;
    rs_kafka_poll(p->visitor, 0, &event);
    if (event.kind == RS_KAFKA_ASSIGNED && rs_kafka_assign(p->visitor, NULL, 0, &diag)) rs_warn("%s", diag.text);
    if (event.kind == RS_KAFKA_ASSIGNED || now_us - p->visit_us > VISIT_PATIENCE_US) {
        rs_pipeline_send_visitor_away(p);
        p->visit_us = rs_mono_us(p->options.clock);
    }
}

void rs_pipeline_mind_orphans(struct rs_pipeline *p)
{
    int64_t now = rs_mono_us(p->options.clock);
    if (p->visitor) {
        receive_visitor(p, now);
        return;
    }
    uint64_t orphans = count_orphans(p);
    if (!orphans || p->revoking) {
        p->orphans_us = 0;
        if (!orphans) p->visit_pause_us = 0;
        return;
    }
    if (!p->orphans_us) p->orphans_us = now;
    if (now - p->orphans_us < ORPHANED_US || now - p->visit_us < p->visit_pause_us) return;
    rs_warn("%llu partitions belong to nobody: the group is made to share them out again", (unsigned long long)orphans);
    p->visit_pause_us = p->visit_pause_us ? p->visit_pause_us * 2 : 2 * ORPHANED_US;
    if (p->visit_pause_us > VISIT_PAUSE_MAX_US) p->visit_pause_us = VISIT_PAUSE_MAX_US;
    call_visitor(p, now);
}
