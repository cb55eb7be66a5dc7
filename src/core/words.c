/* From slots to words, and from words to places and instants. */
#include <stdarg.h>
#include <stdio.h>

#include "decode_private.h"

#define SAY_MAX 511

struct rs_str rs_say(const struct rs_decoder *d, const char *fmt, ...)
{
    char text[SAY_MAX + 8]; /* more than is kept, so that the cut sees what it cuts */
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return RS_STR_NONE;
    uint32_t length = (size_t)n < sizeof text ? (uint32_t)n : (uint32_t)sizeof text - 1;
    return rs_arena_str(d->arena, rs_str_cut((struct rs_str){text, length}, SAY_MAX));
}

struct rs_str rs_joined(const struct rs_decoder *d, struct rs_str a, char between, struct rs_str b)
{
    char *start = rs_arena_get(d->arena, (size_t)a.n + 1 + b.n);
    if (a.n) memcpy(start, a.p, a.n);
    start[a.n] = between;
    if (b.n) memcpy(start + a.n + 1, b.p, b.n);
    return (struct rs_str){start, a.n + 1 + b.n};
}

/* ---- words ---------------------------------------------------------------------- */

static bool is_listed(const struct rs_profile *profile, struct rs_str word)
{
    for (uint32_t i = 0; i < profile->missing_n; i++) {
        if (rs_str_eq(profile->missing[i], word)) return true;
    }
    return false;
}

static inline bool is_missing(const struct rs_profile *profile, struct rs_str word)
{
    return profile->missing_lengths & rs_length_bit(word.n) && is_listed(profile, word);
}

struct rs_str rs_node_word_of_any(const struct rs_decoder *d, uint32_t at)
{
    const struct rs_json_node *node = &d->json.node[at];
    switch (node->type) {
    case RS_JSON_STRING: {
        struct rs_str word = rs_str_trim(node->s);
        return word.n && is_missing(d->profile, word) ? RS_STR_NONE : word;
    }
    /* A source that says "nothing" as 0 in one field lists "0". */
    case RS_JSON_NUMBER: return is_missing(d->profile, node->s) ? RS_STR_NONE : node->s;
    case RS_JSON_TRUE: return node->s;
    case RS_JSON_FALSE: return d->profile->missing_false ? RS_STR_NONE : node->s;
    default: return RS_STR_NONE;
    }
}

static struct rs_str slot_word(const struct rs_decoder *d, const struct rs_match *block, uint16_t slot,
                               uint32_t *ret_node)
{
    uint32_t at = rs_slot_node(d, block, slot);
    if (!at) return RS_STR_NONE;
    struct rs_str word = rs_node_word(d, at);
    if (word.n && ret_node && !*ret_node) *ret_node = at;
    return word;
}

static struct rs_str join(const struct rs_decoder *d, const struct rs_match *block, const struct rs_word_rule *rule,
                          uint32_t alt, uint32_t *ret_node)
{
    struct rs_str part[RS_PARTS_MAX], with = rule->alt[alt].with;
    uint32_t n = rule->alt[alt].n, length = 0;
    for (uint32_t i = 0; i < n; i++) {
        part[i] = slot_word(d, block, rule->alt[alt].slot[i], ret_node);
        if (i == 0 && !part[0].n) return RS_STR_NONE;
        length += part[i].n + with.n;
    }
    char *start = rs_arena_get(d->arena, length), *out = start;
    for (uint32_t i = 0; i < n; i++) {
        if (!part[i].n) continue;
        if (i) out = (char *)memcpy(out, with.p ? with.p : "", with.n) + with.n;
        out = (char *)memcpy(out, part[i].p, part[i].n) + part[i].n;
    }
    return (struct rs_str){start, (uint32_t)(out - start)};
}

struct rs_str rs_word_of_many(const struct rs_decoder *d, const struct rs_match *block, const struct rs_word_rule *rule,
                              uint32_t *ret_node)
{
    for (uint32_t i = 0; i < rule->n; i++) {
        struct rs_str word = rule->alt[i].n == 1 ? slot_word(d, block, rule->alt[i].slot[0], ret_node)
                                                 : join(d, block, rule, i, ret_node);
        if (word.n) return word;
    }
    return RS_STR_NONE;
}

/* PostgreSQL's text has no NUL; U+FFFD stands for it. */
static struct rs_str without_nul(const struct rs_decoder *d, struct rs_str word)
{
    char *start = rs_arena_get(d->arena, 3 * (size_t)word.n), *out = start;
    for (uint32_t i = 0; i < word.n; i++) {
        if (word.p[i]) {
            *out++ = word.p[i];
        } else {
            out = (char *)memcpy(out, "\xef\xbf\xbd", 3) + 3;
        }
    }
    return (struct rs_str){start, (uint32_t)(out - start)};
}

