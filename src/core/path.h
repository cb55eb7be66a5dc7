/* path.h - the part of JSONPath (RFC 9535) that profiles use, and many paths
 * evaluated in one walk.
 *
 *     path   = ("$" / "@") step*          $ the message, @ the current block
 *     step   = "." name / "['" name "']" / "[" index "]" / "[*]" / filter
 *     filter = "[?@." name *("." name) "==" literal "]"
 *
 * Names and indexes select as in the RFC; [*] and filters select elements of a
 * list only (an object's members are never wanted by position).
 *
 * The paths of a block become one trie over their steps, so that a block with
 * twelve paths walks each object once instead of twelve times.
 */
#ifndef RASTRO_CORE_PATH_H
#define RASTRO_CORE_PATH_H

#include "rastro/json.h"

#define RS_PATH_STEPS_MAX 10
#define RS_TRIE_SLOTS_MAX 64
#define RS_FILTER_NAMES_MAX 3

enum rs_step_kind { RS_STEP_NAME, RS_STEP_INDEX, RS_STEP_EACH, RS_STEP_FILTER };

struct rs_step {
    enum rs_step_kind kind;
    struct rs_str name; /* NAME */
    uint32_t index;     /* INDEX */
    struct rs_str filter[RS_FILTER_NAMES_MAX];
    uint32_t filter_n;
    struct rs_str literal; /* FILTER: what it must equal */
    bool literal_is_string;
};

struct rs_path {
    struct rs_str text; /* as written */
    bool from_root;
    uint32_t n;
    struct rs_step step[RS_PATH_STEPS_MAX];
};

/* Whether `step` selects element `c`, the index-th of its list. */
bool rs_step_selects(const struct rs_step *step, const struct rs_json_node *node, uint32_t c, uint32_t index);

/* Strings are copied to `arena`.  On failure returns false with the reason and
 * the offset in `text` of what is wrong. */
bool rs_path_parse(struct rs_arena *arena, struct rs_str text, struct rs_path *ret, const char **ret_why,
                   uint32_t *ret_at);

/* Calls back for each node that the path selects, in the text's order, until
 * the callback returns false.  For `each` paths, run once a message. */
typedef bool rs_path_cb(void *self, uint32_t node);
void rs_path_each(const struct rs_path *path, const struct rs_json *json, uint32_t base, rs_path_cb *cb, void *self);

/* The first node that the path selects; false when there is none. */
bool rs_path_first(const struct rs_path *path, const struct rs_json *json, uint32_t base, uint32_t *ret);

/* ---- trie.c ---- */

struct rs_trie {
    struct rs_trie_node *node;
    uint32_t count, room;
    uint32_t slots;
    struct rs_trie_name *name; /* hash table of all steps by name */
    uint32_t mask;
    bool filters; /* what its paths select depends on values, too */
};

/* The slot of `path`, shared with an equal one; -1 when there would be more than
 * `max`.  The path must outlive the trie. */
int rs_trie_add_below(struct rs_trie *trie, const struct rs_path *path, uint32_t max);
static inline int rs_trie_add(struct rs_trie *trie, const struct rs_path *path)
{
    return rs_trie_add_below(trie, path, RS_TRIE_SLOTS_MAX);
}
void rs_trie_free(struct rs_trie *trie);

/* Nodes beyond the first that a path with [*] selected. */
#define RS_TRIE_MORE_MAX 16
struct rs_match {
    uint32_t slot[RS_TRIE_SLOTS_MAX]; /* node index, or 0: nothing there */
    uint64_t found;                   /* the slots where something is, as bits */
    uint32_t repeated;                /* a key that was there twice, or 0 */
    uint32_t more_n;
    struct {
        uint32_t slot, node;
    } more[RS_TRIE_MORE_MAX];
};

/* Fills slots [0, trie->slots) from the block at `base`. */
void rs_trie_match(const struct rs_trie *trie, const struct rs_json *json, uint32_t base, struct rs_match *ret);

/* The first node of each path of a trie of any size, as rs_path_first finds it
 * from the root. */
struct rs_first {
    uint32_t *found;        /* of each slot: 1 + the node, or 0 */
    uint32_t *slot, slot_n; /* those of which something was found */
    uint32_t *seen;         /* of each trie node: 1 + the object in which it was last found */
};

void rs_first_open(struct rs_first *first, const struct rs_trie *trie);
void rs_first_free(struct rs_first *first); /* zeroed is fine */
void rs_trie_first(const struct rs_trie *trie, const struct rs_json *json, struct rs_first *ret);

#endif
