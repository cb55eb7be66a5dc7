/* What an event depends on.
 *
 * Do its words alone tell its instant?
 *
 * `said` holds a time's words, the zone's word that was read beside it, the
 * place and the context, but not by which of the profile's rules a time was
 * read.  So equal words are one instant, and with it one `fp`, only where it
 * does not matter which rule read them:
 *
 *   - all rules have the same patterns, so the words are the same civil time;
 *   - a time with an offset is then an instant;
 *   - a zone's word that is known tells the zone, whichever rule found it;
 *   - without one, or with one that nobody knows, what counts is the rest of
 *     the rule's list, up to a zone by name: it must be the same in every rule
 *     (that can have found such a word), and take the place only from words
 *     that are part of `said`.
 *
 * What cannot be shown here is not told: `rs_event.said_apart` errs towards
 * true.
 *
 * And which words from elsewhere in the message does it need?  Those of paths
 * that begin with $; see memo.c.
 */
#include "profile_compile.h"

static bool same_word(const struct rs_word_rule *a, const struct rs_word_rule *b)
{
    if (a->n != b->n) return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->alt[i].n != b->alt[i].n || !rs_str_eq(a->alt[i].with, b->alt[i].with)) return false;
        for (uint32_t k = 0; k < a->alt[i].n; k++) {
            if (a->alt[i].slot[k] != b->alt[i].slot[k]) return false;
        }
    }
    return true;
}

static bool same_patterns(const struct rs_time_rule *a, const struct rs_time_rule *b)
{
    if (a->pattern_n != b->pattern_n) return false;
    for (uint32_t i = 0; i < a->pattern_n; i++) {
        if (!rs_str_eq(a->pattern_text[i], b->pattern_text[i])) return false;
    }
    return true;
}

static bool same_zone(const struct rs_zone_rule *a, const struct rs_zone_rule *b)
{
    if (a->kind != b->kind) return false;
    if (a->kind == RS_ZONE_NAMED) return a->zone == b->zone;
    return same_word(&a->country, &b->country) && same_word(&a->region, &b->region);
}

/* The next rule from `i` on that asks for no zone's word; behind a zone by name
 * nothing is looked at. */
static uint32_t without_word(const struct rs_time_rule *rule, uint32_t i)
{
    if (i && rule->zone[i - 1].kind == RS_ZONE_NAMED) return rule->zone_n;
    while (i < rule->zone_n && rule->zone[i].kind == RS_ZONE_GIVEN_BY) i++;
    return i;
}

static bool same_without_word(const struct rs_time_rule *a, const struct rs_time_rule *b)
{
    uint32_t i = without_word(a, 0), k = without_word(b, 0);
    while (i < a->zone_n && k < b->zone_n) {
        if (!same_zone(&a->zone[i], &b->zone[k])) return false;
        i = without_word(a, i + 1);
        k = without_word(b, k + 1);
    }
    return i == a->zone_n && k == b->zone_n;
}

static bool asks_for_word(const struct rs_time_rule *rule)
{
    for (uint32_t i = 0; i < rule->zone_n; i++) {
        if (rule->zone[i].kind == RS_ZONE_GIVEN_BY) return true;
    }
    return false;
}

static bool is_said(const struct rs_profile *p, const struct rs_word_rule *word, const struct rs_word_rule *of_place)
{
    if (!word->n || same_word(word, of_place)) return true;
    for (uint32_t i = 0; i < p->context_n; i++) {
        if (same_word(word, &p->context[i])) return true;
    }
    return false;
}

static bool place_is_said(const struct rs_profile *p, const struct rs_time_rule *rule)
{
    for (uint32_t i = 0; i < rule->zone_n; i++) {
        const struct rs_zone_rule *zone = &rule->zone[i];
        if (zone->kind != RS_ZONE_BY_PLACE) continue;
        if (!is_said(p, &zone->country, &p->place.country) || !is_said(p, &zone->region, &p->place.region)) {
            return false;
        }
    }
    return true;
}

void rs_profile_set_told(struct rs_profile *p)
{
    for (uint32_t i = 0; i < p->time.n; i++) {
        struct rs_time_rule *rule = &p->time.rule[i];
        bool placed = place_is_said(p, rule);
        rule->told = RS_TOLD_WITH_OFFSET | (placed ? RS_TOLD_WITH_ZONE | RS_TOLD_ALONE : 0u);
        for (uint32_t k = 0; k < p->time.n; k++) {
            const struct rs_time_rule *other = &p->time.rule[k];
            if (!same_patterns(rule, other)) rule->told = 0;
            if (same_without_word(rule, other)) continue;
            rule->told &= asks_for_word(other) ? RS_TOLD_WITH_OFFSET : RS_TOLD_WITH_OFFSET | RS_TOLD_WITH_ZONE;
        }
    }
}

/* ---- words from elsewhere ------------------------------------------------------------ */

static void add_word(struct rs_slots *slots, const struct rs_word_rule *word)
{
    for (uint32_t i = 0; i < word->n; i++) {
        for (uint32_t k = 0; k < word->alt[i].n; k++) {
            uint16_t slot = word->alt[i].slot[k];
            *(slot & RS_SLOT_ROOT ? &slots->root : &slots->block) |= UINT64_C(1) << (slot & ~RS_SLOT_ROOT);
        }
    }
}

static void add_times(struct rs_slots *slots, const struct rs_time_rules *times)
{
    for (uint32_t i = 0; i < times->n; i++) {
        const struct rs_time_rule *rule = &times->rule[i];
        add_word(slots, &rule->at);
        add_word(slots, &rule->offset);
        for (uint32_t k = 0; k < rule->zone_n; k++) {
            const struct rs_zone_rule *zone = &rule->zone[k];
            add_word(slots, &zone->at);
            add_word(slots, &zone->country);
            add_word(slots, &zone->region);
        }
    }
}

static void add_place(struct rs_slots *slots, const struct rs_place_rule *place)
{
    add_word(slots, &place->country);
    add_word(slots, &place->region);
    add_word(slots, &place->city);
    add_word(slots, &place->name);
}

static struct rs_slots slots_of_event(const struct rs_profile *p)
{
    struct rs_slots slots = {0};
    const struct rs_word_rule *const words[] = {&p->code, &p->text_rule, &p->sequence,
                                                &p->id,   &p->planned,   &p->canonical};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) add_word(&slots, words[i]);
    for (uint32_t i = 0; i < p->context_n; i++) add_word(&slots, &p->context[i]);
    add_times(&slots, &p->time);
    add_place(&slots, &p->place);
    return slots;
}

static struct rs_slots slots_of_facts(const struct rs_facts_rule *facts)
{
    struct rs_slots slots = {0};
    add_place(&slots, &facts->origin);
    add_place(&slots, &facts->destination);
    add_word(&slots, &facts->service);
    add_word(&slots, &facts->order);
    add_word(&slots, &facts->signed_by);
    add_times(&slots, &facts->promised.from);
    add_times(&slots, &facts->promised.to);
    add_times(&slots, &facts->estimated.from);
    add_times(&slots, &facts->estimated.to);
    add_times(&slots, &facts->signed_at);
    return slots;
}

void rs_profile_set_slots(struct rs_profile *p)
{
    _Static_assert(RS_TRIE_SLOTS_MAX <= 64, "a slot is a bit");
    p->event_roots = slots_of_event(p).root;
    p->facts.from = slots_of_facts(&p->facts);
}
