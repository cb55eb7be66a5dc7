/* Which message comes next.
 *
 * Shipments that are under way lie in a heap by the time of their next message;
 * one that has not begun costs nothing, and one whose last message is out goes
 * into the truth and is forgotten.  Plans of a few kilobytes are kept as long
 * as their room lasts; beyond it they are made anew for each message, so memory
 * does not grow with the number of shipments.
 */
#include "schedule.h"

#include <stdlib.h>

#include "hostile.h"
#include "sources.h"

struct turn {
    int64_t slot_ms;
    uint32_t shipment;
    uint32_t next;     /* message of its plan */
    struct plan *plan; /* NULL: to be made */
};

#define KEPT_BYTES ((size_t)96 << 20)

struct schedule {
    const struct options *options;
    struct sink *sink;
    struct truth *truth;
    uint32_t shipments, begun;
    struct turn *heap;
    size_t n, heap_room;
    struct plan_room room;
    size_t kept_bytes;
    int64_t next[TOPICS_MAX][PARTITIONS_MAX];
    struct text body;
};

/* ---- the heap ------------------------------------------------------------------------ */

static bool is_before(const struct turn *a, const struct turn *b)
{
    return a->slot_ms != b->slot_ms ? a->slot_ms < b->slot_ms : a->shipment < b->shipment;
}

static void sift_down(struct schedule *s, size_t at, struct turn turn)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= s->n) break;
        if (child + 1 < s->n && is_before(&s->heap[child + 1], &s->heap[child])) child++;
        if (!is_before(&s->heap[child], &turn)) break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = turn;
}

static void push(struct schedule *s, struct turn turn)
{
    if (s->n == s->heap_room) {
        s->heap_room = s->heap_room ? s->heap_room * 2 : 1024;
        s->heap = realloc(s->heap, s->heap_room * sizeof *s->heap);
        if (!s->heap) abort();
    }
    size_t at = s->n++;
    for (; at > 0 && is_before(&turn, &s->heap[(at - 1) / 2]); at = (at - 1) / 2) s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = turn;
}

/* ---- plans ------------------------------------------------------------------------------ */

static const struct plan *plan_of(struct schedule *s, const struct turn *turn)
{
    return turn->plan ? turn->plan : plan_make(&s->room, s->options, turn->shipment, s->shipments);
}

static struct plan *keep(struct schedule *s, const struct plan *plan)
{
    size_t bytes;
    if (s->kept_bytes > KEPT_BYTES) return NULL;
    struct plan *kept = plan_pack(plan, &bytes);
    s->kept_bytes += bytes;
    kept->kept_bytes = (uint32_t)bytes;
    return kept;
}

static void forget(struct schedule *s, struct plan *plan)
{
    if (!plan) return;
    s->kept_bytes -= plan->kept_bytes;
    free(plan);
}

/* Shipments whose first message may come before what is next. */
static void begin(struct schedule *s)
{
    while (s->begun < s->shipments) {
        int64_t earliest = plan_earliest_ms(s->options, s->begun, s->shipments);
        if (s->n && s->heap[0].slot_ms < earliest) return;
        const struct plan *plan = plan_make(&s->room, s->options, s->begun, s->shipments);
        if (plan->messages) push(s, (struct turn){plan->message[0].slot_ms, s->begun, 0, keep(s, plan)});
        s->begun++;
    }
}

/* ---- sending ------------------------------------------------------------------------------ */

static const char *key_of(const struct plan *plan, const struct message *m)
{
    if (m->kind == MESSAGE_ORDER) return plan->order;
    if (m->kind == MESSAGE_TELLING) return plan->number[plan->telling[m->index].number];
    return hostile_is_null(m->index) ? "HX00000000CN" : NULL;
}

static bool send(struct schedule *s, const struct plan *plan, const struct message *m)
{
    int topic = role_topic(s->options, m->role);
    struct record r = {
        .topic = topic,
        .partition = m->partition,
        .offset = s->next[topic][m->partition]++,
        .stamp_ms = m->stamp_ms,
        .key = key_of(plan, m),
    };
    r.key_n = r.key ? strlen(r.key) : 0;
    body_make(plan, m, &s->body);
    r.value_n = s->body.n;
    r.value = s->body.p ? s->body.p : "";
    if (m->kind == MESSAGE_HOSTILE && hostile_is_null(m->index)) r.value = NULL;

    struct totals *totals = truth_totals(s->truth);
    totals->messages++;
    totals->bytes += r.value_n;
    if (m->kind == MESSAGE_HOSTILE) {
        bool bad = hostile_is_quarantined(m->index);
        totals->unusable += bad;
        totals->ignored += !bad;
        if (bad) {
            truth_quarantined(s->truth, s->options->topic[topic].name, r.partition, r.offset, hostile_name(m->index));
        }
    }
    return sink_send(s->sink, &r);
}

/* ---- all of it -------------------------------------------------------------------------------- */

bool schedule_run(const struct options *options, struct sink *sink, struct truth *truth)
{
    struct schedule *s = calloc(1, sizeof *s);
    if (!s) abort();
    s->options = options;
    s->sink = sink;
    s->truth = truth;
    s->shipments = options->parcels;
    bool fine = true;
    for (begin(s); s->n && fine; begin(s)) {
        struct turn turn = s->heap[0];
        const struct plan *plan = plan_of(s, &turn);
        fine = send(s, plan, &plan->message[turn.next]);
        if (++turn.next < plan->messages) {
            turn.slot_ms = plan->message[turn.next].slot_ms;
            sift_down(s, 0, turn);
            continue;
        }
        truth_shipment(truth, plan);
        forget(s, turn.plan);
        if (--s->n) sift_down(s, 0, s->heap[s->n]);
    }
    for (int t = 0; t < options->topics; t++) {
        for (int p = 0; p < options->topic[t].partitions; p++) {
            truth_position(truth, options->topic[t].name, p, s->next[t][p]);
        }
    }
    for (size_t i = 0; i < s->n; i++) forget(s, s->heap[i].plan);
    text_free(&s->body);
    free(s->heap);
    free(s);
    return fine;
}

#define SAMPLE 2000

uint32_t shipments_for(const struct options *options, uint64_t messages)
{
    static struct plan_room room;
    uint64_t made = 0;
    for (uint32_t i = 0; i < SAMPLE; i++) made += plan_make(&room, options, i, SAMPLE)->messages;
    if (!made) return 1;
    uint64_t n = (messages * SAMPLE + made / 2) / made;
    return n < 1 ? 1 : n > 90000000 ? 90000000 : (uint32_t)n;
}
