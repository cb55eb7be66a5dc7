/* detector_private.h - the detector's parts, see detector.c. */
#ifndef RASTRO_PG_DETECTOR_PRIVATE_H
#define RASTRO_PG_DETECTOR_PRIVATE_H

#include "desk.h"
#include "rastro/detector.h"

/* Parcels that are taken at once. */
#define RS_DETECTOR_PAGE 250

struct rs_detector {
    struct rs_detector_options options;
    struct rs_desk desk;
    int64_t least_us; /* between two looks at a parcel, in feed time */
    bool announced, applied, settled, outdated;
    int64_t apply_from;    /* parcels up to this one are on the list for newer rules */
    bool waiting;          /* for the transactions in `holder` */
    struct rs_arena *held; /* theirs */
    struct rs_str *holder;
    uint32_t holder_n;
    int64_t candidate, opening; /* the newest that was made; those up to this may be opened once nobody is waited for */
    bool joined, joining;       /* more is to be left word of, since behind and before `holder` was noted */
};

/* Steps that a transaction takes; they live in the desk's arena. */
struct rs_detector_steps {
    struct rs_desk_step *list;
    uint32_t n, room;
};

/* ---- detector_inbox.c: what batches left, and how often sources tell something */
int rs_detector_take_in(struct rs_detector *d, struct rs_detector_counts *counts, struct rs_diag *diag);
/* Whether partitions that somebody reads are far behind. */
int rs_detector_find_behind(struct rs_detector *d, bool *ret, struct rs_diag *diag);

/* ---- detector_look.c: from deadlines to candidates */
int rs_detector_find_due(struct rs_detector *d, int64_t ret[RS_DETECTOR_PAGE], uint32_t *ret_n, struct rs_diag *diag);
/* Locks the parcels and reads all there is of them; `n` becomes how many there are. */
int rs_detector_load(struct rs_detector *d, const int64_t *parcel_id, uint32_t *n, struct rs_desk_parcel **ret,
                     struct rs_diag *diag);
/* Looks at one at its feed time.  With `opening` 0 nothing is opened; else of the
 * candidates those up to it are, and nothing new is found. */
void rs_detector_take_steps(struct rs_detector *d, struct rs_desk_parcel *parcel, int64_t opening,
                            struct rs_detector_steps *steps, struct rs_detector_counts *counts);
/* Within a transaction. */
int rs_detector_look(struct rs_detector *d, const int64_t *parcel_id, uint32_t n, struct rs_detector_counts *counts,
                     struct rs_diag *diag);

/* ---- detector_feeds.c: what is not about one parcel */
/* Feeds that fell silent or are back. */
int rs_detector_mind_feeds(struct rs_detector *d, struct rs_diag *diag);
/* Before so many episodes are opened, within the transaction: sets the storm that
 * they belong to, if they do. */
int rs_detector_mind_storm(struct rs_detector *d, uint32_t opening, struct rs_diag *diag);

#endif
