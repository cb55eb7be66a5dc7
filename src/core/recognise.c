/* Whose message is this?
 *
 * Named by a header or by the topic's option: that source, and one of its
 * shapes must fit.  Else the profiles that claim the topic, else all of them,
 * by shape: the shape with most conditions wins; two with equally many are a
 * guess, and no guess is made.  Shapes are tried in the profile's order, so a
 * profile puts its special cases first.
 *
 * The conditions of all shapes of all profiles are paths of one trie, so that a
 * message is walked once, however many sources are known; and what was found
 * says which few shapes are worth a look.
 */
#include <stdlib.h>

#include "decode_private.h"

/* A condition, with its path's slot in the trie of all of them. */
struct test {
    uint32_t slot;
    bool absent;
    struct rs_str is;
};

/* All profiles' shapes, in their order. */
struct candidate {
    const struct rs_profile *profile;
    const struct rs_shape *shape;
    uint32_t test, test_n;
};

struct rs_recogniser {
    struct rs_trie trie;
    struct test *test;
    struct candidate *candidate;
    uint32_t test_n, candidate_n;
    struct rs_first first;
    /* Sets of candidates, `words` long: those to look at when a slot was found,
     * and those to look at always. */
    uint64_t *by_slot, *always;
    uint32_t words;
    /* Of the message in work: the candidates to look at, and what is there, see
     * rs_first; both in `room` or in the notes about its outline. */
    const uint64_t *now;
    const uint32_t *found;
    uint64_t *room;
    bool claims; /* a profile claims topics */
};

static void add_shape(struct rs_recogniser *r, const struct rs_profile *profile, const struct rs_shape *shape)
{
    r->candidate[r->candidate_n++] = (struct candidate){profile, shape, r->test_n, shape->when_n};
    for (uint32_t i = 0; i < shape->when_n; i++) {
        const struct rs_condition *c = &shape->when[i];
        uint32_t slot = (uint32_t)rs_trie_add_below(&r->trie, c->path, INT32_MAX);
        r->test[r->test_n++] = (struct test){slot, c->absent, c->is};
    }
}

/* Words for the set of candidates and a number for each slot. */
static uint32_t room_of(const struct rs_recogniser *r)
{
    return r->words + r->trie.slots / 2 + 1;
}

/* A candidate is looked at when its first path that must be there is. */
static void index_candidates(struct rs_recogniser *r)
{
    r->words = r->candidate_n / 64 + 1;
    r->by_slot = rs_calloc((size_t)(r->trie.slots + 1) * r->words, sizeof *r->by_slot);
    r->always = rs_calloc(r->words, sizeof *r->always);
    r->room = rs_calloc(room_of(r), sizeof *r->room);
    for (uint32_t i = 0; i < r->candidate_n; i++) {
        const struct test *test = r->test + r->candidate[i].test, *end = test + r->candidate[i].test_n;
        while (test < end && test->absent) test++;
        uint64_t *set = test < end ? r->by_slot + (size_t)test->slot * r->words : r->always;
        set[i / 64] |= UINT64_C(1) << (i % 64);
    }
}

struct rs_recogniser *rs_recogniser_new(const struct rs_profiles *profiles)
{
    struct rs_recogniser *r = rs_calloc(1, sizeof *r);
    uint32_t shapes = 0, tests = 0;
    for (uint32_t i = 0; i < profiles->count; i++) {
        const struct rs_profile *p = profiles->profile[i];
        shapes += p->shape_n;
        r->claims |= p->topic_n > 0;
        for (uint32_t k = 0; k < p->shape_n; k++) tests += p->shape[k].when_n;
    }
    r->candidate = rs_calloc(shapes + 1, sizeof *r->candidate);
    r->test = rs_calloc(tests + 1, sizeof *r->test);
    for (uint32_t i = 0; i < profiles->count; i++) {
        const struct rs_profile *p = profiles->profile[i];
        for (uint32_t k = 0; k < p->shape_n; k++) add_shape(r, p, &p->shape[k]);
    }
    index_candidates(r);
    rs_first_open(&r->first, &r->trie);
    return r;
}

