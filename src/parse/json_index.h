/* json_index.h - where a JSON text's structure is, found by simdjson.
 *
 * Gives the offsets of every { } [ ] : , and of the first byte of every string
 * and scalar, and checks UTF-8, closed strings and control characters.  The
 * only C++ of the JSON reader stands behind these functions.
 */
#ifndef RASTRO_PARSE_JSON_INDEX_H
#define RASTRO_PARSE_JSON_INDEX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rs_json_index;

/* NULL when out of memory. */
struct rs_json_index *rs_json_index_new(void);
void rs_json_index_free(struct rs_json_index *index);

/* NULL when the text passes, with the offsets valid until the next call, and the
 * text's length behind the last of them; else the reason in words. */
const char *rs_json_index_run(struct rs_json_index *index, const char *text, size_t n, const uint32_t **ret_at,
                              uint32_t *ret_count);

/* 1 where the text is valid UTF-8, else 0. */
int rs_json_index_utf8(const char *text, size_t n);

#ifdef __cplusplus
}
#endif

#endif
