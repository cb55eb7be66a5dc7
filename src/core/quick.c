#include "rastro/quick.h"

#include "rastro/hash.h"

static void *grow(struct rs_arena *arena, const void *list, uint32_t n, uint32_t *room, size_t size)
{
    *room = *room ? *room * 2 : 8;
    void *grown = rs_arena_get(arena, *room * size);
    return n ? memcpy(grown, list, n * size) : grown;
}

/* ---- facts by their tags ------------------------------------------------------------ */

static void add_word(struct rs_quick *q, struct rs_arena *arena, uint64_t word)
{
    if (q->word_n == q->word_room) q->word = grow(arena, q->word, q->word_n, &q->word_room, sizeof *q->word);
    q->word[q->word_n++] = word;
}

static bool added(const struct rs_quick *q, uint64_t tag, unsigned *ret_flags)
{
    for (uint32_t i = 0; i < q->word_n; i++) {
        if (RS_TABLE_TAG(q->word[i]) != tag) continue;
        *ret_flags = q->word[i] & RS_TABLE_FLAGS;
        return true;
    }
    return false;
}

/* Before this batch. */
static bool known_before(const struct rs_quick *q, uint64_t tag, unsigned *ret_flags)
{
    if (q->before && added(q->before, tag, ret_flags)) return true;
    return q->ref.record && rs_table_has(q->thread, q->ref, tag, ret_flags);
}

static bool known(const struct rs_quick *q, uint64_t tag, unsigned *ret_flags)
{
    return added(q, tag, ret_flags) || known_before(q, tag, ret_flags);
}

/* ---- views --------------------------------------------------------------------------- */

static struct rs_view view_of_table(const struct rs_table_view *t)
{
    return (struct rs_view){
        .source = t->source,
        .version = t->version,
        .order =
            {
                .at_us = (int64_t)t->word[0],
                .published_us = (int64_t)t->word[1],
                .offset = (int64_t)t->word[2] >> 16,
                .topic = (int16_t)(t->word[2] & 0xffff),
                .partition = (int32_t)(t->word[3] >> 32),
                .count = (int32_t)(t->word[3] & 0xffffffff),
                .identity = (int32_t)(t->word[4] >> 16 & 0xffff),
            },
        .rev = (int32_t)(t->word[4] >> 32),
        .has_facts = t->word[4] & 1,
        .facts_tag = t->word[5],
        .looked_us = RS_INSTANT_NONE,
        .stored = true,
        .current = t->current,
        .gone = t->gone,
    };
}

static void view_to_table(const struct rs_view *v, struct rs_table_view *ret)
{
    const struct rs_view_order *o = &v->order;
    *ret = (struct rs_table_view){
        .source = (uint16_t)v->source,
        .version = v->version,
        .word = {(uint64_t)o->at_us, (uint64_t)o->published_us, (uint64_t)o->offset << 16 | (uint16_t)o->topic,
                 (uint64_t)(uint32_t)o->partition << 32 | (uint32_t)o->count,
                 (uint64_t)(uint32_t)v->rev << 32 | (uint64_t)(uint16_t)o->identity << 16 | v->has_facts, v->facts_tag},
        .current = (uint16_t)v->current,
        .gone = (uint16_t)v->gone,
    };
}

/* More events of a source than the table can count: it does not keep the view. */
#define COUNT_MAX UINT16_MAX

/* A row that only says when its source looked is no view to decide by. */
static bool is_kept(const struct rs_view *view)
{
    return rs_view_applied(view) || view->has_facts;
}

static const struct rs_view *find_view(const struct rs_quick *q, int32_t source)
{
    return rs_track_view(q->state, source);
}

/* The view as known; false when there is none. */
static bool get_view(const struct rs_quick *q, int32_t source, struct rs_view *ret)
{
    const struct rs_view *own = find_view(q, source);
    if (own) {
        *ret = *own;
        return own->decided || (own->stored && is_kept(own));
    }
    own = q->before ? find_view(q->before, source) : NULL;
    if (own && (own->decided || (q->before->whole && own->stored && is_kept(own)))) {
        *ret = *own;
        ret->version += own->decided;
        ret->stored = true;
        ret->changed = ret->decided = false;
        return true;
    }
    struct rs_table_view found;
    if (!q->ref.record || !rs_table_view(q->thread, q->ref, (uint16_t)source, &found)) return false;
    *ret = view_of_table(&found);
    return true;
}

