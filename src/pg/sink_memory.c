/* Between a batch and the parcel table: what is decided from it, what goes into
 * it once it is durable, and whose history it belongs to. */
#include "sink_private.h"

/* So many facts of a parcel in one batch are looked through one by one. */
#define BEFORE_WORDS_MAX 512

/* ---- whose history (rule D2) --------------------------------------------------------- */

void rs_sink_adopt(struct rs_sink *sink, bool same, int64_t epoch)
{
    struct rs_memory *memory = sink->options.memory;
    pthread_mutex_lock(&memory->lock);
    bool fits = memory->system_id == sink->system_id && memory->timeline == sink->timeline;
    if (memory->known && (!same || !fits || epoch > memory->epoch)) rs_table_forget_all(memory->table);
    if (!memory->known || !same || !fits || epoch > memory->epoch) memory->epoch = epoch;
    memory->known = true;
    memory->system_id = sink->system_id;
    memory->timeline = sink->timeline;
    sink->epoch = memory->epoch;
    sink->generation = rs_table_generation(memory->table);
    rs_table_adopt(sink->table, sink->generation);
    pthread_mutex_unlock(&memory->lock);
}

/* ---- looking up ----------------------------------------------------------------------- */

void rs_work_note_bases(struct rs_work *work)
{
    struct rs_table_thread *thread = work->sink->table;
    rs_table_pin(thread);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        struct rs_work_parcel *parcel = &work->parcel[i];
        rs_table_find(thread, parcel->name, &parcel->base);
    }
    rs_table_unpin(thread);
}

/* What the batch under way does with the parcel; false when that is not at hand
 * before it is durable. */
static bool take_before(struct rs_work_parcel *parcel, const struct rs_work_parcel *before)
{
    if (before->quick.word_n > BEFORE_WORDS_MAX) return false;
    parcel->quick.before = &before->quick;
    parcel->id = before->id;
    parcel->exists = true;
    return true;
}

/* "In flight at worker w" chooses the path and is never a fact: two workers that
 * copy one event wait for each other, and one of them in vain. */
static bool is_busy_elsewhere(struct rs_sink *sink, struct rs_table_ref ref)
{
    unsigned own = (unsigned)sink->options.worker + 1;
    unsigned who = sink->options.alone ? 0 : rs_table_busy(sink->table, ref, own);
    return who && who != own;
}

/* Sets what is known of the parcel; its row's id is then known too. */
static bool look_up(struct rs_work *work, struct rs_work_parcel *parcel, const struct rs_work *under_way,
                    enum rs_work_verdict *ret_verdict)
{
    struct rs_table_thread *thread = work->sink->table;
    struct rs_quick *quick = &parcel->quick;
    uint32_t at = under_way ? rs_work_find(under_way, parcel->name) : UINT32_MAX;
    const struct rs_work_parcel *before = at == UINT32_MAX ? NULL : &under_way->parcel[at];
    if (before && !take_before(parcel, before)) {
        *ret_verdict = RS_VERDICT_LATER;
        return false;
    }
    bool found = rs_table_find(thread, parcel->name, &parcel->base);
    if (before && before->quick.whole) return true;
    if (!found) {
        if (before) *ret_verdict = RS_VERDICT_LATER;
        return false;
    }
    if (is_busy_elsewhere(work->sink, parcel->base)) *ret_verdict = RS_VERDICT_SAFE;
    quick->ref = parcel->base;
    rs_table_read(thread, quick->ref, &quick->parcel);
    if (before) return true;
    parcel->id = quick->parcel.id;
    parcel->exists = true;
    return true;
}

/* ---- deciding ------------------------------------------------------------------------------ */

/* Another core wrote the messages, their reports and events, which are read here
 * in the order of parcels. */
