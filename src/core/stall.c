#include "rastro/stall.h"

#include <stdlib.h>

#include "stall_private.h"

/* ---- the steps of a timeline ------------------------------------------------------- */

static bool moves_status(const struct rs_stall_event *event)
{
    return event->status->moves && event->kind != RS_EVENT_PLANNED && !(event->marks & RS_MARK_future);
}

static void forget_parcel(struct walk *w)
{
    w->situation.status = NULL;
    w->situation.carrier = w->parcel->carrier;
    w->untracked = w->parcel->untracked;
    w->moved = w->pickup = w->stopped = w->delivered = w->after = w->elsewhere = w->wrong = w->first = nothing;
    w->run = (struct run){.start = nothing};
    w->country = RS_STR_NONE;
    w->head = RS_STALL_NONE;
    w->past_n = 0;
    w->scanned = false;
}

/* The number was used again. */
static bool is_reused(const struct walk *w, int64_t at_us)
{
    const struct rs_status *status = w->situation.status;
    int64_t days = w->parcel->s10 == RS_S10_OK ? RS_REUSE_DAYS_S10 : RS_REUSE_DAYS;
    return status && status->ends && at_us - w->last_us >= days * RS_DAY_US;
}

/* The run of scans with one stage and at most one place, see stuck. */
static void step_run(struct walk *w, const struct rs_stall_event *event, uint32_t i)
{
    struct run *run = &w->run;
    struct rs_str stage = event->status->stage;
    bool other_place = event->country.n && run->country.n &&
                       (!rs_str_eq(run->country, event->country) ||
                        (event->city.n && run->city.n && !rs_words_alike(run->city, event->city)));
    if (!rs_str_eq(run->stage, stage) || other_place) {
        *run = (struct run){.start = {event->instant_us, i}, .stage = stage, .last_us = event->instant_us};
    }
    if (!run->country.n) run->country = event->country;
    if (!run->city.n) run->city = event->city;
    if (physical(event)) run->last_us = event->instant_us;
}

static void step_status(struct walk *w, const struct rs_stall_event *event, uint32_t i)
{
    struct point here = {event->instant_us, i};
    bool was_pickup = stage_is(w->situation.status, "pickup");
    if (w->situation.status != event->status) {
        w->past[w->past_n++] = (struct past){event->instant_us, event->status};
    }
    w->situation.status = event->status;
    w->head = i;
    if (stage_is(event->status, "pickup") && !was_pickup) w->pickup = here;
    if (!stage_is(event->status, "info") && w->moved.at_us == RS_INSTANT_NONE) w->moved = here;
    step_run(w, event, i);
}

/* Whether the parcel was seen: understood or not, but not what a source says of
 * itself or of the order. */
static bool is_seen(const struct rs_stall_event *event)
{
    const struct rs_status *status = event->status;
    bool said = status->moves ? !stage_is(status, "info") : rs_str_is(status->name, "unknown.unmapped");
    return physical(event) && said;
}

static void step_seen(struct walk *w, const struct rs_stall_event *event, uint32_t i)
{
    w->moved = (struct point){event->instant_us, i};
    w->stopped = nothing;
    w->scanned = true;
    if (event->country.n) w->country = event->country;
    if (!event->carrier) return;
    w->situation.carrier = event->carrier->id;
    w->untracked = event->carrier->untracked;
}

static void step_event(struct walk *w, uint32_t i)
{
    const struct rs_stall_event *event = &w->parcel->event[i];
    if (is_reused(w, event->instant_us)) {
        forget_parcel(w);
        w->begun = i;
        w->registered_us = event->instant_us;
    }
    w->last_us = event->instant_us;
    w->stepped = i + 1;
    if (rs_str_is(event->status->name, "unknown.source_expired")) w->stopped = (struct point){event->instant_us, i};
    if (is_seen(event)) step_seen(w, event, i);
    if (is_seen(event) && event->own) rs_stall_compare(w, i);
    if (moves_status(event)) step_status(w, event, i);
}

/* ---- what the steps come to ----------------------------------------------------------- */

/* By the last place told; see enum rs_leg. */
static enum rs_leg leg_of(const struct walk *w)
{
    const struct rs_situation *s = &w->situation;
    const struct rs_status *status = s->status;
    if (!s->origin.n || !s->destination.n) return RS_LEG_unknown;
    if (rs_str_eq(s->origin, s->destination)) return RS_LEG_domestic;
    if (!status || stage_is(status, "info")) return RS_LEG_origin;
    bool released = rs_str_is(status->name, "customs.released");
    if (stage_is(status, "customs") && !released) return RS_LEG_customs;
    if (rs_str_eq(w->country, s->destination)) return RS_LEG_last_mile;
    if (rs_str_is(status->name, "transit.dest_arrived") || rs_str_is(status->name, "transit.handed_over") ||
        stage_is(status, "delivery") || stage_is(status, "attempt") || stage_is(status, "pickup")) {
        return RS_LEG_last_mile;
    }
    bool at_home = !w->country.n ? stage_is(status, "accepted") : rs_str_eq(w->country, s->origin);
    return at_home && !released && !rs_str_is(status->name, "transit.departed") ? RS_LEG_origin : RS_LEG_line_haul;
}

