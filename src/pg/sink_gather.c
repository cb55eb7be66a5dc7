/* Which parcels a batch speaks of: each once, with its references in the order
 * of the messages. */
#include <stdlib.h>

#include "sink_private.h"

/* ---- names ------------------------------------------------------------------------ */

/* Parts are ended by NUL, which none of them contains. */
static struct rs_table_key name_of(const struct rs_sink *sink, const struct rs_parcel_key *key)
{
    char small[256], *text = small;
    const struct rs_str part[] = {key->number, key->issuer, key->discriminator};
    size_t n = 0;
    size_t need = (size_t)key->number.n + key->issuer.n + key->discriminator.n + 3;
    if (need > sizeof small) text = rs_calloc(1, need);
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (part[i].n) memcpy(text + n, part[i].p, part[i].n);
        n += part[i].n;
        text[n++] = '\0';
    }
    struct rs_table_key name = rs_table_key_of(sink->options.memory->table, text, n);
    if (text != small) free(text);
    return name;
}

static uint32_t *slot_of(const struct rs_work *work, struct rs_table_key name)
{
    uint32_t i = (uint32_t)name.b;
    for (uint32_t at; (at = work->by_name[i & work->by_name_mask]); i++) {
        const struct rs_table_key *other = &work->parcel[at - 1].name;
        if (other->a == name.a && other->b == name.b) break;
    }
    return &work->by_name[i & work->by_name_mask];
}

uint32_t rs_work_find(const struct rs_work *work, struct rs_table_key name)
{
    return work->parcel_n ? *slot_of(work, name) - 1 : UINT32_MAX;
}

/* ---- references ------------------------------------------------------------------------ */

static uint32_t count_refs(const struct rs_work *work)
{
    uint32_t n = 0;
    for (uint32_t i = work->from; i < work->to; i++) {
        const struct rs_message *m = &rs_work_message(work, i)->message;
        n += m->outcome == RS_OUTCOME_SHIPMENT ? m->shipment->parcel_count : m->report_count;
    }
    return n;
}

static void add_ref(struct rs_work *work, struct rs_work_ref *list, const struct rs_parcel_key *key, enum rs_s10 s10,
                    uint32_t message, const struct rs_report *report)
{
    struct rs_table_key name = name_of(work->sink, key);
    uint32_t *slot = slot_of(work, name);
    if (!*slot) {
        work->parcel[work->parcel_n] = (struct rs_work_parcel){
            .key = *key, .name = name, .s10 = s10, .told_us = INT64_MAX};
        rs_table_prefetch_slot(work->sink->table, name);
        *slot = ++work->parcel_n;
    }
    struct rs_work_parcel *parcel = &work->parcel[*slot - 1];
    const struct rs_message *m = &rs_work_message(work, message)->message;
    int64_t told_us = report ? m->published_us : m->shipment->updated_us;
    if (told_us < parcel->told_us) parcel->told_us = told_us;
    parcel->ref_n++;
    list[work->ref_n++] = (struct rs_work_ref){key, s10, message, report, *slot - 1};
}

/* Another core wrote what is read next. */
static void prefetch_ahead(const struct rs_work *work, uint32_t i)
{
    if (i + 24 < work->to) rs_prefetch_all(rs_work_message(work, i + 24), sizeof(struct rs_batch_message));
    if (i + 16 < work->to) {
        const struct rs_report *report = rs_work_message(work, i + 16)->message.report;
        if (report) rs_prefetch_all(report, sizeof *report);
    }
    if (i + 8 < work->to) {
        const struct rs_report *report = rs_work_message(work, i + 8)->message.report;
        if (report) rs_prefetch(report->parcel.number.p);
    }
}

/* The one walk over all messages: another core wrote them, and each look costs
 * as much as all else that is done with a message here. */
static void collect_refs(struct rs_work *work, struct rs_work_ref *list)
{
    work->counts.messages = work->to - work->from;
    for (uint32_t i = work->from; i < work->to; i++) {
        prefetch_ahead(work, i);
        const struct rs_message *m = &rs_work_message(work, i)->message;
        work->counts.ignored += m->outcome == RS_OUTCOME_IGNORED;
        work->unusable += m->outcome == RS_OUTCOME_QUARANTINED;
        for (uint32_t r = 0; m->outcome == RS_OUTCOME_TRACKING && r < m->report_count; r++) {
            const struct rs_report *report = &m->report[r];
            work->counts.events += report->event_count + report->repeated;
            work->unusable += report->reject_count;
            if (!report->parcel.number.n) continue; /* quarantined as a whole */
            add_ref(work, list, &report->parcel, report->s10, i, report);
        }
        for (uint32_t r = 0; m->outcome == RS_OUTCOME_SHIPMENT && r < m->shipment->parcel_count; r++) {
            add_ref(work, list, &m->shipment->parcel[r], m->shipment->s10[r], i, NULL);
        }
    }
}

/* Puts the references of a parcel side by side; they keep their order. */
static void group_refs(struct rs_work *work, const struct rs_work_ref *list)
{
    uint32_t at = 0;
    work->ref = rs_arena_get(work->arena, (work->ref_n + 1) * sizeof *work->ref);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        work->parcel[i].ref = at;
        at += work->parcel[i].ref_n;
        work->parcel[i].ref_n = 0;
    }
    for (uint32_t i = 0; i < work->ref_n; i++) {
        struct rs_work_parcel *parcel = &work->parcel[list[i].parcel];
        work->ref[parcel->ref + parcel->ref_n++] = list[i];
    }
}

static int name_sources(struct rs_work *work, struct rs_diag *diag)
{
    work->source = rs_arena_zero(work->arena, (work->to - work->from + 1) * sizeof *work->source);
    struct rs_str last = RS_STR_NONE;
    const struct rs_profile *last_profile = NULL;
    int32_t last_number = 0;
    for (uint32_t i = work->from; i < work->to; i++) {
        const struct rs_message *m = &rs_work_message(work, i)->message;
        if (m->outcome != RS_OUTCOME_TRACKING) continue;
        if (m->profile != last_profile || !rs_str_eq(m->source, last)) {
            int err = rs_sink_source_id(work->sink, m, &last_number, diag);
            if (!err && m->profile) err = rs_sink_dictionary(work->sink, m->profile, diag);
            if (err) return err;
            last = m->source;
            last_profile = m->profile;
        }
        work->source[i - work->from] = last_number;
    }
    return RS_OK;
}

int rs_work_gather(struct rs_work *work, struct rs_diag *diag)
{
    uint32_t refs = count_refs(work), cap = 16;
    while (cap < 2 * refs) cap *= 2;
    work->by_name = rs_arena_zero(work->arena, cap * sizeof *work->by_name);
    work->by_name_mask = cap - 1;
    work->parcel = rs_arena_get(work->arena, (refs + 1) * sizeof *work->parcel);
    struct rs_work_ref *list = rs_arena_get(work->arena, (refs + 1) * sizeof *list);
    collect_refs(work, list);
    group_refs(work, list);
    for (uint32_t i = 0; i < work->parcel_n; i++) work->parcel[i].quick.state = &work->parcel[i].state;
    return name_sources(work, diag);
}
