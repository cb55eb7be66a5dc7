/* One event of a payload, from words to an event with keys. */
#include <stdlib.h>

#include "decode_private.h"
#include "keys.h"

/* Feeds began later; what is older is a default such as 0001-01-01 or 1970. */
#define INSTANT_MIN_US (INT64_C(631152000) * RS_SECOND_US) /* 1990-01-01 */
/* Estimates reach months ahead; what is later is a placeholder. */
#define FUTURE_MAX_US (400 * RS_DAY_US)
#define INSTANT_MAX_US (INT64_C(4102444800) * RS_SECOND_US) /* 2100-01-01 */

bool rs_in_range(const struct rs_decoder *d, int64_t instant_us)
{
    int64_t published = d->record->time_us;
    int64_t max = published > 0 ? published + FUTURE_MAX_US : INSTANT_MAX_US;
    return instant_us >= INSTANT_MIN_US && instant_us <= max;
}

bool rs_read_updated(const struct rs_decoder *d, const struct rs_match *parcel, struct rs_instant *ret)
{
    struct rs_instant updated;
    if (rs_read_time(d, parcel, &d->profile->updated, &updated, NULL) != RS_TIME_READ) return false;
    int64_t published = d->record->time_us;
    if (!rs_in_range(d, updated.us)) return false;
    if (published > 0 && updated.us > published + d->options.future_us) return false;
    *ret = updated;
    return true;
}

/* The event's time; whether its words alone tell it goes to said_apart. */
static bool read_instant(struct rs_decoder *d, const struct rs_match *block, struct rs_event *event,
                         struct rs_str *ret_reason)
{
    struct rs_instant instant;
    switch (rs_read_time(d, block, &d->profile->time, &instant, event->trace)) {
    case RS_TIME_MISSING: *ret_reason = RS_LIT("time: missing"); return false;
    case RS_TIME_BAD: *ret_reason = rs_say(d, "time: '%.*s' is no date", RS_FMT(instant.time)); return false;
    default: break;
    }
    if (!rs_in_range(d, instant.us)) {
        *ret_reason = rs_say(d, "time: '%.*s' is out of range", RS_FMT(instant.time));
        return false;
    }
    event->instant_us = instant.us;
    event->offset_min = instant.offset_min;
    event->precision = instant.precision;
    event->basis = instant.basis;
    event->marks |= instant.marks;
    event->time = instant.time;
    event->zone = instant.zone;
    event->said_apart = !instant.told;
    return true;
}

static void map_status(struct rs_decoder *d, const struct rs_match *block, struct rs_event *event)
{
    const struct rs_profile *p = d->profile;
    struct rs_str canonical = rs_word(d, block, &p->canonical, NULL);
    if (canonical.n && (event->status = rs_status_named(d->catalog, canonical))) return;
    const struct rs_strmap *lines = &p->code_line;
    struct rs_str word = event->code;
    uint32_t rank = word.n ? rs_strmap_get(&p->codes, word) : RS_STRMAP_NONE;
    if (rank == RS_STRMAP_NONE && event->text.n) {
        lines = &p->text_line;
        word = event->text;
        rank = rs_strmap_get(&p->texts, word);
    }
    if (rank == RS_STRMAP_NONE) {
        event->status = d->unmapped;
        event->marks |= RS_MARK_unmapped_code;
        return;
    }
    event->status = &d->catalog->status[rank];
    if (event->trace) event->trace->stage_line = rs_strmap_get(lines, word);
}

static enum rs_event_kind kind_of(struct rs_decoder *d, const struct rs_match *block, struct rs_str code)
{
    const struct rs_profile *p = d->profile;
    if (code.n && rs_strmap_get(&p->planned_codes, code) != RS_STRMAP_NONE) return RS_EVENT_PLANNED;
    if (!p->planned.n) return RS_EVENT_SCAN;
    return rs_str_eq(rs_word(d, block, &p->planned, NULL), p->planned_is) ? RS_EVENT_PLANNED : RS_EVENT_SCAN;
}

/* What nearly all are: digits that fit. */
static bool read_digits(struct rs_str word, int64_t *ret)
{
    int64_t v = 0;
    if (word.n > 18) return false;
    for (uint32_t i = 0; i < word.n; i++) {
        if (word.p[i] < '0' || word.p[i] > '9') return false;
        v = v * 10 + (word.p[i] - '0');
    }
    *ret = v;
    return true;
}

static int64_t read_sequence(struct rs_str word)
{
    int64_t v;
    if (read_digits(word, &v)) return v;
    char text[24];
    if (!word.n || word.n >= sizeof text) return 0;
    memcpy(text, word.p, word.n);
    text[word.n] = '\0';
    return strtoll(text, NULL, 10);
}

static void set_keys(struct rs_decoder *d, const struct rs_match *block, struct rs_event *event)
{
    const struct rs_profile *p = d->profile;
    struct rs_str context[RS_CONTEXT_MAX];
    for (uint32_t i = 0; i < p->context_n; i++) context[i] = rs_word(d, block, &p->context[i], NULL);
    struct rs_str id = rs_word(d, block, &p->id, NULL);
    rs_event_keys(d->source, id, p->identity_words, context, p->context_n, event);
    if (p->id.n) event->said_apart = true; /* without its id, too: the same words may come with one */
}

static void mark_future(const struct rs_decoder *d, struct rs_event *event)
{
    int64_t published = d->record->time_us;
    if (event->kind == RS_EVENT_PLANNED || published <= 0) return;
    if (event->instant_us > published + d->options.future_us) event->marks |= RS_MARK_future;
}

