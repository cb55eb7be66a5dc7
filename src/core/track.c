#include "rastro/track.h"

int rs_view_order_cmp(const struct rs_view_order *a, const struct rs_view_order *b)
{
#define BY(field) \
    if (a->field != b->field) return a->field < b->field ? -1 : 1
    BY(at_us);
    BY(count);
    BY(published_us);
    BY(topic);
    BY(partition);
    BY(offset);
#undef BY
    return 0;
}

bool rs_view_applied(const struct rs_view *view)
{
    static const struct rs_view_order nothing = {.at_us = RS_INSTANT_NONE};
    return rs_view_order_cmp(&view->order, &nothing) != 0;
}

/* Doubles a list that lives in an arena. */
static void *grow(struct rs_arena *arena, const void *list, uint32_t n, uint32_t *room, size_t size)
{
    *room = *room ? *room * 2 : 8;
    void *grown = rs_arena_get(arena, *room * size);
    return n ? memcpy(grown, list, n * size) : grown;
}

struct rs_known *rs_track_add_known(struct rs_parcel_state *s, struct rs_arena *arena)
{
    if (s->known_n == s->known_room) {
        s->known = grow(arena, s->known, s->known_n, &s->known_room, sizeof *s->known);
    }
    struct rs_known *known = &s->known[s->known_n++];
    *known = (struct rs_known){0};
    return known;
}

struct rs_view *rs_track_add_view(struct rs_parcel_state *s, struct rs_arena *arena)
{
    if (s->view_n == s->view_room) {
        s->view = grow(arena, s->view, s->view_n, &s->view_room, sizeof *s->view);
    }
    struct rs_view *view = &s->view[s->view_n++];
    *view = (struct rs_view){.order.at_us = RS_INSTANT_NONE, .looked_us = RS_INSTANT_NONE};
    return view;
}

struct rs_view *rs_track_view(struct rs_parcel_state *s, int32_t source)
{
    for (uint32_t i = 0; i < s->view_n; i++) {
        if (s->view[i].source == source) return &s->view[i];
    }
    return NULL;
}

/* ---- one event ------------------------------------------------------------------ */

static uint32_t hash_of(struct rs_key key)
{
    uint32_t h;
    memcpy(&h, key.b, sizeof h);
    return h;
}

static void insert(uint32_t *table, uint32_t mask, struct rs_key key, uint32_t i)
{
    uint32_t h = hash_of(key);
    while (table[h & mask]) h++;
    table[h & mask] = i + 1;
}

/* Brings both indexes up to known_n, growing them to at most half full.  Words
 * may stand under several rows, so a probe goes on to the first free slot. */
static void index_known(struct rs_parcel_state *s, struct rs_arena *arena)
{
    if (!s->by_fp || s->known_n * 2 > s->mask) {
        uint32_t cap = 16;
        while (cap < s->known_n * 4) cap *= 2;
        s->by_fp = rs_arena_zero(arena, cap * sizeof *s->by_fp);
        s->by_said = rs_arena_zero(arena, cap * sizeof *s->by_said);
        s->mask = cap - 1;
        s->indexed = 0;
    }
    for (; s->indexed < s->known_n; s->indexed++) {
        insert(s->by_fp, s->mask, s->known[s->indexed].fp, s->indexed);
        insert(s->by_said, s->mask, s->known[s->indexed].said, s->indexed);
    }
}

enum finding { FRESH, REREAD, KNOWN };

/* Marks every row with these words as seen, and says what the event is;
 * `ret_same` is the row with its fp, or NULL.  Rows are keyed by fp, so an event
 * whose words an older release read as something else, and just as this one reads
 * other words, finds the row taken: it is the row, under the first one's words. */
static enum finding look_up(struct rs_parcel_state *s, const struct rs_event *event, int32_t source,
                            struct rs_reading reading, const struct rs_known **ret_same)
{
    *ret_same = NULL;
    enum finding finding = FRESH;
    uint32_t i;
    for (uint32_t h = hash_of(event->said); (i = s->by_said[h & s->mask]); h++) {
        struct rs_known *known = &s->known[i - 1];
        if (known->source != source || !rs_key_eq(known->said, event->said)) continue;
        known->seen = s->stamp;
        if (rs_reading_cmp(known->reading, reading) >= 0) finding = KNOWN;
        else if (finding == FRESH) finding = REREAD;
    }
    for (uint32_t h = hash_of(event->fp); (i = s->by_fp[h & s->mask]); h++) {
        if (!rs_key_eq(s->known[i - 1].fp, event->fp)) continue;
        *ret_same = &s->known[i - 1];
        s->known[i - 1].seen = s->stamp;
        return KNOWN;
    }
    return finding;
}

