/* json_private.h - what the two JSON readers share. */
#ifndef RASTRO_PARSE_JSON_PRIVATE_H
#define RASTRO_PARSE_JSON_PRIVATE_H

#include "rastro/json.h"

/* The parser's node array, with room for `count`; may move. */
struct rs_json_node *rs_json_nodes_reserve(struct rs_json_parser *parser, uint32_t count);

int rs_json_parse_reference(struct rs_json_parser *parser, struct rs_arena *arena, struct rs_str text,
                            struct rs_json *ret, struct rs_diag *diag);

#endif
