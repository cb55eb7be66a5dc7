/* Many paths in one walk.
 *
 * A block's keys are looked at once each, and most of them are wanted by no
 * path.  So a trie node knows the lengths of its children's names as a set of
 * bits, which turns most keys away.  The rest are looked up in one hash table of
 * all names of the trie, by the node above and the name's first eight bytes as a
 * number.  Names come from profiles, so nobody else chooses what collides.
 * Lists are rare in paths and are walked step by step.
 *
 * The recursion is bounded by the paths' steps.
 */
#include <stdlib.h>

#include "path.h"
#include "rastro/unaligned.h"

#define NO_SLOT UINT32_MAX

struct rs_trie_node {
    uint64_t lengths;        /* rs_length_bit of its children's names */
    uint32_t child, sibling; /* 0: none (node 0 is the root) */
    uint32_t slot;
    uint32_t order;             /* among its parent's children */
    const struct rs_step *step; /* NULL for the root */
};

/* Where a NAME stands. */
struct rs_trie_name {
    uint64_t head;  /* see rs_head_of */
    uint64_t place; /* see place_of */
    const char *name;
    uint32_t n;
    uint32_t node; /* 0: free */
};

/* The node above and the length. */
static inline uint64_t place_of(uint32_t parent, uint32_t n)
{
    return (uint64_t)parent << 32 | n;
}

