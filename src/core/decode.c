#include "rastro/decode.h"

#include <stdlib.h>

#include "decode_private.h"
#include "keys.h"

struct rs_decoder *rs_decoder_new(const struct rs_catalog *catalog, struct rs_zones *zones,
                                  const struct rs_profiles *profiles, const struct rs_decoder_options *options)
{
    struct rs_decoder *d = rs_calloc(1, sizeof *d);
    d->catalog = catalog;
    d->zones = zones;
    d->profiles = profiles;
    d->options = *options;
    d->parser = rs_json_parser_new(options->backend);
    d->outlines = rs_outlines_new();
    d->recent = rs_calloc(1, sizeof *d->recent);
    d->recogniser = rs_recogniser_new(profiles);
    if (!options->trace && options->backend == RS_JSON_FAST) d->memo = rs_memo_new(options->memo_bytes);
    d->unmapped = rs_status_named(catalog, RS_LIT("unknown.unmapped"));
    return d;
}

void rs_decoder_free(struct rs_decoder *d)
{
    if (!d) return;
    rs_json_parser_free(d->parser);
    rs_recogniser_free(d->recogniser);
    rs_outlines_free(d->outlines);
    rs_memo_free(d->memo);
    free(d->recent);
    free(d->nodes);
    free(d->rejects);
    free(d);
}

void rs_decoder_memo(const struct rs_decoder *d, uint64_t *ret_asked, uint64_t *ret_known)
{
    *ret_asked = d->memo_asked;
    *ret_known = d->memo_known;
}

const struct rs_json *rs_decoder_json(const struct rs_decoder *d)
{
    return &d->json;
}

/* ---- scratch lists --------------------------------------------------------------- */

/* Makes room for one more element of a scratch list. */
#define GROW(list, n, room)                                       \
    do {                                                          \
        if ((n) == (room)) {                                      \
            (room) = (room) ? (room)*2 : 64;                      \
            (list) = rs_realloc((list), (room) * sizeof *(list)); \
        }                                                         \
    } while (0)

static bool keep_node(void *self, uint32_t node)
{
    struct rs_decoder *d = self;
    GROW(d->nodes, d->nodes_n, d->nodes_room);
    d->nodes[d->nodes_n++] = node;
    return d->nodes_n < RS_EVENTS_MAX;
}

static void reject(struct rs_decoder *d, uint32_t node, struct rs_str reason)
{
    struct rs_buf path = {0};
    rs_json_path(&d->json, node, &path);
    GROW(d->rejects, d->rejects_n, d->rejects_room);
    d->rejects[d->rejects_n++] = (struct rs_reject){
        .reason = reason,
        .raw = rs_json_raw(&d->json, node),
        .path = rs_arena_str(d->arena, (struct rs_str){path.p, (uint32_t)path.n}),
    };
    rs_buf_free(&path);
}

static void *keep(struct rs_decoder *d, const void *list, uint32_t n, size_t size)
{
    return n ? memcpy(rs_arena_get(d->arena, n * size), list, n * size) : NULL;
}

/* ---- events ------------------------------------------------------------------------ */

/* The nodes of a report's events, in the payload's order: from the first of
 * the shape's paths that selects any. */
static void find_events(struct rs_decoder *d, uint32_t parcel)
{
    d->nodes_n = 0;
    for (uint32_t i = 0; i < d->shape->event_n && !d->nodes_n; i++) {
        rs_path_each(d->shape->event[i], &d->json, parcel, keep_node, d);
        /* "@.scans" behind "@.scans[*]" is for one object where a list is
         * usual; an empty list is no event. */
        bool lists = d->nodes_n == 1 && d->json.node[d->nodes[0]].type == RS_JSON_ARRAY;
        bool nothing = d->nodes_n == 1 && d->json.node[d->nodes[0]].type == RS_JSON_NULL;
        if (lists || nothing) d->nodes_n = 0;
    }
}

