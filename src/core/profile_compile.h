/* profile_compile.h - a profile being compiled: the parts that its sections are
 * made of.  The functions fill what they are given from node `at` of the file;
 * where that may be 0, the key was absent and they leave an empty rule. */
#ifndef RASTRO_CORE_PROFILE_COMPILE_H
#define RASTRO_CORE_PROFILE_COMPILE_H

#include "profile_private.h"
#include "reader.h"

struct compile {
    struct rs_reader r;
    const struct rs_catalog *catalog;
    struct rs_zones *zones;
    struct rs_profile *p;
    struct rs_trie *trie; /* of the block being compiled */
};

static inline const struct rs_json_node *node_at(const struct compile *c, uint32_t at)
{
    return &c->r.json.node[at];
}

static inline uint32_t member(const struct compile *c, uint32_t at, const char *key)
{
    return rs_json_member(&c->r.json, at, key);
}

int rs_compile_path_text(struct compile *c, uint32_t at, struct rs_str text, struct rs_path **ret);
int rs_compile_path(struct compile *c, uint32_t at, struct rs_path **ret);
int rs_compile_word(struct compile *c, uint32_t at, struct rs_word_rule *rule);
int rs_compile_member(struct compile *c, uint32_t object, const char *key, struct rs_word_rule *rule);
int rs_compile_zone_rule(struct compile *c, uint32_t at, struct rs_zone_rule *rule);
int rs_compile_times(struct compile *c, uint32_t at, struct rs_time_rules *rules);
int rs_compile_place(struct compile *c, uint32_t at, struct rs_place_rule *rule);
/* Fills in `told` of the event's times, when the event is compiled. */
void rs_profile_set_told(struct rs_profile *p);
/* Fills in `event_roots` and `facts.from`, when all is compiled. */
void rs_profile_set_slots(struct rs_profile *p);
int rs_compile_period(struct compile *c, uint32_t at, struct rs_period_rule *rule);

#endif
