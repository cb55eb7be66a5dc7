/* json.h - a JSON text as a flat array of nodes, in the order of the text.
 *
 * A value's node is followed by the nodes of what it contains, and `next` is
 * the index behind the last of them; so the children of i are
 *
 *     for (c = i + 1; c < node[i].next; c = node[c].next)
 *
 * and an object's members carry their key.  Nothing is converted: a number is
 * the text it was written as, so one of 40 digits is as good as any other, and
 * every node knows its place in the text.
 *
 * The whole text is checked: RFC 8259 grammar, UTF-8, escapes, depth.  Repeated
 * keys are grammar and are left to the reader (decode.h refuses those it reads).
 *
 * Two parsers fill the same array.  RS_JSON_FAST finds the structure with
 * simdjson and walks it here; it is the one in use.  RS_JSON_REFERENCE is
 * jansson, slower, and there to be compared with: it knows no places (`at` and
 * `end` are 0), keeps the last of repeated keys, rewrites numbers, refuses
 * integers beyond 64 bits, reals beyond a double, lone surrogates and a NUL in
 * a key, and overlooks a NUL byte behind a number or a literal.
 */
#ifndef RASTRO_JSON_H
#define RASTRO_JSON_H

#include "rastro/arena.h"
#include "rastro/error.h"
#include "rastro/str.h"

/* Deeper nesting is refused. */
#define RS_JSON_DEPTH_MAX 128
/* More values than this in a text are refused; 48 bytes each. */
#define RS_JSON_NODES_MAX (1u << 20)

enum rs_json_type {
    RS_JSON_NULL,
    RS_JSON_FALSE,
    RS_JSON_TRUE,
    RS_JSON_NUMBER,
    RS_JSON_STRING,
    RS_JSON_ARRAY,
    RS_JSON_OBJECT,
};

struct rs_json_node {
    struct rs_str s;   /* string: unescaped; number, literal: as written; else empty */
    struct rs_str key; /* unescaped; empty unless a member of an object */
    uint32_t at, end;  /* the value's bytes in the text: [at, end) */
    uint32_t next;     /* index behind the value's last descendant */
    enum rs_json_type type;
};

struct rs_json {
    struct rs_str text;
    const struct rs_json_node *node; /* node[0] is the root */
    uint32_t count;
    bool escapes; /* there is a backslash; without one no string holds a NUL */
    /* Texts of one parser and one form have the same keys around values of the same
     * types in the same order.  0: not told, and other texts of that form may be. */
    uint64_t form;
};

enum rs_json_backend { RS_JSON_FAST, RS_JSON_REFERENCE };

/* One parser a thread. */
struct rs_json_parser;

struct rs_json_parser *rs_json_parser_new(enum rs_json_backend backend);
void rs_json_parser_free(struct rs_json_parser *parser); /* NULL is fine */

/* `ret->node` is valid until the next parse; strings with escapes live in
 * `arena`, others in `text`, so keep both.  RS_E_DATA with what and where. */
int rs_json_parse(struct rs_json_parser *parser, struct rs_arena *arena, struct rs_str text, struct rs_json *ret,
                  struct rs_diag *diag);

/* The member `key` of object node `at`, or 0 when absent (0 is the root, never
 * a member).  For set-up code; linear. */
uint32_t rs_json_member(const struct rs_json *json, uint32_t at, const char *key);

/* The value's own bytes, brackets and quotes included. */
static inline struct rs_str rs_json_raw(const struct rs_json *json, uint32_t at)
{
    const struct rs_json_node *node = &json->node[at];
    return (struct rs_str){json->text.p + node->at, node->end - node->at};
}

/* Line and column, from 1, of byte offset `at`; columns count characters. */
void rs_json_place(struct rs_str text, uint32_t at, unsigned *ret_line, unsigned *ret_column);

/* The node's JSONPath, such as $.events[3].code, appended to `buf`. */
void rs_json_path(const struct rs_json *json, uint32_t at, struct rs_buf *buf);

const char *rs_json_type_name(enum rs_json_type type);

/* `s` as a JSON string, quotes included, appended to `buf`.  It may hold anything:
 * each byte that is no UTF-8 becomes U+FFFD. */
void rs_json_quote(struct rs_buf *buf, struct rs_str s);

#endif