/* A set of keys of what is kept so far, for lists long enough to need one. */
struct seen {
    uint32_t *slot; /* index + 1 of an event */
    uint32_t mask;
};

/* Is `event`, the next one of the report, there already? */
static bool is_repeat(const struct rs_report *report, struct seen *seen, const struct rs_event *event)
{
    if (!seen->slot) {
        for (uint32_t i = 0; i < report->event_count; i++) {
            if (rs_key_eq(report->event[i].fp, event->fp)) return true;
        }
        return false;
    }
    uint32_t h;
    memcpy(&h, event->fp.b, sizeof h);
    for (;; h++) {
        uint32_t *slot = &seen->slot[h & seen->mask];
        if (!*slot) {
            *slot = report->event_count + 1;
            return false;
        }
        if (rs_key_eq(report->event[*slot - 1].fp, event->fp)) return true;
    }
}

static struct seen seen_for(struct rs_decoder *d, uint32_t n)
{
    struct seen seen = {0};
    if (n <= 16) return seen;
    uint32_t cap = 64;
    while (cap < 2 * n) cap *= 2;
    seen.slot = rs_arena_zero(d->arena, cap * sizeof *seen.slot);
    seen.mask = cap - 1;
    return seen;
}

/* All but its own bytes that an event of this message depends on; its time of
 * publication apart, see rs_normalise_again.  The profile stands for itself and,
 * as all of a decoder, for one release of the zones and one catalog. */
static struct rs_key memo_context(const struct rs_decoder *d)
{
    struct rs_key part[2 + RS_TRIE_SLOTS_MAX + RS_TRIE_MORE_MAX];
    uint32_t n = 0;
    memset(&part[n], 0, sizeof part[n]);
    memcpy(part[n++].b, &d->profile, sizeof d->profile);
    part[n++] = rs_quick_key(d->source.p, d->source.n);
    for (uint64_t left = d->profile->event_roots; left; left &= left - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(left), at = d->root->slot[slot];
        struct rs_str raw = rs_json_raw(&d->json, at);
        memset(&part[n], 0, sizeof part[n]);
        if (at) part[n] = rs_quick_key(raw.p, raw.n);
        n++;
    }
    for (uint32_t i = 0; d->profile->event_roots && i < d->root->more_n; i++) {
        struct rs_str raw = rs_json_raw(&d->json, d->root->more[i].node);
        part[n] = rs_quick_key(raw.p, raw.n);
        part[n++].b[0] ^= (uint8_t)d->root->more[i].slot;
    }
    return rs_quick_key(part, n * sizeof *part);
}

/* Keys of the next few events, made together so that the memo's memory, which
 * is far away, is fetched for all of them at once. */
#define AHEAD 16
#define PLACES_AHEAD 4 /* keys between asking for a place and reading it */
struct ahead {
    struct rs_memo_key key[AHEAD];
    bool keyed[AHEAD];
};

static void look_ahead(struct rs_decoder *d, uint32_t from, struct ahead *ahead)
{
    if (!d->context_is_set) d->context = memo_context(d);
    d->context_is_set = true;
    uint32_t n = d->nodes_n - from < AHEAD ? d->nodes_n - from : AHEAD;
    for (uint32_t i = 0; i < n + PLACES_AHEAD; i++) {
        if (i < n) {
            ahead->keyed[i] = rs_memo_key(&d->json, d->nodes[from + i], d->context, &ahead->key[i]);
            if (ahead->keyed[i]) rs_memo_expect(d->memo, &ahead->key[i]);
        }
        if (i >= PLACES_AHEAD && ahead->keyed[i - PLACES_AHEAD]) {
            rs_memo_expect_entry(d->memo, &ahead->key[i - PLACES_AHEAD]);
        }
    }
}

/* One event, from the memo if it can be. */
static bool remember_or_make(struct rs_decoder *d, uint32_t node, const struct rs_memo_key *key, struct rs_event *event,
                             struct rs_str *ret_reason)
{
    d->memo_asked++;
    bool known = rs_memo_get(d->memo, key, &d->json, node, d->arena, event);
    d->memo_known += known;
    if (known && rs_normalise_again(d, event)) return true;
    if (!rs_normalise(d, node, event, ret_reason)) return false;
    if (!known) rs_memo_put(d->memo, key, &d->json, event);
    return true;
}

