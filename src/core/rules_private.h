/* rules_private.h - what a rule fits, as sets.
 *
 * What rules ask of a parcel has six sides.  On each side the values that rules
 * name have a number, and all others share one, so a parcel's situation is a
 * point and what a rule fits is a union of boxes: one a lane, since a lane joins
 * two sides.
 */
#ifndef RASTRO_CORE_RULES_PRIVATE_H
#define RASTRO_CORE_RULES_PRIVATE_H

#include "rastro/rules.h"

enum rs_side {
    RS_SIDE_CARRIER,
    RS_SIDE_SERVICE,
    RS_SIDE_STATUS,
    RS_SIDE_LEG,
    RS_SIDE_FROM,
    RS_SIDE_TO,
    RS_SIDE__COUNT
};

/* Values of a side: 0 to 254; what no rule names.  For the status it is "no scan
 * yet", the others are ranks. */
#define RS_VALUES 256
#define RS_VALUE_OTHER 255

struct rs_set {
    uint64_t w[RS_VALUES / 64];
};

struct rs_box {
    struct rs_set side[RS_SIDE__COUNT];
};

#define RS_LANES_MAX 32

struct rs_rule_fits {
    struct rs_box box[RS_LANES_MAX];
    uint32_t n;
};

static inline void rs_set_add(struct rs_set *set, uint32_t value)
{
    set->w[value / 64] |= UINT64_C(1) << value % 64;
}
static inline bool rs_set_has(const struct rs_set *set, uint32_t value)
{
    return set->w[value / 64] >> value % 64 & 1;
}
static inline bool rs_set_empty(const struct rs_set *set)
{
    return !(set->w[0] | set->w[1] | set->w[2] | set->w[3]);
}
static inline struct rs_set rs_set_both(struct rs_set a, const struct rs_set *b)
{
    for (int i = 0; i < RS_VALUES / 64; i++) a.w[i] &= b->w[i];
    return a;
}
static inline struct rs_set rs_set_minus(struct rs_set a, const struct rs_set *b)
{
    for (int i = 0; i < RS_VALUES / 64; i++) a.w[i] &= ~b->w[i];
    return a;
}
static inline struct rs_set rs_set_all(void)
{
    return (struct rs_set){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
}

/* Whether any parcel comes to rule `i`.  If not: the rule ahead that took the
 * last of what it fits, or UINT32_MAX if no parcel is so whatever is ahead. */
bool rs_rules_reach(const struct rs_catalog *catalog, const struct rs_rule *rule, const struct rs_rule_fits *fits,
                    uint32_t i, uint32_t *ret_ahead);

#endif
