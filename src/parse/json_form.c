/* Texts of one form.
 *
 * A source's messages differ in their words and rarely in their keys.  So a text
 * is first held against one that was read before and has as many offsets: the
 * same keys, types and nesting, or it is walked as if nothing were known.  What
 * fits needs no walk: the nodes of its form are there, and only what is the
 * text's own is put into them, a value's place and its word.
 *
 * Invariant: a text fits only if the walk would make the same nodes of it.  Each
 * of its offsets is looked at, through the value that it begins, names, closes or
 * stands behind; between two offsets there is only the rest of a word, which is
 * checked, or white space.  Where the walk is more patient, with a blank between
 * a key and its colon, the text does not fit and is walked.
 *
 * The form's number stands for all that its texts have in common, so that others
 * need not compare again: core/outline.c.  No two forms ever have the same.
 *
 * Bound.  SETS times two forms of at most NODES nodes; a text with an escape has
 * none.  To learn a form takes as long as a walk, so of texts that fit none, when
 * their two places are taken, only one in PATIENCE is learnt.
 */
#include <stdlib.h>

#include "json_private.h"
#include "rastro/unaligned.h"

#define SETS 64
#define WAYS 2
#define NODES 64
#define NAME_BYTES 2048
#define PATIENCE 8

/* Where a node's offsets are, and what must stand there.  A name is a key in its
 * quotes and the colon, which are at the two offsets before the value's. */
struct plan {
    uint64_t head, tail; /* the name's first and last eight bytes; of fewer, see rs_head_of */
    uint32_t value;      /* the first offset of the value */
    uint32_t length;     /* in offsets: more than 1 for a list or object only */
    uint32_t name;       /* where in `names` it is */
    uint32_t name_n;     /* 0: none, as of an element */
    char behind;         /* the sign behind it when that is a comma, else NUL */
};

struct form {
    uint64_t number;
    uint32_t offsets, count;
    struct plan plan[NODES];
    struct rs_json_node node[NODES]; /* of the text that fitted last */
    char names[NAME_BYTES];
};

struct rs_json_forms {
    struct form *place[SETS][WAYS]; /* NULL: free */
    uint64_t learnt;
    uint32_t missed;
};

struct rs_json_forms *rs_json_forms_new(void)
{
    return rs_calloc(1, sizeof(struct rs_json_forms));
}

void rs_json_forms_free(struct rs_json_forms *forms)
{
    if (!forms) return;
    for (int i = 0; i < SETS * WAYS; i++) free(forms->place[i / WAYS][i % WAYS]);
    free(forms);
}

/* ---- fitting ------------------------------------------------------------------------ */

/* The value at the offset that `at` points to is called so. */
static inline bool name_fits(const struct form *form, const struct plan *plan, const char *text, const uint32_t *at)
{
    const char *p = text + at[-2];
    uint32_t n = plan->name_n;
    if (at[-1] - at[-2] + 1 != n) return false; /* so it lies within the text */
    if (n < 8) return rs_head_of(p, n) == plan->head;
    if (rs_get_64(p) != plan->head || rs_get_64(p + n - 8) != plan->tail) return false;
    return n <= 16 || memcmp(p + 8, form->names + plan->name + 8, n - 16) == 0;
}

static inline bool string_fits(const char *text, const uint32_t *at, struct rs_json_node *node)
{
    uint32_t start = at[0], end = at[1];
    if (text[end - 1] != '"') {
        while (end > start + 2 && rs_json_is_space(text[end - 1])) end--;
    }
    if ((text[start] ^ '"') | (text[end - 1] ^ '"') || end < start + 2) return false;
    node->s = (struct rs_str){text + start + 1, end - start - 2};
    node->end = end;
    return true;
}

static inline bool block_fits(const char *text, const struct plan *plan, const uint32_t *at, struct rs_json_node *node)
{
    char open = node->type == RS_JSON_OBJECT ? '{' : '[';
    const uint32_t last = at[plan->length - 1];
    node->end = last + 1;
    return text[at[0]] == open && text[last] == open + 2; /* in ASCII */
}