/* Events are made in their place; behind them is room for a status without a
 * scan, where the profile reads one. */
static void read_events(struct rs_decoder *d, struct rs_report *report)
{
    find_events(d, report->node);
    d->rejects_n = 0;
    if (d->nodes_n == RS_EVENTS_MAX) {
        /* A part of a history is no history: what it lacks was not withdrawn. */
        reject(d, report->node, rs_say(d, "%u events or more in a history", RS_EVENTS_MAX));
        d->nodes_n = 0;
    }
    report->event = rs_arena_get(d->arena, (d->nodes_n + rs_profile_tells_status(d->profile)) * sizeof *report->event);
    struct seen seen = seen_for(d, d->nodes_n);
    bool memo = d->memo && (d->shape->full || d->nodes_n > 1); /* others repeat nothing */
    struct ahead ahead;
    for (uint32_t i = 0; i < d->nodes_n; i++) {
        struct rs_event *event = &report->event[report->event_count];
        struct rs_str reason;
        if (memo && i % AHEAD == 0) look_ahead(d, i, &ahead);
        bool made = memo && ahead.keyed[i % AHEAD]
                        ? remember_or_make(d, d->nodes[i], &ahead.key[i % AHEAD], event, &reason)
                        : rs_normalise(d, d->nodes[i], event, &reason);
        if (!made) {
            reject(d, d->nodes[i], reason);
        } else if (is_repeat(report, &seen, event)) {
            report->repeated++;
        } else {
            event->line = i;
            report->event_count++;
        }
    }
}

static void add_reported(struct rs_decoder *d, const struct rs_match *block, struct rs_report *report)
{
    struct rs_event *event = &report->event[report->event_count];
    if (!rs_normalise_status(d, block, report, event)) return;
    event->line = report->event_count++;
}

/* ---- parcels ------------------------------------------------------------------------- */

struct rs_str rs_clean_number(struct rs_decoder *d, struct rs_str word)
{
    char clean[RS_NUMBER_MAX];
    uint32_t n;
    if (rs_number_is_clean(word)) return word;
    if (!rs_number_clean(word, clean, &n)) return RS_STR_NONE;
    return rs_arena_str(d->arena, (struct rs_str){clean, n});
}

struct rs_str rs_foreign_issuer(struct rs_decoder *d, struct rs_str source, struct rs_str alias)
{
    bool fit = alias.n && alias.n <= 60 && !memchr(alias.p, '\0', alias.n);
    return rs_joined(d, source, ':', fit ? alias : RS_LIT("?"));
}

static const struct rs_carrier *carrier_of(struct rs_decoder *d, struct rs_str alias)
{
    const void *carrier;
    if (!alias.n) return NULL;
    if (rs_recent_get(&d->recent->carrier, d->profile, alias, &carrier)) return carrier;
    carrier = rs_carrier_of(d->catalog, d->profile->source, alias);
    rs_recent_put(&d->recent->carrier, d->profile, alias, carrier);
    return carrier;
}

static struct rs_str issuer_of(struct rs_decoder *d, const struct rs_match *block, const struct rs_carrier_rule *rule,
                               const struct rs_carrier **ret_carrier, uint32_t *ret_node)
{
    if (rule->is.n) {
        *ret_carrier = rs_carrier_named(d->catalog, rule->is);
        return rule->is;
    }
    struct rs_str alias = rs_word(d, block, &rule->at, ret_node);
    *ret_carrier = carrier_of(d, alias);
    if (*ret_carrier) return (*ret_carrier)->id;
    return rs_foreign_issuer(d, d->profile->source, alias);
}

