#include "rastro/batch.h"

#include <stdlib.h>

#include "rastro/error.h"
#include "rastro/partition.h"

struct rs_batch *rs_batch_new(size_t chunk_bytes)
{
    struct rs_batch *batch = rs_calloc(1, sizeof *batch);
    batch->arena = rs_arena_new(chunk_bytes);
    return batch;
}

void rs_batch_free(struct rs_batch *batch)
{
    if (!batch) return;
    rs_arena_free(batch->arena);
    free(batch->message);
    free(batch->part);
    free(batch);
}

void rs_batch_reset(struct rs_batch *batch)
{
    rs_arena_reset(batch->arena);
    batch->count = batch->part_count = batch->events = batch->ends = 0;
    batch->opened_us = 0;
}

static uint32_t part_of(struct rs_batch *batch, struct rs_partition *partition)
{
    for (uint32_t i = 0; i < batch->part_count; i++) {
        if (batch->part[i].partition == partition) return i;
    }
    if (batch->part_count == batch->part_room) {
        batch->part_room = batch->part_room ? batch->part_room * 2 : 8;
        batch->part = rs_realloc(batch->part, batch->part_room * sizeof *batch->part);
    }
    batch->part[batch->part_count] = (struct rs_batch_part){partition, partition->read, partition->read, false};
    return batch->part_count++;
}

void rs_batch_reach(struct rs_batch *batch, struct rs_partition *partition, int64_t to, bool ended)
{
    uint32_t at = part_of(batch, partition); /* may move the list */
    struct rs_batch_part *part = &batch->part[at];
    if (to > part->to) part->to = to;
    if (to > partition->read) partition->read = to;
    batch->ends += ended && !part->ended;
    part->ended = ended;
}

static uint32_t events_of(const struct rs_message *message)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < message->report_count; i++) n += message->report[i].event_count;
    return n;
}

void rs_batch_add(struct rs_batch *batch, struct rs_partition *partition, int64_t offset, struct rs_str value,
                  const struct rs_message *message)
{
    if (batch->count == batch->room) {
        batch->room = batch->room ? batch->room * 2 : 1024;
        batch->message = rs_realloc(batch->message, batch->room * sizeof *batch->message);
    }
    batch->message[batch->count++] = (struct rs_batch_message){
        .message = *message, .value = value, .offset = offset, .part = part_of(batch, partition)};
    batch->events += events_of(message);
    rs_batch_reach(batch, partition, offset + 1, false);
}

void rs_batch_drop(struct rs_batch *batch, const struct rs_partition *partition)
{
    uint32_t part = 0;
    while (part < batch->part_count && batch->part[part].partition != partition) part++;
    if (part == batch->part_count) return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct rs_batch_message *m = &batch->message[i];
        if (m->part == part) {
            batch->events -= events_of(&m->message);
            continue;
        }
        if (m->part > part) m->part--;
        batch->message[kept++] = *m;
    }
    batch->count = kept;
    batch->ends -= batch->part[part].ended;
    memmove(&batch->part[part], &batch->part[part + 1], (batch->part_count - part - 1) * sizeof *batch->part);
    batch->part_count--;
}