bool rs_normalise(struct rs_decoder *d, uint32_t node, struct rs_event *event, struct rs_str *ret_reason)
{
    const struct rs_profile *p = d->profile;
    if (d->json.node[node].type != RS_JSON_OBJECT) {
        *ret_reason = rs_say(d, "event: expected an object, found %s", rs_json_type_name(d->json.node[node].type));
        return false;
    }
    struct rs_match room;
    const struct rs_match *block = rs_outline_match(d->outline, &p->event, &d->json, node, &room);
    if (block->repeated) {
        *ret_reason = rs_say(d, "key \"%.*s\" is there twice", RS_FMT(d->json.node[block->repeated].key));
        return false;
    }

    /* Clearing it all first costs more than it looks; all else is set below. */
    event->node = node;
    event->raw = rs_json_raw(&d->json, node);
    event->line = 0;
    event->marks = 0;
    event->trace = d->options.trace ? rs_arena_zero(d->arena, sizeof *event->trace) : NULL;
    uint32_t code_node, text_node;
    event->code = rs_word_kept(d, block, &p->code, &event->marks, &code_node);
    event->text = rs_word_kept(d, block, &p->text_rule, &event->marks, &text_node);
    if (event->trace) {
        event->trace->code = code_node;
        event->trace->text = text_node;
    }
    if (!event->code.n && !event->text.n) {
        *ret_reason = RS_LIT("event: neither code nor text");
        return false;
    }
    if (!read_instant(d, block, event, ret_reason)) return false;
    rs_read_place(d, block, &p->place, &event->marks, event->trace, &event->place);
    event->sequence = read_sequence(rs_word(d, block, &p->sequence, NULL));
    event->kind = kind_of(d, block, event->code);
    map_status(d, block, event);
    if (event->code.n && rs_strmap_get(&p->synthetic, event->code) != RS_STRMAP_NONE) {
        event->marks |= RS_MARK_synthetic;
    }
    mark_future(d, event);
    set_keys(d, block, event);
    return true;
}

bool rs_normalise_again(const struct rs_decoder *d, struct rs_event *event)
{
    if (!rs_in_range(d, event->instant_us)) return false;
    mark_future(d, event);
    return true;
}

/* ---- a status without a scan ------------------------------------------------------- */

/* A scan from the future moves no status, so none is compared with it. */
static const struct rs_event *newest(const struct rs_report *report)
{
    const struct rs_event *newest = NULL;
    for (uint32_t i = 0; i < report->event_count; i++) {
        const struct rs_event *event = &report->event[i];
        if (event->kind != RS_EVENT_SCAN || event->marks & RS_MARK_future) continue;
        /* All are of one source, so its name does not matter. */
        if (!newest || rs_event_cmp(event, RS_STR_NONE, newest, RS_STR_NONE) > 0) newest = event;
    }
    return newest;
}

static const struct rs_status *status_of(const struct rs_decoder *d, struct rs_str word, unsigned *ret_line)
{
    const struct rs_profile *p = d->profile;
    bool own = rs_strmap_get(&p->statuses, word) != RS_STRMAP_NONE;
    uint32_t rank = rs_strmap_get(own ? &p->statuses : &p->codes, word);
    if (rank == RS_STRMAP_NONE) return NULL;
    *ret_line = rs_strmap_get(own ? &p->status_line : &p->code_line, word);
    return &d->catalog->status[rank];
}

/* The instant is the message's update time; without one, the newest scan's,
 * behind which it is then ordered; without a scan either, Kafka's.  The key is
 * made of the first two only, so that a retried message makes no second row. */
bool rs_normalise_status(struct rs_decoder *d, const struct rs_match *parcel, const struct rs_report *report,
                         struct rs_event *ret)
{
    const struct rs_profile *p = d->profile;
    if (!rs_profile_tells_status(p)) return false;
    struct rs_event event = {.kind = RS_EVENT_REPORTED, .node = report->node, .precision = RS_PRECISION_SECOND};
    event.said_apart = true;
    event.code = rs_word_kept(d, parcel, &p->status_code, &event.marks, NULL);
    event.text = rs_word_kept(d, parcel, &p->status_text, &event.marks, NULL);
    if (!event.code.n && !event.text.n) return false;
    unsigned line = 0;
    event.status = status_of(d, event.code.n ? event.code : event.text, &line);
    if (!event.status) return false;
    const struct rs_event *last = newest(report);
    if (last && rs_str_eq(last->status->stage, event.status->stage)) return false;

    struct rs_instant updated;
    int64_t anchor = 0;
    if (rs_read_updated(d, parcel, &updated)) {
        anchor = event.instant_us = updated.us;
        event.basis = updated.basis;
        event.precision = updated.precision;
        event.offset_min = updated.offset_min;
        event.time = updated.time;
    } else if (last) {
        anchor = event.instant_us = last->instant_us;
        event.basis = last->basis;
        event.precision = last->precision;
        event.offset_min = last->offset_min;
    } else {
        event.instant_us = d->record->time_us > INSTANT_MIN_US ? d->record->time_us : INSTANT_MIN_US;
        event.basis = RS_BASIS_ASSUMED;
    }
    event.sequence = INT64_MAX;
    event.fp = rs_fp_of_reported(d->source, anchor, &event);
    event.said = event.fp;
    if (d->options.trace) {
        event.trace = rs_arena_zero(d->arena, sizeof *event.trace);
        event.trace->stage_line = line;
    }
    *ret = event;
    return true;
}
