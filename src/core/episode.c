#include "rastro/episode.h"

struct rs_key rs_episode_event(const struct rs_stall_event *event, uint32_t i)
{
    return i == RS_STALL_NONE ? (struct rs_key){{0}} : event[i].fp;
}

static bool is_same(const struct rs_stored_episode *stored, const struct rs_episode *found,
                    const struct rs_episode_rules *rules)
{
    if (stored->kind != found->kind) return false;
    if (stored->candidate || stored->rules_version == rules->version) return stored->since_us == found->since_us;
    return stored->started_us == found->start_us;
}

static uint32_t find(const struct rs_stored_episode *stored, const struct rs_stalls *found, const bool *taken,
                     const struct rs_episode_rules *rules)
{
    for (uint32_t i = 0; i < found->n; i++) {
        if (!taken[i] && is_same(stored, &found->episode[i], rules)) return i;
    }
    return RS_STALL_NONE;
}

static bool is_told_alike(const struct rs_stored_episode *stored, const struct rs_episode *found,
                          const struct rs_stall_event *event, const struct rs_episode_rules *rules)
{
    bool same_rule = stored->rules_version != rules->version || rs_str_eq(stored->rule, found->rule->name);
    return same_rule && stored->started_us == found->start_us &&
           rs_key_eq(stored->last, rs_episode_event(event, found->last)) &&
           rs_key_eq(stored->ended, rs_episode_event(event, found->closed_by));
}

/* What is left to do of an episode that was found again; false: nothing. */
static bool step_of(const struct rs_stored_episode *stored, const struct rs_episode *found,
                    const struct rs_stall_event *event, const struct rs_episode_rules *rules, enum rs_episode_step *ret)
{
    bool other_end = stored->until_us != found->closed_us;
    bool open = found->closed_us == INT64_MAX;
    if (stored->candidate) *ret = RS_EPISODE_OPEN;
    else if (other_end) *ret = open ? RS_EPISODE_REOPEN : RS_EPISODE_CLOSE;
    else if (!is_told_alike(stored, found, event, rules)) *ret = RS_EPISODE_CORRECT;
    else return false;
    return true;
}

/* Found nowhere. */
static bool step_without(const struct rs_stored_episode *stored, const struct rs_episode_rules *rules,
                         enum rs_episode_step *ret)
{
    bool settled = stored->until_us != INT64_MAX && stored->rules_version != rules->version;
    *ret = stored->candidate ? RS_EPISODE_DROP : RS_EPISODE_WITHDRAW;
    return stored->candidate || !settled;
}

uint32_t rs_episodes_compare(const struct rs_stored_episode *stored, uint32_t stored_n, const struct rs_stalls *found,
                             const struct rs_stall_event *event, const struct rs_episode_rules *rules,
                             struct rs_arena *arena, struct rs_episode_change **ret)
{
    bool *taken = rs_arena_zero(arena, found->n + 1);
    struct rs_episode_change *change = rs_arena_get(arena, ((size_t)stored_n + found->n + 1) * sizeof *change);
    uint32_t n = 0;
    for (uint32_t i = 0; i < stored_n; i++) {
        enum rs_episode_step step;
        uint32_t at = find(&stored[i], found, taken, rules);
        if (at != RS_STALL_NONE) taken[at] = true;
        bool some = at == RS_STALL_NONE ? step_without(&stored[i], rules, &step)
                                        : step_of(&stored[i], &found->episode[at], event, rules, &step);
        if (some) change[n++] = (struct rs_episode_change){step, i, at};
    }
    for (uint32_t i = 0; i < found->n; i++) {
        if (taken[i] || found->episode[i].closed_us < rules->active_from_us) continue;
        change[n++] = (struct rs_episode_change){RS_EPISODE_FIND, RS_STALL_NONE, i};
    }
    *ret = change;
    return n;
}