static bool scalar_fits(const char *text, const uint32_t *at, struct rs_json_node *node)
{
    enum rs_json_type type;
    if (!rs_json_scalar(text + at[0], text + at[1], &type, &node->s)) return false;
    node->end = at[0] + node->s.n;
    return type == node->type;
}

static bool fits(struct form *form, const char *text, const uint32_t *offset)
{
    const struct plan *plan = form->plan, *end = plan + form->count;
    struct rs_json_node *node = form->node;
    for (; plan < end; plan++, node++) {
        const uint32_t *at = offset + plan->value;
        if (plan->name_n) {
            if (!name_fits(form, plan, text, at)) return false;
            node->key.p = text + at[-2] + 1;
        }
        node->at = at[0];
        bool fit = node->type == RS_JSON_STRING  ? string_fits(text, at, node)
                   : node->type >= RS_JSON_ARRAY ? block_fits(text, plan, at, node)
                                                 : scalar_fits(text, at, node);
        if (!fit || (plan->behind && text[at[plan->length]] != plan->behind)) return false;
    }
    return true;
}

bool rs_json_form_fits(struct rs_json_forms *forms, struct rs_str text, const uint32_t *offset, uint32_t n,
                       struct rs_json *ret)
{
    for (int way = 0; way < WAYS; way++) {
        struct form *form = forms->place[n % SETS][way];
        if (!form || form->offsets != n || !fits(form, text.p, offset)) continue;
        *ret = (struct rs_json){.text = text, .node = form->node, .count = form->count, .form = form->number};
        return true;
    }
    return false;
}

/* ---- learning ----------------------------------------------------------------------- */

/* The offset, from the i-th on, that is `at`. */
static uint32_t offset_of(const uint32_t *offset, uint32_t i, uint32_t at)
{
    while (offset[i] != at) i++;
    return i;
}

static struct form *place_for(struct rs_json_forms *forms, uint32_t n)
{
    for (int way = 0; way < WAYS; way++) {
        struct form **place = &forms->place[n % SETS][way];
        if (!*place) return *place = rs_calloc(1, sizeof **place);
    }
    if (++forms->missed % PATIENCE) return NULL;
    return forms->place[n % SETS][forms->missed / PATIENCE % WAYS];
}

static bool is_small(const struct rs_json *json)
{
    size_t bytes = 0;
    if (json->escapes || json->count > NODES) return false;
    for (uint32_t i = 0; i < json->count; i++) bytes += (size_t)json->node[i].key.n + 3;
    return bytes <= NAME_BYTES;
}

static void learn_name(struct plan *plan, struct rs_str key, char *names)
{
    char *name = names + plan->name;
    name[0] = '"';
    if (key.n) memcpy(name + 1, key.p, key.n);
    memcpy(name + 1 + key.n, "\":", 2);
    plan->name_n = key.n + 3;
    plan->head = rs_head_of(name, plan->name_n);
    if (plan->name_n >= 8) plan->tail = rs_get_64(name + plan->name_n - 8);
}

uint64_t rs_json_form_learn(struct rs_json_forms *forms, const struct rs_json *json, const uint32_t *offset, uint32_t n)
{
    struct form *form = is_small(json) ? place_for(forms, n) : NULL;
    if (!form) return 0;
    form->number = ++forms->learnt;
    form->offsets = n;
    form->count = json->count;
    memcpy(form->node, json->node, json->count * sizeof *json->node);
    uint32_t value = 0, names_n = 0;
    for (uint32_t i = 0; i < json->count; i++) {
        const struct rs_json_node *node = &json->node[i];
        value = offset_of(offset, value, node->at);
        uint32_t behind = (node->type >= RS_JSON_ARRAY ? offset_of(offset, value, node->end - 1) : value) + 1;
        bool comma = behind < n && json->text.p[offset[behind]] == ',';
        struct plan *plan = &form->plan[i];
        *plan = (struct plan){.value = value, .length = behind - value, .name = names_n, .behind = comma ? ',' : 0};
        if (node->key.p) learn_name(plan, node->key, form->names);
        names_n += plan->name_n;
    }
    return form->number;
}