static bool read_parcel_key(struct rs_decoder *d, const struct rs_match *block, struct rs_report *report)
{
    const struct rs_profile *p = d->profile;
    struct rs_report_trace none, *trace = report->trace ? report->trace : &none;
    struct rs_str word = rs_word(d, block, &p->number, &trace->number);
    struct rs_str number = rs_clean_number(d, word);
    if (!number.n) {
        struct rs_str reason = !word.n
                                   ? RS_LIT("number: missing")
                                   : rs_say(d, "number: '%.*s' is no tracking number", RS_FMT(rs_str_cut(word, 80)));
        reject(d, report->node, reason);
        return false;
    }
    report->parcel.number = number;
    report->s10 = rs_s10_check(d->catalog, number);
    if (report->s10 == RS_S10_OK) return true;
    const struct rs_carrier *carrier;
    report->parcel.issuer = issuer_of(d, block, &p->carrier, &carrier, &trace->carrier);
    report->unknown_carrier = !carrier;
    uint16_t marks = 0;
    report->parcel.discriminator = rs_word_kept(d, block, &p->discriminator, &marks, NULL);
    if (report->parcel.discriminator.n <= RS_ID_MAX) return true;
    reject(d, report->node, rs_say(d, "discriminator: longer than %d bytes", RS_ID_MAX));
    report->parcel = (struct rs_parcel_key){0};
    return false;
}

/* A time about the parcel; what no one can mean is not told. */
/* With `end`, a date alone is the end of its day: "by the 20th" includes it. */
static int64_t read_fact_time(struct rs_decoder *d, const struct rs_match *block, const struct rs_time_rules *rules,
                              bool end)
{
    struct rs_instant at;
    if (!rules->n) return RS_INSTANT_NONE;
    if (rs_read_time(d, block, rules, &at, NULL) != RS_TIME_READ || !rs_in_range(d, at.us)) return RS_INSTANT_NONE;
    return end && at.precision == RS_PRECISION_DAY ? at.us + RS_DAY_US - 1 : at.us;
}

static struct rs_period read_period(struct rs_decoder *d, const struct rs_match *block,
                                    const struct rs_period_rule *rule)
{
    return (struct rs_period){read_fact_time(d, block, &rule->from, false), read_fact_time(d, block, &rule->to, true)};
}

static bool is_told(struct rs_period period)
{
    return period.from_us != RS_INSTANT_NONE || period.to_us != RS_INSTANT_NONE;
}

static bool any_fact(const struct rs_facts *f)
{
    return f->origin.country.n || f->origin.city.n || f->destination.country.n || f->destination.city.n ||
           f->destination.name.n || f->service.n || f->order.n || f->signed_by.n || f->signed_us != RS_INSTANT_NONE ||
           is_told(f->promised) || is_told(f->estimated);
}

static void read_facts(struct rs_decoder *d, const struct rs_match *block, struct rs_report *report)
{
    const struct rs_facts_rule *rule = &d->profile->facts;
    if (!(block->found & rule->from.block) && !(d->root->found & rule->from.root)) return;
    struct rs_facts facts = {0};
    struct rs_event_trace origin = {0}, destination = {0};
    uint16_t marks = 0;
    rs_read_place(d, block, &rule->origin, &marks, &origin, &facts.origin);
    rs_read_place(d, block, &rule->destination, &marks, &destination, &facts.destination);
    facts.service = rs_word_kept(d, block, &rule->service, &marks, NULL);
    facts.order = rs_word_kept(d, block, &rule->order, &marks, NULL);
    facts.signed_by = rs_word_kept(d, block, &rule->signed_by, &marks, NULL);
    facts.promised = read_period(d, block, &rule->promised);
    facts.estimated = read_period(d, block, &rule->estimated);
    facts.signed_us = read_fact_time(d, block, &rule->signed_at, false);
    if (any_fact(&facts)) {
        facts.key = rs_facts_key(&facts);
        report->facts = keep(d, &facts, 1, sizeof facts);
    }
    if (report->trace) {
        report->trace->origin = origin.country;
        report->trace->destination = destination.country;
    }
}

