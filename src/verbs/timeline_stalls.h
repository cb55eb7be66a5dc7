/* timeline_stalls.h - when a journey stood still, for rastro timeline. */
#ifndef RASTRO_VERBS_TIMELINE_STALLS_H
#define RASTRO_VERBS_TIMELINE_STALLS_H

#include "print.h"
#include "rastro/arena.h"
#include "rastro/pg.h"

struct rs_shown_stall {
    struct rs_str number, kind, rule;
    int32_t version;
    bool withdrawn;
    int64_t started_us, since_us, silent_us;
    int64_t until_us; /* RS_INSTANT_NONE: it is open */
    int64_t opened_us;
    bool has_last, has_end;
    struct rs_key last, end; /* fp of the event that its clock started with, and of the one that ended it */
};

struct rs_shown_stalls {
    struct rs_shown_stall *stall; /* in order of since_us */
    int n;
    int64_t now_us; /* as of when they are shown */
};

/* Texts of `journey`'s episodes live in the arena.  `as_of_us`: as they were
 * recorded then, or RS_INSTANT_NONE.  Withdrawn ones, which never were, only with
 * `all`. */
int rs_shown_stalls_load(struct rs_pg *pg, const int64_t *journey, int journey_n, int64_t as_of_us, bool all,
                         struct rs_arena *arena, struct rs_shown_stalls *ret, struct rs_diag *diag);

/* A line for each that is open, above the table. */
void rs_shown_stalls_print_open(const struct rs_shown_stalls *stalls);

/* Notes for all that began before `before_us` and were not noted yet: `*next` is
 * the first of those.  Without a grid they are printed. */
void rs_shown_stalls_note(const struct rs_shown_stalls *stalls, int64_t before_us, int *next, struct rs_grid *grid);

json_t *rs_shown_stalls_json(const struct rs_shown_stalls *stalls);

#endif