void rs_recogniser_free(struct rs_recogniser *r)
{
    if (!r) return;
    rs_trie_free(&r->trie);
    rs_first_free(&r->first);
    free(r->candidate);
    free(r->test);
    free(r->by_slot);
    free(r->always);
    free(r->room);
    free(r);
}

/* Whether a candidate fits as far as no value counts. */
static bool may_fit(const struct rs_recogniser *r, const struct candidate *candidate)
{
    const struct test *test = r->test + candidate->test;
    for (uint32_t i = 0; i < candidate->test_n; i++) {
        bool there = r->first.found[test[i].slot] != 0, wanted = test[i].is.p || !test[i].absent;
        if (there != wanted) return false;
    }
    return true;
}

static void look_anew(struct rs_recogniser *r, const struct rs_json *json, uint64_t *room)
{
    rs_trie_first(&r->trie, json, &r->first);
    memcpy(room, r->always, r->words * sizeof *room);
    for (uint32_t i = 0; i < r->first.slot_n; i++) {
        const uint64_t *set = r->by_slot + (size_t)r->first.slot[i] * r->words;
        for (uint32_t k = 0; k < r->words; k++) room[k] |= set[k];
    }
    for (uint32_t i = 0; i < r->candidate_n; i++) {
        uint64_t bit = UINT64_C(1) << (i % 64);
        if (room[i / 64] & bit && !may_fit(r, &r->candidate[i])) room[i / 64] &= ~bit;
    }
    memcpy(room + r->words, r->first.found, r->trie.slots * sizeof *r->found);
}

/* Finds what is there, and with it the candidates. */
static void look(struct rs_recogniser *r, const struct rs_json *json, struct rs_outline *outline)
{
    bool is_new = true, notes = outline && !r->trie.filters;
    uint64_t *room = notes ? rs_outline_notes(outline, room_of(r), &is_new) : r->room;
    if (is_new) look_anew(r, json, room);
    r->now = room;
    r->found = (const uint32_t *)(room + r->words);
}

/* The first candidate from i on, or NULL. */
static const struct candidate *next_candidate(const struct rs_recogniser *r, uint32_t i)
{
    uint32_t word = i / 64;
    if (word >= r->words) return NULL;
    uint64_t rest = r->now[word] >> (i % 64) << (i % 64);
    while (!rest) {
        if (++word == r->words) return NULL;
        rest = r->now[word];
    }
    return &r->candidate[word * 64 + (uint32_t)__builtin_ctzll(rest)];
}

static bool holds(const struct test *test, uint32_t found, const struct rs_json_node *node)
{
    if (test->is.p) return found && rs_str_eq(node[found - 1].s, test->is);
    return (found != 0) != test->absent;
}

static bool fits(const struct rs_decoder *d, const struct candidate *candidate)
{
    const struct rs_recogniser *r = d->recogniser;
    const struct test *test = r->test + candidate->test;
    for (uint32_t i = 0; i < candidate->test_n; i++) {
        if (!holds(&test[i], r->found[test[i].slot], d->json.node)) return false;
    }
    return true;
}

/* The next candidate from i on that fits, of any profile or of this one. */
static const struct candidate *next_fit(const struct rs_decoder *d, uint32_t i, const struct rs_profile *only)
{
    const struct rs_recogniser *r = d->recogniser;
    const struct candidate *c;
    for (; (c = next_candidate(r, i)); i = (uint32_t)(c - r->candidate) + 1) {
        if ((!only || c->profile == only) && fits(d, c)) return c;
    }
    return NULL;
}

/* The first condition that does not hold, or NULL: to say why. */
static const struct rs_condition *misfit(const struct rs_shape *shape, const struct rs_json *json)
{
    for (uint32_t i = 0; i < shape->when_n; i++) {
        const struct rs_condition *c = &shape->when[i];
        uint32_t at;
        bool there = rs_path_first(c->path, json, 0, &at);
        if (!holds(&(struct test){.absent = c->absent, .is = c->is}, there ? at + 1 : 0, json->node)) return c;
    }
    return NULL;
}

