/* outline.h - where paths lead, known from a message before of the same outline. */
#ifndef RASTRO_CORE_OUTLINE_H
#define RASTRO_CORE_OUTLINE_H

#include "path.h"

struct rs_outlines; /* those seen before; one a decoder */
struct rs_outline;

struct rs_outlines *rs_outlines_new(void);
void rs_outlines_free(struct rs_outlines *outlines); /* NULL is fine */

/* The message's outline, valid until the next call; NULL when it is large.  All
 * messages are of one parser. */
struct rs_outline *rs_outline_of(struct rs_outlines *outlines, const struct rs_json *json);

/* rs_trie_match, from memory if it can be; else into `room`.  Valid as long as
 * the outline and `room` are.  `json` is the outline's, or the outline NULL. */
const struct rs_match *rs_outline_match(struct rs_outline *outline, const struct rs_trie *trie,
                                        const struct rs_json *json, uint32_t base, struct rs_match *room);

/* `n` words in which the recogniser keeps what it found, for an outline as long as
 * it is remembered; *ret_new when they are not filled yet. */
uint64_t *rs_outline_notes(struct rs_outline *outline, uint32_t n, bool *ret_new);

#endif
