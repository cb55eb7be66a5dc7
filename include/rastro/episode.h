/* episode.h - what is stored of a parcel's episodes, beside what stall.h finds.
 *
 * Pure.  What is found is a function of what was told, so whoever compares it with
 * what is stored knows every step that is left to take: in whatever order they
 * come, the same steps are left in the end.
 *
 * Rules
 *  - Episodes are the same if kind and `since` are.  Under other rules than those of
 *    now `since` may differ, then kind and start of the clock decide.
 *  - What ended under other rules stays as it is, and those of now find nothing that
 *    ended before they counted.
 *  - Withdrawn episodes are not among those compared: what is found again is new.
 */
#ifndef RASTRO_EPISODE_H
#define RASTRO_EPISODE_H

#include "rastro/stall.h"

struct rs_stored_episode {
    int64_t id;
    enum rs_stall_kind kind;
    bool candidate;
    uint32_t rules_version, revision;
    int64_t started_us, since_us, feed_us;
    int64_t until_us;          /* INT64_MAX: open */
    struct rs_key last, ended; /* fp; zeros: none */
    struct rs_str rule;
};

enum rs_episode_step {
    RS_EPISODE_FIND,     /* nobody knew: make it a candidate */
    RS_EPISODE_OPEN,     /* a candidate holds; where it has an end, it is closed too */
    RS_EPISODE_DROP,     /* a candidate does not */
    RS_EPISODE_CLOSE,    /* it ended, or ended at another time than was known */
    RS_EPISODE_REOPEN,   /* it did not end after all */
    RS_EPISODE_CORRECT,  /* other events tell of the same, or it is by another clock or rule */
    RS_EPISODE_WITHDRAW, /* it never was */
};

struct rs_episode_change {
    enum rs_episode_step step;
    uint32_t stored, found; /* indices; RS_STALL_NONE */
};

struct rs_episode_rules {
    uint32_t version;
    int64_t active_from_us; /* INT64_MIN: always */
};

/* Every step, at most one for each that is stored or found: those that are stored
 * first.  Candidates are opened or dropped.  `ret` lives in the arena. */
uint32_t rs_episodes_compare(const struct rs_stored_episode *stored, uint32_t stored_n, const struct rs_stalls *found,
                             const struct rs_stall_event *event, const struct rs_episode_rules *rules,
                             struct rs_arena *arena, struct rs_episode_change **ret);

/* fp of an event of the timeline; zeros for RS_STALL_NONE. */
struct rs_key rs_episode_event(const struct rs_stall_event *event, uint32_t i);

#endif