static struct rs_view *put_view(struct rs_quick *q, struct rs_arena *arena, const struct rs_view *view)
{
    struct rs_view *own = rs_track_view(q->state, view->source);
    if (!own) own = rs_track_add_view(q->state, arena);
    *own = *view;
    return own;
}

/* That a row says when the source looked, where it is no view to decide by, is a
 * fact like any other: whether it must be made or set is known without a look. */
static uint64_t row_tag(const struct rs_quick *q, int32_t source)
{
    struct rs_key key = {{'r', 'o', 'w'}};
    memcpy(key.b + 8, &source, sizeof source);
    return rs_table_tag(q->table, RS_TABLE_LINK, key);
}

/* Returns whether the row is there before this batch. */
static bool note_row(struct rs_quick *q, struct rs_arena *arena, int32_t source)
{
    unsigned ignored;
    uint64_t tag = row_tag(q, source);
    bool there = known_before(q, tag, &ignored);
    if (!there && !added(q, tag, &ignored)) add_word(q, arena, tag);
    return there;
}

/* ---- when a source looked ---------------------------------------------------------------- */

static int64_t looked_in(const struct rs_quick *q, int32_t source)
{
    for (uint32_t i = 0; i < q->look_n; i++) {
        if (q->look[i].source == source) return q->look[i].looked_s;
    }
    return 0;
}

/* 0: the source has told nothing of this parcel yet. */
static int64_t looked_s(const struct rs_quick *q, int32_t source)
{
    int64_t look = looked_in(q, source);
    if (!look && q->before) look = looked_in(q->before, source);
    if (!look && q->ref.record) look = rs_table_looked(q->thread, q->ref, (uint16_t)source);
    return look;
}

static void set_look(struct rs_quick *q, struct rs_arena *arena, int32_t source, int64_t look)
{
    for (uint32_t i = 0; i < q->look_n; i++) {
        if (q->look[i].source != source) continue;
        if (q->look[i].looked_s < look) q->look[i].looked_s = look;
        return;
    }
    if (q->look_n == q->look_room) q->look = grow(arena, q->look, q->look_n, &q->look_room, sizeof *q->look);
    q->look[q->look_n++] = (struct rs_table_look){(uint16_t)source, look};
}

/* When the parcel was first told of is kept as the look of no source: since the
 * table keeps the greater value, as the milliseconds, which are Kafka's, that were
 * left then until an end of time. */
#define NO_SOURCE UINT16_MAX
#define END_OF_TIME_MS (INT64_C(1) << 43)

/* In memory, or each message that comes again would be asked of PostgreSQL. */
bool rs_quick_first(struct rs_quick *q, struct rs_arena *arena, int64_t published_us)
{
    int64_t told_ms = published_us / 1000;
    int64_t left = told_ms > 0 && told_ms < END_OF_TIME_MS ? END_OF_TIME_MS - told_ms : 1;
    if (left <= looked_s(q, NO_SOURCE)) return false;
    set_look(q, arena, NO_SOURCE, left);
    return true;
}

/* ---- the newest event ------------------------------------------------------------------------ */

static uint64_t prefix_of(struct rs_str name)
{
    uint64_t prefix = 0;
    for (uint32_t i = 0; i < 8; i++) prefix = prefix << 8 | (i < name.n ? (unsigned char)name.p[i] : 0);
    return prefix;
}

static struct rs_table_head head_of(const struct rs_known *k)
{
    uint64_t fp = (uint64_t)k->fp.b[0] << 24 | (uint64_t)k->fp.b[1] << 16 | (uint64_t)k->fp.b[2] << 8 | k->fp.b[3];
    return (struct rs_table_head){{(uint64_t)k->instant_us, prefix_of(k->source_name), (uint64_t)k->sequence,
                                   (uint64_t)k->status->rank << 48 | fp << 16 | k->status->id}};
}

/* As head_of has put it there. */
static uint16_t status_of(const struct rs_table_head *head)
{
    return (uint16_t)head->word[3];
}

int rs_quick_head_cmp(const struct rs_table_head *a, const struct rs_table_head *b, void *self)
{
    (void)self;
    for (int i = 0; i < 4; i++) {
        if (a->word[i] == b->word[i]) continue;
        bool is_signed = i == 0 || i == 2;
        bool less = is_signed ? (int64_t)a->word[i] < (int64_t)b->word[i] : a->word[i] < b->word[i];
        return less ? -1 : 1;
    }
    return 0;
}

