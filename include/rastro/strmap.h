/* strmap.h - from a string to a small number; built once, then only read.
 *
 * For vocabularies of the configuration: codes, names, aliases.  The keys are
 * ours, so no outsider chooses what collides; looking up a stranger's word
 * costs one short probe.  Readers need no lock once building is over.
 */
#ifndef RASTRO_STRMAP_H
#define RASTRO_STRMAP_H

#include "rastro/str.h"

#define RS_STRMAP_NONE UINT32_MAX

struct rs_strmap {
    struct rs_strmap_slot *slot;
    uint32_t cap, count;
    uint64_t lengths; /* rs_length_bit of each key */
};

/* Keys are not copied and must outlive the map.  False if the key is there. */
bool rs_strmap_add(struct rs_strmap *map, struct rs_str key, uint32_t value);
/* RS_STRMAP_NONE when absent. */
uint32_t rs_strmap_get(const struct rs_strmap *map, struct rs_str key);
void rs_strmap_free(struct rs_strmap *map); /* zeroes */

/* The key nearest to `word` by edit distance, at most a third of its letters
 * away; empty when none is.  For "did you mean". */
struct rs_str rs_strmap_nearest(const struct rs_strmap *map, struct rs_str word);

#endif