static bool topic_matches(const struct rs_profile *profile, struct rs_str topic)
{
    for (uint32_t i = 0; i < profile->topic_n; i++) {
        struct rs_str t = profile->topic[i];
        if (t.n && t.p[t.n - 1] == '*') {
            if (topic.n >= t.n - 1 && memcmp(topic.p, t.p, t.n - 1) == 0) return true;
        } else if (rs_str_eq(t, topic)) {
            return true;
        }
    }
    return false;
}

static bool use(struct rs_decoder *d, const struct rs_profile *profile, struct rs_str *ret_reason)
{
    const struct candidate *fit = next_fit(d, 0, profile);
    d->profile = profile;
    d->shape = fit ? fit->shape : NULL;
    if (d->shape) return true;
    const struct rs_shape *first = &profile->shape[0];
    *ret_reason = rs_say(d, "%.*s: no shape fits (%.*s: %.*s)", RS_FMT(profile->source), RS_FMT(first->name),
                         RS_FMT(misfit(first, &d->json)->path->text));
    return false;
}

static bool by_shape(struct rs_decoder *d, bool claimed_only, struct rs_str *ret_reason)
{
    uint32_t best = 0;
    const struct rs_profile *rival = NULL, *seen = NULL;
    const struct candidate *fit;
    for (uint32_t i = 0; (fit = next_fit(d, i, NULL)); i = (uint32_t)(fit - d->recogniser->candidate) + 1) {
        if (fit->profile == seen) continue; /* its first one counts */
        seen = fit->profile;
        if (claimed_only && !topic_matches(fit->profile, d->record->topic)) continue;
        if (fit->shape->when_n < best) continue;
        rival = fit->shape->when_n == best ? d->profile : NULL;
        d->profile = fit->profile;
        d->shape = fit->shape;
        best = fit->shape->when_n;
    }
    if (!best) {
        *ret_reason = RS_LIT("unknown shape: no profile knows this message");
        return false;
    }
    if (rival) {
        *ret_reason = rs_say(d, "ambiguous: fits %.*s and %.*s; name the source by header or topic",
                             RS_FMT(rival->source), RS_FMT(d->profile->source));
        d->profile = NULL;
        return false;
    }
    return true;
}

bool rs_recognise(struct rs_decoder *d, struct rs_str *ret_reason)
{
    struct rs_str named = d->record->source;
    look(d->recogniser, &d->json, d->outline);
    if (named.n) {
        const struct rs_profile *profile = rs_profiles_find(d->profiles, named);
        if (profile) return use(d, profile, ret_reason);
        *ret_reason = rs_say(d, "unknown source \"%.*s\"", RS_FMT(named));
        return false;
    }
    for (uint32_t i = 0; d->recogniser->claims && i < d->profiles->count; i++) {
        if (topic_matches(d->profiles->profile[i], d->record->topic)) return by_shape(d, true, ret_reason);
    }
    return by_shape(d, false, ret_reason);
}

void rs_decoder_tried(const struct rs_decoder *d, struct rs_buf *buf)
{
    for (uint32_t i = 0; i < d->profiles->count; i++) {
        const struct rs_profile *profile = d->profiles->profile[i];
        if (profile == d->profile || !d->json.count) continue;
        for (uint32_t k = 0; k < profile->shape_n; k++) {
            const struct rs_condition *c = misfit(&profile->shape[k], &d->json);
            if (!c) continue;
            rs_buf_printf(buf, "%s%.*s, %s %.*s", buf->n ? "; " : "", RS_FMT(profile->source),
                          c->absent ? "has"
                          : c->is.p ? "another"
                                    : "no",
                          RS_FMT(c->path->text));
            break;
        }
    }
}