struct link_scan {
    struct rs_decoder *d;
    const struct rs_link_rule *rule;
    struct rs_report *report;
    uint32_t n;
    struct rs_link found[RS_LINKS_MAX]; /* n of them */
};

static bool read_link(void *self, uint32_t node)
{
    struct link_scan *scan = self;
    struct rs_decoder *d = scan->d;
    struct rs_match room;
    const struct rs_match *block = rs_outline_match(d->outline, &scan->rule->trie, &d->json, node, &room);
    struct rs_str word = rs_word(d, block, &scan->rule->number, NULL);
    if (!word.n) return true;
    struct rs_link link = {.kind = scan->rule->kind, .number = rs_clean_number(d, word)};
    /* A source that repeats the parcel's own number links nothing. */
    if (!link.number.n || rs_str_eq(link.number, scan->report->parcel.number)) return true;
    for (uint32_t i = 0; i < scan->n; i++) {
        if (rs_str_eq(scan->found[i].number, link.number)) return true;
    }
    if (rs_s10_check(d->catalog, link.number) != RS_S10_OK &&
        (scan->rule->carrier.is.n || rs_word(d, block, &scan->rule->carrier.at, NULL).n)) {
        uint32_t where;
        link.issuer = issuer_of(d, block, &scan->rule->carrier, &link.carrier, &where);
    } else if (scan->rule->carrier.is.n) {
        link.carrier = rs_carrier_named(d->catalog, scan->rule->carrier.is);
    } else {
        link.carrier = carrier_of(d, rs_word(d, block, &scan->rule->carrier.at, NULL));
    }
    scan->found[scan->n++] = link;
    return scan->n < RS_LINKS_MAX;
}

static void read_links(struct rs_decoder *d, struct rs_report *report)
{
    struct link_scan scan;
    scan.d = d;
    scan.report = report;
    scan.n = 0;
    for (uint32_t i = 0; i < d->profile->link_n && scan.n < RS_LINKS_MAX; i++) {
        scan.rule = &d->profile->link[i];
        if (scan.rule->each) {
            rs_path_each(scan.rule->each, &d->json, report->node, read_link, &scan);
        } else {
            read_link(&scan, report->node);
        }
    }
    report->link = keep(d, scan.found, scan.n, sizeof *scan.found);
    report->link_count = scan.n;
}

/* The place of a message among the source's other ones about this parcel: its
 * update time, else the latest instant and the number of its scans.  A scan from
 * the future does not count as the latest: its message would outrank the one
 * that corrects it. */
static void set_order(struct rs_decoder *d, const struct rs_match *block, struct rs_report *report)
{
    struct rs_instant updated;
    bool told = rs_read_updated(d, block, &updated);
    int64_t latest = RS_INSTANT_NONE;
    for (uint32_t i = 0; i < report->event_count; i++) {
        const struct rs_event *event = &report->event[i];
        if (event->kind != RS_EVENT_SCAN) continue;
        report->order_count++;
        if (!(event->marks & RS_MARK_future) && event->instant_us > latest) latest = event->instant_us;
    }
    report->order_us = told ? updated.us : latest;
    if (told) report->order_count = 0;
    report->looked_us = told ? updated.us : d->record->time_us;
}

static void read_report(struct rs_decoder *d, struct rs_report *report)
{
    struct rs_match room;
    const struct rs_match *block = rs_outline_match(d->outline, &d->profile->parcel, &d->json, report->node, &room);
    if (d->options.trace) report->trace = rs_arena_zero(d->arena, sizeof *report->trace);
    report->snapshot = d->shape->full;
    d->rejects_n = 0;
    if (block->repeated) {
        reject(d, report->node, rs_say(d, "key \"%.*s\" is there twice", RS_FMT(d->json.node[block->repeated].key)));
    } else if (read_parcel_key(d, block, report)) {
        read_events(d, report);
        set_order(d, block, report);
        add_reported(d, block, report);
        read_facts(d, block, report);
        read_links(d, report);
    }
    report->reject = keep(d, d->rejects, d->rejects_n, sizeof *d->rejects);
    report->reject_count = d->rejects_n;
}