static const struct rs_table_head *head_before(const struct rs_quick *q)
{
    if (q->before && q->before->marks & RS_TABLE_HAS_HEAD) return &q->before->head;
    return q->ref.record && q->parcel.marks & RS_TABLE_HAS_HEAD ? &q->parcel.head : NULL;
}

static const struct rs_table_head *newest(const struct rs_quick *q)
{
    return q->marks & RS_TABLE_HAS_HEAD ? &q->head : head_before(q);
}

static bool had_ended(const struct rs_quick *q)
{
    if (q->before && q->before->marks & RS_TABLE_HAS_HEAD) return q->before->marks & RS_TABLE_ENDED;
    return q->ref.record && q->parcel.marks & RS_TABLE_ENDED;
}

int64_t rs_quick_head_before(const struct rs_quick *q, uint16_t *ret_rank, bool *ret_ended)
{
    const struct rs_table_head *head = head_before(q);
    *ret_ended = head && had_ended(q);
    if (!head) return RS_INSTANT_NONE;
    *ret_rank = (uint16_t)(head->word[3] >> 48);
    return (int64_t)head->word[0];
}

bool rs_quick_scanned_before(const struct rs_quick *q)
{
    return (q->before && q->before->marks & RS_TABLE_IN_HANDS) ||
           (q->ref.record && q->parcel.marks & RS_TABLE_IN_HANDS);
}

const struct rs_known *rs_quick_head_now(const struct rs_quick *q)
{
    for (uint32_t i = 0; q->marks & RS_TABLE_HAS_HEAD && i < q->state->known_n; i++) {
        const struct rs_known *k = &q->state->known[i];
        struct rs_table_head head = head_of(k);
        if (k->event && !rs_quick_head_cmp(&head, &q->head, NULL)) return k;
    }
    return NULL;
}

static void weigh(struct rs_quick *q, uint32_t at)
{
    const struct rs_known *k = &q->state->known[at];
    if (!rs_track_moves(k)) return;
    struct rs_table_head head = head_of(k);
    const struct rs_table_head *old = newest(q);
    if (rs_track_scans(k)) q->marks |= RS_TABLE_IN_HANDS;
    if (old && rs_quick_head_cmp(&head, old, NULL) < 0) return;
    q->marks = (q->marks & ~RS_TABLE_ENDED) | RS_TABLE_HAS_HEAD | (k->status->ends ? RS_TABLE_ENDED : 0);
    q->head = head;
}

/* ---- a report ------------------------------------------------------------------------------------ */

struct verdict {
    uint32_t fresh, matched;
    bool gone; /* one that is known is not current */
};

static bool said_already(const struct rs_quick *q, const uint64_t *said, uint32_t i)
{
    unsigned ignored;
    for (uint32_t k = 0; k < i; k++) {
        if (said[k] == said[i]) return true;
    }
    return known(q, said[i], &ignored);
}

/* The tags of what is new go to `tag`, 0 for what is known. */
static bool look_up(const struct rs_quick *q, const struct rs_report *report, uint64_t *tag, uint64_t *said,
                    struct verdict *ret)
{
    for (uint32_t i = 0; i < report->event_count; i++) {
        const struct rs_event *event = &report->event[i];
        unsigned flags;
        tag[i] = rs_table_tag(q->table, RS_TABLE_FP, event->fp);
        said[i] = event->said_apart ? rs_table_tag(q->table, RS_TABLE_SAID, event->said) : 0;
        if (known(q, tag[i], &flags)) {
            ret->matched++;
            ret->gone |= flags & RS_TABLE_GONE;
            tag[i] = 0;
        } else {
            if (said[i] && said_already(q, said, i)) return false;
            ret->fresh++;
        }
    }
    return true;
}

/* What of the view a decision needs.  A source that never told anything of the
 * parcel has an empty one; of one that did, but has none, the number of its
 * events is not known. */
static bool open_view(const struct rs_quick *q, int32_t source, struct rs_view *ret, bool *ret_there)
{
    *ret_there = get_view(q, source, ret);
    if (*ret_there) return ret->current < COUNT_MAX - 1000;
    const struct rs_view *own = find_view(q, source); /* of this batch, to say when it looked */
    *ret = (struct rs_view){
        .source = source, .order.at_us = RS_INSTANT_NONE, .looked_us = own ? own->looked_us : RS_INSTANT_NONE};
    return true;
}

