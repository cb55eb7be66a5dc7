/* What happens to a parcel: a lane's usual steps, some of them left out, then
 * one of the ways in which journeys end - or none, when it falls silent. */
#include "plan.h"

enum where { AT_ORIGIN, AT_EXPORT, AT_IMPORT, AT_HUB, AT_DOOR };

struct step {
    uint8_t act, where, percent;  /* how often it is seen at all */
    uint8_t hours_min, hours_max; /* behind the step before */
};

/* clang-format off */
static const struct step abroad[] = {
    {ACT_ANNOUNCED, AT_ORIGIN, 55, 0, 6},       {ACT_ACCEPTED, AT_ORIGIN, 97, 5, 40},
    {ACT_DEPARTED, AT_ORIGIN, 60, 2, 12},       {ACT_ARRIVED, AT_EXPORT, 70, 5, 30},
    {ACT_CUSTOMS, AT_EXPORT, 15, 3, 20},        {ACT_RELEASED, AT_EXPORT, 15, 3, 15},
    {ACT_DEPARTED, AT_EXPORT, 80, 6, 40},       {ACT_DEST_ARRIVED, AT_IMPORT, 85, 20, 110},
    {ACT_CUSTOMS, AT_IMPORT, 55, 3, 30},        {ACT_INFO_NEEDED, AT_IMPORT, 6, 10, 60},
    {ACT_HELD, AT_IMPORT, 10, 10, 60},          {ACT_RELEASED, AT_IMPORT, 60, 12, 120},
    {ACT_HANDED_OVER, AT_IMPORT, 60, 2, 20},    {ACT_MOVING, AT_IMPORT, 35, 4, 30},
    {ACT_ARRIVED, AT_HUB, 75, 12, 70},          {ACT_ODD, AT_HUB, 6, 1, 5},
    {ACT_DEPARTED, AT_HUB, 60, 3, 24},
};

static const struct step at_home[] = {
    {ACT_ANNOUNCED, AT_ORIGIN, 55, 0, 6},       {ACT_ACCEPTED, AT_ORIGIN, 97, 3, 24},
    {ACT_DEPARTED, AT_ORIGIN, 60, 2, 10},
    {ACT_ARRIVED, AT_EXPORT, 60, 4, 30},        {ACT_ODD, AT_EXPORT, 10, 1, 5},
    {ACT_DEPARTED, AT_EXPORT, 60, 2, 20},
    {ACT_DELAYED, AT_HUB, 7, 8, 60},            {ACT_MOVING, AT_HUB, 30, 4, 20},
    {ACT_ARRIVED, AT_HUB, 75, 6, 40},
    {ACT_DEPARTED, AT_HUB, 30, 2, 12},
};

/* For feeds whose messages are to be alike. */
static const struct step twenty[STEPS] = {
    {ACT_ANNOUNCED, AT_ORIGIN, 100, 0, 6},      {ACT_ACCEPTED, AT_ORIGIN, 100, 5, 30},
    {ACT_DEPARTED, AT_ORIGIN, 100, 2, 12},
    {ACT_ARRIVED, AT_ORIGIN, 100, 4, 24},       {ACT_DEPARTED, AT_ORIGIN, 100, 2, 12},
    {ACT_ARRIVED, AT_EXPORT, 100, 5, 20},
    {ACT_CUSTOMS, AT_EXPORT, 100, 3, 20},       {ACT_RELEASED, AT_EXPORT, 100, 3, 15},
    {ACT_DEPARTED, AT_EXPORT, 100, 4, 30},
    {ACT_MOVING, AT_IMPORT, 100, 5, 30},        {ACT_DEST_ARRIVED, AT_IMPORT, 100, 5, 40},
    {ACT_CUSTOMS, AT_IMPORT, 100, 3, 30},
    {ACT_RELEASED, AT_IMPORT, 100, 12, 60},     {ACT_HANDED_OVER, AT_IMPORT, 100, 2, 20},
    {ACT_DEPARTED, AT_IMPORT, 100, 2, 12},
    {ACT_ARRIVED, AT_HUB, 100, 12, 40},         {ACT_DEPARTED, AT_HUB, 100, 3, 20},
    {ACT_ARRIVED, AT_DOOR, 100, 3, 20},
    {ACT_OUT, AT_DOOR, 100, 3, 12},             {ACT_DELIVERED, AT_DOOR, 100, 1, 8},
};
/* clang-format on */

/* ---- ends ------------------------------------------------------------------------- */

#define END_STEPS 6

struct ending {
    int weight;
    struct step step[END_STEPS]; /* ends with a step of 0 percent */
};

