/* Which rules no parcel can come to.
 *
 * Start with the boxes of what a rule fits, cut to what there is: a kind has its
 * statuses, a leg too.  Take away, box by box, what the rules ahead of it of its
 * kind fit: a box less a box is at most one box a side.  If nothing is left, no
 * parcel comes here.  Exact but for two sides that hang together (domestic: from
 * and to are one country), where a rule is taken for reachable when in doubt.
 */
#include <stdlib.h>

#include "rules_private.h"

/* Beyond this many pieces a rule is taken for reachable. */
#define PIECES_MAX 4096

struct pieces {
    struct rs_box *box;
    uint32_t n;
};

static bool box_empty(const struct rs_box *box)
{
    for (int s = 0; s < RS_SIDE__COUNT; s++) {
        if (rs_set_empty(&box->side[s])) return true;
    }
    return false;
}

static struct rs_box box_both(struct rs_box a, const struct rs_box *b)
{
    for (int s = 0; s < RS_SIDE__COUNT; s++) a.side[s] = rs_set_both(a.side[s], &b->side[s]);
    return a;
}

static struct rs_box everything(void)
{
    struct rs_box box;
    for (int s = 0; s < RS_SIDE__COUNT; s++) box.side[s] = rs_set_all();
    return box;
}

/* ---- what there is ---------------------------------------------------------------- */

static bool stage_is(const struct rs_status *status, const char *stage)
{
    return rs_str_is(status->stage, stage);
}

static bool kind_has(enum rs_stall_kind kind, const struct rs_status *status)
{
    bool info = stage_is(status, "info"), pickup = stage_is(status, "pickup");
    switch (kind) {
    case RS_STALL_never_scanned: return info;
    case RS_STALL_no_update:
    case RS_STALL_stuck: return !info && !pickup && !status->ends;
    case RS_STALL_uncollected: return pickup;
    case RS_STALL_overdue:
    case RS_STALL_source_stopped: return !status->ends;
    default: return true;
    }
}

static bool kind_has_unscanned(enum rs_stall_kind kind)
{
    return kind != RS_STALL_no_update && kind != RS_STALL_stuck && kind != RS_STALL_uncollected;
}

static bool leg_has(enum rs_leg leg, const struct rs_status *status)
{
    bool held = stage_is(status, "customs") && !rs_str_is(status->detail, "released");
    return leg == RS_LEG_domestic || leg == RS_LEG_unknown || held == (leg == RS_LEG_customs);
}

/* Parcels of a kind on a leg. */
static struct rs_box there_is(const struct rs_catalog *catalog, enum rs_stall_kind kind, enum rs_leg leg)
{
    struct rs_box box = everything();
    struct rs_set *status = &box.side[RS_SIDE_STATUS], *legs = &box.side[RS_SIDE_LEG];
    *status = *legs = (struct rs_set){{0}};
    rs_set_add(legs, leg);
    for (uint32_t i = 0; i < catalog->status_count; i++) {
        const struct rs_status *s = &catalog->status[i];
        if (s->moves && kind_has(kind, s) && leg_has(leg, s)) rs_set_add(status, s->rank);
    }
    bool begun = leg == RS_LEG_line_haul || leg == RS_LEG_customs || leg == RS_LEG_last_mile;
    if (kind_has_unscanned(kind) && !begun) rs_set_add(status, RS_VALUE_OTHER);
    if (kind == RS_STALL_never_scanned && begun) *status = (struct rs_set){{0}};
    return box;
}

static bool one_value(const struct rs_set *set)
{
    int n = 0;
    for (int i = 0; i < RS_VALUES / 64; i++) n += __builtin_popcountll(set->w[i]);
    return n == 1;
}

/* A domestic parcel's two countries are one, any other's are not. */
static struct rs_box fit_lane(struct rs_box box, enum rs_leg leg)
{
    struct rs_set *from = &box.side[RS_SIDE_FROM], *to = &box.side[RS_SIDE_TO];
    struct rs_set same = rs_set_both(*from, to);
    if (leg == RS_LEG_domestic) *from = *to = same;
    else if (one_value(from) && one_value(to) && !rs_set_empty(&same) && !rs_set_has(&same, RS_VALUE_OTHER)) {
        *from = (struct rs_set){{0}};
    }
    return box;
}

/* ---- what is left -------------------------------------------------------------------- */

/* False when there would be too many. */
static bool add(struct pieces *pieces, const struct rs_box *box)
{
    if (box_empty(box)) return true;
    if (pieces->n == PIECES_MAX) return false;
    pieces->box[pieces->n++] = *box;
    return true;
}

/* Adds to `rest` what of `box` is not in `taken`. */
static bool add_rest(struct pieces *rest, struct rs_box box, const struct rs_box *taken)
{
    struct rs_box both = box_both(box, taken);
    if (box_empty(&both)) return add(rest, &box);
    for (int s = 0; s < RS_SIDE__COUNT; s++) {
        struct rs_box piece = box;
        piece.side[s] = rs_set_minus(box.side[s], &taken->side[s]);
        if (!add(rest, &piece)) return false;
        box.side[s] = both.side[s];
    }
    return true;
}

/* Takes a rule's boxes away; false when there would be too many pieces. */
static bool take_away(struct pieces *left, struct pieces *spare, const struct rs_rule_fits *fits)
{
    for (uint32_t b = 0; b < fits->n; b++) {
        spare->n = 0;
        for (uint32_t i = 0; i < left->n; i++) {
            if (!add_rest(spare, left->box[i], &fits->box[b])) return false;
        }
        struct pieces swap = *left;
        *left = *spare;
        *spare = swap;
    }
    return true;
}

static bool start(struct pieces *left, const struct rs_catalog *catalog, enum rs_stall_kind kind,
                  const struct rs_rule_fits *fits)
{
    for (enum rs_leg leg = 0; leg < RS_LEG__COUNT; leg++) {
        struct rs_box there = there_is(catalog, kind, leg);
        for (uint32_t b = 0; b < fits->n; b++) {
            struct rs_box box = fit_lane(box_both(fits->box[b], &there), leg);
            if (!add(left, &box)) return false;
        }
    }
    return true;
}

bool rs_rules_reach(const struct rs_catalog *catalog, const struct rs_rule *rule, const struct rs_rule_fits *fits,
                    uint32_t i, uint32_t *ret_ahead)
{
    struct pieces left = {rs_malloc(PIECES_MAX * sizeof *left.box), 0};
    struct pieces spare = {rs_malloc(PIECES_MAX * sizeof *spare.box), 0};
    bool sure = start(&left, catalog, rule[i].kind, &fits[i]);
    uint32_t ahead = UINT32_MAX;
    for (uint32_t k = 0; sure && left.n && k < i; k++) {
        if (rule[k].kind != rule[i].kind) continue;
        ahead = k;
        sure = take_away(&left, &spare, &fits[k]);
    }
    bool reached = left.n || !sure;
    free(left.box);
    free(spare.box);
    if (!reached) *ret_ahead = ahead;
    return reached;
}