struct rs_known *rs_track_add_event(struct rs_parcel_state *s, struct rs_arena *arena, const struct rs_event *event,
                                    int32_t source, struct rs_str source_name, struct rs_reading reading,
                                    uint32_t message, int64_t published_us)
{
    struct rs_known *known = rs_track_add_known(s, arena);
    *known = (struct rs_known){
        .fp = event->fp,
        .said = event->said,
        .instant_us = event->instant_us,
        .sequence = event->sequence,
        .published_us = published_us,
        .status = event->status,
        .reading = reading,
        .source = source,
        .source_name = source_name,
        .marks = event->marks,
        .kind = event->kind,
        .event = event,
        .message = message,
        .seen = s->stamp,
    };
    return known;
}

/* ---- what is current -------------------------------------------------------------- */

/* The reported event of the source at this instant with the lowest fp: what the
 * absent one became. */
static const struct rs_known *replacement(const struct rs_parcel_state *s, const struct rs_known *absent)
{
    const struct rs_known *found = NULL;
    for (uint32_t i = 0; i < s->known_n; i++) {
        const struct rs_known *k = &s->known[i];
        if (k == absent || k->source != absent->source || k->instant_us != absent->instant_us) continue;
        if (!rs_track_reported(k) || rs_key_eq(k->said, absent->said)) continue;
        if (!found || rs_key_cmp(k->fp, found->fp) < 0) found = k;
    }
    return found;
}

struct settle {
    struct rs_parcel_state *state;
    struct rs_arena *arena;
    struct rs_view *view;
    int64_t at_us; /* of the newest snapshot */
    uint32_t message;
    int32_t rev; /* of the changes made now */
    struct rs_track_counts *counts;
};

static void change(struct settle *settle, struct rs_known *known, enum rs_change change, struct rs_key by)
{
    struct rs_parcel_state *s = settle->state;
    if (known->state == change && rs_key_eq(known->by, by)) return;
    bool was = rs_track_reported(known), is = change == RS_CHANGE_BACK;
    if (was && is) return;
    if (s->change_n == s->change_room) {
        s->change = grow(settle->arena, s->change, s->change_n, &s->change_room, sizeof *s->change);
    }
    s->change[s->change_n++] = (struct rs_currency){
        .fp = known->fp,
        .by = by,
        .change = change,
        .source = known->source,
        .rev = settle->rev,
        .message = settle->message,
    };
    known->state = change;
    known->by = by;
    settle->counts->withdrawn += was && !is;
    settle->counts->reinstated += !was && is;
    settle->view->changed = settle->view->decided = true;
}

/* A status that was told after the snapshot: what that lacks says nothing of it. */
static bool told_after(const struct rs_known *known, int64_t at_us)
{
    return known->kind == RS_EVENT_REPORTED && known->instant_us > at_us;
}

/* An event that a source words in two ways has one row a reading.  So the row
 * that stands for these words may have other words of its own, and then only
 * this line in the log ties the older reading to it. */
static void supersede_older(struct settle *settle, const struct rs_event *event, struct rs_reading reading,
                            const struct rs_known *same)
{
    struct rs_parcel_state *s = settle->state;
    uint32_t i;
    if (rs_reading_cmp(same->reading, reading) < 0 || rs_key_eq(same->said, event->said)) return;
    for (uint32_t h = hash_of(event->said); (i = s->by_said[h & s->mask]); h++) {
        struct rs_known *known = &s->known[i - 1];
        if (known == same || known->source != same->source || !rs_key_eq(known->said, event->said)) continue;
        if (rs_reading_cmp(known->reading, reading) >= 0) continue;
        known->seen = 0;
        change(settle, known, RS_CHANGE_SUPERSEDED, same->fp);
    }
}

static bool read_anew(const struct rs_parcel_state *s, const struct rs_known *known)
{
    uint32_t i;
    if (known->state != RS_CHANGE_SUPERSEDED) return false;
    for (uint32_t h = hash_of(known->by); (i = s->by_fp[h & s->mask]); h++) {
        const struct rs_known *by = &s->known[i - 1];
        if (rs_key_eq(by->fp, known->by)) return rs_reading_cmp(by->reading, known->reading) > 0;
    }
    return false;
}

/* Brings every event of the source in line with the newest snapshot.  First
 * what is there, because what is absent may have been replaced by it. */
