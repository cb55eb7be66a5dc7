#include "compare_json.h"

#include <stdlib.h>

/* Bytes of the character at p, or 0 when it is none (RFC 3629). */
static uint32_t character(const unsigned char *p, uint32_t n)
{
    unsigned char a = p[0];
    uint32_t length = a < 0x80 ? 1 : a < 0xc2 ? 0 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : a < 0xf5 ? 4 : 0;
    if (!length || length > n) return 0;
    for (uint32_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    if (a == 0xe0 && p[1] < 0xa0) return 0;
    if (a == 0xed && p[1] >= 0xa0) return 0;
    if (a == 0xf0 && p[1] < 0x90) return 0;
    if (a == 0xf4 && p[1] >= 0x90) return 0;
    return length;
}

bool rs_is_utf8(struct rs_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (uint32_t i = 0, length; i < s.n; i += length) {
        length = character(p + i, s.n - i);
        if (!length) return false;
    }
    return true;
}

static bool wrong(struct rs_buf *out, const char *what, uint32_t at)
{
    rs_buf_printf(out, "node %u: %s", at, what);
    return false;
}

static bool is_literal(const struct rs_json_node *node)
{
    switch (node->type) {
    case RS_JSON_NULL: return rs_str_is(node->s, "null");
    case RS_JSON_FALSE: return rs_str_is(node->s, "false");
    default: return rs_str_is(node->s, "true");
    }
}

static bool check_node(const struct rs_json *json, uint32_t at, struct rs_buf *out)
{
    const struct rs_json_node *node = &json->node[at];
    if (node->at >= node->end || node->end > json->text.n) return wrong(out, "place outside of the text", at);
    if (node->next <= at || node->next > json->count) return wrong(out, "next outside of the nodes", at);
    if (node->type < RS_JSON_ARRAY && node->next != at + 1) return wrong(out, "a scalar with children", at);
    if (node->type >= RS_JSON_ARRAY && node->s.n) return wrong(out, "a container with a word", at);
    if (node->type <= RS_JSON_TRUE && !is_literal(node)) return wrong(out, "a literal with other words", at);
    struct rs_str raw = rs_json_raw(json, at);
    if (node->type == RS_JSON_NUMBER && !rs_str_eq(raw, node->s)) return wrong(out, "a number not as written", at);
    if (!rs_is_utf8(node->s) || !rs_is_utf8(node->key)) return wrong(out, "no UTF-8", at);
    uint32_t behind = node->at + 1;
    for (uint32_t c = at + 1; c < node->next; c = json->node[c].next) {
        const struct rs_json_node *child = &json->node[c];
        if (child->at < behind || child->end >= node->end) return wrong(out, "a child outside of its parent", c);
        if (node->type == RS_JSON_ARRAY && child->key.n) return wrong(out, "an element with a key", c);
        if (child->next > node->next) return wrong(out, "a child that ends behind its parent", c);
        behind = child->end;
    }
    return true;
}

bool rs_check_json(const struct rs_json *json, struct rs_buf *difference)
{
    if (!json->count || json->node[0].next != json->count) return wrong(difference, "not the root of all", 0);
    for (uint32_t i = 0; i < json->count; i++) {
        if (!check_node(json, i, difference)) return false;
    }
    return true;
}

static bool has_repeated_keys(const struct rs_json *json)
{
    for (uint32_t i = 0; i < json->count; i++) {
        if (json->node[i].type != RS_JSON_OBJECT) continue;
        for (uint32_t a = i + 1; a < json->node[i].next; a = json->node[a].next) {
            for (uint32_t b = json->node[a].next; b < json->node[i].next; b = json->node[b].next) {
                if (rs_str_eq(json->node[a].key, json->node[b].key)) return true;
            }
        }
    }
    return false;
}

/* The reference rewrites numbers, so they are compared by value. */
static bool same_number(struct rs_str a, struct rs_str b)
{
    char x[512], y[512];
    if (a.n >= sizeof x || b.n >= sizeof y) return true;
    memcpy(x, a.p, a.n);
    memcpy(y, b.p, b.n);
    x[a.n] = y[b.n] = '\0';
    return strtod(x, NULL) == strtod(y, NULL);
}

static bool same_nodes(const struct rs_json *fast, const struct rs_json *reference, struct rs_buf *out)
{
    if (fast->count != reference->count) {
        rs_buf_printf(out, "%u nodes, and %u by the reference", fast->count, reference->count);
        return false;
    }
    for (uint32_t i = 0; i < fast->count; i++) {
        const struct rs_json_node *a = &fast->node[i], *b = &reference->node[i];
        if (a->type != b->type || a->next != b->next) return wrong(out, "another type or another end", i);
        if (!rs_str_eq(a->key, b->key)) return wrong(out, "another key", i);
        bool same = a->type == RS_JSON_NUMBER ? same_number(a->s, b->s) : rs_str_eq(a->s, b->s);
        if (!same) return wrong(out, "another word", i);
    }
    return true;
}

/* What json.h says of the reference: it refuses numbers that it cannot hold,
 * lone surrogates, and a NUL in a key; and it overlooks a NUL behind a number or
 * a literal. */
static bool is_known_refusal(const char *why)
{
    static const char *const known[] = {"too big integer", "too big negative integer", "real number overflow",
                                        "invalid Unicode", "NUL byte in object key"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strstr(why, known[i])) return true;
    }
    return false;
}

bool rs_compare_json(struct rs_compare_json *both, struct rs_str text, struct rs_buf *difference)
{
    struct rs_json fast, reference;
    struct rs_diag why_fast = {0}, why_reference = {0};
    int a = rs_json_parse(both->fast, both->arena, text, &fast, &why_fast);
    int b = rs_json_parse(both->reference, both->arena, text, &reference, &why_reference);
    if (!a && !rs_check_json(&fast, difference)) return false;
    if (a && b) return true;
    if (a || b) {
        if (b && is_known_refusal(why_reference.text)) return true;
        if (a && memchr(text.p, '\0', text.n)) return true;
        rs_buf_printf(difference, "fast: %s; reference: %s", a ? why_fast.text : "fine",
                      b ? why_reference.text : "fine");
        return false;
    }
    if (has_repeated_keys(&fast)) return true;
    return same_nodes(&fast, &reference, difference);
}
