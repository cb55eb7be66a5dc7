/* json_private.h - what the JSON readers share. */
#ifndef RASTRO_PARSE_JSON_PRIVATE_H
#define RASTRO_PARSE_JSON_PRIVATE_H

#include "rastro/json.h"

/* The parser's node array, with room for `count`; may move. */
struct rs_json_node *rs_json_nodes_reserve(struct rs_json_parser *parser, uint32_t count);

int rs_json_parse_reference(struct rs_json_parser *parser, struct rs_arena *arena, struct rs_str text,
                            struct rs_json *ret, struct rs_diag *diag);

static inline bool rs_json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Anything but a string, an object or a list: from p on, and behind it only space
 * up to `limit`. */
bool rs_json_scalar(const char *p, const char *limit, enum rs_json_type *ret_type, struct rs_str *ret);

/* ---- json_form.c ---- */

struct rs_json_forms; /* those learnt; one a parser */

struct rs_json_forms *rs_json_forms_new(void);
void rs_json_forms_free(struct rs_json_forms *forms); /* NULL is fine */

/* A text without escapes, its n offsets and its length behind them: whether it is
 * of a known form, and then its nodes, which are valid until the next text. */
bool rs_json_form_fits(struct rs_json_forms *forms, struct rs_str text, const uint32_t *offset, uint32_t n,
                       struct rs_json *ret);

/* Remembers the form of what was walked; its number, or 0 when it did not. */
uint64_t rs_json_form_learn(struct rs_json_forms *forms, const struct rs_json *json, const uint32_t *offset,
                            uint32_t n);

#endif
