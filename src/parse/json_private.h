/* json_private.h - what the JSON readers share. */
#ifndef RASTRO_PARSE_JSON_PRIVATE_H
#define RASTRO_PARSE_JSON_PRIVATE_H

#include "rastro/json.h"

/* The parser's node array, with room for `count`; may move. */
struct rs_json_node *rs_json_nodes_reserve(struct rs_json_parser *parser, uint32_t count);

int rs_json_parse_reference(struct rs_json_parser *parser, struct rs_arena *arena, struct rs_str text,
                            struct rs_json *ret, struct rs_diag *diag);

/* The end of the RFC 8259 number at p, which is as long as it can be; NULL: none. */
const char *rs_json_number(const char *p, const char *end);

/* ---- json_form.c ---- */

struct rs_json_forms; /* those learnt; one a parser */

struct rs_json_forms *rs_json_forms_new(void);
void rs_json_forms_free(struct rs_json_forms *forms); /* NULL is fine */

/* Whether a text that nobody has looked at yet is of a known form, and then its
 * nodes, which are valid until the next text. */
bool rs_json_form_fits(struct rs_json_forms *forms, struct rs_str text, struct rs_json *ret);

/* Remembers the form of what was walked; its number, or 0 when it did not. */
uint64_t rs_json_form_learn(struct rs_json_forms *forms, const struct rs_json *json);

#endif
