/* keys.h - the two keys of an event, and the content keys of facts.
 *
 * Material is length-prefixed fields behind a tag, so that no two lists of
 * fields share bytes.  The forms are frozen: a change would make every scan new
 * again on the next replay.
 */
#ifndef RASTRO_CORE_KEYS_H
#define RASTRO_CORE_KEYS_H

#include "rastro/event.h"

/* Builds a key field by field; `max` bytes of room, more ends in a digest of
 * what came before, so that long texts cost no memory. */
struct rs_material {
    char bytes[1024];
    uint32_t n;
};

void rs_material_open(struct rs_material *m, char tag);
void rs_material_int(struct rs_material *m, int64_t v);
void rs_material_str(struct rs_material *m, struct rs_str s);
/* White space trimmed, and runs of it made one space. */
void rs_material_folded(struct rs_material *m, struct rs_str s);
struct rs_key rs_material_key(const struct rs_material *m);

/* Which words tell one event of a source from another at the same instant and
 * place; a word that is missing is replaced by the other. */
enum rs_identity { RS_IDENTITY_CODE, RS_IDENTITY_TEXT, RS_IDENTITY_BOTH };

/* fp: source, instant, code or text, place. */
struct rs_key rs_fp_of_scan(struct rs_str source, const struct rs_event *event, enum rs_identity identity);
/* fp where the profile trusts the source's own event id. */
struct rs_key rs_fp_of_id(struct rs_str source, struct rs_str id);
/* fp of a status without a scan: source, anchor instant, code or text. */
struct rs_key rs_fp_of_reported(struct rs_str source, int64_t anchor_us, const struct rs_event *event);
/* said: the source's own words and the profile's declared context. */
struct rs_key rs_said_of(struct rs_str source, const struct rs_event *event, const struct rs_str *context,
                         uint32_t context_n);

/* Both of an event, at once: its fp by `id` where there is one. */
void rs_event_keys(struct rs_str source, struct rs_str id, enum rs_identity identity, const struct rs_str *context,
                   uint32_t context_n, struct rs_event *event);

struct rs_key rs_facts_key(const struct rs_facts *facts);

#endif