static void prefetch_ahead(const struct rs_work *work, uint32_t r)
{
    if (r + 16 < work->ref_n) {
        const struct rs_work_ref *ref = &work->ref[r + 16];
        rs_prefetch_all(rs_work_message(work, ref->message), sizeof(struct rs_batch_message));
        if (ref->report) rs_prefetch_all(ref->report, sizeof *ref->report);
    }
    if (r + 8 < work->ref_n) {
        const struct rs_report *report = work->ref[r + 8].report;
        if (report && report->event_count) rs_prefetch_all(report->event, 2 * RS_CACHE_LINE);
    }
}

static bool decide_refs(struct rs_work *work, struct rs_work_parcel *parcel)
{
    uint32_t at = (uint32_t)(parcel - work->parcel);
    for (uint32_t r = parcel->ref; r < parcel->ref + parcel->ref_n; r++) {
        const struct rs_work_ref *ref = &work->ref[r];
        prefetch_ahead(work, r);
        if (!ref->report) continue;
        const struct rs_message *m = &rs_work_message(work, ref->message)->message;
        int32_t source = work->source[ref->message - work->from];
        struct rs_view_order order = rs_work_order(work, ref->message, ref->report);
        struct rs_track_counts counts;
        if (!rs_quick_report(&parcel->quick, work->arena, ref->report, source, m->source, rs_work_reading(m),
                             m->profile && rs_profile_tells_histories(m->profile), ref->message, &order, &counts)) {
            return false;
        }
        if (counts.facts_changed) rs_work_add_facts(work, at, ref);
        for (uint32_t i = 0; i < ref->report->link_count; i++) {
            const struct rs_link *link = &ref->report->link[i];
            if (rs_quick_link(&parcel->quick, work->arena, source, link, order.published_us)) {
                rs_work_add_link(work, at, ref, link);
            }
        }
    }
    return true;
}

/* Takes back what the batch has decided of the parcel, which it did last. */
static void undecide(struct rs_work *work, struct rs_work_parcel *parcel)
{
    uint32_t at = (uint32_t)(parcel - work->parcel);
    parcel->state = (struct rs_parcel_state){0};
    parcel->quick = (struct rs_quick){.state = &parcel->state};
    parcel->sum = (struct rs_track_counts){0};
    parcel->way = RS_WAY_OPEN;
    while (work->facts_n && work->facts[work->facts_n - 1].parcel == at) work->facts_n--;
    while (work->link_n && work->link[work->link_n - 1].parcel == at) work->link_n--;
}

/* The batch under way, which it may be of, is gone when this is asked for. */
static void note_before(const struct rs_catalog *catalog, struct rs_work_parcel *parcel)
{
    uint16_t rank;
    parcel->before_us = rs_quick_head_before(&parcel->quick, &rank, &parcel->before_ended);
    bool known = parcel->before_us != RS_INSTANT_NONE && rank < catalog->status_count;
    parcel->before = known ? &catalog->status[rank] : NULL;
    bool scanned = known && !rs_str_is(parcel->before->stage, "info") && rs_quick_scanned_before(&parcel->quick);
    if (!scanned) parcel->before_us = RS_INSTANT_NONE;
}

/* Decided last, so that what it has added lies at the ends of the lists. */
bool rs_work_decide_quick(struct rs_work *work, struct rs_work_parcel *parcel)
{
    struct rs_quick *quick = &parcel->quick;
    quick->table = work->sink->options.memory->table;
    quick->thread = work->sink->table;
    if (decide_refs(work, parcel) && (!quick->ref.record || rs_table_unchanged(quick->thread, quick->ref))) {
        parcel->way = RS_WAY_QUICK;
        parcel->earlier = rs_quick_first(quick, work->arena, parcel->told_us);
        note_before(work->sink->options.catalog, parcel);
        return true;
    }
    bool exists = parcel->exists;
    undecide(work, parcel);
    parcel->exists = exists;
    return false;
}

