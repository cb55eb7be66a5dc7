/* fault.h - places where a test may kill the process.
 *
 * RASTRO_KILL=name[:n] ends the process by SIGKILL at the n-th passing of the
 * named point (n = 1 by default); RASTRO_KILL=*:p:seed kills at any point with
 * probability 1/p.  RASTRO_STOP=name[:n] stops it by SIGSTOP instead.  A release
 * build (RASTRO_FAULTS=OFF) has no such places.
 */
#ifndef RASTRO_FAULT_H
#define RASTRO_FAULT_H

/* The points, in the order in which a batch passes them, then the detector and alerts. */
/* clang-format off */
#define RS_KILL_POINTS(X)                                                  \
    X(AFTER_CLAIM, "after-claim")       /* the claim is committed */         \
    X(AFTER_OFFSETS, "after-offsets")   /* the positions' compare-and-set */ \
    X(MID_COPY, "mid-copy")             /* half of the rows are sent */      \
    X(BEFORE_COMMIT, "before-commit")   /* all rows are in */                \
    X(COMMIT_SENT, "commit-sent")       /* COMMIT is on the wire */          \
    X(REPLY_READ, "reply-read")         /* PostgreSQL said yes */            \
    X(IN_REVOKE, "in-revoke")           /* a partition is being let go */    \
    X(INBOX_TAKEN, "inbox-taken")       /* the detector took a batch's word in */ \
    X(LOOKED, "looked")                 /* candidates and deadlines are in, uncommitted */ \
    X(CANDIDATES, "candidates")         /* they are committed */             \
    X(BEFORE_OPENING, "before-opening") /* what was opened is in, uncommitted */ \
    X(OPENED, "opened")                 /* it is committed */            \
    X(ALERTS_WRITTEN, "alerts-written") /* Kafka has them, uncommitted */    \
    X(ALERTS_SENT, "alerts-sent")       /* committed; the outbox has them too */

enum rs_kill_point {
#define X(id, name) RS_KILL_##id,
    RS_KILL_POINTS(X)
#undef X
    RS_KILL__COUNT
};
/* clang-format on */

#ifdef RASTRO_FAULTS
void rs_kill_point(enum rs_kill_point point);
#else
static inline void rs_kill_point(enum rs_kill_point point)
{
    (void)point;
}
#endif

#endif