static struct rs_str cut(struct rs_str word, uint16_t *marks)
{
    if (word.n > RS_WORD_MAX) *marks |= RS_MARK_cut;
    return rs_str_cut(word, RS_WORD_MAX);
}

/* Only an escape can say NUL. */
struct rs_str rs_kept(const struct rs_decoder *d, struct rs_str word, uint16_t *marks)
{
    word = cut(word, marks);
    if (d->json.escapes && word.n && memchr(word.p, '\0', word.n)) {
        word = cut(without_nul(d, word), marks); /* which made it longer */
        *marks |= RS_MARK_nul;
    }
    return word;
}

/* ---- places ------------------------------------------------------------------------ */

static const struct rs_country *country_of(const struct rs_decoder *d, struct rs_str word)
{
    const void *country;
    if (!word.n) return NULL;
    if (rs_recent_get(&d->recent->country, d->profile, word, &country)) return country;
    uint32_t i = rs_strmap_get(&d->profile->country_words, word);
    country = i == RS_STRMAP_NONE ? rs_country_of(d->catalog, word) : &d->catalog->country[i];
    rs_recent_put(&d->recent->country, d->profile, word, country);
    return country;
}

void rs_read_place(const struct rs_decoder *d, const struct rs_match *block, const struct rs_place_rule *rule,
                   uint16_t *marks, struct rs_event_trace *trace, struct rs_place *ret)
{
    struct rs_event_trace none;
    if (!trace) trace = &none;
    ret->country = rs_word_kept(d, block, &rule->country, marks, &trace->country);
    ret->region = rs_word_kept(d, block, &rule->region, marks, &trace->region);
    ret->city = rs_word_kept(d, block, &rule->city, marks, &trace->city);
    ret->name = rs_word_kept(d, block, &rule->name, marks, &trace->name);
    const struct rs_country *country = country_of(d, ret->country);
    memcpy(ret->iso2, country ? country->iso2.p : "\0", 2);
}

/* ---- times --------------------------------------------------------------------------- */

/* A clock: an offset that was given, or a zone. */
struct local {
    const struct rs_zone *zone; /* NULL: the offset counts */
    int32_t offset_s;
    enum rs_zone_basis basis;
};

static bool zone_from_word(const struct rs_decoder *d, struct rs_str word, struct local *ret)
{
    *ret = (struct local){.basis = RS_BASIS_GIVEN};
    if (rs_time_read_offset(word, &ret->offset_s)) return true;
    uint32_t i = rs_strmap_get(&d->profile->zone_words, word);
    ret->zone = i == RS_STRMAP_NONE ? rs_zones_find(d->zones, word.p, word.n) : d->profile->zones[i];
    return ret->zone != NULL;
}

static bool zone_from_place(const struct rs_decoder *d, const struct rs_match *block, const struct rs_zone_rule *rule,
                            struct local *ret)
{
    const struct rs_country *country = country_of(d, rs_word(d, block, &rule->country, NULL));
    if (!country) return false;
    struct rs_str name = rs_zone_of_place(d->catalog, country, rs_word(d, block, &rule->region, NULL));
    *ret = (struct local){.basis = RS_BASIS_PLACE};
    if (name.n) ret->zone = rs_zones_find(d->zones, name.p, name.n);
    return ret->zone != NULL;
}

static struct local find_zone(const struct rs_decoder *d, const struct rs_match *block, const struct rs_time_rule *rule,
                              struct rs_instant *ret, struct rs_event_trace *trace)
{
    struct local local;
    for (uint32_t i = 0; i < rule->zone_n; i++) {
        const struct rs_zone_rule *zone = &rule->zone[i];
        trace->zone_rule = i;
        trace->zone = 0;
        if (zone->kind == RS_ZONE_NAMED) return (struct local){zone->zone, 0, RS_BASIS_RULE};
        if (zone->kind == RS_ZONE_BY_PLACE) {
            if (zone_from_place(d, block, zone, &local)) return local;
            continue;
        }
        struct rs_str word = rs_word(d, block, &zone->at, &trace->zone);
        if (!word.n) continue;
        ret->zone = rs_kept(d, word, &ret->marks);
        if (zone_from_word(d, word, &local)) return local;
        ret->marks |= RS_MARK_unknown_zone;
    }
    trace->zone_rule = UINT32_MAX;
    return (struct local){NULL, 0, RS_BASIS_ASSUMED};
}

