/* From what is known and what a batch says to what must be written. */
#include <stdlib.h>

#include "sink_private.h"

static struct rs_reading reading_of(const struct rs_message *m)
{
    return (struct rs_reading){m->profile ? (uint16_t)rs_profile_identity(m->profile) : 0, rs_iana_short(m->iana)};
}

static struct rs_view_order order_of(const struct rs_work *work, uint32_t i, const struct rs_report *report)
{
    const struct rs_partition *partition = rs_work_partition(work, i);
    return (struct rs_view_order){
        .identity = reading_of(&rs_work_message(work, i)->message).identity,
        .at_us = report->order_us,
        .count = (int32_t)report->order_count,
        .published_us = rs_work_message(work, i)->message.published_us,
        .topic = partition->topic_id,
        .partition = partition->number,
        .offset = rs_work_message(work, i)->offset,
    };
}

/* How coarsely "last looked" is kept when nothing else is written. */
#define LOOK_EVERY_US RS_HOUR_US

/* When the source last looked, as far as rows tell: a new event's own time of
 * publication says it too. */
static int64_t known_look(const struct rs_parcel_state *state, const struct rs_view *view)
{
    int64_t look = view->looked_us;
    for (uint32_t i = 0; i < state->known_n; i++) {
        const struct rs_known *known = &state->known[i];
        if (known->source == view->source && known->published_us > look) look = known->published_us;
    }
    return look;
}

static void note_look(struct rs_parcel_state *state, int32_t source, int64_t looked_us, bool repeats_only)
{
    struct rs_view *view = rs_track_view(state, source);
    if (looked_us <= view->looked_us) return;
    if (repeats_only && looked_us >= known_look(state, view) + LOOK_EVERY_US) view->changed = true;
    view->looked_us = looked_us;
}

static void add_facts(struct rs_work *work, uint32_t parcel, int32_t source, uint32_t message,
                      const struct rs_report *report, int32_t rev)
{
    if (!work->facts) work->facts = rs_arena_get(work->arena, (work->ref_n + 1) * sizeof *work->facts);
    work->facts[work->facts_n++] = (struct rs_work_facts){parcel, source, rev, message, &report->facts};
}

void rs_work_decide(struct rs_sink *sink, struct rs_work_parcel *parcel)
{
    struct rs_work *work = &sink->work;
    for (uint32_t r = parcel->ref; r < parcel->ref + parcel->ref_n; r++) {
        const struct rs_work_ref *ref = &work->ref[r];
        if (!ref->report) continue;
        const struct rs_message *m = &rs_work_message(work, ref->message)->message;
        int32_t source = work->source[ref->message - work->from];
        struct rs_view_order order = order_of(work, ref->message, ref->report);
        struct rs_track_counts counts = rs_track_report(&parcel->state, sink->arena, ref->report, source, m->source,
                                                        reading_of(m), ref->message, &order);
        note_look(&parcel->state, source, ref->report->looked_us, counts.fresh == 0);
        parcel->sum.reread += counts.reread;
        parcel->sum.withdrawn += counts.withdrawn;
        parcel->sum.reinstated += counts.reinstated;
        if (counts.facts_changed) {
            int32_t rev = rs_track_view(&parcel->state, source)->rev;
            add_facts(work, (uint32_t)(parcel - work->parcel), source, ref->message, ref->report, rev);
        }
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
void rs_work_collect(struct rs_sink *sink)
{
    struct rs_work *work = &sink->work;
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
