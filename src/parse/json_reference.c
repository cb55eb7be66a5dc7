/* The same nodes from jansson: slow, written by others, and therefore what the
 * fast reader is compared with. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "json_private.h"

struct flatten {
    struct rs_json_parser *parser;
    struct rs_arena *arena;
    uint32_t count;
    bool too_deep;
};

static struct rs_str number_text(struct rs_arena *arena, const json_t *value)
{
    char text[64];
    if (json_is_integer(value)) {
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    } else {
        /* The shortest form that reads back as the same number. */
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, json_real_value(value));
            if (strtod(text, NULL) == json_real_value(value)) break;
        }
    }
    return rs_arena_str(arena, rs_str_of(text));
}

static enum rs_json_type type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return RS_JSON_OBJECT;
    case JSON_ARRAY: return RS_JSON_ARRAY;
    case JSON_STRING: return RS_JSON_STRING;
    case JSON_INTEGER:
    case JSON_REAL: return RS_JSON_NUMBER;
    case JSON_TRUE: return RS_JSON_TRUE;
    case JSON_FALSE: return RS_JSON_FALSE;
    default: return RS_JSON_NULL;
    }
}

/* Depth is bounded, so recursion is. */
static void flatten(struct flatten *f, struct rs_str key, json_t *value, unsigned depth)
{
    static const char *const words[] = {"null", "false", "true"};
    uint32_t at = f->count++;
    struct rs_json_node node = {.key = key, .type = type_of(value)};
    if (node.type == RS_JSON_STRING) {
        struct rs_str s = {json_string_value(value), (uint32_t)json_string_length(value)};
        node.s = rs_arena_str(f->arena, s);
    } else if (node.type == RS_JSON_NUMBER) {
        node.s = number_text(f->arena, value);
    } else if (node.type <= RS_JSON_TRUE) {
        node.s = rs_str_of(words[node.type]);
    }
    rs_json_nodes_reserve(f->parser, f->count)[at] = node;

    if (node.type >= RS_JSON_ARRAY && depth == RS_JSON_DEPTH_MAX) {
        f->too_deep = true;
        return;
    }
    if (node.type == RS_JSON_OBJECT) {
        const char *name;
        json_t *member;
        json_object_foreach(value, name, member)
        {
            flatten(f, rs_arena_str(f->arena, rs_str_of(name)), member, depth + 1);
        }
    } else if (node.type == RS_JSON_ARRAY) {
        size_t i;
        json_t *element;
        json_array_foreach(value, i, element) flatten(f, RS_STR_NONE, element, depth + 1);
    }
    rs_json_nodes_reserve(f->parser, f->count)[at].next = f->count;
}

int rs_json_parse_reference(struct rs_json_parser *parser, struct rs_arena *arena, struct rs_str text,
                            struct rs_json *ret, struct rs_diag *diag)
{
    json_error_t error;
    json_t *root = json_loadb(text.p ? text.p : "", text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!root) {
        return rs_fail(diag, RS_E_DATA, "JSON: %s at line %d, column %d", error.text, error.line, error.column);
    }
    struct flatten f = {.parser = parser, .arena = arena};
    flatten(&f, RS_STR_NONE, root, 0);
    json_decref(root);
    if (f.too_deep) return rs_fail(diag, RS_E_DATA, "JSON: nested too deeply");
    *ret = (struct rs_json){.text = text, .node = rs_json_nodes_reserve(parser, f.count), .count = f.count};
    ret->escapes = text.n && memchr(text.p, '\\', text.n);
    return RS_OK;
}