enum rs_work_verdict rs_work_decide_quickly(struct rs_work *work, const struct rs_work *under_way)
{
    struct rs_table_thread *thread = work->sink->table;
    enum rs_work_verdict verdict = RS_VERDICT_PLAN;
    rs_table_pin(thread);
    for (uint32_t i = 0; i < work->parcel_n; i++) rs_table_prefetch_record(thread, work->parcel[i].name);
    for (uint32_t i = 0; i < work->parcel_n && verdict == RS_VERDICT_PLAN; i++) {
        struct rs_work_parcel *parcel = &work->parcel[i];
        if (!look_up(work, parcel, under_way, &verdict) || verdict != RS_VERDICT_PLAN) continue;
        bool before = parcel->quick.before != NULL;
        if (!rs_work_decide_quick(work, parcel) && before) verdict = RS_VERDICT_LATER;
    }
    rs_table_unpin(thread);
    return verdict;
}

void rs_work_idle(struct rs_work *work)
{
    struct rs_sink *sink = work->sink;
    if (sink->options.alone) return;
    rs_table_pin(sink->table);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        rs_table_idle(sink->table, work->parcel[i].name, (unsigned)sink->options.worker + 1);
    }
    rs_table_unpin(sink->table);
}

/* ---- merging --------------------------------------------------------------------------------- */

static bool may_set_apart(void *self, int32_t source)
{
    const struct rs_profile *profile = rs_sink_source_of(self, source)->profile;
    return profile && rs_profile_may_set_apart(profile);
}

/* Whether all events were read as we read their sources now. */
static bool is_uniform(const struct rs_sink *sink, const struct rs_parcel_state *state)
{
    for (uint32_t i = 0; i < state->known_n; i++) {
        const struct rs_known *known = &state->known[i];
        const struct rs_work_source *source = rs_sink_source_of(sink, known->source);
        if (!source->profile || rs_reading_cmp(source->reading, known->reading)) return false;
    }
    return true;
}

void rs_work_sum_up(struct rs_work *work, struct rs_work_parcel *parcel)
{
    parcel->quick.table = work->sink->options.memory->table;
    rs_quick_of_rows(&parcel->quick, work->arena, is_uniform(work->sink, &parcel->state), may_set_apart, work->sink);
    rs_quick_first(&parcel->quick, work->arena, parcel->told_us);
}

static void merge(struct rs_work *work, struct rs_work_parcel *parcel)
{
    struct rs_table_facts facts;
    if (parcel->way == RS_WAY_ROWS && !parcel->quick.whole) rs_work_sum_up(work, parcel);
    rs_quick_facts(&parcel->quick, work->arena, &facts);
    facts.whole |= parcel->added;
    facts.key = parcel->name;
    facts.worker = work->sink->options.alone ? 0 : (unsigned)work->sink->options.worker + 1;
    if (!facts.whole && !facts.word_n && !facts.view_n && !facts.look_n) {
        if (facts.worker) rs_table_idle(work->sink->table, parcel->name, facts.worker);
        return;
    }
    facts.id = parcel->id;
    facts.base = parcel->base;
    rs_table_merge(work->sink->table, &facts);
}

/* An event that PostgreSQL refused is not durable, and which one that was is not
 * looked for. */
void rs_work_merge(struct rs_work *work)
{
    struct rs_sink *sink = work->sink;
    if (work->epoch > sink->epoch) rs_sink_adopt(sink, true, work->epoch);
    if (!sink->options.from_memory) return;
    if (work->refused) {
        rs_work_forget(work);
        return;
    }
    rs_table_pin(sink->table);
    for (uint32_t i = 0; i < work->parcel_n; i++) {
        if (work->parcel[i].way != RS_WAY_OPEN) merge(work, &work->parcel[i]);
    }
    rs_table_unpin(sink->table);
}

void rs_work_forget(struct rs_work *work)
{
    struct rs_table_thread *thread = work->sink->table;
    rs_table_pin(thread);
    for (uint32_t i = 0; i < work->parcel_n; i++) rs_table_forget(thread, work->parcel[i].name);
    rs_table_unpin(thread);
}
