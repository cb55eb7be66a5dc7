/* How far partitions are complete: the half of it that Kafka knows.
 *
 * "Everything that was appended before T is applied" holds if the end, asked for
 * after T, lies at our position.  Messages of an open transaction lie behind the
 * end that readers see; that of the log itself comes with each fetch, and so may
 * be older than the question, but not older than the question before it.  So T is
 * when we asked the time before.  That an idle partition's progress goes on is
 * the point: otherwise nobody on it would ever count as stalled.
 */
#include <stdlib.h>

#include "pipeline_private.h"
#include "rastro/log.h"

#define ASK_ENDS_EVERY_US (2 * RS_SECOND_US)
/* The group waits meanwhile; an answer takes as long as one fetch. */
#define ENDS_TIMEOUT_MS 1000

/* The worker's share of what was found. */
static void tell_worker(struct rs_worker *worker, struct rs_slot *const *slot, const struct rs_kafka_partition *found,
                        int count, int64_t asked_us)
{
    struct rs_ends *ends = rs_malloc(sizeof *ends + (size_t)count * sizeof ends->of[0]);
    ends->asked_us = asked_us;
    ends->count = 0;
    for (int i = 0; i < count; i++) {
        if (slot[i]->worker != worker) continue;
        ends->of[ends->count].slot = slot[i];
        ends->of[ends->count++].end = found[i].offset;
    }
    if (!ends->count) { /* it looks after nothing now */
        rs_store_relaxed_u64(&worker->orphans, 0);
        free(ends);
        return;
    }
    rs_store_release_bool(&worker->ends_told, true);
    rs_mailbox_put(worker->writer_box, (struct rs_letter){RS_LETTER_ENDS, 0, ends});
}

void rs_pipeline_ask_ends(struct rs_pipeline *p, bool last)
{
    int64_t now = rs_mono_us(p->options.clock);
    if (!last && (now < p->ask_ends_us || p->revoking)) return;
    p->ask_ends_us = now + ASK_ENDS_EVERY_US;
    struct rs_slot **slot = rs_calloc((size_t)p->slot_count + 1, sizeof(struct rs_slot *));
    struct rs_kafka_partition *end = rs_calloc((size_t)p->slot_count + 1, sizeof *end);
    struct rs_diag diag;
    int n = 0;
    for (int i = 0; i < p->slot_count; i++) {
        if (p->slot[i]->state != RS_SLOT_FETCHING) continue;
        slot[n] = p->slot[i];
        end[n] = (struct rs_kafka_partition){slot[n]->topic, slot[n]->partition.number, -1};
        n++;
    }
    if (n && rs_kafka_ends(p->kafka, end, n, ENDS_TIMEOUT_MS, &diag)) rs_debug("%s", diag.text);
    for (int i = 0; p->asked_ends_us && i < p->options.workers; i++) {
        /* One that did not take the last letter yet stands before PostgreSQL. */
        if (!last && rs_load_acquire_bool(&p->worker[i].ends_told)) continue;
        tell_worker(&p->worker[i], slot, end, n, p->asked_ends_us);
    }
    p->asked_ends_us = now;
    free(slot);
    free(end);
}