static void step_situation(struct walk *w)
{
    w->situation.origin = w->parcel->origin;
    w->situation.destination = w->orders.country.n ? w->orders.country : w->parcel->destination;
    w->situation.leg = leg_of(w);
}

static int64_t promised(const struct walk *w)
{
    return w->orders.promised_us != RS_INSTANT_NONE ? w->orders.promised_us : w->parcel->promised_us;
}

/* Where the clock of a kind starts now; nothing: it does not run. */
static struct point clock_start(const struct walk *w, enum rs_stall_kind kind)
{
    const struct rs_status *status = w->situation.status;
    const struct orders *o = &w->orders;
    bool ended = status && status->ends;
    bool under_way = status && !ended && !stage_is(status, "info") && !stage_is(status, "pickup");
    struct point none = nothing;
    if (kind <= RS_STALL_source_stopped && (ended || !w->bears || w->untracked)) return none;
    switch (kind) {
    case RS_STALL_never_scanned: {
        int64_t from = o->dispatched_us != RS_INSTANT_NONE ? o->dispatched_us : w->registered_us;
        if (from < w->parcel->handed_from_us) from = w->parcel->handed_from_us;
        return w->scanned || under_way || o->cancelled ? none : (struct point){from, w->head};
    }
    case RS_STALL_no_update: return under_way ? w->moved : none;
    case RS_STALL_stuck: return under_way ? w->run.start : none;
    case RS_STALL_uncollected: return stage_is(status, "pickup") ? w->pickup : none;
    case RS_STALL_overdue: return o->cancelled ? none : (struct point){promised(w), w->head};
    case RS_STALL_source_stopped: return w->stopped;
    case RS_STALL_scan_after_delivery: return w->after;
    case RS_STALL_scan_before_dispatch: return rs_stall_before_dispatch(w);
    case RS_STALL_delivered_elsewhere: return w->elsewhere;
    case RS_STALL_wrong_country: return w->wrong;
    case RS_STALL_number_shared: return (struct point){o->shared_us, w->head};
    case RS_STALL_bad_check_digit:
        return w->parcel->s10 == RS_S10_BAD && !ended ? (struct point){w->registered_us, w->head} : none;
    default: return none;
    }
}

/* The times since `from_us` in which a rule's clock stands still. */
static uint32_t pauses_of(struct walk *w, const struct rs_rule *rule)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->past_n; i++) {
        if (!rs_rule_pauses(rule, w->past[i].status)) continue;
        int64_t to = i + 1 < w->past_n ? w->past[i + 1].from_us : INT64_MAX;
        if (n && w->pause[n - 1].to_us == w->past[i].from_us) w->pause[n - 1].to_us = to;
        else w->pause[n++] = (struct rs_pause){w->past[i].from_us, to};
    }
    return n;
}

/* ---- clocks and episodes ----------------------------------------------------------------- */

/* When it is due, by what holds since `at_us`: not before that, unless it was due
 * then by what held until now. */
static void set_clock(struct walk *w, enum rs_stall_kind kind, const struct rs_rule *rule, struct point start,
                      int64_t at_us)
{
    struct rs_stall_clock *clock = &w->ret->clock[kind], was = *clock;
    *clock = (struct rs_stall_clock){.due_us = RS_INSTANT_NONE};
    if (!rule) return;
    int64_t after = rs_stall_is_tolerance(kind) ? 0 : rule->after_us;
    const struct rs_calendar *calendar = rs_rule_calendar(rule, w->calendars, &w->situation);
    uint32_t pauses = pauses_of(w, rule);
    int64_t due = rs_calendar_end(calendar, start.at_us, after, w->pause, pauses);
    /* Only a scan shows that it goes on saying the same; silence is no_update's. */
    if (kind == RS_STALL_stuck && due > w->run.last_us) return;
    /* That scan came when it was due or later, so it did begin then. */
    bool was_due = was.rule && was.start_us == start.at_us && was.due_us == due;
    if (due != RS_INSTANT_NONE && due < at_us && !was_due && kind != RS_STALL_stuck) due = at_us;
    *clock = (struct rs_stall_clock){.rule = rule, .start_us = start.at_us, .due_us = due, .last = start.event};
}

