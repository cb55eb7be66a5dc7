/* From what is known and what a batch says to what must be written. */
#include <stdlib.h>

#include "sink_private.h"

struct rs_reading rs_work_reading(const struct rs_message *m)
{
    return (struct rs_reading){m->profile ? (uint16_t)rs_profile_identity(m->profile) : 0, rs_iana_short(m->iana)};
}

struct rs_view_order rs_work_order(const struct rs_work *work, uint32_t i, const struct rs_report *report)
{
    const struct rs_partition *partition = rs_work_partition(work, i);
    return (struct rs_view_order){
        .identity = rs_work_reading(&rs_work_message(work, i)->message).identity,
        .at_us = report->order_us,
        .count = (int32_t)report->order_count,
        .published_us = rs_work_message(work, i)->message.published_us,
        .topic = partition->topic_id,
        .partition = partition->number,
        .offset = rs_work_message(work, i)->offset,
    };
}

void rs_work_add_facts(struct rs_work *work, uint32_t parcel, const struct rs_work_ref *ref)
{
    if (work->facts_n == work->facts_room) {
        work->facts_room = work->facts_room ? work->facts_room * 2 : 64;
        struct rs_work_facts *grown = rs_arena_get(work->arena, work->facts_room * sizeof *grown);
        if (work->facts_n) memcpy(grown, work->facts, work->facts_n * sizeof *grown);
        work->facts = grown;
    }
    int32_t source = work->source[ref->message - work->from];
    int32_t rev = rs_track_view(&work->parcel[parcel].state, source)->rev;
    work->facts[work->facts_n++] = (struct rs_work_facts){parcel, source, rev, ref->message, ref->report->facts};
}

void rs_work_add_link(struct rs_work *work, uint32_t parcel, const struct rs_work_ref *ref, const struct rs_link *link)
{
    if (work->link_n == work->link_room) {
        work->link_room = work->link_room ? work->link_room * 2 : 64;
        struct rs_work_link *grown = rs_arena_get(work->arena, work->link_room * sizeof *grown);
        if (work->link_n) memcpy(grown, work->link, work->link_n * sizeof *grown);
        work->link = grown;
    }
    work->link[work->link_n++] = (struct rs_work_link){parcel, work->source[ref->message - work->from], ref->message,
                                                       link};
}

/* It was first told of by the earliest of its events, or earlier. */
static bool may_be_first(const struct rs_work_parcel *parcel)
{
    for (uint32_t i = 0; i < parcel->state.known_n; i++) {
        if (parcel->state.known[i].published_us <= parcel->told_us) return false;
    }
    return true;
}

/* By all that is known of the parcel, which stands in its state. */
void rs_work_decide(struct rs_work *work, struct rs_work_parcel *parcel)
{
    uint32_t at = (uint32_t)(parcel - work->parcel);
    parcel->way = RS_WAY_ROWS;
    parcel->earlier = may_be_first(parcel);
    if (work->sink->options.stages) {
        const struct rs_known *head = rs_track_head(&parcel->state);
        parcel->before = head ? head->status : NULL;
    }
    for (uint32_t r = parcel->ref; r < parcel->ref + parcel->ref_n; r++) {
        const struct rs_work_ref *ref = &work->ref[r];
        if (!ref->report) continue;
        const struct rs_message *m = &rs_work_message(work, ref->message)->message;
        int32_t source = work->source[ref->message - work->from];
        struct rs_view_order order = rs_work_order(work, ref->message, ref->report);
        struct rs_track_counts counts = rs_track_report(&parcel->state, work->arena, ref->report, source, m->source,
                                                        rs_work_reading(m), ref->message, &order);
        rs_track_look(&parcel->state, source, ref->report->looked_us, counts.fresh == 0);
        parcel->sum.reread += counts.reread;
        parcel->sum.withdrawn += counts.withdrawn;
        parcel->sum.reinstated += counts.reinstated;
        if (counts.facts_changed) rs_work_add_facts(work, at, ref);
        for (uint32_t i = 0; i < ref->report->link_count; i++) rs_work_add_link(work, at, ref, &ref->report->link[i]);
    }
}

/* ---- rows ------------------------------------------------------------------------- */

static int by_parcel_and_fp(const void *a, const void *b)
{
    const struct rs_work_event *x = a, *y = b;
    if (x->parcel_id != y->parcel_id) return x->parcel_id < y->parcel_id ? -1 : 1;
    return rs_key_cmp(x->known->fp, y->known->fp);
}

/* The rows of all new events, sorted by key as every writer does. */
void rs_work_collect(struct rs_work *work)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < work->parcel_n; p++) {
        for (uint32_t i = 0; i < work->parcel[p].state.known_n; i++) n += work->parcel[p].state.known[i].event != NULL;
    }
    work->event = rs_arena_get(work->arena, (n + 1) * sizeof *work->event);
    for (uint32_t p = 0; p < work->parcel_n; p++) {
        const struct rs_work_parcel *parcel = &work->parcel[p];
        work->counts.reread += parcel->sum.reread;
        work->counts.withdrawn += parcel->sum.withdrawn;
        work->counts.reinstated += parcel->sum.reinstated;
        for (uint32_t i = 0; i < parcel->state.known_n; i++) {
            const struct rs_known *known = &parcel->state.known[i];
            if (!known->event) continue;
            work->event[work->event_n++] = (struct rs_work_event){.parcel_id = parcel->id, .known = known};
            work->counts.unmapped += (known->marks & RS_MARK_unmapped_code) != 0;
        }
    }
    if (n) qsort(work->event, n, sizeof *work->event, by_parcel_and_fp);

    bool *seen = rs_arena_zero(work->arena, work->to - work->from + 1);
    for (uint32_t i = 0; i < n; i++) {
        bool *message = &seen[work->event[i].known->message - work->from];
        work->event[i].first = !*message;
        *message = true;
    }
}