/* The child of t that is called so, or the free place for it. */
static inline struct rs_trie_name *find(const struct rs_trie *trie, uint32_t t, struct rs_str name)
{
    uint64_t head = rs_head_of(name.p, name.n), place = place_of(t, name.n);
    uint32_t h = (uint32_t)((head ^ place << 24) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    for (;; h++) {
        struct rs_trie_name *at = &trie->name[h & trie->mask];
        if (!at->node) return at;
        if (at->head != head || at->place != place) continue;
        if (name.n <= 8 || memcmp(at->name + 8, name.p + 8, name.n - 8) == 0) return at;
    }
}

/* The child of t that this key leads to, or 0. */
static inline uint32_t child_named(const struct rs_trie *trie, uint32_t t, struct rs_str key)
{
    return trie->node[t].lengths & rs_length_bit(key.n) ? find(trie, t, key)->node : 0;
}

/* ---- building ---------------------------------------------------------------------- */

static bool same_step(const struct rs_step *a, const struct rs_step *b)
{
    if (a->kind != b->kind || a->index != b->index || a->filter_n != b->filter_n) return false;
    if (!rs_str_eq(a->name, b->name) || !rs_str_eq(a->literal, b->literal)) return false;
    for (uint32_t i = 0; i < a->filter_n; i++) {
        if (!rs_str_eq(a->filter[i], b->filter[i])) return false;
    }
    return a->literal_is_string == b->literal_is_string;
}

static void add_name(struct rs_trie *trie, struct rs_str name, uint32_t parent, uint32_t node)
{
    *find(trie, parent, name) = (struct rs_trie_name){rs_head_of(name.p, name.n), place_of(parent, name.n), name.p,
                                                      name.n, node};
}

/* Keeps the table of names at most a quarter full. */
static void make_room(struct rs_trie *trie)
{
    if (trie->count < trie->room) return;
    trie->room = trie->room ? trie->room * 2 : 16;
    trie->node = rs_realloc(trie->node, trie->room * sizeof *trie->node);
    struct rs_trie_name *old = trie->name;
    uint32_t old_n = old ? trie->mask + 1 : 0;
    trie->mask = 4 * trie->room - 1;
    trie->name = rs_calloc(trie->mask + 1, sizeof *trie->name);
    for (uint32_t i = 0; i < old_n; i++) {
        if (!old[i].node) continue;
        add_name(trie, (struct rs_str){old[i].name, old[i].n}, (uint32_t)(old[i].place >> 32), old[i].node);
    }
    free(old);
}

static uint32_t new_node(struct rs_trie *trie, const struct rs_step *step, uint32_t order)
{
    make_room(trie);
    trie->node[trie->count] = (struct rs_trie_node){.slot = NO_SLOT, .step = step, .order = order};
    return trie->count++;
}

static uint32_t descend(struct rs_trie *trie, uint32_t at, const struct rs_step *step)
{
    uint32_t last = 0, order = 0;
    for (uint32_t c = trie->node[at].child; c; c = trie->node[c].sibling, order++) {
        if (same_step(trie->node[c].step, step)) return c;
        last = c;
    }
    uint32_t added = new_node(trie, step, order);
    if (last) {
        trie->node[last].sibling = added;
    } else {
        trie->node[at].child = added;
    }
    trie->filters |= step->kind == RS_STEP_FILTER;
    if (step->kind == RS_STEP_NAME) {
        trie->node[at].lengths |= rs_length_bit(step->name.n);
        add_name(trie, step->name, at, added);
    }
    return added;
}

int rs_trie_add_below(struct rs_trie *trie, const struct rs_path *path, uint32_t max)
{
    if (!trie->count) new_node(trie, NULL, 0);
    uint32_t at = 0;
    for (uint32_t i = 0; i < path->n; i++) at = descend(trie, at, &path->step[i]);
    if (trie->node[at].slot == NO_SLOT) {
        if (trie->slots == max) return -1;
        trie->node[at].slot = trie->slots++;
    }
    return (int)trie->node[at].slot;
}

void rs_trie_free(struct rs_trie *trie)
{
    free(trie->node);
    free(trie->name);
    *trie = (struct rs_trie){0};
}

/* ---- matching ----------------------------------------------------------------------- */

struct walk {
    const struct rs_trie *trie;
    const struct rs_json_node *node;
    struct rs_match *match;
};

static inline void hit(const struct walk *w, uint32_t slot, uint32_t at)
{
    struct rs_match *match = w->match;
    if (slot == NO_SLOT) return;
    if (!match->slot[slot]) {
        match->slot[slot] = at;
    } else if (match->more_n < RS_TRIE_MORE_MAX) {
        match->more[match->more_n].slot = slot;
        match->more[match->more_n++].node = at;
    }
}

static void walk_list(const struct walk *w, uint32_t t, uint32_t at);

static void walk_block(const struct walk *w, uint32_t t, uint32_t at)
{
    const struct rs_json_node *node = w->node;
    if (node[at].type == RS_JSON_ARRAY) walk_list(w, t, at);
    if (node[at].type != RS_JSON_OBJECT) return;
    uint64_t seen = 0; /* of this object's keys that are wanted, by order in the trie */
    uint32_t end = node[at].next;
    for (uint32_t c = at + 1; c < end; c = node[c].next) {
        uint32_t k = child_named(w->trie, t, node[c].key);
        if (!k) continue;
        const struct rs_trie_node *child = &w->trie->node[k];
        uint64_t bit = UINT64_C(1) << (child->order & 63);
        if (seen & bit) w->match->repeated = c;
        seen |= bit;
        hit(w, child->slot, c);
        if (child->child) walk_block(w, k, c);
    }
}

static void walk_list(const struct walk *w, uint32_t t, uint32_t at)
{
    const struct rs_trie_node *trie = w->trie->node;
    uint32_t index = 0;
    for (uint32_t c = at + 1; c < w->node[at].next; c = w->node[c].next, index++) {
        for (uint32_t k = trie[t].child; k; k = trie[k].sibling) {
            if (!rs_step_selects(trie[k].step, w->node, c, index)) continue;
            hit(w, trie[k].slot, c);
            if (trie[k].child) walk_block(w, k, c);
        }
    }
}

void rs_trie_match(const struct rs_trie *trie, const struct rs_json *json, uint32_t base, struct rs_match *ret)
{
    memset(ret->slot, 0, trie->slots * sizeof *ret->slot);
    ret->found = 0;
    ret->repeated = ret->more_n = 0;
    if (!trie->count) return;
    struct walk w = {trie, json->node, ret};
    /* The path "$" or "@" alone selects the block itself. */
    if (trie->node[0].slot != NO_SLOT) ret->slot[trie->node[0].slot] = base;
    walk_block(&w, 0, base);
    for (uint32_t i = 0; i < trie->slots; i++) ret->found |= (uint64_t)(ret->slot[i] != 0) << i;
}

/* ---- the first of each --------------------------------------------------------------- */

struct first {
    const struct rs_trie *trie;
    const struct rs_json_node *node;
    struct rs_first *ret;
};

static void first_hit(const struct first *f, uint32_t slot, uint32_t at)
{
    if (slot == NO_SLOT || f->ret->found[slot]) return;
    f->ret->found[slot] = at + 1;
    f->ret->slot[f->ret->slot_n++] = slot;
}

static void first_in_list(const struct first *f, uint32_t t, uint32_t at);

/* Of a repeated key only the first counts. */
static void first_in_block(const struct first *f, uint32_t t, uint32_t at)
{
    const struct rs_json_node *node = f->node;
    if (node[at].type == RS_JSON_ARRAY) first_in_list(f, t, at);
    if (node[at].type != RS_JSON_OBJECT) return;
    uint32_t end = node[at].next;
    for (uint32_t c = at + 1; c < end; c = node[c].next) {
        uint32_t k = child_named(f->trie, t, node[c].key);
        if (!k || f->ret->seen[k] == at + 1) continue;
        f->ret->seen[k] = at + 1;
        first_hit(f, f->trie->node[k].slot, c);
        if (f->trie->node[k].child) first_in_block(f, k, c);
    }
}

static void first_in_list(const struct first *f, uint32_t t, uint32_t at)
{
    const struct rs_trie_node *trie = f->trie->node;
    uint32_t index = 0;
    for (uint32_t c = at + 1; c < f->node[at].next; c = f->node[c].next, index++) {
        for (uint32_t k = trie[t].child; k; k = trie[k].sibling) {
            if (!rs_step_selects(trie[k].step, f->node, c, index)) continue;
            first_hit(f, trie[k].slot, c);
            if (trie[k].child) first_in_block(f, k, c);
        }
    }
}

void rs_first_open(struct rs_first *first, const struct rs_trie *trie)
{
    first->found = rs_calloc(trie->slots + 1, sizeof *first->found);
    first->slot = rs_calloc(trie->slots + 1, sizeof *first->slot);
    first->seen = rs_calloc(trie->count + 1, sizeof *first->seen);
    first->slot_n = 0;
}

void rs_first_free(struct rs_first *first)
{
    free(first->found);
    free(first->slot);
    free(first->seen);
    *first = (struct rs_first){0};
}

void rs_trie_first(const struct rs_trie *trie, const struct rs_json *json, struct rs_first *ret)
{
    for (uint32_t i = 0; i < ret->slot_n; i++) ret->found[ret->slot[i]] = 0;
    ret->slot_n = 0;
    if (!trie->count) return;
    memset(ret->seen, 0, trie->count * sizeof *ret->seen);
    struct first f = {trie, json->node, ret};
    first_hit(&f, trie->node[0].slot, 0);
    first_in_block(&f, 0, 0);
}