static void settle_source(struct settle *settle, bool newest)
{
    struct rs_parcel_state *s = settle->state;
    static const struct rs_key none;
    uint32_t before = s->change_n;
    for (uint32_t i = 0; newest && i < s->known_n; i++) {
        struct rs_known *known = &s->known[i];
        if (known->source != settle->view->source) continue;
        if (known->seen == s->stamp) {
            change(settle, known, RS_CHANGE_BACK, none);
        } else if (rs_track_reported(known) && !told_after(known, settle->at_us)) {
            known->state = RS_CHANGE_WITHDRAWN; /* provisional: see below */
            known->by = (struct rs_key){{0xff}};
            settle->counts->withdrawn++;
        }
    }
    for (uint32_t i = 0; i < s->known_n; i++) {
        struct rs_known *known = &s->known[i];
        if (known->source != settle->view->source || rs_track_reported(known) || read_anew(s, known)) continue;
        const struct rs_known *other = replacement(s, known);
        change(settle, known, other ? RS_CHANGE_SUPERSEDED : RS_CHANGE_WITHDRAWN, other ? other->fp : none);
    }
    if (s->change_n > before) settle->view->rev = settle->rev;
}

/* Whether the newest snapshot has these words, in an earlier reading. */
static bool words_reported(const struct rs_parcel_state *s, const struct rs_known *added)
{
    uint32_t i;
    for (uint32_t h = hash_of(added->said); (i = s->by_said[h & s->mask]); h++) {
        const struct rs_known *known = &s->known[i - 1];
        if (known == added || known->source != added->source || !rs_key_eq(known->said, added->said)) continue;
        if (rs_track_reported(known)) return true;
    }
    return false;
}

/* What an older snapshot adds is not in the newest one, unless it only reads
 * anew what that one says too.  Of what is told apart from snapshots only a
 * status that is older than the newest one goes. */
static void withdraw_added(struct settle *settle, uint32_t from, bool snapshot)
{
    struct rs_parcel_state *s = settle->state;
    for (uint32_t i = from; i < s->known_n; i++) {
        struct rs_known *known = &s->known[i];
        if (!snapshot && (known->kind != RS_EVENT_REPORTED || told_after(known, settle->at_us))) continue;
        if (words_reported(s, known)) continue;
        known->state = RS_CHANGE_WITHDRAWN;
        known->by = (struct rs_key){{0xff}};
        settle->counts->withdrawn++;
    }
    settle_source(settle, false);
}

/* Whether a newer release has read messages of this source. */
static bool read_later(const struct rs_parcel_state *s, int32_t source, struct rs_reading reading)
{
    for (uint32_t i = 0; i < s->known_n; i++) {
        if (s->known[i].source == source && rs_reading_cmp(s->known[i].reading, reading) > 0) return true;
    }
    return false;
}

#define NONE UINT32_MAX

/* Orders of two readings compare only by what they say: a snapshot under a newer
 * reading than the view's is as new as that if it has the latest scan that was
 * reported under the older one, in its words.  Its index, or NONE. */
static uint32_t latest_of_older(const struct rs_parcel_state *s, const struct rs_view *view,
                                const struct rs_view_order *order)
{
    uint32_t latest = NONE;
    if (!rs_view_applied(view) || order->identity <= view->order.identity) return NONE;
    for (uint32_t i = 0; i < s->known_n; i++) {
        const struct rs_known *k = &s->known[i];
        if (k->source != view->source || k->reading.identity >= order->identity) continue;
        if (!rs_track_reported(k) && !read_anew(s, k)) continue;
        if (latest == NONE || k->instant_us > s->known[latest].instant_us) latest = i;
    }
    return latest;
}

struct rs_track_counts rs_track_report(struct rs_parcel_state *s, struct rs_arena *arena,
                                       const struct rs_report *report, int32_t source, struct rs_str source_name,
                                       struct rs_reading reading, uint32_t message, const struct rs_view_order *order)
{
    struct rs_track_counts counts = {0};
    uint32_t first_added = s->known_n, first_change = s->change_n;
    struct rs_view *view = rs_track_view(s, source);
    if (!view) {
        view = rs_track_add_view(s, arena);
        view->source = source;
    }
    bool older_release = order->identity < view->order.identity || read_later(s, source, reading);
    bool snapshot = report->snapshot && report->event_count > 0;
    struct settle settle = {s, arena, view, view->order.at_us, message, view->rev + 1, &counts};