static struct rs_episode *add_episode(struct walk *w)
{
    struct rs_stalls *ret = w->ret;
    if (ret->n == w->episode_room) {
        struct rs_episode *old = ret->episode;
        w->episode_room = w->episode_room ? w->episode_room * 2 : 8;
        ret->episode = rs_arena_get(w->arena, w->episode_room * sizeof *ret->episode);
        if (ret->n) memcpy(ret->episode, old, ret->n * sizeof *old);
    }
    return &ret->episode[ret->n++];
}

static void open_episodes(struct walk *w, int64_t before_us)
{
    for (enum rs_stall_kind kind = 0; kind < RS_STALL__COUNT; kind++) {
        const struct rs_stall_clock *clock = &w->ret->clock[kind];
        if (!clock->rule || clock->due_us == RS_INSTANT_NONE || w->open[kind] != RS_STALL_NONE) continue;
        if (clock->due_us >= before_us || clock->due_us > w->feed_us) continue;
        w->open[kind] = w->ret->n;
        *add_episode(w) = (struct rs_episode){
            .kind = kind,
            .rule = clock->rule,
            .start_us = clock->start_us,
            .since_us = clock->due_us,
            .closed_us = INT64_MAX,
            .last = clock->last,
            .closed_by = RS_STALL_NONE,
        };
    }
}

/* After a step at `at_us`, made by event `by` or RS_STALL_NONE. */
static void set_clocks(struct walk *w, int64_t at_us, uint32_t by)
{
    step_situation(w);
    for (enum rs_stall_kind kind = 0; kind < RS_STALL__COUNT; kind++) {
        struct point start = clock_start(w, kind);
        const struct rs_rule *rule = NULL;
        if (start.at_us != RS_INSTANT_NONE) rule = rs_rules_match(w->rules, kind, &w->situation);
        if (rule && rule->never) rule = NULL;
        if (w->open[kind] != RS_STALL_NONE) {
            struct rs_episode *episode = &w->ret->episode[w->open[kind]];
            if (rule && episode->start_us == start.at_us) continue;
            episode->closed_us = at_us;
            episode->closed_by = by;
            w->open[kind] = RS_STALL_NONE;
        }
        set_clock(w, kind, rule, start, at_us);
    }
}

/* ---- the walk ------------------------------------------------------------------------------- */

enum step { STEP_EVENT, STEP_ORDER, STEP_FROM, STEP_TO, STEP_END };

/* The earliest of what is left; at one instant an order's update goes first, then
 * a hand-over, then events. */
static enum step next_step(const struct walk *w, uint32_t event, uint32_t order, int64_t *ret_us)
{
    const struct rs_stall_parcel *p = w->parcel;
    enum step step = STEP_END;
    int64_t at = INT64_MAX;
    if (event < p->event_n) {
        step = STEP_EVENT;
        at = p->event[event].instant_us;
    }
    if (w->bears && p->handed_to_us <= at && p->handed_to_us != INT64_MAX) {
        step = STEP_TO;
        at = p->handed_to_us;
    }
    if (!w->bears && !w->bore && p->handed_from_us <= at) {
        step = STEP_FROM;
        at = p->handed_from_us;
    }
    if (order < p->order_n && p->order[order].updated_us <= at) {
        step = STEP_ORDER;
        at = p->order[order].updated_us;
    }
    *ret_us = at;
    return step;
}

static void hand_over(struct walk *w, int64_t at_us)
{
    w->bears = w->bore = true;
    if (w->moved.at_us != RS_INSTANT_NONE && w->moved.at_us < at_us) w->moved.at_us = at_us;
}

static void take_step(struct walk *w, enum step step, int64_t at_us, uint32_t *event, uint32_t *order)
{
    uint32_t by = RS_STALL_NONE;
    switch (step) {
    case STEP_EVENT:
        by = *event;
        step_event(w, (*event)++);
        break;
    case STEP_ORDER: rs_stall_step_order(w, &w->parcel->order[(*order)++]); break;
    case STEP_FROM: hand_over(w, at_us); break;
    default: w->bears = false; break;
    }
    set_clocks(w, at_us, by);
}