static bool same_facts(const struct rs_quick *q, const struct rs_view *view, const struct rs_report *report,
                       uint64_t *ret_tag)
{
    *ret_tag = rs_table_tag(q->table, RS_TABLE_FP, report->facts->key);
    return view->has_facts && view->facts_tag == *ret_tag;
}

static void add_events(struct rs_quick *q, struct rs_arena *arena, const struct rs_report *report, int32_t source,
                       struct rs_str source_name, struct rs_reading reading, uint32_t message, int64_t published_us,
                       const uint64_t *tag, const uint64_t *said)
{
    for (uint32_t i = 0; i < report->event_count; i++) {
        if (!tag[i]) continue;
        rs_track_add_event(q->state, arena, &report->event[i], source, source_name, reading, message, published_us);
        add_word(q, arena, tag[i]);
        if (said[i]) add_word(q, arena, said[i]);
        weigh(q, q->state->known_n - 1);
    }
}

/* Returns whether a row must say that the source looked.  What no row says is not
 * known here either, or looks that follow each other quickly would never be said. */
static bool note_look(struct rs_quick *q, struct rs_arena *arena, int32_t source, int64_t looked_us, uint32_t fresh,
                      int64_t published_us)
{
    int64_t before = q->before_s, look = (fresh ? published_us : looked_us) / RS_SECOND_US;
    bool later = look > before, coarse = !fresh && later && look >= before + RS_LOOK_EVERY_US / RS_SECOND_US;
    if (later && (fresh || coarse)) set_look(q, arena, source, look);
    else if (!before) set_look(q, arena, source, 1); /* it has told something */
    return coarse;
}

bool rs_quick_report(struct rs_quick *q, struct rs_arena *arena, const struct rs_report *report, int32_t source,
                     struct rs_str source_name, struct rs_reading reading, bool histories, uint32_t message,
                     const struct rs_view_order *order, struct rs_track_counts *ret)
{
    if ((q->ref.record ? q->parcel.marks : q->before ? q->before->marks : 0) & RS_TABLE_MIXED) return false;
    uint64_t small[2 * 64], *tag = small;
    if (report->event_count > 64) tag = rs_arena_get(arena, 2 * report->event_count * sizeof *tag);
    uint64_t *said = tag + report->event_count, facts_tag = 0;
    struct verdict v = {0};
    struct rs_view view;
    bool there;
    if (!look_up(q, report, tag, said, &v) || !open_view(q, source, &view, &there)) return false;

    q->before_s = looked_s(q, source);
    bool applied = there && rs_view_applied(&view), told = there || q->before_s;
    bool snapshot = report->snapshot && report->event_count > 0;
    int cmp = rs_view_order_cmp(order, &view.order);
    bool decides = snapshot && cmp >= 0;
    if (applied && view.order.identity != order->identity) return false;
    if (decides && (v.gone || (told && !there) || v.matched != view.current || (v.fresh && view.gone))) return false;
    if (!decides && applied && v.fresh) return false;
    bool facts_changed = report->facts && cmp >= 0 && !same_facts(q, &view, report, &facts_tag);
    if (facts_changed && histories && told && !there) return false;

    bool later = order->at_us != view.order.at_us || order->count != view.order.count ||
                 order->identity != view.order.identity;
    bool moved = decides && (later || v.fresh || facts_changed || view.changed);
    add_events(q, arena, report, source, source_name, reading, message, order->published_us, tag, said);
    bool looked = note_look(q, arena, source, report->looked_us, v.fresh, order->published_us);
    if (facts_changed || moved || (histories && there && v.fresh)) {
        view.current += v.fresh;
        if (moved) view.order = *order;
        if (facts_changed) {
            view.has_facts = true;
            view.facts = report->facts->key;
            view.facts_tag = facts_tag;
            view.rev++;
        }
        view.changed = view.decided = true;
    } else if (looked) {
        view.changed = true;
    }
    if (view.changed) {
        if (!there) view.stored = note_row(q, arena, source);
        if (view.looked_us < report->looked_us) view.looked_us = report->looked_us;
        put_view(q, arena, &view);
    }
    *ret = (struct rs_track_counts){
        .fresh = v.fresh, .duplicate = report->event_count - v.fresh, .facts_changed = facts_changed};
    return true;
}

/* A link is known from when its source had looked by the second in which it was
 * told: so it was told earlier than whatever comes in a later second than the
 * source's last look, and nothing needs to be kept of when that was. */