    s->stamp++;
    index_known(s, arena);
    uint32_t latest = latest_of_older(s, view, order);
    bool has_latest = false;
    for (uint32_t i = 0; i < report->event_count; i++) {
        const struct rs_event *event = &report->event[i];
        const struct rs_known *same;
        enum finding finding = look_up(s, event, source, reading, &same);
        /* Before a newer reading of its words takes its place. */
        has_latest |= latest != NONE && s->known[latest].seen == s->stamp;
        if (finding == KNOWN) {
            counts.duplicate++;
            if (same) supersede_older(&settle, event, reading, same);
            continue;
        }
        counts.fresh++;
        counts.reread += finding == REREAD;
        rs_track_add_event(s, arena, event, source, source_name, reading, message, order->published_us);
        index_known(s, arena);
    }
    if (s->change_n > first_change) view->rev = settle.rev;

    /* The newest message that comes again, in a replay, decides again: a mended
     * profile may read it differently. */
    int cmp = rs_view_order_cmp(order, &view->order);
    bool newest = cmp > 0 || (!older_release && (cmp == 0 || has_latest));
    bool decides = snapshot && newest && !older_release;
    if (decides) {
        settle.at_us = order->at_us;
        settle_source(&settle, true);
    } else if (rs_view_applied(view) && !(snapshot && newest)) {
        withdraw_added(&settle, first_added, snapshot);
    }
    if (report->facts && newest && !(view->has_facts && rs_key_eq(view->facts, report->facts->key))) {
        counts.facts_changed = true;
        view->has_facts = true;
        view->facts = report->facts->key;
        if (view->rev < settle.rev) view->rev = settle.rev;
        view->changed = view->decided = true;
    }
    bool later = order->at_us != view->order.at_us || order->count != view->order.count ||
                 order->identity != view->order.identity;
    if (decides && (later || counts.fresh || view->changed)) {
        view->order = *order;
        view->changed = view->decided = true;
    }
    /* Who decides from memory must learn that a source that tells histories has
     * more events. */
    if (counts.fresh && (rs_view_applied(view) || view->has_facts)) view->changed = view->decided = true;
    return counts;
}

/* ---- when a source looked ---------------------------------------------------------- */

/* When the source last looked, as far as rows tell: a new event's own time of
 * publication says it too. */
static int64_t known_look(const struct rs_parcel_state *state, const struct rs_view *view)
{
    int64_t look = view->looked_us;
    for (uint32_t i = 0; i < state->known_n; i++) {
        const struct rs_known *known = &state->known[i];
        if (known->source == view->source && known->published_us > look) look = known->published_us;
    }
    return look;
}

void rs_track_look(struct rs_parcel_state *state, int32_t source, int64_t looked_us, bool repeats_only)
{
    struct rs_view *view = rs_track_view(state, source);
    if (looked_us <= view->looked_us) return;
    if (repeats_only && looked_us >= known_look(state, view) + RS_LOOK_EVERY_US) view->changed = true;
    view->looked_us = looked_us;
}

/* ---- the status --------------------------------------------------------------------- */

static int order_cmp(const struct rs_known *a, const struct rs_known *b)
{
    if (a->instant_us != b->instant_us) return a->instant_us < b->instant_us ? -1 : 1;
    if (a->source != b->source) {
        int order = rs_str_cmp(a->source_name, b->source_name);
        if (order) return order;
    }
    if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
    if (a->status->rank != b->status->rank) return a->status->rank < b->status->rank ? -1 : 1;
    return rs_key_cmp(a->fp, b->fp);
}

/* An older reading of words that were read anew does not count. */
static bool reread(const struct rs_parcel_state *s, const struct rs_known *known)
{
    for (uint32_t i = 0; i < s->known_n; i++) {
        const struct rs_known *k = &s->known[i];
        if (k->source == known->source && rs_key_eq(k->said, known->said) &&
            rs_reading_cmp(k->reading, known->reading) > 0) {
            return true;
        }
    }
    return false;
}

bool rs_track_moves(const struct rs_known *known)
{
    return known->status && known->status->moves && known->kind != RS_EVENT_PLANNED && !(known->marks & RS_MARK_future);
}

bool rs_track_scans(const struct rs_known *known)
{
    return rs_track_moves(known) && known->kind == RS_EVENT_SCAN && !(known->marks & RS_MARK_synthetic) &&
           !rs_str_is(known->status->stage, "info");
}

const struct rs_known *rs_track_head(const struct rs_parcel_state *s)
{
    const struct rs_known *head = NULL;
    for (uint32_t i = 0; i < s->known_n; i++) {
        const struct rs_known *k = &s->known[i];
        if (!rs_track_reported(k) || !rs_track_moves(k)) continue;
        if (head && order_cmp(k, head) < 0) continue;
        if (!reread(s, k)) head = k;
    }
    return head;
}
