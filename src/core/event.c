#include "rastro/event.h"

/* The order of design, "Identity and time": instant, source, sequence, stage
 * rank, fp. */
int rs_event_cmp(const struct rs_event *a, struct rs_str a_source, const struct rs_event *b, struct rs_str b_source)
{
    if (a->instant_us != b->instant_us) return a->instant_us < b->instant_us ? -1 : 1;
    int order = rs_str_cmp(a_source, b_source);
    if (order) return order;
    if (a->sequence != b->sequence) return a->sequence < b->sequence ? -1 : 1;
    if (a->status->rank != b->status->rank) return a->status->rank < b->status->rank ? -1 : 1;
    return rs_key_cmp(a->fp, b->fp);
}

const char *rs_event_kind_name(enum rs_event_kind kind)
{
    static const char *const names[] = {"scan", "planned", "reported"};
    return names[kind];
}

const char *rs_zone_basis_name(enum rs_zone_basis basis)
{
    static const char *const names[] = {"given", "place", "rule", "assumed"};
    return names[basis];
}

const char *rs_precision_name(enum rs_precision precision)
{
    static const char *const names[] = {"day", "minute", "second", "fraction"};
    return names[precision];
}