bool rs_quick_link(struct rs_quick *q, struct rs_arena *arena, int32_t source, const struct rs_link *link,
                   int64_t published_us)
{
    int64_t told_s = published_us / RS_SECOND_US;
    char text[512];
    struct rs_str part[] = {{(const char *)&source, sizeof source}, link->kind, link->issuer, link->number};
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (n + part[i].n + 1 > sizeof text) return true;
        if (part[i].n) memcpy(text + n, part[i].p, part[i].n);
        n += part[i].n;
        text[n++] = '\0';
    }
    struct rs_table_key name = rs_table_key_of(q->table, text, n);
    struct rs_key key;
    memcpy(key.b, &name, sizeof key.b);
    uint64_t tag = rs_table_tag(q->table, RS_TABLE_LINK, key);
    unsigned ignored;
    bool there = known(q, tag, &ignored);
    if (there) return told_s <= q->before_s;
    if (told_s <= looked_s(q, source)) add_word(q, arena, tag);
    return true;
}

/* ---- for the table -------------------------------------------------------------------------- */

void rs_quick_facts(const struct rs_quick *q, struct rs_arena *arena, struct rs_table_facts *ret)
{
    struct rs_table_view *view = rs_arena_get(arena, (q->state->view_n + 1) * sizeof *view);
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->state->view_n; i++) {
        const struct rs_view *v = &q->state->view[i];
        if (!is_kept(v) || v->current >= COUNT_MAX || v->gone >= COUNT_MAX || !(v->decided || q->whole)) continue;
        view_to_table(v, &view[n]);
        view[n++].version += v->decided;
    }
    *ret = (struct rs_table_facts){
        .word = q->word,
        .word_n = q->word_n,
        .view = view,
        .view_n = n,
        .look = q->look,
        .look_n = q->look_n,
        .marks = q->marks,
        .status = q->marks & RS_TABLE_HAS_HEAD ? status_of(&q->head) : RS_TABLE_NO_STATUS,
        .head = q->head,
        .whole = q->whole,
    };
}

static void raise_look(struct rs_quick *q, struct rs_arena *arena, int32_t source, int64_t us)
{
    set_look(q, arena, source, us >= RS_SECOND_US ? us / RS_SECOND_US : 1);
}

static void count_of_rows(const struct rs_quick *q, struct rs_view *view)
{
    view->current = view->gone = 0;
    for (uint32_t i = 0; i < q->state->known_n; i++) {
        if (q->state->known[i].source != view->source) continue;
        if (rs_track_reported(&q->state->known[i])) view->current++;
        else view->gone++;
    }
    if (view->has_facts) view->facts_tag = rs_table_tag(q->table, RS_TABLE_FP, view->facts);
}

void rs_quick_of_rows(struct rs_quick *q, struct rs_arena *arena, bool uniform,
                      bool (*apart)(void *self, int32_t source), void *self)
{
    struct rs_parcel_state *state = q->state;
    q->word = rs_arena_get(arena, (2 * state->known_n + 1) * sizeof *q->word);
    q->word_n = q->look_n = 0;
    q->word_room = 2 * state->known_n + 1;
    for (uint32_t i = 0; i < state->known_n; i++) {
        const struct rs_known *k = &state->known[i];
        unsigned flags = rs_track_reported(k) ? 0 : RS_TABLE_GONE;
        q->word[q->word_n++] = rs_table_tag(q->table, RS_TABLE_FP, k->fp) | flags;
        if (apart(self, k->source)) q->word[q->word_n++] = rs_table_tag(q->table, RS_TABLE_SAID, k->said) | flags;
        raise_look(q, arena, k->source, k->published_us);
        rs_quick_first(q, arena, k->published_us);
    }
    for (uint32_t i = 0; i < state->view_n; i++) {
        count_of_rows(q, &state->view[i]);
        if (state->view[i].stored || state->view[i].changed) note_row(q, arena, state->view[i].source);
        raise_look(q, arena, state->view[i].source, state->view[i].looked_us);
    }
    const struct rs_known *head = rs_track_head(state);
    q->whole = true;
    q->marks = uniform ? 0 : RS_TABLE_MIXED;
    for (uint32_t i = 0; i < state->known_n; i++) {
        const struct rs_known *k = &state->known[i];
        if (rs_track_reported(k) && rs_track_scans(k)) q->marks |= RS_TABLE_IN_HANDS;
    }
    if (!head) return;
    q->marks |= RS_TABLE_HAS_HEAD | (head->status->ends ? RS_TABLE_ENDED : 0);
    q->head = head_of(head);
}
