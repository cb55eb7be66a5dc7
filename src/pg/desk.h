/* desk.h - episodes in PostgreSQL: read, looked at, and written, many parcels at a
 * time.  Shared by the detector, which opens them, and by writers of batches, who
 * close them in the closing event's own transaction.
 *
 * Whoever changes a parcel's episodes has its row of deadlines locked; rows are
 * locked in the order of their parcels, behind all other rows of a transaction.
 * So nobody waits in a circle, and what a parcel's alerts say is in order.
 */
#ifndef RASTRO_PG_DESK_H
#define RASTRO_PG_DESK_H

#include "rastro/calendar.h"
#include "rastro/episode.h"
#include "rastro/pg.h"
#include "rastro/stall_case.h"

struct rs_desk {
    struct rs_pg *pg;
    const struct rs_catalog *catalog;
    const struct rs_rules *rules;
    const struct rs_calendars *calendars;
    struct rs_episode_rules by; /* the version of `rules`, and since when they count */
    bool alerts;                /* changes are told in the outbox */
    int64_t storm;              /* that openings belong to; 0: none */
    struct rs_arena *arena;     /* everything lives there until it is reset */
    struct rs_pg_params params;
};

/* A scan after so long a silence is not one that comes in time. */
#define RS_STALL_SILENCE_US (4 * RS_DAY_US)

/* The rules that count in PostgreSQL, beside those of the desk. */
struct rs_desk_rules {
    bool ours;    /* the version is */
    bool differ;  /* under that version others say something else */
    bool applied; /* every parcel was put on the list for them */
};

/* A parcel whose row of deadlines is locked. */
struct rs_desk_parcel {
    int64_t id;
    bool watched;   /* batches with news of it look at it, or leave word */
    bool ripe;      /* a scan may make something due at once; before a look: whether it is watched */
    int64_t now_us; /* PostgreSQL's clock when it was locked */
    const struct rs_stored_episode *stored;
    uint32_t stored_n;
    struct rs_stall_case *c;
    struct rs_stalls stalls;
};

/* A step that is taken; the parcel outlives it. */
struct rs_desk_step {
    const struct rs_desk_parcel *parcel;
    struct rs_episode_change change;
};

/* Whether the desk may decide anything: by rules that others have replaced, and by
 * others of their version, nothing is decided.  Sets `by`. */
int rs_desk_read_rules(struct rs_desk *desk, struct rs_desk_rules *ret, struct rs_diag *diag);

/* Locks those of the parcels that have a row; `ret` in the order of their ids. */
int rs_desk_lock(struct rs_desk *desk, const int64_t *parcel_id, uint32_t n, struct rs_desk_parcel **ret,
                 uint32_t *ret_n, struct rs_diag *diag);

/* Reads what is stored of their episodes, candidates included. */
int rs_desk_load_stored(struct rs_desk *desk, struct rs_desk_parcel *parcel, uint32_t n, struct rs_diag *diag);

/* Reads what is known of them. */
int rs_desk_load_cases(struct rs_desk *desk, struct rs_desk_parcel *parcel, uint32_t n, struct rs_diag *diag);

/* What there is at `feed_us`, beside what is stored. */
uint32_t rs_desk_look(struct rs_desk *desk, struct rs_desk_parcel *parcel, int64_t feed_us,
                      struct rs_episode_change **ret);

/* Takes the steps, refreshes the words of open episodes of the n parcels, and tells
 * of what others are to know.  Steps are in the order of their parcels. */
int rs_desk_write(struct rs_desk *desk, const struct rs_desk_parcel *parcel, uint32_t n,
                  const struct rs_desk_step *step, uint32_t step_n, struct rs_diag *diag);

#endif