static int since_cmp(const void *a, const void *b)
{
    const struct rs_episode *x = a, *y = b;
    if (x->since_us != y->since_us) return x->since_us < y->since_us ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

/* When a rule would make a clock due that did not stand still; RS_INSTANT_NONE: not
 * before it is due as it runs now. */
static int64_t ripe_by(const struct walk *w, enum rs_stall_kind kind, const struct rs_rule *rule, struct point start)
{
    const struct rs_stall_clock *clock = &w->ret->clock[kind];
    bool compared = kind == RS_STALL_scan_before_dispatch; /* by the rule, see there */
    if (compared && start.at_us >= w->orders.first_dispatch_us - rule->after_us) return RS_INSTANT_NONE;
    int64_t after = rs_stall_is_tolerance(kind) ? 0 : rule->after_us;
    const struct rs_calendar *calendar = rs_rule_calendar(rule, w->calendars, &w->situation);
    int64_t due = rs_calendar_end(calendar, start.at_us, after, NULL, 0);
    bool counts = clock->rule && clock->due_us != RS_INSTANT_NONE && clock->due_us <= due;
    return counts ? RS_INSTANT_NONE : due;
}

/* By whatever rule may come to fit.  A scan starts the clock of no_update anew; what
 * moves the status and is no scan leaves word of itself (sink_stalls.c). */
static void find_ripe(struct walk *w)
{
    struct rs_stalls *ret = w->ret;
    ret->ripe_us = RS_INSTANT_NONE;
    for (uint32_t i = 0; i < rs_rules_count(w->rules); i++) {
        const struct rs_rule *rule = rs_rules_at(w->rules, i);
        enum rs_stall_kind kind = rule->kind;
        if (rule->never || kind == RS_STALL_no_update || w->open[kind] != RS_STALL_NONE) continue;
        struct point start = clock_start(w, kind);
        if (kind == RS_STALL_scan_before_dispatch && w->orders.first_dispatch_us != RS_INSTANT_NONE) start = w->first;
        if (start.at_us == RS_INSTANT_NONE) continue;
        if (!rs_rules_may_match(w->rules, i, &w->situation, w->parcel->carrier.n > 0)) continue;
        int64_t due = ripe_by(w, kind, rule, start);
        if (due != RS_INSTANT_NONE && (ret->ripe_us == RS_INSTANT_NONE || due < ret->ripe_us)) ret->ripe_us = due;
    }
}

static void finish(struct walk *w)
{
    struct rs_stalls *ret = w->ret;
    find_ripe(w);
    ret->next_us = RS_INSTANT_NONE;
    for (enum rs_stall_kind kind = 0; kind < RS_STALL__COUNT; kind++) {
        struct rs_stall_clock *clock = &ret->clock[kind];
        if (w->open[kind] != RS_STALL_NONE) *clock = (struct rs_stall_clock){.due_us = RS_INSTANT_NONE};
        if (!clock->rule || clock->due_us == RS_INSTANT_NONE) continue;
        if (ret->next_us == RS_INSTANT_NONE || clock->due_us < ret->next_us) ret->next_us = clock->due_us;
    }
    ret->situation = w->situation;
    ret->untracked = w->untracked;
    ret->silent_us = w->moved.at_us != RS_INSTANT_NONE ? w->moved.at_us : w->registered_us;
    int64_t head_us = w->head == RS_STALL_NONE ? RS_INSTANT_NONE : w->parcel->event[w->head].instant_us;
    ret->heard_us = head_us > ret->silent_us ? head_us : ret->silent_us;
    ret->promised_us = promised(w);
    if (ret->n) qsort(ret->episode, ret->n, sizeof *ret->episode, since_cmp);
}

static int64_t first_told(const struct rs_stall_parcel *parcel)
{
    uint32_t i = 0;
    while (i < parcel->event_n && !parcel->event[i].own) i++;
    bool earlier = i < parcel->event_n && parcel->event[i].instant_us < parcel->registered_us;
    return earlier ? parcel->event[i].instant_us : parcel->registered_us;
}

void rs_stall_look(const struct rs_rules *rules, const struct rs_calendars *calendars,
                   const struct rs_stall_parcel *parcel, int64_t feed_us, struct rs_arena *arena, struct rs_stalls *ret)
{
    struct walk w = {
        .rules = rules, .calendars = calendars, .parcel = parcel, .feed_us = feed_us, .ret = ret, .arena = arena};
    *ret = (struct rs_stalls){.ripe_us = RS_INSTANT_NONE};
    w.past = rs_arena_get(arena, ((size_t)parcel->event_n + 1) * sizeof *w.past);
    w.pause = rs_arena_get(arena, ((size_t)parcel->event_n + 1) * sizeof *w.pause);
    w.situation.service = parcel->service;
    for (int kind = 0; kind < RS_STALL__COUNT; kind++) w.open[kind] = RS_STALL_NONE;
    forget_parcel(&w);
    rs_stall_open_orders(&w, arena);
    w.bears = w.bore = parcel->handed_from_us == INT64_MIN;
    w.registered_us = first_told(parcel);
    set_clocks(&w, w.registered_us, RS_STALL_NONE);

    uint32_t event = 0, order = 0;
    int64_t at_us;
    for (enum step step; (step = next_step(&w, event, order, &at_us)) != STEP_END;) {
        open_episodes(&w, at_us);
        take_step(&w, step, at_us, &event, &order);
    }
    open_episodes(&w, INT64_MAX);
    finish(&w);
}
