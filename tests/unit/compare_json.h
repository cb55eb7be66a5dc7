/* compare_json.h - what the two JSON readers make of one text.
 *
 * Used by the unit tests on texts that chance makes, and by fuzz_json.
 */
#ifndef RASTRO_UNIT_COMPARE_JSON_H
#define RASTRO_UNIT_COMPARE_JSON_H

#include "rastro/json.h"

struct rs_compare_json {
    struct rs_json_parser *fast, *reference;
    struct rs_arena *arena;
};

/* True when both say the same, but for what json.h says that the reference
 * cannot do.  Else `difference` says what differs. */
bool rs_compare_json(struct rs_compare_json *both, struct rs_str text, struct rs_buf *difference);

/* What holds for any nodes of the fast reader: places within the text and
 * within the parent, children before `next`, UTF-8 throughout. */
bool rs_check_json(const struct rs_json *json, struct rs_buf *difference);

bool rs_is_utf8(struct rs_str s);

#endif