/* clang-format off */
static const struct ending endings[] = {
    {58, {{ACT_OUT, AT_DOOR, 85, 4, 30}, {ACT_DELIVERED, AT_DOOR, 100, 1, 9}}},
    {9, {{ACT_OUT, AT_DOOR, 90, 4, 30}, {ACT_ABSENT, AT_DOOR, 100, 1, 9}, {ACT_OUT, AT_DOOR, 70, 14, 40},
         {ACT_DELIVERED, AT_DOOR, 100, 1, 9}}},
    {6, {{ACT_PICKUP, AT_DOOR, 100, 4, 40}, {ACT_COLLECTED, AT_DOOR, 100, 5, 110}}},
    {4, {{ACT_OUT, AT_DOOR, 90, 4, 30}, {ACT_BAD_ADDRESS, AT_DOOR, 100, 1, 9}, {ACT_RETURNING, AT_HUB, 100, 20, 90},
         {ACT_RETURNED, AT_ORIGIN, 70, 100, 250}}},
    {3, {{ACT_DAMAGED, AT_HUB, 60, 3, 30}, {ACT_LOST, AT_HUB, 100, 100, 200}}},
    /* What is scanned behind the end: delivered, then on its way back. */
    {3, {{ACT_OUT, AT_DOOR, 90, 4, 30}, {ACT_DELIVERED, AT_DOOR, 100, 1, 9}, {ACT_RETURNING, AT_DOOR, 100, 30, 120}}},
    {17, {{0, 0, 0, 0, 0}}}, /* silence */
};
/* clang-format on */

static const struct ending *some_ending(struct dice *dice)
{
    int at = (int)dice_below(dice, 100);
    const struct ending *ending = endings;
    while (at >= ending->weight) at -= (ending++)->weight;
    return ending;
}

/* ---- places -------------------------------------------------------------------------- */

struct stops {
    int at[5]; /* by enum where */
};

static struct stops make_stops(struct plan *plan, struct dice *dice)
{
    struct stops stops = {{
        [AT_ORIGIN] = some_place(plan->origin, dice),
        [AT_EXPORT] = some_gateway(plan->origin, dice),
        [AT_IMPORT] = some_gateway(plan->destination, dice),
        [AT_HUB] = some_place(plan->destination, dice),
        [AT_DOOR] = some_place(plan->destination, dice),
    }};
    plan->from_place = stops.at[AT_ORIGIN];
    plan->to_place = stops.at[AT_DOOR];
    return stops;
}

/* ---- the journey ----------------------------------------------------------------------- */

/* Scans of one parcel are minutes apart, so that what two sources say of one
 * moment is said of one scan. */
static void add(struct plan *plan, const struct step *step, const struct stops *stops, int64_t at)
{
    if (at > plan->until - 10 * MINUTE || plan->scans == SCANS_MAX) return;
    plan->scan[plan->scans++] = (struct scan){.at = at, .act = step->act, .place = (uint8_t)stops->at[step->where]};
}

static int64_t walk(struct plan *plan, const struct step *steps, int n, const struct stops *stops, int64_t at, int pace,
                    struct dice *dice)
{
    for (int i = 0; i < n; i++) {
        int64_t wait = dice_between(dice, steps[i].hours_min * HOUR, steps[i].hours_max * HOUR);
        bool seen = dice_percent(dice, steps[i].percent);
        at += wait * pace / 1000 + 7 * MINUTE;
        if (seen) add(plan, &steps[i], stops, at);
    }
    return at;
}

static void set_legs(struct plan *plan)
{
    bool over = false;
    for (int i = 0; i < plan->scans; i++) {
        const struct scan *scan = &plan->scan[i];
        over |= place_at(scan->place)->country == plan->destination && plan->origin != plan->destination;
        plan->scan[i].leg = over && scan->act != ACT_DEST_ARRIVED && scan->act != ACT_HANDED_OVER;
    }
}

static const struct {
    uint8_t origin, destination;
} lanes[LANES] = {
    [LANE_CN_BR] = {CN, BR}, [LANE_CN_BR_HANDED] = {CN, BR}, [LANE_CN_EU] = {CN, DE}, [LANE_CN_EU_HANDED] = {CN, DE},
    [LANE_BR] = {BR, BR},    [LANE_US] = {US, US},           [LANE_DE] = {DE, DE},
};

void life_make(struct plan *plan, const struct options *options, enum lane lane, struct dice *dice)
{
    static const uint8_t members[] = {DE, FR, PT, ES};
    plan->origin = lanes[lane].origin;
    plan->destination = lanes[lane].destination;
    if (lane == LANE_CN_EU) plan->destination = members[dice_below(dice, 4)];
    if (lane == LANE_CN_EU_HANDED) plan->destination = members[dice_below(dice, 2)];
    struct stops stops = make_stops(plan, dice);
    if (options->kind != KIND_MIXED) {
        /* At most 462 hours, or as long as there is room for: all twenty fit in. */
        int64_t room = plan->until - plan->start - 20 * 7 * MINUTE - 2 * HOUR, pace = room * 1000 / (462 * HOUR);
        walk(plan, twenty, options->scans, &stops, plan->start, pace > 1000 ? 1000 : pace < 1 ? 1 : (int)pace, dice);
    } else {
        bool far = plan->origin != plan->destination;
        const struct step *steps = far ? abroad : at_home;
        int n = far ? (int)(sizeof abroad / sizeof *abroad) : (int)(sizeof at_home / sizeof *at_home);
        const struct ending *ending = some_ending(dice);
        if (!ending->step[0].percent) n = 1 + (int)dice_below(dice, (uint32_t)n); /* silent from there on */
        int64_t at = walk(plan, steps, n, &stops, plan->start, 1000, dice);
        int ends = 0;
        while (ends < END_STEPS && ending->step[ends].percent) ends++;
        walk(plan, ending->step, ends, &stops, at, 1000, dice);
    }
    set_legs(plan);
}
