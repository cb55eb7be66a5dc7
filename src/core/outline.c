/* Messages of one outline.
 *
 * A source's messages differ in their words and rarely in their keys.  Which node
 * a path selects depends on the keys and the nesting alone, where it has no
 * filter; so of two messages of one *outline*, the same keys around values of the
 * same types in the same order, the second needs no walk: the nodes have the same
 * numbers as before.
 *
 * An outline is compared in full, as a list of words that spells it out: of each
 * node its type, where it ends, and its key.  The hash only says where to look.
 * So what is remembered is never another outline's, whatever a stranger sends;
 * at worst, when two take turns in one place, everything is walked as before.
 * A parser that knows the text's form has compared already; its number is a short
 * name for an outline that was spelled out once.
 *
 * Bound.  PLACES outlines of at most WORDS words.  Large messages are histories;
 * no two have the same outline, and for them there is the memo.
 */
#include "outline.h"

#include <stdlib.h>

#include "rastro/unaligned.h"

#define PLACES 128
#define NODES 64
#define WORDS 192
#define MATCHES 8
#define NAMES 128

/* Of which block a match is. */
struct block {
    const struct rs_trie *trie;
    uint32_t base;
};

struct rs_outline {
    uint64_t word[WORDS];
    uint64_t learnt; /* no two have the same */
    uint32_t words;
    uint32_t matches;
    bool noted;
    uint64_t *note;
    struct block block[MATCHES]; /* apart from what is found in them, for the search */
    struct rs_match match[MATCHES];
};

struct rs_outlines {
    struct rs_outline *place[PLACES]; /* NULL: free */
    struct name {
        uint64_t form; /* 0: free */
        uint64_t learnt;
        struct rs_outline *outline; /* is it while that is what it learnt last */
    } name[NAMES];
    uint64_t learnt;
    uint64_t now[WORDS];
};

struct rs_outlines *rs_outlines_new(void)
{
    return rs_calloc(1, sizeof(struct rs_outlines));
}

void rs_outlines_free(struct rs_outlines *outlines)
{
    if (!outlines) return;
    for (uint32_t i = 0; i < PLACES; i++) {
        if (outlines->place[i]) free(outlines->place[i]->note);
        free(outlines->place[i]);
    }
    free(outlines);
}

/* Spells the outline out; 0 when it is too large.  A key's length is in the word
 * before it, so that no two outlines share their words. */
static uint32_t spell(const struct rs_json *json, uint64_t *word, uint32_t *ret_hash)
{
    uint64_t hash = 0;
    uint32_t n = 0;
    if (json->count > NODES) return 0;
    for (uint32_t i = 0; i < json->count; i++) {
        const struct rs_json_node *node = &json->node[i];
        struct rs_str key = node->key;
        if (n + 2 + key.n / 8 > WORDS) return 0;
        uint64_t head = rs_head_of(key.p, key.n);
        uint64_t form = (uint64_t)key.n << 32 | node->next << 8 | node->type;
        word[n++] = form;
        word[n++] = head;
        for (uint32_t at = 8; at < key.n; at += 8) {
            uint64_t more = rs_get_64(key.p + (at + 8 <= key.n ? at : key.n - 8));
            word[n++] = more;
            head += more * UINT64_C(0xff51afd7ed558ccd);
        }
        hash = (hash << 5 | hash >> 59) ^ (head + form) * UINT64_C(0x9e3779b97f4a7c15);
    }
    *ret_hash = (uint32_t)(hash >> 32 ^ hash >> 48);
    return n;
}

static struct rs_outline *learn(struct rs_outlines *outlines, struct rs_outline *outline, uint32_t words)
{
    if (!outline) outline = rs_calloc(1, sizeof *outline);
    memcpy(outline->word, outlines->now, words * sizeof *outline->word);
    outline->learnt = ++outlines->learnt;
    outline->words = words;
    outline->matches = 0;
    outline->noted = false;
    return outline;
}

static struct rs_outline *spelled(struct rs_outlines *outlines, const struct rs_json *json)
{
    uint32_t hash, words = spell(json, outlines->now, &hash);
    if (!words) return NULL;
    struct rs_outline **place = &outlines->place[hash % PLACES], *there = *place;
    bool known = there && there->words == words && !memcmp(there->word, outlines->now, words * sizeof *there->word);
    if (!known) *place = learn(outlines, there, words);
    return *place;
}

struct rs_outline *rs_outline_of(struct rs_outlines *outlines, const struct rs_json *json)
{
    struct name *name = &outlines->name[json->form % NAMES];
    if (json->form && name->form == json->form && name->learnt == name->outline->learnt) return name->outline;
    struct rs_outline *outline = spelled(outlines, json);
    if (json->form && outline) *name = (struct name){json->form, outline->learnt, outline};
    return outline;
}

const struct rs_match *rs_outline_match(struct rs_outline *outline, const struct rs_trie *trie,
                                        const struct rs_json *json, uint32_t base, struct rs_match *room)
{
    if (!outline || trie->filters) {
        rs_trie_match(trie, json, base, room);
        return room;
    }
    for (uint32_t i = 0; i < outline->matches; i++) {
        const struct block *known = &outline->block[i];
        if (known->trie == trie && known->base == base) return &outline->match[i];
    }
    struct rs_match *match = room;
    if (outline->matches < MATCHES) {
        outline->block[outline->matches] = (struct block){trie, base};
        match = &outline->match[outline->matches++];
    }
    rs_trie_match(trie, json, base, match);
    return match;
}

uint64_t *rs_outline_notes(struct rs_outline *outline, uint32_t n, bool *ret_new)
{
    if (!outline->note) outline->note = rs_malloc(n * sizeof *outline->note);
    *ret_new = !outline->noted;
    outline->noted = true;
    return outline->note;
}
