/* What was registered beside what was told: orders, and contradictions. */
#include "stall_private.h"

/* ---- names of places ---------------------------------------------------------------- */

/* The letters of U+00C0 to U+017F without their accents. */
static const char latin[] = "aaaaaaaceeeeiiiidnooooo ouuuuytsaaaaaaaceeeeiiiidnooooo ouuuuyty"
                            "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
                            "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

/* The next letter or digit, 0 at the end. */
static uint32_t next_letter(struct rs_str *s)
{
    while (s->n) {
        unsigned char c = (unsigned char)s->p[0];
        uint32_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (length > s->n) length = s->n;
        uint32_t point = c < 0x80 ? c : c & (0x7f >> length);
        for (uint32_t i = 1; i < length; i++) point = point << 6 | ((unsigned char)s->p[i] & 0x3f);
        s->p += length;
        s->n -= length;
        if (point >= 0xc0 && point <= 0x17f) point = (uint32_t)latin[point - 0xc0];
        if (point >= 'A' && point <= 'Z') return point + 32;
        if ((point >= 'a' && point <= 'z') || (point >= '0' && point <= '9')) return point;
        bool combining = point >= 0x300 && point <= 0x36f;
        if (point >= 0x180 && !combining) return point;
    }
    return 0;
}

bool rs_words_alike(struct rs_str a, struct rs_str b)
{
    for (;;) {
        uint32_t x = next_letter(&a), y = next_letter(&b);
        if (x != y) return false;
        if (!x) return true;
    }
}

static bool differ(struct rs_str a, struct rs_str b)
{
    return a.n && b.n && !rs_words_alike(a, b);
}

/* ---- orders ----------------------------------------------------------------------------- */

/* Of a postcode the first characters may be told. */
static bool postcodes_differ(struct rs_str a, struct rs_str b)
{
    uint32_t n = a.n < b.n ? a.n : b.n;
    return differ((struct rs_str){a.p, n}, (struct rs_str){b.p, n});
}

static bool go_elsewhere(const struct rs_stall_order *a, const struct rs_stall_order *b)
{
    return differ(a->country, b->country) || differ(a->region, b->region) || differ(a->city, b->city) ||
           postcodes_differ(a->postcode, b->postcode);
}

static void add_order(struct orders *o, const struct rs_stall_order *order, bool *shared)
{
    o->cancelled = false;
    if (order->dispatched_us != RS_INSTANT_NONE) {
        if (order->dispatched_us > o->dispatched_us) o->dispatched_us = order->dispatched_us;
        bool first = o->first_dispatch_us == RS_INSTANT_NONE || order->dispatched_us < o->first_dispatch_us;
        if (first) o->first_dispatch_us = order->dispatched_us;
    }
    if (order->promised_us > o->promised_us) o->promised_us = order->promised_us;
    if (!o->to) o->to = order;
    else if (go_elsewhere(o->to, order)) *shared = true;
}

/* From the newest update of each. */
static void sum_up(struct orders *o, int64_t at_us)
{
    bool shared = false;
    o->dispatched_us = o->first_dispatch_us = o->promised_us = RS_INSTANT_NONE;
    o->to = NULL;
    o->any = false;
    o->cancelled = true;
    for (uint32_t i = 0; i < o->n; i++) {
        if (!o->now[i]) continue;
        o->any = true;
        if (!o->now[i]->cancelled) add_order(o, o->now[i], &shared);
    }
    o->cancelled = o->cancelled && o->any;
    if (!shared) o->shared_us = RS_INSTANT_NONE;
    else if (o->shared_us == RS_INSTANT_NONE) o->shared_us = at_us;
    if (shared) o->to = NULL;
    o->country = o->to ? o->to->country : RS_STR_NONE;
}

void rs_stall_open_orders(struct walk *w, struct rs_arena *arena)
{
    struct orders *o = &w->orders;
    *o = (struct orders){.shared_us = RS_INSTANT_NONE};
    for (uint32_t i = 0; i < w->parcel->order_n; i++) {
        if (w->parcel->order[i].order >= o->n) o->n = w->parcel->order[i].order + 1;
    }
    o->now = rs_arena_zero(arena, ((size_t)o->n + 1) * sizeof *o->now);
    sum_up(o, RS_INSTANT_NONE);
}

/* ---- scans against orders ------------------------------------------------------------------ */

/* On its way to a door, or behind one. */
static bool is_at_the_end(const struct rs_status *status)
{
    return stage_is(status, "delivery") || stage_is(status, "attempt") || stage_is(status, "pickup") ||
           stage_is(status, "delivered");
}

/* What a destination decides of a scan: it may be told later than the scan. */
static void compare_place(struct walk *w, uint32_t i)
{
    const struct rs_stall_event *event = &w->parcel->event[i];
    const struct rs_stall_order *to = w->orders.to;
    struct point here = {event->instant_us, i};
    if (!to || !event->country.n || !to->country.n || !is_at_the_end(event->status)) return;
    bool abroad = !rs_str_eq(event->country, to->country);
    if (!abroad) w->wrong = nothing;
    else if (w->wrong.at_us == RS_INSTANT_NONE) w->wrong = here;
    if (!stage_is(event->status, "delivered")) return;
    bool elsewhere = differ(event->city, to->city) || differ(event->region, to->region);
    if (abroad || !elsewhere) w->elsewhere = nothing;
    else if (w->elsewhere.at_us == RS_INSTANT_NONE) w->elsewhere = here;
}

void rs_stall_step_order(struct walk *w, const struct rs_stall_order *order)
{
    w->orders.now[order->order] = order;
    sum_up(&w->orders, order->updated_us);
    w->wrong = w->elsewhere = nothing;
    for (uint32_t i = w->begun; i < w->stepped; i++) {
        if (w->parcel->event[i].own && physical(&w->parcel->event[i])) compare_place(w, i);
    }
}

static int64_t tolerance(const struct walk *w, enum rs_stall_kind kind)
{
    const struct rs_rule *rule = rs_rules_match(w->rules, kind, &w->situation);
    return rule ? rule->after_us : 0;
}

/* A parcel that goes back is no contradiction. */
static bool goes_on(const struct rs_status *status)
{
    return stage_is(status, "accepted") || stage_is(status, "transit") || stage_is(status, "customs") ||
           stage_is(status, "delivery") || stage_is(status, "attempt") || stage_is(status, "pickup");
}

void rs_stall_compare(struct walk *w, uint32_t i)
{
    const struct rs_stall_event *event = &w->parcel->event[i];
    struct point here = {event->instant_us, i};
    if (w->first.at_us == RS_INSTANT_NONE && event->status->moves) w->first = here;
    if (event->status->ends) w->after = nothing;
    if (stage_is(event->status, "delivered")) w->delivered = here;
    else if (goes_on(event->status) && w->delivered.at_us != RS_INSTANT_NONE && w->after.at_us == RS_INSTANT_NONE) {
        int64_t from = w->delivered.at_us + tolerance(w, RS_STALL_scan_after_delivery);
        if (event->instant_us > from) w->after = here;
    }
    compare_place(w, i);
}

struct point rs_stall_before_dispatch(const struct walk *w)
{
    int64_t dispatch = w->orders.first_dispatch_us;
    if (w->first.at_us == RS_INSTANT_NONE || dispatch == RS_INSTANT_NONE) return nothing;
    return w->first.at_us < dispatch - tolerance(w, RS_STALL_scan_before_dispatch) ? w->first : nothing;
}