/* ---- messages ------------------------------------------------------------------------- */

static void quarantine(struct rs_message *message, struct rs_str reason)
{
    message->outcome = RS_OUTCOME_QUARANTINED;
    message->reason = reason;
    message->report = NULL;
    message->report_count = 0;
}

/* The name under which this message's events are kept. */
static bool name_source(struct rs_decoder *d, struct rs_message *message)
{
    d->source = d->profile->source;
    if (d->profile->feed.n) {
        struct rs_str feed = rs_word(d, d->root, &d->profile->feed, NULL);
        if (feed.n && !rs_source_name_ok(feed)) {
            quarantine(message, rs_say(d, "feed: '%.*s' is not of a-z, 0-9 and -", RS_FMT(rs_str_cut(feed, 60))));
            return false;
        }
        if (feed.n) d->source = rs_joined(d, d->profile->source, '/', feed);
    }
    message->source = d->source;
    return true;
}

static void read_reports(struct rs_decoder *d, struct rs_message *message)
{
    d->nodes_n = 0;
    rs_path_each(d->shape->parcel, &d->json, 0, keep_node, d);
    uint32_t n = d->nodes_n;
    if (n > RS_REPORTS_MAX) {
        quarantine(message, rs_say(d, "%u parcels in a message, more than %u", n, RS_REPORTS_MAX));
        return;
    }
    struct rs_report *report = rs_arena_zero(d->arena, n * sizeof *report);
    for (uint32_t i = 0; i < n; i++) report[i].node = d->nodes[i];
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        read_report(d, &report[i]);
        any |= report[i].parcel.number.n > 0;
    }
    /* Without any parcel the message as a whole is what is unusable. */
    if (!any) {
        quarantine(message, n ? report[0].reject[0].reason : RS_LIT("number: missing"));
        return;
    }
    message->report = report;
    message->report_count = n;
}

static void read_tracking(struct rs_decoder *d, struct rs_message *message)
{
    if (!rs_recognise(d, &message->reason)) {
        message->outcome = RS_OUTCOME_QUARANTINED;
        return;
    }
    message->profile = d->profile;
    message->source = d->profile->source;
    message->shape = d->shape->name;
    if (d->shape->ignore.n) {
        message->outcome = RS_OUTCOME_IGNORED;
        message->reason = d->shape->ignore;
        return;
    }
    d->root = rs_outline_match(d->outline, &d->profile->root, &d->json, 0, &d->root_room);
    if (!name_source(d, message)) return;
    message->outcome = RS_OUTCOME_TRACKING;
    read_reports(d, message);
}

void rs_decode(struct rs_decoder *d, const struct rs_record *record, struct rs_arena *arena, struct rs_message *ret)
{
    d->record = record;
    d->arena = arena;
    d->profile = NULL;
    d->shape = NULL;
    d->json = (struct rs_json){0};
    d->context_is_set = false;
    *ret = (struct rs_message){.published_us = record->time_us, .iana = rs_zones_release(d->zones)};
    if (!record->value.p) {
        ret->outcome = RS_OUTCOME_IGNORED;
        ret->reason = RS_LIT("tombstone");
        return;
    }
    if (!record->value.n) {
        quarantine(ret, RS_LIT("empty value"));
        return;
    }
    if (record->value.n > RS_MESSAGE_BYTES_MAX) {
        quarantine(ret, rs_say(d, "%u bytes, more than %u", record->value.n, RS_MESSAGE_BYTES_MAX));
        return;
    }
    struct rs_diag diag;
    if (rs_json_parse(d->parser, arena, record->value, &d->json, &diag)) {
        quarantine(ret, rs_arena_str(arena, rs_str_of(diag.text)));
        return;
    }
    if (rs_read_shipment(d, ret)) return;
    d->outline = rs_outline_of(d->outlines, &d->json);
    read_tracking(d, ret);
}
