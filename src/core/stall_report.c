/* A parcel as one message tells it, for the stall rules. */
#include <stdlib.h>

#include "rastro/stall.h"

const struct rs_carrier *rs_stall_carrier(const struct rs_catalog *catalog, struct rs_str source)
{
    static const struct rs_str own = RS_LIT("rastro/");
    if (source.n > own.n && !memcmp(source.p, own.p, own.n)) {
        source = (struct rs_str){source.p + own.n, source.n - own.n};
    }
    return rs_carrier_named(catalog, source);
}

static struct rs_str country_of(const struct rs_place *place)
{
    return place->iso2[0] ? (struct rs_str){place->iso2, 2} : RS_STR_NONE;
}

static int by_order(const void *a, const void *b)
{
    const struct rs_event *const *ea = a, *const *eb = b;
    return rs_event_cmp(*ea, RS_STR_NONE, *eb, RS_STR_NONE);
}

static void take_events(const struct rs_report *report, struct rs_arena *arena, struct rs_stall_parcel *ret)
{
    size_t n = report->event_count;
    const struct rs_event **sorted = rs_arena_get(arena, (n + 1) * sizeof *sorted);
    struct rs_stall_event *event = rs_arena_get(arena, (n + 1) * sizeof *event);
    for (size_t i = 0; i < n; i++) sorted[i] = &report->event[i];
    if (n) qsort(sorted, n, sizeof *sorted, by_order);
    for (size_t i = 0; i < n; i++) {
        const struct rs_event *e = sorted[i];
        event[i] = (struct rs_stall_event){
            .instant_us = e->instant_us,
            .status = e->status,
            .fp = e->fp,
            .country = country_of(&e->place),
            .region = e->place.region,
            .city = e->place.city,
            .marks = e->marks,
            .kind = e->kind,
            .own = true,
        };
    }
    ret->event = event;
    ret->event_n = report->event_count;
}

void rs_stall_parcel_of(const struct rs_report *report, const struct rs_catalog *catalog, struct rs_str source,
                        int64_t published_us, struct rs_arena *arena, struct rs_stall_parcel *ret)
{
    const struct rs_carrier *told = rs_stall_carrier(catalog, source);
    const struct rs_facts *facts = report->facts;
    struct rs_str number = report->parcel.number;
    *ret = (struct rs_stall_parcel){
        .carrier = report->parcel.issuer.n ? report->parcel.issuer
                   : told                  ? told->id
                                           : RS_STR_NONE,
        .s10 = report->s10,
        .registered_us = published_us,
        .promised_us = facts ? facts->promised.to_us : RS_INSTANT_NONE,
        .service = facts ? facts->service : RS_STR_NONE,
        .origin = facts ? country_of(&facts->origin) : RS_STR_NONE,
        .destination = facts ? country_of(&facts->destination) : RS_STR_NONE,
        .handed_from_us = INT64_MIN,
        .handed_to_us = INT64_MAX,
    };
    /* The last two letters of an S10 number are the country that it was sent from. */
    if (!ret->origin.n && report->s10 == RS_S10_OK) ret->origin = (struct rs_str){number.p + number.n - 2, 2};
    const struct rs_carrier *carrier = rs_carrier_named(catalog, ret->carrier);
    ret->untracked = carrier && carrier->untracked;
    take_events(report, arena, ret);
}