/* The civil time on its clock, as an instant. */
static void place_in_time(const struct rs_civil *civil, struct local local, struct rs_instant *ret)
{
    int64_t seconds = rs_civil_seconds(civil);
    enum rs_zone_fit fit = RS_ZONE_UNIQUE;
    int64_t utc = local.zone ? rs_zone_to_utc(local.zone, seconds, &fit) : seconds - local.offset_s;
    if (fit == RS_ZONE_REPEATED) ret->marks |= RS_MARK_ambiguous_time;
    if (fit == RS_ZONE_SKIPPED) ret->marks |= RS_MARK_skipped_time;
    if (local.basis == RS_BASIS_ASSUMED) ret->marks |= RS_MARK_assumed_zone;
    ret->us = utc * RS_SECOND_US + civil->micros;
    ret->offset_min = (int16_t)((seconds - utc) / 60);
    ret->precision = civil->precision;
    ret->basis = local.basis;
}

static bool read_with(const struct rs_decoder *d, const struct rs_match *block, const struct rs_time_rule *rule,
                      struct rs_str word, struct rs_instant *ret, struct rs_event_trace *trace)
{
    struct rs_civil civil;
    uint32_t i = 0;
    while (i < rule->pattern_n && !rs_time_read(&rule->pattern[i], word, &civil)) i++;
    if (i == rule->pattern_n) return false;
    trace->pattern = i;

    ret->marks = 0;
    ret->zone = RS_STR_NONE;
    struct local local = {NULL, civil.offset_s, RS_BASIS_GIVEN};
    if (!civil.has_offset) {
        local = find_zone(d, block, rule, ret, trace);
    } else {
        trace->zone_rule = UINT32_MAX;
    }
    place_in_time(&civil, local, ret);
    ret->time = rs_kept(d, word, &ret->marks);
    unsigned beside = civil.has_offset ? RS_TOLD_WITH_OFFSET : ret->zone.n ? RS_TOLD_WITH_ZONE : RS_TOLD_ALONE;
    ret->told = rule->told & beside && word.n < RS_WORD_MAX - 3; /* a longer one may look like one that was cut */

    int32_t shown;
    if (rs_time_read_offset(rs_word(d, block, &rule->offset, NULL), &shown)) {
        ret->offset_min = (int16_t)(shown / 60);
    }
    return true;
}

/* One of the places that a path with [*] selected: kept when it is later. */
static enum rs_time_outcome take_later(const struct rs_decoder *d, const struct rs_match *block,
                                       const struct rs_time_rule *rule, uint32_t node, struct rs_instant *ret,
                                       struct rs_event_trace *trace)
{
    struct rs_instant other;
    other.time = rs_node_word(d, node);
    if (!other.time.n) return RS_TIME_MISSING;
    if (!read_with(d, block, rule, other.time, &other, trace)) {
        if (ret->us == RS_INSTANT_NONE) ret->time = other.time;
        return RS_TIME_BAD;
    }
    if (other.us > ret->us) *ret = other;
    return RS_TIME_READ;
}

/* The latest of what the path selected; places that say nothing do not count,
 * the first among them neither. */
static enum rs_time_outcome read_latest(const struct rs_decoder *d, const struct rs_match *block,
                                        const struct rs_time_rule *rule, struct rs_instant *ret,
                                        struct rs_event_trace *trace)
{
    uint16_t slot = rule->at.alt[0].slot[0];
    const struct rs_match *match = slot & RS_SLOT_ROOT ? d->root : block;
    slot = (uint16_t)(slot & ~RS_SLOT_ROOT);
    if (!match->slot[slot]) return RS_TIME_MISSING;
    ret->us = RS_INSTANT_NONE;
    enum rs_time_outcome best = take_later(d, block, rule, match->slot[slot], ret, trace);
    for (uint32_t i = 0; i < match->more_n; i++) {
        if (match->more[i].slot != slot) continue;
        enum rs_time_outcome outcome = take_later(d, block, rule, match->more[i].node, ret, trace);
        if (outcome == RS_TIME_READ || best == RS_TIME_MISSING) best = outcome;
    }
    return best;
}

enum rs_time_outcome rs_read_time(const struct rs_decoder *d, const struct rs_match *block,
                                  const struct rs_time_rules *rules, struct rs_instant *ret,
                                  struct rs_event_trace *trace)
{
    struct rs_event_trace none;
    if (!trace) trace = &none;
    for (uint32_t i = 0; i < rules->n; i++) {
        const struct rs_time_rule *rule = &rules->rule[i];
        if (rule->latest) {
            enum rs_time_outcome outcome = read_latest(d, block, rule, ret, trace);
            if (outcome == RS_TIME_MISSING) continue;
            return outcome;
        }
        struct rs_str word = rs_word(d, block, &rule->at, &trace->time);
        if (!word.n) continue;
        trace->time_rule = i;
        ret->time = word;
        return read_with(d, block, rule, word, ret, trace) ? RS_TIME_READ : RS_TIME_BAD;
    }
    return RS_TIME_MISSING;
}
